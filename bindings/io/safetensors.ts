/**
 * The safetensors container (https://github.com/huggingface/safetensors): the length of the header, the header in
 * JSON, then the data of all tensors without a gap. Everything is little-endian, as WebAssembly and its hosts are.
 *
 *     8 bytes   header length n, u64
 *     n bytes   {"emb.weight":{"dtype":"F32","shape":[7,3],"data_offsets":[0,84]},…}, then spaces
 *     the rest  data; data_offsets count from here
 */

import { FormatError, type FormatErrorCode } from "../errors.ts";
import { show } from "../validate.ts";
import { DAMAGED, isObject, parseMembers } from "./json.ts";

/** The types of the format: the first number in a name is the bits of one element, and BOOL has 8. */
// prettier-ignore
const DTYPES = [
  "F64", "F32", "F16", "BF16", "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
  "F6_E2M3", "F6_E3M2", "F4", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL",
] as const;

const SHAPE = "shape [sizes] with a product below 2^53";
const METADATA = "__metadata__";
const MAX_HEADER = 100_000_000;

/** Type of the elements of a tensor, under the name the format gives it. */
export type Dtype = (typeof DTYPES)[number];

/** A tensor as it stands in a file. */
export interface RawTensor {
  readonly dtype: Dtype;
  /** Sizes in elements, row-major. `[]` is a scalar; a size may be 0. */
  readonly shape: readonly number[];
  /** The elements: a view into the file, which need not be aligned to the size of an element. */
  readonly bytes: Uint8Array;
}

/** What a safetensors file holds. */
export interface Safetensors {
  /** The map of texts stored as `__metadata__`; empty if there is none. The object has no prototype. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, RawTensor>;
}

/** A member of the header: `begin` and `end` are the first byte and the one after the last, from the data's start. */
interface Entry extends Omit<RawTensor, "bytes"> {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file. The data are not copied: the tensors are views into `bytes`.
 *
 * @param bytes The whole file.
 * @throws TypeError if `bytes` is neither a Uint8Array nor an ArrayBuffer.
 * @throws FormatError "truncated" if the file ends too early, "unsupported" for an unknown dtype, "malformed" for any
 * other breach of the format. All of it is checked: every byte of the data belongs to exactly one tensor.
 */
export function readSafetensors(bytes: Uint8Array | ArrayBuffer): Safetensors {
  const file = asBytes(bytes);
  const start = 8 + headerLength(file);
  const header = parseMembers("safetensors: the header", decodeUtf8(file.slice(8, start)));
  const data = file.subarray(start);
  const metadata = readMetadata(header.get(METADATA));
  header.delete(METADATA);
  const entries = Array.from(header, ([name, entry]) => readEntry(name, entry, data.length));
  checkCover(entries, data.length);
  const tensors = entries.map(({ name, dtype, shape, begin, end }): [string, RawTensor] => {
    return [name, { dtype, shape, bytes: data.subarray(begin, end) }];
  });
  return { metadata, tensors: new Map(tensors) };
}

/**
 * Writes a safetensors file. The same arguments give the same bytes.
 *
 * @param tensors Pairs of name and tensor, stored in this order; `bytes` holds the elements, row-major, little-endian.
 * @param metadata Texts to keep with the tensors, stored in front of them as `__metadata__`.
 * @returns The file; its data begin at a multiple of 8 bytes.
 * @throws TypeError if a name or a metadata value is not a string, or the data are not a Uint8Array.
 * @throws RangeError if a name occurs twice or is `__metadata__`, a text holds half a surrogate pair, the dtype is
 * unknown, the shape holds anything but sizes, the number of bytes does not follow from them, or the header would
 * exceed 100 MB.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, RawTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const list = [...tensors];
  checkMetadata(metadata);
  checkNames(list.map(([name]) => name));
  const header = headerOf(list, metadata);
  const file = new Uint8Array(list.reduce((size, [, { bytes }]) => size + bytes.length, 8 + header.length));
  new DataView(file.buffer).setUint32(0, header.length, true); // the upper half stays 0
  file.set(header, 8);
  let end = 8 + header.length;
  for (const [, { bytes }] of list) {
    file.set(bytes, end);
    end += bytes.length;
  }
  return file;
}

/**
 * Copies the elements of a tensor into a Float32Array, row-major: F32 bit for bit, F16 and BF16 without a loss, F64 rounded to
 * the nearest float32.
 *
 * @param name Name of the tensor, for the message.
 * @throws FormatError "unsupported" for any other dtype.
 */
export function float32Of(name: string, { dtype, bytes }: RawTensor): Float32Array<ArrayBuffer> {
  const { buffer } = new Uint8Array(bytes); // aligned
  if (dtype === "F32") return new Float32Array(buffer);
  if (dtype === "F64") return new Float32Array(new Float64Array(buffer));
  if (dtype === "BF16") return floatsOf(buffer, (half) => half << 16);
  if (dtype === "F16") return floatsOf(buffer, float16Bits).map((x) => x * 0x1_0000_0000_0000_0000_0000_0000_0000);
  const cure = "Convert it before saving, in PyTorch with tensor.float().";
  throw fault("unsupported", `tensor ${show(name)}`, "dtype F32, F64, F16 or BF16", dtype, cure);
}

function floatsOf(halves: ArrayBuffer, bitsOf: (half: number) => number): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint32Array.from(new Uint16Array(halves), bitsOf).buffer);
}

