import type { TrainingData } from "../data/dataset.ts";
import type { Loss } from "../loss.ts";
import type { Network, Parameter } from "../network.ts";
import { expectInteger, expectNumber, expectOptions } from "../validate.ts";

export interface GradientCheckOptions {
  readonly loss: Loss;
  /** Half the distance of the two losses that are compared. Default 0.01: below it the rounding of f32 shows. */
  readonly epsilon?: number;
  /** Elements checked of each parameter, spread evenly over it. Default 32. */
  readonly samples?: number;
}

export interface GradientCheckResult {
  readonly name: string;
  /** Elements checked. */
  readonly checked: number;
  /**
   * Largest |numeric − computed|, divided by the largest gradient of the parameter (at least 1e-3). Smooth networks stay below
   * 0.01; a wrong backward pass is near 1.
   */
  readonly error: number;
}

/**
 * Compares the gradients of a network with central differences of its loss, parameter by parameter. The parameters and the
 * random generator are as before afterwards; the gradients are those of this batch.
 * @throws TypeError, RangeError on wrong data
 */
export function gradientCheck(net: Network, data: TrainingData, options: GradientCheckOptions): GradientCheckResult[] {
  expectOptions("gradientCheck", options, ["loss", "epsilon", "samples"]);
  const epsilon = expectNumber("epsilon", options.epsilon ?? 0.01, Number.MIN_VALUE);
  const samples = expectInteger("samples", options.samples ?? 32, 1);
  const random = net.randomState;
  const lossNow = () => {
    net.randomState = random; // the same dropout each time
    net.forward(data.inputs, { training: true, ...(data.lengths && { lengths: data.lengths }) });
    return net.loss(options.loss, data.targets);
  };
  lossNow();
  net.zeroGrad();
  net.backward();
  const results = net.parameters.map((parameter) => checkParameter(parameter, lossNow, epsilon, samples));
  net.randomState = random;
  return results;
}

function checkParameter(
  parameter: Parameter,
  lossNow: () => number,
  epsilon: number,
  samples: number,
): GradientCheckResult {
  const gradient = parameter.gradient.slice();
  const checked = Math.min(samples, gradient.length);
  const largest = gradient.reduce((max, g) => Math.max(max, Math.abs(g)), 1e-3);
  let error = 0;
  for (let k = 0; k < checked; k++) {
    const i = Math.floor((k * gradient.length) / checked);
    const numeric = centralDifference(parameter, i, lossNow, epsilon);
    error = Math.max(error, Math.abs(numeric - gradient[i]!) / largest);
  }
  return { name: parameter.name, checked, error };
}

function centralDifference(parameter: Parameter, i: number, lossNow: () => number, epsilon: number): number {
  const before = parameter.value[i]!;
  const high = Math.fround(before + epsilon);
  const low = Math.fround(before - epsilon);
  parameter.value[i] = high;
  const above = lossNow();
  parameter.value[i] = low;
  const below = lossNow();
  parameter.value[i] = before;
  return (above - below) / (high - low);
}
