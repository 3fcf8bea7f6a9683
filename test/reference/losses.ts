/** The losses that reference.ts does not have, in plain f64. Each gives its terms, and the gradient by x from that by the terms. */

type Vector = Float64Array;

export interface LossTerms {
  terms: Vector;
  /** dx */
  backward: (dTerms: Vector) => Vector;
}

/** Terms of one element each, and their slopes. */
function pointwise(
  x: Vector,
  y: Vector,
  term: (x: number, y: number, k: number) => readonly [number, number],
): LossTerms {
  const both = Array.from(x, (v, k) => term(v, y[k]!, k));
  return {
    terms: Float64Array.from(both, ([value]) => value),
    backward: (dTerms) => Float64Array.from(both, ([, slope], k) => slope * dTerms[k]!),
  };
}

/** |x − y| */
export function absoluteError(x: Vector, y: Vector): LossTerms {
  return pointwise(x, y, (a, b) => [Math.abs(a - b), Math.sign(a - b)]);
}

/** d = x − y: d²/2 where |d| ≤ delta, else delta (|d| − delta/2) */
export function huber(x: Vector, y: Vector, delta: number): LossTerms {
  return pointwise(x, y, (a, b) => {
    const d = a - b;
    const far = Math.abs(d) > delta;
    return far ? [delta * (Math.abs(d) - delta / 2), delta * Math.sign(d)] : [(d * d) / 2, d];
  });
}

/** huber / beta; for beta = 0 the absolute error */
export function smoothL1(x: Vector, y: Vector, beta: number): LossTerms {
  if (beta === 0) return absoluteError(x, y);
  const { terms, backward } = huber(x, y, beta);
  return { terms: terms.map((v) => v / beta), backward: (dTerms) => backward(dTerms.map((d) => d / beta)) };
}

/** −p y log x − (1 − y) log(1 − x), no logarithm below −100; p by the last axis, its slope as PyTorch's where x(1 − x) is small */
export function binaryCrossEntropyOfProbabilities(
  x: Vector,
  y: Vector,
  posWeight: Vector = Float64Array.of(1),
): LossTerms {
  const log = (v: number) => Math.max(Math.log(v), -100);
  return pointwise(x, y, (v, t, k) => {
    const p = posWeight[k % posWeight.length]!;
    const slope = ((1 - t) * v - p * t * (1 - v)) / Math.max(v * (1 - v), 1e-12);
    return [-p * t * log(v) - (1 - t) * log(1 - v), slope];
  });
}

/** y (log y − x), 0 for y = 0; with logTarget y is the logarithm */
export function klDivergence(x: Vector, y: Vector, logTarget = false): LossTerms {
  return pointwise(x, y, (v, t) => {
    const [share, log] = logTarget ? [Math.exp(t), t] : [t, Math.log(t)];
    return [share === 0 ? 0 : share * (log - v), -share];
  });
}

/** x (N, J·Q), y (N, J): max(q d, (q − 1) d), d = y − x */
export function quantile(x: Vector, y: Vector, quantiles: readonly number[]): LossTerms {
  const Q = quantiles.length;
  const repeated = x.map((_, k) => y[Math.floor(k / Q)]!);
  return pointwise(x, repeated, (v, t, k) => {
    const [q, d] = [quantiles[k % Q]!, t - v];
    return [Math.max(q * d, (q - 1) * d), d > 0 ? -q : d < 0 ? 1 - q : 0];
  });
}

/** x (N, C) of log-probabilities, y (N): −w[y] x[y], 0 at the ignored index. One term a row. */
export function negativeLogLikelihood(x: Vector, y: Vector, C: number, weight?: Vector, ignoreIndex = -100): LossTerms {
  const w = Array.from(y, (t) => (t === ignoreIndex ? 0 : (weight?.[t] ?? 1)));
  return {
    terms: y.map((t, n) => (w[n] === 0 ? 0 : -w[n]! * x[n * C + t]!)),
    backward: (dTerms) =>
      x.map((_, k) => {
        const n = Math.floor(k / C);
        return k % C === y[n] ? -w[n]! * dTerms[n]! : 0;
      }),
  };
}
