/** gradientFlow against central differences of reference/, by a nudge of the state of each step, and what it says of data and nets. */

import { describe, expect, test } from "vitest";
import {
  attention,
  batchNorm,
  crossEntropy,
  dense,
  dropout,
  elman,
  embedding,
  EncoderDecoder,
  gradientFlow,
  gru,
  jordan,
  last,
  layerNames,
  lstm,
  meanSquaredError,
  Network,
  NumericError,
  repeat,
  sgd,
  tdnn,
  tensor,
  type DecoderLayerDescription,
  type EncoderDecoderConfig,
  type GradientFlow,
  type LayerDescription,
  type LstmOptions,
} from "../bindings/index.ts";
import { expectClose, randomizeParameters, randomNumbers, toTensor } from "./agreement.ts";
import { drawMasks } from "./masks.ts";
import type { Params } from "./reference.ts";
import * as referenceJordan from "./reference/jordan.ts";
import { recurrentVariant, type VariantCell, type VariantConfig } from "./reference/recurrentVariants.ts";
import {
  bitsOf,
  errorOf,
  expectError,
  gradientsOf,
  indices,
  numbers,
  parametersOf,
  stateOf,
  type Kind,
} from "./support.ts";

type Vector = Float64Array;
const mse = meanSquaredError();

// ---------------------------------------------------------------------------------------- norms, by the reference

type Own = Pick<
  LstmOptions,
  "projection" | "peepholes" | "coupled" | "cellClip" | "gateClip" | "layerNorm" | "recurrentDropout" | "zoneout"
>;
const layerOf: Record<VariantCell, (units: number, options: object) => LayerDescription> = {
  rnn_tanh: (units, options) => elman(units, options),
  rnn_relu: (units, options) => elman(units, { ...options, activation: "relu" }),
  rnn_sigmoid: (units, options) => elman(units, { ...options, activation: "sigmoid" }),
  lstm: (units, options) => lstm(units, options),
  gru: (units, options) => gru(units, options),
  gru_reset_before: (units, options) => gru(units, { ...options, reset: "before" }),
};

interface Case {
  cell: VariantCell;
  H: number;
  layers: number;
  bidirectional: boolean;
  lengths: readonly number[];
  own: Own;
}

const regularized: Own = { recurrentDropout: 0.4, zoneout: 0.3 };
const variants: Own[] = [
  { projection: 2 },
  { peepholes: true },
  { coupled: true },
  { cellClip: 0.15 },
  { gateClip: 0.4 },
  { layerNorm: true },
  { recurrentDropout: 0.4 },
  { zoneout: { h: 0.2, c: 0.5 } },
  { projection: 2, peepholes: true, coupled: true, layerNorm: true, cellClip: 0.3, gateClip: 0.6, ...regularized },
];

/** Each cell at each size, then each variant, in turn stacked, in both directions, and with unequal lengths. */
function cover(): Case[] {
  const cells = Object.keys(layerOf) as VariantCell[];
  const all = [
    ...cells.flatMap((cell) => [1, 3, 5, 17].map((H) => ({ cell, H, own: {} }))),
    ...variants.flatMap((own) => [5, 9].map((H) => ({ cell: "lstm" as const, H, own }))),
    ...cells.flatMap((cell) => (cell === "lstm" ? [] : [{ cell, H: 5, own: regularized }])),
  ];
  return all.map((one, k) => ({
    ...one,
    layers: 1 + (k % 2),
    bidirectional: k % 3 === 1,
    lengths: one.H > 9 ? [3, 2] : k % 4 < 2 ? [4, 4] : [2, 5, 1],
  }));
}

const titled = cover().map((one, k): [string, Case, number] => {
  const form = `${one.layers} layers${one.bidirectional ? ", both directions" : ""}, lengths ${one.lengths.join(" ")}`;
  return [`${one.cell}, ${one.H} units, ${form} ${JSON.stringify(one.own)}`, one, k];
});

/** The norm of the gradient by what is nudged, by central differences along each unit. */
function normOf(units: number, lossOf: (nudge: Vector) => number): number {
  const step = 1e-6;
  const along = (k: number, by: number): Vector => new Float64Array(units).fill(by, k, k + 1);
  let sum = 0;
  for (let k = 0; k < units; k++) sum += ((lossOf(along(k, step)) - lossOf(along(k, -step))) / (2 * step)) ** 2;
  return Math.sqrt(sum);
}

