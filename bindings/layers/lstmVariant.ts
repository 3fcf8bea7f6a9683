import { padded, type Arena, type Pointer } from "../core/core.ts";
import { fanInUniform, fanOutUniform, initialize } from "../initializer.ts";
import { GateActivations } from "./gateActivation.ts";
import type { KeptRows, ParameterBlock, Rows, StateBuffer } from "./layer.ts";
import type { LstmOptions } from "./lstm.ts";
import { Cell, stateBuffer, type CellSetting } from "./recurrent.ts";
import { isRegularized, Regularization } from "./regularization.ts";

/** Parameters that stand one after another, and their packed form: each padded, as gates are. */
interface Vectors {
  readonly first: ParameterBlock;
  readonly count: number;
  packed: Pointer;
  /** The gradient, packed, while backward runs. */
  sum: Pointer;
}

/** An LSTM with any of projection, peepholes, coupled gates, clipping, other activations, layer norm, recurrent dropout and zoneout. */
export class LstmVariantCell extends Cell {
  override readonly c: StateBuffer;
  readonly options: LstmOptions;
  readonly regularization: Regularization | undefined;
  /** Other activations, which clip the gates too. */
  readonly activations: GateActivations | undefined;
  override readonly projection: ParameterBlock | undefined;
  readonly peepholes: Vectors | undefined;
  readonly gains: Vectors | undefined;
  wHr: Pointer = 0;
  wHrRows: Pointer = 0;
  // Kept for backward, see assembly/lstmVariant.ts
  activated: Pointer = 0;
  cPrev: Pointer = 0;
  tanhC: Pointer = 0;
  m: Pointer = 0;
  norms: Pointer = 0;
  /** Scratch of backward with projection. */
  dm: Pointer = 0;

  constructor(setting: CellSetting, options: LstmOptions) {
    const gates = options.coupled ? 3 : 4;
    super(gates, setting);
    const { H, R } = setting;
    this.options = options;
    this.c = stateBuffer(setting, "c", H);
    this.regularization = isRegularized(options) ? new Regularization(setting, H, options) : undefined;
    const { activations, gateClip = 0, coupled = false } = options;
    this.activations =
      activations && new GateActivations(setting, activations, gateClip, { of: [0, 1, 0, 2], coupled, unclipped: 1 });
    const recurrentInit = options.recurrentInit ?? fanInUniform(); // ±1/√H, as PyTorch
    this.projection = options.projection
      ? setting.declare("weight_hr", [R, H], (at) => initialize(setting.core, at, R * H, H, R, recurrentInit))
      : undefined;
    this.peepholes = options.peepholes ? this.#declarePeepholes() : undefined;
    this.gains = options.layerNorm ? this.#declareGains() : undefined;
  }

