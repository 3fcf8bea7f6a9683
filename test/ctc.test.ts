/** ctc() against its definition, reference/ctc.ts and PyTorch; ctcDecode() against what ctc() says of labels. */

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ctc, ctcDecode, dense, gru, Network, tensor, adam, type Targets } from "../bindings/index.ts";
import { expectClose, masked, randomNumbers, toTensor } from "./agreement.ts";
import { casesOf, loadGolden, swapFirstAxes } from "./golden.ts";
import { lossOf, reductions } from "./losses.ts";
import { centralDifference } from "./reference.ts";
import * as reference from "./reference/ctc.ts";
import { expectThrown, lehmer, numbers } from "./support.ts";

// ------------------------------------------------------------------------------------------------------ the reference

describe("the reference", () => {
  const cases: [number, number, number[], number][] = [
    [1, 2, [], 0],
    [1, 2, [1], 0],
    [4, 3, [], 2],
    [4, 3, [1, 1], 0],
    [5, 3, [0, 1, 0], 2],
    [5, 4, [3, 3, 1], 2],
    [6, 3, [1, 2, 1], 0],
  ];

  test.each(cases)(
    "%i steps, %i classes, labels %j, blank %i: by recursion and by all paths",
    (T, C, labels, blank) => {
      const x = randomNumbers(T)(T * C, 2);
      expectClose(
        "loss",
        [reference.ctc(x, C, labels, blank).loss],
        [reference.ctcByPaths(x, C, labels, blank)],
        1e-12,
      );
    },
  );

  test.each(cases)("%i steps, %i classes, labels %j, blank %i: gradient", (T, C, labels, blank) => {
    const x = randomNumbers(T)(T * C, 2);
    const numeric = centralDifference((v) => reference.ctc(v, C, labels, blank).loss, x);
    expectClose("gradient", reference.ctc(x, C, labels, blank).gradient, numeric, 1e-8);
  });

  test("labels that do not fit have no path", () => {
    expect(reference.ctc(randomNumbers(1)(6), 3, [1, 1], 0).loss).toBe(Infinity);
    expect(reference.ctcByPaths(randomNumbers(1)(6), 3, [1, 1], 0)).toBe(Infinity);
  });

  const golden = loadGolden(fileURLToPath(new URL("golden", import.meta.url)));
  const ofPyTorch = casesOf(golden, "loss").filter(
    ({ config }) => config.loss === "ctc" && config.reduction !== "mean",
  );
  test.each(ofPyTorch.map((one) => [one.id, one] as const))("PyTorch's %s, in float64", (id, { config }) => {
    const { data: x, shape } = swapFirstAxes(golden.tensor(id, "input")!);
    const [, T, C] = shape as [number, number, number];
    const target = golden.tensor(id, "target")!;
    const L = target.shape[1]!;
    const [lengths, counts] = [config.input_lengths as number[], config.target_lengths as number[]];
    const R = golden.tensor(id, "R_loss")?.data;
    const results = lengths.map((length, b) => {
      const labels = [...target.data.subarray(b * L, b * L + counts[b]!)];
      const result = reference.ctc(x.subarray(b * T * C, (b * T + length) * C), C, labels, config.blank as number);
      return result.loss === Infinity && config.zero_infinity
        ? { loss: 0, gradient: new Float64Array(length * C) }
        : result;
    });
    const values = results.map(({ loss }) => loss);
    const expected = golden.tensor(id, "loss")!.data;
    expectClose("loss", config.reduction === "none" ? values : [values.reduce((a, b) => a + b, 0)], expected, 1e-12);
    const gradient = new Float64Array(x.length);
    results.forEach((one, b) =>
      gradient.set(
        one.gradient.map((g) => g * (R?.[b] ?? 1)),
        b * T * C,
      ),
    );
    expectClose("gradient", gradient, swapFirstAxes(golden.tensor(id, "grad.input")!).data, 1e-12);
  });
});

