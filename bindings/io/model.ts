import type { Engine, EngineConfig } from "../engine.ts";
import { FormatError } from "../errors.ts";
import type { ParameterBlock } from "../layers/layer.ts";
import { showShape } from "../tensor.ts";
import { isObject } from "./json.ts";
import { float32Of, readSafetensors, writeSafetensors, type RawTensor, type Safetensors } from "./safetensors.ts";

/** Key of the metadata under which a file keeps the description of its network. */
const KEY = "unrolled";

/** Tensors of a checkpoint that are no parameters begin so; a layer's name may not. */
export const RESERVED = "__training__.";

type NamedTensor = readonly [string, RawTensor];

/** A network as a file: parameters by name in their order, then `extra`; the description goes into the metadata. */
export function writeModel(
  engine: Engine,
  config: EngineConfig,
  metadata: Readonly<Record<string, string>>,
  extra: readonly NamedTensor[] = [],
): Uint8Array<ArrayBuffer> {
  const tensors = engine.parameters.map(({ name, shape, value, size }): NamedTensor => {
    return [name, floatTensor(engine.core.view(value, size), shape)];
  });
  const description = { version: 1, input: config.input, layers: config.layers, seed: config.seed };
  return writeSafetensors([...tensors, ...extra], { ...metadata, [KEY]: JSON.stringify(description) });
}

/** A copy of floats as a tensor of a file. Every runtime here is little-endian, as WebAssembly is and as the format asks. */
export function floatTensor(data: Float32Array, shape: readonly number[] = [data.length]): RawTensor {
  return { dtype: "F32", shape, bytes: new Uint8Array(data.slice().buffer) };
}

/** A file that has been read: its description, if it has one, its tensors, and its metadata without the description. */
export interface ModelFile {
  readonly description: unknown;
  readonly tensors: Safetensors["tensors"];
  readonly metadata: Readonly<Record<string, string>>;
}

export function readModel(bytes: Uint8Array | ArrayBuffer): ModelFile {
  const { tensors, metadata } = readSafetensors(bytes);
  const { [KEY]: text, ...rest } = metadata;
  return { description: text === undefined ? undefined : parseDescription(text), tensors, metadata: rest };
}

function parseDescription(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError("malformed", `the file's description of the network is not JSON: ${String(cause)}`);
  }
  if (!isObject(value)) throw new FormatError("malformed", "the file's description of the network is not an object");
  if (value.version !== 1) {
    const version = JSON.stringify(value.version);
    throw new FormatError(
      "unsupported",
      `the file's description has version ${version}, and this library reads 1: update it`,
    );
  }
  return { input: value.input, layers: value.layers, seed: value.seed };
}

/**
 * Checks that the tensors of a file are the parameters of a network, none more and none less.
 * @throws FormatError that names the first one that differs
 */
export function checkTensors(parameters: readonly ParameterBlock[], { tensors }: ModelFile): void {
  for (const { name, shape } of parameters) {
    const found = tensors.get(name);
    if (!found) throw new FormatError("mismatch", `the file has no tensor "${name}"; it has ${listNames(tensors)}`);
    if (showShape(found.shape) !== showShape(shape)) {
      const shapes = `${showShape(shape)}, got ${showShape(found.shape)}`;
      throw new FormatError("mismatch", `tensor "${name}" expected shape ${shapes}`);
    }
    if (found.dtype !== "F32" && found.dtype !== "F64") float32Of(name, found);
  }
  const known = new Set(parameters.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (known.has(name) || name.startsWith(RESERVED)) continue;
    throw new FormatError(
      "mismatch",
      `the file has a tensor "${name}" that the network has not: remove it, or describe its layer`,
    );
  }
}

function listNames(tensors: ModelFile["tensors"]): string {
  const names = [...tensors.keys()];
  const shown = names.slice(0, 12).join(", ");
  return names.length === 0 ? "none" : names.length > 12 ? `${shown} and ${names.length - 12} more` : shown;
}

/** Puts tensors that were checked into the network. */
export function fillParameters(engine: Engine, { tensors }: ModelFile): void {
  const values = engine.parameters.map(({ name }) => float32Of(name, tensors.get(name)!));
  engine.parameters.forEach(({ value }, i) => engine.core.f32.set(values[i]!, value >>> 2));
  engine.valuesChanged();
}
