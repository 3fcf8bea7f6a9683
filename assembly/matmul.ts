// The two matrix products everything stands on, over right-hand sides in panels (pack.ts).
//
// Each tile adds its products in the order of k, so that a result has the same bits whatever tile made it. Rules of V8
// fix their form:
// - All loads of a basic block are hoisted above its arithmetic, and 15 vector registers are usable, so in each block
//   accumulators + numbers of the left side + vectors of the right side + 1 ≤ 15 (2×16: 8 + 2 + 4 + 1).
// - A loop costs as much as a quarter of a 2×16 step: pointers, counter, the check for interrupts. So the hot tiles are
//   unrolled, but with a way out between the steps, whose test costs little and keeps each a basic block of its own.
// - An addition takes three cycles and two start in each: a tile needs at least six accumulators, so a single row is
//   taken 32 columns at a time and narrow panels four rows at a time.
import { packColumns, panelWidth } from "./pack";
import { bytes, muladd, padded } from "./simd";
import { add } from "./vector";

// A tile has its rows at a, a + lda …, at c, c + ldc … and at ci, ci + ldci …; the numbers of a row of the left-hand side are
// `step` apart: 4 in a matrix, 64 where it is read by columns from a panel. All are in bytes.

// @ts-ignore: decorator
@inline function tile2x16(c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, lda: usize, step: usize, b: usize, K: i32): void {
  let p = a;
  let q = p + lda;
  let c00 = v128.load(ci), c01 = v128.load(ci, 16), c02 = v128.load(ci, 32), c03 = v128.load(ci, 48);
  let c10 = v128.load(ci + ldci), c11 = v128.load(ci + ldci, 16), c12 = v128.load(ci + ldci, 32), c13 = v128.load(ci + ldci, 48);
  let b0: v128, b1: v128, b2: v128, b3: v128, x: v128, y: v128;
  for (let left = K; ; left -= 8, p += step, q += step, b += 512) {
    if (left == 0) break;
    b0 = v128.load(b); b1 = v128.load(b, 16); b2 = v128.load(b, 32); b3 = v128.load(b, 48);
    x = v128.load32_splat(p); y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2); c03 = muladd(c03, x, b3);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2); c13 = muladd(c13, y, b3);
    p += step; q += step;
    if (left == 1) break;
    b0 = v128.load(b, 64); b1 = v128.load(b, 80); b2 = v128.load(b, 96); b3 = v128.load(b, 112);
    x = v128.load32_splat(p); y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2); c03 = muladd(c03, x, b3);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2); c13 = muladd(c13, y, b3);
    p += step; q += step;
    if (left == 2) break;
    b0 = v128.load(b, 128); b1 = v128.load(b, 144); b2 = v128.load(b, 160); b3 = v128.load(b, 176);
    x = v128.load32_splat(p); y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2); c03 = muladd(c03, x, b3);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2); c13 = muladd(c13, y, b3);
    p += step; q += step;
    if (left == 3) break;
    b0 = v128.load(b, 192); b1 = v128.load(b, 208); b2 = v128.load(b, 224); b3 = v128.load(b, 240);
    x = v128.load32_splat(p); y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2); c03 = muladd(c03, x, b3);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2); c13 = muladd(c13, y, b3);
    p += step; q += step;
    if (left == 4) break;
    b0 = v128.load(b, 256); b1 = v128.load(b, 272); b2 = v128.load(b, 288); b3 = v128.load(b, 304);
    x = v128.load32_splat(p); y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2); c03 = muladd(c03, x, b3);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2); c13 = muladd(c13, y, b3);
    p += step; q += step;
    if (left == 5) break;
    b0 = v128.load(b, 320); b1 = v128.load(b, 336); b2 = v128.load(b, 352); b3 = v128.load(b, 368);
    x = v128.load32_splat(p); y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2); c03 = muladd(c03, x, b3);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2); c13 = muladd(c13, y, b3);
    p += step; q += step;
    if (left == 6) break;
    b0 = v128.load(b, 384); b1 = v128.load(b, 400); b2 = v128.load(b, 416); b3 = v128.load(b, 432);
    x = v128.load32_splat(p); y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2); c03 = muladd(c03, x, b3);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2); c13 = muladd(c13, y, b3);
    p += step; q += step;
    if (left == 7) break;
    b0 = v128.load(b, 448); b1 = v128.load(b, 464); b2 = v128.load(b, 480); b3 = v128.load(b, 496);
    x = v128.load32_splat(p); y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2); c03 = muladd(c03, x, b3);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2); c13 = muladd(c13, y, b3);
  }
  v128.store(c, c00); v128.store(c, c01, 16); v128.store(c, c02, 32); v128.store(c, c03, 48);
  v128.store(c + ldc, c10); v128.store(c + ldc, c11, 16); v128.store(c + ldc, c12, 32); v128.store(c + ldc, c13, 48);
}

