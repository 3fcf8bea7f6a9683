import { padded, type Arena, type Core, type Pointer } from "../core/core.ts";
import { fanOutUniform, initialize, optionalInitializer, type Initializer } from "../initializer.ts";
import { expectBoolean, expectInteger, expectNumber, expectOptions, expectPositive } from "../validate.ts";
import { whole } from "../whole.ts";
import { checkActivations, type GateActivation } from "./gateActivation.ts";
import {
  checkName,
  expectFeatures,
  featureShape,
  Layer,
  nothingKept,
  type Builder,
  type KeptRows,
  type LayerOptions,
  type ParameterBlock,
  type Recurrence,
  type Rows,
  type Shape,
  type StateBuffer,
} from "./layer.ts";

/** Options that Elman, LSTM and GRU share. Those from `learnInitialState` on need the whole library, not `unrolled/run`. */
export interface RecurrentOptions extends LayerOptions {
  /** Layers stacked on each other. Default 1. */
  readonly layers?: number;
  /** A second network reads the sequence backwards; outputs stand side by side, (…, 2·units). Default false. */
  readonly bidirectional?: boolean;
  /** Share of the values dropped between stacked layers while training, in [0, 1). Default 0. */
  readonly dropout?: number;
  /** Default true: bias_ih and bias_hh, both, as PyTorch. */
  readonly bias?: boolean;
  /** Start of weight_ih, each gate by itself. Default U(±1/√units), as PyTorch. */
  readonly weightInit?: Initializer;
  /** Start of weight_hh, each gate by itself. Default U(±1/√units), as PyTorch. */
  readonly recurrentInit?: Initializer;
  /** Start of both biases. Default U(±1/√units), as PyTorch. */
  readonly biasInit?: Initializer;
  /**
   * A sequence that is given no state starts at the parameters `h0_lk` and, of an LSTM, `c0_lk`, (units) each, which begin at 0
   * and are learnt. Default false: at zeros.
   */
  readonly learnInitialState?: boolean;
  /**
   * Share of the hidden state dropped from the recurrent product while training, the same units at all steps of a sequence, in
   * [0, 1) (Gal & Ghahramani 2016; Keras' recurrent_dropout). Default 0.
   */
  readonly recurrentDropout?: number;
  /**
   * Probability with which a unit keeps its previous state at a step while training, in [0, 1) (Krueger et al. 2017); otherwise
   * the state is the mean over both, z·h(t−1) + (1 − z)·h̃(t). Default 0.
   */
  readonly zoneout?: number;
  /**
   * The sequence is read from its end to its beginning; each output stands at its own step. Default false. ONNX's direction
   * "reverse".
   */
  readonly reverse?: boolean;
  /**
   * Activations in place of σ and tanh, slower than these: of elman [h], of gru [r and z, n], of lstm [i, f and o, g, c on its way
   * out]; twice as many for two directions that differ. ONNX's activations, activation_alpha and activation_beta.
   */
  readonly activations?: readonly GateActivation[];
  /** Limit of what goes into the activations of the gates to ±, ONNX's clip; the gradient is 0 beyond. */
  readonly gateClip?: number;
}

/** A rate of zoneout for all states, or, of an LSTM, for each. @inline */
export type Zoneout = number | { readonly h: number; readonly c: number };

/** As RecurrentOptions, but for the form of zoneout. */
type AllOptions<Z> = Omit<RecurrentOptions, "zoneout"> & { readonly zoneout?: Z };

type RecurrentDescription = AllOptions<Zoneout> & { readonly units: number };

const optionNames = [
  ...["layers", "bidirectional", "dropout", "bias", "weightInit", "recurrentInit", "biasInit", "name"],
  ...(whole ? ["learnInitialState", "recurrentDropout", "zoneout", "reverse", "activations", "gateClip"] : []),
];

