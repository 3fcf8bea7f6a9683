/**
 * The mathematical specification: every formula of the library in plain float64, one sequence and one number at a time.
 * Nothing here is fast and nothing is shared with the library. Parameters carry PyTorch's names and shapes.
 *
 *   B T I H O C   batch, time, input, hidden, output and class counts, in elements
 *   σ tanh f      applied to each element          ∘   product of elements        ·   matrix product
 *   x′ dX         the next value of x; the gradient of the loss by X, in the shape of X
 *
 * Matrices are row-major. A `…Backward` takes what its forward took and the gradient of what the forward gave.
 */

type Vector = Float64Array;

// ---------------------------------------------------------------------------------------------------- vectors

const zeros = (size: number): Vector => new Float64Array(size);
const zerosLike = (vectors: Params): Params =>
  Object.fromEntries(Object.entries(vectors).map(([name, vector]) => [name, zeros(vector.length)]));

/** a + b + … */
const add = (first: Vector, ...others: Vector[]): Vector =>
  others.reduce((sum, other) => sum.map((s, k) => s + other[k]!), first);
/** a ∘ b ∘ … */
const mul = (first: Vector, ...others: Vector[]): Vector =>
  others.reduce((product, other) => product.map((p, k) => p * other[k]!), first);
/** s·a */
const scale = (vector: Vector, factor: number): Vector => vector.map((v) => v * factor);
/** Σ a∘b */
const dot = (a: Vector, b: Vector): number => a.reduce((sum, v, k) => sum + v * b[k]!, 0);

const concat = (vectors: readonly Vector[]): Vector => Float64Array.from(vectors.flatMap((vector) => [...vector]));
/** The rows of a matrix, as views. */
const rows = (matrix: Vector, width: number): Vector[] =>
  Array.from({ length: matrix.length / width }, (_, n) => part(matrix, n, width));
/** The k-th stretch of `size` elements, as a view. */
const part = (vector: Vector, k: number, size: number): Vector => vector.subarray(k * size, (k + 1) * size);
/** Adds to what the caller owns. */
const addTo = (target: Vector, vector: Vector): void => target.set(add(target, vector));

// ------------------------------------------------------------------------------------------------ activations

/** y = f(x) and df = dy/dx. `parameter` is the slope of leaky_relu and the alpha of elu; no other has one. */
export interface Activation {
  f: (x: number, parameter?: number) => number;
  df: (x: number, parameter?: number) => number;
}

/** 1 / (1 + e⁻ˣ) */
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** log(1 + eˣ), without overflow */
const logOnePlusExp = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·5·…·(2n+1))     Abramowitz and Stegun 7.1.6; 1 to the last bit from 6 on */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Φ(x) = (1 + erf(x/√2)) / 2 and its density φ(x) = e^(−x²/2) / √2π */
const normalCdf = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;
const normalPdf = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** gelu (tanh) = x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³) */
const geluInner = (x: number): number => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const geluInnerSlope = (x: number): number => Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
const sech2 = (x: number): number => 1 - Math.tanh(x) ** 2;

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;
/** From here on PyTorch's softplus is the identity. */
const SOFTPLUS_THRESHOLD = 20;

/**
 * PyTorch's definitions, at the kinks too; hardswish at ±3 as in its releases since pull request 148049 (the older ones
 * do not agree with themselves there).
 */
export const activations = {
  linear: { f: (x) => x, df: () => 1 },
  sigmoid: { f: sigmoid, df: (x) => sigmoid(x) * sigmoid(-x) },
  tanh: { f: (x) => Math.tanh(x), df: sech2 },
  relu: { f: (x) => Math.max(x, 0), df: (x) => (x > 0 ? 1 : 0) },
  leaky_relu: {
    f: (x, slope = 0.01) => (x > 0 ? x : slope * x),
    df: (x, slope = 0.01) => (x > 0 ? 1 : slope),
  },
  elu: {
    f: (x, alpha = 1) => (x > 0 ? x : alpha * Math.expm1(x)),
    df: (x, alpha = 1) => (x > 0 ? 1 : alpha * Math.exp(x)),
  },
  selu: {
    f: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
    df: (x) => SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * Math.exp(x)),
  },
  gelu_erf: { f: (x) => x * normalCdf(x), df: (x) => normalCdf(x) + x * normalPdf(x) },
  gelu_tanh: {
    f: (x) => (x / 2) * (1 + Math.tanh(geluInner(x))),
    df: (x) => (1 + Math.tanh(geluInner(x)) + x * sech2(geluInner(x)) * geluInnerSlope(x)) / 2,
  },
  silu: { f: (x) => x * sigmoid(x), df: (x) => sigmoid(x) * (1 + x * sigmoid(-x)) },
  mish: {
    f: (x) => x * Math.tanh(logOnePlusExp(x)),
    df: (x) => Math.tanh(logOnePlusExp(x)) + x * sech2(logOnePlusExp(x)) * sigmoid(x),
  },
  log_sigmoid: { f: (x) => -logOnePlusExp(-x), df: (x) => sigmoid(-x) },
  hardtanh: { f: (x) => clamp(x, -1, 1), df: (x) => (x > -1 && x < 1 ? 1 : 0) },
  softplus: {
    f: (x) => (x > SOFTPLUS_THRESHOLD ? x : logOnePlusExp(x)),
    df: (x) => (x > SOFTPLUS_THRESHOLD ? 1 : sigmoid(x)),
  },
  softsign: { f: (x) => x / (1 + Math.abs(x)), df: (x) => 1 / (1 + Math.abs(x)) ** 2 },
  relu6: { f: (x) => clamp(x, 0, 6), df: (x) => (x > 0 && x < 6 ? 1 : 0) },
  hardsigmoid: { f: (x) => clamp(x + 3, 0, 6) / 6, df: (x) => (x > -3 && x < 3 ? 1 / 6 : 0) },
  hardswish: {
    f: (x) => (x * clamp(x + 3, 0, 6)) / 6,
    df: (x) => (x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1),
  },
} satisfies Record<string, Activation>;

