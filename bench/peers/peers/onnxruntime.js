/** What onnxruntime-web and onnxruntime-node have in common: the same API, one thread, and no training. */
import { perceptronModel, recurrentModel } from "../models.js";
import * as data from "../workloads.js";
import { Lacks } from "./index.js";

/** @typedef {import("../workloads.js").Workload} Workload */
/** @typedef {import("onnxruntime-common").Tensor} Tensor */

/**
 * @typedef {object} Runtime
 * @property {(model: Uint8Array) => Promise<import("onnxruntime-common").InferenceSession>} open
 * @property {(values: Float32Array, ...shape: number[]) => Tensor} tensor
 */

const noTraining = "this package runs models and does not train";

/**
 * @param {typeof import("onnxruntime-common")} ort
 * @param {import("onnxruntime-common").InferenceSession.SessionOptions} options
 * @returns {import("./index.js").Peer["workloads"]}
 */
export function onnxruntime({ InferenceSession, Tensor }, options) {
  /** @type {Runtime} */
  const runtime = {
    open: (model) => InferenceSession.create(model, { graphOptimizationLevel: "all", ...options }),
    tensor: (values, ...shape) => new Tensor("float32", values, shape),
  };
  return {
    W1: (workload) => streaming(runtime, workload),
    W2: (workload) => sequence(runtime, workload),
    W3: (workload) => sequence(runtime, workload),
    W4: noTraining,
    W5: (workload) => perceptron(runtime, workload),
    W6: noTraining,
  };
}

/** @type {(runtime: Runtime, workload: Workload) => Promise<import("./index.js").Job>} */
async function streaming({ open, tensor }, workload) {
  const { cell, I, H } = workload;
  const session = await open(recurrentModel(workload, true));
  const inputs = data.streamInputs(workload);
  const zeros = () => tensor(new Float32Array(H), 1, 1, H);
  /** @type {Record<string, Tensor>} */
  let state = cell === "lstm" ? { h: zeros(), c: zeros() } : { h: zeros() };
  let i = 0;
  const call = async () => {
    const { hNext: h, cNext: c } = await session.run({ x: tensor(inputs[i++ & 7], 1, 1, I), ...state });
    state = cell === "lstm" ? { h, c } : { h };
    return h.data;
  };
  return { call };
}

/** @type {(runtime: Runtime, workload: Workload) => Promise<import("./index.js").Job>} */
async function sequence({ open, tensor }, workload) {
  const { B, T, I } = workload;
  const session = await open(recurrentModel(workload, false));
  const x = data.inputs(workload);
  return { call: async () => (await session.run({ x: tensor(x, T, B, I) })).hNext.data };
}

/** @type {(runtime: Runtime, workload: Workload) => Promise<import("./index.js").Job>} */
async function perceptron({ open, tensor }, workload) {
  const { B, I, optimizer } = workload;
  if (optimizer !== "none") throw new Lacks(noTraining);
  const session = await open(perceptronModel(workload));
  const x = data.inputs(workload);
  return { call: async () => (await session.run({ x: tensor(x, B, I) })).y.data };
}
