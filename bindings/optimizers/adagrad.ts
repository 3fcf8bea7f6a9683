import type { Pointer } from "../core/core.ts";
import { expectNumber, expectOptions } from "../validate.ts";
import { Optimizer, type OptimizerOptions, type Run } from "./optimizer.ts";

export interface AdagradOptions extends OptimizerOptions {
  /** Default 0. */
  readonly learningRateDecay?: number;
  /** What the sums of squares start with. Default 0. */
  readonly initialAccumulator?: number;
  /** Default 1e-10. */
  readonly epsilon?: number;
}

/**
 * Adagrad, PyTorch's form. Default learning rate 0.01.
 * @throws TypeError, RangeError on a wrong option
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  return new Adagrad(options);
}

export class Adagrad extends Optimizer {
  readonly learningRateDecay: number;
  readonly initialAccumulator: number;
  readonly epsilon: number;

  constructor(options: AdagradOptions) {
    const known = ["learningRate", "weightDecay", "learningRateDecay", "initialAccumulator", "epsilon"];
    expectOptions("adagrad", options, known);
    super("adagrad", options, { learningRate: 0.01, weightDecay: 0 });
    const { learningRateDecay = 0, initialAccumulator = 0, epsilon = 1e-10 } = options;
    this.learningRateDecay = expectNumber("learningRateDecay", learningRateDecay, 0);
    this.initialAccumulator = expectNumber("initialAccumulator", initialAccumulator, 0);
    this.epsilon = expectNumber("epsilon", epsilon, 0);
    Object.freeze(this);
  }

  override slots(): readonly boolean[] {
    return [true];
  }

  override initial(): number {
    return this.initialAccumulator;
  }

  override step(
    { functions, values, gradients, size, step, rate, weightDecay }: Run,
    [square = 0]: readonly Pointer[],
  ): void {
    const { learningRateDecay, epsilon } = this;
    functions.adagradStep(values, gradients, square, size, step, rate, learningRateDecay, epsilon, weightDecay);
  }
}