export type ActivationName = keyof typeof activations;

/** y = f(x) */
export function activation(name: ActivationName, x: Vector, parameter?: number): Vector {
  const { f }: Activation = activations[name];
  return x.map((v) => f(v, parameter));
}

/** dx = dy ∘ f′(x) */
export function activationBackward(name: ActivationName, x: Vector, dY: Vector, parameter?: number): Vector {
  const { df }: Activation = activations[name];
  return x.map((v, k) => dY[k]! * df(v, parameter));
}

/** Over rows of C:  y = x − max x − log Σ e^(x − max x) */
export function logSoftmax(x: Vector, C: number): Vector {
  const ofRow = (row: Vector): Vector => {
    const highest = Math.max(...row);
    const logSum = Math.log(row.reduce((sum, v) => sum + Math.exp(v - highest), 0));
    return row.map((v) => v - highest - logSum);
  };
  return concat(rows(x, C).map(ofRow));
}

/** dx = dy − e^y Σ dy */
export function logSoftmaxBackward(x: Vector, dY: Vector, C: number): Vector {
  const y = logSoftmax(x, C);
  const sums = rows(dY, C).map((row) => row.reduce((sum, v) => sum + v, 0));
  return y.map((v, k) => dY[k]! - Math.exp(v) * sums[Math.floor(k / C)]!);
}

/** Over rows of C:  y = e^x / Σ e^x */
export function softmax(x: Vector, C: number): Vector {
  return logSoftmax(x, C).map((v) => Math.exp(v));
}

/** dx = y ∘ (dy − Σ y∘dy) */
export function softmaxBackward(x: Vector, dY: Vector, C: number): Vector {
  const y = softmax(x, C);
  const sums = rows(y, C).map((row, n) => dot(row, part(dY, n, C)));
  return y.map((v, k) => v * (dY[k]! - sums[Math.floor(k / C)]!));
}

// ------------------------------------------------------------------------------------- dense and embedding

/** y = W·x + b     W (O, I), x (I), b (O) or none */
function affine(weight: Vector, x: Vector, bias?: Vector): Vector {
  const y = Float64Array.from(rows(weight, x.length), (row) => dot(row, x));
  return bias ? add(y, bias) : y;
}

/** dW += dy·xᵀ     db += dy     dx = Wᵀ·dy */
function affineBackward(weight: Vector, x: Vector, dY: Vector, dWeight: Vector, dBias?: Vector): Vector {
  rows(dWeight, x.length).forEach((row, o) => addTo(row, scale(x, dY[o]!)));
  if (dBias) addTo(dBias, dY);
  return rows(weight, x.length).reduce((dX, row, o) => add(dX, scale(row, dY[o]!)), zeros(x.length));
}

/** y = x·Wᵀ + b     x (N, I), W (O, I), b (O) or none, y (N, O) */
export function linear(x: Vector, I: number, weight: Vector, bias?: Vector): Vector {
  return concat(rows(x, I).map((row) => affine(weight, row, bias)));
}

/** dx = dy·W     dW = dyᵀ·x     db = Σ dy over rows */
export function linearBackward(x: Vector, I: number, weight: Vector, dY: Vector) {
  const O = weight.length / I;
  const dWeight = zeros(weight.length);
  const dBias = zeros(O);
  const dRows = rows(x, I).map((row, n) => affineBackward(weight, row, part(dY, n, O), dWeight, dBias));
  return { input: concat(dRows), weight: dWeight, bias: dBias };
}

/** y = W[index], row by row     W (V, D), y (N, D) */
export function embedding(indices: ArrayLike<number>, weight: Vector, D: number): Vector {
  return concat(Array.from(indices, (index) => part(weight, index, D)));
}

/** dW[index] += dy, except for the padding index, whose row stays zero */
export function embeddingBackward(
  indices: ArrayLike<number>,
  weight: Vector,
  dY: Vector,
  D: number,
  paddingIndex?: number,
): Vector {
  const dWeight = zeros(weight.length);
  Array.from(indices, (index, n) => index !== paddingIndex && addTo(part(dWeight, index, D), part(dY, n, D)));
  return dWeight;
}

// ------------------------------------------------------------------------- recurrent cells: one step, one row

/** weight_ih (G·H, I), weight_hh (G·H, H), bias_ih and bias_hh (G·H) or none, for a cell of G gates. */
export interface CellParams {
  weight_ih: Vector;
  weight_hh: Vector;
  bias_ih: Vector | undefined;
  bias_hh: Vector | undefined;
}

/** h (H); c (H) for the LSTM, (0) for all others. */
export interface State {
  h: Vector;
  c: Vector;
}

