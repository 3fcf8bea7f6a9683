import { dataNames, type TrainingData } from "../data/dataset.ts";
import type { Loss } from "../losses/loss.ts";
import type { Network } from "../network.ts";
import type { Parameter } from "../parameter.ts";
import { expectInteger, expectOptions, expectPositive } from "../validate.ts";

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
 * Compares the gradients of a network with central differences of its loss, parameter by parameter. The parameters, buffers and
 * the random generator are as before afterwards; the gradients are those of this batch.
 * @throws TypeError, RangeError on wrong data
 */
export function gradientCheck(net: Network, data: TrainingData, options: GradientCheckOptions): GradientCheckResult[] {
  expectOptions("gradientCheck", options, ["loss", "epsilon", "samples"]);
  const { loss, epsilon = 0.01, samples = 32 } = options;
  expectPositive("epsilon", epsilon);
  expectInteger("samples", samples, 1);
  expectOptions("data", data, dataNames);
  const { inputs, targets, lengths, weights } = data;
  const random = net.randomState;
  const buffers = net.buffers.map(({ value }) => value.slice());
  const lossNow = () => {
    net.randomState = random; // the same dropout each time
    net.forward(inputs, { training: true, ...(lengths !== undefined && { lengths }) });
    return net.loss(loss, targets, weights !== undefined ? { weights } : {});
  };
  try {
    lossNow();
    net.zeroGrad();
    net.backward();
    return net.parameters.map((parameter, k) => {
      const elements = spread(parameter.gradient.length, samples).filter((i) => k > 0 || !isPadding(net, i));
      return checkParameter(parameter, elements, lossNow, epsilon);
    });
  } finally {
    net.randomState = random;
    net.buffers.forEach(({ value }, k) => value.set(buffers[k]!));
  }
}

/** At most so many of n elements, evenly. */
function spread(n: number, samples: number): number[] {
  const count = Math.min(samples, n);
  return Array.from({ length: count }, (_, k) => Math.floor((k * n) / count));
}

/** Whether element i of the first parameter belongs to the vector of the padding token, which learns nothing. */
function isPadding({ config }: Network, i: number): boolean {
  const [first] = config.layers;
  return first?.type === "embedding" && Math.floor(i / first.units) === first.paddingIndex;
}

function checkParameter(
  parameter: Parameter,
  elements: readonly number[],
  lossNow: () => number,
  epsilon: number,
): GradientCheckResult {
  const gradient = parameter.gradient.slice();
  const largest = gradient.reduce((max, g) => Math.max(max, Math.abs(g)), 1e-3);
  let error = 0;
  for (const i of elements) {
    const numeric = centralDifference(parameter, i, lossNow, epsilon);
    error = Math.max(error, Math.abs(numeric - gradient[i]!) / largest);
  }
  return { name: parameter.name, checked: elements.length, error };
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
