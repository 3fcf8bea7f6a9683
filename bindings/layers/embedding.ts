import { padded, type Arena, type Pointer } from "../core/core.ts";
import { initialize, normal, optionalInitializer, type Initializer } from "../initializer.ts";
import { expectInteger, expectNumber, expectOptions } from "../validate.ts";
import { whole } from "../whole.ts";
import {
  checkName,
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

export interface EmbeddingOptions extends LayerOptions {
  /** The token whose vector starts at zero and learns nothing. Default: none. */
  readonly paddingIndex?: number;
  /**
   * Share of the tokens dropped while training, each wherever it stands in the batch, in [0, 1); the others are scaled by
   * 1/(1 − dropout) (Gal & Ghahramani 2016). Default 0.
   */
  readonly dropout?: number;
  /** Default N(0, 1), as PyTorch. */
  readonly weightInit?: Initializer;
}

export interface EmbeddingLayer extends EmbeddingOptions {
  readonly type: "embedding";
  readonly units: number;
}

/**
 * A trainable vector for each token: (…, time) of indices → (…, time, units). The first layer of a network whose input is
 * tokens. Parameter: `weight` (tokens, units), as PyTorch's Embedding.
 * @param units size of a vector
 * @throws RangeError, TypeError on a wrong option
 */
export function embedding(units: number, options: EmbeddingOptions = {}): EmbeddingLayer {
  expectOptions("embedding", options, ["paddingIndex", "dropout", "weightInit", "name"]);
  const { paddingIndex, dropout = 0, weightInit, name } = options;
  return withoutUndefined({
    type: "embedding",
    units: expectInteger("units", units, 1),
    paddingIndex: paddingIndex === undefined ? undefined : expectInteger("paddingIndex", paddingIndex, 0),
    dropout: expectNumber("dropout", dropout, 0, 1, { below: true }),
    weightInit: optionalInitializer("weightInit", weightInit),
    name: checkName(name),
  });
}

class Embedding extends Layer {
  readonly output: Shape;
  readonly #weight: ParameterBlock;
  readonly #paddingIndex: number;
  readonly #dropout: number;
  #rows: Rows | undefined;
  #tokens: Pointer = 0;
  #y: Pointer = 0;
  /** Of all tokens; 0 when none is dropped. */
  #mask: Pointer = 0;

  constructor(description: EmbeddingLayer, build: Builder) {
    super(build);
    const { core, input } = build;
    const { units: E, paddingIndex = -1, dropout = 0, weightInit = normal(1) } = description;
    const V = input.size;
    if (input.kind !== "tokens") {
      throw new TypeError(
        `"${build.name}" needs tokens, and features come in: put it first, after "input: { tokens }"`,
      );
    }
    if (paddingIndex >= 0) expectInteger("paddingIndex", paddingIndex, 0, V - 1);
    this.output = featureShape(input, E);
    this.#paddingIndex = paddingIndex;
    this.#dropout = dropout;
    this.#weight = build.declare("weight", [V, E], (at) => {
      initialize(core, at, V * E, V, E, weightInit);
      if (paddingIndex >= 0) core.view(at + paddingIndex * E * 4, E).fill(0);
    });
  }

  override plan(arena: Arena, rows: Rows): Rows {
    this.#rows = rows;
    this.#y = arena.floats(rows.N * padded(this.output.size));
    this.#mask = 0;
    return rows;
  }

  override planBackward(arena: Arena): void {
    if (this.#dropout > 0) this.#mask = arena.floats(padded(this.input.size));
  }

  override forward(tokens: Pointer): Pointer {
    this.#tokens = tokens;
    this.core.functions.embeddingForward(this.#y, this.#weight.value, tokens, this.#rows!.N, this.output.size);
    if (whole && this.#mask) this.drop();
    return this.#y;
  }

  drop(): void {
    const { dropoutMask, scaleByToken } = this.core.functions;
    dropoutMask(this.#mask, padded(this.input.size), this.#dropout);
    scaleByToken(this.#y, this.#mask, this.#tokens, this.#rows!.N, this.output.size);
  }

  override backward(dy: Pointer): Pointer {
    const { N } = this.#rows!;
    if (this.#mask) this.core.functions.scaleByToken(dy, this.#mask, this.#tokens, N, this.output.size);
    this.core.functions.embeddingBackward(
      this.#weight.gradient,
      dy,
      this.#tokens,
      N,
      this.output.size,
      this.#paddingIndex,
    );
    return 0;
  }
}

export const embeddingType: LayerType<EmbeddingLayer> = {
  normalize: ({ type: _, units, ...options }) => embedding(units, options),
  build: (description, builder) => new Embedding(description, builder),
};
