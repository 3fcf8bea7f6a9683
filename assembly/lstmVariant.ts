// The LSTM of lstm.ts with more to it, each part by itself or all together; a pointer or a limit of 0 leaves its part out:
//
// (1) a = x·wIhᵀ + hIn·wHhᵀ + bias           a = [i f g o], or [f g o] when coupled; hIn = hPrev∘mask (regularize.ts)
//     layer norm: a = LN(x·wIhᵀ) + LN(hIn·wHhᵀ) + bias                              LN: normalizeGates.ts
// (2) peepholes: a_i += wCi∘cPrev   a_f += wCf∘cPrev
//     i f = σ(clip(a))   g = tanh(clip(a))   coupled: i = 1 − f                      clip: ±gateClip
//     s = f∘cPrev + i∘g   c = clip(s)                                                clip: ±cellClip
// (3) peepholes: a_o += wCo∘c     o = σ(clip(a))
//     m = o∘tanh(c), layer norm: o∘tanh(LN(c))
// (4) h = m, projection: m·wHrᵀ              then zoneout of h and c
//
// Forms: other activations (gateActivation.ts) in place of σ and tanh, which keep slopes; they clip by themselves. Coupled, that of f
// is 1 − φ(−a), which is σ for σ.
//
// Peepholes: Gers & Schmidhuber 2000. Projection: Sak, Senior & Beaufays 2014. Coupled gates: Greff et al. 2017. Layer norm: Ba,
// Kiros & Hinton 2016. gateClip is ONNX's clip.
//
// backward (4) dm = dh·wHr   dwHr += dhᵀ·m
//          (3) da_o = dm∘tanh(c)∘o(1−o)   dc += dm∘o∘(1 − tanh²), through LN, + da_o∘wCo
//          (2) ds = dc where |s| ≤ cellClip, else 0
//              da_i = ds∘g∘i(1−i)   da_f = ds∘cPrev∘f(1−f), coupled: ds∘(cPrev − g)∘f(1−f)   da_g = ds∘i∘(1−g²)
//              each 0 where its a was clipped   dcPrev = ds∘f + da_i∘wCi + da_f∘wCf
//              dwCi += Σ da_i∘cPrev   dwCf += Σ da_f∘cPrev   dwCo += Σ da_o∘c
//          (1) as in lstm.ts, with the gradients through LN
//          forms: φ' by the slopes in place of σ(1 − σ) and 1 − tanh²
//
// Forward keeps gates, hPrev, cPrev, tanh(c), m and, of layer norm, x̂ and its factors. Backward overwrites all of these and dy.
import { activateGates } from "./gateActivation";
import { columnSumGates } from "./gates";
import { sigmoid, sigmoidArray, tanh, tanhArray } from "./math";
import { matmul, weightGradient } from "./matmul";
import { normalizeGates, normalizeGatesBackward, scaleAndShift } from "./normalizeGates";
import { maskState, regularizedStep, zoneout, zoneoutBackward } from "./regularize";
import { batchSize, rowsOf } from "./sequence";
import { bytes, muladd, padded } from "./simd";
import { add, clampArray, multiply } from "./vector";

// What layer norm keeps of N rows, `norms`: x̂ of hIn·wHhᵀ (N, G·P) | x̂ of c (N, P) | the factors of x·wIhᵀ, hIn·wHhᵀ and c (N each) |
// x̂ of x·wIhᵀ (N, G·P). Its parameters, `gains`, and their gradients: γ, β of x·wIhᵀ | γ, β of hIn·wHhᵀ (G·P each) | γ, β of c (P each).

/** Floats of `norms`. */
export function lstmNormsSize(N: i32, H: i32, G: i32): i32 {
  return N * (2 * G + 1) * padded(H) + 3 * padded(N);
}

/**
 * R is the size of h: H, or that of the projection; G = 3 when coupled, else 4. Without `keep` hPrev, cPrev, tanhC, m and zones have
 * the rows of one step, B, and norms is of as many.
 * y rows (N, padded(R)) · h (B, padded(R)), c (B, padded(H)): in the initial, out the final state · gates (N, G·padded(H)) ·
 * hPrev (N, padded(R)), cPrev, tanhC (N, padded(H)) · m (N, padded(H)): projection · norms: layer norm · hIn (B, padded(R)): mask ·
 * x rows (N, I) stride padded(I) · wIh, wHh, wHr: packTransposed · bias: packBias · peepholes (G − 1, padded(H)) · gains: see above ·
 * mask (B, padded(R)) · zones: z of h (N, padded(R)), then of c (N, padded(H)) · forms: of i and f, of g, of o, of c on its way out ·
 * slopes (N, (G + 1)·padded(H)): of the gates and of c, 0 if not wanted · batchSizes (T)
 */
