import type { Engine, Selection } from "../engine.ts";
import { outputForm, type Dataset } from "./dataset.ts";

/** How a data set is cut into batches. */
export interface BatchOptions {
  /** Examples in a batch. Default 32. */
  readonly batchSize: number;
  /** Steps after which a sequence is cut; the state is carried on and the gradient is not. undefined: not cut. */
  readonly truncate: number | undefined;
}

/** One batch: its part of the data, and whether it begins sequences (or goes on with those of the batch before). */
export interface Batch {
  readonly selection: Selection;
  readonly begins: boolean;
}

/**
 * The batches of one pass over a data set: groups of examples, each cut in time if `truncate` is given. Batch k is worked out
 * from k alone, so that a pass can be taken up anywhere.
 */
export class Batches {
  readonly count: number;
  readonly #batchSize: number;
  readonly #T: number;
  readonly #chunk: number;
  readonly #chunks: number;

  constructor(engine: Engine, dataset: Dataset, { batchSize, truncate }: BatchOptions) {
    const { inputs } = dataset;
    this.#batchSize = batchSize;
    this.#T = inputs.T;
    this.#chunk = truncate ?? inputs.T;
    this.#chunks = Math.ceil(inputs.T / this.#chunk);
    this.count = Math.ceil(inputs.B / batchSize) * this.#chunks;
    if (truncate !== undefined) expectTruncatable(engine, dataset);
  }

  /** Batch k of the examples in the given order. */
  at(k: number, order: Int32Array): Batch {
    const first = Math.floor(k / this.#chunks) * this.#batchSize;
    const start = (k % this.#chunks) * this.#chunk;
    const examples = order.subarray(first, first + this.#batchSize);
    const steps = Math.min(this.#chunk, this.#T - start);
    return { selection: { examples, start, steps }, begins: start === 0 };
  }
}

/** 0 … n−1 */
export function inOrder(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

/** @throws RangeError when sequences cannot be cut in time */
export function expectTruncatable(engine: Engine, { inputs, loss }: Dataset): void {
  const perStep = outputForm(engine, inputs).time === "sequence" && engine.output.steps === undefined;
  const backwards = engine.states.some(({ label }) => label.endsWith("_reverse"));
  const need = (expected: string) => new RangeError(`"truncate" needs ${expected}: leave it out`);
  if (!perStep) throw need("a network with an output at each step");
  if (backwards) throw need("a network without a bidirectional layer, which reads the end first");
  if (inputs.lengths) throw need("sequences of equal length");
  if (!loss.isTruncatable()) throw need(`a loss of single steps, which ${loss.type} by "${loss.reduction}" is not`);
}
