import { describe, expect, test } from "vitest";
import {
  adam,
  dense,
  jordan,
  last,
  meanSquaredError,
  Network,
  sgd,
  tensor,
  type JordanOptions,
} from "../bindings/index.ts";
import { expectClose, expectGradients, randomizeParameters, randomNumbers, toTensor } from "./agreement.ts";
import { centralDifference, type Params } from "./reference.ts";
import * as reference from "./reference/jordan.ts";
import { bitsOf, expectThrown, numbers, only, parametersOf, type Kind } from "./support.ts";

const dot = (a: ArrayLike<number>, b: Float64Array): number => b.reduce((sum, v, k) => sum + v * a[k]!, 0);

describe.each([
  ["tanh", "linear", 0],
  ["sigmoid", "sigmoid", 0.5],
  ["gelu_erf", "softmax", 0.9],
] as const)("the reference, %s and %s, decay %d", (phi, psi, decay) => {
  const config = { I: 2, H: 4, O: 3, phi, psi, decay };
  const random = randomNumbers(7);
  const params: Params = {
    ...{ weight_ih: random(8), weight_yh: random(12), bias_h: random(4) },
    ...{ weight_hy: random(12), bias_y: random(3) },
  };
  const [x, c0, dY, dC] = [random(8), random(3), random(12), random(3)];
  const loss = (p: Params, input: Float64Array, context: Float64Array): number => {
    const { y, c } = reference.jordan(config, p, input, context);
    return dot(y, dY) + dot(c, dC);
  };
  const grads = reference.jordan(config, params, x, c0).backward(dY, dC);

  test.each(Object.keys(params))("gradient of %s by central differences, to 1e-8", (name) => {
    const numeric = centralDifference((v) => loss({ ...params, [name]: v }, x, c0), params[name]!);
    expectClose(name, grads.params[name]!, numeric, 1e-8);
  });

  test("gradients of the input and the first context by central differences, to 1e-8", () => {
    const dX = centralDifference((v) => loss(params, v, c0), x);
    const dC0 = centralDifference((v) => loss(params, x, v), c0);
    expectClose("input", grads.input, dX, 1e-8);
    expectClose("context", grads.c0, dC0, 1e-8);
  });
});

interface Sizes {
  I: number;
  H: number;
  O: number;
  B: number;
  T: number;
  lengths?: readonly number[];
  phi?: "tanh" | "sigmoid" | "relu" | "silu";
  psi?: "linear" | "tanh" | "sigmoid" | "softmax" | "softplus";
  decay?: number;
  bias?: boolean;
}

const cases: Sizes[] = [
  { I: 1, H: 1, O: 1, B: 1, T: 1 },
  { I: 1, H: 1, O: 1, B: 1, T: 4, decay: 0.5 },
  { I: 3, H: 5, O: 2, B: 1, T: 6, psi: "sigmoid" },
  { I: 2, H: 3, O: 17, B: 3, T: 5, lengths: [2, 5, 1], psi: "tanh", decay: 0.3 },
  { I: 17, H: 17, O: 5, B: 4, T: 3, phi: "sigmoid", psi: "softmax", lengths: [3, 3, 1, 2] },
  { I: 4, H: 8, O: 4, B: 2, T: 7, phi: "silu", psi: "softplus", decay: 0.8, bias: false },
  { I: 5, H: 33, O: 3, B: 6, T: 4, phi: "relu", psi: "sigmoid", lengths: [4, 1, 1, 3, 2, 4], bias: false },
  { I: 16, H: 16, O: 16, B: 20, T: 12, psi: "tanh" },
];

describe.each(cases)("$I to $H to $O, batch $B, $T steps, lengths $lengths, $phi, $psi, decay $decay", (sizes) => {
  const { I, H, O, B, T, lengths, phi = "tanh", psi = "linear", decay = 0, bias = true } = sizes;
  const random = randomNumbers(I + 3 * H + O + T);
  const layer = jordan(H, { outputs: O, activation: phi, outputActivation: psi, decay, bias, name: "" });
  const net = new Network({ input: { features: I }, layers: [layer] });
  const params = randomizeParameters(net, random);
  const [x, dY, c0, dC] = [random(B * T * I), random(B * T * O), random(B * O), random(B * O)];
  const config = { I, H, O, phi, psi, decay };
  const given = { state: Float32Array.from(c0), ...(lengths && { lengths }) };
  const input = toTensor(x, [B, T, I]);

  test("is the reference, to 1e-5", () => {
    const expected = { y: [] as number[], c: [] as number[], input: [] as number[], c0: [] as number[] };
    let sum: Params = {};
    const masked = new Float64Array(dY);
    for (let b = 0; b < B; b++) {
      const steps = lengths?.[b] ?? T;
      const own = x.slice(b * T * I, (b * T + steps) * I);
      const { y, c, backward } = reference.jordan(config, params, own, c0.slice(b * O, (b + 1) * O));
      const grads = backward(dY.slice(b * T * O, (b * T + steps) * O), dC.slice(b * O, (b + 1) * O));
      masked.fill(0, (b * T + steps) * O, (b + 1) * T * O);
      expected.y.push(...y, ...new Float64Array((T - steps) * O));
      expected.input.push(...grads.input, ...new Float64Array((T - steps) * I));
      expected.c.push(...c);
      expected.c0.push(...grads.c0);
      const before = sum;
      sum = Object.fromEntries(
        Object.entries(grads.params).map(([name, g]) => [name, g.map((v, k) => v + (before[name]?.[k] ?? 0))]),
      );
    }
    const plain = net.forward(input, given);
    const trained = net.forward(input, { ...given, training: true });
    for (const result of [plain, trained]) {
      expectClose("output", result.output.data, expected.y);
      expectClose("final context", result.state, expected.c);
    }
    net.zeroGrad();
    const back = net.backward(toTensor(masked, [B, T, O]), { gradState: Float32Array.from(dC) });
    expectClose("gradient of the input", back.gradInput!.data, expected.input);
    expectClose("gradient of the first context", back.gradState, expected.c0);
    expectGradients(net, sum);
  });

  test("each sequence alone, and each step alone, gives the same bits", () => {
    const { output } = net.forward(input, lengths ? { lengths } : {});
    for (let b = 0; b < B; b++) {
      const steps = lengths?.[b] ?? T;
      const alone = net.forward(only(input, b, steps));
      const stream = net.stream();
      const parts = Array.from({ length: steps }, (_, t) => [
        ...stream.step(Float32Array.from(x.subarray((b * T + t) * I, (b * T + t + 1) * I))),
      ]);
      expect(bitsOf(alone.output.data)).toBe(bitsOf(only(output, b, steps).data));
      expect(bitsOf(Float32Array.from(parts.flat()))).toBe(bitsOf(alone.output.data));
      expect(stream.state).toEqual(alone.state);
    }
  });
});