/** Mean over the sequences that have step t. */
function byStep(lengths: readonly number[], norm: (b: number, t: number) => number): number[] {
  return Array.from({ length: Math.max(...lengths) }, (_, t) => {
    const own = lengths.flatMap((length, b) => (length > t ? [norm(b, t)] : []));
    return own.reduce((a, b) => a + b, 0) / own.length;
  });
}

/** From each sequence's end back: the mean factor of the norms, of which the sum is over the sequences that have both steps. */
function rateBy(lengths: readonly number[], reverse: boolean, norm: (b: number, t: number) => number): number {
  let product = 1;
  const T = Math.max(...lengths);
  for (let back = 1; back < T; back++) {
    const those = [...lengths.keys()].filter((b) => lengths[b]! > back);
    const sum = (k: number) => those.reduce((all, b) => all + norm(b, reverse ? k : lengths[b]! - 1 - k), 0);
    product *= sum(back) / sum(back - 1);
  }
  return product ** (1 / (T - 1));
}

describe("norms and rates are those of central differences", () => {
  test.each(titled)("%s", (_, one, k) => {
    const { cell, H, layers, bidirectional, lengths, own } = one;
    const [B, T, I] = [lengths.length, Math.max(...lengths), 2];
    const random = randomNumbers(k + 911);
    const layer = layerOf[cell](H, { layers, bidirectional, name: "", ...own });
    const net = new Network({ input: { features: I }, layers: [layer], seed: k });
    const params = randomizeParameters(net, random);
    if (cell === "rnn_relu") keepAlive(net, params);
    const R = own.projection ?? H;
    const width = bidirectional ? 2 * R : R;
    const [x, y] = [random(B * T * I), random(B * T * width)];
    const config: VariantConfig = { cell, inputSize: I, hiddenSize: H, numLayers: layers, bidirectional, ...own };
    const masks = drawMasks(net.randomState, { ...one, B, T }, lengths);
    /** The loss of all steps, or of the first or last ones alone. */
    const lossOf = (nudge: Parameters<typeof recurrentVariant>[3]["nudge"], part = "all"): number => {
      const { output } = recurrentVariant(config, params, x, { batch: B, lengths, masks, nudge });
      const counts = lengths.reduce((a, b) => a + b, 0) * width;
      return lengths.reduce((sum, length, b) => {
        const [from, to] = part === "all" ? [0, length] : part === "last" ? [length - 1, length] : [0, 1];
        const own = output.subarray((b * T + from) * width, (b * T + to) * width);
        const wanted = y.subarray((b * T + from) * width, (b * T + to) * width);
        return sum + own.reduce((all, v, i) => all + (v - wanted[i]!) ** 2, 0) / counts;
      }, 0);
    };
    const data = { inputs: toTensor(x, [B, T, I]), targets: toTensor(y, [B, T, width]), lengths };

    const flow = gradientFlow(net, data, { loss: mse });

    expect(Math.abs(flow.loss - lossOf(undefined))).toBeLessThan(1e-5);
    expect(flow.layers.map(({ name }) => name)).toEqual(
      Array.from({ length: layers }, (_, l) => (bidirectional ? [`l${l}`, `l${l}_reverse`] : [`l${l}`]))
        .flat()
        .map((label) => `${layer.type}.${label}`),
    );
    for (const { name, direction, norms, cellNorms, rate } of flow.layers) {
      const suffix = `_${name.split(".")[1]!}`;
      const reverse = suffix.endsWith("reverse");
      const gradient = (part: string, state: "h" | "c") => (b: number, t: number) =>
        normOf(state === "h" ? R : H, (by) => lossOf({ suffix, b, t, [state]: by }, part));
      expect(direction).toBe(reverse ? "reverse" : "forward");
      expectRelative(`${name}, h`, norms, byStep(lengths, gradient("all", "h")));
      expect(cellNorms !== undefined).toBe(cell === "lstm");
      if (cellNorms) expectRelative(`${name}, c`, cellNorms, byStep(lengths, gradient("all", "c")));
      const carried = gradient(reverse ? "first" : "last", cell === "lstm" ? "c" : "h");
      expectRelative(`${name}, rate`, [rate], [rateBy(lengths, reverse, carried)]);
    }
  });
});

/** Positive biases, so that units of relu let something through. */
function keepAlive(net: Network, params: Params): void {
  for (const parameter of net.parameters) {
    if (!parameter.name.startsWith("bias")) continue;
    params[parameter.name] = params[parameter.name]!.map(Math.abs);
    parameter.set(params[parameter.name]!);
  }
}

