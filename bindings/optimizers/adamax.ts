import type { Pointer } from "../core/core.ts";
import { expectNumber, expectOptions } from "../validate.ts";
import { expectBetas, Optimizer, type OptimizerOptions, type Run } from "./optimizer.ts";

export interface AdamaxOptions extends OptimizerOptions {
  /** Decay of the mean of gradients and of the largest gradient. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly epsilon?: number;
}

/**
 * Adamax, Adam by the largest gradient, PyTorch's form. Default learning rate 0.002.
 * @throws TypeError, RangeError on a wrong option
 */
export function adamax(options: AdamaxOptions = {}): Optimizer {
  return new Adamax(options);
}

export class Adamax extends Optimizer {
  readonly betas: readonly [number, number];
  readonly epsilon: number;

  constructor(options: AdamaxOptions) {
    expectOptions("adamax", options, ["learningRate", "weightDecay", "betas", "epsilon"]);
    super("adamax", options, { learningRate: 0.002, weightDecay: 0 });
    const { betas = [0.9, 0.999], epsilon = 1e-8 } = options;
    this.betas = expectBetas(betas);
    this.epsilon = expectNumber("epsilon", epsilon, 0);
    Object.freeze(this);
  }

  override slots(): readonly boolean[] {
    return [true, true];
  }

  override step(run: Run, [first = 0, highest = 0]: readonly Pointer[]): void {
    const { functions, values, gradients, size, step, rate, weightDecay } = run;
    const [beta1, beta2] = this.betas;
    // prettier-ignore
    functions.adamaxStep(
      values, gradients, first, highest, size, step,
      rate, beta1, beta2, this.epsilon, weightDecay,
    );
  }
}
