import { describe, expect, test } from "vitest";
import { cells, type CellName } from "../bench/plain/cell.js";
import { CharacterLstm } from "../bench/plain/characterLstm.js";
import { Mlp } from "../bench/plain/mlp.js";
import { addAB, addABt, addAtB, RightHandSide } from "../bench/plain/products.js";
import { RecurrentClassifier } from "../bench/plain/recurrentClassifier.js";
import { RecurrentSequence } from "../bench/plain/recurrentSequence.js";
import {
  centralDifference,
  clipByNorm,
  embedding,
  embeddingBackward,
  linear,
  linearBackward,
  loss,
  optimizers,
  type Params,
  recurrent,
  activation,
  activationBackward,
} from "./reference.ts";

interface Sizes {
  vocabulary: number;
  embedding: number;
  hidden: number;
  batch: number;
  time: number;
}

/** None is a multiple of what the matrix products take at once. */
const small: Sizes = { vocabulary: 5, embedding: 3, hidden: 4, batch: 2, time: 3 };
/** T·B = 515 and 4H = 68 lie beyond the blocks of the matrix products, 512 and 64. */
const beyondBlocks: Sizes = { vocabulary: 7, embedding: 5, hidden: 17, batch: 5, time: 103 };

const strict = (sizes: Sizes) => new CharacterLstm({ ...sizes, Float: Float64Array });

/** Any tokens, the targets one ahead of the inputs: (B, T) each. */
function windows({ vocabulary: V, batch: B, time: T }: Sizes, start: number) {
  const token = (b: number, t: number): number => ((start + t + 3 * b) ** 2 + (t >> 1)) % V;
  const tokens = (ahead: number) =>
    Int32Array.from({ length: B * T }, (_, k) => token(Math.floor(k / T), (k % T) + ahead));
  return { inputs: tokens(0), targets: tokens(1) };
}

/** Every element within tolerance·(1 + |expected|). */
function expectClose(actual: ArrayLike<number>, expected: Float64Array, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const errors = expected.map((e, k) => Math.abs(actual[k]! - e) / (1 + Math.abs(e)));
  const worst = errors.reduce((most, error) => (error <= most ? most : error), 0); // a NaN stays
  expect(worst).toBeLessThanOrEqual(tolerance);
}

// -------------------------------------------------------------------------- (1) backward against central differences

const names = Object.keys(strict(small).parameters) as (keyof CharacterLstm["parameters"])[];

test.each(names)("gradient of %s against central differences, from a carried state, within 1e-7", (name) => {
  const model = strict(small);
  const first = windows(small, 0);
  model.step(first.inputs, first.targets, { learningRate: 0, clipNorm: 1 });
  const { inputs, targets } = windows(small, small.time);
  const parameter = model.parameters[name];
  const numeric = centralDifference((moved) => {
    const saved = parameter.slice();
    parameter.set(moved);
    const value = model.forward(inputs, targets);
    parameter.set(saved);
    return value;
  }, parameter.slice());

  Object.values(model.gradients).forEach((gradient) => gradient.fill(0));
  model.forward(inputs, targets);
  model.backward();
  expectClose(model.gradients[name], numeric, 1e-7);
});

// ----------------------------------------------------------------------------------- (2) steps against the reference

/** The model by the formulas of reference.ts: the same parameters, changed by the same steps. */
class Reference {
  readonly parameters: Params;
  gradients: Params = {};
  readonly #optimizers: Record<string, ReturnType<typeof optimizers.adam>>;
  readonly #sizes: Sizes;
  #state: { h0?: Float64Array; c0?: Float64Array } = {};

  constructor(sizes: Sizes, parameters: Record<string, Float64Array>) {
    this.#sizes = sizes;
    this.parameters = Object.fromEntries(Object.entries(parameters).map(([name, p]) => [name, p.slice()]));
    this.#optimizers = Object.fromEntries(Object.keys(parameters).map((name) => [name, optimizers.adam({})]));
  }

