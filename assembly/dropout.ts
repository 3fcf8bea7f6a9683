// Inverted dropout (Srivastava et al. 2014): y = x∘mask, mask = 1/(1 − rate) with probability 1 − rate, else 0;
// backward dx = dy∘mask (vector.ts, multiply).
import { uniform4 } from "./random";
import { bytes } from "./simd";

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
