/** RNN, GRU and LSTM (https://onnx.ai/onnx/operators/onnx__LSTM.html), of opset 7 on, as layers. */

import type { ElmanOptions, GateActivation } from "../index.ts";
import { gateLayouts, gatesToOurs, reorderGates, ourLayout, type GatedCell } from "../io/gates.ts";
import { show } from "../validate.ts";
import { recurrentActivations } from "./activations.ts";
import type { RecurrentDraft, Chain } from "./chain.ts";
import { copyFloats, countOf, knownShape, scalarOf, type Budget, type Floats } from "./constant.ts";
import { isKnown, sameDim, showDims, times, type Dim } from "./dim.ts";
import { pick, sizesOf } from "./fold.ts";
import type { Node, Value } from "./graph.ts";
import { sizeOfGroup, simplify, transpose, viewOf, type Source, type View } from "./view.ts";

interface Form {
  readonly cell: GatedCell;
  readonly gates: number;
  readonly states: readonly ("h" | "c")[];
  /** Of one direction: of the gates, of the new content and, of an LSTM, of the cell on its way out. */
  readonly activations: readonly string[];
  /** Those without which the layer has the fast kernels. */
  readonly plain: readonly GateActivation[];
}

const forms: Readonly<Record<string, Form>> = {
  RNN: { cell: "elman", gates: 1, states: ["h"], activations: ["Tanh"], plain: ["tanh"] },
  GRU: { cell: "gru", gates: 3, states: ["h"], activations: ["Sigmoid", "Tanh"], plain: ["sigmoid", "tanh"] },
  LSTM: {
    ...{ cell: "lstm", gates: 4, states: ["h", "c"] },
    ...{ activations: ["Sigmoid", "Tanh", "Tanh"], plain: ["sigmoid", "tanh", "tanh"] },
  },
};

export const recurrentAttributes = [
  ...["activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size"],
  ...["input_forget", "layout", "linear_before_reset", "output_sequence"],
];

/** What a node says of itself. */
interface Setting {
  readonly form: Form;
  readonly H: number;
  readonly I: number;
  readonly D: number;
  /** ONNX's layout 1: the batch stands first everywhere. */
  readonly batchFirst: boolean;
}

export function recurrent(node: Node, chain: Chain, budget: Budget): (Value | undefined)[] {
  const form = forms[node.op]!;
  if (node.int("output_sequence", 1) !== 1) node.refuse("leaves out its output sequence");
  const batchFirst = readFlag(node, "layout") === 1;
  const x = node.view(0);
  if (x.groups.length !== 3) node.damaged(`expected an input of 3 axes, got ${x.groups.length}`);
  const inTime = batchFirst ? transpose(x, [1, 0, 2]) : x;
  const taken = chain.take(inTime, node);
  const [time, batch] = taken.leading;
  chain.setTime(time!, batch!, node);
  const setting = settingOf(node, form, taken.features, batchFirst);
  readLengths(node, chain, inTime);
  const draft = makeDraft(node, chain, setting, budget);
  const { H, D } = setting;
  const output = chain.append(draft, node, taken, H * D);
  const feature = output.source.sizes.length - 1;
  // (time, directions, batch, units)
  const y: View = {
    ...output,
    groups: [
      output.groups[0]!,
      simplify([{ axis: feature, stride: H, size: D }]),
      output.groups[1]!,
      simplify([{ axis: feature, stride: 1, size: H }]),
    ],
  };
  const states = form.states.map((which) => finalState(draft.final[which]));
  if (!batchFirst) return [y, ...states];
  return [transpose(y, [2, 0, 1, 3]), ...states.map((state) => transpose(state, [1, 0, 2]))];
}

function readFlag(node: Node, name: string): number {
  const value = node.int(name, 0);
  return value === 0 || value === 1 ? value : node.damaged(`expected ${name} to be 0 or 1, got ${value}`);
}

function settingOf(node: Node, form: Form, I: number, batchFirst: boolean): Setting {
  const direction = node.text("direction", "forward");
  if (!["forward", "reverse", "bidirectional"].includes(direction))
    node.damaged(`has the direction ${show(direction)}`);
  const D = direction === "bidirectional" ? 2 : 1;
  const shape = knownShape(node.weights(2));
  const H = shape?.[2] ?? 0;
  if (shape?.length !== 3 || H < 1)
    node.damaged(`expected R of shape [${D}, ${form.gates}·units, units], got ${showDims(node.weights(2).shape)}`);
  const hiddenSize = node.int("hidden_size", H);
  if (hiddenSize !== H) node.damaged(`has hidden_size ${hiddenSize}, and R is of ${H} units`);
  return { form, H, I, D, batchFirst };
}

