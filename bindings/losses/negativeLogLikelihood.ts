import type { OutputForm, Values } from "../data/values.ts";
import type { Engine } from "../engine.ts";
import { expectOptions } from "../validate.ts";
import { checkIgnoreIndex, type Classes, countHits, readClasses, weighClasses } from "./classes.ts";
import { checkReduction, type Goal, type Hits, type Loss, type Reduced, RowLoss, type Rows } from "./loss.ts";
import { checkWeights, enterWeights } from "./targets.ts";

export interface NegativeLogLikelihoodOptions extends Reduced, Partial<Classes> {}

class NegativeLogLikelihood extends RowLoss {
  readonly classWeights?: readonly number[];
  readonly ignoreIndex: number;

  constructor(options: NegativeLogLikelihoodOptions) {
    super("negativeLogLikelihood", checkReduction(options));
    const { classWeights, ignoreIndex = -100 } = options;
    if (classWeights !== undefined) this.classWeights = checkWeights("classWeights", classWeights);
    this.ignoreIndex = checkIgnoreIndex(ignoreIndex);
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    return readClasses(targets, outputs, this);
  }

  protected override weigh(rows: Rows): number {
    return weighClasses(rows, this);
  }

  protected override sum({ engine, dy, y, targets, weights, N, F }: Rows, scale: number): number {
    const byClass = enterWeights(engine, this.classWeights);
    const { negativeLogLikelihood } = engine.core.functions;
    return negativeLogLikelihood(dy, y, targets, byClass, weights, N, F, this.ignoreIndex, scale);
  }

  override hits(engine: Engine, goal: Goal): Hits {
    return countHits(engine, goal, this.ignoreIndex);
  }
}

/**
 * −y[target], PyTorch's NLLLoss: the outputs are log-probabilities, so the last layer has the activation "logSoftmax"
 * (crossEntropy does both at once). Targets are class indices [batch, time] or [batch].
 * @throws TypeError, RangeError on a wrong option
 */
export function negativeLogLikelihood(options: NegativeLogLikelihoodOptions = {}): Loss {
  expectOptions("negativeLogLikelihood", options, ["reduction", "classWeights", "ignoreIndex"]);
  return Object.freeze(new NegativeLogLikelihood(options));
}
