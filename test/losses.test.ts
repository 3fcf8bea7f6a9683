/** Losses beyond those of loss.test.ts: their references against central differences and PyTorch, the core against these. */

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  binaryCrossEntropy,
  dense,
  huber,
  klDivergence,
  type Loss,
  meanAbsoluteError,
  negativeLogLikelihood,
  Network,
  quantile,
  smoothL1,
  tensor,
  type Targets,
} from "../bindings/index.ts";
import { expectClose, randomNumbers, toTensor } from "./agreement.ts";
import { casesOf, loadGolden } from "./golden.ts";
import {
  expectProblem,
  lossOf,
  present,
  type Problem,
  reductions,
  type Shape,
  sizeOf,
  titledShapes,
} from "./losses.ts";
import { centralDifference, logSoftmax, reduce, reduceBackward, softmax } from "./reference.ts";
import * as reference from "./reference/losses.ts";
import { expectThrown, indices, numbers } from "./support.ts";

type LossTerms = reference.LossTerms;

// ------------------------------------------------------------------------------------------------------ the references

describe("references, backward against central differences", () => {
  const random = randomNumbers(4);
  const [N, C] = [4, 3];
  const [x, y] = [random(N * C), random(N * C)];
  const [shares, targetShares] = [softmax(x, C), softmax(y, C)];
  const weight = random(C).map((w) => Math.abs(w) + 0.1);
  const classes = Float64Array.of(2, 0, 1, 2);
  const cases: [string, Float64Array, (x: Float64Array) => LossTerms][] = [
    ["absoluteError", x, (v) => reference.absoluteError(v, y)],
    ["huber", x, (v) => reference.huber(v, y, 0.4)],
    ["smoothL1", x, (v) => reference.smoothL1(v, y, 0.4)],
    ["smoothL1, beta 0", x, (v) => reference.smoothL1(v, y, 0)],
    ["binary cross-entropy", shares, (v) => reference.binaryCrossEntropyOfProbabilities(v, targetShares, weight)],
    ["klDivergence", x, (v) => reference.klDivergence(v, targetShares)],
    ["klDivergence of logarithms", x, (v) => reference.klDivergence(v, y, true)],
    ["quantile", x, (v) => reference.quantile(v, y.subarray(0, N), [0.1, 0.5, 0.8])],
    ["negativeLogLikelihood", x, (v) => reference.negativeLogLikelihood(v, classes, C, weight, 1)],
  ];

  test.each(cases)("%s", (_, at, lossAt) => {
    const { terms, backward } = lossAt(at);
    const dTerms = random(terms.length);
    const numeric = centralDifference((v) => lossAt(v).terms.reduce((sum, t, k) => sum + t * dTerms[k]!, 0), at);
    expectClose("gradient", backward(dTerms), numeric, 1e-8);
  });
});

describe("references against PyTorch's float64", () => {
  const golden = loadGolden(fileURLToPath(new URL("golden", import.meta.url)));
  const of: Record<string, (x: Float64Array, y: Float64Array, C: number, parameter: unknown) => LossTerms> = {
    l1: reference.absoluteError,
    huber: (x, y, _, delta) => reference.huber(x, y, delta as number),
    smooth_l1: (x, y, _, beta) => reference.smoothL1(x, y, beta as number),
    bce: (x, y) => reference.binaryCrossEntropyOfProbabilities(x, y),
    kl_div: (x, y, _, logTarget) => reference.klDivergence(x, y, logTarget as boolean),
    nll: reference.negativeLogLikelihood as never,
  };
  const cases = casesOf(golden, "loss").filter(({ config }) => config.loss in of);

  test("there are cases of each", () => {
    expect([...new Set(cases.map(({ config }) => config.loss))].sort()).toEqual(Object.keys(of).sort());
  });

  test.each(cases.map((one) => [one.id, one] as const))("%s", (id, { config }) => {
    const data = (role: string) => golden.tensor(id, role)!.data;
    const parameter = config.delta ?? config.beta ?? config.log_target;
    const C = golden.tensor(id, "input")!.shape.at(-1)!;
    const { terms, backward } = of[config.loss]!(data("input"), data("target"), C, parameter);
    expectClose("loss", reduce(terms, config.reduction), data("loss"), 1e-12);
    const dLoss = config.reduction === "none" ? data("R_loss") : Float64Array.of(1);
    expectClose("gradient", backward(reduceBackward(terms, config.reduction, dLoss)), data("grad.input"), 1e-12);
  });
});

