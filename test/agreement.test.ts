/** The recurrent layers, dense, embedding, last() and repeat() against reference.ts: 1e-5 relative and absolute. */

import { describe, expect, test } from "vitest";
import {
  activation,
  type Activation,
  activationNames,
  type ActivationName,
  dense,
  elman,
  embedding,
  gru,
  last,
  type LayerDescription,
  lstm,
  Network,
  sgd,
  type RecurrentOptions,
  repeat,
  tensor,
} from "../bindings/index.ts";
import {
  expectClose,
  expectGradients,
  masked,
  randomizeParameters,
  randomNumbers,
  toTensor,
  withoutPrefix,
} from "./agreement.ts";
import * as reference from "./reference.ts";
import { indices, lehmer } from "./support.ts";

// ------------------------------------------------------------------------------------------------- recurrent layers

const cells: Record<reference.CellName, (units: number, options: RecurrentOptions) => LayerDescription> = {
  rnn_tanh: elman,
  rnn_relu: (units, options) => elman(units, { ...options, activation: "relu" }),
  rnn_sigmoid: (units, options) => elman(units, { ...options, activation: "sigmoid" }),
  lstm,
  gru,
  gru_reset_before: (units, options) => gru(units, { ...options, reset: "before" }),
};
const cellNames = Object.keys(cells) as reference.CellName[];

interface Sizes {
  cell: reference.CellName;
  H: number;
  I: number;
  B: number;
  T: number;
  layers: number;
  bidirectional: boolean;
  bias: boolean;
  ragged: boolean;
  initial: boolean;
}

const grid = {
  I: [1, 2, 7, 16],
  B: [1, 2, 5],
  T: [1, 3, 4],
  layers: [1, 2, 3],
  bidirectional: [false, true],
  bias: [true, false],
  ragged: [false, true],
  initial: [true, false],
} as const;

/** For every cell and hidden size, draws from the rest of the grid: together they have every pair of two values. */
function cover(): Sizes[] {
  const next = lehmer(12);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!;
  return cellNames.flatMap((cell) =>
    [1, 3, 5, 16, 17, 33].flatMap((H) =>
      Array.from({ length: 5 }, () => ({
        ...{ cell, H, I: pick(grid.I), B: pick(grid.B), T: pick(grid.T), layers: pick(grid.layers) },
        ...{ bidirectional: pick(grid.bidirectional), bias: pick(grid.bias) },
        ...{ ragged: pick(grid.ragged), initial: pick(grid.initial) },
      })),
    ),
  );
}

const cases = cover();

test("the cases have every pair of sizes and options", () => {
  const options = Object.entries(grid) as [keyof typeof grid, readonly unknown[]][];
  for (const [a, as] of options) {
    for (const [b, bs] of options.filter(([name]) => name > a)) {
      for (const x of as)
        for (const y of bs)
          expect(
            cases.some((one) => one[a] === x && one[b] === y),
            `${a} ${String(x)}, ${b} ${String(y)}`,
          ).toBe(true);
    }
  }
});

function lengthsOf({ B, T, ragged }: Sizes): number[] | undefined {
  return ragged ? Array.from({ length: B }, (_, b) => 1 + ((b * 2 + 1) % T)) : undefined;
}

const titled = cases.map((one): [string, Sizes] => {
  const flags = (["bidirectional", "bias", "ragged", "initial"] as const).filter((flag) => one[flag]);
  return [`${one.cell} H${one.H} I${one.I} B${one.B} T${one.T} L${one.layers} ${flags.join(" ")}`, one];
});

