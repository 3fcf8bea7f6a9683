/**
 * Forecasting: a window of a series comes in, the steps that follow it come out. What the network learns is how far they are from
 * the seasonal-naive forecast, what was one season ago (season 1: the last value), in units of the scaled target.
 */

import {
  columnStack,
  dense,
  dropout,
  last,
  meanAbsoluteErrorOf,
  meanSquaredError,
  Network,
  quantile,
  rootMeanSquaredError,
  scalerFromJSON,
  seasonalNaive,
  standardScaler,
  tensor,
  windows,
  type Scaler,
  type ScalerJSON,
  type Tensor,
  type TrainingData,
} from "../../index.ts";
import { about, UsageError } from "../errors.ts";
import { nameOf } from "../input/files.ts";
import { readTable, type Table, type TableOptions } from "../input/table.ts";
import { interpolate } from "../input/gaps.ts";
import { formatNumber, percent, table as tableText, type Report } from "../output/table.ts";
import { countOf, formatCount } from "../output/text.ts";
import { drawForecasts } from "./seriesPlot.ts";
import { recurrent, type NetworkOptions } from "./network.ts";
import {
  brokenTask,
  isCount,
  isListOf,
  keepTask,
  keptTask,
  type EvaluateOptions,
  type Lesson,
  type Missing,
  type TaskModel,
} from "./task.ts";

export interface SeriesOptions extends NetworkOptions, TableOptions {
  readonly target?: string;
  readonly features?: readonly string[];
  readonly time?: string;
  readonly window?: number;
  readonly horizon: number;
  readonly season: number;
  readonly quantiles: readonly number[];
  readonly missing: Missing;
  readonly validation: number;
  readonly test: number;
  readonly batch: number;
}

/** What the file keeps. */
export interface SeriesTask {
  readonly kind: "series";
  /** The target first; each with the same place in the scaler. */
  readonly columns: readonly string[];
  readonly time?: string;
  readonly window: number;
  readonly horizon: number;
  readonly season: number;
  /** Ascending, 0.5 among them; none: the mean is forecast. */
  readonly quantiles: readonly number[];
  readonly scaler: ScalerJSON;
  /** Mean absolute error of the seasonal-naive forecast of one step, over what was learnt from: what MASE divides by. */
  readonly naiveError: number;
}

// ---- training

export async function prepareSeries(path: string, options: SeriesOptions): Promise<Lesson> {
  const { horizon, season, missing } = options;
  const { window = Math.max(24, 2 * season, 2 * horizon) } = options;
  if (season > window) throw new UsageError(`--season ${season} is longer than --window ${window}: raise --window`);
  const table = await readTable(path, options);
  const columns = chooseColumns(table, options);
  const series = readColumns(table, columns, missing);
  const T = table.rows;
  const [trained, validated] = cutsOf(T, options);
  return about(nameOf(path), () => {
    const past = filled(rowsOf(series, 0, trained), missing);
    const whole = filled(series, missing);
    expectLength(trained, window + horizon, "to learn from", "--window or --horizon");
    const scaler = standardScaler().fit(past); // it has no way to see the rest
    const task: SeriesTask = {
      ...{ kind: "series", columns, ...(options.time !== undefined && { time: options.time }) },
      ...{ window, horizon, season, quantiles: options.quantiles, scaler: scaler.toJSON() },
      naiveError: naiveErrorOf(past, season),
    };
    const net = createNetwork(columns.length, task, options);
    keepTask(net, task);
    const model = new Forecaster(net, task, scaler);
    const cut = (from: number, to: number) => {
      if (to === from) return undefined;
      expectLength(to - from, horizon, "held out", "--horizon, or raise --validation or --test");
      return windowsOf(rowsOf(whole, Math.max(0, from - window), to), task);
    };
    const training = windowsOf(past, task);
    const [validation, test] = [cut(trained, validated), cut(validated, T)];
    const measured = test ?? validation;
    const counts = `${formatCount(trained)} to learn from, ${formatCount(T - trained)} held out`;
    return {
      net,
      loss: lossOf(task),
      training: model.examples(training),
      heldOut: validation && model.examples(validation),
      about: `${nameOf(path)}: ${countOf(T, "row")}, ${counts}\n${describeForecast(task).join("\n")}`,
      terms: { unit: "window" },
      unitsOf: examplesOf(training.inputs.shape[0]!, options.batch),
      ...(measured && { measure: () => model.measure(measured, test ? "the test part" : "the part held out") }),
      next: (file) => `forecast with it: unrolled forecast ${file} ${path}`,
    };
  });
}