// ---------------------------------------------------------------------------------------------------------- the core

type Make = (shape: Shape, reduction: "mean" | "sum") => Problem;

/** A loss of numbers in the shape of the output. */
function ofNumbers(
  create: (reduction: "mean" | "sum", F: number) => Loss,
  expected: (x: Float64Array, y: Float64Array, F: number) => LossTerms,
  prepare: { x?: (v: Float64Array, F: number) => Float64Array; y?: (v: Float64Array, F: number) => Float64Array } = {},
): Make {
  return (shape, reduction) => {
    const { B, T, F } = shape;
    const random = randomNumbers(sizeOf(shape));
    const same = (v: Float64Array) => v;
    const x = (prepare.x ?? same)(random(sizeOf(shape), 2), F).map(Math.fround);
    const y = (prepare.y ?? same)(random(sizeOf(shape), 2), F).map(Math.fround);
    // Also where the slope has its corner.
    if (!prepare.x && !prepare.y) x.set(y.subarray(0, 1));
    return {
      shape,
      loss: create(reduction, F),
      x,
      targets: toTensor(y, T === undefined ? [B, F] : [B, T, F]),
      expected: expected(present(x, shape, F), present(y, shape, F), F),
    };
  };
}

const quantiles = [0.1, 0.5, 0.75];

const makeQuantile: Make = (outputs, reduction) => {
  const shape = { ...outputs, F: outputs.F * quantiles.length };
  const { B, T } = shape;
  const random = randomNumbers(sizeOf(shape));
  const [x, y] = [random(sizeOf(shape)), random(sizeOf(outputs))];
  x[0] = y[0]!;
  return {
    shape,
    loss: quantile({ reduction, quantiles }),
    x,
    targets: toTensor(y, T === undefined ? [B, outputs.F] : [B, T, outputs.F]),
    expected: reference.quantile(present(x, shape, shape.F), present(y, shape, outputs.F), quantiles),
  };
};

const makeLikelihood =
  (weighted: boolean, ignoreIndex: number): Make =>
  (shape, reduction) => {
    const { B, T, F: C } = shape;
    const random = randomNumbers(sizeOf(shape));
    const x = logSoftmax(random(sizeOf(shape), 3), C).map(Math.fround);
    const weight = weighted ? random(C).map((w) => Math.fround(Math.abs(w))) : undefined;
    const classes = indices(T === undefined ? [B] : [B, T], C, 5);
    if (ignoreIndex < 0) classes.data[0] = ignoreIndex;
    const y = present(Float64Array.from(classes.data), shape, 1);
    return {
      shape,
      loss: negativeLogLikelihood({ reduction, ignoreIndex, ...(weight && { classWeights: [...weight] }) }),
      x,
      targets: classes,
      expected: reference.negativeLogLikelihood(present(x, shape, C), y, C, weight, ignoreIndex),
      counts: y.map((t) => (t === ignoreIndex ? 0 : (weight?.[t] ?? 1))),
    };
  };

const shares = (v: Float64Array, F: number) => softmax(v, F);
const between = (v: Float64Array) => v.map((u) => (u + 2) / 4);
const positive = (F: number) => randomNumbers(F)(F).map((w) => Math.fround(Math.abs(w) + 0.2));
const ends = (v: Float64Array) => between(v).map((u, k) => (k % 3 === 0 ? Math.round(u) : u));