/** The options of the layer `where`, whose own are called `own`. */
export function checkRecurrent<Z extends Zoneout>(
  where: string,
  units: number,
  options: AllOptions<Z>,
  own: readonly string[],
) {
  expectOptions(where, options, [...optionNames, ...own]);
  const { layers = 1, bidirectional = false, dropout = 0, bias = true } = options;
  const { weightInit, recurrentInit, biasInit, name } = options;
  const checked = {
    units: expectInteger("units", units, 1),
    layers: expectInteger("layers", layers, 1, 1024),
    bidirectional: expectBoolean("bidirectional", bidirectional),
    dropout: expectNumber("dropout", dropout, 0, 1, { below: true }),
    bias: expectBoolean("bias", bias),
    weightInit: optionalInitializer("weightInit", weightInit),
    recurrentInit: optionalInitializer("recurrentInit", recurrentInit),
    biasInit: optionalInitializer("biasInit", biasInit),
    name: checkName(name),
    ...(whole && checkRegularization(where, options)),
    ...(whole && checkGates(where, options)),
  };
  if (whole && checked.dropout > 0 && checked.layers === 1) {
    throw new RangeError(
      '"dropout" acts between stacked layers, and "layers" is 1: put a dropout() layer after it instead',
    );
  }
  return checked;
}

/** Those of the options that `unrolled/run` has not; what changes nothing is left out. */
function checkRegularization<Z extends Zoneout>(where: string, options: AllOptions<Z>) {
  const { learnInitialState = false, recurrentDropout = 0, zoneout } = options;
  return {
    learnInitialState: expectBoolean("learnInitialState", learnInitialState) || undefined,
    recurrentDropout: checkRate("recurrentDropout", recurrentDropout) || undefined,
    zoneout: zoneout === undefined ? undefined : checkZoneout(where, zoneout),
  };
}

/** Activations of one direction. */
const activationCounts: Readonly<Record<string, number>> = { elman: 1, gru: 2, lstm: 3 };

/** The options of direction and of the gates. */
function checkGates<Z extends Zoneout>(where: string, options: AllOptions<Z>) {
  const { bidirectional = false, reverse = false, activations, gateClip } = options;
  if (expectBoolean("reverse", reverse) && bidirectional) {
    throw new RangeError('"reverse" is one of the two directions of "bidirectional": leave one of them out');
  }
  return {
    reverse: reverse || undefined,
    activations:
      activations === undefined ? undefined : checkActivations(activations, activationCounts[where]!, bidirectional),
    gateClip: gateClip === undefined ? undefined : expectPositive("gateClip", gateClip),
  };
}

function checkRate(name: string, value: unknown): number {
  return expectNumber(name, value, 0, 1, { below: true });
}

function checkZoneout<Z extends Zoneout>(where: string, zoneout: Z): Z | undefined {
  if (where !== "lstm" || typeof zoneout !== "object") return checkRate("zoneout", zoneout) > 0 ? zoneout : undefined;
  expectOptions("zoneout", zoneout, ["h", "c"]);
  const [h, c] = [checkRate("zoneout.h", zoneout.h), checkRate("zoneout.c", zoneout.c)];
  return h > 0 || c > 0 ? Object.freeze({ ...zoneout }) : undefined;
}

/** The parameters of one layer in one direction. */
export interface CellParameters {
  readonly wIh: ParameterBlock;
  readonly wHh: ParameterBlock;
  readonly bIh: ParameterBlock | undefined;
  readonly bHh: ParameterBlock | undefined;
}

/** Where and how a cell runs. */
export interface CellSetting {
  readonly core: Core;
  readonly parameters: CellParameters;
  readonly I: number;
  readonly H: number;
  /** Size of h: H, or that of its projection. */
  readonly R: number;
  /** Adds a parameter of this cell beside those above; the name goes without the suffix. */
  readonly declare: Builder["declare"];
  /** As in the names of the parameters: _l0, _l0_reverse … */
  readonly suffix: string;
  readonly reverse: boolean;
  readonly shared: { readonly scratch: Pointer };
}

