// Attention of a decoder over the outputs of an encoder: for the query q of each row of the decoder, and the memory m of the
// L steps of its sequence in the encoder,
//
// (1) dot:       s = m·q                          (L)   Luong, Pham & Manning 2015
//     additive:  s = tanh(q·wQᵀ + m·wMᵀ)·v              Bahdanau, Cho & Bengio 2015, with A units
// (2) p = softmax(s)                              (L)
// (3) c = p·m                                     (M)   the context
// backward (3) dp = m·dc   dm += p·dcᵀ
//          (2) ds = p∘(dp − Σ p∘dp)
//          (1) dot:       dq = ds·m   dm += ds·qᵀ
//              additive:  e = tanh(uQ + uM)   uQ = q·wQᵀ   uM = m·wMᵀ
//                         dv += ds·e   de = ds·vᵀ∘(1 − e²)   duQ = Σ de over the steps   duM += de
//                         (and from there as in any product: dq = duQ·wQ   dwQ += duQᵀ·q   dm += duM·wM   dwM += duMᵀ·m)
//
// Both sides come with their sequences one after another, so that all queries of a sequence make one product. A sequence
// of the memory begins at a multiple of four rows, those between are zero. Forward keeps p; the additive e, L·A numbers for
// each query, is worked out again by backward.
//
// Pairs of a sequence's first row and its length, i32 (B, 2), are its spans; map (B) i32 is the place in the memory of each
// sequence of queries.
import { softmaxRow, softmaxRowBackward } from "./activation";
import { tanhArray } from "./math";
import { matmul, weightGradient } from "./matmul";
import { packRows, packTransposed } from "./pack";
import { batchSize, copyExact, copyRow } from "./sequence";
import { bytes, muladd, padded, sum } from "./simd";
import { add } from "./vector";

// @ts-ignore: decorator
@inline function startOf(spans: usize, b: i32): i32 {
  return load<i32>(spans + bytes(2 * b));
}

// @ts-ignore: decorator
@inline function lengthOf(spans: usize, b: i32): i32 {
  return load<i32>(spans + bytes(2 * b), 4);
}

/** spans (B, 2) of sequences that stand one after another, each on a multiple of `align` rows, a power of two. */
export function sequenceSpans(spans: usize, batchSizes: usize, T: i32, align: i32): void {
  const B = batchSize(batchSizes, 0);
  let longest = T;
  let next = 0;
  for (let b = 0; b < B; b++) {
    while (batchSize(batchSizes, longest - 1) <= b) longest--; // lengths fall
    store<i32>(spans + bytes(2 * b), next);
    store<i32>(spans + bytes(2 * b), longest, 4);
    next += (longest + align - 1) & -align;
  }
}

/** y, one sequence after another, stride padded(F) = rows x (N, F) stride ldx; rows between sequences are left as they are. */
export function gatherSequences(y: usize, x: usize, ldx: i32, spans: usize, batchSizes: usize, T: i32, F: i32): void {
  for (let t = 0; t < T; t++) {
    const B = batchSize(batchSizes, t);
    for (let b = 0; b < B; b++, x += bytes(ldx)) copyRow(y + bytes((startOf(spans, b) + t) * padded(F)), x, F);
  }
}

/** rows y (N, F) stride ldy = x, one sequence after another, stride padded(F); y += x if `adds`. */
export function scatterSequences(
  y: usize, ldy: i32, x: usize, spans: usize, batchSizes: usize, T: i32, F: i32, adds: bool,
): void {
  for (let t = 0; t < T; t++) {
    const B = batchSize(batchSizes, t);
    for (let b = 0; b < B; b++, y += bytes(ldy)) {
      const from = x + bytes((startOf(spans, b) + t) * padded(F));
      if (adds) add(y, from, F);
      else copyExact(y, from, F);
    }
  }
}

