/** Text by characters: truncated backpropagation with the state carried on, measured on the tenth of a play that is held out. */

import { readFileSync } from "node:fs";
import { test } from "vitest";
import {
  adam,
  characterTokenizer,
  crossEntropy,
  dense,
  embedding,
  languageModelData,
  lstm,
  Network,
  splitSequence,
} from "../../bindings/index.ts";
import { prove, trainFor } from "./proof.ts";

/** Bits a character of a model that counts which character follows which, each pair once more than it was seen. */
function bitsOfPairs(known: Int32Array, unseen: Int32Array, size: number): number {
  const counts = new Float64Array(size * size).fill(1);
  const totals = new Float64Array(size).fill(size);
  known.subarray(1).forEach((token, t) => {
    counts[known[t]! * size + token]!++;
    totals[known[t]!]!++;
  });
  let bits = 0;
  unseen
    .subarray(1)
    .forEach((token, t) => (bits -= Math.log2(counts[unseen[t]! * size + token]! / totals[unseen[t]!]!)));
  return bits / (unseen.length - 1);
}

test("LSTM 128 learns As You Like It in ten epochs", (context) => {
  const text = readFileSync(new URL("../../examples/data/asyoulik.txt", import.meta.url), "utf8");
  const tokenizer = characterTokenizer(text);
  const { size } = tokenizer;
  const [known, unseen] = splitSequence(tokenizer.encode(text), [0.9, 0.1]) as [Int32Array, Int32Array];
  const loss = crossEntropy();
  const net = new Network({ input: { tokens: size }, layers: [embedding(32), lstm(128), dense(size)], seed: 1 });
  const data = languageModelData(known, { batch: 32 });
  const steps = 10 * Math.ceil(Math.floor((known.length - 1) / 32) / 64);
  const took = trainFor(steps, net, data, { loss, optimizer: adam({ learningRate: 0.01 }), truncate: 64, clipNorm: 1 });
  const evaluation = net.evaluate(languageModelData(unseen, { batch: 1 }), { loss, truncate: 64 });
  prove(context, {
    ...{ task: "As You Like It, characters", model: "LSTM 128", measure: "bits a character", ...took },
    ...{ reached: evaluation.loss / Math.LN2, threshold: { below: 2.48 } },
    ...{ baseline: bitsOfPairs(known, unseen, size), baselineOf: "pairs of characters" },
  });
});
