// What the processor can do at most: loops of nothing but multiplications, nothing but additions, or nothing but loads.
// Independent chains of four numbers hide the latency; the numbers come in as parameters because a constant vector would be
// built anew at each use.

/** 48 multiplications a turn. */
export function multiply(turns: i32, by: f32): f32 {
  const x = f32x4.splat(by);
  let a = x,
    b = x,
    c = x,
    d = x,
    e = x,
    f = x,
    g = x,
    h = x,
    i = x,
    j = x,
    k = x,
    l = x;
  for (let n = 0; n < turns; n++) {
    a = f32x4.mul(a, x);
    b = f32x4.mul(b, x);
    c = f32x4.mul(c, x);
    d = f32x4.mul(d, x);
    e = f32x4.mul(e, x);
    f = f32x4.mul(f, x);
    g = f32x4.mul(g, x);
    h = f32x4.mul(h, x);
    i = f32x4.mul(i, x);
    j = f32x4.mul(j, x);
    k = f32x4.mul(k, x);
    l = f32x4.mul(l, x);
  }
  return sum(a, b, c, d, e, f, g, h, i, j, k, l);
}

/** 48 additions a turn. */
export function add(turns: i32, by: f32): f32 {
  const x = f32x4.splat(by);
  let a = x,
    b = x,
    c = x,
    d = x,
    e = x,
    f = x,
    g = x,
    h = x,
    i = x,
    j = x,
    k = x,
    l = x;
  for (let n = 0; n < turns; n++) {
    a = f32x4.add(a, x);
    b = f32x4.add(b, x);
    c = f32x4.add(c, x);
    d = f32x4.add(d, x);
    e = f32x4.add(e, x);
    f = f32x4.add(f, x);
    g = f32x4.add(g, x);
    h = f32x4.add(h, x);
    i = f32x4.add(i, x);
    j = f32x4.add(j, x);
    k = f32x4.add(k, x);
    l = f32x4.add(l, x);
  }
  return sum(a, b, c, d, e, f, g, h, i, j, k, l);
}

const BLOCK: usize = 0x4000;
const block = memory.data(0x4000, 64);

/** Eight loads of 16 bytes a turn, from 16 KB that stay in the first-level cache. */
export function load(turns: i32): i32 {
  const zero = i32x4.splat(0);
  let a = zero,
    b = zero,
    c = zero,
    d = zero,
    e = zero,
    f = zero,
    g = zero,
    h = zero;
  for (let n = 0; n < turns; n++) {
    const p = block + (((<usize>n) << 7) & (BLOCK - 1));
    a = v128.xor(a, v128.load(p));
    b = v128.xor(b, v128.load(p, 16));
    c = v128.xor(c, v128.load(p, 32));
    d = v128.xor(d, v128.load(p, 48));
    e = v128.xor(e, v128.load(p, 64));
    f = v128.xor(f, v128.load(p, 80));
    g = v128.xor(g, v128.load(p, 96));
    h = v128.xor(h, v128.load(p, 112));
  }
  return v128.any_true(v128.or(v128.or(v128.or(a, b), v128.or(c, d)), v128.or(v128.or(e, f), v128.or(g, h)))) ? 1 : 0;
}

/** One number of all, so that none is left out. */
function sum(
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  e: v128,
  f: v128,
  g: v128,
  h: v128,
  i: v128,
  j: v128,
  k: v128,
  l: v128,
): f32 {
  const first = f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(e, f));
  const second = f32x4.add(f32x4.add(f32x4.add(g, h), f32x4.add(i, j)), f32x4.add(k, l));
  return f32x4.extract_lane(f32x4.add(first, second), 0);
}
