// Inverted dropout (Srivastava et al. 2014): y = x∘mask, mask = 1/(1 − rate) with probability 1 − rate, else 0;
// backward dx = dy∘mask (vector.ts, multiply).
import { uniform4 } from "./random";
import { batchSize } from "./sequence";
import { bytes, padded } from "./simd";
import { scale } from "./vector";

/** y, mask, x: n elements, a multiple of 4. */
export function dropoutForward(y: usize, mask: usize, x: usize, n: i32, rate: f32): void {
  assert(rate >= 0 && rate < 1, "rate must be in [0, 1)");
  const limit = f32x4.splat(rate);
  const kept = f32x4.splat(1 / (1 - rate));
  for (const end = y + bytes(n); y < end; y += 16, mask += 16, x += 16) {
    const m = v128.and(kept, f32x4.ge(uniform4(), limit));
    v128.store(mask, m);
    v128.store(y, f32x4.mul(v128.load(x), m));
  }
}

/** A mask alone: n elements, a multiple of 4. */
export function dropoutMask(mask: usize, n: i32, rate: f32): void {
  const limit = f32x4.splat(rate);
  const kept = f32x4.splat(1 / (1 - rate));
  for (const end = mask + bytes(n); mask < end; mask += 16) v128.store(mask, v128.and(kept, f32x4.ge(uniform4(), limit)));
}

/**
 * One mask for all steps of a sequence (Gal & Ghahramani 2016): y = x∘mask, and backward, where y and x are dy.
 * y, x rows (N, padded(F)), may be one · mask (B, padded(F)) · batchSizes (T)
 */
export function multiplySteps(y: usize, x: usize, mask: usize, batchSizes: usize, T: i32, F: i32): void {
  for (let t = 0; t < T; t++) {
    let m = mask;
    for (const end = y + bytes(batchSize(batchSizes, t) * padded(F)); y < end; y += 16, x += 16, m += 16) {
      v128.store(y, f32x4.mul(v128.load(x), v128.load(m)));
    }
  }
}

/** Whole words (ibid.): each row of x (N, padded(F)) times the mask of its token. mask (V) · tokens (N) i32 */
export function scaleByToken(x: usize, mask: usize, tokens: usize, N: i32, F: i32): void {
  for (let row = 0; row < N; row++, x += bytes(padded(F))) {
    scale(x, load<f32>(mask + bytes(load<i32>(tokens + bytes(row)))), padded(F));
  }
}
