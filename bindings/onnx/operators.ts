/** Operators that are layers, or change the layer before them. */

import type { Activation } from "../index.ts";
import { transpose as transposed } from "../io/gates.ts";
import { SECOND_PATH, type Chain, type Draft } from "./chain.ts";
import { copyFloats, knownShape, scalarOf, type Budget, type Floats } from "./constant.ts";
import { showDims, times } from "./dim.ts";
import {
  axesOf,
  axisOf,
  foldings,
  gather as gatherConstant,
  intArithmetic,
  sizeDifference,
  sizeQuotient,
  sizeSum,
} from "./fold.ts";
import type { Node, Statistic, Value } from "./graph.ts";
import { recurrent, recurrentAttributes } from "./recurrent.ts";
import { squeeze, transpose, type View } from "./view.ts";

interface Operator {
  readonly attributes: readonly string[];
  readonly run: (node: Node, chain: Chain, budget: Budget) => Value | readonly (Value | undefined)[];
}

// -------------------------------------------------------------------------------------------------------- dense layers

/** x·W + b, W from the file: (inputs, outputs), or (outputs, inputs) when it is `turned`. */
function appendDense(
  node: Node,
  chain: Chain,
  x: View,
  w: Floats,
  turned: boolean,
  scale: number,
  budget: Budget,
): View {
  const shape = knownShape(w) ?? node.refuse("has weights of open size");
  if (shape.length !== 2) node.refuse(`has weights of shape ${showDims(shape)}, and needs a matrix`);
  const taken = chain.take(x, node);
  const [I, O] = turned ? [shape[1]!, shape[0]!] : [shape[0]!, shape[1]!];
  if (I !== taken.features || O < 1)
    node.damaged(`multiplies ${taken.features} features by weights of shape ${showDims(shape)}`);
  const numbers = copyFloats(w, budget);
  const weight = turned ? numbers : transposed(numbers, I, O);
  if (scale !== 1) weight.forEach((value, i) => (weight[i] = value * scale));
  const draft: Draft = { type: "dense", units: O, activation: "linear", values: new Map([["weight", weight]]) };
  return chain.append(draft, node, taken, O);
}

function matMul(node: Node, chain: Chain, budget: Budget): Value {
  const [a, b] = [node.input(0), node.input(1)];
  if (a.kind === "view" && b.kind === "view")
    node.refuse("multiplies two things that come with the data, as attention does");
  return appendDense(node, chain, node.view(0), node.weights(1), false, 1, budget);
}

/** A convolution with a kernel of one step is a dense layer on each step; the features stand on axis 1. */
function conv(node: Node, chain: Chain, budget: Budget): Value {
  const x = node.view(0);
  const w = node.weights(1);
  const shape = knownShape(w) ?? [];
  const rank = x.groups.length;
  const isOne = (list: readonly number[] | undefined, value: number) =>
    list === undefined || list.every((n) => n === value);
  const isPointwise =
    rank >= 3 &&
    shape.length === rank &&
    isOne(shape.slice(2), 1) &&
    isOne(node.ints("strides"), 1) &&
    isOne(node.ints("pads"), 0) &&
    node.int("group", 1) === 1 &&
    ["NOTSET", "VALID"].includes(node.text("auto_pad", "NOTSET"));
  if (!isPointwise) node.refuse("is a convolution over more than one step");
  const order = [0, ...Array.from({ length: rank - 2 }, (_, k) => k + 2), 1];
  const matrix = { ...w, shape: w.shape.slice(0, 2), strides: w.strides.slice(0, 2) };
  const product = appendDense(node, chain, transpose(x, order), matrix, true, 1, budget);
  const sum =
    node.inputs[2] === undefined ? product : (addConstant(node, chain, product, node.weights(2), 1, budget) as View);
  return transpose(sum, [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, k) => k + 1)]);
}

function gemm(node: Node, chain: Chain, budget: Budget): Value {
  if (node.int("transA", 0) !== 0) node.refuse("multiplies from the other side (transA)");
  if (node.view(0).groups.length !== 2) node.damaged("expected an input of 2 axes");
  const turned = node.int("transB", 0) !== 0;
  const product = appendDense(node, chain, node.view(0), node.weights(1), turned, node.float("alpha", 1), budget);
  const beta = node.float("beta", 1);
  if (node.inputs[2] === undefined || beta === 0) return product;
  return addConstant(node, chain, product, node.weights(2), beta, budget);
}

