import "@tensorflow/tfjs-backend-cpu";
import { byHand } from "./tfjs/byHand.js";
import { openBackend } from "./tfjs/common.js";
import { stock } from "./tfjs/layers.js";

/** Raw operations gain nothing on this backend, but the stock GRU is slow on it. @type {import("./index.js").Peer} */
export const peer = {
  open: () => openBackend("cpu"),
  workloads: {
    ...stock,
    W1: (workload) => (workload.cell === "gru" ? byHand : stock).W1(workload),
    W4: (workload) => (workload.cell === "gru" ? byHand : stock).W4(workload),
  },
};
