import { sumOfSquares, toTimeMajor } from "./floats.js";
import { fillUniform, Parameters } from "./parameters.js";
import { sequenceLengths, SequenceModel } from "./sequenceModel.js";

/** @import { Floats, FloatType } from "./floats.js" */

/** @typedef {{ vocabulary: number, embedding: number, hidden: number, batch: number, time: number }} Sizes */

/**
 * A character language model in plain JavaScript, as fast as it gets without WebAssembly: embedding → LSTM → dense →
 * softmax cross-entropy, trained by backpropagation through time truncated at T steps (the state is carried on, the
 * gradient is not), with clipping by norm and Adam. Every array is made in the constructor, none in a step.
 *
 *   V E B T   sizes of vocabulary, embedding, batch and time
 *
 * (1) x = wE[token]                              (T, B, E)
 * (2) L = loss of the SequenceModel on x
 * backward (1) dwE[token] += dx
 * update   (3) g = g · min(1, clipNorm / (‖g‖ + 1e-6))         ‖g‖ over all parameters together
 *          (4) Adam
 * @template {Floats} [F=Float32Array]
 */
export class CharacterLstm {
  #all;
  #model;
  #work;

  /**
   * @param {Sizes & { seed?: number, Float?: FloatType<F> }} options `Float` is the type of all numbers,
   *   Float32Array if not given; Float64Array is for checking gradients.
   */
  constructor({ seed = 1, Float, ...sizes }) {
    const { vocabulary: V, embedding: E, hidden: H, batch: B, time: T } = sizes;
    const Type = /** @type {FloatType<F>} */ (Float ?? Float32Array);
    const ofModel = {
      cell: /** @type {const} */ ("lstm"),
      inputs: E,
      hidden: H,
      outputs: V,
      batch: B,
      time: T,
      last: false,
    };
    this.#all = new Parameters(parameterLengths(sizes), Type);
    this.sizes = sizes;
    /** By PyTorch's names, to be filled with `set`. */
    this.parameters = this.#all.values;
    /** Of the last step, before clipping. */
    this.gradients = this.#all.gradients;
    const wE = this.parameters["embedding.weight"];
    const next = fillUniform(wE, Math.sqrt(3), seed); // variance 1, as PyTorch's
    fillUniform(this.#all.flatValues.subarray(wE.length), 1 / Math.sqrt(H), next);
    this.#model = new SequenceModel(ofModel, this.#all, Type);
    this.#work = {
      inputs: new Int32Array(T * B),
      targets: new Int32Array(T * B),
      x: new Type(T * B * E),
      dX: new Type(T * B * E),
    };
  }

  /**
   * One optimiser step; the state is carried into the next.
   * @param {Int32Array} inputs (B, T)
   * @param {Int32Array} targets (B, T)
   * @param {{ learningRate: number, clipNorm: number }} options
   * @returns {number} the mean loss in nats, before the update
   */
  step(inputs, targets, { learningRate, clipNorm }) {
    const { flatGradients } = this.#all;
    const loss = this.forward(inputs, targets);
    flatGradients.fill(0);
    this.backward();
    this.#model.recurrent.carryState();
    const scale = Math.min(1, clipNorm / (Math.sqrt(sumOfSquares(flatGradients)) + 1e-6)); // (3)
    this.#all.adamStep(learningRate, scale); // (4)
    return loss;
  }

  /** The next step starts from a state of zeros. */
  resetState() {
    this.#model.recurrent.resetState();
  }

  /**
   * (1) and (2), from the carried state, which stays.
   * @param {Int32Array} inputs (B, T)
   * @param {Int32Array} targets (B, T)
   * @returns {number} the mean loss in nats
   */
  forward(inputs, targets) {
    const { embedding: E } = this.sizes;
    const work = this.#work;
    takeTokens(work.inputs, inputs, this.sizes);
    takeTokens(work.targets, targets, this.sizes);
    gatherRows(work.x, this.parameters["embedding.weight"], work.inputs, E);
    return this.#model.forward(work.x, work.targets);
  }

  /** (2) and (1), after forward; adds to the gradients. */
  backward() {
    const { x, dX, inputs } = this.#work;
    dX.fill(0);
    this.#model.backward(x, dX);
    scatterAddRows(this.gradients["embedding.weight"], dX, inputs, this.sizes.embedding);
  }
}

/** @param {Sizes} sizes @returns {Record<ParameterName, number>} */
function parameterLengths({ vocabulary: V, embedding: E, hidden: H }) {
  const ofModel = sequenceLengths({ cell: "lstm", inputs: E, hidden: H, outputs: V });
  return /** @type {Record<ParameterName, number>} */ ({ "embedding.weight": V * E, ...ofModel });
}

/**
 * @typedef {"embedding.weight" | "lstm.weight_ih_l0" | "lstm.weight_hh_l0" | "lstm.bias_ih_l0" | "lstm.bias_hh_l0"
 *   | "dense.weight" | "dense.bias"} ParameterName
 */

/** Checks tokens and puts them time first. @type {(out: Int32Array, tokens: Int32Array, sizes: Sizes) => void} */
function takeTokens(out, tokens, { batch: B, time: T, vocabulary: V }) {
  if (tokens.length !== B * T)
    throw new RangeError(`tokens expected shape [${B}, ${T}], got ${tokens.length} elements`);
  for (const token of tokens) {
    if (token < 0 || token >= V) throw new RangeError(`tokens expected below ${V}, got ${token}`);
  }
  toTimeMajor(out, tokens, B, T, 1);
}

/** @type {(out: Floats, table: Floats, tokens: Int32Array, width: number) => void} out[n] = table[token n] */
function gatherRows(out, table, tokens, width) {
  let n = 0;
  for (const token of tokens) {
    for (let k = token * width; k < (token + 1) * width; k++) out[n++] = /** @type {number} */ (table[k]);
  }
}

/** @type {(table: Floats, rows: Floats, tokens: Int32Array, width: number) => void} table[token n] += rows[n] */
function scatterAddRows(table, rows, tokens, width) {
  let n = 0;
  for (const token of tokens) {
    for (let k = token * width; k < (token + 1) * width; k++) {
      table[k] = /** @type {number} */ (table[k]) + /** @type {number} */ (rows[n++]);
    }
  }
}
