/**
 * brain.js takes one sequence at a time, and its functions are others than those of the workloads: what it does nearest to
 * them is timed, and not compared.
 */
import brain from "brain.js";
import * as data from "../workloads.js";

/** @typedef {import("../workloads.js").Workload} Workload */

const oneSequence = "one sequence or example is timed and multiplied by B: the library has no batches";
const itsTraining = "it learns to foretell each next input: squared error, RMSprop after each sequence";
const itsCell = {
  elman: ["its Elman layer has ReLU, not tanh"],
  gru: [],
  lstm: ["its LSTM has no cell state: c = f∘h(t−1) + i∘g"],
};
const outputs = "its outputs have ReLU and no softmax";
const stateless = "the state cannot be carried from call to call: each step starts from zeros";

/** The constructor of a network, and the names of its matrices in PyTorch's order of the gates. */
const cells = {
  elman: { Net: brain.recurrent.RNNTimeStep, wIh: ["weight"], wHh: ["transition"], bIh: ["bias"] },
  gru: { Net: brain.recurrent.GRUTimeStep, ...matrixNames(["resetGate", "updateGate", "cellWrite"], "Input") },
  lstm: { Net: brain.recurrent.LSTMTimeStep, ...matrixNames(["input", "forget", "cellActivation", "output"], "") },
};

/** @type {(gates: string[], input: string) => { wIh: string[], wHh: string[], bIh: string[] }} */
function matrixNames(gates, input) {
  const hidden = input === "" ? "Hidden" : "HiddenMatrix";
  return {
    wIh: gates.map((gate) => `${gate}${input}Matrix`),
    wHh: gates.map((gate) => `${gate}${hidden}`),
    bIh: gates.map((gate) => `${gate}Bias`),
  };
}

/** A network with outputs as wide as its inputs: its API takes no others. @param {Workload} workload */
function network(workload) {
  const { cell, I, H } = workload;
  const { Net, ...names } = cells[cell];
  const net = new Net({ inputSize: I, hiddenLayers: [H], outputSize: I, learningRate: 0.001 });
  net.initialize();
  const weights = data.recurrentWeights(workload);
  for (const kind of /** @type {const} */ (["wIh", "wHh", "bIh"])) {
    const length = weights[kind].length / weights.G;
    names[kind].forEach((name, gate) => {
      net.model.hiddenLayers[0][name].weights.set(weights[kind].subarray(gate * length, (gate + 1) * length));
    });
  }
  net.bindEquation();
  return net;
}

/** @type {(values: Float32Array, width: number, rows: number) => Float32Array[]} */
const rows = (values, width, rows) => Array.from({ length: rows }, (_, i) => values.slice(i * width, (i + 1) * width));

/** @type {import("./index.js").Setup} */
function streaming(workload) {
  const net = network(workload);
  /** @type {any[][]} */
  const inputs = data.streamInputs(workload).map((x) => [x]);
  let i = 0;
  return { call: () => net.run(inputs[i++ & 7]), differs: [stateless] };
}

/** @type {import("./index.js").Setup} */
function sequence(workload) {
  const { cell, B, T, I } = workload;
  const net = network(workload);
  /** @type {any[]} */
  const x = rows(data.inputs({ ...workload, B: 1 }), I, T);
  return { call: () => net.run(x), differs: itsCell[cell], times: B, notes: B > 1 ? [oneSequence] : [] };
}

/** @type {import("./index.js").Setup} */
function training(workload) {
  const { cell, B, T, I } = workload;
  const net = network(workload);
  const x = rows(data.inputs({ ...workload, B: 1, T: T + 1 }), I, T + 1); // it learns to foretell each next input
  const differs = [...itsCell[cell], itsTraining];
  return { call: () => net.trainPattern(x, true), differs, times: B, notes: [oneSequence] };
}

/** @type {import("./index.js").Setup} */
function characterModel(workload) {
  const { B, I, H, O } = workload;
  const net = new brain.recurrent.LSTM({ inputSize: I, inputRange: I, outputSize: O, hiddenLayers: [H] });
  net.initialize();
  const text = [...data.characters({ ...workload, B: 1 }).current];
  const differs = [...itsCell.lstm, "tokens of its own for start and end; RMSprop after each sequence"];
  return { call: () => net.trainPattern(text, true), differs, times: B, notes: [oneSequence] };
}

/** @type {import("./index.js").Setup} */
function perceptron(workload) {
  const { B, I, H, O, optimizer } = workload;
  const praxis = optimizer === "adam" ? { praxis: "adam", learningRate: 1e-3 } : { learningRate: 0.01 };
  const options = { inputSize: I, hiddenLayers: [H], outputSize: O, activation: "relu", ...praxis };
  const net = new brain.NeuralNetwork(/** @type {any} */ (options));
  net.initialize();
  data.perceptronWeights(workload).forEach(({ weight, bias }, k) => {
    net.biases[k + 1].set(bias);
    rows(weight, weight.length / bias.length, bias.length).forEach((row, i) => net.weights[k + 1][i].set(row));
  });
  const inputs = rows(data.inputs(workload), I, B);
  const notes = B > 1 ? ["the examples of a batch go one by one"] : [];
  if (optimizer === "none") {
    return { call: () => inputs.map((x) => net.run(x)), differs: [outputs], notes };
  }
  const targets = rows(data.oneHot(data.labels(workload), O), O, B);
  const examples = inputs.map((input, b) => ({ input, output: targets[b] }));
  const differs = [outputs, "squared error, an update after each example"];
  return { call: () => net.trainPatterns(examples), differs, notes };
}

/** @type {import("./index.js").Peer} */
export const peer = {
  workloads: { W1: streaming, W2: sequence, W3: sequence, W4: training, W5: perceptron, W6: characterModel },
};
