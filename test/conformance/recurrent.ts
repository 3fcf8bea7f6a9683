/** Kinds recurrent, cell and variant: a recurrent layer over a batch, forwards and backwards. */

import type { LayerDescription, Network } from "../../bindings/index.ts";
import { type GoldenTensor, swapFirstAxes } from "../golden.ts";
import { compareGradients, setParameters, toTensor } from "./axes.ts";
import { type Case, type Library, Skip } from "./case.ts";

const sizes = ["cell", "input_size", "hidden_size", "bias", "batch"];

export const recurrentOptions = [
  ...[...sizes, "num_layers", "bidirectional", "dropout", "proj_size", "seq_len", "batch_first", "unbatched"],
  ...["lengths", "enforce_sorted", "initial_state", "f32", "note"],
];
export const cellOptions = [...sizes, "initial_state", "f32", "note"];
export const variantOptions = [...sizes, "seq_len", "initial_state", "gate_order", "formula", "f32", "note"];

export function runRecurrent(library: Library, c: Case): void {
  if (c.options.number("dropout")) throw new Skip("dropout");
  const { options } = c;
  const layout = options.flag("unbatched") ? unbatched : options.flag("batch_first") ? batchFirst : timeMajor;
  const net = build(library, c, createLayer(library, c), (name) => name);
  compareSequence(library, c, net, layout);
  compareGradients(c, net);
}

export function runCell(library: Library, c: Case): void {
  const layout = c.tensor("input").shape.length === 1 ? singleVector : singleStep;
  const net = build(library, c, createLayer(library, c), withoutLayer);
  compareSequence(library, c, net, layout);
  compareGradients(c, net, withoutLayer);
  compareStream(c, net, layout);
}

export function runVariant(library: Library, c: Case): void {
  const cell = c.options.text("cell");
  const variant = cell !== undefined && Object.hasOwn(variants, cell) ? variants[cell] : undefined;
  if (!variant) throw new Skip(String(cell));
  const order = c.options.text("gate_order");
  if (order !== undefined && order !== variant.order) throw new Skip(`gate_order ${order}`);
  const bias = c.options.flag("bias") ?? c.has("bias_ih");
  const layer = variant.layer(library, hiddenSize(c, "weight_hh"), { bias, name: "" });
  const net = build(library, c, layer, withoutLayer);
  compareSequence(library, c, net, timeMajor);
  compareGradients(c, net, withoutLayer);
}

interface Variant {
  readonly order: string;
  layer(library: Library, units: number, options: { bias: boolean; name: string }): LayerDescription;
}

const variants: Readonly<Record<string, Variant>> = {
  gru_reset_before: {
    order: "r,z,n",
    layer: (library, units, options) => library.gru(units, { ...options, reset: "before" }),
  },
  lstm_peephole: {
    order: "i,f,g,o",
    layer: (library, units, options) => library.lstm(units, { ...options, peepholes: true }),
  },
};

/** Cells have one layer and no number for it in the names of their parameters, and peepholes have names of their own. */
const withoutLayer = (name: string): string => name.replace(/_l0$/, "").replace(/^weight_c([ifo])$/, "peephole_$1");

/** The layer of a configuration; what it does not say follows from the tensors. */
function createLayer(library: Library, c: Case): LayerDescription {
  const { options } = c;
  const first = c.has("weight_hh_l0") ? "_l0" : "";
  const stacked = () => {
    let k = 0;
    while (c.has(`weight_hh_l${k}`)) k++;
    return Math.max(k, 1);
  };
  const layerOptions = {
    layers: options.number("num_layers") ?? stacked(),
    bidirectional: options.flag("bidirectional") ?? c.has("weight_hh_l0_reverse"),
    bias: options.flag("bias") ?? c.has(`bias_ih${first}`),
    name: "",
  };
  const projection = options.number("proj_size") ?? (c.has("weight_hr_l0") ? c.tensor("weight_hr_l0").shape[0]! : 0);
  if (projection > 0) {
    if (options.text("cell") !== "lstm") throw new Skip(`projection of ${String(options.text("cell"))}`);
    const units = options.number("hidden_size") ?? c.tensor("weight_hr_l0").shape[1]!;
    return library.lstm(units, { ...layerOptions, projection });
  }
  return recurrentLayer(library, options.text("cell"), hiddenSize(c, `weight_hh${first}`), layerOptions);
}

interface LayerOptions {
  layers: number;
  bidirectional: boolean;
  bias: boolean;
  name: string;
}

/** A recurrent layer by PyTorch's name of its cell. @throws Skip for one that the library does not have */
export function recurrentLayer(
  library: Library,
  cell: string | undefined,
  units: number,
  options: LayerOptions,
): LayerDescription {
  if (cell === "lstm") return library.lstm(units, options);
  if (cell === "gru") return library.gru(units, options);
  if (cell === "rnn" || cell === "rnn_tanh") return library.elman(units, options);
  if (cell === "rnn_relu") return library.elman(units, { ...options, activation: "relu" });
  throw new Skip(`cell ${String(cell)}`);
}

function hiddenSize(c: Case, weight: string): number {
  return c.options.number("hidden_size") ?? c.tensor(weight).shape.at(-1)!;
}

function build(library: Library, c: Case, layer: LayerDescription, roleOf: (name: string) => string): Network {
  const features = c.options.number("input_size") ?? c.tensor("input").shape.at(-1)!;
  const net = new library.Network({ input: { features }, layers: [layer] });
  setParameters(net, (name) => c.tensor(roleOf(name)));
  return net;
}

/** Between a tensor of the file and (batch, time, features). */
interface Layout {
  read: (tensor: GoldenTensor) => GoldenTensor;
  write: (tensor: GoldenTensor) => GoldenTensor;
}

