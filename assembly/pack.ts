// Panels: the layout in which a matrix B (K, N) is the right-hand side of a product. N is a multiple of 4. The columns are
// cut into panels of 16, the last of 12, 8 or 4 if N is no multiple of 16; the panel that starts at column j stands at
// `panels + j·K`, row after row:
//
//   j = 0              j = 16             j = 32, N = 40
//   | k=0: 16 columns  | k=0: 16 columns  | k=0: 8 columns
//   | k=1: 16 columns  | k=1: 16 columns  | k=1: 8 columns
//
// The weights of a layer with G gates of H units are (G·H, I) row by row, as in PyTorch. In a packed form each gate takes
// padded(H) rows, those beyond H zero, so that the rows of a gate buffer (B, G·padded(H)) are whole vectors.
import { bytes, padded } from "./simd";

/** Width of the panel that starts at column j of N. */
// @ts-ignore: decorator
@inline export function panelWidth(j: i32, N: i32): i32 {
  return min(16, N - j);
}

/**
 * Wᵀ into panels: B (K, N) with N = G·padded(H), for the products x·Wᵀ of the forward pass.
 * panels (K·N) · w (G·H, K)
 */
export function packTransposed(panels: usize, w: usize, G: i32, H: i32, K: i32): void {
  const N = G * padded(H);
  for (let g = 0; g < G; g++) {
    for (let r = 0; r < H; r += 4) {
      const n = g * padded(H) + r;
      const j = n & ~15;
      const to = panels + bytes(j * K + (n - j));
      packFour(to, bytes(panelWidth(j, N)), w + bytes((g * H + r) * K), min(4, H - r), K);
    }
  }
}

/** Up to four rows of w become four columns of a panel; the missing ones are zero. */
function packFour(to: usize, stride: usize, w: usize, rows: i32, K: i32): void {
  const ld = bytes(K);
  let k = 0;
  if (rows == 4) {
    for (; k + 4 <= K; k += 4, w += 16, to += stride * 4) {
      const a = v128.load(w);
      const b = v128.load(w + ld);
      const c = v128.load(w + ld * 2);
      const d = v128.load(w + ld * 3);
      const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
      const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
      const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
      v128.store(to + stride, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
      v128.store(to + stride * 2, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
      v128.store(to + stride * 3, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
    }
  }
  for (; k < K; k++, w += 4, to += stride) {
    for (let i = 0; i < 4; i++) {
      store<f32>(to + bytes(i), i < rows ? load<f32>(w + <usize>i * ld) : 0);
    }
  }
}

/**
 * W as it stands into panels: B (K, padded(N)) with K = G·padded(H), for the products dy·W of the backward pass.
 * panels (K·padded(N)) · w (G·H, N)
 */
export function packRows(panels: usize, w: usize, G: i32, H: i32, N: i32): void {
  const K = G * padded(H);
  for (let j = 0; j < N; j += 16) {
    const width = panelWidth(j, padded(N));
    let to = panels + bytes(j * K);
    for (let g = 0; g < G; g++) {
      packColumns(to, w + bytes(g * H * N + j), N, H, width, min(width, N - j));
      to += bytes(H * width);
      const rest = bytes((padded(H) - H) * width);
      memory.fill(to, 0, rest);
      to += rest;
    }
  }
}

/** `rows` rows of x (stride ld) into one panel: the first `valid` of its `width` columns, the others zero. */
export function packColumns(to: usize, x: usize, ld: i32, rows: i32, width: i32, valid: i32): void {
  const stride = bytes(ld);
  if (valid == 16) {
    for (let k = 0; k < rows; k++, to += 64, x += stride) {
      v128.store(to, v128.load(x));
      v128.store(to, v128.load(x, 16), 16);
      v128.store(to, v128.load(x, 32), 32);
      v128.store(to, v128.load(x, 48), 48);
    }
    return;
  }
  for (let k = 0; k < rows; k++, x += stride) {
    let i = 0;
    for (; i + 4 <= valid; i += 4, to += 16) v128.store(to, v128.load(x + bytes(i)));
    for (; i < width; i++, to += 4) store<f32>(to, i < valid ? load<f32>(x + bytes(i)) : 0);
  }
}

/** Sums the biases of a layer into one row (G·padded(H)), the padding zero; a pointer of 0 stands for no bias. */
export function packBias(to: usize, bIh: usize, bHh: usize, G: i32, H: i32): void {
  memory.fill(to, 0, bytes(G * padded(H)));
  for (let g = 0; g < G; g++) {
    for (let r = 0; r < H; r++) {
      const from = bytes(g * H + r);
      const a: f32 = bIh ? load<f32>(bIh + from) : 0;
      const b: f32 = bHh ? load<f32>(bHh + from) : 0;
      store<f32>(to + bytes(g * padded(H) + r), a + b);
    }
  }
}