/** sequence_lens: none, an input of the graph, or as long as all is. */
function readLengths(node: Node, chain: Chain, x: View): void {
  const value = node.inputs[4];
  const T = sizeOfGroup(x.groups[0]!);
  const isFirst = !chain.drafts.some((draft) => "directions" in draft);
  let lengths: View | undefined;
  if (value?.kind === "ints") {
    const isAll = value.items.every((item) => sameDim(item, T));
    if (!isAll) node.refuse("has lengths of sequences that are fixed in the file");
  } else if (value) {
    lengths = node.view(4);
    const isVector = lengths.groups.length === 1 && lengths.source.kind === "input" && lengths.source.integer;
    if (!isVector) node.refuse("has lengths that are no input of the graph");
  }
  if (isFirst) chain.lengths = lengths;
  const isSame = chain.lengths && lengths ? chain.lengths.source === lengths.source : chain.lengths === lengths;
  if (!isSame) node.refuse("has other lengths of sequences than the layers before it");
}

/** A parameter for each direction, of this shape after the axis of directions. */
function readParts(
  node: Node,
  k: number,
  shape: readonly number[],
  D: number,
  budget: Budget,
): Float32Array[] | undefined {
  if (node.inputs[k] === undefined) return undefined;
  const floats = node.weights(k);
  if (showDims(floats.shape) !== showDims([D, ...shape])) {
    node.damaged(`expected input ${k} of shape ${showDims([D, ...shape])}, got ${showDims(floats.shape)}`);
  }
  const all = copyFloats(floats, budget);
  const size = all.length / D;
  return Array.from({ length: D }, (_, d) => all.subarray(d * size, (d + 1) * size));
}

function makeDraft(node: Node, chain: Chain, setting: Setting, budget: Budget): RecurrentDraft {
  const { form, H, I, D } = setting;
  const { cell, gates } = form;
  const direction = node.text("direction", "forward");
  if (readFlag(node, "input_forget") === 1 && cell !== "lstm") node.damaged("has input_forget, and is no LSTM");
  const coupled = cell === "lstm" && readFlag(node, "input_forget") === 1;
  const weights = readParts(node, 1, [gates * H, I], D, budget) ?? node.damaged("has no weights W");
  const recurrentWeights = readParts(node, 2, [gates * H, H], D, budget) ?? node.damaged("has no weights R");
  const biases = readParts(node, 3, [2 * gates * H], D, budget);
  const peepholes = cell === "lstm" ? readParts(node, 7, [3 * H], D, budget) : undefined;
  const values = new Map<string, Float32Array>();
  const names = direction === "reverse" ? ["_l0"] : ["_l0", "_l0_reverse"];
  for (let d = 0; d < D; d++) {
    const suffix = names[d]!;
    const put = (name: string, numbers: Float32Array, inputs: number) => {
      const ours = gatesToOurs(gateLayouts.onnx, cell, numbers, inputs);
      values.set(name + suffix, coupled ? coupleGates(ours, H * inputs) : ours);
    };
    put("weight_ih", weights[d]!, I);
    put("weight_hh", recurrentWeights[d]!, H);
    if (biases) {
      put("bias_ih", biases[d]!.subarray(0, gates * H), 1);
      put("bias_hh", biases[d]!.subarray(gates * H), 1);
    }
    if (peepholes) putPeepholes(values, suffix, peepholes[d]!, H, coupled);
  }
  const initial: Partial<Record<"h" | "c", readonly View[]>> = {};
  const learnt = form.states.map((which, k) => readInitial(node, chain, setting, 5 + k, which, initial, budget));
  const learnInitialState = learnt.some((states) => states !== undefined);
  if (learnInitialState) {
    form.states.forEach((which, k) => {
      for (let d = 0; d < D; d++) {
        values.set(`${which}0${names[d]!}`, learnt[k]?.subarray(d * H, (d + 1) * H) ?? new Float32Array(H));
      }
    });
  }
  const final = (which: string): Source => {
    const batch = (chain.batch ?? []).map((axis) => chain.rows[axis]!);
    return { kind: "state", name: `${node.title} ${which}`, sizes: [D, ...batch, H], integer: false };
  };
  const rest = { values, units: H, directions: D, initial, final: { h: final("h"), c: final("c") } };
  const bias = biases !== undefined;
  const options = {
    ...{ bidirectional: D === 2, bias },
    ...(direction === "reverse" && { reverse: true }),
    ...(learnInitialState && { learnInitialState }),
    ...readGates(node, form, D),
  };
  if (cell === "elman") return { type: "elman", options, ...rest };
  if (cell === "gru") {
    const reset = readFlag(node, "linear_before_reset") === 1 ? "after" : "before";
    return { type: "gru", options: { ...options, reset }, ...rest };
  }
  return {
    type: "lstm",
    options: { ...options, ...(peepholes && { peepholes: true }), ...(coupled && { coupled }) },
    ...rest,
  };
}

