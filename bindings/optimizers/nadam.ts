import type { Pointer } from "../core/core.ts";
import { expectBoolean, expectNumber, expectOptions } from "../validate.ts";
import { expectBetas, Optimizer, type OptimizerOptions, type Run } from "./optimizer.ts";

export interface NadamOptions extends OptimizerOptions {
  /** Decay of the means of gradients and of squares. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** How fast the momentum grows to its full size. Default 0.004. */
  readonly momentumDecay?: number;
  /** Weight decay as that of adamw, not added to the gradient. Default false. */
  readonly decoupledWeightDecay?: boolean;
  /**
   * As PyTorch 1 worked it out, which multiplied the product of the momenta by the last one twice; 2.0 mended it. To go on with
   * such a run. Default false.
   */
  readonly asTorch1?: boolean;
}

/**
 * NAdam, Adam with Nesterov's momentum, PyTorch's form. Default learning rate 0.002.
 * @throws TypeError, RangeError on a wrong option
 */
export function nadam(options: NadamOptions = {}): Optimizer {
  return new Nadam(options);
}

const known = ["learningRate", "weightDecay", "betas", "epsilon", "momentumDecay", "decoupledWeightDecay", "asTorch1"];

export class Nadam extends Optimizer {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly momentumDecay: number;
  readonly decoupledWeightDecay: boolean;
  readonly asTorch1: boolean;

  constructor(options: NadamOptions) {
    expectOptions("nadam", options, known);
    super("nadam", options, { learningRate: 0.002, weightDecay: 0 });
    const { betas = [0.9, 0.999], epsilon = 1e-8, momentumDecay = 0.004 } = options;
    const { decoupledWeightDecay = false, asTorch1 = false } = options;
    this.betas = expectBetas(betas);
    this.epsilon = expectNumber("epsilon", epsilon, 0);
    this.momentumDecay = expectNumber("momentumDecay", momentumDecay, 0);
    this.decoupledWeightDecay = expectBoolean("decoupledWeightDecay", decoupledWeightDecay);
    this.asTorch1 = expectBoolean("asTorch1", asTorch1);
    Object.freeze(this);
  }

  override slots(): readonly boolean[] {
    return [true, true];
  }

  override step(run: Run, [first = 0, second = 0]: readonly Pointer[]): void {
    const { functions, values, gradients, size, step, rate, weightDecay } = run;
    const [beta1, beta2] = this.betas;
    // prettier-ignore
    functions.nadamStep(
      values, gradients, first, second, size, step,
      rate, beta1, beta2, this.epsilon, this.momentumDecay, weightDecay, this.decoupledWeightDecay,
      this.asTorch1,
    );
  }
}
