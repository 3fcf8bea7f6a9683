import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectOneOf } from "../validate.ts";
import { whole } from "../whole.ts";
import { GateActivations, hasGateOptions } from "./gateActivation.ts";
import { nothingKept, withoutUndefined, type KeptRows, type LayerType, type Rows } from "./layer.ts";
import { checkRecurrent, Recurrent, Cell, type CellSetting, type RecurrentOptions } from "./recurrent.ts";
import { isRegularized, Regularization } from "./regularization.ts";

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
 * Gated recurrent unit (Cho et al. 2014) over a sequence: r, z = σ(W_ih·x + b_ih + W_hh·h + b_hh),
 * n = tanh(W_ih·x + b_ih + r∘(W_hh·h + b_hh)), h = (1 − z)∘n + z∘h; with `reset: "before"` r∘h stands in the product:
 * (…, time, inputs) → (…, time, units). Parameters for layer k as PyTorch's GRU, gates in the order r z n: `weight_ih_lk` (3·units, inputs), `weight_hh_lk` (3·units, units), `bias_ih_lk`, `bias_hh_lk` (3·units), with
 * the suffix `_reverse` for the second direction. State: h.
 * @param units size of the hidden state
 * @throws RangeError, TypeError on a wrong option
 */
export function gru(units: number, options: GruOptions = {}): GruLayer {
  const checked = checkRecurrent("gru", units, options, ["reset"]);
  const { reset = "after" } = options;
  return withoutUndefined({ type: "gru", ...checked, reset: expectOneOf("reset", reset, resets) });
}

const GATES = 3;

/** The gates r and z have another left-hand side in the recurrent product than n, so wHh is packed as two and one. */
class GruCell extends Cell {
  readonly resetAfter: boolean;
  /** Bytes that r and z take of a block: of the weights, of a bias, and of the two packed forms. */
  readonly rz;
  /** Bias of n inside the reset gate; zeros with reset before. */
  biasHn: Pointer = 0;
  // Kept for backward, see assembly/gru.ts
  activated: Pointer = 0;
  q: Pointer = 0;
  /** Scratch of backward with reset before. */
  dq: Pointer = 0;

  constructor(setting: CellSetting, resetAfter: boolean) {
    super(GATES, setting);
    const { H } = setting;
    const P = padded(H);
    this.resetAfter = resetAfter;
    this.rz = { weight: 2 * H * H * 4, bias: 2 * H * 4, packed: 2 * H * P * 4, rows: 2 * P * P * 4 };
  }

  override reserve(arena: Arena): void {
    super.reserve(arena);
    this.biasHn = arena.floats(padded(this.setting.H));
  }

  override plan(arena: Arena, rows: Rows, training: boolean, kept = whole && training ? rows.N : 1): void {
    super.plan(arena, rows, training, kept);
    const P = padded(this.setting.H);
    this.activated = arena.floats(rows.N * GATES * P);
    this.q = arena.floats(Math.max(kept, rows.B) * P);
    this.dq = whole && training ? arena.floats(rows.B * P) : 0;
  }

  override packHidden(weight: Pointer): void {
    const { core, H } = this.setting;
    core.functions.packTransposed(this.wHh, weight, 2, H, H);
    core.functions.packTransposed(this.wHh + this.rz.packed, weight + this.rz.weight, 1, H, H);
  }

  override packHiddenRows(weight: Pointer): void {
    const { core, H } = this.setting;
    core.functions.packRows(this.wHhRows, weight, 2, H, H);
    core.functions.packRows(this.wHhRows + this.rz.rows, weight + this.rz.weight, 1, H, H);
  }

  override packBiases(bIh: Pointer, bHh: Pointer): void {
    const { core, H } = this.setting;
    const { packBias } = core.functions;
    const bIn = bIh && bIh + this.rz.bias;
    const bHn = bHh && bHh + this.rz.bias;
    packBias(this.bias, bIh, bHh, 2, H);
    packBias(this.bias + 2 * padded(H) * 4, bIn, this.resetAfter ? 0 : bHn, 1, H);
    packBias(this.biasHn, this.resetAfter ? bHn : 0, 0, 1, H);
  }

