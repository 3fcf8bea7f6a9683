import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectNumber, expectOptions } from "../validate.ts";
import {
  checkName,
  expectFeatures,
  Layer,
  withoutUndefined,
  type Builder,
  type LayerOptions,
  type LayerType,
  type Rows,
  type Shape,
} from "./layer.ts";

export interface DropoutLayer extends LayerOptions {
  readonly type: "dropout";
  readonly rate: number;
}

/**
 * Sets a share of the values to zero while training and scales the others by 1/(1 − rate); does nothing else (Srivastava et
 * al. 2014). No parameters.
 * @param rate share in [0, 1)
 * @throws RangeError, TypeError on a wrong option
 */
export function dropout(rate: number, options: LayerOptions = {}): DropoutLayer {
  expectOptions("dropout", options, ["name"]);
  return withoutUndefined({
    type: "dropout",
    rate: expectNumber("rate", rate, 0, 1, { below: true }),
    name: checkName(options.name),
  });
}

class Dropout extends Layer {
  readonly output: Shape;
  readonly #rate: number;
  #n = 0;
  /** Addresses of the output and the mask; 0 when nothing is dropped. */
  #y: Pointer = 0;
  #mask: Pointer = 0;

  constructor(description: DropoutLayer, build: Builder) {
    super(build);
    expectFeatures(build);
    this.output = build.input;
    this.#rate = description.rate;
  }

  override plan(arena: Arena, rows: Rows, training: boolean): Rows {
    this.#y = 0;
    if (training && this.#rate > 0) this.planDrop(arena, rows);
    return rows;
  }

  planDrop(arena: Arena, rows: Rows): void {
    this.#n = rows.N * padded(this.output.size);
    this.#y = arena.floats(this.#n);
    this.#mask = arena.floats(this.#n);
  }

  override forward(x: Pointer): Pointer {
    return this.#y ? this.drop(x) : x;
  }

  drop(x: Pointer): Pointer {
    this.core.functions.dropoutForward(this.#y, this.#mask, x, this.#n, this.#rate);
    return this.#y;
  }

  override backward(dy: Pointer): Pointer {
    if (this.#y) this.core.functions.multiply(dy, this.#mask, this.#n);
    return dy;
  }
}

export const dropoutType: LayerType<DropoutLayer> = {
  normalize: ({ type: _, rate, ...options }) => dropout(rate, options),
  build: (description, builder) => new Dropout(description, builder),
};
