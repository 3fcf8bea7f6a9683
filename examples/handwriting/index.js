// Handwriting: a bidirectional GRU follows the pen through a Chinese character and tells its radical.
import {
  adam,
  argmax,
  classScores,
  confusionMatrix,
  crossEntropy,
  dense,
  dropout,
  gru,
  last,
  Network,
  splitData,
} from "unrolled";
import { heading, progress, quick, report, table } from "../common.js";
import { characters, drawingOf, pen, read } from "../strokes.js";

// ---- data: Unicode lists characters by their radical, so each radical is a range; package "hanzi-writer-data"

/** Radicals, what they mean, and where the next one begins. */
const radicals = /** @type {const} */ ([
  ["人", "person", "儿"],
  ["口", "mouth", "囗"],
  ["女", "woman", "子"],
  ["心", "heart", "戈"],
  ["手", "hand", "支"],
  ["木", "tree", "欠"],
  ["水", "water", "火"],
  ["糸", "thread", "缶"],
  ["艸", "grass", "虍"],
  ["虫", "insect", "血"],
  ["言", "speech", "谷"],
  ["金", "metal", "長"],
]);
const chosen = characters().flatMap((character) => {
  const label = radicals.findIndex(([from, , to]) => character >= from && character < to);
  return label < 0 ? [] : [{ character, label, drawing: drawingOf(character) }];
});
const some = chosen.filter((_, i) => !quick || i % 3 === 0);
const split = splitData(
  { inputs: some.map(({ drawing }) => drawing.map(read)), targets: Int32Array.from(some, ({ label }) => label), some },
  { test: 0.2, stratify: true, seed: 1 },
);
const [train, test] = [split.train, split.test].map(({ inputs, targets }) => ({ inputs, targets }));
const points = some.reduce((sum, { drawing }) => sum + drawing.length, 0);
console.log(
  `${some.length.toLocaleString("en")} characters with ${radicals.length} radicals, ${points.toLocaleString("en")} points of the pen; a fifth held out`,
);

// ---- network

const net = new Network({
  input: { features: 5 },
  layers: [gru(64, { bidirectional: true }), last(), dropout(0.3), dense(radicals.length)],
  seed: 1,
});
console.log(net.summary());
const epochs = quick ? 5 : 15;
const steps = (epochs * train.inputs.length) / 32;
const loss = crossEntropy();
await net.fit(train, {
  loss,
  optimizer: adam(),
  learningRate: (step) => 0.01 * Math.max(0.02, 1 - step / steps),
  clipNorm: 1,
  epochs,
  validation: test, // shown, not used
  ...progress(epochs),
});
const found = argmax(net.predict(test.inputs)).data;
const accuracy = found.filter((label, i) => label === test.targets[i]).length / found.length;

// ---- what it takes for what

heading("by radical");
const { precision, recall } = classScores(confusionMatrix(found, test.targets, { classes: radicals.length }));
console.log(
  table([
    ["", "", "precision", "recall", "taken for another"],
    ...radicals.map(([radical, meaning], label) => {
      const missed = split.test.some.filter((one, i) => one.label === label && found[i] !== label);
      return [
        ...[radical, meaning, precision[label].toFixed(2), recall[label].toFixed(2)],
        Array.from(missed.slice(0, 8), ({ character }) => character).join(""),
      ];
    }),
  ]),
);

heading("while the pen moves: the radical told from the first strokes");
const long = split.test.some.filter(({ drawing, label }, i) => found[i] === label && drawing.length > 60);
for (const shown of [long[0], long[90], long[200], long[250]].filter(Boolean)) {
  const ends = shown.drawing.flatMap(([, , state], i) => (state === pen.down ? [] : [i + 1]));
  const told = argmax(net.predict(ends.map((end) => shown.drawing.slice(0, end).map(read)))).data;
  console.log(`${shown.character}: ${Array.from(told, (label) => radicals[label][0]).join(" ")}`);
}

// ---- without a network: the character whose picture is nearest

/** A picture of 12 × 12: how much of the line is in each field. @param {typeof train.inputs[number]} steps */
function picture(steps) {
  const fields = new Float32Array(144);
  let [x, y, isDown] = [5, 5, 0];
  for (const [dx, dy, down] of steps) {
    for (let part = 1; isDown && part <= 8; part++) {
      const [column, row] = [x + (dx * part) / 8, y + (dy * part) / 8].map((at) =>
        Math.floor(Math.min(11.9, at * 1.2)),
      );
      fields[row * 12 + column] += Math.sqrt(dx * dx + dy * dy) / 8;
    }
    [x, y, isDown] = [x + dx, y + dy, down];
  }
  const norm = Math.sqrt(fields.reduce((sum, value) => sum + value * value, 0));
  return fields.map((value) => value / norm);
}
const known = train.inputs.map(picture);
const nearest = test.inputs.map(picture).map((one) => {
  const closeness = known.map((other) => other.reduce((sum, value, i) => sum + value * one[i], 0));
  return train.targets[closeness.indexOf(Math.max(...closeness))];
});

report(`hanzi-writer-data: ${some.length.toLocaleString("en")} characters as strokes`, [
  {
    measure: "accuracy over 12 radicals",
    reached: accuracy,
    atLeast: quick ? 0.75 : 0.95,
    baseline: ["nearest picture", nearest.filter((label, i) => label === test.targets[i]).length / nearest.length],
  },
]);