describe("recurrent layers: outputs, final states, gradients of input, initial states and every parameter", () => {
  test.each(titled)("%s", (title, sizes) => {
    const { cell, H, I, B, T, layers, bidirectional, bias, initial } = sizes;
    const random = randomNumbers(titled.findIndex(([other]) => other === title) + 100);
    const layer = cells[cell](H, { layers, bidirectional, bias, name: "" });
    const net = new Network({ input: { features: I }, layers: [layer] });
    const params = randomizeParameters(net, random);
    const S = layers * (bidirectional ? 2 : 1) * B * H;
    const width = bidirectional ? 2 * H : H;
    const lengths = lengthsOf(sizes);
    const [x, dY, dH] = [random(B * T * I), random(B * T * width), random(S)];
    const [h0, c0] = [initial ? random(S) : undefined, initial && cell === "lstm" ? random(S) : undefined];
    const dC = cell === "lstm" ? random(S) : new Float64Array(0);

    const config = { cell, inputSize: I, hiddenSize: H, numLayers: layers, bidirectional };
    const expected = reference.recurrent(config, params, x, { batch: B, h0, c0, lengths });
    const grads = expected.backward(dY, dH, dC);
    const state = h0 && Float32Array.from([...h0, ...(c0 ?? [])]);
    const options = { ...(state && { state }), ...(lengths && { lengths }) };
    const given = net.forward(toTensor(x, [B, T, I]), options);
    const trained = net.forward(toTensor(x, [B, T, I]), { ...options, training: true });
    const back = net.backward(toTensor(dY, [B, T, width]), { gradState: Float32Array.from([...dH, ...dC]) });

    for (const { output, state: finalState } of [given, trained]) {
      expectClose("output", output.data, expected.output);
      expectClose("final states", finalState, [...expected.hn, ...expected.cn]);
    }
    expectClose("gradient of the input", back.gradInput!.data, grads.input);
    expectClose("gradient of the initial states", back.gradState, [...grads.h0, ...grads.c0]);
    expectGradients(net, grads.params);
  });
});

// ------------------------------------------------------------------------------------------------------ activations

const ofReference: Record<Exclude<ActivationName, "softmax" | "logSoftmax">, reference.ActivationName> = {
  linear: "linear",
  sigmoid: "sigmoid",
  tanh: "tanh",
  relu: "relu",
  leakyRelu: "leaky_relu",
  elu: "elu",
  selu: "selu",
  gelu: "gelu_erf",
  geluTanh: "gelu_tanh",
  silu: "silu",
  mish: "mish",
  softplus: "softplus",
  logSigmoid: "log_sigmoid",
  softsign: "softsign",
  hardTanh: "hardtanh",
  hardSigmoid: "hardsigmoid",
  hardSwish: "hardswish",
  relu6: "relu6",
};

/** φ over rows of F and its gradient. */
function referenceActivation(kind: Activation, x: Float64Array, dY: Float64Array, F: number) {
  const [name, alpha] = typeof kind === "string" ? [kind] : [kind.type, kind.alpha];
  if (name === "softmax") return { y: reference.softmax(x, F), dX: reference.softmaxBackward(x, dY, F) };
  if (name === "logSoftmax") return { y: reference.logSoftmax(x, F), dX: reference.logSoftmaxBackward(x, dY, F) };
  const plain = ofReference[name];
  return { y: reference.activation(plain, x, alpha), dX: reference.activationBackward(plain, x, dY, alpha) };
}

const activations: Activation[] = [
  ...activationNames,
  { type: "leakyRelu", alpha: 0.3 },
  { type: "leakyRelu", alpha: 0 },
  { type: "elu", alpha: 0.4 },
];

