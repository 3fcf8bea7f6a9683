/**
 * Weights in fewer bits, as `save({ dtype })` writes them; float32Of() and readModel() read them back.
 *
 * f16: to the nearest, ties to even: off by at most 2^-11 of the number, and by at most 2^-25 below 2^-14.
 * i8: matrices only, w ≈ scale·q with q from −127 to 127 and one scale for each row (the first dimension: an output, a gate's
 * unit, a token), max|row|/127: off by at most max|row|/254 (Jacob et al. 2018, symmetric, per channel).
 */

import { expectOneOf, expectOptions, show } from "../validate.ts";
import type { RawTensor } from "./safetensors.ts";

export interface SaveOptions {
  /**
   * How the parameters are kept; the file is loaded as any other. "f16": in half the size, off by at most 2^-11 of a number, or 2^-25
   * of one below 2^-14. "i8": in about a quarter, the matrices as whole numbers with a scale for each row, off by at most 1/254 of
   * the largest in the row; vectors stay. Default "f32", bit for bit.
   */
  readonly dtype?: "f32" | "f16" | "i8";
}

export type Storage = NonNullable<SaveOptions["dtype"]>;

/** How the numbers of a file are to be kept. @throws TypeError, RangeError on a wrong option */
export function expectStorage(options: SaveOptions): Storage {
  expectOptions("save", options, ["dtype"]);
  const { dtype = "f32" } = options;
  return expectOneOf("dtype", dtype, ["f32", "f16", "i8"]);
}

/** Beyond it, float16 rounds to infinity. */
const HALF_LIMIT = 65520;

/** @throws RangeError when a number is beyond what float16 holds */
export function halfTensor(name: string, data: Float32Array, shape: readonly number[]): RawTensor {
  expectBelow(name, data, HALF_LIMIT, 'float16 holds: save it as "f32"');
  const halves = Uint16Array.from(new Uint32Array(data.slice().buffer), halfBits);
  return { dtype: "F16", shape, bytes: new Uint8Array(halves.buffer) };
}

/** The bits of a float32, below the limit, as those of the nearest float16. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  const exponent = (magnitude >>> 23) - 112; // that of float16; from 0 down it has no hidden one
  if (exponent > 0) return sign | roundEven(magnitude - 0x38000000, 13);
  const shift = 14 - exponent;
  return shift > 24 ? sign : sign | roundEven((magnitude & 0x7fffff) | 0x800000, shift);
}

/** n / 2^shift to the nearest, ties to even. */
function roundEven(n: number, shift: number): number {
  const half = 1 << (shift - 1);
  const odd = (n >>> shift) & 1;
  return (n + half - 1 + odd) >>> shift;
}

/**
 * A tensor of rows, and their scales (rows, 1 …), so that in PyTorch `q.float() * scale` is the weight.
 * @throws RangeError when a number is not finite
 */
export function int8Tensors(name: string, data: Float32Array, shape: readonly number[]): [RawTensor, RawTensor] {
  expectBelow(name, data, Infinity, "are finite: look for where training diverged");
  const rows = shape[0]!;
  const columns = data.length / rows;
  const scales = Float32Array.from({ length: rows }, (_, i) => {
    return data.subarray(i * columns, (i + 1) * columns).reduce((max, x) => Math.max(max, Math.abs(x)), 0) / 127;
  });
  const q = Int8Array.from(data, (x, i) => {
    const scale = scales[Math.floor(i / columns)]!;
    return scale === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(x / scale)));
  });
  return [
    { dtype: "I8", shape, bytes: new Uint8Array(q.buffer) },
    { dtype: "F32", shape: shape.map((size, i) => (i === 0 ? size : 1)), bytes: new Uint8Array(scales.buffer) },
  ];
}

function expectBelow(name: string, data: Float32Array, limit: number, what: string): void {
  const bad = data.find((x) => !(Math.abs(x) < limit));
  if (bad !== undefined) throw new RangeError(`${show(name)} expected numbers that ${what}, got ${bad}`);
}