  step(inputs: Int32Array, targets: Int32Array, learningRate: number, clipNorm: number): number {
    const value = this.#backpropagate(inputs, targets);
    const clipped = Object.entries(this.gradients).map(([name, g]) => [name, g.slice()] as const);
    const gradients = clipped.map(([, g]) => g);
    clipByNorm(gradients, clipNorm);
    for (const [name, g] of clipped) this.#optimizers[name]!(this.parameters[name]!, g, learningRate);
    return value;
  }

  #backpropagate(inputs: Int32Array, targets: Int32Array): number {
    const { vocabulary: V, embedding: E, hidden: H, batch } = this.#sizes;
    const [wE, wD] = [this.parameters["embedding.weight"]!, this.parameters["dense.weight"]!];
    const x = embedding(inputs, wE, E);
    const lstm = recurrent({ cell: "lstm", inputSize: E, hiddenSize: H }, this.#lstm(), x, { batch, ...this.#state });
    const logits = linear(lstm.output, H, wD, this.parameters["dense.bias"]);
    const crossEntropy = loss({ loss: "cross_entropy", classes: V }, logits, Float64Array.from(targets));
    const dDense = linearBackward(lstm.output, H, wD, crossEntropy.backward());
    const dLstm = lstm.backward(dDense.input);
    this.#state = { h0: lstm.hn, c0: lstm.cn };
    this.gradients = {
      "embedding.weight": embeddingBackward(inputs, wE, dLstm.input, E),
      ...Object.fromEntries(Object.entries(dLstm.params).map(([name, g]) => [`lstm.${name}`, g])),
      "dense.weight": dDense.weight,
      "dense.bias": dDense.bias,
    };
    return crossEntropy.loss[0]!;
  }

  #lstm(): Params {
    const ofLstm = Object.entries(this.parameters).filter(([name]) => name.startsWith("lstm."));
    return Object.fromEntries(ofLstm.map(([name, p]) => [name.slice("lstm.".length), p]));
  }
}

describe.each([
  { of: "odd sizes", sizes: small },
  { of: "sizes beyond a block", sizes: beyondBlocks },
])("three steps of $of against the reference", ({ sizes }) => {
  test.each([
    { clip: "clipped", clipNorm: 0.01 },
    { clip: "not clipped", clipNorm: 1000 },
  ])("$clip: loss, gradients and parameters within 1e-9", ({ clipNorm }) => {
    const model = strict(sizes);
    const reference = new Reference(sizes, model.parameters);
    for (let step = 0; step < 3; step++) {
      const { inputs, targets } = windows(sizes, step * sizes.time);
      const value = model.step(inputs, targets, { learningRate: 0.05, clipNorm });
      expect(value).toBeCloseTo(reference.step(inputs, targets, 0.05, clipNorm), 9);
      for (const name of names) {
        expectClose(model.gradients[name], reference.gradients[name]!, 1e-9);
        expectClose(model.parameters[name], reference.parameters[name]!, 1e-9);
      }
    }
  });

  test("in float32: loss and gradients of the first within 1e-5", () => {
    const model = new CharacterLstm(sizes);
    const wide = Object.entries(model.parameters).map(([name, p]) => [name, Float64Array.from(p)] as const);
    const reference = new Reference(sizes, Object.fromEntries(wide));
    const { inputs, targets } = windows(sizes, 0);
    const value = model.step(inputs, targets, { learningRate: 0.05, clipNorm: 1 });
    expect(Math.abs(value - reference.step(inputs, targets, 0.05, 1))).toBeLessThan(1e-5);
    for (const name of names) expectClose(model.gradients[name], reference.gradients[name]!, 1e-5);
  });
});

// --------------------------------------------------------------------------------------------- (3) use of the class

test("resetState forgets what the steps before have carried", () => {
  const model = new CharacterLstm(small);
  const { inputs, targets } = windows(small, 0);
  const options = { learningRate: 0, clipNorm: 1 };
  const fromZero = model.step(inputs, targets, options);
  expect(model.step(inputs, targets, options)).not.toBe(fromZero);
  model.resetState();
  expect(model.step(inputs, targets, options)).toBe(fromZero);
});

