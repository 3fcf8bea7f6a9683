// One step of an optimiser over a run of parameters p with their gradients g, to PyTorch's definitions. n is a multiple of 4
// unless said otherwise; slots are as long as p. Numbers that depend on the step are worked out here in f64, because powers
// and roots taken in JavaScript would differ between engines.
import { bytes, muladd } from "./simd";

// @ts-ignore: decorator
@inline function splat(x: f64): v128 {
  return f32x4.splat(<f32>x);
}

/**
 * ε beside a root of squares. For 0 stands 1e-19, the root of about the smallest normal number: any root that is not 0 outweighs
 * it, and where all gradients were 0 the change is 0/ε = 0 and not 0/0.
 */
// @ts-ignore: decorator
@inline function divisor(epsilon: f64): v128 {
  return splat(max(epsilon, 1e-19));
}

/** *slot = keep·*slot + gain·x */
// @ts-ignore: decorator
@inline function mix(slot: usize, x: v128, keep: v128, gain: v128): v128 {
  const mean = f32x4.add(f32x4.mul(keep, v128.load(slot)), f32x4.mul(gain, x));
  v128.store(slot, mean);
  return mean;
}

/** g + decay·p */
// @ts-ignore: decorator
@inline function decayed(p: usize, g: usize, decay: v128): v128 {
  return muladd(v128.load(g), decay, v128.load(p));
}

/** g += penalty·sign(p), the gradient of penalty·|p|, 0 where p is 0; any n. */
export function addSign(g: usize, p: usize, penalty: f32, n: i32): void {
  const end = p + bytes(n);
  const by = f32x4.splat(penalty);
  const none = f32x4.splat(0);
  for (; p + 16 <= end; p += 16, g += 16) {
    const x = v128.load(p);
    const sign = f32x4.sub(v128.and(f32x4.gt(x, none), by), v128.and(f32x4.lt(x, none), by));
    v128.store(g, f32x4.add(v128.load(g), sign));
  }
  for (; p < end; p += 4, g += 4) {
    const x = load<f32>(p);
    store<f32>(g, load<f32>(g) + (x > 0 ? penalty : x < 0 ? -penalty : 0));
  }
}

/** mean += weight·(p − mean) */
export function average(mean: usize, p: usize, weight: f32, n: i32): void {
  const by = f32x4.splat(weight);
  for (const end = p + bytes(n); p < end; p += 16, mean += 16) {
    const m = v128.load(mean);
    v128.store(mean, muladd(m, by, f32x4.sub(v128.load(p), m)));
  }
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
  const eps = divisor(epsilon);
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
  const eps = divisor(epsilon);
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
  const lr = rate / (1 - power(beta1, step));
  const root = 1 / Math.sqrt(1 - power(beta2, step));
  adamUpdate(p, g, first, second, highest, n, lr, root, rate, beta1, beta2, epsilon, decay, decoupled);
}

/** m and v as above, p −= lr·m / (root·√v + ε), with the decay. */
function adamUpdate(
  p: usize, g: usize, first: usize, second: usize, highest: usize, n: i32,
  lr: f64, root: f64, rate: f64, beta1: f64, beta2: f64, epsilon: f64, decay: f64, decoupled: bool,
): void {
  const rates = splat(lr);
  const roots = splat(root);
  const shrink = splat(decoupled ? 1 - rate * decay : 1);
  const wd = splat(decoupled ? 0 : decay);
  const keep1 = splat(beta1);
  const gain1 = splat(1 - beta1);
  const keep2 = splat(beta2);
  const gain2 = splat(1 - beta2);
  const eps = divisor(epsilon);
  for (const end = p + bytes(n); p < end; p += 16, g += 16, first += 16, second += 16) {
    const d = decayed(p, g, wd);
    const m = mix(first, d, keep1, gain1);
    let v = mix(second, f32x4.mul(d, d), keep2, gain2);
    if (highest) {
      v = f32x4.pmax(v128.load(highest), v);
      v128.store(highest, v);
      highest += 16;
    }
    const change = f32x4.div(m, f32x4.add(f32x4.mul(f32x4.sqrt(v), roots), eps));
    v128.store(p, f32x4.sub(f32x4.mul(v128.load(p), shrink), f32x4.mul(rates, change)));
  }
}

/**
 * RAdam (Liu et al. 2020): m and v as in Adam, ρ = 2/(1 − β₂) − 1, ρₜ = ρ − 2tβ₂ᵗ/(1 − β₂ᵗ). From ρₜ > 5 on
 * p −= rate/(1 − β₁ᵗ)·√((ρₜ − 4)(ρₜ − 2)ρ / ((ρ − 4)(ρ − 2)ρₜ))·√(1 − β₂ᵗ)·m / (√v + ε), before p −= rate/(1 − β₁ᵗ)·m.
 * slots and decay as in Adam
 */
export function radamStep(
  p: usize, g: usize, first: usize, second: usize, n: i32, step: i32,
  rate: f64, beta1: f64, beta2: f64, epsilon: f64, decay: f64, decoupled: bool,
): void {
  let lr = rate / (1 - power(beta1, step));
  const power2 = power(beta2, step);
  const limit = 2 / (1 - beta2) - 1;
  const rho = limit - (2 * <f64>step * power2) / (1 - power2);
  const rectified = rho > 5;
  if (rectified) {
    lr *= Math.sqrt(((rho - 4) * (rho - 2) * limit * (1 - power2)) / ((limit - 4) * (limit - 2) * rho));
  }
  const root: f64 = rectified ? 1 : 0; // a divisor of 0·√v + 1 else
  adamUpdate(p, g, first, second, 0, n, lr, root, rate, beta1, beta2, rectified ? epsilon : 1, decay, decoupled);
}

