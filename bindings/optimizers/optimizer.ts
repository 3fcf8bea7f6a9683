import type { CoreFunctions, Pointer } from "../core/core.ts";
import { expectNumber, expectType } from "../validate.ts";

/** What every optimizer takes. */
export interface OptimizerOptions {
  /** Step size. */
  readonly learningRate?: number;
  /** L2 penalty, added to the gradient; for adamw decoupled from it. */
  readonly weightDecay?: number;
}

/** A run of parameters with their gradients, as the core takes it. */
export interface Run {
  readonly functions: CoreFunctions;
  readonly values: Pointer;
  readonly gradients: Pointer;
  /** A multiple of 4. */
  readonly size: number;
  /** Counts from 1. */
  readonly step: number;
  readonly rate: number;
  readonly weightDecay: number;
}

/**
 * A rule that changes parameters by their gradients, made by the function of its name. It holds its options, all filled in,
 * and nothing else: JSON.stringify gives its description. What it remembers of past gradients is kept in slots, each as long
 * as the parameters, by who takes the steps.
 */
export abstract class Optimizer {
  readonly type: string;
  readonly learningRate: number;
  readonly weightDecay: number;

  /** @internal */
  protected constructor(type: string, options: OptimizerOptions, defaults: Required<OptimizerOptions>) {
    const { learningRate = defaults.learningRate, weightDecay = defaults.weightDecay } = options;
    this.type = type;
    this.learningRate = expectNumber("learningRate", learningRate, 0);
    this.weightDecay = expectNumber("weightDecay", weightDecay, 0);
  }

  /** For each slot that the rule knows whether it is needed; one that is not has the address 0. @internal */
  abstract slots(): readonly boolean[];

  /** What the slots start with. @internal */
  initial(): number {
    return 0;
  }

  /** One step; `slots` are addresses, as long as the run. @internal */
  abstract step(run: Run, slots: readonly Pointer[]): void;
}

/** A frozen list of two decays in [0, 1). */
export function expectBetas(value: unknown): readonly [number, number] {
  expectType(Array.isArray(value) && value.length === 2, "betas", "two numbers", value);
  const beta = (i: 0 | 1) => expectNumber(`betas[${i}]`, value[i], 0, 1, { below: true });
  return Object.freeze([beta(0), beta(1)] as const);
}

/** @throws TypeError when it is not one that a function of this library has made */
export function expectOptimizer(value: unknown): Optimizer {
  expectType(value instanceof Optimizer, "optimizer", "an optimizer made by its function, such as adam()", value);
  return value;
}
