import { toTimeMajor } from "./floats.js";
import { fillUniform, Parameters } from "./parameters.js";
import { sequenceLengths, SequenceModel } from "./sequenceModel.js";

/** @import { Floats, FloatType } from "./floats.js" */
/** @import { SequenceSizes } from "./sequenceModel.js" */

/**
 * Classifies each sequence by its last step, or each step: recurrent layer → dense → softmax cross-entropy, trained with
 * Adam. Names, shapes and gate order are PyTorch's; "elman.", "lstm." or "gru." and "dense." stand before the names.
 * Every array is made in the constructor.
 */
export class RecurrentClassifier {
  #sizes;
  #all;
  #model;
  #x;
  #targets;

  /** @param {SequenceSizes & { seed?: number, Float?: FloatType }} options `Float`: Float32Array if not given */
  constructor({ seed = 1, Float: Type = Float32Array, ...sizes }) {
    const { inputs: I, hidden: H, batch: B, time: T, last } = sizes;
    this.#sizes = sizes;
    this.#all = new Parameters(sequenceLengths(sizes), Type);
    /** By name, to be filled with `set`. */
    this.parameters = this.#all.values;
    /** Of the last step. */
    this.gradients = this.#all.gradients;
    fillUniform(this.#all.flatValues, 1 / Math.sqrt(H), seed);
    this.#model = new SequenceModel(sizes, this.#all, Type);
    this.#x = new Type(T * B * I);
    this.#targets = new Int32Array(last ? B : T * B);
  }

  /**
   * One optimiser step, from a state of zeros.
   * @param {Floats} inputs (B, T, I)
   * @param {Int32Array} targets (B) classes of the sequences if `last`, otherwise (B, T)
   * @param {number} learningRate
   * @returns {number} the mean loss in nats, before the update
   */
  step(inputs, targets, learningRate) {
    const { inputs: I, batch: B, time: T, last } = this.#sizes;
    toTimeMajor(this.#x, inputs, B, T, I);
    toTimeMajor(this.#targets, targets, B, last ? 1 : T, 1);
    const loss = this.#model.forward(this.#x, this.#targets);
    this.#all.flatGradients.fill(0);
    this.#model.backward(this.#x);
    this.#all.adamStep(learningRate);
    return loss;
  }
}
