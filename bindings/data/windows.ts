import { tensor, type Tensor } from "../tensor.ts";
import { expectInteger, expectOneOf, expectOptions, expectRange } from "../validate.ts";
import { readColumns, readSeries, type Series, type Steps } from "./series.ts";

export interface WindowOptions {
  /** Steps of a window. */
  readonly length: number;
  /** Steps to forecast, those that follow the window. Default 1. */
  readonly horizon?: number;
  /** Steps from the beginning of a window to that of the next. Default 1. */
  readonly stride?: number;
  /** Columns to forecast, counted from 0. Default all. */
  readonly targets?: readonly number[];
  /** Where a number is missing (NaN): "refuse", or "skip" the windows that it lies in or is a target of. Default "refuse". */
  readonly gaps?: "refuse" | "skip";
}

/**
 * Windows over a series, each with the steps that follow it as its targets, for learning to forecast:
 *
 *     const [past, future] = splitSequence(series, [0.8, 0.2]);
 *     const train = windows(past, { length: 48, horizon: 24, targets: [0] });
 *     const net = new Network({ input: { features: 3 }, layers: [gru(32), last(), dense(24)] });
 *
 * Windows of one series overlap where (length + horizon) is more than the stride: cut the series before it is windowed, as above, or
 * leave ⌈(length + horizon) / stride⌉ − 1 windows out between training and validation: the `gap` of `splitData` and `kFold`.
 *
 * @param series one series, or several, such as one a place; no window reaches from one into the next, and one that is too short
 * gives none. Windows that lie side by side (a stride of `length`) are a view, others copies.
 * @returns inputs [windows, length, features]; targets [windows, horizon × columns], step after step: `tensor(targets.data,
 * [windows, horizon, columns])` are the same for a network whose output has time
 * @throws TypeError, RangeError on a wrong option or series, with the place of a gap, or when there is no window
 */
export function windows(
  series: Series | readonly Series[],
  options: WindowOptions,
): { readonly inputs: Tensor; readonly targets: Tensor } {
  expectOptions("windows", options, ["length", "horizon", "stride", "targets", "gaps"]);
  const { length, horizon = 1, stride = 1, gaps = "refuse" } = options;
  expectInteger("length", length, 1);
  expectInteger("horizon", horizon, 1);
  expectInteger("stride", stride, 1);
  expectOneOf("gaps", gaps, ["refuse", "skip"]);
  const all = readAll(series);
  const { F } = all[0]!;
  const columns = readColumns("targets", options.targets, F);
  for (const one of all) expectNumbers(one, gaps === "skip");
  const starts = all.map((one) => startsIn(one, { length, horizon, stride }, columns));
  const count = starts.reduce((sum, { length: n }) => sum + n, 0);
  const longest = all.reduce((most, { T }) => Math.max(most, T), 0);
  const least = `at least ${length + horizon} steps in a row${gaps === "skip" ? " without a gap" : ""}`;
  expectRange(count > 0, "series", `${least}, for a window of ${length} and a horizon of ${horizon}`, longest);
  return {
    inputs: tensor(inputsOf(all, starts, count, length), [count, length, F]),
    targets: tensor(targetsOf(all, starts, count, length, horizon, columns), [count, horizon * columns.length]),
  };
}

function readAll(series: unknown): readonly Steps[] {
  if (!Array.isArray(series)) return [readSeries("series", series)];
  expectRange(series.length > 0, "series", "at least one series", series);
  const all = Array.from(series, (one, i) => readSeries(`series[${i}]`, one));
  for (const { name, F } of all) expectRange(F === all[0]!.F, name, `${all[0]!.F} features, as series[0] has`, F);
  return all;
}

/** @throws RangeError with the place of the first number that is infinite or, unless they are skipped, missing */
function expectNumbers({ name, data, F }: Steps, skip: boolean): void {
  const at = data.findIndex((x) => !Number.isFinite(x) && !(skip && Number.isNaN(x)));
  if (at < 0) return;
  const place = `[${Math.floor(at / F)}, ${at % F}]`;
  const cure = Number.isNaN(data[at]) ? ': fill the gap, or leave its windows out by gaps: "skip"' : "";
  throw new RangeError(`"${name}" expected finite numbers, got ${data[at]!} at ${place}${cure}`);
}

/** Where in a series windows begin: at each stride, where there is no gap in the window and in its targets. */
function startsIn(
  steps: Steps,
  { length, horizon, stride }: Pick<Required<WindowOptions>, "length" | "horizon" | "stride">,
  columns: readonly number[],
): Int32Array {
  const { T, F } = steps;
  const inputGaps = countGaps(steps, readColumns("", undefined, F));
  const targetGaps = countGaps(steps, columns);
  const between = (gaps: Int32Array, from: number, to: number) => gaps[to]! - gaps[from]!;
  const count = Math.max(0, Math.floor((T - length - horizon) / stride) + 1);
  return Int32Array.from({ length: count }, (_, k) => k * stride).filter((start) => {
    const end = start + length;
    return between(inputGaps, start, end) + between(targetGaps, end, end + horizon) === 0;
  });
}

/** How many steps before each one lack a number in these columns. */
function countGaps({ data, T, F }: Steps, columns: readonly number[]): Int32Array {
  const counts = new Int32Array(T + 1);
  for (let t = 0; t < T; t++) {
    const missing = columns.some((f) => Number.isNaN(data[t * F + f]));
    counts[t + 1] = counts[t]! + (missing ? 1 : 0);
  }
  return counts;
}

function inputsOf(all: readonly Steps[], starts: readonly Int32Array[], count: number, length: number): Float32Array {
  const { data, F } = all[0]!;
  const size = length * F;
  const first = starts[0]!;
  const sideBySide = first.length === count && first.every((start, k) => start === first[0]! + k * length);
  if (sideBySide) return data.subarray(first[0]! * F, first[0]! * F + count * size);
  const inputs = new Float32Array(count * size);
  let at = 0;
  all.forEach((one, i) => {
    for (const start of starts[i]!) {
      inputs.set(one.data.subarray(start * F, start * F + size), at);
      at += size;
    }
  });
  return inputs;
}

function targetsOf(
  all: readonly Steps[],
  starts: readonly Int32Array[],
  count: number,
  length: number,
  horizon: number,
  columns: readonly number[],
): Float32Array {
  const targets = new Float32Array(count * horizon * columns.length);
  let at = 0;
  all.forEach(({ data, F }, i) => {
    for (const start of starts[i]!) {
      for (let t = start + length; t < start + length + horizon; t++) {
        for (const f of columns) targets[at++] = data[t * F + f]!;
      }
    }
  });
  return targets;
}
