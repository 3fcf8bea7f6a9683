// Mixture density (Bishop 1994) of one or two dimensions, with the correlation of Graves 2013 and the pen of Ha & Eck 2017.
//
// An output is [pen (P) | pi (K) | mean (D·K) | log σ (D·K) | a (K) if D = 2], K components, a = atanh of the correlation ρ.
// With z = (target − mean)/σ, c = cosh a = 1/√(1 − ρ²), s = sinh a = ρ·c, and for D = 1 c = 1, s = 0, zy = 0:
// (1) u = c·zx − s·zy, v = c·zy − s·zx
// (2) log N = −(u² + zy²)/2 + log c − Σ (log σ + log(2π)/2)      u² + zy² = (zx² − 2ρ·zx·zy + zy²)/(1 − ρ²)
// (3) loss = −log Σ softmax(pi)·N + cross-entropy of pen
// backward (3) dpi = softmax(pi) − γ, γ = softmax(log softmax(pi) + log N); dpen = softmax(pen) − its target; d log N = −γ
//          (2) d log σx = d·(c·u·zx − 1)   dmean x = d·c·u/σx   y likewise with v   da = d·(s/c + u·v)
// Numbers are f64 but for exponentials and logarithms; nothing is subtracted from 1, so ρ may come as near to 1 as it likes.
import { softmaxRow } from "./activation";
import { expOf, weightOf } from "./loss";
import { bytes, padded } from "./simd";
import { scale as scaleArray } from "./vector";

const HALF_LOG_2PI: f64 = 0.9189385332046727;
const LN2: f64 = 0.6931471805599453;

/** e^x beyond the range of f32. */
function wideExp(x: f32): f64 {
  const e: f64 = expOf(x * 0.5);
  return e * e;
}

/** log N of the target; its slopes go into dy. y, dy: the first mean of the component, the others K floats apart. */
function component(dy: usize, y: usize, target: usize, K: i32, D: i32): f64 {
  const next = bytes(K);
  const deviation = <usize>D * next;
  const both = D == 2;
  let logScale: f64 = HALF_LOG_2PI + load<f32>(y + deviation);
  const inverseX = wideExp(-load<f32>(y + deviation));
  const zx = (<f64>load<f32>(target) - load<f32>(y)) * inverseX;
  let inverseY: f64 = 0;
  let zy: f64 = 0;
  let c: f64 = 1;
  let s: f64 = 0;
  if (both) {
    const logY = load<f32>(y + deviation + next);
    inverseY = wideExp(-logY);
    zy = (<f64>load<f32>(target, 4) - load<f32>(y + next)) * inverseY;
    const a = load<f32>(y + 2 * deviation);
    const e = wideExp(a);
    c = (e + 1 / e) / 2;
    s = (e - 1 / e) / 2;
    logScale += HALF_LOG_2PI + LN2 + logY - abs(a) - Mathf.log1p(expOf(-2 * abs(a)));
  }
  const u = c * zx - s * zy;
  const v = c * zy - s * zx;
  store<f32>(dy, <f32>(c * u * inverseX));
  store<f32>(dy + deviation, <f32>(c * u * zx - 1));
  if (both) {
    store<f32>(dy + next, <f32>(c * v * inverseY));
    store<f32>(dy + deviation + next, <f32>(c * v * zy - 1));
    store<f32>(dy + 2 * deviation, <f32>(s / c + u * v));
  }
  return -(u * u + zy * zy) / 2 - logScale;
}

/**
 * Σ over the rows of the negative log-likelihood of their targets; dy likewise, times scale.
 * y, dy rows (N, padded(F)), F as above · target rows (N, padded): D numbers, then the pen state if P > 0 ·
 * weights (N), 0 for ones · room for 2·padded(K) floats
 */
export function gaussianMixture(
  dy: usize, room: usize, y: usize, target: usize, weights: usize,
  N: i32, F: i32, K: i32, D: i32, P: i32, scale: f32,
): f64 {
  const ld = bytes(padded(F));
  const ldTarget = bytes(padded(P ? D + 1 : D));
  const shares = room;
  const hits = room + bytes(padded(K));
  let total: f64 = 0;
  for (let row = 0; row < N; row++, dy += ld, y += ld, target += ldTarget) {
    const w = weightOf(weights, row);
    let loss: f64 = 0;
    memory.fill(dy, 0, ld);
    if (P) {
      const at = bytes(<i32>load<f32>(target + bytes(D)));
      loss = <f64>softmaxRow(dy, y, P) - load<f32>(y + at);
      store<f32>(dy + at, load<f32>(dy + at) - 1);
    }
    const logSum = softmaxRow(shares, y + bytes(P), K);
    for (let k = 0; k < K; k++) {
      const at = bytes(P + K + k);
      const logN = component(dy + at, y + at, target, K, D);
      store<f32>(hits + bytes(k), <f32>(logN + load<f32>(y + bytes(P + k)) - logSum));
    }
    loss -= softmaxRow(hits, hits, K);
    for (let i = P; i < F; i++) {
      const k = bytes((i - P) % K);
      const hit = load<f32>(hits + k);
      const at = dy + bytes(i);
      // A component without a share in the target has no slope, even where its density is beyond all numbers.
      store<f32>(at, i < P + K ? load<f32>(shares + k) - hit : hit == 0 ? 0 : -hit * load<f32>(at));
    }
    scaleArray(dy, w * scale, padded(F));
    if (w != 0) total += <f64>w * loss;
  }
  return total;
}
