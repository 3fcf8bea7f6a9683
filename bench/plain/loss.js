import { exp } from "./activations.js";

/** @import { Floats } from "./floats.js" */

/**
 * L = mean over N rows of log Σ e^y − y[target]; its gradient dy = (softmax(y) − [target]) / N takes the place of y.
 * @type {(y: Floats, targets: Int32Array, C: number) => number} y (N, C), targets (N)
 */
export function softmaxCrossEntropy(y, targets, C) {
  const N = targets.length;
  let loss = 0;
  let start = 0;
  for (const target of targets) {
    const atTarget = /** @type {number} */ (y[start + target]);
    let highest = -Infinity;
    for (let k = start; k < start + C; k++) highest = Math.max(highest, /** @type {number} */ (y[k]));
    let sum = 0;
    for (let k = start; k < start + C; k++) sum += y[k] = exp(/** @type {number} */ (y[k]) - highest);
    const scale = 1 / (sum * N);
    for (let k = start; k < start + C; k++) y[k] = /** @type {number} */ (y[k]) * scale;
    y[start + target] = /** @type {number} */ (y[start + target]) - 1 / N;
    loss += Math.log(sum) + highest - atTarget;
    start += C;
  }
  return loss / N;
}
