// Two-line helpers over 128-bit vectors of four f32.

/** Elements of a row of n elements with its padding: n rounded up to a whole vector. */
// @ts-ignore: decorator
@inline export function padded(n: i32): i32 {
  return (n + 3) & ~3;
}

/** Size of n f32 in bytes. */
// @ts-ignore: decorator
@inline export function bytes(n: i32): usize {
  return (<usize>n) << 2;
}

/** y + a·b: two roundings, the same on every engine (never a fused multiply-add). */
// @ts-ignore: decorator
@inline export function muladd(y: v128, a: v128, b: v128): v128 {
  return f32x4.add(y, f32x4.mul(a, b));
}

/** Sum of the four lanes, pairwise. */
// @ts-ignore: decorator
@inline export function sum(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** The first two lanes as f64. */
// @ts-ignore: decorator
@inline export function promoteLow(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** The last two lanes as f64. */
// @ts-ignore: decorator
@inline export function promoteHigh(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
}

/** Sum of two f64 lanes. */
// @ts-ignore: decorator
@inline export function sum64(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}
