/** A layers model of TensorFlow.js: model.json with the layers as Keras describes them, and shards of weights. */

import { FormatError } from "../errors.ts";
import type { Network } from "../index.ts";
import { expectOptions, expectRange, expectType, show } from "../validate.ts";
import { networkOf, readJson } from "./foreign.ts";
import { isObject } from "./json.ts";
import {
  convertLayers,
  readLayers,
  type KerasLayer,
  type KerasOptions,
  type KerasWeight,
  type Part,
  type Role,
  type WeightSource,
} from "./keras.ts";
import { asBytes, bytesOf, float32Of, type Dtype } from "./safetensors.ts";

/**
 * A network from a model of TensorFlow.js, as `model.save()` and `tensorflowjs_converter` write it.
 * @param model model.json: its text, its bytes, or what JSON.parse has made of it
 * @param shards the files that it names, in its order, or by name
 * @throws FormatError when the file is damaged or holds what is not read, by name
 */
export function importTensorFlowJs(
  model: string | Uint8Array | object,
  shards: readonly (Uint8Array | ArrayBuffer)[] | Readonly<Record<string, Uint8Array | ArrayBuffer>>,
  options: KerasOptions = {},
): Network {
  expectOptions("importTensorFlowJs", options, ["mask"]);
  const json = readJson("model.json", model);
  const { modelTopology: topology, format, generatedBy, convertedBy } = json;
  if (format === "graph-model" || !isObject(topology)) {
    throw new FormatError(
      "unsupported",
      "model.json is no layers model: convert the Keras model with --output_format=tfjs_layers_model",
    );
  }
  // The converter puts Keras' own file into it, TensorFlow.js the model itself.
  const layers = readLayers(topology.model_config ?? topology);
  const weights = readWeights(json.weightsManifest, shards);
  const used = new Set<string>();
  const converted = convertLayers(layers, sourceOf(weights, used), false, options);
  const unused = [...weights.keys()].find((name) => !used.has(name));
  if (unused !== undefined)
    throw new FormatError("mismatch", `the weight ${show(unused)} belongs to no layer of the model`);
  const origin = { format: "tensorflow.js", version: topology.keras_version, generatedBy, convertedBy };
  return networkOf({ ...converted, origin });
}

/** By the layer's name in front, the role at the end, and the direction between. */
function sourceOf(weights: ReadonlyMap<string, KerasWeight>, used: Set<string>): WeightSource {
  const names = new Map<string, string[]>();
  for (const name of weights.keys()) {
    const steps = name.split("/");
    const key = `${steps[0]!}/${steps.at(-1)}`;
    const same = names.get(key);
    if (same) same.push(name);
    else names.set(key, [name]);
  }
  return (layer: KerasLayer, part: Part, role: Role) => {
    const found = (names.get(`${layer.name}/${role}`) ?? []).filter((name) => {
      return part === "only" || name.includes(`/${part}_`);
    });
    if (found.length === 1) {
      used.add(found[0]!);
      return weights.get(found[0]!)!;
    }
    const which = part === "only" ? role : `${part} ${role}`;
    const there = [...weights.keys()].slice(0, 4).join(", ");
    const count = found.length === 0 ? "no" : "more than one";
    throw new FormatError("mismatch", `layer ${show(layer.name)} has ${count} ${which} among the weights: ${there}`);
  };
}

type Shards = Parameters<typeof importTensorFlowJs>[1];

interface Quantization {
  readonly dtype: "uint8" | "uint16" | "float16";
  readonly scale: number;
  readonly min: number;
}

function readWeights(manifest: unknown, shards: Shards): Map<string, KerasWeight> {
  if (!Array.isArray(manifest)) throw malformed("weightsManifest", manifest);
  expectType(
    typeof shards === "object" && (shards as unknown) !== null,
    "shards",
    "an array or an object of files",
    shards,
  );
  const weights = new Map<string, KerasWeight>();
  let first = 0;
  for (const group of manifest as unknown[]) {
    if (!isObject(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights))
      throw malformed("weightsManifest", group);
    const paths = group.paths as unknown[];
    const files = paths.map((path, i) => shardOf(shards, path, first + i));
    first += paths.length;
    readGroup(group.weights, join(files), weights);
  }
  if (Array.isArray(shards))
    expectRange(shards.length === first, "shards", `${first} files, as model.json names`, shards);
  return weights;
}

function shardOf(shards: Shards, path: unknown, index: number): Uint8Array {
  if (typeof path !== "string") throw malformed("a path", path);
  const list = shards as readonly (Uint8Array | ArrayBuffer)[];
  const named = shards as Readonly<Record<string, Uint8Array | ArrayBuffer>>;
  const file = Array.isArray(shards) ? list[index] : Object.hasOwn(named, path) ? named[path] : undefined;
  if (file === undefined)
    throw new FormatError("mismatch", `there is no shard ${show(path)}: give all files that model.json names`);
  return asBytes(file);
}

function join(files: readonly Uint8Array[]): Uint8Array {
  if (files.length === 1) return files[0]!;
  const all = new Uint8Array(files.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const file of files) {
    all.set(file, at);
    at += file.length;
  }
  return all;
}

function readGroup(specs: readonly unknown[], data: Uint8Array, weights: Map<string, KerasWeight>): void {
  let at = 0;
  for (const spec of specs) {
    if (!isObject(spec) || typeof spec.name !== "string") throw malformed("a weight", spec);
    const { name, dtype, shape, quantization } = spec;
    if (weights.has(name)) throw malformed(`the weight ${show(name)}, which is there twice,`, spec);
    if (!isShape(shape)) throw malformed(`the shape of ${show(name)}`, shape);
    if (dtype !== "float32")
      throw new FormatError("unsupported", `the weight ${show(name)} is of type ${show(dtype)}: only float32 is read`);
    const stored = quantization === undefined ? undefined : readQuantization(name, quantization);
    const type = dtypes[stored?.dtype ?? "float32"];
    const size = bytesOf(type, shape);
    if (!(at + size <= data.length))
      throw new FormatError("truncated", `the shards end before the weight ${show(name)}: give all of them, whole`);
    const bytes = data.subarray(at, at + size);
    at += size;
    weights.set(name, { shape, data: floatsOf(name, type, bytes, stored) });
  }
  if (at !== data.length)
    throw new FormatError("mismatch", `the shards have ${data.length - at} bytes more than the weights of model.json`);
}

const dtypes = { float32: "F32", float16: "F16", uint8: "U8", uint16: "U16" } as const satisfies Record<string, Dtype>;

/** float16 is what it says; the others are min + scale·q. */
function floatsOf(name: string, dtype: Dtype, bytes: Uint8Array, stored: Quantization | undefined): Float32Array {
  if (dtype === "F32" || dtype === "F16") return float32Of(name, { dtype, shape: [], bytes });
  const whole = dtype === "U8" ? bytes : new Uint16Array(bytes.slice().buffer);
  const { scale, min } = stored!;
  return Float32Array.from(whole, (q) => q * scale + min);
}

function readQuantization(name: string, value: unknown): Quantization {
  const { dtype, scale = 1, min = 0 } = isObject(value) ? value : {};
  const isKnown = dtype === "uint8" || dtype === "uint16" || dtype === "float16";
  if (isKnown && Number.isFinite(scale) && Number.isFinite(min))
    return { dtype, scale: Number(scale), min: Number(min) };
  throw malformed(`the quantization of ${show(name)}`, dtype);
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= 8 && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function malformed(what: string, got: unknown): FormatError {
  return new FormatError("malformed", `model.json: ${what} is wrong, got ${show(got)}: write or download it again`);
}
