// Losses: each returns the sum over the rows in f64 and writes its gradient times `scale` (1 for a sum, 1/count for a mean),
// zeros in the padding. y and dy are rows (N, padded(F)). Definitions are PyTorch's.
// weights (N) f32, 0 for ones: each row counts so many times.
import { maskOf, softmaxRow } from "./activation";
import { exp, sigmoid } from "./math";
import { bytes, padded } from "./simd";

// @ts-ignore: decorator
@inline export function weightOf(weights: usize, i: i32): f32 {
  return weights ? load<f32>(weights + bytes(i)) : 1;
}

/** e^x of one number. */
export function expOf(x: f32): f32 {
  return f32x4.extract_lane(exp(f32x4.splat(x)), 0);
}

/**
 * With d = y − target: Σ quadratic·d²/2 where |d| ≤ corner, linear·(|d| − corner/2) beyond; dy is quadratic·d and
 * linear·sign(d). corner ∞ is the squared error, 0 the absolute one (whose slope at 0 is 0), between them are Huber's.
 * target rows (N, padded(F))
 */
export function distance(
  dy: usize, y: usize, target: usize, weights: usize, N: i32, F: i32,
  corner: f32, quadratic: f32, linear: f32, scale: f32,
): f64 {
  let total: f64 = 0;
  for (let row = 0; row < N; row++) {
    const w = weightOf(weights, row);
    let sums = f64x2.splat(0);
    for (let i = 0; i < F; i += 4, dy += 16, y += 16, target += 16) {
      const d = v128.and(f32x4.sub(v128.load(y), v128.load(target)), maskOf(F - i));
      const beyond = f32x4.gt(f32x4.abs(d), f32x4.splat(corner));
      const sign = v128.bitselect(d, f32x4.splat(linear), f32x4.splat(-0.0));
      const slope = v128.bitselect(sign, f32x4.mul(f32x4.splat(quadratic), d), beyond);
      v128.store(dy, f32x4.mul(slope, f32x4.splat(w * scale)));
      sums = f64x2.add(sums, distances(f64x2.promote_low_f32x4(d), corner, quadratic, linear));
      const high = f64x2.promote_low_f32x4(v128.shuffle<f32>(d, d, 2, 3, 2, 3));
      sums = f64x2.add(sums, distances(high, corner, quadratic, linear));
    }
    total += <f64>w * (f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1));
  }
  return total;
}

// @ts-ignore: decorator
@inline function distances(d: v128, corner: f64, quadratic: f64, linear: f64): v128 {
  const size = f64x2.abs(d);
  const near = f64x2.mul(f64x2.splat(quadratic / 2), f64x2.mul(d, d));
  const far = f64x2.mul(f64x2.splat(linear), f64x2.sub(size, f64x2.splat(corner / 2)));
  return v128.bitselect(far, near, f64x2.gt(size, f64x2.splat(corner)));
}

// The kinds of pointwise, numbered as in bindings/losses/.
const LOGITS = 0;
const PROBABILITIES = 1;
const DIVERGENCE = 2;

/**
 * Losses of y and t, one element each; p is the weight of the positive class:
 *   0 binary cross-entropy of logits          (1 − t)·y + (1 + (p − 1)·t)·log(1 + e^−y)
 *   1 binary cross-entropy of probabilities   −p·t·log y − (1 − t)·log(1 − y), no log below −100
 *   2 Kullback–Leibler divergence from log-probabilities   t·(log t − y), 0 for t = 0
 *   3 the same where t is a logarithm too                  e^t·(t − y)
 * target rows (N, padded(F)) · positive p (F), 0 for ones
 */
export function pointwise(
  dy: usize, y: usize, target: usize, positive: usize, weights: usize, N: i32, F: i32, kind: i32, scale: f32,
): f64 {
  let total: f64 = 0;
  for (let row = 0; row < N; row++) {
    const w = weightOf(weights, row);
    for (let i = 0; i < padded(F); i++, dy += 4, y += 4, target += 4) {
      store<f32>(dy, 0);
      if (i < F) total += <f64>w * term(dy, load<f32>(y), load<f32>(target), weightOf(positive, i), kind, w * scale);
    }
  }
  return total;
}