/**
 * NAdam (Dozat 2016): m and v as in Adam, μₜ = β₁(1 − 0.96^(tψ)/2), Π = μ₁…μₜ,
 * p −= rate·((1 − μₜ)/(1 − Π)·g + μₜ₊₁/(1 − Πμₜ₊₁)·m) / (√(v/(1 − β₂ᵗ)) + ε). ψ: momentumDecay; asTorch1: Πμₜμₜ₊₁ in place of
 * Πμₜ₊₁; slots and decay as in Adam
 */
export function nadamStep(
  p: usize, g: usize, first: usize, second: usize, n: i32, step: i32,
  rate: f64, beta1: f64, beta2: f64, epsilon: f64, momentumDecay: f64, decay: f64, decoupled: bool, asTorch1: bool,
): void {
  const base = exp(momentumDecay * -0.04082199452025517); // ln 0.96
  let product: f64 = 1;
  let factor: f64 = 1;
  // Π is worked out anew at each step, so that it needs no slot; what is below 1e-17 is lost in 1 − Π.
  for (let t = 0; t < step && product > 1e-17; t++) {
    factor *= base;
    product *= beta1 * (1 - 0.5 * factor);
  }
  factor = power(base, step);
  const mu = beta1 * (1 - 0.5 * factor);
  const next = beta1 * (1 - 0.5 * factor * base);
  const direct = splat((rate * (1 - mu)) / (1 - product));
  const ahead = splat((rate * next) / (1 - product * next * (asTorch1 ? mu : 1)));
  const root = splat(1 / Math.sqrt(1 - power(beta2, step)));
  const shrink = splat(decoupled ? 1 - rate * decay : 1);
  const wd = splat(decoupled ? 0 : decay);
  const keep1 = splat(beta1);
  const gain1 = splat(1 - beta1);
  const keep2 = splat(beta2);
  const gain2 = splat(1 - beta2);
  const eps = divisor(epsilon);
  for (const end = p + bytes(n); p < end; p += 16, g += 16, first += 16, second += 16) {
    const d = decayed(p, g, wd);
    const m = mix(first, d, keep1, gain1);
    const v = mix(second, f32x4.mul(d, d), keep2, gain2);
    const change = f32x4.add(f32x4.mul(direct, d), f32x4.mul(ahead, m));
    const size = f32x4.add(f32x4.mul(f32x4.sqrt(v), root), eps);
    v128.store(p, f32x4.sub(f32x4.mul(v128.load(p), shrink), f32x4.div(change, size)));
  }
}

/**
 * Adamax (Kingma & Ba 2015): m = β₁m + (1 − β₁)g, u = max(β₂u, |g| + ε), p −= rate/(1 − β₁ᵗ)·m / u.
 * slots first m, highest u
 */
export function adamaxStep(
  p: usize, g: usize, first: usize, highest: usize, n: i32, step: i32,
  rate: f64, beta1: f64, beta2: f64, epsilon: f64, decay: f64,
): void {
  const lr = splat(rate / (1 - power(beta1, step)));
  const wd = splat(decay);
  const keep1 = splat(beta1);
  const gain1 = splat(1 - beta1);
  const keep2 = splat(beta2);
  const eps = divisor(epsilon);
  for (const end = p + bytes(n); p < end; p += 16, g += 16, first += 16, highest += 16) {
    const d = decayed(p, g, wd);
    const m = mix(first, d, keep1, gain1);
    const u = f32x4.pmax(f32x4.mul(keep2, v128.load(highest)), f32x4.add(f32x4.abs(d), eps));
    v128.store(highest, u);
    v128.store(p, f32x4.sub(v128.load(p), f32x4.mul(lr, f32x4.div(m, u))));
  }
}

/**
 * Adadelta (Zeiler 2012): s = ρs + (1 − ρ)g², d = √(c + ε) / √(s + ε)·g, c = ρc + (1 − ρ)d², p −= rate·d.
 * slots square s, changes c
 */
export function adadeltaStep(
  p: usize, g: usize, square: usize, changes: usize, n: i32, rate: f64, rho: f64, epsilon: f64, decay: f64,
): void {
  const lr = splat(rate);
  const wd = splat(decay);
  const keep = splat(rho);
  const gain = splat(1 - rho);
  const eps = splat(max(epsilon, 1e-38)); // divisor² for 0
  for (const end = p + bytes(n); p < end; p += 16, g += 16, square += 16, changes += 16) {
    const d = decayed(p, g, wd);
    const s = mix(square, f32x4.mul(d, d), keep, gain);
    const ratio = f32x4.div(f32x4.add(v128.load(changes), eps), f32x4.add(s, eps));
    const change = f32x4.mul(f32x4.sqrt(ratio), d);
    mix(changes, f32x4.mul(change, change), keep, gain);
    v128.store(p, f32x4.sub(v128.load(p), f32x4.mul(lr, change)));
  }
}

/** e^x: the series of x halved so often that it is small, squared as often. */
function exp(x: f64): f64 {
  let halvings = 0;
  for (; abs(x) > 0.125; x *= 0.5) halvings++;
  let sum: f64 = 1;
  let term: f64 = 1;
  for (let k = 1; k < 12; k++) sum += term *= x / <f64>k;
  for (; halvings > 0; halvings--) sum *= sum;
  return sum;
}
