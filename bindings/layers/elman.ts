import type { Pointer } from "../core/core.ts";
import { expectOneOf, expectOptions } from "../validate.ts";
import { withoutUndefined, type LayerType } from "./layer.ts";
import {
  checkRecurrent,
  Recurrent,
  recurrentOptionNames,
  Cell,
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
  const { activation = "tanh" } = options;
  const checked = checkRecurrent(units, options);
  return withoutUndefined({
    type: "elman",
    ...checked,
    activation: expectOneOf("activation", activation, activations),
  });
}

class ElmanCell extends Cell {
  readonly activation: number;

  constructor(setting: CellSetting, activation: number) {
    super(1, setting);
    this.activation = activation;
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
