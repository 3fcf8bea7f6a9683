/** @import { Floats, FloatType } from "./floats.js" */

// Matrix products of two kinds.
//
// Many rows: one kernel multiplies two rows of a by three columns of b, in six independent sums: with eleven numbers at
// work none is spilled from the sixteen registers, as it is with larger tiles (4 by 4 takes 15 % longer). What it reads
// has first been copied to panels in the order of reading and widened to float64, in which JavaScript computes: an
// element is converted once, not once a tile, and a transposed operand costs nothing more. The panels are constants of
// the module, so their address and length are constants of the compiled loop; no number outlives a product in them. On
// V8 this is 1.2 to 1.4 times as fast as the best tile without panels, and twice as fast as adding rows to rows.
// (Arithmetic in float32 with Math.fround takes twice as long.)
//
// One row: each number of b is used once, so what counts is reading it: from panels of eight columns, which stay in the
// type of the matrix because that halves what is read. That is 1.3 times as fast as the best product of rows.

const TILE_M = 2;
const TILE_N = 3;
const BLOCK_M = 64;
const BLOCK_K = 512;
const ROW_PANEL = 8;
const panelA = new Float64Array(BLOCK_M * BLOCK_K);
const panelB = new Float64Array(TILE_N * BLOCK_K);
const sums = new Float64Array(ROW_PANEL);

/** @typedef {(c: Floats, a: Floats, b: Floats, M: number, N: number, K: number) => void} Product */

/** c (M, N) += a·bᵀ   a (M, K), b (N, K) @type {Product} */
export function addABt(c, a, b, M, N, K) {
  multiply(c, a, K, 1, b, K, 1, M, N, K);
}

/** c (M, N) += a·b   a (M, K), b (K, N) @type {Product} */
export function addAB(c, a, b, M, N, K) {
  multiply(c, a, K, 1, b, 1, N, M, N, K);
}

/** c (M, N) += aᵀ·b   a (K, M), b (K, N) @type {Product} */
export function addAtB(c, a, b, M, N, K) {
  multiply(c, a, 1, M, b, 1, N, M, N, K);
}

/**
 * c (M, N) += Σ over k of a[m, k] b[n, k], at m·aM + k·aK and n·bN + k·bK.
 * @param {Floats} c
 * @param {Floats} a
 * @param {number} aM
 * @param {number} aK
 * @param {Floats} b
 * @param {number} bN
 * @param {number} bK
 * @param {number} M
 * @param {number} N
 * @param {number} K
 */
function multiply(c, a, aM, aK, b, bN, bK, M, N, K) {
  for (let k = 0; k < K; k += BLOCK_K) {
    const depth = Math.min(BLOCK_K, K - k);
    for (let m = 0; m < M; m += BLOCK_M) {
      const height = Math.min(BLOCK_M, M - m);
      packA(a, m * aM + k * aK, height, aM, aK, depth);
      for (let n = 0; n < N; n += TILE_N) {
        const width = Math.min(TILE_N, N - n);
        packB(b, n * bN + k * bK, width, bN, bK, depth);
        multiplyColumns(c, m * N + n, N, height, width, depth);
      }
    }
  }
}

/** A right-hand side that stays the same for many products, such as recurrent weights: for one row, packed once for all. */
export class RightHandSide {
  #sizes;
  #panels;
  /** Of many rows: the matrix and its strides. */
  #b;
  #bN = 0;
  #bK = 0;

  /**
   * c (M, N) += a (M, K) · b (K, N)
   * @param {number} M
   * @param {number} N
   * @param {number} K
   * @param {FloatType} Type
   */
  constructor(M, N, K, Type) {
    this.#sizes = { M, N, K };
    this.#panels = new Type(M === 1 ? Math.ceil(N / ROW_PANEL) * ROW_PANEL * K : 0);
    this.#b = this.#panels;
  }

  /** From b (K, N). @param {Floats} b */
  pack(b) {
    this.#pack(b, 1, this.#sizes.N);
  }

  /** From bᵀ (N, K). @param {Floats} b */
  packTransposed(b) {
    this.#pack(b, this.#sizes.K, 1);
  }

  /** @type {(b: Floats, bN: number, bK: number) => void} */
  #pack(b, bN, bK) {
    const { M, N, K } = this.#sizes;
    if (M === 1) packRowPanels(this.#panels, b, bN, bK, N, K);
    this.#b = b;
    this.#bN = bN;
    this.#bK = bK;
  }

