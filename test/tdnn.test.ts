import { describe, expect, test } from "vitest";
import { dense, elman, last, meanSquaredError, Network, sgd, tdnn, tensor, type TdnnLayer } from "../bindings/index.ts";
import { expectClose, expectGradients, randomizeParameters, randomNumbers, toTensor } from "./agreement.ts";
import { activation, activationBackward, centralDifference } from "./reference.ts";
import * as reference from "./reference/tdnn.ts";
import { bitsOf, expectThrown, numbers, only, parametersOf, type Kind } from "./support.ts";

const dot = (a: ArrayLike<number>, b: Float64Array): number => b.reduce((sum, v, k) => sum + v * a[k]!, 0);

describe.each([[[2, 1, 0]], [[5, 2]], [[0]], [[7, 0]]])("the reference, delays %j", (delays) => {
  const config = { I: 2, O: 3, delays };
  const random = randomNumbers(delays.length);
  const D = Math.max(...delays);
  const [weight, bias] = [random(6 * delays.length), random(3)];
  const [x, state, dA, dState] = [random(5 * 2), random(D * 2), random(5 * 3), random(D * 2)];
  const loss = (w: Float64Array, b: Float64Array, input: Float64Array, initial: Float64Array): number => {
    const { a, state: end } = reference.tdnn(config, w, b, input, initial);
    return dot(a, dA) + dot(end, dState);
  };
  const grads = reference.tdnnBackward(config, weight, x, state, dA, dState);

  test("backward is that of central differences, to 1e-8", () => {
    const close = (what: string, got: Float64Array, f: (v: Float64Array) => number, at: Float64Array) =>
      expectClose(what, got, centralDifference(f, at), 1e-8);
    close("weight", grads.weight, (v) => loss(v, bias, x, state), weight);
    close("bias", grads.bias, (v) => loss(weight, v, x, state), bias);
    close("input", grads.input, (v) => loss(weight, bias, v, state), x);
    close("state", grads.state, (v) => loss(weight, bias, x, v), state);
  });
});

test("the weight lies as in PyTorch's Conv1d: the last axis runs with time", () => {
  // conv1d(pad(x, (2, 0)), w): y_t = w0·x_{t−2} + w1·x_{t−1} + w2·x_t
  const net = new Network({ input: { features: 1 }, layers: [tdnn(1, { context: 3, name: "" })] });
  expect(net.parameter("weight").shape).toEqual([1, 1, 3]);
  net.parameter("weight").set([100, 10, 1]);
  net.parameter("bias").set([0]);
  const { output } = net.forward(tensor(Float32Array.of(1, 2, 3, 4), [1, 4, 1]));
  expect([...output.data]).toEqual([1, 12, 123, 234]);
});

interface Sizes {
  I: number;
  O: number;
  B: number;
  T: number;
  delays: readonly number[];
  lengths?: readonly number[];
  kind?: "linear" | "tanh" | "gelu" | "relu" | "sigmoid" | "silu";
  bias?: boolean;
}

const cases: Sizes[] = [
  { I: 1, O: 1, B: 1, T: 1, delays: [0, 1] },
  { I: 3, O: 5, B: 1, T: 7, delays: [0, 1, 2], kind: "tanh" },
  { I: 5, O: 3, B: 3, T: 4, delays: [0, 1, 2, 3, 4, 5], kind: "gelu" },
  { I: 4, O: 8, B: 2, T: 9, delays: [0, 4, 8], kind: "relu" },
  { I: 17, O: 17, B: 4, T: 6, delays: [1, 2], lengths: [3, 6, 1, 5], kind: "sigmoid" },
  { I: 2, O: 17, B: 5, T: 5, delays: [3], lengths: [2, 2, 5, 1, 4], bias: false },
  { I: 16, O: 16, B: 3, T: 3, delays: [0], kind: "silu" },
  { I: 3, O: 4, B: 6, T: 50, delays: [0, 1, 9], lengths: [50, 3, 20, 9, 10, 1], kind: "tanh" },
];