export function lstmVariantForward(
  y: usize, h: usize, c: usize, gates: usize, hPrev: usize, cPrev: usize, tanhC: usize, m: usize, norms: usize, hIn: usize,
  x: usize, wIh: usize, wHh: usize, wHr: usize, bias: usize, peepholes: usize, gains: usize, mask: usize, zones: usize,
  forms: usize, slopes: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, R: i32, G: i32, gateClip: f32, cellClip: f32, reverse: bool, keep: bool,
): void {
  const P = padded(H);
  const Q = padded(R);
  const W = G * P;
  const N = rowsOf(batchSizes, T);
  const K = keep ? N : batchSize(batchSizes, 0);
  const normC = norms + bytes(K * W);
  const factors = normC + bytes(K * P);
  const gainHh = gains + bytes(2 * W);
  const gainC = gainHh + bytes(2 * W);
  const zonesC = zones + bytes(K * Q);
  if (norms) {
    const normIh = keep ? factors + bytes(3 * padded(N)) : gates;
    matmul(normIh, W, 0, 0, x, padded(I), wIh, N, W, I);
    for (let n = 0; n < N; n++) {
      const at = bytes(n * W);
      const factor = normalizeGates(normIh + at, G, H);
      if (keep) store<f32>(factors + bytes(n), factor);
      scaleAndShift(gates + at, bias, normIh + at, gains, gains + bytes(W), W);
    }
  } else {
    matmul(gates, W, bias, 0, x, padded(I), wIh, N, W, I);
  }
  let row = reverse ? N : 0;
  for (let step = 0; step < T; step++) {
    const B = batchSize(batchSizes, reverse ? T - 1 - step : step);
    if (reverse) row -= B;
    const kept = keep ? row : 0;
    const a = gates + bytes(row * W);
    const hPrevAt = hPrev + bytes(kept * Q);
    const cPrevAt = cPrev + bytes(kept * P);
    const yAt = y + bytes(row * Q);
    memory.copy(hPrevAt, h, bytes(B * Q));
    memory.copy(cPrevAt, c, bytes(B * P));
    let from = h;
    if (mask) {
      maskState(hIn, h, mask, B * Q);
      from = hIn;
    }
    if (norms) {
      const s = norms + bytes(kept * W);
      matmul(s, W, 0, 0, from, Q, wHh, B, W, R);
      for (let b = 0; b < B; b++) {
        const at = bytes(b * W);
        store<f32>(factors + bytes(padded(K) + kept + b), normalizeGates(s + at, G, H));
        scaleAndShift(a + at, a + at, s + at, gainHh, gainHh + bytes(W), W);
      }
    } else {
      matmul(a, W, a, W, from, Q, wHh, B, W, R);
    }
    const out = m ? m + bytes(kept * P) : yAt;
    for (let b = 0; b < B; b++) {
      const at = bytes(b * P);
      const aAt = a + bytes(b * W);
      const tanhAt = tanhC + bytes((kept + b) * P);
      const s = slopes ? slopes + bytes((row + b) * (W + P)) : 0;
      lstmCell(c + at, aAt, s, peepholes, forms, P, G, gateClip, cellClip);
      let shown = c + at;
      if (norms) {
        const normal = normC + bytes((kept + b) * P);
        memory.copy(normal, c + at, bytes(P));
        store<f32>(factors + bytes(2 * padded(K) + kept + b), normalizeGates(normal, 1, H));
        scaleAndShift(tanhAt, 0, normal, gainC, gainC + bytes(P), P);
        shown = tanhAt;
      }
      if (forms) {
        memory.copy(tanhAt, shown, bytes(P));
        activateGates(tanhAt, s ? s + bytes(W) : 0, P, forms + 96);
      } else {
        tanhArray(tanhAt, shown, P);
      }
      maskState(out + at, aAt + bytes((G - 1) * P), tanhAt, P);
    }
    if (m) matmul(yAt, Q, 0, 0, out, P, wHr, B, Q, H);
    if (zones) {
      zoneout(yAt, hPrevAt, zones + bytes(kept * Q), B * Q);
      zoneout(c, cPrevAt, zonesC + bytes(kept * P), B * P);
    }
    memory.copy(h, yAt, bytes(B * Q));
    if (!reverse) row += B;
  }
}

