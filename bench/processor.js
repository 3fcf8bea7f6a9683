import { measure } from "./measure.js";

/** @import { Pace } from "./measure.js" */

/** @typedef {"multiply" | "add" | "load"} Loop */

const TURNS = 500_000;
const GIGAFLOP_A_CALL = (48 * TURNS) / 1e9;
const GIGABYTES_A_CALL = (8 * 16 * TURNS) / 1e9;
/** A loop at less than this share of its best: something else had the processor. */
const CALM = 0.93;

/**
 * What the processor can do in WebAssembly SIMD, by the loops of peak.ts at their fastest so far:
 * P in GFLOP/s: multiplications and additions have units of their own, so it is the sum of what both reach;
 * L in GB/s: loads from the first-level cache.
 * The loops run beside all that is timed, and so tell when the machine does not do what it can.
 */
export class Processor {
  /** To be timed beside the workloads. */
  loops;
  /** Milliseconds of a call. @type {Record<Loop, number>} */
  #fastest = { multiply: Infinity, add: Infinity, load: Infinity };

  /** @param {Uint8Array<ArrayBuffer>} bytes of peak.wasm */
  constructor(bytes) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    const { multiply, add, load } = /** @type {Record<Loop, (turns: number, by?: number) => number>} */ (exports);
    this.loops = { multiply: () => multiply(TURNS, 1), add: () => add(TURNS, 1), load: () => load(TURNS) };
  }

  /** Runs the loops alone, to know what is normal before anything else is timed. @param {Pace} pace */
  async start(pace) {
    await measure(this.loops, pace, (round) => this.isCalm(round));
  }

  /** P, 0 before anything was timed. */
  get gigaflops() {
    const { multiply, add } = this.#fastest;
    return GIGAFLOP_A_CALL / (multiply / 1e3) + GIGAFLOP_A_CALL / (add / 1e3);
  }

  /** L, 0 before anything was timed. */
  get gigabytes() {
    return GIGABYTES_A_CALL / (this.#fastest.load / 1e3);
  }

  /**
   * Takes in a round in which each loop ran once, and tells whether they ran as fast as they can.
   * @param {Readonly<Record<Loop, number>>} round milliseconds of a call
   */
  isCalm(round) {
    const fastest = this.#fastest;
    let calm = true;
    for (const loop of /** @type {const} */ (["multiply", "add", "load"])) {
      fastest[loop] = Math.min(fastest[loop], round[loop]);
      calm &&= fastest[loop] >= CALM * round[loop];
    }
    return calm;
  }
}
