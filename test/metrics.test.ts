import { describe, expect, test } from "vitest";
import {
  adam,
  argmax,
  classScores,
  confusionMatrix,
  crossEntropy,
  dense,
  editDistance,
  embedding,
  errorRate,
  f1Score,
  gru,
  intervalCoverage,
  meanAbsoluteErrorOf,
  meanAbsolutePercentageError,
  meanPinballLoss,
  Network,
  perplexity,
  quantile,
  rootMeanSquaredError,
  tensor,
} from "../bindings/index.ts";
import { errorOf, expectError, indices, lehmer, numbers, type Kind } from "./support.ts";

const f32 = (...values: number[]) => Float32Array.from(values);
const i32 = (...values: number[]) => Int32Array.from(values);

describe("forecasts of quantiles", () => {
  test("the pinball loss weighs what is above by q, and what is below by 1 − q", () => {
    expect(meanPinballLoss([3, 3], [5], [0.1, 0.9])).toBeCloseTo((0.1 * 2 + 0.9 * 2) / 2, 12);
    expect(meanPinballLoss([3, 3], [2], [0.1, 0.9])).toBeCloseTo((0.9 * 1 + 0.1 * 1) / 2, 12);
    expect(meanPinballLoss(tensor(f32(1, 2, 4), [1, 3]), tensor(f32(2), [1, 1]), [0.25, 0.5, 0.75])).toBeCloseTo(
      (0.25 + 0 + 0.5) / 3,
      12,
    );
  });

  test("it is what quantile() makes least", () => {
    const quantiles = [0.1, 0.5, 0.9];
    const random = lehmer(3);
    const targets = tensor(Float32Array.from({ length: 64 }, random), [64, 1]);
    const inputs = tensor(new Float32Array(64).fill(1), [64, 1]);
    const net = new Network({ input: { features: 1 }, layers: [dense(3)], seed: 1 });
    const { loss } = net.evaluate({ inputs, targets }, { loss: quantile({ quantiles }) });
    expect(meanPinballLoss(net.predict(inputs), targets, quantiles)).toBeCloseTo(loss, 6);
  });

  test("the coverage counts what lies within, ends included", () => {
    expect(intervalCoverage([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0.5, 2])).toBe(0.75);
    expect(intervalCoverage([2], [1], [1.5])).toBe(0);
  });

  test.each<[string, () => unknown, Kind, RegExp]>([
    [
      "too few",
      () => meanPinballLoss([1], [1], [0.1, 0.9]),
      RangeError,
      /expected 2 numbers, 2 quantiles for each .* got 1/,
    ],
    ["no quantile", () => meanPinballLoss([1], [1], []), RangeError, /"quantiles" expected at least one number/],
    ["a quantile of 1", () => meanPinballLoss([1], [1], [1]), RangeError, /"quantiles\[0\]" expected a number between/],
    ["nothing", () => meanPinballLoss([], [], [0.5]), RangeError, /"actual" expected at least one number/],
    [
      "ends of another length",
      () => intervalCoverage([1], [1, 2], [1, 2]),
      RangeError,
      /"low" expected 2 numbers, .* got 1/,
    ],
    ["a text", () => intervalCoverage("a" as never, [1], [1]), TypeError, /"low" expected a tensor/],
  ])("%s is an error", async (_, call, kind, message) => {
    expectError(await errorOf(call), kind, message);
  });
});