describe.each(cases)("$I to $O, batch $B, $T steps, delays $delays, lengths $lengths, $kind", (sizes) => {
  const { I, O, B, T, delays, lengths, kind = "linear", bias = true } = sizes;
  const D = Math.max(...delays);
  const random = randomNumbers(I + O + T);
  const layer = tdnn(O, { delays, activation: kind, bias, name: "" });
  const net = new Network({ input: { features: I }, layers: [layer] });
  const params = randomizeParameters(net, random);
  const [x, dY, state, dState] = [random(B * T * I), random(B * T * O), random(B * D * I), random(B * D * I)];
  const config = { I, O, delays: [...delays].reverse() };
  const name = kind === "gelu" ? "gelu_erf" : kind;
  const given = { ...(D > 0 && { state: Float32Array.from(state) }), ...(lengths && { lengths }) };

  test("is the reference, to 1e-5", () => {
    const expected = { y: [] as number[], end: [] as number[], input: [] as number[], start: [] as number[] };
    const sum: Record<string, Float64Array> = { weight: new Float64Array(params.weight!.length) };
    if (bias) sum.bias = new Float64Array(O);
    const masked = new Float64Array(dY);
    for (let b = 0; b < B; b++) {
      const steps = lengths?.[b] ?? T;
      const own = x.slice(b * T * I, (b * T + steps) * I);
      const initial = state.slice(b * D * I, (b + 1) * D * I);
      const { a, state: end } = reference.tdnn(config, params.weight!, params.bias, own, initial);
      const dA = activationBackward(name, a, dY.slice(b * T * O, (b * T + steps) * O));
      masked.fill(0, (b * T + steps) * O, (b + 1) * T * O);
      const dEnd = dState.slice(b * D * I, (b + 1) * D * I);
      const grads = reference.tdnnBackward(config, params.weight!, own, initial, dA, dEnd);
      const rest = T - steps;
      expected.y.push(...activation(name, a), ...new Float64Array(rest * O));
      expected.input.push(...grads.input, ...new Float64Array(rest * I));
      expected.end.push(...end);
      expected.start.push(...grads.state);
      sum.weight = sum.weight!.map((v, k) => v + grads.weight[k]!);
      if (bias) sum.bias = sum.bias!.map((v, k) => v + grads.bias[k]!);
    }
    const input = toTensor(x, [B, T, I]);
    const plain = net.forward(input, given);
    const trained = net.forward(input, { ...given, training: true });
    for (const result of [plain, trained]) {
      expectClose("output", result.output.data, expected.y);
      expectClose("final state", result.state, expected.end, 0);
    }
    net.zeroGrad();
    const back = net.backward(toTensor(masked, [B, T, O]), { gradState: Float32Array.from(dState) });
    expectClose("gradient of the input", back.gradInput!.data, expected.input);
    expectClose("gradient of the initial state", back.gradState, expected.start);
    expectGradients(net, sum);
  });

  test("each sequence alone, and each step alone, gives the same bits", () => {
    const input = toTensor(x, [B, T, I]);
    const { output } = net.forward(input, lengths ? { lengths } : {});
    for (let b = 0; b < B; b++) {
      const steps = lengths?.[b] ?? T;
      const alone = net.forward(only(input, b, steps));
      const stream = net.stream();
      const parts = Array.from({ length: steps }, (_, t) => [
        ...stream.step(Float32Array.from(x.subarray((b * T + t) * I, (b * T + t + 1) * I))),
      ]);
      expect(alone.output.data).toEqual(only(output, b, steps).data);
      expect(Float32Array.from(parts.flat())).toEqual(alone.output.data);
      expect(stream.state).toEqual(alone.state);
    }
  });

  test("cut anywhere in time, the state carried, it gives the same bits", () => {
    const input = toTensor(x, [B, T, I]);
    const whole = net.forward(input);
    for (let cut = 1; cut < T; cut++) {
      const piece = (from: number, to: number) =>
        tensor(
          Float32Array.from(
            Array.from({ length: B }, (_, b) => [...x.subarray((b * T + from) * I, (b * T + to) * I)]).flat(),
          ),
          [B, to - from, I],
        );
      const first = net.forward(piece(0, cut));
      const second = net.forward(piece(cut, T), { state: first.state });
      const joined = Array.from({ length: B }, (_, b) => [
        ...first.output.data.slice(b * cut * O, (b + 1) * cut * O),
        ...second.output.data.slice(b * (T - cut) * O, (b + 1) * (T - cut) * O),
      ]);
      expect(bitsOf(Float32Array.from(joined.flat()))).toBe(bitsOf(whole.output.data));
      expect(second.state).toEqual(whole.state);
    }
  });
});

