import { padded, type Arena, type Core, type Pointer } from "../core/core.ts";
import { fanOutUniform, initialize, optionalInitializer, type Initializer } from "../initializer.ts";
import { expectBoolean, expectInteger, expectNumber } from "../validate.ts";
import {
  checkName,
  expectFeatures,
  featureShape,
  Layer,
  type Builder,
  type LayerOptions,
  type ParameterBlock,
  type Rows,
  type Shape,
  type StateBuffer,
} from "./layer.ts";

/** Options that Elman, LSTM and GRU share. */
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
}

export interface RecurrentDescription extends RecurrentOptions {
  readonly units: number;
}

export const recurrentOptionNames = [
  ...["layers", "bidirectional", "dropout", "bias", "weightInit", "recurrentInit", "biasInit", "name"],
];

export function checkRecurrent(units: number, options: RecurrentOptions) {
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
  };
  if (checked.dropout > 0 && checked.layers === 1) {
    throw new RangeError(
      '"dropout" acts between stacked layers, and "layers" is 1: put a dropout() layer after it instead',
    );
  }
  return checked;
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

  constructor(gates: number, setting: CellSetting) {
    this.gates = gates;
    this.setting = setting;
    this.h = stateBuffer(setting, "h");
  }

  reserve(arena: Arena): void {
    const { I, H } = this.setting;
    const columns = this.gates * padded(H);
    this.wIh = arena.floats(I * columns);
    this.wHh = arena.floats(H * columns);
    this.wIhRows = arena.floats(padded(I) * columns);
    this.wHhRows = arena.floats(padded(H) * columns);
    this.bias = arena.floats(columns);
  }

  plan(arena: Arena, rows: Rows, training: boolean): void {
    const P = padded(this.setting.H);
    this.rows = rows;
    this.keep = training;
    this.y = arena.floats(rows.N * P);
    this.hPrev = arena.floats(training ? rows.N * P : P);
  }

  pack(): void {
    const { core, I, H, parameters } = this.setting;
    core.functions.packTransposed(this.wIh, parameters.wIh.value, this.gates, H, I);
    this.packHidden(parameters.wHh.value);
    this.packBiases(parameters.bIh?.value ?? 0, parameters.bHh?.value ?? 0);
  }

  packHidden(weight: Pointer): void {
    const { core, H } = this.setting;
    core.functions.packTransposed(this.wHh, weight, this.gates, H, H);
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
    const { core, H } = this.setting;
    core.functions.packRows(this.wHhRows, weight, this.gates, H, H);
  }

  /** y rows (N, padded(H)); the states hold the initial before and the final after. */
  abstract forward(x: Pointer): Pointer;

  /** Adds to dx (0: not wanted); the state gradients hold those of the final before and of the initial state after. */
  abstract backward(dx: Pointer, dy: Pointer): void;
}

export function stateBuffer({ suffix, H }: CellSetting, label: "h" | "c"): StateBuffer {
  return { label: label + suffix, units: H, value: 0, gradient: 0 };
}

/** Starts one gate after another, each as a matrix (H, inputs). */
function gateInitializer(core: Core, gates: number, H: number, inputs: number, fanIn: number, how: Initializer) {
  return (at: Pointer) => {
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
  readonly #gates: number;
  readonly #H: number;
  readonly #dropout: number;
  #rows: Rows | undefined;

  constructor(
    description: RecurrentDescription,
    build: Builder,
    gates: number,
    createCell: (setting: CellSetting) => Cell,
    afterBias: (bias: Pointer) => void = () => undefined,
  ) {
    super(build);
    build.requireTime("sequence");
    const { units: H, layers = 1, bidirectional = false, bias = true } = description;
    const { weightInit = fanOutUniform(), recurrentInit = fanOutUniform(), biasInit = fanOutUniform() } = description;
    const { core, shared } = build;
    const directions = bidirectional ? 2 : 1;
    const inputs = expectFeatures(build);
    this.#gates = gates;
    this.#H = H;
    this.#dropout = description.dropout ?? 0;
    this.output = featureShape(build.input, H * directions, { time: "sequence", reverseFrom: H });
    const declare = (name: string, shape: number[], fanIn: number, how: Initializer) =>
      build.declare(name, shape, gateInitializer(core, gates, H, shape[1] ?? 1, fanIn, how));
    this.#levels = Array.from({ length: layers }, (_, level) => {
      const I = level === 0 ? inputs : H * directions;
      const cells = Array.from({ length: directions }, (_, direction) => {
        const suffix = `_l${level}${direction === 1 ? "_reverse" : ""}`;
        const parameters: CellParameters = {
          wIh: declare(`weight_ih${suffix}`, [gates * H, I], I, weightInit),
          wHh: declare(`weight_hh${suffix}`, [gates * H, H], H, recurrentInit),
          bIh: bias ? declare(`bias_ih${suffix}`, [gates * H], H, biasInit) : undefined,
          bHh: bias
            ? build.declare(`bias_hh${suffix}`, [gates * H], (at) => {
                gateInitializer(core, gates, H, 1, H, biasInit)(at);
                afterBias(at);
              })
            : undefined,
        };
        return createCell({ core, parameters, I, H, suffix, reverse: direction === 1, shared });
      });
      return { cells, I, x: 0, joined: 0, dropped: 0, mask: 0, dx: 0, dHalf: 0 };
    });
    const cells = this.#levels.flatMap((level) => level.cells);
    this.states = [...cells.map((cell) => cell.h), ...cells.flatMap((cell) => cell.c ?? [])];
  }

  override scratch(): number {
    const sizeOf = this.core.functions.weightGradientScratch;
    return Math.max(...this.#levels.map(({ I }) => sizeOf(this.#gates, this.#H, I, this.#H)));
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
    for (const level of this.#levels) {
      for (const cell of level.cells) cell.plan(arena, rows, training);
      level.joined = level.cells.length === 2 ? arena.floats(rows.N * padded(this.output.size)) : 0;
      level.mask = 0;
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
      level.dHalf = level.joined ? arena.floats(N * padded(this.#H)) : 0;
    });
  }

  override forward(x: Pointer): Pointer {
    for (const level of this.#levels) {
      level.x = x;
      x = level.cells.length === 2 ? this.#forwardBoth(level) : level.cells[0]!.forward(x);
      if (level.mask) x = this.drop(level, x);
    }
    return x;
  }

  #forwardBoth({ cells, x, joined }: Level): Pointer {
    const P = padded(this.#H);
    const columns = padded(2 * this.#H);
    cells.forEach((cell, direction) => {
      const to = joined + direction * this.#H * 4;
      this.core.functions.copyColumns(to, columns, cell.forward(x), P, this.#rows!.N, this.#H);
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
      const from = dy + direction * this.#H * 4;
      this.core.functions.takeColumns(dHalf, from, padded(2 * this.#H), this.#rows!.N, this.#H);
      cell.backward(dx, dHalf);
    });
  }
}
