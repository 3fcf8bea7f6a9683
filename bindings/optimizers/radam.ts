import type { Pointer } from "../core/core.ts";
import { expectBoolean, expectNumber, expectOptions } from "../validate.ts";
import { expectBetas, Optimizer, type OptimizerOptions, type Run } from "./optimizer.ts";

export interface RadamOptions extends OptimizerOptions {
  /** Decay of the means of gradients and of squares. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Weight decay as that of adamw, not added to the gradient. Default false. */
  readonly decoupledWeightDecay?: boolean;
}

/**
 * RAdam, Adam that makes up for the few gradients it has seen at first, PyTorch's form. Default learning rate 0.001.
 * @throws TypeError, RangeError on a wrong option
 */
export function radam(options: RadamOptions = {}): Optimizer {
  return new Radam(options);
}

export class Radam extends Optimizer {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly decoupledWeightDecay: boolean;

  constructor(options: RadamOptions) {
    expectOptions("radam", options, ["learningRate", "weightDecay", "betas", "epsilon", "decoupledWeightDecay"]);
    super("radam", options, { learningRate: 0.001, weightDecay: 0 });
    const { betas = [0.9, 0.999], epsilon = 1e-8, decoupledWeightDecay = false } = options;
    this.betas = expectBetas(betas);
    this.epsilon = expectNumber("epsilon", epsilon, 0);
    this.decoupledWeightDecay = expectBoolean("decoupledWeightDecay", decoupledWeightDecay);
    Object.freeze(this);
  }

  override slots(): readonly boolean[] {
    return [true, true];
  }

  override step(run: Run, [first = 0, second = 0]: readonly Pointer[]): void {
    const { functions, values, gradients, size, step, rate, weightDecay } = run;
    const [beta1, beta2] = this.betas;
    // prettier-ignore
    functions.radamStep(
      values, gradients, first, second, size, step,
      rate, beta1, beta2, this.epsilon, weightDecay, this.decoupledWeightDecay,
    );
  }
}
