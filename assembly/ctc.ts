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
import { weightOf } from "./loss";
import { expArray } from "./math";
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

/**
 * to (S) f64 = log Σ e^from over each place and those beside it in one direction from which, or to which, a path goes.
 * parts: room for 3·S floats, whose exponentials are taken at once
 */
function reach(to: usize, parts: usize, from: usize, labels: usize, S: i32, direction: i32): void {
  let part = parts;
  for (let s = 0; s < S; s++, part += 12) {
    const one = s + direction;
    const two = one + direction;
    const a = load<f64>(from + doubles(s));
    const b = <u32>one < <u32>S ? load<f64>(from + doubles(one)) : -Infinity;
    const skips = s & 1 && <u32>two < <u32>S && labelAt(labels, s, 0) != labelAt(labels, two, 0);
    const c = skips ? load<f64>(from + doubles(two)) : -Infinity;
    const high = max(a, max(b, c));
    store<f64>(to + doubles(s), high);
    const shift = high == -Infinity ? 0 : high;
    store<f32>(part, <f32>(a - shift));
    store<f32>(part, <f32>(b - shift), 4);
    store<f32>(part, <f32>(c - shift), 8);
  }
  expArray(parts, parts, padded(3 * S));
  for (let s = 0; s < S; s++, parts += 12) {
    const at = to + doubles(s);
    const sum = load<f32>(parts) + load<f32>(parts, 4) + load<f32>(parts, 8);
    store<f64>(at, load<f64>(at) + Mathf.log(sum));
  }
}

/** to (S) = from + log softmax(y) of the label of each place; the row of y has this log Σ exp. */
function addShares(to: usize, from: usize, y: usize, logSum: f64, labels: usize, S: i32, blank: i32): void {
  for (let s = 0; s < S; s++) {
    const share = <f64>load<f32>(y + bytes(labelAt(labels, s, blank))) - logSum;
    store<f64>(to + doubles(s), load<f64>(from + doubles(s)) + share);
  }
}

/** S places of which only one can be. */
function onlyAt(row: usize, at: i32, S: i32): void {
  for (let s = 0; s < S; s++) store<f64>(row + doubles(s), s == at ? 0 : -Infinity);
}

/**
 * Σ over the B sequences of their loss times their weight, each divided by its number of labels (at least 1) if `mean`.
 * A sequence that is too short for its labels has an infinite loss and a gradient of NaN, or 0 and 0 if `zeroInfinity`.
 * y, dy rows (N, padded(C)) of sequence.ts · labels of all sequences, one after another · labelLengths (B) ·
 * weights (B), 0 for ones · room: N floats, then for the most labels (T + 3)·(2L + 1) f64 and 3·(2L + 1) floats, each padded
 */
export function ctc(
  dy: usize, room: usize, y: usize, labels: usize, labelLengths: usize, weights: usize, batchSizes: usize,
  T: i32, B: i32, N: i32, C: i32, blank: i32, mean: bool, zeroInfinity: bool, scale: f32,
): f64 {
  const ld = bytes(padded(C));
  for (let row = 0; row < N; row++) store<f32>(room + bytes(row), softmaxRow(dy + <usize>row * ld, y + <usize>row * ld, C));
  const free = room + bytes(padded(N));
  let total: f64 = 0;
  for (let b = 0; b < B; b++) {
    const L = load<i32>(labelLengths + bytes(b));
    const S = 2 * L + 1;
    const size = doubles(S);
    const parts = free;
    const beta = parts + bytes(padded(3 * S));
    const way = beta + size;
    let alpha = way + size;
    onlyAt(alpha, 0, S);
    let row = b;
    let t = 0;
    for (; t < T && batchSize(batchSizes, t) > b; row += batchSize(batchSizes, t++)) {
      const logSum = load<f32>(room + bytes(row));
      reach(alpha + size, parts, alpha, labels, S, -1);
      alpha += size;
      addShares(alpha, alpha, y + <usize>row * ld, logSum, labels, S, blank);
    }
    // What leads to the last place, of which only the value there is asked for.
    reach(way, parts, alpha, labels, S, -1);
    let loss = -load<f64>(way + size - 8);
    const finite = loss != Infinity;
    if (!finite && zeroInfinity) loss = 0;
    const share = weightOf(weights, b) / (mean ? <f32>max(L, 1) : 1);
    if (share != 0) total += <f64>share * loss;
    const factor: f32 = finite ? share * scale : zeroInfinity || share == 0 ? 0 : NaN;
    onlyAt(beta, S - 1, S);
    for (; t > 0; alpha -= size) {
      row -= batchSize(batchSizes, --t);
      const slope = dy + <usize>row * ld;
      if (finite) {
        reach(way, parts, beta, labels, S, 1);
        for (let s = 0; s < S; s++) {
          const here = load<f64>(alpha + doubles(s)) + load<f64>(way + doubles(s));
          store<f32>(parts + bytes(s), <f32>(here + loss));
        }
        expArray(parts, parts, padded(S));
        for (let s = 0; s < S; s++) {
          const at = slope + bytes(labelAt(labels, s, blank));
          store<f32>(at, load<f32>(at) - load<f32>(parts + bytes(s)));
        }
        addShares(beta, way, y + <usize>row * ld, load<f32>(room + bytes(row)), labels, S, blank);
      }
      scaleArray(slope, factor, padded(C));
    }
    labels += bytes(L);
  }
  return total;
}
