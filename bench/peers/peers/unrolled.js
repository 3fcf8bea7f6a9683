import { adam, crossEntropy, dense, elman, gru, last, lstm, Network, sgd, tensor } from "../../../dist/index.js";
import * as data from "../workloads.js";

/** @typedef {import("../workloads.js").Workload} Workload */

const optimizers = { sgd: sgd({ learningRate: 0.01 }), adam: adam({ learningRate: 1e-3 }), none: sgd() };

/** @param {Workload} workload */
function recurrentLayer({ cell, H, reset }) {
  const name = "recurrent";
  return { elman: () => elman(H, { name }), gru: () => gru(H, { name, reset }), lstm: () => lstm(H, { name }) }[cell]();
}

/**
 * @param {Workload} workload
 * @param {readonly import("../../../dist/index.js").LayerDescription[]} rest layers after the recurrent one
 */
function recurrentNetwork(workload, rest) {
  const net = new Network({ input: { features: workload.I }, layers: [recurrentLayer(workload), ...rest] });
  const { wIh, wHh, bIh } = data.recurrentWeights(workload);
  net.parameter("recurrent.weight_ih_l0").set(wIh);
  net.parameter("recurrent.weight_hh_l0").set(wHh);
  net.parameter("recurrent.bias_ih_l0").set(bIh);
  net.parameter("recurrent.bias_hh_l0").set(new Float32Array(bIh.length));
  return net;
}

/** @type {import("./index.js").Setup} */
function streaming(workload) {
  const stream = recurrentNetwork(workload, []).stream();
  const inputs = data.streamInputs(workload);
  let i = 0;
  return { call: () => stream.step(inputs[i++ & 7]) };
}

/** @type {import("./index.js").Setup} */
function sequence(workload) {
  const { B, T, I } = workload;
  const net = recurrentNetwork(workload, [last()]);
  const x = tensor(data.batchFirst(data.inputs(workload), workload, I), [B, T, I]);
  return { call: () => net.forward(x).output.data };
}

/** The batch of W4 or W6, batch first. @param {Workload} workload */
function examples(workload) {
  const { group, B, T, I } = workload;
  if (group === "W4") {
    const x = data.batchFirst(data.inputs(workload), workload, I);
    return { inputs: tensor(x, [B, T, I]), targets: tensor(data.labels(workload), [B]) };
  }
  const { current, next } = data.characters(workload);
  const x = data.oneHot(data.batchFirst(current, workload, 1), I);
  return { inputs: tensor(x, [B, T, I]), targets: tensor(data.batchFirst(next, workload, 1), [B, T]) };
}

/**
 * @param {Network} net
 * @param {Workload} workload
 * @param {import("../../../dist/index.js").TrainingData} batch
 */
function trainer(net, { B, optimizer }, batch) {
  const options = { loss: crossEntropy(), optimizer: optimizers[optimizer] };
  const steps = net.train(batch, { ...options, epochs: Infinity, batchSize: B, shuffle: false });
  return { call: () => steps.next().value?.loss };
}

/** @type {import("./index.js").Setup} */
function training(workload) {
  const head = dense(workload.O, { name: "head" });
  const net = recurrentNetwork(workload, workload.group === "W4" ? [last(), head] : [head]);
  const { weight, bias } = data.headWeights(workload);
  net.parameter("head.weight").set(weight);
  net.parameter("head.bias").set(bias);
  const { call } = trainer(net, workload, examples(workload));
  return { call, check: () => withOneBias(net, call) };
}

/**
 * The first three losses with one bias in the recurrent layer, as the other libraries have it: the second one, which is trained
 * too, is put back to zero after each step.
 * @param {Network} net
 * @param {() => unknown} step
 */
function withOneBias(net, step) {
  const second = net.parameter("recurrent.bias_hh_l0");
  return [1, 2, 3].map(() => {
    const loss = step();
    second.set(new Float32Array(second.value.length));
    return loss;
  });
}

/** @type {import("./index.js").Setup} */
function perceptron(workload) {
  const { B, I, H, O, optimizer } = workload;
  const activation = optimizer === "none" ? "softmax" : "linear"; // the loss takes what comes before the softmax
  const layers = [dense(H, { activation: "relu" }), dense(O, { activation })];
  const net = new Network({ input: { features: I }, layers });
  const values = data.perceptronWeights(workload).flatMap(({ weight, bias }) => [weight, bias]);
  net.parameters.forEach((parameter, i) => parameter.set(values[i]));
  const x = tensor(data.inputs(workload), [B, I]);
  if (optimizer === "none") return { call: () => net.forward(x).output.data };
  return trainer(net, workload, { inputs: x, targets: tensor(data.labels(workload), [B]) });
}

/** @type {import("./index.js").Peer} */
export const peer = {
  workloads: { W1: streaming, W2: sequence, W3: sequence, W4: training, W5: perceptron, W6: training },
};
