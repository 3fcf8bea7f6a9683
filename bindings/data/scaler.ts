/** Features brought to a like size, by what the training data show: (x − center) / scale, feature by feature. */

import { FormatError } from "../errors.ts";
import { isObject } from "../io/json.ts";
import { expectTensor, isTensor, tensor, type Tensor } from "../tensor.ts";
import { expectInteger, expectNumber, expectOptions, expectRange, expectType, show } from "../validate.ts";
import { readColumns } from "./series.ts";

/** Numbers whose last dimension is the features: tensors, nested arrays, or flat Float32Arrays, one step after another. */
export type Scalable =
  | Float32Array
  | Tensor
  | readonly Float32Array[]
  | readonly Tensor[]
  | readonly (readonly number[])[]
  | readonly (readonly (readonly number[])[])[];

/** What `toJSON` gives and `scalerFromJSON` takes. */
export interface ScalerJSON {
  readonly kind: "scaler";
  readonly center: readonly number[];
  readonly scale: readonly number[];
}

export interface ScaleOptions {
  /** The features that the numbers are of, where they are not all of them: after a forecast of feature 0, [0]. Default all. */
  readonly columns?: readonly number[];
}

/**
 * What was learnt of the training data. It stays with a network in the texts that the file keeps:
 *
 *     net.metadata.scaler = JSON.stringify(scaler);
 *     const scaler = scalerFromJSON(JSON.parse(net.metadata.scaler)); // after Network.load
 */
export interface Scaler {
  /** Subtracted from each feature. */
  readonly center: readonly number[];
  /** What each feature is divided by after that. */
  readonly scale: readonly number[];
  /**
   * Scaled copies, in the form of what was given. Padding is scaled too: nothing reads it. NaN stays NaN.
   * @param data the last dimension is the features, or `columns`, once or several times, as in a forecast of several steps
   * @throws TypeError on another kind, RangeError when the features do not fit
   */
  transform<D extends Scalable>(data: D, options?: ScaleOptions): D;
  /** Back to the sizes from before: `scaler.inverse(net.predict(inputs), { columns: [0] })`. */
  inverse<D extends Scalable>(data: D, options?: ScaleOptions): D;
  /** Plain data from which `scalerFromJSON` makes an equal scaler. */
  toJSON(): ScalerJSON;
}

/** A way to scale: `fit` learns from the training data, and from those only. */
export interface ScalerKind {
  /**
   * Gaps (NaN) are left out. A feature that is the same everywhere is shifted and not scaled.
   * @param data a flat Float32Array has one feature
   * @param options.lengths of the sequences of a padded tensor [batch, time, features]: the padding is left out
   * @throws TypeError, RangeError on data of another form, or a feature that has an infinite number or none at all
   */
  fit(data: Scalable, options?: { readonly lengths?: readonly number[] | Int32Array }): Scaler;
}

export interface MinMaxScalerOptions {
  /** Where the smallest and the largest number come to stand. Default [0, 1]. */
  readonly range?: readonly [number, number];
}

/** Mean 0 and standard deviation 1. */
export function standardScaler(): ScalerKind {
  return kindOf((values) => {
    const center = values.reduce((sum, x) => sum + x, 0) / values.length;
    const scale = Math.sqrt(values.reduce((sum, x) => sum + (x - center) * (x - center), 0) / values.length);
    return { center, scale };
  });
}

/** The smallest number at one end of a range, the largest at the other. */
export function minMaxScaler(options: MinMaxScalerOptions = {}): ScalerKind {
  expectOptions("minMaxScaler", options, ["range"]);
  const [low, high] = checkRange(options.range ?? [0, 1]);
  return kindOf((values) => {
    const { least, most } = extremesOf(values);
    const scale = (most - least) / (high - low);
    return { center: least - low * (scale > 0 ? scale : 1), scale };
  });
}