  forward(x: Pointer): Pointer {
    const { core, I, H, reverse } = this.setting;
    const { batchSizes, T } = this.rows!;
    this.x = x;
    // prettier-ignore
    core.functions.gruForward(
      this.y, this.h.value, this.activated, this.q, this.hPrev,
      x, this.wIh, this.wHh, this.wHh + this.rz.packed, this.bias, this.biasHn, batchSizes,
      T, I, H, this.resetAfter, reverse, this.keep,
    );
    return this.y;
  }

  override kept(): KeptRows {
    return { ...nothingKept, gates: this.activated };
  }

  backward(dx: Pointer, dy: Pointer): void {
    const { core, I, H, reverse, parameters, shared } = this.setting;
    const { batchSizes, T } = this.rows!;
    // prettier-ignore
    core.functions.gruBackward(
      dx, parameters.wIh.gradient, parameters.wHh.gradient, parameters.bIh?.gradient ?? 0,
      parameters.bHh?.gradient ?? 0, this.h.gradient, this.flow, this.dq,
      this.activated, this.q, this.hPrev, dy,
      this.x, this.wIhRows, this.wHhRows, this.wHhRows + this.rz.rows, shared.scratch, batchSizes,
      T, I, H, this.resetAfter, reverse,
    );
  }
}

/** With recurrent dropout or zoneout. */
class RegularizedGruCell extends GruCell {
  readonly regularization: Regularization;
  readonly activations: GateActivations | undefined;

  constructor(setting: CellSetting, description: GruLayer) {
    super(setting, description.reset !== "before");
    this.regularization = new Regularization(setting, 0, description);
    const { activations = ["sigmoid", "tanh"], gateClip = 0 } = description;
    if (hasGateOptions(description))
      this.activations = new GateActivations(setting, activations, gateClip, { of: [0, 1] });
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
    this.activations?.plan(arena, rows, training, GATES * padded(this.setting.H));
  }

  override forward(x: Pointer): Pointer {
    const { core, I, H, reverse } = this.setting;
    const { batchSizes, T } = this.rows!;
    const { mask, hIn, zones } = this.regularization;
    this.regularization.begin();
    this.x = x;
    // prettier-ignore
    core.functions.gruRegularizedForward(
      this.y, this.h.value, this.activated, this.q, this.hPrev, hIn, this.activations?.slopes ?? 0,
      x, this.wIh, this.wHh, this.wHh + this.rz.packed, this.bias, this.biasHn, mask, zones,
      this.activations?.forms ?? 0, batchSizes,
      T, I, H, this.resetAfter, reverse,
    );
    return this.y;
  }

  override backward(dx: Pointer, dy: Pointer): void {
    const { core, I, H, reverse, parameters, shared } = this.setting;
    const { batchSizes, T } = this.rows!;
    const { mask, zones, carryH } = this.regularization;
    // prettier-ignore
    core.functions.gruRegularizedBackward(
      dx, parameters.wIh.gradient, parameters.wHh.gradient, parameters.bIh?.gradient ?? 0,
      parameters.bHh?.gradient ?? 0, this.h.gradient, this.flow, this.dq, carryH,
      this.activated, this.q, this.hPrev, this.activations?.slopes ?? 0, dy,
      this.x, this.wIhRows, this.wHhRows, this.wHhRows + this.rz.rows, mask, zones, shared.scratch, batchSizes,
      T, I, H, this.resetAfter, reverse,
    );
  }
}

export const gruType: LayerType<GruLayer> = {
  normalize: ({ type: _, units, ...options }) => gru(units, options),
  build(description, builder) {
    const resetAfter = description.reset !== "before";
    const create = (setting: CellSetting) =>
      whole && (isRegularized(description) || hasGateOptions(description))
        ? new RegularizedGruCell(setting, description)
        : new GruCell(setting, resetAfter);
    return new Recurrent(description, builder, GATES, create);
  },
};