test("truncated training carries the context on: with a learning rate of zero its loss is that of the whole", () => {
  const data = { inputs: numbers([3, 12, 2]), targets: numbers([3, 12, 4], 2) };
  const net = new Network({ input: { features: 2 }, layers: [jordan(5, { outputs: 4, decay: 0.5 })] });
  const loss = meanSquaredError();
  for (const truncate of [1, 5, 12]) {
    const trainer = net.train(data, { loss, optimizer: sgd({ learningRate: 0 }), truncate });
    Array.from(trainer);
    expect(trainer.epochLoss).toBeCloseTo(net.evaluate(data, { loss }).loss, 6);
  }
});

test("learns a running mean, which needs its own output", async () => {
  const inputs = numbers([16, 20, 1]);
  const targets = tensor(new Float32Array(320), [16, 20, 1]);
  inputs.data.forEach((x, k) => (targets.data[k] = 0.2 * x + (k % 20 ? 0.8 * targets.data[k - 1]! : 0)));
  const net = new Network({ input: { features: 1 }, layers: [jordan(6, { outputs: 1 })], seed: 2 });
  const options = { loss: meanSquaredError(), optimizer: adam({ learningRate: 0.02 }), epochs: 150 };
  const { loss } = await net.fit({ inputs, targets }, options);
  expect(loss.at(-1)).toBeLessThan(5e-4);
});

test("the description has all options filled in, and survives the file", () => {
  const layer = jordan(4, { outputs: 2 });
  const defaults = { activation: "tanh", outputActivation: "linear", decay: 0, bias: true };
  expect(layer).toEqual({ type: "jordan", units: 4, outputs: 2, ...defaults });
  expect(Object.isFrozen(layer)).toBe(true);
  const net = new Network({ input: { features: 3 }, layers: [layer, last(), dense(2)] });
  const copy = Network.load(net.save());
  expect(copy.config.layers[0]).toEqual(layer);
  expect(parametersOf(copy)).toEqual(parametersOf(net));
  expect(net.parameters.map(({ name, shape }) => [name, ...shape]).slice(0, 5)).toEqual([
    ["jordan.weight_ih", 4, 3],
    ["jordan.weight_yh", 4, 2],
    ["jordan.bias_h", 4],
    ["jordan.weight_hy", 2, 4],
    ["jordan.bias_y", 2],
  ]);
  expect(net.states).toEqual([{ name: "jordan.c", units: 2 }]);
  expect(net.summary()).toMatch(/jordan +\[batch, time, 2\] +34\n/);
});

test("starts within ±1/√units", () => {
  const net = new Network({ input: { features: 50 }, layers: [jordan(100, { outputs: 40 })], seed: 1 });
  for (const { value } of net.parameters) {
    const largest = value.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(largest).toBeGreaterThan(0.08);
    expect(largest).toBeLessThan(0.1);
  }
});

const wrong = (options: object) => () => jordan(4, options as JordanOptions);
test.each<[string, () => unknown, Kind, RegExp]>([
  ["units 0", () => jordan(0, { outputs: 1 }), RangeError, /"units" expected an integer of at least 1, got 0/],
  ["no options", () => jordan(4, undefined as never), TypeError, /"jordan" expected an object, got undefined/],
  ["no outputs", wrong({}), TypeError, /"outputs" expected a number, got undefined/],
  ["outputs 0", wrong({ outputs: 0 }), RangeError, /"outputs" expected an integer of at least 1, got 0/],
  ["decay 1", wrong({ outputs: 1, decay: 1 }), RangeError, /"decay" expected .* of at least 0 and below 1, got 1/],
  [
    "an unknown activation",
    wrong({ outputs: 1, outputActivation: "x" }),
    RangeError,
    /"outputActivation" expected one/,
  ],
  ["a misspelt option", wrong({ output: 1 }), TypeError, /jordan: unknown option "output"; known are outputs/],
  [
    "a vector",
    () =>
      new Network({ input: { features: 2 }, layers: [jordan(2, { outputs: 1 }), last(), jordan(2, { outputs: 1 })] }),
    TypeError,
    /jordan\(\) needs a sequence, and a vector comes in: put repeat\(n\) before it/,
  ],
])("%s", (_, call, kind, text) => {
  expectThrown(call, kind, text);
});
