import { describe, expect, test } from "vitest";
import {
  crossEntropy,
  dense,
  embedding,
  gru,
  last,
  meanSquaredError,
  Network,
  selectExamples,
  splitData,
  splitSequence,
  tensor,
  type Input,
  type Targets,
  type TrainingData,
} from "../bindings/index.ts";
import { errorOf, expectError, indices, numbers, type Kind } from "./support.ts";

const count = (length: number) => Int32Array.from({ length }, (_, i) => i);
const lengths = (length: number, fractions: number[]) => splitSequence(count(length), fractions).map((p) => p.length);

describe("splitSequence", () => {
  test("cuts into consecutive parts that are views", () => {
    const tokens = count(10);
    const [head, tail] = splitSequence(tokens, [0.9, 0.1]);
    expect(head).toEqual(Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8));
    expect(tail).toEqual(Int32Array.of(9));
    expect(tail?.buffer).toBe(tokens.buffer);
  });

  test("cuts a series, and a tensor in its first dimension", () => {
    const series = Float32Array.of(1, 2, 3, 4);
    expect(splitSequence(series, [0.5, 0.5])).toEqual([Float32Array.of(1, 2), Float32Array.of(3, 4)]);
    const [head, tail] = splitSequence(tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]), [0.7, 0.3]);
    expect(head).toEqual(tensor(Float32Array.of(1, 2, 3, 4), [2, 2]));
    expect(tail).toEqual(tensor(Float32Array.of(5, 6), [1, 2]));
  });

  test("respects the offset of a view", () => {
    expect(splitSequence(count(10).subarray(4), [0.5, 0.5])).toEqual([Int32Array.of(4, 5, 6), Int32Array.of(7, 8, 9)]);
  });

  test("rounds to whole tokens", () => {
    expect(lengths(10, [1])).toEqual([10]);
    expect(lengths(7, [0.5, 0.5])).toEqual([4, 3]);
    expect(lengths(125_179, [0.8, 0.1, 0.1])).toEqual([100_143, 12_518, 12_518]);
    expect(
      lengths(
        10,
        Array.from({ length: 10 }, () => 0.1),
      ),
    ).toEqual(Array.from({ length: 10 }, () => 1));
    expect(lengths(6, [1 / 3, 1 / 3, 1 / 3])).toEqual([2, 2, 2]);
  });

  test("leaves no part empty", () => {
    expect(lengths(10, [0.999, 0.001])).toEqual([9, 1]);
    expect(lengths(10, [0.001, 0.999])).toEqual([1, 9]);
    expect(lengths(3, [0.001, 0.001, 0.998])).toEqual([1, 1, 1]);
    expect(lengths(3, [0.998, 0.001, 0.001])).toEqual([1, 1, 1]);
    expect(lengths(4, [1e-12, 1 - 2e-12, 1e-12])).toEqual([1, 2, 1]);
  });

  test("covers everything exactly once for lengths 1–60 and up to 5 parts", () => {
    const shares = [[1], [0.7, 0.3], [0.01, 0.99], [0.6, 0.2, 0.2], [0.4, 0.3, 0.2, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2]];
    for (const fractions of shares) {
      for (let length = fractions.length; length <= 60; length++) {
        const parts = splitSequence(count(length), fractions);
        expect(parts.flatMap((part) => [...part])).toEqual([...count(length)]);
        expect(parts.every((part) => part.length > 0)).toBe(true);
      }
    }
  });

  test.each([
    ["no fraction", []],
    ["a sum below 1", [0.5, 0.4]],
    ["a sum above 1 by 2e-9", [0.5, 0.5 + 2e-9]],
    ["0", [1, 0]],
    ["a negative one", [1.5, -0.5]],
    ["NaN", [0.5, NaN]],
    ["infinity", [Infinity]],
  ])("refuses %s", (_, fractions) => {
    expect(() => splitSequence(count(10), fractions)).toThrow(RangeError);
    expect(() => splitSequence(count(10), fractions)).toThrow(/"fractions" expected .* got \[.*\].*Divide/);
  });

  test("takes a sum off by rounding", () => {
    expect(lengths(100, [0.5, 0.5 + 5e-10])).toEqual([50, 50]);
  });

  test("refuses fewer tokens than parts", () => {
    expect(() => splitSequence(count(1), [0.5, 0.5])).toThrow(/"sequence" expected .* 2 parts, got 1\. Pass a longer/);
    expect(() => splitSequence(count(0), [1])).toThrow(RangeError);
  });

  test("refuses arguments of the wrong kind", () => {
    expect(() => splitSequence([1, 2, 3] as never, [1])).toThrow(TypeError);
    expect(() => splitSequence(count(3), 0.9 as never)).toThrow(TypeError);
    expect(() => splitSequence(count(3), ["1"] as never)).toThrow(TypeError);
  });
});

