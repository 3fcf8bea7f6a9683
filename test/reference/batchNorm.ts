/** Batch normalisation (Ioffe & Szegedy 2015) in plain f64, with PyTorch's definitions; x (N, F), all rows count. */

type Vector = Float64Array;

export interface Statistics {
  readonly mean: Vector;
  /** Divided by N. */
  readonly variance: Vector;
}

export function measure(x: Vector, F: number): Statistics {
  const N = x.length / F;
  const [mean, variance] = [new Float64Array(F), new Float64Array(F)];
  x.forEach((v, k) => (mean[k % F]! += v / N));
  x.forEach((v, k) => (variance[k % F]! += (v - mean[k % F]!) ** 2 / N));
  return { mean, variance };
}

/** The running statistics after a batch of N rows. */
export function update(running: Statistics, batch: Statistics, N: number, momentum: number): Statistics {
  return {
    mean: running.mean.map((v, f) => (1 - momentum) * v + momentum * batch.mean[f]!),
    variance: running.variance.map((v, f) => (1 - momentum) * v + (momentum * batch.variance[f]! * N) / (N - 1)),
  };
}

const normalized = (x: Vector, F: number, epsilon: number, { mean, variance }: Statistics): Vector =>
  x.map((v, k) => (v - mean[k % F]!) / Math.sqrt(variance[k % F]! + epsilon));

export function batchNorm(x: Vector, F: number, epsilon: number, of: Statistics, weight?: Vector, bias?: Vector) {
  return normalized(x, F, epsilon, of).map((n, k) => n * (weight?.[k % F] ?? 1) + (bias?.[k % F] ?? 0));
}

/** With the statistics of x itself. */
export function batchNormBackward(x: Vector, F: number, epsilon: number, dY: Vector, weight?: Vector) {
  const N = x.length / F;
  const statistics = measure(x, F);
  const n = normalized(x, F, epsilon, statistics);
  const grads = { weight: new Float64Array(F), bias: new Float64Array(F) };
  dY.forEach((d, k) => {
    grads.weight[k % F]! += d * n[k]!;
    grads.bias[k % F]! += d;
  });
  const input = dY.map((d, k) => {
    const f = k % F;
    const scale = (weight?.[f] ?? 1) / Math.sqrt(statistics.variance[f]! + epsilon);
    return scale * (d - grads.bias[f]! / N - (n[k]! * grads.weight[f]!) / N);
  });
  return { input, ...grads };
}
