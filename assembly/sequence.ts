// Sequences of unequal length without padding. Inside, a batch is sorted by falling length and time-major: the rows of step
// t are the batchSizes[t] sequences that are at least t + 1 long, always the first ones.
//
//   lengths 3 2 1:   t = 0 | t = 1 | t = 2       batchSizes 3 2 1
//                    a b c | a b   | a           rows N = 6
//
// So every product and every loss runs over rows that exist, and equal lengths are the case where all batchSizes are B.
// `order[b]` is the place of sequence b in the caller's batch. Both arrays are i32.
import { bytes, padded } from "./simd";
import { add } from "./vector";

// @ts-ignore: decorator
@inline export function batchSize(batchSizes: usize, t: i32): i32 {
  return load<i32>(batchSizes + bytes(t));
}

/** Rows of all steps before T. */
export function rowsOf(batchSizes: usize, T: i32): i32 {
  let N = 0;
  for (let t = 0; t < T; t++) N += batchSize(batchSizes, t);
  return N;
}

/** One row of n elements, and zeros in its padding. */
export function copyRow(y: usize, x: usize, n: i32): void {
  const end = x + bytes(n);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, v128.load(x));
  if (x == end) return;
  let rest = 4;
  for (; x < end; x += 4, y += 4, rest--) store<i32>(y, load<i32>(x));
  for (; rest > 0; y += 4, rest--) store<i32>(y, 0);
}

/** One row of n elements, and nothing beyond it. */
export function copyExact(y: usize, x: usize, n: i32): void {
  const end = x + bytes(n);
  for (; x + 16 <= end; x += 16, y += 16) v128.store(y, v128.load(x));
  for (; x < end; x += 4, y += 4) store<i32>(y, load<i32>(x));
}

/** y rows (N, F) stride padded(F) = the caller's x (B, T, F) without padding. */
export function enterRows(y: usize, x: usize, order: usize, batchSizes: usize, T: i32, F: i32): void {
  const stride = bytes(padded(F));
  for (let t = 0; t < T; t++) {
    const B = batchSize(batchSizes, t);
    for (let b = 0; b < B; b++, y += stride) {
      copyRow(y, x + bytes((load<i32>(order + bytes(b)) * T + t) * F), F);
    }
  }
}

/** The caller's y (B, T, F) = rows x (N, F) stride padded(F); the steps that do not exist are left as they are. */
export function leaveRows(y: usize, x: usize, order: usize, batchSizes: usize, T: i32, F: i32): void {
  const stride = bytes(padded(F));
  for (let t = 0; t < T; t++) {
    const B = batchSize(batchSizes, t);
    for (let b = 0; b < B; b++, x += stride) {
      copyExact(y + bytes((load<i32>(order + bytes(b)) * T + t) * F), x, F);
    }
  }
}

/** y (N) = the caller's x (B, T), a 32-bit word each: tokens or class indices. */
export function enterWords(y: usize, x: usize, order: usize, batchSizes: usize, T: i32): void {
  for (let t = 0; t < T; t++) {
    const B = batchSize(batchSizes, t);
    for (let b = 0; b < B; b++, y += 4) store<i32>(y, load<i32>(x + bytes(load<i32>(order + bytes(b)) * T + t)));
  }
}

/** State y (B, H) stride padded(H), sorted = the caller's x (B, H) without padding. */
export function enterState(y: usize, x: usize, order: usize, B: i32, H: i32): void {
  const stride = bytes(padded(H));
  for (let b = 0; b < B; b++, y += stride) copyRow(y, x + bytes(load<i32>(order + bytes(b)) * H), H);
}

/** The caller's y (B, H) = state x (B, H) stride padded(H), sorted. */
export function leaveState(y: usize, x: usize, order: usize, B: i32, H: i32): void {
  const stride = bytes(padded(H));
  for (let b = 0; b < B; b++, x += stride) copyExact(y + bytes(load<i32>(order + bytes(b)) * H), x, H);
}

/** Columns [0, n) of x stride ldx into y stride ldy, which may be the middle of a wider matrix. */
export function copyColumns(y: usize, ldy: i32, x: usize, ldx: i32, rows: i32, n: i32): void {
  const strideY = bytes(ldy);
  const strideX = bytes(ldx);
  for (let row = 0; row < rows; row++, y += strideY, x += strideX) copyExact(y, x, n);
}

/** Columns [0, n) of x stride ldx into y stride padded(n), with zeros in the padding. */
export function takeColumns(y: usize, x: usize, ldx: i32, rows: i32, n: i32): void {
  const strideY = bytes(padded(n));
  const strideX = bytes(ldx);
  for (let row = 0; row < rows; row++, y += strideY, x += strideX) copyRow(y, x, n);
}

/**
 * y (B, F) = the last step of each sequence: the columns [0, reverseFrom) at its own end; those after it, the reverse
 * direction of a bidirectional layer, at its start, where that direction ends.
 * y (B, F) · x rows (N, F), both stride padded(F)
 */
export function lastForward(y: usize, x: usize, batchSizes: usize, T: i32, F: i32, reverseFrom: i32): void {
  const stride = bytes(padded(F));
  const B = batchSize(batchSizes, 0);
  for (let b = 0; b < B; b++) copyRow(y + <usize>b * stride, x + <usize>b * stride, F);
  for (let t = 0, row = 0; t < T; t++) {
    const now = batchSize(batchSizes, t);
    const then = t + 1 < T ? batchSize(batchSizes, t + 1) : 0;
    for (let b = then; b < now; b++) copyExact(y + <usize>b * stride, x + <usize>(row + b) * stride, reverseFrom);
    row += now;
  }
}

/** dx rows (N, F) += dy (B, F) at the places that lastForward took. */
export function lastBackward(dx: usize, dy: usize, batchSizes: usize, T: i32, F: i32, reverseFrom: i32): void {
  const stride = bytes(padded(F));
  const B = batchSize(batchSizes, 0);
  for (let b = 0; b < B; b++) {
    const row = <usize>b * stride + bytes(reverseFrom);
    add(dx + row, dy + row, F - reverseFrom);
  }
  for (let t = 0, row = 0; t < T; t++) {
    const now = batchSize(batchSizes, t);
    const then = t + 1 < T ? batchSize(batchSizes, t + 1) : 0;
    for (let b = then; b < now; b++) add(dx + <usize>(row + b) * stride, dy + <usize>b * stride, reverseFrom);
    row += now;
  }
}

/** y rows (T·B, F): the row of each sequence x (B, F) at all T steps. */
export function repeatForward(y: usize, x: usize, T: i32, B: i32, F: i32): void {
  const size = bytes(B * padded(F));
  for (let t = 0; t < T; t++, y += size) memory.copy(y, x, size);
}

/** dx (B, F) += Σ over the steps of dy (T·B, F). */
export function repeatBackward(dx: usize, dy: usize, T: i32, B: i32, F: i32): void {
  const n = B * padded(F);
  for (let t = 0; t < T; t++, dy += bytes(n)) add(dx, dy, n);
}
