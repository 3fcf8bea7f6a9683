import { FormatError, Network, type Activation, type LayerDescription, type LstmOptions } from "../index.ts";
import { gateLayouts, gatesFromOurs, reorderGates, ourLayout, transpose, type GatedCell } from "../io/gates.ts";
import { expectBoolean, expectOptions, expectType } from "../validate.ts";
import { recurrentName } from "./activations.ts";
import { layerNamesOf, parameterName } from "./names.ts";
import { writeModel, type NodeToWrite, type PortToWrite, type TensorToWrite } from "./write.ts";

export interface OnnxExportOptions {
  /**
   * Whether the states are inputs and outputs of the graph: for each of `Network.states`, such as "lstm.h_l0", an input of that name,
   * [batch, units], and an output "lstm.h_l0_next", so that a sequence can go on from step to step. Default false: sequences start
   * at zeros, or at what `learnInitialState` has learnt.
   */
  readonly states?: boolean;
  /** Whether "lengths", int32 [batch], is an input: the length of each sequence, where they are padded. Default false. */
  readonly lengths?: boolean;
}

/** The operator set that is written. */
const OPSET = 17;

/**
 * A network as an ONNX file, opset 17: input "input", [batch, time, features] floats or [batch, time] int64 tokens, and output
 * "output"; batch and time are open. A network that has no layer over time has no axis of time. Dropout is left out, as nothing is
 * learnt there.
 * @throws FormatError when ONNX has no operator for a layer or an option
 */
export function exportOnnx(net: Network, options: OnnxExportOptions = {}): Uint8Array<ArrayBuffer> {
  expectType(net instanceof Network, "net", "a Network", net);
  expectOptions("exportOnnx", options, ["states", "lengths"]);
  const { states = false, lengths = false } = options;
  const writer = new Writer(net, expectBoolean("states", states), expectBoolean("lengths", lengths));
  return writer.write();
}

type Recurrent = Extract<LayerDescription, { type: "elman" | "gru" | "lstm" }>;

/** What comes out of a layer: its tensor's name, and what the layers after it need to know. */
interface Flow {
  readonly tensor: string;
  readonly features: number;
  /** Without time it is (batch, features). */
  readonly hasTime: boolean;
  /** Columns from here on are the reverse direction, as long as nothing has mixed them. */
  readonly reverseFrom: number;
  /** The final h of the last recurrent layer, (batch, features), while nothing has come after it. */
  readonly last: string | undefined;
}

class Writer {
  readonly #net: Network;
  readonly #states: boolean;
  readonly #lengths: boolean;
  readonly #nodes: NodeToWrite[] = [];
  readonly #initializers: TensorToWrite[] = [];
  readonly #inputs: PortToWrite[] = [];
  readonly #outputs: PortToWrite[] = [];
  readonly #names = new Set<string>();
  /** The network's layers have these names. */
  readonly #layerNames: readonly string[];

  constructor(net: Network, states: boolean, lengths: boolean) {
    this.#net = net;
    this.#states = states;
    this.#lengths = lengths;
    this.#layerNames = layerNamesOf(net.config.layers);
    const ports = net.states.flatMap(({ name }) => [name, `${name}_next`]);
    for (const name of ["input", "output", "lengths", ...ports]) this.#names.add(name);
  }

