import type { Engine } from "../engine.ts";
import { FormatError } from "../errors.ts";
import type { ParameterBlock } from "../layers/layer.ts";
import { showShape } from "../tensor.ts";
import { expectRange, show } from "../validate.ts";
import { parseObject } from "./json.ts";
import { float32Of, readSafetensors, writeSafetensors, type RawTensor, type Safetensors } from "./safetensors.ts";

/** Keys of the metadata under which a file keeps the description of its network and, in a checkpoint, its training. */
const DESCRIPTION = "unrolled";
const TRAINING = "unrolled.training";

/** Tensors of a checkpoint that are no parameters begin so; a layer's name may not. */
export const RESERVED = "__training__.";

type NamedTensor = readonly [string, RawTensor];

/** What a file says of a network beside its tensors. */
export interface ModelHead {
  /** As JSON the description of the network. */
  readonly config: object;
  /** Texts of the user. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a checkpoint has more than a network: a text, and tensors whose names are reserved. */
export interface Training {
  readonly position: string;
  readonly tensors: readonly NamedTensor[];
}

/** A network as a file: parameters and buffers by name in their order, then those of the training; the rest goes into the metadata. */
export function writeModel(
  engine: Engine,
  { config, metadata }: ModelHead,
  training?: Training,
): Uint8Array<ArrayBuffer> {
  for (const key of [DESCRIPTION, TRAINING]) {
    expectRange(
      !Object.hasOwn(metadata, key),
      "metadata",
      `keys other than "${key}", which the file needs itself`,
      key,
    );
  }
  const tensors = engine.tensors.map(({ name, shape, value, size, buffer }): NamedTensor => {
    return [name, (buffer?.write ?? floatTensor)(engine.core.view(value, size), shape)];
  });
  const description = { version: 1, ...config };
  return writeSafetensors([...tensors, ...(training?.tensors ?? [])], {
    ...metadata,
    [DESCRIPTION]: JSON.stringify(description),
    ...(training && { [TRAINING]: training.position }),
  });
}

/** A copy of floats as a tensor of a file. Every runtime here is little-endian, as WebAssembly is and as the format asks. */
export function floatTensor(data: Float32Array, shape: readonly number[] = [data.length]): RawTensor {
  return { dtype: "F32", shape, bytes: new Uint8Array(data.slice().buffer) };
}

/** A file that has been read: its description and training, if it has them, its tensors, and the texts of the user. */
export interface ModelFile {
  readonly description: unknown;
  readonly training: string | undefined;
  readonly tensors: Safetensors["tensors"];
  readonly metadata: Readonly<Record<string, string>>;
}

export function readModel(bytes: Uint8Array | ArrayBuffer): ModelFile {
  const { tensors, metadata } = readSafetensors(bytes);
  const { [DESCRIPTION]: text, [TRAINING]: training, ...rest } = metadata;
  const description = text === undefined ? undefined : parseDescription(text);
  return { description, training, tensors, metadata: rest };
}

function parseDescription(text: string): unknown {
  const { version: given, ...description } = parseObject("the file's description of the network", text);
  if (given !== 1) {
    const version = show(given);
    throw new FormatError(
      "unsupported",
      `the file's description has version ${version}, and this library reads 1: update it`,
    );
  }
  return description;
}

/**
 * Checks that the tensors of a file are the parameters and buffers of a network, none more and none less.
 * @throws FormatError that names the first one that differs
 */
export function checkTensors(parameters: readonly ParameterBlock[], file: ModelFile): void {
  for (const parameter of parameters) checkTensor(parameter, file);
  expectNoMore(parameters, file);
}

/** Checks that a file has the tensor of one parameter. */
export function checkTensor({ name, shape, buffer }: ParameterBlock, { tensors }: ModelFile): void {
  const found = tensors.get(name);
  if (!found) throw new FormatError("mismatch", `the file has no tensor "${name}"; it has ${listNames(tensors)}`);
  if (showShape(found.shape) !== showShape(shape)) {
    const shapes = `${showShape(shape)}, got ${showShape(found.shape)}`;
    throw new FormatError("mismatch", `tensor "${name}" expected shape ${shapes}`);
  }
  if (found.dtype !== "F32" && found.dtype !== "F64") (buffer?.read ?? float32Of)(name, found);
}

/** Checks that a file has no tensors beside the parameters, but for those of a training. */
export function expectNoMore(parameters: readonly ParameterBlock[], { tensors }: ModelFile): void {
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
  const values = engine.tensors.map(({ name, buffer }) => (buffer?.read ?? float32Of)(name, tensors.get(name)!));
  engine.tensors.forEach(({ value }, i) => engine.core.f32.set(values[i]!, value >>> 2));
  engine.valuesChanged();
}