/** (2) and o of (3) for one row of P units: c in the previous, out the new one. */
function lstmCell(
  c: usize, a: usize, slopes: usize, peepholes: usize, forms: usize, P: i32, G: i32, gateClip: f32, cellClip: f32,
): void {
  const gate = bytes(P);
  const coupled = G == 3;
  const f = coupled ? a : a + gate;
  const g = f + gate;
  const o = g + gate;
  if (peepholes) {
    addProduct(a, peepholes, c, P);
    if (!coupled) addProduct(f, peepholes + gate, c, P);
  }
  if (gateClip > 0) clampArray(a, gateClip, (G - 1) * P);
  if (forms) {
    activateGates(a, slopes, (G - 2) * P, forms);
    activateGates(g, slopes ? slopes + (g - a) : 0, P, forms + 32);
  } else {
    sigmoidArray(a, a, (G - 2) * P);
    tanhArray(g, g, P);
  }
  for (let j: usize = 0; j < gate; j += 16) {
    const forget = v128.load(f + j);
    const input = coupled ? f32x4.sub(f32x4.splat(1), forget) : v128.load(a + j);
    v128.store(c + j, f32x4.add(f32x4.mul(forget, v128.load(c + j)), f32x4.mul(input, v128.load(g + j))));
  }
  if (cellClip > 0) clampArray(c, cellClip, P);
  if (peepholes) addProduct(o, peepholes + (f - a) + gate, c, P);
  if (gateClip > 0) clampArray(o, gateClip, P);
  if (forms) activateGates(o, slopes ? slopes + (o - a) : 0, P, forms + 64);
  else sigmoidArray(o, o, P);
}

/** y += a∘b */
function addProduct(y: usize, a: usize, b: usize, n: i32): void {
  for (const end = y + bytes(n); y < end; y += 16, a += 16, b += 16) {
    v128.store(y, muladd(v128.load(y), v128.load(a), v128.load(b)));
  }
}

/**
 * dx rows (N, I) stride padded(I), 0 if not wanted · dwIh dwHh dwHr dbIh dbHh: as the parameters, the biases 0 if there are none ·
 * dPeepholes (G − 1, padded(H)), dGains as gains: sums, to begin with zeros · dh, dc: in the gradient by the final, out by the
 * initial state · flow (N, padded(R)), then (N, padded(H)), 0 if not wanted · carryH (B, padded(R)), carryC (B, padded(H)): zoneout · dm (B, padded(H)): projection · gates … norms: as forward
 * left them · dy rows (N, padded(R)) · wIhRows, wHhRows, wHrRows: packRows · peepholes … zones: as in forward · scratch: the
 * largest of weightGradientScratch(G, H, I, R) and (1, R, H, 0) · slopes: of forms, else 0
 */
