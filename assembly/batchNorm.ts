// Batch normalisation (Ioffe & Szegedy 2015), PyTorch's BatchNorm1d: each feature over the N rows of a batch
//
// (1) m = mean x, v = mean (x − m)²        while training, from sums in f64; else the running ones
// (2) n = (x − m)·r                        r = 1/√(v + ε)
// (3) y = w∘n + b                          w = 0 (none): y = n
// (4) running m = (1 − momentum)·running m + momentum·m, and so v, there with N − 1 in place of N
// backward (3) dw += Σ dy∘n   db += Σ dy
//          (2)(1) dx = w∘r∘(dy − mean dy − n∘mean(dy∘n))
//
// Forward keeps n and r.
import { maskOf } from "./activation";
import { bytes, muladd, padded, promoteHigh, promoteLow } from "./simd";
import { add } from "./vector";

/** Four f32 from two pairs of f64. */
// @ts-ignore: decorator
@inline function demote(low: v128, high: v128): v128 {
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/** (1) mean, variance (padded(F)) · x rows (N, padded(F)) */
export function batchNormMeasure(mean: usize, variance: usize, x: usize, N: i32, F: i32): void {
  const stride = bytes(padded(F));
  const count = f64x2.splat(N);
  for (const columns = mean + stride; mean < columns; mean += 16, variance += 16, x += 16) {
    let low = f64x2.splat(0);
    let high = low;
    let lowSquares = low;
    let highSquares = low;
    for (let p = x, end = x + <usize>N * stride; p < end; p += stride) {
      const a = promoteLow(v128.load(p));
      const b = promoteHigh(v128.load(p));
      low = f64x2.add(low, a);
      high = f64x2.add(high, b);
      lowSquares = f64x2.add(lowSquares, f64x2.mul(a, a));
      highSquares = f64x2.add(highSquares, f64x2.mul(b, b));
    }
    low = f64x2.div(low, count);
    high = f64x2.div(high, count);
    lowSquares = f64x2.sub(f64x2.div(lowSquares, count), f64x2.mul(low, low));
    highSquares = f64x2.sub(f64x2.div(highSquares, count), f64x2.mul(high, high));
    v128.store(mean, demote(low, high));
    v128.store(variance, f32x4.pmax(demote(lowSquares, highSquares), f32x4.splat(0)));
  }
}

/**
 * (2) and (3). y, n rows (N, padded(F)), which may be one without backward or w · r (padded(F)) · x rows (N, padded(F)) · mean,
 * variance (padded(F)) · w, b (F), 0 for none
 */
export function batchNormForward(
  y: usize, n: usize, r: usize, x: usize, mean: usize, variance: usize, w: usize, b: usize,
  N: i32, F: i32, epsilon: f64,
): void {
  const P = padded(F);
  for (let i = 0; i < P; i++) {
    store<f32>(r + bytes(i), <f32>(1 / Math.sqrt(<f64>load<f32>(variance + bytes(i)) + epsilon)));
  }
  for (let row = 0; row < N; row++, x += bytes(P), n += bytes(P), y += bytes(P)) {
    for (let i = 0; i < F; i += 4) {
      const at = bytes(i);
      const mask = maskOf(F - i);
      const v = f32x4.mul(f32x4.sub(v128.load(x + at), v128.load(mean + at)), v128.load(r + at));
      v128.store(n + at, v128.and(v, mask));
      if (w) v128.store(y + at, v128.and(muladd(v128.load(b + at), v128.load(w + at), v), mask));
    }
  }
}

/** (4) runningMean, runningVariance (F) · mean, variance of N rows */
export function batchNormUpdate(
  runningMean: usize, runningVariance: usize, mean: usize, variance: usize,
  N: i32, F: i32, momentum: f64,
): void {
  const unbiased = <f64>N / <f64>(N - 1);
  for (let at: usize = 0; at < bytes(F); at += 4) {
    const m = momentum * load<f32>(mean + at);
    const v = momentum * unbiased * load<f32>(variance + at);
    store<f32>(runningMean + at, <f32>((1 - momentum) * load<f32>(runningMean + at) + m));
    store<f32>(runningVariance + at, <f32>((1 - momentum) * load<f32>(runningVariance + at) + v));
  }
}

/**
 * dw, db (F), 0 for none · dy rows (N, padded(F)), becomes dx · sums (2, padded(F)): scratch · n, r: as forward left them ·
 * w (F), 0 for none
 */
export function batchNormBackward(
  dw: usize, db: usize, dy: usize, sums: usize, n: usize, r: usize, w: usize,
  N: i32, F: i32,
): void {
  const stride = bytes(padded(F));
  const count = f32x4.splat(1 / <f32>N);
  for (let i = 0; i < F; i += 4) {
    const at = bytes(i);
    let low = f64x2.splat(0);
    let high = low;
    let lowProducts = low;
    let highProducts = low;
    for (let p = dy + at, q = n + at, end = p + <usize>N * stride; p < end; p += stride, q += stride) {
      const d = v128.load(p);
      const product = f32x4.mul(d, v128.load(q));
      low = f64x2.add(low, promoteLow(d));
      high = f64x2.add(high, promoteHigh(d));
      lowProducts = f64x2.add(lowProducts, promoteLow(product));
      highProducts = f64x2.add(highProducts, promoteHigh(product));
    }
    const total = demote(low, high);
    const products = demote(lowProducts, highProducts);
    v128.store(sums + at, total);
    v128.store(sums + stride + at, products);
    const mean = f32x4.mul(total, count);
    const slope = f32x4.mul(products, count);
    let factor = v128.and(v128.load(r + at), maskOf(F - i));
    if (w) factor = v128.and(f32x4.mul(factor, v128.load(w + at)), maskOf(F - i));
    for (let p = dy + at, q = n + at, end = p + <usize>N * stride; p < end; p += stride, q += stride) {
      const d = f32x4.sub(f32x4.sub(v128.load(p), mean), f32x4.mul(v128.load(q), slope));
      v128.store(p, f32x4.mul(d, factor));
    }
  }
  if (db) add(db, sums, F);
  if (dw) add(dw, sums + stride, F);
}
