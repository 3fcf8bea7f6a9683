// y = φ(a), row by row, and da = dy∘φ'(a). The kinds are numbered by their place in the table of bindings/activation.ts;
// the definitions are PyTorch's. Up to SOFTMAX φ' follows from y alone, and a need not be kept.
import * as math from "./math";
import { bytes, muladd, padded, sum } from "./simd";

const LINEAR = 0;
export const SIGMOID = 1;
export const TANH = 2;
const RELU = 3;
const SOFTMAX = 4;
const LOG_SOFTMAX = 5;
const LEAKY_RELU = 6; // alpha: slope below 0
const ELU = 7; // alpha: the value at −∞, negated
const SELU = 8;
const GELU = 9;
const GELU_TANH = 10;
const SILU = 11;
const MISH = 12;
const SOFTPLUS = 13;
const LOG_SIGMOID = 14;
const SOFTSIGN = 15;
const HARD_TANH = 16;
const HARD_SIGMOID = 17;
const HARD_SWISH = 18;
const RELU6 = 19;

// Klambauer et al. 2017
const SELU_SCALE: f32 = 1.0507009873554805;
const SELU_ALPHA: f32 = 1.6732632423543772;
// √(2/π) and the cubic term of Hendrycks & Gimpel 2016
const GELU_FACTOR: f32 = 0.7978845608028654;
const GELU_CUBIC: f32 = 0.044715;

/** y = φ(a), rows (N, F) stride padded(F); y may be a, but for logSoftmax. */
export function activationForward(y: usize, a: usize, N: i32, F: i32, kind: i32, alpha: f32): void {
  const P = padded(F);
  if (kind == SOFTMAX || kind == LOG_SOFTMAX) {
    for (let row = 0; row < N; row++, y += bytes(P), a += bytes(P)) {
      if (kind == SOFTMAX) softmaxRow(y, a, F);
      else logSoftmaxRow(y, a, F);
    }
    return;
  }
  if (kind == LINEAR) {
    if (y != a) memory.copy(y, a, bytes(N * P));
    return;
  }
  if (kind == SIGMOID) math.sigmoidArray(y, a, N * P);
  else if (kind == TANH) math.tanhArray(y, a, N * P);
  else for (const end = y + bytes(N * P); y < end; y += 16, a += 16) v128.store(y, value(v128.load(a), kind, alpha));
}

/** dy becomes da, rows (N, F) stride padded(F), from y = φ(a) and, beyond SOFTMAX, a. */
export function activationBackward(dy: usize, y: usize, a: usize, N: i32, F: i32, kind: i32, alpha: f32): void {
  const P = padded(F);
  if (kind == LINEAR) return;
  if (kind == SOFTMAX || kind == LOG_SOFTMAX) {
    for (let row = 0; row < N; row++, dy += bytes(P), y += bytes(P)) {
      if (kind == SOFTMAX) softmaxRowBackward(dy, y, F);
      else logSoftmaxRowBackward(dy, y, F);
    }
    return;
  }
  for (const end = dy + bytes(N * P); dy < end; dy += 16, y += 16, a += 16) {
    v128.store(dy, f32x4.mul(v128.load(dy), slope(v128.load(a), v128.load(y), kind, alpha)));
  }
}

// @ts-ignore: decorator
@inline function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** x where it is positive, else `other`. */
// @ts-ignore: decorator
@inline function wherePositive(x: v128, positive: v128, other: v128): v128 {
  return v128.bitselect(positive, other, f32x4.gt(x, splat(0)));
}

// @ts-ignore: decorator
@inline function clamp(x: v128, low: f32, high: f32): v128 {
  return f32x4.pmin(f32x4.pmax(x, splat(low)), splat(high));
}

/** e^x − 1 for x ≤ 0 without cancellation: 2t / (1 − t), t = tanh(x/2). */
function expm1(x: v128): v128 {
  const t = math.tanh(f32x4.mul(x, splat(0.5)));
  return f32x4.div(f32x4.add(t, t), f32x4.sub(splat(1), t));
}

/** log(1 + e^x) = max(x, 0) + log1p(e^−|x|) */
function softplus(x: v128): v128 {
  const e = math.exp(f32x4.neg(f32x4.abs(x)));
  let tail = f32x4.splat(Mathf.log1p(f32x4.extract_lane(e, 0)));
  tail = f32x4.replace_lane(tail, 1, Mathf.log1p(f32x4.extract_lane(e, 1)));
  tail = f32x4.replace_lane(tail, 2, Mathf.log1p(f32x4.extract_lane(e, 2)));
  tail = f32x4.replace_lane(tail, 3, Mathf.log1p(f32x4.extract_lane(e, 3)));
  return f32x4.add(f32x4.pmax(x, splat(0)), tail);
}