test("learns a text that repeats itself: the loss falls from log 8 to below 0.05 in 150 steps", () => {
  const sizes = { vocabulary: 8, embedding: 6, hidden: 24, batch: 3, time: 11 };
  const text = Int32Array.from("abcabdaefabcabdagh", (letter) => letter.charCodeAt(0) - "a".charCodeAt(0));
  const model = new CharacterLstm(sizes);
  const tokens = (start: number) =>
    Int32Array.from({ length: 3 * 11 }, (_, k) => text[(start + (k % 11) + 5 * Math.floor(k / 11)) % text.length]!);
  const step = (n: number) => model.step(tokens(11 * n), tokens(11 * n + 1), { learningRate: 0.01, clipNorm: 1 });
  const losses = Array.from({ length: 150 }, (_, n) => step(n));
  expect(Math.abs(losses[0]! - Math.log(8))).toBeLessThan(0.2);
  expect(Math.max(...losses.slice(-10))).toBeLessThan(0.05);
});

test("rejects tokens of the wrong number or beyond the vocabulary", () => {
  const model = new CharacterLstm(small);
  const { inputs, targets } = windows(small, 0);
  const options = { learningRate: 0.1, clipNorm: 1 };
  expect(() => model.step(inputs.subarray(1), targets, options)).toThrow("expected shape [2, 3], got 5 elements");
  expect(() =>
    model.step(
      inputs,
      targets.map(() => 5),
      options,
    ),
  ).toThrow("expected below 5, got 5");
});

// ------------------------------------------------------------------------------------------------ (4) matrix products

/** Numbers in [-1, 1) that a size and a seed fix. */
const numbers = (length: number, seed: number): Float64Array<ArrayBuffer> =>
  Float64Array.from({ length }, (_, k) => (Math.imul(k + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b)) / 2 ** 31);

/** c[m, n] + Σ over k of a[m, k] b[k, n] */
function naive(c: Float64Array, a: Float64Array, b: Float64Array, N: number, K: number): Float64Array {
  return c.map((start, k) => {
    const m = Math.floor(k / N);
    return a.subarray(m * K, (m + 1) * K).reduce((sum, value, i) => sum + value * b[i * N + (k % N)]!, start);
  });
}

/** Of a matrix with so many columns. */
function transposed(a: Float64Array<ArrayBuffer>, columns: number): Float64Array<ArrayBuffer> {
  const rows = a.length / columns;
  return a.map((_, k) => a[(k % rows) * columns + Math.floor(k / rows)]!);
}

// Around the tiles of 2 rows and 3 columns, the panels of 8 columns and the blocks of 64 rows and 512 deep.
const grid = [1, 2, 3, 65].flatMap((M) => [1, 3, 7, 8, 17].flatMap((N) => [1, 5, 515].map((K) => ({ M, N, K }))));

test.each(grid)("products of ($M, $K) and ($K, $N) within 1e-12", ({ M, N, K }) => {
  const [a, b, c] = [numbers(M * K, 1), numbers(K * N, 2), numbers(M * N, 3)];
  const [aT, bT] = [transposed(a, K), transposed(b, N)];
  const expected = naive(c, a, b, N, K);
  const right = new RightHandSide(M, N, K, Float64Array);
  const products: ((result: Float64Array) => void)[] = [
    (result) => addAB(result, a, b, M, N, K),
    (result) => addABt(result, a, bT, M, N, K),
    (result) => addAtB(result, aT, b, M, N, K),
    (result) => {
      right.pack(b);
      right.addTo(result, a);
    },
    (result) => {
      right.packTransposed(bT);
      right.addTo(result, a);
    },
  ];
  for (const product of products) {
    const result = c.slice();
    product(result);
    expectClose(result, expected, 1e-12);
  }
});

// ------------------------------------------------------------------------------------------------- (5) every cell

