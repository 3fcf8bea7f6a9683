import { expectInteger, expectType, wrongRange } from "./validate.ts";

/** Numbers with a shape, row-major: the last dimension is contiguous. */
export interface Tensor<D extends Float32Array | Int32Array = Float32Array> {
  readonly data: D;
  readonly shape: readonly number[];
}

/**
 * Gives a flat array a shape.
 * @param data the numbers, row-major; kept, not copied
 * @param shape sizes whose product is the length of `data`
 * @throws RangeError when the sizes do not fit
 */
export function tensor<D extends Float32Array | Int32Array>(data: D, shape: readonly number[]): Tensor<D> {
  return Object.freeze({ data, shape: Object.freeze(checkSizes("", data, shape)) });
}

/** Checks a tensor that may be written by hand, as an object with `data` and `shape`. */
export function expectTensor(name: string, { data, shape }: Tensor<Float32Array | Int32Array>): void {
  checkSizes(`${name}.`, data, shape);
}

function checkSizes(prefix: string, data: unknown, shape: unknown): number[] {
  const isArray = data instanceof Float32Array || data instanceof Int32Array;
  expectType(isArray, `${prefix}data`, "a Float32Array or an Int32Array", data);
  expectType(Array.isArray(shape), `${prefix}shape`, "an array of sizes", shape);
  const sizes = (shape as unknown[]).slice();
  for (let i = 0; i < sizes.length; i++) {
    const size = sizes[i];
    if (!(Number.isInteger(size) && (size as number) >= 0)) expectInteger(`${prefix}shape[${i}]`, size, 0);
  }
  const checked = sizes as number[];
  if (sizeOf(checked) === data.length) return checked;
  throw wrongRange(`${prefix}data`, `${sizeOf(checked)} elements for shape ${showShape(checked)}`, data);
}

export function sizeOf(shape: readonly number[]): number {
  let product = 1;
  for (const size of shape) product *= size;
  return product;
}

export function showShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(", ")}]`;
}

export function isTensor(value: unknown): value is Tensor<Float32Array | Int32Array> {
  return typeof value === "object" && value !== null && "data" in value && "shape" in value;
}
