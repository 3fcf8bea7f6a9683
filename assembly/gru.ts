// Gated recurrent unit (Cho et al. 2014), in PyTorch's gate order, with the reset gate after or before the product:
//
// (1) r z = σ(x·wIhᵀ + bIh + hPrev·wHhᵀ + bHh)            the first two gates, (B, 2H)
// (2) after:  q = hPrev·wHnᵀ + bHn    n = tanh(x·wInᵀ + bIn + r∘q)     PyTorch, Keras, ONNX linear_before_reset = 1
//     before: q = r∘hPrev             n = tanh(x·wInᵀ + bIn + q·wHnᵀ + bHn)        the paper, ONNX 0
// (3) h = (1 − z)∘n + z∘hPrev
// backward (3) dn = dh∘(1 − z)    dz = dh∘(hPrev − n)    dhPrev = dh∘z
//          (2) dan = dn∘(1 − n²)
//              after:  dq = dan∘r        dr = dan∘q          dhPrev += dq·wHn        dwHn += dqᵀ·hPrev   dbHn += Σ dq
//              before: dq = dan·wHn      dr = dq∘hPrev       dhPrev += dq∘r          dwHn += danᵀ·q      dbHn += Σ dan
//          (1) da = [dr∘r(1−r)  dz∘z(1−z)  dan]
//              dx += da·wIh   dhPrev += [dar daz]·wHrz   dwIh += daᵀ·x   dwHrz += [dar daz]ᵀ·hPrev   dbIh += Σ da
//
// Forward keeps gates [r z n], q and hPrev of every row. Backward overwrites the gates with da and, with reset after, q
// with dq. The `Regularized` pair has recurrent dropout and zoneout (regularize.ts) around each step, or any activations in
// place of σ and tanh (gateActivation.ts); it is the same loop, whose branches are by step and cost nothing. The mask acts on hPrev in the products and in q, and not in (3).
import { activateGates } from "./gateActivation";
import { columnSumGates } from "./gates";
import { sigmoidArray, tanhArray } from "./math";
import { matmul, weightGradient } from "./matmul";
import { maskState, regularizedStep, zoneout, zoneoutBackward } from "./regularize";
import { batchSize, rowsOf } from "./sequence";
import { bytes, muladd, padded } from "./simd";
import { add, multiply, sumArrays, zero } from "./vector";

/**
 * y rows (N, padded(H)) · h (B, padded(H)): in the initial, out the final state · gates (N, 3·padded(H)) · q, hPrev
 * (N, padded(H)), B rows and one row if not `keep` · x rows (N, I) stride padded(I) · wIh, wHrz, wHn: packTransposed of 3, 2 and 1
 * gates · bias (3·padded(H)): bIh with, for r and z, bHh added; reset before: for n too · biasHn (padded(H)): reset after ·
 * batchSizes (T)
 */
export function gruForward(
  y: usize, h: usize, gates: usize, q: usize, hPrev: usize,
  x: usize, wIh: usize, wHrz: usize, wHn: usize, bias: usize, biasHn: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, resetAfter: bool, reverse: bool, keep: bool,
): void {
  forward(
    y, h, gates, q, hPrev, 0, 0, x, wIh, wHrz, wHn, bias, biasHn, 0, 0, 0, batchSizes, T, I, H, resetAfter, reverse, keep,
  );
}

/**
 * As gruForward with `keep`, and with hIn, mask (B, padded(H)), z (N, padded(H)) of regularize.ts, 0 for none · forms: of r and z, and
 * of n, 0 for σ and tanh · slopes (N, 3·padded(H)): of these, 0 if not wanted
 */
export function gruRegularizedForward(
  y: usize, h: usize, gates: usize, q: usize, hPrev: usize, hIn: usize, slopes: usize,
  x: usize, wIh: usize, wHrz: usize, wHn: usize, bias: usize, biasHn: usize, mask: usize, z: usize, forms: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, resetAfter: bool, reverse: bool,
): void {
  forward(
    y, h, gates, q, hPrev, hIn, slopes, x, wIh, wHrz, wHn, bias, biasHn, mask, z, forms, batchSizes,
    T, I, H, resetAfter, reverse, true,
  );
}

