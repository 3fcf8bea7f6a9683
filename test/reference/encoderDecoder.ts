/**
 * An encoder and its decoder in plain float64, one pair of sequences at a time:
 *
 *   encoder   recurrent over x, both directions if wanted; or a vector x through a dense layer of tanh
 *   bridge    initial states = the final ones, or tanh(W·[all final states, or the vector] + b)
 *   decoder   recurrent over d; y = [context, h] with attention over the encoder's outputs, or h; o = W·y + b
 *
 * Parameters have the library's names. What is the layer's own is in reference.ts.
 */

import { type CellName, linear, linearBackward, type Params, recurrent, type RecurrentConfig } from "../reference.ts";
import { type AdditiveParams, attend } from "./attention.ts";

type Vector = Float64Array;

export interface EncoderDecoderSetting {
  cell: CellName & ("lstm" | "gru");
  /** Sizes of the encoder's input and states; `vector`: of its dense layer. */
  I: number;
  S: number;
  vector?: boolean;
  bidirectional?: boolean;
  /** Sizes of the decoder's input, states and output. */
  D: number;
  H: number;
  O: number;
  bridge: "copy" | "dense";
  attention?: "dot" | "additive";
}

/** One pair: outputs of the decoder (steps, O), and the way back from their gradients. */
interface Run {
  output: Vector;
  /** Adds to `dParams`. */
  backward: (dOutput: Vector, dParams: Params) => { x: Vector; d: Vector };
}

/** x (steps, I) or (I), d (steps, D) */
export function encodeDecode(setting: EncoderDecoderSetting, params: Params, x: Vector, d: Vector): Run {
  const { cell, D, H, attention } = setting;
  const encoder = encode(setting, params, x);
  const bridge = cross(setting, params, encoder.summary);
  const [h0, c0] = [bridge.initial.slice(0, H), cell === "lstm" ? bridge.initial.slice(H) : undefined];
  const own = within(params, `decoder.${cell}.`);
  const decoder = recurrent({ cell, inputSize: D, hiddenSize: H }, own, d, { h0, c0 });
  const M = encoder.width;
  const weights = attention === "additive" ? additiveOf(params) : undefined;
  const hs = rows(decoder.output, H);
  const attended = attention ? hs.map((h) => attend(h, encoder.output, M, weights)) : undefined;
  const ys = Float64Array.from(hs.flatMap((h, t) => [...(attended?.[t]!.context ?? []), ...h]));
  const [W, b] = [params["decoder.dense.weight"]!, params["decoder.dense.bias"]!];
  const width = attended ? M + H : H;
  const backward: Run["backward"] = (dOutput, dParams) => {
    const dense = linearBackward(ys, width, W, dOutput);
    addTo(dParams["decoder.dense.weight"]!, dense.weight);
    addTo(dParams["decoder.dense.bias"]!, dense.bias);
    const dMemory = new Float64Array(encoder.output.length);
    const dWeights = attention === "additive" ? additiveOf(dParams) : undefined;
    const dHs = rows(dense.input, width).flatMap((dY, t) => {
      const dH = dY.slice(width - H);
      if (!attended) return [...dH];
      const grads = attended[t]!.backward(dY.slice(0, M), dWeights);
      addTo(dMemory, grads.memory);
      addTo(dH, grads.query);
      return [...dH];
    });
    const grads = decoder.backward(Float64Array.from(dHs));
    addAll(dParams, grads.params, `decoder.${cell}.`);
    const dInitial = Float64Array.from([...grads.h0, ...(cell === "lstm" ? grads.c0 : [])]);
    return { x: encoder.backward(dMemory, bridge.backward(dInitial, dParams), dParams), d: grads.input };
  };
  return { output: linear(ys, width, W, b), backward };
}

interface Encoded {
  /** (steps, width) */
  output: Vector;
  width: number;
  /** All final states, or the vector. */
  summary: Vector;
  backward: (dOutput: Vector, dSummary: Vector, dParams: Params) => Vector;
}

function encode(
  { cell, I, S, vector, bidirectional = false }: EncoderDecoderSetting,
  params: Params,
  x: Vector,
): Encoded {
  if (vector) {
    const [W, b] = [params["encoder.dense.weight"]!, params["encoder.dense.bias"]!];
    const y = linear(x, I, W, b).map(Math.tanh);
    const backward: Encoded["backward"] = (_, dY, dParams) => tanhBackward(x, I, W, y, dY, dParams, "encoder.dense.");
    return { output: y, width: S, summary: y, backward };
  }
  const config: RecurrentConfig = { cell, inputSize: I, hiddenSize: S, bidirectional };
  const { output, hn, cn, backward } = recurrent(config, within(params, `encoder.${cell}.`), x);
  return {
    ...{ output, width: bidirectional ? 2 * S : S, summary: Float64Array.from([...hn, ...cn]) },
    backward(dOutput, dSummary, dParams) {
      const grads = backward(dOutput, dSummary.slice(0, hn.length), dSummary.slice(hn.length));
      addAll(dParams, grads.params, `encoder.${cell}.`);
      return grads.input;
    },
  };
}

/** The decoder's initial states, side by side. */
function cross({ bridge }: EncoderDecoderSetting, params: Params, summary: Vector) {
  if (bridge === "copy") return { initial: summary, backward: (dInitial: Vector) => dInitial };
  const [W, b] = [params["bridge.weight"]!, params["bridge.bias"]!];
  const initial = linear(summary, summary.length, W, b).map(Math.tanh);
  const backward = (dInitial: Vector, dParams: Params): Vector =>
    tanhBackward(summary, summary.length, W, initial, dInitial, dParams, "bridge.");
  return { initial, backward };
}

/** y = tanh(W·x + b) */
function tanhBackward(x: Vector, I: number, W: Vector, y: Vector, dY: Vector, dParams: Params, prefix: string): Vector {
  const dA = dY.map((d, k) => d * (1 - y[k]! * y[k]!));
  const grads = linearBackward(x, I, W, dA);
  addAll(dParams, { weight: grads.weight, bias: grads.bias }, prefix);
  return grads.input;
}

function additiveOf(params: Params): AdditiveParams {
  const own = within(params, "decoder.attention.");
  return { weight_query: own.weight_query!, weight_memory: own.weight_memory!, weight_score: own.weight_score! };
}

/** Those of a prefix, without it; the very arrays. */
function within(params: Params, prefix: string): Params {
  const own = Object.entries(params).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, values]) => [name.slice(prefix.length), values]));
}

function addAll(target: Params, own: Params, prefix: string): void {
  for (const [name, values] of Object.entries(own)) addTo(target[prefix + name]!, values);
}

function addTo(target: Vector, values: Vector): void {
  values.forEach((value, k) => (target[k]! += value));
}

function rows(matrix: Vector, width: number): Vector[] {
  return Array.from({ length: matrix.length / width }, (_, n) => matrix.slice(n * width, (n + 1) * width));
}