/** Its digits where a float32 has them; the exponent is then 112 too small, but for that of infinity and NaN. */
function float16Bits(half: number): number {
  return ((half & 0x8000) << 16) | ((half & 0x7fff) << 13) | (~half & 0x7c00 ? 0 : 0x70000000);
}

/** The same for a tensor that may also be of I64, as PyTorch's counts are; beyond 2^24 they are rounded. */
export function int64Of(name: string, tensor: RawTensor): Float32Array<ArrayBuffer> {
  if (tensor.dtype !== "I64") return float32Of(name, tensor);
  return Float32Array.from(new BigInt64Array(new Uint8Array(tensor.bytes).buffer), Number);
}

/** A copy of whole numbers as a tensor of I64. */
export function int64Tensor(data: Float32Array, shape: readonly number[]): RawTensor {
  return { dtype: "I64", shape, bytes: new Uint8Array(BigInt64Array.from(data, BigInt).buffer) };
}

// ---- reading

/** The bytes that a caller gives, as a plain view: that of a Buffer would have Buffer's `slice`, which does not copy. */
export function asBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  const cure = "Read the file as bytes, without a text encoding.";
  throw new TypeError(`"bytes" expected a Uint8Array or an ArrayBuffer, got ${show(bytes)}. ${cure}`);
}

function headerLength(file: Uint8Array): number {
  if (file.length < 8) throw fault("truncated", "the file", "8 bytes or more", `${file.length}`);
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER) throw fault("malformed", "the header", `at most ${MAX_HEADER} bytes`, `${length}`);
  if (length > file.length - 8) {
    throw fault("truncated", "the header", `${length} bytes, as announced`, `${file.length - 8}`);
  }
  return length;
}

/** `bytes` must be a copy: TextDecoder refuses shared memory. */
function decodeUtf8(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fault("malformed", "the header", "UTF-8", "other bytes");
  }
}

function readMetadata(value: unknown): Record<string, string> {
  const metadata = Object.create(null) as Record<string, string>;
  if (value === undefined) return metadata;
  if (!isObject(value)) throw fault("malformed", METADATA, "an object of texts", show(value));
  for (const [key, text] of Object.entries(value)) {
    if (!isText(key) || !isText(text)) throw fault("malformed", `${METADATA} ${show(key)}`, "a text", show(text));
    metadata[key] = text;
  }
  return metadata;
}

