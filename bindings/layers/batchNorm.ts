import { padded, type Arena, type Pointer } from "../core/core.ts";
import { int64Of, int64Tensor } from "../io/safetensors.ts";
import { expectBoolean, expectNumber, expectOptions, expectPositive } from "../validate.ts";
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

export interface BatchNormOptions extends LayerOptions {
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** Share of a batch in the running mean and variance, in [0, 1]. Default 0.1. */
  readonly momentum?: number;
  /** Whether there are a weight and a bias. Default true. */
  readonly affine?: boolean;
}

export interface BatchNormLayer extends BatchNormOptions {
  readonly type: "batchNorm";
}

/**
 * Batch normalisation (Ioffe & Szegedy 2015): y = w∘(x − mean(x)) / √(var(x) + ε) + b for each feature by itself. While training
 * mean and variance are those over all steps of all sequences of the batch, padding left out, and the running ones follow;
 * else the running ones are taken. Parameters as PyTorch's BatchNorm1d: `weight` (features), ones at first, and `bias`
 * (features), zeros. Buffers, in files under PyTorch's names: `running_mean` and `running_var` (features), the second with n − 1
 * in place of n, and `num_batches_tracked`. While training a batch must have two steps or vectors at least.
 * @throws RangeError, TypeError on a wrong option
 */
export function batchNorm(options: BatchNormOptions = {}): BatchNormLayer {
  expectOptions("batchNorm", options, ["epsilon", "momentum", "affine", "name"]);
  const { epsilon = 1e-5, momentum = 0.1, affine = true, name } = options;
  return withoutUndefined({
    type: "batchNorm",
    epsilon: expectPositive("epsilon", epsilon),
    momentum: expectNumber("momentum", momentum, 0, 1),
    affine: expectBoolean("affine", affine),
    name: checkName(name),
  });
}

class BatchNorm extends Layer {
  readonly output: Shape;
  readonly #epsilon: number;
  readonly #momentum: number;
  readonly #weight: ParameterBlock | undefined;
  readonly #bias: ParameterBlock | undefined;
  readonly #runningMean: ParameterBlock;
  readonly #runningVariance: ParameterBlock;
  readonly #count: ParameterBlock;
  #rows: Rows | undefined;
  #training = false;
  #y: Pointer = 0;
  /** Of the batch. */
  #mean: Pointer = 0;
  #variance: Pointer = 0;
  /** Kept for backward, see assembly/batchNorm.ts. */
  #n: Pointer = 0;
  #r: Pointer = 0;
  #sums: Pointer = 0;

  constructor(description: BatchNormLayer, build: Builder) {
    super(build);
    const F = expectFeatures(build);
    const { epsilon = 1e-5, momentum = 0.1, affine = true } = description;
    const filled = (value: number) => (at: Pointer) => void build.core.view(at, F).fill(value);
    this.output = build.input;
    this.#epsilon = epsilon;
    this.#momentum = momentum;
    if (affine) {
      this.#weight = build.declare("weight", [F], filled(1));
      this.#bias = build.declare("bias", [F], filled(0));
    }
    this.#runningMean = build.declare("running_mean", [F], filled(0), {});
    this.#runningVariance = build.declare("running_var", [F], filled(1), {});
    this.#count = build.declare("num_batches_tracked", [], () => undefined, { read: int64Of, write: int64Tensor });
  }

  override plan(arena: Arena, rows: Rows, training: boolean): Rows {
    const P = padded(this.output.size);
    if (training && rows.N < 2) {
      throw new RangeError(
        `"${this.name}" needs two steps or vectors at least while training, to have a variance: use a larger batch`,
      );
    }
    this.#rows = rows;
    this.#training = training;
    this.#y = arena.floats(rows.N * P);
    this.#n = training && this.#weight ? arena.floats(rows.N * P) : this.#y;
    this.#r = arena.floats(P);
    this.#mean = training ? arena.floats(P) : this.#runningMean.value;
    this.#variance = training ? arena.floats(P) : this.#runningVariance.value;
    this.#sums = training ? arena.floats(2 * P) : 0;
    return rows;
  }

  override forward(x: Pointer): Pointer {
    const { batchNormForward, batchNormMeasure } = this.core.functions;
    const { N } = this.#rows!;
    const F = this.output.size;
    if (this.#training) batchNormMeasure(this.#mean, this.#variance, x, N, F);
    // prettier-ignore
    batchNormForward(
      this.#y, this.#n, this.#r, x, this.#mean, this.#variance, this.#weight?.value ?? 0, this.#bias?.value ?? 0,
      N, F, this.#epsilon,
    );
    return this.#y;
  }

  override updateBuffers(): void {
    // prettier-ignore
    this.core.functions.batchNormUpdate(
      this.#runningMean.value, this.#runningVariance.value, this.#mean, this.#variance,
      this.#rows!.N, this.output.size, this.#momentum,
    );
    this.core.f32[this.#count.value >>> 2]! += 1;
  }

  override backward(dy: Pointer): Pointer {
    // prettier-ignore
    this.core.functions.batchNormBackward(
      this.#weight?.gradient ?? 0, this.#bias?.gradient ?? 0, dy, this.#sums, this.#n, this.#r,
      this.#weight?.value ?? 0, this.#rows!.N, this.output.size,
    );
    return dy;
  }
}

export const batchNormType: LayerType<BatchNormLayer> = {
  normalize: ({ type: _, ...options }) => batchNorm(options),
  build: (description, builder) => new BatchNorm(description, builder),
};
