/** The textbook cases of vanishing and exploding gradients: networks of 32 units, 100 steps, and the loss at the last of them. */

import {
  constant,
  dense,
  elman,
  gradientFlow,
  identity,
  last,
  lstm,
  meanSquaredError,
  Network,
  normal,
  sgd,
  type LayerDescription,
  type LayerFlow,
} from "../bindings/index.ts";
import { jacobians, normsByProduct } from "./reference/jacobians.ts";
import { numbers } from "./support.ts";

export const [T, H] = [100, 32];
const B = 16;

const small = { weightInit: normal(0.01), biasInit: constant(0) };
export const cases = {
  sigmoid: elman(H, { activation: "sigmoid" }),
  tanh: elman(H),
  relu: elman(H, { activation: "relu" }),
  /** Le, Jaitly & Hinton 2015. */
  reluIdentity: elman(H, { activation: "relu", recurrentInit: identity(), ...small }),
  reluLarge: elman(H, { activation: "relu", recurrentInit: identity(1.1), ...small }),
  tanhLarge: elman(H, { recurrentInit: normal(3 / Math.sqrt(H)) }),
  lstm: lstm(H, { biasInit: constant(0) }),
  /** Jozefowicz, Zaremba & Sutskever 2015. */
  lstmForget1: lstm(H, { biasInit: constant(0), forgetBias: 1 }),
  /** The logarithm of the steps: Tallec & Ollivier 2018. */
  lstmForget5: lstm(H, { biasInit: constant(0), forgetBias: 5 }),
} satisfies Record<string, LayerDescription>;

const inputs = numbers([B, T, 2], 7);
/** The first feature at the last step: the state has to be written to be read, and nothing has to be kept. */
const targets = Array.from({ length: B }, (_, b) => [inputs.data[(b * T + T - 1) * 2]!]);
const data = { inputs, targets };
const loss = meanSquaredError();

export function networkOf(name: keyof typeof cases): Network {
  return new Network({ input: { features: 2 }, layers: [cases[name], last(), dense(1)], seed: 1 });
}

export function flowOf(net: Network): LayerFlow {
  return gradientFlow(net, data, { loss }).layers[0]!;
}

/** Norms from the last step back: of the cell if there is one. */
export function fromTheEnd({ norms, cellNorms }: LayerFlow): Float64Array {
  return (cellNorms ?? norms).slice().reverse();
}

/** The losses of training, up to the step that is not finite. */
export function train(net: Network, steps: number, clipNorm?: number): { losses: number[]; error?: Error } {
  const losses: number[] = [];
  const options = { loss, optimizer: sgd({ learningRate: 0.1 }), epochs: steps, batchSize: B };
  try {
    const run = net.train(data, { ...options, ...(clipNorm !== undefined && { clipNorm }) });
    for (const step of run) losses.push(step.loss);
  } catch (error) {
    return { losses, error: error as Error };
  }
  return { losses };
}

/** Each step back, the mean over the batch: what the equation in reference/jacobians.ts makes of dL/dh_T. */
export function byEquation(net: Network, name: keyof typeof cases): number[] {
  const valueOf = (parameter: string) => Float64Array.from(net.parameter(parameter).value);
  const [one, other] = [valueOf("elman.bias_ih_l0"), valueOf("elman.bias_hh_l0")];
  const p = {
    ...{ weight_ih: valueOf("elman.weight_ih_l0"), weight_hh: valueOf("elman.weight_hh_l0") },
    bias: one.map((v, k) => v + other[k]!),
  };
  const layer = cases[name];
  const activation = ("activation" in layer && layer.activation) || "tanh";
  const [w, [b0]] = [valueOf("dense.weight"), valueOf("dense.bias")];
  const all = Array.from({ length: B }, (_, b) => {
    const x = Float64Array.from(inputs.data.subarray(b * T * 2, (b + 1) * T * 2));
    const run = jacobians(p, activation, x, 2);
    const y = run.h.reduce((sum, v, k) => sum + v * w[k]!, b0!);
    return normsByProduct(
      run.all,
      w.map((v) => (v * 2 * (y - targets[b]![0]!)) / B),
    );
  });
  return all[0]!.map((_, back) => all.reduce((sum, norms) => sum + norms[back]!, 0) / B);
}
