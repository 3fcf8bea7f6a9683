import type { Core } from "../core/core.ts";
import { expectTensor, isTensor, showShape, type Tensor } from "../tensor.ts";
import { expectInteger, expectRange, expectType, show, wrongRange, wrongType } from "../validate.ts";

/** Numbers: `tensor(data, [batch, time, features])`, or [batch, features] for vectors, nested arrays, or a list of sequences. */
export type FeatureInput =
  | Tensor
  | readonly (readonly number[])[]
  | readonly (readonly (readonly number[])[])[]
  | readonly Float32Array[]
  | readonly Tensor[];

/** Indices: `tensor(data, [batch, time])`, a list of sequences, or one sequence; for single values one flat array [batch]. */
export type IndexInput =
  Tensor<Int32Array> | Int32Array | readonly number[] | readonly (readonly number[] | Int32Array)[];

/** What a network takes: numbers or tokens, as its `input` says. */
export type Input = FeatureInput | IndexInput;

/** What a caller gave, flat: data (B, T, F) row-major, padded where sequences are of different length. */
export interface Values<D extends Float32Array | Int32Array = Float32Array | Int32Array> {
  readonly name: string;
  readonly data: D;
  readonly B: number;
  readonly T: number;
  /** 1 for indices. */
  readonly F: number;
  /** There is no time: the caller's shape is (B, F), and T is 1. */
  readonly vector: boolean;
  /** Length of each sequence; undefined when all are T. */
  readonly lengths: Int32Array | undefined;
}

/** Whether time is expected: "input" leaves it to the caller. */
export type Time = "input" | "sequence" | "vector";

/** The form of the outputs that belong to inputs, and so of targets and of gradients by the output. */
export interface OutputForm {
  readonly F: number;
  readonly time: "sequence" | "vector";
  readonly T: number;
  /** Steps of each sequence; undefined when all are T. */
  readonly lengths: Int32Array | undefined;
  readonly inputs: Values;
  readonly core: Core;
}

/** The shape that is expected, as a message shows it. */
function expectedShape(F: number | undefined, time: Time): string {
  const tail = F === undefined ? [] : [F];
  const sequence = `shape ${showShape(["batch", "time", ...tail])}`;
  const vector = `shape ${showShape(["batch", ...tail])}`;
  return time === "sequence" ? sequence : time === "vector" ? vector : `${sequence} or ${vector}`;
}

/**
 * Vectors of F numbers.
 * @throws TypeError on another kind, RangeError on another shape, with the one that is expected
 */
export function readFeatures(name: string, value: unknown, F: number, time: Time): Values<Float32Array> {
  if (isTensor(value)) return fromTensor(name, value, F, time);
  const expected = expectedShape(F, time);
  if (ArrayBuffer.isView(value)) {
    const cure = `${value instanceof Float32Array ? "" : "make it a Float32Array and "}give it a shape by tensor(data, shape)`;
    throw new TypeError(`"${name}" expected ${expected}, got a flat ${show(value)}: ${cure}`);
  }
  expectType(Array.isArray(value), name, expected, value);
  expectRange(value.length > 0, name, expected, value);
  const first: unknown = value[0];
  const isNested = isTensor(first) || (Array.isArray(first) && typeof first[0] === "object");
  const isFlat = Array.isArray(first) && typeof first[0] === "number";
  if (isFlat && time === "sequence")
    throw new RangeError(`"${name}" expected ${expected}, got an array [${value.length}, …] without time`);
  if (isNested && time === "vector") throw new RangeError(`"${name}" expected ${expected}, got sequences with time`);
  if (isFlat || time === "vector") {
    const rows = Array.from(value, (row, b) => flatten(`${name}[${b}]`, row, F, 1));
    return { name, data: concatenate(rows, F), B: rows.length, T: 1, F, vector: true, lengths: undefined };
  }
  const rows = Array.from(value, (row, b) => flatten(`${name}[${b}]`, row, F));
  return fromSequences(name, rows, F);
}

