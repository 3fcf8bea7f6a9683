import { activationCode, checkActivation, type Activation, type ActivationCode } from "../activation.ts";
import { padded, type Arena, type Pointer } from "../core/core.ts";
import { fanInUniform, fanOutUniform, initialize, optionalInitializer, type Initializer } from "../initializer.ts";
import { expectBoolean, expectInteger, expectNumber, expectOptions } from "../validate.ts";
import {
  checkName,
  expectFeatures,
  featureShape,
  Layer,
  nothingKept,
  withoutUndefined,
  type Builder,
  type LayerOptions,
  type LayerType,
  type ParameterBlock,
  type Recurrence,
  type Rows,
  type Shape,
  type StateBuffer,
} from "./layer.ts";

export interface JordanOptions extends LayerOptions {
  /** Size of the output, which is what is fed back. */
  readonly outputs: number;
  /** Of the hidden units. Default "tanh". */
  readonly activation?: Activation;
  /** Of the outputs. Default "linear". */
  readonly outputActivation?: Activation;
  /** Share of the context that stays from step to step, in [0, 1): 0 is the last output alone. Default 0. */
  readonly decay?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Start of weight_ih and weight_hy. Default U(±1/√units). */
  readonly weightInit?: Initializer;
  /** Start of weight_yh. Default U(±1/√units). */
  readonly recurrentInit?: Initializer;
  /** Start of both biases. Default U(±1/√units). */
  readonly biasInit?: Initializer;
}

export interface JordanLayer extends JordanOptions {
  readonly type: "jordan";
  readonly units: number;
}

const known = [
  ...["outputs", "activation", "outputActivation", "decay", "bias"],
  ...["weightInit", "recurrentInit", "biasInit", "name"],
];

/**
 * Jordan network (Jordan 1986) over a sequence, in which the output is fed back and not the hidden units:
 * h = φ(W_ih·x + W_yh·c + b_h), y = ψ(W_hy·h + b_y), and the context of the next step is decay·c + y, zeros at the start:
 * (…, time, inputs) → (…, time, outputs). Parameters: `weight_ih` (units, inputs), `weight_yh` (units, outputs), `bias_h` (units),
 * `weight_hy` (outputs, units), `bias_y` (outputs). State: c.
 * @param units hidden units
 * @throws RangeError, TypeError on a wrong option
 */
export function jordan(units: number, options: JordanOptions): JordanLayer {
  expectOptions("jordan", options, known);
  const { outputs, activation = "tanh", outputActivation = "linear", decay = 0, bias = true } = options;
  const { weightInit, recurrentInit, biasInit, name } = options;
  return withoutUndefined({
    type: "jordan",
    units: expectInteger("units", units, 1),
    outputs: expectInteger("outputs", outputs, 1),
    activation: checkActivation("activation", activation),
    outputActivation: checkActivation("outputActivation", outputActivation),
    decay: expectNumber("decay", decay, 0, 1, { below: true }),
    bias: expectBoolean("bias", bias),
    weightInit: optionalInitializer("weightInit", weightInit),
    recurrentInit: optionalInitializer("recurrentInit", recurrentInit),
    biasInit: optionalInitializer("biasInit", biasInit),
    name: checkName(name),
  });
}

/** A matrix as a parameter, and where it stands packed for the products of forward and backward. */
interface Matrix {
  readonly block: ParameterBlock;
  panels: Pointer;
  backwardPanels: Pointer;
}

class Jordan extends Layer {
  readonly output: Shape;
  override readonly states: readonly StateBuffer[];
  readonly #H: number;
  readonly #wIh: Matrix;
  readonly #wYh: Matrix;
  readonly #wHy: Matrix;
  readonly #bH: ParameterBlock | undefined;
  readonly #bY: ParameterBlock | undefined;
  readonly #phi: ActivationCode;
  readonly #psi: ActivationCode;
  readonly #decay: number;
  readonly #context: StateBuffer;
  readonly #shared: Builder["shared"];
  #packedBH: Pointer = 0;
  #packedBY: Pointer = 0;
  #rows: Rows | undefined;
  #x: Pointer = 0;
  // Kept for backward, see assembly/jordan.ts
  #a: Pointer = 0;
  #h: Pointer = 0;
  #z: Pointer = 0;
  #y: Pointer = 0;
  #c: Pointer = 0;
  #da: Pointer = 0;
  #dx: Pointer = 0;
  #flow: Pointer = 0;