/** |got − expected| ≤ 1e-4·the largest expected: norms of all steps are of one scale here. */
function expectRelative(what: string, got: ArrayLike<number>, expected: readonly number[]): void {
  const scale = Math.max(...expected);
  expect(scale, what).toBeGreaterThan(0);
  expectClose(
    what,
    Array.from(got, (v) => v / scale),
    expected.map((v) => v / scale),
    1e-4,
  );
}

describe.each([
  [1, 1, 0],
  [3, 5, 0.5],
  [17, 2, 0.9],
])("jordan(%i) with %i outputs, decay %d", (H, O, decay) => {
  const [I, lengths] = [2, [3, 5, 1]];
  const [B, T] = [lengths.length, 5];
  const random = randomNumbers(H);
  const layer = jordan(H, { outputs: O, decay, outputActivation: "tanh", name: "" });
  const net = new Network({ input: { features: I }, layers: [layer] });
  const params = randomizeParameters(net, random);
  const [x, y] = [random(B * T * I), random(B * T * O)];
  const { layers } = gradientFlow(
    net,
    { inputs: toTensor(x, [B, T, I]), targets: toTensor(y, [B, T, O]), lengths },
    { loss: mse },
  );

  test("norms are those of central differences: the rest of the sequence runs from a context that is moved", () => {
    const config = { I, H, O, phi: "tanh", psi: "tanh", decay } as const;
    const run = (b: number, from: number, to: number, context: Vector) =>
      referenceJordan.jordan(config, params, x.slice((b * T + from) * I, (b * T + to) * I), context);
    const square = (outputs: Vector, b: number, from: number): number =>
      outputs.reduce((sum, v, i) => sum + (v - y[(b * T + from) * O + i]!) ** 2, 0) / (9 * O);
    const expected = byStep(lengths, (b, t) => {
      const before = run(b, 0, t + 1, new Float64Array(O));
      const output = before.y.slice(t * O);
      return normOf(O, (by) => {
        const rest = run(b, t + 1, lengths[b]!, add(before.c, by));
        return square(add(output, by), b, t) + square(rest.y, b, t + 1);
      });
    });
    expect(layers.map(({ name, direction }) => [name, direction])).toEqual([["jordan", "forward"]]);
    expectRelative("norms", layers[0]!.norms, expected);
  });

  test("the radius is that of decay·1 + weight_hy·weight_yh", () => {
    const [inner, outer] = [params.weight_yh!, params.weight_hy!];
    const loop = Float64Array.from({ length: O * O }, (_, k) => {
      const [i, j] = [Math.floor(k / O), k % O];
      let sum = i === j ? decay : 0;
      for (let h = 0; h < H; h++) sum += outer[i * H + h]! * inner[h * O + j]!;
      return sum;
    });
    expect(layers[0]!.radii.y! / radiusOf(loop, O)).toBeCloseTo(1, 4);
  });
});

const add = (a: Vector, b: Vector): Vector => a.map((v, k) => v + b[k]!);

// --------------------------------------------------------------------------------------------------- spectral radii

/** max |λ| in f64: Gelfand's formula ‖A^m‖^(1/m) by squaring, m = 2⁴⁰. */
function radiusOf(matrix: Vector, n: number): number {
  let [a, radius] = [matrix, 1];
  for (let k = 0; k < 40; k++) {
    const norm = Math.hypot(...a);
    radius *= norm ** (1 / 2 ** k);
    a = product(
      a.map((v) => v / norm),
      a.map((v) => v / norm),
      n,
    );
  }
  return radius;
}

/** A·B, all (n, n) */
function product(a: Vector, b: Vector, n: number): Vector {
  return a.map((_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a[i * n + k]! * b[k * n + j]!;
    return sum;
  });
}

/** A rotation by an angle, times a length: the eigenvalues length·e^(±i·angle). */
const turn = (length: number, angle: number): number[][] => [
  [length * Math.cos(angle), -length * Math.sin(angle)],
  [length * Math.sin(angle), length * Math.cos(angle)],
];

/** Blocks along the diagonal, in a basis that is not orthogonal: S·D·S⁻¹ with S = 1 + u·vᵀ, S⁻¹ = 1 − u·vᵀ/(1 + v·u). */
function mixed(blocks: readonly (readonly (readonly number[])[])[], seed: number): Vector {
  const n = blocks.reduce((sum, block) => sum + block.length, 0);
  const diagonal = new Float64Array(n * n);
  let from = 0;
  for (const block of blocks) {
    block.forEach((row, i) => {
      row.forEach((v, j) => (diagonal[(from + i) * n + from + j] = v));
    });
    from += block.length;
  }
  const random = randomNumbers(seed);
  const [u, v] = [random(n, 0.5), random(n, 0.5)];
  const outer = (factor: number): Vector =>
    Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      return (i === j ? 1 : 0) + factor * u[i]! * v[j]!;
    });
  const inner = u.reduce((sum, x, k) => sum + x * v[k]!, 0);
  return product(product(outer(1), diagonal, n), outer(-1 / (1 + inner)), n);
}

