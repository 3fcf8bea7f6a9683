import type { Engine } from "../engine.ts";
import { FormatError } from "../errors.ts";
import type { ParameterBlock } from "../layers/layer.ts";
import { showShape } from "../tensor.ts";
import { expectRange, show } from "../validate.ts";
import { halfTensor, int8Tensors, type Storage } from "./compact.ts";
import { parseObject } from "./json.ts";
import { float32Of, readSafetensors, writeSafetensors, type RawTensor, type Safetensors } from "./safetensors.ts";

/** Keys of the metadata under which a file keeps the description of its network and, in a checkpoint, its training. */
const DESCRIPTION = "unrolled";
const TRAINING = "unrolled.training";

/** Tensors of a checkpoint that are no parameters begin so; a layer's name may not. */
export const RESERVED = "__training__.";

/** After the name of a tensor of I8: its scales. No parameter of a layer is called so. */
const SCALE = ".scale";

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
  storage: Storage = "f32",
): Uint8Array<ArrayBuffer> {
  for (const key of [DESCRIPTION, TRAINING]) {
    expectRange(
      !Object.hasOwn(metadata, key),
      "metadata",
      `keys other than "${key}", which the file needs itself`,
      key,
    );
  }
  const tensors = engine.tensors.flatMap((block) =>
    tensorsOf(block, engine.core.view(block.value, block.size), storage),
  );
  const description = { version: 1, ...config };
  return writeSafetensors([...tensors, ...(training?.tensors ?? [])], {
    ...metadata,
    [DESCRIPTION]: JSON.stringify(description),
    ...(training && { [TRAINING]: training.position }),
  });
}

/** A parameter or buffer as it stands in a file; buffers, and vectors with i8, keep their form. */
function tensorsOf({ name, shape, buffer }: ParameterBlock, data: Float32Array, storage: Storage): NamedTensor[] {
  if (!buffer && storage === "f16") return [[name, halfTensor(name, data, shape)]];
  if (!buffer && storage === "i8" && shape.length > 1) {
    const [q, scale] = int8Tensors(name, data, shape);
    return [
      [name, q],
      [name + SCALE, scale],
    ];
  }
  return [[name, (buffer?.write ?? floatTensor)(data, shape)]];
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
  return { description, training, tensors: scaled(tensors), metadata: rest };
}

/** The same with the products in place of tensors of I8 and their scales. */
function scaled(tensors: Safetensors["tensors"]): Safetensors["tensors"] {
  const all = new Map(tensors);
  for (const [name, { dtype, shape, bytes }] of tensors) {
    const scale = all.get(name + SCALE);
    if (dtype !== "I8" || !scale) continue;
    const scales = float32Of(name, scale);
    if (scales.length !== shape[0]) throw new FormatError("mismatch", `tensor "${name}" expected a scale for each row`);
    const columns = bytes.length / scales.length;
    const product = Float32Array.from(new Int8Array(bytes), (q, i) => q * scales[Math.floor(i / columns)]!);
    all.set(name, floatTensor(product, shape)).delete(name + SCALE);
  }
  return all;
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
  if (found.dtype !== "F32") (buffer?.read ?? float32Of)(name, found);
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
  const more = names.length > 12 ? ` and ${names.length - 12} more` : "";
  return names.slice(0, 12).join(", ") + more || "none";
}

/** Puts tensors that were checked into the network. */
export function fillParameters(engine: Engine, { tensors }: ModelFile): void {
  const values = engine.tensors.map(({ name, buffer }) => (buffer?.read ?? float32Of)(name, tensors.get(name)!));
  engine.tensors.forEach(({ value }, i) => engine.core.f32.set(values[i]!, value >>> 2));
  engine.valuesChanged();
}