// @ts-ignore: decorator
@inline function tile2x12(c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, lda: usize, step: usize, b: usize, K: i32): void {
  let p = a;
  let q = p + lda;
  let c00 = v128.load(ci), c01 = v128.load(ci, 16), c02 = v128.load(ci, 32);
  let c10 = v128.load(ci + ldci), c11 = v128.load(ci + ldci, 16), c12 = v128.load(ci + ldci, 32);
  for (let k = 0; k < K; k++, p += step, q += step, b += 48) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32);
    const x = v128.load32_splat(p), y = v128.load32_splat(q);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1); c02 = muladd(c02, x, b2);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1); c12 = muladd(c12, y, b2);
  }
  v128.store(c, c00); v128.store(c, c01, 16); v128.store(c, c02, 32);
  v128.store(c + ldc, c10); v128.store(c + ldc, c11, 16); v128.store(c + ldc, c12, 32);
}

// @ts-ignore: decorator
@inline function tile4x8(c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, lda: usize, step: usize, b: usize, K: i32): void {
  let p = a;
  let q = p + lda;
  let r = q + lda;
  let s = r + lda;
  let c00 = v128.load(ci), c01 = v128.load(ci, 16);
  let c10 = v128.load(ci + ldci), c11 = v128.load(ci + ldci, 16);
  let c20 = v128.load(ci + ldci * 2), c21 = v128.load(ci + ldci * 2, 16);
  let c30 = v128.load(ci + ldci * 3), c31 = v128.load(ci + ldci * 3, 16);
  for (let k = 0; k < K; k++, p += step, q += step, r += step, s += step, b += 32) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const x = v128.load32_splat(p), y = v128.load32_splat(q), z = v128.load32_splat(r), w = v128.load32_splat(s);
    c00 = muladd(c00, x, b0); c01 = muladd(c01, x, b1);
    c10 = muladd(c10, y, b0); c11 = muladd(c11, y, b1);
    c20 = muladd(c20, z, b0); c21 = muladd(c21, z, b1);
    c30 = muladd(c30, w, b0); c31 = muladd(c31, w, b1);
  }
  v128.store(c, c00); v128.store(c, c01, 16);
  v128.store(c + ldc, c10); v128.store(c + ldc, c11, 16);
  v128.store(c + ldc * 2, c20); v128.store(c + ldc * 2, c21, 16);
  v128.store(c + ldc * 3, c30); v128.store(c + ldc * 3, c31, 16);
}

// @ts-ignore: decorator
@inline function tile4x4(c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, lda: usize, step: usize, b: usize, K: i32): void {
  let p = a;
  let q = p + lda;
  let r = q + lda;
  let s = r + lda;
  let c00 = v128.load(ci);
  let c10 = v128.load(ci + ldci);
  let c20 = v128.load(ci + ldci * 2);
  let c30 = v128.load(ci + ldci * 3);
  for (let k = 0; k < K; k++, p += step, q += step, r += step, s += step, b += 16) {
    const b0 = v128.load(b);
    const x = v128.load32_splat(p), y = v128.load32_splat(q), z = v128.load32_splat(r), w = v128.load32_splat(s);
    c00 = muladd(c00, x, b0);
    c10 = muladd(c10, y, b0);
    c20 = muladd(c20, z, b0);
    c30 = muladd(c30, w, b0);
  }
  v128.store(c, c00);
  v128.store(c + ldc, c10);
  v128.store(c + ldc * 2, c20);
  v128.store(c + ldc * 3, c30);
}

