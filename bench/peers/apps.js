/**
 * The smallest app of each library that runs an LSTM of 64 units over ten steps: `run` in apps/ gives a number of its last
 * output. `beside` is what the app fetches beside its code, in node_modules; native ones are not for browsers.
 */

/** @typedef {{ model: Uint8Array, tfjs: string }} Assets a model for onnxruntime, the folder of TensorFlow.js's files */
/** @typedef {{ file: string, beside?: string, native?: boolean }} App */

/** @type {Record<string, App>} */
export const apps = {
  unrolled: { file: "unrolled.js" },
  "onnxruntime-web": { file: "onnxruntime-web.js", beside: "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm" },
  "jax-js": { file: "jax-js.js" },
  "tfjs-wasm": { file: "tfjs-wasm.js", beside: "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm" },
  "tfjs-cpu": { file: "tfjs-cpu.js" },
  "brain.js": { file: "brain.js" },
  "recurrent-js": { file: "recurrent-js.js" },
  synaptic: { file: "synaptic.js" },
  "onnxruntime-node": { file: "onnxruntime-node.js", native: true },
};
