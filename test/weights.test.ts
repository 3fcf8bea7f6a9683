/** Weights beside targets: their forms, what they stand for, and what is refused. */

import { describe, expect, test } from "vitest";
import {
  adam,
  crossEntropy,
  dense,
  gradientCheck,
  gru,
  last,
  meanSquaredError,
  Network,
  tensor,
  type LayerDescription,
  type Weights,
} from "../bindings/index.ts";
import { distance, expectThrown, gradientsOf, indices, numbers, stateOf } from "./support.ts";

const mse = meanSquaredError();
const network = (layers: readonly LayerDescription[] = [gru(4), dense(2)]) =>
  new Network({ input: { features: 3 }, layers, seed: 6 });

describe("forms", () => {
  const [inputs, targets] = [numbers([2, 3, 3]), numbers([2, 3, 2], 2)];
  const value = (weights: Weights | undefined) =>
    network().evaluate({ inputs, targets, ...(weights && { weights }) }, { loss: mse }).loss;

  test("of steps: nested arrays, lists of arrays, a tensor", () => {
    const nested = [
      [1, 0, 2],
      [0.5, 1, 3],
    ];
    const right = value(nested);
    expect(value(nested.map((row) => Float32Array.from(row)))).toBe(right);
    expect(value(tensor(Float32Array.from(nested.flat()), [2, 3]))).toBe(right);
    expect(right).not.toBe(value(undefined));
  });

  test("of sequences: a flat array or a tensor; each is that of all its steps", () => {
    const right = value([
      [2, 2, 2],
      [0.5, 0.5, 0.5],
    ]);
    expect(value([2, 0.5])).toBe(right);
    expect(value(Float32Array.of(2, 0.5))).toBe(right);
    expect(value(tensor(Float32Array.of(2, 0.5), [2]))).toBe(right);
  });

  test("ones are none", () => expect(value([1, 1])).toBe(value(undefined)));
});

describe("what they stand for", () => {
  const inputs = [4, 2, 5].map((T, b) => numbers([T, 3], b + 1));
  const targets = inputs.map(({ shape }, b) => numbers([shape[0]!, 2], b + 7));

  /** Gradients after a loss. */
  const gradients = (net: Network, weights?: Weights) => {
    net.forward(inputs, { training: true });
    const value = net.loss(mse, targets, weights && { weights });
    net.zeroGrad();
    net.backward();
    return { value, gradient: gradientsOf(net) };
  };

  test("0 and 1 leave the rows with 1", () => {
    const net = network();
    const { value, gradient } = gradients(net, [1, 0, 1]);
    net.forward([inputs[0]!, inputs[2]!], { training: true });
    expect(Math.abs(net.loss(mse, [targets[0]!, targets[2]!]) - value)).toBeLessThan(1e-7);
    net.zeroGrad();
    net.backward();
    expect(distance(gradientsOf(net), gradient)).toBeLessThan(1e-7);
  });

  test("1 at the last steps alone is last()", () => {
    const weights = inputs.map(({ shape: [T = 0] }) => Array.from({ length: T }, (_, t) => Number(t === T - 1)));
    const ends = targets.map(({ data }) => [...data.subarray(-2)]);
    const short = network([gru(4), last(), dense(2)]);
    short.forward(inputs, { training: true });
    const value = short.loss(mse, ends);
    short.zeroGrad();
    short.backward();
    const whole = gradients(network(), weights);
    expect(Math.abs(whole.value - value)).toBeLessThan(1e-6);
    expect(distance(whole.gradient, gradientsOf(short))).toBeLessThan(1e-6);
  });

  test("2 is a sequence that is there twice", () => {
    const data = { inputs, targets };
    const twice = { inputs: [...inputs, inputs[1]!], targets: [...targets, targets[1]!] };
    const net = network();
    const weighted = net.evaluate({ ...data, weights: [1, 2, 1] }, { loss: mse }).loss;
    expect(weighted).toBeCloseTo(net.evaluate(twice, { loss: mse }).loss, 6);
  });

  test("training with them is the same whatever their form, and checks out", async () => {
    const net = network();
    const options = { loss: mse, optimizer: adam(), epochs: 3, batchSize: 2 };
    await net.fit({ inputs, targets, weights: [1, 0, 2] }, options);
    const other = network();
    await other.fit(
      {
        inputs,
        targets,
        weights: [
          [1, 1, 1, 1],
          [0, 0],
          [2, 2, 2, 2, 2],
        ],
      },
      options,
    );
    expect(stateOf(other)).toBe(stateOf(net));
    const plain = network();
    await plain.fit({ inputs, targets }, options);
    expect(stateOf(plain)).not.toBe(stateOf(net));
    for (const { error } of gradientCheck(net, { inputs, targets, weights: [1, 0, 2] }, { loss: mse })) {
      expect(error).toBeLessThan(0.01);
    }
  });

  test("weights that the caller changes in between are those of the beginning", () => {
    const make = () => new Network({ input: { features: 3 }, layers: [gru(3), dense(4)] });
    const [net, other] = [make(), make()];
    const weights = tensor(Float32Array.of(1, 2, 0, 1, 1, 3), [2, 3]);
    const data = { inputs: numbers([2, 3, 3]), targets: indices([2, 3], 4), weights };
    const options = { loss: crossEntropy(), optimizer: adam(), epochs: 3, batchSize: 1 };
    for (const _ of other.train(data, options));
    for (const _ of net.train(data, options)) weights.data.fill(100);
    expect(stateOf(net)).toBe(stateOf(other));
  });
});