/** Options of the gates where they are not the plain ones. */
function readGates(node: Node, form: Form, D: number): Pick<ElmanOptions, "activation" | "activations" | "gateClip"> {
  const clip = node.float("clip", 0);
  if (!(clip >= 0) || !Number.isFinite(clip)) node.damaged(`has a clip of ${clip}`);
  const activations = recurrentActivations(node, form.activations, D);
  const isPlain = activations.every((activation, k) => activation === form.plain[k % form.plain.length]);
  const gateClip = clip > 0 ? { gateClip: clip } : {};
  if (isPlain) return gateClip;
  const [first] = activations;
  const fast = first === "relu" || first === "sigmoid" || first === "tanh";
  if (form.cell === "elman" && fast && activations.every((one) => one === first))
    return { ...gateClip, activation: first };
  return { ...gateClip, activations };
}

/** Ours has the gate f = 1 − i, and so −1 times the parameters of i: σ(−a) = 1 − σ(a). [f g o] of [i f g o]. */
function coupleGates(gates: Float32Array, size: number): Float32Array {
  const coupled = gates.slice(size);
  for (let i = 0; i < size; i++) coupled[i] = -gates[i]!;
  return coupled;
}

function putPeepholes(
  values: Map<string, Float32Array>,
  suffix: string,
  all: Float32Array,
  H: number,
  coupled: boolean,
): void {
  const ours = reorderGates(all, gateLayouts.onnx.peepholes, ourLayout.peepholes);
  const [i, f, o] = [0, 1, 2].map((k) => ours.slice(k * H, (k + 1) * H)) as [Float32Array, Float32Array, Float32Array];
  if (!coupled) values.set(`weight_ci${suffix}`, i);
  values.set(`weight_cf${suffix}`, coupled ? i.map((x) => -x) : f);
  values.set(`weight_co${suffix}`, o);
}

/** An initial state: an input of the graph goes into `initial`; numbers other than 0 from the file are returned, to be learnt. */
function readInitial(
  node: Node,
  chain: Chain,
  { H, D, batchFirst }: Setting,
  k: number,
  which: "h" | "c",
  initial: Partial<Record<"h" | "c", readonly View[]>>,
  budget: Budget,
): Float32Array | undefined {
  const value = node.inputs[k];
  if (!value) return undefined;
  if (value.kind === "floats") return readLearnt(node, value, { H, D, batchFirst }, k, budget);
  const axis = batchFirst ? 1 : 0;
  const sizes = sizesOf(node, value);
  const fits = sizes.length === 3 && sizes[axis] === D && sizes[2] === H;
  if (!fits) {
    node.damaged(
      `expected input ${k} of shape ${batchFirst ? `[batch, ${D}, ${H}]` : `[${D}, batch, ${H}]`}, got ${showDims(sizes)}`,
    );
  }
  const batch = chain.batch?.reduce<Dim | undefined>((product, row) => times(product, chain.rows[row]), 1);
  const own = sizes[1 - axis];
  if (isKnown(own) && isKnown(batch) && own !== batch)
    node.damaged(`has a state for a batch of ${own}, and the batch is ${batch}`);
  initial[which] = Array.from({ length: D }, (_, d) => {
    const state = pick(node, value, axis, d);
    if (state.kind === "view" && state.source.kind === "input" && !state.source.integer) return state;
    return node.refuse("starts from a state that another layer gives: this is an encoder and a decoder, not one path");
  });
  return undefined;
}

function readLearnt(
  node: Node,
  floats: Floats,
  { H, D, batchFirst }: Pick<Setting, "H" | "D" | "batchFirst">,
  k: number,
  budget: Budget,
): Float32Array | undefined {
  const batchAxis = batchFirst ? 0 : 1;
  const { shape, strides } = floats;
  const fits = shape.length === 3 && shape[1 - batchAxis] === D && shape[2] === H && countOf(floats) !== 0;
  if (!fits)
    node.damaged(
      `expected input ${k} of shape ${batchFirst ? `[batch, ${D}, ${H}]` : `[${D}, batch, ${H}]`}, got ${showDims(shape)}`,
    );
  if (scalarOf(floats) === 0) return undefined;
  const one = (b: number): Floats => ({
    ...floats,
    start: floats.start + b * strides[batchAxis]!,
    shape: [D, H],
    strides: [strides[1 - batchAxis]!, strides[2]!],
  });
  const first = copyFloats(one(0), budget);
  const B = shape[batchAxis]!;
  if (strides[batchAxis] !== 0 && isKnown(B)) {
    for (let b = 1; b < B; b++) {
      const other = copyFloats(one(b), budget);
      if (other.some((x, i) => x !== first[i]))
        node.refuse("starts each sequence of the batch from another state, fixed in the file");
    }
  }
  return first.some((x) => x !== 0) ? first : undefined;
}

/** (directions, batch, units) */
function finalState(source: Source): View {
  const view = viewOf(source);
  const unit = source.sizes.length - 1;
  return { ...view, groups: [view.groups[0]!, view.groups.slice(1, unit).flat(), view.groups[unit]!] };
}
