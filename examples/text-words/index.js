// Text by words: an LSTM learns the words of "As You Like It" and writes a script of its own, beside counts of word pairs.
import { readFileSync } from "node:fs";
import {
  adam,
  cosineAnnealing,
  crossEntropy,
  dense,
  dropout,
  embedding,
  generate,
  languageModelData,
  lstm,
  Network,
  perplexity,
  wordTokenizer,
} from "unrolled";
import { heading, progress, quick, report } from "../common.js";

// ---- data: words, punctuation marks and line breaks. Spaces are left out: where they stand says nothing new

const file = new URL("../data/asyoulik.txt", import.meta.url);
const text = readFileSync(file, "utf8")
  .replace(/[\t ]+/g, " ")
  .replace(/(\n ?)+/g, "\n");
const cut = text.indexOf("\n", text.length * 0.9); // the last tenth is held out
const tokenizer = wordTokenizer(text.slice(0, cut), { minCount: quick ? 5 : 2 });
const space = tokenizer.vocabulary.indexOf(" ");
/** @param {string} part */
const encode = (part) => tokenizer.encode(part).filter((token) => token !== space);
const training = encode(text.slice(0, cut));
const heldOut = encode(text.slice(cut));
console.log(
  `As You Like It: ${training.length.toLocaleString("en")} words and marks to learn from, ` +
    `${heldOut.length.toLocaleString("en")} held out; ${tokenizer.size.toLocaleString("en")} different ones, rarer ones are <unk>`,
);

// ---- network

const net = new Network({
  input: { tokens: tokenizer.size },
  layers: [embedding(64, { dropout: 0.1 }), dropout(0.4), lstm(128), dropout(0.5), dense(tokenizer.size)],
  seed: 1,
});
console.log(net.summary());

/** What follows upon a name; words that were too rare to learn are left open. @param {string} name */
function write(name) {
  const tokens = generate(net, { prompt: encode(`\n${name}`), length: 80, temperature: 0.7, seed: 1 });
  const words = Array.from(tokens, (token) => (token === 0 ? "…" : tokenizer.vocabulary[token]));
  return `${name} ${words
    .join(" ")
    .replace(/ ([,.;:!?\]])/g, "$1")
    .replace(/ ?\n /g, "\n")}`;
}

// ---- training: 16 streams of text side by side, the state is carried from one chunk of 32 words to the next

const epochs = quick ? 3 : 30;
const history = await net.fit(languageModelData(training, { batch: 16 }), {
  loss: crossEntropy(),
  optimizer: adam({ learningRate: 0.006 }),
  schedule: cosineAnnealing({ epochs }),
  averaging: { decay: 0.99 },
  epochs,
  truncate: 32,
  clipNorm: 1,
  validation: languageModelData(heldOut, { batch: 1 }), // shown, not used
  ...progress(
    epochs,
    ({ loss, validationLoss = NaN }) =>
      `perplexity ${perplexity(loss).toFixed(0)}, held out ${perplexity(validationLoss).toFixed(0)}`,
  ),
});

heading("what it writes");
console.log(write("ROSALIND"));

// ---- result

/**
 * Perplexity of the text held out when each word is told from the one before: by how often the pair stood in the text, and as far
 * as that is seldom, by how often the word did (interpolated counts, of Witten and Bell). Without pairs, by the latter alone.
 */
function fromCounts(usesPairs = true) {
  const words = new Float64Array(tokenizer.size).fill(1); // how often each stands
  const pairs = /** @type {Map<number, number>} */ (new Map());
  const follow = new Float64Array(tokenizer.size); // how many different words follow upon one
  const before = new Float64Array(tokenizer.size);
  for (let i = 1; i < training.length; i++) {
    const pair = training[i - 1] * tokenizer.size + training[i];
    if (!pairs.has(pair)) follow[training[i - 1]]++;
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
    before[training[i - 1]]++;
    words[training[i]]++;
  }
  const all = words.reduce((a, b) => a + b);
  let sum = 0;
  for (let i = 1; i < heldOut.length; i++) {
    const [a, b] = [heldOut[i - 1], heldOut[i]];
    const alone = words[b] / all;
    const count = pairs.get(a * tokenizer.size + b) ?? 0;
    sum -= Math.log(usesPairs && before[a] > 0 ? (count + follow[a] * alone) / (before[a] + follow[a]) : alone);
  }
  return Math.exp(sum / (heldOut.length - 1));
}

report(`data/asyoulik.txt: ${(training.length + heldOut.length).toLocaleString("en")} words and marks`, [
  {
    measure: "perplexity, on the tenth held out",
    reached: perplexity(history.validationLoss[epochs - 1]),
    atMost: quick ? 75 : 62,
    baseline: quick ? ["counts of words", fromCounts(false)] : ["counts of word pairs", fromCounts()],
    digits: 1,
  },
]);
