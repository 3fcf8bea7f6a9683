import { sigmoid, tanh } from "./activations.js";

/** @import { Cell, Step } from "./cell.js" */

// The reset gate acts after the product with the hidden state, as in PyTorch.
// (1) a = x·wIhᵀ + bIh,  u = hPrev·wHhᵀ + bHh    both in the order [r z n], (B, 3H)
// (2) r z = σ(a + u)     n = tanh(a + r∘u)       in the place of a; u stays
// (3) h = (1 − z)∘n + z∘hPrev
// backward (3) dn = dh∘(1 − z)   dz = dh∘(hPrev − n)   dHPrev += dh∘z
//          (2) da = [dr∘r(1−r)  dz∘z(1−z)  dn∘(1−n²)] with dr = dn∘(1−n²)∘uₙ     du = da, but duₙ = daₙ∘r
//          (1) dHPrev += du·wHh

/** @param {Step} step @param {number} B @param {number} H */
function forward({ a, u, hPrev, h }, B, H) {
  for (let b = 0, k = 0, j = 0; b < B; b++, j += 2 * H) {
    for (const end = k + H; k < end; k++, j++) {
      const r = (a[j] = sigmoid(/** @type {number} */ (a[j]) + /** @type {number} */ (u[j])));
      const z = (a[j + H] = sigmoid(/** @type {number} */ (a[j + H]) + /** @type {number} */ (u[j + H])));
      const fromHidden = r * /** @type {number} */ (u[j + 2 * H]);
      const n = (a[j + 2 * H] = tanh(/** @type {number} */ (a[j + 2 * H]) + fromHidden));
      const before = /** @type {number} */ (hPrev[k]);
      h[k] = n + z * (before - n);
    }
  }
}

/** @param {Step} step @param {number} B @param {number} H */
function backward({ a, u, hPrev, dH, dHPrev }, B, H) {
  for (let b = 0, k = 0, j = 0; b < B; b++, j += 2 * H) {
    for (const end = k + H; k < end; k++, j++) {
      const r = /** @type {number} */ (a[j]);
      const z = /** @type {number} */ (a[j + H]);
      const n = /** @type {number} */ (a[j + 2 * H]);
      const dh = /** @type {number} */ (dH[k]);
      const daN = dh * (1 - z) * (1 - n * n);
      const daR = daN * /** @type {number} */ (u[j + 2 * H]) * r * (1 - r);
      const before = /** @type {number} */ (hPrev[k]);
      const daZ = dh * (before - n) * z * (1 - z);
      a[j] = u[j] = daR;
      a[j + H] = u[j + H] = daZ;
      a[j + 2 * H] = daN;
      u[j + 2 * H] = daN * r;
      dHPrev[k] = /** @type {number} */ (dHPrev[k]) + dh * z;
    }
  }
}

/** @type {Cell} */
export const gru = { gates: 3, keepsApart: true, hasC: false, forward, backward };
