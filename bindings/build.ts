import type { Core, Pointer } from "./core/core.ts";
import type { Time } from "./data/values.ts";
import { layerTypes, type LayerDescription } from "./layers/index.ts";
import type { Builder, ParameterBlock, Shape } from "./layers/layer.ts";
import { show } from "./validate.ts";

/** What the engine is built from. */
export interface EngineConfig {
  readonly input: { readonly tokens: number } | { readonly features: number };
  readonly layers: readonly LayerDescription[];
  readonly seed: number;
}

/** Builds the layers one after another, each from the shape that the one before gives; `add` gets each parameter and buffer. */
export function buildLayers(
  config: EngineConfig,
  core: Core,
  shared: { scratch: Pointer },
  add: (parameter: ParameterBlock) => void,
) {
  let inputTime: Time = "input";
  const tokens = "tokens" in config.input;
  const size = "tokens" in config.input ? config.input.tokens : config.input.features;
  const input: Shape = {
    kind: tokens ? "tokens" : "features",
    size,
    time: "input",
    steps: undefined,
    reverseFrom: size,
  };
  let shape = input;
  let offset = 0;
  const names = layerNamesOf(config.layers);
  names.filter((name) => name !== "").forEach(once());
  const claim = once();
  const layers = config.layers.map((description, i) => {
    const name = names[i]!;
    const builder: Builder = {
      core,
      name: name === "" ? description.type : name,
      input: shape,
      shared,
      declare(parameter, parameterShape, initialize, buffer) {
        const block: ParameterBlock = {
          layer: i,
          name: name === "" ? parameter : `${name}.${parameter}`,
          shape: Object.freeze([...parameterShape]),
          size: parameterShape.reduce((a, b) => a * b, 1),
          offset,
          value: 0,
          gradient: 0,
          initialize,
          buffer,
        };
        if (!buffer) offset += block.size;
        claim(block.name);
        add(block);
        return block;
      },
      requireTime(time) {
        if (shape.time === "input") {
          if (inputTime !== "input" && inputTime !== time) timeError(description.type, inputTime, time);
          inputTime = time;
        } else if (shape.time !== time) timeError(description.type, shape.time, time);
      },
    };
    const layer = layerTypes[description.type].build(description, builder);
    shape = layer.output;
    return layer;
  });
  if (shape.kind === "tokens") throw new TypeError('"layers" expected embedding() first, because the input is tokens');
  return { input, layers, output: shape, inputTime: inputTime as Time };
}

/** Refuses a name that it has seen. */
function once(): (name: string) => void {
  const seen = new Set<string>();
  return (name) => {
    if (seen.has(name)) throw new RangeError(`"layers": two layers have the "name" ${show(name)}: give each its own`);
    seen.add(name);
  };
}

function timeError(layer: string, given: string, needed: string): never {
  const cure = needed === "sequence" ? "put repeat(n) before it" : "put last() before it";
  throw new TypeError(`${layer}() needs a ${needed}, and a ${given} comes in: ${cure}`);
}

/** A layer's own name, or its type, numbered from the second of that type on. */
function layerNamesOf(layers: readonly LayerDescription[]): string[] {
  const seen = new Map<string, number>();
  return layers.map(({ name, type }) => {
    if (name !== undefined) return name;
    const count = seen.get(type) ?? 0;
    seen.set(type, count + 1);
    return count === 0 ? type : `${type}_${count}`;
  });
}
