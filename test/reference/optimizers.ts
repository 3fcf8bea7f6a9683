/** The optimizers that reference.ts has not, element by element in f64, to PyTorch's definitions. One optimizer a parameter. */

import type { Optimizer, OptimizerOptions } from "../reference.ts";

export interface MoreOptions extends OptimizerOptions {
  /** adadelta */
  rho?: number;
  /** nadam */
  momentumDecay?: number;
  /** nadam, radam */
  decoupledWeightDecay?: boolean;
  /** nadam as PyTorch had it before 2.0, where Πμₜ₊₁ was Πμₜμₜ₊₁ (its pull request 92699). */
  asTorch1?: boolean;
}

/** What an element remembers. */
interface Memory {
  a: number;
  b: number;
}

/** How far an element goes: of its gradient, its memory, the step counted from 1, and the rate. */
type Change = (g: number, memory: Memory, t: number, rate: number) => number;

/** Weight decay, then p −= change, for each element. */
function elementwise({ weightDecay = 0, decoupledWeightDecay = false }: MoreOptions, change: Change): Optimizer {
  let t = 0;
  let memories: Memory[] = [];
  return (p, g, rate) => {
    t++;
    if (t === 1) memories = Array.from(p, () => ({ a: 0, b: 0 }));
    p.forEach((value, k) => {
      const d = decoupledWeightDecay ? g[k]! : g[k]! + weightDecay * value;
      const shrunk = decoupledWeightDecay ? value * (1 - rate * weightDecay) : value;
      p[k] = shrunk - change(d, memories[k]!, t, rate);
    });
  };
}

// s = ρs + (1−ρ)g²     d = √(c + ε) / √(s + ε) · g     c = ρc + (1−ρ)d²     p −= ηd
function adadelta({ rho = 0.9, eps = 1e-6, ...rest }: MoreOptions): Optimizer {
  return elementwise(rest, (g, memory, _, rate) => {
    memory.a = rho * memory.a + (1 - rho) * g * g;
    const d = (Math.sqrt(memory.b + eps) / Math.sqrt(memory.a + eps)) * g;
    memory.b = rho * memory.b + (1 - rho) * d * d;
    return rate * d;
  });
}

// m = β₁m + (1−β₁)g     u = max(β₂u, |g| + ε)     p −= η / (1−β₁ᵗ) · m / u
function adamax({ betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8, ...rest }: MoreOptions): Optimizer {
  return elementwise(rest, (g, memory, t, rate) => {
    memory.a = beta1 * memory.a + (1 - beta1) * g;
    memory.b = Math.max(beta2 * memory.b, Math.abs(g) + eps);
    return ((rate / (1 - beta1 ** t)) * memory.a) / memory.b;
  });
}

// m and v as Adam     μₜ = β₁(1 − 0.96^(tψ)/2)     Π = μ₁…μₜ
// p −= η(1−μₜ)/(1−Π) · g / (√(v/(1−β₂ᵗ)) + ε) + ημₜ₊₁/(1−Πμₜ₊₁) · m / (the same)
function nadam(options: MoreOptions): Optimizer {
  const {
    betas: [beta1, beta2] = [0.9, 0.999],
    eps = 1e-8,
    momentumDecay = 0.004,
    asTorch1 = false,
    ...rest
  } = options;
  const mu = (t: number) => beta1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
  return elementwise(rest, (g, memory, t, rate) => {
    memory.a = beta1 * memory.a + (1 - beta1) * g;
    memory.b = beta2 * memory.b + (1 - beta2) * g * g;
    const product = Array.from({ length: t }, (_, k) => mu(k + 1)).reduce((a, b) => a * b, 1);
    const next = product * mu(t + 1) * (asTorch1 ? mu(t) : 1);
    const size = Math.sqrt(memory.b / (1 - beta2 ** t)) + eps;
    return (rate * (((1 - mu(t)) * g) / (1 - product) + (mu(t + 1) * memory.a) / (1 - next))) / size;
  });
}

// m and v as Adam     ρ∞ = 2/(1−β₂) − 1     ρ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ)
// ρ > 5: p −= ηm/(1−β₁ᵗ) · √((ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ)) · √(1−β₂ᵗ) / (√v + ε), else p −= ηm/(1−β₁ᵗ)
function radam({ betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8, ...rest }: MoreOptions): Optimizer {
  const limit = 2 / (1 - beta2) - 1;
  return elementwise(rest, (g, memory, t, rate) => {
    memory.a = beta1 * memory.a + (1 - beta1) * g;
    memory.b = beta2 * memory.b + (1 - beta2) * g * g;
    const mean = memory.a / (1 - beta1 ** t);
    const rho = limit - (2 * t * beta2 ** t) / (1 - beta2 ** t);
    if (rho <= 5) return rate * mean;
    const rectified = Math.sqrt(((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho));
    return (rate * mean * rectified * Math.sqrt(1 - beta2 ** t)) / (Math.sqrt(memory.b) + eps);
  });
}

export const moreOptimizers = { adadelta, adamax, nadam, radam } satisfies Record<
  string,
  (options: MoreOptions) => Optimizer
>;
