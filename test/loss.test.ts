/** Losses and their gradients by the output against reference.ts: 1e-5 relative and absolute. */

import { describe, expect, test } from "vitest";
import {
  binaryCrossEntropy,
  crfLoss,
  crossEntropy,
  ctc,
  gaussianMixture,
  huber,
  klDivergence,
  type Loss,
  meanAbsoluteError,
  meanSquaredError,
  negativeLogLikelihood,
  quantile,
  smoothL1,
  tensor,
} from "../bindings/index.ts";
import * as losses from "../bindings/losses/index.ts";
import { expectClose, randomNumbers, toTensor } from "./agreement.ts";
import { expectProblem, lossOf, present, reductions, type Shape, sizeOf, spread, titledShapes } from "./losses.ts";
import * as reference from "./reference.ts";
import { indices } from "./support.ts";

function expectLoss(
  shape: Shape,
  loss: Loss,
  config: reference.LossConfig,
  x: Float64Array,
  target: Float64Array,
): void {
  const { B, T, F } = shape;
  const byClass = config.loss === "cross_entropy" && !config.softTarget;
  const width = byClass ? 1 : F;
  const expected = reference.loss({ ...config, classes: F }, present(x, shape, F), present(target, shape, width));
  const lead = T === undefined ? [B] : [B, T];
  const targets = byClass ? tensor(Int32Array.from(target), lead) : toTensor(target, [...lead, F]);
  const { value, gradient } = lossOf(loss, shape, x, targets);
  expectClose("loss", [value], expected.loss);
  expectClose("gradient", gradient, spread(expected.backward(), shape));
  const [xs, ys] = [present(x, shape, F), present(target, shape, width)];
  const { loss: terms, backward } = reference.loss({ ...config, classes: F, reduction: "none" }, xs, ys);
  const { weight, ignoreIndex = -100 } = config;
  const counts = byClass ? ys.map((t) => (t === ignoreIndex ? 0 : (weight?.[t] ?? 1))) : undefined;
  const weights = randomNumbers(B + F)(B * (T ?? 1)).map((w, k) => (k % 3 === 1 ? 0 : Math.fround(Math.abs(w))));
  expectProblem({ shape, loss, x, targets, expected: { terms, backward }, ...(counts && { counts }) }, weights);
}

describe.each(reductions)("reduction %s", (reduction) => {
  describe.each(titledShapes)("outputs %s", (_, shape) => {
    const random = randomNumbers(sizeOf(shape));
    const x = random(sizeOf(shape), 6);
    const C = shape.F;
    const weights = random(C).map((w) => Math.fround(Math.abs(w) + 0.1));
    const positive = random(C).map((w) => Math.fround(3 * Math.abs(w)));
    const probabilities = reference.softmax(random(sizeOf(shape)), C).map(Math.fround);
    const classes = Float64Array.from(indices([shape.B, shape.T ?? 1], C, 5).data);

    test("meanSquaredError", () => {
      expectLoss(shape, meanSquaredError({ reduction }), { loss: "mse", reduction }, x, random(x.length));
    });

    test.each([
      ["", undefined],
      ["positiveWeights", positive],
      ["positiveWeights of which one is 0", positive.map((w, k) => (k === 0 ? 0 : w))],
    ])("binaryCrossEntropy %s", (_, posWeight) => {
      const loss = binaryCrossEntropy({ reduction, ...(posWeight && { positiveWeights: [...posWeight] }) });
      const target = random(x.length).map((t, k) => (k % 3 === 0 ? Number(t > 0) : Math.fround(Math.abs(t))));
      expectLoss(shape, loss, { loss: "bce_with_logits", reduction, posWeight }, x, target);
    });

    test.each([
      ["", {}],
      ["labelSmoothing", { labelSmoothing: 0.1 }],
      ["labelSmoothing 1", { labelSmoothing: 1 }],
      ["classWeights", { weight: weights }],
      ["classWeights and labelSmoothing", { weight: weights, labelSmoothing: 0.3 }],
      ["distributions", { softTarget: true }],
      ["distributions, labelSmoothing and classWeights", { softTarget: true, labelSmoothing: 0.2, weight: weights }],
    ] as [string, Omit<reference.LossConfig, "loss">][])("crossEntropy %s", (_, config) => {
      const { weight, labelSmoothing } = config;
      const loss = crossEntropy({
        reduction,
        ...(weight && { classWeights: [...weight] }),
        ...(labelSmoothing !== undefined && { labelSmoothing }),
      });
      const target = config.softTarget ? probabilities : classes;
      expectLoss(shape, loss, { loss: "cross_entropy", reduction, ...config }, x, target);
    });

    test.each([-100, 0, 1000, -1])("crossEntropy, ignoreIndex %i", (ignoreIndex) => {
      const target = classes.map((index, k) => (k % 2 === 1 ? ignoreIndex : index));
      const config = { loss: "cross_entropy", reduction, weight: weights, labelSmoothing: 0.1, ignoreIndex } as const;
      const loss = crossEntropy({ reduction, classWeights: [...weights], labelSmoothing: 0.1, ignoreIndex });
      if (target.every((index) => index === ignoreIndex)) target[0] = ignoreIndex === 0 ? C - 1 : 0;
      if (target.every((index) => index === ignoreIndex)) return; // one class only, and it is ignored
      expectLoss(shape, loss, config, x, target);
    });
  });
});