function readEntry(name: string, entry: unknown, available: number): Entry {
  const what = `tensor ${show(name)}`;
  if (!isText(name)) throw fault("malformed", what, "a name of whole characters", "half a surrogate pair");
  if (!isObject(entry)) throw fault("malformed", what, "an object with dtype, shape and data_offsets", show(entry));
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype)) throw fault("unsupported", what, `dtype ${DTYPES.join(", ")}`, show(dtype));
  if (!isShape(shape)) throw fault("malformed", what, SHAPE, show(shape));
  const [begin, end] = readOffsets(what, offsets, available);
  const size = bytesOf(dtype, shape);
  if (end - begin !== size) {
    throw fault("malformed", what, `${size} bytes for ${dtype} of shape ${show(shape)}`, `${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

function readOffsets(what: string, offsets: unknown, available: number): readonly [number, number] {
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw fault("malformed", what, "data_offsets [begin, end]", show(offsets));
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw fault("malformed", what, "data_offsets with begin ≤ end", show(offsets));
  if (end > available) throw fault("truncated", what, `data up to byte ${end}`, `${available} bytes of data`);
  return [begin, end];
}

/** Every byte of the data belongs to exactly one tensor. */
function checkCover(entries: readonly Entry[], size: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const got = `byte ${begin}, ${begin < covered ? "inside another tensor" : "which leaves a hole"}`;
      throw fault("malformed", `tensor ${show(name)}`, `to begin at byte ${covered}`, got);
    }
    covered = end;
  }
  if (covered !== size) throw fault("malformed", "the file", `${covered} bytes of data`, `${size}`);
}

// ---- writing

function headerOf(
  tensors: readonly (readonly [string, RawTensor])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const members = Object.keys(metadata).length === 0 ? [] : [`"${METADATA}":${JSON.stringify(metadata)}`];
  let end = 0;
  for (const [name, tensor] of tensors) {
    checkTensor(name, tensor);
    const begin = end;
    end += tensor.bytes.length;
    const entry = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const header = new TextEncoder().encode(`{${members.join(",")}}`);
  const padded = new Uint8Array(Math.ceil(header.length / 8) * 8).fill(0x20);
  padded.set(header);
  if (padded.length <= MAX_HEADER) return padded;
  throw new RangeError(`the header expected at most ${MAX_HEADER} bytes, got ${padded.length}. Shorten "metadata".`);
}

function checkNames(names: readonly unknown[]): void {
  const seen = new Set<unknown>([METADATA]);
  for (const name of names) {
    requireText("name", name);
    const expected = `a name that no other tensor has, nor ${METADATA}`;
    if (seen.has(name)) throw new RangeError(`"name" expected ${expected}, got ${show(name)}. Rename the tensor.`);
    seen.add(name);
  }
}

function checkMetadata(metadata: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(metadata)) {
    requireText("metadata", key);
    requireText(`metadata.${key}`, value);
  }
}

function requireText(what: string, value: unknown): void {
  const expected = `"${what}" expected a string`;
  if (typeof value !== "string") throw new TypeError(`${expected}, got ${show(value)}. Turn it into a string.`);
  if (!isText(value)) throw new RangeError(`${expected} of whole characters, got half a surrogate pair. Remove it.`);
}

function checkTensor(name: string, { dtype, shape, bytes }: RawTensor): void {
  const what = `tensor ${show(name)} expected`;
  const view = "Wrap a typed array a: new Uint8Array(a.buffer, a.byteOffset, a.byteLength).";
  if (!isBytes(bytes)) throw new TypeError(`${what} bytes in a Uint8Array, got ${show(bytes)}. ${view}`);
  if (!isDtype(dtype)) throw new RangeError(`${what} dtype ${DTYPES.join(", ")}, got ${show(dtype)}. Convert it.`);
  if (!isShape(shape)) throw new RangeError(`${what} ${SHAPE}, got ${show(shape)}. Pass an array of sizes.`);
  const size = bytesOf(dtype, shape);
  if (bytes.length === size) return;
  const cure = "Correct the shape or pass all elements.";
  throw new RangeError(`${what} ${size} bytes for ${dtype} of shape ${show(shape)}, got ${bytes.length}. ${cure}`);
}

// ---- both

function isDtype(value: unknown): value is Dtype {
  return DTYPES.includes(value as Dtype);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isSize) && Number.isSafeInteger(elementsOf(value));
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** A string without half a surrogate pair, which UTF-8 cannot hold and other readers refuse. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !/\p{Surrogate}/u.test(value);
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of a tensor. */
export function bytesOf(dtype: Dtype, shape: readonly number[]): number {
  return (elementsOf(shape) * Number(/\d+/.exec(dtype) ?? 8)) / 8;
}

function fault(code: FormatErrorCode, what: string, expected: string, got: string, cure = DAMAGED): FormatError {
  return new FormatError(code, `safetensors: ${what} expected ${expected}, got ${got}. ${cure}`);
}
