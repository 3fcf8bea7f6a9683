import { addRows, part, repeatRow } from "./floats.js";
import { softmaxCrossEntropy } from "./loss.js";
import { addAB, addABt, addAtB } from "./products.js";
import { Recurrent, recurrentLengths } from "./recurrent.js";

/** @import { Floats, FloatType } from "./floats.js" */
/** @import { RecurrentSizes } from "./recurrent.js" */

/** @typedef {RecurrentSizes & { outputs: number, last: boolean }} SequenceSizes `last`: outputs of the last step only */

/**
 * A recurrent layer, a dense one on each step or on the last, and softmax cross-entropy: the part that classifiers and
 * language models share. Time first.
 *
 * (1) h = recurrent(x)                      (T, B, H); (N, H) of it goes on, N = T·B, or N = B: the last step
 * (2) y = h·wDᵀ + bD                        (N, O)
 * (3) L = mean over N of log Σ e^y − y[target]
 * backward (3) dy = (softmax(y) − [target]) / N, in the place of y
 *          (2) dh = dy·wD   dwD += dyᵀ·h   dbD += Σ dy
 */
export class SequenceModel {
  #sizes;
  #p;
  #d;
  #h;
  #dH;
  #y;

  /**
   * @param {SequenceSizes} sizes
   * @param {{ values: Record<string, Floats>, gradients: Record<string, Floats> }} parameters by the names of `sequenceLengths`
   * @param {FloatType} Type
   */
  constructor(sizes, { values, gradients }, Type) {
    const { cell, batch: B, time: T, hidden: H, outputs: O, last } = sizes;
    const N = last ? B : T * B;
    this.#sizes = { N, H, O };
    this.#p = byLayer(values, cell);
    this.#d = byLayer(gradients, cell);
    this.recurrent = new Recurrent(sizes, this.#p.recurrent, Type);
    const { output, outputGradient } = this.recurrent;
    this.#h = part(output, output.length - N * H, output.length);
    this.#dH = part(outputGradient, outputGradient.length - N * H, outputGradient.length);
    this.#y = new Type(N * O);
  }

  /**
   * (1) to (3)
   * @param {Floats} x (T, B, I)
   * @param {Int32Array} targets (N)
   * @returns {number} the loss
   */
  forward(x, targets) {
    const { N, H, O } = this.#sizes;
    const { weight, bias } = this.#p.dense;
    this.recurrent.pack();
    this.recurrent.forward(x);
    repeatRow(this.#y, bias);
    addABt(this.#y, this.#h, weight, N, O, H);
    return softmaxCrossEntropy(this.#y, targets, O);
  }

  /**
   * (3) to (1), after forward; adds to the gradients
   * @param {Floats} x as for forward
   * @param {Floats} [dX] (T, B, I)
   */
  backward(x, dX) {
    const { N, H, O } = this.#sizes;
    const d = this.#d;
    addAtB(d.dense.weight, this.#y, this.#h, O, H, N);
    addRows(d.dense.bias, this.#y);
    this.recurrent.outputGradient.fill(0);
    addAB(this.#dH, this.#y, this.#p.dense.weight, N, H, O);
    this.recurrent.backward(x, d.recurrent, dX);
  }
}

/**
 * Lengths of the parameters, by PyTorch's names after those of the layers.
 * @param {Omit<SequenceSizes, "batch" | "time" | "last">} sizes
 */
export function sequenceLengths(sizes) {
  const { cell, hidden: H, outputs: O } = sizes;
  const ofCell = Object.entries(recurrentLengths(sizes)).map(([name, length]) => [`${cell}.${name}`, length]);
  return { ...Object.fromEntries(ofCell), "dense.weight": O * H, "dense.bias": O };
}

/**
 * @param {Record<string, Floats>} all
 * @param {string} cell
 */
function byLayer(all, cell) {
  /** @param {string} name */
  const named = (name) => {
    const found = all[name];
    if (found) return found;
    throw new RangeError(`no parameter "${name}"`);
  };
  const recurrent = {
    weight_ih_l0: named(`${cell}.weight_ih_l0`),
    weight_hh_l0: named(`${cell}.weight_hh_l0`),
    bias_ih_l0: named(`${cell}.bias_ih_l0`),
    bias_hh_l0: named(`${cell}.bias_hh_l0`),
  };
  return { recurrent, dense: { weight: named("dense.weight"), bias: named("dense.bias") } };
}
