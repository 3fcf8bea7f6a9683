import type { Pointer } from "../core/core.ts";
import { expectBoolean, expectNumber, expectOptions } from "../validate.ts";
import { Optimizer, type OptimizerOptions, type Run } from "./optimizer.ts";

export interface SgdOptions extends OptimizerOptions {
  /** Default 0. */
  readonly momentum?: number;
  /** Default 0. */
  readonly dampening?: number;
  /** Nesterov's momentum. Default false. */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent, PyTorch's SGD. Default learning rate 0.01.
 * @throws TypeError, RangeError on a wrong option
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  return new Sgd(options);
}

export class Sgd extends Optimizer {
  readonly momentum: number;
  readonly dampening: number;
  readonly nesterov: boolean;

  constructor(options: SgdOptions) {
    expectOptions("sgd", options, ["learningRate", "weightDecay", "momentum", "dampening", "nesterov"]);
    super("sgd", options, { learningRate: 0.01, weightDecay: 0 });
    const { momentum = 0, dampening = 0, nesterov = false } = options;
    this.momentum = expectNumber("momentum", momentum, 0);
    this.dampening = expectNumber("dampening", dampening);
    this.nesterov = expectBoolean("nesterov", nesterov);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new RangeError('"nesterov" needs a "momentum" above 0 and no "dampening"');
    }
    Object.freeze(this);
  }

  override slots(): readonly boolean[] {
    return [this.momentum > 0];
  }

  override step(
    { functions, values, gradients, size, step, rate, weightDecay }: Run,
    [velocity = 0]: readonly Pointer[],
  ): void {
    const { momentum, dampening, nesterov } = this;
    functions.sgdStep(values, gradients, velocity, size, step, rate, momentum, dampening, nesterov, weightDecay);
  }
}
