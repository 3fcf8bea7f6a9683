/** Embedded Reber grammar: an LSTM remembers the second symbol to the last but one, over a string of any length between. */

import { expect, test } from "vitest";
import { adam, crossEntropy, dense, embedding, lstm, Network, oneCycle } from "../../bindings/index.ts";
import { prove, trainFor } from "./proof.ts";
import { embeddedReber, reberSymbols } from "./tasks.ts";

type ReberString = ReturnType<typeof embeddedReber>[number];
/** How likely each of the seven symbols is after each symbol of a string but the last: (steps, 7). */
type Scores = ArrayLike<number>;

const tokensOf = (text: string) => Int32Array.from(text, (symbol) => reberSymbols.indexOf(symbol));

/** 256 different strings that are not among those that are known. */
function unseenBy(known: readonly ReberString[]): ReberString[] {
  const seen = new Set(known.map(({ text }) => text));
  const different = new Map(embeddedReber(4_000, 2).map((string) => [string.text, string]));
  const unseen = [...different.values()].filter(({ text }) => !seen.has(text)).slice(0, 256);
  expect(unseen).toHaveLength(256);
  return unseen;
}

/** Whether after step t each symbol that may follow is likelier than each that may not. */
function isRight({ followers }: ReberString, scores: Scores, t: number): boolean {
  const row = Array.from(reberSymbols, (symbol, k) => ({
    may: followers[t]!.includes(symbol),
    score: scores[t * 7 + k]!,
  }));
  const of = (may: boolean) => row.filter((one) => one.may === may).map(({ score }) => score);
  return Math.min(...of(true)) > Math.max(...of(false));
}

test("LSTM 16 predicts what may follow in strings that it has not seen", (context) => {
  const known = embeddedReber(1_000, 1);
  const unseen = unseenBy(known);
  const layers = [embedding(7), lstm(16, { forgetBias: 1 }), dense(7)];
  const net = new Network({ input: { tokens: 7 }, layers, seed: 1 });
  const inputs = known.map(({ text }) => tokensOf(text.slice(0, -1)));
  const targets = known.map(({ text }) => tokensOf(text.slice(1)));
  const steps = 10_000;
  const took = trainFor(steps, net, { inputs, targets }, {
    ...{ loss: crossEntropy(), optimizer: adam({ learningRate: 0.01 }), schedule: oneCycle({ steps }), batchSize: 16 },
    clipNorm: 1,
  }); // prettier-ignore

  const byNetwork = ({ text }: ReberString): Scores => net.predict([tokensOf(text.slice(0, -1))]).data;
  /** How often each symbol has followed the one before, with no memory of others. */
  const pairs = new Float64Array(49);
  known.forEach(({ text }) => tokensOf(text).forEach((b, t, all) => t > 0 && pairs[all[t - 1]! * 7 + b]!++));
  const byPairs = ({ text }: ReberString): Scores =>
    Array.from(tokensOf(text.slice(0, -1))).flatMap((token) => [...pairs.subarray(token * 7, token * 7 + 7)]);
  /** Share of the strings that are wrong at one of these steps at least. */
  const wrong = (scoresOf: (string: ReberString) => Scores, at: (length: number) => readonly number[]) =>
    unseen.filter((string) => !at(string.text.length).every((t) => isRight(string, scoresOf(string), t))).length / 256;

  const common = { task: "embedded Reber grammar", model: "LSTM 16", ...took, baselineOf: "pairs of symbols" };
  const ends = (length: number) => [0, length - 3]; // what follows the first, and is the last but one
  prove(context, {
    ...{ ...common, measure: "strings wrong at the second or the last but one symbol" },
    ...{ reached: wrong(byNetwork, ends), baseline: wrong(byPairs, ends), threshold: { below: 1 / 256 } },
  });
  const everywhere = (length: number) => [...Array(length - 1).keys()];
  prove(context, {
    ...{ ...common, measure: "strings wrong anywhere" },
    ...{ reached: wrong(byNetwork, everywhere), baseline: wrong(byPairs, everywhere), threshold: { below: 0.1 } },
  });
});
