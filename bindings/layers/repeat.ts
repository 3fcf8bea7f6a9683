import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectInteger, expectOptions } from "../validate.ts";
import {
  checkName,
  expectFeatures,
  featureShape,
  Layer,
  Rows,
  withoutUndefined,
  type Builder,
  type LayerOptions,
  type LayerType,
  type Shape,
} from "./layer.ts";

export interface RepeatLayer extends LayerOptions {
  readonly type: "repeat";
  readonly steps: number;
}

/**
 * A vector at each of a number of steps: (batch, features) → (batch, steps, features). No parameters.
 * @param steps length of the sequence that comes out
 * @throws RangeError unless steps is an integer of at least 1
 */
export function repeat(steps: number, options: LayerOptions = {}): RepeatLayer {
  expectOptions("repeat", options, ["name"]);
  return withoutUndefined({
    type: "repeat",
    steps: expectInteger("steps", steps, 1),
    name: checkName(options.name),
  });
}

class Repeat extends Layer {
  readonly output: Shape;
  readonly #steps: number;
  readonly #rows = new Rows();
  #y: Pointer = 0;
  #dx: Pointer = 0;

  constructor(description: RepeatLayer, build: Builder) {
    super(build);
    build.requireTime("vector");
    this.output = featureShape(build.input, expectFeatures(build), { time: "sequence", steps: description.steps });
    this.#steps = description.steps;
  }

  override plan(arena: Arena, from: Rows): Rows {
    const { B } = from;
    const T = this.#steps;
    Object.assign(this.#rows, from, { N: T * B, T, batchSizes: arena.floats(T) });
    this.#y = arena.floats(T * B * padded(this.output.size));
    return this.#rows;
  }

  override planBackward(arena: Arena): void {
    this.#dx = arena.floats(this.#rows.B * padded(this.output.size));
  }

  override forward(x: Pointer): Pointer {
    const { batchSizes, T, B } = this.#rows;
    this.core.i32.fill(B, batchSizes >>> 2, (batchSizes >>> 2) + T);
    this.core.functions.repeatForward(this.#y, x, T, B, this.output.size);
    return this.#y;
  }

  override backward(dy: Pointer): Pointer {
    const { T, B } = this.#rows;
    this.core.functions.zero(this.#dx, B * padded(this.output.size));
    this.core.functions.repeatBackward(this.#dx, dy, T, B, this.output.size);
    return this.#dx;
  }
}

export const repeatType: LayerType<RepeatLayer> = {
  normalize: ({ type: _, steps, ...options }) => repeat(steps, options),
  build: (description, builder) => new Repeat(description, builder),
};
