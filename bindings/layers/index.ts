import { expectOneOf, expectType } from "../validate.ts";
import { activationType, type ActivationLayer } from "./activation.ts";
import { denseType, type DenseLayer } from "./dense.ts";
import { dropoutType, type DropoutLayer } from "./dropout.ts";
import { elmanType, type ElmanLayer } from "./elman.ts";
import { embeddingType, type EmbeddingLayer } from "./embedding.ts";
import { gruType, type GruLayer } from "./gru.ts";
import { lastType, type LastLayer } from "./last.ts";
import type { LayerType } from "./layer.ts";
import { lstmType, type LstmLayer } from "./lstm.ts";
import { repeatType, type RepeatLayer } from "./repeat.ts";

/** Description of a layer: plain JSON, made by the function of the same name. */
export type LayerDescription =
  | ActivationLayer
  | DenseLayer
  | DropoutLayer
  | ElmanLayer
  | EmbeddingLayer
  | GruLayer
  | LastLayer
  | LstmLayer
  | RepeatLayer;

/** The one table of layers: files, networks and tests go by it. */
export const layerTypes: Readonly<Record<LayerDescription["type"], LayerType<LayerDescription>>> = {
  activation: activationType,
  dense: denseType,
  dropout: dropoutType,
  elman: elmanType,
  embedding: embeddingType,
  gru: gruType,
  last: lastType,
  lstm: lstmType,
  repeat: repeatType,
};

/** Names of all types of layer. */
export const layerNames = Object.keys(layerTypes) as readonly LayerDescription["type"][];

/** A checked, frozen description, of a type in the table, from one that may come from a file. */
export function normalizeLayer<D extends { readonly type: string }>(
  name: string,
  value: unknown,
  types: Readonly<Record<D["type"], LayerType<D>>>,
): D {
  const isObject = typeof value === "object" && value !== null && "type" in value;
  expectType(isObject, name, "a layer such as dense(8)", value);
  const type = expectOneOf(`${name}.type`, value.type, Object.keys(types) as D["type"][]);
  return types[type].normalize(value as D);
}

/** Why layers cannot go one step at a time; undefined when they can. */
export function whyNotStepwise(layers: readonly { readonly type: string }[]): string | undefined {
  for (const layer of layers) {
    if (layer.type === "repeat") return "repeat() makes many steps of one";
    if ("bidirectional" in layer && layer.bidirectional) return "a bidirectional layer needs the end first";
  }
  return undefined;
}
