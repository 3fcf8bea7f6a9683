import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectNumber, expectOptions } from "../validate.ts";
import { withoutUndefined, type LayerType, type Rows, type StateBuffer } from "./layer.ts";
import {
  checkRecurrent,
  Recurrent,
  recurrentOptionNames,
  stateBuffer,
  Cell,
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

class LstmCell extends Cell {
  override readonly c: StateBuffer;
  // Kept for backward, see assembly/lstm.ts
  activated: Pointer = 0;
  cPrev: Pointer = 0;
  tanhC: Pointer = 0;

  constructor(setting: CellSetting) {
    super(GATES, setting);
    this.c = stateBuffer(setting, "c");
  }

  override plan(arena: Arena, rows: Rows, training: boolean): void {
    super.plan(arena, rows, training);
    const P = padded(this.setting.H);
    const kept = training ? rows.N * P : P;
    this.activated = arena.floats(rows.N * GATES * P);
    this.cPrev = arena.floats(kept);
    this.tanhC = arena.floats(kept);
  }

  forward(x: Pointer): Pointer {
    const { core, I, H, reverse } = this.setting;
    const { batchSizes, T } = this.rows!;
    this.x = x;
    // prettier-ignore
    core.functions.lstmForward(
      this.y, this.h.value, this.c.value, this.activated, this.hPrev, this.cPrev, this.tanhC,
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
      this.activated, this.hPrev, this.cPrev, this.tanhC, dy,
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
