import { activationCode, checkActivation, type Activation, type ActivationCode } from "../activation.ts";
import { padded, type Arena, type Pointer } from "../core/core.ts";
import { fanInUniform, initialize, optionalInitializer, type Initializer } from "../initializer.ts";
import { expectBoolean, expectInteger, expectOptions, expectRange, expectType } from "../validate.ts";
import {
  checkName,
  expectFeatures,
  featureShape,
  Layer,
  withoutUndefined,
  type Builder,
  type LayerOptions,
  type LayerType,
  type ParameterBlock,
  type Rows,
  type Shape,
  type StateBuffer,
} from "./layer.ts";

export interface TdnnOptions extends LayerOptions {
  /** The steps that are seen, counted backwards from the current one, 0. Default [0, 1, 2]. */
  readonly delays?: readonly number[];
  /** The same as a count: `context: 3` is `delays: [0, 1, 2]`. */
  readonly context?: number;
  /** Factor of all delays: with 2 every second step is seen. Default 1. */
  readonly dilation?: number;
  /** Default "linear". */
  readonly activation?: Activation;
  /** Default true. */
  readonly bias?: boolean;
  /** Default U(±1/√(inputs·delays)), as PyTorch. */
  readonly weightInit?: Initializer;
  /** Default U(±1/√(inputs·delays)), as PyTorch. */
  readonly biasInit?: Initializer;
}

export interface TdnnLayer extends TdnnOptions {
  readonly type: "tdnn";
  readonly units: number;
}

const known = ["delays", "context", "dilation", "activation", "bias", "weightInit", "biasInit", "name"];

/**
 * Time-delay layer (Waibel et al. 1989) over a sequence, y_t = φ(Σ_d W_d·x_{t−d} + b) with zeros before the start: (…, time,
 * inputs) → (…, time, units). A causal convolution: no step sees a later one. Parameters as PyTorch's Conv1d over a sequence
 * padded on the left: `weight` (units, inputs, delays), the longest delay first, and `bias` (units). State: the last inputs, as
 * many as the longest delay. In the description the delays stand in rising order, dilation included.
 * @param units outputs
 * @throws RangeError, TypeError on a wrong option
 */
export function tdnn(units: number, options: TdnnOptions = {}): TdnnLayer {
  expectOptions("tdnn", options, known);
  const { activation = "linear", bias = true, weightInit, biasInit, name } = options;
  return withoutUndefined({
    type: "tdnn",
    units: expectInteger("units", units, 1),
    delays: checkDelays(options),
    activation: checkActivation("activation", activation),
    bias: expectBoolean("bias", bias),
    weightInit: optionalInitializer("weightInit", weightInit),
    biasInit: optionalInitializer("biasInit", biasInit),
    name: checkName(name),
  });
}

function checkDelays({ delays, context, dilation = 1 }: TdnnOptions): readonly number[] {
  expectInteger("dilation", dilation, 1);
  if (delays !== undefined && context !== undefined) {
    throw new RangeError('"context" and "delays" both say which steps are seen: leave one out');
  }
  const count = context === undefined ? 3 : expectInteger("context", context, 1, 0x10000);
  const given: unknown = delays ?? Array.from({ length: count }, (_, k) => k);
  expectType(Array.isArray(given), "delays", "an array of steps", given);
  expectRange(given.length > 0, "delays", "at least one step", given);
  const steps = Array.from(given, (delay, k) => expectInteger(`delays[${k}]`, delay, 0) * dilation);
  steps.sort((a, b) => a - b);
  steps.forEach((step, k) => expectRange(step !== steps[k + 1], "delays", "each step once", given));
  expectInteger("delays", steps.at(-1), 0);
  return Object.freeze(steps);
}

class Tdnn extends Layer {
  readonly output: Shape;
  override readonly states: readonly StateBuffer[];
  /** From the longest delay to the shortest. */
  readonly #delays: readonly number[];
  readonly #longest: number;
  /** Numbers of all delayed inputs of a step. */
  readonly #columnCount: number;
  readonly #weight: ParameterBlock;
  readonly #bias: ParameterBlock | undefined;
  readonly #activation: ActivationCode;
  readonly #shared: Builder["shared"];
  #delayList: Pointer = 0;
  /** The weight as (units, delays, inputs). */
  #swapped: Pointer = 0;
  #panels: Pointer = 0;
  #backwardPanels: Pointer = 0;
  #packedBias: Pointer = 0;
  #rows: Rows | undefined;
  #columns: Pointer = 0;
  #a: Pointer = 0;
  #y: Pointer = 0;
  #dx: Pointer = 0;
  #dColumns: Pointer = 0;
  #dSwapped: Pointer = 0;

