import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectBoolean, expectOptions, expectPositive } from "../validate.ts";
import {
  checkName,
  expectFeatures,
  Layer,
  withoutUndefined,
  type Builder,
  type LayerOptions,
  type LayerType,
  type ParameterBlock,
  type Rows,
  type Shape,
} from "./layer.ts";

export interface LayerNormOptions extends LayerOptions {
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** Whether there are a weight and a bias. Default true. */
  readonly affine?: boolean;
}

export interface LayerNormLayer extends LayerNormOptions {
  readonly type: "layerNorm";
}

/**
 * Layer normalisation (Ba, Kiros & Hinton 2016): at each step y = w∘(x − mean(x)) / √(var(x) + ε) + b over the features of the
 * vector, var the mean of the squared distances. Parameters as PyTorch's LayerNorm: `weight` (features), ones at first, and
 * `bias` (features), zeros.
 * @throws RangeError, TypeError on a wrong option
 */
export function layerNorm(options: LayerNormOptions = {}): LayerNormLayer {
  expectOptions("layerNorm", options, ["epsilon", "affine", "name"]);
  const { epsilon = 1e-5, affine = true, name } = options;
  return withoutUndefined({
    type: "layerNorm",
    epsilon: expectPositive("epsilon", epsilon),
    affine: expectBoolean("affine", affine),
    name: checkName(name),
  });
}

class LayerNorm extends Layer {
  readonly output: Shape;
  readonly #epsilon: number;
  readonly #weight: ParameterBlock | undefined;
  readonly #bias: ParameterBlock | undefined;
  #rows: Rows | undefined;
  #y: Pointer = 0;
  /** Kept for backward, see assembly/layerNorm.ts. */
  #n: Pointer = 0;
  #r: Pointer = 0;

  constructor(description: LayerNormLayer, build: Builder) {
    super(build);
    const F = expectFeatures(build);
    const { epsilon = 1e-5, affine = true } = description;
    this.output = build.input;
    this.#epsilon = epsilon;
    if (!affine) return;
    this.#weight = build.declare("weight", [F], (at) => build.core.view(at, F).fill(1));
    this.#bias = build.declare("bias", [F], (at) => build.core.view(at, F).fill(0));
  }

  override plan(arena: Arena, rows: Rows): Rows {
    const n = rows.N * padded(this.output.size);
    this.#rows = rows;
    this.#y = arena.floats(n);
    this.#n = this.#weight ? arena.floats(n) : this.#y;
    this.#r = arena.floats(rows.N);
    return rows;
  }

  override forward(x: Pointer): Pointer {
    // prettier-ignore
    this.core.functions.layerNormForward(
      this.#y, this.#n, this.#r, x, this.#weight?.value ?? 0, this.#bias?.value ?? 0,
      this.#rows!.N, this.output.size, this.#epsilon,
    );
    return this.#y;
  }

  override backward(dy: Pointer): Pointer {
    // prettier-ignore
    this.core.functions.layerNormBackward(
      this.#weight?.gradient ?? 0, this.#bias?.gradient ?? 0, dy, this.#n, this.#r, this.#weight?.value ?? 0,
      this.#rows!.N, this.output.size,
    );
    return dy;
  }
}

export const layerNormType: LayerType<LayerNormLayer> = {
  normalize: ({ type: _, ...options }) => layerNorm(options),
  build: (description, builder) => new LayerNorm(description, builder),
};
