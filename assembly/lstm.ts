// Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000), in
// PyTorch's form and gate order:
//
// (1) a = x·wIhᵀ + bIh + hPrev·wHhᵀ + bHh   a = [i f g o] before activation, (B, 4H)
// (2) c = f∘cPrev + i∘g                      i f o = σ(a), g = tanh(a)
// (3) h = o∘tanh(c)
// backward (3) do = dh∘tanh(c)               dc = dc + dh∘o∘(1 − tanh²c)
//          (2) di = dc∘g  df = dc∘cPrev  dg = dc∘i            dcPrev = dc∘f
//          (1) da = [di∘i(1−i)  df∘f(1−f)  dg∘(1−g²)  do∘o(1−o)]
//              dx += da·wIh   dhPrev = da·wHh   dwIh += daᵀ·x   dwHh += daᵀ·hPrev   db += Σ da
//
// Forward keeps gates [i f g o], hPrev, cPrev and tanh(c) of every row; backward overwrites the gates with da.
import { sigmoidArray, tanhArray } from "./math";
import { matmul, weightGradient } from "./matmul";
import { batchSize, rowsOf } from "./sequence";
import { bytes, muladd, padded } from "./simd";
import { columnSumGates } from "./gates";

/**
 * y rows (N, padded(H)) · h, c (B, padded(H)): in the initial, out the final state · gates (N, 4·padded(H)) ·
 * hPrev, cPrev, tanhC (N, padded(H)), one row each if not `keep` · x rows (N, I) stride padded(I) · wIh, wHh: packTransposed ·
 * bias: packBias · batchSizes (T)
 */
export function lstmForward(
  y: usize, h: usize, c: usize, gates: usize, hPrev: usize, cPrev: usize, tanhC: usize,
  x: usize, wIh: usize, wHh: usize, bias: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, reverse: bool, keep: bool,
): void {
  const P = padded(H);
  const N = rowsOf(batchSizes, T);
  matmul(gates, 4 * P, bias, 0, x, padded(I), wIh, N, 4 * P, I);
  const kept = keep ? P : 0;
  let row = reverse ? N : 0;
  for (let step = 0; step < T; step++) {
    const B = batchSize(batchSizes, reverse ? T - 1 - step : step);
    if (reverse) row -= B;
    const a = gates + bytes(row * 4 * P);
    matmul(a, 4 * P, a, 4 * P, h, P, wHh, B, 4 * P, H);
    for (let b = 0; b < B; b++) {
      const at = bytes(b * P);
      const keptAt = bytes((row + b) * kept);
      lstmCell(y + bytes((row + b) * P), h + at, c + at, hPrev + keptAt, cPrev + keptAt, tanhC + keptAt, a + at * 4, P);
    }
    if (!reverse) row += B;
  }
}

/** (2) and (3) for one row of P units. */
// @ts-ignore: decorator
@inline function lstmCell(y: usize, h: usize, c: usize, hPrev: usize, cPrev: usize, tanhC: usize, a: usize, P: i32): void {
  const gate = bytes(P);
  sigmoidArray(a, a, 2 * P);
  tanhArray(a + gate * 2, a + gate * 2, P);
  sigmoidArray(a + gate * 3, a + gate * 3, P);
  for (let j: usize = 0; j < gate; j += 16) {
    const before = v128.load(c + j);
    v128.store(hPrev + j, v128.load(h + j));
    v128.store(cPrev + j, before);
    const forgotten = f32x4.mul(v128.load(a + gate + j), before);
    v128.store(c + j, f32x4.add(forgotten, f32x4.mul(v128.load(a + j), v128.load(a + gate * 2 + j))));
  }
  tanhArray(tanhC, c, P);
  for (let j: usize = 0; j < gate; j += 16) {
    const out = f32x4.mul(v128.load(a + gate * 3 + j), v128.load(tanhC + j));
    v128.store(h + j, out);
    v128.store(y + j, out);
  }
}

/**
 * dx rows (N, I) stride padded(I), 0 if not wanted · dwIh dwHh dbIh dbHh: as the parameters, the biases 0 if there are none ·
 * dh, dc (B, padded(H)): in the gradient by the final, out by the initial state · flow (2, N, padded(H)), 0 if not wanted ·
 * gates … tanhC: as forward left them · dy rows (N, padded(H)) · wIhRows, wHhRows: packRows · scratch: weightGradientScratch(4, H, I, H)
 */
