import * as ort from "onnxruntime-node";
import { onnxruntime } from "./onnxruntime.js";

/** @type {import("./index.js").Peer} */
export const peer = {
  workloads: onnxruntime(ort, { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1 }),
};
