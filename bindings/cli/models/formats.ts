/** Model files of any format, known by what they begin with: each is read as a safetensors file. */

import { basename, dirname, join } from "node:path";
import {
  importBrainJs,
  importKeras,
  importKerasWeights,
  importTensorFlowJs,
  pyTorchToSafetensors,
} from "../../formats.ts";
import { exportOnnx, importOnnx } from "../../onnx.ts";
import { FormatError, Network, type NetworkConfig, type SaveOptions } from "../../index.ts";
import { UsageError } from "../errors.ts";
import { readBytes } from "../input/files.ts";

/** What a reader needs beside the file. */
export interface ReadOptions {
  /** Where in a checkpoint of PyTorch the weights are. */
  readonly key?: string;
  /** The layers, for files that do not describe them. */
  readonly config?: NetworkConfig;
  readonly mask?: "lengths";
}

interface Format {
  readonly name: string;
  readonly fits: (bytes: Uint8Array, path: string) => boolean;
  /** With a description of the network in it, where the file or the options have one. */
  readonly read: (bytes: Uint8Array, path: string, options: ReadOptions) => Uint8Array;
}

/** The first that fits is taken. */
const formats: readonly Format[] = [
  {
    name: "safetensors",
    fits: (bytes) => bytes[8] === 0x7b && bytes[7] === 0, // the length of a header, then the header
    read: readSafetensors,
  },
  {
    name: "Keras",
    fits: (bytes) => startsWith(bytes, "PK") && holds(bytes, "model.weights.h5"),
    read: (bytes, _path, { mask }) => importKeras(bytes, mask ? { mask } : {}).save(),
  },
  {
    name: "Keras weights",
    fits: (bytes) => startsWith(bytes, "\x89HDF"),
    read: (bytes, _path, { config }) => {
      if (config) return importKerasWeights(bytes, config).save();
      throw new UsageError("a .weights.h5 file does not describe its layers: give them with --config");
    },
  },
  {
    name: "PyTorch",
    fits: (bytes, path) => startsWith(bytes, "PK") || startsWith(bytes, "\x80") || /\.(pt|pth)$/.test(path),
    read: (bytes, _path, { key, config }) => {
      const file = pyTorchToSafetensors(bytes, key === undefined ? {} : { key });
      return config ? Network.load(file, config).save() : file;
    },
  },
  {
    name: "brain.js",
    fits: (bytes) => startsWith(bytes, "{") && isBrainJs(bytes),
    read: (bytes) => importBrainJs(bytes).save(),
  },
  {
    name: "TensorFlow.js",
    fits: (bytes) => startsWith(bytes, "{"),
    read: (bytes, path, { mask }) => importTensorFlowJs(bytes, shardsOf(bytes, path), mask ? { mask } : {}).save(),
  },
  {
    name: "ONNX",
    fits: (_bytes, path) => path.endsWith(".onnx"),
    read: (bytes) => importOnnx(bytes).save(),
  },
  {
    name: "safetensors",
    fits: () => true,
    read: readSafetensors,
  },
];

function readSafetensors(bytes: Uint8Array, _path: string, { config }: ReadOptions): Uint8Array {
  return config ? Network.load(bytes, config).save() : bytes;
}

/** Writers by the end of the file's name. */
const writers: Readonly<Record<string, (net: Network, options: SaveOptions) => Uint8Array>> = {
  ".safetensors": (net, options) => net.save(options),
  ".onnx": (net) => exportOnnx(net),
};

/** A model file as safetensors, and the name of its format. */
export function readModelFile(
  path: string,
  options: ReadOptions = {},
): { name: string; size: number; file: Uint8Array } {
  const bytes = readBytes(path);
  const format = formats.find(({ fits }) => fits(bytes, path))!;
  return { name: format.name, size: bytes.length, file: format.read(bytes, path, options) };
}

/** The writer for a path. @throws UsageError when there is none */
export function writerOf(path: string): (net: Network, options: SaveOptions) => Uint8Array {
  const end = Object.keys(writers).find((end) => path.endsWith(end));
  if (end !== undefined) return writers[end]!;
  throw new UsageError(`cannot write ${path}: its name must end in ${Object.keys(writers).join(" or ")}`);
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Array.from(text).every((one, i) => bytes[i] === one.charCodeAt(0));
}

/** Whether the directory at the end of an archive names a file. */
function holds(archive: Uint8Array, name: string): boolean {
  return Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength).includes(name);
}

function isBrainJs(bytes: Uint8Array): boolean {
  const model = parse(bytes);
  return typeof model.type === "string" && !("modelTopology" in model);
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return {}; // the reader will say so
  }
}

/** The files beside model.json that it names. */
function shardsOf(bytes: Uint8Array, path: string): Record<string, Uint8Array> {
  const { weightsManifest: groups } = parse(bytes) as { weightsManifest?: readonly { paths?: readonly unknown[] }[] };
  const names = groups instanceof Array ? groups.flatMap((group) => group.paths ?? []) : [];
  return Object.fromEntries(
    names.map((name) => {
      if (typeof name === "string" && basename(name) === name && name !== "..") {
        return [name, readBytes(join(dirname(path), name))];
      }
      throw new FormatError("unsupported", "its shards must lie beside model.json: a path is not followed");
    }),
  );
}