/** One row over the panels at b and d: a way out within each step too, for eight more loads would not fit the registers. */
// @ts-ignore: decorator
@inline function tile1x32(c: usize, ci: usize, cj: usize, a: usize, step: usize, b: usize, d: usize, K: i32): void {
  let c0 = v128.load(ci), c1 = v128.load(ci, 16), c2 = v128.load(ci, 32), c3 = v128.load(ci, 48);
  let c4 = v128.load(cj), c5 = v128.load(cj, 16), c6 = v128.load(cj, 32), c7 = v128.load(cj, 48);
  let x: v128;
  for (let left = K; ; left -= 4, a += step, b += 256, d += 256) {
    if (left == 0) break;
    x = v128.load32_splat(a);
    c0 = muladd(c0, x, v128.load(b)); c1 = muladd(c1, x, v128.load(b, 16)); c2 = muladd(c2, x, v128.load(b, 32)); c3 = muladd(c3, x, v128.load(b, 48));
    if (left == -1) break; // never
    c4 = muladd(c4, x, v128.load(d)); c5 = muladd(c5, x, v128.load(d, 16)); c6 = muladd(c6, x, v128.load(d, 32)); c7 = muladd(c7, x, v128.load(d, 48));
    a += step;
    if (left == 1) break;
    x = v128.load32_splat(a);
    c0 = muladd(c0, x, v128.load(b, 64)); c1 = muladd(c1, x, v128.load(b, 80)); c2 = muladd(c2, x, v128.load(b, 96)); c3 = muladd(c3, x, v128.load(b, 112));
    if (left == -2) break; // never
    c4 = muladd(c4, x, v128.load(d, 64)); c5 = muladd(c5, x, v128.load(d, 80)); c6 = muladd(c6, x, v128.load(d, 96)); c7 = muladd(c7, x, v128.load(d, 112));
    a += step;
    if (left == 2) break;
    x = v128.load32_splat(a);
    c0 = muladd(c0, x, v128.load(b, 128)); c1 = muladd(c1, x, v128.load(b, 144)); c2 = muladd(c2, x, v128.load(b, 160)); c3 = muladd(c3, x, v128.load(b, 176));
    if (left == -3) break; // never
    c4 = muladd(c4, x, v128.load(d, 128)); c5 = muladd(c5, x, v128.load(d, 144)); c6 = muladd(c6, x, v128.load(d, 160)); c7 = muladd(c7, x, v128.load(d, 176));
    a += step;
    if (left == 3) break;
    x = v128.load32_splat(a);
    c0 = muladd(c0, x, v128.load(b, 192)); c1 = muladd(c1, x, v128.load(b, 208)); c2 = muladd(c2, x, v128.load(b, 224)); c3 = muladd(c3, x, v128.load(b, 240));
    if (left == -4) break; // never
    c4 = muladd(c4, x, v128.load(d, 192)); c5 = muladd(c5, x, v128.load(d, 208)); c6 = muladd(c6, x, v128.load(d, 224)); c7 = muladd(c7, x, v128.load(d, 240));
  }
  v128.store(c, c0); v128.store(c, c1, 16); v128.store(c, c2, 32); v128.store(c, c3, 48);
  v128.store(c, c4, 64); v128.store(c, c5, 80); v128.store(c, c6, 96); v128.store(c, c7, 112);
}

// @ts-ignore: decorator
@inline function tile1x16(c: usize, ci: usize, a: usize, step: usize, b: usize, K: i32): void {
  let c0 = v128.load(ci), c1 = v128.load(ci, 16), c2 = v128.load(ci, 32), c3 = v128.load(ci, 48);
  for (let k = 0; k < K; k++, a += step, b += 64) {
    const x = v128.load32_splat(a);
    c0 = muladd(c0, x, v128.load(b)); c1 = muladd(c1, x, v128.load(b, 16));
    c2 = muladd(c2, x, v128.load(b, 32)); c3 = muladd(c3, x, v128.load(b, 48));
  }
  v128.store(c, c0); v128.store(c, c1, 16); v128.store(c, c2, 32); v128.store(c, c3, 48);
}