describe.each(activations.map((kind) => [JSON.stringify(kind), kind] as const))("activation %s", (_, kind) => {
  test.each([1, 3, 4, 5, 17])("rows of %i, from −100 to 100, on both sides of and at every kink", (F) => {
    const random = randomNumbers(F);
    const spread = Array.from(random(30 * F), (v, k) => Math.fround(v * [0.001, 1, 4, 12, 100][k % 5]!));
    const x = Float64Array.from(spread).map((v, k) => [0, 1, -1, 3, -3, 6, -88, 88][k] ?? v);
    const dY = random(x.length);
    const net = new Network({ input: { features: F }, layers: [activation(kind)] });
    const expected = referenceActivation(kind, x, dY, F);
    expectClose("output", net.forward(toTensor(x, [30, F]), { training: true }).output.data, expected.y);
    expectClose("gradient", net.backward(toTensor(dY, [30, F])).gradInput!.data, expected.dX);
    expectClose("output, not for training", net.forward(toTensor(x, [30, F])).output.data, expected.y);
  });

  test.each([
    { N: 1, I: 1, O: 1, bias: true },
    { N: 5, I: 3, O: 4, bias: false },
    { N: 2, I: 17, O: 5, bias: true },
    { N: 300, I: 16, O: 18, bias: true },
  ])("of dense, $N rows, $I to $O, bias $bias", ({ N, I, O, bias }) => {
    const random = randomNumbers(N + O);
    const net = new Network({ input: { features: I }, layers: [dense(O, { activation: kind, bias, name: "" })] });
    const { weight, bias: b } = randomizeParameters(net, random);
    const [x, dY] = [random(N * I, 3), random(N * O)];
    const { y, dX: dA } = referenceActivation(kind, reference.linear(x, I, weight!, b), dY, O);
    const grads = reference.linearBackward(x, I, weight!, dA);
    expectClose("output", net.forward(toTensor(x, [N, I]), { training: true }).output.data, y);
    expectClose("gradient of the input", net.backward(toTensor(dY, [N, O])).gradInput!.data, grads.input);
    expectGradients(net, { weight: grads.weight, bias: grads.bias });
    expectClose("output, not for training", net.forward(toTensor(x, [N, I])).output.data, y);
  });
});

// -------------------------------------------------------------------------------------------------------- embedding

test.each([
  { V: 1, E: 1, B: 1, T: 1, paddingIndex: undefined },
  { V: 7, E: 3, B: 2, T: 5, paddingIndex: undefined },
  { V: 7, E: 4, B: 3, T: 9, paddingIndex: 2 },
  { V: 40, E: 17, B: 5, T: 4, paddingIndex: 0 },
])("embedding, $V tokens of $E, batch $B, $T steps, padding index $paddingIndex", ({ V, E, B, T, paddingIndex }) => {
  const random = randomNumbers(V + E);
  const layer = embedding(E, { name: "", ...(paddingIndex !== undefined && { paddingIndex }) });
  const net = new Network({ input: { tokens: V }, layers: [layer] });
  const { weight } = randomizeParameters(net, random);
  const tokens = indices([B, T], V, E);
  const dY = random(B * T * E);
  expect(net.forward(tokens, { training: true }).output.data).toEqual(
    Float32Array.from(reference.embedding(tokens.data, weight!, E)),
  );
  expect(net.backward(toTensor(dY, [B, T, E])).gradInput).toBeUndefined();
  expectGradients(net, { weight: reference.embeddingBackward(tokens.data, weight!, dY, E, paddingIndex) });
});

// -------------------------------------------------------------------------------------------------- last and repeat

const batch = { B: 4, T: 5, I: 3 };
const raggedLengths = [2, 5, 1, 4];