function forward(
  y: usize, h: usize, gates: usize, q: usize, hPrev: usize, hIn: usize, slopes: usize,
  x: usize, wIh: usize, wHrz: usize, wHn: usize, bias: usize, biasHn: usize, mask: usize, z: usize, forms: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, resetAfter: bool, reverse: bool, keep: bool,
): void {
  const P = padded(H);
  const N = rowsOf(batchSizes, T);
  matmul(gates, 3 * P, bias, 0, x, padded(I), wIh, N, 3 * P, I);
  const kept = keep ? P : 0;
  let row = reverse ? N : 0;
  for (let step = 0; step < T; step++) {
    const B = batchSize(batchSizes, reverse ? T - 1 - step : step);
    if (reverse) row -= B;
    const a = gates + bytes(row * 3 * P);
    const qAt = q + bytes(row * kept);
    if (mask) maskState(hIn, h, mask, B * P);
    const from = mask ? hIn : h;
    matmul(a, 3 * P, a, 3 * P, from, P, wHrz, B, 2 * P, H);
    const s = slopes ? slopes + bytes(row * 3 * P) : 0;
    for (let b = 0; b < B; b++) {
      const at = bytes(b * 3 * P);
      if (forms) activateGates(a + at, s ? s + at : 0, 2 * P, forms);
      else sigmoidArray(a + at, a + at, 2 * P);
    }
    if (resetAfter) {
      matmul(qAt, P, biasHn, 0, from, P, wHn, B, P, H);
    } else {
      for (let b = 0; b < B; b++) gruReset(qAt + bytes(b * P), a + bytes(b * 3 * P), from + bytes(b * P), P);
      matmul(a + bytes(2 * P), 3 * P, a + bytes(2 * P), 3 * P, qAt, P, wHn, B, P, H);
    }
    for (let b = 0; b < B; b++) {
      const at = row + b;
      const aAt = a + bytes(b * 3 * P);
      if (resetAfter) gruResetAfter(aAt, qAt + bytes(b * P), P);
      const n = aAt + bytes(2 * P);
      if (forms) activateGates(n, s ? s + (n - a) : 0, P, forms + 32);
      else tanhArray(n, n, P);
      gruCell(y + bytes(at * P), h + bytes(b * P), hPrev + bytes(at * kept), aAt, P);
    }
    if (z) {
      zoneout(h, hPrev + bytes(row * P), z + bytes(row * P), B * P);
      memory.copy(y + bytes(row * P), h, bytes(B * P));
    }
    if (!reverse) row += B;
  }
}

/** Reset before: q = r∘h for one row. */
// @ts-ignore: decorator
@inline function gruReset(q: usize, a: usize, h: usize, P: i32): void {
  for (const end = a + bytes(P); a < end; a += 16, q += 16, h += 16) {
    v128.store(q, f32x4.mul(v128.load(a), v128.load(h)));
  }
}

/** Reset after: the candidate before its activation += r∘q, for one row. */
// @ts-ignore: decorator
@inline function gruResetAfter(a: usize, q: usize, P: i32): void {
  const gate = bytes(P);
  const n = a + gate * 2;
  for (let j: usize = 0; j < gate; j += 16) {
    v128.store(n + j, muladd(v128.load(n + j), v128.load(a + j), v128.load(q + j)));
  }
}

/** (3) for one row. */
// @ts-ignore: decorator
@inline function gruCell(y: usize, h: usize, hPrev: usize, a: usize, P: i32): void {
  const gate = bytes(P);
  const n = a + gate * 2;
  for (let j: usize = 0; j < gate; j += 16) {
    const before = v128.load(h + j);
    const out = muladd(v128.load(n + j), v128.load(a + gate + j), f32x4.sub(before, v128.load(n + j)));
    v128.store(hPrev + j, before);
    v128.store(h + j, out);
    v128.store(y + j, out);
  }
}

/**
 * dx rows (N, I) stride padded(I), 0 if not wanted · dwIh dwHh dbIh dbHh: as the parameters, the biases 0 if there are none ·
 * dh (B, padded(H)): in the gradient by the final, out by the initial state · flow (N, padded(H)), 0 if not wanted ·
 * dq (B, padded(H)): scratch of reset before · gates, q, hPrev: as forward left them · dy rows (N, padded(H)) · wIhRows, wHrzRows, wHnRows: packRows of 3, 2 and 1 gates ·
 * scratch: weightGradientScratch(3, H, I, H)
 */
