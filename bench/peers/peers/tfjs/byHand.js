/**
 * TensorFlow.js by hand, the best that a careful user can write. What makes it fast on the WebAssembly backend:
 * one product a step, of [x h]; a bias that is fused into it; inputs as one tensor a step, because a slice of a tensor first
 * copies all of it; and a gradient that transposes before it multiplies, because a product with an operand that is marked
 * as transposed is ten times slower.
 */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-layers"; // registers the gradients
import * as data from "../../workloads.js";
import { kernel, optimizers } from "./common.js";

/** @typedef {import("../../workloads.js").Workload} Workload */
/** @typedef {tf.Tensor} Matrix */
/** @typedef {(x: Matrix, w: Matrix, b?: tf.Tensor) => Matrix} Affine x·w + b */
/** @typedef {(affine: Affine, x: Matrix, h: Matrix, c: Matrix) => Matrix[]} Step to the next h and c */
/** @typedef {{ weights: tf.Tensor[], step: Step }} Layer */

/** @type {Affine} */
const affine = (a, b, bias) => tf.fused.matMul({ a, b, ...(bias && { bias }) });

/** With a gradient from plain products. @type {Affine} */
const trainedAffine = (x, w, b) => {
  const y = product(x, w);
  return b ? tf.add(y, b) : y;
};

const product = tf.customGrad((/** @type {any} */ x, /** @type {any} */ w, /** @type {any} */ save) => {
  save([x, w]);
  /** @type {(dy: Matrix, saved: Matrix[]) => Matrix[]} */
  const gradFunc = (dy, [x, w]) => [tf.matMul(dy, tf.transpose(w)), tf.matMul(tf.transpose(x), dy)];
  return { value: tf.matMul(x, w), gradFunc };
});

/** @type {Record<import("../../workloads.js").Cell, (workload: Workload) => Layer>} */
const layers = {
  elman(workload) {
    const [w, b] = joinedWeights(workload);
    return { weights: [w, b], step: (affine, x, h, c) => [tf.tanh(affine(tf.concat([x, h], 1), w, b)), c] };
  },
  gru(workload) {
    const { G, wIh, wHh, bIh } = data.recurrentWeights(workload);
    const [wX, wH] = [wIh, wHh].map((weight) => variable(kernel(weight, G * workload.H)));
    const b = variable(tf.tensor1d(bIh));
    return { weights: [wX, wH, b], step: (affine, x, h, c) => [gru(affine(x, wX, b), affine(h, wH), h), c] };
  },
  lstm(workload) {
    const [w, b] = joinedWeights(workload);
    return { weights: [w, b], step: (affine, x, h, c) => lstm(affine(tf.concat([x, h], 1), w, b), c) };
  },
};

/** @type {(value: tf.Tensor) => any} */
const variable = (value) => tf.variable(value);

/** The weight of [x h], and the bias. @param {Workload} workload */
function joinedWeights(workload) {
  const { G, wIh, wHh, bIh } = data.recurrentWeights(workload);
  const weights = [wIh, wHh].map((weight) => kernel(weight, G * workload.H));
  return [variable(tf.concat(weights, 0)), variable(tf.tensor1d(bIh))];
}

/** @type {(a: Matrix, r: Matrix, h: Matrix) => Matrix} */
function gru(a, r, h) {
  const [aR, aZ, aN] = tf.split(a, 3, 1);
  const [rR, rZ, rN] = tf.split(r, 3, 1);
  const n = tf.tanh(tf.add(aN, tf.mul(tf.sigmoid(tf.add(aR, rR)), rN)));
  return tf.add(n, tf.mul(tf.sigmoid(tf.add(aZ, rZ)), tf.sub(h, n)));
}

/** @type {(a: Matrix, c: Matrix) => Matrix[]} */
function lstm(a, c) {
  const [i, f, g, o] = tf.split(a, 4, 1);
  const next = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
  return [tf.mul(tf.sigmoid(o), tf.tanh(next)), next];
}

// ------------------------------------------------------------------------------------------------------ inference

/** @type {import("../index.js").Setup} */
function streaming(workload) {
  const { cell, I, H } = workload;
  const { step } = layers[cell](workload);
  const inputs = data.streamInputs(workload);
  /** @type {Matrix[]} */
  let [h, c] = [tf.zeros([1, H]), tf.zeros([1, H])];
  let i = 0;
  const call = () => {
    const next = tf.tidy(() => step(affine, tf.tensor2d(inputs[i++ & 7], [1, I]), h, c));
    h.dispose();
    if (next[1] !== c) c.dispose();
    [h, c] = next;
    return h.dataSync();
  };
  return { call };
}

