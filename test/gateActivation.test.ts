/**
 * Activations, clip and direction of the recurrent layers against reference/gateActivations.ts, gradients against central
 * differences of it.
 */

import { describe, expect, test } from "vitest";
import {
  adam,
  dense,
  elman,
  gru,
  last,
  lstm,
  meanSquaredError,
  Network,
  type GateActivation,
  type GruOptions,
  type LayerDescription,
  type LstmOptions,
} from "../bindings/index.ts";
import { expectClose, randomizeParameters, randomNumbers, toTensor } from "./agreement.ts";
import { gateActivation, gateRecurrent, type GateConfig, type GateRun } from "./reference/gateActivations.ts";
import { bitsOf, errorOf, expectError, lehmer, numbers, parametersOf, type Kind } from "./support.ts";

/** The eleven, with parameters that are not the defaults. */
const activations: readonly GateActivation[] = [
  ...(["relu", "tanh", "sigmoid", "softsign", "softplus"] as const),
  { type: "elu", alpha: 0.7 },
  { type: "leakyRelu", alpha: 0.2 },
  { type: "thresholdedRelu", alpha: 0.1 },
  { type: "affine", alpha: 0.5, beta: 0.1 },
  { type: "scaledTanh", alpha: 1.3, beta: 0.6 },
  { type: "hardSigmoid", alpha: 0.25, beta: 0.45 },
];

interface Case extends GateConfig {
  I: number;
  B: number;
  T: number;
  bias: boolean;
}

const own: readonly (Pick<Case, "cell"> & Partial<Case>)[] = [
  { cell: "elman" },
  { cell: "gru" },
  { cell: "gru", resetBefore: true },
  { cell: "lstm" },
  { cell: "lstm", peepholes: true },
  { cell: "lstm", coupled: true },
  { cell: "lstm", coupled: true, peepholes: true },
];

/** Each activation in each place of each cell, at every hidden size; the rest is drawn. */
function cover(): Case[] {
  const next = lehmer(3);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!;
  return own.flatMap((given) =>
    activations.map((_, k) => {
      const directions = pick<GateConfig["directions"]>([["forward"], ["reverse"], ["forward", "reverse"]]);
      const count = { elman: 1, gru: 2, lstm: 3 }[given.cell] * (directions.length === 2 ? pick([1, 2]) : 1);
      const of = Array.from({ length: count }, (_, place) => activations[(k + 4 * place) % 11]!);
      return {
        ...{ H: [1, 3, 5, 17][k % 4]!, directions, activations: of, bias: pick([true, true, false]) },
        ...{ I: pick([1, 3, 6]), B: pick([1, 2, 5]), T: pick([1, 3, 4]), ...given },
        ...(pick([false, true]) && { gateClip: 0.6 }),
      };
    }),
  );
}

const cases = cover();

function layerOf({ cell, H, directions, resetBefore, bias, peepholes, coupled, ...rest }: Case): LayerDescription {
  const { activations: of, gateClip } = rest;
  const options: GruOptions & LstmOptions = {
    ...{ name: "", bias, activations: of, ...(gateClip !== undefined && { gateClip }) },
    ...(directions.length === 2 ? { bidirectional: true } : directions[0] === "reverse" && { reverse: true }),
  } as const;
  if (cell === "elman") return elman(H, options);
  if (cell === "gru") return gru(H, { ...(options as GruOptions), reset: resetBefore ? "before" : "after" });
  return lstm(H, { ...options, ...(peepholes && { peepholes }), ...(coupled && { coupled }) });
}

const titled = cases.map((one, k): [string, Case, number] => {
  const { cell, H, I, B, T, bias: _, activations: of, ...rest } = one;
  const names = of.map((activation) => (typeof activation === "string" ? activation : activation.type));
  return [`${cell} [${names.join()}] ${JSON.stringify(rest)} H${H} I${I} B${B} T${T}`, one, k];
});

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, k) => sum + v * b[k]!, 0);

/** Central differences at some elements; the step is so small that it seldom meets a kink. */
function differences(at: Float64Array, elements: readonly number[], lossOf: (moved: Float64Array) => number): number[] {
  const step = 1e-6;
  const move = (k: number, by: number) => at.map((v, j) => (j === k ? v + by : v));
  return elements.map((k) => (lossOf(move(k, step)) - lossOf(move(k, -step))) / (2 * step));
}

