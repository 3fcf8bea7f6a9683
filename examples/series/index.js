// Classic series: airline passengers and sunspots, each month from those before it.
import { readFileSync } from "node:fs";
import {
  adam,
  adamw,
  dense,
  difference,
  gru,
  last,
  meanAbsolutePercentageError,
  meanSquaredError,
  Network,
  rootMeanSquaredError,
  seasonalNaive,
  standardScaler,
  windows,
} from "unrolled";
import { heading, progress, quick, report, table } from "../common.js";

/** @import { EpochReport } from "unrolled" */

/** @type {Record<"AirPassengers" | "sunspots", number[]>} */
const { AirPassengers, sunspots } = JSON.parse(
  readFileSync(new URL("../data/classic-series.json", import.meta.url), "utf8"),
);

/** Windows of the first steps for training; those whose targets are the rest. @param {Float32Array} series @param {number} cut @param {number} length */
function cutWindows(series, cut, length) {
  const scaler = standardScaler().fit(series.subarray(0, cut)); // it has no way to see the rest
  const scaled = scaler.transform(series);
  const train = windows(scaled.subarray(0, cut), { length });
  return { scaler, train, test: windows(scaled.subarray(cut - length), { length }) };
}

/** A GRU that reads a window and gives the number that follows. @param {number} units */
const forecaster = (units) => new Network({ input: { features: 1 }, layers: [gru(units), last(), dense(1)], seed: 1 });

/** Five lines of progress. @param {number} epochs */
function fewLines(epochs) {
  const { onStep, onEpoch } = progress(epochs);
  const each = Math.ceil(epochs / 5);
  return {
    onStep,
    onEpoch: (/** @type {EpochReport} */ one) => ((one.epoch + 1) % each === 0 ? onEpoch(one) : undefined),
  };
}

// ---- passengers: what is learnt is the growth over a year, log x(t) − log x(t − 12), from the growth of the 13 months before

heading("airline passengers, 144 months; the last three years held out");
const held = 36;
const from = AirPassengers.length - held;
const yearly = difference(Float32Array.from(AirPassengers, Math.log), 12);
const growth = cutWindows(yearly, yearly.length - held, 13);

const airline = forecaster(8);
console.log(airline.summary());
await airline.fit(growth.train, {
  loss: meanSquaredError(),
  optimizer: adamw({ learningRate: 0.01, weightDecay: 0.01 }),
  epochs: 60,
  batchSize: 16,
  ...fewLines(60),
});

const actual = AirPassengers.slice(from);
const lastYear = AirPassengers.slice(from - 12, -12);
const grown = growth.scaler.inverse(airline.predict(growth.test.inputs)).data;
const passengers = lastYear.map((x, i) => x * Math.exp(grown[i]));
const sameGrowth = lastYear.map((x, i) => (x * AirPassengers[from + i - 1]) / AirPassengers[from + i - 13]);
const percent = (/** @type {number[]} */ forecast) => 100 * meanAbsolutePercentageError(forecast, actual);
console.log("\nthousands of passengers in the last year");
console.log(
  table([
    ["", ..."JFMAMJJASOND"],
    ...Object.entries({ "it was": actual, forecast: passengers, "year before": lastYear }).map(([name, numbers]) => [
      name,
      ...numbers.slice(-12).map((x) => x.toFixed(0)),
    ]),
  ]),
);
console.log(`Last month's growth carried on, without a network, is ${percent(sameGrowth).toFixed(2)} % off.`);

// ---- sunspots: roots, so that the spread is alike at high and low numbers

heading("sunspots, 2,820 months; the last fifth held out");
const cut = Math.round(sunspots.length * 0.8);
const spots = cutWindows(Float32Array.from(sunspots, Math.sqrt), cut, 24);
const epochs = quick ? 8 : 20;
const steps = (epochs * spots.train.inputs.shape[0]) / 32;

const solar = forecaster(16);
console.log(solar.summary());
await solar.fit(spots.train, {
  loss: meanSquaredError(),
  optimizer: adam(),
  learningRate: (step) => 0.01 * Math.max(0.02, 1 - step / steps),
  averaging: { decay: 0.99 },
  epochs,
  clipNorm: 1,
  ...fewLines(epochs),
});
const { inputs, targets } = spots.test;
const squared = (/** @type {typeof targets} */ forecast) => rootMeanSquaredError(forecast, targets) ** 2;

report("R's AirPassengers (144 months) and sunspots (2,820)", [
  {
    measure: "passengers: mean absolute error, %",
    reached: percent(passengers),
    atMost: quick ? 5 : 4.3,
    baseline: ["same month of last year", percent(lastYear)],
    digits: 1,
  },
  {
    measure: "sunspots: squared error of the standardised root",
    reached: squared(solar.predict(inputs)),
    atMost: quick ? 0.14 : 0.133,
    baseline: ["last month's", squared(seasonalNaive(inputs))],
  },
]);