/** @type {import("../index.js").Setup} */
function sequence(workload) {
  const { cell, B, I, H } = workload;
  const { step } = layers[cell](workload);
  const steps = cut(data.inputs(workload), B * I);
  const call = () =>
    tf.tidy(() => {
      /** @type {Matrix[]} */
      let state = [tf.zeros([B, H]), tf.zeros([B, H])];
      for (const x of steps) state = tf.tidy(() => step(affine, tf.tensor2d(x, [B, I]), state[0], state[1]));
      return state[0].dataSync();
    });
  return { call };
}

/** @type {(values: Float32Array, length: number) => Float32Array[]} */
const cut = (values, length) =>
  Array.from({ length: values.length / length }, (_, i) => values.slice(i * length, (i + 1) * length));

// ------------------------------------------------------------------------------------------------------- training

/** @type {import("../index.js").Setup} */
function training(workload) {
  const { group, cell, B, H, O } = workload;
  const { weights, step } = layers[cell](workload);
  const { weight, bias } = data.headWeights(workload);
  const [w, b] = [variable(kernel(weight, O)), variable(tf.tensor1d(bias))];
  const [steps, target] = batchOf(workload);
  const loss = () => {
    /** @type {Matrix[]} */
    let state = [tf.zeros([B, H]), tf.zeros([B, H])];
    const hs = steps.map((x) => {
      state = step(trainedAffine, x, state[0], state[1]);
      return state[0];
    });
    const h = group === "W6" ? tf.concat(hs, 0) : hs[hs.length - 1];
    return crossEntropy(target, trainedAffine(h, w, b));
  };
  return { call: trainer(loss, "adam", [...weights, w, b]) };
}

/**
 * Inputs of each step, and classes as one-hot.
 * @param {Workload} workload
 * @returns {[Matrix[], Matrix]}
 */
function batchOf(workload) {
  const { group, B, I, O } = workload;
  const { current, next } = data.characters(workload);
  const inputs = group === "W6" ? data.oneHot(current, I) : data.inputs(workload);
  const target = data.oneHot(group === "W6" ? next : data.labels(workload), O);
  return [cut(inputs, B * I).map((x) => tf.tensor2d(x, [B, I])), tf.tensor2d(target, [target.length / O, O])];
}

/** @type {(target: Matrix, y: Matrix) => tf.Scalar} */
const crossEntropy = (target, y) => tf.losses.softmaxCrossEntropy(target, y);

/** @type {(loss: () => tf.Scalar, optimizer: "adam" | "sgd", variables: tf.Variable[]) => () => number} */
function trainer(loss, optimizer, variables) {
  const update = optimizers[optimizer]();
  return () => {
    const value = /** @type {tf.Scalar} */ (update.minimize(loss, true, variables));
    const [number] = value.dataSync();
    value.dispose();
    return number;
  };
}

/** @type {import("../index.js").Setup} */
function perceptron(workload) {
  const { B, I, O, optimizer } = workload;
  const weights = data.perceptronWeights(workload);
  const variables = weights
    .flatMap(({ weight, bias }) => [kernel(weight, bias.length), tf.tensor1d(bias)])
    .map(variable);
  const [w1, b1, w2, b2] = variables;
  /** @type {(affine: Affine, x: Matrix) => Matrix} */
  const logits = (affine, x) => affine(tf.relu(affine(x, w1, b1)), w2, b2);
  const x = data.inputs(workload);
  if (optimizer === "none") {
    return { call: () => tf.tidy(() => tf.softmax(logits(affine, tf.tensor2d(x, [B, I]))).dataSync()) };
  }
  const input = tf.tensor2d(x, [B, I]);
  const target = tf.tensor2d(data.oneHot(data.labels(workload), O), [B, O]);
  const loss = () => crossEntropy(target, logits(trainedAffine, input));
  return { call: trainer(loss, optimizer, variables) };
}

/** @satisfies {import("../index.js").Peer["workloads"]} */
export const byHand = { W1: streaming, W2: sequence, W3: sequence, W4: training, W5: perceptron, W6: training };