export interface Cell {
  gates: number;
  step: (p: CellParams, x: Vector, prev: State) => State;
  /** Adds to `dP`; gives the gradients by `x` and by the previous state. */
  stepBackward: (p: CellParams, x: Vector, prev: State, dNext: State, dP: CellParams) => State & { x: Vector };
}

const none = zeros(0);
const dSigmoid = (y: Vector): Vector => y.map((v) => v * (1 - v));
const dTanh = (y: Vector): Vector => y.map((v) => 1 - v * v);
const oneMinus = (y: Vector): Vector => y.map((v) => 1 - v);

/** W_ih·x + b_ih */
const fromInput = (p: CellParams, x: Vector): Vector => affine(p.weight_ih, x, p.bias_ih);
const fromInputBackward = (p: CellParams, x: Vector, dA: Vector, dP: CellParams): Vector =>
  affineBackward(p.weight_ih, x, dA, dP.weight_ih, dP.bias_ih);
/** W_hh·h + b_hh */
const fromHidden = (p: CellParams, h: Vector): Vector => affine(p.weight_hh, h, p.bias_hh);
const fromHiddenBackward = (p: CellParams, h: Vector, dA: Vector, dP: CellParams): Vector =>
  affineBackward(p.weight_hh, h, dA, dP.weight_hh, dP.bias_hh);

// Elman
// (1) a = W_ih·x + b_ih + W_hh·h + b_hh
// (2) h′ = f(a)
// backward (2) da = dh′∘f′(a)
//          (1) dx = W_ihᵀ·da   dh = W_hhᵀ·da   dW_ih += da·xᵀ   dW_hh += da·hᵀ   db_ih += da   db_hh += da
function elman(f: ActivationName): Cell {
  return {
    gates: 1,
    step(p, x, { h }) {
      const a = add(fromInput(p, x), fromHidden(p, h));
      return { h: activation(f, a), c: none };
    },
    stepBackward(p, x, { h }, dNext, dP) {
      const a = add(fromInput(p, x), fromHidden(p, h));
      const dA = activationBackward(f, a, dNext.h);
      return { x: fromInputBackward(p, x, dA, dP), h: fromHiddenBackward(p, h, dA, dP), c: none };
    },
  };
}

// LSTM
// (1) a = W_ih·x + b_ih + W_hh·h + b_hh     a = [i f g o] before activation
// (2) c′ = f∘c + i∘g                         i f o = σ(a), g = tanh(a)
// (3) h′ = o∘tanh(c′)
function lstmGates(p: CellParams, x: Vector, h: Vector) {
  const a = add(fromInput(p, x), fromHidden(p, h));
  const gate = (k: number, f: ActivationName): Vector => activation(f, part(a, k, h.length));
  return { i: gate(0, "sigmoid"), f: gate(1, "sigmoid"), g: gate(2, "tanh"), o: gate(3, "sigmoid") };
}

function lstmStep(p: CellParams, x: Vector, prev: State): State {
  const { i, f, g, o } = lstmGates(p, x, prev.h);
  const c = add(mul(f, prev.c), mul(i, g));
  return { h: mul(o, activation("tanh", c)), c };
}

// backward (3) do = dh′∘tanh(c′)             dc′ += dh′∘o∘(1 − tanh²c′)
//          (2) di = dc′∘g   df = dc′∘c   dg = dc′∘i               dc = dc′∘f
//          (1) da = [di∘i(1−i)  df∘f(1−f)  dg∘(1−g²)  do∘o(1−o)]   then as Elman
function lstmStepBackward(p: CellParams, x: Vector, prev: State, dNext: State, dP: CellParams) {
  const { i, f, g, o } = lstmGates(p, x, prev.h);
  const tanhC = activation("tanh", lstmStep(p, x, prev).c);
  const dC = add(dNext.c, mul(dNext.h, o, dTanh(tanhC)));
  const dI = mul(dC, g, dSigmoid(i));
  const dF = mul(dC, prev.c, dSigmoid(f));
  const dG = mul(dC, i, dTanh(g));
  const dO = mul(dNext.h, tanhC, dSigmoid(o));
  const dA = concat([dI, dF, dG, dO]);
  return { x: fromInputBackward(p, x, dA, dP), h: fromHiddenBackward(p, prev.h, dA, dP), c: mul(dC, f) };
}

// GRU, reset after the product with the hidden state (PyTorch)
// (1) a = W_ih·x + b_ih,  u = W_hh·h + b_hh     both in the order [r z n]
// (2) r = σ(a_r + u_r)    z = σ(a_z + u_z)    n = tanh(a_n + r∘u_n)
// (3) h′ = (1 − z)∘n + z∘h
function gruGates(p: CellParams, x: Vector, h: Vector) {
  const [a, u, H] = [fromInput(p, x), fromHidden(p, h), h.length];
  const r = activation("sigmoid", add(part(a, 0, H), part(u, 0, H)));
  const z = activation("sigmoid", add(part(a, 1, H), part(u, 1, H)));
  const n = activation("tanh", add(part(a, 2, H), mul(r, part(u, 2, H))));
  return { r, z, n, uN: part(u, 2, H) };
}

function gruStep(p: CellParams, x: Vector, { h }: State): State {
  const { z, n } = gruGates(p, x, h);
  return { h: add(mul(oneMinus(z), n), mul(z, h)), c: none };
}