export function lstmVariantBackward(
  dx: usize, dwIh: usize, dwHh: usize, dwHr: usize, dbIh: usize, dbHh: usize, dPeepholes: usize, dGains: usize,
  dh: usize, dc: usize, flow: usize, carryH: usize, carryC: usize, dm: usize,
  gates: usize, hPrev: usize, cPrev: usize, tanhC: usize, m: usize, norms: usize, dy: usize,
  x: usize, wIhRows: usize, wHhRows: usize, wHrRows: usize, peepholes: usize, gains: usize, mask: usize, zones: usize,
  scratch: usize, slopes: usize, batchSizes: usize,
  T: i32, I: i32, H: i32, R: i32, G: i32, gateClip: f32, cellClip: f32, reverse: bool,
): void {
  const P = padded(H);
  const Q = padded(R);
  const W = G * P;
  const N = rowsOf(batchSizes, T);
  const normC = norms + bytes(N * W);
  const factors = normC + bytes(N * P);
  const normIh = factors + bytes(3 * padded(N));
  const gainHh = bytes(2 * W);
  const gainC = bytes(4 * W);
  const zonesC = zones + bytes(N * Q);
  const flowC = flow + bytes(N * Q);
  let row = reverse ? 0 : N;
  for (let step = 0; step < T; step++) {
    const B = batchSize(batchSizes, reverse ? step : T - 1 - step);
    if (!reverse) row -= B;
    const dyAt = dy + bytes(row * Q);
    const hPrevAt = hPrev + bytes(row * Q);
    add(dyAt, dh, B * Q);
    if (flow) {
      memory.copy(flow + bytes(row * Q), dyAt, bytes(B * Q));
      memory.copy(flowC + bytes(row * P), dc, bytes(B * P));
    }
    if (zones) {
      zoneoutBackward(dyAt, carryH, zones + bytes(row * Q), B * Q);
      zoneoutBackward(dc, carryC, zonesC + bytes(row * P), B * P);
    }
    let dOut = dyAt;
    if (m) {
      matmul(dm, P, 0, 0, dyAt, Q, wHrRows, B, P, Q);
      dOut = dm;
    }
    let da = gates + bytes(row * W);
    for (let b = 0; b < B; b++) {
      const at = bytes(b * P);
      const keptAt = bytes((row + b) * P);
      const aAt = da + bytes(b * W);
      let dTanh = tanhC + keptAt;
      const s = slopes ? slopes + bytes((row + b) * (W + P)) : 0;
      const o = bytes((G - 1) * P);
      if (s) lstmOutputBackward(aAt + o, dTanh, s + o, dOut + at, P, 0);
      else lstmOutputBackward(aAt + o, dTanh, 0, dOut + at, P, gateClip);
      if (norms) {
        const factor = load<f32>(factors + bytes(2 * padded(N) + row + b));
        const dGain = dGains + gainC;
        normalizeGatesBackward(normC + keptAt, dGain, dGain + bytes(P), dTanh, gains + gainC, factor, 1, H);
        dTanh = normC + keptAt;
      }
      if (flow) {
        add(flowC + keptAt, dTanh, P);
        if (peepholes) addProduct(flowC + keptAt, aAt + bytes((G - 1) * P), peepholes + bytes((G - 2) * P), P);
      }
      if (s) lstmCellBackward(aAt, dc + at, dPeepholes, s, dTanh, cPrev + keptAt, peepholes, P, G, 0, cellClip);
      else lstmCellBackward(aAt, dc + at, dPeepholes, 0, dTanh, cPrev + keptAt, peepholes, P, G, gateClip, cellClip);
    }
    if (norms) {
      const s = norms + bytes(row * W);
      for (let b = 0; b < B; b++) {
        const at = bytes(b * W);
        const factor = load<f32>(factors + bytes(padded(N) + row + b));
        const dGain = dGains + gainHh;
        normalizeGatesBackward(s + at, dGain, dGain + bytes(W), da + at, gains + gainHh, factor, G, H);
      }
      da = s;
    }
    matmul(dh, Q, 0, 0, da, W, wHhRows, B, Q, W);
    if (mask) multiply(hPrevAt, mask, B * Q);
    if (mask || zones) regularizedStep(dh, mask, zones ? carryH : 0, B * Q);
    if (zones) add(dc, carryC, B * P);
    if (reverse) row += B;
  }
  columnSumGates(dbIh, dbHh, gates, W, G, H, N);
  let fromX = gates;
  if (norms) {
    for (let n = 0; n < N; n++) {
      const at = bytes(n * W);
      const factor = load<f32>(factors + bytes(n));
      normalizeGatesBackward(normIh + at, dGains, dGains + bytes(W), gates + at, gains, factor, G, H);
    }
    weightGradient(dwHh, hPrev, Q, R, 0, 0, 0, 0, norms, W, scratch, G, H, N);
    weightGradient(dwIh, x, padded(I), I, 0, 0, 0, 0, normIh, W, scratch, G, H, N);
    fromX = normIh;
  } else {
    weightGradient(dwIh, x, padded(I), I, dwHh, hPrev, Q, R, gates, W, scratch, G, H, N);
  }
  if (m) weightGradient(dwHr, m, P, H, 0, 0, 0, 0, dy, Q, scratch, 1, R, N);
  if (dx) matmul(dx, padded(I), dx, padded(I), fromX, W, wIhRows, N, padded(I), W);
}

