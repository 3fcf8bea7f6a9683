import { part } from "./floats.js";
import { adam, sgd } from "./optimizers.js";

/** @import { Floats, FloatType } from "./floats.js" */

/**
 * All parameters of a model in one array, and their gradients in another, with views of both by name.
 * @template {Floats} F
 * @template {string} Name
 */
export class Parameters {
  #steps = 0;
  /** @type {readonly [F, F] | undefined} m and v of Adam */
  #moments;
  #Type;

  /**
   * @param {Record<Name, number>} lengths
   * @param {FloatType<F>} Type
   */
  constructor(lengths, Type) {
    const total = Object.values(lengths).reduce((sum, length) => sum + Number(length), 0);
    this.#Type = Type;
    this.flatValues = new Type(total);
    this.flatGradients = new Type(total);
    this.values = split(this.flatValues, lengths);
    this.gradients = split(this.flatGradients, lengths);
  }

  /** @param {number} learningRate */
  sgdStep(learningRate) {
    sgd(this.flatValues, this.flatGradients, learningRate);
  }

  /**
   * @param {number} learningRate
   * @param {number} [scale] of the gradient
   */
  adamStep(learningRate, scale = 1) {
    const { length } = this.flatValues;
    this.#moments ??= [new this.#Type(length), new this.#Type(length)];
    const [m, v] = this.#moments;
    adam(this.flatValues, this.flatGradients, m, v, scale, learningRate, ++this.#steps);
  }
}

/**
 * Consecutive views of one array, by name.
 * @template {Floats} F
 * @template {string} Name
 * @param {F} flat
 * @param {Record<Name, number>} lengths
 */
function split(flat, lengths) {
  let end = 0;
  const views = Object.entries(lengths).map(([name, length]) => [name, part(flat, end, (end += Number(length)))]);
  return /** @type {Record<Name, F>} */ (Object.fromEntries(views));
}

/**
 * Uniform within ± bound, by the generator Mulberry32.
 * @param {Floats} values
 * @param {number} bound
 * @param {number} state
 * @returns {number} the state for the next numbers
 */
export function fillUniform(values, bound, state) {
  for (let k = 0; k < values.length; k++) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    values[k] = (bound * (mixed ^ (mixed >>> 14))) / 2 ** 31;
  }
  return state;
}