/** A constant that broadcasts over the rows only: a number for each feature. */
function vectorOf(node: Node, constant: Floats, features: number, rank: number, budget: Budget): Float32Array {
  const shape = knownShape(constant) ?? node.refuse("has a constant of open size");
  const size = shape[shape.length - 1] ?? 1;
  const isVector =
    shape.length <= rank && shape.slice(0, -1).every((one) => one === 1) && (size === 1 || size === features);
  if (!isVector) return node.refuse(`has a constant of shape ${showDims(shape)} beside ${features} features`);
  const numbers = copyFloats(constant, budget);
  if (numbers.length === features) return numbers;
  budget.take(features * 4);
  return new Float32Array(features).fill(numbers[0]!);
}

function addConstant(node: Node, chain: Chain, x: View, constant: Floats, sign: number, budget: Budget): Value {
  if (scalarOf(constant) === 0) return x;
  return change(node, chain, x, constant, budget, (draft, numbers) => {
    const isOpen = draft.type === "layerNorm" || (draft.type === "dense" && draft.activation === "linear");
    if (!isOpen) return false;
    const before = draft.values.get("bias");
    const bias = numbers.map((value, i) => sign * value + (before?.[i] ?? 0));
    draft.values.set("bias", bias);
    if (draft.type === "layerNorm" && !draft.values.has("weight"))
      draft.values.set("weight", new Float32Array(bias.length).fill(1));
    return true;
  });
}

/** Each feature times a number. */
function multiplyConstant(node: Node, chain: Chain, x: View, constant: Floats, divide: boolean, budget: Budget): Value {
  if (scalarOf(constant) === 1) return x;
  return change(node, chain, x, constant, budget, (draft, numbers) => {
    const factors = divide ? numbers.map((value) => 1 / value) : numbers;
    if (factors.some((factor) => !Number.isFinite(factor))) node.damaged("divides by zero");
    const isOpen = draft.type === "layerNorm" || (draft.type === "dense" && draft.activation === "linear");
    if (!isOpen) return false;
    if (draft.type === "layerNorm" && !draft.values.has("weight")) {
      draft.values.set("weight", new Float32Array(factors.length).fill(1));
      draft.values.set("bias", new Float32Array(factors.length));
    }
    for (const [name, values] of draft.values) {
      const inputs = name === "weight" ? values.length / factors.length : 1;
      draft.values.set(
        name,
        values.map((value, i) => value * factors[Math.floor(i / inputs)]!),
      );
    }
    return true;
  });
}

/** Changes the last layer by a number for each feature. */
function change(
  node: Node,
  chain: Chain,
  x: View,
  constant: Floats,
  budget: Budget,
  by: (draft: Draft, numbers: Float32Array) => boolean,
): View {
  const refuse = () => node.refuse("has a constant, and no dense layer stands before it that could take it in");
  if (x.source !== chain.top || !chain.isFeatures(x, x.groups.length - 1)) return refuse();
  const features = chain.top.sizes.at(-1) as number;
  const numbers = vectorOf(node, constant, features, x.groups.length, budget);
  return chain.apply(x, node, refuse, (draft) => by(draft, numbers) || refuse());
}

// --------------------------------------------------------------------------------------------------------- activations

function activate(node: Node, chain: Chain, x: View, activation: Activation): View {
  return chain.apply(
    x,
    node,
    () => ({ type: "activation", activation, values: new Map() }),
    (draft) => {
      if (draft.type !== "dense" || draft.activation !== "linear") return false;
      draft.activation = activation;
      return true;
    },
  );
}

function activation(attributes: readonly string[], make: (node: Node) => Activation): Operator {
  return { attributes, run: (node, chain) => activate(node, chain, node.view(0), make(node)) };
}

const plainActivations: Readonly<Record<string, Activation>> = {
  ...{
    HardSwish: "hardSwish",
    Mish: "mish",
    Relu: "relu",
    Sigmoid: "sigmoid",
    Softplus: "softplus",
    Softsign: "softsign",
  },
  Tanh: "tanh",
};