/** How many examples a step has: the last of an epoch may have fewer. */
export function examplesOf(count: number, batchSize: number): Lesson["unitsOf"] {
  return ({ batch }) => Math.min(batchSize, count - batch * batchSize);
}

/** The target first, then what else is learnt from. */
function chooseColumns(table: Table, { target, features, time }: SeriesOptions): readonly string[] {
  const numeric = table.columns.filter((column) => column !== time && table.kindOf(column) === "number");
  const chosen = target ?? numeric[numeric.length - 1];
  if (chosen === undefined) throw new UsageError(`${table.name}: no column is all numbers: name one with --target`);
  for (const column of [chosen, ...(features ?? []), ...(time === undefined ? [] : [time])]) table.kindOf(column);
  if (time !== undefined && [chosen, ...(features ?? [])].includes(time)) {
    throw new UsageError(`--time ${time} is among the columns to learn from: leave it out of --target and --features`);
  }
  return [...new Set([chosen, ...(features ?? numeric)])];
}

/** [time, columns], with NaN for what is missing, unless that is to fail. */
function readColumns(table: Table, columns: readonly string[], missing: Missing): Tensor {
  const isWhole = missing === "fail";
  try {
    return columnStack(columns.map((column) => table.numbers(column, isWhole)));
  } catch (error) {
    const isGap = isWhole && columns.some((column) => hasGaps(table, column));
    if (!isGap || !(error instanceof Error)) throw error;
    throw new Error(`${error.message}: give --missing drop or --missing interpolate`, { cause: error });
  }
}

function hasGaps(table: Table, column: string): boolean {
  try {
    return table.numbers(column).some(Number.isNaN);
  } catch {
    return false; // another field is at fault
  }
}

/** Rows to learn from, and where those to validate on end. The rest is the test part. */
function cutsOf(T: number, { validation, test }: SeriesOptions): [number, number] {
  if (validation + test >= 1) throw new UsageError("--validation and --test leave nothing to learn from: lower them");
  const validated = T - Math.round(test * T);
  return [validated - Math.round(validation * T), validated];
}

function expectLength(rows: number, needed: number, what: string, options: string): void {
  if (rows >= needed) return;
  throw new RangeError(`there are ${countOf(rows, "row")} ${what}, and ${needed} are needed: lower ${options}`);
}

function expectSteps({ shape }: Tensor, needed: number): void {
  if (shape[0]! < needed)
    throw new RangeError(`there are ${countOf(shape[0]!, "row")}, and the model needs ${needed}: give more`);
}

function rowsOf({ data, shape }: Tensor, from: number, to: number): Tensor {
  const F = shape[1]!;
  return tensor(data.subarray(from * F, to * F), [to - from, F]);
}

function filled(series: Tensor, missing: Missing): Tensor {
  return missing === "interpolate" ? interpolate(series) : series;
}

/** Windows in the unit of the data; those with a gap are left out. */
function windowsOf(series: Tensor, { window, horizon }: SeriesTask): Windows {
  return windows(series, { length: window, horizon, targets: [0], gaps: "skip" });
}

interface Windows {
  readonly inputs: Tensor;
  readonly targets: Tensor;
}

function naiveErrorOf({ data, shape }: Tensor, season: number): number {
  const [T = 0, F = 1] = shape;
  let [sum, count] = [0, 0];
  for (let t = season; t < T; t++) {
    const error = Math.abs(data[t * F]! - data[(t - season) * F]!);
    if (!Number.isNaN(error)) [sum, count] = [sum + error, count + 1];
  }
  return count > 0 ? sum / count : 0;
}

function createNetwork(features: number, { horizon, quantiles }: SeriesTask, options: NetworkOptions): Network {
  return new Network({
    input: { features },
    layers: [
      recurrent(options),
      last(),
      ...(options.dropout > 0 ? [dropout(options.dropout)] : []),
      dense(horizon * Math.max(1, quantiles.length)),
    ],
    seed: options.seed,
  });
}

