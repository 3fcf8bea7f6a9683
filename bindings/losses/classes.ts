/** What the losses of classes share. */

import { expectIndices, matchTo, readIndices, type OutputForm, type Values } from "../data/values.ts";
import type { Engine } from "../engine.ts";
import { expectInteger, expectRange } from "../validate.ts";
import { type Goal, type Hits, type Rows, rowsOf } from "./loss.ts";
import { enterWeights } from "./targets.ts";

export interface Classes {
  /** Weight of each class; a mean divides by the sum of the weights of the targets. Default all 1. */
  readonly classWeights?: readonly number[];
  /** Rows with this class as the target count nothing. Default −100, as PyTorch. */
  readonly ignoreIndex: number;
}

export function checkIgnoreIndex(value: unknown): number {
  return expectInteger("ignoreIndex", value, -0x80000000);
}

/** Class weights beside outputs. @throws RangeError when there are more or fewer */
export function expectClassWeights(weights: readonly number[] | undefined, { F: C }: OutputForm): void {
  expectRange(!weights || weights.length === C, "classWeights", `${C} numbers, one a class`, weights);
}

/** One class for each row of the output. */
export function readClasses(targets: unknown, outputs: OutputForm, classes: Classes): Values<Int32Array> {
  expectClassWeights(classes.classWeights, outputs);
  const values = matchTo(readIndices("targets", targets, outputs.time), outputs);
  expectIndices(values, outputs.F, classes.ignoreIndex);
  return values;
}

/** What a mean divides by: the weights of the rows, each times that of its class. */
export function weighClasses({ engine, targets, weights, N }: Rows, { classWeights, ignoreIndex }: Classes): number {
  return engine.core.functions.sumWeights(targets, enterWeights(engine, classWeights), weights, N, ignoreIndex);
}

/** Hits of a batch. */
export function countHits(engine: Engine, goal: Goal, ignoreIndex: number): Hits {
  const { y, N, F, targets, weights } = rowsOf(engine, goal);
  const { countCorrect, sumWeights } = engine.core.functions;
  return {
    counted: sumWeights(targets, 0, weights, N, ignoreIndex),
    correct: countCorrect(y, targets, weights, N, F, ignoreIndex),
  };
}
