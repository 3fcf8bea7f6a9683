/**
 * What is there against overfitting, on real data that are few: a network that learns 200 digits by heart, and what each remedy does
 * to its loss on 1,000 others; likewise with text. All train for the same number of steps.
 */

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import {
  adam,
  adamw,
  characterTokenizer,
  crossEntropy,
  crossValidate,
  dense,
  dropout,
  embedding,
  gru,
  imageRotate,
  imageShift,
  jitter,
  last,
  magnitudeWarp,
  Network,
  scaling,
  sometimes,
  tensor,
  timeWarp,
  tokenDropout,
  windowSlice,
  type Augmentation,
  type GruOptions,
  type LayerDescription,
  type TrainOptions,
  type TrainingData,
} from "../bindings/index.ts";
import { readDigits, type Digits } from "./digits.ts";

const loss = crossEntropy();
const optimizer = adam({ learningRate: 0.01 });
const EPOCHS = 40;

interface Losses {
  readonly known: number;
  readonly unseen: number;
}

/** Losses after training on `known`. */
function lossesOf(
  net: Network,
  { known, unseen }: { readonly known: TrainingData; readonly unseen: TrainingData },
  options: Partial<TrainOptions>,
): Losses {
  for (const _ of net.train(known, { loss, optimizer, epochs: EPOCHS, clipNorm: 1, ...options }));
  return { known: net.evaluate(known, { loss }).loss, unseen: net.evaluate(unseen, { loss }).loss };
}

describe("digits by rows", () => {
  const [known, unseen] = readDigits(200, 1_000) as [Digits, Digits];
  const data = { known, unseen };
  const make = (layers: readonly LayerDescription[], seed = 1) =>
    new Network({ input: { features: 28 }, layers: [...layers, dense(10)], seed });
  const plainLayers = [gru(32), last()];

  let plain: Losses;
  beforeAll(() => {
    plain = lossesOf(make(plainLayers), data, {});
  });

  test("a plain network learns them by heart", () => {
    expect(plain.known).toBeLessThan(0.05);
    expect(plain.unseen).toBeGreaterThan(1.4);
  });

  const recurrent = (options: GruOptions) => [gru(32, options), last()];
  test.each<[string, readonly LayerDescription[], Partial<TrainOptions>, number]>([
    ["dropout", [dropout(0.3), gru(32), last(), dropout(0.5)], {}, 0.8],
    ["dropout of the same inputs at each step", [dropout(0.5, { mask: "sequence" }), gru(32), last()], {}, 0.6],
    ["recurrent dropout", recurrent({ recurrentDropout: 0.5 }), {}, 0.7],
    ["zoneout", recurrent({ zoneout: 0.5 }), {}, 0.8],
    ["L1", plainLayers, { l1: 3e-4 }, 0.9],
    ["L2", plainLayers, { optimizer: adam({ learningRate: 0.01, weightDecay: 5e-3 }) }, 0.9],
    ["decoupled decay", plainLayers, { optimizer: adamw({ learningRate: 0.01, weightDecay: 0.3 }) }, 0.9],
  ])("%s", (_, layers, options, factor) => {
    const { known, unseen } = lossesOf(make(layers), data, options);
    expect(unseen).toBeLessThan(factor * plain.unseen);
    expect(known).toBeGreaterThan(plain.known);
  });

  test.each<[string, Augmentation, number]>([
    ["imageShift", imageShift({ pixels: 2 }), 0.7],
    ["imageRotate", imageRotate({ degrees: 15 }), 0.7],
    ["jitter", jitter(0.3), 0.7],
    ["scaling", scaling(0.5), 0.8],
    ["magnitudeWarp", magnitudeWarp({ deviation: 0.3 }), 0.8],
    ["timeWarp", timeWarp({ deviation: 0.3 }), 0.9],
    ["windowSlice, for half of them", sometimes(0.5, windowSlice({ ratio: 0.75 })), 0.9],
  ])("augmentation by %s", (_, augment, factor) => {
    const { unseen } = lossesOf(make(plainLayers), data, { augment });
    expect(unseen).toBeLessThan(factor * plain.unseen);
  });

  test("early stopping ends with the weights of the epoch that was best on others", async () => {
    const net = make(plainLayers);
    const { validationLoss, bestEpoch, stoppedEarly } = await net.fit(known, {
      ...{ loss, optimizer, epochs: EPOCHS, clipNorm: 1, validation: unseen, earlyStopping: { patience: 8 } },
    });
    const reached = net.evaluate(unseen, { loss }).loss;
    expect(stoppedEarly).toBe(true);
    expect(reached).toBe(Math.min(...validationLoss));
    expect(reached).toBe(validationLoss[bestEpoch]);
    expect(reached).toBeLessThan(validationLoss.at(-1)!);
    expect(reached).toBeLessThan(0.8 * plain.unseen);
  });

  test("cross-validation of the 200 tells the loss on the 1,000, which the loss of training does not", async () => {
    const fit = { loss, optimizer, epochs: EPOCHS, clipNorm: 1 };
    const options = { folds: 4, kind: "stratified", fit } as const;
    const { mean, standardDeviation, folds } = await crossValidate((fold) => make(plainLayers, fold), known, options);
    for (const { history } of folds) expect(history.loss.at(-1)).toBeLessThan(0.1 * plain.unseen);
    expect(standardDeviation.loss).toBeGreaterThan(0);
    expect(standardDeviation.loss).toBeLessThan(0.5 * mean.loss);
    expect(Math.abs(mean.loss - plain.unseen)).toBeLessThan(standardDeviation.loss);
  });
});

describe("text: the character after sixteen others", () => {
  const text = readFileSync(new URL("../examples/data/asyoulik.txt", import.meta.url), "utf8");
  const tokenizer = characterTokenizer(text);
  const tokens = tokenizer.encode(text);
  /** 500 pieces that follow one another from a place in the text. */
  const pieces = (from: number): TrainingData => {
    const at = Array.from({ length: 500 }, (_, k) => from + 16 * k);
    const targets = Int32Array.from(at, (k) => tokens[k + 16]!);
    return { inputs: tensor(tokens.slice(from, from + 500 * 16), [500, 16]), targets };
  };
  const data = { known: pieces(2_000), unseen: pieces(60_000) };
  const unknown = tokenizer.size; // stands for a token that is dropped
  const make = (first: LayerDescription) =>
    new Network({ input: { tokens: unknown + 1 }, layers: [first, gru(32), last(), dense(unknown)], seed: 1 });

  let plain: Losses;
  beforeAll(() => {
    plain = lossesOf(make(embedding(16)), data, { epochs: 20 });
  });

  test("tokenDropout", () => {
    const augment = tokenDropout({ rate: 0.3, replacement: unknown });
    const { known, unseen } = lossesOf(make(embedding(16)), data, { augment, epochs: 20 });
    expect(unseen).toBeLessThan(0.9 * plain.unseen);
    expect(known).toBeGreaterThan(plain.known);
  });

  test("dropout of whole tokens in the embedding", () => {
    const { known, unseen } = lossesOf(make(embedding(16, { dropout: 0.3 })), data, { epochs: 20 });
    expect(unseen).toBeLessThan(0.9 * plain.unseen);
    expect(known).toBeGreaterThan(plain.known);
  });
});