const shapes = { B: 10, T: 3, F: 2 };
const whole = numbers([shapes.B, shapes.T, shapes.F]);
const rowOf = (b: number) => whole.data.slice(b * 6, b * 6 + 6);
const all = Array.from({ length: shapes.B }, (_, b) => b);
const nested = all.map((b) => [0, 1, 2].map((t) => [...rowOf(b).slice(t * 2, t * 2 + 2)]));
const ids = indices([10, 3], 5);
const perStep = indices([10, 3], 2, 9);

/** The same ten examples in every form, with the network that takes them. */
const forms: [string, Input, Targets][] = [
  ["a tensor", whole, perStep],
  ["nested arrays", nested, all.map((b) => [...perStep.data.slice(b * 3, b * 3 + 3)])],
  ["a list of flat sequences", all.map(rowOf), all.map((b) => perStep.data.slice(b * 3, b * 3 + 3))],
  ["a list of tensors", all.map((b) => tensor(rowOf(b), [3, 2])), perStep],
  ["tokens", ids, perStep],
  ["a list of tokens", all.map((b) => ids.data.slice(b * 3, b * 3 + 3)), perStep],
];

describe("selectExamples", () => {
  test.each(forms)("of %s: a network sees those examples, with their targets", (_, inputs, targets) => {
    const isTokens = inputs === ids || (Array.isArray(inputs) && inputs[0] instanceof Int32Array);
    const net = isTokens
      ? new Network({ input: { tokens: 5 }, layers: [embedding(2), gru(3), dense(2)] })
      : new Network({ input: { features: 2 }, layers: [gru(3), dense(2)] });
    const all = net.predict(inputs);
    for (const chosen of [[4, 0, 4, 9], [2, 3, 4], [0]]) {
      const part = selectExamples({ inputs, targets }, chosen);
      const output = net.predict(part.inputs);
      expect(output.shape).toEqual([chosen.length, 3, 2]);
      chosen.forEach((b, k) => {
        expect(output.data.slice(k * 6, k * 6 + 6)).toEqual(all.data.slice(b * 6, b * 6 + 6));
      });
      const expected = selectExamples({ inputs, targets: perStep }, chosen);
      const options = { loss: crossEntropy() };
      expect(net.evaluate(part, options)).toEqual(net.evaluate(expected, options));
    }
  });

  test("lengths, and what else stands beside the inputs, go along", () => {
    const data = {
      inputs: whole,
      targets: numbers([10, 2]),
      lengths: [3, 2, 1, 3, 2, 1, 3, 2, 1, 3],
      weights: Float32Array.from(all, (b) => b / 2),
      names: all.map(String),
    };
    const { lengths, weights, names, inputs, targets } = selectExamples(data, Int32Array.of(1, 8));
    expect(lengths).toEqual([2, 1]);
    expect(weights).toEqual(Float32Array.of(0.5, 4));
    expect(names).toEqual(["1", "8"]);
    expect(inputs).toEqual(tensor(Float32Array.of(...rowOf(1), ...rowOf(8)), [2, 3, 2]));
    expect(targets.shape).toEqual([2, 2]);
  });

  test("a run of examples of a tensor is a view", () => {
    const part = selectExamples({ inputs: whole, targets: perStep }, [3, 4]);
    expect(part.inputs.data.buffer).toBe(whole.data.buffer);
    expect(part.inputs.data).toEqual(Float32Array.of(...rowOf(3), ...rowOf(4)));
  });

  const data = { inputs: whole, targets: perStep };
  test.each<[string, () => unknown, Kind, RegExp]>([
    ["an index too many", () => selectExamples(data, [10]), RangeError, /"examples\[0\]" expected .* 0 to 9, got 10/],
    ["a text", () => selectExamples(data, "0" as never), TypeError, /"examples" expected an array of indices/],
    [
      "targets of another size",
      () => selectExamples({ inputs: whole, targets: [1] }, [0]),
      RangeError,
      /"targets" expected 10 examples, as many as "inputs", got 1/,
    ],
    [
      "lengths of another size",
      () => selectExamples({ ...data, lengths: [1] }, [0]),
      RangeError,
      /"lengths" expected 10 examples/,
    ],
    [
      "one sequence of tokens",
      () => selectExamples({ inputs: [1, 2], targets: [2, 3] }, [0]),
      RangeError,
      /"inputs" expected examples, got \[1, 2\], which is one sequence: cut it in time by splitSequence/,
    ],
    ["no data", () => selectExamples(undefined as never, [0]), TypeError, /"data" expected an object/],
    [
      "inputs of no examples",
      () => selectExamples({ inputs: [], targets: [] }, []),
      RangeError,
      /"inputs" expected at least one example/,
    ],
    [
      "inputs that are a number",
      () => selectExamples({ inputs: 3 as never, targets: [] }, []),
      TypeError,
      /"inputs" expected a tensor or a list/,
    ],
  ])("refuses %s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});

/** Data whose example i is the vector [i], in 100 examples. */
const hundred = (targets: Targets = numbers([100, 1])): TrainingData => ({
  inputs: tensor(
    Float32Array.from({ length: 100 }, (_, i) => i),
    [100, 1],
  ),
  targets,
});
const examplesOf = ({ inputs }: TrainingData): number[] => [...(inputs as { data: Float32Array }).data];
const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);
const ascending = (list: readonly number[]) => [...list].sort((a, b) => a - b);

describe("splitData", () => {
  test("by time: the first for training, then validation, the last for the test", () => {
    const { train, validation, test } = splitData(hundred(), { by: "time", validation: 0.1, test: 0.2 });
    expect([train, validation, test].map(examplesOf)).toEqual([range(0, 70), range(70, 80), range(80, 100)]);
    const gapped = splitData(hundred(), { by: "time", validation: 0.1, test: 0.2, gap: 3 });
    expect([gapped.train, gapped.validation, gapped.test].map(examplesOf)).toEqual([
      range(0, 67),
      range(70, 77),
      range(80, 100),
    ]);
  });

  test("one part alone", () => {
    expect(Object.keys(splitData(hundred(), { validation: 0.1 }))).toEqual(["train", "validation"]);
    const { train, test } = splitData(hundred(), { test: 0.25, by: "time" });
    expect([examplesOf(train).length, examplesOf(test).length]).toEqual([75, 25]);
  });

  test("at random: each example once, in its order, another choice with another seed", () => {
    const split = (seed: number) => splitData(hundred(), { validation: 0.1, test: 0.2, seed });
    const { train, validation, test } = split(1);
    const parts = [train, validation, test].map(examplesOf);
    expect(parts.map(({ length }) => length)).toEqual([70, 10, 20]);
    expect(ascending(parts.flat())).toEqual(range(0, 100));
    for (const part of parts) expect(part).toEqual(ascending(part));
    expect(parts[2]).not.toEqual(range(80, 100));
    expect(split(1)).toEqual(split(1));
    expect(split(2)).not.toEqual(split(1));
  });

  test("over many seeds each example is in the test part about as often", () => {
    const counts = new Float64Array(100);
    for (let seed = 0; seed < 400; seed++) {
      for (const i of examplesOf(splitData(hundred(), { test: 0.25, seed }).test)) counts[i]!++;
    }
    // 100 each, standard deviation 8.7
    expect(counts.every((count) => Math.abs(count - 100) < 5 * 8.7)).toBe(true);
  });

  test.each([[[60, 30, 10]], [[97, 2, 1]], [[34, 33, 33]]])("stratified keeps the ratio of classes %j", (sizes) => {
    const classes = sizes.flatMap((size, c) => Array.from({ length: size }, () => c));
    const { train, validation, test } = splitData(hundred(classes), { validation: 0.2, test: 0.1, stratify: true });
    const share = (part: TrainingData, c: number) => (part.targets as number[]).filter((one) => one === c).length;
    sizes.forEach((size, c) => {
      expect(Math.abs(share(validation, c) - 0.2 * size)).toBeLessThan(1.01);
      expect(Math.abs(share(test, c) - 0.1 * size)).toBeLessThan(1.01);
    });
    expect(ascending([train, validation, test].flatMap(examplesOf))).toEqual(range(0, 100));
    const byText = splitData(hundred(), { validation: 0.2, test: 0.1, stratify: classes.map((c) => `class ${c}`) });
    expect(examplesOf(byText.test)).toEqual(examplesOf(test));
    const asTensor = hundred(tensor(Int32Array.from(classes), [100]));
    expect(examplesOf(splitData(asTensor, { validation: 0.2, test: 0.1, stratify: true }).test)).toEqual(
      examplesOf(test),
    );
  });

  test("groups stay whole, in parts of about the size", () => {
    const groups = range(0, 100).map((i) => `person ${i % 12}`);
    const { train, validation, test } = splitData(hundred(), { validation: 0.2, test: 0.2, groups, seed: 3 });
    const parts = [train, validation, test].map(examplesOf);
    expect(ascending(parts.flat())).toEqual(range(0, 100));
    const [a, b, c] = parts.map((part) => new Set(part.map((i) => groups[i])));
    expect(a!.size + b!.size + c!.size).toBe(12);
    expect(Math.abs(parts[0]!.length - 60)).toBeLessThanOrEqual(9);
    expect(Math.abs(parts[1]!.length - 20)).toBeLessThanOrEqual(9);
  });

  test("three groups of very different size: no part is empty", () => {
    const groups = range(0, 100).map((i) => (i < 98 ? 0 : i));
    const { train, validation, test } = splitData(hundred(), { validation: 0.01, test: 0.01, groups });
    expect([train, validation, test].map((part) => examplesOf(part).length)).toEqual([98, 1, 1]);
  });

  test("three groups of a like size, of which training alone lacks more than the others: no part is empty", () => {
    const groups = range(0, 100).map((i) => i % 3);
    const { train, validation, test } = splitData(hundred(), { validation: 0.1, test: 0.1, groups });
    const sizes = [train, validation, test].map((part) => examplesOf(part).length);
    expect(sizes.sort()).toEqual([33, 33, 34]);
  });

  test("what it gives is data to train on: lists, tokens, lengths", () => {
    const net = new Network({ input: { tokens: 5 }, layers: [embedding(2), gru(3), last(), dense(2)] });
    const lengths = all.map((b) => 1 + (b % 3));
    const data = { inputs: ids, targets: all.map((b) => b % 2), lengths };
    const { train, validation } = splitData(data, { validation: 0.3, stratify: true });
    expect(train.lengths.length + validation.lengths.length).toBe(10);
    const options = { loss: crossEntropy() };
    const [whole, a, b] = [data, train, validation].map((part) => net.evaluate(part, options).loss);
    expect((a! * 7 + b! * 3) / 10).toBeCloseTo(whole!, 5);
    const flat = new Network({ input: { features: 1 }, layers: [dense(1)] });
    const parts = splitData(hundred(), { test: 0.5, seed: 8 });
    const mse = { loss: meanSquaredError() };
    const mean = (flat.evaluate(parts.train, mse).loss + flat.evaluate(parts.test, mse).loss) / 2;
    expect(mean / flat.evaluate(hundred(), mse).loss).toBeCloseTo(1, 5);
  });

  const share = { validation: 0.1 };
  test.each<[string, () => unknown, Kind, RegExp]>([
    [
      "no share",
      () => splitData(hundred(), {} as never),
      RangeError,
      /"validation" expected a share, or one of "test"/,
    ],
    [
      "a share of 0",
      () => splitData(hundred(), { validation: 0 }),
      RangeError,
      /"validation" expected a number above 0/,
    ],
    ["a share of 2", () => splitData(hundred(), { test: 2 }), RangeError, /"test" expected a finite number/],
    [
      "shares that leave nothing",
      () => splitData(hundred(), { validation: 0.5, test: 0.5 }),
      RangeError,
      /leaves some of 100 examples for training, got \[0.5, 0.5\]/,
    ],
    [
      "an unknown option",
      () => splitData(hundred(), { ...share, strat: 1 } as never),
      TypeError,
      /unknown option "strat"/,
    ],
    [
      "an unknown way",
      () => splitData(hundred(), { ...share, by: "hand" as never }),
      RangeError,
      /"by" expected one of "random", "time"/,
    ],
    ["a gap at random", () => splitData(hundred(), { ...share, gap: 1 }), RangeError, /"gap" expected nothing unless/],
    [
      "a gap that is too large",
      () => splitData(hundred(), { ...share, by: "time", gap: 90 }),
      RangeError,
      /"gap" expected less than the 90 examples of "train", got 90/,
    ],
    [
      "groups by time",
      () => splitData(hundred(), { ...share, by: "time", groups: range(0, 100) }),
      RangeError,
      /"groups" expected nothing when/,
    ],
    [
      "classes by time",
      () => splitData(hundred(), { ...share, by: "time", stratify: true }),
      RangeError,
      /"stratify" expected nothing when/,
    ],
    [
      "groups and classes",
      () => splitData(hundred(), { ...share, stratify: range(0, 100), groups: range(0, 100) }),
      RangeError,
      /"stratify" expected nothing beside groups/,
    ],
    [
      "one group for two parts",
      () => splitData(hundred(), { ...share, groups: range(0, 100).map(() => 1) }),
      RangeError,
      /"groups" expected at least 2 groups, one a part, got 1/,
    ],
    [
      "too few classes",
      () => splitData(hundred(), { ...share, stratify: [1] }),
      RangeError,
      /"stratify" expected 100 numbers or texts/,
    ],
    [
      "a class that is none",
      () => splitData(hundred(), { ...share, stratify: range(0, 100).map(() => NaN) }),
      TypeError,
      /"stratify\[0\]" expected a number or a text, got NaN/,
    ],
    [
      "targets that are no classes",
      () => splitData(hundred(), { ...share, stratify: true }),
      TypeError,
      /"stratify" expected the class of each example/,
    ],
  ])("refuses %s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});