function lossOf({ quantiles }: SeriesTask) {
  return quantiles.length > 0 ? quantile({ quantiles }) : meanSquaredError();
}

/** Lines. */
function describeForecast({ columns, window, horizon, season, quantiles }: SeriesTask): readonly string[] {
  const [target, ...others] = columns;
  const from = others.length === 0 ? "" : `, from it and ${others.join(", ")}`;
  return [
    `${countOf(horizon, "step")} of ${target!}${from}, after ${countOf(window, "step")}`,
    ...(season > 1 ? [`season: ${countOf(season, "step")}`] : []),
    ...(quantiles.length > 0 ? [`quantiles: ${quantiles.join(", ")}`] : []),
  ];
}

// ---- the model

/** A forecast of some steps, and, of each quantile, as many numbers. */
export interface Forecast {
  readonly values: Float32Array;
  /** In the order of the task's quantiles, never crossing. */
  readonly quantiles: readonly Float32Array[];
}

export class Forecaster implements TaskModel {
  readonly task = "series";
  readonly net: Network;
  readonly kept: SeriesTask;
  readonly #scaler: Scaler;

  constructor(net: Network, kept: SeriesTask, scaler = scalerFromJSON(kept.scaler)) {
    this.net = net;
    this.kept = kept;
    this.#scaler = scaler;
  }

  /** The series that a file has, in the columns of the model. */
  async read(
    path: string,
    { missing = "fail", ...options }: EvaluateOptions,
  ): Promise<{ table: Table; series: Tensor }> {
    const table = await readTable(path, options);
    return { table, series: filled(readColumns(table, this.kept.columns, missing), missing) };
  }

  /** What the network takes, and what it is to give. */
  examples({ inputs, targets }: Windows): TrainingData {
    const { horizon } = this.kept;
    const scaled = this.#scaler.transform(inputs);
    const actual = this.#scaler.transform(targets, { columns: [0] }).data;
    const naive = this.#naive(scaled).data;
    return {
      inputs: scaled,
      targets: tensor(
        actual.map((x, i) => x - naive[i]!),
        [inputs.shape[0]!, horizon],
      ),
    };
  }

  /** The forecast of each window, in the unit of the data, one after another. @param inputs [windows, window, columns] */
  forecast(inputs: Tensor): Forecast {
    const { quantiles } = this.kept;
    const Q = Math.max(1, quantiles.length);
    const scaled = this.#scaler.transform(inputs);
    const naive = this.#naive(scaled).data;
    const output = this.net.predict(scaled).data.map((x, i) => x + naive[Math.floor(i / Q)]!);
    if (Q > 1) sortEach(output, Q); // quantiles learnt one by one may cross
    const values = this.#scaler.inverse(output, { columns: [0] });
    const ofQuantile = quantiles.map((_, q) => values.filter((_, i) => i % Q === q));
    return { values: ofQuantile[quantiles.indexOf(0.5)] ?? values, quantiles: ofQuantile };
  }

  /** The forecast of the steps after a series. @throws Error when it is too short, or its last window has a gap */
  forecastNext(series: Tensor): Forecast {
    const { window } = this.kept;
    const [T = 0, F = 1] = series.shape;
    expectSteps(series, window);
    const inputs = series.data.slice((T - window) * F);
    if (inputs.some(Number.isNaN)) {
      throw new Error(`a number is missing in the last ${countOf(window, "row")}: give --missing interpolate`);
    }
    return this.forecast(tensor(inputs, [1, window, F]));
  }

