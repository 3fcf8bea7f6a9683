import { FormatError, type Network } from "../index.ts";
import { Chain, type RecurrentDraft } from "./chain.ts";
import { Budget, constantOf, MOST_AXES } from "./constant.ts";
import { openDim, type Dim } from "./dim.ts";
import { Graph, type Value } from "./graph.ts";
import { OnnxModel, type Outlet, type StateInlet } from "./model.ts";
import { evaluate } from "./operators.ts";
import { readModel, TYPE, type DimProto, type GraphProto, type OnnxModelProto, type ValueInfo } from "./proto.ts";
import { expectOptions, expectType, show } from "../validate.ts";
import { viewOf } from "./view.ts";

/** Which part of a graph is read. */
export interface OnnxOptions {
  /**
   * Tensors at which the network begins, in place of the graph's inputs, with their sizes; a size that is open is a name:
   * `{ "/encoder/Relu_output_0": ["batch", 128, 1] }`. What computes them is not looked at.
   */
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  /** Names of the tensors that are wanted. Default: the graph's outputs. */
  readonly outputs?: readonly string[];
  /** Inputs of the graph, of one number, that are always this: `{ sr: 16000 }`. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** Operator sets whose meaning is known here. */
const [FIRST_OPSET, LAST_OPSET] = [7, 21];

/**
 * The network of an ONNX file: its layers and weights, which go on learning. See `readOnnx` for what belongs to the file's graph:
 * the names and the layout of its inputs and outputs.
 * @throws FormatError that names the node and why, when the graph is none of ours or the file is damaged
 */
export function importOnnx(bytes: Uint8Array | ArrayBuffer, options: OnnxOptions = {}): Network {
  return readOnnx(bytes, options).network;
}

/**
 * Reads an ONNX file: a network, and beside it how the graph's inputs and outputs belong to it.
 * @throws FormatError as `importOnnx`
 */
export function readOnnx(bytes: Uint8Array | ArrayBuffer, options: OnnxOptions = {}): OnnxModel {
  expectOptions("readOnnx", options, ["inputs", "outputs", "constants"]);
  const isBytes = bytes instanceof Uint8Array || bytes instanceof ArrayBuffer;
  expectType(isBytes, "bytes", "a Uint8Array or an ArrayBuffer", bytes);
  const file = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  return read(file, options);
}

/** The network of the layers that were read. What it refuses is the file's fault; what the runtime refuses has a cause. */
function build(chain: Chain): Network {
  try {
    return chain.build();
  } catch (error) {
    const isWrong = (error instanceof TypeError || error instanceof RangeError) && error.cause === undefined;
    if (!isWrong) throw error;
    throw new FormatError("unsupported", `onnx: the graph's layers make no network: ${error.message}`);
  }
}

function read(file: Uint8Array, options: OnnxOptions): OnnxModel {
  const model = readModel(file);
  const { graph } = model;
  if (!graph) throw new FormatError("malformed", "onnx: the file has no graph: it is damaged or of another format");
  const opset = opsetOf(model);
  const budget = new Budget(file.length);
  const chain = new Chain();
  const given = givenValues(graph, options);
  const scope = new Graph(
    graph,
    given,
    opset,
    (tensor) => constantOf(tensor, budget),
    (node) => evaluate(node, chain, budget),
  );
  for (const name of Object.keys(options.inputs ?? {})) expectTensor(graph, name);
  const wanted = options.outputs ?? graph.outputs.map(({ name }) => name);
  if (wanted.length === 0) throw new FormatError("malformed", "onnx: the graph has no output");
  for (const name of wanted) if (options.outputs && !scope.has(name)) throw noTensor(name);
  const outlets = finish(
    wanted.map((name): Outlet => ({ name, value: scope.value(name) })),
    chain,
  );
  return new OnnxModel({
    network: build(chain),
    opset,
    producer: [model.producer, model.producerVersion].filter((text) => text !== "").join(" "),
    ...{ chain, outlets, states: stateInlets(chain) },
    inputs: [...given].flatMap(([name, value]) => (value.kind === "view" ? [{ name, source: value.source }] : [])),
  });
}

function opsetOf({ opsets }: OnnxModelProto): number {
  const versions = opsets.filter(({ domain }) => domain === "" || domain === "ai.onnx");
  const [found, more] = versions;
  if (!found) throw new FormatError("malformed", "onnx: the file does not say which operator set (opset) it needs");
  if (more && more.version !== found.version)
    throw new FormatError("malformed", "onnx: the file needs two operator sets");
  if (found.version < FIRST_OPSET || found.version > LAST_OPSET) {
    const cure = found.version < FIRST_OPSET ? "a newer" : "an older";
    throw new FormatError(
      "unsupported",
      `onnx: the file needs opset ${found.version}, and read are ${FIRST_OPSET} to ${LAST_OPSET}: export it with ${cure} opset_version`,
    );
  }
  return found.version;
}

const noTensor = (name: string) =>
  new RangeError(`readOnnx: the graph has no tensor ${show(name)}; a viewer such as Netron shows their names`);

/** Whether a tensor of this name is made at the top of the graph: within a branch of an If it turns up later. */
function expectTensor(graph: GraphProto, name: string): void {
  const isInput = graph.inputs.some((input) => input.name === name);
  const isMade = graph.nodes.some(({ op, outputs }) => op === "If" || outputs.includes(name));
  if (!isInput && !isMade) throw noTensor(name);
}

const hasFloats = (type: number) => [TYPE.FLOAT, TYPE.DOUBLE, TYPE.FLOAT16, TYPE.BFLOAT16].some((one) => one === type);
const hasIntegers = (type: number) => type === TYPE.INT32 || type === TYPE.INT64;

/** What is known of the graph's inputs, or of the tensors that the caller has named instead. */
function givenValues(graph: GraphProto, { inputs, constants = {} }: OnnxOptions): Map<string, Value> {
  const given = new Map<string, Value>();
  const initialized = new Set(graph.initializers.map(({ name }) => name)); // before opset 9 they are inputs too
  for (const [name, value] of Object.entries(constants)) {
    if (!graph.inputs.some((input) => input.name === name)) throw noTensor(name);
    given.set(name, { kind: "ints", shape: [], items: [value] });
  }
  for (const [name, sizes] of Object.entries(inputs ?? {})) {
    const dims = sizes.map((size, axis) => dimOf(name, axis, size));
    given.set(name, viewOf({ kind: "input", name, sizes: dims, integer: isIntegerInput(graph, name) }));
  }
  for (const info of graph.inputs) {
    if (given.has(info.name) || initialized.has(info.name)) continue;
    const view = inputView(info);
    if (view) given.set(info.name, view);
  }
  return given;
}

function isIntegerInput(graph: GraphProto, name: string): boolean {
  const info = graph.inputs.find((input) => input.name === name);
  return info !== undefined && hasIntegers(info.type);
}

/** Nothing is said of an input that no layer can take: who needs it finds it missing. */
function inputView({ name, type, shape }: ValueInfo): Value | undefined {
  if (!hasFloats(type) && !hasIntegers(type)) return undefined;
  if (!shape || shape.length > MOST_AXES) return undefined;
  const sizes = shape.map((size, axis) => dimOf(name, axis, size));
  return viewOf({ kind: "input", name, sizes, integer: hasIntegers(type) });
}

function dimOf(name: string, axis: number, size: DimProto): Dim {
  if (typeof size === "string" && size !== "") return openDim(size);
  if (typeof size === "number" && size > 0 && Number.isSafeInteger(size)) return size;
  return openDim(`${name}[${axis}]`); // 0 or −1 is how some exporters write an open size
}

function finish(outlets: readonly Outlet[], chain: Chain): Outlet[] {
  for (const outlet of outlets) checkOutlet(outlet, chain);
  const views = outlets.flatMap(({ value }) => (value.kind === "view" ? [value] : []));
  const finished = chain.finish(views);
  return outlets.map(({ name, value }) => ({
    name,
    value: value.kind === "view" ? finished[views.indexOf(value)]! : value,
  }));
}

/** An output of the graph must be the end of the path, or a state. */
function checkOutlet({ name, value }: Outlet, chain: Chain): void {
  const parts = value.kind === "joined" ? value.parts : [value];
  for (const part of parts) {
    if (part.kind !== "view")
      throw new FormatError("unsupported", `onnx: the output ${show(name)} does not depend on the input`);
    const { source } = part;
    if (source.kind === "input")
      throw new FormatError("unsupported", `onnx: the output ${show(name)} is the input ${show(source.name)}`);
    if (source.kind === "output" && source !== chain.top) {
      throw new FormatError(
        "unsupported",
        `onnx: the output ${show(name)} is taken from within the network, after ${source.name}: name those that you need with "outputs"`,
      );
    }
  }
}

/** For each state of the network, in its order, where the graph takes it from. */
function stateInlets(chain: Chain): StateInlet[] {
  const drafts = chain.drafts.filter((draft): draft is RecurrentDraft => "directions" in draft);
  return drafts.flatMap((draft) => {
    const kinds = draft.type === "lstm" ? (["h", "c"] as const) : (["h"] as const);
    return kinds.flatMap((which) =>
      Array.from({ length: draft.directions }, (_, direction) => ({
        ...{ which, units: draft.units, initial: draft.initial[which]?.[direction], final: draft.final[which] },
        learnt: draft.values.get(`${which}0_l0${direction === 1 ? "_reverse" : ""}`),
      })),
    );
  });
}
