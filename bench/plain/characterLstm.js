/**
 * A character language model in plain JavaScript, as fast as it gets without WebAssembly: what the benchmarks measure
 * the library against. embedding → LSTM → dense → softmax cross-entropy, trained by backpropagation through time
 * truncated at T steps (the state is carried on, the gradient is not), with clipping by norm and Adam.
 *
 *   V E H B T   sizes of vocabulary, embedding, hidden state, batch and time; N = T·B
 *   σ tanh      applied to each element      ∘  product of elements      ·  matrix product      dX  gradient by X
 *
 * Matrices are row-major; inside, everything is time-major, (T, B, …). Names, shapes and gate order are PyTorch's.
 *
 * (1) x = wE[token]                              (N, E)
 * (2) a = x·wIhᵀ + bIh + bHh + hPrev·wHhᵀ        a = [i f g o] before activation, (N, 4H); x·wIhᵀ for all t at once
 * (3) c = f∘cPrev + i∘g                          i f o = σ(a), g = tanh(a)
 * (4) h = o∘tanh(c)                              (N, H)
 * (5) y = h·wDᵀ + bD                             (N, V)
 * (6) L = mean over N of log Σ e^y − y[target]
 * saved for backward: x, i f g o (in the place of a), c, tanh(c), h, dy (in the place of y)
 * backward (6) dy = (softmax(y) − [target]) / N
 *          (5) dh = dy·wD   dwD += dyᵀ·h   dbD += Σ dy
 *          (4) do = dh∘tanh(c)               dc = dc + dh∘o∘(1 − tanh²c)
 *          (3) di = dc∘g  df = dc∘cPrev  dg = dc∘i             dcPrev = dc∘f
 *          (2) da = [di∘i(1−i)  df∘f(1−f)  dg∘(1−g²)  do∘o(1−o)]
 *              dhPrev += da·wHh   dwHh += daᵀ·hPrev   dwIh += daᵀ·x   dbIh dbHh += Σ da   dx = da·wIh
 *          (1) dwE[token] += dx
 * update   (7) g = g · min(1, clipNorm / (‖g‖ + 1e-6))         ‖g‖ over all parameters together
 *          (8) m = β₁m + (1−β₁)g   v = β₂v + (1−β₂)g²   p −= learningRate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε)
 */

/** @typedef {Float32Array | Float64Array} Floats */
/** @typedef {{ vocabulary: number, embedding: number, hidden: number, batch: number, time: number }} Sizes */

/**
 * The model. Every array is made in the constructor, none in a step.
 * @template {Floats} [F=Float32Array]
 */
export class CharacterLstm {
  #steps = 0;
  #flat;
  #work;

