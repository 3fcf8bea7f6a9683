import type { Pointer } from "../core/core.ts";
import { expectBoolean, expectNumber, expectOptions } from "../validate.ts";
import { Optimizer, type OptimizerOptions, type Run } from "./optimizer.ts";

export interface RmspropOptions extends OptimizerOptions {
  /** Decay of the mean of squares. Default 0.99. */
  readonly alpha?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Divide by an estimate of the variance. Default false. */
  readonly centered?: boolean;
}

/**
 * RMSprop, PyTorch's form. Default learning rate 0.01.
 * @throws TypeError, RangeError on a wrong option
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  return new Rmsprop(options);
}

export class Rmsprop extends Optimizer {
  readonly alpha: number;
  readonly epsilon: number;
  readonly momentum: number;
  readonly centered: boolean;

  constructor(options: RmspropOptions) {
    expectOptions("rmsprop", options, ["learningRate", "weightDecay", "alpha", "epsilon", "momentum", "centered"]);
    super("rmsprop", options, { learningRate: 0.01, weightDecay: 0 });
    const { alpha = 0.99, epsilon = 1e-8, momentum = 0, centered = false } = options;
    this.alpha = expectNumber("alpha", alpha, 0, 1);
    this.epsilon = expectNumber("epsilon", epsilon, 0);
    this.momentum = expectNumber("momentum", momentum, 0);
    this.centered = expectBoolean("centered", centered);
    Object.freeze(this);
  }

  override slots(): readonly boolean[] {
    return [true, this.centered, this.momentum > 0];
  }

  override step(run: Run, [square = 0, mean = 0, velocity = 0]: readonly Pointer[]): void {
    const { functions, values, gradients, size, rate, weightDecay } = run;
    const { alpha, epsilon, momentum } = this;
    // prettier-ignore
    functions.rmspropStep(
      values, gradients, square, mean, velocity, size,
      rate, alpha, epsilon, momentum, weightDecay,
    );
  }
}