/** Indices. @throws TypeError on another kind, RangeError on another shape */
export function readIndices(name: string, value: unknown, time: Time): Values<Int32Array> {
  if (isTensor(value)) return fromIndexTensor(name, value, time);
  const expected = `integers of ${expectedShape(undefined, time)}`;
  const list = value instanceof Int32Array || Array.isArray(value);
  expectType(list, name, expected, value);
  expectRange(value.length > 0, name, expected, value);
  if (typeof value[0] === "number") {
    const data = integers(name, value as ArrayLike<unknown>);
    if (time === "vector") return { name, data, B: data.length, T: 1, F: 1, vector: true, lengths: undefined };
    return { name, data, B: 1, T: data.length, F: 1, vector: false, lengths: undefined };
  }
  expectRange(time !== "vector", name, expected, value);
  const rows = Array.from(value as ArrayLike<unknown>, (row, b) => {
    const isList = row instanceof Int32Array || Array.isArray(row);
    expectType(isList, `${name}[${b}]`, "an array of integers", row);
    return integers(`${name}[${b}]`, row);
  });
  return fromSequences(name, rows, 1);
}

function fromTensor(
  name: string,
  { data, shape }: Tensor<Float32Array | Int32Array>,
  F: number,
  time: Time,
): Values<Float32Array> {
  expectTensor(name, { data, shape });
  if (!(data instanceof Float32Array))
    throw wrongType(name, `a tensor of Float32Array, ${expectedShape(F, time)}`, data);
  const vector = shape.length === 2 && time !== "sequence";
  const fits = (vector || (shape.length === 3 && time !== "vector")) && shape.at(-1) === F && data.length > 0;
  if (!fits) throw new RangeError(`"${name}" expected ${expectedShape(F, time)}, got ${showShape(shape)}`);
  return { name, data, B: shape[0]!, T: vector ? 1 : shape[1]!, F, vector, lengths: undefined };
}

function fromIndexTensor(
  name: string,
  { data, shape }: Tensor<Float32Array | Int32Array>,
  time: Time,
): Values<Int32Array> {
  expectTensor(name, { data, shape });
  if (!(data instanceof Int32Array)) {
    throw wrongType(name, `a tensor of Int32Array, ${expectedShape(undefined, time)}`, data);
  }
  const vector = shape.length === 1 && time !== "sequence";
  const fits = (vector || (shape.length === 2 && time !== "vector")) && data.length > 0;
  if (!fits) throw new RangeError(`"${name}" expected ${expectedShape(undefined, time)}, got ${showShape(shape)}`);
  return { name, data, B: shape[0]!, T: vector ? 1 : shape[1]!, F: 1, vector, lengths: undefined };
}

/** One sequence (time, F), or one vector when `steps` is 1, as flat numbers. */
function flatten(name: string, value: unknown, F: number, steps?: number): Float32Array {
  const expected = steps === 1 ? `${F} numbers` : `shape [time, ${F}]`;
  if (isTensor(value)) {
    const { data, shape } = value;
    expectTensor(name, value);
    expectType(data instanceof Float32Array, name, `a tensor of Float32Array, ${expected}`, data);
    const fits = shape.length === 2 && shape[1] === F && data.length > 0;
    if (!fits) throw new RangeError(`"${name}" expected ${expected}, got ${showShape(shape)}`);
    return data;
  }
  if (value instanceof Float32Array) {
    const fits = value.length % F === 0 && value.length > 0 && (steps === undefined || value.length === steps * F);
    expectRange(fits, name, expected, value);
    return value;
  }
  expectType(Array.isArray(value), name, expected, value);
  if (steps === 1) return numbers(name, value, F);
  expectRange(value.length > 0, name, expected, value);
  const rows = Array.from(value, (row: unknown, t) => {
    if (!Array.isArray(row)) throw wrongType(`${name}[${t}]`, `${F} numbers`, row);
    return numbers(`${name}[${t}]`, row, F);
  });
  return concatenate(rows, F);
}

function numbers(name: string, value: readonly unknown[], F: number): Float32Array {
  expectRange(value.length === F, name, `${F} numbers`, value);
  return Float32Array.from(value, (x, i) => {
    if (typeof x !== "number") throw wrongType(`${name}[${i}]`, "a number", x);
    return x;
  });
}

function integers(name: string, value: ArrayLike<unknown>): Int32Array {
  expectRange(value.length > 0, name, "at least one integer", value);
  if (value instanceof Int32Array) return value;
  return Int32Array.from(value, (x, i) => {
    const fits = typeof x === "number" && (x | 0) === x;
    return fits ? x : expectInteger(`${name}[${i}]`, x, -0x80000000);
  });
}

function concatenate(rows: readonly Float32Array[], F: number): Float32Array {
  const data = new Float32Array(rows.length * F);
  rows.forEach((row, i) => data.set(row, i * F));
  return data;
}

