import { addRows, repeatRow } from "./floats.js";
import { softmaxCrossEntropy } from "./loss.js";
import { fillUniform, Parameters } from "./parameters.js";
import { addAB, addABt, addAtB, RightHandSide } from "./products.js";

/** @import { Floats, FloatType } from "./floats.js" */

/**
 * A perceptron with one hidden layer. Names and shapes are PyTorch's, "dense." and "dense_1." before them.
 *
 * (1) h = relu(x·w₁ᵀ + b₁)                  x (B, I), h (B, H)
 * (2) y = h·w₂ᵀ + b₂                        y (B, O)
 * (3) L = mean over B of log Σ e^y − y[target]
 * backward (3) dy = (softmax(y) − [target]) / B, in the place of y
 *          (2) dh = dy·w₂   dw₂ += dyᵀ·h   db₂ += Σ dy
 *          (1) da = dh∘[h > 0]   dw₁ += daᵀ·x   db₁ += Σ da
 */
export class Mlp {
  #sizes;
  #all;
  #w1;
  #w2;
  #h;
  #dH;
  #y;

  /**
   * @param {{ inputs: number, hidden: number, outputs: number, batch: number, seed?: number, Float?: FloatType }} options
   *   `Float`: Float32Array if not given
   */
  constructor({ seed = 1, Float: Type = Float32Array, ...sizes }) {
    const { inputs: I, hidden: H, outputs: O, batch: B } = sizes;
    this.#sizes = { I, H, O, B };
    const lengths = { "dense.weight": H * I, "dense.bias": H, "dense_1.weight": O * H, "dense_1.bias": O };
    this.#all = new Parameters(lengths, Type);
    /** By name, to be filled with `set`; `pack` takes them over for `forward`. */
    this.parameters = this.#all.values;
    /** Of the last step. */
    this.gradients = this.#all.gradients;
    fillUniform(this.#all.flatValues, 1 / Math.sqrt(I), seed);
    this.#w1 = new RightHandSide(B, H, I, Type);
    this.#w2 = new RightHandSide(B, O, H, Type);
    this.#h = new Type(B * H);
    this.#dH = new Type(B * H);
    this.#y = new Type(B * O);
    this.pack();
  }

  /** To be called after a change of a parameter. */
  pack() {
    this.#w1.packTransposed(this.parameters["dense.weight"]);
    this.#w2.packTransposed(this.parameters["dense_1.weight"]);
  }

  /** (1) and (2) with the packed weights. @param {Floats} x (B, I) @returns {Floats} y (B, O), overwritten by the next call */
  forward(x) {
    repeatRow(this.#h, this.parameters["dense.bias"]);
    this.#w1.addTo(this.#h, x);
    relu(this.#h);
    repeatRow(this.#y, this.parameters["dense_1.bias"]);
    this.#w2.addTo(this.#y, this.#h);
    return this.#y;
  }

  /**
   * One optimiser step.
   * @param {Floats} x (B, I)
   * @param {Int32Array} targets (B) classes
   * @param {"sgd" | "adam"} optimizer
   * @param {number} learningRate
   * @returns {number} the mean loss in nats, before the update
   */
  step(x, targets, optimizer, learningRate) {
    const { I, H, O, B } = this.#sizes;
    const [p, [h, y]] = [this.parameters, [this.#h, this.#y]];
    repeatRow(h, p["dense.bias"]);
    addABt(h, x, p["dense.weight"], B, H, I);
    relu(h);
    repeatRow(y, p["dense_1.bias"]);
    addABt(y, h, p["dense_1.weight"], B, O, H);
    const loss = softmaxCrossEntropy(y, targets, O);
    this.#backward(x);
    if (optimizer === "sgd") this.#all.sgdStep(learningRate);
    else this.#all.adamStep(learningRate);
    return loss;
  }

  /** @param {Floats} x */
  #backward(x) {
    const { I, H, O, B } = this.#sizes;
    const d = this.gradients;
    this.#all.flatGradients.fill(0);
    addAtB(d["dense_1.weight"], this.#y, this.#h, O, H, B);
    addRows(d["dense_1.bias"], this.#y);
    this.#dH.fill(0);
    addAB(this.#dH, this.#y, this.parameters["dense_1.weight"], B, H, O);
    reluBackward(this.#dH, this.#h);
    addAtB(d["dense.weight"], this.#dH, x, H, I, B);
    addRows(d["dense.bias"], this.#dH);
  }
}

/** @param {Floats} h */
function relu(h) {
  for (let k = 0; k < h.length; k++) if (/** @type {number} */ (h[k]) < 0) h[k] = 0;
}

/** @type {(dH: Floats, h: Floats) => void} */
function reluBackward(dH, h) {
  for (let k = 0; k < h.length; k++) if (h[k] === 0) dH[k] = 0;
}