// backward (3) dn = dh′∘(1 − z)   dz = dh′∘(h − n)   dh = dh′∘z
//          (2) da_n = dn∘(1 − n²)   da_z = dz∘z(1−z)   da_r = da_n∘u_n∘r(1−r)
//              da = [da_r da_z da_n]   du = [da_r da_z da_n∘r]
//          (1) dx = W_ihᵀ·da   dh += W_hhᵀ·du   dW_ih += da·xᵀ   dW_hh += du·hᵀ   db_ih += da   db_hh += du
function gruStepBackward(p: CellParams, x: Vector, { h }: State, dNext: State, dP: CellParams) {
  const { r, z, n, uN } = gruGates(p, x, h);
  const dN = mul(dNext.h, oneMinus(z), dTanh(n));
  const dZ = mul(dNext.h, add(h, scale(n, -1)), dSigmoid(z));
  const dR = mul(dN, uN, dSigmoid(r));
  const dX = fromInputBackward(p, x, concat([dR, dZ, dN]), dP);
  const dH = fromHiddenBackward(p, h, concat([dR, dZ, mul(dN, r)]), dP);
  return { x: dX, h: add(dH, mul(dNext.h, z)), c: none };
}

// GRU, reset before the product with the hidden state (Cho et al. 2014)
// (1) r = σ(W_ir·x + b_ir + W_hr·h + b_hr)   z likewise
// (2) n = tanh(W_in·x + b_in + W_hn·(r∘h) + b_hn)
// (3) h′ = (1 − z)∘n + z∘h
function gruResetBeforeGates(p: CellParams, x: Vector, h: Vector) {
  const [a, H, hidden] = [fromInput(p, x), h.length, hiddenParts(p, h.length)];
  const rz = activation("sigmoid", add(a.subarray(0, 2 * H), fromHidden(hidden.rz, h)));
  const [r, z] = [part(rz, 0, H), part(rz, 1, H)];
  const n = activation("tanh", add(part(a, 2, H), fromHidden(hidden.n, mul(r, h))));
  return { r, z, n };
}

/** The rows of W_hh and b_hh that make r and z, and those that make n, as views. */
function hiddenParts(p: CellParams, H: number): { rz: CellParams; n: CellParams } {
  const between = (from: number, to: number): CellParams => ({
    ...p,
    weight_hh: p.weight_hh.subarray(from * H * H, to * H * H),
    bias_hh: p.bias_hh?.subarray(from * H, to * H),
  });
  return { rz: between(0, 2), n: between(2, 3) };
}

function gruResetBeforeStep(p: CellParams, x: Vector, { h }: State): State {
  const { z, n } = gruResetBeforeGates(p, x, h);
  return { h: add(mul(oneMinus(z), n), mul(z, h)), c: none };
}

// backward (3) dn = dh′∘(1 − z)   dz = dh′∘(h − n)   dh = dh′∘z
//          (2) da_n = dn∘(1 − n²)   d(r∘h) = W_hnᵀ·da_n   dr = d(r∘h)∘h   dh += d(r∘h)∘r
//          (1) da = [dr∘r(1−r)  dz∘z(1−z)  da_n]   dx = W_ihᵀ·da   dh += W_h(rz)ᵀ·da_rz
function gruResetBeforeStepBackward(p: CellParams, x: Vector, { h }: State, dNext: State, dP: CellParams) {
  const { r, z, n } = gruResetBeforeGates(p, x, h);
  const [hidden, dHidden] = [hiddenParts(p, h.length), hiddenParts(dP, h.length)];
  const dN = mul(dNext.h, oneMinus(z), dTanh(n));
  const dZ = mul(dNext.h, add(h, scale(n, -1)), dSigmoid(z));
  const dResetH = fromHiddenBackward(hidden.n, mul(r, h), dN, dHidden.n);
  const dR = mul(dResetH, h, dSigmoid(r));
  const dX = fromInputBackward(p, x, concat([dR, dZ, dN]), dP);
  const dH = fromHiddenBackward(hidden.rz, h, concat([dR, dZ]), dHidden.rz);
  return { x: dX, h: add(dH, mul(dResetH, r), mul(dNext.h, z)), c: none };
}

export const cells = {
  rnn_tanh: elman("tanh"),
  rnn_relu: elman("relu"),
  rnn_sigmoid: elman("sigmoid"),
  lstm: { gates: 4, step: lstmStep, stepBackward: lstmStepBackward },
  gru: { gates: 3, step: gruStep, stepBackward: gruStepBackward },
  gru_reset_before: { gates: 3, step: gruResetBeforeStep, stepBackward: gruResetBeforeStepBackward },
} satisfies Record<string, Cell>;

export type CellName = keyof typeof cells;

// --------------------------------------------------------------------- sequences: directions, layers, batches

/** By PyTorch's names: weight_ih_l0, weight_hh_l0_reverse, … */
export type Params = Record<string, Vector>;

export interface RecurrentConfig {
  cell: CellName;
  inputSize: number;
  hiddenSize: number;
  numLayers?: number;
  bidirectional?: boolean;
}

/** `xs` in the order of time; the states of each direction in PyTorch's order: layer 0, layer 0 reverse, layer 1, … */
interface Pass {
  ys: Vector[];
  lasts: State[];
  backward: (dYs: Vector[], dLasts: State[], dParams: Params) => { xs: Vector[]; initials: State[] };
}