const cellNames = Object.keys(cells) as CellName[];
const referenceCells = { elman: "rnn_tanh", lstm: "lstm", gru: "gru" } as const;

/** In float64: what the reference takes. */
const widened = (params: Record<string, ArrayLike<number>>): Params =>
  Object.fromEntries(Object.entries(params).map(([name, p]) => [name, Float64Array.from(p)]));

/** `updated` is the tolerance of parameters after a step: where a gradient is near zero, Adam makes much of its error. */
const precisions = [
  { Float: Float64Array, of: "float64", tolerance: 1e-9, updated: 1e-9 },
  { Float: Float32Array, of: "float32", tolerance: 1e-5, updated: 1e-3 },
];

const shapes = [
  { B: 1, T: 1, I: 3, H: 5 },
  { B: 1, T: 4, I: 2, H: 9 },
  { B: 3, T: 5, I: 4, H: 7 },
  { B: 65, T: 2, I: 3, H: 4 },
].flatMap((shape) => cellNames.flatMap((cell) => precisions.map((precision) => ({ ...precision, ...shape, cell }))));

test.each(shapes)(
  "$cell forward, ($B, $T, $I) → $H, then on from its state: within $tolerance in $of",
  ({ cell, B, T, I, H, Float, tolerance }) => {
    const model = new RecurrentSequence({ cell, batch: B, time: T, inputs: I, hidden: H, Float });
    const x = numbers(B * T * I, 1);
    const input = Float.from(x);
    const config = { cell: referenceCells[cell], inputSize: I, hiddenSize: H };
    const params = widened(model.parameters);
    const first = recurrent(config, params, x, { batch: B });
    const second = recurrent(config, params, x, { batch: B, h0: first.hn, c0: first.cn });
    expectClose(model.forward(input), first.output, tolerance);
    expectClose(model.continue(input), second.output, tolerance);
    expectClose(model.forward(input), first.output, tolerance);
  },
);

// ------------------------------------------------------------------------------------------ (6) steps of training

type Step = (parameters: Params) => { loss: number; gradients: Params };

/** A model takes three steps; the same by the reference: its loss, gradients and parameters after each. */
function expectSameSteps(
  model: { parameters: Record<string, ArrayLike<number>>; gradients: Record<string, ArrayLike<number>> },
  modelStep: () => number,
  reference: Step,
  optimizer: "sgd" | "adam",
  { tolerance, updated }: { tolerance: number; updated: number },
): void {
  const parameters = widened(model.parameters);
  const update = Object.fromEntries(Object.keys(parameters).map((name) => [name, optimizers[optimizer]({})]));
  for (let step = 0; step < 3; step++) {
    const { loss: expected, gradients } = reference(parameters);
    expect(Math.abs(modelStep() - expected)).toBeLessThanOrEqual(tolerance);
    expect(Object.keys(model.gradients).sort()).toEqual(Object.keys(gradients).sort());
    for (const [name, gradient] of Object.entries(gradients)) {
      expectClose(model.gradients[name]!, gradient, tolerance);
      update[name]!(parameters[name]!, gradient, 0.05);
      expectClose(model.parameters[name]!, parameters[name]!, updated);
    }
  }
}

const prefixed = (prefix: string, params: Params): Params =>
  Object.fromEntries(Object.entries(params).map(([name, p]) => [prefix + name, p]));

/** recurrent → dense of the last step, or of each → cross-entropy */
function classifierStep(cell: CellName, shape: Record<"B" | "T" | "I" | "H" | "O", number>, last: boolean): Step {
  const { B, T, I, H, O } = shape;
  const x = numbers(B * T * I, 1);
  const targets = Float64Array.from({ length: last ? B : B * T }, (_, k) => k % O);
  return (parameters) => {
    const ofCell = Object.entries(parameters).filter(([name]) => name.startsWith(cell));
    const params = Object.fromEntries(ofCell.map(([name, p]) => [name.slice(cell.length + 1), p]));
    const layer = recurrent({ cell: referenceCells[cell], inputSize: I, hiddenSize: H }, params, x, { batch: B });
    const h = last ? layer.hn : layer.output;
    const weight = parameters["dense.weight"]!;
    const result = loss({ loss: "cross_entropy", classes: O }, linear(h, H, weight, parameters["dense.bias"]), targets);
    const dDense = linearBackward(h, H, weight, result.backward());
    const dLayer = last ? layer.backward(undefined, dDense.input) : layer.backward(dDense.input);
    const gradients = {
      ...prefixed(`${cell}.`, dLayer.params),
      ...{ "dense.weight": dDense.weight, "dense.bias": dDense.bias },
    };
    return { loss: result.loss[0]!, gradients };
  };
}

