import type { Pointer } from "../core/core.ts";
import type { FeatureInput, IndexInput, OutputForm, Values } from "../data/values.ts";
import type { Engine, Selection } from "../engine.ts";
import { Crf } from "../layers/crf.ts";
import type { Layer } from "../layers/layer.ts";
import { expectOneOf, show } from "../validate.ts";

/** Targets: numbers in the shape of the output, or class indices in its shape without the last dimension. */
export type Targets = FeatureInput | IndexInput;

const reductions = ["mean", "sum"] as const;

/** @inline */
export interface Reduced {
  /** "mean" over all terms that count, "sum" over them. Default "mean". */
  readonly reduction?: (typeof reductions)[number];
}

/** What outputs are measured against. */
export interface Goal {
  readonly targets: Values;
  /** The bits of a float for each term of the loss; undefined for ones. */
  readonly weights: Values<Int32Array> | undefined;
}

/** A loss over a batch: `sum` / `weight` is the mean. */
export interface LossResult {
  readonly sum: number;
  readonly weight: number;
  readonly value: number;
}

/** Of targets that are classes: how many count, and at how many of them the largest output stands, or what is decoded is right. */
export interface Hits {
  readonly counted: number;
  readonly correct: number;
}

/**
 * A loss: its type and options are its fields, so that as JSON it is a plain description, and what it does are its methods, so
 * that a bundler keeps those of the losses that an app uses. Made by the function of the same name; frozen.
 */
export abstract class Loss {
  readonly type: string;
  readonly reduction: string;

  /** @internal */
  constructor(type: string, reduction: string) {
    this.type = type;
    this.reduction = reduction;
  }

  /**
   * Checks that a network whose last layer this is learns by the loss.
   * @throws TypeError
   * @internal
   */
  expectEnd(last: Layer): void {
    if (!(last instanceof Crf)) return;
    throw new TypeError(
      `"loss" expected crfLoss(), by which "${last.name}" learns, got ${this.type}(), which leaves it out`,
    );
  }

  /**
   * Checks targets against the outputs they are for; what comes back can be run.
   * @throws TypeError, RangeError
   * @internal
   */
  abstract read(targets: unknown, outputs: OutputForm): Values;

  /** The form of the terms that weights belong to: one for each row of the output, unless said otherwise. @internal */
  termForm(outputs: OutputForm): OutputForm {
    return outputs;
  }

  /** Adds up over the batch that ran, or the selected part, and leaves the gradient by the output in the engine. @internal */
  abstract run(engine: Engine, goal: Goal, selection?: Selection): LossResult;

  /** Of the batch that `run` saw; undefined where targets are no classes. @internal */
  hits(_engine: Engine, _goal: Goal): Hits | undefined {
    return undefined;
  }

  /** Whether sequences may be cut in time. @internal */
  isTruncatable(): boolean {
    return true;
  }
}

/** The rows of a batch, as kernels take them. */
export interface Rows {
  readonly engine: Engine;
  readonly dy: Pointer;
  readonly y: Pointer;
  readonly targets: Pointer;
  /** A float for each row, or 0. */
  readonly weights: Pointer;
  readonly N: number;
  readonly F: number;
  /** Targets are class indices. */
  readonly classes: boolean;
}

/** A loss in which each row of the output has a term, or more, of its own. */
export abstract class RowLoss extends Loss {
  /** What a mean divides by; by default the number of elements. */
  protected weigh(rows: Rows): number {
    return countRows(rows) * rows.F;
  }

  /** The sum of the terms, and its gradient times `scale` into dy. */
  protected abstract sum(rows: Rows, scale: number): number;

  override run(engine: Engine, goal: Goal, selection?: Selection): LossResult {
    engine.enterTargets(goal.targets, selection);
    if (goal.weights) engine.enterWeights(goal.weights, selection);
    const rows = rowsOf(engine, goal);
    const weight = this.weigh(rows);
    // A batch in which nothing counts has a loss of 0.
    const scale = this.reduction === "sum" ? 1 : weight > 0 ? 1 / weight : 0;
    const sum = this.sum(rows, scale);
    return { sum, weight, value: sum * scale };
  }
}

/** The rows of the batch for which a goal was entered. */
export function rowsOf(engine: Engine, { targets, weights }: Goal): Rows {
  const { dOutput: dy, y, outputRows, output } = engine;
  const classes = targets.data instanceof Int32Array;
  const places = { targets: engine.targets, weights: weights ? engine.weights : 0 };
  return { engine, dy, y, ...places, N: outputRows.N, F: output.size, classes };
}

/** How many rows count: the sum of their weights. */
export function countRows({ engine, weights, N }: Rows): number {
  return weights ? engine.core.functions.sumWeights(0, 0, weights, N, 0) : N;
}

export function checkReduction({ reduction = "mean" }: Reduced): "mean" | "sum" {
  return expectOneOf("reduction", reduction, reductions);
}

/** @throws TypeError for anything that the functions of losses have not made */
export function expectLoss(value: unknown): Loss {
  if (value instanceof Loss) return value;
  const cure = typeof value === "object" && value !== null ? ": make it by its function" : "";
  throw new TypeError(`"loss" expected a loss such as crossEntropy(), got ${show(value)}${cure}`);
}