/** The parameters of one cell out of many, without the suffix; the very arrays, so gradients can be added to them. */
export function cellParams(params: Params, suffix: string): CellParams {
  const weight = (name: string): Vector => {
    const found = params[name + suffix];
    if (!found) throw new Error(`no parameter "${name + suffix}"`);
    return found;
  };
  return {
    weight_ih: weight("weight_ih"),
    weight_hh: weight("weight_hh"),
    bias_ih: params[`bias_ih${suffix}`],
    bias_hh: params[`bias_hh${suffix}`],
  };
}

/** One direction of one layer: state′ = step(x_t, state), y_t = h′, t upwards or, in reverse, downwards. */
function direction(cell: Cell, suffix: string, params: Params, xs: Vector[], initial: State): Pass {
  const p = cellParams(params, suffix);
  const order = suffix.endsWith("_reverse") ? [...xs.keys()].reverse() : [...xs.keys()];
  const before: State[] = [];
  const ys: Vector[] = [];
  let state = initial;
  for (const t of order) {
    before[t] = state;
    state = cell.step(p, xs[t]!, state);
    ys[t] = state.h;
  }
  const backward: Pass["backward"] = (dYs, dLasts, dParams) =>
    directionBackward(cell, p, xs, before, order, dYs, dLasts[0]!, cellParams(dParams, suffix));
  return { ys, lasts: [state], backward };
}

/** Backpropagation through time: the same steps, last taken first. */
function directionBackward(
  cell: Cell,
  p: CellParams,
  xs: Vector[],
  before: State[],
  order: number[],
  dYs: Vector[],
  dLast: State,
  dP: CellParams,
) {
  const dXs: Vector[] = [];
  let dState = dLast;
  for (const t of [...order].reverse()) {
    const dNext = { h: add(dState.h, dYs[t]!), c: dState.c };
    const { x, h, c } = cell.stepBackward(p, xs[t]!, before[t]!, dNext, dP);
    dXs[t] = x;
    dState = { h, c };
  }
  return { xs: dXs, initials: [dState] };
}

/** Both directions read the same xs; y_t = [h forwards, h in reverse]. */
function layer(config: RecurrentConfig, l: number, params: Params, xs: Vector[], initials: State[]): Pass {
  const suffixes = config.bidirectional ? [`_l${l}`, `_l${l}_reverse`] : [`_l${l}`];
  const passes = suffixes.map((suffix, d) => direction(cells[config.cell], suffix, params, xs, initials[d]!));
  const backward: Pass["backward"] = (dYs, dLasts, dParams) => {
    const ofDirection = (d: number): Vector[] => dYs.map((dY) => part(dY, d, config.hiddenSize));
    const grads = passes.map((pass, d) => pass.backward(ofDirection(d), [dLasts[d]!], dParams));
    const dXs = xs.map((x, t) => add(zeros(x.length), ...grads.map((grad) => grad.xs[t]!)));
    return { xs: dXs, initials: grads.flatMap((grad) => grad.initials) };
  };
  const ys = xs.map((_, t) => concat(passes.map((pass) => pass.ys[t]!)));
  return { ys, lasts: passes.flatMap((pass) => pass.lasts), backward };
}

/** Layer l + 1 reads what layer l wrote. */
function stack(config: RecurrentConfig, params: Params, xs: Vector[], initials: State[], l = 0): Pass {
  if (l === (config.numLayers ?? 1)) return { ys: xs, lasts: [], backward: (dYs) => ({ xs: dYs, initials: [] }) };
  const D = config.bidirectional ? 2 : 1;
  const lower = layer(config, l, params, xs, initials.slice(0, D));
  const upper = stack(config, params, lower.ys, initials.slice(D), l + 1);
  const backward: Pass["backward"] = (dYs, dLasts, dParams) => {
    const above = upper.backward(dYs, dLasts.slice(D), dParams);
    const below = lower.backward(above.xs, dLasts.slice(0, D), dParams);
    return { xs: below.xs, initials: [...below.initials, ...above.initials] };
  };
  return { ys: upper.ys, lasts: [...lower.lasts, ...upper.lasts], backward };
}

/** The first steps of each sequence of (B, T, width), as rows. */
function steps(tensor: Vector, width: number, T: number, lengths: readonly number[]): Vector[][] {
  return lengths.map((length, b) => rows(part(tensor, b, T * width), width).slice(0, length));
}

/** The way back: zero after the end of each sequence. */
function padded(sequences: Vector[][], width: number, T: number): Vector {
  return concat(sequences.map((ofTime) => concat([...ofTime, zeros((T - ofTime.length) * width)])));
}

/** h (L·D, B, H), and c for the LSTM, as [sequence][layer and direction]; one not given is zero. */
function states(config: RecurrentConfig, B: number, h?: Vector, c?: Vector): State[][] {
  const { cell, hiddenSize: H, numLayers: L = 1, bidirectional } = config;
  const at = (tensor: Vector | undefined, k: number, size: number): Vector =>
    tensor ? part(tensor, k, size) : zeros(size);
  const state = (k: number): State => ({ h: at(h, k, H), c: at(c, k, cell === "lstm" ? H : 0) });
  const S = bidirectional ? 2 * L : L;
  return Array.from({ length: B }, (_, b) => Array.from({ length: S }, (_, s) => state(s * B + b)));
}

