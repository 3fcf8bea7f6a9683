import { normalizeLayer, type LayerDescription } from "./layers/index.ts";
import { expectInteger, expectOptions, expectRange, expectType } from "./validate.ts";

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
  expectOptions("input", input, ["tokens", "features"]);
  const tokens = "tokens" in input;
  expectType(tokens !== "features" in input, "input", "{ tokens: n } or { features: n }", input);
  const size = tokens ? expectInteger("tokens", input.tokens, 1) : expectInteger("features", input.features, 1);
  expectType(Array.isArray(layers), "layers", "an array of layers", layers);
  expectRange(layers.length > 0, "layers", "at least one layer", layers);
  return Object.freeze({
    input: Object.freeze(tokens ? { tokens: size } : { features: size }),
    layers: Object.freeze(Array.from(layers, (layer: unknown, i) => normalizeLayer(`layers[${i}]`, layer))),
    seed: expectInteger("seed", seed, 0, Number.MAX_SAFE_INTEGER),
  });
}