// ---------------------------------------------------------------------------------------------------------- the core

interface Case {
  B: number;
  T: number;
  C: number;
  blank: number;
  lengths?: number[];
  labels: number[][];
}

const cases: Case[] = [
  { B: 1, T: 1, C: 2, blank: 0, labels: [[1]] },
  { B: 1, T: 3, C: 2, blank: 1, labels: [[0, 0]] },
  { B: 2, T: 5, C: 3, blank: 0, labels: [[1, 2, 1], []] },
  { B: 3, T: 6, C: 5, blank: 4, lengths: [2, 6, 4], labels: [[3], [0, 0, 1, 2], [1, 1]] },
  { B: 4, T: 9, C: 17, blank: 7, lengths: [3, 9, 9, 1], labels: [[], [16, 16, 0, 1, 2], [3], [9]] },
  {
    B: 5,
    T: 30,
    C: 4,
    blank: 0,
    lengths: [30, 12, 29, 7, 30],
    labels: [[1, 2, 3, 3, 2, 1, 1], [2, 2], [3], [], [1, 2, 1, 2]],
  },
];

/** Losses of the sequences, and the gradient (B, T, C) times a factor each. */
function expected({ B, T, C, blank, lengths, labels }: Case, x: Float64Array, factor: (b: number) => number) {
  const gradient = new Float64Array(B * T * C);
  const losses = labels.map((own, b) => {
    const result = reference.ctc(x.subarray(b * T * C, (b * T + (lengths?.[b] ?? T)) * C), C, own, blank);
    gradient.set(
      result.gradient.map((g) => g * factor(b)),
      b * T * C,
    );
    return result.loss * factor(b);
  });
  return { value: losses.reduce((a, b) => a + b, 0), gradient };
}

describe.each(cases)("$B sequences of $T steps, $C classes, blank $blank, labels $labels", (one) => {
  const { B, T, C, blank, labels } = one;
  const shape = { B, T, F: C, ...(one.lengths && { lengths: one.lengths }) };
  const x = randomNumbers(B + T)(B * T * C, 3);

  test.each(reductions)("reduction %s", (reduction) => {
    const factor = (b: number) => (reduction === "sum" ? 1 : 1 / (B * Math.max(1, labels[b]!.length)));
    const { value, gradient } = lossOf(ctc({ blank, reduction }), shape, x, labels);
    const right = expected(one, x, factor);
    expectClose("loss", [value], [right.value]);
    expectClose("gradient", gradient, right.gradient);
  });

  test.each(reductions)("reduction %s, a weight for each sequence", (reduction) => {
    const weights = labels.map((_, b) => [0.5, 2, 0, 1.25, 3][b]!);
    const total = weights.reduce((a, b) => a + b, 0);
    const factor = (b: number) =>
      weights[b]! * (reduction === "sum" ? 1 : 1 / (total * Math.max(1, labels[b]!.length)));
    const { value, gradient } = lossOf(ctc({ blank, reduction }), shape, x, labels, weights);
    const right = expected(one, x, factor);
    expectClose("loss", [value], [right.value]);
    expectClose("gradient", gradient, right.gradient);
  });
});

describe("forms of targets", () => {
  const x = numbers([2, 6, 4]);
  const net = new Network({ input: { features: 4 }, layers: [dense(4)] });
  const value = (targets: Targets) => (net.forward(x, { training: true }), net.loss(ctc(), targets));

  test("lists, Int32Arrays and a tensor are the same", () => {
    const lists = [
      [1, 2],
      [3, 3],
    ];
    const right = value(lists);
    expect(value(lists.map((labels) => Int32Array.from(labels)))).toBe(right);
    expect(value(tensor(Int32Array.of(1, 2, 3, 3), [2, 2]))).toBe(right);
    expect(right).toBeGreaterThan(0);
  });
});

