import { Core } from "../core/core.ts";
import { expectFinite, readFeatures, withLengths, type FeatureInput } from "../data/values.ts";
import { isTensor } from "../tensor.ts";
import { expectInteger, expectOptions, expectType } from "../validate.ts";

export interface CtcDecodeOptions {
  /** The class that stands for no label. Default 0. */
  readonly blank?: number;
  /** Length of each sequence where the outputs are padded. */
  readonly lengths?: readonly number[] | Int32Array;
  /** Prefixes that are kept from step to step. Default none: the likeliest class of each step. */
  readonly beamWidth?: number;
}

/**
 * Labels from the outputs of a network that learnt with `ctc()`: the likeliest class of each step, repetitions and blanks left
 * out, or with `beamWidth` a prefix beam search (Graves 2008, Hannun et al. 2014), which adds up all the ways in which labels
 * come about.
 * @param outputs logits or log-probabilities [batch, time, classes], as `predict` gives them
 * @returns the labels of each sequence
 * @throws TypeError, RangeError on the wrong kind, shape, value or option
 */
export function ctcDecode(outputs: FeatureInput, options: CtcDecodeOptions = {}): number[][] {
  expectOptions("ctcDecode", options, ["blank", "lengths", "beamWidth"]);
  expectType(isTensor(outputs), "outputs", "a tensor [batch, time, classes]", outputs);
  const { blank = 0, lengths, beamWidth } = options;
  const core = new Core();
  const C = outputs.shape.at(-1)!;
  const values = withLengths(readFeatures("outputs", outputs, C, "sequence"), lengths);
  expectFinite(values, core);
  expectInteger("blank", blank, 0, C - 1);
  if (beamWidth !== undefined) expectInteger("beamWidth", beamWidth, 1);
  const { B, T, data } = values;
  return Array.from({ length: B }, (_, b) => {
    const rows = Array.from({ length: values.lengths?.[b] ?? T }, (_, t) => {
      return data.subarray((b * T + t) * C, (b * T + t + 1) * C);
    });
    return beamWidth === undefined ? bestPath(rows, blank) : beamSearch(core, rows, blank, beamWidth);
  });
}

function bestPath(rows: readonly Float32Array[], blank: number): number[] {
  const path = rows.map((row) => row.indexOf(row.reduce((a, b) => Math.max(a, b))));
  return path.filter((label, t) => label !== blank && label !== path[t - 1]);
}

/** The first labels of a sequence, with the probability of the ways that led to them. */
class Prefix {
  readonly label: number;
  readonly parent: Prefix | undefined;
  /** Of those that end in a blank, and in the last label. */
  ofBlank = 0;
  ofLabel = 0;
  /** The same one step on. */
  nextOfBlank = 0;
  nextOfLabel = 0;
  readonly #longer = new Map<number, Prefix>();

  constructor(label: number, parent?: Prefix) {
    this.label = label;
    this.parent = parent;
  }

  get probability(): number {
    return this.ofBlank + this.ofLabel;
  }

  and(label: number): Prefix {
    const found = this.#longer.get(label) ?? new Prefix(label, this);
    this.#longer.set(label, found);
    return found;
  }

  /** One step on; probabilities are divided by `total`, so that they do not vanish. */
  step(total: number): void {
    [this.ofBlank, this.ofLabel] = [this.nextOfBlank / total, this.nextOfLabel / total];
    [this.nextOfBlank, this.nextOfLabel] = [0, 0];
  }

  labels(): number[] {
    return this.parent ? [...this.parent.labels(), this.label] : [];
  }
}

function beamSearch(core: Core, rows: readonly Float32Array[], blank: number, width: number): number[] {
  const start = new Prefix(-1);
  start.ofBlank = 1;
  let beam = [start];
  for (const row of rows) {
    const shares = softmax(core, row);
    const reached = new Set<Prefix>();
    for (const prefix of beam) {
      const { probability, label: last } = prefix;
      reached.add(prefix);
      prefix.nextOfBlank += shares[blank]! * probability;
      if (prefix.parent) prefix.nextOfLabel += shares[last]! * prefix.ofLabel;
      shares.forEach((share, label) => {
        if (label === blank) return;
        const longer = prefix.and(label);
        reached.add(longer);
        longer.nextOfLabel += share * (label === last ? prefix.ofBlank : probability);
      });
    }
    const all = [...reached];
    const total = all.reduce((sum, { nextOfBlank, nextOfLabel }) => sum + nextOfBlank + nextOfLabel, 0);
    for (const prefix of all) prefix.step(total);
    beam = all.sort((a, b) => b.probability - a.probability).slice(0, width);
  }
  return beam[0]!.labels();
}

function softmax(core: Core, row: Float32Array): Float32Array {
  const to = core.base + ((row.length + 3) & ~3) * 4;
  core.reserve(to * 2);
  core.f32.set(row, core.base >>> 2);
  core.functions.softmaxTemperature(to, core.base, row.length, 1);
  return core.view(to, row.length).slice();
}
