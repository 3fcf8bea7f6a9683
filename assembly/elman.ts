// Elman network (Elman 1990), in PyTorch's form:
//
// (1) a = x·wIhᵀ + bIh + hPrev·wHhᵀ + bHh   (B, H)
// (2) h = φ(a)                               φ: tanh, relu or sigmoid
// backward (2) da = dh∘φ'(a)                 tanh: 1 − h², relu: h > 0, sigmoid: h(1 − h)
//          (1) dx += da·wIh   dhPrev = da·wHh   dwIh += daᵀ·x   dwHh += daᵀ·hPrev   db += Σ da
//
// Forward keeps y = h and hPrev of every row; backward overwrites y with da. The `Regularized` pair has recurrent dropout and
// zoneout (regularize.ts) around each step, or any φ (gateActivation.ts); it is the same loop, whose branches are by step and cost
// nothing.
import { activateGates } from "./gateActivation";
import { columnSumGates } from "./gates";
import { sigmoidArray, tanhArray } from "./math";
import { matmul, weightGradient } from "./matmul";
import { maskState, regularizedStep, zoneout, zoneoutBackward } from "./regularize";
import { batchSize, rowsOf } from "./sequence";
import { bytes, padded } from "./simd";
import { add, multiply, sumArrays, zero } from "./vector";

/** The activations of a recurrent unit, by the numbers that the bindings pass. */
const TANH = 0;
const RELU = 1;
const SIGMOID = 2;
const DONE = 3; // φ has been applied

/**
 * y rows (N, padded(H)) · h (B, padded(H)): in the initial, out the final state · hPrev (N, padded(H)), one row if not
 * `keep` · x rows (N, I) stride padded(I) · wIh, wHh: packTransposed · bias: packBias · batchSizes (T)
 */
export function elmanForward(
  y: usize, h: usize, hPrev: usize,
  x: usize, wIh: usize, wHh: usize, bias: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, activation: i32, reverse: bool, keep: bool,
): void {
  forward(y, y, h, hPrev, 0, 0, x, wIh, wHh, bias, 0, 0, 0, batchSizes, T, I, H, activation, reverse, keep);
}

/**
 * As elmanForward with `keep`, and with hIn, mask (B, padded(H)), z (N, padded(H)) of regularize.ts, 0 for none · a (N, padded(H)):
 * φ(a), which zoneout makes another than y · form: φ, 0 for that of `activation` · slopes (N, padded(H)): φ' of a form, 0 if not wanted
 */
export function elmanRegularizedForward(
  y: usize, a: usize, h: usize, hPrev: usize, hIn: usize, slopes: usize,
  x: usize, wIh: usize, wHh: usize, bias: usize, mask: usize, z: usize, form: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, activation: i32, reverse: bool,
): void {
  forward(y, a, h, hPrev, hIn, slopes, x, wIh, wHh, bias, mask, z, form, batchSizes, T, I, H, activation, reverse, true);
}

function forward(
  y: usize, out: usize, h: usize, hPrev: usize, hIn: usize, slopes: usize,
  x: usize, wIh: usize, wHh: usize, bias: usize, mask: usize, z: usize, form: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, activation: i32, reverse: bool, keep: bool,
): void {
  const P = padded(H);
  const N = rowsOf(batchSizes, T);
  matmul(out, P, bias, 0, x, padded(I), wIh, N, P, I);
  const kept = keep ? P : 0;
  let row = reverse ? N : 0;
  for (let step = 0; step < T; step++) {
    const B = batchSize(batchSizes, reverse ? T - 1 - step : step);
    if (reverse) row -= B;
    const a = out + bytes(row * P);
    if (mask) maskState(hIn, h, mask, B * P);
    matmul(a, P, a, P, mask ? hIn : h, P, wHh, B, P, H);
    if (form) activateGates(a, slopes ? slopes + bytes(row * P) : 0, B * P, form);
    const phi = form ? DONE : activation;
    for (let b = 0; b < B; b++) {
      elmanCell(a + bytes(b * P), h + bytes(b * P), hPrev + bytes((row + b) * kept), P, phi);
    }
    if (z) {
      zoneout(h, hPrev + bytes(row * P), z + bytes(row * P), B * P);
      memory.copy(y + bytes(row * P), h, bytes(B * P));
    }
    if (!reverse) row += B;
  }
}

/** (2) for one row of P units. */
// @ts-ignore: decorator
@inline function elmanCell(a: usize, h: usize, hPrev: usize, P: i32, activation: i32): void {
  if (activation == TANH) tanhArray(a, a, P);
  else if (activation == SIGMOID) sigmoidArray(a, a, P);
  for (const end = a + bytes(P); a < end; a += 16, h += 16, hPrev += 16) {
    let out = v128.load(a);
    if (activation == RELU) {
      out = f32x4.pmax(out, f32x4.splat(0)); // keeps NaN, the value standing first
      v128.store(a, out);
    }
    v128.store(hPrev, v128.load(h));
    v128.store(h, out);
  }
}