describe("outputs, final states, gradients of input, initial states and every parameter", () => {
  test.each(titled)("%s", (_, one, k) => {
    const { H, I, B, T, directions, cell } = one;
    const random = randomNumbers(k + 900);
    const net = new Network({ input: { features: I }, layers: [layerOf(one)], seed: k });
    const params = randomizeParameters(net, random);
    const D = directions.length;
    const size = D * B * H * (cell === "lstm" ? 2 : 1);
    const [x, dY, dS, state] = [random(B * T * I), random(B * T * D * H), random(size), random(size)];
    const lengths = Array.from({ length: B }, (_, b) => (k % 2 ? T : 1 + ((b * 2 + 1) % T)));
    const given: GateRun = { params, x, state, lengths };
    const options = { state: Float32Array.from(state), lengths };

    const expected = gateRecurrent(one, given);
    for (const training of [false, true]) {
      const got = net.forward(toTensor(x, [B, T, I]), { ...options, training });
      expectClose("output", got.output.data, expected.output);
      expectClose("final states", got.state, expected.states);
    }

    const back = net.backward(toTensor(dY, [B, T, D * H]), { gradState: Float32Array.from(dS) });
    const lossOf = (changed: Partial<GateRun>): number => {
      const { output, states } = gateRecurrent(one, { ...given, ...changed });
      return dot(output, dY) + dot(states, dS);
    };
    const compare = (
      what: string,
      got: Float32Array,
      at: Float64Array,
      by: (moved: Float64Array) => Partial<GateRun>,
    ) => {
      const most = Math.min(at.length, H > 5 ? 3 : 8);
      const elements = Array.from({ length: most }, (_, i) => Math.floor((i * at.length) / most));
      const numeric = differences(at, elements, (moved) => lossOf(by(moved)));
      expectClose(
        what,
        elements.map((e) => got[e]!),
        numeric,
      );
    };
    compare("gradient of the input", back.gradInput!.data, x, (moved) => ({ x: moved }));
    compare("gradient of the initial states", back.gradState, state, (moved) => ({ state: moved }));
    for (const { name, gradient } of net.parameters) {
      compare(`gradient of ${name}`, gradient, params[name]!, (moved) => ({ params: { ...params, [name]: moved } }));
    }
  });
});

test("the reference of each activation, from its definition", () => {
  const at = (x: number) => activations.map((activation) => gateActivation(activation, x));
  const expected = (x: number, rest: readonly number[]) => [
    ...[Math.max(x, 0), Math.tanh(x), 1 / (1 + Math.exp(-x)), x / (1 + Math.abs(x)), Math.log1p(Math.exp(x))],
    ...rest,
  ];
  expectClose("at 2", at(2), expected(2, [2, 2, 2, 1.1, 1.3 * Math.tanh(1.2), 0.95]), 1e-12);
  const below = [0.7 * Math.expm1(-2), -0.4, 0, -0.9, 1.3 * Math.tanh(-1.2), 0];
  expectClose("at -2", at(-2), expected(-2, below), 1e-12);
  expect(gateActivation({ type: "thresholdedRelu", alpha: 0.1 }, 0.05)).toBe(0);
  expect(gateActivation({ type: "hardSigmoid", alpha: 1, beta: 0 }, 5)).toBe(1);
});

