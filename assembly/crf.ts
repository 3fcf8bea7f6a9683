// Linear-chain conditional random field (Lafferty, McCallum & Pereira 2001), as pytorch-crf has it.
//
// A path of tags k_0 … k_L−1 through a sequence has the score start[k_0] + Σ y[t, k_t] + Σ transitions[k_t−1, k_t] + end[k_L−1],
// and the probability e^(score − log Z), Z the sum of e^score over all paths:
// (1) alpha[0, k] = start[k] + y[0, k]        alpha[t, k] = y[t, k] + log Σ_i e^(alpha[t−1, i] + transitions[i, k])
// (2) log Z = log Σ_i e^(alpha[L−1, i] + end[i])
// (3) loss = log Z − score of the target
// backward beta[L−1, i] = end[i]              beta[t, i] = log Σ_k e^(transitions[i, k] + y[t+1, k] + beta[t+1, k])
//          marginal[t, k] = softmax(alpha[t] + beta[t])[k], the probability of tag k at step t
//          dy[t, k] = marginal[t, k] − [k is the target]; dstart is dy of the first step, dend of the last
//          dtransitions[i, k] = Σ_t marginal[t, i]·(share of k in the sum of beta[t, i]) − transitions of the target from i to k
// The logarithms are f64, their exponentials and sums f32: each step adds an error of 1e-7 to log Z, however large it is.
import { softmaxRow } from "./activation";
import { weightOf } from "./loss";
import { expArray } from "./math";
import { batchSize, takeColumns } from "./sequence";
import { bytes, muladd, padded, promoteHigh, promoteLow, sum } from "./simd";
import { add, scale as scaleArray, zero } from "./vector";

/** Bytes of n f64. */
// @ts-ignore: decorator
@inline function doubles(n: i32): usize {
  return (<usize>n) << 3;
}

/** to (K) f64 = from (K) f64, or nothing for 0, + x (K) f32. */
function addTo(to: usize, from: usize, x: usize, K: i32): void {
  for (let k = 0; k < K; k++) {
    store<f64>(to + doubles(k), (from ? load<f64>(from + doubles(k)) : 0) + load<f32>(x + bytes(k)));
  }
}

/**
 * to (n) f64 = log Σ_i e^(from[i] + table[k, i]) for k < n.
 * shares (n, P): the terms of these sums over the largest, 0 in the padding · totals: their sums (n), and room for P f64 ·
 * from (P) f64, −∞ in the padding · table (n, P)
 */
function reach(to: usize, shares: usize, totals: usize, from: usize, table: usize, n: i32, P: i32): void {
  const ld = bytes(P);
  let share = shares;
  for (let k = 0; k < n; k++, share += ld) {
    let most = f64x2.splat(-Infinity);
    for (let i: usize = 0; i < ld; i += 16, table += 16) {
      const x = v128.load(table);
      const a = f64x2.add(v128.load(from + 2 * i), promoteLow(x));
      const b = f64x2.add(v128.load(from + 2 * i, 16), promoteHigh(x));
      v128.store(totals + 2 * i, a);
      v128.store(totals + 2 * i, b, 16);
      most = f64x2.pmax(f64x2.pmax(most, a), b);
    }
    const high = max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1));
    store<f64>(to + doubles(k), high);
    const shift = f64x2.splat(high);
    for (let i: usize = 0; i < ld; i += 16) {
      const a = f32x4.demote_f64x2_zero(f64x2.sub(v128.load(totals + 2 * i), shift));
      const b = f32x4.demote_f64x2_zero(f64x2.sub(v128.load(totals + 2 * i, 16), shift));
      v128.store(share + i, v128.shuffle<f32>(a, b, 0, 1, 4, 5));
    }
  }
  expArray(shares, shares, n * P);
  for (let k = 0; k < n; k++, to += 8, totals += 4) {
    let parts = f32x4.splat(0);
    for (const end = shares + ld; shares < end; shares += 16) parts = f32x4.add(parts, v128.load(shares));
    const total = sum(parts);
    store<f32>(totals, total);
    store<f64>(to, load<f64>(to) + Mathf.log(total));
  }
}

/** Takes x from slope k, and returns score k. */
function take(slopes: usize, scores: usize, k: i32, x: f32): f64 {
  const slope = slopes + bytes(k);
  store<f32>(slope, load<f32>(slope) - x);
  return load<f32>(scores + bytes(k));
}

/**
 * Σ over the B sequences of their loss times their weight. Without targets (0) it is Σ log Z, and dy are the marginals.
 * dy, y rows (N, P) of sequence.ts, P = padded(K) · scores: transitions (K, K) from, to, start (K), end (K) · slopes: the gradient
 * by them, padded · target (N) i32 · weights (B), 0 for ones · room for (3·K + 2)·P floats and (T + 3)·P f64
 */
