/**
 * What the recurrent cells have beyond test/reference.ts, in plain float64: projection, peepholes, coupled gates, clipping, layer
 * norm, recurrent dropout, zoneout and learnt initial states. Only forward, one sequence and one unit at a time: gradients are
 * taken by central differences of it. Parameters carry the library's names.
 */

import type { Params } from "../reference.ts";

type Vector = Float64Array;

export type VariantCell = "rnn_tanh" | "rnn_relu" | "rnn_sigmoid" | "lstm" | "gru" | "gru_reset_before";

export interface VariantConfig {
  cell: VariantCell;
  inputSize: number;
  hiddenSize: number;
  numLayers: number;
  bidirectional: boolean;
  projection?: number;
  peepholes?: boolean;
  coupled?: boolean;
  cellClip?: number;
  gateClip?: number;
  layerNorm?: boolean;
}

/** Masks of the cell with a suffix, for one sequence; what is not there does nothing. */
export interface Masks {
  /** (R), the factors of h in the recurrent product. */
  dropout?: Vector;
  /** Shares of the states before that are kept at step t, (R) and (H). */
  zoneH?: (t: number) => Vector;
  zoneC?: (t: number) => Vector;
}

/** Added to what step t of a cell hands on, h and c; h̃ sees it in c̃. Central differences by it are dL/dh_t and dL/dc_t. */
export interface Nudge {
  suffix: string;
  b: number;
  t: number;
  h?: Vector;
  c?: Vector;
}

