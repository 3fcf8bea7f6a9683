import type { Pointer } from "../core/core.ts";
import { expectNumber, expectOptions } from "../validate.ts";
import { Optimizer, type OptimizerOptions, type Run } from "./optimizer.ts";

export interface AdadeltaOptions extends OptimizerOptions {
  /** Decay of the means of squares. Default 0.9. */
  readonly rho?: number;
  /** Default 1e-6. */
  readonly epsilon?: number;
}

/**
 * Adadelta, PyTorch's form. Default learning rate 1.
 * @throws TypeError, RangeError on a wrong option
 */
export function adadelta(options: AdadeltaOptions = {}): Optimizer {
  return new Adadelta(options);
}

export class Adadelta extends Optimizer {
  readonly rho: number;
  readonly epsilon: number;

  constructor(options: AdadeltaOptions) {
    expectOptions("adadelta", options, ["learningRate", "weightDecay", "rho", "epsilon"]);
    super("adadelta", options, { learningRate: 1, weightDecay: 0 });
    const { rho = 0.9, epsilon = 1e-6 } = options;
    this.rho = expectNumber("rho", rho, 0, 1);
    this.epsilon = expectNumber("epsilon", epsilon, 0);
    Object.freeze(this);
  }

  override slots(): readonly boolean[] {
    return [true, true];
  }

  override step(run: Run, [square = 0, change = 0]: readonly Pointer[]): void {
    const { functions, values, gradients, size, rate, weightDecay } = run;
    functions.adadeltaStep(values, gradients, square, change, size, rate, this.rho, this.epsilon, weightDecay);
  }
}
