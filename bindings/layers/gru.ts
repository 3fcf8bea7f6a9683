import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectOneOf, expectOptions } from "../validate.ts";
import { withoutUndefined, type LayerType, type Rows } from "./layer.ts";
import {
  checkRecurrent,
  planState,
  Recurrent,
  recurrentOptionNames,
  stateBuffer,
  type Cell,
  type CellSetting,
  type RecurrentOptions,
} from "./recurrent.ts";

const resets = ["after", "before"] as const;

export interface GruOptions extends RecurrentOptions {
  /**
   * Whether the reset gate acts after the product with the hidden state, n = tanh(W_in·x + b_in + r∘(W_hn·h + b_hn)), as in
   * PyTorch, cuDNN and Keras, or before it, n = tanh(W_in·x + b_in + W_hn·(r∘h) + b_hn), as in the paper of Cho et al. and
   * TensorFlow.js. Default "after".
   */
  readonly reset?: (typeof resets)[number];
}

export interface GruLayer extends GruOptions {
  readonly type: "gru";
  readonly units: number;
}

/**
 * Gated recurrent unit over a sequence (…, time, inputs) → (…, time, units). Parameters for layer k as PyTorch's GRU, gates in
 * the order r z n: `weight_ih_lk` (3·units, inputs), `weight_hh_lk` (3·units, units), `bias_ih_lk`, `bias_hh_lk` (3·units), with
 * the suffix `_reverse` for the second direction. State: h.
 * @param units size of the hidden state
 * @throws RangeError, TypeError on a wrong option
 */
export function gru(units: number, options: GruOptions = {}): GruLayer {
  expectOptions("gru", options, [...recurrentOptionNames, "reset"]);
  const reset = expectOneOf("reset", options.reset ?? "after", resets);
  return withoutUndefined({ type: "gru", ...checkRecurrent(units, options), reset });
}

class GruCell implements Cell {
  readonly h;
  readonly setting: CellSetting;
  readonly resetAfter: boolean;
  rows: Rows | undefined;
  keep = false;
  // Packed weights: the gates r and z, and n, have different left-hand sides in the recurrent product
  wIh: Pointer = 0;
  wHrz: Pointer = 0;
  wHn: Pointer = 0;
  wIhRows: Pointer = 0;
  wHrzRows: Pointer = 0;
  wHnRows: Pointer = 0;
  bias: Pointer = 0;
  biasHn: Pointer = 0;
  // Kept for backward, see assembly/gru.ts
  x: Pointer = 0;
  y: Pointer = 0;
  gates: Pointer = 0;
  q: Pointer = 0;
  hPrev: Pointer = 0;
  dq: Pointer = 0;

  constructor(setting: CellSetting, resetAfter: boolean) {
    this.setting = setting;
    this.resetAfter = resetAfter;
    this.h = stateBuffer(setting, "h");
  }

  reserve(arena: Arena): void {
    const { I, H } = this.setting;
    const P = padded(H);
    this.wIh = arena.floats(I * 3 * P);
    this.wHrz = arena.floats(H * 2 * P);
    this.wHn = arena.floats(H * P);
    this.wIhRows = arena.floats(padded(I) * 3 * P);
    this.wHrzRows = arena.floats(P * 2 * P);
    this.wHnRows = arena.floats(P * P);
    this.bias = arena.floats(3 * P);
    this.biasHn = arena.floats(P);
  }

  plan(arena: Arena, rows: Rows, training: boolean): void {
    const P = padded(this.setting.H);
    this.rows = rows;
    this.keep = training;
    planState(this.h, arena, rows.B, training);
    this.gates = arena.floats(rows.N * 3 * P);
    this.y = arena.floats(rows.N * P);
    this.q = arena.floats((training ? rows.N : rows.B) * P);
    this.hPrev = arena.floats(training ? rows.N * P : P);
    this.dq = training ? arena.floats(rows.B * P) : 0;
  }

  pack(): void {
    const { core, I, H, parameters } = this.setting;
    const { packTransposed, packBias } = core.functions;
    const P = padded(H);
    const candidate = 2 * H * H * 4;
    const bIh = parameters.bIh?.value ?? 0;
    const bHh = parameters.bHh?.value ?? 0;
    const bIn = bIh && bIh + 2 * H * 4;
    const bHn = bHh && bHh + 2 * H * 4;
    packTransposed(this.wIh, parameters.wIh.value, 3, H, I);
    packTransposed(this.wHrz, parameters.wHh.value, 2, H, H);
    packTransposed(this.wHn, parameters.wHh.value + candidate, 1, H, H);
    packBias(this.bias, bIh, bHh, 2, H);
    packBias(this.bias + 2 * P * 4, bIn, this.resetAfter ? 0 : bHn, 1, H);
    packBias(this.biasHn, bHn, 0, 1, H);
  }

  packBackward(): void {
    const { core, I, H, parameters } = this.setting;
    core.functions.packRows(this.wIhRows, parameters.wIh.value, 3, H, I);
    core.functions.packRows(this.wHrzRows, parameters.wHh.value, 2, H, H);
    core.functions.packRows(this.wHnRows, parameters.wHh.value + 2 * H * H * 4, 1, H, H);
  }

  forward(x: Pointer): Pointer {
    const { core, I, H, reverse } = this.setting;
    const { batchSizes, T } = this.rows!;
    this.x = x;
    // prettier-ignore
    core.functions.gruForward(
      this.y, this.h.value, this.gates, this.q, this.hPrev,
      x, this.wIh, this.wHrz, this.wHn, this.bias, this.biasHn, batchSizes,
      T, I, H, this.resetAfter, reverse, this.keep,
    );
    return this.y;
  }

  backward(dx: Pointer, dy: Pointer): void {
    const { core, I, H, reverse, parameters, shared } = this.setting;
    const { batchSizes, T } = this.rows!;
    // prettier-ignore
    core.functions.gruBackward(
      dx, parameters.wIh.gradient, parameters.wHh.gradient, parameters.bIh?.gradient ?? 0,
      parameters.bHh?.gradient ?? 0, this.h.gradient, this.dq,
      this.gates, this.q, this.hPrev, dy,
      this.x, this.wIhRows, this.wHrzRows, this.wHnRows, shared.scratch, batchSizes,
      T, I, H, this.resetAfter, reverse,
    );
  }
}

export const gruType: LayerType<GruLayer> = {
  normalize: ({ type: _, units, ...options }) => gru(units, options),
  build(description, builder) {
    const resetAfter = description.reset !== "before";
    return new Recurrent(description, builder, 3, (setting) => new GruCell(setting, resetAfter));
  },
};
