/**
 * Recurrent layers with any of ONNX's activations, its clip and its directions, in plain float64, from the equations of
 * https://onnx.ai/onnx/operators/onnx__LSTM.html (GRU, RNN). Only forward, one sequence at a time: gradients are taken by central
 * differences of it. Parameters carry the library's names and its order of gates.
 */

import type { GateActivation } from "../../bindings/index.ts";
import type { Params } from "../reference.ts";

type Vector = Float64Array;

/** φ by ONNX's definitions of the operators with these names. */
export function gateActivation(activation: GateActivation, x: number): number {
  if (activation === "relu") return Math.max(0, x);
  if (activation === "sigmoid") return 1 / (1 + Math.exp(-x));
  if (activation === "softplus") return Math.log(Math.exp(x) + 1);
  if (activation === "softsign") return x / (1 + Math.abs(x));
  if (activation === "tanh") return Math.tanh(x);
  const { type, alpha } = activation;
  const beta = "beta" in activation ? activation.beta : 0;
  if (type === "elu") return x >= 0 ? x : alpha * (Math.exp(x) - 1);
  if (type === "leakyRelu") return x >= 0 ? x : alpha * x;
  if (type === "thresholdedRelu") return x > alpha ? x : 0;
  if (type === "affine") return alpha * x + beta;
  if (type === "scaledTanh") return alpha * Math.tanh(beta * x);
  return Math.max(0, Math.min(1, alpha * x + beta));
}

export interface GateConfig {
  cell: "elman" | "gru" | "lstm";
  H: number;
  /** Of one direction, or of one after the other. */
  activations: readonly GateActivation[];
  gateClip?: number;
  directions: readonly ("forward" | "reverse")[];
  resetBefore?: boolean;
  peepholes?: boolean;
  coupled?: boolean;
}

interface State {
  h: Vector;
  c: Vector;
}

type Step = (x: Vector, state: State) => State;

const map = (n: number, f: (k: number) => number): Vector => Float64Array.from({ length: n }, (_, k) => f(k));

/** Row `row` of W times x. */
function product(weight: Vector, row: number, x: Vector): number {
  return x.reduce((sum, v, i) => sum + v * weight[row * x.length + i]!, 0);
}

function stepOf(config: GateConfig, phi: readonly GateActivation[], p: (name: string) => Vector | undefined): Step {
  const { H, gateClip = Infinity } = config;
  const act = (k: number, x: number): number => gateActivation(phi[k]!, Math.max(-gateClip, Math.min(gateClip, x)));
  const fromX = (row: number, x: Vector) => product(p("weight_ih")!, row, x) + (p("bias_ih")?.[row] ?? 0);
  const fromH = (row: number, h: Vector) => product(p("weight_hh")!, row, h) + (p("bias_hh")?.[row] ?? 0);
  const sum = (gate: number, k: number, x: Vector, h: Vector) => fromX(gate * H + k, x) + fromH(gate * H + k, h);
  const none = new Float64Array(0);
  if (config.cell === "elman") return (x, { h }) => ({ h: map(H, (k) => act(0, sum(0, k, x, h))), c: none });
  if (config.cell === "gru") {
    return (x, { h }) => {
      const [r, z] = [0, 1].map((gate) => map(H, (k) => act(0, sum(gate, k, x, h)))) as [Vector, Vector];
      const reset = h.map((v, k) => r[k]! * v);
      const n = map(H, (k) => {
        const row = 2 * H + k;
        return act(1, fromX(row, x) + (config.resetBefore ? fromH(row, reset) : r[k]! * fromH(row, h)));
      });
      return { h: map(H, (k) => (1 - z[k]!) * n[k]! + z[k]! * h[k]!), c: none };
    };
  }
  const gates = config.coupled ? "fgo" : "ifgo";
  return (x, { h, c }) => {
    const a = (gate: string, k: number, cell: Vector) => {
      const seen = config.peepholes && gate !== "g" ? p(`weight_c${gate}`)![k]! * cell[k]! : 0;
      return sum(gates.indexOf(gate), k, x, h) + seen;
    };
    // Coupled: ONNX's i = φ(a_i) and f = 1 − i, with the parameters of our f those of i times −1
    const i = map(H, (k) => (config.coupled ? act(0, -a("f", k, c)) : act(0, a("i", k, c))));
    const f = map(H, (k) => (config.coupled ? 1 - i[k]! : act(0, a("f", k, c))));
    const now = map(H, (k) => f[k]! * c[k]! + i[k]! * act(1, a("g", k, c)));
    return { h: map(H, (k) => act(0, a("o", k, now)) * gateActivation(phi[2]!, now[k]!)), c: now };
  };
}

export interface GateRun {
  params: Params;
  /** (B, T, I) */
  x: Vector;
  /** Flat as Network.states lists them. */
  state: Vector;
  lengths: readonly number[];
}

/** Output (B, T, D·H), zero beyond each length, and the final states, flat as those given. */
export function gateRecurrent(
  config: GateConfig,
  { params, x, state, lengths }: GateRun,
): { output: Vector; states: Vector } {
  const { H, directions, cell, activations } = config;
  const [B, D] = [lengths.length, directions.length];
  const count = { elman: 1, gru: 2, lstm: 3 }[cell];
  const I = params.weight_ih_l0!.length / ({ elman: 1, gru: 3, lstm: config.coupled ? 3 : 4 }[cell] * H);
  const T = x.length / (B * I);
  const output = new Float64Array(B * T * D * H);
  const states = new Float64Array(state.length);
  const hasC = cell === "lstm";
  directions.forEach((direction, d) => {
    const suffix = d === 0 ? "_l0" : "_l0_reverse";
    const phi = activations.slice(activations.length > count ? d * count : 0);
    const step = stepOf(config, phi, (name) => params[name + suffix]);
    for (let b = 0; b < B; b++) {
      const hAt = (d * B + b) * H;
      const cAt = (D * B + d * B + b) * H;
      let now: State = { h: state.slice(hAt, hAt + H), c: hasC ? state.slice(cAt, cAt + H) : new Float64Array(0) };
      const steps = Array.from({ length: lengths[b]! }, (_, t) => t);
      for (const t of direction === "reverse" ? steps.reverse() : steps) {
        now = step(x.slice((b * T + t) * I, (b * T + t + 1) * I), now);
        output.set(now.h, ((b * T + t) * D + d) * H);
      }
      states.set(now.h, hAt);
      if (hasC) states.set(now.c, cAt);
    }
  });
  return { output, states };
}