/** (3) backward for one row: da_o replaces o, and the gradient by what tanh took replaces tanh(c). */
// @ts-ignore: decorator
@inline function lstmOutputBackward(o: usize, tanhC: usize, slopes: usize, dm: usize, P: i32, gateClip: f32): void {
  const one = f32x4.splat(1);
  const low = sigmoid(f32x4.splat(-gateClip));
  const high = sigmoid(f32x4.splat(gateClip));
  for (const end = o + bytes(P); o < end; o += 16, tanhC += 16, dm += 16) {
    const gate = v128.load(o);
    const squashed = v128.load(tanhC);
    const d = v128.load(dm);
    let da = f32x4.mul(f32x4.mul(d, squashed), slopes ? v128.load(slopes) : f32x4.mul(gate, f32x4.sub(one, gate)));
    if (gateClip > 0) da = v128.and(da, within(gate, low, high));
    v128.store(o, da);
    const slopeC = slopes ? v128.load(slopes + bytes(P)) : f32x4.sub(one, f32x4.mul(squashed, squashed));
    v128.store(tanhC, f32x4.mul(f32x4.mul(d, gate), slopeC));
    if (slopes) slopes += 16;
  }
}

/** All bits where low < x < high. */
// @ts-ignore: decorator
@inline function within(x: v128, low: v128, high: v128): v128 {
  return v128.and(f32x4.gt(x, low), f32x4.lt(x, high));
}

/** (2) backward for one row; da replaces the gates in a, dcPrev replaces dc. */
// @ts-ignore: decorator
@inline function lstmCellBackward(
  a: usize, dc: usize, dPeepholes: usize, slopes: usize, dTanh: usize, cPrev: usize, peepholes: usize,
  P: i32, G: i32, gateClip: f32, cellClip: f32,
): void {
  const gate = bytes(P);
  const coupled = G == 3;
  const f: usize = coupled ? 0 : gate;
  const one = f32x4.splat(1);
  const limit = f32x4.splat(cellClip);
  const low = sigmoid(f32x4.splat(-gateClip));
  const high = sigmoid(f32x4.splat(gateClip));
  const highG = tanh(f32x4.splat(gateClip));
  const seen = peepholes != 0;
  for (let j: usize = 0; j < gate; j += 16, a += 16, dPeepholes += 16, peepholes += 16) {
    const forget = v128.load(a + f);
    const input = coupled ? f32x4.sub(one, forget) : v128.load(a);
    const g = v128.load(a + f + gate);
    const before = v128.load(cPrev + j);
    const sum = f32x4.add(f32x4.mul(forget, before), f32x4.mul(input, g));
    let ds = f32x4.add(v128.load(dc + j), v128.load(dTanh + j));
    if (seen) {
      const da = v128.load(a + f + gate * 2);
      const now = cellClip > 0 ? f32x4.pmin(f32x4.pmax(sum, f32x4.neg(limit)), limit) : sum;
      ds = muladd(ds, da, v128.load(peepholes + f + gate));
      v128.store(dPeepholes + f + gate, muladd(v128.load(dPeepholes + f + gate), da, now));
    }
    if (cellClip > 0) ds = v128.and(ds, f32x4.le(f32x4.abs(sum), limit));
    let dg = f32x4.mul(f32x4.mul(ds, input), slopes ? v128.load(slopes + f + gate) : f32x4.sub(one, f32x4.mul(g, g)));
    let df = f32x4.mul(ds, coupled ? f32x4.sub(before, g) : before);
    df = f32x4.mul(df, slopes ? v128.load(slopes + f) : f32x4.mul(forget, f32x4.sub(one, forget)));
    let di = f32x4.mul(f32x4.mul(ds, g), slopes ? v128.load(slopes) : f32x4.mul(input, f32x4.sub(one, input)));
    if (gateClip > 0) {
      dg = v128.and(dg, within(g, f32x4.neg(highG), highG));
      df = v128.and(df, within(forget, low, high));
      di = v128.and(di, within(input, low, high));
    }
    let dBefore = f32x4.mul(ds, forget);
    if (seen) {
      dBefore = muladd(dBefore, df, v128.load(peepholes + f));
      v128.store(dPeepholes + f, muladd(v128.load(dPeepholes + f), df, before));
      if (!coupled) {
        dBefore = muladd(dBefore, di, v128.load(peepholes));
        v128.store(dPeepholes, muladd(v128.load(dPeepholes), di, before));
      }
    }
    if (!coupled) v128.store(a, di);
    v128.store(a + f, df);
    v128.store(a + f + gate, dg);
    v128.store(dc + j, dBefore);
    if (slopes) slopes += 16;
  }
}
