/** synaptic: an object for each neuron and each connection, one example at a time. */
import synaptic from "synaptic";
import * as data from "../workloads.js";
import { Lacks } from "./index.js";

/** @typedef {import("../workloads.js").Workload} Workload */

const { Architect, Neuron } = synaptic;

const peepholes = "its LSTM is another one: peepholes from all cells to all gates, and no product with h";
const tooSlow = "not run: too slow, half a minute a process or more";

/** @type {(workload: Workload, largest: number) => synaptic.Network} */
function network({ cell, I, H }, largest) {
  if (cell !== "lstm") throw new Lacks("it has no such layer");
  if (H > largest) throw new Lacks(tooSlow);
  return new Architect.LSTM(I, H, 1);
}

/** @type {import("./index.js").Setup} */
function streaming(workload) {
  const net = network(workload, 32);
  const inputs = data.streamInputs(workload).map((x) => [...x]);
  let i = 0;
  return { call: () => net.activate(inputs[i++ & 7]), differs: [peepholes] };
}

/** @type {import("./index.js").Setup} */
function sequence(workload) {
  const { T, I } = workload;
  const net = network(workload, 64);
  const x = data.inputs(workload);
  const inputs = Array.from({ length: T }, (_, t) => [...x.subarray(t * I, (t + 1) * I)]);
  const call = () => {
    net.clear();
    return inputs.map((x) => net.activate(x)).at(-1);
  };
  return { call, differs: [peepholes] };
}

/** @type {import("./index.js").Setup} */
function perceptron(workload) {
  const { B, I, O, optimizer } = workload;
  if (optimizer === "adam") throw new Lacks("it has no Adam");
  const net = perceptronNetwork(workload);
  const x = [...data.inputs(workload).subarray(0, I)];
  const [label] = data.labels(workload);
  const target = Array.from({ length: O }, (_, k) => (k === label ? 1 : 0));
  const notes = B > 1 ? ["one sequence or example is timed and multiplied by B: the library has no batches"] : [];
  if (optimizer === "none")
    return { call: () => softmax(net.activate(x)), times: B, notes: [...notes, "its softmax is ours"] };
  const call = () => {
    net.activate(x);
    net.propagate(0.01, target);
  };
  return { call, differs: ["squared error, an update after each example"], times: B, notes };
}

/** @param {Workload} workload */
function perceptronNetwork(workload) {
  const { I, H, O } = workload;
  const net = new Architect.Perceptron(I, H, O);
  const { hidden, output } = /** @type {any} */ (net.layers);
  const squash = [Neuron.squash.RELU, Neuron.squash.IDENTITY];
  const weights = data.perceptronWeights(workload);
  [hidden[0], output].forEach((layer, k) => {
    const { weight, bias } = weights[k];
    const inputs = weight.length / bias.length;
    layer.list.forEach((/** @type {any} */ neuron, /** @type {number} */ i) => {
      Object.assign(neuron, { squash: squash[k], bias: bias[i] });
      /** @type {any[]} */
      const connections = Object.values(neuron.connections.inputs); // in the order of the layer before
      connections.forEach((connection, j) => (connection.weight = weight[i * inputs + j]));
    });
  });
  return net;
}

/** @param {readonly number[]} values */
function softmax(values) {
  const exponentials = values.map((y) => Math.exp(y - Math.max(...values)));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((e) => e / sum);
}

/** @type {import("./index.js").Peer} */
export const peer = {
  workloads: { W1: streaming, W2: sequence, W3: tooSlow, W4: tooSlow, W5: perceptron, W6: tooSlow },
};
