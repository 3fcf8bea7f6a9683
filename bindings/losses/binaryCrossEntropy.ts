import type { OutputForm, Values } from "../data/values.ts";
import { expectBoolean, expectOptions, expectRange } from "../validate.ts";
import { checkReduction, type Loss, type Reduced, RowLoss, type Rows } from "./loss.ts";
import { checkWeights, enterWeights, readBetween } from "./targets.ts";

export interface BinaryCrossEntropyOptions extends Reduced {
  /** Weight of the positive class for each output. Default all 1. */
  readonly positiveWeights?: readonly number[];
  /**
   * The outputs are logits, so the last layer has no activation; false for probabilities, of a last layer with sigmoid, which is
   * less exact near 0 and 1. Default true.
   */
  readonly fromLogits?: boolean;
}

/** Numbers of assembly/loss.ts. */
const LOGITS = 0;
const PROBABILITIES = 1;

class BinaryCrossEntropy extends RowLoss {
  readonly positiveWeights?: readonly number[];
  /** Only where it is false. */
  readonly fromLogits?: boolean;

  constructor(options: BinaryCrossEntropyOptions) {
    super("binaryCrossEntropy", checkReduction(options));
    const { positiveWeights, fromLogits = true } = options;
    if (positiveWeights !== undefined) this.positiveWeights = checkWeights("positiveWeights", positiveWeights);
    if (!expectBoolean("fromLogits", fromLogits)) this.fromLogits = false;
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    const { positiveWeights: weights } = this;
    expectRange(!weights || weights.length === outputs.F, "positiveWeights", `${outputs.F} numbers`, weights);
    return readBetween(targets, outputs, 0, 1);
  }

  protected override sum({ engine, dy, y, targets, weights, N, F }: Rows, scale: number): number {
    const positive = enterWeights(engine, this.positiveWeights);
    const kind = this.fromLogits === false ? PROBABILITIES : LOGITS;
    return engine.core.functions.pointwise(dy, y, targets, positive, weights, N, F, kind, scale);
  }
}

/**
 * Binary cross-entropy of logits, PyTorch's BCEWithLogitsLoss, or with `fromLogits: false` of probabilities, its BCELoss.
 * Targets in the shape of the output, in [0, 1].
 * @throws TypeError, RangeError on a wrong option
 */
export function binaryCrossEntropy(options: BinaryCrossEntropyOptions = {}): Loss {
  expectOptions("binaryCrossEntropy", options, ["reduction", "positiveWeights", "fromLogits"]);
  return Object.freeze(new BinaryCrossEntropy(options));
}
