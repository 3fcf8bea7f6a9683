// Connectionist temporal classification (Graves et al. 2006) of logits, PyTorch's CTCLoss after its log_softmax.
//
// The L labels stand among blanks: blank, l1, blank, l2, … blank, in all S = 2L + 1 places. From one step to the next a path
// stays, goes on by one place, or skips the blank between two labels that differ. With p = log softmax(y) of a place's label:
// (1) alpha[t, s] = p[t, s] + log Σ e^alpha[t−1, s'] over the places s' that lead to s; before the first step only place 0
// (2) loss = −log(e^alpha[T−1, S−1] + e^alpha[T−1, S−2])
// backward beta[t, s] = log Σ e^(beta[t+1, s'] + p[t+1, s']) over the places s' that s leads to; after the last only S − 1
//          dy[t, k] = softmax(y)[t, k] − Σ over the places of label k: e^(alpha[t, s] + beta[t, s] + loss)
// The logarithms are f64, their exponentials and sums f32: each step adds an error of 1e-7 to a loss, however large it is.
import { softmaxRow } from "./activation";
import { expOf, weightOf } from "./loss";
import { exp } from "./math";
import { batchSize } from "./sequence";
import { bytes, padded } from "./simd";
import { scale as scaleArray } from "./vector";

/** Bytes of n f64. */
// @ts-ignore: decorator
@inline function doubles(n: i32): usize {
  return (<usize>n) << 3;
}

/** Label of place s. */
// @ts-ignore: decorator
@inline function labelAt(labels: usize, s: i32, blank: i32): i32 {
  return s & 1 ? load<i32>(labels + bytes(s >> 1)) : blank;
}

/** log Σ e^row over place s and those beside it in one direction from which, or to which, a path goes. */
function reach(row: usize, labels: usize, s: i32, S: i32, direction: i32): f64 {
  const one = s + direction;
  const two = one + direction;
  const a = load<f64>(row + doubles(s));
  const b = <u32>one < <u32>S ? load<f64>(row + doubles(one)) : -Infinity;
  const skips = s & 1 && <u32>two < <u32>S && labelAt(labels, s, 0) != labelAt(labels, two, 0);
  const c = skips ? load<f64>(row + doubles(two)) : -Infinity;
  const high = max(a, max(b, c));
  if (high == -Infinity) return high;
  let v = f32x4.splat(<f32>(a - high));
  v = f32x4.replace_lane(v, 1, <f32>(b - high));
  v = exp(f32x4.replace_lane(v, 2, <f32>(c - high)));
  return high + Mathf.log(f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 2));
}

/** log softmax(y) of the label of place s; the row of y has this log Σ exp. */
// @ts-ignore: decorator
@inline function logShare(y: usize, logSum: f64, labels: usize, s: i32, blank: i32): f64 {
  return <f64>load<f32>(y + bytes(labelAt(labels, s, blank))) - logSum;
}

/** S places of which only one can be. */
function onlyAt(row: usize, at: i32, S: i32): void {
  for (let s = 0; s < S; s++) store<f64>(row + doubles(s), s == at ? 0 : -Infinity);
}

/**
 * Σ over the B sequences of their loss times their weight, each divided by its number of labels (at least 1) if `mean`.
 * A sequence that is too short for its labels has an infinite loss and a gradient of NaN, or 0 and 0 if `zeroInfinity`.
 * y, dy rows (N, padded(C)) of sequence.ts · labels of all sequences, one after another · labelLengths (B) ·
 * weights (B), 0 for ones · room: N floats, then for the most labels (T + 2)·(2L + 1) f64
 */
export function ctc(
  dy: usize, room: usize, y: usize, labels: usize, labelLengths: usize, weights: usize, batchSizes: usize,
  T: i32, B: i32, N: i32, C: i32, blank: i32, mean: bool, zeroInfinity: bool, scale: f32,
): f64 {
  const ld = bytes(padded(C));
  for (let row = 0; row < N; row++) store<f32>(room + bytes(row), softmaxRow(dy + <usize>row * ld, y + <usize>row * ld, C));
  const before = room + bytes(padded(N));
  let total: f64 = 0;
  for (let b = 0; b < B; b++) {
    const L = load<i32>(labelLengths + bytes(b));
    const S = 2 * L + 1;
    const size = doubles(S);
    const beta = before;
    let alpha = beta + size;
    onlyAt(alpha, 0, S);
    let row = b;
    let t = 0;
    for (; t < T && batchSize(batchSizes, t) > b; row += batchSize(batchSizes, t++)) {
      const at = y + <usize>row * ld;
      const logSum = load<f32>(room + bytes(row));
      for (let s = 0; s < S; s++) {
        store<f64>(alpha + size + doubles(s), reach(alpha, labels, s, S, -1) + logShare(at, logSum, labels, s, blank));
      }
      alpha += size;
    }
    onlyAt(beta, S - 1, S);
    let loss = -reach(alpha, labels, S - 1, S, -1);
    const finite = loss != Infinity;
    if (!finite && zeroInfinity) loss = 0;
    const share = weightOf(weights, b) / (mean ? <f32>max(L, 1) : 1);
    if (share != 0) total += <f64>share * loss;
    const factor: f32 = finite || zeroInfinity || share == 0 ? (finite ? share * scale : 0) : NaN;
    for (; t > 0; alpha -= size) {
      row -= batchSize(batchSizes, --t);
      const at = y + <usize>row * ld;
      const slope = dy + <usize>row * ld;
      const logSum = load<f32>(room + bytes(row));
      for (let s = 0; finite && s < S; s++) {
        const way = reach(beta, labels, s, S, 1);
        const to = slope + bytes(labelAt(labels, s, blank));
        store<f32>(to, load<f32>(to) - expOf(<f32>(load<f64>(alpha + doubles(s)) + way + loss)));
        store<f64>(beta + doubles(s), way + logShare(at, logSum, labels, s, blank));
      }
      scaleArray(slope, factor, padded(C));
    }
    labels += bytes(L);
  }
  return total;
}
