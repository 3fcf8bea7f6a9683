/**
 * The table of workloads, and the weights, inputs and labels that every peer gets: all are hashes of an index, so that
 * each process makes the same numbers.
 *
 *   B T I H O   batch, time, input, hidden, output sizes
 *   wIh (G·H, I)   wHh (G·H, H)   bIh (G·H)   gates i f g o and r z n, as PyTorch has them; bHh is zero
 */

/** @typedef {"elman" | "gru" | "lstm"} Cell */

/**
 * @typedef {object} Workload
 * @property {string} id
 * @property {keyof typeof groups} group
 * @property {string} title
 * @property {Cell} cell of the recurrent layer; W5 has none
 * @property {number} B
 * @property {number} T
 * @property {number} I
 * @property {number} H
 * @property {number} O of the layer after the recurrent one, 0 where there is none
 * @property {"sgd" | "adam" | "none"} optimizer
 * @property {boolean} quick one of those that --quick takes
 * @property {"after" | "before"} reset of a GRU: whether the reset gate acts after the product with the hidden state
 */

export const groups = {
  W1: { title: "streaming: one step of one sequence, the state carried; I = H", unit: "µs" },
  W2: { title: "one sequence: T = 100, I = 64, the last hidden state", unit: "ms" },
  W3: { title: "a batch: B = 32, T = 50, I = 128, the last hidden states", unit: "ms" },
  W4: {
    title: "a training step: B = 32, T = 50, I = 64, a dense layer of 10, softmax cross-entropy, Adam",
    unit: "ms",
  },
  W5: { title: "perceptron 784-128-10: ReLU, softmax", unit: "µs" },
  W6: { title: "a training step of a character model: V = 65 one-hot, T = 64, B = 32, LSTM 128, Adam", unit: "ms" },
};

const base = { cell: /** @type {Cell} */ ("lstm"), B: 1, T: 1, I: 0, H: 0, O: 0, optimizer: "none", quick: false };
const names = { elman: "Elman", gru: "GRU", lstm: "LSTM" };

/**
 * @param {Workload["group"]} group
 * @param {Partial<Workload>} sizes
 * @returns {Workload}
 */
function recurrent(group, sizes) {
  const all = { ...base, ...sizes };
  const title = `${names[all.cell]} ${all.H}`;
  return /** @type {Workload} */ ({ ...all, group, title, id: `${group} ${title}`, reset: "after" });
}

/**
 * @param {string} title
 * @param {Partial<Workload>} sizes
 * @returns {Workload}
 */
function perceptron(title, sizes) {
  const all = { ...base, I: 784, H: 128, O: 10, B: 64, ...sizes };
  return /** @type {Workload} */ ({ ...all, group: "W5", title, id: `W5 ${title}`, reset: "after" });
}

/** @type {Partial<Workload>} */
const sequence = { T: 100, I: 64 };
/** @type {Partial<Workload>} */
const batch = { B: 32, T: 50, I: 128 };
/** @type {Partial<Workload>} */
const training = { B: 32, T: 50, I: 64, O: 10, optimizer: "adam" };

/** @type {readonly Workload[]} */
export const workloads = [
  recurrent("W1", { I: 32, H: 32 }),
  recurrent("W1", { I: 128, H: 128, quick: true }),
  recurrent("W1", { I: 256, H: 256 }),
  recurrent("W1", { I: 512, H: 512 }),
  recurrent("W1", { cell: "elman", I: 128, H: 128 }),
  recurrent("W1", { cell: "gru", I: 128, H: 128 }),
  recurrent("W2", { ...sequence, H: 64 }),
  recurrent("W2", { ...sequence, H: 128, quick: true }),
  recurrent("W2", { ...sequence, H: 256 }),
  recurrent("W2", { ...sequence, H: 512 }),
  recurrent("W3", { ...batch, H: 128, quick: true }),
  recurrent("W3", { ...batch, H: 256 }),
  recurrent("W3", { ...batch, H: 512 }),
  recurrent("W4", { ...training, H: 32 }),
  recurrent("W4", { ...training, H: 64, quick: true }),
  recurrent("W4", { ...training, H: 128 }),
  recurrent("W4", { ...training, H: 256 }),
  recurrent("W4", { ...training, cell: "elman", H: 128 }),
  recurrent("W4", { ...training, cell: "gru", H: 128 }),
  perceptron("SGD step B=64", { optimizer: "sgd", quick: true }),
  perceptron("Adam step B=64", { optimizer: "adam" }),
  perceptron("inference B=1", { B: 1 }),
  perceptron("inference B=64", { quick: true }),
  recurrent("W6", { B: 32, T: 64, I: 65, H: 128, O: 65, optimizer: "adam", quick: true }),
];