test("truncated training carries the inputs on: with a learning rate of zero its loss is that of the whole", () => {
  const data = { inputs: numbers([3, 12, 2]), targets: numbers([3, 12, 4], 2) };
  const net = new Network({ input: { features: 2 }, layers: [tdnn(4, { context: 4, dilation: 2 }), elman(4)] });
  const loss = meanSquaredError();
  for (const truncate of [1, 5, 12]) {
    const trainer = net.train(data, { loss, optimizer: sgd({ learningRate: 0 }), truncate });
    Array.from(trainer);
    expect(trainer.epochLoss).toBeCloseTo(net.evaluate(data, { loss }).loss, 6);
  }
});

test("learns: a task that no memoryless layer can do", async () => {
  const inputs = numbers([16, 20, 1]);
  // The target is the input of three steps before.
  const shifted = inputs.data.map((_, k) => (k % 20 >= 3 ? inputs.data[k - 3]! : 0));
  const net = new Network({ input: { features: 1 }, layers: [tdnn(1, { context: 5 })], seed: 2 });
  const data = { inputs, targets: tensor(shifted, [16, 20, 1]) };
  const { loss } = await net.fit(data, { loss: meanSquaredError(), optimizer: sgd({ learningRate: 0.5 }), epochs: 60 });
  expect(loss.at(-1)).toBeLessThan(1e-3);
});

test("the description has all options filled in, and survives the file", () => {
  expect(tdnn(4)).toEqual({ type: "tdnn", units: 4, delays: [0, 1, 2], activation: "linear", bias: true });
  expect(tdnn(4, { context: 2 }).delays).toEqual([0, 1]);
  expect(tdnn(4, { delays: [4, 0, 1], dilation: 3 }).delays).toEqual([0, 3, 12]);
  const layer = tdnn(4, { context: 2, dilation: 5 });
  expect(Object.isFrozen(layer) && Object.isFrozen(layer.delays)).toBe(true);
  const net = new Network({ input: { features: 3 }, layers: [layer, last(), dense(2)] });
  const copy = Network.load(net.save());
  expect(copy.config.layers[0]).toEqual(layer);
  expect(parametersOf(copy)).toEqual(parametersOf(net));
  const byHand: TdnnLayer = { type: "tdnn", units: 4, context: 2, dilation: 5 };
  expect(new Network({ input: { features: 3 }, layers: [byHand] }).config.layers[0]).toEqual(layer);
  expect(net.states).toEqual([{ name: "tdnn.x", units: 15 }]);
  expect(net.summary()).toMatch(/tdnn +\[batch, time, 4\] +28\n/);
});

const wrong = (options: object) => () => tdnn(4, options);
test.each<[string, () => unknown, Kind, RegExp]>([
  ["units 0", () => tdnn(0), RangeError, /"units" expected an integer of at least 1, got 0/],
  ["no delays", wrong({ delays: [] }), RangeError, /"delays" expected at least one step, got \[\]/],
  ["a delay twice", wrong({ delays: [1, 0, 1] }), RangeError, /"delays" expected each step once, got \[1, 0, 1\]/],
  ["a delay into the future", wrong({ delays: [-1] }), RangeError, /"delays\[0\]" expected an integer of at least 0/],
  ["half a delay", wrong({ delays: [0, 0.5] }), RangeError, /"delays\[1\]" expected an integer/],
  ["delays as a number", wrong({ delays: 3 }), TypeError, /"delays" expected an array of steps, got 3/],
  ["delays and context", wrong({ delays: [0], context: 1 }), RangeError, /"context" and "delays" both .* leave one/],
  ["context 0", wrong({ context: 0 }), RangeError, /"context" expected an integer from 1 to 65536, got 0/],
  ["dilation 0", wrong({ dilation: 0 }), RangeError, /"dilation" expected an integer of at least 1, got 0/],
  ["a product that is too large", wrong({ context: 9, dilation: 2e9 }), RangeError, /"delays" expected an integer/],
  ["a misspelt option", wrong({ kernel: 3 }), TypeError, /tdnn: unknown option "kernel"; known are delays, context/],
  [
    "a vector",
    () => new Network({ input: { features: 2 }, layers: [elman(2), last(), tdnn(2)] }),
    TypeError,
    /tdnn\(\) needs a sequence, and a vector comes in: put repeat\(n\) before it/,
  ],
])("%s", (_, call, kind, text) => {
  expectThrown(call, kind, text);
});
