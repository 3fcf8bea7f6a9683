// exp, tanh, sigmoid on four f32, at most 2.5 ulp from the true value over all 2^32 inputs (`npm run ulp` checks it).
//
// Each reduces x = n·ln2 + r with |r| ≤ ln2/2: adding 1.5·2^23 rounds x·log2(e) to an integer n, which then stands in the
// low bits. e^r − 1 = r + r²·q(r), q a polynomial of degree 4 (minimax for the weight |r|, error 2^-26.2), in Estrin's form.
// Constants are read from memory because V8 rebuilds a v128.const at each use. In pmin and pmax the value that may be NaN
// stands first: `pmax(a, b)` is `a < b ? b : a`.

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

/** e^r − 1 for |r| ≤ ln2/2. */
// @ts-ignore: decorator
@inline function expm1Reduced(r: v128): v128 {
  const r2 = f32x4.mul(r, r);
  const low = f32x4.add(f32x4.mul(constant(Q1), r), constant(Q0));
  const mid = f32x4.add(f32x4.mul(constant(Q3), r), constant(Q2));
  const q = f32x4.add(f32x4.mul(f32x4.add(f32x4.mul(constant(Q4), r2), mid), r2), low);
  return f32x4.add(r, f32x4.mul(r2, q));
}

/** z − n·ln2, in two parts. */
// @ts-ignore: decorator
@inline function reduce(z: v128, n: v128): v128 {
  return f32x4.sub(f32x4.sub(z, f32x4.mul(n, constant(LN2_HIGH))), f32x4.mul(n, constant(LN2_LOW)));
}

/** e^x. The scale 2^n is applied in two halves, so that overflow and subnormal results come out right. */
// @ts-ignore: decorator
@inline export function exp(x: v128): v128 {
  const magic = constant(MAGIC);
  const one = constant(ONE);
  const z = f32x4.pmin(f32x4.pmax(x, constant(EXP_LOW)), constant(EXP_HIGH));
  const t = f32x4.add(f32x4.mul(z, constant(LOG2E)), magic);
  const p = f32x4.add(expm1Reduced(reduce(z, f32x4.sub(t, magic))), one);
  const n = i32x4.sub(t, magic);
  const half = i32x4.shr_s(n, 1);
  const first = f32x4.mul(p, i32x4.add(i32x4.shl(half, 23), one));
  return f32x4.mul(first, i32x4.add(i32x4.shl(i32x4.sub(n, half), 23), one));
}

/** tanh x = −expm1(−2|x|) / (1 + exp(−2|x|)) with the sign of x, that of zero too; exact for tiny x. */
// @ts-ignore: decorator
@inline export function tanh(x: v128): v128 {
  const sign = constant(SIGN);
  const magic = constant(MAGIC);
  const one = constant(ONE);
  const negative = v128.or(x, sign); // −|x|
  const z = f32x4.pmax(f32x4.add(negative, negative), constant(TANH_LOW));
  const t = f32x4.add(f32x4.mul(z, constant(LOG2E)), magic);
  const p = expm1Reduced(f32x4.sub(z, f32x4.mul(f32x4.sub(t, magic), constant(LN2))));
  const scale = i32x4.add(i32x4.shl(t, 23), one); // 2^n
  const scaled = f32x4.mul(scale, p);
  const y = f32x4.div(
    f32x4.sub(f32x4.sub(one, scale), scaled),
    f32x4.add(scaled, f32x4.add(scale, one)),
  );
  return v128.or(y, v128.and(sign, x));
}

/** σ(x) = (x < 0 ? e : 1) / (1 + e), e = exp(−|x|). */
// @ts-ignore: decorator
@inline export function sigmoid(x: v128): v128 {
  const magic = constant(MAGIC_32);
  const one = constant(ONE);
  const z = f32x4.pmax(v128.or(x, constant(SIGN)), constant(SIGMOID_LOW));
  const t = f32x4.add(f32x4.mul(z, constant(LOG2E)), magic);
  const p = f32x4.add(expm1Reduced(reduce(z, f32x4.sub(t, magic))), one);
  // A multiplication, not an integer addition to the exponent: NaN stays NaN.
  const e = f32x4.mul(f32x4.mul(p, i32x4.add(i32x4.shl(t, 23), one)), constant(TWO_M32));
  return f32x4.div(v128.bitselect(e, one, i32x4.shr_s(x, 31)), f32x4.add(e, one));
}

/** y = exp(x), n a multiple of 4; may be in place. Likewise the next two. */
export function expArray(y: usize, x: usize, n: i32): void {
  for (const end = x + ((<usize>n) << 2); x < end; x += 16, y += 16) v128.store(y, exp(v128.load(x)));
}

export function tanhArray(y: usize, x: usize, n: i32): void {
  for (const end = x + ((<usize>n) << 2); x < end; x += 16, y += 16) v128.store(y, tanh(v128.load(x)));
}

export function sigmoidArray(y: usize, x: usize, n: i32): void {
  for (const end = x + ((<usize>n) << 2); x < end; x += 16, y += 16) v128.store(y, sigmoid(v128.load(x)));
}
