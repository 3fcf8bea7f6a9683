import { nap } from "./measure.js";

/** @typedef {"multiply" | "add" | "both"} Loop */

const TURNS = 100_000;
const GIGAFLOP_A_CALL = (48 * TURNS) / 1e9;
/** A loop at less than this share of its best: something else had the processor. */
const CALM = 0.93;
const LOOPS = /** @type {const} */ (["multiply", "add", "both"]);

/**
 * What the processor can do in WebAssembly SIMD, by the loops of peak.ts at their fastest so far. P, in GFLOP/s:
 * multiplications and additions have units of their own, so it is the sum of what both reach.
 *
 * The third loop does both at once, which needs most of what a core can issue. It tells, as the other two do not, when a
 * neighbour has the other hardware thread of the core.
 */
export class Processor {
  #loops;
  /** Milliseconds of a call. @type {Record<Loop, number>} */
  #fastest;

  /** @param {Uint8Array<ArrayBuffer>} bytes of peak.wasm @param {Record<Loop, number>} [known] the fastest of another process */
  constructor(bytes, known = { multiply: Infinity, add: Infinity, both: Infinity }) {
    this.#fastest = { ...known };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    this.#loops = /** @type {Record<Loop, (turns: number, by: number) => number>} */ (exports);
  }

  /** Runs the loops often enough to know what is normal. */
  async start() {
    for (let n = 1; n <= 200; n++) {
      this.isCalm();
      if (n % 10 === 0) await nap(2);
    }
  }

  /** Milliseconds of a call, to be known in another process. */
  get fastest() {
    return { ...this.#fastest };
  }

  /** P, 0 before anything was timed. */
  get gigaflops() {
    const { multiply, add } = this.#fastest;
    return GIGAFLOP_A_CALL / (multiply / 1e3) + GIGAFLOP_A_CALL / (add / 1e3);
  }

  /** What multiplications and additions reach in one loop: P, if the process had a core of its own at any time. */
  get gigaflopsOfBoth() {
    return GIGAFLOP_A_CALL / (this.#fastest.both / 1e3);
  }

  /** Runs each loop once, and tells whether all ran as fast as they can. */
  isCalm() {
    let calm = true;
    for (const name of LOOPS) {
      const ms = this.#time(name);
      this.#fastest[name] = Math.min(this.#fastest[name], ms);
      calm &&= this.#fastest[name] >= CALM * ms;
    }
    return calm;
  }

  /** @param {Loop} name */
  #time(name) {
    const loop = this.#loops[name];
    const started = performance.now();
    loop(TURNS, 1);
    return performance.now() - started;
  }
}