/** erfc(|x|) by the Chebyshev fit of Numerical Recipes (Press et al., §6.2), 1.2e-7 relative. */
function erfcPositive(x: v128): v128 {
  const t = f32x4.div(splat(1), muladd(splat(1), splat(0.5), x));
  let p = splat(0.17087277);
  p = muladd(splat(-0.82215223), t, p);
  p = muladd(splat(1.48851587), t, p);
  p = muladd(splat(-1.13520398), t, p);
  p = muladd(splat(0.27886807), t, p);
  p = muladd(splat(-0.18628806), t, p);
  p = muladd(splat(0.09678418), t, p);
  p = muladd(splat(0.37409196), t, p);
  p = muladd(splat(1.00002368), t, p);
  p = muladd(splat(-1.26551223), t, p);
  return f32x4.mul(t, math.exp(f32x4.sub(p, f32x4.mul(x, x))));
}

/** Φ(x), the normal distribution: erfc(−x/√2) / 2. */
function normalCdf(x: v128): v128 {
  const tail = f32x4.mul(splat(0.5), erfcPositive(f32x4.mul(f32x4.abs(x), splat(0.7071067811865476))));
  return wherePositive(x, f32x4.sub(splat(1), tail), tail);
}

/** tanh(softplus(x)) = (e² + 2e) / (e² + 2e + 2), e = exp(x); 1 to the last bit from x = 10 on. */
function mishGate(x: v128): v128 {
  const e = math.exp(f32x4.pmin(x, splat(20)));
  const n = f32x4.mul(e, f32x4.add(e, splat(2)));
  return f32x4.div(n, f32x4.add(n, splat(2)));
}

// @ts-ignore: decorator
@inline function geluTanhArgument(x: v128): v128 {
  return f32x4.mul(splat(GELU_FACTOR), muladd(x, splat(GELU_CUBIC), f32x4.mul(x, f32x4.mul(x, x))));
}

/** φ(x) of the kinds beyond SOFTMAX, and of RELU. */
// prettier-ignore
export function value(x: v128, kind: i32, alpha: f32): v128 {
  switch (kind) {
    case RELU: return f32x4.pmax(x, splat(0));
    case LEAKY_RELU: return wherePositive(x, x, f32x4.mul(splat(alpha), x));
    case ELU: return wherePositive(x, x, f32x4.mul(splat(alpha), expm1(f32x4.pmin(x, splat(0)))));
    case SELU: return f32x4.mul(splat(SELU_SCALE),
      wherePositive(x, x, f32x4.mul(splat(SELU_ALPHA), expm1(f32x4.pmin(x, splat(0))))));
    case GELU: return f32x4.mul(x, normalCdf(x));
    case GELU_TANH: return f32x4.mul(f32x4.mul(splat(0.5), x), f32x4.add(splat(1), math.tanh(geluTanhArgument(x))));
    case SILU: return f32x4.mul(x, math.sigmoid(x));
    case MISH: return f32x4.mul(x, mishGate(x));
    case SOFTPLUS: return softplus(x);
    case LOG_SIGMOID: return f32x4.neg(softplus(f32x4.neg(x)));
    case SOFTSIGN: return f32x4.div(x, f32x4.add(splat(1), f32x4.abs(x)));
    case HARD_TANH: return clamp(x, -1, 1);
    case HARD_SIGMOID: return clamp(muladd(splat(0.5), x, splat(1.0 / 6.0)), 0, 1);
    case HARD_SWISH: return f32x4.mul(x, clamp(muladd(splat(0.5), x, splat(1.0 / 6.0)), 0, 1));
    case RELU6: return clamp(x, 0, 6);
    default: return x;
  }
}

/** 1 strictly between the limits, else 0. */
// @ts-ignore: decorator
@inline function between(x: v128, low: f32, high: f32): v128 {
  return v128.and(splat(1), v128.and(f32x4.gt(x, splat(low)), f32x4.lt(x, splat(high))));
}