describe("spectral radius, to 1e-4", () => {
  const spread = (n: number, largest: number): number[][][] =>
    Array.from({ length: n }, (_, k) => [[(largest * (k % 2 === 0 ? k : -k)) / n]]);
  const matrices: readonly (readonly [string, Vector, number])[] = [
    ["one number", Float64Array.of(-0.7), 0.7],
    ["a negative eigenvalue beside a positive one of the same size", mixed([[[0.9]], [[-0.9]], [[0.1]]], 1), 0.9],
    ["a complex pair", mixed([turn(1.1, 1), [[0.3]]], 2), 1.1],
    ["a complex pair just above a real one", mixed([turn(0.8, 2.5), [[0.79]], [[-0.5]]], 3), 0.8],
    ["17 eigenvalues, the largest a pair", mixed([turn(1.5, 0.1), ...spread(15, 1.4)], 4), 1.5],
    ["two pairs of the same size, other angles", mixed([turn(0.6, 1), turn(0.6, 2), [[0.2]]], 5), 0.6],
    ["an eigenvalue without its own vector", Float64Array.of(0.5, 1, 0, 0.5), 0.5],
    ["far from normal", Float64Array.of(0.5, 100, 0, 0.25), 0.5],
    ["nilpotent", Float64Array.of(0, 1, 2, 0, 0, 3, 0, 0, 0), 0],
    ["zeros", new Float64Array(25), 0],
    ["large numbers", Float64Array.of(0, -1e15, 1e15, 0), 1e15],
    ["small numbers", Float64Array.of(0, -1e-15, 1e-15, 0), 1e-15],
  ];
  const data = { inputs: numbers([1, 2, 1]), targets: numbers([1, 2, 1]) };

  test.each(matrices)("%s", (_, matrix, radius) => {
    const n = Math.sqrt(matrix.length);
    const net = new Network({
      input: { features: 1 },
      layers: [elman(n, { activation: "sigmoid" }), dense(1)],
    });
    net.parameter("elman.weight_hh_l0").set(matrix);
    const found = gradientFlow(net, data, { loss: mse }).layers[0]!.radii.h!;
    if (radius === 0) expect(found).toBe(0);
    else expect(found / radius).toBeCloseTo(1, 4);
  });

  test.each([
    [lstm(5), ["i", "f", "g", "o"], 5],
    [lstm(5, { coupled: true }), ["f", "g", "o"], 5],
    [lstm(5, { projection: 3 }), ["i", "f", "g", "o"], 3],
    [lstm(7, { projection: 6, coupled: true }), ["f", "g", "o"], 6],
    [gru(6), ["r", "z", "n"], 6],
    [gru(3, { reset: "before", bidirectional: true, layers: 2 }), ["r", "z", "n"], 3],
  ] as const)("of each gate by itself, %j", (layer, gates, R) => {
    const net = new Network({ input: { features: 1 }, layers: [layer, dense(1)], seed: 3 });
    const { units: H } = layer;
    for (const { name, radii } of gradientFlow(net, data, { loss: mse }).layers) {
      const [type, label] = name.split(".") as [string, string];
      const weight = Float64Array.from(net.parameter(`${type}.weight_hh_${label}`).value);
      const after = R < H ? Float64Array.from(net.parameter(`${type}.weight_hr_${label}`).value) : undefined;
      expect(Object.keys(radii)).toEqual(gates);
      gates.forEach((gate, g) => {
        const own = weight.subarray(g * H * R, (g + 1) * H * R);
        const loop = after
          ? Float64Array.from({ length: R * R }, (_, at) => {
              const [i, j] = [Math.floor(at / R), at % R];
              return Array.from({ length: H }, (_, k) => after[i * H + k]! * own[k * R + j]!).reduce((a, b) => a + b);
            })
          : own;
        expect(radii[gate]! / radiusOf(loop, R), `${name} ${gate}`).toBeCloseTo(1, 4);
      });
    }
  });
});

// ------------------------------------------------------------------------------------------- what it leaves as it is

