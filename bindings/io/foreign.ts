/** A network from what a reader has made of a foreign file: its layers, and its weights under our names. */

import { FormatError } from "../errors.ts";
import { Network, type LayerDescription, type NetworkConfig } from "../index.ts";
import { isObject } from "./json.ts";
import { writeSafetensors, type RawTensor } from "./safetensors.ts";

export interface ForeignModel {
  readonly input: NetworkConfig["input"];
  readonly layers: readonly LayerDescription[];
  /** Row-major. */
  readonly weights: readonly ForeignWeight[];
  /** Kept in the metadata, as JSON under `origin`: the format and who wrote it. */
  readonly origin: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface ForeignWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** @throws FormatError when layers and weights do not belong together */
export function networkOf({ input, layers, weights, origin, metadata }: ForeignModel): Network {
  const tensors = weights.map(({ name, shape, data }): [string, RawTensor] => {
    return [name, { dtype: "F32", shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }];
  });
  const unrolled = JSON.stringify({ version: 1, input, layers, seed: 0 });
  let file: Uint8Array;
  try {
    file = writeSafetensors(tensors, { ...metadata, origin: JSON.stringify(origin), unrolled });
  } catch (error) {
    throw new FormatError("malformed", `the file's layers are wrong: ${(error as Error).message}`);
  }
  return Network.load(file);
}

/** JSON as text, as bytes, or as what JSON.parse has made of it. @throws FormatError when it is no object */
export function readJson(what: string, json: unknown): Record<string, unknown> {
  let value = json;
  try {
    if (json instanceof Uint8Array) value = JSON.parse(new TextDecoder().decode(json.slice()));
    if (typeof json === "string") value = JSON.parse(json);
  } catch {
    throw new FormatError("malformed", `${what} is no JSON: write or download it again`);
  }
  if (!isObject(value)) throw new FormatError("malformed", `${what} is no JSON object: give the file's own text`);
  return value;
}