/** Sequences of any lengths, padded with zeros to the longest. */
function fromSequences<D extends Float32Array | Int32Array>(name: string, rows: readonly D[], F: number): Values<D> {
  const lengths = Int32Array.from(rows, (row) => row.length / F);
  const T = lengths.reduce((a, b) => Math.max(a, b), 0);
  const ragged = lengths.some((length) => length !== T);
  const data = (
    rows[0] instanceof Int32Array ? new Int32Array(rows.length * T) : new Float32Array(rows.length * T * F)
  ) as D;
  rows.forEach((row, b) => data.set(row, b * T * F));
  return { name, data, B: rows.length, T, F, vector: false, lengths: ragged ? lengths : undefined };
}

/** Values with the lengths that the caller gave beside padded data, under the name of `option`. */
export function withLengths<D extends Float32Array | Int32Array>(
  values: Values<D>,
  lengths: unknown,
  option = "lengths",
): Values<D> {
  if (lengths === undefined) return values;
  const isList = Array.isArray(lengths) || lengths instanceof Int32Array;
  expectType(isList, option, "an array of integers", lengths);
  expectRange(!values.vector, option, `none, because "${values.name}" has no time`, lengths);
  expectRange(lengths.length === values.B, option, `${values.B} integers, one a sequence`, lengths);
  const checked = Int32Array.from(lengths as ArrayLike<unknown>, (length, b) => {
    return expectInteger(`${option}[${b}]`, length, 1, values.lengths?.[b] ?? values.T);
  });
  return { ...values, lengths: checked };
}

/**
 * Targets beside the inputs they belong to: as many sequences, and the steps of the outputs.
 * @throws RangeError when they do not fit
 */
export function matchTo<D extends Float32Array | Int32Array>(targets: Values<D>, outputs: OutputForm): Values<D> {
  const { name, B, lengths } = targets;
  const { inputs, T } = outputs;
  expectRange(B === inputs.B, name, `${inputs.B} sequences, as many as "${inputs.name}"`, B);
  if (targets.vector) return targets;
  expectRange(targets.T === T, name, `${T} steps, as the output has`, targets.T);
  lengths?.forEach((length, b) => {
    const expected = outputs.lengths?.[b] ?? T;
    if (length !== expected) throw wrongRange(`${name}[${b}]`, `${expected} steps, as the output has`, length);
  });
  return { ...targets, lengths: outputs.lengths };
}

/** The first value, padding left out, that fails a test. */
export function findValue(values: Values, fails: (value: number) => boolean): number | undefined {
  const { data, B, T, F, lengths } = values;
  for (let b = 0; b < B; b++) {
    const start = b * T * F;
    const found = data.subarray(start, start + (lengths?.[b] ?? T) * F).find(fails);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where a caller wants outputs: n numbers. */
export function expectOutput(output: unknown, n: number): asserts output is Float32Array {
  expectType(output instanceof Float32Array, "output", "a Float32Array", output);
  expectRange(output.length === n, "output", `${n} numbers`, output);
}

/** @throws RangeError that names the place of the first value that is NaN or infinite, padding left out */
export function expectFinite(values: Values, core: Core): void {
  const { name, data, B, T, F, vector, lengths } = values;
  if (data instanceof Int32Array || core.isFinite(data)) return;
  for (let b = 0; b < B; b++) {
    const start = b * T * F;
    const at = data.subarray(start, start + (lengths?.[b] ?? T) * F).findIndex((x) => !Number.isFinite(x));
    if (at < 0) continue;
    const place = vector ? [b, at] : [b, Math.floor(at / F), at % F];
    throw new RangeError(`"${name}" expected finite numbers, got ${data[start + at]!} at ${showShape(place)}`);
  }
}

/** @throws RangeError that names the place of the first index outside [0, limit), padding and `except` left out */
export function expectIndices(values: Values<Int32Array>, limit: number, except?: number): void {
  const { name, data, B, T, vector, lengths } = values;
  for (let b = 0; b < B; b++) {
    const length = lengths?.[b] ?? T;
    for (let t = 0; t < length; t++) {
      const index = data[b * T + t]!;
      if ((index >= 0 && index < limit) || index === except) continue;
      const place = showShape(vector ? [b] : [b, t]);
      throw new RangeError(`"${name}" expected integers from 0 to ${limit - 1}, got ${index} at ${place}`);
    }
  }
}
