import { Graph, LSTM, Mat } from "recurrent-js";

export function run() {
  const net = new LSTM(/** @type {any} */ ({ architecture: { inputSize: 64, hiddenUnits: [64], outputSize: 1 } }));
  const graph = new Graph();
  const x = new Mat(64, 1);
  x.setFrom(new Float64Array(64).fill(1));
  /** @type {any} */
  let state;
  for (let t = 0; t < 10; t++) state = net.forward(x, state, graph);
  return state.hiddenActivationState[0].w[63];
}