  write(): Uint8Array<ArrayBuffer> {
    const { input, layers } = this.#net.config;
    const hasTime = takesSequences(layers);
    const time = hasTime ? ["time"] : [];
    const tokens = "tokens" in input;
    const own = tokens ? [] : [input.features];
    if (this.#lengths && !hasTime) throw refusal("lengths", "needs a network over time");
    this.#inputs.push({ name: "input", type: tokens ? "int64" : "float", shape: ["batch", ...time, ...own] });
    if (this.#lengths) this.#inputs.push({ name: "lengths", type: "int32", shape: ["batch"] });
    const features = tokens ? 0 : input.features;
    const start: Flow = { tensor: "input", features, hasTime, reverseFrom: features, last: undefined };
    const end = layers.reduce<Flow>((flow, layer, i) => this.#layer(layer, this.#layerNames[i]!, flow), start);
    this.#nodes.push({ op: "Identity", name: "output", inputs: [end.tensor], outputs: ["output"] });
    const steps = end.hasTime ? [stepsOf(layers) ?? "time"] : [];
    this.#outputs.unshift({ name: "output", type: "float", shape: ["batch", ...steps, end.features] });
    const { nodes, initializers, inputs, outputs } = {
      ...{ nodes: this.#nodes, initializers: this.#initializers },
      ...{ inputs: this.#inputs, outputs: this.#outputs },
    };
    return writeModel({ nodes, initializers, inputs, outputs }, OPSET);
  }

  // ------------------------------------------------------------------------------------------------------- the graph

  /** A name that is not taken. */
  #name(base: string): string {
    let name = base;
    for (let k = 1; this.#names.has(name); k++) name = `${base}_${k}`;
    this.#names.add(name);
    return name;
  }

  /** Adds a node of one output, and returns its name. */
  #node(op: string, inputs: readonly string[], output: string, attributes: NodeToWrite["attributes"] = {}): string {
    const name = this.#name(output);
    this.#nodes.push({ op, name: `${op} ${name}`, inputs, outputs: [name], attributes });
    return name;
  }

  #constant(base: string, data: Float32Array | readonly number[], shape: readonly number[] = [data.length]): string {
    const name = this.#name(base);
    this.#initializers.push({ name, shape, data });
    return name;
  }

  #scalar(base: string, value: number): string {
    return this.#constant(base, Float32Array.of(value), []);
  }

  #ints(base: string, ...values: number[]): string {
    return this.#constant(base, values);
  }

  #parameter(layer: string, parameter: string): Float32Array {
    return this.#net.parameter(parameterName(layer, parameter)).value;
  }

  // ---------------------------------------------------------------------------------------------------------- layers

  #layer(layer: LayerDescription, name: string, flow: Flow): Flow {
    if (layer.type === "dense") return this.#dense(layer, name, flow);
    if (layer.type === "activation")
      return { ...flow, tensor: this.#activation(layer.activation, name, flow.tensor), last: undefined };
    if (layer.type === "dropout") return flow;
    if (layer.type === "embedding") return this.#embedding(layer.units, name, flow);
    if (layer.type === "layerNorm") return this.#layerNorm(layer, name, flow);
    if (layer.type === "batchNorm") return this.#batchNorm(layer, name, flow);
    if (layer.type === "last") return this.#last(name, flow);
    if (layer.type === "repeat") return this.#repeat(layer.steps, name, flow);
    if (layer.type === "elman" || layer.type === "gru" || layer.type === "lstm")
      return this.#recurrent(layer, name, flow);
    throw refusal(name, `is of the type ${layer.type}, for which ONNX has no operator that is exported`);
  }

