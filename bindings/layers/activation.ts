import {
  activationCode,
  checkActivation,
  type Activation as ActivationChoice,
  type ActivationCode,
} from "../activation.ts";
import { padded, type Arena, type Pointer } from "../core/core.ts";
import { expectOptions } from "../validate.ts";
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

export interface ActivationLayer extends LayerOptions {
  readonly type: "activation";
  readonly activation: ActivationChoice;
}

/**
 * An activation as a layer of its own, on each value, or for softmax and logSoftmax on each step's vector. No parameters.
 * @throws RangeError on an unknown name
 */
export function activation(kind: ActivationChoice, options: LayerOptions = {}): ActivationLayer {
  expectOptions("activation", options, ["name"]);
  return withoutUndefined({
    type: "activation",
    activation: checkActivation("activation", kind),
    name: checkName(options.name),
  });
}

class Activation extends Layer {
  readonly output: Shape;
  readonly #code: ActivationCode;
  #rows: Rows | undefined;
  #x: Pointer = 0;
  #y: Pointer = 0;

  constructor(description: ActivationLayer, build: Builder) {
    super(build);
    expectFeatures(build);
    this.output = build.input;
    this.#code = activationCode(description.activation);
  }

  override plan(arena: Arena, rows: Rows): Rows {
    this.#rows = rows;
    this.#y = arena.floats(rows.N * padded(this.output.size));
    return rows;
  }

  override forward(x: Pointer): Pointer {
    this.#x = x;
    const { kind, alpha } = this.#code;
    this.core.functions.activationForward(this.#y, x, this.#rows!.N, this.output.size, kind, alpha);
    return this.#y;
  }

  override backward(dy: Pointer): Pointer {
    const { kind, alpha } = this.#code;
    this.core.functions.activationBackward(dy, this.#y, this.#x, this.#rows!.N, this.output.size, kind, alpha);
    return dy;
  }
}

export const activationType: LayerType<ActivationLayer> = {
  normalize: ({ type: _, activation: kind, ...options }) => activation(kind, options),
  build: (description, builder) => new Activation(description, builder),
};
