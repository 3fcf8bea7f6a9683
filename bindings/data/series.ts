/** Series of numbers in time: reading them, what is often done to them, and the forecast that others must beat. */

import { expectTensor, isTensor, showShape, tensor, type Tensor } from "../tensor.ts";
import { expectInteger, expectOptions, expectRange, expectType, wrongRange } from "../validate.ts";

/** Numbers (time) of one feature, or a tensor [time, features] or [time]. A gap is NaN. */
export type Series = Float32Array | Tensor;

/** A series with its shape. */
export interface Steps {
  readonly name: string;
  readonly data: Float32Array;
  readonly T: number;
  readonly F: number;
}

/** @throws TypeError on another kind, RangeError on another shape */
export function readSeries(name: string, value: unknown): Steps {
  if (value instanceof Float32Array) return { name, data: value, T: value.length, F: 1 };
  const expected = "a Float32Array or a tensor [time, features]";
  expectType(isTensor(value), name, expected, value);
  expectTensor(name, value);
  const { data, shape } = value;
  expectType(data instanceof Float32Array, `${name}.data`, "a Float32Array", data);
  const [T = 0, F = 1] = shape;
  const fits = (shape.length === 1 || shape.length === 2) && F > 0;
  if (!fits) throw new RangeError(`"${name}" expected shape [time, features], got ${showShape(shape)}`);
  return { name, data, T, F };
}

/** Columns of a series, all of them when undefined. */
export function readColumns(name: string, columns: unknown, F: number): readonly number[] {
  if (columns === undefined) return Array.from({ length: F }, (_, f) => f);
  expectType(Array.isArray(columns), name, "an array of columns", columns);
  expectRange(columns.length > 0, name, "at least one column", columns);
  return Array.from(columns, (column: unknown, i) => expectInteger(`${name}[${i}]`, column, 0, F - 1));
}

/** Data in the form of a series: T may be another. */
function inForm<S extends Series>(series: S, data: Float32Array, F: number): S {
  const T = data.length / F;
  const made = isTensor(series) ? tensor(data, series.shape.length === 1 ? [T] : [T, F]) : data;
  return made as S;
}

/**
 * Columns side by side: `columnStack([temperature, wind])` is a series of two features.
 * @param columns each (time), all of the same length
 * @returns [time, features]
 */
export function columnStack(columns: readonly Float32Array[]): Tensor {
  const given: unknown = columns;
  expectType(Array.isArray(given), "columns", "an array of Float32Array", given);
  expectRange(columns.length > 0, "columns", "at least one column", given);
  const F = columns.length;
  const T = columns[0]!.length;
  const data = new Float32Array(T * F);
  columns.forEach((column: unknown, f) => {
    expectType(column instanceof Float32Array, `columns[${f}]`, "a Float32Array", column);
    expectRange(column.length === T, `columns[${f}]`, `${T} numbers, as columns[0] has`, column);
    for (let t = 0; t < T; t++) data[t * F + f] = column[t]!;
  });
  return tensor(data, [T, F]);
}

/**
 * The mean of each `window` steps that follow one another, so that the result is window − 1 steps shorter: its step t is the mean
 * of the steps t … t + window − 1. A gap (NaN) makes the means over it NaN.
 * @throws RangeError when the series is shorter than the window
 */
export function movingAverage<S extends Series>(series: S, window: number): S {
  const { data, T, F } = readSeries("series", series);
  expectInteger("window", window, 1);
  expectRange(window <= T, "window", `at most the ${T} steps of the series`, window);
  const steps = T - window + 1;
  const means = new Float32Array(steps * F);
  for (let i = 0; i < means.length; i++) {
    let sum = 0; // anew for each: a running sum would drift, and keep a gap for ever
    for (let k = 0; k < window; k++) sum += data[i + k * F]!;
    means[i] = sum / window;
  }
  return inForm(series, means, F);
}

/**
 * What each step is more than the one `lag` steps before it: the result is `lag` steps shorter. With the season's length as lag it
 * takes the season away; `undoDifference` goes back.
 * @throws RangeError when the series has no more steps than the lag
 */
export function difference<S extends Series>(series: S, lag = 1): S {
  const { data, T, F } = readSeries("series", series);
  expectInteger("lag", lag, 1);
  expectRange(lag < T, "lag", `less than the ${T} steps of the series`, lag);
  const from = lag * F;
  const differences = Float32Array.from({ length: data.length - from }, (_, i) => data[i + from]! - data[i]!);
  return inForm(series, differences, F);
}

/**
 * The series of which `differences` are the differences, from the step after `before` on: for a forecast of differences,
 * `undoDifference(forecast, history, lag)` is the forecast of the series.
 * @param before the steps before it, of which the last `lag` count
 */
export function undoDifference<S extends Series>(differences: S, before: Series, lag = 1): S {
  const { data, F } = readSeries("differences", differences);
  const known = readSeries("before", before);
  expectInteger("lag", lag, 1);
  expectRange(known.F === F, "before", `${F} features, as "differences" has`, known.F);
  expectRange(known.T >= lag, "before", `at least ${lag} steps`, known.T);
  const from = lag * F;
  const series = new Float32Array(from + data.length);
  series.set(known.data.subarray((known.T - lag) * F));
  for (let i = 0; i < data.length; i++) series[from + i] = series[i]! + data[i]!;
  return inForm(differences, series.subarray(from), F);
}

export interface SeasonalNaiveOptions {
  /** Steps to forecast. Default 1. */
  readonly horizon?: number;
  /** Steps of a season; 1 repeats the last value. Default 1. */
  readonly season?: number;
  /** Columns to forecast. Default all. */
  readonly targets?: readonly number[];
}

/**
 * The forecast that what was one season ago comes again, for each window: a network that does no better has learnt nothing.
 *
 *     const { inputs, targets } = windows(series, { length: 48, horizon: 24 });
 *     rootMeanSquaredError(seasonalNaive(inputs, { horizon: 24, season: 24 }), targets);
 *
 * @param inputs [windows, length, features], as `windows` gives them
 * @returns [windows, horizon × columns], as the targets that `windows` gives
 * @throws TypeError, RangeError on a wrong shape or option, or a season that is longer than the windows
 */
export function seasonalNaive(inputs: Tensor, options: SeasonalNaiveOptions = {}): Tensor {
  expectOptions("seasonalNaive", options, ["horizon", "season", "targets"]);
  const { horizon = 1, season = 1, targets } = options;
  expectType(isTensor(inputs), "inputs", "a tensor [windows, length, features]", inputs);
  expectTensor("inputs", inputs);
  const { data, shape } = inputs;
  const [N = 0, L = 0, F = 0] = shape;
  if (shape.length !== 3) throw wrongRange("inputs", "shape [windows, length, features]", shape);
  expectInteger("horizon", horizon, 1);
  expectInteger("season", season, 1);
  expectRange(season <= L, "season", `at most the ${L} steps of a window`, season);
  const columns = readColumns("targets", targets, F);
  const forecast = new Float32Array(N * horizon * columns.length);
  let at = 0;
  for (let n = 0; n < N; n++) {
    for (let h = 0; h < horizon; h++) {
      const step = (n * L + L - season + (h % season)) * F;
      for (const column of columns) forecast[at++] = data[step + column]!;
    }
  }
  return tensor(forecast, [N, horizon * columns.length]);
}