describe.each([undefined, raggedLengths])("last(), lengths %j", (lengths) => {
  const { B, T, I } = batch;

  test("of features: the step at each sequence's end, and the gradient there only", () => {
    const random = randomNumbers(5);
    const net = new Network({ input: { features: I }, layers: [activation("linear"), last()] });
    const [x, dY] = [random(B * T * I), random(B * I)];
    const ends = Array.from({ length: B }, (_, b) => (b * T + (lengths?.[b] ?? T) - 1) * I);
    const { output } = net.forward(toTensor(x, [B, T, I]), { training: true, ...(lengths && { lengths }) });
    expect(output.shape).toEqual([B, I]);
    expectClose(
      "output",
      output.data,
      ends.flatMap((end) => [...x.subarray(end, end + I)]),
      0,
    );
    const dX = new Float64Array(B * T * I);
    ends.forEach((end, b) => dX.set(dY.subarray(b * I, (b + 1) * I), end));
    expectClose("gradient", net.backward(toTensor(dY, [B, I])).gradInput!.data, dX, 0);
  });

  test.each([
    ["rnn_tanh", 3, 1, true],
    ["lstm", 5, 2, true],
    ["gru", 4, 1, true],
    ["lstm", 3, 2, false],
  ] as const)(
    "after %s of %i units, %i layers, bidirectional %s: what each direction ends with",
    (cell, H, layers, bidirectional) => {
      const random = randomNumbers(H);
      const D = bidirectional ? 2 : 1;
      const layer = cells[cell](H, { layers, bidirectional, name: "" });
      const net = new Network({ input: { features: I }, layers: [layer, last()] });
      const params = randomizeParameters(net, random);
      const [x, dY] = [random(B * T * I), random(B * D * H)];
      const config = { cell, inputSize: I, hiddenSize: H, numLayers: layers, bidirectional };
      const expected = reference.recurrent(config, params, x, { batch: B, lengths });
      // hn is (layers·D, B, H), the last layer's directions last; the output has them side by side.
      const sideBySide = (k: number): [from: number, to: number] => {
        const [d, b, h] = [Math.floor(k / (B * H)), Math.floor(k / H) % B, k % H];
        return [(layers - 1) * D * B * H + k, (b * D + d) * H + h];
      };
      const [y, dHn] = [new Float64Array(B * D * H), new Float64Array(layers * D * B * H)];
      for (let k = 0; k < B * D * H; k++) {
        const [from, to] = sideBySide(k);
        y[to] = expected.hn[from]!;
        dHn[from] = dY[to]!;
      }
      const { output } = net.forward(toTensor(x, [B, T, I]), { training: true, ...(lengths && { lengths }) });
      expectClose("output", output.data, y);
      const back = net.backward(toTensor(dY, [B, D * H]));
      const grads = expected.backward(undefined, dHn);
      expectClose("gradient of the input", back.gradInput!.data, grads.input);
      expectGradients(net, grads.params);
    },
  );
});

test.each([1, 2, 5])("repeat(%i): the vector at every step, its gradient the sum over them", (steps) => {
  const { B, I } = batch;
  const random = randomNumbers(steps);
  const net = new Network({ input: { features: I }, layers: [repeat(steps)] });
  const [x, dY] = [random(B * I), random(B * steps * I)];
  const { output } = net.forward(toTensor(x, [B, I]), { training: true });
  expect(output.shape).toEqual([B, steps, I]);
  expectClose(
    "output",
    output.data,
    dY.map((_, k) => x[Math.floor(k / (steps * I)) * I + (k % I)]!),
    0,
  );
  const dX = new Float64Array(B * I);
  dY.forEach((v, k) => (dX[Math.floor(k / (steps * I)) * I + (k % I)]! += v));
  expectClose("gradient", net.backward(toTensor(dY, [B, steps, I])).gradInput!.data, dX, 1e-6);
});