/** One row by four columns of a panel, whose rows are ldb apart. */
// @ts-ignore: decorator
@inline function tile1x4(c: usize, ci: usize, a: usize, step: usize, b: usize, ldb: usize, K: i32): void {
  let c0 = v128.load(ci);
  for (let k = 0; k < K; k++, a += step, b += ldb) c0 = muladd(c0, v128.load32_splat(a), v128.load(b));
  v128.store(c, c0);
}

const ZEROS = memory.data(64, 16);

/**
 * C = Ci + A·B. N is a multiple of 4; every other size is free.
 * c (M, N) stride ldc · ci (M, N) stride ldci: 0 repeats its first row (a bias), a pointer of 0 is zero; may be c itself ·
 * a (M, K) stride lda · panels of B (K, N)
 */
export function matmul(c: usize, ldc: i32, ci: usize, ldci: i32, a: usize, lda: i32, panels: usize, M: i32, N: i32, K: i32): void {
  assert((N & 3) == 0, "N must be a multiple of 4");
  product(c, bytes(ldc), ci, ci ? bytes(ldci) : 0, a, bytes(lda), 4, panels, M, N, K);
}

/** Panels outside, rows inside: a panel stays in the first-level cache while all rows pass it. Strides as in the tiles. */
function product(
  c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, lda: usize, step: usize, panels: usize,
  M: i32, N: i32, K: i32,
): void {
  const whole = N & ~15;
  const even = M & ~1;
  for (let j = 0; j < whole; j += 16) {
    const b = panels + bytes(j * K);
    let to = c + bytes(j);
    let from = ci ? ci + bytes(j) : ZEROS;
    let row = a;
    for (let i = 0; i < even; i += 2, row += lda * 2, to += ldc * 2, from += ldci * 2) {
      tile2x16(to, ldc, from, ldci, row, lda, step, b, K);
    }
  }
  if (even < M) {
    const last = <usize>even;
    lastRow(c + last * ldc, ci ? ci + last * ldci : 0, a + last * lda, step, panels, whole, K);
  }
  if (whole < N) {
    const from = ci ? ci + bytes(whole) : ZEROS;
    narrowPanel(c + bytes(whole), ldc, from, ldci, a, lda, step, panels + bytes(whole * K), M, N - whole, K);
  }
}

/** The last of an odd number of rows, over panels of 16 columns. */
// @ts-ignore: decorator
@inline function lastRow(c: usize, ci: usize, a: usize, step: usize, panels: usize, N: i32, K: i32): void {
  const panel = bytes(16 * K);
  let j = 0;
  for (; j + 32 <= N; j += 32, c += 128, panels += panel * 2) {
    tile1x32(c, ci ? ci + bytes(j) : ZEROS, ci ? ci + bytes(j + 16) : ZEROS, a, step, panels, panels + panel, K);
  }
  if (j < N) tile1x16(c, ci ? ci + bytes(j) : ZEROS, a, step, panels, K);
}

/** All rows over the last panel, of 12, 8 or 4 columns. */
// @ts-ignore: decorator
@inline function narrowPanel(
  c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, lda: usize, step: usize, b: usize,
  M: i32, width: i32, K: i32,
): void {
  let left = M;
  if (width == 12) {
    for (; left >= 2; left -= 2, a += lda * 2, c += ldc * 2, ci += ldci * 2) tile2x12(c, ldc, ci, ldci, a, lda, step, b, K);
  } else if (width == 8) {
    for (; left >= 4; left -= 4, a += lda * 4, c += ldc * 4, ci += ldci * 4) tile4x8(c, ldc, ci, ldci, a, lda, step, b, K);
  } else {
    for (; left >= 4; left -= 4, a += lda * 4, c += ldc * 4, ci += ldci * 4) tile4x4(c, ldc, ci, ldci, a, lda, step, b, K);
  }
  for (; left > 0; left--, a += lda, c += ldc, ci += ldci) {
    for (let j: usize = 0; j < bytes(width); j += 16) tile1x4(c + j, ci + j, a, step, b + j, bytes(width), K);
  }
}

