import { isTensor, type Tensor } from "../tensor.ts";
import { expectRange, expectType } from "../validate.ts";
import { expectFinite, findValue, matchTo, readFeatures, type OutputForm, type Values } from "./values.ts";

/** Weights: [batch], or [batch, time] where there is time, as a flat array, nested arrays, a list of sequences or a tensor. */
export type Weights = Tensor | Float32Array | readonly number[] | readonly (readonly number[] | Float32Array)[];

/**
 * One weight of at least 0 for each term of a loss: their bits, because they are moved as words. One for each sequence is
 * taken for all of its steps.
 * @throws TypeError, RangeError
 */
export function readWeights(weights: unknown, terms: OutputForm): Values<Int32Array> | undefined {
  if (weights === undefined) return undefined;
  const values = isFlat(weights) ? readFlat(weights, terms) : readNested(weights, terms);
  expectFinite(values, terms.core);
  const negative = findValue(values, (weight) => weight < 0);
  expectRange(negative === undefined, "weights", "numbers of at least 0", negative);
  const { buffer, byteOffset, length } = values.data;
  return { ...values, data: new Int32Array(buffer, byteOffset, length) };
}

function isFlat(weights: unknown): weights is Tensor | ArrayLike<number> {
  if (isTensor(weights)) return weights.shape.length === 1;
  return weights instanceof Float32Array || (Array.isArray(weights) && typeof weights[0] === "number");
}

function readFlat(weights: Tensor | ArrayLike<number>, terms: OutputForm): Values<Float32Array> {
  const { inputs, T, time, lengths } = terms;
  const each = isTensor(weights) ? weights.data : weights;
  const values = readFeatures(
    "weights",
    Array.from(each, (weight) => [weight]),
    1,
    "vector",
  );
  expectRange(values.B === inputs.B, "weights", `${inputs.B} numbers, one for each of "${inputs.name}"`, values.B);
  if (time === "vector") return values;
  const data = new Float32Array(values.B * T).map((_, k) => values.data[Math.floor(k / T)]!);
  return { ...values, data, T, vector: false, lengths };
}

function readNested(weights: unknown, terms: OutputForm): Values<Float32Array> {
  const expected = terms.time === "vector" ? "shape [batch]" : "shape [batch, time] or [batch]";
  expectType(isTensor(weights) || Array.isArray(weights), "weights", expected, weights);
  const isNested = isTensor(weights) ? weights.shape.length === 2 : weights.length > 0;
  const got = isTensor(weights) ? weights.shape : weights;
  expectRange(isNested && terms.time !== "vector", "weights", expected, got);
  return matchTo(readFeatures("weights", withFeature(weights), 1, "sequence"), terms);
}

/** [batch, time] as [batch, time, 1]. */
function withFeature(weights: unknown): unknown {
  if (isTensor(weights)) return { data: weights.data, shape: [...weights.shape, 1] };
  return Array.from(weights as ArrayLike<unknown>, (row): unknown =>
    Array.isArray(row) ? row.map((weight: unknown) => [weight]) : row,
  );
}
