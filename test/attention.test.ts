/** Attention, and an encoder and decoder with and without it: the reference against central differences, the core against it. */

import { describe, expect, test } from "vitest";
import { attention, dense, EncoderDecoder, gru, lstm, type EncoderDecoderConfig } from "../bindings/index.ts";
import { expectClose, expectGradients, randomizeParameters, randomNumbers, toTensor } from "./agreement.ts";
import { centralDifference, type Params } from "./reference.ts";
import { type AdditiveParams, attend } from "./reference/attention.ts";
import { encodeDecode, type EncoderDecoderSetting } from "./reference/encoderDecoder.ts";

const NUMERIC = 1e-8;

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, v, k) => sum + v * b[k]!, 0);
}

// ------------------------------------------------------------------------------- the reference, central differences

describe.each([
  ["dot", 3, 3, 0],
  ["additive", 5, 3, 4],
] as const)("attention, %s: the reference's backward against central differences", (score, H, M, A) => {
  const random = randomNumbers(1);
  const L = 4;
  const own = { weight_query: random(A * H), weight_memory: random(A * M), weight_score: random(A) };
  const inputs: Params = { query: random(H), memory: random(L * M), ...(score === "additive" && own) };
  const R = random(M);
  const run = ({ query, memory, ...params }: Params) =>
    attend(query!, memory!, M, score === "additive" ? (params as unknown as AdditiveParams) : undefined);
  const dParams = Object.fromEntries(Object.entries(own).map(([name, { length }]) => [name, new Float64Array(length)]));
  const back = run(inputs).backward(R, dParams as unknown as AdditiveParams);
  const grads: Params = { ...dParams, ...back };

  test.each(Object.keys(inputs))("%s", (name) => {
    const lossOf = (moved: Float64Array) => dot(run({ ...inputs, [name]: moved }).context, R);
    const numeric = centralDifference(lossOf, inputs[name]!);
    expect(Math.max(...numeric.map(Math.abs))).toBeGreaterThan(1e-3);
    expectClose(name, grads[name]!, numeric, NUMERIC);
  });
});

const small = { I: 2, D: 3, O: 2 } as const;

const settings: readonly EncoderDecoderSetting[] = [
  { ...small, cell: "gru", S: 3, H: 3, bridge: "copy" },
  { ...small, cell: "lstm", S: 3, H: 3, bridge: "copy", attention: "dot" },
  { ...small, cell: "lstm", S: 2, H: 5, bridge: "dense", attention: "additive" },
  { ...small, cell: "gru", S: 2, H: 4, bidirectional: true, bridge: "dense", attention: "dot" },
  { ...small, cell: "lstm", S: 2, H: 3, bidirectional: true, bridge: "dense", attention: "additive" },
  { ...small, cell: "gru", S: 4, H: 3, vector: true, bridge: "dense" },
  { ...small, cell: "lstm", S: 4, H: 3, vector: true, bridge: "dense" },
];

function titleOf({ cell, S, H, vector, bidirectional, bridge, attention: score }: EncoderDecoderSetting): string {
  const encoder = vector ? "a vector" : bidirectional ? "both directions" : "one direction";
  return `${cell}, ${encoder} S${S}, H${H}, bridge ${bridge}, attention ${score ?? "none"}`;
}

describe.each(settings.map((setting) => [titleOf(setting), setting] as const))(
  "encoder and decoder, %s: the reference's backward against central differences",
  (_, setting) => {
    const random = randomNumbers(2);
    const net = new EncoderDecoder(configOf(setting));
    const params = randomizeParameters(net, random);
    const inputs: Params = { ...params, x: random((setting.vector ? 1 : 4) * setting.I), d: random(3 * setting.D) };
    const R = random(3 * setting.O);
    const run = ({ x, d, ...own }: Params) => encodeDecode(setting, own, x!, d!);
    const grads = zerosLike(params);
    Object.assign(grads, run(inputs).backward(R, grads));

    test.each(Object.keys(inputs))("%s", (name) => {
      const lossOf = (moved: Float64Array) => dot(run({ ...inputs, [name]: moved }).output, R);
      expectClose(name, grads[name]!, centralDifference(lossOf, inputs[name]!), NUMERIC);
    });
  },
);

function zerosLike(params: Params): Params {
  return Object.fromEntries(Object.entries(params).map(([name, { length }]) => [name, new Float64Array(length)]));
}