/**
 * dx rows (N, I) stride padded(I), 0 if not wanted · dwIh dwHh dbIh dbHh: as the parameters, the biases 0 if there are none ·
 * dh (B, padded(H)): in the gradient by the final, out by the initial state · flow (N, padded(H)), 0 if not wanted · y, hPrev: as
 * forward left them · dy rows (N, padded(H)) · wIhRows, wHhRows: packRows · scratch: weightGradientScratch(1, H, I, H)
 */
export function elmanBackward(
  dx: usize, dwIh: usize, dwHh: usize, dbIh: usize, dbHh: usize, dh: usize, flow: usize,
  y: usize, hPrev: usize, dy: usize,
  x: usize, wIhRows: usize, wHhRows: usize, scratch: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, activation: i32, reverse: bool,
): void {
  backward(
    dx, dwIh, dwHh, dbIh, dbHh, dh, flow, 0, y, hPrev, 0, dy, x, wIhRows, wHhRows, 0, 0, scratch, batchSizes,
    T, I, H, activation, reverse,
  );
}

/** As elmanBackward, from a instead of y · carry (B, padded(H)): zoneout, which overwrites dy too · slopes: of a form, else 0 */
export function elmanRegularizedBackward(
  dx: usize, dwIh: usize, dwHh: usize, dbIh: usize, dbHh: usize, dh: usize, flow: usize, carry: usize,
  a: usize, hPrev: usize, slopes: usize, dy: usize,
  x: usize, wIhRows: usize, wHhRows: usize, mask: usize, z: usize, scratch: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, activation: i32, reverse: bool,
): void {
  backward(
    dx, dwIh, dwHh, dbIh, dbHh, dh, flow, carry, a, hPrev, slopes, dy, x, wIhRows, wHhRows, mask, z, scratch, batchSizes,
    T, I, H, activation, reverse,
  );
}

function backward(
  dx: usize, dwIh: usize, dwHh: usize, dbIh: usize, dbHh: usize, dh: usize, flow: usize, carry: usize,
  y: usize, hPrev: usize, slopes: usize, dy: usize,
  x: usize, wIhRows: usize, wHhRows: usize, mask: usize, z: usize, scratch: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, activation: i32, reverse: bool,
): void {
  const P = padded(H);
  const N = rowsOf(batchSizes, T);
  let row = reverse ? 0 : N;
  for (let step = 0; step < T; step++) {
    const B = batchSize(batchSizes, reverse ? step : T - 1 - step);
    if (!reverse) row -= B;
    const da = y + bytes(row * P);
    if (flow) sumArrays(flow + bytes(row * P), dh, dy + bytes(row * P), B * P);
    if (z) {
      add(dh, dy + bytes(row * P), B * P);
      zero(dy + bytes(row * P), B * P);
      zoneoutBackward(dh, carry, z + bytes(row * P), B * P);
    }
    if (slopes) {
      add(dh, dy + bytes(row * P), B * P);
      maskState(da, dh, slopes + bytes(row * P), B * P);
    } else {
      elmanCellBackward(da, dh, dy + bytes(row * P), B * P, activation);
    }
    matmul(dh, P, 0, 0, da, P, wHhRows, B, P, P);
    if (mask || z) regularizedStep(dh, mask, z ? carry : 0, B * P);
    if (mask) multiply(hPrev + bytes(row * P), mask, B * P);
    if (reverse) row += B;
  }
  weightGradient(dwIh, x, padded(I), I, dwHh, hPrev, P, H, y, P, scratch, 1, H, N);
  columnSumGates(dbIh, dbHh, y, P, 1, H, N);
  if (dx) matmul(dx, padded(I), dx, padded(I), y, P, wIhRows, N, padded(I), P);
}

/** (2) backward for n units; da replaces h. */
// @ts-ignore: decorator
@inline function elmanCellBackward(h: usize, dh: usize, dy: usize, n: i32, activation: i32): void {
  const one = f32x4.splat(1);
  for (const end = h + bytes(n); h < end; h += 16, dh += 16, dy += 16) {
    const out = v128.load(h);
    const d = f32x4.add(v128.load(dy), v128.load(dh));
    let da: v128;
    if (activation == TANH) da = f32x4.mul(d, f32x4.sub(one, f32x4.mul(out, out)));
    else if (activation == RELU) da = v128.and(d, f32x4.gt(out, f32x4.splat(0)));
    else da = f32x4.mul(d, f32x4.mul(out, f32x4.sub(one, out)));
    v128.store(h, da);
  }
}
