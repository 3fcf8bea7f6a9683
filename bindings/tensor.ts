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
  const isArray = data instanceof Float32Array || data instanceof Int32Array;
  expectType(isArray, "data", "a Float32Array or an Int32Array", data);
  expectType(Array.isArray(shape), "shape", "an array of sizes", shape);
  const sizes = Array.from(shape as readonly unknown[], (size, i) => expectInteger(`shape[${i}]`, size, 0));
  expectRange(sizeOf(sizes) === data.length, "data", `${sizeOf(sizes)} elements for shape ${showShape(sizes)}`, data);
  return Object.freeze({ data, shape: Object.freeze(sizes) });
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
