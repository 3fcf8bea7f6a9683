import { describe, expect, test } from "vitest";
import { CharacterLstm } from "../bench/plain/characterLstm.js";
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
