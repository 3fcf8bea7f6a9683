import { isTensor, tensor, type Tensor } from "../tensor.ts";
import { expectInteger, expectOneOf, expectOptions, expectRange, expectType, wrongRange } from "../validate.ts";
import { readFeatures, readIndices, type Values } from "./values.ts";

export interface PadOptions {
  /** Steps of all: longer sequences are cut. Default that of the longest. */
  readonly length?: number;
  /** Which end of a sequence that is cut is kept. Default "start". */
  readonly keep?: "start" | "end";
}

/** Sequences of tokens, or of features: tensors [time, features], nested arrays [time][features]. */
export type Sequences =
  readonly (readonly number[] | Int32Array)[] | readonly Tensor[] | readonly (readonly (readonly number[])[])[];

/**
 * Sequences side by side in one tensor, padded with zeros at the end, with their lengths:
 *
 *     const data = { ...padSequences(sentences, { length: 50 }), targets };
 *
 * Networks take a list of sequences as it is, and compute nothing for padding; this is for sequences that are to be cut, or that
 * go elsewhere as one array.
 * @returns inputs [batch, time] of tokens or [batch, time, features], and the length of each
 * @throws TypeError, RangeError on a wrong option, an empty sequence, or sequences that do not fit together
 */
export function padSequences(
  sequences: readonly (readonly number[] | Int32Array)[],
  options?: PadOptions,
): { readonly inputs: Tensor<Int32Array>; readonly lengths: Int32Array };
export function padSequences(
  sequences: readonly Tensor[] | readonly (readonly (readonly number[])[])[],
  options?: PadOptions,
): { readonly inputs: Tensor; readonly lengths: Int32Array };
export function padSequences(
  sequences: Sequences,
  options: PadOptions = {},
): { readonly inputs: Tensor | Tensor<Int32Array>; readonly lengths: Int32Array } {
  expectOptions("padSequences", options, ["length", "keep"]);
  const { length, keep = "start" } = options;
  if (length !== undefined) expectInteger("length", length, 1);
  expectOneOf("keep", keep, ["start", "end"]);
  const { data, B, T, F, lengths: given } = readSequences(sequences);
  const steps = length ?? T;
  const lengths = new Int32Array(B);
  const padded = data instanceof Int32Array ? new Int32Array(B * steps) : new Float32Array(B * steps * F);
  for (let b = 0; b < B; b++) {
    const whole = given?.[b] ?? T;
    const kept = Math.min(whole, steps);
    const from = b * T + (keep === "end" ? whole - kept : 0);
    padded.set(data.subarray(from * F, (from + kept) * F), b * steps * F);
    lengths[b] = kept;
  }
  if (padded instanceof Int32Array) return { inputs: tensor(padded, [B, steps]), lengths };
  return { inputs: tensor(padded, [B, steps, F]), lengths };
}

function readSequences(sequences: unknown): Values {
  const expected = "a list of sequences";
  expectType(Array.isArray(sequences), "sequences", expected, sequences);
  expectRange(sequences.length > 0, "sequences", "at least one sequence", sequences);
  const first: unknown = sequences[0];
  const isTokens = first instanceof Int32Array || (Array.isArray(first) && typeof first[0] === "number");
  if (isTokens) return readIndices("sequences", sequences, "sequence");
  const row: unknown = Array.isArray(first) ? first[0] : undefined;
  const F = isTensor(first) ? first.shape[1] : Array.isArray(row) ? row.length : undefined;
  if (F === undefined || F === 0) throw wrongRange("sequences[0]", "tokens, or features [time, features]", first);
  return readFeatures("sequences", sequences, F, "sequence");
}

/**
 * Indices as vectors that are 1 at the index and 0 elsewhere.
 * @param indices a flat array, or a tensor of any shape
 * @param classes how many there are
 * @returns [n, classes], or the shape of the tensor with the classes behind it
 * @throws TypeError, RangeError on an index that is none of 0 … classes − 1
 */
export function oneHot(indices: readonly number[] | Int32Array | Tensor<Int32Array>, classes: number): Tensor {
  expectInteger("classes", classes, 1);
  const { data, shape } = isTensor(indices) ? indices : { data: indices, shape: [indices.length] };
  const isList = Array.isArray(data) || data instanceof Int32Array;
  expectType(isList, "indices", "integers: an array, an Int32Array or a tensor of it", data);
  const hot = new Float32Array(data.length * classes);
  data.forEach((index: unknown, i: number) => {
    hot[i * classes + expectInteger(`indices[${i}]`, index, 0, classes - 1)] = 1;
  });
  return tensor(hot, [...shape, classes]);
}
