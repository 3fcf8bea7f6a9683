/**
 * Models of Keras: their layers as `get_config()` describes them, and weights in Keras' layout as ours. What differs in meaning is
 * refused by name; gate order and transposition are those of gates.ts. TensorFlow.js has the same layers under the same names.
 */

import type { ActivationName } from "../activation.ts";
import { FormatError } from "../errors.ts";
import type { GateActivation, LayerDescription, NetworkConfig } from "../index.ts";
import { show } from "../validate.ts";
import { gateLayouts, gatesToOurs, ourLayout, reorderGates, transpose, type GatedCell } from "./gates.ts";
import { isObject } from "./json.ts";
import type { ForeignWeight } from "./foreign.ts";

type Json = Readonly<Record<string, unknown>>;

/** A layer as Keras describes it. */
export interface KerasLayer {
  readonly className: string;
  readonly name: string;
  readonly config: Json;
  /** What a Bidirectional or a TimeDistributed is around. */
  readonly inner: KerasLayer | undefined;
}

/** Where a weight is in its layer: in a direction of a Bidirectional, or the only one. */
export type Part = "forward" | "backward" | "only";
export type Role = "kernel" | "recurrent_kernel" | "bias" | "embeddings";

export interface KerasWeight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Gets a weight of a layer. @throws FormatError when it is not there */
export type WeightSource = (layer: KerasLayer, part: Part, role: Role) => KerasWeight;

export interface KerasOptions {
  /**
   * "lengths": a layer with `mask_zero` is taken without its mask; give the lengths of padded sequences to `forward` instead, which
   * does the same. Default: such a layer is refused.
   */
  readonly mask?: "lengths";
}

function unsupported(layer: { readonly name: string }, what: string, cure: string): FormatError {
  return new FormatError("unsupported", `layer ${show(layer.name)}: ${what}: ${cure}`);
}

function malformed(what: string): FormatError {
  return new FormatError("malformed", `the model's description is wrong: ${what}`);
}

// ---- the description

/** The layers of a Sequential or of a chain of a Functional, in the order of the data. @throws FormatError */
export function readLayers(model: unknown): KerasLayer[] {
  if (!isObject(model)) throw malformed(`expected an object, got ${show(model)}`);
  const { class_name: className, config } = model;
  const list = isObject(config) ? config.layers : config; // early Keras has the list alone
  if (!Array.isArray(list)) throw malformed(`it has no layers, but ${show(list)}`);
  if (className === "Sequential") return list.map(readLayer);
  if (className === "Functional" || className === "Model") return readChain(list);
  throw new FormatError("unsupported", `the model is ${show(className)}: only Sequential and Functional are read`);
}

function readLayer(value: unknown): KerasLayer {
  if (!isObject(value)) throw malformed(`a layer is ${show(value)}`);
  const { class_name: className, config } = value;
  if (typeof className !== "string" || !isObject(config)) throw malformed("a layer has no class_name or no config");
  const name = typeof config.name === "string" ? config.name : className;
  const isWrapper = className === "Bidirectional" || className === "TimeDistributed";
  const inner = isWrapper ? readInner(config.layer) : undefined;
  return { className, name, config, inner };
}

function readInner(value: unknown): KerasLayer {
  const inner = readLayer({ ...(isObject(value) ? value : {}) });
  if (inner.inner) throw unsupported(inner, `${inner.className} inside of a wrapper`, "put it into the model itself");
  return inner;
}

/** A Functional without branches. Each layer names the one before it. */
function readChain(list: readonly unknown[]): KerasLayer[] {
  const layers = list.map((value) => ({ layer: readLayer(value), before: predecessorsOf(value) }));
  const after = new Map<string | undefined, KerasLayer>();
  for (const { layer, before } of layers) {
    if (before.length > 1) throw unsupported(layer, "it has several inputs", "only chains of layers are read");
    if (after.has(before[0]))
      throw unsupported(layer, "the model branches before it", "only chains of layers are read");
    after.set(before[0], layer);
  }
  const chain: KerasLayer[] = [];
  for (let layer = after.get(undefined); layer && chain.length < layers.length; layer = after.get(layer.name)) {
    chain.push(layer);
  }
  if (chain.length < layers.length) throw malformed("its layers are no chain");
  return chain;
}

