import { activationNames } from "../activation.ts";
import type { Arena, Pointer } from "../core/core.ts";
import { expectNumber, expectOneOf, expectOptions, expectRange, expectType } from "../validate.ts";
import type { Rows } from "./layer.ts";
import type { CellSetting } from "./recurrent.ts";

/**
 * The activation of a gate: one of ONNX's eleven. leakyRelu: alpha·x below 0; elu: alpha·(e^x − 1) below 0; thresholdedRelu: x above
 * alpha, else 0; affine: alpha·x + beta; scaledTanh: alpha·tanh(beta·x); hardSigmoid: alpha·x + beta within 0 and 1.
 */
export type GateActivation = "relu" | "sigmoid" | "softplus" | "softsign" | "tanh" | OneParameter | TwoParameters;

/** @inline */
interface OneParameter {
  readonly type: "elu" | "leakyRelu" | "thresholdedRelu";
  readonly alpha: number;
}

/** @inline */
interface TwoParameters {
  readonly type: "affine" | "hardSigmoid" | "scaledTanh";
  readonly alpha: number;
  readonly beta: number;
}

const plainNames = ["relu", "sigmoid", "softplus", "softsign", "tanh"] as const;
const oneParameter = ["elu", "leakyRelu", "thresholdedRelu"] as const;
const twoParameters = ["affine", "hardSigmoid", "scaledTanh"] as const;

/** Of all gates of a cell, or of a cell in each of two directions. @throws TypeError, RangeError when they are not */
export function checkActivations(value: unknown, count: number, bidirectional: boolean): readonly GateActivation[] {
  expectType(Array.isArray(value), "activations", "an array of activations", value);
  const list = value as unknown[];
  const expected = bidirectional ? `${count} activations, or ${2 * count} for two directions` : `${count} activations`;
  expectRange(list.length === count || (bidirectional && list.length === 2 * count), "activations", expected, list);
  return Object.freeze(list.map((one, k) => checkActivation(`activations[${k}]`, one)));
}

function checkActivation(name: string, value: unknown): GateActivation {
  if (typeof value !== "object" || value === null) return expectOneOf(name, value, plainNames);
  const { type, alpha, beta } = value as Record<string, unknown>;
  const kind = expectOneOf(`${name}.type`, type, [...oneParameter, ...twoParameters]);
  const number = (key: string, from: unknown) => expectNumber(`${name}.${key}`, from);
  const known = oneParameter.find((one) => one === kind);
  expectOptions(name, value, known ? ["type", "alpha"] : ["type", "alpha", "beta"]);
  if (known) return Object.freeze({ type: known, alpha: number("alpha", alpha) });
  const two = twoParameters.find((one) => one === kind)!;
  return Object.freeze({ type: two, alpha: number("alpha", alpha), beta: number("beta", beta) });
}

/** Words of a form. */
const WORDS = 8;
/** Behind the activations of a layer; see assembly/gateActivation.ts. */
const THRESHOLDED = 20;

/** factor·φ(scale·x + shift) + offset; see assembly/gateActivation.ts. */
interface Form {
  readonly kind: number;
  readonly alpha: number;
  readonly scale: number;
  readonly shift: number;
  readonly factor: number;
  readonly offset: number;
}

const identity = { alpha: 0, scale: 1, shift: 0, factor: 1, offset: 0 };
const kindOf = (name: (typeof activationNames)[number]) => activationNames.indexOf(name);

function formOf(activation: GateActivation): Form {
  if (typeof activation === "string") return { ...identity, kind: kindOf(activation) };
  const { type, alpha } = activation;
  if (type === "thresholdedRelu") return { ...identity, kind: THRESHOLDED, alpha };
  if (type === "elu" || type === "leakyRelu") return { ...identity, kind: kindOf(type), alpha };
  const beta = "beta" in activation ? activation.beta : 0;
  if (type === "affine") return { ...identity, kind: kindOf("linear"), scale: alpha, shift: beta };
  if (type === "scaledTanh") return { ...identity, kind: kindOf("tanh"), scale: beta, factor: alpha };
  return { ...identity, kind: kindOf("relu6"), scale: 6 * alpha, shift: 6 * beta, factor: 1 / 6 };
}

/** 1 − φ(−x) */
function complement(form: Form): Form {
  return { ...form, scale: -form.scale, factor: -form.factor, offset: 1 - form.offset };
}

/** What an activation does without other options: for each form the one of `activations` that it is. */
export interface GateForms {
  /** For each form, which activation it is. */
  readonly of: readonly number[];
  /** The first form is 1 − φ(−x). */
  readonly coupled?: boolean;
  /** Forms of what is no gate and is not clipped. */
  readonly unclipped?: number;
}

/** The activations of one cell in the core's memory, and room for their slopes. */
export class GateActivations {
  /** Forms, one after another. */
  forms: Pointer = 0;
  /** Slopes of each row; 0 when nothing is learnt. */
  slopes: Pointer = 0;
  readonly #setting: CellSetting;
  readonly #words: readonly Form[];
  readonly #clip: number;
  readonly #clipped: number;

  /** `activations`: of one direction, or of both. */
  constructor(setting: CellSetting, activations: readonly GateActivation[], gateClip: number, forms: GateForms) {
    const count = 1 + Math.max(...forms.of);
    const first = activations.length > count && setting.suffix.endsWith("_reverse") ? count : 0;
    const all = forms.of.map((k) => formOf(activations[first + k]!));
    this.#setting = setting;
    this.#words = forms.coupled ? all.map((form, k) => (k === 0 ? complement(form) : form)) : all;
    this.#clip = gateClip;
    this.#clipped = all.length - (forms.unclipped ?? 0);
  }

  reserve(arena: Arena): void {
    this.forms = arena.floats(this.#words.length * WORDS);
  }

  /** Slopes of `width` floats a row. */
  plan(arena: Arena, rows: Rows, training: boolean, width: number): void {
    this.slopes = training ? arena.floats(rows.N * width) : 0;
  }

  pack(): void {
    const { f32, i32 } = this.#setting.core;
    this.#words.forEach(({ kind, alpha, scale, shift, factor, offset }, k) => {
      const at = (this.forms >>> 2) + k * WORDS;
      const limit = k < this.#clipped ? this.#clip : 0;
      i32[at] = kind;
      f32.set([alpha, scale, shift, factor, offset, limit], at + 1);
    });
  }
}

/** The options that need the general form. */
export interface GateOptions {
  readonly activations?: readonly GateActivation[];
  readonly gateClip?: number;
}

export function hasGateOptions({ activations, gateClip }: GateOptions): boolean {
  return activations !== undefined || gateClip !== undefined;
}