/** The memory m of B sequences, stride padded(M), as panels that are as large: `keys` for products ·mᵀ, `values` for ·m. */
export function attentionPack(keys: usize, values: usize, m: usize, spans: usize, B: i32, M: i32): void {
  const P = padded(M);
  for (let b = 0; b < B; b++) {
    const at = bytes(startOf(spans, b) * P);
    const L = padded(lengthOf(spans, b));
    packTransposed(keys + at, m + at, 1, L, P);
    packRows(values + at, m + at, 1, L, P);
  }
}

/**
 * c (rows of queries, padded(M)) · p: padded(L) for each query · q (·, padded(M)) · keys, values: attentionPack · spansQ, map of
 * B sequences · spansM
 */
export function attentionDotForward(
  c: usize, p: usize, q: usize, keys: usize, values: usize,
  spansQ: usize, spansM: usize, map: usize, B: i32, M: i32,
): void {
  const P = padded(M);
  for (let b = 0; b < B; b++) {
    const from = load<i32>(map + bytes(b));
    const n = lengthOf(spansQ, b);
    const L = lengthOf(spansM, from);
    const at = bytes(startOf(spansQ, b) * P);
    const panels = bytes(startOf(spansM, from) * P);
    matmul(p, padded(L), 0, 0, q + at, P, keys + panels, n, padded(L), P);
    p = context(c + at, p, values + panels, n, L, P);
  }
}

/** (2) and (3) for n queries of one sequence: p holds s before; returns its end. */
function context(c: usize, p: usize, values: usize, n: i32, L: i32, P: i32): usize {
  const end = p + bytes(n * padded(L));
  for (let row = p; row < end; row += bytes(padded(L))) softmaxRow(row, row, L);
  matmul(c, P, 0, 0, p, padded(L), values, n, P, padded(L));
  return end;
}

/**
 * dq (·, padded(M)) · dm: as the memory, added to · ds: scratch for the queries of one sequence · p: as forward left it ·
 * dc, q (·, padded(M)) · the rest as forward · scratch: weightGradientScratch(1, 4, padded(M), 0)
 */
export function attentionDotBackward(
  dq: usize, dm: usize, ds: usize, p: usize, dc: usize, q: usize, keys: usize, values: usize, scratch: usize,
  spansQ: usize, spansM: usize, map: usize, B: i32, M: i32,
): void {
  const P = padded(M);
  for (let b = 0; b < B; b++) {
    const from = load<i32>(map + bytes(b));
    const n = lengthOf(spansQ, b);
    const L = lengthOf(spansM, from);
    const at = bytes(startOf(spansQ, b) * P);
    const panels = bytes(startOf(spansM, from) * P);
    const next = contextBackward(ds, dm + panels, p, dc + at, keys + panels, scratch, n, L, P);
    matmul(dq + at, P, 0, 0, ds, padded(L), values + panels, n, P, padded(L));
    weightGradient(dm + panels, q + at, P, P, 0, 0, 0, 0, ds, padded(L), scratch, 1, padded(L), n);
    p = next;
  }
}

/** (3) and (2) backward for n queries of one sequence; returns the end of p. */
function contextBackward(
  ds: usize, dm: usize, p: usize, dc: usize, keys: usize, scratch: usize, n: i32, L: i32, P: i32,
): usize {
  matmul(ds, padded(L), 0, 0, dc, P, keys, n, padded(L), P);
  weightGradient(dm, dc, P, P, 0, 0, 0, 0, p, padded(L), scratch, 1, padded(L), n);
  const end = p + bytes(n * padded(L));
  for (; p < end; p += bytes(padded(L)), ds += bytes(padded(L))) softmaxRowBackward(ds, p, L);
  return end;
}

/**
 * c (rows of queries, padded(M)) · p: padded(L) for each query · e: scratch, padded(A) for each step of the longest memory ·
 * uQ (rows of queries, padded(A)) · uM (rows of the memory, padded(A)) · v (padded(A)), zero in the padding · the rest as in
 * attentionDotForward
 */