describe("a sequence that is too short for its labels", () => {
  const shape = { B: 2, T: 4, F: 3, lengths: [2, 4] };
  const x = randomNumbers(3)(24);
  const labels = [
    [1, 1],
    [1, 2],
  ];

  test("has an infinite loss and no gradient that is a number", () => {
    const { value, gradient } = lossOf(ctc(), shape, x, labels);
    expect(value).toBe(Infinity);
    expect([...gradient.subarray(0, 6)].every(Number.isNaN)).toBe(true);
    expect([...gradient.subarray(12)].every(Number.isFinite)).toBe(true);
  });

  test.each(reductions)("counts 0 with zeroInfinity, as in PyTorch's mean, reduction %s", (reduction) => {
    const { value, gradient } = lossOf(ctc({ zeroInfinity: true, reduction }), shape, x, labels);
    const alone = reference.ctc(x.subarray(12), 3, [1, 2], 0);
    const factor = reduction === "sum" ? 1 : 1 / 4;
    expectClose("loss", [value], [alone.loss * factor]);
    expectClose("gradient", gradient, [...new Float64Array(12), ...alone.gradient.map((g) => g * factor)]);
  });

  test("is not seen with weight 0", () => {
    const { value, gradient } = lossOf(ctc(), shape, x, labels, [0, 1]);
    expect(value).toBeLessThan(Infinity);
    expect([...gradient].every(Number.isFinite)).toBe(true);
  });
});

test("1,000 steps: within 1e-6, where probabilities are below all floats", () => {
  const [T, C] = [1000, 5];
  const x = randomNumbers(8)(T * C, 8);
  const next = lehmer(2);
  const labels = Array.from({ length: 60 }, () => 1 + Math.floor(4 * next()));
  const right = reference.ctc(x, C, labels, 0);
  expect(right.loss).toBeGreaterThan(1000); // e^−1000
  const { value, gradient } = lossOf(ctc({ reduction: "sum" }), { B: 1, T, F: C }, x, [labels]);
  expectClose("loss", [value], [right.loss], 1e-6);
  expectClose("gradient", gradient, right.gradient);
});

test("logits 90 apart at every step: within 1e-6", () => {
  const [T, C] = [50, 3];
  const x = Float64Array.from({ length: T * C }, (_, i) => (i % C === 0 ? 90 : 0));
  const labels = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2];
  const right = reference.ctc(x, C, labels, 0);
  const { value, gradient } = lossOf(ctc({ reduction: "sum" }), { B: 1, T, F: C }, x, [labels]);
  expectClose("loss", [value], [right.loss], 1e-6);
  expectClose("gradient", gradient, right.gradient);
});

// ----------------------------------------------------------------------------------------------------- the public calls

describe("ctc in a network", () => {
  /** Each label is a pulse at one place, of unequal lengths, and the network is to find them. */
  const next = lehmer(5);
  const data = Array.from({ length: 40 }, () => {
    const T = 8 + Math.floor(5 * next());
    const labels: number[] = [];
    const x = new Float32Array(T * 3);
    for (let t = 1; t < T; t += 2 + Math.floor(3 * next())) {
      const label = 1 + Math.floor(3 * next());
      labels.push(label);
      x[t * 3 + label - 1] = 1;
    }
    return { x: tensor(x, [T, 3]), labels };
  });
  const examples = { inputs: data.map(({ x }) => x), targets: data.map(({ labels }) => labels) };

  test("learns labels without their times, from sequences of unequal length in batches in any order", async () => {
    const net = new Network({ input: { features: 3 }, layers: [gru(16), dense(4)], seed: 2 });
    const options = { loss: ctc(), optimizer: adam({ learningRate: 0.02 }), epochs: 30, batchSize: 7 };
    const { validationLoss } = await net.fit(examples, { ...options, validation: examples });
    expect(validationLoss.at(-1)).toBeLessThan(0.1);
    const outputs = net.predict(examples.inputs);
    const lengths = data.map(({ x }) => x.shape[0]!);
    expect(ctcDecode(outputs, { lengths })).toEqual(examples.targets);
    expect(ctcDecode(outputs, { lengths, beamWidth: 4 })).toEqual(examples.targets);
    expect(net.evaluate(examples, { loss: ctc() }).accuracy).toBeUndefined();
  });

  test("evaluates the same in batches of any size", () => {
    const net = new Network({ input: { features: 3 }, layers: [gru(4), dense(4)] });
    const all = net.evaluate(examples, { loss: ctc(), batchSize: 64 }).loss;
    for (const batchSize of [1, 3, 32]) {
      expect(net.evaluate(examples, { loss: ctc(), batchSize }).loss / all).toBeCloseTo(1, 6);
    }
  });
});

