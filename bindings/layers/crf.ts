import { padded, type Pointer } from "../core/core.ts";
import { initialize, uniform } from "../initializer.ts";
import { expectOptions } from "../validate.ts";
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

export interface CrfLayer extends LayerOptions {
  readonly type: "crf";
}

/**
 * Linear-chain conditional random field (Lafferty, McCallum & Pereira 2001): scores of a path of tags through a sequence. It stands
 * last in a Network, takes a score for each tag at each step, the emissions, (batch, time, tags), and gives them out unchanged;
 * `crfLoss()` learns by it, `crfDecode()` finds the best path, `crfMarginals()` gives probabilities. Parameters as pytorch-crf's CRF,
 * all U(±0.1): `transitions` (tags, tags), the score of a step from a tag to a tag; `start_transitions` and `end_transitions` (tags).
 * @throws TypeError, RangeError on a wrong option
 */
export function crf(options: LayerOptions = {}): CrfLayer {
  expectOptions("crf", options, ["name"]);
  return withoutUndefined({ type: "crf", name: checkName(options.name) });
}

export class Crf extends Layer {
  readonly output: Shape;
  /** The first of the parameters, which stand one after another. */
  readonly #transitions: ParameterBlock;
  #rows: Rows | undefined;

  constructor(build: Builder) {
    super(build);
    build.requireTime("sequence");
    const K = expectFeatures(build);
    this.output = { ...build.input, time: "sequence" };
    const declare = (name: string, ...shape: number[]) => {
      const size = shape.reduce((a, b) => a * b);
      return build.declare(name, shape, (at) => {
        initialize(build.core, at, size, K, K, uniform(0.1));
      });
    };
    this.#transitions = declare("transitions", K, K);
    declare("start_transitions", K);
    declare("end_transitions", K);
  }

  get #size(): number {
    const K = this.output.size;
    return K * K + 2 * K;
  }

  /** Address of the parameters. */
  get scores(): Pointer {
    return this.#transitions.value;
  }

  override plan(_arena: unknown, rows: Rows): Rows {
    this.#rows = rows;
    return rows;
  }

  override lossGradientSize(): number {
    return padded(this.#size);
  }

  override forward(x: Pointer): Pointer {
    return x;
  }

  /** Behind the gradient by the output is the one that the loss has left for the parameters. */
  override backward(dy: Pointer): Pointer {
    const slopes = dy + this.#rows!.N * padded(this.output.size) * 4;
    this.core.functions.columnSum(this.#transitions.gradient, slopes, this.#size, 1, this.#size);
    return dy;
  }
}

export const crfType: LayerType<CrfLayer> = {
  normalize: ({ type: _, ...options }) => crf(options),
  build: (_description, builder) => new Crf(builder),
};