  /**
   * @param {Sizes & { seed?: number, Float?: new (length: number) => F }} options `Float` is the type of all numbers,
   *   Float32Array if not given; Float64Array is for checking gradients.
   */
  constructor({ seed = 1, Float, ...sizes }) {
    const Type = /** @type {new (length: number) => F} */ (Float ?? Float32Array);
    const lengths = parameterLengths(sizes);
    const total = Object.values(lengths).reduce((sum, length) => sum + length, 0);
    this.#flat = { p: new Type(total), g: new Type(total), m: new Type(total), v: new Type(total) };
    this.#work = workspace(sizes, Type);
    this.sizes = sizes;
    /** By PyTorch's names, to be filled with `set`. */
    this.parameters = split(this.#flat.p, lengths);
    /** Of the last step, before clipping. */
    this.gradients = split(this.#flat.g, lengths);
    initialize(this.parameters, sizes.hidden, seed);
  }

  /**
   * One optimiser step; the state is carried into the next.
   * @param {Int32Array} inputs (B, T)
   * @param {Int32Array} targets (B, T)
   * @param {{ learningRate: number, clipNorm: number }} options
   * @returns {number} the mean loss in nats, before the update
   */
  step(inputs, targets, { learningRate, clipNorm }) {
    const { p, g, m, v } = this.#flat;
    const loss = this.forward(inputs, targets);
    g.fill(0);
    this.backward();
    this.#carryState();
    const scale = Math.min(1, clipNorm / (Math.sqrt(sumOfSquares(g)) + 1e-6)); // (7)
    adam(p, g, m, v, scale, learningRate, ++this.#steps); // (8)
    return loss;
  }

  /** The next step starts from a state of zeros. */
  resetState() {
    this.#work.h.fill(0);
    this.#work.c.fill(0);
  }

  /**
   * (1) to (6), from the carried state, which stays.
   * @param {Int32Array} inputs (B, T)
   * @param {Int32Array} targets (B, T)
   * @returns {number} the mean loss in nats
   */
  forward(inputs, targets) {
    const { vocabulary: V, embedding: E, hidden: H, batch: B, time: T } = this.sizes;
    const p = this.parameters;
    const work = this.#work;
    toTimeMajor(work.inputs, inputs, B, T, V);
    toTimeMajor(work.targets, targets, B, T, V);
    gatherRows(work.x, p["embedding.weight"], work.inputs, E);
    sumInto(work.bias, p["lstm.bias_ih_l0"], p["lstm.bias_hh_l0"]);
    repeatRow(work.a, work.bias);
    addABt(work.a, work.x, p["lstm.weight_ih_l0"], T * B, 4 * H, E);
    for (const { a, hPrev, cPrev, c, tanhC, h } of work.times) {
      addABt(a, hPrev, p["lstm.weight_hh_l0"], B, 4 * H, H);
      cellForward(a, cPrev, c, tanhC, h, B, H);
    }
    repeatRow(work.y, p["dense.bias"]);
    addABt(work.y, work.hAll, p["dense.weight"], T * B, V, H);
    return softmaxCrossEntropy(work.y, work.targets, V);
  }

  /** (6) to (1), after forward; adds to the gradients. */
  backward() {
    const { vocabulary: V, embedding: E, hidden: H, batch: B, time: T } = this.sizes;
    const p = this.parameters;
    const d = this.gradients;
    const work = this.#work;
    addAtB(d["dense.weight"], work.y, work.hAll, V, H, T * B);
    addRows(d["dense.bias"], work.y);
    addAB(work.dH.fill(0), work.y, p["dense.weight"], T * B, H, V);
    work.dC.fill(0);
    for (const { a, cPrev, tanhC, dH, dHPrev } of work.timesReversed) {
      cellBackward(a, cPrev, tanhC, dH, work.dC, B, H);
      if (dHPrev) addAB(dHPrev, a, p["lstm.weight_hh_l0"], B, H, 4 * H);
    }
    addAtB(d["lstm.weight_hh_l0"], work.a, work.hPrevAll, 4 * H, H, T * B);
    addAtB(d["lstm.weight_ih_l0"], work.a, work.x, 4 * H, E, T * B);
    addRows(d["lstm.bias_ih_l0"], work.a);
    d["lstm.bias_hh_l0"].set(d["lstm.bias_ih_l0"]); // the biases are added to each other: their gradients are equal
    addAB(work.dX.fill(0), work.a, p["lstm.weight_ih_l0"], T * B, E, 4 * H);
    scatterAddRows(d["embedding.weight"], work.dX, work.inputs, E);
  }

  #carryState() {
    const { h, c, hPrevAll } = this.#work;
    h.copyWithin(0, hPrevAll.length);
    c.copyWithin(0, hPrevAll.length);
  }
}

// ------------------------------------------------------------------------------------------------------ memory

/** @param {Sizes} sizes */
function parameterLengths({ vocabulary: V, embedding: E, hidden: H }) {
  return {
    "embedding.weight": V * E,
    "lstm.weight_ih_l0": 4 * H * E,
    "lstm.weight_hh_l0": 4 * H * H,
    "lstm.bias_ih_l0": 4 * H,
    "lstm.bias_hh_l0": 4 * H,
    "dense.weight": V * H,
    "dense.bias": V,
  };
}

/**
 * Consecutive views of one array, by name.
 * @template {Floats} F
 * @template {string} Name
 * @param {F} flat
 * @param {Record<Name, number>} lengths
 */
function split(flat, lengths) {
  let end = 0;
  /** @type {(entry: [string, number]) => [string, F]} */
  const view = ([name, length]) => [name, part(flat, end, (end += length))];
  return /** @type {Record<Name, F>} */ (Object.fromEntries(Object.entries(lengths).map(view)));
}

/**
 * @template {Floats} F
 * @param {F} array
 * @param {number} start
 * @param {number} end
 */
function part(array, start, end) {
  return /** @type {F} */ (array.subarray(start, end));
}

/**
 * All arrays of a step, and `times`: the views of them that one time step works on. h and c have a row of their own for
 * the carried state, before the first.
 * @template {Floats} F
 * @param {Sizes} sizes
 * @param {new (length: number) => F} Type
 */
function workspace({ vocabulary: V, embedding: E, hidden: H, batch: B, time: T }, Type) {
  const [a, h, c] = [new Type(T * B * 4 * H), new Type((T + 1) * B * H), new Type((T + 1) * B * H)];
  const [tanhC, dH, dC] = [new Type(T * B * H), new Type(T * B * H), new Type(B * H)];
  /** @type {(array: F, t: number, width: number) => F} */
  const at = (array, t, width) => part(array, t * B * width, (t + 1) * B * width);
  const times = Array.from({ length: T }, (_, t) => ({
    a: at(a, t, 4 * H),
    hPrev: at(h, t, H),
    cPrev: at(c, t, H),
    h: at(h, t + 1, H),
    c: at(c, t + 1, H),
    tanhC: at(tanhC, t, H),
    dH: at(dH, t, H),
    dHPrev: t > 0 ? at(dH, t - 1, H) : undefined,
  }));
  const [x, dX, y, bias] = [new Type(T * B * E), new Type(T * B * E), new Type(T * B * V), new Type(4 * H)];
  const [inputs, targets] = [new Int32Array(T * B), new Int32Array(T * B)];
  const views = { hPrevAll: part(h, 0, T * B * H), hAll: part(h, B * H, h.length) };
  return { inputs, targets, x, dX, bias, a, h, c, dH, dC, y, ...views, times, timesReversed: [...times].reverse() };
}

/**
 * Uniform with the bounds of PyTorch, 1/√H, and variance 1 for the embedding; by the generator Mulberry32.
 * @param {Record<string, Floats>} parameters
 * @param {number} H
 * @param {number} seed
 */
function initialize(parameters, H, seed) {
  let state = seed;
  for (const [name, values] of Object.entries(parameters)) {
    const bound = name === "embedding.weight" ? Math.sqrt(3) : 1 / Math.sqrt(H);
    for (let k = 0; k < values.length; k++) {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      values[k] = (bound * (mixed ^ (mixed >>> 14))) / 2 ** 31;
    }
  }
}

// ------------------------------------------------------------------------------------------- tokens, rows, loss

/** @type {(out: Int32Array, tokens: Int32Array, B: number, T: number, V: number) => void} tokens (B, T), out (T, B) */
function toTimeMajor(out, tokens, B, T, V) {
  if (tokens.length !== B * T)
    throw new RangeError(`tokens expected shape [${B}, ${T}], got ${tokens.length} elements`);
  for (let b = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      const token = /** @type {number} */ (tokens[b * T + t]);
      if (token < 0 || token >= V) throw new RangeError(`tokens expected below ${V}, got ${token}`);
      out[t * B + b] = token;
    }
  }
}

/** @type {(out: Floats, table: Floats, tokens: Int32Array, width: number) => void} out[n] = table[token n] */
function gatherRows(out, table, tokens, width) {
  let n = 0;
  for (const token of tokens) {
    for (let k = token * width; k < (token + 1) * width; k++) out[n++] = /** @type {number} */ (table[k]);
  }
}

/** @type {(table: Floats, rows: Floats, tokens: Int32Array, width: number) => void} table[token n] += rows[n] */
function scatterAddRows(table, rows, tokens, width) {
  let n = 0;
  for (const token of tokens) {
    for (let k = token * width; k < (token + 1) * width; k++) {
      table[k] = /** @type {number} */ (table[k]) + /** @type {number} */ (rows[n++]);
    }
  }
}

/** @type {(out: Floats, a: Floats, b: Floats) => void} out = a + b */
function sumInto(out, a, b) {
  for (let k = 0; k < out.length; k++) out[k] = /** @type {number} */ (a[k]) + /** @type {number} */ (b[k]);
}

/** @type {(out: Floats, row: Floats) => void} every row of out = row */
function repeatRow(out, row) {
  for (let start = 0; start < out.length; start += row.length) out.set(row, start);
}

/** @type {(out: Floats, rows: Floats) => void} out += Σ rows */
function addRows(out, rows) {
  const width = out.length;
  for (let start = 0; start < rows.length; start += width) {
    for (let k = 0; k < width; k++) {
      out[k] = /** @type {number} */ (out[k]) + /** @type {number} */ (rows[start + k]);
    }
  }
}

/** @type {(y: Floats, targets: Int32Array, V: number) => number} The loss (6); dy takes the place of y (N, V). */
function softmaxCrossEntropy(y, targets, V) {
  const N = targets.length;
  let loss = 0;
  let start = 0;
  for (const target of targets) {
    const atTarget = /** @type {number} */ (y[start + target]);
    let highest = -Infinity;
    for (let k = start; k < start + V; k++) highest = Math.max(highest, /** @type {number} */ (y[k]));
    let sum = 0;
    for (let k = start; k < start + V; k++) sum += y[k] = exp(/** @type {number} */ (y[k]) - highest);
    const scale = 1 / (sum * N);
    for (let k = start; k < start + V; k++) y[k] = /** @type {number} */ (y[k]) * scale;
    y[start + target] = /** @type {number} */ (y[start + target]) - 1 / N;
    loss += Math.log(sum) + highest - atTarget;
    start += V;
  }
  return loss / N;
}

// -------------------------------------------------------------------------------------------------- the LSTM cell

/**
 * (3) (4): a (B, 4H) becomes i f g o; writes c, tanh(c) and h (B, H).
 * @type {(a: Floats, cPrev: Floats, c: Floats, tanhC: Floats, h: Floats, B: number, H: number) => void}
 */
function cellForward(a, cPrev, c, tanhC, h, B, H) {
  for (let b = 0, k = 0, j = 0; b < B; b++, j += 3 * H) {
    for (const end = k + H; k < end; k++, j++) {
      const i = (a[j] = sigmoid(/** @type {number} */ (a[j])));
      const f = (a[j + H] = sigmoid(/** @type {number} */ (a[j + H])));
      const g = (a[j + 2 * H] = tanh(/** @type {number} */ (a[j + 2 * H])));
      const o = (a[j + 3 * H] = sigmoid(/** @type {number} */ (a[j + 3 * H])));
      const cell = (c[k] = f * /** @type {number} */ (cPrev[k]) + i * g);
      h[k] = o * (tanhC[k] = tanh(cell));
    }
  }
}

/**
 * (4) (3) and the first line of (2): i f g o become da (B, 4H), dc becomes dcPrev (B, H).
 * @type {(a: Floats, cPrev: Floats, tanhC: Floats, dH: Floats, dC: Floats, B: number, H: number) => void}
 */
function cellBackward(a, cPrev, tanhC, dH, dC, B, H) {
  for (let b = 0, k = 0, j = 0; b < B; b++, j += 3 * H) {
    for (const end = k + H; k < end; k++, j++) {
      const i = /** @type {number} */ (a[j]);
      const f = /** @type {number} */ (a[j + H]);
      const g = /** @type {number} */ (a[j + 2 * H]);
      const o = /** @type {number} */ (a[j + 3 * H]);
      const squashed = /** @type {number} */ (tanhC[k]);
      const dh = /** @type {number} */ (dH[k]);
      const dc = /** @type {number} */ (dC[k]) + dh * o * (1 - squashed * squashed);
      a[j] = dc * g * i * (1 - i);
      a[j + H] = dc * /** @type {number} */ (cPrev[k]) * f * (1 - f);
      a[j + 2 * H] = dc * i * (1 - g * g);
      a[j + 3 * H] = dh * squashed * o * (1 - o);
      dC[k] = dc * f;
    }
  }
}

/** @param {number} x */
function sigmoid(x) {
  return 1 / (1 + exp(-x));
}

/** @param {number} x */
function tanh(x) {
  return 2 / (1 + exp(-2 * x)) - 1;
}

const EXP_LIMIT = 40;
const EXP_STEPS = 64;
const EXP_TABLE = Float64Array.from({ length: 2 * EXP_LIMIT * EXP_STEPS + 1 }, (_, k) =>
  Math.exp(k / EXP_STEPS - EXP_LIMIT),
);
/** Added and taken away again, it leaves the nearest integer. */
const ROUND = 1.5 * 2 ** 52;

/**
 * eˣ = e^(n/64) · eʳ, the first from a table, the second, |r| ≤ 1/128, from five terms of the series: relative error
 * below 3e-13, in a third of the time of Math.exp. x is held within ±40, where σ and tanh have long been 0 and 1.
 * @param {number} x
 */
function exp(x) {
  const held = Math.max(-EXP_LIMIT, Math.min(EXP_LIMIT, x));
  const n = held * EXP_STEPS + ROUND - ROUND;
  const r = held - n / EXP_STEPS;
  const power = /** @type {number} */ (EXP_TABLE[(n + EXP_LIMIT * EXP_STEPS) | 0]);
  return power * (1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24)))));
}

