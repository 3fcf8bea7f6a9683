/** Numbers that stand in the file, or follow from sizes alone. */

import { FormatError } from "../index.ts";
import { show } from "../validate.ts";
import { isKnown, productOf, type Dim } from "./dim.ts";
import { TYPE, type TensorProto } from "./proto.ts";
import { stridesOf } from "./view.ts";

/** Integers: a shape, an axis, a condition (0 or 1). Those that cannot be told are undefined. */
export interface Ints {
  readonly kind: "ints";
  readonly shape: readonly Dim[];
  /** As many as the shape has, or one for all. */
  readonly items: readonly (Dim | undefined)[];
}

/** Floats by strides over their data, so that broadcasting and transposing move nothing. */
export interface Floats {
  readonly kind: "floats";
  readonly name: string;
  readonly shape: readonly Dim[];
  /** 0 along a broadcast axis. */
  readonly strides: readonly number[];
  readonly start: number;
  readonly data: FloatData;
}

/** Lists of integers are shapes, which are short: longer ones are no concern of ours. */
export const LONGEST_INTS = 64;
/** Axes of any array. */
export const MOST_AXES = 8;

/** What one import may copy, so that a small file cannot ask for a large memory. */
export class Budget {
  #left: number;

  constructor(fileSize: number) {
    this.#left = 4 * fileSize;
  }

  /** @throws FormatError when this is more than four times the file */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left >= 0) return;
    throw new FormatError("unsupported", "onnx: the graph asks for more than four times the size of its file");
  }
}

/** The floats of a tensor in the file, made when they are asked for. */
export class FloatData {
  readonly name: string;
  readonly #budget: Budget;
  #make: (() => Float32Array) | undefined;
  #values: Float32Array | undefined;

  constructor(name: string, budget: Budget, make: () => Float32Array) {
    this.name = name;
    this.#budget = budget;
    this.#make = make;
  }

  get values(): Float32Array {
    if (!this.#values) {
      this.#values = this.#make!();
      this.#budget.take(this.#values.byteLength);
      const wrong = this.#values.find((x) => !Number.isFinite(x));
      if (wrong !== undefined) {
        throw new FormatError("malformed", `onnx: tensor ${show(this.name)} expected finite numbers, got ${wrong}`);
      }
      this.#make = undefined;
    }
    return this.#values;
  }
}

const fail = (code: "malformed" | "unsupported" | "truncated", tensor: TensorProto, why: string): never => {
  throw new FormatError(code, `onnx: tensor ${show(tensor.name)} ${why}`);
};

/** Bytes of an element, and the field where its numbers stand when they are not raw. */
const elementTypes: Readonly<Record<number, { bytes: number; field: number; name: string }>> = {
  [TYPE.FLOAT]: { bytes: 4, field: 4, name: "float" },
  [TYPE.DOUBLE]: { bytes: 8, field: 10, name: "double" },
  [TYPE.FLOAT16]: { bytes: 2, field: 5, name: "float16" },
  [TYPE.BFLOAT16]: { bytes: 2, field: 5, name: "bfloat16" },
  [TYPE.INT32]: { bytes: 4, field: 5, name: "int32" },
  [TYPE.INT64]: { bytes: 8, field: 7, name: "int64" },
  [TYPE.BOOL]: { bytes: 1, field: 5, name: "bool" },
};

const isFloat = (type: number) =>
  type === TYPE.FLOAT || type === TYPE.DOUBLE || type === TYPE.FLOAT16 || type === TYPE.BFLOAT16;

/** A tensor of the file as a constant: its sizes are held against its data, which are not copied yet. */
export function constantOf(tensor: TensorProto, budget: Budget): Ints | Floats {
  const { dims, type } = tensor;
  if (tensor.external) {
    fail(
      "unsupported",
      tensor,
      "keeps its data in another file: save the model in one file (save_as_external_data=False)",
    );
  }
  if (tensor.segmented) fail("unsupported", tensor, "is in segments");
  if (!Object.hasOwn(elementTypes, type)) {
    fail(
      "unsupported",
      tensor,
      `has the data type ${type}; read are float, double, float16, bfloat16, int32, int64 and bool`,
    );
  }
  if (dims.length > MOST_AXES) fail("unsupported", tensor, `has ${dims.length} axes`);
  if (dims.some((size) => !Number.isSafeInteger(size) || size < 0))
    fail("malformed", tensor, `has the shape [${dims.join(", ")}]`);
  const count = dims.reduce((a, b) => a * b, 1);
  const bytes = dataOf(tensor, count);
  if (!isFloat(type)) return { kind: "ints", shape: dims, items: integersOf(tensor, bytes, count) };
  const data = new FloatData(tensor.name, budget, () => floatsOf(tensor, bytes, count));
  return { kind: "floats", name: tensor.name, shape: dims, strides: stridesOf(dims), start: 0, data };
}

