// Text by characters: an LSTM learns to write like Shakespeare's "As You Like It" in about a minute; also `npm start`.
// UNROLLED_QUICK=1 makes it a matter of seconds.
import { readFileSync, writeFileSync } from "node:fs";
import cliProgress from "cli-progress";
import {
  adam,
  characterTokenizer,
  crossEntropy,
  dense,
  dropout,
  embedding,
  generateText,
  languageModelData,
  lstm,
  Network,
  splitSequence,
} from "unrolled";
import { compareSpeed } from "../../bench/plain/compare.js";
import { quick, report } from "../common.js";

const epochs = quick ? 2 : 26;
const samplesAfter = quick ? [2] : [1, 3, 8, 16];
const output = "as-you-like-it.safetensors";

const text = readFileSync(new URL("../data/asyoulik.txt", import.meta.url), "utf8");
const tokenizer = characterTokenizer(text);
const [training, heldOut] = splitSequence(tokenizer.encode(text), [0.9, 0.1]);

// 32 streams of consecutive text are read side by side; the state is carried from one chunk of 64 characters to the next.
const data = languageModelData(training, { batch: 32 });
const validation = languageModelData(heldOut, { batch: 8 });

const net = new Network({
  input: { tokens: tokenizer.size },
  layers: [embedding(32), lstm(128), dropout(0.25), dense(tokenizer.size)],
  seed: 1,
});

console.log(
  `As You Like It: ${text.length.toLocaleString("en")} characters, ${tokenizer.size} different ones, a tenth held out\n`,
);
console.log(net.summary());

/** @param {number} nats */
const bits = (nats) => (nats / Math.LN2).toFixed(2);
const write = (length = 240) =>
  generateText(net, tokenizer, { prompt: "ROSALIND\t", length, temperature: 0.7, seed: 1 });
/** @param {string} title */
const show = (title) => console.log(`\n── ${title} ──\nROSALIND\t${write()}\n`);

show("before it has learnt anything");

const charactersAStep = 32 * 64;
const steps = epochs * Math.ceil(Math.floor((training.length - 1) / 32) / 64);
const bar = new cliProgress.SingleBar({
  format: "{bar} {percentage}% | step {value}/{total} | {bits} bits a character | {rate} characters/s | {left} s left",
  barsize: 20,
  clearOnComplete: true,
});
const isTerminal = process.stdout.isTTY;
const started = performance.now();

if (isTerminal) bar.start(steps, 0, { bits: "–", rate: "–", left: "–" });
const history = await net.fit(data, {
  loss: crossEntropy(),
  optimizer: adam(),
  learningRate: (step) => 0.01 * Math.max(0.05, 1 - step / steps),
  epochs,
  truncate: 64,
  clipNorm: 1,
  validation,
  onStep({ step, loss }) {
    const seconds = (performance.now() - started) / 1000;
    const rate = Math.round((step * charactersAStep) / seconds).toLocaleString("en");
    const left = Math.round((seconds / step) * (steps - step));
    if (isTerminal) bar.update(step, { bits: bits(loss), rate, left });
  },
  onEpoch({ epoch, loss, validationLoss = NaN }) {
    const line = `epoch ${epoch + 1} of ${epochs}: ${bits(loss)} bits a character, ${bits(validationLoss)} on the tenth held out`;
    if (!samplesAfter.includes(epoch + 1)) {
      if (!isTerminal) console.log(line);
      return;
    }
    if (isTerminal) bar.stop();
    show(line);
    if (isTerminal) bar.start(steps, (epoch + 1) * (steps / epochs), { bits: bits(loss), rate: "–", left: "–" });
  },
});
if (isTerminal) bar.stop();
const seconds = (performance.now() - started) / 1000;

show("what it writes now");
net.metadata.tokenizer = JSON.stringify(tokenizer);
writeFileSync(output, net.save());

const { unrolledMs, plainMs } = compareSpeed({
  vocabulary: tokenizer.size,
  embedding: 32,
  hidden: 128,
  batch: 32,
  time: 64,
});
const times = (plainMs / unrolledMs).toFixed(1);
console.log(
  `${bits(history.validationLoss.at(-1) ?? NaN)} bits a character on text it has not seen, after ${seconds.toFixed(0)} s of training`,
);
console.log(
  `one step of 32 × 64 characters: ${unrolledMs.toFixed(1)} ms; in plain JavaScript, with the same loss: ${plainMs.toFixed(1)} ms (${times} times as long)`,
);
report(`data/asyoulik.txt: ${text.length.toLocaleString("en")} characters of a play`, [
  {
    measure: "bits a character, on the tenth held out",
    reached: (history.validationLoss.at(-1) ?? NaN) / Math.LN2,
    atMost: quick ? 3.3 : 2.48,
    baseline: ["told from the character before", bitsFromPairs(training, heldOut)],
  },
]);
console.log(`\nsaved as ${output}, with PyTorch's names and shapes\n`);
console.log(`Next:
  npx unrolled generate ${output} --prompt "ORLANDO" --temperature 0.6
  npx unrolled inspect ${output}
  npx unrolled train your-own.txt`);

/**
 * Bits a character of the text held out, when each is told from the one before by how often the two stood together.
 * @param {Int32Array} training @param {Int32Array} heldOut
 */
function bitsFromPairs(training, heldOut) {
  const pairs = new Float64Array(tokenizer.size ** 2).fill(0.1);
  for (let i = 1; i < training.length; i++) pairs[training[i - 1] * tokenizer.size + training[i]]++;
  let sum = 0;
  for (let i = 1; i < heldOut.length; i++) {
    const row = heldOut[i - 1] * tokenizer.size;
    const total = pairs.subarray(row, row + tokenizer.size).reduce((a, b) => a + b);
    sum -= Math.log2(pairs[row + heldOut[i]] / total);
  }
  return sum / (heldOut.length - 1);
}