/**
 * One layer in one direction over a whole batch: what elman.ts, lstm.ts and gru.ts fill in. Here are the weights, packed for the
 * products of assembly/; pointers are as in Layer.
 */
export abstract class Cell {
  readonly gates: number;
  readonly setting: CellSetting;
  readonly h: StateBuffer;
  /** LSTM only. */
  readonly c?: StateBuffer;
  /** LSTM only: weight_hr. */
  readonly projection?: ParameterBlock | undefined;
  rows: Rows | undefined;
  /** Whether forward keeps what backward needs. */
  keep = false;
  /** For x·wIhᵀ and h·wHhᵀ. */
  wIh: Pointer = 0;
  wHh: Pointer = 0;
  /** For da·wIh and da·wHh. */
  wIhRows: Pointer = 0;
  wHhRows: Pointer = 0;
  bias: Pointer = 0;
  /** Rows of the last forward pass. */
  x: Pointer = 0;
  y: Pointer = 0;
  hPrev: Pointer = 0;
  /** See Recurrence. */
  flow: Pointer = 0;

  constructor(gates: number, setting: CellSetting) {
    this.gates = gates;
    this.setting = setting;
    this.h = stateBuffer(setting, "h", setting.R);
  }

  /** Floats of shared scratch that backward needs. */
  scratch(): number {
    const { core, I, H, R } = this.setting;
    return core.functions.weightGradientScratch(this.gates, H, I, R);
  }

  reserve(arena: Arena): void {
    const { I, H, R } = this.setting;
    const columns = this.gates * padded(H);
    this.wIh = arena.floats(I * columns);
    this.wHh = arena.floats(R * columns);
    this.bias = arena.floats(columns);
    if (!whole) return;
    this.wIhRows = arena.floats(padded(I) * columns);
    this.wHhRows = arena.floats(padded(R) * columns);
  }

  /** hPrev gets `kept` rows. */
  plan(arena: Arena, rows: Rows, training: boolean, kept = whole && training ? rows.N : 1): void {
    const P = padded(this.setting.R);
    this.rows = rows;
    this.keep = whole && training;
    this.y = arena.floats(rows.N * P);
    this.hPrev = arena.floats(kept * P);
  }

  pack(): void {
    const { core, I, H, parameters } = this.setting;
    core.functions.packTransposed(this.wIh, parameters.wIh.value, this.gates, H, I);
    this.packHidden(parameters.wHh.value);
    this.packBiases(parameters.bIh?.value ?? 0, parameters.bHh?.value ?? 0);
  }

  packHidden(weight: Pointer): void {
    const { core, H, R } = this.setting;
    core.functions.packTransposed(this.wHh, weight, this.gates, H, R);
  }

  /** Addresses are 0 where there are no biases. */
  packBiases(bIh: Pointer, bHh: Pointer): void {
    const { core, H } = this.setting;
    core.functions.packBias(this.bias, bIh, bHh, this.gates, H);
  }

  packBackward(): void {
    const { core, I, H, parameters } = this.setting;
    core.functions.packRows(this.wIhRows, parameters.wIh.value, this.gates, H, I);
    this.packHiddenRows(parameters.wHh.value);
  }

  packHiddenRows(weight: Pointer): void {
    const { core, H, R } = this.setting;
    core.functions.packRows(this.wHhRows, weight, this.gates, H, R);
  }

  /** y rows (N, padded(R)); the states hold the initial before and the final after. */
  abstract forward(x: Pointer): Pointer;

  /** Of the last forward pass. */
  kept(): KeptRows {
    return nothingKept;
  }

  /** Adds to dx (0: not wanted); the state gradients hold those of the final before and of the initial state after. */
  abstract backward(dx: Pointer, dy: Pointer): void;
}

export function stateBuffer({ suffix }: CellSetting, label: "h" | "c", units: number): StateBuffer {
  return { label: label + suffix, units, value: 0, gradient: 0 };
}

