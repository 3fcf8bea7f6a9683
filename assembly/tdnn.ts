// Time-delay layer (Waibel et al. 1989): a causal convolution over time, PyTorch's Conv1d padded on the left.
//
// (1) column k of a row = x at t − delay k     K delays; before the start the state: the D inputs before it, oldest first
// (2) y = φ(columns·wᵀ + b)                     dense.ts; w (O, K, I)
// (3) state = the last D inputs
// backward (2) dw, db, dcolumns                 dense.ts
//          (3) dx at its last D steps += dstate; what of the state was older still is the initial one's
//          (1) dx at t − delay k += dcolumn k, before the start dstate
import { batchSize, copyExact, rowsOf } from "./sequence";
import { bytes, padded } from "./simd";
import { add } from "./vector";

/** y (n, B, A) += x (n, A, B), the last two axes swapped: Conv1d's weight (O, I, K) is w, and dw is its gradient. */
export function swapAxes(y: usize, x: usize, n: i32, A: i32, B: i32): void {
  for (let i = 0; i < n; i++, y += bytes(A * B)) {
    for (let a = 0; a < A; a++) {
      for (let b = 0; b < B; b++, x += 4) {
        const to = y + bytes(b * A + a);
        store<f32>(to, load<f32>(to) + load<f32>(x));
      }
    }
  }
}

/** Steps of sequence b. */
function lengthOf(batchSizes: usize, T: i32, b: i32): i32 {
  let length = 0;
  while (length < T && batchSize(batchSizes, length) > b) length++;
  return length;
}

/**
 * (1) and (3). columns (N, padded(K·I)) · state (B, padded(D·I)): in that of before, out that of after · x rows (N, padded(I)) ·
 * delays (K) i32, none above D · batchSizes (T)
 */
export function tdnnForward(
  columns: usize, state: usize, x: usize, delays: usize, batchSizes: usize,
  T: i32, I: i32, K: i32, D: i32,
): void {
  const stride = bytes(padded(I));
  const width = bytes(padded(K * I));
  const depth = bytes(padded(D * I));
  for (let k = 0; k < K; k++) {
    const delay = load<i32>(delays + bytes(k));
    let to = columns + bytes(k * I);
    let from = x;
    for (let t = 0; t < T; t++) {
      const B = batchSize(batchSizes, t);
      const before = t < delay;
      let at = before ? state + bytes((t - delay + D) * I) : from;
      const step = before ? depth : stride;
      for (let b = 0; b < B; b++, to += width, at += step) copyExact(to, at, I);
      if (!before) from += <usize>batchSize(batchSizes, t - delay) * stride;
    }
  }
  const B = D ? batchSize(batchSizes, 0) : 0;
  for (let b = 0; b < B; b++, state += depth) {
    const length = lengthOf(batchSizes, T, b);
    const kept = max(D - length, 0);
    memory.copy(state, state + bytes((D - kept) * I), bytes(kept * I));
    let from = x + <usize>(rowsOf(batchSizes, length - D + kept) + b) * stride;
    for (let j = kept; j < D; j++) {
      copyExact(state + bytes(j * I), from, I);
      from += <usize>batchSize(batchSizes, length - D + j) * stride;
    }
  }
}

/**
 * dx rows (N, padded(I)) · dstate (B, padded(D·I)): in the gradient by the state after, out by that before · dcolumns (N,
 * padded(K·I)) · delays (K), batchSizes (T)
 */
export function tdnnBackward(
  dx: usize, dstate: usize, dcolumns: usize, delays: usize, batchSizes: usize,
  T: i32, I: i32, K: i32, D: i32,
): void {
  const stride = bytes(padded(I));
  const width = bytes(padded(K * I));
  const depth = bytes(padded(D * I));
  const B = D ? batchSize(batchSizes, 0) : 0;
  for (let b = 0; b < B; b++) {
    const state = dstate + <usize>b * depth;
    const length = lengthOf(batchSizes, T, b);
    const kept = max(D - length, 0);
    let to = dx + <usize>(rowsOf(batchSizes, length - D + kept) + b) * stride;
    for (let j = kept; j < D; j++) {
      add(to, state + bytes(j * I), I);
      to += <usize>batchSize(batchSizes, length - D + j) * stride;
    }
    memory.copy(state + bytes((D - kept) * I), state, bytes(kept * I));
    memory.fill(state, 0, bytes((D - kept) * I));
  }
  for (let k = 0; k < K; k++) {
    const delay = load<i32>(delays + bytes(k));
    let from = dcolumns + bytes(k * I);
    let to = dx;
    for (let t = 0; t < T; t++) {
      const B = batchSize(batchSizes, t);
      const before = t < delay;
      let at = before ? dstate + bytes((t - delay + D) * I) : to;
      const step = before ? depth : stride;
      for (let b = 0; b < B; b++, from += width, at += step) add(at, from, I);
      if (!before) to += <usize>batchSize(batchSizes, t - delay) * stride;
    }
  }
}
