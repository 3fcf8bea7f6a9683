import { toBatchMajor, toTimeMajor } from "./floats.js";
import { fillUniform, Parameters } from "./parameters.js";
import { Recurrent, recurrentLengths } from "./recurrent.js";

/** @import { Floats, FloatType } from "./floats.js" */
/** @import { RecurrentSizes } from "./recurrent.js" */

/**
 * A recurrent layer that runs forward, on whole sequences or, with a time of 1, on streams.
 */
export class RecurrentSequence {
  #sizes;
  #recurrent;
  #x;
  #y;

  /** @param {RecurrentSizes & { seed?: number, Float?: FloatType }} options `Float`: Float32Array if not given */
  constructor({ seed = 1, Float: Type = Float32Array, ...sizes }) {
    const { inputs: I, hidden: H, batch: B, time: T } = sizes;
    const parameters = new Parameters(recurrentLengths(sizes), Type);
    this.#sizes = sizes;
    /** By PyTorch's names, to be filled with `set`; `pack` takes them over. */
    this.parameters = parameters.values;
    fillUniform(parameters.flatValues, 1 / Math.sqrt(H), seed);
    this.#recurrent = new Recurrent(sizes, parameters.values, Type);
    this.#x = new Type(T * B * I);
    this.#y = new Type(T * B * H);
    this.pack();
  }

  /** To be called after a change of a parameter. */
  pack() {
    this.#recurrent.pack();
  }

  /**
   * From a state of zeros.
   * @param {Floats} inputs (B, T, I)
   * @returns {Floats} (B, T, H), overwritten by the next call
   */
  forward(inputs) {
    this.#recurrent.resetState();
    this.#run(inputs);
    return this.#y;
  }

  /**
   * From the state where the last call ended.
   * @param {Floats} inputs (B, T, I)
   * @returns {Floats} (B, T, H), overwritten by the next call
   */
  continue(inputs) {
    this.#recurrent.carryState();
    this.#run(inputs);
    return this.#y;
  }

  /** @param {Floats} inputs */
  #run(inputs) {
    const { inputs: I, hidden: H, batch: B, time: T } = this.#sizes;
    toTimeMajor(this.#x, inputs, B, T, I);
    this.#recurrent.forward(this.#x);
    toBatchMajor(this.#y, this.#recurrent.output, B, T, H);
  }
}
