import type { Core, Pointer } from "./core/core.ts";
import type { Time } from "./data/values.ts";
import type { Builder, Layer, LayerType, Memory, ParameterBlock, Shape, StateBuffer } from "./layers/layer.ts";
import { show } from "./validate.ts";

/** What layers are built in. */
export interface Site {
  readonly core: Core;
  readonly shared: { scratch: Pointer };
  /** Gets each parameter and buffer. */
  readonly add: (parameter: ParameterBlock) => void;
  /** Layers and elements of parameters so far. */
  layers: number;
  offset: number;
}

/** Layers one after another. */
export interface Stack {
  readonly input: Shape;
  /** Whether the input has time. */
  readonly inputTime: Time;
  readonly layers: readonly Layer[];
  readonly output: Shape;
  /** The states that are carried: all that layers have, unless some are given from within. */
  readonly states: readonly NamedState[];
}

export type NamedState = StateBuffer & { readonly name: string };

/** What layers are built from: an input and their descriptions. */
interface StackConfig<D> {
  readonly input: { readonly tokens: number } | { readonly features: number };
  readonly layers: readonly D[];
}

/** A part of a larger network: what its names begin with, what comes in, and what its attention looks at. */
interface Part {
  readonly prefix?: string;
  readonly time?: "input" | "sequence";
  readonly memory?: Memory;
}

/** Builds layers one after another, each from the shape that the one before gives. */
export function buildLayers<D extends { readonly type: string; readonly name?: string }>(
  config: StackConfig<D>,
  site: Site,
  types: Readonly<Record<D["type"], LayerType<D>>>,
  { prefix = "", time = "input", memory }: Part = {},
): Stack {
  let inputTime: Time = time;
  const { input: given } = config;
  const [kind, size] =
    "tokens" in given ? (["tokens", given.tokens] as const) : (["features", given.features] as const);
  const input: Shape = { kind, size, time, steps: undefined, reverseFrom: size };
  let shape = input;
  const names = layerNamesOf(config.layers);
  names.filter(Boolean).forEach(once());
  const claim = once();
  const layers = config.layers.map((description, i) => {
    const name = names[i]!;
    const builder: Builder = {
      ...site,
      memory,
      name: prefix + (name || description.type),
      input: shape,
      declare: declareIn(site, prefix + (name && `${name}.`), claim),
      requireTime(time) {
        if (shape.time === "input") {
          if (inputTime !== "input" && inputTime !== time) timeError(description.type, inputTime, time);
          inputTime = time;
        } else if (shape.time !== time) timeError(description.type, shape.time, time);
      },
    };
    const type: D["type"] = description.type;
    const layer = types[type].build(description, builder);
    shape = layer.output;
    return layer;
  });
  if (shape.kind === "tokens") {
    throw new TypeError(`"${prefix}layers" expected embedding() first, because the input is tokens`);
  }
  return { input, inputTime, layers, output: shape, states: layers.flatMap(namedStates) };
}

/** How the next layer declares its parameters, whose names begin with `prefix`; `claim` sees each name. */
export function declareIn(site: Site, prefix: string, claim: (name: string) => void): Builder["declare"] {
  const layer = site.layers++;
  return (parameter, shape, initialize, buffer) => {
    const block: ParameterBlock = {
      layer,
      name: prefix + parameter,
      shape: Object.freeze([...shape]),
      size: shape.reduce((a, b) => a * b, 1),
      offset: site.offset,
      value: 0,
      gradient: 0,
      initialize,
      buffer,
    };
    if (!buffer) site.offset += block.size;
    claim(block.name);
    site.add(block);
    return block;
  };
}

function namedStates({ name, states }: Layer): NamedState[] {
  return states.map((state) => Object.assign(state, { name: `${name}.${state.label}` }));
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
function layerNamesOf(layers: readonly { readonly type: string; readonly name?: string }[]): string[] {
  const seen = new Map<string, number>();
  return layers.map(({ name, type }) => {
    if (name !== undefined) return name;
    const count = seen.get(type) ?? 0;
    seen.set(type, count + 1);
    return count === 0 ? type : `${type}_${count}`;
  });
}
