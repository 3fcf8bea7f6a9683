// What acts on the hidden state of a recurrent layer while it learns:
//
// recurrent dropout (Gal & Ghahramani 2016; Keras' recurrent_dropout), one mask for all steps of a sequence:
//     the recurrent product reads hPrev∘mask; mask = 1/(1 − rate) with probability 1 − rate, else 0
// zoneout (Krueger et al. 2017), drawn for each step: h = z∘hPrev + (1 − z)∘h̃, z = 1 with probability rate, else 0;
//     z = rate where nothing is learnt: the expected value
// backward  dh̃ = (1 − z)∘dh    dhPrev = mask∘(what the product gives) + carry    carry = z∘dh
import { uniform4 } from "./random";
import { bytes, muladd } from "./simd";

/** y = `below` with probability `rate`, else `above`; n a multiple of 4, as in all of these. */
export function drawMask(y: usize, n: i32, rate: f32, below: f32, above: f32): void {
  const limit = f32x4.splat(rate);
  for (const end = y + bytes(n); y < end; y += 16) {
    v128.store(y, v128.bitselect(f32x4.splat(below), f32x4.splat(above), f32x4.lt(uniform4(), limit)));
  }
}

/** y = x∘mask */
export function maskState(y: usize, x: usize, mask: usize, n: i32): void {
  for (const end = y + bytes(n); y < end; y += 16, x += 16, mask += 16) {
    v128.store(y, f32x4.mul(v128.load(x), v128.load(mask)));
  }
}

/** h = z∘hPrev + (1 − z)∘h */
export function zoneout(h: usize, hPrev: usize, z: usize, n: i32): void {
  const one = f32x4.splat(1);
  for (const end = h + bytes(n); h < end; h += 16, hPrev += 16, z += 16) {
    const kept = v128.load(z);
    const fresh = f32x4.mul(f32x4.sub(one, kept), v128.load(h));
    v128.store(h, muladd(fresh, kept, v128.load(hPrev)));
  }
}

/** carry = z∘dh, dh = (1 − z)∘dh */
export function zoneoutBackward(dh: usize, carry: usize, z: usize, n: i32): void {
  for (const end = dh + bytes(n); dh < end; dh += 16, carry += 16, z += 16) {
    const d = v128.load(dh);
    const kept = f32x4.mul(v128.load(z), d);
    v128.store(carry, kept);
    v128.store(dh, f32x4.sub(d, kept));
  }
}

/** dh = dh∘mask + carry; a pointer of 0 leaves its part out. */
export function regularizedStep(dh: usize, mask: usize, carry: usize, n: i32): void {
  for (let j: usize = 0; j < bytes(n); j += 16) {
    let d = v128.load(dh + j);
    if (mask) d = f32x4.mul(d, v128.load(mask + j));
    if (carry) d = f32x4.add(d, v128.load(carry + j));
    v128.store(dh + j, d);
  }
}