/** Makes parameters of where the states of a cell start. */
function learnStates({ h, c, setting }: Cell): void {
  const declare = (name: string, { units }: StateBuffer) => setting.declare(name, [units], () => undefined); // zeros
  h.initial = declare("h0", h);
  if (c) c.initial = declare("c0", c);
}

/** Starts one gate after another, each as a matrix (H, inputs). */
function gateInitializer(core: Core, gates: number, H: number, inputs: number, fanIn: number, how: Initializer) {
  return (at: Pointer) => {
    if (!whole) return; // there all begins at zeros
    for (let g = 0; g < gates; g++) initialize(core, at + g * H * inputs * 4, H * inputs, fanIn, H, how);
  };
}

/** One stacked layer: a cell or one for each direction, and what joins it to the next. */
interface Level {
  readonly cells: readonly Cell[];
  readonly I: number;
  x: Pointer;
  /** Both directions side by side; 0 if there is one. */
  joined: Pointer;
  /** Output after dropout and its mask; 0 if there is none. */
  dropped: Pointer;
  mask: Pointer;
  dx: Pointer;
  /** Gradient of one direction, cut out of the joined one. */
  dHalf: Pointer;
}

/** Stacks cells in layers and directions: everything that Elman, LSTM and GRU have in common. */
export class Recurrent extends Layer {
  readonly output: Shape;
  override readonly states: readonly StateBuffer[];
  readonly #levels: readonly Level[];
  /** Size of the output of one direction. */
  readonly #R: number;
  readonly #dropout: number;
  #rows: Rows | undefined;