describe("what it leaves as it is", () => {
  const layers = [
    tdnn(3, { delays: [0, 1] }),
    lstm(4, {
      learnInitialState: true,
      recurrentDropout: 0.2,
      zoneout: 0.1,
      bidirectional: true,
      layers: 2,
      dropout: 0.3,
    }),
    batchNorm(),
    dropout(0.5),
    gru(3),
    dense(2),
  ];
  const data = { inputs: numbers([3, 5, 2]), targets: numbers([3, 5, 2], 2), lengths: [5, 2, 4] };
  const make = () => new Network({ input: { features: 2 }, layers, seed: 5 });

  test("parameters, gradients, buffers, the generator, and the bits of all further training", () => {
    const [net, other] = [make(), make()];
    for (const one of [net, other]) {
      one.forward(data.inputs, { training: true, lengths: data.lengths });
      one.loss(mse, data.targets);
      one.backward();
      one.step(sgd({ learningRate: 0.1, momentum: 0.9 }));
    }
    const before = [stateOf(net), bitsOf(gradientsOf(net)), ...net.buffers.map(({ value }) => bitsOf(value))];
    const flow = gradientFlow(net, data, { loss: mse });
    expect(flow.layers).toHaveLength(5);
    expect([stateOf(net), bitsOf(gradientsOf(net)), ...net.buffers.map(({ value }) => bitsOf(value))]).toEqual(before);
    for (const one of [net, other]) {
      one.forward(data.inputs, { training: true, lengths: data.lengths });
      one.loss(mse, data.targets);
      one.backward();
      one.step(sgd({ learningRate: 0.1, momentum: 0.9 }));
    }
    expect(stateOf(net)).toBe(stateOf(other));
    expect(bitsOf(gradientsOf(net))).toBe(bitsOf(gradientsOf(other)));
  });

  test("a run of training between two steps", () => {
    const runs = [make(), make()].map((net, k) => {
      const options = { loss: mse, optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), epochs: 3, batchSize: 2 };
      const losses = [];
      for (const { loss } of net.train(data, options)) {
        losses.push(loss);
        if (k === 0) gradientFlow(net, data, { loss: mse });
      }
      return [...losses, stateOf(net)];
    });
    expect(runs[0]).toEqual(runs[1]);
  });

  test("the forward pass of before is gone, and says so", () => {
    const net = make();
    net.forward(data.inputs, { training: true });
    gradientFlow(net, data, { loss: mse });
    expect(() => net.backward(data.targets)).toThrow("call forward(input, { training: true }) before it");
  });

  test("twice the same", () => {
    const net = make();
    const [one, two] = [gradientFlow(net, data, { loss: mse }), gradientFlow(net, data, { loss: mse })];
    expect(JSON.stringify(one)).toBe(JSON.stringify(two));
    expect(`${one}`).toBe(`${two}`); // eslint-disable-line @typescript-eslint/restrict-template-expressions
  });
});

// ------------------------------------------------------------------------------------------- shapes of data and nets

const flowOf = (layers: readonly LayerDescription[], T: number, change: (net: Network) => void = () => undefined) => {
  const net = new Network({ input: { features: 2 }, layers, seed: 1 });
  change(net);
  const { shape } = net.predict(numbers([3, T, 2]));
  return gradientFlow(net, { inputs: numbers([3, T, 2]), targets: numbers(shape, 2) }, { loss: mse });
};

