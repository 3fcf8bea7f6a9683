// Sentiment: a bidirectional GRU reads reviews of films, goods and restaurants and tells whether they praise or complain.
import { createRequire } from "node:module";
import { adam, binaryCrossEntropy, dense, dropout, embedding, gru, last, Network, wordTokenizer } from "unrolled";
import { heading, progress, quick, report } from "../common.js";

// ---- data: 3 × 1,000 sentences; class 1 praises, 0 complains, and the last row of each file has none

const require = createRequire(import.meta.url);
/** @type {{ text: string, class: 0 | 1 }[]} */
const reviews = ["amazon", "imdb", "yelp"].flatMap((site) =>
  require(`sentiment/test/fixtures/${site}.json`).slice(0, -1),
);
console.log(
  `${reviews.length.toLocaleString("en")} reviews; each is judged by a network that has learnt from four fifths without it`,
);

/** A network that has learnt from some reviews, as a function: above 0 is praise. @param {typeof reviews} training @param {number} seed */
async function learn(training, seed) {
  const tokenizer = wordTokenizer(training.map(({ text }) => text).join("\n"), { lowerCase: true, minCount: 2 });
  const space = tokenizer.vocabulary.indexOf(" ");
  /** The words of a review as tokens, without the spaces between them. @param {string} text */
  const encode = (text) => tokenizer.encode(text.trim()).filter((token) => token !== space);

  const net = new Network({
    input: { tokens: tokenizer.size },
    layers: [
      embedding(32, { dropout: 0.15 }), // drops whole words: none may decide alone
      gru(32, { bidirectional: true }),
      last(), // of both directions
      dropout(0.5),
      dense(1),
    ],
    seed,
  });
  if (seed === 1) console.log(net.summary());

  const epochs = quick ? 5 : 10;
  await net.fit(
    { inputs: training.map(({ text }) => encode(text)), targets: training.map((review) => [review.class]) },
    {
      loss: binaryCrossEntropy(),
      optimizer: adam({ learningRate: 0.003 }),
      epochs,
      clipNorm: 1,
      averaging: { decay: 0.99 },
      ...progress(epochs),
    },
  );
  return (/** @type {string[]} */ texts) => [...net.predict(texts.map(encode)).data];
}

// ---- five networks, each for the fifth that it has not seen

const folds = quick ? 1 : 5;
/** @type {{ score: number, review: typeof reviews[number] }[]} */
const judged = [];
for (let fold = 0; fold < folds; fold++) {
  heading(`fold ${fold + 1} of ${folds}`);
  const heldOut = reviews.filter((_, i) => i % 5 === fold);
  const judge = await learn(
    reviews.filter((_, i) => i % 5 !== fold),
    fold + 1,
  );
  const scores = judge(heldOut.map(({ text }) => text));
  judged.push(...heldOut.map((review, i) => ({ score: scores[i], review })));
}

// ---- result

heading("the surest, and the least sure");
const sorted = judged.toSorted((a, b) => b.score - a.score);
const unsure = judged.toSorted((a, b) => Math.abs(a.score) - Math.abs(b.score));
for (const { score, review } of [...sorted.slice(0, 2), ...unsure.slice(0, 2), ...sorted.slice(-2)]) {
  console.log(`${score.toFixed(1).padStart(5)}  ${review.class ? "praise   " : "complaint"}  ${review.text.trim()}`);
}

/** @param {(score: number, text: string) => boolean} praises */
const accuracy = (praises) =>
  judged.filter(({ score, review }) => praises(score, review.text) === (review.class === 1)).length / judged.length;
/** @type {{ analyze(text: string): { score: number } }} */
const list = new (require("sentiment"))(); // what people said that each of 3,382 words is worth, added up
report(`sentiment: ${reviews.length.toLocaleString("en")} sentences`, [
  {
    measure: "told right, of reviews not seen",
    reached: accuracy((score) => score > 0),
    atLeast: quick ? 0.65 : 0.8,
    baseline: quick
      ? ["always praise", accuracy(() => true)]
      : ["word list AFINN", accuracy((_, text) => list.analyze(text).score > 0)],
  },
]);
