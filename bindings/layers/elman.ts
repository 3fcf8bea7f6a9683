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

/** In the order of the numbers in assembly/elman.ts. */
const activations = ["tanh", "relu", "sigmoid"] as const;

export interface ElmanOptions extends RecurrentOptions {
  /** Default "tanh". */
  readonly activation?: (typeof activations)[number];
}

export interface ElmanLayer extends ElmanOptions {
  readonly type: "elman";
  readonly units: number;
}

/**
 * Elman network over a sequence, h = φ(W_ih·x + b_ih + W_hh·h + b_hh): (…, time, inputs) → (…, time, units). Parameters for
 * layer k as PyTorch's RNN: `weight_ih_lk` (units, inputs), `weight_hh_lk` (units, units), `bias_ih_lk`, `bias_hh_lk` (units),
 * with the suffix `_reverse` for the second direction. State: h.
 * @param units size of the hidden state
 * @throws RangeError, TypeError on a wrong option
 */
export function elman(units: number, options: ElmanOptions = {}): ElmanLayer {
  expectOptions("elman", options, [...recurrentOptionNames, "activation"]);
  const activation = expectOneOf("activation", options.activation ?? "tanh", activations);
  return withoutUndefined({ type: "elman", ...checkRecurrent(units, options), activation });
}

class ElmanCell implements Cell {
  readonly h;
  readonly setting: CellSetting;
  readonly activation: number;
  rows: Rows | undefined;
  keep = false;
  // Packed weights
  wIh: Pointer = 0;
  wHh: Pointer = 0;
  wIhRows: Pointer = 0;
  wHhRows: Pointer = 0;
  bias: Pointer = 0;
  // Kept for backward, see assembly/elman.ts
  x: Pointer = 0;
  y: Pointer = 0;
  hPrev: Pointer = 0;

  constructor(setting: CellSetting, activation: number) {
    this.setting = setting;
    this.activation = activation;
    this.h = stateBuffer(setting, "h");
  }

  reserve(arena: Arena): void {
    const { I, H } = this.setting;
    const P = padded(H);
    this.wIh = arena.floats(I * P);
    this.wHh = arena.floats(H * P);
    this.wIhRows = arena.floats(padded(I) * P);
    this.wHhRows = arena.floats(P * P);
    this.bias = arena.floats(P);
  }

  plan(arena: Arena, rows: Rows, training: boolean): void {
    const P = padded(this.setting.H);
    this.rows = rows;
    this.keep = training;
    planState(this.h, arena, rows.B, training);
    this.y = arena.floats(rows.N * P);
    this.hPrev = arena.floats(training ? rows.N * P : P);
  }

  pack(): void {
    const { core, I, H, parameters } = this.setting;
    core.functions.packTransposed(this.wIh, parameters.wIh.value, 1, H, I);
    core.functions.packTransposed(this.wHh, parameters.wHh.value, 1, H, H);
    core.functions.packBias(this.bias, parameters.bIh?.value ?? 0, parameters.bHh?.value ?? 0, 1, H);
  }

  packBackward(): void {
    const { core, I, H, parameters } = this.setting;
    core.functions.packRows(this.wIhRows, parameters.wIh.value, 1, H, I);
    core.functions.packRows(this.wHhRows, parameters.wHh.value, 1, H, H);
  }

  forward(x: Pointer): Pointer {
    const { core, I, H, reverse } = this.setting;
    const { batchSizes, T } = this.rows!;
    this.x = x;
    // prettier-ignore
    core.functions.elmanForward(
      this.y, this.h.value, this.hPrev,
      x, this.wIh, this.wHh, this.bias, batchSizes,
      T, I, H, this.activation, reverse, this.keep,
    );
    return this.y;
  }

  backward(dx: Pointer, dy: Pointer): void {
    const { core, I, H, reverse, parameters, shared } = this.setting;
    const { batchSizes, T } = this.rows!;
    // prettier-ignore
    core.functions.elmanBackward(
      dx, parameters.wIh.gradient, parameters.wHh.gradient, parameters.bIh?.gradient ?? 0,
      parameters.bHh?.gradient ?? 0, this.h.gradient,
      this.y, this.hPrev, dy,
      this.x, this.wIhRows, this.wHhRows, shared.scratch, batchSizes,
      T, I, H, this.activation, reverse,
    );
  }
}

export const elmanType: LayerType<ElmanLayer> = {
  normalize: ({ type: _, units, ...options }) => elman(units, options),
  build(description, builder) {
    const activation = activations.indexOf(description.activation ?? "tanh");
    return new Recurrent(description, builder, 1, (setting) => new ElmanCell(setting, activation));
  },
};