describe("what stays as it was", () => {
  test("the plain activations, said aloud, give what the fast kernels give", () => {
    const x = numbers([2, 4, 3]);
    const pairs: [LayerDescription, LayerDescription][] = [
      [elman(5), elman(5, { activations: ["tanh"] })],
      [gru(5), gru(5, { activations: ["sigmoid", "tanh"] })],
      [lstm(5), lstm(5, { activations: ["sigmoid", "tanh", "tanh"] })],
      [lstm(5, { coupled: true }), lstm(5, { coupled: true, activations: ["sigmoid", "tanh", "tanh"] })],
      [lstm(5, { gateClip: 0.3 }), lstm(5, { gateClip: 0.3, activations: ["sigmoid", "tanh", "tanh"] })],
    ];
    for (const [plain, said] of pairs) {
      const [a, b] = [plain, said].map((layer) => new Network({ input: { features: 3 }, layers: [layer], seed: 4 }));
      expectClose(JSON.stringify(said), b!.predict(x).data, a!.predict(x).data, 1e-6);
    }
  });

  test("reverse is the second direction of a bidirectional layer, and its last step is the first", () => {
    const both = new Network({ input: { features: 3 }, layers: [gru(4, { bidirectional: true })], seed: 2 });
    const back = new Network({ input: { features: 3 }, layers: [gru(4, { reverse: true })], seed: 1 });
    const end = new Network({ input: { features: 3 }, layers: [gru(4, { reverse: true }), last()], seed: 1 });
    for (const parameter of [...back.parameters, ...end.parameters]) {
      parameter.set(both.parameter(`${parameter.name}_reverse`).value);
    }
    const x = numbers([2, 5, 3]);
    const [two, one] = [both.forward(x, { lengths: [5, 3] }).output, back.forward(x, { lengths: [5, 3] }).output];
    const half = Array.from({ length: 2 * 5 }, (_, row) => [...two.data.slice(row * 8 + 4, row * 8 + 8)]).flat();
    expect([...one.data]).toEqual(half);
    const first = [0, 5].flatMap((row) => [...one.data.slice(row * 4, row * 4 + 4)]);
    expect([...end.forward(x, { lengths: [5, 3] }).output.data]).toEqual(first);
  });

  test("they learn, save and load", async () => {
    const layers = [
      lstm(4, { activations: ["softsign", { type: "elu", alpha: 1 }, "relu"], gateClip: 2, layers: 2 }),
      gru(3, { activations: [{ type: "hardSigmoid", alpha: 0.2, beta: 0.5 }, "tanh"], reverse: true, zoneout: 0.1 }),
      elman(3, { activation: "relu", gateClip: 1, recurrentDropout: 0.1 }),
      dense(2),
    ];
    const net = new Network({ input: { features: 3 }, layers, seed: 1 });
    const data = { inputs: numbers([6, 4, 3]), targets: numbers([6, 4, 2], 5) };
    const loss = meanSquaredError();
    const before = net.evaluate(data, { loss }).loss;
    await net.fit(data, { loss, optimizer: adam({ learningRate: 0.02 }), epochs: 30 });
    expect(net.evaluate(data, { loss }).loss).toBeLessThan(0.8 * before);
    const copy = Network.load(net.save());
    expect(copy.config).toEqual(net.config);
    expect(bitsOf(copy.predict(data.inputs).data)).toBe(bitsOf(net.predict(data.inputs).data));
    expect(bitsOf(parametersOf(copy))).toBe(bitsOf(parametersOf(net)));
  });
});

describe("wrong options", () => {
  const affine: GateActivation = { type: "affine", alpha: 1, beta: 0 };
  const wrong: readonly (readonly [string, () => unknown, Kind, RegExp])[] = [
    ["no list", () => gru(4, { activations: "tanh" as never }), TypeError, /"activations" expected an array/],
    ["too few", () => lstm(4, { activations: ["tanh"] }), RangeError, /expected 3 activations, got \["tanh"\]/],
    ["two directions", () => gru(4, { bidirectional: true, activations: ["tanh"] }), RangeError, /2 activations, or 4/],
    [
      "twice for one direction",
      () => elman(4, { activations: ["tanh", "tanh"] }),
      RangeError,
      /expected 1 activations/,
    ],
    [
      "unknown",
      () => elman(4, { activations: ["gelu" as never] }),
      RangeError,
      /"activations\[0\]" expected one of "relu"/,
    ],
    [
      "no parameter",
      () => elman(4, { activations: ["elu" as never] }),
      RangeError,
      /"activations\[0\]" expected one of/,
    ],
    [
      "alpha",
      () => elman(4, { activations: [{ ...affine, alpha: NaN }] }),
      RangeError,
      /"activations\[0\]\.alpha" expected/,
    ],
    [
      "beta",
      () => elman(4, { activations: [{ type: "affine", alpha: 1 } as never] }),
      TypeError,
      /\.beta" expected a number/,
    ],
    [
      "beta of elu",
      () => elman(4, { activations: [{ type: "elu", alpha: 1, beta: 1 } as never] }),
      TypeError,
      /unknown option "beta"/,
    ],
    [
      "both",
      () => elman(4, { activation: "relu", activations: ["relu"] }),
      RangeError,
      /"activation" and "activations" say/,
    ],
    ["clip 0", () => gru(4, { gateClip: 0 }), RangeError, /"gateClip" expected a finite number above 0, got 0/],
    ["reverse 1", () => gru(4, { reverse: 1 as never }), TypeError, /"reverse" expected true or false, got 1/],
    ["reverse twice", () => gru(4, { reverse: true, bidirectional: true }), RangeError, /"reverse" is one of the two/],
    [
      "stream",
      () => new Network({ input: { features: 2 }, layers: [gru(4, { reverse: true })] }).stream(),
      TypeError,
      /a reverse layer needs the end first/,
    ],
  ];

  test.each(wrong)("%s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });

  test("a description is frozen to its parameters", () => {
    const layer = elman(4, { activations: [affine] });
    expect(Object.isFrozen(layer.activations)).toBe(true);
    expect(Object.isFrozen(layer.activations![0])).toBe(true);
    expect(layer.activation).toBeUndefined();
  });
});
