// exp, tanh, sigmoid on four f32, at most 2.5 ulp from the true value over all 2^32 inputs (`npm run ulp` checks it).
//
// Each reduces x = n·ln2 + r with |r| ≤ ln2/2: adding 1.5·2^23 rounds x·log2(e) to an integer n, which then stands in the
// low bits. e^r − 1 = r + r²·q(r), q a polynomial of degree 4 (minimax for the weight |r|, error 2^-26.2), in Estrin's form.
// Constants are read from memory because V8 rebuilds a v128.const at each use. In pmin and pmax the value that may be NaN
// stands first: `pmax(a, b)` is `a < b ? b : a`.

import { bytes } from "./simd";

const LOG2E: usize = 0,
  MAGIC: usize = 4, // 1.5·2^23
  LN2_HIGH: usize = 8, // ln2 = LN2_HIGH + LN2_LOW, the high part with trailing zeros: n·LN2_HIGH is exact
  LN2_LOW: usize = 12,
  Q0: usize = 16,
  Q1: usize = 20,
  Q2: usize = 24,
  Q3: usize = 28,
  Q4: usize = 32,
  ONE: usize = 36,
  SIGN: usize = 40, // −0.0
  TANH_LOW: usize = 44, // e^-20 < 2^-25: 1 − e^-20 rounds to 1
  SIGMOID_LOW: usize = 48, // e^-103.98 < 2^-150
  MAGIC_32: usize = 52, // MAGIC + 32: the scale becomes 2^(n+32), a normal number for every n here
  TWO_M32: usize = 56, // 2^-32 takes it back, with one rounding into the subnormals
  LN2: usize = 60,
  EXP_LOW: usize = 64,
  EXP_HIGH: usize = 68;

// prettier-ignore
const TABLE = memory.data<f32>([
  1.44269504088896341, 12582912.0, 0.693145751953125, 1.42860677e-6,
  0.5, 0.1666654497, 0.04166640341, 0.008366408758, 0.001394064748,
  1.0, -0.0, -20.0, -103.98, 12582944.0, 2.3283064365386963e-10, 0.693147180559945, -104.0, 89.0,
], 16);

// @ts-ignore: decorator
@inline function constant(offset: usize): v128 {
  return v128.load32_splat(TABLE + offset);
}

// Functions stand in pieces, put together once for a vector and once for an array. A vector alone is a chain of twenty-odd
// operations that wait for each other; an array is taken piece by piece, through buffers in the first-level cache, so that
// the processor always finds other vectors to work on. The pieces take their constants, which a loop loads once.

/** t = z·log2(e), rounded to the integer in its low bits by the magic number. */
// @ts-ignore: decorator
@inline function quotient(z: v128, log2e: v128, magic: v128): v128 {
  return f32x4.add(f32x4.mul(z, log2e), magic);
}

/** z − n·ln2, in two parts. */
// @ts-ignore: decorator
@inline function rest(z: v128, n: v128, high: v128, low: v128): v128 {
  return f32x4.sub(f32x4.sub(z, f32x4.mul(n, high)), f32x4.mul(n, low));
}

/** e^r − 1 for |r| ≤ ln2/2. */
// @ts-ignore: decorator
@inline function expm1Reduced(r: v128, q0: v128, q1: v128, q2: v128, q3: v128, q4: v128): v128 {
  const r2 = f32x4.mul(r, r);
  const low = f32x4.add(f32x4.mul(q1, r), q0);
  const mid = f32x4.add(f32x4.mul(q3, r), q2);
  const q = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(q4, r2), mid), r2), low);
  return f32x4.add(r, f32x4.mul(r2, q));
}

function expm1(r: v128): v128 {
  return expm1Reduced(r, constant(Q0), constant(Q1), constant(Q2), constant(Q3), constant(Q4));
}

/** e^x */
export function exp(x: v128): v128 {
  const magic = constant(MAGIC);
  const z = expArgument(x, constant(EXP_LOW), constant(EXP_HIGH));
  const t = quotient(z, constant(LOG2E), magic);
  const r = rest(z, f32x4.sub(t, magic), constant(LN2_HIGH), constant(LN2_LOW));
  return expResult(t, expm1(r), magic, constant(ONE));
}