/** Ours is x/6 + 1/2 within 0 and 1: another slope is taken in by the dense layer before it. */
function hardSigmoid(node: Node, chain: Chain): Value {
  const [alpha, beta] = [node.float("alpha", 0.2), node.float("beta", 0.5)];
  const isOurs = Math.abs(alpha - 1 / 6) < 1e-7 && beta === 0.5;
  if (isOurs) return activate(node, chain, node.view(0), "hardSigmoid");
  const refuse = () => node.refuse("is not x/6 + 1/2, and no dense layer stands before it that could take it in");
  if (node.view(0).source !== chain.top) return refuse();
  return chain.apply(node.view(0), node, refuse, (draft) => {
    if (draft.type !== "dense" || draft.activation !== "linear") return refuse();
    const bias = draft.values.get("bias") ?? new Float32Array(draft.units);
    draft.values.set(
      "weight",
      draft.values.get("weight")!.map((value) => value * 6 * alpha),
    );
    draft.values.set(
      "bias",
      bias.map((value) => 6 * (alpha * value + beta - 0.5)),
    );
    draft.activation = "hardSigmoid";
    return true;
  });
}

/** Before opset 13 all axes from `axis` on are one; from then on it is one axis. */
function softmax(kind: "softmax" | "logSoftmax"): Operator {
  return {
    attributes: ["axis"],
    run(node, chain) {
      const x = node.view(0);
      const rank = x.groups.length;
      const axis = axisOf(node, node.int("axis", node.opset < 13 ? 1 : -1), rank);
      const isLast = node.opset >= 13 || axis === rank - 1;
      if (!isLast || !chain.isFeatures(x, axis)) node.refuse("goes over something else than the features of a step");
      return activate(node, chain, x, kind);
    },
  };
}

/** Limits that are an activation of ours. */
function clip(node: Node, chain: Chain): Value {
  const limit = (k: number, name: string, open: number) => {
    if (node.has(name)) return node.float(name, open);
    return node.inputs[k] === undefined ? open : scalarOf(node.weights(k));
  };
  const limits = [limit(1, "min", -Infinity), limit(2, "max", Infinity)].join();
  const known: Readonly<Record<string, Activation>> = { "-1,1": "hardTanh", "0,6": "relu6", "0,Infinity": "relu" };
  return activate(
    node,
    chain,
    node.view(0),
    known[limits] ?? node.refuse(`has the limits ${limits}; known are -1 and 1, 0 and 6`),
  );
}

// ------------------------------------------------------------------------------------------------ layer normalisation

function layerNormalization(node: Node, chain: Chain, budget: Budget): Value {
  const x = node.view(0);
  const axis = axisOf(node, node.int("axis", -1), x.groups.length);
  if (axis !== x.groups.length - 1) node.refuse("goes over more than the last axis");
  const normal = appendLayerNorm(node, chain, x, node.float("epsilon", 1e-5));
  const scaled = multiplyConstant(node, chain, normal, node.weights(1), false, budget) as View;
  return node.inputs[2] === undefined ? scaled : addConstant(node, chain, scaled, node.weights(2), 1, budget);
}

function appendLayerNorm(node: Node, chain: Chain, x: View, epsilon: number): View {
  if (!(epsilon > 0)) node.refuse(`has an epsilon of ${epsilon}, and needs one above 0`);
  const taken = chain.take(x, node);
  return chain.append(
    { type: "layerNorm", units: taken.features, epsilon, values: new Map() },
    node,
    taken,
    taken.features,
  );
}

/** Exporters write layer normalisation as (x − mean) / √(mean((x − mean)²) + ε). */
function reduceMean(node: Node): Value {
  const value = node.input(0);
  const alone = meanOfOne(node, value);
  if (alone) return alone;
  const of = value.kind === "statistic" ? value.of : node.view(0);
  const axes = axesOf(node, 1)?.map((axis) => axisOf(node, axis, of.groups.length));
  const isLast = axes?.length === 1 && axes[0] === of.groups.length - 1 && node.int("keepdims", 1) === 1;
  if (!isLast) return node.refuse("takes a mean over something else than the last axis");
  if (value.kind === "statistic" && value.what !== "squared") return node.refuse("takes a mean of a mean");
  return { kind: "statistic", what: value.kind === "statistic" ? "variance" : "mean", of, epsilon: 0 };
}

