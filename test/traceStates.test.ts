/** traceStates against the cells of reference/: hidden states, cells and gates of every step, and what it says of wrong input. */

import { describe, expect, test } from "vitest";
import {
  adam,
  batchNorm,
  crossEntropy,
  dense,
  dropout,
  elman,
  embedding,
  EncoderDecoder,
  gru,
  jordan,
  last,
  lstm,
  meanSquaredError,
  Network,
  repeat,
  tdnn,
  traceStates,
  type LayerDescription,
  type LayerTrace,
  type LstmOptions,
  type Tensor,
} from "../bindings/index.ts";
import { expectClose, randomizeParameters, randomNumbers, toTensor } from "./agreement.ts";
import * as referenceJordan from "./reference/jordan.ts";
import { recurrentVariant, type VariantCell } from "./reference/recurrentVariants.ts";
import { bitsOf, errorOf, expectError, gradientsOf, indices, numbers, stateOf, type Kind } from "./support.ts";

type Own = Partial<LstmOptions>;

const layerOf: Record<VariantCell, (units: number, options: object) => LayerDescription> = {
  rnn_tanh: (units, options) => elman(units, options),
  rnn_relu: (units, options) => elman(units, { ...options, activation: "relu" }),
  rnn_sigmoid: (units, options) => elman(units, { ...options, activation: "sigmoid" }),
  lstm: (units, options) => lstm(units, options),
  gru: (units, options) => gru(units, options),
  gru_reset_before: (units, options) => gru(units, { ...options, reset: "before" }),
};

const gatesOf: Record<VariantCell, string[]> = {
  rnn_tanh: [],
  rnn_relu: [],
  rnn_sigmoid: [],
  lstm: ["i", "f", "g", "o"],
  gru: ["r", "z", "n"],
  gru_reset_before: ["r", "z", "n"],
};

const variants: Own[] = [
  { projection: 2 },
  { peepholes: true },
  { coupled: true },
  { cellClip: 0.15 },
  { layerNorm: true },
  { learnInitialState: true },
  { recurrentDropout: 0.4 }, // which does nothing here
  { projection: 2, peepholes: true, coupled: true, layerNorm: true, cellClip: 0.3, gateClip: 0.6, dropout: 0.5 },
];

interface Case {
  cell: VariantCell;
  H: number;
  own: Own;
  layers: number;
  bidirectional: boolean;
  lengths: number[] | undefined;
}

/** Each cell at each size, then each variant; in turn stacked, in both directions, and with unequal lengths. */
const cells = Object.keys(layerOf) as VariantCell[];
const cases = [
  ...cells.flatMap((cell) => [1, 3, 5, 17].map((H) => ({ cell, H, own: {} }))),
  ...variants.map((own) => ({ cell: "lstm" as const, H: 5, own })),
  ...cells.map((cell) => ({ cell, H: 3, own: { zoneout: 0.3 } })),
].map((one: Pick<Case, "cell" | "H" | "own">, k): [string, Case, number] => {
  const layers = one.own.dropout ? 2 : 1 + (k % 2);
  const full = { ...one, layers, bidirectional: k % 3 === 1, lengths: k % 4 < 2 ? undefined : [2, 5, 1] };
  return [JSON.stringify(full), full, k];
});

const maskOf = (own: Own, R: number, H: number) => {
  const z = own.zoneout as number | undefined;
  if (z === undefined) return undefined;
  return () => ({ zoneH: () => new Float64Array(R).fill(z), zoneC: () => new Float64Array(H).fill(z) });
};