  /** c += a·b @type {(c: Floats, a: Floats) => void} */
  addTo(c, a) {
    const { M, N, K } = this.#sizes;
    if (M === 1) multiplyRow(c, a, this.#panels, N, K);
    else multiply(c, a, K, 1, this.#b, this.#bN, this.#bK, M, N, K);
  }
}

// ------------------------------------------------------------------------------------------------------ many rows

/**
 * The rows of a block, two by two, to panelA.
 * @type {(a: Floats, start: number, height: number, aM: number, aK: number, depth: number) => void}
 */
function packA(a, start, height, aM, aK, depth) {
  for (let i = 0; i < height; i += TILE_M) {
    const second = i + 1 < height ? aM : 0; // a missing row is the first again: its sums are not used
    const end = (i + TILE_M) * depth;
    for (let p = i * depth, s = start + i * aM; p < end; p += TILE_M, s += aK) {
      panelA[p] = /** @type {number} */ (a[s]);
      panelA[p + 1] = /** @type {number} */ (a[s + second]);
    }
  }
}

/**
 * panelB[k, j] = b[j, k] for the three columns of a tile.
 * @type {(b: Floats, start: number, columns: number, bN: number, bK: number, depth: number) => void}
 */
function packB(b, start, columns, bN, bK, depth) {
  const second = columns > 1 ? bN : 0;
  const third = columns > 2 ? 2 * bN : 0;
  const end = TILE_N * depth;
  for (let p = 0, s = start; p < end; p += TILE_N, s += bK) {
    panelB[p] = /** @type {number} */ (b[s]);
    panelB[p + 1] = /** @type {number} */ (b[s + second]);
    panelB[p + 2] = /** @type {number} */ (b[s + third]);
  }
}

/**
 * Up to three columns of c, from `start`, for all rows of panelA.
 * @type {(c: Floats, start: number, stride: number, height: number, width: number, depth: number) => void}
 */
function multiplyColumns(c, start, stride, height, width, depth) {
  for (let i = 0; i < height; i += TILE_M) {
    multiplyTile(i * depth, TILE_N * depth);
    addTile(c, start + i * stride, stride, Math.min(TILE_M, height - i), width);
  }
}

/** @type {(c: Floats, start: number, stride: number, rows: number, columns: number) => void} c += sums */
function addTile(c, start, stride, rows, columns) {
  for (let i = 0; i < rows; i++) {
    for (let j = 0, k = start + i * stride; j < columns; j++, k++) {
      c[k] = /** @type {number} */ (c[k]) + /** @type {number} */ (sums[TILE_N * i + j]);
    }
  }
}

/**
 * sums (2, 3) = Σ over k of panelA[k, i] panelB[k, j]. The `| 0` spare a check for overflow.
 * @param {number} start of the tile in panelA
 * @param {number} end of panelB
 */
function multiplyTile(start, end) {
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  for (let p = start, q = 0; q < end; p = (p + TILE_M) | 0, q = (q + TILE_N) | 0) {
    const a0 = /** @type {number} */ (panelA[p]);
    const a1 = /** @type {number} */ (panelA[(p + 1) | 0]);
    const b0 = /** @type {number} */ (panelB[q]);
    const b1 = /** @type {number} */ (panelB[(q + 1) | 0]);
    const b2 = /** @type {number} */ (panelB[(q + 2) | 0]);
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s02;
  sums[3] = s10;
  sums[4] = s11;
  sums[5] = s12;
}

// -------------------------------------------------------------------------------------------------------- one row

/**
 * panels[n / 8, k, n % 8] = b[n, k]; what is beyond N stays zero.
 * @type {(panels: Floats, b: Floats, bN: number, bK: number, N: number, K: number) => void}
 */
function packRowPanels(panels, b, bN, bK, N, K) {
  for (let n = 0; n < N; n++) {
    const at = (n - (n % ROW_PANEL)) * K + (n % ROW_PANEL);
    for (let k = 0; k < K; k++) panels[at + k * ROW_PANEL] = /** @type {number} */ (b[n * bN + k * bK]);
  }
}

/** c (N) += a (K) · panels @type {(c: Floats, a: Floats, panels: Floats, N: number, K: number) => void} */
function multiplyRow(c, a, panels, N, K) {
  for (let n = 0; n < N; n += ROW_PANEL) {
    multiplyRowPanel(a, panels, n * K, K);
    for (let j = n, end = Math.min(N, n + ROW_PANEL); j < end; j++) {
      c[j] = /** @type {number} */ (c[j]) + /** @type {number} */ (sums[j - n]);
    }
  }
}

/**
 * sums (8) = Σ over k of a[k] panel[k, j]
 * @type {(a: Floats, panels: Floats, start: number, K: number) => void}
 */
function multiplyRowPanel(a, panels, start, K) {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let s4 = 0;
  let s5 = 0;
  let s6 = 0;
  let s7 = 0;
  for (let k = 0, p = start; k < K; k++, p = (p + ROW_PANEL) | 0) {
    const x = /** @type {number} */ (a[k]);
    s0 += x * /** @type {number} */ (panels[p]);
    s1 += x * /** @type {number} */ (panels[(p + 1) | 0]);
    s2 += x * /** @type {number} */ (panels[(p + 2) | 0]);
    s3 += x * /** @type {number} */ (panels[(p + 3) | 0]);
    s4 += x * /** @type {number} */ (panels[(p + 4) | 0]);
    s5 += x * /** @type {number} */ (panels[(p + 5) | 0]);
    s6 += x * /** @type {number} */ (panels[(p + 6) | 0]);
    s7 += x * /** @type {number} */ (panels[(p + 7) | 0]);
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  sums[4] = s4;
  sums[5] = s5;
  sums[6] = s6;
  sums[7] = s7;
}
