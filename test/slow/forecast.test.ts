/** Forecasts that feed on themselves: a sine, and the chaotic Mackey–Glass series. */

import { expect, test } from "vitest";
import {
  adam,
  dense,
  elman,
  lstm,
  meanSquaredError,
  Network,
  oneCycle,
  Random,
  standardScaler,
  tensor,
  windows,
} from "../../bindings/index.ts";
import { normalizedError, prove, trainFor, varianceOf } from "./proof.ts";
import { mackeyGlass } from "./tasks.ts";

const loss = meanSquaredError();

/** Windows of one series or several, each step's target the next step. */
function nextSteps(series: Float32Array | Float32Array[], length: number, stride: number) {
  const { inputs } = windows(series, { length: length + 1, stride });
  const [count = 0] = inputs.shape;
  const from = (first: number) => {
    const part = new Float32Array(count * length);
    for (let b = 0; b < count; b++) {
      const start = b * (length + 1) + first;
      part.set(inputs.data.subarray(start, start + length), b * length);
    }
    return tensor(part, [count, length, 1]);
  };
  return { inputs: from(0), targets: from(1) };
}

/**
 * Reads `known` steps of each series, then goes on alone for `horizon` steps, each forecast being the next input.
 * @returns forecasts, the values of the series, and the last known value as forecast: each (horizon, series)
 */
function goOn(net: Network, series: readonly Float32Array[], known: number, horizon: number) {
  const stream = net.stream({ batch: series.length });
  const at = (t: number) => Float32Array.from(series, (one) => one[t]!);
  const [forecast, actual, persistence]: [number[], number[], number[]] = [[], [], []];
  for (let t = 0; t < known - 1; t++) stream.step(at(t));
  let next = at(known - 1);
  for (let t = known; t < known + horizon; t++) {
    next = stream.step(next).slice();
    forecast.push(...next);
    actual.push(...at(t));
    persistence.push(...at(known - 1));
  }
  return { forecast, actual, persistence };
}

test("a sine of any phase goes on for four periods", (context) => {
  const period = 25;
  const random = new Random(1);
  const wave = () => {
    const phase = random.uniform(0, 2 * Math.PI);
    return Float32Array.from({ length: 151 }, (_, t) => Math.sin((2 * Math.PI * t) / period + phase));
  };
  const waves = (count: number) => Array.from({ length: count }, wave);
  const net = new Network({ input: { features: 1 }, layers: [elman(16), dense(1)], seed: 1 });
  const steps = 1_000;
  const took = trainFor(steps, net, nextSteps(waves(500), 100, 51), {
    ...{ loss, optimizer: adam({ learningRate: 0.01 }), schedule: oneCycle({ steps }), batchSize: 16, clipNorm: 1 },
  });
  const { forecast, actual, persistence } = goOn(net, waves(100), 50, 4 * period);
  const variance = varianceOf(actual);
  expect(variance).toBeCloseTo(0.5, 2);
  prove(context, {
    ...{ task: "sine, 100 steps free running", model: "Elman 16", measure: "NRMSE", ...took },
    ...{ reached: normalizedError(forecast, actual, variance), threshold: { below: 0.05 } },
    ...{ baseline: normalizedError(persistence, actual, variance), baselineOf: "persistence" },
  });
});

test("Mackey–Glass, τ = 17: 84 steps free running", (context) => {
  const series = mackeyGlass(6_000, 1);
  const scaler = standardScaler().fit(series.subarray(0, 5_000));
  const scaled = scaler.transform(series);
  const [past, future] = [scaled.subarray(0, 5_000), scaled.subarray(5_000)];
  const net = new Network({ input: { features: 1 }, layers: [lstm(32, { forgetBias: 1 }), dense(1)], seed: 1 });
  const steps = 6_000;
  const took = trainFor(steps, net, nextSteps(past, 100, 10), {
    ...{ loss, optimizer: adam({ learningRate: 0.01 }), schedule: oneCycle({ steps }), batchSize: 16, clipNorm: 1 },
  });
  const [known, horizon, count] = [100, 84, 50];
  const pieces = Array.from({ length: count }, (_, k) => future.subarray(16 * k, 16 * k + known + horizon));
  const { forecast, actual, persistence } = goOn(net, pieces, known, horizon);
  const variance = varianceOf(future);
  const common = { task: "Mackey–Glass, τ = 17, free running", model: "LSTM 32", baselineOf: "persistence", ...took };
  const error = (from: number, values: readonly number[]) =>
    normalizedError(values.slice(from * count), actual.slice(from * count), variance);
  prove(context, {
    ...{ ...common, measure: "NRMSE, steps 1 to 84" },
    ...{ reached: error(0, forecast), baseline: error(0, persistence), threshold: { below: 0.1 } },
  });
  prove(context, {
    ...{ ...common, measure: "NRMSE, step 84" },
    ...{ reached: error(horizon - 1, forecast), baseline: error(horizon - 1, persistence), threshold: { below: 0.15 } },
  });
});