describe("refuses", () => {
  const [inputs, targets] = [numbers([2, 3, 3]), numbers([2, 3, 2])];
  const evaluate = (weights: unknown) => () =>
    network().evaluate({ inputs, targets, weights: weights as Weights }, { loss: mse });
  const ofVectors = (weights: unknown) => () =>
    network([dense(2)]).evaluate(
      { inputs: numbers([2, 3]), targets: numbers([2, 2]), weights: weights as Weights },
      { loss: mse },
    );
  const ragged = (weights: Weights) => () =>
    network().evaluate(
      { inputs: [numbers([1, 3]), numbers([3, 3])], targets: [numbers([1, 2]), numbers([3, 2])], weights },
      { loss: mse },
    );

  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ["a number", evaluate(1), TypeError, /"weights" expected shape \[batch, time\] or \[batch\], got 1/],
    ["null", evaluate(null), TypeError, /"weights" expected shape/],
    ["none at all", evaluate([]), RangeError, /"weights" expected shape/],
    ["a text", evaluate([1, "2"]), TypeError, /"weights\[1\]\[0\]" expected a number, got "2"/],
    ["too few", evaluate([1]), RangeError, /"weights" expected 2 numbers, one for each of "inputs", got 1/],
    [
      "too few steps",
      evaluate([
        [1, 2],
        [1, 2],
      ]),
      RangeError,
      /"weights" expected 3 steps, as the output has, got 2/,
    ],
    [
      "too many sequences",
      evaluate([
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ]),
      RangeError,
      /"weights" expected 2 sequences/,
    ],
    ["a weight below 0", evaluate([1, -1]), RangeError, /"weights" expected numbers of at least 0, got -1/],
    [
      "NaN",
      evaluate([
        [1, 1, NaN],
        [1, 1, 1],
      ]),
      RangeError,
      /"weights" expected finite numbers, got NaN at \[0, 2, 0\]/,
    ],
    ["∞", evaluate([1, Infinity]), RangeError, /"weights" expected finite numbers/],
    ["one for each element", evaluate(numbers([2, 3, 2])), RangeError, /"weights" expected shape .*, got \[2, 3, 2\]/],
    ["steps where there are none", ofVectors([[1], [1]]), RangeError, /"weights" expected shape \[batch\], got/],
    [
      "steps of another sequence",
      ragged([
        [1, 1],
        [1, 1, 1],
      ]),
      RangeError,
      /"weights\[0\]" expected 1 steps/,
    ],
    [
      "a misspelt option of loss",
      () => network().loss(mse, targets, { weight: 1 } as never),
      TypeError,
      /unknown option "weight"/,
    ],
  ])("%s", (_, call, kind, text) => {
    expectThrown(call, kind, text);
  });
});