export function lstmBackward(
  dx: usize, dwIh: usize, dwHh: usize, dbIh: usize, dbHh: usize, dh: usize, dc: usize, flow: usize,
  gates: usize, hPrev: usize, cPrev: usize, tanhC: usize, dy: usize,
  x: usize, wIhRows: usize, wHhRows: usize, scratch: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, reverse: bool,
): void {
  const P = padded(H);
  const N = rowsOf(batchSizes, T);
  let row = reverse ? 0 : N;
  for (let step = 0; step < T; step++) {
    const B = batchSize(batchSizes, reverse ? step : T - 1 - step);
    if (!reverse) row -= B;
    const da = gates + bytes(row * 4 * P);
    if (flow) lstmFlow(flow + bytes(row * P), bytes(N * P), dc, dh, dy + bytes(row * P), da, tanhC + bytes(row * P), B, P);
    for (let b = 0; b < B; b++) {
      const at = bytes(b * P);
      const keptAt = bytes((row + b) * P);
      lstmCellBackward(da + at * 4, dc + at, dh + at, dy + keptAt, cPrev + keptAt, tanhC + keptAt, P);
    }
    matmul(dh, P, 0, 0, da, 4 * P, wHhRows, B, P, 4 * P);
    if (reverse) row += B;
  }
  weightGradient(dwIh, x, padded(I), I, dwHh, hPrev, P, H, gates, 4 * P, scratch, 4, H, N);
  columnSumGates(dbIh, dbHh, gates, 4 * P, 4, H, N);
  if (dx) matmul(dx, padded(I), dx, padded(I), gates, 4 * P, wIhRows, N, padded(I), 4 * P);
}

/** dh and, `toC` bytes behind it, dc of one step in full: what (3) backward begins with, and what it makes of dc. */
function lstmFlow(
  flow: usize, toC: usize, dc: usize, dh: usize, dy: usize, a: usize, tanhC: usize, B: i32, P: i32,
): void {
  const one = f32x4.splat(1);
  for (let b = 0; b < B; b++) {
    const o = a + bytes((4 * b + 3) * P);
    for (let j: usize = 0; j < bytes(P); j += 16, flow += 16, dc += 16, dh += 16, dy += 16, tanhC += 16) {
      const squashed = v128.load(tanhC);
      const dOut = f32x4.add(v128.load(dy), v128.load(dh));
      const slope = f32x4.sub(one, f32x4.mul(squashed, squashed));
      v128.store(flow, dOut);
      v128.store(flow + toC, muladd(v128.load(dc), f32x4.mul(dOut, v128.load(o + j)), slope));
    }
  }
}

/** (3), (2) and (1) backward for one row of P units; da replaces the gates in a. */
// @ts-ignore: decorator
@inline function lstmCellBackward(a: usize, dc: usize, dh: usize, dy: usize, cPrev: usize, tanhC: usize, P: i32): void {
  const gate = bytes(P);
  const one = f32x4.splat(1);
  for (const end = a + gate; a < end; ) {
    const i = v128.load(a);
    const f = v128.load(a + gate);
    const g = v128.load(a + gate * 2);
    const o = v128.load(a + gate * 3);
    const squashed = v128.load(tanhC);
    const dOut = f32x4.add(v128.load(dy), v128.load(dh));
    const dCell = muladd(v128.load(dc), f32x4.mul(dOut, o), f32x4.sub(one, f32x4.mul(squashed, squashed)));
    v128.store(a, f32x4.mul(f32x4.mul(dCell, g), f32x4.mul(i, f32x4.sub(one, i))));
    v128.store(a + gate, f32x4.mul(f32x4.mul(dCell, v128.load(cPrev)), f32x4.mul(f, f32x4.sub(one, f))));
    v128.store(a + gate * 2, f32x4.mul(f32x4.mul(dCell, i), f32x4.sub(one, f32x4.mul(g, g))));
    v128.store(a + gate * 3, f32x4.mul(f32x4.mul(dOut, squashed), f32x4.mul(o, f32x4.sub(one, o))));
    v128.store(dc, f32x4.mul(dCell, f));
    a += 16;
    dc += 16;
    dh += 16;
    dy += 16;
    cPrev += 16;
    tanhC += 16;
  }
}
