import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectBoolean, expectInteger, expectNumber, expectPositive } from "../validate.ts";
import { whole } from "../whole.ts";
import { hasGateOptions } from "./gateActivation.ts";
import { withoutUndefined, type KeptRows, type LayerType, type Rows, type StateBuffer } from "./layer.ts";
import { LstmVariantCell } from "./lstmVariant.ts";
import {
  checkRecurrent,
  Recurrent,
  stateBuffer,
  Cell,
  type CellSetting,
  type RecurrentOptions,
  type Zoneout,
} from "./recurrent.ts";
import { isRegularized } from "./regularization.ts";

/** All but `forgetBias` need the whole library, not `unrolled/run`. */
export interface LstmOptions extends Omit<RecurrentOptions, "zoneout"> {
  /** The forget gate's bias_hh starts at this instead (Jozefowicz, Zaremba & Sutskever 2015 advise 1). */
  readonly forgetBias?: number;
  /**
   * Size of the hidden state and the output, below `units`, which stays that of c: h = W_hr·(o∘tanh(c)), PyTorch's proj_size (Sak,
   * Senior & Beaufays 2014). `weight_hh_lk` is (4·units, projection), and there is `weight_hr_lk` (projection, units).
   */
  readonly projection?: number;
  /**
   * The gates see the cell, i and f the one before, o the new one, by `weight_ci_lk`, `weight_cf_lk`, `weight_co_lk`, (units) each
   * (Gers & Schmidhuber 2000; ONNX's P). Default false.
   */
  readonly peepholes?: boolean;
  /**
   * The input gate is 1 − f and has no parameters of its own: three gates, f g o, instead of four (Greff et al. 2017; ONNX's
   * input_forget, where the input gate's parameters are the ones that count: those of f are the same negated, so with `activations`
   * f is 1 − φ(−a), which for σ is σ(a)). Default false.
   */
  readonly coupled?: boolean;
  /** Limit of c to ±; the gradient is 0 beyond. */
  readonly cellClip?: number;
  /**
   * Layer normalisation (Ba, Kiros & Hinton 2016), LN(x) = weight∘(x − mean)/√(variance + 1e-5) + bias, over the gates of a step
   * and over c: [i f g o] = LN_ih(W_ih·x) + LN_hh(W_hh·h) + b_ih + b_hh, h = o∘tanh(LN_c(c)), and c itself is carried as it is. The
   * parameters `ln_ih_weight_lk`, `ln_ih_bias_lk`, `ln_hh_weight_lk`, `ln_hh_bias_lk` (4·units), `ln_c_weight_lk`, `ln_c_bias_lk`
   * (units) begin at 1 and 0. Default false.
   */
  readonly layerNorm?: boolean;
  /** As of the other layers: for h and c alike, or a rate for each. h̃(t) is taken from c̃(t), before zoneout. Default 0. */
  readonly zoneout?: Zoneout;
}

export interface LstmLayer extends LstmOptions {
  readonly type: "lstm";
  readonly units: number;
}

/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) over a sequence: i, f, o =
 * σ(W_ih·x + b_ih + W_hh·h + b_hh), g = tanh of the like, c = f∘c + i∘g, h = o∘tanh(c): (…, time, inputs) → (…, time, units).
 * Parameters for layer k as PyTorch's LSTM, gates in the order i f g o: `weight_ih_lk` (4·units, inputs), `weight_hh_lk` (4·units, units), `bias_ih_lk`, `bias_hh_lk`
 * (4·units), with the suffix `_reverse` for the second direction. State: h and c.
 * @param units size of the hidden state
 * @throws RangeError, TypeError on a wrong option
 */
export function lstm(units: number, options: LstmOptions = {}): LstmLayer {
  const checked = checkRecurrent("lstm", units, options, ["forgetBias", ...(whole ? variantNames : [])]);
  const { forgetBias } = options;
  if (forgetBias !== undefined) {
    expectNumber("forgetBias", forgetBias);
    if (!checked.bias) throw new RangeError('"forgetBias" needs the biases: leave out "bias: false"');
  }
  return withoutUndefined({ type: "lstm", ...checked, forgetBias, ...(whole && checkVariant(units, options)) });
}

const variantNames = ["projection", "peepholes", "coupled", "cellClip", "layerNorm"] as const;

/** What changes nothing is left out. */
function checkVariant(units: number, options: LstmOptions) {
  const { projection, peepholes = false, coupled = false, cellClip, layerNorm = false } = options;
  if (projection !== undefined && units === 1) {
    throw new RangeError('"projection" makes the output smaller than "units", which is 1: leave it out');
  }
  return {
    projection: projection === undefined ? undefined : expectInteger("projection", projection, 1, units - 1),
    peepholes: expectBoolean("peepholes", peepholes) || undefined,
    coupled: expectBoolean("coupled", coupled) || undefined,
    cellClip: cellClip === undefined ? undefined : expectPositive("cellClip", cellClip),
    layerNorm: expectBoolean("layerNorm", layerNorm) || undefined,
  };
}

function isVariant(description: LstmLayer): boolean {
  const hasOwn = variantNames.some((name) => description[name] !== undefined);
  return hasOwn || hasGateOptions(description) || isRegularized(description);
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
    this.c = stateBuffer(setting, "c", setting.H);
  }

  override plan(arena: Arena, rows: Rows, training: boolean): void {
    super.plan(arena, rows, training);
    const P = padded(this.setting.H);
    const kept = whole && training ? rows.N * P : P;
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

  override kept(): KeptRows {
    return { gates: this.activated, cPrev: this.cPrev, c: this.c.value };
  }

  backward(dx: Pointer, dy: Pointer): void {
    const { core, I, H, reverse, parameters, shared } = this.setting;
    const { batchSizes, T } = this.rows!;
    // prettier-ignore
    core.functions.lstmBackward(
      dx, parameters.wIh.gradient, parameters.wHh.gradient, parameters.bIh?.gradient ?? 0,
      parameters.bHh?.gradient ?? 0, this.h.gradient, this.c.gradient, this.flow,
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
    const coupled = whole && description.coupled;
    // The forget gate is the second of the four, and the first of three.
    const setForgetBias =
      whole && forgetBias !== undefined
        ? (bias: Pointer) => void core.view(coupled ? bias : bias + H * 4, H).fill(forgetBias)
        : undefined;
    if (whole && isVariant(description)) {
      const create = (setting: CellSetting) => new LstmVariantCell(setting, description);
      return new Recurrent(description, builder, coupled ? 3 : GATES, create, setForgetBias, description.projection);
    }
    return new Recurrent(description, builder, GATES, (setting) => new LstmCell(setting), setForgetBias);
  },
};
