// Layer normalisation (Ba, Kiros & Hinton 2016), PyTorch's LayerNorm: over the F features of each row
//
// (1) n = (x − mean x) / √(var x + ε)     var: mean of (x − mean)², both from sums in f64
// (2) y = w∘n + b                         w = 0 (none): y = n
// backward (2) dn = dy∘w   dw += Σ dy∘n   db += Σ dy     over the rows
//          (1) dx = (dn − mean dn − n∘mean(dn∘n)) / √(var + ε)
//
// Forward keeps n and r = 1/√(var + ε) of every row; backward overwrites n.
import { maskOf } from "./activation";
import { bytes, muladd, padded, promoteHigh, promoteLow, sum, sum64 } from "./simd";
import { columnSum } from "./vector";

/** y, n rows (N, padded(F)), one and the same without w · r (N) · x rows (N, padded(F)) · w, b (F), 0 for none */
export function layerNormForward(y: usize, n: usize, r: usize, x: usize, w: usize, b: usize, N: i32, F: i32, epsilon: f64): void {
  const row = bytes(padded(F));
  for (const end = r + bytes(N); r < end; r += 4, x += row, n += row, y += row) {
    let total = f64x2.splat(0);
    let squares = f64x2.splat(0);
    for (let i = 0; i < F; i += 4) {
      const v = v128.and(v128.load(x + bytes(i)), maskOf(F - i));
      const low = promoteLow(v);
      const high = promoteHigh(v);
      total = f64x2.add(total, f64x2.add(low, high));
      squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
    }
    const mean = sum64(total) / F;
    const variance = max(sum64(squares) / F - mean * mean, 0);
    const scale = <f32>(1 / Math.sqrt(variance + epsilon));
    store<f32>(r, scale);
    for (let i = 0; i < F; i += 4) {
      const at = bytes(i);
      const mask = maskOf(F - i);
      const v = f32x4.mul(f32x4.sub(v128.load(x + at), f32x4.splat(<f32>mean)), f32x4.splat(scale));
      v128.store(n + at, v128.and(v, mask));
      if (w) v128.store(y + at, v128.and(muladd(v128.load(b + at), v128.load(w + at), v), mask));
    }
  }
}

/** dw, db (F), 0 for none · dy rows (N, padded(F)), becomes dx · n, r: as forward left them · w (F), 0 for none */
export function layerNormBackward(dw: usize, db: usize, dy: usize, n: usize, r: usize, w: usize, N: i32, F: i32): void {
  const P = padded(F);
  if (db) columnSum(db, dy, P, N, F);
  for (let row = 0; row < N; row++) {
    layerNormRowBackward(dy + bytes(row * P), n + bytes(row * P), load<f32>(r + bytes(row)), w, F);
  }
  if (dw) columnSum(dw, n, P, N, F);
}

/** (1) for one row; n becomes dy∘n. */
function layerNormRowBackward(dy: usize, n: usize, r: f32, w: usize, F: i32): void {
  let total = f32x4.splat(0);
  let products = f32x4.splat(0);
  for (let i = 0; i < F; i += 4) {
    const at = bytes(i);
    const d = weighted(dy + at, w, at, maskOf(F - i));
    total = f32x4.add(total, d);
    products = muladd(products, d, v128.load(n + at));
  }
  const mean = f32x4.splat(sum(total) / <f32>F);
  const slope = f32x4.splat(sum(products) / <f32>F);
  for (let i = 0; i < F; i += 4) {
    const at = bytes(i);
    const mask = maskOf(F - i);
    const v = v128.load(n + at);
    const d = weighted(dy + at, w, at, mask);
    v128.store(n + at, f32x4.mul(v, v128.and(v128.load(dy + at), mask)));
    const dx = f32x4.mul(f32x4.sub(f32x4.sub(d, mean), f32x4.mul(v, slope)), f32x4.splat(r));
    v128.store(dy + at, v128.and(dx, mask));
  }
}

/** dn of four features. */
// @ts-ignore: decorator
@inline function weighted(dy: usize, w: usize, at: usize, mask: v128): v128 {
  const d = v128.load(dy);
  return v128.and(w ? f32x4.mul(d, v128.load(w + at)) : d, mask);
}
