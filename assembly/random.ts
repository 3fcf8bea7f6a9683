// The only source of randomness: xoshiro128++ (Blackman & Vigna 2019, prng.di.unimi.it), four independent streams side by
// side in the four lanes. The whole state is 64 bytes at `randomState`, so saving them saves the generator.
import { bytes } from "./simd";

const STATE = memory.data(64, 16);

/** Where the 64 bytes of the generator's state are. */
export function randomState(): usize {
  return STATE;
}

/** Size of that state in bytes. */
export function randomStateSize(): i32 {
  return 64;
}

/** Fills the state from a 64-bit seed by SplitMix64 (Steele, Lea & Flood 2014), as the authors of xoshiro advise. */
export function randomSeed(low: u32, high: u32): void {
  let s = (<u64>high << 32) | <u64>low;
  for (let i: usize = 0; i < 64; i += 8) {
    s += 0x9e3779b97f4a7c15;
    let z = s;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    store<u64>(STATE + i, z ^ (z >> 31));
  }
}

// @ts-ignore: decorator
@inline function rotateLeft(v: v128, k: i32): v128 {
  return v128.or(i32x4.shl(v, k), i32x4.shr_u(v, 32 - k));
}

/** Four random u32. */
// @ts-ignore: decorator
@inline function next(): v128 {
  let s0 = v128.load(STATE);
  let s1 = v128.load(STATE, 16);
  let s2 = v128.load(STATE, 32);
  let s3 = v128.load(STATE, 48);
  const result = i32x4.add(rotateLeft(i32x4.add(s0, s3), 7), s0);
  const t = i32x4.shl(s1, 9);
  s2 = v128.xor(s2, s0);
  s3 = v128.xor(s3, s1);
  s1 = v128.xor(s1, s2);
  s0 = v128.xor(s0, s3);
  s2 = v128.xor(s2, t);
  s3 = rotateLeft(s3, 11);
  v128.store(STATE, s0);
  v128.store(STATE, s1, 16);
  v128.store(STATE, s2, 32);
  v128.store(STATE, s3, 48);
  return result;
}

/** Four uniform f32 in [0, 1), multiples of 2^-24. */
// @ts-ignore: decorator
@inline export function uniform4(): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(next(), 8)), f32x4.splat(5.9604644775390625e-8));
}

/** One uniform f64 in [0, 1), a multiple of 2^-53. */
export function uniform(): f64 {
  const v = next();
  const high = <u64>(<u32>i32x4.extract_lane(v, 0)) << 21;
  return <f64>(high ^ (<u64>(<u32>i32x4.extract_lane(v, 1)) >> 11)) * 1.1102230246251565e-16;
}

/** y = n uniform f32 in [low, high). */
export function uniformArray(y: usize, n: i32, low: f32, high: f32): void {
  const scale = high - low;
  for (const end = y + bytes(n); y < end; y += 4) {
    const u = f32x4.extract_lane(uniform4(), 0);
    // low + u·scale may round up to high itself.
    const value = low + u * scale;
    store<f32>(y, value < high ? value : low);
  }
}

/** y = n normal f32, by the polar method of Marsaglia & Bray 1964. */
export function normalArray(y: usize, n: i32, mean: f32, deviation: f32): void {
  const end = y + bytes(n);
  while (y < end) {
    const a = 2 * uniform() - 1;
    const b = 2 * uniform() - 1;
    const s = a * a + b * b;
    if (s >= 1 || s == 0) continue;
    const f = Math.sqrt((-2 * <f64>Mathf.log(<f32>s)) / s);
    store<f32>(y, mean + deviation * <f32>(a * f));
    y += 4;
    if (y == end) break;
    store<f32>(y, mean + deviation * <f32>(b * f));
    y += 4;
  }
}

/** y = a random permutation of 0 … n−1 as i32 (Durstenfeld's form of the Fisher–Yates shuffle). */
export function permutation(y: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<i32>(y + bytes(i), i);
  for (let i = n - 1; i > 0; i--) {
    const j = <i32>((<u64>(<u32>i32x4.extract_lane(next(), 0)) * <u64>(i + 1)) >> 32);
    const a = y + bytes(i);
    const b = y + bytes(j);
    const kept = load<i32>(a);
    store<i32>(a, load<i32>(b));
    store<i32>(b, kept);
  }
}
