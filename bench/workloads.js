/** @import { CellName } from "./plain/cell.js" */

/**
 * A piece of work that both sides do, and its sizes: B T I H O, batch, time, input, hidden and output.
 * @typedef {{ id: string, cell: CellName, B: number, T: number, I: number, H: number }} Running
 * @typedef {{ id: string, kind: "training", cell: CellName, B: number, T: number, I: number, H: number, O: number,
 *   last: boolean }} Training
 * @typedef {{ id: string, kind: "mlp", mode: "sgd" | "adam" | "infer", B: number, I: number, H: number, O: number }} Perceptron
 * @typedef {(Running & { kind: "stream" }) | (Running & { kind: "sequence" }) | Training | Perceptron} Workload
 */

/** What the workloads of a group are, by the first part of their names. */
export const titles = {
  W1: "one step of a stream: state carried, output read",
  W2: "a whole sequence, forward, one at a time",
  W3: "a batch of sequences, forward",
  W4: "training step: recurrent layer, last step, dense, softmax cross-entropy, Adam",
  W5: "perceptron 784-128-10: training step, and forward",
  W6: "training step of a character model: LSTM, dense on each step, cross-entropy, Adam",
};

const CELL_GATES = { elman: 1, gru: 3, lstm: 4 };

/** @type {(cell: CellName, H: number) => Running & { kind: "stream" }} */
export const stream = (cell, H) => ({ id: `W1/${cell}/${H}`, kind: "stream", cell, B: 1, T: 1, I: H, H });

/** @type {(H: number) => Running & { kind: "sequence" }} */
const sequence = (H) => ({ id: `W2/lstm/${H}`, kind: "sequence", cell: "lstm", B: 1, T: 100, I: 64, H });

/** @type {(H: number) => Running & { kind: "sequence" }} */
const batch = (H) => ({ id: `W3/lstm/${H}`, kind: "sequence", cell: "lstm", B: 32, T: 50, I: 128, H });

/** @type {(cell: CellName, H: number) => Training} */
export const training = (cell, H) => ({
  ...{ id: `W4/${cell}/${H}`, kind: "training", cell },
  ...{ B: 32, T: 50, I: 64, H, O: 10, last: true },
});

/** @type {(mode: Perceptron["mode"], B: number) => Perceptron} */
const perceptron = (mode, B) => ({ id: `W5/${mode}/${B}`, kind: "mlp", mode, B, I: 784, H: 128, O: 10 });

/** Characters are one-hot vectors of 65 numbers. @type {Training} */
const characters = {
  ...{ id: "W6/lstm/128", kind: "training", cell: "lstm" },
  ...{ B: 32, T: 64, I: 65, H: 128, O: 65, last: false },
};

/** @type {readonly Workload[]} */
export const workloads = [
  ...[32, 128, 256, 512].map((H) => stream("lstm", H)),
  ...[stream("elman", 128), stream("gru", 128)],
  ...[64, 128, 256, 512].map(sequence),
  ...[128, 256, 512].map(batch),
  ...[32, 64, 128, 256].map((H) => training("lstm", H)),
  ...[training("elman", 128), training("gru", 128)],
  ...[perceptron("sgd", 64), perceptron("adam", 64), perceptron("infer", 1), perceptron("infer", 64)],
  characters,
];

/**
 * Floating-point operations of one call: those of the matrix products alone, two for a multiplication and its addition. A
 * training step counts as three times its forward pass.
 * @param {Workload} workload
 */
export function flops(workload) {
  const { kind, B, I, H } = workload;
  if (kind === "mlp") return 2 * B * (I * H + H * workload.O) * (workload.mode === "infer" ? 1 : 3);
  const recurrent = 2 * B * workload.T * CELL_GATES[workload.cell] * H * (I + H);
  if (kind !== "training") return recurrent;
  const rows = workload.last ? B : B * workload.T;
  return 3 * (recurrent + 2 * rows * H * workload.O);
}

/**
 * The workloads under the given names: "W4", "W4/lstm", "W4/lstm/128", several with commas between.
 * @param {string} [only] all of them if not given
 * @throws RangeError when a name is of none
 */
export function select(only) {
  if (only === undefined) return workloads;
  const names = only.split(",").map((name) => name.trim());
  /** @type {(name: string, id: string) => boolean} */
  const isUnder = (name, id) => `${id}/`.startsWith(`${name}/`);
  for (const name of names) {
    if (workloads.some(({ id }) => isUnder(name, id))) continue;
    throw new RangeError(`--only: there is no "${name}"; there are ${workloads.map(({ id }) => id).join(", ")}`);
  }
  return workloads.filter(({ id }) => names.some((name) => isUnder(name, id)));
}

/** The sizes that the name does not say. @param {Workload} workload */
export function otherSizes(workload) {
  const { kind, B, I } = workload;
  if (kind === "mlp") return `${I}-${workload.H}-${workload.O}`;
  return kind === "stream" ? `I=${I}` : `B=${B} T=${workload.T} I=${I}`;
}
