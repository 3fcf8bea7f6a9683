import type { Pointer } from "../core/core.ts";
import { expectBoolean, expectNumber, expectOptions } from "../validate.ts";
import { expectBetas, Optimizer, type OptimizerOptions, type Run } from "./optimizer.ts";

export interface AdamOptions extends OptimizerOptions {
  /** Decay of the means of gradients and of squares. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Divide by the largest mean of squares so far. Default false. */
  readonly amsgrad?: boolean;
}

/**
 * Adam, PyTorch's form: weight decay is added to the gradient. Default learning rate 0.001.
 * @throws TypeError, RangeError on a wrong option
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return new Adam("adam", options, 0);
}

/**
 * Adam with decoupled weight decay, by default 0.01, as PyTorch. Default learning rate 0.001.
 * @throws TypeError, RangeError on a wrong option
 */
export function adamw(options: AdamOptions = {}): Optimizer {
  return new Adam("adamw", options, 0.01);
}

export class Adam extends Optimizer {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly amsgrad: boolean;

  constructor(type: "adam" | "adamw", options: AdamOptions, weightDecay: number) {
    expectOptions(type, options, ["learningRate", "weightDecay", "betas", "epsilon", "amsgrad"]);
    super(type, options, { learningRate: 0.001, weightDecay });
    const { betas = [0.9, 0.999], epsilon = 1e-8, amsgrad = false } = options;
    this.betas = expectBetas(betas);
    this.epsilon = expectNumber("epsilon", epsilon, 0);
    this.amsgrad = expectBoolean("amsgrad", amsgrad);
    Object.freeze(this);
  }

  override slots(): readonly boolean[] {
    return [true, true, this.amsgrad];
  }

  override step(run: Run, [first = 0, second = 0, highest = 0]: readonly Pointer[]): void {
    const { functions, values, gradients, size, step, rate, weightDecay } = run;
    const [beta1, beta2] = this.betas;
    // prettier-ignore
    functions.adamStep(
      values, gradients, first, second, highest, size, step,
      rate, beta1, beta2, this.epsilon, weightDecay, this.type === "adamw",
    );
  }
}
