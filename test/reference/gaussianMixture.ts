/**
 * The negative log-likelihood of a mixture of Gaussians in plain f64, by the formulas of Graves 2013 (19–22 and 37–44): with the
 * correlation ρ and 1 − ρ², not with the hyperbolic functions of the core.
 */

type Vector = Float64Array;

export interface MixtureShape {
  K: number;
  D: 1 | 2;
  /** States of the pen. */
  P: number;
}

export const outputsOf = ({ K, D, P }: MixtureShape): number => P + K * (D === 2 ? 6 : 3);

const softmax = (x: readonly number[]): number[] => {
  const high = Math.max(...x);
  const e = x.map((v) => Math.exp(v - high));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
};

/** Density of one component, and the derivatives of its logarithm by its own parameters [mean…, log σ…, atanh ρ]. */
function component(p: readonly number[], target: readonly number[]): { density: number; slopes: number[] } {
  if (target.length === 1) {
    const [mean, logSigma] = p as [number, number];
    const sigma = Math.exp(logSigma);
    const z = (target[0]! - mean) / sigma;
    return { density: Math.exp((-z * z) / 2) / (sigma * Math.sqrt(2 * Math.PI)), slopes: [z / sigma, z * z - 1] };
  }
  const [meanX, meanY, logX, logY, atanh] = p as [number, number, number, number, number];
  const [sx, sy, rho] = [Math.exp(logX), Math.exp(logY), Math.tanh(atanh)];
  const [zx, zy] = [(target[0]! - meanX) / sx, (target[1]! - meanY) / sy];
  const Z = zx * zx + zy * zy - 2 * rho * zx * zy;
  const C = 1 / (1 - rho * rho);
  const density = Math.exp((-Z * C) / 2) / (2 * Math.PI * sx * sy * Math.sqrt(1 - rho * rho));
  const slopes = [
    (C / sx) * (zx - rho * zy),
    (C / sy) * (zy - rho * zx),
    C * zx * (zx - rho * zy) - 1,
    C * zy * (zy - rho * zx) - 1,
    zx * zy + rho * (1 - C * Z),
  ];
  return { density, slopes };
}

/** x (N, F) of [pen (P) | pi (K) | mean (D·K) | log σ (D·K) | atanh ρ (K) if D = 2], y (N, D) or (N, D + 1) with the pen. */
export function gaussianMixture(x: Vector, y: Vector, shape: MixtureShape) {
  const { K, D, P } = shape;
  const [F, width] = [outputsOf(shape), P > 0 ? D + 1 : D];
  const rows = Array.from({ length: x.length / F }, (_, n) => {
    const row = [...x.subarray(n * F, (n + 1) * F)];
    const target = [...y.subarray(n * width, (n + 1) * width)];
    return rowTerm(row, target.slice(0, D), target[D], K, P);
  });
  return {
    terms: Float64Array.from(rows, ({ value }) => value),
    backward: (dTerms: Vector): Vector =>
      Float64Array.from(rows.flatMap(({ slopes }, n) => slopes.map((s) => s * dTerms[n]!))),
  };
}

function rowTerm(row: readonly number[], target: readonly number[], pen: number | undefined, K: number, P: number) {
  const states = softmax(row.slice(0, P));
  const shares = softmax(row.slice(P, P + K));
  const own = (k: number) => row.filter((_, i) => i >= P + K && (i - P) % K === k);
  const parts = shares.map((_, k) => component(own(k), target));
  const total = parts.reduce((sum, { density }, k) => sum + shares[k]! * density, 0);
  const hits = parts.map(({ density }, k) => (shares[k]! * density) / total);
  const slopes = row.map((_, i) => {
    if (i < P) return states[i]! - (i === pen ? 1 : 0);
    const [k, block] = [(i - P) % K, Math.floor((i - P) / K)];
    return block === 0 ? shares[k]! - hits[k]! : -hits[k]! * parts[k]!.slopes[block - 1]!;
  });
  return { value: -Math.log(total) - (pen === undefined ? 0 : Math.log(states[pen]!)), slopes };
}