const classifiers = [true, false].flatMap((last) =>
  cellNames.flatMap((cell) => precisions.map((precision) => ({ ...precision, cell, last }))),
);

test.each(classifiers)(
  "classifier with $cell, last step only: $last, three steps in $of: gradients within $tolerance, parameters $updated",
  ({ cell, last, Float, ...tolerances }) => {
    const shape = { B: 5, T: 4, I: 3, H: 7, O: 4 };
    const { B, T, I, H, O } = shape;
    const model = new RecurrentClassifier({ cell, last, batch: B, time: T, inputs: I, hidden: H, outputs: O, Float });
    const x = Float.from(numbers(B * T * I, 1));
    const targets = Int32Array.from({ length: last ? B : B * T }, (_, k) => k % O);
    expectSameSteps(model, () => model.step(x, targets, 0.05), classifierStep(cell, shape, last), "adam", tolerances);
  },
);

/** dense(relu) → dense → cross-entropy */
function mlpStep({ B, I, H, O }: Record<"B" | "I" | "H" | "O", number>): Step {
  const x = numbers(B * I, 1);
  const targets = Float64Array.from({ length: B }, (_, k) => k % O);
  return (p) => {
    const a = linear(x, I, p["dense.weight"]!, p["dense.bias"]);
    const h = activation("relu", a);
    const result = loss(
      { loss: "cross_entropy", classes: O },
      linear(h, H, p["dense_1.weight"]!, p["dense_1.bias"]),
      targets,
    );
    const second = linearBackward(h, H, p["dense_1.weight"]!, result.backward());
    const first = linearBackward(x, I, p["dense.weight"]!, activationBackward("relu", a, second.input));
    const gradients = {
      ...{ "dense.weight": first.weight, "dense.bias": first.bias },
      ...{ "dense_1.weight": second.weight, "dense_1.bias": second.bias },
    };
    return { loss: result.loss[0]!, gradients };
  };
}

const perceptrons = (["sgd", "adam"] as const).flatMap((optimizer) =>
  precisions.map((precision) => ({ ...precision, optimizer })),
);

test.each(perceptrons)(
  "perceptron, three steps of $optimizer in $of: gradients within $tolerance, parameters $updated",
  ({ optimizer, Float, ...tolerances }) => {
    const shape = { B: 6, I: 11, H: 7, O: 3 };
    const model = new Mlp({ inputs: shape.I, hidden: shape.H, outputs: shape.O, batch: shape.B, Float });
    const x = Float.from(numbers(shape.B * shape.I, 1));
    const targets = Int32Array.from({ length: shape.B }, (_, k) => k % shape.O);
    expectSameSteps(model, () => model.step(x, targets, optimizer, 0.05), mlpStep(shape), optimizer, tolerances);
  },
);

test.each([1, 6])("perceptron forward, a batch of %i: within 1e-12 of the reference", (B) => {
  const [I, H, O] = [11, 7, 3];
  const model = new Mlp({ inputs: I, hidden: H, outputs: O, batch: B, Float: Float64Array });
  const x = numbers(B * I, 1);
  const p = widened(model.parameters);
  const h = activation("relu", linear(x, I, p["dense.weight"]!, p["dense.bias"]));
  expectClose(model.forward(x), linear(h, H, p["dense_1.weight"]!, p["dense_1.bias"]), 1e-12);
});
