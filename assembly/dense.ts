// Fully connected layer, PyTorch's Linear with an activation:
//
// (1) a = x·wᵀ + b    (N, O)
// (2) y = φ(a)
// backward (2) da = dy∘φ'(a)
//          (1) dx += da·w   dw += daᵀ·x   db += Σ da
import { activationBackward, activationForward } from "./activation";
import { columnSumGates } from "./gates";
import { matmul, weightGradient } from "./matmul";
import { padded } from "./simd";

/**
 * y, a rows (N, padded(O)), which may be one where φ' follows from y · x rows (N, padded(I)) · w: packTransposed ·
 * bias: packBias
 */
export function denseForward(
  y: usize, a: usize, x: usize, w: usize, bias: usize,
  N: i32, I: i32, O: i32, activation: i32, alpha: f32,
): void {
  matmul(a, padded(O), bias, 0, x, padded(I), w, N, padded(O), I);
  if (y != a || activation) activationForward(y, a, N, O, activation, alpha);
}

/**
 * dx rows (N, padded(I)), 0 if not wanted · dw (O, I) · db (O), 0 if there is none · dy rows (N, padded(O)), becomes da ·
 * y, a: as forward left them · wRows: packRows · scratch: weightGradientScratch(1, O, I, 0)
 */
export function denseBackward(
  dx: usize, dw: usize, db: usize, dy: usize,
  y: usize, a: usize, x: usize, wRows: usize, scratch: usize,
  N: i32, I: i32, O: i32, activation: i32, alpha: f32,
): void {
  activationBackward(dy, y, a, N, O, activation, alpha);
  weightGradient(dw, x, padded(I), I, 0, 0, 0, 0, dy, padded(O), scratch, 1, O, N);
  columnSumGates(db, 0, dy, padded(O), 1, O, N);
  if (dx) matmul(dx, padded(I), dx, padded(I), dy, padded(O), wRows, N, padded(I), padded(O));
}