export function gruBackward(
  dx: usize, dwIh: usize, dwHh: usize, dbIh: usize, dbHh: usize, dh: usize, flow: usize, dq: usize,
  gates: usize, q: usize, hPrev: usize, dy: usize,
  x: usize, wIhRows: usize, wHrzRows: usize, wHnRows: usize, scratch: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, resetAfter: bool, reverse: bool,
): void {
  backward(
    dx, dwIh, dwHh, dbIh, dbHh, dh, flow, dq, 0, gates, q, hPrev, 0, dy, x, wIhRows, wHrzRows, wHnRows, 0, 0, scratch,
    batchSizes, T, I, H, resetAfter, reverse, false,
  );
}

/** As gruBackward · carry (B, padded(H)): scratch; zoneout overwrites dy too · slopes: of forms, else 0 */
export function gruRegularizedBackward(
  dx: usize, dwIh: usize, dwHh: usize, dbIh: usize, dbHh: usize, dh: usize, flow: usize, dq: usize, carry: usize,
  gates: usize, q: usize, hPrev: usize, slopes: usize, dy: usize,
  x: usize, wIhRows: usize, wHrzRows: usize, wHnRows: usize, mask: usize, z: usize, scratch: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, resetAfter: bool, reverse: bool,
): void {
  backward(
    dx, dwIh, dwHh, dbIh, dbHh, dh, flow, dq, carry, gates, q, hPrev, slopes, dy, x, wIhRows, wHrzRows, wHnRows, mask, z,
    scratch, batchSizes, T, I, H, resetAfter, reverse, true,
  );
}

function backward(
  dx: usize, dwIh: usize, dwHh: usize, dbIh: usize, dbHh: usize, dh: usize, flow: usize, dq: usize, carry: usize,
  gates: usize, q: usize, hPrev: usize, slopes: usize, dy: usize,
  x: usize, wIhRows: usize, wHrzRows: usize, wHnRows: usize, mask: usize, z: usize, scratch: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, resetAfter: bool, reverse: bool, regularized: bool,
): void {
  const P = padded(H);
  const N = rowsOf(batchSizes, T);
  let row = reverse ? 0 : N;
  for (let step = 0; step < T; step++) {
    const B = batchSize(batchSizes, reverse ? step : T - 1 - step);
    if (!reverse) row -= B;
    const da = gates + bytes(row * 3 * P);
    const qAt = q + bytes(row * P);
    const hAt = hPrev + bytes(row * P);
    if (flow) sumArrays(flow + bytes(row * P), dh, dy + bytes(row * P), B * P);
    if (regularized) {
      zero(carry, B * P);
      if (z) {
        add(dh, dy + bytes(row * P), B * P);
        zero(dy + bytes(row * P), B * P);
        zoneoutBackward(dh, carry, z + bytes(row * P), B * P);
      }
    }
    for (let b = 0; b < B; b++) {
      const at = bytes(b * P);
      const dyAt = dy + bytes(row * P) + at;
      if (slopes) gruCellBackward(da + at * 3, qAt + at, dh + at, slopes + bytes(row * 3 * P) + at * 3, hAt + at, dyAt, P, resetAfter);
      else gruCellBackward(da + at * 3, qAt + at, dh + at, 0, hAt + at, dyAt, P, resetAfter);
    }
    if (regularized) {
      // What does not go through the products waits in carry.
      add(carry, dh, B * P);
      zero(dh, B * P);
      if (mask) multiply(hAt, mask, B * P);
    }
    if (resetAfter) {
      matmul(dh, P, dh, P, qAt, P, wHnRows, B, P, P);
    } else {
      matmul(dq, P, 0, 0, da + bytes(2 * P), 3 * P, wHnRows, B, P, P);
      for (let b = 0; b < B; b++) {
        const at = bytes(b * P);
        if (slopes) gruResetBackward(da + at * 3, dh + at, dq + at, slopes + bytes(row * 3 * P) + at * 3, hAt + at, P);
        else gruResetBackward(da + at * 3, dh + at, dq + at, 0, hAt + at, P);
      }
    }
    matmul(dh, P, dh, P, da, 3 * P, wHrzRows, B, P, 2 * P);
    if (regularized) regularizedStep(dh, mask, carry, B * P);
    if (reverse) row += B;
  }
  const dwHn = dwHh + bytes(2 * H * H);
  const dan = gates + bytes(2 * P);
  const dwIn = dwIh + bytes(2 * H * I);
  weightGradient(dwIh, x, padded(I), I, dwHh, hPrev, P, H, gates, 3 * P, scratch, 2, H, N);
  if (resetAfter) {
    weightGradient(dwIn, x, padded(I), I, 0, 0, 0, 0, dan, 3 * P, scratch, 1, H, N);
    weightGradient(dwHn, hPrev, P, H, 0, 0, 0, 0, q, P, scratch, 1, H, N);
  } else {
    weightGradient(dwIn, x, padded(I), I, dwHn, q, P, H, dan, 3 * P, scratch, 1, H, N);
  }
  columnSumGates(dbIh, 0, gates, 3 * P, 3, H, N);
  columnSumGates(0, dbHh, gates, 3 * P, 2, H, N);
  const dbHn = dbHh ? dbHh + bytes(2 * H) : 0;
  if (resetAfter) columnSumGates(0, dbHn, q, P, 1, H, N);
  else columnSumGates(0, dbHn, dan, 3 * P, 1, H, N);
  if (dx) matmul(dx, padded(I), dx, padded(I), gates, 3 * P, wIhRows, N, padded(I), 3 * P);
}