/** The mean over axes of one element is that element. */
function meanOfOne(node: Node, value: Value): Value | undefined {
  if (value.kind !== "view") return undefined;
  const rank = value.groups.length;
  const keeps = node.int("keepdims", 1) === 1;
  const axes = axesOf(node, 1)?.map((axis) => axisOf(node, axis, rank)) ?? [];
  const ofFeatures = keeps && axes.length === 1 && axes[0] === rank - 1; // of layer normalisation
  if (axes.length === 0 || ofFeatures || axes.some((axis) => value.groups[axis]!.length > 0)) return undefined;
  return keeps ? value : squeeze(value, axes);
}

const statistic = (value: Value | undefined, what: Statistic["what"]): Statistic | undefined =>
  value?.kind === "statistic" && value.what === what ? value : undefined;

function power(node: Node): Value {
  const centered = statistic(node.input(0), "centered");
  const exponent = node.input(1);
  const two =
    exponent.kind === "floats" ? scalarOf(exponent) : exponent.kind === "ints" ? exponent.items[0] : undefined;
  if (!centered || two !== 2) return node.refuse("takes a power");
  return { ...centered, what: "squared" };
}

function squareRoot(node: Node): Value {
  const variance = statistic(node.input(0), "variance");
  return variance ? { ...variance, what: "deviation" } : node.refuse("takes a square root");
}

// ----------------------------------------------------------------------------------------------------------- arithmetic

/** One of two inputs as the path and the other as a constant, in either order. */
function withConstant(node: Node): { x: View; constant: Floats } {
  const [a, b] = [node.input(0), node.input(1)];
  if (a.kind === "floats" && b.kind === "view") return { x: b, constant: a };
  if (a.kind === "view" && b.kind === "view") node.refuse(SECOND_PATH);
  return { x: node.view(0), constant: node.weights(1) };
}

function add(node: Node, chain: Chain, budget: Budget): Value {
  const [a, b] = [node.input(0), node.input(1)];
  const variance = statistic(a, "variance") ?? statistic(b, "variance");
  const other = a === variance ? b : a;
  if (variance && other.kind === "floats")
    return { ...variance, epsilon: scalarOf(other) ?? node.refuse("adds to a variance") };
  const sizes = intArithmetic(node, sizeSum);
  if (sizes) return sizes;
  const { x, constant } = withConstant(node);
  return addConstant(node, chain, x, constant, 1, budget);
}

function subtract(node: Node, chain: Chain, budget: Budget): Value {
  const sizes = intArithmetic(node, sizeDifference);
  if (sizes) return sizes;
  const mean = statistic(node.input(1), "mean");
  const of = node.input(0);
  if (mean) return of === mean.of ? { ...mean, what: "centered" } : node.refuse("subtracts the mean of something else");
  if (of.kind !== "view") node.refuse("subtracts what the layers give from something");
  return addConstant(node, chain, node.view(0), node.weights(1), -1, budget);
}

function multiply(node: Node, chain: Chain, budget: Budget): Value {
  const sizes = intArithmetic(node, times);
  if (sizes) return sizes;
  const centered = statistic(node.input(0), "centered");
  if (centered && node.input(1) === node.input(0)) return { ...centered, what: "squared" };
  const { x, constant } = withConstant(node);
  return multiplyConstant(node, chain, x, constant, false, budget);
}

function divide(node: Node, chain: Chain, budget: Budget): Value {
  const sizes = intArithmetic(node, sizeQuotient);
  if (sizes) return sizes;
  const centered = statistic(node.input(0), "centered");
  const deviation = statistic(node.input(1), "deviation");
  if (deviation && centered?.of === deviation.of) {
    return appendLayerNorm(node, chain, centered.of, deviation.epsilon);
  }
  return multiplyConstant(node, chain, node.view(0), node.weights(1), true, budget);
}

// ------------------------------------------------------------------------------------------------------ what is left