// ----------------------------------------------------------------------------------------- the core against the reference

/** The library's description of a setting. */
function configOf({ cell, bridge, attention: score, ...setting }: EncoderDecoderSetting): EncoderDecoderConfig {
  const { I, S, vector = false, bidirectional = false, D, H, O } = setting;
  const recurrent = cell === "lstm" ? lstm : gru;
  return {
    encoder: {
      input: { features: I },
      layers: [vector ? dense(S, { activation: "tanh" }) : recurrent(S, { bidirectional })],
    },
    decoder: {
      input: { features: D },
      layers: [recurrent(H), ...(score ? [attention(score)] : []), dense(O)],
    },
    bridge: bridge === "copy" ? "copy" : { activation: "tanh" },
  };
}

const sizes = [
  { B: 1, T: 1, U: 1 },
  { B: 3, T: 5, U: 4 },
  { B: 5, T: 3, U: 7 },
  { B: 4, T: 17, U: 2 },
] as const;

/** The same kinds at sizes around those of a vector and a panel. */
function atSize(setting: EncoderDecoderSetting, S: number, O: number): EncoderDecoderSetting {
  const M = S * (setting.bidirectional ? 2 : 1);
  const alike = setting.bridge === "copy" || setting.attention === "dot";
  return { ...setting, I: O, D: O + 1, S, O, H: alike ? M : S + 2 };
}

const grid = settings.flatMap((setting) =>
  [1, 3, 5, 17].flatMap((S, k) => {
    const sized = atSize(setting, S, [1, 3, 5, 17][(k + 1) % 4]!);
    return sizes.flatMap((size) => [false, true].map((ragged) => ({ setting: sized, ...size, ragged })));
  }),
);

describe("encoder and decoder: outputs, gradients of both inputs and of every parameter", () => {
  test.each(
    grid.map((one) => {
      const { setting, B, T, U, ragged } = one;
      return [
        `${titleOf(setting)}, I${setting.I} O${setting.O} B${B} T${T} U${U}${ragged ? " ragged" : ""}`,
        one,
      ] as const;
    }),
  )("%s", (title, { setting, B, T, U, ragged }) => {
    const random = randomNumbers(title.length);
    const net = new EncoderDecoder(configOf(setting));
    const params = randomizeParameters(net, random);
    const steps = setting.vector ? 1 : T;
    const lengths = Array.from({ length: B }, (_, b) => (ragged && !setting.vector ? 1 + ((b * 2 + 1) % T) : steps));
    const decoderLengths = Array.from({ length: B }, (_, b) => (ragged ? 1 + ((b * 3 + 2) % U) : U));
    const x = random(B * steps * setting.I);
    const d = random(B * U * setting.D);
    const R = random(B * U * setting.O);
    const shape = setting.vector ? [B, setting.I] : [B, T, setting.I];
    const options = { ...(ragged && { decoderLengths }), ...(ragged && !setting.vector && { lengths }) };
    const run = (training: boolean) =>
      net.forward(toTensor(x, shape), toTensor(d, [B, U, setting.D]), { ...options, training });

    const grads = zerosLike(params);
    const output = new Float64Array(B * U * setting.O);
    const dX = new Float64Array(x.length);
    const dD = new Float64Array(d.length);
    for (let b = 0; b < B; b++) {
      const part = (data: Float64Array, T: number, F: number, n: number) => data.slice(b * T * F, b * T * F + n * F);
      const own = encodeDecode(
        setting,
        params,
        part(x, steps, setting.I, lengths[b]!),
        part(d, U, setting.D, decoderLengths[b]!),
      );
      const back = own.backward(part(R, U, setting.O, decoderLengths[b]!), grads);
      output.set(own.output, b * U * setting.O);
      dX.set(back.x, b * steps * setting.I);
      dD.set(back.d, b * U * setting.D);
    }

    expectClose("output, not for training", run(false).data, output);
    expectClose("output", run(true).data, output);
    const { gradInput, gradDecoderInput } = net.backward(toTensor(R, [B, U, setting.O]));
    expectClose("gradient of the encoder's input", gradInput!.data, dX);
    expectClose("gradient of the decoder's input", gradDecoderInput!.data, dD);
    expectGradients(net, grads);
  });
});
