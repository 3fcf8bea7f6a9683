// Weather: the next seven days' highest temperature in Seattle with an 80 % interval, by quantile loss.
import {
  adamw,
  columnStack,
  dense,
  dropout,
  gru,
  intervalCoverage,
  last,
  meanAbsoluteErrorOf,
  meanPinballLoss,
  Network,
  quantile,
  readCsv,
  standardScaler,
  tensor,
  windows,
} from "unrolled";
import { heading, progress, quick, readData, report, table } from "../common.js";

const [history, horizon] = [quick ? 14 : 28, 7];
const quantiles = [0.1, 0.5, 0.9];

// ---- data: four years of days, the last of them held out

const text = readData("vega-datasets/data/seattle-weather.csv");
const { date, temp_max, temp_min, wind, precipitation } = readCsv(text, {
  columns: { date: "text", temp_max: "number", temp_min: "number", wind: "number", precipitation: "number" },
});
const days = date.length;
const cut = date.indexOf("2015-01-01");
const season = date.map((_, day) => (2 * Math.PI * day) / 365.25);
const series = columnStack([
  ...[temp_max, temp_min, wind, precipitation.map(Math.log1p)],
  ...[Float32Array.from(season, Math.sin), Float32Array.from(season, Math.cos)],
]);
const { shape, data } = series;
const features = shape[1];
const past = tensor(data.subarray(0, cut * features), [cut, features]);
const future = tensor(data.subarray((cut - history) * features), [days - cut + history, features]); // its first targets are the new year's

const scaler = standardScaler().fit(past);
const options = { length: history, horizon, targets: [0] };
const train = windows(scaler.transform(past), options);
const test = windows(scaler.transform(future), options);
console.log(`${days.toLocaleString("en")} days in Seattle, ${date[0]} to ${date[days - 1]}; the last year is held out`);

// ---- network: quantiles of each of the seven days, those of a day side by side

const net = new Network({
  input: { features },
  layers: [gru(32), last(), dropout(0.2), dense(horizon * quantiles.length)],
  seed: 1,
});
console.log(net.summary());
const epochs = quick ? 8 : 12;
await net.fit(train, {
  loss: quantile({ quantiles }),
  optimizer: adamw({ learningRate: 0.003, weightDecay: 0.01 }),
  averaging: { decay: 0.99 },
  epochs,
  validation: test, // shown, not used
  ...progress(epochs),
});

// ---- forecasts in °C, [windows, days, quantiles], and the same from the season: quantiles of the days around this one in other years

const count = test.inputs.shape[0];
const forecast = scaler.inverse(net.predict(test.inputs), { columns: [0] }).data;
const truth = scaler.inverse(test.targets, { columns: [0] }).data;

/** The same days of the three years before, 7 to each side: their quantiles. @param {number} day */
function climate(day) {
  const around = [1, 2, 3].flatMap((years) =>
    Array.from({ length: 15 }, (_, i) => temp_max[day - Math.round(365.25 * years) + i - 7]),
  );
  const sorted = around.filter((x) => x !== undefined).sort((a, b) => a - b);
  return quantiles.map((q) => sorted[Math.floor(q * sorted.length)]);
}
const fromClimate = Float32Array.from(
  Array.from({ length: count * horizon }, (_, i) => cut + Math.floor(i / horizon) + (i % horizon)).flatMap(climate),
);
const lastYear = Float32Array.from(truth, (_, i) => temp_max[cut - 365 + Math.floor(i / horizon) + (i % horizon)]);
const lastDay = Float32Array.from(truth, (_, i) => temp_max[cut - 1 + Math.floor(i / horizon)]);

/** Forecasts of one quantile. @param {Float32Array} forecast @param {number} k */
const column = (forecast, k) => forecast.filter((_, i) => i % 3 === k);
/** @param {Float32Array} forecast */
const median = (forecast) => column(forecast, 1);
/** Share of days within the interval. @param {Float32Array} forecast */
const coverage = (forecast) => intervalCoverage(column(forecast, 0), column(forecast, 2), truth);
/** Mean width of the interval. @param {Float32Array} forecast */
const width = (forecast) => truth.reduce((sum, _, i) => sum + forecast[3 * i + 2] - forecast[3 * i], 0) / truth.length;

heading("mean absolute error in °C, by days ahead");
const methods = /** @type {const} */ ([
  ["the network's median", median(forecast)],
  ["the season (median of 15 days in 3 years)", median(fromClimate)],
  ["the same day of last year", lastYear],
  ["the last day known", lastDay],
]);
const ahead = Array.from({ length: horizon }, (_, h) => h);
/** @param {Float32Array} forecast @param {number} h */
const errorAt = (forecast, h) => {
  const at = (/** @type {Float32Array} */ numbers) => numbers.filter((_, i) => i % horizon === h);
  return meanAbsoluteErrorOf(at(forecast), at(truth)).toFixed(2);
};
console.log(
  table([
    ["days ahead", ...ahead.map((h) => String(h + 1))],
    ...methods.map(([name, forecast]) => [name, ...ahead.map((h) => errorAt(forecast, h))]),
  ]),
);

heading("one week");
const week = Math.floor(count / 2);
console.log(
  table(
    ahead.map((h) => {
      const i = week * horizon + h;
      const [low, middle, high] = forecast.subarray(3 * i, 3 * i + 3);
      const day = date[cut + week + h];
      return [
        day,
        `${low.toFixed(1)} to ${high.toFixed(1)} °C, likely ${middle.toFixed(1)}`,
        `it was ${truth[i].toFixed(1)}`,
      ];
    }),
  ),
);
const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;
console.log(
  `\nThe 80 % interval holds ${percent(coverage(forecast))} of the days and is ${width(forecast).toFixed(1)} °C wide; ` +
    `that of the season ${percent(coverage(fromClimate))} and ${width(fromClimate).toFixed(1)} °C`,
);

report(`vega-datasets: ${days.toLocaleString("en")} days of weather`, [
  {
    measure: "mean absolute error of 7 days, °C",
    reached: meanAbsoluteErrorOf(median(forecast), truth),
    atMost: quick ? 3 : 2.9,
    baseline: ["the season", meanAbsoluteErrorOf(median(fromClimate), truth)],
  },
  {
    measure: "pinball loss of the quantiles, °C",
    reached: meanPinballLoss(forecast, truth, quantiles),
    atMost: quick ? 0.93 : 0.9,
    baseline: ["the season", meanPinballLoss(fromClimate, truth, quantiles)],
  },
]);