// @ts-ignore: decorator
@inline function expArgument(x: v128, lowest: v128, highest: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, lowest), highest);
}

/** The scale 2^n is applied in two halves, so that overflow and subnormal results come out right. */
// @ts-ignore: decorator
@inline function expResult(t: v128, p: v128, magic: v128, one: v128): v128 {
  const n = i32x4.sub(t, magic);
  const half = i32x4.shr_s(n, 1);
  const first = f32x4.mul(f32x4.add(p, one), i32x4.add(i32x4.shl(half, 23), one));
  return f32x4.mul(first, i32x4.add(i32x4.shl(i32x4.sub(n, half), 23), one));
}

/** tanh x = −expm1(−2|x|) / (1 + exp(−2|x|)) with the sign of x, that of zero too; exact for tiny x. */
export function tanh(x: v128): v128 {
  const sign = constant(SIGN);
  const magic = constant(MAGIC);
  const z = tanhArgument(x, sign, constant(TANH_LOW));
  const t = quotient(z, constant(LOG2E), magic);
  return tanhResult(x, t, expm1(tanhRest(z, t, magic, constant(LN2))), sign, constant(ONE));
}

/** −2|x| */
// @ts-ignore: decorator
@inline function tanhArgument(x: v128, sign: v128, lowest: v128): v128 {
  const negative = v128.or(x, sign);
  return f32x4.pmax(f32x4.add(negative, negative), lowest);
}

/** One part of ln2 is enough here. */
// @ts-ignore: decorator
@inline function tanhRest(z: v128, t: v128, magic: v128, ln2: v128): v128 {
  return f32x4.sub(z, f32x4.mul(f32x4.sub(t, magic), ln2));
}

// @ts-ignore: decorator
@inline function tanhResult(x: v128, t: v128, p: v128, sign: v128, one: v128): v128 {
  const scale = i32x4.add(i32x4.shl(t, 23), one); // 2^n
  const scaled = f32x4.mul(scale, p);
  const y = f32x4.div(
    f32x4.sub(f32x4.sub(one, scale), scaled),
    f32x4.add(scaled, f32x4.add(scale, one)),
  );
  return v128.or(y, v128.and(sign, x));
}

/** σ(x) = (x < 0 ? e : 1) / (1 + e), e = exp(−|x|). */
export function sigmoid(x: v128): v128 {
  const magic = constant(MAGIC_32);
  const z = sigmoidArgument(x, constant(SIGN), constant(SIGMOID_LOW));
  const t = quotient(z, constant(LOG2E), magic);
  const r = rest(z, f32x4.sub(t, magic), constant(LN2_HIGH), constant(LN2_LOW));
  return sigmoidResult(x, t, expm1(r), constant(ONE), constant(TWO_M32));
}

/** −|x| */
// @ts-ignore: decorator
@inline function sigmoidArgument(x: v128, sign: v128, lowest: v128): v128 {
  return f32x4.pmax(v128.or(x, sign), lowest);
}

// @ts-ignore: decorator
@inline function sigmoidResult(x: v128, t: v128, p: v128, one: v128, scaleBack: v128): v128 {
  // A multiplication, not an integer addition to the exponent: NaN stays NaN.
  const scaled = f32x4.mul(f32x4.add(p, one), i32x4.add(i32x4.shl(t, 23), one));
  const e = f32x4.mul(scaled, scaleBack);
  return f32x4.div(v128.bitselect(e, one, i32x4.shr_s(x, 31)), f32x4.add(e, one));
}

/** Elements that the arrays below take at a time: buffers of 1 KB each. */
const CHUNK = 256;
const T = memory.data(1024, 16);
const R = memory.data(1024, 16);

/** y = exp(x), n a multiple of 4; may be in place. Likewise the next two. */
export function expArray(y: usize, x: usize, n: i32): void {
  for (; n > 0; n -= CHUNK, x += bytes(CHUNK), y += bytes(CHUNK)) {
    const size = bytes(min(n, CHUNK));
    expRests(x, size);
    expm1Rests(size);
    expResults(y, size);
  }
}