describe("errors of forecasts", () => {
  test.each([
    ["arrays", [3, 1, 4], [1, 2, 2]],
    ["Float32Arrays", f32(3, 1, 4), f32(1, 2, 2)],
    ["tensors", tensor(f32(3, 1, 4), [1, 3]), tensor(f32(1, 2, 2), [1, 3])],
    ["one of each", tensor(f32(3, 1, 4), [3, 1]), [1, 2, 2]],
  ])("of %s", (_, predicted, actual) => {
    expect(rootMeanSquaredError(predicted, actual)).toBeCloseTo(Math.sqrt(9 / 3), 12);
    expect(meanAbsoluteErrorOf(predicted, actual)).toBeCloseTo(5 / 3, 12);
    expect(meanAbsolutePercentageError(predicted, actual)).toBeCloseTo((2 + 0.5 + 1) / 3, 12);
  });

  test("0 where all is right; the sign does not matter", () => {
    for (const error of [rootMeanSquaredError, meanAbsoluteErrorOf, meanAbsolutePercentageError]) {
      expect(error([1, -2], [1, -2])).toBe(0);
      expect(error([0, -4], [1, -2])).toBeGreaterThan(0);
    }
    expect(meanAbsolutePercentageError([-1.1], [-1])).toBeCloseTo(0.1, 12);
  });

  test.each<[string, () => unknown, Kind, RegExp]>([
    [
      "another number of them",
      () => rootMeanSquaredError([1], [1, 2]),
      RangeError,
      /"predicted" expected 2 numbers, as "actual" has, got 1 numbers/,
    ],
    [
      "another shape",
      () => meanAbsoluteErrorOf(numbers([2, 3]), numbers([3, 2])),
      RangeError,
      /"predicted" expected \[3, 2\], .* got \[2, 3\]/,
    ],
    ["nothing", () => rootMeanSquaredError([], []), RangeError, /"actual" expected at least one number/],
    [
      "classes",
      () => rootMeanSquaredError(indices([2], 2) as never, [1, 1]),
      TypeError,
      /"predicted" expected a tensor of Float32Array/,
    ],
    ["nested arrays", () => rootMeanSquaredError([[1]] as never, [1]), TypeError, /"predicted" expected a tensor/],
    [
      "a percentage of 0",
      () => meanAbsolutePercentageError([1, 1], [1, 0]),
      RangeError,
      /"actual" expected numbers other than 0, got 0 at 1/,
    ],
  ])("refuse %s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});

describe("perplexity", () => {
  test("e^loss", () => {
    expect(perplexity(0)).toBe(1);
    for (const loss of [0.1, 1, 2.5, 5.545177, 30]) expect(perplexity(loss) / Math.exp(loss)).toBeCloseTo(1, 5);
    expect(perplexity(1000)).toBe(Infinity);
    expect(() => perplexity(NaN)).toThrow(/"loss" expected a finite number/);
  });
});

describe("argmax", () => {
  test("the class of each row, in each shape", () => {
    expect(argmax(tensor(f32(1, 3, 2, 9, 0, 9), [2, 3]))).toEqual(tensor(i32(1, 0), [2]));
    expect(argmax(tensor(f32(1, 3, 2, 9, 0, 9), [1, 3, 2]))).toEqual(tensor(i32(1, 1, 1), [1, 3]));
    expect(argmax(tensor(f32(-5, -4), [2]))).toEqual(tensor(i32(1), []));
    expect(() => argmax(f32(1) as never)).toThrow(/"output" expected a tensor/);
    expect(() => argmax(tensor(f32(), [2, 0]))).toThrow(/"output" expected at least one class/);
  });
});

describe("confusionMatrix", () => {
  const counts = tensor(i32(1, 1, 0, 0, 2, 0, 1, 0, 0), [3, 3]);
  test("row the actual class, column the predicted one; in each form", () => {
    const [predicted, actual] = [[0, 1, 1, 1, 0], [0, 0, 1, 1, 2]]; // prettier-ignore
    expect(confusionMatrix(predicted, actual)).toEqual(counts);
    expect(confusionMatrix(i32(...predicted), tensor(i32(...actual), [5]))).toEqual(counts);
    const lists = (flat: number[]) => [flat.slice(0, 2), flat.slice(2, 3), flat.slice(3)];
    expect(confusionMatrix(lists(predicted), lists(actual))).toEqual(counts);
    expect(confusionMatrix(predicted, actual, { classes: 4 }).shape).toEqual([4, 4]);
  });

  test("padding is not counted: by lengths, or where one of the two is a list", () => {
    const predicted = tensor(i32(0, 1, 9, 1, 9, 9, 1, 0, 9), [3, 3]);
    const actual = tensor(i32(0, 0, 9, 1, 9, 9, 1, 2, 9), [3, 3]);
    expect(confusionMatrix(predicted, actual, { lengths: [2, 1, 2] })).toEqual(counts);
    expect(confusionMatrix(predicted, [[0, 0], [1], [1, 2]])).toEqual(counts);
    expect(confusionMatrix([[0, 1], [1], [1, 0]], actual)).toEqual(counts);
  });

  test("an actual class that is ignored is not counted", () => {
    expect(confusionMatrix([0, 1, 5], [0, 0, -100]).data).toEqual(i32(1, 1, 0, 0));
    expect(confusionMatrix([0, 1], [0, 7], { ignoreIndex: 7 })).toEqual(tensor(i32(1), [1, 1]));
  });

  test("of a network that tags: its diagonal is the accuracy that evaluate gives", async () => {
    const random = lehmer(5);
    const inputs = [7, 3, 9, 1].map((n) => Array.from({ length: n }, () => Math.floor(4 * random())));
    const targets = inputs.map((row) => row.map((x) => (x === 0 ? -100 : x - 1)));
    const net = new Network({ input: { tokens: 4 }, layers: [embedding(3), gru(4), dense(3)] });
    await net.fit({ inputs, targets }, { loss: crossEntropy(), optimizer: adam({ learningRate: 0.05 }), epochs: 3 });
    const matrix = confusionMatrix(argmax(net.predict(inputs)), targets, { classes: 3 });
    const { accuracy } = net.evaluate({ inputs, targets }, { loss: crossEntropy() });
    expect(f1Score(matrix, "micro")).toBeCloseTo(accuracy!, 12);
    expect(accuracy).toBeGreaterThan(0.3);
  });

  test.each<[string, () => unknown, Kind, RegExp]>([
    [
      "a class too many",
      () => confusionMatrix([3], [0], { classes: 3 }),
      RangeError,
      /"predicted" expected an integer from 0 to 2, got 3/,
    ],
    ["a class below 0", () => confusionMatrix([0], [-1]), RangeError, /"actual" expected an integer from 0/],
    [
      "fewer classes",
      () => confusionMatrix([0, 1], [0]),
      RangeError,
      /"predicted\[0\]" expected 1 classes, as "actual" has, got 2/,
    ],
    [
      "fewer sequences",
      () => confusionMatrix([[0]], [[0], [1]]),
      RangeError,
      /"predicted" expected 2 sequences, .* got 1/,
    ],
    [
      "a padded sequence that is too short",
      () => confusionMatrix(indices([1, 2], 2), [[0, 1, 0]]),
      RangeError,
      /"predicted\[0\]" expected 3 classes/,
    ],
    [
      "padded ones of other lengths",
      () => confusionMatrix(indices([1, 2], 2), indices([1, 3], 2)),
      RangeError,
      /"predicted\[0\]" expected 3 classes/,
    ],
    ["lengths of a list", () => confusionMatrix([[0]], [[0]], { lengths: [1] }), RangeError, /"lengths" expected none/],
    [
      "too few lengths",
      () => confusionMatrix(indices([2, 2], 2), indices([2, 2], 2), { lengths: [1] }),
      RangeError,
      /"lengths" expected 2 integers/,
    ],
    [
      "a length too long",
      () => confusionMatrix(indices([1, 2], 2), indices([1, 2], 2), { lengths: [3] }),
      RangeError,
      /"lengths\[0\]" expected .* 0 to 2/,
    ],
    [
      "outputs",
      () => confusionMatrix(numbers([2, 2]) as never, [0, 1]),
      TypeError,
      /"predicted" expected integers.*argmax\(\)/,
    ],
    [
      "three dimensions",
      () => confusionMatrix(indices([1, 2, 2], 2), [0]),
      RangeError,
      /"predicted" expected shape \[batch, time\], got \[1, 2, 2\]/,
    ],
    ["a text", () => confusionMatrix("01" as never, [0]), TypeError, /"predicted" expected integers/],
    ["no classes", () => confusionMatrix([0], [0], { classes: 0 }), RangeError, /"classes" expected/],
    [
      "an unknown option",
      () => confusionMatrix([0], [0], { labels: 1 } as never),
      TypeError,
      /unknown option "labels"/,
    ],
  ])("refuses %s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});

describe("classScores and f1Score", () => {
  // Rows actual, columns predicted; class 3 does not occur.
  const matrix = tensor(i32(5, 1, 0, 0, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), [4, 4]);
  test("by hand", () => {
    expect(classScores(matrix)).toEqual({
      precision: [5 / 7, 3 / 4, 0, 0],
      recall: [5 / 6, 3 / 6, 0, 0],
      f1: [10 / 13, 6 / 10, 0, 0],
      support: [6, 6, 0, 0],
    });
    expect(f1Score(matrix)).toBeCloseTo((10 / 13 + 6 / 10 + 0) / 3, 12); // class 2 was predicted once
    expect(f1Score(matrix, "weighted")).toBeCloseTo((10 / 13 + 6 / 10) / 2, 12);
    expect(f1Score(matrix, "micro")).toBeCloseTo(8 / 12, 12);
  });
  test("1 where all is right", () => {
    for (const average of ["macro", "weighted", "micro"] as const) {
      expect(f1Score(confusionMatrix([0, 1, 2, 2], [0, 1, 2, 2], { classes: 5 }), average)).toBe(1);
    }
  });
  test("refuse what is no matrix", () => {
    expect(() => classScores(indices([2, 3], 2))).toThrow(/"matrix" expected a square, got \[2, 3\]/);
    expect(() => f1Score([1] as never)).toThrow(/"matrix" expected a tensor/);
    expect(() => f1Score(tensor(i32(0), [1, 1]))).toThrow(/"matrix" expected at least one count/);
    expect(() => f1Score(matrix, "binary" as never)).toThrow(/"average" expected one of "macro"/);
  });
});

describe("editDistance", () => {
  test.each([
    ["kitten", "sitting", 3],
    ["", "abc", 3],
    ["abc", "", 3],
    ["", "", 0],
    ["flaw", "lawn", 2],
    ["intention", "execution", 5],
    ["a😀c", "ac", 1], // a code point is one character
  ])("%s and %s: %i", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
  test("of words and of tokens", () => {
    expect(editDistance(["the", "cat", "sat"], ["the", "cats", "sat", "down"])).toBe(2);
    expect(editDistance([1, 2, 3], i32(1, 3))).toBe(1);
    expect(editDistance(i32(), i32(1, 3))).toBe(2);
  });
  test("never more than the longer one, and the triangle holds", () => {
    const random = lehmer(7);
    const word = () => Array.from({ length: Math.floor(random() * 7) }, () => Math.floor(random() * 3));
    for (let k = 0; k < 300; k++) {
      const [a, b, c] = [word(), word(), word()];
      const ab = editDistance(a, b);
      expect(ab).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      expect(ab).toBeLessThanOrEqual(Math.max(a.length, b.length));
      expect(editDistance(a, c)).toBeLessThanOrEqual(ab + editDistance(b, c));
      expect(ab === 0).toBe(a.join() === b.join());
    }
  });
  test("refuses a number", () => {
    expect(() => editDistance(3 as never, "a")).toThrow(/"a" expected a text or a list of symbols, got 3/);
  });
});

describe("errorRate", () => {
  test("all edits by all symbols", () => {
    expect(errorRate(["kitten", "abc"], ["sitting", "abc"])).toBe(3 / 10);
    expect(errorRate([["a", "b"]], [["a"]])).toBe(1);
    expect(errorRate([[]], [["a", "b"]])).toBe(1);
    expect(errorRate([i32(1, 2, 3)], [[9]])).toBe(3);
  });
  test("refuses lists that do not fit", () => {
    expect(() => errorRate(["a"], [])).toThrow(/"predicted" expected 0 of them, as many as "actual"/);
    expect(() => errorRate([""], [""])).toThrow(/"actual" expected at least one symbol/);
    expect(() => errorRate("ab" as never, ["a"])).toThrow(/"predicted" expected a list of texts/);
    expect(() => errorRate([1] as never, ["a"])).toThrow(/"predicted\[0\]" expected a text or a list/);
  });
});