// ------------------------------------------------------------------------------------------------- matrix products

// One kernel multiplies two rows of a by three columns of b, in six independent sums: with eleven numbers at work none
// is spilled from the sixteen registers, as it is with larger tiles (4 by 4 takes 15 % longer). What it reads has first
// been copied to two panels in the order of reading and widened to float64, in which JavaScript computes: an element is
// converted once, not once a tile, and a transposed operand costs nothing more. The panels are constants of the module,
// so their address and length are constants of the compiled loop; no number outlives a product in them. On V8 this is
// 1.2 to 1.4 times as fast as the best tile without panels, and twice as fast as adding rows to rows.

const TILE_M = 2;
const TILE_N = 3;
const BLOCK_M = 64;
const BLOCK_K = 512;
const panelA = new Float64Array(BLOCK_M * BLOCK_K);
const panelB = new Float64Array(TILE_N * BLOCK_K);
const sums = new Float64Array(TILE_M * TILE_N);

/** @typedef {(c: Floats, a: Floats, b: Floats, M: number, N: number, K: number) => void} Product */

/** c (M, N) += a·bᵀ   a (M, K), b (N, K) @type {Product} */
function addABt(c, a, b, M, N, K) {
  multiply(c, a, K, 1, b, K, 1, M, N, K);
}