/** Median 0 and a distance of 1 between the quartiles: a few numbers that are far out do not matter. */
export function robustScaler(): ScalerKind {
  return kindOf((values) => {
    values.sort();
    return { center: quantile(values, 0.5), scale: quantile(values, 0.75) - quantile(values, 0.25) };
  });
}

/**
 * The scaler that `toJSON` described.
 * @param json the description, as an object: a stored text must go through JSON.parse first
 * @throws TypeError if it is no object, FormatError "unsupported" for another kind, "malformed" for wrong numbers
 */
export function scalerFromJSON(json: ScalerJSON): Scaler {
  const given: unknown = json;
  expectType(isObject(given), "json", "an object, as toJSON gives it: parse a text by JSON.parse()", given);
  const { kind, center, scale } = given;
  if (kind !== "scaler") throw fault("unsupported", "kind", '"scaler"', kind);
  if (!isNumbers(center)) throw fault("malformed", "center", "finite numbers", center);
  const fits = isNumbers(scale) && scale.length === center.length && scale.every((x) => x > 0);
  if (!fits) throw fault("malformed", "scale", `${center.length} numbers above 0`, scale);
  return build(center, scale);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isFinite);
}

function fault(code: "unsupported" | "malformed", member: string, expected: string, got: unknown): FormatError {
  const cure = "Store the scaler again with toJSON().";
  return new FormatError(code, `"${member}" of a scaler expected ${expected}, got ${show(got)}. ${cure}`);
}

function checkRange(range: unknown): readonly [number, number] {
  expectType(Array.isArray(range) && range.length === 2, "range", "two numbers", range);
  const [low, high] = range as unknown[];
  const from = expectNumber("range[0]", low);
  expectRange(expectNumber("range[1]", high) > from, "range[1]", `a number above ${from}`, high);
  return [from, high as number];
}

function extremesOf(values: Float64Array): { least: number; most: number } {
  let [least, most] = [Infinity, -Infinity];
  for (const x of values) [least, most] = [Math.min(least, x), Math.max(most, x)];
  return { least, most };
}

/** Of sorted numbers, between two neighbours in proportion, as NumPy's. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  return low + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)]! - low);
}

function kindOf(measure: (values: Float64Array) => { center: number; scale: number }): ScalerKind {
  return Object.freeze({
    fit(data: Scalable, options: { readonly lengths?: readonly number[] | Int32Array } = {}): Scaler {
      expectOptions("fit", options, ["lengths"]);
      const measured = featuresOf(data, options.lengths).map((values, f) => {
        const feature = `data, feature ${f}`;
        const infinite = values.find((x) => !Number.isFinite(x));
        expectRange(infinite === undefined, feature, "finite numbers", infinite);
        expectRange(values.length > 0, feature, "at least one number", "none");
        const { least, most } = extremesOf(values);
        // Rounding may have given a constant feature a scale.
        const { center, scale } = measure(values);
        return { center, scale: least < most && scale > 0 ? scale : 1 };
      });
      return build(
        measured.map(({ center }) => center),
        measured.map(({ scale }) => scale),
      );
    },
  });
}

/** Numbers side by side, `width` to a step; undefined where they are flat. */
interface Piece {
  readonly name: string;
  readonly data: Float32Array | readonly number[];
  readonly width: number | undefined;
}

/** The pieces of data, in order. @throws TypeError on another kind */
function piecesOf(name: string, value: unknown): Piece[] {
  if (isTensor(value) || value instanceof Float32Array || isRow(value)) return [pieceOf(name, value)];
  expectType(Array.isArray(value), name, "a tensor of Float32Array, a Float32Array or nested arrays of numbers", value);
  return value.flatMap((one, i) => piecesOf(`${name}[${i}]`, one));
}

