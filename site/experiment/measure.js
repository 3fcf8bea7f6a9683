// How the gradient goes back through time in networks that have not learnt yet: what the experiment of docs/recurrent-networks.md and its
// picture show.
import { dense, elman, gradientFlow, gru, last, lstm, meanSquaredError, Network, Random, tensor } from "unrolled";

/** @import { GradientFlow } from "unrolled" */
/**
 * @typedef {object} Setting
 * @property {number} length steps of a sequence
 * @property {number} radius spectral radius of the Elman network's recurrent matrix
 * @property {number} gateBias of the LSTM's forget gate, and of the GRU's update gate, which keeps the state where it is open
 */
/**
 * @typedef {object} Curve
 * @property {string} name
 * @property {number[]} norms of the gradient at each step, as shares of that at the last
 * @property {GradientFlow["layers"][0]} flow
 */

/** What the picture shows, and the experiment at first. @type {Readonly<Setting>} */
export const start = { length: 100, radius: 0.9, gateBias: 3 };

const UNITS = 32;
const BATCH = 8;

/** @param {Setting} setting @returns {Curve[]} */
export function measure({ length, radius, gateBias }) {
  const inputs = tensor(new Random(1).normals(BATCH * length), [BATCH, length, 1]);
  const data = { inputs, targets: tensor(new Float32Array(BATCH), [BATCH, 1]) };
  const flowOf = (/** @type {Network} */ net) => gradientFlow(net, data, { loss: meanSquaredError() }).layers[0];

  const networks = {
    Elman: networkOf(elman(UNITS)),
    LSTM: networkOf(lstm(UNITS, { forgetBias: gateBias })),
    GRU: networkOf(gru(UNITS)),
  };
  const recurrent = networks.Elman.parameter("elman.weight_hh_l0");
  const scale = radius / (flowOf(networks.Elman)?.radii.h ?? 1);
  recurrent.set(recurrent.value.map((weight) => weight * scale));
  const bias = networks.GRU.parameter("gru.bias_hh_l0");
  bias.set(bias.value.map((value, k) => (k >= UNITS && k < 2 * UNITS ? gateBias : value))); // r z n

  return Object.entries(networks).flatMap(([name, net]) => {
    const flow = flowOf(net);
    if (!flow) return [];
    const norms = flow.cellNorms ?? flow.norms;
    const end = norms[length - 1] ?? 1;
    return [{ name, flow, norms: Array.from(norms, (norm) => norm / end) }];
  });
}

/** @param {ReturnType<typeof elman | typeof lstm | typeof gru>} layer */
function networkOf(layer) {
  return new Network({ input: { features: 1 }, layers: [layer, last(), dense(1)], seed: 1 });
}
