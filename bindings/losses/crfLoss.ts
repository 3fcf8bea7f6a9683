import { padded } from "../core/core.ts";
import { expectIndices, matchTo, readIndices, type OutputForm, type Values } from "../data/values.ts";
import type { Engine, Selection } from "../engine.ts";
import { Crf } from "../layers/crf.ts";
import type { Layer } from "../layers/layer.ts";
import { expectOneOf, expectOptions } from "../validate.ts";
import { crfRoom, viterbi } from "./crfDecode.ts";
import { type Goal, type Hits, Loss, type LossResult } from "./loss.ts";

const reductions = ["mean", "tokenMean", "sum"] as const;

export interface CrfLossOptions {
  /**
   * "mean" over the sequences, "tokenMean" over their steps, each with the weight of its sequence, "sum" over the sequences. Default
   * "mean".
   */
  readonly reduction?: (typeof reductions)[number];
}

class CrfLoss extends Loss {
  constructor({ reduction = "mean" }: CrfLossOptions) {
    super("crfLoss", expectOneOf("reduction", reduction, reductions));
  }

  override expectEnd(last: Layer): void {
    if (last instanceof Crf) return;
    throw new TypeError(
      `"loss" crfLoss() needs a network that ends in crf(), got one that ends in "${last.name}": add crf()`,
    );
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    const values = matchTo(readIndices("targets", targets, "sequence"), outputs);
    expectIndices(values, outputs.F);
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
    engine.enterTargets(goal.targets, selection);
    enterWeights(engine, goal, selection);
    const { core, dOutput, y, targets, output, weights } = engine;
    const { B, T, N, batchSizes } = engine.outputRows;
    const { sequences, steps } = count(engine);
    const weight = this.reduction === "tokenMean" ? steps : sequences;
    const scale = this.reduction === "sum" ? 1 : weight > 0 ? 1 / weight : 0;
    const slopes = dOutput + N * padded(output.size) * 4;
    const room = engine.room(crfRoom(T, output.size));
    const layer = engine.layers.at(-1) as Crf;
    // prettier-ignore
    const sum = core.functions.crf(
      dOutput, slopes, room, y, layer.scores, targets, weights, batchSizes, T, B, output.size, scale,
    );
    return { sum, weight, value: sum * scale };
  }

  /** Steps at which the best path has the target's tag. */
  override hits(engine: Engine): Hits {
    return { counted: count(engine).steps, correct: viterbi(engine, engine.targets, engine.weights).hits };
  }
}

/** The weight of each sequence, in the order of the layers. */
function enterWeights(engine: Engine, { weights }: Goal, selection?: Selection): void {
  engine.room(0); // the place of the weights may be beyond the end of the memory as yet
  const at = engine.weights >>> 2;
  engine.order.forEach((place, b) => {
    if (weights) engine.core.i32[at + b] = weights.data[selection?.examples[place] ?? place]!;
    else engine.core.f32[at + b] = 1;
  });
}

/** Weights of the sequences of a batch, and of all their steps. */
function count(engine: Engine): { sequences: number; steps: number } {
  const { core, weights } = engine;
  const { B, T, batchSizes } = engine.outputRows;
  const spans = engine.room(2 * B);
  core.functions.sequenceSpans(spans, batchSizes, T, 1);
  let [sequences, steps] = [0, 0];
  core.view(weights, B).forEach((weight, b) => {
    sequences += weight;
    steps += weight * core.i32[(spans >>> 2) + 2 * b + 1]!;
  });
  return { sequences, steps };
}

/**
 * Negative log-likelihood of the tags of a sequence, −log P(tags), for a network that ends in `crf()`: all paths of tags compete, and
 * the scores of the steps from tag to tag are learnt with the emissions. Targets are a tag for each step, [batch, time]. A mean is
 * over the sequences, as pytorch-crf's "mean", or with "tokenMean" over their steps, as its "token_mean"; weights are one for each
 * sequence. The accuracy of `evaluate` is the share of tags that the best path has right.
 * @throws TypeError, RangeError on a wrong option
 */
export function crfLoss(options: CrfLossOptions = {}): Loss {
  expectOptions("crfLoss", options, ["reduction"]);
  return Object.freeze(new CrfLoss(options));
}