describe("forms of data and networks", () => {
  test("tokens under an embedding, with a loss of classes", () => {
    const net = new Network({ input: { tokens: 6 }, layers: [embedding(3), gru(4), dense(6)] });
    const words = indices([2, 7], 6);
    const { layers, loss } = gradientFlow(net, { inputs: words, targets: words }, { loss: crossEntropy() });
    expect(loss).toBe(net.evaluate({ inputs: words, targets: words }, { loss: crossEntropy() }).loss);
    expect(layers.map(({ norms }) => norms.length)).toEqual([7]);
  });

  test("last() is a loss of the ends alone: of the last step forwards, of the first in reverse", () => {
    const inputs = numbers([2, 6, 2]);
    const lengths = [6, 3];
    const make = (layers: readonly LayerDescription[]) => new Network({ input: { features: 2 }, layers, seed: 4 });
    const [ends, steps] = [make([gru(3), last()]), make([gru(3)])];
    const targets = numbers([2, 3], 7);
    const perStep = new Float32Array(2 * 6 * 3);
    [5, 2].forEach((t, b) => perStep.set(targets.data.subarray(b * 3, b * 3 + 3), (b * 6 + t) * 3));
    const weights = [
      [0, 0, 0, 0, 0, 1],
      [0, 0, 1, 0, 0, 0],
    ];
    const one = gradientFlow(ends, { inputs, lengths, targets }, { loss: mse }).layers[0]!;
    const two = gradientFlow(steps, { inputs, lengths, targets: tensor(perStep, [2, 6, 3]), weights }, { loss: mse })
      .layers[0]!;
    expectClose("norms", two.norms, one.norms, 1e-7);
    expect(two.rate).toBeCloseTo(one.rate, 6);
    const both = flowOf([gru(3, { bidirectional: true }), last()], 6).layers;
    expect(both.map(({ norms }) => norms.indexOf(Math.max(...norms)))).toEqual([5, 0]);
  });

  test("an encoder and a decoder, whose steps are its own", () => {
    const { layers } = flowOf([lstm(3), last(), repeat(4), gru(3), dense(1)], 9);
    expect(layers.map(({ name, norms }) => [name, norms.length])).toEqual([
      ["lstm.l0", 9],
      ["gru.l0", 4],
    ]);
    const one = flowOf([lstm(3), last(), repeat(1), gru(3), dense(1)], 9).layers[1]!;
    expect(one).toMatchObject({ rate: 1, verdict: "healthy", advice: expect.stringContaining("one step") as string });
  });

  describe("an EncoderDecoder", () => {
    const make = (layers: readonly DecoderLayerDescription[], bridge?: EncoderDecoderConfig["bridge"]) =>
      new EncoderDecoder({
        encoder: { input: { features: 2 }, layers: [elman(3)] },
        decoder: { input: { features: 1 }, layers },
        ...(bridge !== undefined && { bridge }),
        seed: 2,
      });

    test("both sides, each with its own steps; nothing has changed", () => {
      const net = make([gru(4), attention("additive"), dense(1)]);
      const before = bitsOf(parametersOf(net)) + bitsOf(gradientsOf(net));
      const data = {
        inputs: [numbers([7, 2]), numbers([2, 2], 2)],
        targets: [numbers([3, 1], 3), numbers([5, 1], 4)],
      };
      const { loss, layers } = gradientFlow(net, data, { loss: mse });
      expect(loss).toBe(net.evaluate(data, { loss: mse }).loss);
      expect(layers.map(({ name, type, norms, radii }) => [name, type, norms.length, Object.keys(radii)])).toEqual([
        ["encoder.elman.l0", "elman", 7, ["h"]],
        ["decoder.gru.l0", "gru", 5, ["r", "z", "n"]],
      ]);
      expect(bitsOf(parametersOf(net)) + bitsOf(gradientsOf(net))).toBe(before);
    });

    test("the encoder's norm of a step is that of its bias's gradient over the slope of tanh", () => {
      const net = make([elman(3), dense(1)], "copy");
      const [inputs, targets] = [numbers([1, 1, 2], 5), numbers([1, 4, 1], 6)];
      const { layers } = gradientFlow(net, { inputs, targets }, { loss: mse });
      const read = tensor(new Float32Array(4), [1, 4, 1]);
      read.data.set(targets.data.subarray(0, 3), 1);
      net.forward(inputs, read, { training: true });
      net.loss(mse, targets);
      net.backward();
      const valueOf = (name: string) => net.parameter(`encoder.elman.${name}`).value;
      const slopes = Array.from({ length: 3 }, (_, k) => {
        const [w, b] = [valueOf("weight_ih_l0"), valueOf("bias_ih_l0")[k]! + valueOf("bias_hh_l0")[k]!];
        return 1 - Math.tanh(w[2 * k]! * inputs.data[0]! + w[2 * k + 1]! * inputs.data[1]! + b) ** 2;
      });
      const { gradient } = net.parameter("encoder.elman.bias_ih_l0");
      const expected = Math.hypot(...slopes.map((slope, k) => gradient[k]! / slope));
      expect(expected).toBeGreaterThan(0.001);
      expect(layers[0]!.norms[0]! / expected).toBeCloseTo(1, 5);
    });
  });

  test("a list of sequences is the padded batch", () => {
    const net = new Network({ input: { features: 2 }, layers: [elman(3), dense(1)] });
    const list = { inputs: [numbers([4, 2]), numbers([2, 2], 2)], targets: [numbers([4, 1], 3), numbers([2, 1], 4)] };
    const pad = (parts: { data: Float32Array }[], F: number) => {
      const all = new Float32Array(8 * F);
      parts.forEach(({ data }, b) => all.set(data, b * 4 * F));
      return tensor(all, [2, 4, F]);
    };
    const padded = { inputs: pad(list.inputs, 2), targets: pad(list.targets, 1), lengths: [4, 2] };
    const [one, two] = [list, padded].map((data) => JSON.stringify(gradientFlow(net, data, { loss: mse })));
    expect(one).toBe(two);
  });

  test("the rate is of the gradient alone: a hundredfold loss has the same", () => {
    const layers = [lstm(4), dense(2)];
    const net = new Network({ input: { features: 2 }, layers });
    const inputs = numbers([2, 8, 2]);
    const targets = numbers([2, 8, 2], 2);
    const [small, large] = [1, 100].map(
      (weight) =>
        gradientFlow(
          net,
          { inputs, targets, weights: tensor(new Float32Array(16).fill(weight), [2, 8]) },
          { loss: meanSquaredError({ reduction: "sum" }) },
        ).layers[0]!,
    );
    expect(large!.rate).toBeCloseTo(small!.rate, 5);
    expect(large!.norms[0]! / small!.norms[0]!).toBeCloseTo(100, 3);
  });

  test("where the last step has no loss, it is measured from ones there", () => {
    const net = new Network({ input: { features: 2 }, layers: [gru(3), dense(1)] });
    const inputs = numbers([1, 5, 2]);
    const { layers } = gradientFlow(
      net,
      { inputs, targets: numbers([1, 5, 1]), weights: [[1, 1, 1, 0, 0]] },
      { loss: mse },
    );
    expect([...layers[0]!.norms.subarray(3)]).toEqual([0, 0]);
    expect(layers[0]!.rate).toBeGreaterThan(0.05);
    expect(layers[0]!.rate).toBeLessThan(2);
  });

  test("dead units let nothing through: rate 0", () => {
    const dead = (net: Network) => net.parameter("elman.bias_hh_l0").set([-9, -9, -9]);
    const { layers } = flowOf([elman(3, { activation: "relu" }), last()], 5, dead);
    expect(layers[0]!.rate).toBeLessThan(1e-30);
    expect(layers[0]!.verdict).toBe("vanishing");
    expect(layers[0]!.advice).toContain("after 1 step back");
  });

  test("a gradient that leaves float32 is measured as far as it stays in it", () => {
    const scaled = (factor: number) => (net: Network) => {
      net.parameter("elman.weight_hh_l0").set([factor, 0, 0, factor]);
      net.parameter("elman.weight_ih_l0").set([0, 0, 0, 0]);
      net.parameter("elman.bias_ih_l0").set([1e-30, 1e-30]);
      net.parameter("elman.bias_hh_l0").set([0, 0]);
    };
    const layers = [elman(2, { activation: "relu" }), last()];
    const [small] = flowOf(layers, 100, scaled(0.125)).layers;
    expect(small!.norms[0]).toBe(0);
    expect(small!.rate).toBeGreaterThan(0.124);
    expect(small!.rate).toBeLessThan(0.127);
    const [large] = flowOf([elman(2), last()], 100, scaled(32)).layers;
    expect(large!.verdict).not.toBe("healthy");
    expect(Number.isFinite(large!.rate)).toBe(true);
  });
});

