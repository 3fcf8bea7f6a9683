/**
 * A state_dict that PyTorch has saved with torch.save: a zip archive (PyTorch 1.6 and later) with a pickle, NAME/data.pkl, and a
 * file for each storage, NAME/data/KEY. The pickle is read without executing anything; see pickle.ts.
 */

import { FormatError } from "../errors.ts";
import { Network, type NetworkConfig } from "../index.ts";
import { expectOptions, expectType, show } from "../validate.ts";
import { Global, readPickle, Tuple } from "./pickle.ts";
import { asBytes, bytesOf, writeSafetensors, type Dtype, type RawTensor } from "./safetensors.ts";
import { isZip, readZip } from "./zip.ts";

export interface PyTorchOptions {
  /** Where in a checkpoint the state_dict is, such as "model_state_dict". Default: the file is the state_dict. */
  readonly key?: string;
}

/**
 * A network with the weights of a PyTorch state_dict, by name: `lstm.weight_ih_l0` belongs to `lstm(…, { name: "lstm" })`.
 * @param bytes a .pt or .pth file of `torch.save(model.state_dict(), …)`, or a checkpoint with one under `key`
 * @param config the layers, as `new Network` takes them
 * @throws FormatError when the file is damaged, holds anything but plain values and tensors, or does not fit
 */
export function importPyTorch(
  bytes: Uint8Array | ArrayBuffer,
  config: NetworkConfig,
  options: PyTorchOptions = {},
): Network {
  return Network.load(pyTorchToSafetensors(bytes, options), config);
}

/**
 * The same state_dict as a safetensors file, every tensor under its name and in its type: for `Network.load`, `loadParameters`
 * and `unrolled/run`.
 * @throws FormatError when the file is damaged or holds anything but plain values and tensors
 */
export function pyTorchToSafetensors(
  bytes: Uint8Array | ArrayBuffer,
  options: PyTorchOptions = {},
): Uint8Array<ArrayBuffer> {
  expectOptions("importPyTorch", options, ["key"]);
  const { key } = options;
  if (key !== undefined) expectType(typeof key === "string", "key", "a string", key);
  const archive = openArchive(asBytes(bytes));
  const state = stateDictOf(readPickle(archive.pickle, unpickler), key);
  const origin = JSON.stringify({ format: "pytorch", version: archive.version });
  return writeSafetensors(readTensors(state, archive), { origin });
}

interface Archive {
  /** Bytes of the whole file. */
  readonly size: number;
  readonly pickle: Uint8Array;
  readonly version: string;
  readonly storage: (key: string) => Uint8Array | undefined;
}

function openArchive(bytes: Uint8Array): Archive {
  if (!isZip(bytes)) {
    const isLegacy = bytes[0] === 0x80 || new TextDecoder().decode(bytes.slice(257, 262)) === "ustar";
    if (!isLegacy) throw new FormatError("malformed", "the file is no PyTorch file: it is no zip archive");
    throw new FormatError(
      "unsupported",
      "the file is in PyTorch's format from before 1.6: load it in PyTorch and torch.save it again",
    );
  }
  const files = readZip("PyTorch", bytes);
  const pickles = [...files.keys()].filter((name) => name.endsWith("/data.pkl"));
  if (pickles.length !== 1)
    throw new FormatError("malformed", "the file is no PyTorch file: it has no single data.pkl");
  const root = pickles[0]!.slice(0, -"data.pkl".length);
  const textOf = (name: string) => new TextDecoder().decode(files.get(root + name)?.slice(0, 80)).trim();
  if (files.has(`${root}constants.pkl`)) {
    throw new FormatError("unsupported", `the file is TorchScript, which is a program: ${CURE}`);
  }
  if (textOf("byteorder") === "big") {
    throw new FormatError("unsupported", "the numbers are big-endian: save the file on a little-endian machine");
  }
  return {
    size: bytes.length,
    pickle: files.get(pickles[0]!)!,
    version: textOf("version"),
    storage: (key) => files.get(`${root}data/${key}`),
  };
}

const CURE = "save its weights instead, torch.save(model.state_dict(), path)";

/** PyTorch's own limit. */
const MAX_DIMENSIONS = 64;

/** Type of the elements, by the class that names it. */
const storageTypes: Readonly<Record<string, Dtype>> = {
  "torch.DoubleStorage": "F64",
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
};

class Storage {
  readonly dtype: Dtype;
  readonly key: string;
  readonly elements: number;

  constructor(dtype: Dtype, key: string, elements: number) {
    this.dtype = dtype;
    this.key = key;
    this.elements = elements;
  }
}

/** A view of a storage, in elements. */
class StoredTensor {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

const calls: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  "collections.OrderedDict": (args) => (args.length === 0 ? new Map() : fail("an OrderedDict")),
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides]) => {
    const isTensor = storage instanceof Storage && isCount(offset) && isSizes(shape) && isSizes(strides);
    if (!isTensor || shape.items.length !== strides.items.length) return fail("a tensor");
    return new StoredTensor(storage, offset, shape.items, strides.items);
  },
  "torch._utils._rebuild_parameter": ([tensor]) => (tensor instanceof StoredTensor ? tensor : fail("a parameter")),
};