/** φ'(x), y = φ(x), of all but softmax. */
// prettier-ignore
export function slope(x: v128, y: v128, kind: i32, alpha: f32): v128 {
  const one = splat(1);
  switch (kind) {
    case SIGMOID: return f32x4.mul(y, f32x4.sub(one, y));
    case TANH: return f32x4.sub(one, f32x4.mul(y, y));
    case RELU: return v128.and(one, f32x4.gt(y, splat(0)));
    case LEAKY_RELU: return wherePositive(x, one, splat(alpha));
    case ELU: return wherePositive(x, one, f32x4.add(y, splat(alpha)));
    case SELU: return wherePositive(x, splat(SELU_SCALE), f32x4.add(y, splat(SELU_SCALE * SELU_ALPHA)));
    case GELU: {
      // Φ(x) + x·φ(x), φ the normal density
      const density = f32x4.mul(splat(0.3989422804014327), math.exp(f32x4.mul(splat(-0.5), f32x4.mul(x, x))));
      return muladd(normalCdf(x), x, density);
    }
    case GELU_TANH: {
      const t = math.tanh(geluTanhArgument(x));
      const inner = f32x4.mul(splat(GELU_FACTOR), muladd(one, splat(3 * GELU_CUBIC), f32x4.mul(x, x)));
      const outer = f32x4.mul(f32x4.mul(splat(0.5), x), f32x4.sub(one, f32x4.mul(t, t)));
      return muladd(f32x4.mul(splat(0.5), f32x4.add(one, t)), outer, inner);
    }
    case SILU: {
      const s = math.sigmoid(x);
      return f32x4.mul(s, muladd(one, x, f32x4.sub(one, s)));
    }
    case MISH: {
      const gate = mishGate(x);
      return muladd(gate, f32x4.mul(x, math.sigmoid(x)), f32x4.sub(one, f32x4.mul(gate, gate)));
    }
    case SOFTPLUS: return math.sigmoid(x);
    case LOG_SIGMOID: return math.sigmoid(f32x4.neg(x));
    case SOFTSIGN: {
      const d = f32x4.add(one, f32x4.abs(x));
      return f32x4.div(one, f32x4.mul(d, d));
    }
    case HARD_TANH: return between(x, -1, 1);
    case HARD_SIGMOID: return f32x4.mul(splat(1.0 / 6.0), between(x, -3, 3));
    case HARD_SWISH: return v128.bitselect(one, f32x4.mul(between(x, -3, 3), muladd(splat(0.5), x, splat(1.0 / 3.0))),
      f32x4.ge(x, splat(3)));
    case RELU6: return between(x, 0, 6);
    default: return one;
  }
}

const MASKS = memory.data<i32>([-1, -1, -1, -1, 0, 0, 0, 0], 16);

/** All bits of the lanes that are among the `rest` elements that are left. */
// @ts-ignore: decorator
@inline export function maskOf(rest: i32): v128 {
  return v128.load(MASKS + bytes(4 - min(4, rest)));
}

/** Largest of n elements; NaN only if all are. */
// @ts-ignore: decorator
@inline function maxRow(x: usize, n: i32): f32 {
  const lowest = splat(-Infinity);
  let m = lowest;
  for (let i = 0; i < n; i += 4) {
    m = f32x4.pmax(m, v128.bitselect(v128.load(x + bytes(i)), lowest, maskOf(n - i)));
  }
  return max(
    max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)),
    max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
  );
}

/** y = exp(x − high) with zeros in the padding; returns the sum. */
// @ts-ignore: decorator
@inline function expRow(y: usize, x: usize, n: i32, high: f32): f32 {
  let total = splat(0);
  for (let i = 0; i < n; i += 4) v128.store(y + bytes(i), f32x4.sub(v128.load(x + bytes(i)), splat(high)));
  math.expArray(y, y, padded(n));
  for (let i = 0; i < n; i += 4) {
    const e = v128.and(v128.load(y + bytes(i)), maskOf(n - i));
    v128.store(y + bytes(i), e);
    total = f32x4.add(total, e);
  }
  return sum(total);
}

/** y = softmax(x) of n elements with zeros in the padding; returns log Σ exp(x). */
export function softmaxRow(y: usize, x: usize, n: i32): f32 {
  const high = maxRow(x, n);
  const total = expRow(y, x, n, high);
  const factor = splat(1 / total);
  for (const end = y + bytes(n); y < end; y += 16) v128.store(y, f32x4.mul(v128.load(y), factor));
  return high + Mathf.log(total);
}

/** y = x − log Σ exp(x), with zeros in the padding; not in place. */
function logSoftmaxRow(y: usize, x: usize, n: i32): void {
  const shift = softmaxRow(y, x, n);
  for (let i = 0; i < n; i++) store<f32>(y + bytes(i), load<f32>(x + bytes(i)) - shift);
}

/** da = y∘(dy − Σ dy∘y) */
export function softmaxRowBackward(dy: usize, y: usize, n: i32): void {
  let dot: f32 = 0;
  for (let i = 0; i < n; i++) dot += load<f32>(dy + bytes(i)) * load<f32>(y + bytes(i));
  for (let i = 0; i < n; i++) store<f32>(dy + bytes(i), load<f32>(y + bytes(i)) * (load<f32>(dy + bytes(i)) - dot));
}

/** da = dy − exp(y)·Σ dy */
function logSoftmaxRowBackward(dy: usize, y: usize, n: i32): void {
  let total: f32 = 0;
  for (let i = 0; i < n; i++) total += load<f32>(dy + bytes(i));
  for (let i = 0; i < n; i++) {
    const e = f32x4.extract_lane(math.exp(f32x4.splat(load<f32>(y + bytes(i)))), 0);
    store<f32>(dy + bytes(i), load<f32>(dy + bytes(i)) - e * total);
  }
}
