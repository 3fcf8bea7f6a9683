import { join } from "node:path";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { openBackend } from "./common.js";

/** The WebAssembly backend, with SIMD, on one thread as always in Node. */
export async function openWasm() {
  setWasmPaths(join(import.meta.dirname, "../../node_modules/@tensorflow/tfjs-backend-wasm/dist/"));
  await openBackend("wasm");
}
