// Prices: tomorrow's S&P 500. Whether it rises is not to be told from its past, and this says so; how far it moves is.
import {
  adam,
  columnStack,
  dense,
  gaussianMixture,
  gru,
  last,
  Network,
  readCsv,
  rootMeanSquaredError,
  standardScaler,
  tensor,
  windows,
} from "unrolled";
import { heading, progress, quick, readData, report, table } from "../common.js";

// ---- data: twenty years; the last five are held out

const { date, open, high, low, close } = readCsv(readData("vega-datasets/data/sp500-2000.csv"), {
  columns: { date: "text", open: "number", high: "number", low: "number", close: "number" },
});
const days = date.length - 1;
/** @param {(day: number) => number} of from 1 on: a day and the one before it */
const daily = (of) => Float32Array.from({ length: days }, (_, i) => of(i + 1));
const returns = daily((day) => Math.log(close[day] / close[day - 1]));
const series = columnStack([
  returns,
  daily((day) => Math.log(Math.abs(Math.log(close[day] / close[day - 1])) + 1e-3)), // how far it moved
  daily((day) => Math.log(Math.log(high[day] / low[day]) + 1e-3)), // how far it moved within the day
  daily((day) => Math.log(Math.abs(Math.log(open[day] / close[day - 1])) + 1e-4)),
]);
const cut = Math.round(days * 0.75);
const length = quick ? 20 : 40;
const features = series.shape[1];
const scaler = standardScaler().fit(tensor(series.data.subarray(0, cut * features), [cut, features]));
const scaled = scaler.transform(series);
const part = (/** @type {number} */ from, /** @type {number} */ to) =>
  windows(tensor(scaled.data.subarray(from * features, to * features), [to - from, features]), {
    length,
    targets: [0],
  });
const [train, test] = [part(0, cut), part(cut - length, days)];
console.log(
  `S&P 500 on ${(days + 1).toLocaleString("en")} days, ${date[0]} to ${date[days]}; from ${date[cut + 1]} on held out`,
);

// ---- network: mean and standard deviation of tomorrow's return, by its likelihood

const net = new Network({ input: { features }, layers: [gru(16), last(), dense(3)], seed: 1 });
console.log(net.summary());
const epochs = quick ? 4 : 8;
const steps = (epochs * train.inputs.shape[0]) / 32;
await net.fit(train, {
  loss: gaussianMixture({ components: 1, dimensions: 1 }),
  optimizer: adam(),
  learningRate: (step) => 0.005 * Math.max(0.02, 1 - step / steps),
  averaging: { decay: 0.99 },
  clipNorm: 1,
  epochs,
  validation: test, // shown, not used
  ...progress(epochs),
});

// ---- the forecast beside those that need no network

const count = days - cut;
const [mean, scale] = [scaler.center[0], scaler.scale[0]];
const outputs = net.predict(test.inputs).data; // [weight, mean, log σ] of each day
const forecasts = Float32Array.from({ length: count }, (_, i) => outputs[3 * i + 1] * scale + mean);
const deviations = Float32Array.from({ length: count }, (_, i) => Math.exp(outputs[3 * i + 2]) * scale);
const actual = returns.subarray(cut);

/** The standard deviation of the 20 days before each. */
const ofMonth = Float32Array.from({ length: count }, (_, i) =>
  Math.sqrt(returns.subarray(cut + i - 20, cut + i).reduce((sum, r) => sum + r * r, 0) / 20),
);
/** Exponentially weighted, by 0.94 a day (RiskMetrics 1996). */
const weighted = new Float32Array(count);
for (let day = 1, variance = scale ** 2; day < days; day++) {
  variance = 0.94 * variance + 0.06 * returns[day - 1] ** 2;
  if (day >= cut) weighted[day - cut] = Math.sqrt(variance);
}

/** Negative log-likelihood in nats a day, of a return in %. @param {Float32Array} deviations @param {Float32Array} [means] */
const nats = (deviations, means = actual.map(() => mean)) =>
  actual.reduce((sum, r, i) => {
    const sigma = 100 * deviations[i];
    return sum + Math.log(sigma * Math.sqrt(2 * Math.PI)) + 0.5 * ((100 * (r - means[i])) / sigma) ** 2;
  }, 0) / count;

/** Prices of the days held out. @param {(i: number) => number} of */
const prices = (of) => Float32Array.from({ length: count }, (_, i) => of(i));
const before = prices((i) => close[cut + i]);
const truth = prices((i) => close[cut + i + 1]);
const network = prices((i) => before[i] * Math.exp(forecasts[i]));
const week = prices((i) => close.subarray(cut + i - 4, cut + i + 1).reduce((sum, x) => sum + x) / 5);
const calm = date.slice(cut + 1).findIndex((day) => day > "2020"); // days before the crash of that spring
/** @param {Float32Array} forecast @param {number} [to] */
const error = (forecast, to = count) => rootMeanSquaredError(forecast.subarray(0, to), truth.subarray(0, to));
const rises = (/** @type {(r: number, i: number) => boolean} */ of) =>
  ((100 * actual.filter(of).length) / count).toFixed(1);

heading("tomorrow's price: error in points");
console.log(
  table([
    ["", "all days", "without 2020"],
    ["today's price (persistence)", error(before).toFixed(2), error(before, calm).toFixed(2)],
    ["the network", error(network).toFixed(2), error(network, calm).toFixed(2)],
    ["the mean of five days", error(week).toFixed(2), error(week, calm).toFixed(2)],
  ]),
);
const ratio = error(network) / error(before);
console.log(
  `\nThe direction is right on ${rises((r, i) => r * forecasts[i] > 0)} % of the days; "it rises" on ${rises((r) => r > 0)} %.`,
);
console.log(
  ratio > 0.98
    ? "The network does not beat today's price: do not trade on it."
    : "The network beats today's price, by more than can be believed: look for the future in the inputs.",
);

heading("how far it moves: nats a day, less is better");
console.log(
  table([
    ["the network", nats(deviations).toFixed(3)],
    ["exponentially weighted, 0.94", nats(weighted).toFixed(3)],
    ["deviation of the last 20 days", nats(ofMonth).toFixed(3)],
    ["always the same", nats(actual.map(() => scale)).toFixed(3)],
  ]),
);

report(`S&P 500 on ${(days + 1).toLocaleString("en")} days`, [
  {
    measure: "price: error, in those of today's price (1 = no gain)",
    reached: ratio,
    atMost: 1.02,
    baseline: ["mean of five days", error(week) / error(before)],
  },
  {
    measure: "spread: likelihood of the return, nats a day",
    reached: nats(deviations),
    atMost: 1.18,
    baseline: ["exponentially weighted deviation", nats(weighted)],
  },
]);
