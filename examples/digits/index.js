// Digits: a GRU reads handwritten digits row by row, 28 steps of 28 pixels, beside a feed-forward network on all pixels at once.
import { createRequire } from "node:module";
import { adam, crossEntropy, dense, gru, last, Network, splitData, tensor } from "unrolled";
import { heading, progress, quick, report } from "../common.js";

// ---- data: 10,000 images of 28 × 28 pixels from 0 to 1, in one long list for each digit

const require = createRequire(import.meta.url);
const size = 28 * 28;
/** @type {number[]} */
const pixels = [];
/** @type {number[]} */
const labels = [];
for (let digit = 0; digit < 10; digit++) {
  /** @type {{ data: number[] }} */
  const { data } = require(`mnist/src/digits/${digit}.json`);
  for (let from = 0; from + size <= data.length; from += quick ? 2 * size : size) {
    for (let i = from; i < from + size; i++) pixels.push(data[i]);
    labels.push(digit);
  }
}
const count = labels.length;
const targets = Int32Array.from(labels);
const rows = { inputs: tensor(Float32Array.from(pixels), [count, 28, 28]), targets };
const whole = { inputs: tensor(rows.inputs.data, [count, size]), targets };
const split = { test: 0.2, stratify: true, seed: 1 }; // the same images for both

console.log(`${count.toLocaleString("en")} handwritten digits, a fifth held out`);

// ---- both networks

const byRows = new Network({ input: { features: 28 }, layers: [gru(64), last(), dense(10)], seed: 1 });
const feedForward = new Network({
  input: { features: size },
  layers: [dense(64, { activation: "relu" }), dense(10)],
  seed: 1,
});

/**
 * Trains on four fifths and gives the share of the rest that is read right.
 * @param {Network} net @param {typeof rows} data @param {number} epochs
 */
async function learn(net, data, epochs) {
  const { train, test } = splitData(data, split);
  const optimizer = adam({ learningRate: 0.003 });
  console.log(net.summary());
  await net.fit(train, { loss: crossEntropy(), optimizer, epochs, validation: test, ...progress(epochs) });
  return net.evaluate(test, { loss: crossEntropy() }).accuracy ?? NaN;
}

heading("row by row");
const rowsAccuracy = await learn(byRows, rows, 4);
heading("all pixels at once");
const wholeAccuracy = await learn(feedForward, whole, 5);

// ---- one of them, row by row: what the network takes it for after each third of the rows

const { test } = splitData(rows, split);
const stream = byRows.stream();
heading(`a ${test.targets[0]}, row by row`);
for (let y = 0; y < 28; y++) {
  const row = test.inputs.data.slice(y * 28, y * 28 + 28);
  const outputs = stream.step(row);
  const drawn = [...row].map((pixel) => " ░▒▓█"[Math.round(pixel * 4)]).join("");
  console.log(`${drawn}  ${outputs.indexOf(Math.max(...outputs))}`);
}

// ---- result

/** The share read right by the nearest mean image: what is to be had without a network. */
function nearestMean() {
  const { train, test } = splitData(whole, split);
  const sums = Array.from({ length: 10 }, () => new Float64Array(size + 1)); // behind the sums the number of images
  train.targets.forEach((digit, n) => {
    for (let i = 0; i < size; i++) sums[digit][i] += train.inputs.data[n * size + i];
    sums[digit][size]++;
  });
  const hits = test.targets.filter((digit, n) => {
    const distances = sums.map((sum) => {
      let distance = 0;
      for (let i = 0; i < size; i++) distance += (sum[i] / sum[size] - test.inputs.data[n * size + i]) ** 2;
      return distance;
    });
    return distances.indexOf(Math.min(...distances)) === digit;
  });
  return hits.length / test.targets.length;
}

const baseline = /** @type {[string, number]} */ (["nearest mean image", nearestMean()]);
report(`mnist: ${count.toLocaleString("en")} images`, [
  { measure: "accuracy, GRU over rows", reached: rowsAccuracy, atLeast: quick ? 0.86 : 0.928, baseline },
  { measure: "accuracy, feed-forward", reached: wholeAccuracy, atLeast: quick ? 0.86 : 0.924, baseline },
]);
