import { checkActivation, type Activation } from "../activation.ts";
import { normalizeInput, normalizeLayers, normalizeSeed, type NetworkConfig } from "../config.ts";
import { attentionType, type AttentionLayer } from "../layers/attention.ts";
import { layerTypes, type LayerDescription } from "../layers/index.ts";
import type { LayerType } from "../layers/layer.ts";
import { whyNotStepwise } from "../layers/stepwise.ts";
import { expectInteger, expectNumber, expectOptions, expectRange, expectType } from "../validate.ts";

/** Description of a layer of a decoder: that of any network, or attention. */
export type DecoderLayerDescription = LayerDescription | AttentionLayer;

export interface EncoderConfig {
  /** `{ tokens: n }` or `{ features: n }`, as a Network's. */
  readonly input: NetworkConfig["input"];
  /** Layers over a sequence, or over a vector, such as dense(32). */
  readonly layers: readonly LayerDescription[];
}

export interface DecoderConfig {
  /** What it reads at each step: the tokens or numbers of the step before. */
  readonly input: NetworkConfig["input"];
  /**
   * Layers that go one step at a time. What comes out of the last is read at the next step: as many logits as there are tokens,
   * or as many numbers as features.
   */
  readonly layers: readonly DecoderLayerDescription[];
  /**
   * What it reads at the first step. Of tokens: one that stands for the start, which must be given. Of numbers: as many numbers,
   * default zeros, or "last", the last step of the encoder's input.
   */
  readonly start?: number | readonly number[] | "last";
  /** The token that ends a sequence: it is learnt after each target, and generation stops at it. Default none. */
  readonly stop?: number;
}

/** What an EncoderDecoder is made from: plain JSON. */
export interface EncoderDecoderConfig {
  readonly encoder: EncoderConfig;
  readonly decoder: DecoderConfig;
  /**
   * How the decoder's states begin. "copy": as the encoder's end, which must be as many, of the same sizes; `{ activation }`: by
   * a dense layer from all of the encoder's final states, or from its output where that is a vector. Default "copy" where it
   * fits, else `{ activation: "tanh" }`.
   */
  readonly bridge?: "copy" | { readonly activation: Activation };
  /** Seed of the weights, of dropout, of scheduled sampling and of the order of examples. Default 0. */
  readonly seed?: number;
}

/** A configuration that has been checked. */
export type CheckedConfig = EncoderDecoderConfig & { readonly seed: number };

/** The table of what a decoder may have in it. */
export const decoderTypes: Readonly<Record<DecoderLayerDescription["type"], LayerType<DecoderLayerDescription>>> =
  /*#__PURE__*/ Object.assign({ attention: attentionType }, layerTypes);

/** A checked, frozen configuration. @throws TypeError, RangeError on a wrong option */
export function normalizeEncoderDecoder(config: EncoderDecoderConfig): CheckedConfig {
  expectOptions("EncoderDecoder", config, ["encoder", "decoder", "bridge", "seed"]);
  const { encoder, decoder, bridge, seed = 0 } = config;
  expectOptions("encoder", encoder, ["input", "layers"]);
  const layers = normalizeLayers<LayerDescription>("encoder.layers", encoder.layers, layerTypes);
  expectNoCrf("encoder", layers);
  return Object.freeze({
    encoder: Object.freeze({ input: normalizeInput("encoder.input", encoder.input), layers }),
    decoder: normalizeDecoder(decoder, encoder.input),
    ...(bridge !== undefined && { bridge: checkBridge(bridge) }),
    seed: normalizeSeed(seed),
  });
}

function expectNoCrf(name: string, layers: readonly DecoderLayerDescription[]): void {
  if (!layers.some(({ type }) => type === "crf")) return;
  throw new TypeError(`"${name}.layers" have crf(), which tags the sequence a Network reads: leave it out`);
}

function normalizeDecoder(decoder: DecoderConfig, encoderInput: NetworkConfig["input"]): DecoderConfig {
  expectOptions("decoder", decoder, ["input", "layers", "start", "stop"]);
  const input = normalizeInput("decoder.input", decoder.input);
  const layers = normalizeLayers<DecoderLayerDescription>("decoder.layers", decoder.layers, decoderTypes);
  expectNoCrf("decoder", layers);
  const why = whyNotStepwise(layers);
  if (why !== undefined) throw new TypeError(`"decoder.layers" go one step at a time, and ${why}: leave it out`);
  if (layers.some((layer) => "learnInitialState" in layer)) {
    throw new TypeError('"decoder.layers" begin where the bridge says: leave "learnInitialState" out');
  }
  const { start, stop } = decoder;
  if ("features" in input) {
    expectType(stop === undefined, "decoder.stop", "none, because the decoder reads numbers", stop);
    return Object.freeze({ input, layers, start: checkStart(start, input.features, encoderInput) });
  }
  const last = input.tokens - 1;
  return Object.freeze({
    input,
    layers,
    start: expectInteger("decoder.start", start, 0, last),
    ...(stop !== undefined && { stop: expectInteger("decoder.stop", stop, 0, last) }),
  });
}

function checkStart(
  start: DecoderConfig["start"],
  features: number,
  encoderInput: NetworkConfig["input"],
): readonly number[] | "last" {
  if (start === undefined) return Object.freeze(Array.from({ length: features }, () => 0));
  if (start === "last") {
    const same = "features" in encoderInput && encoderInput.features === features;
    if (same) return start;
    throw new TypeError(`"decoder.start" of "last" needs an encoder whose input is ${features} features too`);
  }
  expectType(Array.isArray(start), "decoder.start", `${features} numbers or "last"`, start);
  expectRange(start.length === features, "decoder.start", `${features} numbers`, start);
  return Object.freeze(Array.from(start, (x: unknown, i) => expectNumber(`decoder.start[${i}]`, x)));
}

function checkBridge(bridge: unknown): NonNullable<EncoderDecoderConfig["bridge"]> {
  if (bridge === "copy") return bridge;
  expectType(typeof bridge === "object" && bridge !== null, "bridge", '"copy" or { activation }', bridge);
  expectOptions("bridge", bridge, ["activation"]);
  return Object.freeze({
    activation: checkActivation("bridge.activation", (bridge as { activation?: unknown }).activation),
  });
}
