// Phonemes: an encoder and a decoder with attention learn how English is pronounced, from the letters of a word to its sounds.
import { dictionary } from "cmu-pronouncing-dictionary";
import {
  adam,
  attention,
  characterTokenizer,
  cosineAnnealing,
  crossEntropy,
  dense,
  embedding,
  EncoderDecoder,
  errorRate,
  gru,
  Random,
} from "unrolled";
import { heading, progress, quick, report, table } from "../common.js";

// ---- data: 135,155 words such as "attention": "AH0 T EH1 N SH AH0 N"; the digits, which mark stress, are cut off

const pairs = Object.entries(dictionary)
  .filter(([word]) => /^[a-z]{3,12}$/.test(word)) // no second pronunciations, such as "read(2)"
  .map(([word, sounds]) => ({ word, sounds: sounds.replace(/\d/g, "").split(" ") }));
shuffle(pairs);
const heldOut = pairs.slice(0, quick ? 200 : 2000);
const training = pairs.slice(heldOut.length, quick ? 2200 : 50000);
console.log(
  `${training.length.toLocaleString("en")} words to learn from, ${heldOut.length.toLocaleString("en")} held out`,
);

/** @param {unknown[]} list */
function shuffle(list) {
  const random = new Random(1);
  for (let i = list.length - 1; i > 0; i--) {
    const k = Math.floor(random.uniform(0, i + 1));
    [list[i], list[k]] = [list[k], list[i]];
  }
}

const letters = characterTokenizer("abcdefghijklmnopqrstuvwxyz");
const phonemes = [...new Set(pairs.flatMap(({ sounds }) => sounds))].sort();
const tokenOf = new Map(phonemes.map((phoneme, token) => [phoneme, token]));
/** @param {typeof pairs} part */
const examples = (part) => ({
  inputs: part.map(({ word }) => letters.encode(word)),
  targets: part.map(({ sounds }) => Int32Array.from(sounds, (sound) => tokenOf.get(sound) ?? 0)),
});

// ---- network: the decoder looks at all letters before it gives out a sound. Behind the phonemes come the start and the stop

const [start, stop] = [phonemes.length, phonemes.length + 1];
const net = new EncoderDecoder({
  encoder: { input: { tokens: letters.size }, layers: [embedding(32), gru(64, { bidirectional: true })] },
  decoder: {
    input: { tokens: phonemes.length + 2 },
    layers: [embedding(32), gru(128), attention("dot"), dense(phonemes.length + 2)],
    start,
    stop,
  },
  seed: 1,
});
console.log(net.summary());

// ---- training

const epochs = quick ? 4 : 5;
await net.fit(examples(training), {
  loss: crossEntropy(),
  optimizer: adam({ learningRate: 0.004 }),
  epochs,
  batchSize: quick ? 32 : 64,
  schedule: cosineAnnealing({ epochs }),
  clipNorm: 1,
  validation: examples(heldOut),
  ...progress(epochs),
});

// ---- result

/** @param {string[]} words */
const pronounce = (words) =>
  net
    .generate(
      words.map((word) => letters.encode(word)),
      { maxLength: 20, beam: 3 },
    )
    .map(({ tokens }) => [...tokens].map((token) => phonemes[token]));

heading("words that are in no dictionary");
const invented = ["unrolled", "backpropping", "typescript", "wordle", "blorf", "tensorize", "wugs", "phlogistify"];
console.log(table(pronounce(invented).map((sounds, i) => [invented[i], sounds.join(" ")])));

/** Each letter by the sound that stands in its place most often, in words with as many sounds as letters. */
function letterByLetter() {
  const counts = /** @type {Map<string, number>} */ (new Map());
  for (const { word, sounds } of training) {
    if (word.length !== sounds.length) continue;
    sounds.forEach((sound, i) => counts.set(`${word[i]} ${sound}`, (counts.get(`${word[i]} ${sound}`) ?? 0) + 1));
  }
  const best = /** @type {Map<string, string>} */ (new Map());
  for (const [pair] of [...counts].sort((a, b) => a[1] - b[1])) best.set(pair[0], pair.slice(2));
  return heldOut.map(({ word }) => Array.from(word, (letter) => best.get(letter) ?? ""));
}

const actual = heldOut.map(({ sounds }) => sounds);
const found = pronounce(heldOut.map(({ word }) => word));
const simple = letterByLetter();
/** @param {string[][]} guesses */
const wholeWords = (guesses) =>
  guesses.filter((sounds, i) => sounds.join() === actual[i].join()).length / actual.length;
report(`cmu-pronouncing-dictionary: ${training.length.toLocaleString("en")} words`, [
  {
    measure: "phoneme error rate",
    reached: errorRate(found, actual),
    atMost: quick ? 0.4 : 0.12,
    baseline: ["letter by letter", errorRate(simple, actual)],
  },
  {
    measure: "words all right",
    reached: wholeWords(found),
    atLeast: quick ? 0.05 : 0.53,
    baseline: ["letter by letter", wholeWords(simple)],
  },
]);
