/** recurrent-js: a graph of closures over float64 vectors, one sequence at a time. */
import recurrent from "recurrent-js";
import * as data from "../workloads.js";
import { Lacks } from "./index.js";

/** @typedef {import("../workloads.js").Workload} Workload */
/** @typedef {import("recurrent-js").Mat} Mat */

const { Graph, LSTM, Mat, RNN } = recurrent;

const oneSequence = "one sequence or example is timed and multiplied by B: the library has no batches";
const relu = "its Elman layer has ReLU, not tanh";
const plainUpdate = "plain gradient descent after each sequence: the first loss is compared, over the batch";

/** @type {(values: ArrayLike<number>) => Mat} */
function vector(values) {
  const mat = new Mat(values.length, 1);
  mat.setFrom(/** @type {any} */ (values));
  return mat;
}

/** @param {Workload} workload */
function network(workload) {
  const { cell, I, H, O } = workload;
  if (cell === "gru") throw new Lacks("it has no GRU");
  const Net = cell === "lstm" ? LSTM : RNN;
  const architecture = { inputSize: I, hiddenUnits: [H], outputSize: Math.max(O, 1) }; // there is always a head
  const net = new Net(/** @type {any} */ ({ architecture }));
  const { hidden, decoder } = /** @type {any} */ (net.model);
  const gates = cell === "lstm" ? [hidden.input, hidden.forget, hidden.cell, hidden.output] : [hidden];
  const { wIh, wHh, bIh } = data.recurrentWeights(workload);
  gates.forEach((gate, k) => {
    gate.Wx[0].setFrom(wIh.subarray(k * H * I, (k + 1) * H * I));
    gate.Wh[0].setFrom(wHh.subarray(k * H * H, (k + 1) * H * H));
    gate.bh[0].setFrom(bIh.subarray(k * H, (k + 1) * H));
  });
  const { weight, bias } = data.headWeights({ ...workload, O: Math.max(O, 1) });
  decoder.Wh.setFrom(weight);
  decoder.b.setFrom(bias);
  return net;
}

/** Why a result is not compared. @param {Workload} workload */
const remarks = ({ cell }) => (cell === "elman" ? { differs: [relu] } : {});

/** @type {import("./index.js").Setup} */
function streaming(workload) {
  const net = network(workload);
  const graph = new Graph();
  const inputs = data.streamInputs(workload).map(vector);
  /** @type {any} */
  let state;
  let i = 0;
  const call = () => {
    state = net.forward(inputs[i++ & 7], state, graph);
    return state.hiddenActivationState[0].w;
  };
  return { call, ...remarks(workload) };
}

/** The inputs (I) of each step of each sequence. @type {(workload: Workload) => Float32Array[][]} */
function sequences(workload) {
  const { group, B, T, I } = workload;
  const all = group === "W6" ? data.oneHot(data.characters(workload).current, I) : data.inputs(workload);
  const step = (/** @type {number} */ b, /** @type {number} */ t) => all.subarray((t * B + b) * I, (t * B + b + 1) * I);
  return Array.from({ length: B }, (_, b) => Array.from({ length: T }, (_, t) => step(b, t)));
}

/** @type {import("./index.js").Setup} */
function sequence(workload) {
  const { B } = workload;
  const net = network(workload);
  const graph = new Graph();
  const [inputs] = sequences(workload);
  const call = () => {
    /** @type {any} */
    let state;
    for (const x of inputs) state = net.forward(vector(x), state, graph);
    return state.hiddenActivationState[0].w;
  };
  return { call, times: B, notes: B > 1 ? [oneSequence] : [], ...remarks(workload) };
}

/**
 * Softmax cross-entropy; leaves its gradient in the output.
 * @type {(output: Mat, target: number) => number}
 */
function crossEntropy(output, target) {
  const highest = Math.max(...output.w);
  const exponentials = Array.from(output.w, (y) => Math.exp(y - highest));
  const sum = exponentials.reduce((a, b) => a + b);
  exponentials.forEach((e, k) => (output.dw[k] = e / sum - (k === target ? 1 : 0)));
  return Math.log(sum) + highest - output.w[target];
}

/** @type {import("./index.js").Setup} */
function training(workload) {
  const { group, B, T } = workload;
  const net = network(workload);
  const graph = new Graph();
  graph.memorizeOperationSequence(true);
  const targets = group === "W6" ? data.characters(workload).next : data.labels(workload);
  const losses = group === "W6" ? T : 1;
  const inputs = sequences(workload);
  const forward = (/** @type {number} */ b) => {
    /** @type {any} */
    let state;
    let loss = 0;
    for (const [t, x] of inputs[b].entries()) {
      state = net.forward(vector(x), state, graph);
      if (t >= T - losses) loss += crossEntropy(state.output, targets[(t - T + losses) * B + b]);
    }
    return loss / losses;
  };
  const call = () => {
    graph.forgetCurrentSequence();
    const loss = forward(0);
    graph.backward();
    net.update(0.001);
    return loss;
  };
  const check = () => {
    const all = Array.from({ length: B }, (_, b) => forward(b));
    return all.reduce((a, b) => a + b) / B;
  };
  return { call, check, times: B, notes: [oneSequence, plainUpdate], ...remarks(workload) };
}

/** @type {import("./index.js").Peer} */
export const peer = {
  workloads: {
    ...{ W1: streaming, W2: sequence, W3: sequence, W4: training, W6: training },
    W5: "its perceptron has tanh only, and no softmax",
  },
};
