import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectNumber, expectOptions } from "../validate.ts";
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

export interface LstmOptions extends RecurrentOptions {
  /** The forget gate's bias_hh starts at this instead (Jozefowicz, Zaremba & Sutskever 2015 advise 1). */
  readonly forgetBias?: number;
}

export interface LstmLayer extends LstmOptions {
  readonly type: "lstm";
  readonly units: number;
}

/**
 * Long short-term memory over a sequence (…, time, inputs) → (…, time, units). Parameters for layer k as PyTorch's LSTM, gates
 * in the order i f g o: `weight_ih_lk` (4·units, inputs), `weight_hh_lk` (4·units, units), `bias_ih_lk`, `bias_hh_lk`
 * (4·units), with the suffix `_reverse` for the second direction. State: h and c.
 * @param units size of the hidden state
 * @throws RangeError, TypeError on a wrong option
 */
export function lstm(units: number, options: LstmOptions = {}): LstmLayer {
  expectOptions("lstm", options, [...recurrentOptionNames, "forgetBias"]);
  const { forgetBias } = options;
  const checked = checkRecurrent(units, options);
  if (forgetBias !== undefined) {
    expectNumber("forgetBias", forgetBias);
    if (!checked.bias) throw new RangeError('"forgetBias" needs the biases: leave out "bias: false"');
  }
  return withoutUndefined({ type: "lstm", ...checked, forgetBias });
}

const GATES = 4;

class LstmCell implements Cell {
  readonly h;
  readonly c;
  readonly setting: CellSetting;
  rows: Rows | undefined;
  keep = false;
  // Packed weights
  wIh: Pointer = 0;
  wHh: Pointer = 0;
  wIhRows: Pointer = 0;
  wHhRows: Pointer = 0;
  bias: Pointer = 0;
  // Kept for backward, see assembly/lstm.ts
  x: Pointer = 0;
  y: Pointer = 0;
  gates: Pointer = 0;
  hPrev: Pointer = 0;
  cPrev: Pointer = 0;
  tanhC: Pointer = 0;

  constructor(setting: CellSetting) {
    this.setting = setting;
    this.h = stateBuffer(setting, "h");
    this.c = stateBuffer(setting, "c");
  }

  reserve(arena: Arena): void {
    const { I, H } = this.setting;
    const rows = GATES * padded(H);
    this.wIh = arena.floats(I * rows);
    this.wHh = arena.floats(H * rows);
    this.wIhRows = arena.floats(padded(I) * rows);
    this.wHhRows = arena.floats(padded(H) * rows);
    this.bias = arena.floats(rows);
  }

  plan(arena: Arena, rows: Rows, training: boolean): void {
    const P = padded(this.setting.H);
    const kept = training ? rows.N * P : P;
    this.rows = rows;
    this.keep = training;
    planState(this.h, arena, rows.B, training);
    planState(this.c, arena, rows.B, training);
    this.gates = arena.floats(rows.N * GATES * P);
    this.y = arena.floats(rows.N * P);
    this.hPrev = arena.floats(kept);
    this.cPrev = arena.floats(kept);
    this.tanhC = arena.floats(kept);
  }

  pack(): void {
    const { core, I, H, parameters } = this.setting;
    core.functions.packTransposed(this.wIh, parameters.wIh.value, GATES, H, I);
    core.functions.packTransposed(this.wHh, parameters.wHh.value, GATES, H, H);
    core.functions.packBias(this.bias, parameters.bIh?.value ?? 0, parameters.bHh?.value ?? 0, GATES, H);
  }

  packBackward(): void {
    const { core, I, H, parameters } = this.setting;
    core.functions.packRows(this.wIhRows, parameters.wIh.value, GATES, H, I);
    core.functions.packRows(this.wHhRows, parameters.wHh.value, GATES, H, H);
  }

  forward(x: Pointer): Pointer {
    const { core, I, H, reverse } = this.setting;
    const { batchSizes, T } = this.rows!;
    this.x = x;
    // prettier-ignore
    core.functions.lstmForward(
      this.y, this.h.value, this.c.value, this.gates, this.hPrev, this.cPrev, this.tanhC,
      x, this.wIh, this.wHh, this.bias, batchSizes,
      T, I, H, reverse, this.keep,
    );
    return this.y;
  }

  backward(dx: Pointer, dy: Pointer): void {
    const { core, I, H, reverse, parameters, shared } = this.setting;
    const { batchSizes, T } = this.rows!;
    // prettier-ignore
    core.functions.lstmBackward(
      dx, parameters.wIh.gradient, parameters.wHh.gradient, parameters.bIh?.gradient ?? 0,
      parameters.bHh?.gradient ?? 0, this.h.gradient, this.c.gradient,
      this.gates, this.hPrev, this.cPrev, this.tanhC, dy,
      this.x, this.wIhRows, this.wHhRows, shared.scratch, batchSizes,
      T, I, H, reverse,
    );
  }
}

export const lstmType: LayerType<LstmLayer> = {
  normalize: ({ type: _, units, ...options }) => lstm(units, options),
  build(description, builder) {
    const { units: H, forgetBias } = description;
    const { core } = builder;
    // The forget gate is the second of the four.
    const setForgetBias = (bias: Pointer) => {
      if (forgetBias !== undefined) core.view(bias + H * 4, H).fill(forgetBias);
    };
    return new Recurrent(description, builder, GATES, (setting) => new LstmCell(setting), setForgetBias);
  },
};