/** The bytes of all elements; varints where the tensor has such. */
function dataOf(tensor: TensorProto, count: number): { raw: Uint8Array } | { varints: Uint8Array } {
  const { bytes, field, name } = elementTypes[tensor.type]!;
  const pieces = tensor.data.get(field) ?? [];
  if (tensor.raw !== undefined && tensor.data.size > 0) fail("malformed", tensor, "has its data twice");
  if (tensor.raw === undefined && pieces.length === 0 && count > 0) fail("malformed", tensor, "has no data");
  const inField = pieces.length === 1 ? pieces[0]! : concatenateBytes(pieces);
  const isFixed = tensor.raw !== undefined || field === 4 || field === 10;
  const found = tensor.raw ?? inField;
  if (!isFixed) return { varints: found };
  if (found.length !== count * bytes) {
    fail(
      found.length < count * bytes ? "truncated" : "malformed",
      tensor,
      `of ${name}, shape [${tensor.dims.join(", ")}], expected ${count * bytes} bytes, got ${found.length}`,
    );
  }
  return { raw: found };
}

function concatenateBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

type Data = ReturnType<typeof dataOf>;

/** Varints as the numbers they are, 64 bits in two's complement. */
function* varintsOf(tensor: TensorProto, bytes: Uint8Array): Generator<number> {
  for (let at = 0; at < bytes.length;) {
    let value = 0n;
    let shift = 0n;
    let byte = 0x80;
    while (byte >= 0x80) {
      if (at >= bytes.length || shift > 63n) fail("truncated", tensor, "ends within a number");
      byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    }
    yield Number(BigInt.asIntN(64, value));
  }
}

function integersOf(tensor: TensorProto, data: Data, count: number): (number | undefined)[] {
  if (count > LONGEST_INTS) {
    if ("varints" in data && data.varints.length < count) fail("truncated", tensor, `expected ${count} numbers`);
    return [undefined]; // no shape: whoever needs the numbers says so
  }
  if ("varints" in data) {
    const numbers = [...varintsOf(tensor, data.varints.subarray(0, 10 * (LONGEST_INTS + 1)))];
    if (numbers.length !== count) fail("malformed", tensor, `expected ${count} numbers, got ${numbers.length}`);
    return numbers;
  }
  const bytes = data.raw.slice();
  if (tensor.type === TYPE.BOOL) return Array.from(bytes, (x) => (x === 0 ? 0 : 1));
  if (tensor.type === TYPE.INT32) return [...new Int32Array(bytes.buffer)];
  return Array.from(new BigInt64Array(bytes.buffer), Number);
}

function floatsOf(tensor: TensorProto, data: Data, count: number): Float32Array {
  if ("raw" in data) {
    const bytes = data.raw.slice();
    if (tensor.type === TYPE.FLOAT) return new Float32Array(bytes.buffer);
    if (tensor.type === TYPE.DOUBLE) return new Float32Array(new Float64Array(bytes.buffer));
    return widen(tensor.type, new Uint16Array(bytes.buffer));
  }
  if (data.varints.length < count) fail("truncated", tensor, `expected ${count} numbers`);
  const halves = new Uint16Array(count);
  let n = 0;
  for (const half of varintsOf(tensor, data.varints)) {
    if (n === count) fail("malformed", tensor, `expected ${count} numbers, got more`);
    halves[n++] = half;
  }
  if (n < count) fail("truncated", tensor, `expected ${count} numbers, got ${n}`);
  return widen(tensor.type, halves);
}

/** Numbers of 16 bits as floats. */
function widen(type: number, halves: Uint16Array): Float32Array {
  if (type === TYPE.BFLOAT16) return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
  return Float32Array.from(halves, (half) => {
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    const sign = half & 0x8000 ? -1 : 1;
    if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
    const value = exponent === 0 ? fraction * HALF_STEP : (1024 + fraction) * HALF_STEP * (1 << (exponent - 1));
    return sign * value;
  });
}

/** 2⁻²⁴, the smallest number of float16. */
const HALF_STEP = 1 / 0x1000000;

/** The same number everywhere. */
export function uniform(name: string, value: number, shape: readonly Dim[], budget: Budget): Floats {
  const data = new FloatData(name, budget, () => Float32Array.of(value));
  return { kind: "floats", name, shape, strides: shape.map(() => 0), start: 0, data };
}

/** Sizes of a constant; undefined where one is open. */
export function knownShape({ shape }: Floats): number[] | undefined {
  return shape.every(isKnown) ? [...shape] : undefined;
}

/** The number of elements; undefined where it is open. */
export function countOf({ shape }: Floats | Ints): Dim | undefined {
  return productOf(shape);
}

/** One number where all are the same by their strides, else undefined. */
export function scalarOf(floats: Floats): number | undefined {
  const isOne = floats.shape.every((size, axis) => size === 1 || floats.strides[axis] === 0);
  return isOne && countOf(floats) !== 0 ? floats.data.values[floats.start] : undefined;
}

/** A copy of the numbers, row-major; the shape must be known. */
export function copyFloats(floats: Floats, budget: Budget): Float32Array<ArrayBuffer> {
  const shape = knownShape(floats)!;
  const count = shape.reduce((a, b) => a * b, 1);
  budget.take(count * 4);
  const { values } = floats.data;
  const copy = new Float32Array(count);
  let n = 0;
  const walk = (axis: number, at: number): void => {
    if (axis === shape.length) copy[n++] = values[at]!;
    else for (let i = 0; i < shape[axis]!; i++) walk(axis + 1, at + i * floats.strides[axis]!);
  };
  walk(0, floats.start);
  return copy;
}
