/**
 * Attention of one query over a memory, in plain float64.
 *
 *   H M A L   sizes of the query, of a step of the memory, of the additive score's space, steps of the memory
 *   dot:      s = m·q                                 Luong et al. 2015, not scaled
 *   additive: s = tanh(q·wQᵀ + m·wMᵀ)·v               Bahdanau et al. 2015
 *   p = softmax(s)    c = pᵀ·m
 */

import { linear, linearBackward, softmax, softmaxBackward } from "../reference.ts";

type Vector = Float64Array;

/** weight_query (A, H), weight_memory (A, M), weight_score (A). */
export interface AdditiveParams {
  weight_query: Vector;
  weight_memory: Vector;
  weight_score: Vector;
}

interface Attended {
  /** c (M) */
  context: Vector;
  /** p (L) */
  weights: Vector;
  /** From dc; adds the gradients of the parameters to `dParams`. */
  backward: (dContext: Vector, dParams?: AdditiveParams) => { query: Vector; memory: Vector };
}

/** q (H), m (L, M); without parameters the score is the dot product. */
export function attend(query: Vector, memory: Vector, M: number, params?: AdditiveParams): Attended {
  const scored = params ? additiveScores(query, memory, M, params) : dotScores(query, memory, M);
  const L = memory.length / M;
  const weights = softmax(scored.scores, L);
  const context = linear(weights, L, transpose(memory, M));
  return {
    context,
    weights,
    backward(dContext, dParams) {
      const ofContext = linearBackward(weights, L, transpose(memory, M), dContext);
      const dScores = softmaxBackward(scored.scores, ofContext.input, L);
      const ofScores = scored.backward(dScores, dParams);
      addTo(ofScores.memory, transpose(ofContext.weight, L));
      return ofScores;
    },
  };
}

interface Scored {
  scores: Vector;
  backward: (dScores: Vector, dParams?: AdditiveParams) => { query: Vector; memory: Vector };
}

function dotScores(query: Vector, memory: Vector, M: number): Scored {
  const backward: Scored["backward"] = (dScores) => {
    const { input, weight } = linearBackward(query, M, memory, dScores);
    return { query: input, memory: weight };
  };
  return { scores: linear(query, M, memory), backward };
}

function additiveScores(query: Vector, memory: Vector, M: number, params: AdditiveParams): Scored {
  const { weight_query: wQ, weight_memory: wM, weight_score: v } = params;
  const A = v.length;
  const [uQ, uM] = [linear(query, query.length, wQ), linear(memory, M, wM)];
  const e = uM.map((u, k) => Math.tanh(u + uQ[k % A]!));
  const backward: Scored["backward"] = (dScores, dParams) => {
    const ofScores = linearBackward(e, A, v, dScores);
    const dU = ofScores.input.map((d, k) => d * (1 - e[k]! * e[k]!));
    const ofMemory = linearBackward(memory, M, wM, dU);
    const ofQuery = linearBackward(query, query.length, wQ, columnSums(dU, A));
    if (dParams) {
      addTo(dParams.weight_query, ofQuery.weight);
      addTo(dParams.weight_memory, ofMemory.weight);
      addTo(dParams.weight_score, ofScores.weight);
    }
    return { query: ofQuery.input, memory: ofMemory.input };
  };
  return { scores: linear(e, A, v), backward };
}

/** (rows, n) to (n, rows) */
function transpose(matrix: Vector, n: number): Vector {
  const rows = matrix.length / n;
  return matrix.map((_, k) => matrix[(k % rows) * n + Math.floor(k / rows)]!);
}

function columnSums(matrix: Vector, n: number): Vector {
  const sums = new Float64Array(n);
  matrix.forEach((value, k) => (sums[k % n]! += value));
  return sums;
}

function addTo(target: Vector, values: Vector): void {
  values.forEach((value, k) => (target[k]! += value));
}