// ------------------------------------------------------------------------------------------------------------ decoding

describe("ctcDecode", () => {
  /** Outputs in which one class stands out at each step. */
  const path = (classes: readonly number[], C: number) =>
    tensor(
      Float32Array.from({ length: classes.length * C }, (_, i) => (i % C === classes[Math.floor(i / C)] ? 5 : 0)),
      [1, classes.length, C],
    );

  test.each([
    [[0, 1, 1, 0, 1, 2, 2, 0], 0, [1, 1, 2]],
    [[0, 0, 0], 0, []],
    [[2, 2, 1, 0, 0, 1], 2, [1, 0, 1]],
    [[1], 0, [1]],
  ])("%j with blank %i is %j, greedily and by beams", (classes, blank, labels) => {
    for (const beamWidth of [undefined, 1, 8]) {
      expect(ctcDecode(path(classes, 3), { blank, ...(beamWidth && { beamWidth }) })).toEqual([labels]);
    }
  });

  test("a beam wide enough finds the likeliest labels, which ctc() confirms", () => {
    const [T, C] = [5, 3];
    const every = (n: number): number[][] =>
      n === 0 ? [[]] : [[], ...every(n - 1).flatMap((rest) => [1, 2].map((label) => [label, ...rest]))];
    const candidates = [...new Map(every(4).map((labels) => [labels.join(), labels])).values()];
    let better = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const x = randomNumbers(seed)(T * C, 2);
      const losses = candidates.map((labels) => reference.ctc(x, C, labels, 0).loss);
      const best = candidates[losses.indexOf(Math.min(...losses))]!;
      const outputs = toTensor(x, [1, T, C]);
      expect(ctcDecode(outputs, { beamWidth: 100 })).toEqual([best]);
      const greedy = ctcDecode(outputs)[0]!;
      better += reference.ctc(x, C, greedy, 0).loss > Math.min(...losses) + 1e-9 ? 1 : 0;
    }
    expect(better).toBeGreaterThan(2); // or beams would be of no use
  });

  test("padding is not read", () => {
    const x = randomNumbers(4)(2 * 6 * 3, 3);
    const outputs = toTensor(x, [2, 6, 3]);
    const junk = toTensor(
      masked(x, 6, 3, [2, 6]).map((v, k) => (v === 0 && k < 18 ? 9 : v)),
      [2, 6, 3],
    );
    for (const beamWidth of [undefined, 3]) {
      const options = { lengths: [2, 6], ...(beamWidth && { beamWidth }) };
      expect(ctcDecode(junk, options)).toEqual(ctcDecode(outputs, options));
    }
  });

  test("200 steps: probabilities do not vanish", () => {
    const classes = Array.from({ length: 200 }, (_, t) => (t % 2 === 0 ? 1 + ((t / 2) % 2) : 0));
    expect(ctcDecode(path(classes, 3), { beamWidth: 3 })[0]).toEqual(classes.filter((label) => label > 0));
  });
});

// -------------------------------------------------------------------------------------------------------------- errors

