import type { Pointer } from "../core/core.ts";
import type { FeatureInput, IndexInput, OutputForm, Values } from "../data/values.ts";
import type { Engine, Selection } from "../engine.ts";
import { expectOneOf, show } from "../validate.ts";

/** Targets: numbers in the shape of the output, or class indices in its shape without the last dimension. */
export type Targets = FeatureInput | IndexInput;

const reductions = ["mean", "sum"] as const;

export interface Reduced {
  /** "mean" over all terms that count, "sum" over them. Default "mean". */
  readonly reduction?: (typeof reductions)[number];
}

/** What outputs are measured against. */
export interface Goal {
  readonly targets: Values;
}

/** A loss over a batch: `sum` / `weight` is the mean. */
export interface LossResult {
  readonly sum: number;
  readonly weight: number;
  readonly value: number;
}

/** Of targets that are classes: how many count, and at how many of them the largest output stands. */
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

  constructor(type: string, reduction: string) {
    this.type = type;
    this.reduction = reduction;
  }

  /**
   * Checks targets against the outputs they are for; what comes back can be run.
   * @throws TypeError, RangeError
   */
  abstract read(targets: unknown, outputs: OutputForm): Values;

  /** Adds up over the batch that ran, or the selected part, and leaves the gradient by the output in the engine. */
  abstract run(engine: Engine, goal: Goal, selection?: Selection): LossResult;

  /** Of the batch that `run` saw; undefined where targets are no classes. */
  hits(_engine: Engine, _goal: Goal): Hits | undefined {
    return undefined;
  }

  /** Whether sequences may be cut in time. */
  get truncatable(): boolean {
    return true;
  }
}

/** The rows of a batch, as kernels take them. */
export interface Rows {
  readonly engine: Engine;
  readonly dy: Pointer;
  readonly y: Pointer;
  readonly targets: Pointer;
  readonly N: number;
  readonly F: number;
  /** Targets are class indices. */
  readonly classes: boolean;
}

/** A loss in which each row of the output has a term, or more, of its own. */
export abstract class RowLoss extends Loss {
  /** What a mean divides by; by default the number of elements. */
  protected weigh({ N, F }: Rows): number {
    return N * F;
  }

  /** The sum of the terms, and its gradient times `scale` into dy. */
  protected abstract sum(rows: Rows, scale: number): number;

  override run(engine: Engine, { targets }: Goal, selection?: Selection): LossResult {
    engine.enterTargets(targets, selection);
    const rows = rowsOf(engine, targets);
    const weight = this.weigh(rows);
    // A batch in which nothing counts has a loss of 0.
    const scale = this.reduction === "sum" ? 1 : weight > 0 ? 1 / weight : 0;
    const sum = this.sum(rows, scale);
    return { sum, weight, value: sum * scale };
  }
}

export function rowsOf(engine: Engine, targets: Values): Rows {
  const { dOutput, y, outputRows, output } = engine;
  const classes = targets.data instanceof Int32Array;
  return { engine, dy: dOutput, y, targets: engine.targets, N: outputRows.N, F: output.size, classes };
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