/** c (M, N) += a·b   a (M, K), b (K, N) @type {Product} */
function addAB(c, a, b, M, N, K) {
  multiply(c, a, K, 1, b, 1, N, M, N, K);
}

/** c (M, N) += aᵀ·b   a (K, M), b (K, N) @type {Product} */
function addAtB(c, a, b, M, N, K) {
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
      for (let i = 0; i < height; i += TILE_M) {
        packA(i * depth, a, (m + i) * aM + k * aK, Math.min(TILE_M, height - i), aM, aK, depth);
      }
      for (let n = 0; n < N; n += TILE_N) {
        const width = Math.min(TILE_N, N - n);
        packB(b, n * bN + k * bK, width, bN, bK, depth);
        for (let i = 0; i < height; i += TILE_M) {
          multiplyTile(i * depth, TILE_N * depth);
          addTile(c, (m + i) * N + n, N, Math.min(TILE_M, height - i), width);
        }
      }
    }
  }
}

/**
 * panelA[k, i] = a[i, k] for the two rows of a tile, where the panel has it `at`.
 * @type {(at: number, a: Floats, start: number, rows: number, aM: number, aK: number, depth: number) => void}
 */
function packA(at, a, start, rows, aM, aK, depth) {
  const second = rows > 1 ? aM : 0; // a missing row is the first again: its sums are not used
  const end = at + TILE_M * depth;
  for (let p = at, s = start; p < end; p += TILE_M, s += aK) {
    panelA[p] = /** @type {number} */ (a[s]);
    panelA[p + 1] = /** @type {number} */ (a[s + second]);
  }
}