  #embedding(units: number, name: string, flow: Flow): Flow {
    const weight = this.#parameter(name, `weight`);
    const table = this.#constant(`${name}.weight`, weight.slice(), [weight.length / units, units]);
    const tensor = this.#node("Gather", [table, flow.tensor], name, { axis: { int: 0 } });
    return { ...flow, tensor, features: units, reverseFrom: units };
  }

  #dense(layer: Extract<LayerDescription, { type: "dense" }>, name: string, flow: Flow): Flow {
    const { units, bias = true, activation = "linear" } = layer;
    const turned = transpose(this.#parameter(name, `weight`), units, flow.features);
    const weight = this.#constant(`${name}.weight`, turned, [flow.features, units]);
    let tensor = this.#node("MatMul", [flow.tensor, weight], `${name}.product`);
    if (bias) {
      const b = this.#constant(`${name}.bias`, this.#parameter(name, `bias`).slice());
      tensor = this.#node("Add", [tensor, b], `${name}.sum`);
    }
    tensor = this.#activation(activation, name, tensor);
    return { tensor, features: units, hasTime: flow.hasTime, reverseFrom: units, last: undefined };
  }

  #layerNorm(layer: Extract<LayerDescription, { type: "layerNorm" }>, name: string, flow: Flow): Flow {
    const { affine = true, epsilon = 1e-5 } = layer;
    const numbers = (which: string, otherwise: number) =>
      affine ? this.#parameter(name, which).slice() : new Float32Array(flow.features).fill(otherwise);
    const inputs = [
      flow.tensor,
      this.#constant(`${name}.weight`, numbers("weight", 1)),
      this.#constant(`${name}.bias`, numbers("bias", 0)),
    ];
    const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
    return { ...flow, tensor: this.#node("LayerNormalization", inputs, name, attributes), last: undefined };
  }

  /** With its running statistics it is a factor and a shift of each feature. */
  #batchNorm(layer: Extract<LayerDescription, { type: "batchNorm" }>, name: string, flow: Flow): Flow {
    const { affine = true, epsilon = 1e-5 } = layer;
    const buffer = (which: string) => this.#net.buffers.find((one) => one.name === parameterName(name, which))!.value;
    const [mean, variance] = [buffer("running_mean"), buffer("running_var")];
    const weight = affine ? this.#parameter(name, `weight`) : variance.map(() => 1);
    const bias = affine ? this.#parameter(name, `bias`) : variance.map(() => 0);
    const factor = variance.map((v, k) => weight[k]! / Math.sqrt(v + epsilon));
    const shift = mean.map((m, k) => bias[k]! - m * factor[k]!);
    const product = this.#node("Mul", [flow.tensor, this.#constant(`${name}.factor`, factor)], `${name}.product`);
    const tensor = this.#node("Add", [product, this.#constant(`${name}.shift`, shift)], name);
    return { ...flow, tensor, last: undefined };
  }

  #repeat(steps: number, name: string, flow: Flow): Flow {
    const unsqueezed = this.#node("Unsqueeze", [flow.tensor, this.#ints(`${name}.axis`, 1)], `${name}.one`);
    const tensor = this.#node("Expand", [unsqueezed, this.#ints(`${name}.shape`, 1, steps, 1)], name);
    return { tensor, features: flow.features, hasTime: true, reverseFrom: flow.features, last: undefined };
  }

  /** What each direction ends with. */
  #last(name: string, flow: Flow): Flow {
    const { features, reverseFrom } = flow;
    const rest = { features, hasTime: false, reverseFrom: features, last: undefined };
    if (flow.last !== undefined) return { ...rest, tensor: flow.last };
    if (this.#lengths)
      throw refusal(name, 'comes behind other layers than a recurrent one, which "lengths" does not go through');
    const parts: string[] = [];
    if (reverseFrom > 0) parts.push(this.#step(name, flow, -1, 0, reverseFrom));
    if (reverseFrom < features) parts.push(this.#step(name, flow, 0, reverseFrom, features));
    const [only, more] = parts;
    const tensor = more === undefined ? only! : this.#node("Concat", parts, name, { axis: { int: -1 } });
    return { ...rest, tensor };
  }

  /** Some columns of the first or the last step. */
  #step(name: string, { tensor, features }: Flow, step: number, from: number, to: number): string {
    const index = this.#constant(`${name}.step`, [step], []);
    const one = this.#node("Gather", [tensor, index], `${name}.at`, { axis: { int: 1 } });
    if (from === 0 && to === features) return one;
    const bounds = [this.#ints(`${name}.from`, from), this.#ints(`${name}.to`, to), this.#ints(`${name}.axis`, 1)];
    return this.#node("Slice", [one, ...bounds], `${name}.part`);
  }

  // ------------------------------------------------------------------------------------------------ recurrent layers

  #recurrent(layer: Recurrent, name: string, flow: Flow): Flow {
    checkRecurrent(layer, name);
    const { layers = 1, bidirectional = false, units: H } = layer;
    const D = bidirectional ? 2 : 1;
    const perm = { perm: { ints: [1, 0, 2] } };
    let x = this.#node("Transpose", [flow.tensor], `${name}.in`, perm);
    let inputs = flow.features;
    let last = "";
    for (let level = 0; level < layers; level++) {
      const one = this.#level(layer, name, level, x, inputs, flow.tensor);
      // (time, directions, batch, units) → (time, batch, directions·units)
      if (D === 1) {
        x = this.#node("Squeeze", [one.y, this.#ints(`${name}.axis`, 1)], `${name}.y${level}`);
        last = this.#node("Squeeze", [one.h, this.#ints(`${name}.axis`, 0)], `${name}.h${level}`);
      } else {
        const y = this.#node("Transpose", [one.y], `${name}.turned`, { perm: { ints: [0, 2, 1, 3] } });
        x = this.#node("Reshape", [y, this.#ints(`${name}.shape`, 0, 0, -1)], `${name}.y${level}`);
        const h = this.#node("Transpose", [one.h], `${name}.turned`, { perm: { ints: [1, 0, 2] } });
        last = this.#node("Reshape", [h, this.#ints(`${name}.shape`, 0, -1)], `${name}.h${level}`);
      }
      inputs = H * D;
    }
    const reverseFrom = layer.reverse ? 0 : H;
    return { tensor: this.#node("Transpose", [x], name, perm), features: inputs, hasTime: true, reverseFrom, last };
  }

  /** One layer of a stack, as one node; `whole` is a tensor with the batch as its first axis. */
  #level(layer: Recurrent, name: string, level: number, x: string, I: number, whole: string): { y: string; h: string } {
    const { units: H, bias = true, bidirectional = false } = layer;
    const suffixes = bidirectional ? [`_l${level}`, `_l${level}_reverse`] : [`_l${level}`];
    const coupled = layer.type === "lstm" && layer.coupled === true;
    const cell: GatedCell = layer.type;
    const of = (which: string, inputs: number, suffix: string) => {
      const ours = this.#parameter(name, `${which}${suffix}`);
      return gatesFromOurs(gateLayouts.onnx, cell, coupled ? uncoupleGates(ours, H * inputs) : ours, inputs);
    };
    const stack = (which: string, parts: readonly Float32Array[], shape: readonly number[]) =>
      this.#constant(`${name}.${which}_l${level}`, concatenate(parts), [suffixes.length, ...shape]);
    const G = { elman: 1, gru: 3, lstm: 4 }[layer.type];
    const inputs = [
      x,
      stack(
        "W",
        suffixes.map((suffix) => of("weight_ih", I, suffix)),
        [G * H, I],
      ),
      stack(
        "R",
        suffixes.map((suffix) => of("weight_hh", H, suffix)),
        [G * H, H],
      ),
      bias
        ? stack(
            "B",
            suffixes.flatMap((suffix) => [of("bias_ih", 1, suffix), of("bias_hh", 1, suffix)]),
            [2 * G * H],
          )
        : "",
      this.#lengths ? "lengths" : "",
      ...(["h", "c"] as const).map((which) =>
        which === "c" && layer.type !== "lstm" ? "" : this.#initial(layer, name, which, suffixes, whole),
      ),
      layer.type === "lstm" && layer.peepholes
        ? stack(
            "P",
            suffixes.map((suffix) => this.#peepholes(name, suffix, H, coupled)),
            [3 * H],
          )
        : "",
    ];
    while (inputs.at(-1) === "") inputs.pop();
    const [y, h, c] = ["Y", "Y_h", "Y_c"].map((output) => this.#name(`${name}.${output}_l${level}`)) as [
      string,
      string,
      string,
    ];
    const outputs = layer.type === "lstm" ? [y, h, c] : [y, h];
    const op = { elman: "RNN", gru: "GRU", lstm: "LSTM" }[layer.type];
    this.#nodes.push({ op, name: `${op} ${name}_l${level}`, inputs, outputs, attributes: attributesOf(layer) });
    if (this.#states) {
      this.#final(h, name, "h", suffixes, H);
      if (layer.type === "lstm") this.#final(c, name, "c", suffixes, H);
    }
    return { y, h };
  }

  /** An initial state, (directions, batch, units): inputs of the graph, or what is learnt, for each sequence; "" for zeros. */
  #initial(layer: Recurrent, name: string, which: "h" | "c", suffixes: readonly string[], whole: string): string {
    const { units: H } = layer;
    if (this.#states) {
      const parts = suffixes.map((suffix) => {
        const state = `${name}.${which}${suffix}`;
        this.#inputs.push({ name: state, type: "float", shape: ["batch", H] });
        return this.#node("Unsqueeze", [state, this.#ints(`${name}.axis`, 0)], `${state}.one`);
      });
      return parts.length === 1 ? parts[0]! : this.#node("Concat", parts, `${name}.${which}0`, { axis: { int: 0 } });
    }
    if (!layer.learnInitialState) return "";
    const learnt = concatenate(suffixes.map((suffix) => this.#parameter(name, `${which}0${suffix}`)));
    const one = this.#constant(`${name}.${which}0`, learnt, [suffixes.length, 1, H]);
    const shape = this.#node("Shape", [whole], `${name}.shape`, { end: { int: 1 } });
    const sizes = [this.#ints(`${name}.directions`, 1), shape, this.#ints(`${name}.units`, 1)];
    return this.#node(
      "Expand",
      [one, this.#node("Concat", sizes, `${name}.sizes`, { axis: { int: 0 } })],
      `${name}.${which}`,
    );
  }

  /** Final states as outputs of the graph, a direction each. */
  #final(state: string, name: string, which: string, suffixes: readonly string[], H: number): void {
    suffixes.forEach((suffix, d) => {
      const output = `${name}.${which}${suffix}_next`;
      const index = this.#constant(`${name}.direction`, [d], []);
      this.#nodes.push({
        op: "Gather",
        name: output,
        inputs: [state, index],
        outputs: [output],
        attributes: { axis: { int: 0 } },
      });
      this.#outputs.push({ name: output, type: "float", shape: ["batch", H] });
    });
  }

  #peepholes(name: string, suffix: string, H: number, coupled: boolean): Float32Array {
    const of = (gate: string) => this.#parameter(name, `weight_c${gate}${suffix}`);
    const i = coupled ? of("f").map((x) => -x) : of("i");
    const f = coupled ? new Float32Array(H) : of("f");
    return reorderGates(concatenate([i, f, of("o")]), ourLayout.peepholes, gateLayouts.onnx.peepholes);
  }

  // ----------------------------------------------------------------------------------------------------- activations

  #activation(activation: Activation, name: string, x: string): string {
    const type = typeof activation === "string" ? activation : activation.type;
    const alpha = typeof activation === "string" ? undefined : activation.alpha;
    const one = (op: string, attributes: NodeToWrite["attributes"] = {}, from = x) =>
      this.#node(op, [from], `${name}.${op}`, attributes);
    const two = (op: string, a: string, b: string) => this.#node(op, [a, b], `${name}.${op}`);
    const number = (value: number) => this.#scalar(`${name}.number`, value);
    switch (type) {
      case "linear":
        return x;
      case "softmax":
        return one("Softmax", { axis: { int: -1 } });
      case "logSoftmax":
        return one("LogSoftmax", { axis: { int: -1 } });
      case "leakyRelu":
        return one("LeakyRelu", { alpha: { float: alpha ?? 0.01 } });
      case "elu":
        return one("Elu", { alpha: { float: alpha ?? 1 } });
      case "hardSigmoid":
        return one("HardSigmoid", { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
      case "hardTanh":
        return this.#node("Clip", [x, number(-1), number(1)], `${name}.Clip`);
      case "relu6":
        return this.#node("Clip", [x, number(0), number(6)], `${name}.Clip`);
      case "silu":
        return two("Mul", x, one("Sigmoid"));
      case "mish":
        return two("Mul", x, one("Tanh", {}, one("Softplus")));
      case "logSigmoid":
        return one("Neg", {}, one("Softplus", {}, one("Neg")));
      case "gelu": {
        const erf = one("Erf", {}, two("Mul", x, number(Math.SQRT1_2)));
        return two("Mul", two("Mul", x, number(0.5)), two("Add", erf, number(1)));
      }
      case "geluTanh": {
        const cubic = two("Mul", two("Mul", two("Mul", x, x), x), number(0.044715));
        const inner = two("Mul", two("Add", x, cubic), number(Math.sqrt(2 / Math.PI)));
        return two("Mul", two("Mul", x, number(0.5)), two("Add", one("Tanh", {}, inner), number(1)));
      }
      default:
        return one(type.charAt(0).toUpperCase() + type.slice(1));
    }
  }
}

