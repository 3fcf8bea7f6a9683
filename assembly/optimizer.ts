// One step of an optimiser over the whole block of parameters p with their gradients g, to PyTorch's definitions.
// n is a multiple of 4; slots are as long as p. Numbers that depend on the step are worked out here in f64, because powers
// and roots taken in JavaScript would differ between engines.
import { bytes, muladd } from "./simd";

// @ts-ignore: decorator
@inline function splat(x: f64): v128 {
  return f32x4.splat(<f32>x);
}

/** g + decay·p */
// @ts-ignore: decorator
@inline function decayed(p: usize, g: usize, decay: v128): v128 {
  return muladd(v128.load(g), decay, v128.load(p));
}

/** base^n by repeated squaring. */
function power(base: f64, n: i32): f64 {
  let result: f64 = 1;
  for (; n > 0; n >>= 1, base *= base) if (n & 1) result *= base;
  return result;
}

/**
 * Stochastic gradient descent: v = momentum·v + (1 − dampening)·g, p −= rate·(nesterov ? g + momentum·v : v).
 * slot velocity, 0 without momentum; at the first step v = g
 */
export function sgdStep(
  p: usize, g: usize, velocity: usize, n: i32, step: i32,
  rate: f64, momentum: f64, dampening: f64, nesterov: bool, decay: f64,
): void {
  const lr = splat(rate);
  const wd = splat(decay);
  const mu = splat(momentum);
  const gain = splat(step == 1 ? 1 : 1 - dampening);
  for (const end = p + bytes(n); p < end; p += 16, g += 16) {
    let d = decayed(p, g, wd);
    if (velocity) {
      const v = f32x4.add(f32x4.mul(mu, v128.load(velocity)), f32x4.mul(gain, d));
      v128.store(velocity, v);
      d = nesterov ? muladd(d, mu, v) : v;
      velocity += 16;
    }
    v128.store(p, f32x4.sub(v128.load(p), f32x4.mul(lr, d)));
  }
}

/**
 * RMSprop (Hinton 2012; centred: Graves 2013): s = αs + (1 − α)g², d = g / (√(s − m²) + ε), p −= rate·d, with momentum
 * v = momentum·v + d, p −= rate·v. slots square s, mean m (0: not centred), velocity v (0: no momentum)
 */
export function rmspropStep(
  p: usize, g: usize, square: usize, mean: usize, velocity: usize, n: i32,
  rate: f64, alpha: f64, epsilon: f64, momentum: f64, decay: f64,
): void {
  const lr = splat(rate);
  const wd = splat(decay);
  const mu = splat(momentum);
  const keep = splat(alpha);
  const gain = splat(1 - alpha);
  const eps = splat(epsilon);
  for (const end = p + bytes(n); p < end; p += 16, g += 16, square += 16) {
    const d = decayed(p, g, wd);
    const s = f32x4.add(f32x4.mul(keep, v128.load(square)), f32x4.mul(gain, f32x4.mul(d, d)));
    v128.store(square, s);
    let variance = s;
    if (mean) {
      const m = f32x4.add(f32x4.mul(keep, v128.load(mean)), f32x4.mul(gain, d));
      v128.store(mean, m);
      // Rounding can take a variance of 0 below it.
      variance = f32x4.pmax(f32x4.sub(s, f32x4.mul(m, m)), f32x4.splat(0));
      mean += 16;
    }
    let change = f32x4.div(d, f32x4.add(f32x4.sqrt(variance), eps));
    if (velocity) {
      change = muladd(change, mu, v128.load(velocity));
      v128.store(velocity, change);
      velocity += 16;
    }
    v128.store(p, f32x4.sub(v128.load(p), f32x4.mul(lr, change)));
  }
}

/** Adagrad (Duchi, Hazan & Singer 2011): s += g², p −= rate/(1 + (step − 1)·rateDecay)·g / (√s + ε). slot square s */
export function adagradStep(
  p: usize, g: usize, square: usize, n: i32, step: i32, rate: f64, rateDecay: f64, epsilon: f64, decay: f64,
): void {
  const lr = splat(rate / (1 + <f64>(step - 1) * rateDecay));
  const wd = splat(decay);
  const eps = splat(epsilon);
  for (const end = p + bytes(n); p < end; p += 16, g += 16, square += 16) {
    const d = decayed(p, g, wd);
    const s = muladd(v128.load(square), d, d);
    v128.store(square, s);
    v128.store(p, f32x4.sub(v128.load(p), f32x4.mul(lr, f32x4.div(d, f32x4.add(f32x4.sqrt(s), eps)))));
  }
}

/**
 * Adam (Kingma & Ba 2015), with decoupled decay AdamW (Loshchilov & Hutter 2019), with AMSGrad (Reddi, Kale & Kumar 2018):
 * m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g², p −= rate/(1 − β₁ᵗ)·m / (√v/√(1 − β₂ᵗ) + ε).
 * slots first m, second v, highest max v (0: without AMSGrad); decoupled: p −= rate·decay·p first, else g += decay·p
 */
export function adamStep(
  p: usize, g: usize, first: usize, second: usize, highest: usize, n: i32, step: i32,
  rate: f64, beta1: f64, beta2: f64, epsilon: f64, decay: f64, decoupled: bool,
): void {
  const lr = splat(rate / (1 - power(beta1, step)));
  const root = splat(1 / Math.sqrt(1 - power(beta2, step)));
  const shrink = splat(decoupled ? 1 - rate * decay : 1);
  const wd = splat(decoupled ? 0 : decay);
  const keep1 = splat(beta1);
  const gain1 = splat(1 - beta1);
  const keep2 = splat(beta2);
  const gain2 = splat(1 - beta2);
  const eps = splat(epsilon);
  for (const end = p + bytes(n); p < end; p += 16, g += 16, first += 16, second += 16) {
    const d = decayed(p, g, wd);
    const m = f32x4.add(f32x4.mul(keep1, v128.load(first)), f32x4.mul(gain1, d));
    let v = f32x4.add(f32x4.mul(keep2, v128.load(second)), f32x4.mul(gain2, f32x4.mul(d, d)));
    v128.store(first, m);
    v128.store(second, v);
    if (highest) {
      v = f32x4.pmax(v128.load(highest), v);
      v128.store(highest, v);
      highest += 16;
    }
    const change = f32x4.div(m, f32x4.add(f32x4.mul(f32x4.sqrt(v), root), eps));
    v128.store(p, f32x4.sub(f32x4.mul(v128.load(p), shrink), f32x4.mul(lr, change)));
  }
}