  constructor(description: TdnnLayer, build: Builder) {
    super(build);
    build.requireTime("sequence");
    const I = expectFeatures(build);
    const { units: O, activation = "linear", bias = true } = description;
    const { weightInit = fanInUniform(), biasInit = fanInUniform() } = description;
    const { core } = build;
    this.#delays = [...checkDelays(description)].reverse();
    this.#longest = this.#delays[0]!;
    const K = this.#delays.length;
    const columns = K * I;
    this.#columnCount = columns;
    this.output = featureShape(build.input, O, { time: "sequence" });
    this.states = this.#longest > 0 ? [{ label: "x", units: this.#longest * I, value: 0, gradient: 0 }] : [];
    this.#activation = activationCode(activation);
    this.#shared = build.shared;
    this.#weight = build.declare("weight", [O, I, K], (at) =>
      initialize(core, at, O * columns, columns, O, weightInit),
    );
    if (bias) this.#bias = build.declare("bias", [O], (at) => initialize(core, at, O, columns, O, biasInit));
  }

  override scratch(): number {
    return this.core.functions.weightGradientScratch(1, this.output.size, this.#columnCount, 0);
  }

  override reserve(arena: Arena): void {
    const O = this.output.size;
    this.#delayList = arena.floats(this.#delays.length);
    this.#swapped = arena.floats(O * this.#columnCount);
    this.#panels = arena.floats(this.#columnCount * padded(O));
    this.#backwardPanels = arena.floats(padded(this.#columnCount) * padded(O));
    this.#packedBias = arena.floats(padded(O));
  }

  override plan(arena: Arena, rows: Rows, training: boolean): Rows {
    const columns = rows.N * padded(this.#columnCount);
    const outputs = rows.N * padded(this.output.size);
    this.#rows = rows;
    this.#columns = arena.floats(columns);
    this.#y = arena.floats(outputs);
    this.#a = this.#activation.keepsInput ? arena.floats(outputs) : this.#y;
    if (!training) return rows;
    this.#dx = arena.floats(rows.N * padded(this.input.size));
    this.#dColumns = arena.floats(columns);
    this.#dSwapped = arena.floats(this.#weight.size);
    return rows;
  }

  override pack(): void {
    const { packBias, packTransposed, swapAxes, zero } = this.core.functions;
    const O = this.output.size;
    this.core.i32.set(this.#delays, this.#delayList >>> 2);
    zero(this.#swapped, this.#weight.size);
    swapAxes(this.#swapped, this.#weight.value, O, this.input.size, this.#delays.length);
    packTransposed(this.#panels, this.#swapped, 1, O, this.#columnCount);
    packBias(this.#packedBias, this.#bias?.value ?? 0, 0, 1, O);
  }

  override packBackward(): void {
    this.core.functions.packRows(this.#backwardPanels, this.#swapped, 1, this.output.size, this.#columnCount);
  }

  override forward(x: Pointer): Pointer {
    const { denseForward, tdnnForward } = this.core.functions;
    const { N, T, batchSizes } = this.#rows!;
    const { kind, alpha } = this.#activation;
    const state = this.states[0]?.value ?? 0;
    // prettier-ignore
    tdnnForward(
      this.#columns, state, x, this.#delayList, batchSizes,
      T, this.input.size, this.#delays.length, this.#longest,
    );
    // prettier-ignore
    denseForward(
      this.#y, this.#a, this.#columns, this.#panels, this.#packedBias,
      N, this.#columnCount, this.output.size, kind, alpha,
    );
    return this.#y;
  }

  override backward(dy: Pointer, wanted: boolean): Pointer {
    const { denseBackward, swapAxes, zero } = this.core.functions;
    const { N } = this.#rows!;
    const { kind, alpha } = this.#activation;
    const O = this.output.size;
    const dColumns = wanted ? this.#dColumns : 0;
    if (wanted) zero(dColumns, N * padded(this.#columnCount));
    zero(this.#dSwapped, this.#weight.size);
    // prettier-ignore
    denseBackward(
      dColumns, this.#dSwapped, this.#bias?.gradient ?? 0, dy,
      this.#y, this.#a, this.#columns, this.#backwardPanels, this.#shared.scratch,
      N, this.#columnCount, O, kind, alpha,
    );
    swapAxes(this.#weight.gradient, this.#dSwapped, O, this.#delays.length, this.input.size);
    return wanted ? this.#backwardInput() : 0;
  }

  /** The gradients by the input and the state: where the first is not wanted, nobody asks for the second. */
  #backwardInput(): Pointer {
    const { tdnnBackward, zero } = this.core.functions;
    const { N, T, batchSizes } = this.#rows!;
    const I = this.input.size;
    const state = this.states[0]?.gradient ?? 0;
    zero(this.#dx, N * padded(I));
    tdnnBackward(
      this.#dx,
      state,
      this.#dColumns,
      this.#delayList,
      batchSizes,
      T,
      I,
      this.#delays.length,
      this.#longest,
    );
    return this.#dx;
  }
}

export const tdnnType: LayerType<TdnnLayer> = {
  normalize: ({ type: _, units, ...options }) => tdnn(units, options),
  build: (description, builder) => new Tdnn(description, builder),
};