describe("refuses", () => {
  const net = new Network({ input: { features: 2 }, layers: [dense(3)] });
  const loss = (targets: unknown, options: Parameters<typeof ctc>[0] = {}) => {
    net.forward(numbers([2, 4, 2]), { training: true });
    net.loss(ctc(options), targets as Targets);
  };
  const good = [[1], [2, 1]];
  const run = { loss: ctc(), optimizer: adam() };
  const outputs = numbers([2, 4, 3]);

  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ["another number of lists", () => loss([[1]]), RangeError, /"targets" expected 2 lists of labels.* got 1/],
    ["a label that is no class", () => loss([[1], [3]]), RangeError, /integers from 0 to 2, got 3 at \[1, 0\]/],
    ["a negative label", () => loss([[1], [1, -1]]), RangeError, /got -1 at \[1, 1\]/],
    [
      "the blank as a label",
      () => loss([[1], [0]]),
      RangeError,
      /"targets" expected labels other than the blank, got 0/,
    ],
    ["half a label", () => loss([[1], [0.5]]), RangeError, /"targets\[1\]\[0\]" expected an integer/],
    ["numbers", () => loss(numbers([2, 4, 3])), TypeError, /"targets" expected a tensor of Int32Array/],
    ["no targets", () => loss(undefined), TypeError, /"targets"/],
    ["a blank that is no class", () => loss(good, { blank: 3 }), RangeError, /"blank" expected a class from 0 to 2/],
    ["a blank below 0", () => ctc({ blank: -1 }), RangeError, /"blank" expected an integer of at least 0/],
    ["zeroInfinity 1", () => ctc({ zeroInfinity: 1 as never }), TypeError, /"zeroInfinity" expected true or false/],
    [
      "reduction none",
      () => ctc({ reduction: "none" as never }),
      RangeError,
      /"reduction" expected one of "mean", "sum"/,
    ],
    ["a misspelt option", () => ctc({ zero_infinity: true } as never), TypeError, /unknown option "zero_infinity"/],
    [
      "weights for each step",
      () => net.evaluate({ inputs: numbers([2, 4, 2]), targets: good, weights: numbers([2, 4]) }, { loss: ctc() }),
      RangeError,
      /"weights" expected shape \[batch\], got \[2, 4\]/,
    ],
    [
      "truncate in training",
      () => net.train({ inputs: numbers([2, 4, 2]), targets: good }, { ...run, truncate: 2 }),
      RangeError,
      /"truncate" needs a loss of single steps, which ctc by "mean" is not: leave it out/,
    ],
    [
      "truncate in evaluate",
      () => net.evaluate({ inputs: numbers([2, 4, 2]), targets: good }, { loss: ctc(), truncate: 2 }),
      RangeError,
      /"truncate" needs a loss of single steps/,
    ],
    [
      "a network of vectors",
      () => net.evaluate({ inputs: numbers([2, 2]), targets: good }, { loss: ctc() }),
      RangeError,
      /"ctc" expected a network with an output at each step/,
    ],
    [
      "outputs as arrays",
      () => ctcDecode([[[1, 2]]]),
      TypeError,
      /"outputs" expected a tensor \[batch, time, classes\]/,
    ],
    ["outputs without time", () => ctcDecode(numbers([4, 3])), RangeError, /"outputs" expected shape/],
    [
      "an output NaN",
      () => ctcDecode(tensor(Float32Array.of(NaN, 1), [1, 1, 2])),
      RangeError,
      /got NaN at \[0, 0, 0\]/,
    ],
    ["blank 3 of 3", () => ctcDecode(outputs, { blank: 3 }), RangeError, /"blank" expected an integer from 0 to 2/],
    ["beamWidth 0", () => ctcDecode(outputs, { beamWidth: 0 }), RangeError, /"beamWidth" expected an integer/],
    ["lengths of others", () => ctcDecode(outputs, { lengths: [1] }), RangeError, /"lengths" expected 2 integers/],
    ["a misspelt option of ctcDecode", () => ctcDecode(outputs, { beams: 1 } as never), TypeError, /unknown option/],
  ])("%s", (_, call, kind, text) => {
    expectThrown(call, kind, text);
  });
});
