/** Penalties on the size of weights, on data that show that they act: L1, L2 and decoupled decay. */

import { describe, expect, test } from "vitest";
import {
  adam,
  adamw,
  dense,
  meanSquaredError,
  Network,
  sgd,
  type Optimizer,
  type ParameterGroup,
  type TrainOptions,
} from "../bindings/index.ts";
import { numbers } from "./support.ts";

const mse = meanSquaredError();

/** One step of size `rate` from gradients that are 0 but for the penalty: the targets are the outputs. */
function withoutLoss(weights: readonly number[], optimizer: Optimizer, more: Partial<TrainOptions> = {}): number[] {
  const net = new Network({ input: { features: weights.length }, layers: [dense(1, { bias: false })] });
  net.parameters[0]!.set(weights);
  const inputs = [weights.map(() => 0)];
  net.train({ inputs, targets: [[0]] }, { loss: mse, optimizer, ...more }).next();
  return [...net.parameters[0]!.value];
}

describe("one step from a gradient of 0", () => {
  const weights = [0.5, -0.25, 0, 2, -8];
  const close = (got: readonly number[], expected: readonly number[]) => {
    got.forEach((x, k) => expect(x).toBeCloseTo(expected[k]!, 6));
  };

  test("L1: each weight goes the same way towards 0, and 0 stays", () => {
    close(withoutLoss(weights, sgd({ learningRate: 0.1 }), { l1: 0.3 }), [0.47, -0.22, 0, 1.97, -7.97]);
  });

  test("L2: each weight shrinks by its share", () => {
    close(withoutLoss(weights, sgd({ learningRate: 0.1, weightDecay: 0.3 })), weights.map((w) => 0.97 * w)); // prettier-ignore
  });

  test("L2 in adam is scaled away: each weight goes a full step; decoupled in adamw it is not", () => {
    const l2 = withoutLoss(weights, adam({ learningRate: 0.1, weightDecay: 0.3 }));
    close(l2, [0.4, -0.15, 0, 1.9, -7.9]);
    const decoupled = withoutLoss(weights, adamw({ learningRate: 0.1, weightDecay: 0.3 }));
    close(decoupled, weights.map((w) => 0.97 * w)); // prettier-ignore
  });

  test("penalties come after clipping, and the norm that is reported is the loss's alone", () => {
    const net = new Network({ input: { features: 1 }, layers: [dense(1, { bias: false })] });
    net.parameters[0]!.set([1]);
    const data = { inputs: [[1]], targets: [[-9]] }; // gradient 20
    const optimizer = sgd({ learningRate: 0.1 });
    const { value } = net.train(data, { loss: mse, optimizer, l1: 2, clipNorm: 1 }).next();
    expect(value?.gradientNorm).toBeCloseTo(20, 5);
    expect(net.parameters[0]!.value[0]).toBeCloseTo(1 - 0.1 * (1 + 2), 5);
  });
});

describe("ten inputs of which two are of use, forty noisy examples", () => {
  const inputs = numbers([40, 10]);
  const noise = numbers([40, 1], 77).data;
  const targets = Array.from({ length: 40 }, (_, b) => {
    const [x0 = 0, x1 = 0] = inputs.data.subarray(b * 10, b * 10 + 2);
    return [2 * x0 - x1 + 0.5 * noise[b]!];
  });

  async function weightsOf(optimizer: Optimizer, more: { l1?: number; groups?: readonly ParameterGroup[] } = {}) {
    const net = new Network({ input: { features: 10 }, layers: [dense(1)], seed: 1 });
    const learningRate = (step: number) => 0.05 / (1 + step / 500);
    await net.fit({ inputs, targets }, { loss: mse, optimizer, epochs: 3000, batchSize: 40, learningRate, ...more });
    const weights = [...net.parameter("dense.weight").value];
    const useless = weights.slice(2).map(Math.abs);
    return { weights, most: Math.max(...useless), norm: Math.hypot(...weights) };
  }

  test("L1 takes the weights of the useless inputs to 0, within 0.01, and leaves the others", async () => {
    const [plain, l1] = [await weightsOf(sgd()), await weightsOf(sgd(), { l1: 0.2 })];
    expect(plain.most).toBeGreaterThan(0.05);
    expect(l1.most).toBeLessThan(0.01);
    expect(l1.weights[0]).toBeGreaterThan(1.5);
    expect(l1.weights[1]).toBeLessThan(-0.5);
  });

  test("L2 makes all smaller and none 0", async () => {
    const [plain, l2] = [await weightsOf(sgd()), await weightsOf(sgd({ weightDecay: 0.2 }))];
    expect(l2.norm).toBeLessThan(0.9 * plain.norm);
    expect(l2.most).toBeGreaterThan(0.02);
    expect(l2.weights[0]).toBeGreaterThan(1);
  });

  test("decoupled decay makes all smaller; adam's L2 of the same size ends where sgd's does", async () => {
    const plain = await weightsOf(adam());
    const decoupled = await weightsOf(adamw({ weightDecay: 0.2 }));
    const coupled = await weightsOf(adam({ weightDecay: 0.2 }));
    const l2 = await weightsOf(sgd({ weightDecay: 0.2 }));
    expect(decoupled.norm).toBeLessThan(0.99 * plain.norm);
    expect(coupled.norm).toBeCloseTo(l2.norm, 2);
    expect(decoupled.norm).not.toBeCloseTo(coupled.norm, 2);
  });

  test("in a group alone", async () => {
    const all = await weightsOf(sgd(), { l1: 0.2 });
    const spared = await weightsOf(sgd(), { l1: 0.2, groups: [{ match: "dense.weight", l1: 0 }] });
    const only = await weightsOf(sgd(), { groups: [{ match: /weight/, l1: 0.2 }] });
    expect(spared.most).toBeGreaterThan(0.05);
    expect(only.most).toBeLessThan(0.01);
    expect(all.most).toBeLessThan(0.01);
  });
});

test.each([
  ["−1", -1, RangeError],
  ["NaN", NaN, RangeError],
  ["a text", "0.1", TypeError],
])("l1 %s is refused", (_, l1, kind) => {
  expect(() => withoutLoss([1], sgd(), { l1: l1 as number })).toThrow(kind);
  expect(() => withoutLoss([1], sgd(), { l1: l1 as number })).toThrow(/"l1" expected/);
});
