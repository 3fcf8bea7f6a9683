// Losses: each returns the sum over the rows in f64 and writes its gradient times `scale` (1 for a sum, 1/count for a mean),
// zeros in the padding. y and dy are rows (N, padded(F)). Definitions are PyTorch's.
import { softmaxRow } from "./activation";
import { exp, sigmoid } from "./math";
import { bytes, padded } from "./simd";

/** Σ (y − target)²; dy = 2(y − target)·scale. target rows (N, padded(F)) */
export function meanSquaredError(dy: usize, y: usize, target: usize, N: i32, F: i32, scale: f32): f64 {
  let total: f64 = 0;
  for (let row = 0; row < N; row++) {
    for (let i = 0; i < padded(F); i++, dy += 4, y += 4, target += 4) {
      const d: f32 = i < F ? load<f32>(y) - load<f32>(target) : 0;
      total += <f64>d * <f64>d;
      store<f32>(dy, 2 * d * scale);
    }
  }
  return total;
}

/**
 * Binary cross-entropy of logits: Σ (1 − t)·y + (1 + (p − 1)·t)·log(1 + e^−y), p the weight of the positive class;
 * dy = ((1 − t) − (1 + (p − 1)·t)·(1 − σ(y)))·scale.
 * target rows (N, padded(F)) · positiveWeight (F), 0 for none
 */
export function binaryCrossEntropy(
  dy: usize, y: usize, target: usize, positiveWeight: usize, N: i32, F: i32, scale: f32,
): f64 {
  let total: f64 = 0;
  for (let row = 0; row < N; row++) {
    for (let i = 0; i < padded(F); i++, dy += 4, y += 4, target += 4) {
      if (i >= F) {
        store<f32>(dy, 0);
        continue;
      }
      const x = load<f32>(y);
      const t = load<f32>(target);
      const p: f32 = positiveWeight ? load<f32>(positiveWeight + bytes(i)) : 1;
      const weight: f32 = 1 + (p - 1) * t;
      const e = f32x4.extract_lane(exp(f32x4.splat(-abs(x))), 0);
      const softplus = Mathf.log1p(e) + (x < 0 ? -x : <f32>0); // log(1 + e^−x)
      const negative: f32 = 1 - t;
      total += <f64>(negative * x) + <f64>(weight * softplus);
      const s = f32x4.extract_lane(sigmoid(f32x4.splat(-x)), 0); // 1 − σ(x)
      store<f32>(dy, (negative - weight * s) * scale);
    }
  }
  return total;
}

/** Σ over the rows of the weight of the target's class, without the ignored ones: what a mean divides by. */
export function crossEntropyWeight(target: usize, classWeight: usize, N: i32, ignoreIndex: i32): f64 {
  let total: f64 = 0;
  for (let row = 0; row < N; row++) {
    const t = load<i32>(target + bytes(row));
    if (t != ignoreIndex) total += classWeight ? <f64>load<f32>(classWeight + bytes(t)) : 1;
  }
  return total;
}

/**
 * Cross-entropy of softmax(y) from class indices: Σ −q·log softmax(y), q = (1 − smoothing)·w[t] at t plus smoothing/C·w
 * everywhere; dy = (softmax(y)·Σq − q)·scale. Rows of the ignored class count nothing.
 * target (N) i32 · classWeight w (C), 0 for ones
 */
export function crossEntropy(
  dy: usize, y: usize, target: usize, classWeight: usize,
  N: i32, C: i32, smoothing: f32, ignoreIndex: i32, scale: f32,
): f64 {
  let total: f64 = 0;
  const ld = bytes(padded(C));
  const spread = smoothing / <f32>C;
  const sharp: f32 = 1 - smoothing;
  let weights: f32 = 0;
  if (smoothing != 0) for (let j = 0; j < C; j++) weights += weightOf(classWeight, j);
  for (let row = 0; row < N; row++, dy += ld, y += ld) {
    const t = load<i32>(target + bytes(row));
    if (t == ignoreIndex) {
      memory.fill(dy, 0, ld);
      continue;
    }
    const logSum = softmaxRow(dy, y, C);
    const hit = sharp * weightOf(classWeight, t);
    total += <f64>hit * (<f64>logSum - <f64>load<f32>(y + bytes(t)));
    scaleRow(dy, (hit + spread * weights) * scale, C);
    const at = dy + bytes(t);
    store<f32>(at, load<f32>(at) - hit * scale);
    if (smoothing == 0) continue;
    for (let j = 0; j < C; j++) {
      const q = spread * weightOf(classWeight, j);
      total += <f64>q * (<f64>logSum - <f64>load<f32>(y + bytes(j)));
      store<f32>(dy + bytes(j), load<f32>(dy + bytes(j)) - q * scale);
    }
  }
  return total;
}

/**
 * The same from distributions: q = w·((1 − smoothing)·target + smoothing/C).
 * target rows (N, padded(C)) · classWeight w (C), 0 for ones
 */
export function crossEntropySoft(
  dy: usize, y: usize, target: usize, classWeight: usize, N: i32, C: i32, smoothing: f32, scale: f32,
): f64 {
  let total: f64 = 0;
  const ld = bytes(padded(C));
  const spread = smoothing / <f32>C;
  const sharp: f32 = 1 - smoothing;
  for (let row = 0; row < N; row++, dy += ld, y += ld, target += ld) {
    const logSum = softmaxRow(dy, y, C);
    let mass: f32 = 0;
    for (let j = 0; j < C; j++) mass += weightOf(classWeight, j) * (sharp * load<f32>(target + bytes(j)) + spread);
    scaleRow(dy, mass * scale, C);
    for (let j = 0; j < C; j++) {
      const q = weightOf(classWeight, j) * (sharp * load<f32>(target + bytes(j)) + spread);
      total += <f64>q * (<f64>logSum - <f64>load<f32>(y + bytes(j)));
      store<f32>(dy + bytes(j), load<f32>(dy + bytes(j)) - q * scale);
    }
  }
  return total;
}

// @ts-ignore: decorator
@inline function weightOf(classWeight: usize, j: i32): f32 {
  return classWeight ? load<f32>(classWeight + bytes(j)) : 1;
}

// @ts-ignore: decorator
@inline function scaleRow(y: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  for (const end = y + bytes(n); y < end; y += 16) v128.store(y, f32x4.mul(v128.load(y), f));
}

/** How many of the N rows have their largest element at the target; ignored rows do not count. target (N) i32 */
export function countCorrect(y: usize, target: usize, N: i32, C: i32, ignoreIndex: i32): i32 {
  let correct = 0;
  for (let row = 0; row < N; row++, y += bytes(padded(C))) {
    const t = load<i32>(target + bytes(row));
    if (t == ignoreIndex) continue;
    let best = 0;
    for (let j = 1; j < C; j++) if (load<f32>(y + bytes(j)) > load<f32>(y + bytes(best))) best = j;
    if (best == t) correct++;
  }
  return correct;
}

/** y = softmax(x / temperature) of n elements: the distribution that text is drawn from. */
export function softmaxTemperature(y: usize, x: usize, n: i32, temperature: f32): void {
  for (let i = 0; i < n; i++) store<f32>(y + bytes(i), load<f32>(x + bytes(i)) / temperature);
  softmaxRow(y, y, n);
}
