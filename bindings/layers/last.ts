import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectOptions } from "../validate.ts";
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

export interface LastLayer extends LayerOptions {
  readonly type: "last";
}

/**
 * The last step of each sequence at its own length: (batch, time, features) → (batch, features). After a bidirectional layer
 * it takes what each direction ends with, the reverse one at the first step, as Keras does. No parameters.
 */
export function last(options: LayerOptions = {}): LastLayer {
  expectOptions("last", options, ["name"]);
  return withoutUndefined({ type: "last", name: checkName(options.name) });
}

class Last extends Layer {
  readonly output: Shape;
  readonly #rows = new Rows();
  #from: Rows | undefined;
  #y: Pointer = 0;
  #dx: Pointer = 0;

  constructor(build: Builder) {
    super(build);
    build.requireTime("sequence");
    this.output = featureShape(build.input, expectFeatures(build), { time: "vector", steps: undefined });
  }

  override plan(arena: Arena, from: Rows): Rows {
    this.#from = from;
    // All sequences take part in the first step, so its batch size serves the single step that comes out.
    Object.assign(this.#rows, from, { N: from.B, T: 1 });
    this.#y = arena.floats(from.B * padded(this.output.size));
    return this.#rows;
  }

  override planBackward(arena: Arena): void {
    this.#dx = arena.floats(this.#from!.N * padded(this.input.size));
  }

  override forward(x: Pointer): Pointer {
    const { batchSizes, T } = this.#from!;
    this.core.functions.lastForward(this.#y, x, batchSizes, T, this.input.size, this.input.reverseFrom);
    return this.#y;
  }

  override backward(dy: Pointer): Pointer {
    const { batchSizes, T, N } = this.#from!;
    this.core.functions.zero(this.#dx, N * padded(this.input.size));
    this.core.functions.lastBackward(this.#dx, dy, batchSizes, T, this.input.size, this.input.reverseFrom);
    return this.#dx;
  }
}

export const lastType: LayerType<LastLayer> = {
  normalize: ({ type: _, ...options }) => last(options),
  build: (_description, builder) => new Last(builder),
};