const problems: [string, Make][] = [
  ["meanAbsoluteError", ofNumbers((reduction) => meanAbsoluteError({ reduction }), reference.absoluteError)],
  [
    "huber",
    ofNumbers(
      (reduction) => huber({ reduction }),
      (x, y) => reference.huber(x, y, 1),
    ),
  ],
  [
    "huber, delta 0.5",
    ofNumbers(
      (reduction) => huber({ reduction, delta: 0.5 }),
      (x, y) => reference.huber(x, y, 0.5),
    ),
  ],
  [
    "huber, delta 1e30",
    ofNumbers(
      (reduction) => huber({ reduction, delta: 1e30 }),
      (x, y) => reference.huber(x, y, 1e30),
    ),
  ],
  [
    "smoothL1",
    ofNumbers(
      (reduction) => smoothL1({ reduction }),
      (x, y) => reference.smoothL1(x, y, 1),
    ),
  ],
  [
    "smoothL1, beta 0.25",
    ofNumbers(
      (reduction) => smoothL1({ reduction, beta: 0.25 }),
      (x, y) => reference.smoothL1(x, y, 0.25),
    ),
  ],
  [
    "smoothL1, beta 0",
    ofNumbers(
      (reduction) => smoothL1({ reduction, beta: 0 }),
      (x, y) => reference.smoothL1(x, y, 0),
    ),
  ],
  [
    "smoothL1, a beta that float32 does not know",
    ofNumbers(
      (reduction) => smoothL1({ reduction, beta: 1e-60 }),
      (x, y) => reference.smoothL1(x, y, 1e-60),
    ),
  ],
  [
    "binaryCrossEntropy of probabilities",
    ofNumbers(
      (reduction) => binaryCrossEntropy({ reduction, fromLogits: false }),
      (x, y) => reference.binaryCrossEntropyOfProbabilities(x, y),
      { x: between, y: ends },
    ),
  ],
  [
    "binaryCrossEntropy of probabilities, positiveWeights",
    ofNumbers(
      (reduction, F) => binaryCrossEntropy({ reduction, fromLogits: false, positiveWeights: [...positive(F)] }),
      (x, y, F) => reference.binaryCrossEntropyOfProbabilities(x, y, positive(F)),
      { x: between, y: ends },
    ),
  ],
  [
    "klDivergence",
    ofNumbers(
      (reduction) => klDivergence({ reduction }),
      (x, y) => reference.klDivergence(x, y),
      { x: logSoftmax, y: (v, F) => shares(v, F).map((u, k) => (k % 4 === 0 ? 0 : u)) },
    ),
  ],
  [
    "klDivergence, logTarget",
    ofNumbers(
      (reduction) => klDivergence({ reduction, logTarget: true }),
      (x, y) => reference.klDivergence(x, y, true),
      { x: logSoftmax, y: logSoftmax },
    ),
  ],
  ["quantile", makeQuantile],
  ["negativeLogLikelihood", makeLikelihood(false, -100)],
  ["negativeLogLikelihood, classWeights", makeLikelihood(true, -100)],
  ["negativeLogLikelihood, ignoreIndex", makeLikelihood(true, 0)],
];

describe.each(problems)("%s", (_, make) => {
  describe.each(titledShapes)("outputs %s", (_, shape) => {
    test.each(reductions)("reduction %s", (reduction) => expectProblem(make(shape, reduction)));

    test.each(reductions)("reduction %s, a weight for each row", (reduction) => {
      const { B, T = 1 } = shape;
      const weights = randomNumbers(B * T)(B * T).map((w) => Math.fround(Math.abs(w)));
      expectProblem(make(shape, reduction), weights);
      expectProblem(
        make(shape, reduction),
        weights.map((w, k) => (k % 2 === 0 ? 0 : w)),
      );
    });
  });
});

