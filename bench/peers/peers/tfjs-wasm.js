import { stock } from "./tfjs/layers.js";
import { openWasm } from "./tfjs/wasm.js";

/** @type {import("./index.js").Peer} */
export const peer = { open: openWasm, workloads: stock };
