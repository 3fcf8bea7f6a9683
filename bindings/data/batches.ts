import type { Engine, Selection } from "../engine.ts";
import { expectRange } from "../validate.ts";
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
  readonly #examples: number;
  readonly #batchSize: number;
  readonly #T: number;
  readonly #chunk: number;
  readonly #chunks: number;

  constructor(engine: Engine, { inputs }: Dataset, { batchSize, truncate }: BatchOptions) {
    this.#examples = inputs.B;
    this.#batchSize = batchSize;
    this.#T = inputs.T;
    this.#chunk = truncate ?? inputs.T;
    this.#chunks = Math.ceil(inputs.T / this.#chunk);
    this.count = Math.ceil(inputs.B / batchSize) * this.#chunks;
    if (truncate === undefined) return;
    const perStep = outputForm(engine, inputs).time === "sequence" && engine.output.steps === undefined;
    expectRange(perStep, "truncate", "a network with an output at each step", "one with a single output");
    expectRange(!inputs.lengths, "truncate", "sequences of equal length", "unequal ones");
  }

  /** Batch k of the examples in the given order. */
  at(k: number, order: Int32Array): Batch {
    const first = Math.floor(k / this.#chunks) * this.#batchSize;
    const start = (k % this.#chunks) * this.#chunk;
    const examples = order.subarray(first, Math.min(first + this.#batchSize, this.#examples));
    const steps = Math.min(this.#chunk, this.#T - start);
    return { selection: { examples, start, steps }, begins: start === 0 };
  }
}

/** 0 … n−1 */
export function inOrder(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}
