// Operations over flat arrays and over rows. n is a multiple of 4 unless said otherwise.
import { bytes, promoteHigh, promoteLow, sum64 } from "./simd";

/** y = 0, any n. */
export function zero(y: usize, n: i32): void {
  memory.fill(y, 0, bytes(n));
}

/** y += x, any n. */
export function add(y: usize, x: usize, n: i32): void {
  const end = x + bytes(n);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
  for (; x < end; x += 4, y += 4) store<f32>(y, load<f32>(y) + load<f32>(x));
}

/** y *= a */
export function scale(y: usize, a: f32, n: i32): void {
  const factor = f32x4.splat(a);
  for (const end = y + bytes(n); y < end; y += 16) v128.store(y, f32x4.mul(v128.load(y), factor));
}

/** y *= x */
export function multiply(y: usize, x: usize, n: i32): void {
  for (const end = y + bytes(n); y < end; y += 16, x += 16) v128.store(y, f32x4.mul(v128.load(y), v128.load(x)));
}

/** y = a + b */
export function sumArrays(y: usize, a: usize, b: usize, n: i32): void {
  for (const end = y + bytes(n); y < end; y += 16, a += 16, b += 16) {
    v128.store(y, f32x4.add(v128.load(a), v128.load(b)));
  }
}

/** y = min(max(y, −limit), limit); NaN stays NaN. */
export function clampArray(y: usize, limit: f32, n: i32): void {
  const high = f32x4.splat(limit);
  const low = f32x4.splat(-limit);
  for (const end = y + bytes(n); y < end; y += 16) {
    v128.store(y, f32x4.pmin(f32x4.pmax(v128.load(y), low), high));
  }
}

/** Σ x², in f64: not finite just where an element is not. */
export function sumSquares(x: usize, n: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (const end = x + bytes(n); x < end; x += 16) {
    const v = v128.load(x);
    const a = promoteLow(v);
    const b = promoteHigh(v);
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  return sum64(f64x2.add(low, high));
}

/** y[row] = √Σ x[row, j]², j < n (any n), rows of stride ld. The sum is in f64: a norm is 0 just where all its elements are. */
export function rowNorms(y: usize, x: usize, ld: i32, rows: i32, n: i32): void {
  const whole = n & ~3;
  for (let row = 0; row < rows; row++, x += bytes(ld)) {
    let sum = sumSquares(x, whole);
    for (let j = whole; j < n; j++) {
      const v = <f64>load<f32>(x + bytes(j));
      sum += v * v;
    }
    store<f32>(y + bytes(row), <f32>Math.sqrt(sum));
  }
}

/** Room for 4,096 floats of a caller's that are looked at and not kept. */
export const visitors = memory.data(0x4000, 16);

/** Index of the first element that is NaN or infinite, −1 if there is none; any n. */
export function firstNotFinite(x: usize, n: i32): i32 {
  let i = 0;
  for (const whole = n & ~3; i < whole; i += 4) {
    const v = v128.load(x + bytes(i));
    // v − v is 0 for a finite number and NaN else.
    if (!i32x4.all_true(f32x4.eq(f32x4.sub(v, v), f32x4.splat(0)))) break;
  }
  for (; i < n; i++) {
    const v = load<f32>(x + bytes(i));
    if (v - v != 0) return i;
  }
  return -1;
}

/** y[j] += Σ over rows of x[row, j], j < n (any n), rows of stride ld; y need not be padded. */
export function columnSum(y: usize, x: usize, ld: i32, rows: i32, n: i32): void {
  const stride = bytes(ld);
  let j = 0;
  for (; j + 16 <= n; j += 16) {
    const q = y + bytes(j);
    let s0 = v128.load(q);
    let s1 = v128.load(q, 16);
    let s2 = v128.load(q, 32);
    let s3 = v128.load(q, 48);
    let p = x + bytes(j);
    for (let row = 0; row < rows; row++, p += stride) {
      s0 = f32x4.add(s0, v128.load(p));
      s1 = f32x4.add(s1, v128.load(p, 16));
      s2 = f32x4.add(s2, v128.load(p, 32));
      s3 = f32x4.add(s3, v128.load(p, 48));
    }
    v128.store(q, s0);
    v128.store(q, s1, 16);
    v128.store(q, s2, 32);
    v128.store(q, s3, 48);
  }
  for (; j < n; j++) {
    let s = load<f32>(y + bytes(j));
    let p = x + bytes(j);
    for (let row = 0; row < rows; row++, p += stride) s += load<f32>(p);
    store<f32>(y + bytes(j), s);
  }
}
