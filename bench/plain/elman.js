import { tanh } from "./activations.js";

/** @import { Cell, Step } from "./cell.js" */

// (1) a = x·wIhᵀ + bIh + hPrev·wHhᵀ + bHh   (B, H)
// (2) h = tanh(a)
// backward (2) da = dh∘(1 − h²)
//          (1) dHPrev += da·wHh

/** @param {Step} step @param {number} B @param {number} H */
function forward({ a, h }, B, H) {
  for (let k = 0; k < B * H; k++) h[k] = tanh(/** @type {number} */ (a[k]));
}

/** @param {Step} step @param {number} B @param {number} H */
function backward({ a, h, dH }, B, H) {
  for (let k = 0; k < B * H; k++) {
    const y = /** @type {number} */ (h[k]);
    a[k] = /** @type {number} */ (dH[k]) * (1 - y * y);
  }
}

/** @type {Cell} */
export const elman = { gates: 1, keepsApart: false, hasC: false, forward, backward };