/**
 * panelB[k, j] = b[j, k] for the three rows of a tile, at the start of the panel.
 * @type {(b: Floats, start: number, rows: number, bN: number, bK: number, depth: number) => void}
 */
function packB(b, start, rows, bN, bK, depth) {
  const second = rows > 1 ? bN : 0;
  const third = rows > 2 ? 2 * bN : 0;
  const end = TILE_N * depth;
  for (let p = 0, s = start; p < end; p += TILE_N, s += bK) {
    panelB[p] = /** @type {number} */ (b[s]);
    panelB[p + 1] = /** @type {number} */ (b[s + second]);
    panelB[p + 2] = /** @type {number} */ (b[s + third]);
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

// ---------------------------------------------------------------------------------------------------- the update

/** @param {Floats} x */
function sumOfSquares(x) {
  let sum = 0;
  for (let k = 0; k < x.length; k++) {
    const value = /** @type {number} */ (x[k]);
    sum += value * value;
  }
  return sum;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * (8) with the gradient times `scale`; t counts from 1.
 * @type {(p: Floats, g: Floats, m: Floats, v: Floats, scale: number, learningRate: number, t: number) => void}
 */
function adam(p, g, m, v, scale, learningRate, t) {
  const rate = learningRate / (1 - BETA1 ** t);
  const correction = 1 / Math.sqrt(1 - BETA2 ** t);
  for (let k = 0; k < p.length; k++) {
    const gK = /** @type {number} */ (g[k]) * scale;
    const mK = (m[k] = BETA1 * /** @type {number} */ (m[k]) + (1 - BETA1) * gK);
    const vK = (v[k] = BETA2 * /** @type {number} */ (v[k]) + (1 - BETA2) * gK * gK);
    p[k] = /** @type {number} */ (p[k]) - (rate * mK) / (Math.sqrt(vK) * correction + EPSILON);
  }
}