  #declarePeepholes(): Vectors {
    const { core, H, declare } = this.setting;
    const start = (at: Pointer) => initialize(core, at, H, 1, H, fanOutUniform());
    const names = this.gates === 3 ? ["weight_cf", "weight_co"] : ["weight_ci", "weight_cf", "weight_co"];
    const [first] = names.map((name) => declare(name, [H], start));
    return { first: first!, count: names.length, packed: 0, sum: 0 };
  }

  #declareGains(): Vectors {
    const { core, H, declare } = this.setting;
    const pair = (name: string, size: number) => {
      const weight = declare(`ln_${name}_weight`, [size], (at) => core.view(at, size).fill(1));
      declare(`ln_${name}_bias`, [size], () => undefined); // zeros
      return weight;
    };
    const first = pair("ih", this.gates * H);
    pair("hh", this.gates * H);
    pair("c", H);
    return { first, count: 4 * this.gates + 2, packed: 0, sum: 0 };
  }

  override scratch(): number {
    const { core, H, R } = this.setting;
    return Math.max(super.scratch(), this.projection ? core.functions.weightGradientScratch(1, R, H, 0) : 0);
  }

  override reserve(arena: Arena): void {
    super.reserve(arena);
    const { H, R } = this.setting;
    if (this.projection) {
      this.wHr = arena.floats(H * padded(R));
      this.wHrRows = arena.floats(padded(H) * padded(R));
    }
    this.activations?.reserve(arena);
    for (const vectors of [this.peepholes, this.gains]) {
      if (!vectors) continue;
      vectors.packed = arena.floats(vectors.count * padded(H));
      vectors.sum = arena.floats(vectors.count * padded(H));
    }
  }

  override plan(arena: Arena, rows: Rows, training: boolean): void {
    const kept = training ? rows.N : rows.B;
    super.plan(arena, rows, training, kept);
    const { core, H } = this.setting;
    const P = padded(H);
    this.activated = arena.floats(rows.N * this.gates * P);
    this.cPrev = arena.floats(kept * P);
    this.tanhC = arena.floats(kept * P);
    this.m = this.projection ? arena.floats(kept * P) : 0;
    this.dm = this.projection && training ? arena.floats(rows.B * P) : 0;
    this.norms = this.gains ? arena.floats(core.functions.lstmNormsSize(kept, H, this.gates)) : 0;
    this.regularization?.plan(arena, rows, training, kept);
    this.activations?.plan(arena, rows, training, (this.gates + 1) * P);
  }

  override pack(): void {
    super.pack();
    const { core, H, R } = this.setting;
    const { packBias, packTransposed } = core.functions;
    this.activations?.pack();
    if (this.projection) packTransposed(this.wHr, this.projection.value, 1, R, H);
    for (const vectors of [this.peepholes, this.gains]) {
      if (vectors) packBias(vectors.packed, vectors.first.value, 0, vectors.count, H);
    }
  }

  override packBackward(): void {
    super.packBackward();
    const { core, H, R } = this.setting;
    if (this.projection) core.functions.packRows(this.wHrRows, this.projection.value, 1, R, H);
  }

  forward(x: Pointer): Pointer {
    const { core, I, H, R, reverse } = this.setting;
    const { batchSizes, T } = this.rows!;
    const { gateClip = 0, cellClip = 0 } = this.options;
    const { regularization, activations } = this;
    regularization?.begin();
    this.x = x;
    // prettier-ignore
    core.functions.lstmVariantForward(
      this.y, this.h.value, this.c.value, this.activated, this.hPrev, this.cPrev, this.tanhC, this.m, this.norms,
      regularization?.hIn ?? 0, x, this.wIh, this.wHh, this.wHr, this.bias, this.peepholes?.packed ?? 0,
      this.gains?.packed ?? 0, regularization?.mask ?? 0, regularization?.zones ?? 0,
      activations?.forms ?? 0, activations?.slopes ?? 0, batchSizes,
      T, I, H, R, this.gates, activations ? 0 : gateClip, cellClip, reverse, this.keep,
    );
    return this.y;
  }

  override kept(): KeptRows {
    return { gates: this.activated, cPrev: this.cPrev, c: this.c.value };
  }

  backward(dx: Pointer, dy: Pointer): void {
    const { core, I, H, R, reverse, parameters, shared } = this.setting;
    const { batchSizes, T } = this.rows!;
    const { gateClip = 0, cellClip = 0 } = this.options;
    const { regularization, activations } = this;
    const { addGates, lstmVariantBackward, zero } = core.functions;
    const sums = [this.peepholes, this.gains].flatMap((vectors) => vectors ?? []);
    for (const { sum, count } of sums) zero(sum, count * padded(H));
    // prettier-ignore
    lstmVariantBackward(
      dx, parameters.wIh.gradient, parameters.wHh.gradient, this.projection?.gradient ?? 0,
      parameters.bIh?.gradient ?? 0, parameters.bHh?.gradient ?? 0, this.peepholes?.sum ?? 0, this.gains?.sum ?? 0,
      this.h.gradient, this.c.gradient, this.flow, regularization?.carryH ?? 0, regularization?.carryC ?? 0, this.dm,
      this.activated, this.hPrev, this.cPrev, this.tanhC, this.m, this.norms, dy,
      this.x, this.wIhRows, this.wHhRows, this.wHrRows, this.peepholes?.packed ?? 0, this.gains?.packed ?? 0,
      regularization?.mask ?? 0, regularization?.zones ?? 0, shared.scratch, activations?.slopes ?? 0, batchSizes,
      T, I, H, R, this.gates, gateClip, cellClip, reverse,
    );
    for (const { first, sum, count } of sums) addGates(first.gradient, sum, count, H);
  }
}