describe("where float32 would overflow", () => {
  const far = Float64Array.of(1e4, -1e4, 3e38, -3e38);

  test("crossEntropy of logits to ±3e38", () => {
    for (const target of [0, 2]) {
      const config = { loss: "cross_entropy", classes: 4, reduction: "sum" } as const;
      const expected = reference.loss(config, far, Float64Array.of(target));
      const { value, gradient } = lossOf(crossEntropy(), { B: 1, F: 4 }, far, [target]);
      expectClose("loss", [value], expected.loss, 1e-6);
      expectClose("gradient", gradient, expected.backward());
    }
  });

  test("binaryCrossEntropy of logits to ±1e4", () => {
    const x = Float64Array.of(1e4, -1e4, 100, -100);
    const target = Float64Array.of(0, 1, 1, 0);
    const expected = reference.loss({ loss: "bce_with_logits" }, x, target);
    const { value, gradient } = lossOf(binaryCrossEntropy(), { B: 1, F: 4 }, x, toTensor(target, [1, 4]));
    expectClose("loss", [value], expected.loss);
    expectClose("gradient", gradient, expected.backward());
  });
});

test("all targets ignored: loss and gradient are 0, not NaN", () => {
  const { value, gradient } = lossOf(crossEntropy(), { B: 2, F: 3 }, Float64Array.of(1, 2, 3, 4, 5, 6), [-100, -100]);
  expect(value).toBe(0);
  expect([...gradient]).toEqual([0, 0, 0, 0, 0, 0]);
});

describe("a loss", () => {
  const all: [Loss, string][] = [
    [meanSquaredError(), '{"type":"meanSquaredError","reduction":"mean"}'],
    [meanAbsoluteError({ reduction: "sum" }), '{"type":"meanAbsoluteError","reduction":"sum"}'],
    [huber(), '{"type":"huber","reduction":"mean","delta":1}'],
    [smoothL1({ beta: 0 }), '{"type":"smoothL1","reduction":"mean","beta":0}'],
    [crossEntropy(), '{"type":"crossEntropy","reduction":"mean","labelSmoothing":0,"ignoreIndex":-100}'],
    [
      crossEntropy({ classWeights: [1, 2] }),
      '{"type":"crossEntropy","reduction":"mean","labelSmoothing":0,"classWeights":[1,2],"ignoreIndex":-100}',
    ],
    [negativeLogLikelihood(), '{"type":"negativeLogLikelihood","reduction":"mean","ignoreIndex":-100}'],
    [binaryCrossEntropy(), '{"type":"binaryCrossEntropy","reduction":"mean"}'],
    [
      binaryCrossEntropy({ positiveWeights: [3], fromLogits: false }),
      '{"type":"binaryCrossEntropy","reduction":"mean","positiveWeights":[3],"fromLogits":false}',
    ],
    [klDivergence(), '{"type":"klDivergence","reduction":"mean","logTarget":false}'],
    [quantile({ quantiles: [0.5] }), '{"type":"quantile","reduction":"mean","quantiles":[0.5]}'],
    [
      gaussianMixture({ components: 2 }),
      '{"type":"gaussianMixture","reduction":"mean","components":2,"dimensions":2,"penStates":0}',
    ],
    [crfLoss({ reduction: "tokenMean" }), '{"type":"crfLoss","reduction":"tokenMean"}'],
    [ctc(), '{"type":"ctc","reduction":"mean","blank":0,"zeroInfinity":false}'],
  ];

  test.each(all)("is a plain description as JSON: %j", (loss, text) => {
    expect(JSON.stringify(loss)).toBe(text);
    expect(Object.isFrozen(loss)).toBe(true);
    for (const value of Object.values(loss)) expect(Object.isFrozen(value)).toBe(true);
  });

  test("is in that list", () => {
    const others = ["crfDecode", "crfMarginals", "ctcDecode", "MixtureSampler"];
    const names = Object.keys(losses).filter((name) => !others.includes(name));
    expect(names.sort()).toEqual([...new Set(all.map(([{ type }]) => type))].sort());
  });
});
