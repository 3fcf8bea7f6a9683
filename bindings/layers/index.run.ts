/** In place of index.ts where networks only run: the plain layers, and for any other the way to the library that has it. */

import { expectRange, expectType } from "../validate.ts";
import { activationType } from "./activation.ts";
import { denseType } from "./dense.ts";
import { dropoutType } from "./dropout.ts";
import { elmanType } from "./elman.ts";
import { embeddingType } from "./embedding.ts";
import { gruType } from "./gru.ts";
import type { LayerDescription } from "./index.ts";
import { lastType } from "./last.ts";
import type { LayerType } from "./layer.ts";
import { lstmType } from "./lstm.ts";
import { repeatType } from "./repeat.ts";

export const layerTypes: Readonly<Record<string, LayerType<LayerDescription>>> = {
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

const expected = `one of ${Object.keys(layerTypes).join(", ")} (any other needs the whole library: import from "unrolled")`;

/** A checked, frozen description from one that may come from a file. */
export function normalizeLayer(name: string, value: unknown): LayerDescription {
  const isObject = typeof value === "object" && value !== null && "type" in value;
  expectType(isObject, name, "a layer such as dense(8)", value);
  const { type } = value as LayerDescription;
  expectRange(Object.hasOwn(layerTypes, type), `${name}.type`, expected, type);
  return layerTypes[type]!.normalize(value as LayerDescription);
}