  #naive(inputs: Tensor): Tensor {
    const { horizon, season } = this.kept;
    return seasonalNaive(inputs, { horizon, season, targets: [0] });
  }

  describe(): readonly string[] {
    const [first, ...others] = describeForecast(this.kept);
    return [`task: series, ${first!}`, ...others];
  }

  async evaluate(path: string, options: EvaluateOptions): Promise<Report> {
    const { table, series } = await this.read(path, options);
    const { window, horizon, time } = this.kept;
    const name = nameOf(path);
    const report = about(name, () => {
      expectSteps(series, window + horizon);
      return this.measure(windowsOf(series, this.kept), name);
    });
    if (options.plot !== undefined) {
      const times = time !== undefined && table.columns.includes(time) ? table.texts(time) : undefined;
      await drawForecasts(options.plot, this, series, times);
    }
    return report;
  }

  /** Errors beside those of the seasonal-naive forecast; how often the truth is within the interval. */
  measure({ inputs, targets }: Windows, where: string): Report {
    const { horizon, season, naiveError, quantiles } = this.kept;
    const forecast = this.forecast(inputs);
    const naive = this.#naive(inputs).data;
    const scores = (values: Float32Array) => {
      const mae = meanAbsoluteErrorOf(values, targets.data);
      const mase = naiveError > 0 ? mae / naiveError : null;
      return { mae, rmse: rootMeanSquaredError(values, targets.data), mase };
    };
    const [network, baseline] = [scores(forecast.values), scores(naive)];
    const interval = quantiles.length > 1 ? intervalScores(forecast, targets.data, quantiles) : undefined;
    const count = inputs.shape[0]!;
    const row = (name: string, { mae, rmse, mase }: typeof network) => [
      name,
      ...[mae, rmse, mase ?? NaN].map(formatNumber),
    ];
    const text = [
      `${where}: ${countOf(count, "forecast")} of ${countOf(horizon, "step")}\n`,
      tableText([
        ["", "MAE", "RMSE", "MASE"],
        row("network", network),
        row(season === 1 ? "last value" : `${season} steps ago`, baseline),
      ]),
      ...(interval ? [`\n${describeInterval(interval)}`] : []),
    ].join("\n");
    return {
      text,
      values: { task: "series", forecasts: count, horizon, network, baseline, ...(interval && { interval }) },
    };
  }
}

function sortEach(values: Float32Array, size: number): void {
  for (let i = 0; i < values.length; i += size) values.subarray(i, i + size).sort();
}

/** Of the outermost quantiles; the pinball loss is the mean over all. */
function intervalScores({ quantiles: forecasts }: Forecast, actual: Float32Array, quantiles: readonly number[]) {
  const [low, high] = [forecasts[0]!, forecasts.at(-1)!];
  const within = actual.filter((x, i) => x >= low[i]! && x <= high[i]!).length;
  let pinball = 0;
  quantiles.forEach((q, k) => {
    actual.forEach((x, i) => {
      const d = x - forecasts[k]![i]!;
      pinball += Math.max(q * d, (q - 1) * d);
    });
  });
  const [from, to] = [quantiles[0]!, quantiles.at(-1)!];
  return { from, to, coverage: within / actual.length, pinball: pinball / actual.length / quantiles.length };
}

function describeInterval({ from, to, coverage, pinball }: ReturnType<typeof intervalScores>): string {
  const expected = `${percent(coverage)} of the values are between quantiles ${from} and ${to} (${percent(to - from)} expected)`;
  return `${expected}\npinball loss ${formatNumber(pinball)}`;
}

// ---- files

/** The forecaster of a network; undefined if that has another task. @throws FormatError */
export function forecasterOf(net: Network): Forecaster | undefined {
  const kept = keptTask(net);
  if (kept?.kind !== "series") return undefined;
  return new Forecaster(net, checkTask(kept, net));
}

function checkTask(kept: Readonly<Record<string, unknown>>, { config }: Network): SeriesTask {
  const { columns, time, window, horizon, season, quantiles, scaler, naiveError } = kept;
  const isTime = time === undefined || typeof time === "string";
  if (!isListOf(columns, "string") || !isListOf(quantiles, "number") || !isTime || typeof naiveError !== "number") {
    throw brokenTask("it lacks a part");
  }
  if (!isCount(window) || !isCount(horizon) || !isCount(season) || season > window) throw brokenTask("a size is wrong");
  const scaling = scalerFromJSON(scaler as ScalerJSON).toJSON(); // which checks it
  const { length: features } = columns;
  const last = config.layers.at(-1);
  const outputs = last && "units" in last ? last.units : 0;
  const isSame = "features" in config.input && config.input.features === features && scaling.center.length === features;
  if (!isSame || outputs !== horizon * Math.max(1, quantiles.length)) {
    throw brokenTask("the network is of other columns or another horizon");
  }
  const sizes = { window, horizon, season };
  return {
    kind: "series",
    columns,
    ...(time !== undefined && { time }),
    ...sizes,
    quantiles,
    scaler: scaling,
    naiveError,
  };
}
