import { writeOnnx } from "./onnx.js";
import { orderGates, perceptronWeights, recurrentWeights } from "./workloads.js";

/** @typedef {import("./workloads.js").Workload} Workload */

/** ONNX's operator, and its gates in PyTorch's order: i o f c of i f g o, z r h of r z n. */
const operators = {
  elman: { op: "RNN", order: [0], attributes: {} },
  gru: { op: "GRU", order: [1, 0, 2], attributes: { linear_before_reset: 1 } },
  lstm: { op: "LSTM", order: [0, 3, 1, 2], attributes: {} },
};

/**
 * The recurrent layer of a workload: from x (T, B, I), and h and c (1, B, H) where the state is carried, to the last h, and c.
 * @param {Workload} workload
 * @param {boolean} carry
 */
export function recurrentModel(workload, carry) {
  const { cell, B, T, I, H } = workload;
  const { op, order, attributes } = operators[cell];
  const { G, wIh, wHh, bIh } = recurrentWeights(workload);
  const bias = new Float32Array(2 * G * H);
  bias.set(orderGates(bIh, order));
  const state = [1, B, H];
  const states = cell === "lstm" ? ["h", "c"] : ["h"];
  const node = {
    op,
    inputs: ["x", "W", "R", "B", ...(carry ? ["", ...states] : [])], // "" is the lengths of the sequences
    outputs: ["", "hNext", ...(carry && cell === "lstm" ? ["cNext"] : [])], // "" is h of all steps
    attributes: { hidden_size: H, ...attributes },
  };
  return writeOnnx({
    nodes: [node],
    inputs: [{ name: "x", shape: [T, B, I] }, ...(carry ? states.map((name) => ({ name, shape: state })) : [])],
    outputs: node.outputs.filter(Boolean).map((name) => ({ name, shape: state })),
    initializers: [
      { name: "W", shape: [1, G * H, I], values: orderGates(wIh, order) },
      { name: "R", shape: [1, G * H, H], values: orderGates(wHh, order) },
      { name: "B", shape: [1, 2 * G * H], values: bias },
    ],
  });
}

/**
 * The perceptron of W5, from x (B, I) to probabilities y (B, O).
 * @param {Workload} workload
 */
export function perceptronModel(workload) {
  const { B, I, H, O } = workload;
  const [first, second] = perceptronWeights(workload);
  return writeOnnx({
    nodes: [
      { op: "Gemm", inputs: ["x", "w1", "b1"], outputs: ["a"], attributes: { transB: 1 } },
      { op: "Relu", inputs: ["a"], outputs: ["h"] },
      { op: "Gemm", inputs: ["h", "w2", "b2"], outputs: ["z"], attributes: { transB: 1 } },
      { op: "Softmax", inputs: ["z"], outputs: ["y"], attributes: { axis: 1 } },
    ],
    inputs: [{ name: "x", shape: [B, I] }],
    outputs: [{ name: "y", shape: [B, O] }],
    initializers: [
      { name: "w1", shape: [H, I], values: first.weight },
      { name: "b1", shape: [H], values: first.bias },
      { name: "w2", shape: [O, H], values: second.weight },
      { name: "b2", shape: [O], values: second.bias },
    ],
  });
}
