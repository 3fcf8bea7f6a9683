import { sigmoid, tanh } from "./activations.js";

/** @import { Cell, Step } from "./cell.js" */

// (1) a = x·wIhᵀ + bIh + hPrev·wHhᵀ + bHh   a = [i f g o] before activation, (B, 4H)
// (2) c = f∘cPrev + i∘g                      i f o = σ(a), g = tanh(a)
// (3) h = o∘tanh(c)
// backward (3) do = dh∘tanh(c)               dc = dc + dh∘o∘(1 − tanh²c)
//          (2) di = dc∘g  df = dc∘cPrev  dg = dc∘i            dcPrev = dc∘f
//          (1) da = [di∘i(1−i)  df∘f(1−f)  dg∘(1−g²)  do∘o(1−o)]     dHPrev += da·wHh

/** @param {Step} step @param {number} B @param {number} H */
function forward({ a, cPrev, c, tanhC, h }, B, H) {
  for (let b = 0, k = 0, j = 0; b < B; b++, j += 3 * H) {
    for (const end = k + H; k < end; k++, j++) {
      const i = (a[j] = sigmoid(/** @type {number} */ (a[j])));
      const f = (a[j + H] = sigmoid(/** @type {number} */ (a[j + H])));
      const g = (a[j + 2 * H] = tanh(/** @type {number} */ (a[j + 2 * H])));
      const o = (a[j + 3 * H] = sigmoid(/** @type {number} */ (a[j + 3 * H])));
      const cell = (c[k] = f * /** @type {number} */ (cPrev[k]) + i * g);
      h[k] = o * (tanhC[k] = tanh(cell));
    }
  }
}

/** @param {Step} step @param {number} B @param {number} H */
function backward({ a, cPrev, tanhC, dH, dC }, B, H) {
  for (let b = 0, k = 0, j = 0; b < B; b++, j += 3 * H) {
    for (const end = k + H; k < end; k++, j++) {
      const i = /** @type {number} */ (a[j]);
      const f = /** @type {number} */ (a[j + H]);
      const g = /** @type {number} */ (a[j + 2 * H]);
      const o = /** @type {number} */ (a[j + 3 * H]);
      const squashed = /** @type {number} */ (tanhC[k]);
      const dh = /** @type {number} */ (dH[k]);
      const dc = /** @type {number} */ (dC[k]) + dh * o * (1 - squashed * squashed);
      a[j] = dc * g * i * (1 - i);
      a[j + H] = dc * /** @type {number} */ (cPrev[k]) * f * (1 - f);
      a[j + 2 * H] = dc * i * (1 - g * g);
      a[j + 3 * H] = dh * squashed * o * (1 - o);
      dC[k] = dc * f;
    }
  }
}

/** @type {Cell} */
export const lstm = { gates: 4, keepsApart: false, hasC: true, forward, backward };