  constructor(description: JordanLayer, build: Builder) {
    super(build);
    build.requireTime("sequence");
    const I = expectFeatures(build);
    const { units: H, outputs: O, bias = true, decay = 0 } = description;
    const { activation = "tanh", outputActivation = "linear" } = description;
    const { weightInit, recurrentInit = fanOutUniform(), biasInit } = description;
    const { core } = build;
    const vector = (name: string, n: number, how: Initializer) =>
      bias ? build.declare(name, [n], (at) => initialize(core, at, n, H, n, how)) : undefined;
    const matrix = (name: string, n: number, inputs: number, how: Initializer): Matrix => {
      const block = build.declare(name, [n, inputs], (at) => initialize(core, at, n * inputs, inputs, n, how));
      return { block, panels: 0, backwardPanels: 0 };
    };
    this.#H = H;
    this.#wIh = matrix("weight_ih", H, I, weightInit ?? fanOutUniform());
    this.#wYh = matrix("weight_yh", H, O, recurrentInit);
    this.#bH = vector("bias_h", H, biasInit ?? fanOutUniform());
    this.#wHy = matrix("weight_hy", O, H, weightInit ?? fanInUniform());
    this.#bY = vector("bias_y", O, biasInit ?? fanInUniform());
    this.#phi = activationCode(activation);
    this.#psi = activationCode(outputActivation);
    this.#decay = decay;
    this.#shared = build.shared;
    this.#context = { label: "c", units: O, value: 0, gradient: 0 };
    this.states = [this.#context];
    this.output = featureShape(build.input, O, { time: "sequence" });
  }

  override recurrences(): readonly Recurrence[] {
    return [
      {
        ...{ label: "", reverse: false, rows: this.#rows!, widths: [this.output.size] },
        ...{ wHh: this.#wYh.block, projection: this.#wHy.block, decay: this.#decay },
        ...{ h: this.#y, kept: nothingKept },
        flowTo: (at) => void (this.#flow = at),
      },
    ];
  }

  override scratch(): number {
    const sizeOf = this.core.functions.weightGradientScratch;
    const O = this.output.size;
    return Math.max(sizeOf(1, this.#H, this.input.size, O), sizeOf(1, O, this.#H, 0));
  }

  override reserve(arena: Arena): void {
    for (const matrix of [this.#wIh, this.#wYh, this.#wHy]) {
      const [rows, columns] = matrix.block.shape as [number, number];
      matrix.panels = arena.floats(columns * padded(rows));
      matrix.backwardPanels = arena.floats(padded(columns) * padded(rows));
    }
    this.#packedBH = arena.floats(padded(this.#H));
    this.#packedBY = arena.floats(padded(this.output.size));
  }

  override plan(arena: Arena, rows: Rows, training: boolean): Rows {
    const hidden = rows.N * padded(this.#H);
    const outer = rows.N * padded(this.output.size);
    this.#rows = rows;
    this.#h = arena.floats(hidden);
    this.#a = this.#phi.keepsInput ? arena.floats(hidden) : this.#h;
    this.#y = arena.floats(outer);
    this.#z = this.#psi.keepsInput ? arena.floats(outer) : this.#y;
    this.#c = training ? arena.floats(outer) : 0;
    this.#da = training ? arena.floats(hidden) : 0;
    this.#dx = training ? arena.floats(rows.N * padded(this.input.size)) : 0;
    return rows;
  }

  override pack(): void {
    const { packBias, packTransposed } = this.core.functions;
    for (const { block, panels } of [this.#wIh, this.#wYh, this.#wHy]) {
      const [rows, columns] = block.shape as [number, number];
      packTransposed(panels, block.value, 1, rows, columns);
    }
    packBias(this.#packedBH, this.#bH?.value ?? 0, 0, 1, this.#H);
    packBias(this.#packedBY, this.#bY?.value ?? 0, 0, 1, this.output.size);
  }

  override packBackward(): void {
    for (const { block, backwardPanels } of [this.#wIh, this.#wYh, this.#wHy]) {
      const [rows, columns] = block.shape as [number, number];
      this.core.functions.packRows(backwardPanels, block.value, 1, rows, columns);
    }
  }

  override forward(x: Pointer): Pointer {
    const { batchSizes, T } = this.#rows!;
    this.#x = x;
    // prettier-ignore
    this.core.functions.jordanForward(
      this.#y, this.#z, this.#h, this.#a, this.#context.value, this.#c,
      x, this.#wIh.panels, this.#wYh.panels, this.#wHy.panels, this.#packedBH, this.#packedBY, batchSizes,
      T, this.input.size, this.#H, this.output.size,
      this.#phi.kind, this.#phi.alpha, this.#psi.kind, this.#psi.alpha, this.#decay,
    );
    return this.#y;
  }

  override backward(dy: Pointer, wanted: boolean): Pointer {
    const { batchSizes, N, T } = this.#rows!;
    const dx = wanted ? this.#dx : 0;
    if (dx) this.core.functions.zero(dx, N * padded(this.input.size));
    // prettier-ignore
    this.core.functions.jordanBackward(
      dx, this.#wIh.block.gradient, this.#wYh.block.gradient, this.#wHy.block.gradient,
      this.#bH?.gradient ?? 0, this.#bY?.gradient ?? 0, this.#context.gradient, this.#flow, this.#da, dy,
      this.#y, this.#z, this.#h, this.#a, this.#c,
      this.#x, this.#wIh.backwardPanels, this.#wYh.backwardPanels, this.#wHy.backwardPanels,
      this.#shared.scratch, batchSizes,
      T, this.input.size, this.#H, this.output.size,
      this.#phi.kind, this.#phi.alpha, this.#psi.kind, this.#psi.alpha, this.#decay,
    );
    return dx;
  }
}

export const jordanType: LayerType<JordanLayer> = {
  normalize: ({ type: _, units, ...options }) => jordan(units, options),
  build: (description, builder) => new Jordan(description, builder),
};
