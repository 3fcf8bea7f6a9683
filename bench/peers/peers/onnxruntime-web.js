import * as ort from "onnxruntime-web/wasm";
import { onnxruntime } from "./onnxruntime.js";

ort.env.wasm.numThreads = 1;

/** @type {import("./index.js").Peer} */
export const peer = { workloads: onnxruntime(ort, { executionProviders: ["wasm"] }) };
