/** Trained models under models/ in Keras' layout: ICU's word segmenters and Opus' gate for speech and music. */

import { readFileSync } from "node:fs";
import { dense, embedding, gru, lstm, Network, type NetworkConfig } from "../bindings/index.ts";
import { gateLayouts, gatesToOurs, ourLayout, reorderGates, transpose } from "../bindings/io/gates.ts";
import { float32Of, readSafetensors, writeSafetensors, type RawTensor } from "../bindings/io/safetensors.ts";

const file = (name: string) => new Uint8Array(readFileSync(new URL(`models/${name}`, import.meta.url)));
export const json = (name: string): unknown => JSON.parse(new TextDecoder().decode(file(name)));

/** A file whose tensors are Keras', x·W, under names of its own. */
class KerasFile {
  readonly #tensors;
  readonly #ours: [string, RawTensor][] = [];

  constructor(name: string) {
    this.#tensors = readSafetensors(file(name)).tensors;
  }

  shape(name: string): readonly number[] {
    return this.#tensors.get(name)!.shape;
  }

  #values(name: string): Float32Array {
    return float32Of(name, this.#tensors.get(name)!);
  }

  #put(name: string, shape: readonly number[], values: Float32Array): void {
    this.#ours.push([name, { dtype: "F32", shape, bytes: new Uint8Array(values.slice().buffer) }]);
  }

  embedding(ours: string, name: string): void {
    this.#put(`${ours}.weight`, this.shape(name), this.#values(name));
  }

  dense(ours: string, weight: string, bias: string): void {
    const [I = 0, O = 0] = this.shape(weight);
    this.#put(`${ours}.weight`, [O, I], transpose(this.#values(weight), I, O));
    this.#put(`${ours}.bias`, [O], this.#values(bias));
  }

  cell(ours: string, cell: "lstm" | "gru", suffix: string, names: readonly [w: string, u: string, b: string]): void {
    const [[I = 0, rows = 0], [H = 0]] = [this.shape(names[0]), this.shape(names[1])];
    const layout = gateLayouts.keras;
    this.#put(`${ours}.weight_ih_l0${suffix}`, [rows, I], gatesToOurs(layout, cell, this.#values(names[0]), I));
    this.#put(`${ours}.weight_hh_l0${suffix}`, [rows, H], gatesToOurs(layout, cell, this.#values(names[1]), H));
    const bias = reorderGates(this.#values(names[2]), layout[cell], ourLayout[cell]);
    this.#put(`${ours}.bias_ih_l0${suffix}`, [rows], bias);
    this.#put(`${ours}.bias_hh_l0${suffix}`, [rows], new Float32Array(rows));
  }

  network(config: NetworkConfig): Network {
    return Network.load(writeSafetensors(this.#ours), config);
  }
}

export interface Segmenter {
  readonly type: "graphclust" | "codepoints";
  readonly classes: readonly string[];
  readonly unknown_index: number;
  readonly vocabulary: readonly string[];
  readonly tests: readonly { readonly input: string; readonly words: readonly string[] }[];
}

/** Embedding, bidirectional LSTM, dense. */
export function segmenterNetwork(name: string): Network {
  const model = new KerasFile(`icu/${name}.safetensors`);
  const [tokens = 0, units = 0] = model.shape("embedding");
  const [hidden = 0] = model.shape("forward_u");
  model.embedding("embedding", "embedding");
  model.cell("lstm", "lstm", "", ["forward_w", "forward_u", "forward_b"]);
  model.cell("lstm", "lstm", "_reverse", ["backward_w", "backward_u", "backward_b"]);
  model.dense("dense", "output_w", "output_b");
  return model.network({
    input: { tokens },
    layers: [embedding(units), lstm(hidden, { bidirectional: true }), dense(4, { activation: "softmax" })],
  });
}

/** A word begins where the class is BEGIN or SINGLE. */
export function split(
  net: Network,
  { type, classes, vocabulary, unknown_index: unknown }: Segmenter,
  text: string,
): string[] {
  const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });
  const symbols =
    type === "codepoints" ? Array.from(text) : Array.from(segmenter.segment(text), ({ segment }) => segment);
  const places = new Map(vocabulary.map((symbol, k) => [symbol, k]));
  const { output } = net.forward([symbols.map((symbol) => places.get(symbol) ?? unknown)]);
  const words: string[] = [];
  symbols.forEach((symbol, t) => {
    const scores = output.data.subarray(t * 4, t * 4 + 4);
    const best = classes[scores.indexOf(Math.max(...scores))]!;
    if (t === 0 || best === "BEGIN" || best === "SINGLE") words.push(symbol);
    else words.push(words.pop()! + symbol);
  });
  return words;
}

export const segmenterNames = [
  "Burmese_graphclust_model5_heavy",
  "Thai_codepoints_exclusive_model5_heavy",
  "Thai_graphclust_model4_heavy",
];

/** Dense, GRU, dense. */
export function opusNetwork(): Network {
  const model = new KerasFile("opus/opus-speech-music.safetensors");
  model.dense("dense", "dense0.w", "dense0.b");
  model.cell("gru", "gru", "", ["gru.w", "gru.u", "gru.b"]);
  model.dense("dense_1", "dense2.w", "dense2.b");
  return model.network({
    input: { features: 25 },
    layers: [dense(32, { activation: "tanh" }), gru(24, { reset: "before" }), dense(2, { activation: "sigmoid" })],
  });
}