const same = (tensor: GoldenTensor): GoldenTensor => tensor;
const batchFirst: Layout = { read: same, write: same };
const timeMajor: Layout = { read: swapFirstAxes, write: swapFirstAxes };
/** (time, features) */
const unbatched: Layout = {
  read: ({ data, shape }) => ({ data, shape: [1, ...shape] }),
  write: ({ data, shape }) => ({ data, shape: shape.slice(1) }),
};
/** (batch, features) */
const singleStep: Layout = {
  read: ({ data, shape: [B, F] }) => ({ data, shape: [B!, 1, F!] }),
  write: ({ data, shape: [B, , F] }) => ({ data, shape: [B!, F!] }),
};
/** (features) */
const singleVector: Layout = {
  read: ({ data, shape: [F] }) => ({ data, shape: [1, 1, F!] }),
  write: ({ data, shape: [, , F] }) => ({ data, shape: [F!] }),
};

/** Everything that a recurrent layer gives, with the gradients by its input and its initial state. */
function compareSequence(library: Library, c: Case, net: Network, layout: Layout): void {
  const x = layout.read(c.tensor("input"));
  const [B, T] = [x.shape[0]!, x.shape[1]!];
  const input = toTensor(library, x);
  const lengths = c.options.numbers("lengths");
  const state = readStates(c, net, B, "h0", "c0");
  const options = { ...(lengths && { lengths }), ...(state && { state }) };
  // PyTorch's padded output ends with the longest sequence.
  const expected = c.tensorIfAny("output");
  const steps = expected ? layout.read(expected).shape[1]! : T;
  const outOf = ({ data, shape }: { data: Float32Array; shape: readonly number[] }): Float64Array =>
    layout.write(withSteps({ data: Float64Array.from(data), shape }, steps)).data;

  const inference = net.forward(input, options);
  c.compareIfAny("output", outOf(inference.output), { what: "output (not for training)" });
  const { output, state: finalState } = net.forward(input, { ...options, training: true });
  c.compareIfAny("output", outOf(output));
  const [hn, cn] = split(net, finalState);
  c.compareIfAny("hn", hn);
  c.compareIfAny("cn", cn);

  const R = c.tensorIfAny("R_output");
  const gradOutput = R ? withSteps(layout.read(R), T) : zeros(output.shape);
  const gradState = readStates(c, net, B, "R_hn", "R_cn");
  compareLoss(c, { output: output.data, states: finalState }, { output: gradOutput.data, states: gradState });
  const back = net.backward(toTensor(library, gradOutput), gradState && { gradState });
  const { data, shape } = back.gradInput!;
  c.compareIfAny("grad.input", layout.write({ data: Float64Array.from(data), shape }).data);
  const [gradH, gradC] = split(net, back.gradState);
  c.compareIfAny("grad.h0", gradH);
  c.compareIfAny("grad.c0", gradC);
}

interface Results {
  output: ArrayLike<number>;
  states: ArrayLike<number> | undefined;
}

/** loss = Σ output·R_output + Σ hn·R_hn + Σ cn·R_cn, which stands with the tensors or in the manifest. */
function compareLoss(c: Case, results: Results, R: Results): void {
  const loss = dot(results.output, R.output) + (R.states ? dot(results.states!, R.states) : 0);
  c.compareIfAny("loss", [loss]);
  const noted = c.entry.number("loss");
  if (noted !== undefined) c.compareNumbers("loss", [loss], [noted], { shape: [] });
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

/** h, and c if there is one, behind each other as the library takes them; undefined if the case has neither. */
function readStates(c: Case, net: Network, B: number, h: string, cell: string): Float32Array | undefined {
  const parts = [c.tensorIfAny(h), c.tensorIfAny(cell)];
  if (parts.every((part) => part === undefined)) return undefined;
  const state = new Float32Array(B * unitsOf(net, "h") + B * unitsOf(net, "c"));
  parts.forEach((part, k) => part && state.set(part.data, k * B * unitsOf(net, "h")));
  return state;
}

/** h, and c where there is one. */
function split(net: Network, state: Float32Array): [Float32Array, Float32Array] {
  const [h, cell] = [unitsOf(net, "h"), unitsOf(net, "c")];
  const end = (state.length / (h + cell)) * h;
  return [state.subarray(0, end), state.subarray(end)];
}

/** Units of all layers and directions together. */
function unitsOf(net: Network, label: "h" | "c"): number {
  const own = net.states.filter(({ name }) => new RegExp(`\\b${label}_l`).test(name));
  return own.reduce((sum, { units }) => sum + units, 0);
}

function zeros(shape: readonly number[]): GoldenTensor {
  return { data: new Float64Array(shape.reduce((a, b) => a * b, 1)), shape };
}

/** (B, T, F) cut or filled up with zeros to another T. */
function withSteps({ data, shape: [B = 1, T = 1, F = 1] }: GoldenTensor, steps: number): GoldenTensor {
  const to = zeros([B, steps, F]);
  const width = Math.min(T, steps) * F;
  for (let b = 0; b < B; b++) to.data.set(data.subarray(b * T * F, b * T * F + width), b * steps * F);
  return to;
}

/** The same step through a stream. */
function compareStream(c: Case, net: Network, layout: Layout): void {
  const { data, shape } = layout.read(c.tensor("input"));
  const stream = net.stream({ batch: shape[0]! });
  const state = readStates(c, net, shape[0]!, "h0", "c0");
  if (state) stream.state.set(state);
  const output = stream.step(Float32Array.from(data));
  const [hn, cn] = split(net, stream.state);
  c.compareIfAny("hn", output, { what: "hn (output of the stream)" });
  c.compareIfAny("hn", hn, { what: "hn (of the stream)" });
  c.compareIfAny("cn", cn, { what: "cn (of the stream)" });
}
