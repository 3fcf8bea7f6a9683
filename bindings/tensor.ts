import { expectInteger, expectRange, expectType } from "./validate.ts";

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
  const sizes = Array.from(shape, (size, i) => expectInteger(`${prefix}shape[${i}]`, size, 0));
  const expected = `${sizeOf(sizes)} elements for shape ${showShape(sizes)}`;
  expectRange(sizeOf(sizes) === data.length, `${prefix}data`, expected, data);
  return sizes;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function showShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(", ")}]`;
}

export function isTensor(value: unknown): value is Tensor<Float32Array | Int32Array> {
  return typeof value === "object" && value !== null && "data" in value && "shape" in value;
}