function pieceOf(name: string, value: Tensor<Float32Array | Int32Array> | Float32Array | readonly number[]): Piece {
  if (!isTensor(value)) return { name, data: value, width: value instanceof Float32Array ? undefined : value.length };
  expectTensor(name, value);
  const { data, shape } = value;
  expectType(data instanceof Float32Array, `${name}.data`, "a Float32Array", data);
  return { name, data, width: shape.length < 2 ? undefined : shape.at(-1)! };
}

function isRow(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((x) => typeof x === "number");
}

/** The numbers of each feature, gaps and padding left out. */
function featuresOf(data: Scalable, lengths: readonly number[] | Int32Array | undefined): Float64Array[] {
  const pieces = lengths === undefined ? piecesOf("data", data) : sequencesOf(data, lengths);
  const F = pieces[0]?.width ?? 1;
  expectRange(pieces.length > 0 && F > 0, "data", "at least one number", "none");
  const features = Array.from({ length: F }, (): number[] => []);
  for (const { name, data: numbers, width = F } of pieces) {
    const fits = width === F && numbers.length % F === 0;
    expectRange(fits, name, `${F} features, as there are before it`, width === F ? numbers.length : width);
    numbers.forEach((x, i) => {
      if (!Number.isNaN(x)) features[i % F]!.push(x);
    });
  }
  return features.map((values) => Float64Array.from(values));
}

/** The sequences of a padded tensor, without the padding. */
function sequencesOf(value: Scalable, lengths: readonly number[] | Int32Array): Piece[] {
  const isPadded = isTensor(value) && value.shape.length === 3;
  expectType(isPadded, "data", "a tensor [batch, time, features], because there are lengths", value);
  const { data } = pieceOf("data", value);
  const [B = 0, T = 0, F = 0] = value.shape;
  expectRange(lengths.length === B, "lengths", `${B} integers, one a sequence`, lengths);
  return Array.from(lengths, (length, b) => {
    const steps = expectInteger(`lengths[${b}]`, length, 1, T);
    return { name: `data[${b}]`, data: data.slice(b * T * F, (b * T + steps) * F), width: F };
  });
}

/** Each number changed, in the same form: `change` is given the place of the number among those of its piece. */
function mapNumbers(name: string, value: unknown, C: number, change: (x: number, i: number) => number): unknown {
  if (isTensor(value) || value instanceof Float32Array || isRow(value)) {
    const { data, width = data.length } = pieceOf(name, value);
    expectRange(width % C === 0, name, `${C} features, or that several times`, width);
    const changed = data instanceof Float32Array ? data.map(change) : data.map(change);
    return isTensor(value) ? tensor(changed as Float32Array, value.shape) : changed;
  }
  expectType(Array.isArray(value), name, "a tensor of Float32Array, a Float32Array or nested arrays of numbers", value);
  return value.map((one, i) => mapNumbers(`${name}[${i}]`, one, C, change));
}

function build(center: readonly number[], scale: readonly number[]): Scaler {
  const json: ScalerJSON = Object.freeze({
    kind: "scaler",
    center: Object.freeze([...center]),
    scale: Object.freeze([...scale]),
  });
  const apply = <D extends Scalable>(
    data: D,
    options: ScaleOptions,
    change: (x: number, center: number, scale: number) => number,
  ): D => {
    expectOptions("scaler", options, ["columns"]);
    const columns = readColumns("columns", options.columns, center.length);
    const C = columns.length;
    const at = (x: number, i: number) => change(x, json.center[columns[i % C]!]!, json.scale[columns[i % C]!]!);
    return mapNumbers("data", data, C, at) as D;
  };
  return Object.freeze({
    center: json.center,
    scale: json.scale,
    transform: <D extends Scalable>(data: D, options: ScaleOptions = {}): D =>
      apply(data, options, (x, middle, size) => (x - middle) / size),
    inverse: <D extends Scalable>(data: D, options: ScaleOptions = {}): D =>
      apply(data, options, (x, middle, size) => x * size + middle),
    toJSON: () => json,
  });
}
