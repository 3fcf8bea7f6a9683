// What the processor can do at most: loops of nothing but multiplications, nothing but additions, or nothing but these two.
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

/** 24 multiplications and 24 additions a turn, each on six chains. */
export function both(turns: i32, by: f32): f32 {
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
    g = f32x4.add(g, x);
    b = f32x4.mul(b, x);
    h = f32x4.add(h, x);
    c = f32x4.mul(c, x);
    i = f32x4.add(i, x);
    d = f32x4.mul(d, x);
    j = f32x4.add(j, x);
    e = f32x4.mul(e, x);
    k = f32x4.add(k, x);
    f = f32x4.mul(f, x);
    l = f32x4.add(l, x);
  }
  return sum(a, b, c, d, e, f, g, h, i, j, k, l);
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
