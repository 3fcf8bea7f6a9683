/**
 * The table of peers, and what a peer is. `package` is the one whose version stands above the table; versions are pinned in
 * package.json.
 *
 * @typedef {import("../workloads.js").Workload} Workload
 *
 * @typedef {object} Job a workload that is ready to run
 * @property {() => unknown} call what is timed; gives the output, or in training the loss from before the step; sync or a promise
 * @property {() => unknown} [check] gives what is compared, where that is not what the calls give
 * @property {"before"} [reset] compared with a GRU whose reset gate acts before the recurrent product
 * @property {readonly string[]} [differs] why the result is not that of the workload: timed, not compared
 * @property {number} [times] what the time is multiplied by, for a library that takes one sequence at a time
 * @property {readonly string[]} [notes] what else a reader must know
 *
 * @typedef {(workload: Workload) => Job | Promise<Job>} Setup throws `Lacks` where the library cannot
 *
 * @typedef {object} Peer
 * @property {() => Promise<void>} [open] before anything else
 * @property {Record<Workload["group"], Setup | string>} workloads a string says why it cannot
 *
 * @typedef {object} Entry
 * @property {readonly [string, string]} heading of the column, two lines
 * @property {string} title
 * @property {string} [package]
 * @property {() => Promise<{ peer: Peer }>} load
 */

/** A feature that a library does not have. */
export class Lacks extends Error {}

/** @type {Record<string, Entry>} in the order of the columns */
export const peers = {
  unrolled: {
    heading: ["unrolled", ""],
    title: "this library",
    load: () => import("./unrolled.js"),
  },
  "onnxruntime-web": {
    heading: ["onnxrt", "-web"],
    title: "WebAssembly with SIMD, one thread",
    package: "onnxruntime-web",
    load: () => import("./onnxruntime-web.js"),
  },
  "jax-js": {
    heading: ["jax-js", ""],
    title: "its WebAssembly device",
    package: "@jax-js/jax",
    load: () => import("./jax-js.js"),
  },
  "tfjs-wasm": {
    heading: ["tfjs-wasm", "stock"],
    title: "TensorFlow.js, WebAssembly backend with SIMD, stock layers",
    package: "@tensorflow/tfjs-backend-wasm",
    load: () => import("./tfjs-wasm.js"),
  },
  "tfjs-wasm-by-hand": {
    heading: ["tfjs-wasm", "by hand"],
    title: "the same, raw operations by hand",
    package: "@tensorflow/tfjs-backend-wasm",
    load: () => import("./tfjs-wasm-by-hand.js"),
  },
  "tfjs-cpu": {
    heading: ["tfjs-cpu", ""],
    title: "TensorFlow.js, JavaScript backend, stock layers, the GRU by hand",
    package: "@tensorflow/tfjs-backend-cpu",
    load: () => import("./tfjs-cpu.js"),
  },
  "brain.js": {
    heading: ["brain.js", ""],
    title: "JavaScript",
    package: "brain.js",
    load: () => import("./brain.js"),
  },
  "recurrent-js": {
    heading: ["recurrent", "-js"],
    title: "JavaScript, float64",
    package: "recurrent-js",
    load: () => import("./recurrent-js.js"),
  },
  synaptic: {
    heading: ["synaptic", ""],
    title: "JavaScript, float64",
    package: "synaptic",
    load: () => import("./synaptic.js"),
  },
  "onnxruntime-node": {
    heading: ["onnxrt", "-node *"],
    title: "* NATIVE code with wider vectors, one thread: what lies beyond WebAssembly",
    package: "onnxruntime-node",
    load: () => import("./onnxruntime-node.js"),
  },
};