export function attentionAdditiveForward(
  c: usize, p: usize, e: usize, uQ: usize, uM: usize, v: usize, values: usize,
  spansQ: usize, spansM: usize, map: usize, B: i32, M: i32, A: i32,
): void {
  const P = padded(M);
  for (let b = 0; b < B; b++) {
    const from = load<i32>(map + bytes(b));
    const n = lengthOf(spansQ, b);
    const L = lengthOf(spansM, from);
    const first = startOf(spansQ, b);
    const memory = startOf(spansM, from);
    for (let row = 0; row < n; row++) {
      const s = p + bytes(row * padded(L));
      additiveScores(s, e, uQ + bytes((first + row) * padded(A)), uM + bytes(memory * padded(A)), v, L, padded(A));
    }
    p = context(c + bytes(first * P), p, values + bytes(memory * P), n, L, P);
  }
}

/** (1) for one query: e (L, A) = tanh(uM + uQ), s (L) = e·v; A is a multiple of four. */
function additiveScores(s: usize, e: usize, uQ: usize, uM: usize, v: usize, L: i32, A: i32): void {
  additiveTanh(e, uQ, uM, L, A);
  for (let l = 0; l < L; l++, s += 4) {
    let total = f32x4.splat(0);
    for (let j: usize = 0; j < bytes(A); j += 16, e += 16) total = muladd(total, v128.load(e), v128.load(v + j));
    store<f32>(s, sum(total));
  }
}

function additiveTanh(e: usize, uQ: usize, uM: usize, L: i32, A: i32): void {
  let to = e;
  for (let l = 0; l < L; l++) {
    for (let j: usize = 0; j < bytes(A); j += 16, to += 16, uM += 16) {
      v128.store(to, f32x4.add(v128.load(uM), v128.load(uQ + j)));
    }
  }
  tanhArray(e, e, L * A);
}

/**
 * duQ: as uQ · duM: as uM, added to · dv (padded(A)), added to · dm: as the memory, added to · ds, e, scratch: as in
 * attentionDotBackward and attentionAdditiveForward · the rest as they left and took it
 */
export function attentionAdditiveBackward(
  duQ: usize, duM: usize, dv: usize, dm: usize, ds: usize, e: usize,
  p: usize, dc: usize, uQ: usize, uM: usize, v: usize, keys: usize, scratch: usize,
  spansQ: usize, spansM: usize, map: usize, B: i32, M: i32, A: i32,
): void {
  const P = padded(M);
  for (let b = 0; b < B; b++) {
    const from = load<i32>(map + bytes(b));
    const n = lengthOf(spansQ, b);
    const L = lengthOf(spansM, from);
    const first = startOf(spansQ, b);
    const panels = bytes(startOf(spansM, from) * P);
    const memory = bytes(startOf(spansM, from) * padded(A));
    p = contextBackward(ds, dm + panels, p, dc + bytes(first * P), keys + panels, scratch, n, L, P);
    for (let row = 0; row < n; row++) {
      const at = bytes((first + row) * padded(A));
      additiveTanh(e, uQ + at, uM + memory, L, padded(A));
      additiveScoresBackward(duQ + at, duM + memory, dv, ds + bytes(row * padded(L)), e, v, L, padded(A));
    }
  }
}

/** (1) backward for one query, from e. */
function additiveScoresBackward(duQ: usize, duM: usize, dv: usize, ds: usize, e: usize, v: usize, L: i32, A: i32): void {
  const one = f32x4.splat(1);
  for (let j: usize = 0; j < bytes(A); j += 16) {
    const weight = v128.load(v + j);
    let dWeight = v128.load(dv + j);
    let dQuery = f32x4.splat(0);
    let at = j;
    for (let l = 0; l < L; l++, at += bytes(A)) {
      const y = v128.load(e + at);
      const d = v128.load32_splat(ds + bytes(l));
      dWeight = muladd(dWeight, d, y);
      const de = f32x4.mul(f32x4.mul(d, weight), f32x4.sub(one, f32x4.mul(y, y)));
      dQuery = f32x4.add(dQuery, de);
      v128.store(duM + at, f32x4.add(v128.load(duM + at), de));
    }
    v128.store(dv + j, dWeight);
    v128.store(duQ + j, dQuery);
  }
}
