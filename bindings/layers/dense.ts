import { activationCode, checkActivation, type Activation, type ActivationCode } from "../activation.ts";
import { padded, type Arena, type Pointer } from "../core/core.ts";
import { fanInUniform, initialize, optionalInitializer, type Initializer } from "../initializer.ts";
import { expectBoolean, expectInteger, expectOptions } from "../validate.ts";
import { whole } from "../whole.ts";
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
} from "./layer.ts";

export interface DenseOptions extends LayerOptions {
  /** Default "linear". */
  readonly activation?: Activation;
  /** Default true. */
  readonly bias?: boolean;
  /** Default U(±1/√inputs), as PyTorch. */
  readonly weightInit?: Initializer;
  /** Default U(±1/√inputs), as PyTorch. */
  readonly biasInit?: Initializer;
}

export interface DenseLayer extends DenseOptions {
  readonly type: "dense";
  readonly units: number;
}

const known = ["activation", "bias", "weightInit", "biasInit", "name"];

/**
 * Fully connected layer, y = φ(x·Wᵀ + b), on each step of a sequence or on a vector. Parameters: `weight` (units, inputs) and
 * `bias` (units), as PyTorch's Linear.
 * @param units outputs
 * @throws RangeError, TypeError on a wrong option
 */
export function dense(units: number, options: DenseOptions = {}): DenseLayer {
  expectOptions("dense", options, known);
  const { activation = "linear", bias = true, weightInit, biasInit, name } = options;
  return withoutUndefined({
    type: "dense",
    units: expectInteger("units", units, 1),
    activation: checkActivation("activation", activation),
    bias: expectBoolean("bias", bias),
    weightInit: optionalInitializer("weightInit", weightInit),
    biasInit: optionalInitializer("biasInit", biasInit),
    name: checkName(name),
  });
}

class Dense extends Layer {
  readonly output: Shape;
  readonly #weight: ParameterBlock;
  readonly #bias: ParameterBlock | undefined;
  readonly #activation: ActivationCode;
  readonly #shared: Builder["shared"];
  #panels: Pointer = 0;
  #backwardPanels: Pointer = 0;
  #packedBias: Pointer = 0;
  #rows: Rows | undefined;
  #x: Pointer = 0;
  #a: Pointer = 0;
  #y: Pointer = 0;
  #dx: Pointer = 0;

  constructor(description: DenseLayer, build: Builder) {
    super(build);
    const I = expectFeatures(build);
    const O = description.units;
    const { weightInit = fanInUniform(), biasInit = fanInUniform(), activation = "linear", bias = true } = description;
    this.output = featureShape(build.input, O);
    this.#activation = activationCode(activation);
    this.#shared = build.shared;
    const { core } = build;
    this.#weight = build.declare("weight", [O, I], (at) => initialize(core, at, O * I, I, O, weightInit));
    if (bias) this.#bias = build.declare("bias", [O], (at) => initialize(core, at, O, I, O, biasInit));
  }

  override scratch(): number {
    return this.core.functions.weightGradientScratch(1, this.output.size, this.input.size, 0);
  }

  override reserve(arena: Arena): void {
    const I = this.input.size;
    const P = padded(this.output.size);
    this.#panels = arena.floats(I * P);
    this.#packedBias = arena.floats(P);
    if (whole) this.#backwardPanels = arena.floats(padded(I) * P);
  }

  override plan(arena: Arena, rows: Rows): Rows {
    const n = rows.N * padded(this.output.size);
    this.#rows = rows;
    this.#y = arena.floats(n);
    this.#a = this.#activation.keepsInput ? arena.floats(n) : this.#y;
    return rows;
  }

  override planBackward(arena: Arena): void {
    this.#dx = arena.floats(this.#rows!.N * padded(this.input.size));
  }

  override pack(): void {
    const O = this.output.size;
    this.core.functions.packTransposed(this.#panels, this.#weight.value, 1, O, this.input.size);
    this.core.functions.packBias(this.#packedBias, this.#bias?.value ?? 0, 0, 1, O);
  }

  override packBackward(): void {
    this.core.functions.packRows(this.#backwardPanels, this.#weight.value, 1, this.output.size, this.input.size);
  }

  override forward(x: Pointer): Pointer {
    const { kind, alpha } = this.#activation;
    this.#x = x;
    // prettier-ignore
    this.core.functions.denseForward(
      this.#y, this.#a, x, this.#panels, this.#packedBias,
      this.#rows!.N, this.input.size, this.output.size, kind, alpha,
    );
    return this.#y;
  }

  override backward(dy: Pointer, wanted: boolean): Pointer {
    const { kind, alpha } = this.#activation;
    const N = this.#rows!.N;
    const dx = wanted ? this.#dx : 0;
    if (dx) this.core.functions.zero(dx, N * padded(this.input.size));
    // prettier-ignore
    this.core.functions.denseBackward(
      dx, this.#weight.gradient, this.#bias?.gradient ?? 0, dy,
      this.#y, this.#a, this.#x, this.#backwardPanels, this.#shared.scratch,
      N, this.input.size, this.output.size, kind, alpha,
    );
    return dx;
  }
}

export const denseType: LayerType<DenseLayer> = {
  normalize: ({ type: _, units, ...options }) => dense(units, options),
  build: (description, builder) => new Dense(description, builder),
};