describe("every state and gate is that of the reference", () => {
  test.each(cases)("%s", (_, { cell, H, own, layers, bidirectional, lengths }, k) => {
    const [B, T, I] = [3, 5, 2];
    const random = randomNumbers(k + 71);
    const layer = layerOf[cell](H, { layers, bidirectional, name: "", ...own });
    const net = new Network({ input: { features: I }, layers: [layer], seed: k });
    const params = randomizeParameters(net, random);
    const R = own.projection ?? H;
    const x = random(B * T * I);
    const state = own.learnInitialState ? undefined : random(net.states.reduce((sum, { units }) => sum + B * units, 0));

    const traces = traceStates(net, toTensor(x, [B, T, I]), {
      ...(lengths && { lengths }),
      ...(state && { state: Float32Array.from(state) }),
    });

    const expected = new Map<string, Float64Array>();
    const put = (key: string, at: number, values: Float64Array) => {
      if (!expected.has(key)) expected.set(key, new Float64Array(B * T * values.length));
      expected.get(key)!.set(values, at * values.length);
    };
    const config = { cell, inputSize: I, hiddenSize: H, numLayers: layers, bidirectional, ...own };
    recurrentVariant(config, params, x, {
      ...{ batch: B, lengths, state, masks: maskOf(own, R, H) },
      watch: (suffix, b, t, { h, c, gates }) => {
        put(`${suffix}.hidden`, b * T + t, h);
        if (c.length > 0) put(`${suffix}.cell`, b * T + t, c);
        for (const [name, values] of Object.entries(gates ?? {})) put(`${suffix}.${name}`, b * T + t, values);
      },
    });
    const gates = own.coupled ? ["f", "g", "o"] : gatesOf[cell];
    const seen: string[] = [];
    for (const { name, type, direction, hidden, cell: c, gates: found } of traces) {
      const suffix = `_${name.split(".")[1]!}`;
      expect(type).toBe(layer.type);
      expect(direction).toBe(suffix.endsWith("_reverse") ? "reverse" : "forward");
      expect(Object.keys(found)).toEqual(gates);
      const all: Record<string, Tensor> = { hidden, ...(c && { cell: c }), ...found };
      for (const [what, { shape, data }] of Object.entries(all)) {
        expect(shape).toEqual([B, T, what === "hidden" ? R : H]);
        expectClose(`${suffix}.${what}`, data, expected.get(`${suffix}.${what}`)!);
        seen.push(`${suffix}.${what}`);
      }
    }
    expect(seen.sort()).toEqual([...expected.keys()].sort());
  });

  test("jordan: the output", () => {
    const [I, H, O, T] = [2, 5, 3, 6];
    const random = randomNumbers(5);
    const net = new Network({ input: { features: I }, layers: [jordan(H, { outputs: O, decay: 0.5, name: "" })] });
    const params = randomizeParameters(net, random);
    const x = random(T * I);
    const [trace, ...others] = traceStates(net, toTensor(x, [1, T, I]));
    const { y } = referenceJordan.jordan(
      { I, H, O, phi: "tanh", psi: "linear", decay: 0.5 },
      params,
      x,
      new Float64Array(O),
    );
    expect(others).toEqual([]);
    expect(trace).toMatchObject({ name: "jordan", type: "jordan", direction: "forward", gates: {} });
    expectClose("hidden", trace!.hidden.data, y);
    expect(trace!.cell).toBeUndefined();
  });
});