  constructor(
    description: RecurrentDescription,
    build: Builder,
    gates: number,
    createCell: (setting: CellSetting) => Cell,
    afterBias?: (bias: Pointer) => void,
    R = description.units,
  ) {
    super(build);
    build.requireTime("sequence");
    const { units: H, layers = 1, bidirectional = false, bias = true } = description;
    const { weightInit = fanOutUniform(), recurrentInit = fanOutUniform(), biasInit = fanOutUniform() } = description;
    const { core, shared } = build;
    const directions = bidirectional ? 2 : 1;
    const inputs = expectFeatures(build);
    this.#R = R;
    this.#dropout = description.dropout ?? 0;
    this.output = featureShape(build.input, R * directions, {
      time: "sequence",
      reverseFrom: whole && description.reverse ? 0 : R,
    });
    const start = (inputs: number, fanIn: number, how: Initializer) =>
      gateInitializer(core, gates, H, inputs, fanIn, how);
    this.#levels = Array.from({ length: layers }, (_, level) => {
      const I = level === 0 ? inputs : R * directions;
      const cells = Array.from({ length: directions }, (_, direction) => {
        const suffix = `_l${level}${direction === 1 ? "_reverse" : ""}`;
        const declare: Builder["declare"] = (name, shape, fill) => build.declare(name + suffix, shape, fill);
        const startBias = start(1, H, biasInit);
        const parameters: CellParameters = {
          wIh: declare("weight_ih", [gates * H, I], start(I, I, weightInit)),
          wHh: declare("weight_hh", [gates * H, R], start(R, R, recurrentInit)),
          bIh: bias ? declare("bias_ih", [gates * H], startBias) : undefined,
          bHh: bias
            ? declare("bias_hh", [gates * H], (at) => {
                startBias(at);
                afterBias?.(at);
              })
            : undefined,
        };
        const reverse = direction === 1 || (whole && description.reverse === true);
        const cell = createCell({ core, parameters, I, H, R, declare, suffix, reverse, shared });
        if (whole && description.learnInitialState) learnStates(cell);
        return cell;
      });
      return { cells, I, x: 0, joined: 0, dropped: 0, mask: 0, dx: 0, dHalf: 0 };
    });
    const cells = this.#levels.flatMap((level) => level.cells);
    this.states = [...cells.map((cell) => cell.h), ...cells.flatMap((cell) => cell.c ?? [])];
  }

  override recurrences(): readonly Recurrence[] {
    return this.#levels.flatMap(({ cells }) =>
      cells.map((cell) => ({
        label: cell.setting.suffix.slice(1),
        reverse: cell.setting.reverse,
        rows: this.#rows!,
        widths: [cell.h.units, ...(cell.c ? [cell.c.units] : [])],
        wHh: cell.setting.parameters.wHh,
        projection: cell.projection,
        decay: 0,
        h: cell.y,
        kept: cell.kept(),
        flowTo: (at: Pointer) => void (cell.flow = at),
      })),
    );
  }

  override scratch(): number {
    return Math.max(...this.#levels.flatMap(({ cells }) => cells.map((cell) => cell.scratch())));
  }

  override reserve(arena: Arena): void {
    for (const { cells } of this.#levels) for (const cell of cells) cell.reserve(arena);
  }

  override pack(): void {
    for (const { cells } of this.#levels) for (const cell of cells) cell.pack();
  }

  override packBackward(): void {
    for (const { cells } of this.#levels) for (const cell of cells) cell.packBackward();
  }

  override plan(arena: Arena, rows: Rows, training: boolean): Rows {
    this.#rows = rows;
    const keep = whole && (training || rows.traced);
    for (const level of this.#levels) {
      for (const cell of level.cells) cell.plan(arena, rows, keep);
      level.joined = level.cells.length === 2 ? arena.floats(rows.N * padded(this.output.size)) : 0;
      if (whole) level.mask = 0;
    }
    return rows;
  }

  override planBackward(arena: Arena): void {
    const { N } = this.#rows!;
    this.#levels.forEach((level, i) => {
      const dropped = this.#dropout > 0 && i + 1 < this.#levels.length ? N * padded(this.output.size) : 0;
      level.dropped = arena.floats(dropped);
      level.mask = dropped ? arena.floats(dropped) : 0;
      level.dx = arena.floats(N * padded(level.I));
      level.dHalf = level.joined ? arena.floats(N * padded(this.#R)) : 0;
    });
  }

  override forward(x: Pointer): Pointer {
    for (const level of this.#levels) {
      level.x = x;
      x = level.cells.length === 2 ? this.#forwardBoth(level) : level.cells[0]!.forward(x);
      if (whole && level.mask) x = this.drop(level, x);
    }
    return x;
  }

  #forwardBoth({ cells, x, joined }: Level): Pointer {
    const P = padded(this.#R);
    const columns = padded(2 * this.#R);
    cells.forEach((cell, direction) => {
      const to = joined + direction * this.#R * 4;
      this.core.functions.copyColumns(to, columns, cell.forward(x), P, this.#rows!.N, this.#R);
    });
    return joined;
  }

  drop(level: Level, x: Pointer): Pointer {
    const n = this.#rows!.N * padded(this.output.size);
    this.core.functions.dropoutForward(level.dropped, level.mask, x, n, this.#dropout);
    return level.dropped;
  }

  override backward(dy: Pointer, wanted: boolean): Pointer {
    const { multiply, zero } = this.core.functions;
    const N = this.#rows!.N;
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const level = this.#levels[i]!;
      const dx = i > 0 || wanted ? level.dx : 0;
      if (level.mask) multiply(dy, level.mask, N * padded(this.output.size));
      if (dx) zero(dx, N * padded(level.I));
      if (level.cells.length === 2) this.#backwardBoth(level, dx, dy);
      else level.cells[0]!.backward(dx, dy);
      dy = dx;
    }
    return dy;
  }

  #backwardBoth({ cells, dHalf }: Level, dx: Pointer, dy: Pointer): void {
    cells.forEach((cell, direction) => {
      const from = dy + direction * this.#R * 4;
      this.core.functions.takeColumns(dHalf, from, padded(2 * this.#R), this.#rows!.N, this.#R);
      cell.backward(dx, dHalf);
    });
  }
}