describe("klDivergence, reduction batchmean: the sum over the number of sequences", () => {
  test.each(titledShapes)("outputs %s", (_, shape) => {
    const make = ofNumbers(
      () => klDivergence({ reduction: "batchmean" }),
      (x, y) => reference.klDivergence(x, y),
      {
        x: logSoftmax,
        y: shares,
      },
    );
    const { loss, x, targets, expected } = make(shape, "mean");
    const { value, gradient } = lossOf(loss, shape, x, targets);
    expectClose("loss", [value], reduce(expected.terms, "mean", shape.B));
    const sum = lossOf(klDivergence({ reduction: "sum" }), shape, x, targets);
    expectClose(
      "gradient",
      gradient,
      sum.gradient.map((g) => g / shape.B),
    );
  });
});

describe("at the ends", () => {
  const one = { B: 1, F: 4 };

  test("binaryCrossEntropy of probabilities 0 and 1: no logarithm below −100, as PyTorch", () => {
    const [x, y] = [Float64Array.of(0, 0, 1, 1), Float64Array.of(0, 1, 0, 1)];
    const { value, gradient } = lossOf(
      binaryCrossEntropy({ fromLogits: false, reduction: "sum" }),
      one,
      x,
      toTensor(y, [1, 4]),
    );
    expect(value).toBe(200);
    expectClose("gradient", gradient, [0, -1e12, 1e12, 0]);
  });

  test("numbers far apart: the squared error is not reached", () => {
    const [x, y] = [Float64Array.of(3e38, -3e38, 1e30, 0), Float64Array.of(0, 0, 0, 0)];
    for (const loss of [meanAbsoluteError(), huber(), smoothL1({ beta: 0.5 })]) {
      const { value, gradient } = lossOf(loss, one, x, toTensor(y, [1, 4]));
      expectClose("loss", [value / 1.5e38], [1], 1e-6);
      expect([...gradient]).toEqual([0.25, -0.25, 0.25, 0]);
    }
  });

  test("an output that is no number gives a loss that is none", () => {
    const x = Float64Array.of(1, 2, 3, 4);
    const target = tensor(Float32Array.of(0, 0, 0, 0), [1, 4]);
    const beyond = lossOf(binaryCrossEntropy({ fromLogits: false }), one, x, target);
    expect(beyond.value).toBeNaN();
  });

  test.each(reductions)("all weights 0, reduction %s: loss and gradient are 0", (reduction) => {
    for (const [, make] of problems) {
      expectProblem(make({ B: 2, T: 3, F: 4 }, reduction), new Float64Array(6));
    }
  });
});

