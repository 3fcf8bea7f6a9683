// Translation: an encoder and a decoder with attention learn Spanish from 5,000 verses and translate short ones they have not seen.
import { readFileSync } from "node:fs";
import {
  adam,
  attention,
  cosineAnnealing,
  crossEntropy,
  dense,
  dropout,
  embedding,
  EncoderDecoder,
  gru,
  perplexity,
  wordTokenizer,
} from "unrolled";
import { heading, progress, quick, report } from "../common.js";

// ---- data: verses of the New Testament, English and Spanish. A fifth of those of at most 12 words is held out; in quick mode,
// where there is no time to learn a language, 40 verses are learnt by heart

const verses = readFileSync(new URL("../data/en-es-nt.tsv", import.meta.url), "utf8")
  .replace(/[“”‘¡¿]/g, "")
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t"))
  .map(([english, spanish]) => ({ english, spanish, length: english.split(" ").length }))
  .filter(({ length }) => length <= (quick ? 12 : 20));
const heldOut = quick ? verses.slice(0, 40) : verses.filter(({ length }, i) => length <= 12 && i % 5 === 4);
const training = quick ? heldOut : verses.filter((verse) => !heldOut.includes(verse));
console.log(
  `${training.length.toLocaleString("en")} verses to learn from, ${heldOut.length} of at most 12 words to translate`,
);

/** Words of one language and their tokens, without the spaces between them. @param {string[]} texts */
function language(texts) {
  const tokenizer = wordTokenizer(texts.join("\n"), { lowerCase: true, minCount: quick ? 1 : 2 });
  const space = tokenizer.vocabulary.indexOf(" ");
  return {
    size: tokenizer.size,
    /** @param {string} text */
    encode: (text) => tokenizer.encode(text).filter((token) => token !== space),
    /** Words too rare to learn are left open. @param {Int32Array} tokens */
    decode: (tokens) =>
      Array.from(tokens, (token) => (token === 0 ? "…" : tokenizer.vocabulary[token]))
        .join(" ")
        .replace(/ ([,.;:!?)])/g, "$1"),
  };
}
const english = language(training.map((verse) => verse.english));
const spanish = language(training.map((verse) => verse.spanish));
/** @param {typeof verses} part */
const examples = (part) => ({
  inputs: part.map((verse) => english.encode(verse.english)),
  targets: part.map((verse) => spanish.encode(verse.spanish)),
});

// ---- network: both read words as vectors; the decoder looks back at all English words. Behind its words come start and stop

const [start, stop] = [spanish.size, spanish.size + 1];
const net = new EncoderDecoder({
  encoder: {
    input: { tokens: english.size },
    layers: [embedding(64), dropout(0.2), gru(80, { bidirectional: true }), dropout(0.2)],
  },
  decoder: {
    input: { tokens: spanish.size + 2 },
    layers: [
      embedding(64),
      dropout(0.2),
      gru(160),
      attention("additive"),
      dense(128, { activation: "tanh" }),
      dropout(0.2),
      dense(spanish.size + 2),
    ],
    start,
    stop,
  },
  seed: 1,
});
console.log(net.summary());

// ---- training

const epochs = quick ? 40 : 10;
await net.fit(examples(training), {
  loss: crossEntropy(),
  optimizer: adam({ learningRate: 0.003 }),
  epochs,
  batchSize: quick ? 8 : 16,
  schedule: cosineAnnealing({ epochs }),
  clipNorm: 2,
  validation: examples(heldOut),
  ...progress(epochs),
});

// ---- result

const found = net
  .generate(examples(heldOut).inputs, { maxLength: 30, beam: quick ? 1 : 4 })
  .map(({ tokens }) => spanish.decode(tokens));
heading("some of them: English, the translation, the book's");
for (let i = 3; i < heldOut.length; i += quick ? 10 : 25) {
  console.log(`${heldOut[i].english}\n  → ${found[i]}\n    ${heldOut[i].spanish}`);
}

