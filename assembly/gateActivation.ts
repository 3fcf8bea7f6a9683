// The activation of a gate in its general form, which the eleven of ONNX's recurrent operators have in common:
//
// (1) z = scale·clip(x) + shift                clip: ±limit, 0 for none
// (2) y = factor·φ(z) + offset                 φ by its number in activation.ts; THRESHOLDED: z where z > alpha, else 0
// backward dx = dy∘slope, slope = factor·scale·φ'(z), 0 where x was clipped
//
// A form is eight words: φ (i32), alpha, scale, shift, factor, offset, limit, and one that is free. Forward keeps the slopes: they
// do not follow from y for every φ. This is the slow way, for what sigmoidArray and tanhArray are not.
import { SIGMOID, slope, TANH, value } from "./activation";
import { sigmoid, tanh } from "./math";
import { bytes, muladd } from "./simd";

const THRESHOLDED = 20; // behind those of activation.ts

/** y becomes φ(y) and slopes, unless 0, φ'(y); n a multiple of 4. */
export function activateGates(y: usize, slopes: usize, n: i32, form: usize): void {
  const kind = load<i32>(form);
  const alpha = load<f32>(form, 4);
  const scale = v128.load32_splat(form, 8);
  const shift = v128.load32_splat(form, 12);
  const factor = v128.load32_splat(form, 16);
  const offset = v128.load32_splat(form, 20);
  const limit = v128.load32_splat(form, 24);
  const clips = load<f32>(form, 24) > 0;
  for (const end = y + bytes(n); y < end; y += 16) {
    const x = v128.load(y);
    const clipped = clips ? f32x4.pmin(f32x4.pmax(x, f32x4.neg(limit)), limit) : x;
    const z = muladd(shift, scale, clipped);
    const out = gateValue(z, kind, alpha);
    v128.store(y, muladd(offset, factor, out));
    if (slopes == 0) continue;
    let s = f32x4.mul(f32x4.mul(factor, scale), gateSlope(z, out, kind, alpha));
    if (clips) s = v128.and(s, f32x4.lt(f32x4.abs(x), limit));
    v128.store(slopes, s);
    slopes += 16;
  }
}

// prettier-ignore
function gateValue(z: v128, kind: i32, alpha: f32): v128 {
  if (kind == SIGMOID) return sigmoid(z);
  if (kind == TANH) return tanh(z);
  if (kind == THRESHOLDED) return v128.and(z, f32x4.gt(z, f32x4.splat(alpha)));
  return value(z, kind, alpha);
}

function gateSlope(z: v128, y: v128, kind: i32, alpha: f32): v128 {
  if (kind == THRESHOLDED) return v128.and(f32x4.splat(1), f32x4.gt(z, f32x4.splat(alpha)));
  return slope(z, y, kind, alpha);
}