// ------------------------------------------------------------------------------------------------ verdict and words

describe("verdict and advice", () => {
  const T = 60;
  const scaleBy = (factor: number) => (net: Network) => {
    for (const { name, value } of net.parameters) {
      if (name.includes("weight_hh")) value.forEach((v, k) => (value[k] = v * factor));
    }
  };
  const cases: readonly (readonly [string, LayerDescription, number, GradientFlow["verdict"], RegExp])[] = [
    [
      "elman, sigmoid",
      elman(8, { activation: "sigmoid" }),
      1,
      "vanishing",
      /slope of sigmoid is at most 1\/4.*lstm\(\)/,
    ],
    ["elman, tanh", elman(8), 1, "vanishing", /use lstm\(\), or keep it with activation: "relu".*identity\(\)/],
    ["elman, relu", elman(8, { activation: "relu" }), 1, "vanishing", /begin with recurrentInit: identity\(\)/],
    ["lstm", lstm(8), 1, "vanishing", /forgetBias: 5/],
    ["gru", gru(8), 1, "vanishing", /the second third, to 5/],
    ["jordan", jordan(8, { outputs: 2 }), 1, "vanishing", /raise "decay"/],
    ["lstm with an open gate", lstm(8, { forgetBias: 5 }), 1, "healthy", /reaches the first step/],
    ["elman, relu, large", elman(8, { activation: "relu" }), 8, "exploding", /clipNorm: 1.*spectral radius of "h" is/],
  ];

  test.each(cases)("%s", (_, layer, factor, verdict, advice) => {
    const flow = flowOf([layer, last(), dense(1)], T, scaleBy(factor));
    expect(flow.layers[0]!.verdict).toBe(verdict);
    expect(flow.layers[0]!.advice).toMatch(advice);
    expect(flow.verdict).toBe(verdict);
    expect(flow.advice).toBe(`${flow.layers[0]!.name}: ${flow.layers[0]!.advice}`);
  });

  test("what is wrong anywhere is the verdict on the whole: exploding before vanishing before healthy", () => {
    const open = lstm(8, { forgetBias: 5 });
    const closed = elman(8, { activation: "sigmoid", name: "closed" });
    expect(flowOf([open, closed], T).verdict).toBe("vanishing");
    expect(flowOf([open, closed], T).advice).toMatch(/^closed\.l0: /);
    expect(flowOf([open, lstm(8, { forgetBias: 5, name: "other" })], T).verdict).toBe("healthy");
  });

  test("as a text it is a table with a line of advice for each layer", () => {
    const lines = String(flowOf([lstm(4, { layers: 2 }), last()], T)).split("\n");
    expect(lines[0]).toMatch(/^layer {4}first step {2}last step {2}rate {3,}verdict {4}spectral radius$/);
    expect(lines[1]).toMatch(
      /^lstm\.l0 +\d\.\de-\d+ +\d\.\de-\d+ +0\.\d+ +vanishing {2}i \d\.\d\d {2}f .* g .* o \d\.\d\d$/,
    );
    expect(lines[3]).toMatch(/^lstm\.l0: the gradient is a thousandth after \d+ steps back: /);
    expect(lines).toHaveLength(5);
  });
});

