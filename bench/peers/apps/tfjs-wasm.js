import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { predict } from "./tfjs.js";

/** @param {import("../apps.js").Assets} assets */
export function run({ tfjs }) {
  setWasmPaths(tfjs);
  return predict("wasm");
}
