import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectOneOf } from "../validate.ts";
import { whole } from "../whole.ts";
import { GateActivations, hasGateOptions } from "./gateActivation.ts";
import { withoutUndefined, type LayerType, type Rows } from "./layer.ts";
import { checkRecurrent, Recurrent, Cell, type CellSetting, type RecurrentOptions } from "./recurrent.ts";
import { isRegularized, Regularization } from "./regularization.ts";

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
 * Elman network (Elman 1990) over a sequence, h = φ(W_ih·x + b_ih + W_hh·h + b_hh): (…, time, inputs) → (…, time, units). Parameters for
 * layer k as PyTorch's RNN: `weight_ih_lk` (units, inputs), `weight_hh_lk` (units, units), `bias_ih_lk`, `bias_hh_lk` (units),
 * with the suffix `_reverse` for the second direction. State: h.
 * @param units size of the hidden state
 * @throws RangeError, TypeError on a wrong option
 */
export function elman(units: number, options: ElmanOptions = {}): ElmanLayer {
  const checked = checkRecurrent("elman", units, options, ["activation"]);
  const { activation = "tanh" } = options;
  const saysAll = whole && checked.activations !== undefined;
  if (saysAll && options.activation !== undefined) {
    throw new RangeError('"activation" and "activations" say the same: leave out one of them');
  }
  return withoutUndefined({
    type: "elman",
    ...checked,
    activation: saysAll ? undefined : expectOneOf("activation", activation, activations),
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
      parameters.bHh?.gradient ?? 0, this.h.gradient, this.flow,
      this.y, this.hPrev, dy,
      this.x, this.wIhRows, this.wHhRows, shared.scratch, batchSizes,
      T, I, H, this.activation, reverse,
    );
  }
}

/** With recurrent dropout, zoneout, clipping or another activation. */
class RegularizedElmanCell extends ElmanCell {
  readonly regularization: Regularization;
  readonly activations: GateActivations | undefined;
  /** φ of each row before zoneout, kept for backward. */
  activated: Pointer = 0;

  constructor(setting: CellSetting, activation: number, description: ElmanLayer) {
    super(setting, activation);
    this.regularization = new Regularization(setting, 0, description);
    const { activation: plain = "tanh", activations: given = [plain], gateClip = 0 } = description;
    if (hasGateOptions(description)) this.activations = new GateActivations(setting, given, gateClip, { of: [0] });
  }

  override reserve(arena: Arena): void {
    super.reserve(arena);
    this.activations?.reserve(arena);
  }

  override pack(): void {
    super.pack();
    this.activations?.pack();
  }

  override plan(arena: Arena, rows: Rows, training: boolean): void {
    super.plan(arena, rows, training, rows.N);
    this.regularization.plan(arena, rows, training, rows.N);
    this.activations?.plan(arena, rows, training, padded(this.setting.H));
    this.activated = this.regularization.zones ? arena.floats(rows.N * padded(this.setting.H)) : this.y;
  }

  override forward(x: Pointer): Pointer {
    const { core, I, H, reverse } = this.setting;
    const { batchSizes, T } = this.rows!;
    const { mask, hIn, zones } = this.regularization;
    this.regularization.begin();
    this.x = x;
    // prettier-ignore
    core.functions.elmanRegularizedForward(
      this.y, this.activated, this.h.value, this.hPrev, hIn, this.activations?.slopes ?? 0,
      x, this.wIh, this.wHh, this.bias, mask, zones, this.activations?.forms ?? 0, batchSizes,
      T, I, H, this.activation, reverse,
    );
    return this.y;
  }

  override backward(dx: Pointer, dy: Pointer): void {
    const { core, I, H, reverse, parameters, shared } = this.setting;
    const { batchSizes, T } = this.rows!;
    const { mask, zones, carryH } = this.regularization;
    // prettier-ignore
    core.functions.elmanRegularizedBackward(
      dx, parameters.wIh.gradient, parameters.wHh.gradient, parameters.bIh?.gradient ?? 0,
      parameters.bHh?.gradient ?? 0, this.h.gradient, this.flow, carryH,
      this.activated, this.hPrev, this.activations?.slopes ?? 0, dy,
      this.x, this.wIhRows, this.wHhRows, mask, zones, shared.scratch, batchSizes,
      T, I, H, this.activation, reverse,
    );
  }
}

export const elmanType: LayerType<ElmanLayer> = {
  normalize: ({ type: _, units, ...options }) => elman(units, options),
  build(description, builder) {
    const activation = activations.indexOf(description.activation ?? "tanh");
    const create = (setting: CellSetting) =>
      whole && (isRegularized(description) || hasGateOptions(description))
        ? new RegularizedElmanCell(setting, activation, description)
        : new ElmanCell(setting, activation);
    return new Recurrent(description, builder, 1, create);
  },
};