describe("encoder and decoder: bidirectional lstm, last(), repeat(3), gru, dense", () => {
  const { B, T, I } = batch;
  const random = randomNumbers(77);
  const net = new Network({
    input: { features: I },
    layers: [
      lstm(3, { bidirectional: true, name: "encoder" }),
      last(),
      repeat(3),
      gru(4, { name: "decoder" }),
      dense(2, { activation: "tanh", name: "fc" }),
    ],
  });
  const params = randomizeParameters(net, random);
  const [x, dY] = [random(B * T * I), random(B * 3 * 2)];

  /** Σ output·dY by the reference. */
  function lossOf(all: reference.Params, input: Float64Array): number {
    const encoderConfig = { cell: "lstm", inputSize: I, hiddenSize: 3, bidirectional: true } as const;
    const { hn } = reference.recurrent(encoderConfig, withoutPrefix(all, "encoder."), input, {
      batch: B,
      lengths: raggedLengths,
    });
    const repeated = Float64Array.from({ length: B * 3 * 6 }, (_, k) => {
      const [b, f] = [Math.floor(k / 18), k % 6];
      return hn[(Math.floor(f / 3) * B + b) * 3 + (f % 3)]!;
    });
    const decoderConfig = { cell: "gru", inputSize: 6, hiddenSize: 4 } as const;
    const decoded = reference.recurrent(decoderConfig, withoutPrefix(all, "decoder."), repeated, { batch: B });
    const y = reference.linear(decoded.output, 4, all["fc.weight"]!, all["fc.bias"]);
    return y.reduce((sum, v, k) => sum + Math.tanh(v) * dY[k]!, 0);
  }

  const { output } = net.forward(toTensor(x, [B, T, I]), { training: true, lengths: raggedLengths });
  const { gradInput } = net.backward(toTensor(dY, [B, 3, 2]));

  test("output", () => {
    const loss = output.data.reduce((sum, v, k) => sum + v * dY[k]!, 0);
    expectClose("Σ output·dY", [loss], [lossOf(params, x)]);
  });

  test("gradient of the input, by central differences of the reference", () => {
    expectClose(
      "gradient",
      gradInput!.data,
      reference.centralDifference((moved) => lossOf(params, moved), x),
    );
  });

  test.each(Object.keys(params))("gradient of %s, by central differences of the reference", (name) => {
    const numeric = reference.centralDifference((moved) => lossOf({ ...params, [name]: moved }, x), params[name]!);
    expectClose("gradient", net.parameter(name).gradient, numeric);
  });
});

// ------------------------------------------------------------------------------------------------------ accumulation

describe("gradients add up", () => {
  const { B, T, I } = batch;
  const random = randomNumbers(31);
  const layers = [gru(5, { layers: 2, bidirectional: true }), dense(3, { activation: "gelu" })];
  const net = new Network({ input: { features: I }, layers, seed: 1 });
  const batches = Array.from({ length: 2 }, () => ({ x: random(B * T * I), dY: random(B * T * 3) }));
  const run = (k: 0 | 1): void => {
    net.forward(toTensor(batches[k]!.x, [B, T, I]), { training: true, lengths: raggedLengths });
    net.backward(toTensor(masked(batches[k]!.dY, T, 3, raggedLengths), [B, T, 3]));
  };
  const gradients = (): number[] => net.parameters.flatMap(({ gradient }) => [...gradient]);
  const alone = ([0, 1] as const).map((k) => {
    net.zeroGrad();
    run(k);
    return gradients();
  });

  test("two backward passes give the sum of both", () => {
    net.zeroGrad();
    run(0);
    run(1);
    expectClose(
      "gradients",
      gradients(),
      alone[0]!.map((g, k) => g + alone[1]![k]!),
      1e-6,
    );
    expect(alone[0]).not.toEqual(alone[1]);
  });

  test("the same pass twice gives twice the gradient", () => {
    net.zeroGrad();
    run(0);
    run(0);
    expectClose(
      "gradients",
      gradients(),
      alone[0]!.map((g) => 2 * g),
      1e-6,
    );
  });

  test("only zeroGrad clears them: a step of the optimiser does not", () => {
    net.zeroGrad();
    expect(new Set(gradients())).toEqual(new Set([0]));
    run(0);
    net.step(sgd({ learningRate: 0 }));
    expect(gradients()).toEqual(alone[0]);
  });

  test("tokens too", () => {
    const tokens = new Network({ input: { tokens: 4 }, layers: [embedding(2)], seed: 1 });
    const input = tensor(Int32Array.of(1, 1, 3), [1, 3]);
    for (let pass = 1; pass <= 3; pass++) {
      tokens.forward(input, { training: true });
      tokens.backward(tensor(Float32Array.of(1, 2, 4, 8, 16, 32), [1, 3, 2]));
      expect([...tokens.parameters[0]!.gradient]).toEqual([0, 0, 5, 10, 0, 0, 16, 32].map((g) => g * pass));
    }
  });
});
