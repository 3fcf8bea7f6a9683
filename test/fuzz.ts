/** Mutated real files for the readers of unrolled/formats: fuzz.test.ts runs some, slow/fuzz.test.ts many. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { unzipSync, zipSync } from "fflate";
import { FormatError } from "../bindings/index.ts";
import {
  importBrainJs,
  importKeras,
  importKerasWeights,
  importTensorFlowJs,
  pyTorchToSafetensors,
} from "../bindings/formats.ts";
import { gru } from "../bindings/index.ts";
import { readHdf5 } from "../bindings/io/hdf5.ts";

/** A place in a file as a share of its length, what is done there, and a number for it. */
export type Edit = readonly [at: number, what: (typeof edits)[number], value: number];

const edits = ["byte", "bit", "word", "copy", "drop", "insert", "cut"] as const;

/** Numbers that readers trip over: sizes, addresses, signs. */
const special = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 46, 255];

export const editList: fc.Arbitrary<Edit[]> = fc.array(
  fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.constantFrom(...edits),
    fc.oneof(fc.constantFrom(...special), fc.nat(0xffffffff)),
  ),
  { minLength: 1, maxLength: 6 },
);

function mutate(bytes: Uint8Array, list: readonly Edit[]): Uint8Array {
  let file = bytes.slice();
  for (const [share, what, value] of list) {
    if (file.length === 0) return file;
    const at = Math.min(file.length - 1, Math.floor(share * file.length));
    const size = value % 64;
    if (what === "byte") file[at] = value;
    else if (what === "bit") file[at]! ^= 1 << (value & 7);
    else if (what === "word" && at + 4 <= file.length) new DataView(file.buffer).setUint32(at, value, true);
    else if (what === "copy") file.copyWithin(at, value % file.length, (value % file.length) + size);
    else if (what === "drop") file = Uint8Array.from([...file.subarray(0, at), ...file.subarray(at + size)]);
    else if (what === "insert")
      file = Uint8Array.from([...file.subarray(0, at), ...file.subarray(0, size), ...file.subarray(at)]);
    else if (what === "cut") file = file.slice(0, at);
  }
  return file;
}

const file = (name: string) => new Uint8Array(readFileSync(new URL(`models/${name}`, import.meta.url)));

/** One file of an archive mutated, so that the checksums are right and the reader comes to it. */
function inside(archive: string, name: string): (list: readonly Edit[]) => Uint8Array {
  const files = unzipSync(file(archive));
  return (list) => zipSync({ ...files, [name]: mutate(files[name]!, list) }, { level: 0 });
}

const weights = unzipSync(file("keras/last.keras"))["model.weights.h5"]!;
const shards = [1, 2].map((k) => file(`tensorflowJs/functional-shard${k}of2.bin`));
const brain = new TextEncoder().encode(
  JSON.stringify(
    (JSON.parse(new TextDecoder().decode(file("brainJs.json"))) as { cases: { model: object }[] }).cases[4]!.model,
  ),
);
const all = (name: string) => (list: readonly Edit[]) => mutate(file(name), list);
const small = file("pytorch/views.pt");

export interface Target {
  readonly make: (list: readonly Edit[]) => Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
}

/** The readers, by name. */
export const targets: Readonly<Record<string, Target>> = {
  "PyTorch, the archive": { make: (list) => mutate(small, list), read: (bytes) => pyTorchToSafetensors(bytes) },
  "PyTorch, the pickle": { make: inside("pytorch/views.pt", "views/data.pkl"), read: (bytes) => pyTorchToSafetensors(bytes) },
  "PyTorch, a checkpoint's pickle": {
    make: inside("pytorch/checkpoint.pth", "checkpoint/data.pkl"),
    read: (bytes) => pyTorchToSafetensors(bytes, { key: "model_state_dict" }),
  },
  "Keras, the archive": { make: all("keras/last.keras"), read: (bytes) => importKeras(bytes) },
  "Keras, config.json": { make: inside("keras/last.keras", "config.json"), read: (bytes) => importKeras(bytes) },
  "Keras, model.weights.h5": { make: inside("keras/last.keras", "model.weights.h5"), read: (bytes) => importKeras(bytes) },
  "HDF5": { make: (list) => mutate(weights, list), read: readHdf5 },
  "Keras, .weights.h5": {
    make: (list) => mutate(weights, list),
    read: (bytes) => importKerasWeights(bytes, { input: { features: 3 }, layers: [gru(4, { bidirectional: true })] }),
  },
  "TensorFlow.js": {
    make: all("tensorflowJs/functional.json"),
    read: (bytes) => importTensorFlowJs(bytes, { "functional-shard1of2.bin": shards[0]!, "functional-shard2of2.bin": shards[1]! }),
  },
  "brain.js": { make: (list) => mutate(brain, list), read: importBrainJs },
}; // prettier-ignore

/** Beside four times the file: what JavaScript itself needs for texts, and the memory of a network, which the file's size bounds. */
const ROOM = 4 << 20;

const untouched = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));

/** Reads it, or refuses it with a FormatError; takes little memory and leaves Object.prototype alone. @returns what was read */
export function attempt({ make, read }: Target, list: readonly Edit[]): unknown {
  const bytes = make(list);
  const before = process.memoryUsage().arrayBuffers;
  let result: unknown;
  try {
    result = read(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (!/^.{1,600}$/s.test(error.message)) throw new Error(`the message is long: ${error.message}`, { cause: error });
  }
  const taken = process.memoryUsage().arrayBuffers - before;
  if (taken > 4 * bytes.length + ROOM) throw new Error(`${taken} bytes taken for a file of ${bytes.length}`);
  if (JSON.stringify(Object.getOwnPropertyNames(Object.prototype)) !== untouched)
    throw new Error("Object.prototype was changed");
  return result;
}
