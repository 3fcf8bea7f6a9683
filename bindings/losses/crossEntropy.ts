import type { OutputForm, Time, Values } from "../data/values.ts";
import type { Engine } from "../engine.ts";
import { isTensor } from "../tensor.ts";
import { expectInteger, expectNumber, expectOptions } from "../validate.ts";
import { checkReduction, type Goal, type Hits, type Loss, type Reduced, RowLoss, type Rows } from "./loss.ts";
import { checkWeights, countHits, enterWeights, expectClassWeights, readClasses, readNumbers } from "./targets.ts";

export interface CrossEntropyOptions extends Reduced {
  /** Share of the target that is spread evenly over all classes, in [0, 1] (Szegedy et al. 2016). Default 0. */
  readonly labelSmoothing?: number;
  /** Weight of each class; a mean divides by the sum of the weights of the targets. Default all 1. */
  readonly classWeights?: readonly number[];
  /** Rows with this class as the target count nothing. Default −100, as PyTorch. */
  readonly ignoreIndex?: number;
}

class CrossEntropy extends RowLoss {
  readonly labelSmoothing: number;
  readonly classWeights?: readonly number[];
  readonly ignoreIndex: number;

  constructor(options: CrossEntropyOptions) {
    super("crossEntropy", checkReduction(options));
    const { labelSmoothing = 0, classWeights, ignoreIndex = -100 } = options;
    this.labelSmoothing = expectNumber("labelSmoothing", labelSmoothing, 0, 1);
    if (classWeights !== undefined) this.classWeights = checkWeights("classWeights", classWeights);
    this.ignoreIndex = expectInteger("ignoreIndex", ignoreIndex, -0x80000000);
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    expectClassWeights(this.classWeights, outputs);
    if (isDistribution(targets, outputs.time)) return readNumbers(targets, outputs);
    return readClasses(targets, outputs, this.ignoreIndex);
  }

  protected override weigh({ engine, targets, N, classes }: Rows): number {
    if (!classes) return N;
    return engine.core.functions.crossEntropyWeight(
      targets,
      enterWeights(engine, this.classWeights),
      N,
      this.ignoreIndex,
    );
  }

  protected override sum({ engine, dy, y, targets, N, F, classes }: Rows, scale: number): number {
    const { crossEntropy, crossEntropySoft } = engine.core.functions;
    const { labelSmoothing, ignoreIndex } = this;
    const weights = enterWeights(engine, this.classWeights);
    if (classes) return crossEntropy(dy, y, targets, weights, N, F, labelSmoothing, ignoreIndex, scale);
    return crossEntropySoft(dy, y, targets, weights, N, F, labelSmoothing, scale);
  }

  override hits(engine: Engine, goal: Goal): Hits | undefined {
    return goal.targets.data instanceof Int32Array ? countHits(engine, goal, this.ignoreIndex) : undefined;
  }
}

/** Whether targets are numbers for each class and not an index. */
function isDistribution(targets: unknown, time: Time): boolean {
  if (isTensor(targets)) return targets.data instanceof Float32Array;
  if (!Array.isArray(targets)) return false;
  const first: unknown = targets[0];
  if (first instanceof Float32Array || isTensor(first)) return true;
  return Array.isArray(first) && (Array.isArray(first[0]) || time === "vector");
}

/**
 * −log softmax(y)[target], PyTorch's CrossEntropyLoss: the outputs are logits, so the last layer has no activation. Targets
 * are class indices [batch, time] or [batch], or distributions in the shape of the output.
 * @throws TypeError, RangeError on a wrong option
 */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  expectOptions("crossEntropy", options, ["reduction", "labelSmoothing", "classWeights", "ignoreIndex"]);
  return Object.freeze(new CrossEntropy(options));
}