// ------------------------------------------------------------------------------------------------------------ errors

describe("errors", () => {
  const net = new Network({ input: { features: 2 }, layers: [gru(3), dense(1)] });
  const data = { inputs: numbers([2, 4, 2]), targets: numbers([2, 4, 1]) };
  const without = new Network({ input: { features: 2 }, layers: [dense(3), tdnn(2, { delays: [0, 1] }), dense(1)] });
  const huge = new Network({ input: { features: 2 }, layers: [elman(3, { activation: "relu" }), dense(1)] });
  huge.parameter("elman.weight_ih_l0").set(new Float32Array(6).fill(1e30));
  huge.parameter("dense.weight").set([1e30, 1e30, 1e30]);
  const wrong: readonly (readonly [string, () => unknown, Kind, RegExp])[] = [
    [
      "no recurrent layer",
      () => gradientFlow(without, data, { loss: mse }),
      TypeError,
      /no layer with a state: put elman\(\)/,
    ],
    ["no options", () => gradientFlow(net, data, undefined as never), TypeError, /"gradientFlow" expected an object/],
    [
      "no loss",
      () => gradientFlow(net, data, {} as never),
      TypeError,
      /"loss" expected a loss such as crossEntropy\(\)/,
    ],
    [
      "another option",
      () => gradientFlow(net, data, { loss: mse, steps: 3 } as never),
      TypeError,
      /unknown option "steps"/,
    ],
    ["no data", () => gradientFlow(net, undefined as never, { loss: mse }), TypeError, /"data" expected an object/],
    [
      "targets of another shape",
      () => gradientFlow(net, { ...data, targets: numbers([2, 3, 1]) }, { loss: mse }),
      RangeError,
      /"targets" expected 4 steps, as the output has, got 3/,
    ],
    [
      "no network",
      () => gradientFlow({} as never, data, { loss: mse }),
      TypeError,
      /"net" expected a Network or an EncoderDecoder/,
    ],
    ["a loss that overflows", () => gradientFlow(huge, data, { loss: mse }), NumericError, /the loss is not finite/],
  ];
  test.each(wrong)("%s; nothing has changed", async (_, call, kind, text) => {
    const before = [net, huge].map((one) => stateOf(one) + bitsOf(gradientsOf(one)));
    expectError(await errorOf(call), kind, text);
    expect([net, huge].map((one) => stateOf(one) + bitsOf(gradientsOf(one)))).toEqual(before);
  });

  test("layers that are no recurrence have none: the table of layers is covered", () => {
    const recurrent = ["elman", "gru", "jordan", "lstm"];
    expect(layerNames.filter((name) => recurrent.includes(name)).sort()).toEqual(recurrent);
  });
});
