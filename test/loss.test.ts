/** Losses and their gradients by the output against reference.ts: 1e-5 relative and absolute. */

import { describe, expect, test } from "vitest";
import {
  activation,
  binaryCrossEntropy,
  crossEntropy,
  type Loss,
  meanSquaredError,
  Network,
  tensor,
} from "../bindings/index.ts";
import { expectClose, masked, randomNumbers, toTensor } from "./agreement.ts";
import * as reference from "./reference.ts";
import { indices } from "./support.ts";

const reductions = ["mean", "sum"] as const;

interface Shape {
  B: number;
  /** Undefined: vectors. */
  T?: number;
  F: number;
  lengths?: readonly number[];
}

const shapes: Shape[] = [
  { B: 1, F: 1 },
  { B: 4, F: 3 },
  { B: 3, F: 17 },
  { B: 2, T: 1, F: 4 },
  { B: 3, T: 5, F: 6 },
  { B: 4, T: 5, F: 3, lengths: [2, 5, 1, 4] },
];
const titled = shapes.map((shape): [string, Shape] => [JSON.stringify(shape), shape]);

/** Loss and gradient of a network whose output is its input; the gradient is zero in the padding. */
function lossOf(loss: Loss, { B, T, F, lengths }: Shape, x: Float64Array, targets: Parameters<Network["loss"]>[1]) {
  const net = new Network({ input: { features: F }, layers: [activation("linear")] });
  const shape = T === undefined ? [B, F] : [B, T, F];
  net.forward(toTensor(x, shape), { training: true, ...(lengths && { lengths }) });
  return { value: net.loss(loss, targets), gradient: net.backward().gradInput!.data };
}

/** Rows of width numbers that are no padding. */
function present(data: Float64Array, { T = 1, lengths }: Shape, width: number): Float64Array {
  return data.filter((_, k) => {
    const row = Math.floor(k / width);
    return lengths === undefined || row % T < lengths[Math.floor(row / T)]!;
  });
}

/** The way back: zero in the padding. */
function spread(data: Float64Array, { B, T = 1, F, lengths }: Shape): Float64Array {
  const whole = masked(new Float64Array(B * T * F).fill(1), T, F, lengths);
  let next = 0;
  return whole.map((there) => (there ? data[next++]! : 0));
}

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
}

const sizeOf = ({ B, T = 1, F }: Shape): number => B * T * F;

describe.each(reductions)("reduction %s", (reduction) => {
  describe.each(titled)("outputs %s", (_, shape) => {
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
