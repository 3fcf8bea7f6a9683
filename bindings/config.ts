import { layerTypes, normalizeLayer, type LayerDescription } from "./layers/index.ts";
import type { LayerType } from "./layers/layer.ts";
import { expectInteger, expectOptions, expectRange, expectType } from "./validate.ts";
import { whole } from "./whole.ts";

/** What a network is made from: plain JSON. */
export interface NetworkConfig {
  /** `{ tokens: n }`: indices below n, for embedding(); `{ features: n }`: vectors of n numbers. */
  readonly input: { readonly tokens: number } | { readonly features: number };
  /** In order from the input to the output; at least one. */
  readonly layers: readonly LayerDescription[];
  /** Seed of the weights, of dropout and of the order of examples. Default 0. */
  readonly seed?: number;
}

/** A checked, frozen configuration with all options filled in. @throws TypeError, RangeError on a wrong option */
export function normalizeConfig(config: NetworkConfig): Required<NetworkConfig> {
  expectOptions("Network", config, ["input", "layers", "seed"]);
  const { input, layers, seed = 0 } = config;
  const checked = Object.freeze({
    input: normalizeInput("input", input),
    layers: normalizeLayers<LayerDescription>("layers", layers, layerTypes),
    seed: normalizeSeed(seed),
  });
  if (whole) expectCrfLast(checked.layers);
  return checked;
}

/** What comes out of crf() belongs to its loss and to decoding. */
function expectCrfLast(layers: readonly LayerDescription[]): void {
  const at = layers.findIndex(({ type }) => type === "crf");
  if (at < 0 || at === layers.length - 1) return;
  const { type } = layers.at(-1)!;
  const cure = type === "crf" ? "leave one of them out" : `put it behind ${type}()`;
  throw new TypeError(`"layers[${at}]" is crf(), which stands last: ${cure}`);
}

export function normalizeInput(name: string, input: NetworkConfig["input"]): NetworkConfig["input"] {
  expectOptions(name, input, ["tokens", "features"]);
  const tokens = "tokens" in input;
  expectType(tokens !== "features" in input, name, "{ tokens: n } or { features: n }", input);
  const size = tokens ? expectInteger("tokens", input.tokens, 1) : expectInteger("features", input.features, 1);
  return Object.freeze(tokens ? { tokens: size } : { features: size });
}

export function normalizeLayers<D extends { readonly type: string }>(
  name: string,
  layers: unknown,
  types: Readonly<Record<D["type"], LayerType<D>>>,
): readonly D[] {
  expectType(Array.isArray(layers), name, "an array of layers", layers);
  expectRange(layers.length > 0, name, "at least one layer", layers);
  return Object.freeze(Array.from(layers, (layer: unknown, i) => normalizeLayer(`${name}[${i}]`, layer, types)));
}

export function normalizeSeed(seed: unknown): number {
  return expectInteger("seed", seed, 0, Number.MAX_SAFE_INTEGER);
}