/** Names of the layers whose output goes into this one: in Keras 3 in its arguments, in Keras 2 and TensorFlow.js in lists. */
function predecessorsOf(value: unknown): string[] {
  const nodes = isObject(value) && Array.isArray(value.inbound_nodes) ? (value.inbound_nodes as unknown[]) : [];
  return nodes.flatMap((node) => {
    if (Array.isArray(node)) return node.map((from: unknown) => nameIn(Array.isArray(from) ? from : []));
    const { args, kwargs } = isObject(node) ? node : {};
    const named = Object.values(isObject(kwargs) ? kwargs : {});
    const given = [...(Array.isArray(args) ? (args as unknown[]) : []), ...named];
    return given.filter(isObject).map(({ config }) => {
      const history = isObject(config) ? config.keras_history : undefined;
      return nameIn(Array.isArray(history) ? history : []);
    });
  });
}

function nameIn([name]: readonly unknown[]): string {
  if (typeof name !== "string") throw malformed("a layer's inbound_nodes name no layer");
  return name;
}

// ---- activations

/** Names in snake case, as all but the oldest files have them, without what means another function there. */
const activations: Readonly<Record<string, ActivationName | { readonly type: "leakyRelu"; readonly alpha: number }>> = {
  linear: "linear",
  sigmoid: "sigmoid",
  tanh: "tanh",
  relu: "relu",
  softmax: "softmax",
  log_softmax: "logSoftmax",
  elu: "elu",
  selu: "selu",
  gelu: "gelu",
  silu: "silu",
  swish: "silu",
  mish: "mish",
  softplus: "softplus",
  softsign: "softsign",
  relu6: "relu6",
  log_sigmoid: "logSigmoid",
  hard_tanh: "hardTanh",
};

/** Since Keras 3 only. */
const activations3: typeof activations = {
  leaky_relu: { type: "leakyRelu", alpha: 0.2 },
  hard_sigmoid: "hardSigmoid",
  hard_silu: "hardSwish",
  hard_swish: "hardSwish",
};

function activationOf(layer: KerasLayer, isKeras3: boolean) {
  const name = layer.config.activation ?? "linear";
  const snake = typeof name === "string" ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : "";
  for (const table of [activations, ...(isKeras3 ? [activations3] : [])]) {
    if (Object.hasOwn(table, snake)) return table[snake]!;
  }
  throw unsupported(layer, `the activation ${show(name)}`, "there is no such one here");
}

// ---- layers

const HERE = "it is not read";

/** Options that must stand at these values, or be left out, because another would change the function. */
const refused: Readonly<Record<string, readonly unknown[]>> = {
  go_backwards: [false],
  return_state: [false],
  stateful: [false],
  time_major: [false],
  noise_shape: [],
  cell: [],
};

const cures: Readonly<Record<string, string>> = {
  stateful: "save it with stateful=False, and carry the state with stream() or forward(x, { state })",
  go_backwards: "put it into a Bidirectional, or turn the data round",
};

function expectPlain(layer: KerasLayer): void {
  for (const [option, allowed] of Object.entries(refused)) {
    const value = layer.config[option];
    if (value === undefined || value === null || allowed.includes(value)) continue;
    throw unsupported(layer, `${option} = ${show(value)}`, cures[option] ?? HERE);
  }
}

function number(layer: KerasLayer, option: string, fallback?: number): number {
  const value = layer.config[option] ?? fallback;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw malformed(`layer ${show(layer.name)} has ${option} = ${show(value)}`);
}

function flag(layer: KerasLayer, option: string, fallback: boolean): boolean {
  const value = layer.config[option] ?? fallback;
  if (typeof value === "boolean") return value;
  throw malformed(`layer ${show(layer.name)} has ${option} = ${show(value)}`);
}

/** What comes of a model. */
export interface Converted {
  readonly input: NetworkConfig["input"];
  readonly layers: readonly LayerDescription[];
  readonly weights: readonly ForeignWeight[];
}

/** All layers with their weights, as ours. @throws FormatError that names the layer */
export function convertLayers(
  list: readonly KerasLayer[],
  weightOf: WeightSource,
  isKeras3: boolean,
  options: KerasOptions = {},
): Converted {
  const conversion = new Conversion(weightOf, isKeras3, options);
  for (const layer of list) conversion.add(layer);
  const { input, layers, weights } = conversion;
  if (!input) throw new FormatError("unsupported", "the model has no layer with weights: there is nothing to convert");
  return { input, layers, weights };
}

class Conversion {
  input: NetworkConfig["input"] | undefined;
  readonly layers: LayerDescription[] = [];
  readonly weights: ForeignWeight[] = [];
  readonly #weightOf: WeightSource;
  readonly #isKeras3: boolean;
  readonly #options: KerasOptions;
  /** Features that come out of the layers so far. */
  #features: number | undefined;

  constructor(weightOf: WeightSource, isKeras3: boolean, options: KerasOptions) {
    this.#weightOf = weightOf;
    this.#isKeras3 = isKeras3;
    this.#options = options;
  }

