/**
 * Projection, peepholes, coupled gates, clipping, layer norm, recurrent dropout, zoneout and learnt initial states against
 * reference/recurrentVariants.ts, gradients against central differences of it.
 */

import { describe, expect, test } from "vitest";
import {
  adam,
  constant,
  dense,
  elman,
  gradientCheck,
  gru,
  type LayerDescription,
  lstm,
  type LstmOptions,
  meanSquaredError,
  Network,
  type RecurrentOptions,
  sgd,
} from "../bindings/index.ts";
import { expectClose, randomizeParameters, randomNumbers, toTensor } from "./agreement.ts";
import { drawMasks } from "./masks.ts";
import type { Params } from "./reference.ts";
import { recurrentVariant, type Masks, type VariantCell, type VariantConfig } from "./reference/recurrentVariants.ts";
import { bitsOf, errorOf, expectError, gradientsOf, lehmer, numbers, parametersOf, type Kind } from "./support.ts";

type Options = Omit<LstmOptions, "zoneout"> & { zoneout?: number | { h: number; c: number } };

const layerOf: Record<VariantCell, (units: number, options: Options) => LayerDescription> = {
  rnn_tanh: (units, options) => elman(units, options as RecurrentOptions),
  rnn_relu: (units, options) => elman(units, { ...(options as RecurrentOptions), activation: "relu" }),
  rnn_sigmoid: (units, options) => elman(units, { ...(options as RecurrentOptions), activation: "sigmoid" }),
  lstm,
  gru: (units, options) => gru(units, options as RecurrentOptions),
  gru_reset_before: (units, options) => gru(units, { ...(options as RecurrentOptions), reset: "before" }),
};

// ------------------------------------------------------------------------------------------------------- the cases

interface Case {
  cell: VariantCell;
  H: number;
  I: number;
  B: number;
  T: number;
  layers: number;
  bidirectional: boolean;
  bias: boolean;
  ragged: boolean;
  initial: boolean;
  own: Options;
}

const regularization: Options = { recurrentDropout: 0.4, zoneout: 0.3 };
/** Limits that act on some values and not on others. */
const clips: Options = { gateClip: 0.4, cellClip: 0.15 };

const lstmOptions: Options[] = [
  { projection: 1 },
  { peepholes: true },
  { coupled: true },
  { cellClip: 0.15 },
  { gateClip: 0.4 },
  { layerNorm: true },
  { learnInitialState: true },
  { recurrentDropout: 0.4 },
  { zoneout: 0.3 },
  { zoneout: { h: 0, c: 0.5 } },
  { projection: 1, learnInitialState: true, recurrentDropout: 0.4, zoneout: { h: 0.2, c: 0.4 } },
  { peepholes: true, coupled: true, ...clips },
  { projection: 1, peepholes: true, layerNorm: true },
  {
    projection: 1,
    peepholes: true,
    coupled: true,
    layerNorm: true,
    ...clips,
    ...regularization,
    learnInitialState: true,
  },
  { projection: 1, peepholes: true, layerNorm: true, ...clips, ...regularization },
];
const otherOptions: Options[] = [
  { learnInitialState: true },
  { recurrentDropout: 0.4 },
  { zoneout: 0.3 },
  { ...regularization, learnInitialState: true },
];

/** Every set of options at every hidden size; the rest of the sizes and options are drawn. */
function cover(): Case[] {
  const next = lehmer(21);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!;
  return (Object.keys(layerOf) as VariantCell[]).flatMap((cell) =>
    (cell === "lstm" ? lstmOptions : otherOptions).flatMap((given) =>
      [1, 3, 5, 17].map((H) => {
        const { projection, ...rest } = given;
        const own = projection === undefined || H === 1 ? rest : { ...rest, projection: pick([1, H - 1, H >> 1]) };
        return {
          ...{ cell, H, own, I: pick([1, 3, 6]), B: pick([1, 2, 5]), T: pick([1, 3, 4]), layers: pick([1, 2]) },
          ...{ bidirectional: pick([false, true]), bias: pick([true, true, false]), ragged: pick([false, true]) },
          initial: own.learnInitialState ? pick([false, false, true]) : pick([false, true]),
        };
      }),
    ),
  );
}