const unpickler = {
  check(name: string): void {
    if (Object.hasOwn(calls, name) || Object.hasOwn(storageTypes, name)) return;
    throw new FormatError("unsupported", `the file names ${show(name)}, which is no tensor or plain value: ${CURE}`);
  },
  call(name: string, args: readonly unknown[]): unknown {
    return Object.hasOwn(calls, name) ? calls[name]!(args) : fail(show(name));
  },
  persistent(id: unknown): Storage {
    const [kind, type, key, , elements] = id instanceof Tuple ? id.items : [];
    const dtype =
      type instanceof Global && Object.hasOwn(storageTypes, type.name) ? storageTypes[type.name] : undefined;
    if (kind !== "storage" || !dtype || typeof key !== "string" || !isCount(elements)) return fail("a storage");
    return new Storage(dtype, key, elements);
  },
};

function fail(part: string): never {
  throw new FormatError("malformed", `the file is damaged at ${part}: write or download it again`);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSizes(value: unknown): value is Tuple & { readonly items: readonly number[] } {
  return value instanceof Tuple && value.items.length <= MAX_DIMENSIONS && value.items.every(isCount);
}

function stateDictOf(value: unknown, key: string | undefined): Map<string, StoredTensor> {
  if (!(value instanceof Map))
    throw new FormatError("mismatch", `the file holds ${kindOf(value)}, no state_dict: ${CURE}`);
  const found: unknown = key === undefined ? value : value.get(key);
  if (!(found instanceof Map)) {
    throw new FormatError("mismatch", `the file has no state_dict under ${show(key)}; it has ${namesOf(value)}`);
  }
  for (const [name, item] of found) {
    if (typeof name === "string" && item instanceof StoredTensor) continue;
    const cure = key === undefined ? `say where the state_dict is with "key"; the file has ${namesOf(value)}` : CURE;
    throw new FormatError("mismatch", `${show(name)} is ${kindOf(item)} and no tensor: ${cure}`);
  }
  return found as Map<string, StoredTensor>;
}

function namesOf(dictionary: ReadonlyMap<unknown, unknown>): string {
  return [...dictionary.keys()].slice(0, 12).map(show).join(", ") || "nothing";
}

function kindOf(value: unknown): string {
  if (value instanceof Map) return "a dictionary";
  if (value instanceof StoredTensor) return "a tensor";
  return value instanceof Tuple ? "a tuple" : show(value);
}

// ---- tensors

/** Of the tensors together, in bytes of the file: views may overlap, but a few bytes must not become gigabytes. */
const MAX_GROWTH = 2;

function readTensors(state: ReadonlyMap<string, StoredTensor>, archive: Archive): [string, RawTensor][] {
  const sizes = [...state.values()].map(({ storage, shape }) => bytesOf(storage.dtype, shape));
  if (!(sizes.reduce((sum, size) => sum + size, 0) <= MAX_GROWTH * archive.size)) {
    throw new FormatError("unsupported", "the tensors are larger than the file: save expanded ones with .contiguous()");
  }
  return Array.from(state, ([name, tensor]) => {
    if (name === "__metadata__") throw new FormatError("unsupported", 'a tensor must not be called "__metadata__"');
    return [name, readTensor(name, tensor, archive)];
  });
}

function readTensor(name: string, { storage, offset, shape, strides }: StoredTensor, archive: Archive): RawTensor {
  const { dtype, key, elements } = storage;
  const width = bytesOf(dtype, [1]);
  const data = archive.storage(key) ?? fail(`tensor ${show(name)}: the storage ${show(key)} is not there`);
  if (data.length !== elements * width) fail(`tensor ${show(name)}: the storage ${show(key)} is of another size`);
  const isEmpty = shape.includes(0);
  const last = shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, offset);
  if (!isEmpty && !(last < elements)) fail(`tensor ${show(name)}, which goes beyond its storage`);
  if (isEmpty) return { dtype, shape, bytes: new Uint8Array(0) };
  const count = bytesOf(dtype, shape) / width;
  const bytes = isContiguous(shape, strides)
    ? data.subarray(offset * width, (offset + count) * width)
    : gather(data, width, offset, shape, strides, count);
  return { dtype, shape, bytes };
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i]! > 1 && strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

/** The elements of a view in the order of its own indices. */
function gather(
  data: Uint8Array,
  width: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
): Uint8Array {
  const bytes = new Uint8Array(count * width);
  const index = shape.map(() => 0);
  let from = offset;
  for (let k = 0; k < count; k++) {
    for (let b = 0; b < width; b++) bytes[k * width + b] = data[from * width + b]!;
    for (let i = shape.length - 1; i >= 0; i--) {
      from += strides[i]!;
      if (++index[i]! < shape[i]!) break;
      from -= index[i]! * strides[i]!;
      index[i] = 0;
    }
  }
  return bytes;
}
