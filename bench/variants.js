import { elman, gradientCheck, gru, lstm, meanSquaredError, Network, tensor } from "unrolled";
import { features } from "./data.js";
import { measure, paces } from "./measure.js";
import { line, milliseconds } from "./table.js";

/** @import { LayerDescription } from "unrolled" */
/** @import { Times } from "./measure.js" */
/** @import { Processor } from "./processor.js" */

/**
 * A recurrent layer beside the plain one of its kind; `layer` makes either from a hidden size.
 * @typedef {(H: number) => LayerDescription} MakeLayer
 * @typedef {{ name: string, gates: number, plain: MakeLayer, variant: MakeLayer, projection?: (H: number) => number }} Variant
 * @typedef {{ B: number, T: number, I: number, H: number }} Sizes
 */

/** @type {(name: string, options: import("unrolled").LstmOptions, gates?: number) => Variant} */
const ofLstm = (name, options, gates = 4) => ({
  ...{ name: `lstm, ${name}`, gates, plain: (H) => lstm(H), variant: (H) => lstm(H, options) },
});
/** @type {(name: string, options: import("unrolled").GruOptions) => Variant} */
const ofGru = (name, options) => ({
  ...{ name: `gru, ${name}`, gates: 3, plain: (H) => gru(H), variant: (H) => gru(H, options) },
});
/** @type {(name: string, options: import("unrolled").ElmanOptions) => Variant} */
const ofElman = (name, options) => ({
  ...{ name: `elman, ${name}`, gates: 1, plain: (H) => elman(H), variant: (H) => elman(H, options) },
});

/** @type {(H: number) => number} */
const half = (H) => H >> 1;
/** @type {Variant} */
const projection = {
  ...{ name: "lstm, projection to half", gates: 4, plain: (H) => lstm(H), projection: half },
  variant: (H) => lstm(H, { projection: half(H) }),
};

/** @type {readonly Variant[]} */
export const variants = [
  projection,
  ofLstm("peepholes", { peepholes: true }),
  ofLstm("coupled", { coupled: true }, 3),
  ofLstm("cellClip", { cellClip: 1 }),
  ofLstm("gateClip", { gateClip: 3 }),
  ofLstm("layerNorm", { layerNorm: true }),
  ofLstm("learnInitialState", { learnInitialState: true }),
  ofLstm("recurrentDropout", { recurrentDropout: 0.2 }),
  ofLstm("zoneout", { zoneout: 0.1 }),
  ofGru("reset before", { reset: "before" }),
  ofGru("learnInitialState", { learnInitialState: true }),
  ofGru("recurrentDropout", { recurrentDropout: 0.2 }),
  ofGru("zoneout", { zoneout: 0.1 }),
  ofElman("sigmoid", { activation: "sigmoid" }),
  ofElman("recurrentDropout", { recurrentDropout: 0.2 }),
  ofElman("zoneout", { zoneout: 0.1 }),
];

/**
 * Floating-point operations of the matrix products of forward and backward, as in workloads.js. R is the size of h.
 * @param {Sizes} sizes @param {number} gates @param {number} [R]
 */
export function flopsOf({ B, T, I, H }, gates, R = H) {
  return 3 * 2 * B * T * (gates * H * (I + R) + (R < H ? R * H : 0));
}

/** @type {Sizes} */
const sizes = { B: 32, T: 50, I: 128, H: 128 };

/** The layer's gradients must be right before anything is timed. @param {MakeLayer} layer */
export function check(layer) {
  const net = new Network({ input: { features: 3 }, layers: [layer(6)], seed: 1 });
  const inputs = tensor(features(2 * 4 * 3, 1), [2, 4, 3]);
  const targets = tensor(features(net.predict(inputs).data.length, 2), net.predict(inputs).shape);
  for (const { name, error } of gradientCheck(net, { inputs, targets }, { loss: meanSquaredError() })) {
    if (!(error < 0.05)) throw new Error(`${name}: the gradient is off by ${error}; nothing is timed`);
  }
}

/**
 * A pass forward and backward over a batch; returns a number of the result.
 * @param {MakeLayer} layer @param {Sizes} sizes @returns {() => number}
 */
export function pass(layer, { B, T, I, H }) {
  const net = new Network({ input: { features: I }, layers: [layer(H)], seed: 1 });
  const input = tensor(features(B * T * I, 1), [B, T, I]);
  const { shape, data } = net.predict(input);
  const gradient = tensor(features(data.length, 2), shape);
  return () => {
    net.forward(input, { training: true, output: data });
    net.zeroGrad();
    return Number(net.backward(gradient).gradState[0]);
  };
}

/**
 * The variants of the recurrent layers, each beside the plain layer in turns: time for the same work, forward and backward.
 * @param {boolean} quick
 * @param {Processor} processor
 * @param {(line: string) => void} print
 */
export async function runVariants(quick, processor, print) {
  await processor.start();
  const { B, T, I, H } = sizes;
  const widths = [28, -9, -9, -9, -15];
  /** @type {{ name: string, plain: Times, variant: Times, ratio: number }[]} */
  const results = [];
  print(`\nforward and backward, B=${B} T=${T} I=${I} H=${H}`);
  print(line(["", "plain ms", "ms", "GFLOP/s", "time per FLOP"], widths));
  for (const { name, gates, projection: R, ...layers } of variants) {
    check(layers.plain);
    check(layers.variant);
    const functions = { plain: pass(layers.plain, sizes), variant: pass(layers.variant, sizes) };
    const { plain, variant } = await measure(functions, quick ? paces.quick : paces.short, () => processor.isCalm());
    const plainGates = name.startsWith("lstm") ? 4 : gates;
    const flops = flopsOf(sizes, gates, R?.(H));
    const ratio = variant.median / flops / (plain.median / flopsOf(sizes, plainGates));
    const mark = plain.disturbed || variant.disturbed ? "~" : "";
    const rate = (flops / variant.median / 1e6).toFixed(1);
    const times = [milliseconds(plain.median), milliseconds(variant.median), rate];
    print(line([name, ...times, `${mark}${ratio.toFixed(2)}`], widths));
    results.push({ name, plain, variant, ratio });
  }
  print('\n"time per FLOP": of the variant, over that of the plain layer');
  return results;
}