  add(layer: KerasLayer): void {
    expectPlain(layer);
    const { className, name, inner } = layer;
    if (className === "InputLayer") return;
    if (className === "Dropout") this.layers.push({ type: "dropout", rate: number(layer, "rate"), name });
    else if (className === "Activation") {
      this.layers.push({ type: "activation", activation: activationOf(layer, this.#isKeras3), name });
    } else if (className === "Embedding") this.#embedding(layer);
    else if (className === "Dense") this.#dense(layer, layer);
    else if (className === "TimeDistributed") this.#timeDistributed(layer, inner!);
    else if (className === "Bidirectional") this.#bidirectional(layer, inner!);
    else if (className in cells) this.#recurrent(layer, layer);
    else throw unsupported(layer, `a ${className}`, HERE);
  }

  #embedding(layer: KerasLayer): void {
    if (flag(layer, "mask_zero", false) && this.#options.mask !== "lengths") {
      const cure = 'pass { mask: "lengths" } and give forward() the lengths of padded sequences';
      throw unsupported(layer, "mask_zero = true", cure);
    }
    if (this.input) throw unsupported(layer, "an Embedding that is not the first layer", HERE);
    const [tokens, units] = [number(layer, "input_dim"), number(layer, "output_dim")];
    this.input = { tokens };
    this.layers.push({ type: "embedding", units, name: layer.name });
    const { data } = this.#weight(layer, "only", "embeddings", [tokens, units]);
    this.weights.push({ name: `${layer.name}.weight`, shape: [tokens, units], data });
    this.#features = units;
  }

  #timeDistributed(layer: KerasLayer, inner: KerasLayer): void {
    expectPlain(inner);
    if (inner.className === "Dense") this.#dense(layer, inner);
    else if (inner.className === "Dropout" || inner.className === "Activation") this.add(inner);
    else throw unsupported(layer, `a TimeDistributed of ${inner.className}`, HERE);
  }

  /** `inner` is the Dense itself, or the one in a TimeDistributed: on sequences ours does the same. */
  #dense(layer: KerasLayer, inner: KerasLayer): void {
    const [units, bias] = [number(inner, "units"), flag(inner, "use_bias", true)];
    const I = this.#inputs(layer, "only");
    const activation = activationOf(inner, this.#isKeras3);
    this.layers.push({ type: "dense", units, activation, bias, name: layer.name });
    const { data } = this.#weight(layer, "only", "kernel", [I, units]);
    this.weights.push({ name: `${layer.name}.weight`, shape: [units, I], data: transpose(data, I, units) });
    if (bias) {
      this.weights.push({ name: `${layer.name}.bias`, ...this.#weight(layer, "only", "bias", [units]) });
    }
    this.#features = units;
  }

  #bidirectional(layer: KerasLayer, inner: KerasLayer): void {
    expectPlain({ ...inner, config: { ...inner.config, go_backwards: undefined } });
    if (layer.config.merge_mode !== "concat") {
      throw unsupported(layer, `merge_mode = ${show(layer.config.merge_mode)}`, 'only "concat" is read');
    }
    const backward = layer.config.backward_layer;
    if (isObject(backward)) {
      const other = readLayer(backward);
      const names = ["units", "activation", "recurrent_activation", "use_bias", "reset_after", "return_sequences"];
      const differs = names.find((name) => other.config[name] !== inner.config[name]);
      if (differs !== undefined || other.className !== inner.className) {
        throw unsupported(layer, "directions that differ", "save it with two equal ones");
      }
    }
    this.#recurrent(layer, inner);
  }

  /** `inner` is the layer itself, or the one in a Bidirectional. */
  #recurrent(layer: KerasLayer, inner: KerasLayer): void {
    const cell = cells[inner.className];
    if (!cell) throw unsupported(layer, `a Bidirectional of ${inner.className}`, HERE);
    const { name } = layer;
    const bidirectional = layer !== inner;
    const directions: readonly Part[] = bidirectional ? ["forward", "backward"] : ["only"];
    const [units, bias] = [number(inner, "units"), flag(inner, "use_bias", true)];
    const I = this.#inputs(layer, directions[0]!);
    const drop = number(inner, "dropout", 0);
    if (drop > 0) this.layers.push({ type: "dropout", rate: drop, mask: "sequence" });
    const reset = cell === "gru" ? this.#resetOf(layer, inner, directions[0]!, bias) : undefined;
    const recurrentDropout = number(inner, "recurrent_dropout", 0);
    const common = { units, bidirectional, bias, recurrentDropout, name };
    this.layers.push(this.#description(inner, cell, common, reset));
    for (const part of directions) this.#cellWeights(layer, part, { cell, units, I, bias, after: reset === "after" });
    if (!flag(inner, "return_sequences", false)) this.layers.push({ type: "last" });
    this.#features = bidirectional ? 2 * units : units;
  }

  #description(
    inner: KerasLayer,
    cell: GatedCell,
    common: { readonly units: number },
    reset: "after" | "before" | undefined,
  ): LayerDescription {
    const activation = inner.config.activation ?? "tanh";
    if (cell === "elman") {
      const known = (["tanh", "relu", "sigmoid"] as const).find((one) => one === activation);
      if (!known)
        throw unsupported(inner, `the activation ${show(activation)}`, 'only "tanh", "relu" and "sigmoid" are read');
      return { type: "elman", ...common, activation: known };
    }
    if (activation !== "tanh") throw unsupported(inner, `the activation ${show(activation)}`, 'only "tanh" is read');
    const gate = this.#gateOf(inner);
    const activations = gate === "sigmoid" ? {} : { activations: [gate, ...cellActivations[cell]] };
    if (cell === "lstm") return { type: "lstm", ...common, ...activations };
    return { type: "gru", ...common, ...activations, reset: reset! };
  }

  /** The activation of the gates. hard_sigmoid, which is TensorFlow.js' default, has another slope since Keras 3. */
  #gateOf(inner: KerasLayer): GateActivation {
    const gate = inner.config.recurrent_activation;
    if (gate === "sigmoid") return gate;
    if (gate === "hard_sigmoid" || gate === "hardSigmoid") {
      return { type: "hardSigmoid", alpha: this.#isKeras3 ? 1 / 6 : 0.2, beta: 0.5 };
    }
    const cure = 'only "sigmoid" and "hard_sigmoid" are read: train it with one of them';
    throw unsupported(inner, `recurrent_activation = ${show(gate)}`, cure);
  }

  /** With reset_after the bias has two rows. Early files do not say it in another way. */
  #resetOf(layer: KerasLayer, inner: KerasLayer, part: Part, bias: boolean): "after" | "before" {
    const said = inner.config.reset_after;
    const isAfter = typeof said === "boolean" ? said : bias && this.#weightOf(layer, part, "bias").shape.length === 2;
    return isAfter ? "after" : "before";
  }