export function crf(
  dy: usize, slopes: usize, room: usize, y: usize, scores: usize, target: usize, weights: usize, batchSizes: usize,
  T: i32, B: i32, K: i32, scale: f32,
): f64 {
  const P = padded(K);
  const ld = bytes(P);
  const table = bytes(K * P);
  const width = doubles(P);
  const toStart = K * K;
  const toEnd = toStart + K;
  const leaving = room; // transitions, start and end, and then transitions transposed, in padded rows
  const last = leaving + table + ld;
  const entering = last + ld;
  const shares = entering + table;
  const totals = shares + table;
  const beta = totals + width;
  const way = beta + width;
  let alpha = way + width;
  takeColumns(leaving, scores, K, K + 2, K);
  zero(entering, K * P);
  for (let i = 0; i < toStart; i++) store<f32>(entering + bytes((i % K) * P + i / K), load<f32>(scores + bytes(i)));
  zero(slopes, padded(toEnd + K));
  for (let p = beta; p < alpha + <usize>T * width; p += 8) store<f64>(p, -Infinity);
  let total: f64 = 0;
  for (let b = 0; b < B; b++) {
    let row = b;
    let t = 0;
    for (; t < T && batchSize(batchSizes, t) > b; row += batchSize(batchSizes, t++), alpha += width) {
      if (t) reach(alpha, shares, totals, alpha - width, entering, K, P);
      else addTo(alpha, 0, scores + bytes(toStart), K);
      addTo(alpha, alpha, y + <usize>row * ld, K);
    }
    reach(beta, shares, totals, alpha - width, last, 1, P);
    const logZ = load<f64>(beta);
    let loss = logZ;
    const weight = weightOf(weights, b);
    const factor = weight * scale;
    addTo(beta, 0, last, K);
    for (let after: usize = 0, next = 0; t > 0; ) {
      row -= batchSize(batchSizes, --t);
      alpha -= width;
      const slope = dy + <usize>row * ld;
      const here = y + <usize>row * ld;
      if (after) {
        addTo(way, beta, after, K);
        reach(beta, shares, totals, way, leaving, K, P);
      }
      for (let k = 0; k < K; k++) {
        store<f32>(slope + bytes(k), <f32>(load<f64>(alpha + doubles(k)) + load<f64>(beta + doubles(k)) - logZ));
      }
      softmaxRow(slope, slope, K);
      scaleArray(slope, factor, P);
      if (after) addShares(slopes, shares, totals, slope, K);
      else add(slopes + bytes(toEnd), slope, K);
      if (!t) add(slopes + bytes(toStart), slope, K);
      if (target) {
        const tag = load<i32>(target + bytes(row));
        loss -= take(slope, here, tag, factor) + take(slopes, scores, after ? tag * K + next : toEnd + tag, factor);
        if (!t) loss -= take(slopes, scores, toStart + tag, factor);
        next = tag;
      }
      after = here;
    }
    total += <f64>weight * loss;
  }
  return total;
}

/** Row i of y (K, K) += a[i]·shares[i]/totals[i]; shares (K, P), whose padding adds zeros to what follows a row · a, totals (K) */
function addShares(y: usize, shares: usize, totals: usize, a: usize, K: i32): void {
  for (let i = 0; i < K; i++, y += bytes(K)) {
    const factor = f32x4.splat(load<f32>(a + bytes(i)) / load<f32>(totals + bytes(i)));
    for (let q = y; q < y + bytes(K); q += 16, shares += 16) {
      v128.store(q, muladd(v128.load(q), v128.load(shares), factor));
    }
  }
}

/**
 * The path of the highest score of each sequence (Viterbi 1967), of equal ones that with the lowest tag at the end, and so on
 * back. Returns the weight of the steps at which it has the target's tag, 0 without targets.
 * path (B, T) i32 and highest (B), sequences in the order of the rows · y rows (N, padded(K)) · scores, target, weights as above ·
 * room for 2·K f64 and T·K i32
 */
export function crfViterbi(
  path: usize, highest: usize, room: usize, y: usize, scores: usize, target: usize, weights: usize, batchSizes: usize,
  T: i32, B: i32, K: i32,
): f64 {
  const start = scores + bytes(K * K);
  const back = room + doubles(2 * K);
  let now = room;
  let before = room + doubles(K);
  let hits: f64 = 0;
  for (let b = 0; b < B; b++) {
    let row = b;
    let t = 0;
    for (; t < T && batchSize(batchSizes, t) > b; row += batchSize(batchSizes, t++)) {
      const swap = before;
      before = now;
      now = swap;
      if (!t) addTo(now, 0, start, K);
      else for (let k = 0; k < K; k++) {
        const from = best(now + doubles(k), before, scores + bytes(k), K, K);
        store<i32>(back + bytes(t * K + k), from);
      }
      addTo(now, now, y + <usize>row * bytes(padded(K)), K);
    }
    let tag = best(before, now, start + bytes(K), 1, K);
    store<f32>(highest + bytes(b), <f32>load<f64>(before));
    while (t > 0) {
      row -= batchSize(batchSizes, --t);
      store<i32>(path + bytes(b * T + t), tag);
      if (target && load<i32>(target + bytes(row)) == tag) hits += weightOf(weights, b);
      tag = load<i32>(back + bytes(t * K + tag));
    }
  }
  return hits;
}

/** to f64 = max over i < K of from[i] f64 + x[i·stride] f32; returns the first i of it. */
function best(to: usize, from: usize, x: usize, stride: i32, K: i32): i32 {
  let at = 0;
  let high = -Infinity;
  for (let i = 0; i < K; i++, x += bytes(stride)) {
    const score = load<f64>(from + doubles(i)) + load<f32>(x);
    if (score > high) {
      high = score;
      at = i;
    }
  }
  store<f64>(to, high);
  return at;
}