describe("options that are refused", () => {
  const short = (targets: Targets, loss: Loss, outputs = 3) => {
    const net = new Network({ input: { features: 2 }, layers: [dense(outputs)] });
    net.evaluate({ inputs: numbers([4, 2]), targets }, { loss });
  };

  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ["delta 0", () => huber({ delta: 0 }), RangeError, /"delta" expected a finite number above 0, got 0/],
    ["delta ∞", () => huber({ delta: Infinity }), RangeError, /"delta" expected a finite number above 0/],
    ["delta as a text", () => huber({ delta: "1" as never }), TypeError, /"delta" expected a number/],
    ["beta −1", () => smoothL1({ beta: -1 }), RangeError, /"beta" expected a finite number of at least 0, got -1/],
    ["beta NaN", () => smoothL1({ beta: NaN }), RangeError, /"beta"/],
    ["delta for smoothL1", () => smoothL1({ delta: 1 } as never), TypeError, /smoothL1: unknown option "delta"/],
    ["beta for huber", () => huber({ beta: 1 } as never), TypeError, /huber: unknown option "beta"/],
    [
      "an option of none",
      () => meanAbsoluteError({ x: 1 } as never),
      TypeError,
      /unknown option "x"; known are reduction/,
    ],
    [
      "reduction none",
      () => meanAbsoluteError({ reduction: "none" as never }),
      RangeError,
      /one of "mean", "sum", got/,
    ],
    [
      "batchmean",
      () => huber({ reduction: "batchmean" as never }),
      RangeError,
      /one of "mean", "sum", got "batchmean"/,
    ],
    [
      "fromLogits 1",
      () => binaryCrossEntropy({ fromLogits: 1 as never }),
      TypeError,
      /"fromLogits" expected true or false/,
    ],
    [
      "logTarget null",
      () => klDivergence({ logTarget: null as never }),
      TypeError,
      /"logTarget" expected true or false/,
    ],
    ["reduction x", () => klDivergence({ reduction: "x" as never }), RangeError, /"mean", "batchmean", "sum", got "x"/],
    ["log_target", () => klDivergence({ log_target: true } as never), TypeError, /unknown option "log_target"/],
    ["no quantiles", () => quantile(undefined as never), TypeError, /"quantile" expected an object/],
    [
      "quantiles missing",
      () => quantile({} as never),
      TypeError,
      /"quantiles" expected an array of numbers, got undefined/,
    ],
    ["quantiles of none", () => quantile({ quantiles: [] }), RangeError, /"quantiles" expected at least one number/],
    [
      "a quantile 0",
      () => quantile({ quantiles: [0] }),
      RangeError,
      /"quantiles\[0\]" expected a number between 0 and 1, got 0/,
    ],
    ["a quantile 1.5", () => quantile({ quantiles: [0.5, 1.5] }), RangeError, /"quantiles\[1\]"/],
    [
      "a quantile null",
      () => quantile({ quantiles: [null as never] }),
      TypeError,
      /"quantiles\[0\]" expected a number/,
    ],
    [
      "ignoreIndex 0.5",
      () => negativeLogLikelihood({ ignoreIndex: 0.5 }),
      RangeError,
      /"ignoreIndex" expected an integer/,
    ],
    ["a weight −1", () => negativeLogLikelihood({ classWeights: [-1] }), RangeError, /"classWeights\[0\]"/],
    [
      "labelSmoothing",
      () => negativeLogLikelihood({ labelSmoothing: 1 } as never),
      TypeError,
      /unknown option "labelSmoothing"/,
    ],
    [
      "3 outputs for 2 quantiles",
      () => short(numbers([4, 1]), quantile({ quantiles: [0.1, 0.9] })),
      RangeError,
      /"quantiles" expected a divisor of the 3 outputs as their number, got 2/,
    ],
    [
      "targets as many as outputs",
      () => short(numbers([4, 4]), quantile({ quantiles: [0.1, 0.9] }), 4),
      RangeError,
      /"targets" expected shape \[batch, time, 2\] or \[batch, 2\]|"targets" expected shape \[batch, 2\]/,
    ],
    [
      "a probability below 0",
      () => short(tensor(new Float32Array(12).fill(-1), [4, 3]), klDivergence()),
      RangeError,
      /"targets" expected numbers of at least 0, got -1/,
    ],
    [
      "numbers as classes",
      () => short(numbers([4, 3]), negativeLogLikelihood()),
      TypeError,
      /"targets" expected a tensor of Int32Array/,
    ],
    [
      "a class beyond",
      () => short([0, 1, 2, 3], negativeLogLikelihood()),
      RangeError,
      /integers from 0 to 2, got 3 at \[3\]/,
    ],
    [
      "weights of other classes",
      () => short([0, 1, 2, 1], negativeLogLikelihood({ classWeights: [1] })),
      RangeError,
      /"classWeights" expected 3 numbers, one a class/,
    ],
    [
      "truncate and batchmean",
      () =>
        new Network({ input: { features: 2 }, layers: [dense(2)] }).evaluate(
          { inputs: numbers([2, 3, 2]), targets: tensor(new Float32Array(12), [2, 3, 2]) },
          { loss: klDivergence({ reduction: "batchmean" }), truncate: 1 },
        ),
      RangeError,
      /"truncate" needs a loss of single steps, which klDivergence by "batchmean" is not/,
    ],
  ])("%s", (_, call, kind, text) => {
    expectThrown(call, kind, text);
  });
});