/** Returns the loss, and stores its slope times scale. */
function term(dy: usize, y: f32, t: f32, p: f32, kind: i32, scale: f32): f64 {
  if (kind == LOGITS) {
    const weight: f32 = 1 + (p - 1) * t;
    const e = expOf(-abs(y));
    const softplus = Mathf.log1p(e) + (y < 0 ? -y : <f32>0); // log(1 + e^−y)
    const negative: f32 = 1 - t;
    const s = f32x4.extract_lane(sigmoid(f32x4.splat(-y)), 0); // 1 − σ(y)
    store<f32>(dy, (negative - weight * s) * scale);
    return <f64>(negative * y) + <f64>(weight * softplus);
  }
  if (kind == PROBABILITIES) {
    const q: f64 = 1 - <f64>y;
    const is: f64 = <f64>p * t;
    const not: f64 = 1 - <f64>t;
    store<f32>(dy, <f32>((not * y - is * q) / max(q * y, 1e-12)) * scale);
    return -is * max(Mathf.log(y), -100) - not * max(Mathf.log1p(-y), -100);
  }
  const share = kind == DIVERGENCE ? t : expOf(t);
  store<f32>(dy, -share * scale);
  if (share == 0) return 0;
  return <f64>share * (<f64>(kind == DIVERGENCE ? Mathf.log(t) : t) - <f64>y);
}

/**
 * Pinball loss of Q quantiles q for each of J targets: Σ max(q·d, (q − 1)·d), d = t − y; dy = −q where d > 0, 1 − q where
 * d < 0. y rows (N, padded(J·Q)), the quantiles of a target side by side · target rows (N, padded(J)) · quantiles (Q)
 */
export function quantile(
  dy: usize, y: usize, target: usize, quantiles: usize, weights: usize, N: i32, J: i32, Q: i32, scale: f32,
): f64 {
  let total: f64 = 0;
  const ld = bytes(padded(J * Q));
  for (let row = 0; row < N; row++, dy += ld, y += ld, target += bytes(padded(J))) {
    const w = weightOf(weights, row);
    memory.fill(dy, 0, ld);
    for (let i = 0; i < J * Q; i++) {
      const d: f32 = load<f32>(target + bytes(i / Q)) - load<f32>(y + bytes(i));
      const q = load<f32>(quantiles + bytes(i % Q));
      const slope: f32 = d > 0 ? q : d < 0 ? q - 1 : d; // 0, or NaN
      store<f32>(dy + bytes(i), -slope * w * scale);
      total += <f64>w * <f64>slope * <f64>d;
    }
  }
  return total;
}

/**
 * Σ over the rows of their weight, times that of the target's class, without the ignored ones: what a mean divides by.
 * target (N) i32, 0 where there are no classes · classWeight (C), 0 for ones
 */
export function sumWeights(target: usize, classWeight: usize, weights: usize, N: i32, ignoreIndex: i32): f64 {
  let total: f64 = 0;
  for (let row = 0; row < N; row++) {
    let w: f64 = weightOf(weights, row);
    if (target) {
      const t = load<i32>(target + bytes(row));
      w = t == ignoreIndex ? 0 : w * weightOf(classWeight, t);
    }
    total += w;
  }
  return total;
}

/**
 * Negative log-likelihood from log-probabilities: Σ −w[t]·y[t]. Rows of the ignored class count nothing.
 * target (N) i32 · classWeight w (C), 0 for ones
 */
export function negativeLogLikelihood(
  dy: usize, y: usize, target: usize, classWeight: usize, weights: usize,
  N: i32, C: i32, ignoreIndex: i32, scale: f32,
): f64 {
  let total: f64 = 0;
  const ld = bytes(padded(C));
  for (let row = 0; row < N; row++, dy += ld, y += ld) {
    memory.fill(dy, 0, ld);
    const t = load<i32>(target + bytes(row));
    if (t == ignoreIndex) continue;
    const w: f32 = -weightOf(classWeight, t) * weightOf(weights, row);
    store<f32>(dy + bytes(t), w * scale);
    total += <f64>w * <f64>load<f32>(y + bytes(t));
  }
  return total;
}

