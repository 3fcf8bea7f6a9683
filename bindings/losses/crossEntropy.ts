import type { OutputForm, Time, Values } from "../data/values.ts";
import type { Engine } from "../engine.ts";
import { isTensor } from "../tensor.ts";
import { expectNumber, expectOptions } from "../validate.ts";
import { checkIgnoreIndex, type Classes, countHits, expectClassWeights, readClasses, weighClasses } from "./classes.ts";
import {
  checkReduction,
  countRows,
  type Goal,
  type Hits,
  type Loss,
  type Reduced,
  RowLoss,
  type Rows,
} from "./loss.ts";
import { checkWeights, enterWeights, readNumbers } from "./targets.ts";

export interface CrossEntropyOptions extends Reduced, Partial<Classes> {
  /** Share of the target that is spread evenly over all classes, in [0, 1] (Szegedy et al. 2016). Default 0. */
  readonly labelSmoothing?: number;
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
    this.ignoreIndex = checkIgnoreIndex(ignoreIndex);
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    if (!isDistribution(targets, outputs.time)) return readClasses(targets, outputs, this);
    expectClassWeights(this.classWeights, outputs);
    return readNumbers(targets, outputs);
  }

  protected override weigh(rows: Rows): number {
    return rows.classes ? weighClasses(rows, this) : countRows(rows);
  }

  protected override sum({ engine, dy, y, targets, weights, N, F, classes }: Rows, scale: number): number {
    const { crossEntropy, crossEntropySoft } = engine.core.functions;
    const { labelSmoothing, ignoreIndex } = this;
    const byClass = enterWeights(engine, this.classWeights);
    if (classes) return crossEntropy(dy, y, targets, byClass, weights, N, F, labelSmoothing, ignoreIndex, scale);
    return crossEntropySoft(dy, y, targets, byClass, weights, N, F, labelSmoothing, scale);
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