/** The way back. */
function byLayer(sequences: State[][], name: keyof State): Vector {
  return concat(sequences[0]!.flatMap((_, s) => sequences.map((ofLayer) => ofLayer[s]![name])));
}

export interface RecurrentOptions {
  /** B, 1 if not given. */
  batch?: number;
  /** Both (L·D, B, H), zero if not given. c0 is read by the LSTM alone. */
  h0?: Vector | undefined;
  c0?: Vector | undefined;
  /** Steps of each sequence, all of T if not given. */
  lengths?: readonly number[] | undefined;
}

/**
 * A whole recurrent module, batch first: x (B, T, I), output (B, T, D·H), hn and cn (L·D, B, H); cn is empty unless the
 * cell is an LSTM. With lengths the semantics are those of a packed sequence: each sequence ends at its own length,
 * where hn and cn are taken and the reverse direction starts; the output after it is zero.
 */
export function recurrent(config: RecurrentConfig, params: Params, x: Vector, options: RecurrentOptions = {}) {
  const { inputSize: I, hiddenSize: H } = config;
  const { batch: B = 1, h0, c0 } = options;
  const T = x.length / (B * I);
  const lengths = options.lengths ?? Array.from({ length: B }, () => T);
  const initials = states(config, B, h0, c0);
  const passes = steps(x, I, T, lengths).map((xs, b) => stack(config, params, xs, initials[b]!));
  const lasts = passes.map((pass) => pass.lasts);
  const ys = passes.map((pass) => pass.ys);
  return {
    output: padded(ys, config.bidirectional ? 2 * H : H, T),
    hn: byLayer(lasts, "h"),
    cn: byLayer(lasts, "c"),
    backward: recurrentBackward(config, params, passes, T, lengths),
  };
}

/** The gradients of Σ output·dOutput + Σ hn·dHn + Σ cn·dCn; one not given is zero. */
function recurrentBackward(
  config: RecurrentConfig,
  params: Params,
  passes: Pass[],
  T: number,
  lengths: readonly number[],
) {
  const [B, width] = [passes.length, config.hiddenSize * (config.bidirectional ? 2 : 1)];
  return (dOutput: Vector = zeros(B * T * width), dHn?: Vector, dCn?: Vector) => {
    const dParams = zerosLike(params);
    const [dYs, dLasts] = [steps(dOutput, width, T, lengths), states(config, B, dHn, dCn)];
    const grads = passes.map((pass, b) => pass.backward(dYs[b]!, dLasts[b]!, dParams));
    const dXs = grads.map((grad) => grad.xs);
    const dInitials = grads.map((grad) => grad.initials);
    const input = padded(dXs, config.inputSize, T);
    return { input, h0: byLayer(dInitials, "h"), c0: byLayer(dInitials, "c"), params: dParams };
  };
}

// ----------------------------------------------------------------------------------------------------- losses

export type Reduction = "none" | "mean" | "sum";

/** none: the terms     sum: Σ terms     mean: Σ terms / divisor */
export function reduce(terms: Vector, reduction: Reduction, divisor = terms.length): Vector {
  if (reduction === "none") return terms;
  const sum = terms.reduce((total, term) => total + term, 0);
  return Float64Array.of(reduction === "mean" ? sum / divisor : sum);
}

/** dTerms = dLoss, over the divisor for the mean */
export function reduceBackward(terms: Vector, reduction: Reduction, dLoss: Vector, divisor = terms.length): Vector {
  if (reduction === "none") return dLoss;
  return terms.map(() => dLoss[0]! / (reduction === "mean" ? divisor : 1));
}

/** term = (x − y)² */
export function squaredError(x: Vector, y: Vector): Vector {
  return x.map((v, k) => (v - y[k]!) ** 2);
}

/** dx = 2 (x − y) dTerm */
export function squaredErrorBackward(x: Vector, y: Vector, dTerms: Vector): Vector {
  return x.map((v, k) => 2 * (v - y[k]!) * dTerms[k]!);
}

/** weight and posWeight (C), for the last axis of x; 1 if not given. */
export interface BinaryCrossEntropyWeights {
  weight?: Vector | undefined;
  posWeight?: Vector | undefined;
}

const ones = Float64Array.of(1);

/** term = −w (p y log σ(x) + (1 − y) log(1 − σ(x)))     log σ(x) = −log(1 + e⁻ˣ), log(1 − σ(x)) = −log(1 + eˣ) */
export function binaryCrossEntropy(x: Vector, y: Vector, weights: BinaryCrossEntropyWeights = {}): Vector {
  const { weight: w = ones, posWeight: p = ones } = weights;
  return x.map((v, k) => {
    const [wK, pK, yK] = [w[k % w.length]!, p[k % p.length]!, y[k]!];
    return wK * (pK * yK * logOnePlusExp(-v) + (1 - yK) * logOnePlusExp(v));
  });
}

/** dx = w ((1 − y) σ(x) − p y σ(−x)) dTerm */
export function binaryCrossEntropyBackward(
  x: Vector,
  y: Vector,
  dTerms: Vector,
  weights: BinaryCrossEntropyWeights = {},
): Vector {
  const { weight: w = ones, posWeight: p = ones } = weights;
  return x.map((v, k) => {
    const [wK, pK, yK] = [w[k % w.length]!, p[k % p.length]!, y[k]!];
    return wK * ((1 - yK) * sigmoid(v) - pK * yK * sigmoid(-v)) * dTerms[k]!;
  });
}

