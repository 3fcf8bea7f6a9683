// Captioning: a picture of a digit in, its name out, letter by letter: one vector to many steps, by an EncoderDecoder.
import { createRequire } from "node:module";
import {
  adam,
  characterTokenizer,
  crossEntropy,
  dense,
  embedding,
  EncoderDecoder,
  gru,
  splitData,
  tensor,
} from "unrolled";
import { heading, progress, quick, report, table } from "../common.js";

const names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

// ---- data: 10,000 pictures of 28 × 28 pixels from 0 to 1, in one long list for each digit

const require = createRequire(import.meta.url);
const size = 28 * 28;
/** @type {number[]} */
const pixels = [];
/** @type {number[]} */
const digits = [];
for (let digit = 0; digit < 10; digit++) {
  /** @type {{ data: number[] }} */
  const { data } = require(`mnist/src/digits/${digit}.json`);
  for (let from = 0; from + size <= data.length; from += quick ? 2 * size : size) {
    for (let i = from; i < from + size; i++) pixels.push(data[i]);
    digits.push(digit);
  }
}
const letters = characterTokenizer(names.join(""));
const [start, stop] = [letters.size, letters.size + 1];
const { train, test } = splitData(
  {
    inputs: tensor(Float32Array.from(pixels), [digits.length, size]),
    targets: digits.map((digit) => letters.encode(names[digit])),
    digits: Int32Array.from(digits),
  },
  { test: 0.2, stratify: digits, seed: 1 },
);
console.log(
  `${digits.length.toLocaleString("en")} handwritten digits, a fifth held out; names of ${letters.size} letters`,
);

// ---- network: dense layers see the whole picture, and what they make of it begins the state of a GRU that spells

const net = new EncoderDecoder({
  encoder: { input: { features: size }, layers: [dense(128, { activation: "relu" })] },
  decoder: {
    input: { tokens: letters.size + 2 },
    layers: [embedding(16), gru(64), dense(letters.size + 2)],
    ...{ start, stop },
  },
  seed: 1,
});
console.log(net.summary());
const epochs = quick ? 3 : 8;
const steps = (epochs * train.digits.length) / 32;
const pairs = (/** @type {typeof train} */ { inputs, targets }) => ({ inputs, targets });
await net.fit(pairs(train), {
  loss: crossEntropy(),
  optimizer: adam(),
  learningRate: (step) => 0.003 * Math.max(0.02, 1 - step / steps),
  clipNorm: 1,
  epochs,
  validation: pairs(test), // shown, not used
  ...progress(epochs),
});

// ---- captions

const captions = net.generate(test.inputs, { maxLength: 8 }).map(({ tokens }) => letters.decode(tokens));
const isRight = captions.map((caption, i) => caption === names[test.digits[i]]);

heading("what it makes of some");
const shown = [isRight.indexOf(true), isRight.lastIndexOf(true), isRight.indexOf(false)];
for (let y = 2; y < 26; y += 2) {
  // Two rows of pixels to a line, as characters are twice as high as wide.
  const pictures = shown.map((i) =>
    Array.from({ length: 28 }, (_, x) => {
      const at = i * size + y * 28 + x;
      return " ░▒▓█"[Math.round((test.inputs.data[at] + test.inputs.data[at + 28]) * 2)];
    }).join(""),
  );
  console.log(pictures.join("  ").trimEnd());
}
console.log(
  shown
    .map((i) => `${captions[i]}${isRight[i] ? "" : ` (${names[test.digits[i]]})`}`.padEnd(30))
    .join("")
    .trimEnd(),
);

heading("words that are no names, and names that were taken for another");
const wrong = new Map();
captions.forEach((caption, i) => {
  if (isRight[i]) return;
  const key = `${names[test.digits[i]]} → ${caption}`;
  wrong.set(key, (wrong.get(key) ?? 0) + 1);
});
const most = [...wrong].sort((a, b) => b[1] - a[1]).slice(0, 8);
console.log(table(most.map(([key, n]) => [key, String(n)])));
const unknown = captions.filter((caption) => !names.includes(caption)).length;
console.log(`${unknown} of ${captions.length} captions are no name of a digit`);

// ---- result

/** The share named right by the nearest mean picture: what is to be had without a network. */
function nearestMean() {
  const sums = names.map(() => new Float64Array(size + 1)); // behind the sums the number of pictures
  train.digits.forEach((digit, n) => {
    for (let i = 0; i < size; i++) sums[digit][i] += train.inputs.data[n * size + i];
    sums[digit][size]++;
  });
  const hits = test.digits.filter((digit, n) => {
    const distances = sums.map((sum) => {
      let distance = 0;
      for (let i = 0; i < size; i++) distance += (sum[i] / sum[size] - test.inputs.data[n * size + i]) ** 2;
      return distance;
    });
    return distances.indexOf(Math.min(...distances)) === digit;
  });
  return hits.length / test.digits.length;
}

report(`mnist: ${digits.length.toLocaleString("en")} images`, [
  {
    measure: "names spelled right, all letters",
    reached: isRight.filter(Boolean).length / isRight.length,
    atLeast: quick ? 0.86 : 0.94,
    baseline: ["nearest mean image", nearestMean()],
  },
]);
