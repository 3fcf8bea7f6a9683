import type { OutputForm, Values } from "../data/values.ts";
import { expectOptions, expectRange } from "../validate.ts";
import { checkReduction, type Loss, type Reduced, RowLoss, type Rows } from "./loss.ts";
import { checkWeights, enterWeights, readBetween } from "./targets.ts";

export interface BinaryCrossEntropyOptions extends Reduced {
  /** Weight of the positive class for each output. Default all 1. */
  readonly positiveWeights?: readonly number[];
}

class BinaryCrossEntropy extends RowLoss {
  readonly positiveWeights?: readonly number[];

  constructor(options: BinaryCrossEntropyOptions) {
    super("binaryCrossEntropy", checkReduction(options));
    const { positiveWeights } = options;
    if (positiveWeights !== undefined) this.positiveWeights = checkWeights("positiveWeights", positiveWeights);
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    const { positiveWeights: weights } = this;
    expectRange(!weights || weights.length === outputs.F, "positiveWeights", `${outputs.F} numbers`, weights);
    return readBetween(targets, outputs, 0, 1);
  }

  protected override sum({ engine, dy, y, targets, N, F }: Rows, scale: number): number {
    const positive = enterWeights(engine, this.positiveWeights);
    return engine.core.functions.binaryCrossEntropy(dy, y, targets, positive, N, F, scale);
  }
}

/**
 * Binary cross-entropy of logits, PyTorch's BCEWithLogitsLoss: the last layer has no activation. Targets in the shape of the
 * output, in [0, 1].
 * @throws TypeError, RangeError on a wrong option
 */
export function binaryCrossEntropy(options: BinaryCrossEntropyOptions = {}): Loss {
  expectOptions("binaryCrossEntropy", options, ["reduction", "positiveWeights"]);
  return Object.freeze(new BinaryCrossEntropy(options));
}