  #cellWeights(
    layer: KerasLayer,
    part: Part,
    form: { readonly cell: GatedCell; readonly units: number; readonly I: number; bias: boolean; after: boolean },
  ): void {
    const { cell, units: H, I, bias, after } = form;
    const layout = gateLayouts.keras;
    const rows = layout[cell].length * H;
    const suffix = part === "backward" ? "_l0_reverse" : "_l0";
    const put = (name: string, shape: readonly number[], data: Float32Array) =>
      this.weights.push({ name: `${layer.name}.${name}${suffix}`, shape, data });
    const kernel = this.#weight(layer, part, "kernel", [I, rows]);
    put("weight_ih", [rows, I], gatesToOurs(layout, cell, kernel.data, I));
    const recurrent = this.#weight(layer, part, "recurrent_kernel", [H, rows]);
    put("weight_hh", [rows, H], gatesToOurs(layout, cell, recurrent.data, H));
    if (!bias) return;
    const { data } = this.#weight(layer, part, "bias", after ? [2, rows] : [rows]);
    const vector = (values: Float32Array) => reorderGates(values, layout[cell], ourLayout[cell]);
    put("bias_ih", [rows], vector(data.subarray(0, rows)));
    put("bias_hh", [rows], after ? vector(data.subarray(rows)) : new Float32Array(rows));
  }

  /** Features that go into a layer; the first layer with weights says how many the network takes. */
  #inputs(layer: KerasLayer, part: Part): number {
    const [I = 0] = this.#features === undefined ? this.#weightOf(layer, part, "kernel").shape : [this.#features];
    this.input ??= { features: I };
    return I;
  }

  #weight(layer: KerasLayer, part: Part, role: Role, shape: readonly number[]): KerasWeight {
    const found = this.#weightOf(layer, part, role);
    if (found.shape.join() === shape.join()) return { data: found.data, shape };
    const shapes = `[${shape.join(", ")}], got [${found.shape.join(", ")}]`;
    throw new FormatError("mismatch", `layer ${show(layer.name)}: its ${role} expected shape ${shapes}`);
  }
}

/** Those of a cell behind its gates, in the order of the option `activations`. */
const cellActivations = { lstm: ["tanh", "tanh"], gru: ["tanh"] } as const;

const cells: Readonly<Record<string, GatedCell | undefined>> = Object.assign(
  Object.create(null) as Record<string, GatedCell>,
  { SimpleRNN: "elman", LSTM: "lstm", GRU: "gru" },
);