/**
 * Cross-entropy of softmax(y) from class indices: Σ −q·log softmax(y), q = (1 − smoothing)·w[t] at t plus smoothing/C·w
 * everywhere; dy = (softmax(y)·Σq − q)·scale. Rows of the ignored class count nothing.
 * target (N) i32 · classWeight w (C), 0 for ones
 */
export function crossEntropy(
  dy: usize, y: usize, target: usize, classWeight: usize, weights: usize,
  N: i32, C: i32, smoothing: f32, ignoreIndex: i32, scale: f32,
): f64 {
  let total: f64 = 0;
  const ld = bytes(padded(C));
  const spread = smoothing / <f32>C;
  const sharp: f32 = 1 - smoothing;
  let mass: f32 = 0;
  if (smoothing != 0) for (let j = 0; j < C; j++) mass += weightOf(classWeight, j);
  for (let row = 0; row < N; row++, dy += ld, y += ld) {
    const t = load<i32>(target + bytes(row));
    if (t == ignoreIndex) {
      memory.fill(dy, 0, ld);
      continue;
    }
    const logSum = softmaxRow(dy, y, C);
    const w = weightOf(weights, row);
    const s = w * scale;
    const hit = sharp * weightOf(classWeight, t);
    total += <f64>(w * hit) * (<f64>logSum - <f64>load<f32>(y + bytes(t)));
    scaleRow(dy, (hit + spread * mass) * s, C);
    const at = dy + bytes(t);
    store<f32>(at, load<f32>(at) - hit * s);
    if (smoothing == 0) continue;
    for (let j = 0; j < C; j++) {
      const q = spread * weightOf(classWeight, j);
      total += <f64>(w * q) * (<f64>logSum - <f64>load<f32>(y + bytes(j)));
      store<f32>(dy + bytes(j), load<f32>(dy + bytes(j)) - q * s);
    }
  }
  return total;
}

/**
 * The same from distributions: q = w·((1 − smoothing)·target + smoothing/C).
 * target rows (N, padded(C)) · classWeight w (C), 0 for ones
 */
export function crossEntropySoft(
  dy: usize, y: usize, target: usize, classWeight: usize, weights: usize,
  N: i32, C: i32, smoothing: f32, scale: f32,
): f64 {
  let total: f64 = 0;
  const ld = bytes(padded(C));
  const spread = smoothing / <f32>C;
  const sharp: f32 = 1 - smoothing;
  for (let row = 0; row < N; row++, dy += ld, y += ld, target += ld) {
    const logSum = softmaxRow(dy, y, C);
    const w = weightOf(weights, row);
    const s = w * scale;
    let mass: f32 = 0;
    for (let j = 0; j < C; j++) mass += weightOf(classWeight, j) * (sharp * load<f32>(target + bytes(j)) + spread);
    scaleRow(dy, mass * s, C);
    for (let j = 0; j < C; j++) {
      const q = weightOf(classWeight, j) * (sharp * load<f32>(target + bytes(j)) + spread);
      total += <f64>(w * q) * (<f64>logSum - <f64>load<f32>(y + bytes(j)));
      store<f32>(dy + bytes(j), load<f32>(dy + bytes(j)) - q * s);
    }
  }
  return total;
}

// @ts-ignore: decorator
@inline function scaleRow(y: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  for (const end = y + bytes(n); y < end; y += 16) v128.store(y, f32x4.mul(v128.load(y), f));
}

/** Weight of the rows whose largest element stands at the target; ignored rows do not count. target (N) i32 */
export function countCorrect(y: usize, target: usize, weights: usize, N: i32, C: i32, ignoreIndex: i32): f64 {
  let correct: f64 = 0;
  for (let row = 0; row < N; row++, y += bytes(padded(C))) {
    const t = load<i32>(target + bytes(row));
    if (t == ignoreIndex) continue;
    let best = 0;
    for (let j = 1; j < C; j++) if (load<f32>(y + bytes(j)) > load<f32>(y + bytes(best))) best = j;
    if (best == t) correct += weightOf(weights, row);
  }
  return correct;
}

/** y = softmax(x / temperature) of n elements: the distribution that text is drawn from. */
export function softmaxTemperature(y: usize, x: usize, n: i32, temperature: f32): void {
  for (let i = 0; i < n; i++) store<f32>(y + bytes(i), load<f32>(x + bytes(i)) / temperature);
  softmaxRow(y, y, n);
}