export function tanhArray(y: usize, x: usize, n: i32): void {
  for (; n > 0; n -= CHUNK, x += bytes(CHUNK), y += bytes(CHUNK)) {
    const size = bytes(min(n, CHUNK));
    tanhRests(x, size);
    expm1Rests(size);
    tanhResults(y, x, size);
  }
}

export function sigmoidArray(y: usize, x: usize, n: i32): void {
  for (; n > 0; n -= CHUNK, x += bytes(CHUNK), y += bytes(CHUNK)) {
    const size = bytes(min(n, CHUNK));
    sigmoidRests(x, size);
    expm1Rests(size);
    sigmoidResults(y, x, size);
  }
}

/** T and R from x, `size` bytes; likewise the next two of the kind. */
// @ts-ignore: decorator
@inline function expRests(x: usize, size: usize): void {
  const lowest = constant(EXP_LOW);
  const highest = constant(EXP_HIGH);
  const log2e = constant(LOG2E);
  const magic = constant(MAGIC);
  const high = constant(LN2_HIGH);
  const low = constant(LN2_LOW);
  for (let i: usize = 0; i < size; i += 16) {
    const z = expArgument(v128.load(x + i), lowest, highest);
    const t = quotient(z, log2e, magic);
    v128.store(T + i, t);
    v128.store(R + i, rest(z, f32x4.sub(t, magic), high, low));
  }
}

/** y from T and R, `size` bytes; likewise the next two of the kind, which need x once more. */
// @ts-ignore: decorator
@inline function expResults(y: usize, size: usize): void {
  const magic = constant(MAGIC);
  const one = constant(ONE);
  for (let i: usize = 0; i < size; i += 16) {
    v128.store(y + i, expResult(v128.load(T + i), v128.load(R + i), magic, one));
  }
}

// @ts-ignore: decorator
@inline function tanhRests(x: usize, size: usize): void {
  const sign = constant(SIGN);
  const lowest = constant(TANH_LOW);
  const log2e = constant(LOG2E);
  const magic = constant(MAGIC);
  const ln2 = constant(LN2);
  for (let i: usize = 0; i < size; i += 16) {
    const z = tanhArgument(v128.load(x + i), sign, lowest);
    const t = quotient(z, log2e, magic);
    v128.store(T + i, t);
    v128.store(R + i, tanhRest(z, t, magic, ln2));
  }
}

// @ts-ignore: decorator
@inline function tanhResults(y: usize, x: usize, size: usize): void {
  const sign = constant(SIGN);
  const one = constant(ONE);
  for (let i: usize = 0; i < size; i += 16) {
    v128.store(y + i, tanhResult(v128.load(x + i), v128.load(T + i), v128.load(R + i), sign, one));
  }
}

// @ts-ignore: decorator
@inline function sigmoidRests(x: usize, size: usize): void {
  const sign = constant(SIGN);
  const lowest = constant(SIGMOID_LOW);
  const log2e = constant(LOG2E);
  const magic = constant(MAGIC_32);
  const high = constant(LN2_HIGH);
  const low = constant(LN2_LOW);
  for (let i: usize = 0; i < size; i += 16) {
    const z = sigmoidArgument(v128.load(x + i), sign, lowest);
    const t = quotient(z, log2e, magic);
    v128.store(T + i, t);
    v128.store(R + i, rest(z, f32x4.sub(t, magic), high, low));
  }
}

// @ts-ignore: decorator
@inline function sigmoidResults(y: usize, x: usize, size: usize): void {
  const one = constant(ONE);
  const scaleBack = constant(TWO_M32);
  for (let i: usize = 0; i < size; i += 16) {
    v128.store(y + i, sigmoidResult(v128.load(x + i), v128.load(T + i), v128.load(R + i), one, scaleBack));
  }
}

/** R = e^R − 1 */
function expm1Rests(size: usize): void {
  const q0 = constant(Q0);
  const q1 = constant(Q1);
  const q2 = constant(Q2);
  const q3 = constant(Q3);
  const q4 = constant(Q4);
  for (let p = R; p < R + size; p += 16) v128.store(p, expm1Reduced(v128.load(p), q0, q1, q2, q3, q4));
}
