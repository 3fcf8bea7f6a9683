import { expectOneOf, expectType } from "../validate.ts";
import { activationType, type ActivationLayer } from "./activation.ts";
import { batchNormType, type BatchNormLayer } from "./batchNorm.ts";
import { crfType, type CrfLayer } from "./crf.ts";
import { denseType, type DenseLayer } from "./dense.ts";
import { dropoutType, type DropoutLayer } from "./dropout.ts";
import { elmanType, type ElmanLayer } from "./elman.ts";
import { embeddingType, type EmbeddingLayer } from "./embedding.ts";
import { gruType, type GruLayer } from "./gru.ts";
import { jordanType, type JordanLayer } from "./jordan.ts";
import { lastType, type LastLayer } from "./last.ts";
import type { LayerType } from "./layer.ts";
import { layerNormType, type LayerNormLayer } from "./layerNorm.ts";
import { lstmType, type LstmLayer } from "./lstm.ts";
import { repeatType, type RepeatLayer } from "./repeat.ts";
import { tdnnType, type TdnnLayer } from "./tdnn.ts";

/** Description of a layer: plain JSON, made by the function of the same name. */
export type LayerDescription =
  | ActivationLayer
  | BatchNormLayer
  | CrfLayer
  | DenseLayer
  | DropoutLayer
  | ElmanLayer
  | EmbeddingLayer
  | GruLayer
  | JordanLayer
  | LastLayer
  | LayerNormLayer
  | LstmLayer
  | RepeatLayer
  | TdnnLayer;

/** The one table of layers: files, networks and tests go by it. */
export const layerTypes: Readonly<Record<LayerDescription["type"], LayerType<LayerDescription>>> = {
  activation: activationType,
  batchNorm: batchNormType,
  crf: crfType,
  dense: denseType,
  dropout: dropoutType,
  elman: elmanType,
  embedding: embeddingType,
  gru: gruType,
  jordan: jordanType,
  last: lastType,
  layerNorm: layerNormType,
  lstm: lstmType,
  repeat: repeatType,
  tdnn: tdnnType,
};

/** Names of all types of layer. */
export const layerNames = /*#__PURE__*/ Object.keys(layerTypes) as readonly LayerDescription["type"][];

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
