/** Pictures of a series: what is to come, or what was forecast beside what came. */

import { tensor, type Tensor } from "../../index.ts";
import { writePlot } from "../output/plot.ts";
import type { Forecast, Forecaster, SeriesTask } from "./series.ts";

/** Draws the end of a series, and the forecast of the steps after it. @param times of all rows and of the steps */
export async function drawForecast(
  file: string,
  task: SeriesTask,
  series: Tensor,
  { values, quantiles }: Forecast,
  times?: readonly string[],
): Promise<void> {
  const { window, horizon, columns } = task;
  const all = targetOf(series);
  const T = all.length;
  // What the network reads, as long as there is room beside it to see the forecast.
  const before = Math.max(3 * horizon, Math.min(window, Math.max(30, 12 * horizon)));
  const from = Math.max(0, T - before);
  const steps = horizon === 1 ? "the next step" : `the next ${horizon} steps`;
  await writePlot(file, {
    ...{ title: `${columns[0]!}: ${steps}`, x: axisOf(task, times), y: columns[0]!, names: times, mark: T },
    curves: [
      { name: "history", values: all.subarray(from), from: from + 1 },
      { name: "forecast", values: [all[T - 1]!, ...values], from: T },
    ],
    ...bandOf(task, quantiles, T + 1),
  });
}

/** Rows that a picture has room for. */
const MOST_ROWS = 240;

/** Draws the end of a series, with forecasts one after another, each from the window before it. @param times of all rows */
export async function drawForecasts(
  file: string,
  forecaster: Forecaster,
  series: Tensor,
  times?: readonly string[],
): Promise<void> {
  const { window, horizon, columns } = forecaster.kept;
  const all = targetOf(series);
  const [T = 0, F = 1] = series.shape;
  const count = Math.min(Math.floor((T - window) / horizon), Math.max(1, Math.floor(MOST_ROWS / horizon)));
  const begin = T - count * horizon;
  const starts = Array.from({ length: count }, (_, k) => begin + k * horizon - window);
  const empty = new Float32Array(horizon).fill(NaN);
  const pieces = starts.map((start) => {
    const inputs = series.data.slice(start * F, (start + window) * F);
    return inputs.some(Number.isNaN) ? undefined : forecaster.forecast(tensor(inputs, [1, window, F]));
  });
  const joined = (part: (piece: Forecast) => Float32Array | undefined) =>
    Float32Array.from(pieces.flatMap((piece) => [...((piece && part(piece)) ?? empty)]));
  const quantiles = forecaster.kept.quantiles.map((_, q) => joined((piece) => piece.quantiles[q]));
  const steps = horizon === 1 ? "one step" : `${horizon} steps`;
  await writePlot(file, {
    ...{
      title: `${columns[0]!}: ${steps} ahead, and what came`,
      x: axisOf(forecaster.kept, times),
      y: columns[0]!,
      names: times,
    },
    curves: [
      { name: "truth", values: all.subarray(begin), from: begin + 1 },
      { name: "forecast", values: joined((piece) => piece.values), from: begin + 1 },
    ],
    ...bandOf(forecaster.kept, quantiles, begin + 1),
  });
}

function axisOf({ time }: SeriesTask, times: readonly string[] | undefined): string {
  return (times && time) ?? "row";
}

function targetOf({ data, shape }: Tensor): Float32Array {
  const F = shape[1]!;
  return data.filter((_, i) => i % F === 0);
}

function bandOf({ quantiles }: SeriesTask, values: readonly Float32Array[], from: number) {
  const [low, high] = [values[0], values.at(-1)];
  if (!low || !high || quantiles.length < 2) return {};
  return { band: { name: `quantiles ${quantiles[0]!} to ${quantiles.at(-1)!}`, low, high, from } };
}
