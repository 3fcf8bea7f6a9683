import { Core } from "../core/core.ts";
import { expectInteger, expectNumber, expectRange, expectType } from "../validate.ts";

/** Floats that are drawn at a time; the core's room for them holds more. */
const PIECE = 1024;

/**
 * Random numbers from a seed, by the generator of the core (xoshiro128++): the same seed gives the same numbers everywhere.
 *
 *     const random = new Random(7);
 *     random.uniform(); // in [0, 1)
 *     random.integer(6); // 0 … 5
 */
export class Random {
  readonly #core: Core;

  /** @param seed an integer of at least 0. Default 0 */
  constructor(seed?: number);
  /** For the library: on a core whose generator is used as it stands. @internal */
  constructor(seed: number, core: Core);
  constructor(seed = 0, core = seededCore(seed)) {
    this.#core = core;
  }

  /** A number in [low, high), evenly spread. Default [0, 1). */
  uniform(low = 0, high = 1): number {
    expectNumber("low", low);
    expectNumber("high", high, low);
    const value = low + this.#core.functions.uniform() * (high - low);
    return value < high ? value : low; // rounded, it may be `high` itself
  }

  /** A number from the normal distribution, with the precision of f32. Default mean 0, standard deviation 1. */
  normal(mean = 0, deviation = 1): number {
    return this.normals(1, mean, deviation)[0]!;
  }

  /** n numbers from the normal distribution. */
  normals(n: number, mean = 0, deviation = 1): Float32Array<ArrayBuffer> {
    const numbers = new Float32Array(expectInteger("n", n, 0));
    expectNumber("mean", mean);
    expectNumber("deviation", deviation, 0);
    const { normalArray, visitors } = this.#core.functions;
    for (let from = 0; from < n; from += PIECE) {
      const count = Math.min(PIECE, n - from);
      normalArray(visitors.value, count, mean, deviation);
      numbers.set(this.#core.view(visitors.value, count), from);
    }
    return numbers;
  }

  /** An integer from 0 to n − 1, each as likely. */
  integer(n: number): number {
    expectInteger("n", n, 1);
    return Math.floor(this.#core.functions.uniform() * n);
  }

  /** The integers from 0 to n − 1 in random order (Durstenfeld's form of the Fisher–Yates shuffle). */
  permutation(n: number): Int32Array<ArrayBuffer> {
    const order = Int32Array.from({ length: expectInteger("n", n, 0) }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = order[i]!;
      order[i] = order[j]!;
      order[j] = kept;
    }
    return order;
  }

  /** Where the generator stands, 64 bytes: a copy; set it to go on from there. */
  get state(): Uint8Array<ArrayBuffer> {
    return this.#state.slice();
  }

  set state(state: Uint8Array) {
    expectType(state instanceof Uint8Array, "state", "a Uint8Array", state);
    expectRange(state.length === 64, "state", "64 bytes", state);
    this.#state.set(state);
  }

  get #state(): Uint8Array<ArrayBuffer> {
    const { randomState, randomStateSize } = this.#core.functions;
    return new Uint8Array(this.#core.f32.buffer, randomState(), randomStateSize());
  }
}

function seededCore(seed: number): Core {
  expectInteger("seed", seed, 0, Number.MAX_SAFE_INTEGER);
  const core = new Core();
  core.functions.randomSeed(seed >>> 0, Math.floor(seed / 0x100000000));
  return core;
}