/** Rows of logits x and of target probabilities q (N, C), class weights w (C) or none:  term = −Σ w∘q∘log softmax(x) */
export function crossEntropy(x: Vector, q: Vector, C: number, weight?: Vector): Vector {
  const logP = rows(logSoftmax(x, C), C);
  return Float64Array.from(rows(q, C), (row, n) => -dot(weight ? mul(row, weight) : row, logP[n]!));
}

/** dx = (softmax(x) Σ w∘q − w∘q) dTerm */
export function crossEntropyBackward(x: Vector, q: Vector, dTerms: Vector, C: number, weight?: Vector): Vector {
  const dLogP = rows(q, C).map((row, n) => scale(weight ? mul(row, weight) : row, -dTerms[n]!));
  return logSoftmaxBackward(x, concat(dLogP), C);
}

/** q = (1 − s) q + s / C, for a label smoothing s */
export function smooth(q: Vector, C: number, labelSmoothing = 0): Vector {
  return q.map((v) => (1 - labelSmoothing) * v + labelSmoothing / C);
}

/** One row a class index: 1 at the class, then smoothed; all zero, so without loss or gradient, at the ignored index. */
export function distributionOf(indices: Vector, C: number, labelSmoothing = 0, ignoreIndex = -100): Vector {
  const oneHot = (index: number): Vector => zeros(C).map((_, c) => (c === index ? 1 : 0));
  const row = (index: number): Vector => (index === ignoreIndex ? zeros(C) : smooth(oneHot(index), C, labelSmoothing));
  return concat(Array.from(indices, row));
}

/** What the mean over class indices divides by: Σ w[index] over those not ignored. */
export function weightOf(indices: Vector, weight?: Vector, ignoreIndex = -100): number {
  return indices.reduce((sum, index) => sum + (index === ignoreIndex ? 0 : weight ? weight[index]! : 1), 0);
}

export interface LossConfig {
  loss: "mse" | "bce_with_logits" | "cross_entropy";
  reduction?: Reduction;
  /** bce_with_logits: (C), last axis. cross_entropy: (C), by class. */
  weight?: Vector | undefined;
  posWeight?: Vector | undefined;
  /** cross_entropy: C. x is (N, C), target (N) of indices or, with softTarget, (N, C) of probabilities. */
  classes?: number;
  softTarget?: boolean | undefined;
  labelSmoothing?: number | undefined;
  ignoreIndex?: number | undefined;
}

interface Terms {
  terms: Vector;
  divisor: number;
  backward: (dTerms: Vector) => Vector;
}

function crossEntropyTerms(config: LossConfig, x: Vector, target: Vector): Terms {
  const { classes: C = x.length, weight, softTarget, labelSmoothing, ignoreIndex } = config;
  const q = softTarget ? smooth(target, C, labelSmoothing) : distributionOf(target, C, labelSmoothing, ignoreIndex);
  return {
    terms: crossEntropy(x, q, C, weight),
    divisor: softTarget ? x.length / C : weightOf(target, weight, ignoreIndex),
    backward: (dTerms) => crossEntropyBackward(x, q, dTerms, C, weight),
  };
}

const lossTerms: Record<LossConfig["loss"], (config: LossConfig, x: Vector, target: Vector) => Terms> = {
  mse: (_, x, target) => ({
    terms: squaredError(x, target),
    divisor: x.length,
    backward: (dTerms) => squaredErrorBackward(x, target, dTerms),
  }),
  bce_with_logits: (config, x, target) => ({
    terms: binaryCrossEntropy(x, target, config),
    divisor: x.length,
    backward: (dTerms) => binaryCrossEntropyBackward(x, target, dTerms, config),
  }),
  cross_entropy: crossEntropyTerms,
};

/** A loss, reduced (mean if not said): one number, or with "none" one a term. backward gives the gradient by x. */
export function loss(config: LossConfig, x: Vector, target: Vector) {
  const reduction = config.reduction ?? "mean";
  const { terms, divisor, backward } = lossTerms[config.loss](config, x, target);
  return {
    loss: reduce(terms, reduction, divisor),
    backward: (dLoss: Vector = ones): Vector => backward(reduceBackward(terms, reduction, dLoss, divisor)),
  };
}

// ------------------------------------------------------------------------------------------------- optimisers

/** Changes one parameter p by its gradient g; keeps what it remembers of that parameter to itself. */
export type Optimizer = (p: Vector, g: Vector, learningRate: number) => void;

export interface OptimizerOptions {
  weightDecay?: number;
  /** sgd, rmsprop */
  momentum?: number;
  dampening?: number;
  nesterov?: boolean;
  /** rmsprop */
  alpha?: number;
  centered?: boolean;
  /** rmsprop, adagrad, adam, adamw */
  eps?: number;
  /** adagrad */
  lrDecay?: number;
  initialAccumulatorValue?: number;
  /** adam, adamw */
  betas?: readonly [number, number];
  amsgrad?: boolean;
}

