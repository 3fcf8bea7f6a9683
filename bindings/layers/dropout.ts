import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectNumber, expectOneOf, expectOptions } from "../validate.ts";
import { whole } from "../whole.ts";
import {
  checkName,
  expectFeatures,
  Layer,
  Rows,
  withoutUndefined,
  type Builder,
  type LayerOptions,
  type LayerType,
  type Shape,
} from "./layer.ts";

export interface DropoutOptions extends LayerOptions {
  /**
   * "step": at each step other values. "sequence": at all steps of a sequence the same ones (Gal & Ghahramani 2016), with
   * `truncate` at those of a piece. Default "step".
   */
  readonly mask?: "step" | "sequence";
}

export interface DropoutLayer extends DropoutOptions {
  readonly type: "dropout";
  readonly rate: number;
}

/**
 * Sets a share of the values to zero while training and scales the others by 1/(1 − rate); does nothing else (Srivastava et
 * al. 2014). No parameters.
 * @param rate share in [0, 1)
 * @throws RangeError, TypeError on a wrong option
 */
export function dropout(rate: number, options: DropoutOptions = {}): DropoutLayer {
  expectOptions("dropout", options, ["mask", "name"]);
  const { mask = "step", name } = options;
  return withoutUndefined({
    type: "dropout",
    rate: expectNumber("rate", rate, 0, 1, { below: true }),
    mask: expectOneOf("mask", mask, ["step", "sequence"]),
    name: checkName(name),
  });
}

class Dropout extends Layer {
  readonly output: Shape;
  readonly #description: DropoutLayer;
  #rows = new Rows();
  /** Addresses of the output, 0 when nothing is dropped, and the mask. */
  #y: Pointer = 0;
  #mask: Pointer = 0;

  constructor(description: DropoutLayer, build: Builder) {
    super(build);
    expectFeatures(build);
    this.output = build.input;
    this.#description = description;
  }

  override plan(_arena: Arena, rows: Rows): Rows {
    this.#rows = rows;
    this.#y = 0;
    return rows;
  }

  override planBackward(arena: Arena): void {
    const { rate, mask } = this.#description;
    if (rate === 0) return;
    const { B, N } = this.#rows;
    const P = padded(this.output.size);
    this.#y = arena.floats(N * P);
    this.#mask = arena.floats((mask === "sequence" ? B : N) * P);
  }

  override forward(x: Pointer): Pointer {
    return whole && this.#y ? this.drop(x) : x;
  }

  drop(x: Pointer): Pointer {
    const { dropoutForward, dropoutMask, multiplySteps } = this.core.functions;
    const { batchSizes, B, N, T } = this.#rows;
    const { rate, mask } = this.#description;
    const F = this.output.size;
    if (mask === "sequence") {
      dropoutMask(this.#mask, B * padded(F), rate);
      multiplySteps(this.#y, x, this.#mask, batchSizes, T, F);
    } else dropoutForward(this.#y, this.#mask, x, N * padded(F), rate);
    return this.#y;
  }

  override backward(dy: Pointer): Pointer {
    const { multiply, multiplySteps } = this.core.functions;
    const { batchSizes, N, T } = this.#rows;
    const F = this.output.size;
    if (!this.#y) return dy;
    if (this.#description.mask === "sequence") multiplySteps(dy, dy, this.#mask, batchSizes, T, F);
    else multiply(dy, this.#mask, N * padded(F));
    return dy;
  }
}

export const dropoutType: LayerType<DropoutLayer> = {
  normalize: ({ type: _, rate, ...options }) => dropout(rate, options),
  build: (description, builder) => new Dropout(description, builder),
};