/** Rows of the sum that are packed at a time: a panel of each side, KC·16 floats, stays in the first-level cache. */
const KC = 192;

/** Whether dW (G·H, N) has the layout of its padded form (G·padded(H), padded(N)). */
// @ts-ignore: decorator
@inline function isWhole(H: i32, N: i32): bool {
  return ((H | N) & 3) == 0;
}

/** Floats of scratch that weightGradient needs for results (G·H, N) and (G·H, N2). */
export function weightGradientScratch(G: i32, H: i32, N: i32, N2: i32): i32 {
  const sums = (isWhole(H, N) ? 0 : padded(N)) + (isWhole(H, N2) ? 0 : padded(N2));
  return KC * (padded(N) + padded(N2) + 16) + G * padded(H) * sums;
}

/**
 * dW += dyᵀ·x and dW2 += dyᵀ·x2, summed over the rows of a whole sequence in blocks of KC; N2 may be 0.
 * dW (G·H, N), dW2 (G·H, N2) without padding · x (rows, padded(N)), x2 (rows, padded(N2)) and dy (rows, G·padded(H)) with
 * strides, whatever their padding · scratch: see above
 */
export function weightGradient(
  dW: usize, x: usize, ldx: i32, N: i32, dW2: usize, x2: usize, ldx2: i32, N2: i32,
  dy: usize, ldy: i32, scratch: usize, G: i32, H: i32, rows: i32,
): void {
  const M = G * padded(H);
  const P = padded(N);
  const P2 = padded(N2);
  const columns = scratch;
  const panels = columns + bytes(KC * 16);
  const panels2 = panels + bytes(KC * P);
  // Results with padding are summed aside first.
  const sums = panels2 + bytes(KC * P2);
  const to = isWhole(H, N) ? dW : sums;
  const to2 = isWhole(H, N2) ? dW2 : sums + (isWhole(H, N) ? 0 : bytes(M * P));
  if (to != dW) memory.fill(to, 0, bytes(M * P));
  if (to2 != dW2) memory.fill(to2, 0, bytes(M * P2));
  for (let k = 0; k < rows; k += KC) {
    const kc = min(KC, rows - k);
    packPanels(panels, x + bytes(k * ldx), ldx, P, kc);
    packPanels(panels2, x2 + bytes(k * ldx2), ldx2, P2, kc);
    for (let m = 0; m < M; m += 16) {
      const mc = panelWidth(m, M);
      packColumns(columns, dy + bytes(k * ldy + m), ldy, kc, 16, mc);
      const c = to + bytes(m * P);
      const c2 = to2 + bytes(m * P2);
      product(c, bytes(P), c, bytes(P), columns, 4, 64, panels, mc, P, kc);
      product(c2, bytes(P2), c2, bytes(P2), columns, 4, 64, panels2, mc, P2, kc);
    }
  }
  if (to != dW) addUnpadded(dW, to, G, H, N);
  if (to2 != dW2) addUnpadded(dW2, to2, G, H, N2);
}

/** kc rows of x (·, N) as panels, N a multiple of 4. */
function packPanels(panels: usize, x: usize, ldx: i32, N: i32, kc: i32): void {
  for (let j = 0; j < N; j += 16) {
    const width = panelWidth(j, N);
    packColumns(panels + bytes(j * kc), x + bytes(j), ldx, kc, width, width);
  }
}

/** dW (G·H, N) += sum (G·padded(H), padded(N)) */
function addUnpadded(dW: usize, sum: usize, G: i32, H: i32, N: i32): void {
  for (let g = 0; g < G; g++) {
    for (let r = 0; r < H; r++) {
      add(dW + bytes((g * H + r) * N), sum + bytes((g * padded(H) + r) * padded(N)), N);
    }
  }
}