describe("forms of networks", () => {
  const layersOf = (traces: readonly LayerTrace[]) => traces.map(({ name, hidden }) => [name, hidden.shape]);

  test("tokens, layers between, an encoder and a decoder with steps of its own; the last hidden state is the output's", () => {
    const layers = [embedding(3), lstm(4, { bidirectional: true }), last(), repeat(6), dense(3), gru(7)];
    const net = new Network({ input: { tokens: 5 }, layers });
    const words = indices([2, 4], 5);
    const traces = traceStates(net, words);
    expect(layersOf(traces)).toEqual([
      ["lstm.l0", [2, 4, 4]],
      ["lstm.l0_reverse", [2, 4, 4]],
      ["gru.l0", [2, 6, 7]],
    ]);
    expect(bitsOf(traces[2]!.hidden.data)).toBe(bitsOf(net.predict(words).data));
  });

  test("it is predict's pass: nothing drops, batchNorm() takes its running statistics, nothing changes", () => {
    const layers = [dropout(0.5), batchNorm(), gru(5, { layers: 2, dropout: 0.5, recurrentDropout: 0.5 })];
    const net = new Network({ input: { features: 2 }, layers });
    const x = numbers([3, 4, 2]);
    net.forward(x, { training: true });
    net.backward(numbers([3, 4, 5]));
    const before = [stateOf(net), bitsOf(gradientsOf(net)), net.randomState];
    const traces = traceStates(net, x);
    expect([stateOf(net), bitsOf(gradientsOf(net)), net.randomState]).toEqual(before);
    expect(() => net.backward(numbers([3, 4, 5]))).toThrow("call forward(input, { training: true }) before it");
    expect(bitsOf(traces[1]!.hidden.data)).toBe(bitsOf(net.predict(x).data));
  });

  test("between two steps of training", () => {
    const data = { inputs: numbers([6, 5, 2]), targets: numbers([6, 5, 1]) };
    const runs = [false, true].map((traced) => {
      const net = new Network({ input: { features: 2 }, layers: [lstm(5), dropout(0.3), dense(1)], seed: 3 });
      const losses = [];
      for (const { loss } of net.train(data, { loss: meanSquaredError(), optimizer: adam(), batchSize: 2 })) {
        losses.push(loss);
        if (traced) traceStates(net, data.inputs);
      }
      return [...losses, stateOf(net)];
    });
    expect(runs[0]).toEqual(runs[1]);
  });

  test("zeros beyond the end of a sequence; a list is the padded batch", () => {
    const net = new Network({ input: { features: 2 }, layers: [lstm(3, { bidirectional: true })] });
    const list = [numbers([2, 2], 1), numbers([4, 2], 2)];
    for (const { hidden, cell, gates } of traceStates(net, list)) {
      for (const { data, shape } of [hidden, cell!, ...Object.values(gates)]) {
        expect(shape).toEqual([2, 4, 3]);
        expect([...data.subarray(6, 12)]).toEqual([0, 0, 0, 0, 0, 0]);
        expect(data.subarray(0, 6).every((v) => v !== 0)).toBe(true);
      }
    }
    const one = traceStates(net, [list[0]!])[0]!;
    expect(bitsOf(one.cell!.data)).toBe(bitsOf(traceStates(net, list)[0]!.cell!.data.subarray(0, 6)));
  });
});

describe("errors", () => {
  const net = new Network({ input: { features: 2 }, layers: [gru(3), dense(1)] });
  const without = new Network({ input: { features: 2 }, layers: [dense(3), tdnn(2, { delays: [0, 1] })] });
  const pair = new EncoderDecoder({
    encoder: { input: { features: 2 }, layers: [gru(3)] },
    decoder: { input: { features: 2 }, layers: [gru(3), dense(2)] },
  });
  const x = numbers([2, 4, 2]);
  const wrong: readonly (readonly [string, () => unknown, Kind, RegExp])[] = [
    ["no recurrent layer", () => traceStates(without, x), TypeError, /no layer with a state: put elman\(\)/],
    ["no network", () => traceStates({} as never, x), TypeError, /"net" expected a Network/],
    ["an encoder and decoder", () => traceStates(pair as never, x), TypeError, /"net" expected a Network/],
    ["another option", () => traceStates(net, x, { training: true } as never), TypeError, /unknown option "training"/],
    ["another shape", () => traceStates(net, numbers([2, 4, 3])), RangeError, /"input" expected shape/],
    ["a state of another size", () => traceStates(net, x, { state: new Float32Array(5) }), RangeError, /"state"/],
    ["lengths that are too long", () => traceStates(net, x, { lengths: [5, 1] }), RangeError, /"lengths/],
  ];
  test.each(wrong)("%s; the pass before can still go back", async (_, call, kind, text) => {
    net.forward(x, { training: true });
    expectError(await errorOf(call), kind, text);
    net.backward(numbers([2, 4, 1]));
  });

  test("the pass of predict after it is as before", () => {
    const words = indices([1, 5], 4);
    const layers = [embedding(2), lstm(3), dense(4)];
    const one = new Network({ input: { tokens: 4 }, layers });
    const before = bitsOf(one.predict(words).data);
    traceStates(one, words);
    expect(bitsOf(one.predict(words).data)).toBe(before);
    expect(one.evaluate({ inputs: words, targets: words }, { loss: crossEntropy() }).loss).toBeGreaterThan(0);
  });
});