/** The verse to learn from that shares most with another, rare words counting more: what a reader without Spanish would copy. */
function nearest() {
  const count = /** @type {Map<number, number>} */ (new Map());
  const sets = training.map((verse) => new Set(english.encode(verse.english)));
  for (const set of sets) for (const token of set) count.set(token, (count.get(token) ?? 0) + 1);
  /** @param {Iterable<number>} tokens */
  const weigh = (tokens) => Array.from(tokens, (token) => 1 / (count.get(token) ?? 1)).reduce((a, b) => a + b, 0);
  return heldOut.map((verse) => {
    const tokens = new Set(english.encode(verse.english));
    const scores = sets.map((set, i) => {
      if (training[i] === verse) return -1;
      const shared = weigh([...tokens].filter((token) => set.has(token)));
      return shared / (weigh(tokens) + weigh(set) - shared);
    });
    return spanish.decode(spanish.encode(training[scores.indexOf(Math.max(...scores))].spanish));
  });
}

/** chrF2 (Popović 2015): F-score of the pieces of 1 to 6 letters that two texts share, recall counting twice as much. @param {string[]} guesses */
function chrF(guesses) {
  let [precision, recall] = [0, 0];
  for (let n = 1; n <= 6; n++) {
    let [shared, guessed, actual] = [0, 0, 0];
    guesses.forEach((guess, i) => {
      const [a, b] = [pieces(guess, n), pieces(heldOut[i].spanish.toLowerCase(), n)];
      for (const [piece, count] of a) shared += Math.min(count, b.get(piece) ?? 0);
      for (const count of a.values()) guessed += count;
      for (const count of b.values()) actual += count;
    });
    precision += shared / guessed / 6;
    recall += shared / actual / 6;
  }
  return (5 * precision * recall) / (4 * precision + recall);
}

/** @param {string} text @param {number} n */
function pieces(text, n) {
  const letters = text.replace(/[\s…]/g, "");
  const counts = /** @type {Map<string, number>} */ (new Map());
  for (let i = 0; i + n <= letters.length; i++) {
    const piece = letters.slice(i, i + n);
    counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  return counts;
}

/**
 * Perplexity of the Spanish to find when each word is told from the one before alone: by how often the pair stood in the verses learnt
 * from, and as far as that is seldom, by how often the word did (Witten and Bell 1991). It knows Spanish, and no English.
 */
function fromPairs() {
  const words = new Float64Array(spanish.size + 2).fill(1);
  const follow = new Float64Array(words.length); // how many different words follow upon one
  const before = new Float64Array(words.length);
  const pairs = /** @type {Map<number, number>} */ (new Map());
  /** @param {typeof verses} part */
  const pairsOf = (part) =>
    examples(part).targets.flatMap((tokens) => [start, ...tokens].map((a, i) => [a, tokens[i] ?? stop]));
  for (const [a, b] of pairsOf(training)) {
    const pair = a * words.length + b;
    if (!pairs.has(pair)) follow[a]++;
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
    before[a]++;
    words[b]++;
  }
  const all = words.reduce((x, y) => x + y);
  const losses = pairsOf(heldOut).map(([a, b]) => {
    const share = ((pairs.get(a * words.length + b) ?? 0) + (follow[a] * words[b]) / all) / (before[a] + follow[a]);
    return -Math.log(before[a] > 0 ? share : words[b] / all);
  });
  return Math.exp(losses.reduce((x, y) => x + y) / losses.length);
}

const [reached, copied] = [chrF(found), chrF(nearest())];
const comparison = `chrF ${reached.toFixed(3)}; to copy the translation of the most similar verse reaches ${copied.toFixed(3)}`;
console.log(`\n${comparison}`);
report(`data/en-es-nt.tsv: ${training.length.toLocaleString("en")} pairs of verses`, [
  quick
    ? {
        measure: "chrF of verses learnt by heart",
        reached,
        atLeast: 0.6,
        baseline: ["translation of the most similar verse", copied],
      }
    : {
        measure: "perplexity of the Spanish of short verses held out",
        reached: perplexity(net.evaluate(examples(heldOut), { loss: crossEntropy() }).loss),
        atMost: 25,
        baseline: ["counts of Spanish word pairs", fromPairs()],
        digits: 1,
      },
]);
