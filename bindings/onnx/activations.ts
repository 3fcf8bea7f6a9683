/** ONNX's activations and ours. */

import type { GateActivation } from "../index.ts";
import { show } from "../validate.ts";
import type { Node } from "./graph.ts";

/** The parameters that an activation takes; "none" where one must be given, else the default. */
interface Form {
  readonly alpha?: number | "none";
  readonly beta?: number | "none";
  readonly make: (alpha: number, beta: number) => GateActivation;
}

/**
 * The eleven names of RNN, GRU and LSTM. The defaults are those of the operators of these names (https://onnx.ai/onnx/operators/), as
 * the format says; Affine and ScaledTanh are no operators any more, and have none.
 */
const recurrentForms: Readonly<Record<string, Form>> = {
  relu: { make: () => "relu" },
  tanh: { make: () => "tanh" },
  sigmoid: { make: () => "sigmoid" },
  affine: { alpha: "none", beta: "none", make: (alpha, beta) => ({ type: "affine", alpha, beta }) },
  leakyrelu: { alpha: 0.01, make: (alpha) => ({ type: "leakyRelu", alpha }) },
  thresholdedrelu: { alpha: 1, make: (alpha) => ({ type: "thresholdedRelu", alpha }) },
  scaledtanh: { alpha: "none", beta: "none", make: (alpha, beta) => ({ type: "scaledTanh", alpha, beta }) },
  hardsigmoid: { alpha: 0.2, beta: 0.5, make: (alpha, beta) => ({ type: "hardSigmoid", alpha, beta }) },
  elu: { alpha: 1, make: (alpha) => ({ type: "elu", alpha }) },
  softsign: { make: () => "softsign" },
  softplus: { make: () => "softplus" },
};

/** An activation of a gate as ONNX has it. */
export function recurrentName(activation: GateActivation): { name: string; alpha?: number; beta?: number } {
  const { type, ...parameters } = typeof activation === "string" ? { type: activation } : activation;
  return { name: type.charAt(0).toUpperCase() + type.slice(1), ...parameters };
}

/**
 * The activations of a recurrent node: for each direction as many as `defaults`. Values of activation_alpha and activation_beta
 * are taken one after another by those activations that have such a parameter.
 */
export function recurrentActivations(node: Node, defaults: readonly string[], directions: number): GateActivation[] {
  const count = defaults.length * directions;
  const names = node.texts("activations") ?? Array.from({ length: directions }, () => defaults).flat();
  if (names.length !== count) node.damaged(`expected ${count} activations, got ${names.length}`);
  const alphas = [...node.floats("activation_alpha")];
  const betas = [...node.floats("activation_beta")];
  const activations = names.map((name) => {
    const key = name.toLowerCase();
    if (!Object.hasOwn(recurrentForms, key))
      return node.refuse(`has the activation ${show(name)}, which ONNX does not know`);
    const form = recurrentForms[key]!;
    const take = (key: "alpha" | "beta", given: number[]): number => {
      const value = form[key] === undefined ? 0 : (given.shift() ?? form[key]);
      return value === "none" ? node.refuse(`has no ${key} for ${name}, for which ONNX has no default`) : value;
    };
    const [alpha, beta] = [take("alpha", alphas), take("beta", betas)];
    if (!Number.isFinite(alpha) || !Number.isFinite(beta))
      node.damaged("has an activation_alpha or activation_beta that is not finite");
    return form.make(alpha, beta);
  });
  return activations;
}
