/** TensorFlow.js as its documentation shows it: a sequential model of stock layers. */
import * as tf from "@tensorflow/tfjs-core";
import { layers, sequential } from "@tensorflow/tfjs-layers";
import * as data from "../../workloads.js";
import { kernel, optimizers } from "./common.js";

/** @typedef {import("../../workloads.js").Workload} Workload */

/** Gates of the stock layers: i f c o, z r h. */
const order = { elman: [0], gru: [1, 0, 2], lstm: [0, 1, 2, 3] };

/** @type {(workload: Workload, options: object) => import("@tensorflow/tfjs-layers").layers.Layer} */
function recurrentLayer({ cell, H }, options) {
  // The defaults are a hard sigmoid and orthogonal weights, which take seconds to make and are not used here.
  const common = { units: H, recurrentInitializer: "glorotUniform", ...options };
  const gated = { ...common, recurrentActivation: /** @type {const} */ ("sigmoid") };
  if (cell === "elman") return layers.simpleRNN(common);
  return cell === "gru" ? layers.gru(gated) : layers.lstm({ ...gated, unitForgetBias: false });
}

/** @type {(layer: import("@tensorflow/tfjs-layers").layers.Layer, workload: Workload) => void} */
function setRecurrentWeights(layer, workload) {
  const { G, wIh, wHh, bIh } = data.recurrentWeights(workload);
  const [x, h, b] = [wIh, wHh, bIh].map((values) => data.orderGates(values, order[workload.cell]));
  layer.setWeights([kernel(x, G * workload.H), kernel(h, G * workload.H), tf.tensor1d(b)]);
}

/** The stock GRU has its reset gate before the product; `resetAfter: true` throws. @param {Workload} workload */
const remarks = ({ cell }) => (cell === "gru" ? { reset: /** @type {const} */ ("before") } : {});

/** @type {import("../index.js").Setup} */
function streaming(workload) {
  const { I } = workload;
  const layer = recurrentLayer(workload, { stateful: true, batchInputShape: [1, 1, I] });
  const model = sequential({ layers: [layer] });
  setRecurrentWeights(layer, workload);
  const inputs = data.streamInputs(workload);
  let i = 0;
  return { ...remarks(workload), call: () => predict(model, tf.tensor3d(inputs[i++ & 7], [1, 1, I]), 1) };
}

/** @type {(model: import("@tensorflow/tfjs-layers").Sequential, x: tf.Tensor, batchSize: number) => unknown} */
const predict = (model, x, batchSize) => {
  const y = /** @type {tf.Tensor} */ (model.predict(x, { batchSize }));
  const values = y.dataSync();
  tf.dispose([x, y]);
  return values;
};

/** @type {import("../index.js").Setup} */
function sequence(workload) {
  const { B, T, I } = workload;
  const layer = recurrentLayer(workload, { inputShape: [T, I] });
  const model = sequential({ layers: [layer] });
  setRecurrentWeights(layer, workload);
  const x = data.batchFirst(data.inputs(workload), workload, I);
  return { call: () => predict(model, tf.tensor3d(x, [B, T, I]), B) };
}

/** @type {import("../index.js").Setup} */
function training(workload) {
  const { group, T, I, O } = workload;
  const recurrent = recurrentLayer(workload, { inputShape: [T, I], returnSequences: group === "W6" });
  const head = layers.dense({ units: O, activation: "softmax" });
  const model = sequential({ layers: [recurrent, head] });
  setRecurrentWeights(recurrent, workload);
  const { weight, bias } = data.headWeights(workload);
  head.setWeights([kernel(weight, O), tf.tensor1d(bias)]);
  model.compile({ optimizer: optimizers.adam(), loss: "categoricalCrossentropy" });
  const [x, y] = batchOf(workload);
  return { ...remarks(workload), call: () => model.trainOnBatch(x, y) };
}

/** Batch first, classes as one-hot. @param {Workload} workload */
function batchOf(workload) {
  const { group, B, T, I, O } = workload;
  if (group === "W4") {
    const x = data.batchFirst(data.inputs(workload), workload, I);
    return [tf.tensor3d(x, [B, T, I]), tf.tensor2d(data.oneHot(data.labels(workload), O), [B, O])];
  }
  const { current, next } = data.characters(workload);
  return [current, next].map((text) => tf.tensor3d(data.oneHot(data.batchFirst(text, workload, 1), O), [B, T, O]));
}

/** @type {import("../index.js").Setup} */
function perceptron(workload) {
  const { B, I, H, O, optimizer } = workload;
  const hidden = layers.dense({ units: H, activation: "relu", inputShape: [I] });
  const output = layers.dense({ units: O, activation: "softmax" });
  const model = sequential({ layers: [hidden, output] });
  const [first, second] = data.perceptronWeights(workload);
  hidden.setWeights([kernel(first.weight, H), tf.tensor1d(first.bias)]);
  output.setWeights([kernel(second.weight, O), tf.tensor1d(second.bias)]);
  const x = data.inputs(workload);
  if (optimizer === "none") return { call: () => predict(model, tf.tensor2d(x, [B, I]), B) };
  model.compile({ optimizer: optimizers[optimizer](), loss: "categoricalCrossentropy" });
  const [input, target] = [tf.tensor2d(x, [B, I]), tf.tensor2d(data.oneHot(data.labels(workload), O), [B, O])];
  return { call: () => model.trainOnBatch(input, target) };
}

/** @satisfies {import("../index.js").Peer["workloads"]} */
export const stock = { W1: streaming, W2: sequence, W3: sequence, W4: training, W5: perceptron, W6: training };