const cases = cover();
const titled = cases.map((one, k): [string, Case, number] => {
  const flags = (["bidirectional", "bias", "ragged", "initial"] as const).filter((flag) => one[flag]);
  const sizes = `H${one.H} I${one.I} B${one.B} T${one.T} L${one.layers}`;
  return [`${one.cell} ${JSON.stringify(one.own)} ${sizes} ${flags.join(" ")}`, one, k];
});

test("the cases stack, go both ways, have unequal lengths and given states, with each option", () => {
  const names = [...new Set(lstmOptions.flatMap((options) => Object.keys(options)))] as (keyof Options)[];
  for (const name of names) {
    const those = cases.filter(({ own }) => own[name] !== undefined);
    for (const flag of ["bidirectional", "ragged", "initial", "bias"] as const) {
      expect(new Set(those.map((one) => one[flag])).size, `${name} ${flag}`).toBe(2);
    }
    expect(new Set(those.map(({ layers }) => layers)).size, `${name} layers`).toBe(2);
  }
});

// -------------------------------------------------------------------------------------------------- what tests share

/** Zoneout where nothing is learnt: the share itself. */
function expectedMasks({ H, own: { projection: R = H, zoneout = 0 } }: Case) {
  const rates = typeof zoneout === "number" ? { h: zoneout, c: zoneout } : zoneout;
  const all = (n: number, rate: number) => () => new Float64Array(n).fill(Math.fround(rate));
  return (): Masks => (zoneout === 0 ? {} : { zoneH: all(R, rates.h), zoneC: all(H, rates.c) });
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, k) => sum + v * b[k]!, 0);

/** Elements of n, at most so many, spread over it. */
const sample = (n: number, most: number): number[] =>
  Array.from({ length: Math.min(n, most) }, (_, k) => Math.floor((k * n) / Math.min(n, most)));

/** Central differences of a loss at some elements; the step is so small that it seldom meets a kink. */
function differences(at: Float64Array, elements: readonly number[], lossOf: (moved: Float64Array) => number): number[] {
  const step = 1e-6;
  const move = (k: number, by: number) => at.map((v, j) => (j === k ? v + by : v));
  return elements.map((k) => (lossOf(move(k, step)) - lossOf(move(k, -step))) / (2 * step));
}

// ---------------------------------------------------------------------------------------------------- the agreement

describe("outputs, final states, gradients of input, initial states and every parameter", () => {
  test.each(titled)("%s", (_, one, k) => {
    const { cell, H, I, B, T, layers, bidirectional, bias, ragged, initial, own } = one;
    const random = randomNumbers(k + 500);
    const net = new Network({
      input: { features: I },
      layers: [layerOf[cell](H, { layers, bidirectional, bias, name: "", ...own })],
      seed: k,
    });
    const params = randomizeParameters(net, random);
    const R = own.projection ?? H;
    const width = bidirectional ? 2 * R : R;
    const size = net.states.reduce((sum, { units }) => sum + units * B, 0);
    const [x, dY, dS] = [random(B * T * I), random(B * T * width), random(size)];
    const state = initial ? random(size) : undefined;
    const lengths = ragged ? Array.from({ length: B }, (_, b) => 1 + ((b * 2 + 1) % T)) : undefined;
    const config: VariantConfig = { cell, inputSize: I, hiddenSize: H, numLayers: layers, bidirectional, ...own };
    const given = { batch: B, state, lengths };
    const options = { ...(state && { state: Float32Array.from(state) }), ...(lengths && { lengths }) };
    // Layer norm divides by a deviation that may be small.
    const tolerance = own.layerNorm ? 1e-4 : 1e-5;

    const inferred = net.forward(toTensor(x, [B, T, I]), options);
    const expected = recurrentVariant(config, params, x, { ...given, masks: expectedMasks(one) });
    expectClose("output (not for training)", inferred.output.data, expected.output, tolerance);
    expectClose("final states (not for training)", inferred.state, expected.states, tolerance);

    const masks = drawMasks(net.randomState, one, lengths ?? Array.from({ length: B }, () => T));
    const trained = net.forward(toTensor(x, [B, T, I]), { ...options, training: true });
    const run = (all: Params, input: Float64Array, from = state) =>
      recurrentVariant(config, all, input, { ...given, state: from, masks });
    const lossOf = (...args: Parameters<typeof run>): number => {
      const { output, states } = run(...args);
      return dot(output, dY) + dot(states, dS);
    };
    expectClose("output", trained.output.data, run(params, x).output, tolerance);
    expectClose("final states", trained.state, run(params, x).states, tolerance);

    const back = net.backward(toTensor(dY, [B, T, width]), { gradState: Float32Array.from(dS) });
    const most = H > 5 ? 3 : 8;
    const compare = (
      what: string,
      got: Float32Array,
      at: Float64Array,
      loss: (moved: Float64Array) => number,
    ): void => {
      const elements = sample(at.length, most);
      expectClose(
        what,
        elements.map((e) => got[e]!),
        differences(at, elements, loss),
        tolerance,
      );
    };
    compare("gradient of the input", back.gradInput!.data, x, (moved) => lossOf(params, moved));
    for (const { name, gradient } of net.parameters) {
      compare(`gradient of ${name}`, gradient, params[name]!, (moved) => lossOf({ ...params, [name]: moved }, x));
    }
    if (state) {
      compare("gradient of the initial states", back.gradState, state, (moved) => lossOf(params, x, moved));
    }
  });
});

