// Layer normalisation (Ba, Kiros & Hinton 2016) inside a recurrent cell, over one row of G gates of H units, all gates together:
//
// (1) x̂ = (x − μ)·s     μ the mean, s = 1/√(variance + ε), the variance divided by G·H, ε = 1e-5 as PyTorch's LayerNorm
// (2) y = γ∘x̂ + β
// backward (2) dx̂ = dy∘γ   dγ += dy∘x̂   dβ += dy
//          (1) dx = s·(dx̂ − mean(dx̂) − x̂·mean(dx̂∘x̂))
//
// Forward keeps x̂, with zeros in the padding, and s.
import { bytes, muladd, padded, sum } from "./simd";

const EPSILON: f32 = 1e-5;
const MASKS = memory.data<i32>([-1, -1, -1, -1, 0, 0, 0], 16);

/** (1) x̂ (G·padded(H)) in the place of x, whose padding is zero; returns s. */
export function normalizeGates(x: usize, G: i32, H: i32): f32 {
  const gate = bytes(padded(H));
  const end = x + gate * <usize>G;
  const count = <f32>(G * H);
  let total = f32x4.splat(0);
  for (let p = x; p < end; p += 16) total = f32x4.add(total, v128.load(p));
  const mean = f32x4.splat(sum(total) / count);
  const last = v128.load(MASKS + bytes(padded(H) - H));
  let squares = f32x4.splat(0);
  for (let g = x; g < end; g += gate) {
    for (let p = g; p < g + gate; p += 16) {
      let d = f32x4.sub(v128.load(p), mean);
      if (p + 16 == g + gate) d = v128.and(d, last);
      v128.store(p, d);
      squares = muladd(squares, d, d);
    }
  }
  const scale: f32 = <f32>1 / Mathf.sqrt(sum(squares) / count + EPSILON);
  for (let p = x; p < end; p += 16) v128.store(p, f32x4.mul(v128.load(p), f32x4.splat(scale)));
  return scale;
}

/** (2) y = base + γ∘x̂ + β over n elements; y may be base, and a base of 0 is zero. */
export function scaleAndShift(y: usize, base: usize, x: usize, gain: usize, shift: usize, n: i32): void {
  for (let j: usize = 0; j < bytes(n); j += 16) {
    const from = base ? f32x4.add(v128.load(base + j), v128.load(shift + j)) : v128.load(shift + j);
    v128.store(y + j, muladd(from, v128.load(gain + j), v128.load(x + j)));
  }
}

/** Backward of one row: dx in the place of x̂; adds to dγ and dβ, which are padded as γ is. */
export function normalizeGatesBackward(
  x: usize, dGain: usize, dShift: usize, dy: usize, gain: usize, scale: f32, G: i32, H: i32,
): void {
  const n = bytes(G * padded(H));
  let total = f32x4.splat(0);
  let product = f32x4.splat(0);
  for (let j: usize = 0; j < n; j += 16) {
    const d = v128.load(dy + j);
    const normal = v128.load(x + j);
    const dx = f32x4.mul(d, v128.load(gain + j));
    v128.store(dGain + j, muladd(v128.load(dGain + j), d, normal));
    v128.store(dShift + j, f32x4.add(v128.load(dShift + j), d));
    total = f32x4.add(total, dx);
    product = muladd(product, dx, normal);
  }
  const count = <f32>(G * H);
  const mean = f32x4.splat(sum(total) / count);
  const slope = f32x4.splat(sum(product) / count);
  for (let j: usize = 0; j < n; j += 16) {
    const dx = f32x4.sub(f32x4.mul(v128.load(dy + j), v128.load(gain + j)), mean);
    v128.store(x + j, f32x4.mul(f32x4.splat(scale), f32x4.sub(dx, f32x4.mul(v128.load(x + j), slope))));
  }
}