function refusal(name: string, why: string): FormatError {
  return new FormatError("unsupported", `exportOnnx: "${name}" ${why}`);
}

/** Names of the options that ONNX's recurrent operators have nothing for. */
function checkRecurrent(layer: Recurrent, name: string): void {
  if (layer.zoneout !== undefined) throw refusal(name, "has zoneout, which ONNX has not");
  if (layer.type !== "lstm") return;
  const strange = (["projection", "cellClip", "layerNorm"] as const).find(
    (option) => layer[option as keyof LstmOptions] !== undefined,
  );
  if (strange !== undefined) throw refusal(name, `has the option "${strange}", which ONNX has not`);
}

function attributesOf(layer: Recurrent): NonNullable<NodeToWrite["attributes"]> {
  const { units, bidirectional = false, reverse = false, gateClip } = layer;
  const directions = bidirectional ? 2 : 1;
  const given = layer.activations ?? (layer.type === "elman" ? [layer.activation ?? "tanh"] : undefined);
  const count = { elman: 1, gru: 2, lstm: 3 }[layer.type];
  const all = given && (given.length === count && directions === 2 ? [...given, ...given] : given).map(recurrentName);
  const numbers = (key: "alpha" | "beta") => (all ?? []).flatMap((one) => one[key] ?? []);
  const [alphas, betas] = [numbers("alpha"), numbers("beta")];
  return {
    hidden_size: { int: units },
    direction: { text: bidirectional ? "bidirectional" : reverse ? "reverse" : "forward" },
    ...(layer.type === "gru" && { linear_before_reset: { int: layer.reset === "before" ? 0 : 1 } }),
    ...(layer.type === "lstm" && layer.coupled && { input_forget: { int: 1 } }),
    ...(gateClip !== undefined && { clip: { float: gateClip } }),
    ...(all && { activations: { texts: all.map(({ name }) => name) } }),
    ...(alphas.length > 0 && { activation_alpha: { floats: alphas } }),
    ...(betas.length > 0 && { activation_beta: { floats: betas } }),
  };
}

/** [i f g o] of our [f g o]: i = 1 − f has the parameters of f times −1, and those of f are not used. */
function uncoupleGates(gates: Float32Array, size: number): Float32Array {
  const all = new Float32Array(gates.length + size);
  all.set(gates, size);
  for (let k = 0; k < size; k++) {
    all[k] = -gates[k]!;
    all[size + k] = 0;
  }
  return all;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whether the input is sequences: the first layer to care says so. */
function takesSequences(layers: readonly LayerDescription[]): boolean {
  const first = layers.find(({ type }) => ["elman", "gru", "lstm", "jordan", "last", "tdnn", "repeat"].includes(type));
  return first !== undefined && first.type !== "repeat";
}

/** Steps of the output where a layer fixes them. */
function stepsOf(layers: readonly LayerDescription[]): number | undefined {
  return layers.reduce<number | undefined>((steps, layer) => {
    return layer.type === "repeat" ? layer.steps : layer.type === "last" ? undefined : steps;
  }, undefined);
}