export interface VariantOptions {
  batch: number;
  /** Flat as Network.states lists them: h of all layers and directions (B, R), then c (B, H). */
  state?: Vector | undefined;
  lengths?: readonly number[] | undefined;
  masks?: ((suffix: string, b: number) => Masks) | undefined;
  nudge?: Nudge | undefined;
  /** Is shown what each step of a cell hands on. */
  watch?: ((suffix: string, b: number, t: number, seen: Seen) => void) | undefined;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const clip = (x: number, limit = Infinity): number => Math.min(Math.max(x, -limit), limit);
const map = (n: number, f: (k: number) => number): Vector => Float64Array.from({ length: n }, (_, k) => f(k));

/** W·x */
function product(weight: Vector, x: Vector): Vector {
  const I = x.length;
  return map(weight.length / I, (o) => {
    let sum = 0;
    for (let i = 0; i < I; i++) sum += weight[o * I + i]! * x[i]!;
    return sum;
  });
}

/** weight∘(x − mean)/√(variance + 1e-5) + bias     Ba, Kiros & Hinton 2016 */
function layerNorm(x: Vector, weight: Vector, bias: Vector): Vector {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
  return x.map((v, k) => (weight[k]! * (v - mean)) / Math.sqrt(variance + 1e-5) + bias[k]!);
}

interface State {
  h: Vector;
  c: Vector;
}

/** A state, and what the gates were that made it. */
interface Seen extends State {
  gates?: Record<string, Vector>;
}

/** One step of one sequence; `p` gives a parameter of this cell, `nudge` is added to c. */
type Step = (p: (name: string) => Vector, x: Vector, prev: State, hIn: Vector, nudge?: Vector) => Seen;

/** h = f(W_ih·x + b_ih + W_hh·hIn + b_hh) */
function elman(f: (x: number) => number): Step {
  return (p, x, _prev, hIn) => {
    const [a, u] = [product(p("weight_ih"), x), product(p("weight_hh"), hIn)];
    return { h: a.map((v, k) => f(v + u[k]! + p("bias_ih")[k]! + p("bias_hh")[k]!)), c: new Float64Array(0) };
  };
}

/** r z = σ(…)   n = tanh(a_n + r∘(u_n + b_hn)), or tanh(a_n + W_hn·(r∘hIn) + b_hn)   h = (1 − z)∘n + z∘h(t−1) */
function gru(resetBefore: boolean): Step {
  return (p, x, { h }, hIn) => {
    const H = h.length;
    const a = product(p("weight_ih"), x).map((v, k) => v + p("bias_ih")[k]!);
    const u = product(p("weight_hh"), hIn).map((v, k) => v + p("bias_hh")[k]!);
    const [r, z] = [0, H].map((from) => map(H, (k) => sigmoid(a[from + k]! + u[from + k]!)));
    const reset = hIn.map((v, k) => r![k]! * v);
    const before = product(p("weight_hh").subarray(2 * H * H), reset);
    const inner = (k: number) => (resetBefore ? before[k]! + p("bias_hh")[2 * H + k]! : r![k]! * u[2 * H + k]!);
    const n = map(H, (k) => Math.tanh(a[2 * H + k]! + inner(k)));
    const next = map(H, (k) => (1 - z![k]!) * n[k]! + z![k]! * h[k]!);
    return { h: next, c: new Float64Array(0), gates: { r: r!, z: z!, n } };
  };
}

// a = W_ih·x + W_hh·hIn, or LN(W_ih·x) + LN(W_hh·hIn), + b_ih + b_hh, gates i f g o, or f g o when coupled: i = 1 − f
// i f see w_c∘c(t−1) and o sees w_co∘c;  a is clipped before its activation, c = f∘c(t−1) + i∘g is clipped too
// h = o∘tanh(c), or o∘tanh(LN(c)), or W_hr times that
function lstm({ hiddenSize: H, gateClip, cellClip, ...has }: VariantConfig): Step {
  return (p, x, { c: before }, hIn, nudge) => {
    const normal = (name: string, v: Vector): Vector =>
      has.layerNorm ? layerNorm(v, p(`ln_${name}_weight`), p(`ln_${name}_bias`)) : v;
    const [a, u] = [normal("ih", product(p("weight_ih"), x)), normal("hh", product(p("weight_hh"), hIn))];
    const gates = has.coupled ? "fgo" : "ifgo";
    const input = (gate: string, k: number, cell?: Vector): number => {
      const at = gates.indexOf(gate) * H + k;
      const seen = has.peepholes && cell ? p(`weight_c${gate}`)[k]! * cell[k]! : 0;
      return clip(a[at]! + u[at]! + p("bias_ih")[at]! + p("bias_hh")[at]! + seen, gateClip);
    };
    const f = map(H, (k) => sigmoid(input("f", k, before)));
    const i = map(H, (k) => (has.coupled ? 1 - f[k]! : sigmoid(input("i", k, before))));
    const g = map(H, (k) => Math.tanh(input("g", k)));
    const sum = map(H, (k) => clip(f[k]! * before[k]! + i[k]! * g[k]!, cellClip));
    const c = nudge ? plus(sum, nudge) : sum;
    const shown = normal("c", c);
    const o = map(H, (k) => sigmoid(input("o", k, c)));
    const m = map(H, (k) => o[k]! * Math.tanh(shown[k]!));
    const own = has.coupled ? { f, g, o } : { i, f, g, o };
    return { h: has.projection ? product(p("weight_hr"), m) : m, c, gates: own };
  };
}

function stepOf(config: VariantConfig): Step {
  if (config.cell === "lstm") return lstm(config);
  if (config.cell === "gru" || config.cell === "gru_reset_before") return gru(config.cell === "gru_reset_before");
  const f = { rnn_tanh: Math.tanh, rnn_relu: (x: number) => Math.max(x, 0), rnn_sigmoid: sigmoid };
  return elman(f[config.cell]);
}

const plus = (a: Vector, b: Vector): Vector => a.map((v, k) => v + b[k]!);

/** z∘before + (1 − z)∘now */
const keep = (z: Vector | undefined, before: Vector, now: Vector): Vector =>
  z ? now.map((v, k) => z[k]! * before[k]! + (1 - z[k]!) * v) : now;

/** One cell over one sequence. */
function direction(
  step: Step,
  params: Params,
  suffix: string,
  xs: Vector[],
  initial: State,
  masks: Masks,
  nudge: Nudge | undefined,
  watch: ((t: number, seen: Seen) => void) | undefined,
) {
  const gates = params[`weight_ih${suffix}`]!.length;
  const p = (name: string): Vector => params[name + suffix] ?? new Float64Array(gates); // biases that are not there
  const order = suffix.endsWith("_reverse") ? [...xs.keys()].reverse() : [...xs.keys()];
  const ys: Vector[] = [];
  let state = initial;
  for (const t of order) {
    const hIn = masks.dropout ? state.h.map((v, k) => v * masks.dropout![k]!) : state.h;
    const own = nudge?.t === t ? nudge : undefined;
    const next = step(p, xs[t]!, state, hIn, own?.c);
    const [zoneH, zoneC] = [masks.zoneH?.(t), masks.zoneC?.(t)];
    state = { h: keep(zoneH, state.h, next.h), c: keep(zoneC, state.c, next.c) };
    if (own?.h) state.h = plus(state.h, own.h);
    if (own?.c && zoneC) state.c = state.c.map((v, k) => v + zoneC[k]! * own.c![k]!); // what is kept moves too
    ys[t] = state.h;
    watch?.(t, { ...next, ...state });
  }
  return { ys, last: state };
}

/** Output (B, T, D·R), zero beyond each length, and the final states, flat as those given. */
export function recurrentVariant(config: VariantConfig, params: Params, x: Vector, options: VariantOptions) {
  const { inputSize: I, hiddenSize: H, numLayers, bidirectional } = config;
  const { batch: B, state, masks, nudge, watch } = options;
  const R = config.projection ?? H;
  const C = config.cell === "lstm" ? H : 0;
  const T = x.length / (B * I);
  const D = bidirectional ? 2 : 1;
  const S = numLayers * D;
  const output = new Float64Array(B * T * D * R);
  const finals = new Float64Array(S * B * (R + C));
  const hAt = (s: number, b: number): [number, number] => [(s * B + b) * R, (s * B + b + 1) * R];
  const cAt = (s: number, b: number): [number, number] => [
    S * B * R + (s * B + b) * C,
    S * B * R + (s * B + b + 1) * C,
  ];
  for (let b = 0; b < B; b++) {
    const length = options.lengths?.[b] ?? T;
    let xs = Array.from({ length }, (_, t) => x.subarray((b * T + t) * I, (b * T + t + 1) * I));
    for (let l = 0; l < numLayers; l++) {
      const passes = Array.from({ length: D }, (_, d) => {
        const suffix = `_l${l}${d === 1 ? "_reverse" : ""}`;
        const s = l * D + d;
        const initial: State = {
          h: state?.slice(...hAt(s, b)) ?? params[`h0${suffix}`] ?? new Float64Array(R),
          c: state?.slice(...cAt(s, b)) ?? params[`c0${suffix}`] ?? new Float64Array(C),
        };
        const own = nudge?.suffix === suffix && nudge.b === b ? nudge : undefined;
        const pass = direction(stepOf(config), params, suffix, xs, initial, masks?.(suffix, b) ?? {}, own, (t, seen) =>
          watch?.(suffix, b, t, seen),
        );
        finals.set(pass.last.h, hAt(s, b)[0]);
        finals.set(pass.last.c, cAt(s, b)[0]);
        return pass;
      });
      xs = xs.map((_, t) => Float64Array.from(passes.flatMap(({ ys }) => [...ys[t]!])));
    }
    xs.forEach((y, t) => output.set(y, (b * T + t) * D * R));
  }
  return { output, states: finals };
}
