// The two matrix products everything stands on, over right-hand sides in panels (pack.ts).
//
// Tiles are 2 rows by 16, 8 or 4 columns. Two rules of V8 fix their form: all loads of a basic block are hoisted above the
// arithmetic, and 15 vector registers are usable, so accumulators + splats + columns + 1 ≤ 15 (2×16: 8 + 2 + 4 + 1); and k is
// never unrolled by hand, because V8 does that itself, one block for each k.
import { packColumns, packPairs, panelWidth } from "./pack";
import { bytes, muladd, padded } from "./simd";

// Offsets and strides of the tiles are in bytes; a and a + next are the two rows of the left-hand side, whose elements are
// `step` apart.

// @ts-ignore: decorator
@inline function tile2x16(c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, next: usize, step: usize, b: usize, K: i32): void {
  let p = a;
  let q = a + next;
  let c00 = v128.load(ci);
  let c01 = v128.load(ci, 16);
  let c02 = v128.load(ci, 32);
  let c03 = v128.load(ci, 48);
  let c10 = v128.load(ci + ldci);
  let c11 = v128.load(ci + ldci, 16);
  let c12 = v128.load(ci + ldci, 32);
  let c13 = v128.load(ci + ldci, 48);
  for (let k = 0; k < K; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    const x = v128.load32_splat(p);
    c00 = muladd(c00, x, b0);
    c01 = muladd(c01, x, b1);
    c02 = muladd(c02, x, b2);
    c03 = muladd(c03, x, b3);
    const y = v128.load32_splat(q);
    c10 = muladd(c10, y, b0);
    c11 = muladd(c11, y, b1);
    c12 = muladd(c12, y, b2);
    c13 = muladd(c13, y, b3);
    p += step;
    q += step;
    b += 64;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  v128.store(c + ldc, c10);
  v128.store(c + ldc, c11, 16);
  v128.store(c + ldc, c12, 32);
  v128.store(c + ldc, c13, 48);
}

// @ts-ignore: decorator
@inline function tile2x8(c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, next: usize, step: usize, b: usize, K: i32): void {
  let p = a;
  let q = a + next;
  let c00 = v128.load(ci);
  let c01 = v128.load(ci, 16);
  let c10 = v128.load(ci + ldci);
  let c11 = v128.load(ci + ldci, 16);
  for (let k = 0; k < K; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x = v128.load32_splat(p);
    c00 = muladd(c00, x, b0);
    c01 = muladd(c01, x, b1);
    const y = v128.load32_splat(q);
    c10 = muladd(c10, y, b0);
    c11 = muladd(c11, y, b1);
    p += step;
    q += step;
    b += 32;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c + ldc, c10);
  v128.store(c + ldc, c11, 16);
}

// @ts-ignore: decorator
@inline function tile2x4(c: usize, ldc: usize, ci: usize, ldci: usize, a: usize, next: usize, step: usize, b: usize, K: i32): void {
  let p = a;
  let q = a + next;
  let c0 = v128.load(ci);
  let c1 = v128.load(ci + ldci);
  for (let k = 0; k < K; k++) {
    const b0 = v128.load(b);
    c0 = muladd(c0, v128.load32_splat(p), b0);
    c1 = muladd(c1, v128.load32_splat(q), b0);
    p += step;
    q += step;
    b += 16;
  }
  v128.store(c, c0);
  v128.store(c + ldc, c1);
}

// One row: the loop ends on the pointer, which is faster than a counter where the loads are the limit.

// @ts-ignore: decorator
@inline function tile1x16(c: usize, ci: usize, a: usize, b: usize, K: i32): void {
  let c0 = v128.load(ci);
  let c1 = v128.load(ci, 16);
  let c2 = v128.load(ci, 32);
  let c3 = v128.load(ci, 48);
  for (const end = a + bytes(K); a < end; a += 4) {
    const x = v128.load32_splat(a);
    c0 = muladd(c0, x, v128.load(b));
    c1 = muladd(c1, x, v128.load(b, 16));
    c2 = muladd(c2, x, v128.load(b, 32));
    c3 = muladd(c3, x, v128.load(b, 48));
    b += 64;
  }
  v128.store(c, c0);
  v128.store(c, c1, 16);
  v128.store(c, c2, 32);
  v128.store(c, c3, 48);
}

// @ts-ignore: decorator
@inline function tile1x8(c: usize, ci: usize, a: usize, b: usize, K: i32): void {
  let c0 = v128.load(ci);
  let c1 = v128.load(ci, 16);
  for (const end = a + bytes(K); a < end; a += 4) {
    const x = v128.load32_splat(a);
    c0 = muladd(c0, x, v128.load(b));
    c1 = muladd(c1, x, v128.load(b, 16));
    b += 32;
  }
  v128.store(c, c0);
  v128.store(c, c1, 16);
}

// @ts-ignore: decorator
@inline function tile1x4(c: usize, ci: usize, a: usize, b: usize, K: i32): void {
  let c0 = v128.load(ci);
  for (const end = a + bytes(K); a < end; a += 4) {
    c0 = muladd(c0, v128.load32_splat(a), v128.load(b));
    b += 16;
  }
  v128.store(c, c0);
}

const ZEROS = memory.data(64, 16);

/**
 * C = Ci + A·B. N is a multiple of 4; every other size is free. Panels outside, rows inside: a panel stays in the first-level
 * cache while all rows pass it.
 * c (M, N) stride ldc · ci (M, N) stride ldci: 0 repeats its first row (a bias), a pointer of 0 is zero; may be c itself ·
 * a (M, K) stride lda · panels of B (K, N)
 */
export function matmul(c: usize, ldc: i32, ci: usize, ldci: i32, a: usize, lda: i32, panels: usize, M: i32, N: i32, K: i32): void {
  assert((N & 3) == 0, "N must be a multiple of 4");
  const strideC = bytes(ldc);
  const strideCi = ci ? bytes(ldci) : 0;
  const strideA = bytes(lda);
  let width = 0;
  for (let j = 0; j < N; j += width) {
    width = panelWidth(j, N);
    const b = panels + bytes(j * K);
    let to = c + bytes(j);
    let from = ci ? ci + bytes(j) : ZEROS;
    let row = a;
    let i = 0;
    if (width == 16) {
      for (; i + 2 <= M; i += 2, row += strideA * 2, to += strideC * 2, from += strideCi * 2) {
        tile2x16(to, strideC, from, strideCi, row, strideA, 4, b, K);
      }
      if (i < M) tile1x16(to, from, row, b, K);
    } else if (width == 8) {
      for (; i + 2 <= M; i += 2, row += strideA * 2, to += strideC * 2, from += strideCi * 2) {
        tile2x8(to, strideC, from, strideCi, row, strideA, 4, b, K);
      }
      if (i < M) tile1x8(to, from, row, b, K);
    } else {
      for (; i + 2 <= M; i += 2, row += strideA * 2, to += strideC * 2, from += strideCi * 2) {
        tile2x4(to, strideC, from, strideCi, row, strideA, 4, b, K);
      }
      if (i < M) tile1x4(to, from, row, b, K);
    }
  }
}

/** Rows of the sum that are packed at a time: KC·16 floats of a panel and KC·2 of a pair stay in the first-level cache. */
const KC = 256;
/** Rows of the result that are packed at a time. */
const MC = 64;
const EDGE = memory.data(128, 16);

/** Floats of scratch that weightGradient needs for a result of N columns. */
export function weightGradientScratch(N: i32): i32 {
  return KC * padded(N) + KC * MC;
}

/**
 * dW += dYᵀ·X, summed over the rows of a whole sequence in blocks of KC.
 * dW (G·H, N) without padding · dy (rows, G·padded(H)) stride ldy · x (rows, N) stride ldx · scratch: see above
 */
export function weightGradient(
  dW: usize, dy: usize, ldy: i32, x: usize, ldx: i32, scratch: usize,
  G: i32, H: i32, N: i32, rows: i32,
): void {
  const columns = padded(N);
  for (let k = 0; k < rows; k += KC) {
    const kc = min(KC, rows - k);
    packBlock(scratch, x + bytes(k * ldx), ldx, N, kc);
    const pairs = scratch + bytes(kc * columns);
    for (let g = 0; g < G; g++) {
      for (let m = 0; m < H; m += MC) {
        const mc = min(MC, H - m);
        packPairs(pairs, dy + bytes(k * ldy + g * padded(H) + m), ldy, mc, kc);
        addBlock(dW + bytes((g * H + m) * N), pairs, scratch, mc, N, kc);
      }
    }
  }
}

/** kc rows of x as panels, the columns beyond N zero. */
function packBlock(panels: usize, x: usize, ldx: i32, N: i32, kc: i32): void {
  let width = 0;
  for (let j = 0; j < padded(N); j += width) {
    width = panelWidth(j, padded(N));
    packColumns(panels + bytes(j * kc), x + bytes(j), ldx, kc, width, min(width, N - j));
  }
}

/** dW (mc, N) += pairs·panels. A tile that is not whole is computed aside, and what belongs to dW is added one by one. */
function addBlock(dW: usize, pairs: usize, panels: usize, mc: i32, N: i32, kc: i32): void {
  const stride = bytes(N);
  let width = 0;
  for (let j = 0; j < N; j += width) {
    width = panelWidth(j, padded(N));
    const b = panels + bytes(j * kc);
    let c = dW + bytes(j);
    let a = pairs;
    for (let i = 0; i < mc; i += 2, c += stride * 2, a += bytes(kc) * 2) {
      const whole = i + 2 <= mc && j + width <= N;
      const to = whole ? c : EDGE;
      const next = whole ? stride : bytes(width);
      const from = whole ? c : ZEROS;
      const fromNext = whole ? stride : 0;
      if (width == 16) tile2x16(to, next, from, fromNext, a, 4, 8, b, kc);
      else if (width == 8) tile2x8(to, next, from, fromNext, a, 4, 8, b, kc);
      else tile2x4(to, next, from, fromNext, a, 4, 8, b, kc);
      if (!whole) addEdge(c, width, min(2, mc - i), min(width, N - j), N);
    }
  }
}

function addEdge(c: usize, width: i32, rows: i32, columns: i32, N: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const p = c + bytes(i * N + j);
      store<f32>(p, load<f32>(p) + load<f32>(EDGE + bytes(i * width + j)));
    }
  }
}