/** g + λp */
const decayed = (g: Vector, p: Vector, weightDecay: number): Vector => add(g, scale(p, weightDecay));
/** βa + (1 − β)b */
const mix = (a: Vector, b: Vector, beta: number): Vector => add(scale(a, beta), scale(b, 1 - beta));
const sqrt = (vector: Vector): Vector => vector.map((v) => Math.sqrt(v));
/** a / (b + ε) */
const divide = (a: Vector, b: Vector, eps: number): Vector => a.map((v, k) => v / (b[k]! + eps));

// g += λp     b = g the first time, then μb + (1 − d)g     p −= η·(nesterov: g + μb, else b)
function sgd({ momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 }: OptimizerOptions): Optimizer {
  let buffer: Vector | undefined;
  return (p, g, learningRate) => {
    const d = decayed(g, p, weightDecay);
    buffer = momentum && buffer ? add(scale(buffer, momentum), scale(d, 1 - dampening)) : d;
    const step = nesterov ? add(d, scale(buffer, momentum)) : buffer;
    addTo(p, scale(step, -learningRate));
  };
}

// g += λp     v = αv + (1−α)g²     centered: m = αm + (1−α)g, v̂ = v − m², else v̂ = v
// b = μb + g / (√v̂ + ε)     p −= ηb
function rmsprop(options: OptimizerOptions): Optimizer {
  const { alpha = 0.99, eps = 1e-8, momentum = 0, centered = false, weightDecay = 0 } = options;
  let v: Vector | undefined, m: Vector | undefined, buffer: Vector | undefined;
  return (p, g, learningRate) => {
    const d = decayed(g, p, weightDecay);
    v = mix(v ?? zeros(p.length), mul(d, d), alpha);
    m = mix(m ?? zeros(p.length), d, alpha);
    const root = sqrt(centered ? add(v, scale(mul(m, m), -1)) : v);
    buffer = add(scale(buffer ?? zeros(p.length), momentum), divide(d, root, eps));
    addTo(p, scale(buffer, -learningRate));
  };
}

// g += λp     s += g²     p −= η / (1 + (t−1)·decay) · g / (√s + ε)
function adagrad(options: OptimizerOptions): Optimizer {
  const { lrDecay = 0, eps = 1e-10, initialAccumulatorValue = 0, weightDecay = 0 } = options;
  let sum: Vector | undefined;
  let t = 0;
  return (p, g, learningRate) => {
    t++;
    const d = decayed(g, p, weightDecay);
    sum = add(sum ?? zeros(p.length).fill(initialAccumulatorValue), mul(d, d));
    addTo(p, scale(divide(d, sqrt(sum), eps), -learningRate / (1 + (t - 1) * lrDecay)));
  };
}

// g += λp     m = β₁m + (1−β₁)g     v = β₂v + (1−β₂)g²     amsgrad: v̂ = max(v̂, v), else v̂ = v
// p −= η · m / (1−β₁ᵗ) / (√(v̂ / (1−β₂ᵗ)) + ε)
function adam(options: OptimizerOptions): Optimizer {
  const { betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8, amsgrad = false, weightDecay = 0 } = options;
  let m: Vector | undefined, v: Vector | undefined, highest: Vector | undefined;
  let t = 0;
  return (p, g, learningRate) => {
    t++;
    const d = decayed(g, p, weightDecay);
    m = mix(m ?? zeros(p.length), d, beta1);
    v = mix(v ?? zeros(p.length), mul(d, d), beta2);
    const before = highest;
    highest = amsgrad && before ? v.map((now, k) => Math.max(now, before[k]!)) : v;
    const root = sqrt(scale(highest, 1 / (1 - beta2 ** t)));
    addTo(p, scale(divide(m, root, eps), -learningRate / (1 - beta1 ** t)));
  };
}

// p −= ηλp, then Adam without weight decay
function adamw({ weightDecay = 0.01, ...options }: OptimizerOptions): Optimizer {
  const step = adam(options);
  return (p, g, learningRate) => {
    addTo(p, scale(p, -learningRate * weightDecay));
    step(p, g, learningRate);
  };
}

/** PyTorch's definitions and defaults. One optimiser a parameter. */
export const optimizers = { sgd, rmsprop, adagrad, adam, adamw } satisfies Record<
  string,
  (options: OptimizerOptions) => Optimizer
>;

export type OptimizerName = keyof typeof optimizers;

/** norm = √Σ g² over all     g *= min(1, maxNorm / (norm + 1e-6))     gives the norm before clipping */
export function clipByNorm(gradients: readonly Vector[], maxNorm: number): number {
  const norm = Math.sqrt(gradients.reduce((sum, g) => sum + dot(g, g), 0));
  const factor = Math.min(1, maxNorm / (norm + 1e-6));
  gradients.forEach((g) => g.set(scale(g, factor)));
  return norm;
}

/** g = min(max(g, −limit), limit) */
export function clipByValue(gradients: readonly Vector[], limit: number): void {
  gradients.forEach((g) => g.set(g.map((v) => clamp(v, -limit, limit))));
}

// -------------------------------------------------------------------------------------------- gradient checks

/** df/dx_k ≈ (f(x + εe_k) − f(x − εe_k)) / 2ε */
export function centralDifference(f: (x: Vector) => number, x: Vector, epsilon = 1e-5): Vector {
  const moved = (k: number, by: number): Vector => x.map((v, j) => (j === k ? v + by : v));
  return x.map((_, k) => (f(moved(k, epsilon)) - f(moved(k, -epsilon))) / (2 * epsilon));
}