/** An embedding where rows of a matrix are taken by tokens; else a part of something. */
function gather(node: Node, chain: Chain, budget: Budget): Value {
  const [table, tokens] = [node.input(0), node.input(1)];
  if (table.kind !== "floats" || tokens.kind !== "view") return gatherConstant(node);
  const shape = knownShape(table) ?? [];
  const [V, E] = shape;
  if (shape.length !== 2 || V === undefined || E === undefined || V < 1 || E < 1 || node.int("axis", 0) !== 0) {
    return node.refuse(
      `takes tokens out of weights of shape ${showDims(table.shape)} along axis ${node.int("axis", 0)}`,
    );
  }
  const leading = chain.takeTokens(tokens, V, node);
  const values = new Map([["weight", copyFloats(table, budget)]]);
  return chain.append({ type: "embedding", units: E, values }, node, { leading }, E);
}

/** As it is where nothing learns; while the network learns, it drops as it did. */
function dropout(node: Node, chain: Chain): Value {
  const training = node.inputs[2];
  if (training && !(training.kind === "ints" && training.items[0] === 0))
    node.refuse("is set to drop values where nothing learns");
  const given = node.inputs[1];
  const rate = given === undefined ? node.float("ratio", 0.5) : scalarOf(node.weights(1));
  if (rate === undefined || !(rate >= 0) || rate > 1) return node.damaged(`has a ratio of ${String(rate)}`);
  const value = node.input(0);
  if (rate === 0 || rate === 1 || value.kind !== "view") return value;
  return chain.apply(value, node, () => ({ type: "dropout", rate, values: new Map() }));
}

const layerOperators: Readonly<Record<string, Operator>> = {
  Add: { attributes: [], run: add },
  Conv: {
    attributes: ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"],
    run: conv,
  },
  Clip: { attributes: ["min", "max"], run: clip },
  Div: { attributes: [], run: divide },
  Dropout: { attributes: ["ratio", "seed"], run: dropout },
  Elu: activation(["alpha"], (node) => ({ type: "elu", alpha: node.float("alpha", 1) })),
  GRU: { attributes: recurrentAttributes, run: recurrent },
  Gather: { attributes: ["axis"], run: gather },
  Gelu: activation(["approximate"], (node) => (node.text("approximate", "none") === "tanh" ? "geluTanh" : "gelu")),
  Gemm: { attributes: ["alpha", "beta", "transA", "transB"], run: gemm },
  HardSigmoid: { attributes: ["alpha", "beta"], run: hardSigmoid },
  LSTM: { attributes: recurrentAttributes, run: recurrent },
  LayerNormalization: { attributes: ["axis", "epsilon", "stash_type"], run: layerNormalization },
  LeakyRelu: activation(["alpha"], (node) => ({ type: "leakyRelu", alpha: node.float("alpha", 0.01) })),
  LogSoftmax: softmax("logSoftmax"),
  MatMul: { attributes: [], run: matMul },
  Mul: { attributes: [], run: multiply },
  Pow: { attributes: [], run: power },
  RNN: { attributes: recurrentAttributes, run: recurrent },
  ReduceMean: { attributes: ["axes", "keepdims", "noop_with_empty_axes"], run: reduceMean },
  Selu: activation(["alpha", "gamma"], (node) => {
    return node.has("alpha") || node.has("gamma") ? node.refuse("has parameters of its own") : "selu";
  }),
  Softmax: softmax("softmax"),
  Sqrt: { attributes: [], run: squareRoot },
  Sub: { attributes: [], run: subtract },
  ...Object.fromEntries(Object.entries(plainActivations).map(([op, name]) => [op, activation([], () => name)])),
};

/** Names of all operators that can be read. @internal */
export const operatorNames: readonly string[] = [...Object.keys(layerOperators), ...Object.keys(foldings), "If"].sort();

/** What a node gives, the layers that it stands for being added to the chain. */
export function evaluate(node: Node, chain: Chain, budget: Budget): readonly (Value | undefined)[] {
  const folding = Object.hasOwn(foldings, node.op) ? foldings[node.op] : undefined;
  const layer = Object.hasOwn(layerOperators, node.op) ? layerOperators[node.op] : undefined;
  const operator = folding ?? layer;
  if (!operator) return node.refuse("is an operator that no network here has; docs/onnx.md lists those that are read");
  node.expectAttributes(operator.attributes);
  const result = folding ? folding.fold(node, budget) : layer!.run(node, chain, budget);
  return Array.isArray(result) ? (result as readonly (Value | undefined)[]) : [result as Value];
}
