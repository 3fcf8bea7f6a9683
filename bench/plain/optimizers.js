/** @import { Floats } from "./floats.js" */

/** p −= learningRate · g @type {(p: Floats, g: Floats, learningRate: number) => void} */
export function sgd(p, g, learningRate) {
  for (let k = 0; k < p.length; k++) {
    p[k] = /** @type {number} */ (p[k]) - learningRate * /** @type {number} */ (g[k]);
  }
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * m = β₁m + (1−β₁)g   v = β₂v + (1−β₂)g²   p −= learningRate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε), with the gradient times
 * `scale`; t counts from 1.
 * @type {(p: Floats, g: Floats, m: Floats, v: Floats, scale: number, learningRate: number, t: number) => void}
 */
export function adam(p, g, m, v, scale, learningRate, t) {
  const rate = learningRate / (1 - BETA1 ** t);
  const correction = 1 / Math.sqrt(1 - BETA2 ** t);
  for (let k = 0; k < p.length; k++) {
    const gK = /** @type {number} */ (g[k]) * scale;
    const mK = (m[k] = BETA1 * /** @type {number} */ (m[k]) + (1 - BETA1) * gK);
    const vK = (v[k] = BETA2 * /** @type {number} */ (v[k]) + (1 - BETA2) * gK * gK);
    p[k] = /** @type {number} */ (p[k]) - (rate * mK) / (Math.sqrt(vK) * correction + EPSILON);
  }
}