// ------------------------------------------------------------------------------------------------------- numbers

/**
 * A number in [-1, 1) that depends on an index and a seed: the hash "lowbias32" of hash-prospector by Chris Wellons.
 * @param {number} index
 * @param {number} seed
 */
function uniform(index, seed) {
  let x = (index + Math.imul(seed, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
}

/**
 * @param {number} length
 * @param {number} seed
 * @param {number} [scale]
 */
function uniforms(length, seed, scale = 1) {
  return Float32Array.from({ length }, (_, i) => uniform(i, seed) * scale);
}

/**
 * Classes below `count`.
 * @param {number} length
 * @param {number} count
 */
function classes(length, count) {
  return Int32Array.from({ length }, (_, i) => Math.min(count - 1, Math.floor(((uniform(i, 7) + 1) / 2) * count)));
}

const gates = { elman: 1, gru: 3, lstm: 4 };

/** @param {Workload} workload */
export function recurrentWeights({ cell, I, H }) {
  const G = gates[cell];
  const scale = 1 / Math.sqrt(H);
  return { G, wIh: uniforms(G * H * I, 1, scale), wHh: uniforms(G * H * H, 2, scale), bIh: uniforms(G * H, 3, scale) };
}

/**
 * The dense layer after the recurrent one, weight (O, H) and bias (O).
 * @param {Workload} workload
 */
export const headWeights = ({ H, O }) => denseWeights(H, O, 4);

/**
 * The two layers of W5.
 * @param {Workload} workload
 */
export const perceptronWeights = ({ I, H, O }) => [denseWeights(I, H, 4), denseWeights(H, O, 8)];

/** @type {(inputs: number, outputs: number, seed: number) => { weight: Float32Array, bias: Float32Array }} */
function denseWeights(inputs, outputs, seed) {
  const scale = 1 / Math.sqrt(inputs);
  return { weight: uniforms(outputs * inputs, seed, scale), bias: uniforms(outputs, seed + 1, scale) };
}

/**
 * Inputs of W2 to W5, (T, B, I); T is 1 in W5.
 * @param {Workload} workload
 */
export const inputs = ({ B, T, I }) => uniforms(T * B * I, 6);

/** Steps of W1, taken in turn: eight inputs (I). @param {Workload} workload */
export function streamInputs({ I }) {
  const all = uniforms(8 * I, 6);
  return Array.from({ length: 8 }, (_, i) => all.slice(i * I, (i + 1) * I));
}

/** The class of each sequence, (B). @param {Workload} workload */
export const labels = ({ B, O }) => classes(B, O);

/** The text of W6: characters (T, B), and those that follow them, (T, B). @param {Workload} workload */
export function characters({ B, T, O }) {
  const all = classes((T + 1) * B, O);
  return { current: all.subarray(0, T * B), next: all.subarray(B) };
}

// ------------------------------------------------------------------------------------------------------- layouts

/**
 * (T, B, width) to (B, T, width).
 * @template {Float32Array | Int32Array} A
 * @param {A} values
 * @param {Workload} workload
 * @param {number} width
 * @returns {A}
 */
export function batchFirst(values, { B, T }, width) {
  const result = values.slice();
  for (let t = 0; t < T; t++) {
    for (let b = 0; b < B; b++) {
      const from = (t * B + b) * width;
      result.set(values.subarray(from, from + width), (b * T + t) * width);
    }
  }
  return /** @type {A} */ (result);
}

/**
 * (rows, columns) to (columns, rows).
 * @param {Float32Array} values
 * @param {number} rows
 */
export function transpose(values, rows) {
  const columns = values.length / rows;
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}

/**
 * Puts the gates, blocks of equal length, in another order.
 * @param {Float32Array} values
 * @param {readonly number[]} order
 */
export function orderGates(values, order) {
  const length = values.length / order.length;
  const result = new Float32Array(values.length);
  order.forEach((gate, k) => result.set(values.subarray(gate * length, (gate + 1) * length), k * length));
  return result;
}

/**
 * Indices to rows of 0 and 1.
 * @param {Int32Array} indices
 * @param {number} width
 */
export function oneHot(indices, width) {
  const result = new Float32Array(indices.length * width);
  indices.forEach((index, i) => (result[i * width + index] = 1));
  return result;
}
