import { padded } from "../core/core.ts";
import { expectIndices, findValue, readIndices, type OutputForm, type Values } from "../data/values.ts";
import type { Engine, Selection } from "../engine.ts";
import { isTensor } from "../tensor.ts";
import { expectBoolean, expectInteger, expectOptions, expectRange } from "../validate.ts";
import { checkReduction, type Goal, Loss, type LossResult, type Reduced } from "./loss.ts";

export interface CtcOptions extends Reduced {
  /** The class that stands for no label. Default 0. */
  readonly blank?: number;
  /** A sequence that is too short for its labels counts 0, not ∞. Default false. */
  readonly zeroInfinity?: boolean;
}

class Ctc extends Loss {
  readonly blank: number;
  readonly zeroInfinity: boolean;

  constructor(options: CtcOptions) {
    super("ctc", checkReduction(options));
    const { blank = 0, zeroInfinity = false } = options;
    this.blank = expectInteger("blank", blank, 0);
    this.zeroInfinity = expectBoolean("zeroInfinity", zeroInfinity);
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    const { blank } = this;
    const { F: C, inputs } = outputs;
    expectRange(outputs.time === "sequence", "ctc", "a network with an output at each step", "a single output");
    expectRange(blank < C, "blank", `a class from 0 to ${C - 1}`, blank);
    const values = readLabels(targets);
    expectRange(values.B === inputs.B, "targets", `${inputs.B} lists of labels, as many as "${inputs.name}"`, values.B);
    expectIndices(values, C);
    const isBlank = findValue(values, (label) => label === blank) !== undefined;
    expectRange(!isBlank, "targets", "labels other than the blank", blank);
    return values;
  }

  /** One for each sequence. */
  override termForm(outputs: OutputForm): OutputForm {
    return { ...outputs, time: "vector", T: 1, lengths: undefined };
  }

  override isTruncatable(): boolean {
    return false;
  }

  override run(engine: Engine, goal: Goal, selection?: Selection): LossResult {
    const { core, dOutput, y, outputRows, output } = engine;
    const { B, T, N, batchSizes } = outputRows;
    const { targets } = goal;
    const S = 2 * targets.T + 1;
    // labels | their number, by sequence | weights, by sequence | for the core, from a multiple of 16 bytes
    const [labels, counts, weights, room] = [0, B * targets.T, B * targets.T + B, padded(B * targets.T + 2 * B)];
    const at = engine.room(room + padded(N) + padded(3 * S) + 2 * (T + 3) * S);
    const weight = enterLabels(engine, at, goal, selection);
    const mean = this.reduction !== "sum";
    const scale = !mean ? 1 : weight > 0 ? 1 / weight : 0;
    // prettier-ignore
    const sum = core.functions.ctc(
      dOutput, at + room * 4, y, at + labels * 4, at + counts * 4, at + weights * 4, batchSizes,
      T, B, N, output.size, this.blank, mean, this.zeroInfinity, scale,
    );
    return { sum, weight, value: sum * scale };
  }
}

/**
 * The labels of the sequences of a batch in the order of the layers, how many each has, and the weight of each.
 * @returns the sum of the weights
 */
function enterLabels({ core, order }: Engine, at: number, { targets, weights }: Goal, selection?: Selection): number {
  const { data, T, lengths } = targets;
  const { length: B } = order;
  const counts = (at >>> 2) + B * T;
  let next = at >>> 2;
  let total = 0;
  order.forEach((place, b) => {
    const example = selection?.examples[place] ?? place;
    const length = lengths?.[example] ?? T;
    core.i32.set(data.subarray(example * T, example * T + length), next);
    core.i32[counts + b] = length;
    if (weights) core.i32[counts + B + b] = weights.data[example]!;
    else core.f32[counts + B + b] = 1;
    total += core.f32[counts + B + b]!;
    next += length;
  });
  return total;
}

/** Lists of labels of any length, 0 included. */
function readLabels(targets: unknown): Values<Int32Array> {
  const isList = Array.isArray(targets) && !isTensor(targets) && typeof targets[0] === "object";
  if (!isList) return readIndices("targets", targets, "sequence");
  // An empty list is one that is left out of what is read, and has the length 0.
  const rows = targets as readonly unknown[];
  const isEmpty = (row: unknown) => (Array.isArray(row) || row instanceof Int32Array) && row.length === 0;
  if (!rows.some(isEmpty)) return readIndices("targets", rows, "sequence");
  const read = readIndices(
    "targets",
    rows.map((row) => (isEmpty(row) ? [0] : row)),
    "sequence",
  );
  const lengths = Int32Array.from(rows, (row, b) => (isEmpty(row) ? 0 : (read.lengths?.[b] ?? read.T)));
  return { ...read, lengths };
}

/**
 * Connectionist temporal classification (Graves et al. 2006), PyTorch's CTCLoss: labels without their times. The outputs are
 * logits of the classes and of the blank, so the last layer has no activation (log-probabilities give the same). Targets are a
 * list of labels for each sequence, or a tensor [batch, labels] where all have as many. Steps beyond a sequence's length count
 * nothing. A mean divides each sequence's loss by its number of labels, then by the number of sequences; weights are one for
 * each sequence.
 * @throws TypeError, RangeError on a wrong option
 */
export function ctc(options: CtcOptions = {}): Loss {
  expectOptions("ctc", options, ["reduction", "blank", "zeroInfinity"]);
  return Object.freeze(new Ctc(options));
}
