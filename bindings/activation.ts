import { expectNumber, expectOneOf, expectOptions } from "./validate.ts";

/**
 * The activations in the order of the numbers in assembly/activation.ts. `keepsInput`: the value before activation stays,
 * because the slope needs it, or logSoftmax, which does not work in place; `alpha`: the default of the one parameter that some
 * have (the slope of leakyRelu below 0, the depth of elu).
 */
const table = {
  linear: {},
  sigmoid: {},
  tanh: {},
  relu: {},
  softmax: {},
  logSoftmax: { keepsInput: true },
  leakyRelu: { keepsInput: true, alpha: 0.01 },
  elu: { keepsInput: true, alpha: 1 },
  selu: { keepsInput: true },
  gelu: { keepsInput: true },
  geluTanh: { keepsInput: true },
  silu: { keepsInput: true },
  mish: { keepsInput: true },
  softplus: { keepsInput: true },
  logSigmoid: { keepsInput: true },
  softsign: { keepsInput: true },
  hardTanh: { keepsInput: true },
  hardSigmoid: { keepsInput: true },
  hardSwish: { keepsInput: true },
  relu6: { keepsInput: true },
} satisfies Record<string, { keepsInput?: boolean; alpha?: number }>;

/** Names of the activations; all to PyTorch's definitions. @useDeclaredType */
export type ActivationName = keyof typeof table;

/** An activation by name, or by name and parameter: `{ type: "leakyRelu", alpha: 0.2 }`. */
export type Activation = ActivationName | { readonly type: "leakyRelu" | "elu"; readonly alpha: number };

/** Names of all activations. */
export const activationNames = /*#__PURE__*/ Object.keys(table) as readonly ActivationName[];

/** What the core needs to know of an activation. */
export interface ActivationCode {
  readonly kind: number;
  readonly alpha: number;
  readonly keepsInput: boolean;
}

export function checkActivation(name: string, value: unknown): Activation {
  if (typeof value !== "object" || value === null) return expectOneOf(name, value, activationNames);
  expectOptions(name, value, ["type", "alpha"]);
  const { type, alpha } = value as { type?: unknown; alpha?: unknown };
  return Object.freeze({
    type: expectOneOf(`${name}.type`, type, ["leakyRelu", "elu"]),
    alpha: expectNumber(`${name}.alpha`, alpha),
  });
}

export function activationCode(activation: Activation): ActivationCode {
  const name = typeof activation === "string" ? activation : activation.type;
  const entry: { keepsInput?: boolean; alpha?: number } = table[name];
  return {
    kind: activationNames.indexOf(name),
    alpha: typeof activation === "string" ? (entry.alpha ?? 0) : activation.alpha,
    keepsInput: entry.keepsInput ?? false,
  };
}