// ------------------------------------------------------------------------------------- descriptions and parameters

const network = (layer: LayerDescription, seed = 1): Network =>
  new Network({ input: { features: 3 }, layers: [layer, dense(2, { name: "fc" })], seed });
const everything: LstmOptions = {
  ...{ projection: 3, peepholes: true, layerNorm: true, cellClip: 3, gateClip: 2, learnInitialState: true },
  ...{ recurrentDropout: 0.2, zoneout: { h: 0.1, c: 0.3 }, layers: 2, bidirectional: true },
};
const plain = { elman: elman(4), gru: gru(4), lstm: lstm(4) };

describe("descriptions", () => {
  test("what changes nothing is left out", () => {
    const nothing = { learnInitialState: false, recurrentDropout: 0, zoneout: 0 };
    expect(elman(4, nothing)).toEqual(plain.elman);
    expect(gru(4, nothing)).toEqual(plain.gru);
    expect(lstm(4, { ...nothing, peepholes: false, coupled: false, layerNorm: false })).toEqual(plain.lstm);
    expect(lstm(4, { zoneout: { h: 0, c: 0 } })).toEqual(plain.lstm);
  });

  test.each([
    lstm(5, everything),
    lstm(5, { coupled: true }),
    gru(4, regularizationOf(0.5)),
    elman(4, regularizationOf(0.1)),
  ])("$type: frozen JSON, kept in a file with the parameters", (layer) => {
    expect(JSON.parse(JSON.stringify(layer))).toEqual(layer);
    expect(Object.isFrozen(layer)).toBe(true);
    expect(Object.isFrozen(lstm(5, everything).zoneout)).toBe(true);
    const net = network(layer);
    const loaded = Network.load(net.save());
    expect(loaded.config).toEqual(net.config);
    expect(loaded.predict(numbers([2, 4, 3]))).toEqual(net.predict(numbers([2, 4, 3])));
  });

  const wrong: readonly (readonly [string, () => unknown, Kind, RegExp])[] = [
    ["null for options", () => lstm(4, null as never), TypeError, /"lstm" expected an object, got null/],
    ["null for options of gru", () => gru(4, null as never), TypeError, /"gru" expected an object, got null/],
    ["null for options of elman", () => elman(4, null as never), TypeError, /"elman" expected an object, got null/],
    [
      "projection 0",
      () => lstm(4, { projection: 0 }),
      RangeError,
      /"projection" expected an integer from 1 to 3, got 0/,
    ],
    ["projection as units", () => lstm(4, { projection: 4 }), RangeError, /"projection" .* from 1 to 3, got 4/],
    ["projection of one unit", () => lstm(1, { projection: 1 }), RangeError, /"units", which is 1: leave it out/],
    ["peepholes 1", () => lstm(4, { peepholes: 1 as never }), TypeError, /"peepholes" expected true or false, got 1/],
    ["coupled null", () => lstm(4, { coupled: null as never }), TypeError, /"coupled" expected true or false/],
    ["layerNorm text", () => lstm(4, { layerNorm: "yes" as never }), TypeError, /"layerNorm" expected true or false/],
    ["cellClip 0", () => lstm(4, { cellClip: 0 }), RangeError, /"cellClip" expected a finite number above 0, got 0/],
    ["cellClip ∞", () => lstm(4, { cellClip: Infinity }), RangeError, /"cellClip" expected a finite number above 0/],
    ["gateClip −1", () => lstm(4, { gateClip: -1 }), RangeError, /"gateClip" expected a finite number above 0, got -1/],
    ["gateClip text", () => lstm(4, { gateClip: "1" as never }), TypeError, /"gateClip" expected a number, got "1"/],
    ["zoneout 1", () => gru(4, { zoneout: 1 }), RangeError, /"zoneout" .* at least 0 and below 1, got 1/],
    ["zoneout NaN", () => elman(4, { zoneout: NaN }), RangeError, /"zoneout" expected a finite number/],
    ["zoneout null", () => lstm(4, { zoneout: null as never }), TypeError, /"zoneout" expected .*, got null/],
    ["zoneout without c", () => lstm(4, { zoneout: { h: 0.1 } as never }), TypeError, /"zoneout\.c" expected a number/],
    ["zoneout.h 2", () => lstm(4, { zoneout: { h: 2, c: 0 } }), RangeError, /"zoneout\.h" .* below 1, got 2/],
    [
      "zoneout of x",
      () => lstm(4, { zoneout: { h: 0, c: 0, x: 0 } as never }),
      TypeError,
      /zoneout: unknown option "x"/,
    ],
    [
      "zoneout of c in gru",
      () => gru(4, { zoneout: { h: 0, c: 0 } as never }),
      TypeError,
      /"zoneout" expected a number/,
    ],
    ["recurrentDropout 1", () => lstm(4, { recurrentDropout: 1 }), RangeError, /"recurrentDropout" .* below 1, got 1/],
    [
      "learnInitialState 0",
      () => gru(4, { learnInitialState: 0 as never }),
      TypeError,
      /expected true or false, got 0/,
    ],
    [
      "peepholes in gru",
      () => gru(4, { peepholes: true } as never),
      TypeError,
      /gru: unknown option "peepholes"; known/,
    ],
    ["forgetBias alone", () => lstm(4, { coupled: true, forgetBias: 1, bias: false }), RangeError, /needs the biases/],
  ];
  test.each(wrong)("%s is refused", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});

function regularizationOf(rate: number) {
  return { recurrentDropout: rate, zoneout: rate, learnInitialState: true };
}

describe("parameters", () => {
  const shapesOf = (layer: LayerDescription) =>
    Object.fromEntries(
      network(layer).parameters.flatMap(({ name, shape }) => (name.startsWith("fc") ? [] : [[name, shape]])),
    );

  test("of an LSTM with everything, by layer and direction; states have their own sizes", () => {
    const cell = (suffix: string, inputs: number) => ({
      [`weight_ih${suffix}`]: [20, inputs],
      [`weight_hh${suffix}`]: [20, 3],
      [`bias_ih${suffix}`]: [20],
      [`bias_hh${suffix}`]: [20],
      [`weight_hr${suffix}`]: [3, 5],
      [`weight_ci${suffix}`]: [5],
      [`weight_cf${suffix}`]: [5],
      [`weight_co${suffix}`]: [5],
      [`ln_ih_weight${suffix}`]: [20],
      [`ln_ih_bias${suffix}`]: [20],
      [`ln_hh_weight${suffix}`]: [20],
      [`ln_hh_bias${suffix}`]: [20],
      [`ln_c_weight${suffix}`]: [5],
      [`ln_c_bias${suffix}`]: [5],
      [`h0${suffix}`]: [3],
      [`c0${suffix}`]: [5],
    });
    const all = { ...cell("_l0", 3), ...cell("_l0_reverse", 3), ...cell("_l1", 6), ...cell("_l1_reverse", 6) };
    expect(shapesOf(lstm(5, { ...everything, name: "" }))).toEqual(all);
    expect(network(lstm(5, everything)).states.map(({ name, units }) => `${name} ${units}`)).toEqual([
      ...["lstm.h_l0 3", "lstm.h_l0_reverse 3", "lstm.h_l1 3", "lstm.h_l1_reverse 3"],
      ...["lstm.c_l0 5", "lstm.c_l0_reverse 5", "lstm.c_l1 5", "lstm.c_l1_reverse 5"],
    ]);
  });

  test("coupled gates have three quarters of them, and no input gate to peep", () => {
    expect(shapesOf(lstm(4, { coupled: true, peepholes: true, name: "" }))).toEqual({
      weight_ih_l0: [12, 3],
      weight_hh_l0: [12, 4],
      bias_ih_l0: [12],
      bias_hh_l0: [12],
      weight_cf_l0: [4],
      weight_co_l0: [4],
    });
  });

  test("how they begin: gains 1, shifts and states 0, projection and peepholes within ±1/√units", () => {
    const net = network(lstm(16, { ...everything, layers: 1, name: "" }));
    const valueOf = (name: string) => [...net.parameter(name).value];
    for (const suffix of ["_l0", "_l0_reverse"]) {
      for (const name of ["ln_ih_weight", "ln_hh_weight", "ln_c_weight"]) {
        expect(new Set(valueOf(name + suffix)), name).toEqual(new Set([1]));
      }
      for (const name of ["ln_ih_bias", "ln_hh_bias", "ln_c_bias", "h0", "c0"]) {
        expect(new Set(valueOf(name + suffix)), name).toEqual(new Set([0]));
      }
      for (const name of ["weight_hr", "weight_ci", "weight_cf", "weight_co"]) {
        const values = valueOf(name + suffix);
        expect(new Set(values).size, name).toBe(values.length);
        expect(Math.max(...values.map(Math.abs)), name).toBeGreaterThan(0.15);
        expect(Math.max(...values.map(Math.abs)), name).toBeLessThanOrEqual(0.25);
      }
    }
    const given = network(lstm(4, { projection: 2, recurrentInit: constant(0.5), name: "" }));
    expect(new Set(given.parameter("weight_hr_l0").value)).toEqual(new Set([0.5]));
  });

  test("the forget gate's bias of coupled gates is the first of three", () => {
    const value = network(lstm(2, { coupled: true, forgetBias: 1.5, biasInit: constant(0), name: "" }));
    expect([...value.parameter("bias_hh_l0").value]).toEqual([1.5, 1.5, 0, 0, 0, 0]);
    expect([...value.parameter("bias_ih_l0").value]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

// ------------------------------------------------------------------------------------------ variants beside plain ones

/** A network with the parameters of another where the names are the same, the rest as `others` says. */
function like(net: Network, layer: LayerDescription, others: (name: string, size: number) => Float32Array): Network {
  const made = network(layer);
  for (const { name, value } of made.parameters) {
    const known = net.parameters.find((one) => one.name === name && one.value.length === value.length);
    made.parameter(name).set(known ? known.value : others(name, value.length));
  }
  return made;
}

const input = numbers([3, 6, 3]);

test.each([
  ["peepholes of 0", { peepholes: true }],
  ["limits out of reach", { cellClip: 1e6, gateClip: 1e6 }],
])("an LSTM with %s is the plain one, but for rounding", (_, options) => {
  const net = network(lstm(5, { layers: 2, bidirectional: true }));
  const same = like(
    net,
    lstm(5, { layers: 2, bidirectional: true, ...options }),
    (_name, size) => new Float32Array(size),
  );
  expectClose("output", same.predict(input).data, net.predict(input).data, 1e-6);
});

test("coupled gates are a plain LSTM whose input gate has the forget gate's parameters negated", () => {
  const coupled = network(lstm(5, { coupled: true }));
  const full = like(coupled, lstm(5), (name, size) => {
    const { value } = coupled.parameter(name);
    const gate = size / 4;
    return Float32Array.from({ length: size }, (_, k) => (k < gate ? -value[k]! : value[k - gate]!));
  });
  expectClose("output", full.predict(input).data, coupled.predict(input).data, 1e-6);
});

test("cellClip keeps c, the state, within its limit", () => {
  const net = network(lstm(8, { cellClip: 0.01 }));
  const { state } = net.forward(input);
  expect(Math.max(...state.subarray(state.length / 2).map(Math.abs))).toBe(Math.fround(0.01));
});

// ------------------------------------------------------------------------------- recurrent dropout and zoneout

const regularized: readonly LayerDescription[] = [
  elman(6, { recurrentDropout: 0.4, zoneout: 0.3 }),
  elman(5, { recurrentDropout: 0.4, activation: "sigmoid" }),
  gru(6, { recurrentDropout: 0.4, zoneout: 0.3, bidirectional: true }),
  gru(5, { recurrentDropout: 0.4, reset: "before", layers: 2, dropout: 0.3 }),
  gru(5, { zoneout: 0.4, reset: "before" }),
  lstm(6, { recurrentDropout: 0.4, layers: 2, dropout: 0.3 }),
  lstm(5, { zoneout: { h: 0.2, c: 0.5 }, projection: 3, layerNorm: true, bidirectional: true }),
];

describe.each(regularized.map((layer) => [JSON.stringify(layer), layer] as const))("%s", (_, layer) => {
  const train = (seed: number): Network => {
    const net = network(layer, seed);
    const data = { inputs: input, targets: numbers([3, 6, 2], 2) };
    const trainer = net.train(data, { loss: meanSquaredError(), optimizer: adam(), batchSize: 2, epochs: 3 });
    for (const { loss } of trainer) expect(loss).toBeGreaterThan(0);
    return net;
  };

  test("the same seed trains to the same bits, another to others", () => {
    expect(bitsOf(parametersOf(train(4)))).toBe(bitsOf(parametersOf(train(4))));
    expect(bitsOf(parametersOf(train(4)))).not.toBe(bitsOf(parametersOf(train(5))));
  });

  test("the masks are drawn in training only, anew for each pass", () => {
    const net = network(layer);
    const before = bitsOf(net.randomState);
    const still = net.forward(input);
    expect(net.forward(input)).toEqual(still);
    expect(bitsOf(net.randomState)).toBe(before);
    const [one, other] = [0, 1].map(() => net.forward(input, { training: true }).output);
    expect(one).not.toEqual(still.output);
    expect(one).not.toEqual(other);
    expect(net.forward(input)).toEqual(still);
  });

  test("the gradient check, with the same masks each time", () => {
    const data = { inputs: input, targets: numbers([3, 6, 2], 2), lengths: [6, 2, 4] };
    for (const { name, error } of gradientCheck(network(layer), data, { loss: meanSquaredError() })) {
      expect(error, name).toBeLessThan(0.01);
    }
  });

  test("a run stopped after any step and taken up ends with the same bits", () => {
    const data = { inputs: input, targets: numbers([3, 6, 2], 2) };
    const options = { loss: meanSquaredError(), optimizer: adam(), batchSize: 2, epochs: 2 };
    const whole = network(layer);
    const checkpoints: Uint8Array[] = [];
    const trainer = whole.train(data, options);
    for (const _step of trainer) checkpoints.push(trainer.checkpoint());
    for (const resume of checkpoints) {
      const other = network(layer, 9);
      for (const _step of other.train(data, { ...options, resume }));
      expect(bitsOf(parametersOf(other))).toBe(bitsOf(parametersOf(whole)));
    }
  });
});

test.each([elman, gru, lstm])("%o: dropout in the recurrent product does nothing outside of training", (make) => {
  const net = network(make(5, { recurrentDropout: 0.5 }));
  const same = like(net, make(5), () => new Float32Array(0));
  expectClose("output", net.predict(input).data, same.predict(input).data, 1e-6);
});

// ---------------------------------------------------------------------------------------------- learnt initial states

describe("learnInitialState", () => {
  const layers = [
    elman(3, { learnInitialState: true, name: "" }),
    gru(4, { learnInitialState: true, name: "", layers: 2 }),
    lstm(5, { learnInitialState: true, name: "" }),
    lstm(5, { learnInitialState: true, name: "", projection: 2 }),
  ];
  /** A network whose states begin somewhere, and that beginning for B sequences. */
  const begun = (layer: LayerDescription) => {
    const net = network(layer);
    for (const { name, value } of net.parameters) {
      if (/^[hc]0/.test(name)) net.parameter(name).set(numbers([value.length], name.length).data);
    }
    const stateOf = (B: number) =>
      Float32Array.from(
        net.states.flatMap(({ name }) => {
          const { value } = net.parameter(name.replace(/^\w+\.([hc])_/, "$10_"));
          return Array.from({ length: B }, () => [...value]).flat();
        }),
      );
    return { net, stateOf };
  };

  test.each(layers)("$type: a pass without a state starts there, one with a state does not", (layer) => {
    const { net, stateOf } = begun(layer);
    const zeros = new Float32Array(stateOf(3).length);
    expect(net.forward(input)).toEqual(net.forward(input, { state: stateOf(3) }));
    expect(net.predict(input)).toEqual(net.forward(input).output);
    expect(net.predict(input, { batchSize: 2 })).toEqual(net.forward(input).output);
    expect(net.forward(input).output).not.toEqual(net.forward(input, { state: zeros }).output);
    expect(network(layer).forward(input)).toEqual(network(layer).forward(input, { state: zeros }));
  });

  test.each(layers)(
    "$type: only a pass that started there gives it a gradient: the sum over the sequences",
    (layer) => {
      const { net, stateOf } = begun(layer);
      const dY = numbers([3, 6, 2], 5);
      const gradients = (state?: Float32Array) => {
        net.zeroGrad();
        net.forward(input, { training: true, ...(state && { state }) });
        const { gradState } = net.backward(dY);
        return {
          gradState,
          own: net.states.map(({ name }) => [...net.parameter(name.replace(/^\w+\.([hc])_/, "$10_")).gradient]),
        };
      };
      const [free, given] = [gradients(), gradients(stateOf(3))];
      expect(free.gradState).toEqual(given.gradState);
      expect(new Set(given.own.flat())).toEqual(new Set([0]));
      let at = 0;
      net.states.forEach(({ units }, k) => {
        const sums = Array.from({ length: units }, (_, j) =>
          [0, 1, 2].reduce((sum, b) => sum + free.gradState[at + b * units + j]!, 0),
        );
        expectClose("gradient", free.own[k]!, sums, 1e-6);
        at += 3 * units;
      });
    },
  );

  test.each(layers)("$type: a stream starts there, and after reset() at what is learnt by then", (layer) => {
    const { net, stateOf } = begun(layer);
    const stream = net.stream({ batch: 3 });
    const step = (t: number) =>
      Float32Array.from({ length: 9 }, (_, k) => input.data[(Math.floor(k / 3) * 6 + t) * 3 + (k % 3)]!);
    const outputOf = (t: number) => {
      const { data } = net.forward(input).output;
      return Float32Array.from({ length: 6 }, (_, k) => data[(Math.floor(k / 2) * 6 + t) * 2 + (k % 2)]!);
    };
    expect(stream.state).toEqual(stateOf(3));
    for (const t of [0, 1, 2]) expect(stream.step(step(t)).slice()).toEqual(outputOf(t));
    net.parameter("h0_l0").set(numbers([net.parameter("h0_l0").value.length], 8).data);
    stream.reset();
    expect(stream.state).toEqual(stateOf(3));
    expect(stream.step(step(0)).slice()).toEqual(outputOf(0));
  });

  test("truncated: it learns from the first piece of a sequence, and the carried state goes on from there", () => {
    const { net } = begun(gru(4, { learnInitialState: true, name: "" }));
    const data = { inputs: input, targets: numbers([3, 6, 2], 2) };
    const optimizer = sgd({ learningRate: 0.1 });
    const byHand = Network.load(net.save());
    const cut = (x: typeof input, from: number) => {
      const F = x.shape[2]!;
      const parts = [0, 1, 2].flatMap((b) => [...x.data.subarray((b * 6 + from) * F, (b * 6 + from + 2) * F)]);
      return toTensor(Float64Array.from(parts), [3, 2, F]);
    };
    const trainer = net.train(data, { loss: meanSquaredError(), optimizer, truncate: 2, epochs: 2 });
    let state: Float32Array | undefined;
    for (let k = 0; k < 6; k++) {
      const report = trainer.next().value!;
      const from = (k % 3) * 2;
      const before = [...byHand.parameter("h0_l0").value];
      if (from === 0) state = undefined;
      ({ state } = byHand.forward(cut(input, from), { training: true, ...(state && { state }) }));
      expect(byHand.loss(meanSquaredError(), cut(data.targets, from))).toBe(report.loss);
      byHand.zeroGrad();
      byHand.backward();
      byHand.step(optimizer);
      expect(parametersOf(byHand)).toEqual(parametersOf(net));
      if (from === 0) expect([...byHand.parameter("h0_l0").value]).not.toEqual(before);
      else expect([...byHand.parameter("h0_l0").value]).toEqual(before);
    }
    expect(net.evaluate(data, { loss: meanSquaredError(), truncate: 2 }).loss).toBeCloseTo(
      net.evaluate(data, { loss: meanSquaredError() }).loss,
      6,
    );
  });

  test("gradients add up over passes, and are cleared by zeroGrad", () => {
    const { net } = begun(lstm(5, { learnInitialState: true, name: "", bidirectional: true }));
    const pass = () => {
      net.forward(input, { training: true, lengths: [6, 1, 3] });
      net.backward(numbers([3, 6, 2], 5));
    };
    pass();
    const once = gradientsOf(net);
    pass();
    expectClose(
      "gradients",
      gradientsOf(net),
      once.map((g) => 2 * g),
      1e-6,
    );
    net.zeroGrad();
    expect(new Set(gradientsOf(net))).toEqual(new Set([0]));
  });
});