/** (3) and (2) backward for one row; reset before leaves r for gruResetBackward. */
// @ts-ignore: decorator
@inline function gruCellBackward(
  a: usize, q: usize, dh: usize, slopes: usize, hPrev: usize, dy: usize, P: i32, resetAfter: bool,
): void {
  const gate = bytes(P);
  const one = f32x4.splat(1);
  for (const end = a + gate; a < end; ) {
    const z = v128.load(a + gate);
    const n = v128.load(a + gate * 2);
    const d = f32x4.add(v128.load(dy), v128.load(dh));
    const slopeN = slopes ? v128.load(slopes + gate * 2) : f32x4.sub(one, f32x4.mul(n, n));
    const dan = f32x4.mul(f32x4.mul(d, f32x4.sub(one, z)), slopeN);
    const dz = f32x4.mul(d, f32x4.sub(v128.load(hPrev), n));
    if (resetAfter) {
      const r = v128.load(a);
      const slopeR = slopes ? v128.load(slopes) : f32x4.mul(r, f32x4.sub(one, r));
      v128.store(a, f32x4.mul(f32x4.mul(dan, v128.load(q)), slopeR));
      v128.store(q, f32x4.mul(dan, r));
    }
    v128.store(a + gate, f32x4.mul(dz, slopes ? v128.load(slopes + gate) : f32x4.mul(z, f32x4.sub(one, z))));
    v128.store(a + gate * 2, dan);
    v128.store(dh, f32x4.mul(d, z));
    a += 16;
    if (slopes) slopes += 16;
    q += 16;
    dh += 16;
    hPrev += 16;
    dy += 16;
  }
}

/** Reset before: dhPrev += dq∘r and dar = dq∘hPrev∘r(1−r) in the place of r, for one row. */
// @ts-ignore: decorator
@inline function gruResetBackward(a: usize, dh: usize, dq: usize, slopes: usize, hPrev: usize, P: i32): void {
  const one = f32x4.splat(1);
  for (const end = a + bytes(P); a < end; a += 16, dh += 16, dq += 16, hPrev += 16) {
    const r = v128.load(a);
    const d = v128.load(dq);
    v128.store(dh, muladd(v128.load(dh), d, r));
    const slopeR = slopes ? v128.load(slopes) : f32x4.mul(r, f32x4.sub(one, r));
    v128.store(a, f32x4.mul(f32x4.mul(d, v128.load(hPrev)), slopeR));
    if (slopes) slopes += 16;
  }
}
