// Jordan network (Jordan 1986): the output of a step, not its hidden units, is what the next one gets.
//
// (1) a = x·wIhᵀ + c·wYhᵀ + bH       (B, H)     c: the context, zeros at the start
// (2) h = φ(a)
// (3) z = h·wHyᵀ + bY                 (B, O)
// (4) y = ψ(z)
// (5) cNext = decay·c + y
// backward (5) dy += dcNext          dc = decay·dcNext
//          (4) dz = dy∘ψ'(z)
//          (3) dh = dz·wHy           dwHy += dzᵀ·h   dbY += Σ dz
//          (2) da = dh∘φ'(a)
//          (1) dc += da·wYh   dx += da·wIh   dwIh += daᵀ·x   dwYh += daᵀ·c   dbH += Σ da
//
// Forward keeps a, h, z, y and c of every row; backward overwrites dy with dz and makes da.
import { activationBackward, activationForward } from "./activation";
import { columnSumGates } from "./gates";
import { matmul, weightGradient } from "./matmul";
import { batchSize, rowsOf } from "./sequence";
import { bytes, muladd, padded } from "./simd";

/**
 * y, z rows (N, padded(O)), h, a rows (N, padded(H)): each pair may be one where the slope follows from the value after ·
 * context (B, padded(O)): in the initial, out the final one · c (N, padded(O)), 0 if it is not to be kept · x rows (N,
 * padded(I)) · wIh, wYh, wHy: packTransposed · bH, bY: packBias · batchSizes (T) · the activations φ and ψ by kind and alpha
 */
export function jordanForward(
  y: usize, z: usize, h: usize, a: usize, context: usize, c: usize,
  x: usize, wIh: usize, wYh: usize, wHy: usize, bH: usize, bY: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, O: i32, phi: i32, phiAlpha: f32, psi: i32, psiAlpha: f32, decay: f32,
): void {
  const P = padded(H);
  const Q = padded(O);
  matmul(a, P, bH, 0, x, padded(I), wIh, rowsOf(batchSizes, T), P, I);
  for (let t = 0, row = 0; t < T; t++) {
    const B = batchSize(batchSizes, t);
    const hidden = bytes(row * P);
    const outer = bytes(row * Q);
    if (c) memory.copy(c + outer, context, bytes(B * Q));
    matmul(a + hidden, P, a + hidden, P, context, Q, wYh, B, P, O);
    activationForward(h + hidden, a + hidden, B, H, phi, phiAlpha);
    matmul(z + outer, Q, bY, 0, h + hidden, P, wHy, B, Q, H);
    activationForward(y + outer, z + outer, B, O, psi, psiAlpha);
    decayAdd(context, y + outer, decay, B * Q);
    row += B;
  }
}

/** c = y + decay·c, n elements */
function decayAdd(c: usize, y: usize, decay: f32, n: i32): void {
  const factor = f32x4.splat(decay);
  for (const end = c + bytes(n); c < end; c += 16, y += 16) v128.store(c, muladd(v128.load(y), factor, v128.load(c)));
}

/** dy += dc and dc = decay·dc, n elements */
function decayAddBackward(dy: usize, dc: usize, decay: f32, n: i32): void {
  const factor = f32x4.splat(decay);
  for (const end = dc + bytes(n); dc < end; dc += 16, dy += 16) {
    const d = v128.load(dc);
    v128.store(dy, f32x4.add(v128.load(dy), d));
    v128.store(dc, f32x4.mul(factor, d));
  }
}

/**
 * dx rows (N, padded(I)), 0 if not wanted · dwIh (H, I) dwYh (H, O) dwHy (O, H) dbH (H) dbY (O): the biases 0 if there are none ·
 * dcontext (B, padded(O)): in the gradient by the final, out by the initial context · flow (N, padded(O)):
 * dy in full, 0 if not wanted · da (N, padded(H)) · dy rows (N, padded(O)), becomes dz · y, z, h, a, c: as forward left them · wIhRows, wYhRows, wHyRows: packRows · scratch: the larger of
 * weightGradientScratch(1, H, I, O) and weightGradientScratch(1, O, H, 0)
 */
export function jordanBackward(
  dx: usize, dwIh: usize, dwYh: usize, dwHy: usize, dbH: usize, dbY: usize, dcontext: usize, flow: usize,
  da: usize, dy: usize,
  y: usize, z: usize, h: usize, a: usize, c: usize,
  x: usize, wIhRows: usize, wYhRows: usize, wHyRows: usize, scratch: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, O: i32, phi: i32, phiAlpha: f32, psi: i32, psiAlpha: f32, decay: f32,
): void {
  const P = padded(H);
  const Q = padded(O);
  const N = rowsOf(batchSizes, T);
  for (let t = T - 1, row = N; t >= 0; t--) {
    const B = batchSize(batchSizes, t);
    row -= B;
    const hidden = bytes(row * P);
    const outer = bytes(row * Q);
    decayAddBackward(dy + outer, dcontext, decay, B * Q);
    if (flow) memory.copy(flow + outer, dy + outer, bytes(B * Q));
    activationBackward(dy + outer, y + outer, z + outer, B, O, psi, psiAlpha);
    matmul(da + hidden, P, 0, 0, dy + outer, Q, wHyRows, B, P, Q);
    activationBackward(da + hidden, h + hidden, a + hidden, B, H, phi, phiAlpha);
    matmul(dcontext, Q, dcontext, Q, da + hidden, P, wYhRows, B, Q, P);
  }
  weightGradient(dwIh, x, padded(I), I, dwYh, c, Q, O, da, P, scratch, 1, H, N);
  weightGradient(dwHy, h, P, H, 0, 0, 0, 0, dy, Q, scratch, 1, O, N);
  columnSumGates(dbH, 0, da, P, 1, H, N);
  columnSumGates(dbY, 0, dy, Q, 1, O, N);
  if (dx) matmul(dx, padded(I), dx, padded(I), da, P, wIhRows, N, padded(I), P);
}
