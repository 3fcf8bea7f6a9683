// The spectral radius max |λ| of a matrix, by Gelfand's formula ‖A^m‖^(1/m) → max |λ|, m = 2^k by squaring:
//
//     A₀ = A    nₖ = ‖Aₖ‖    Aₖ₊₁ = Aₖ²/nₖ²    max |λ| = Π nₖ^(1/2ᵏ)
//
// Where the largest eigenvalues are a complex pair a power iteration turns for ever; a norm does not. In f64: the rounding of the
// first squares counts as much as the matrix is far from normal, (‖A‖/max |λ|)².
import { bytes } from "./simd";

/** The result is off by ln C/2²⁰ at most, where ‖A^m‖ ≤ C·max |λ|^m: 1e-5 for a C of 30,000. */
const SQUARINGS = 20;

/** Elements of a row: those of a power of two would all fall into the same lines of the cache. */
// @ts-ignore: decorator
@inline function strideOf(P: i32): i32 {
  return P + 8;
}

/** Floats of the scratch of spectralRadius. */
export function spectralScratch(P: i32): i32 {
  return 4 * P * strideOf(P);
}

/** Of a (P, P), P a multiple of 4 · scratch: spectralScratch(P) floats */
export function spectralRadius(scratch: usize, a: usize, P: i32): f64 {
  const ld = strideOf(P);
  const size = <usize>(P * ld) << 3;
  let now = scratch;
  let next = scratch + size;
  memory.fill(scratch, 0, 2 * size);
  for (let i = 0; i < P; i++) {
    for (let j = 0; j < P; j++) store<f64>(now + (<usize>(i * ld + j) << 3), load<f32>(a + bytes(i * P + j)));
  }
  let radius: f64 = 1;
  let k = 0;
  while (true) {
    let sum: f64 = 0;
    for (let at = now; at < now + size; at += 8) sum += load<f64>(at) * load<f64>(at);
    if (sum == 0) return 0;
    let root = Math.sqrt(sum);
    for (let i = 0; i < k; i++) root = Math.sqrt(root);
    radius *= root;
    if (k == SQUARINGS) return radius;
    square(next, now, P, ld, 1 / sum);
    const last = now;
    now = next;
    next = last;
    k++;
  }
}

/** y = factor·x·x, (P, P), both with rows of stride ld; tiles of 4 by 4. */
function square(y: usize, x: usize, P: i32, ld: i32, factor: f64): void {
  const stride = <usize>ld << 3;
  const scale = f64x2.splat(factor);
  for (let i = 0; i < P; i += 4) {
    for (let j = 0; j < P; j += 4) {
      let c00 = f64x2.splat(0);
      let c01 = f64x2.splat(0);
      let c10 = f64x2.splat(0);
      let c11 = f64x2.splat(0);
      let c20 = f64x2.splat(0);
      let c21 = f64x2.splat(0);
      let c30 = f64x2.splat(0);
      let c31 = f64x2.splat(0);
      let left = x + <usize>i * stride;
      let right = x + (<usize>j << 3);
      for (const end = left + (<usize>P << 3); left < end; left += 8, right += stride) {
        const b0 = v128.load(right);
        const b1 = v128.load(right, 16);
        const a0 = v128.load_splat<f64>(left);
        const a1 = v128.load_splat<f64>(left + stride);
        const a2 = v128.load_splat<f64>(left + stride * 2);
        const a3 = v128.load_splat<f64>(left + stride * 3);
        c00 = f64x2.add(c00, f64x2.mul(a0, b0));
        c01 = f64x2.add(c01, f64x2.mul(a0, b1));
        c10 = f64x2.add(c10, f64x2.mul(a1, b0));
        c11 = f64x2.add(c11, f64x2.mul(a1, b1));
        c20 = f64x2.add(c20, f64x2.mul(a2, b0));
        c21 = f64x2.add(c21, f64x2.mul(a2, b1));
        c30 = f64x2.add(c30, f64x2.mul(a3, b0));
        c31 = f64x2.add(c31, f64x2.mul(a3, b1));
      }
      const to = y + <usize>i * stride + (<usize>j << 3);
      v128.store(to, f64x2.mul(c00, scale));
      v128.store(to, f64x2.mul(c01, scale), 16);
      v128.store(to + stride, f64x2.mul(c10, scale));
      v128.store(to + stride, f64x2.mul(c11, scale), 16);
      v128.store(to + stride * 2, f64x2.mul(c20, scale));
      v128.store(to + stride * 2, f64x2.mul(c21, scale), 16);
      v128.store(to + stride * 3, f64x2.mul(c30, scale));
      v128.store(to + stride * 3, f64x2.mul(c31, scale), 16);
    }
  }
}
