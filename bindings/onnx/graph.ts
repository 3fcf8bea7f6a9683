/**
 * The graph: which node gives which tensor, and in what order nodes are looked at, from the outputs backwards. No call goes deeper
 * with the depth of the graph.
 */

import { FormatError, type FormatErrorCode } from "../index.ts";
import type { Floats, Ints } from "./constant.ts";
import { ATTRIBUTE, readGraph, type Attribute, type GraphProto, type NodeProto, type TensorProto } from "./proto.ts";
import { show } from "../validate.ts";
import type { Joined, View } from "./view.ts";

/** What layer normalisation is made of where the exporter has taken it apart: something of `of` along its last axis. */
export interface Statistic {
  readonly kind: "statistic";
  readonly what: "mean" | "centered" | "squared" | "variance" | "deviation";
  readonly of: View;
  readonly epsilon: number;
}

/** What a tensor is known to be. */
export type Value = Ints | Floats | View | Joined | Statistic;

/** A node with its inputs' values. */
export class Node {
  readonly op: string;
  readonly opset: number;
  /** Undefined where an optional input is left out. */
  readonly inputs: readonly (Value | undefined)[];
  readonly #proto: NodeProto;

  constructor(proto: NodeProto, opset: number, inputs: readonly (Value | undefined)[]) {
    this.op = proto.op;
    this.opset = opset;
    this.inputs = inputs;
    this.#proto = proto;
  }

  get title(): string {
    return titleOf(this.#proto);
  }

  /** Names of the outputs that something may use. */
  get outputs(): readonly string[] {
    return this.#proto.outputs;
  }

  /** The graph is sound, and no network of ours does this. */
  refuse(why: string): never {
    throw nodeError("unsupported", this.#proto, why);
  }

  /** The graph breaks the rules of the format. */
  damaged(why: string): never {
    throw nodeError("malformed", this.#proto, why);
  }

  /** @throws FormatError for an attribute that is none of these: it may change the meaning */
  expectAttributes(known: readonly string[]): void {
    const names = this.#proto.attributes.map(({ name }) => name);
    const stranger = names.find((name) => !known.includes(name));
    if (stranger !== undefined)
      this.refuse(`has the attribute ${show(stranger)}; known are ${known.join(", ") || "none"}`);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) this.damaged(`has the attribute ${show(twice)} twice`);
  }

  #attribute(name: string, type: keyof typeof ATTRIBUTE): Attribute | undefined {
    const found = this.#proto.attributes.find((attribute) => attribute.name === name);
    if (found && found.type !== ATTRIBUTE[type] && found.type !== 0) {
      this.damaged(`expected the attribute "${name}" to be ${type}`);
    }
    return found;
  }

  has(name: string): boolean {
    return this.#proto.attributes.some((attribute) => attribute.name === name);
  }

  int(name: string, otherwise: number): number {
    return this.#attribute(name, "INT")?.int ?? otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.#attribute(name, "FLOAT")?.float ?? otherwise;
  }

  text(name: string, otherwise: string): string {
    return this.#attribute(name, "STRING")?.text ?? otherwise;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#attribute(name, "INTS")?.ints;
  }

  floats(name: string): readonly number[] {
    return this.#attribute(name, "FLOATS")?.floats ?? [];
  }

  texts(name: string): readonly string[] | undefined {
    return this.#attribute(name, "STRINGS")?.texts;
  }

  tensor(name: string): TensorProto | undefined {
    return this.#attribute(name, "TENSOR")?.tensor;
  }

  /** Input k, which must be there. */
  input(k: number): Value {
    return this.inputs[k] ?? this.damaged(`has no input ${k}`);
  }

  view(k: number): View {
    const value = this.input(k);
    if (value.kind === "view") return value;
    return this.refuse(`needs ${describe("view")} as input ${k}, and ${describe(value.kind)} comes in`);
  }

  weights(k: number): Floats {
    const value = this.input(k);
    if (value.kind === "floats") return value;
    return this.refuse(`needs ${describe("floats")} as input ${k}, and ${describe(value.kind)} comes in`);
  }
}

/** What a value is, for messages. */
export function describe(kind: Value["kind"]): string {
  if (kind === "view") return "what the layers give";
  if (kind === "floats") return "weights from the file";
  if (kind === "ints") return "sizes";
  return kind === "joined" ? "states beside each other" : "a mean or a variance";
}

function titleOf({ name, op, outputs }: NodeProto): string {
  const kind = show(op).slice(1, -1);
  return name === "" ? `node ${kind} (gives ${show(outputs[0] ?? "")})` : `node ${show(name)} (${kind})`;
}

function nodeError(code: FormatErrorCode, proto: NodeProto, why: string): FormatError {
  return new FormatError(code, `onnx: ${titleOf(proto)} ${why}`);
}

/** Runs one node: its outputs, as many as it can tell. */
type Evaluate = (node: Node) => readonly (Value | undefined)[];

/** A node of the graph, and whether it is being looked at. */
interface Vertex {
  readonly proto: NodeProto;
  state: "new" | "open" | "done";
  /** How many of its inputs are there. */
  ready: number;
}

/** The tensors of a graph, each made when something needs it. */
export class Graph {
  readonly #values = new Map<string, Value>();
  readonly #makers = new Map<string, Vertex>();
  /** What the caller says, whatever the graph does. */
  readonly #given: ReadonlyMap<string, Value>;
  readonly #opset: number;
  readonly #evaluate: Evaluate;
  readonly #readTensor: (tensor: TensorProto) => Value;

  constructor(
    graph: GraphProto,
    given: ReadonlyMap<string, Value>,
    opset: number,
    readTensor: (tensor: TensorProto) => Value,
    evaluate: Evaluate,
  ) {
    this.#opset = opset;
    this.#evaluate = evaluate;
    this.#readTensor = readTensor;
    for (const [name, value] of given) this.#values.set(name, value);
    this.#given = given;
    this.#add(graph);
  }

  /** Tensors and nodes; what the caller has given is not computed. */
  #add(graph: GraphProto): void {
    const given = this.#given;
    if (graph.sparse > 0) throw new FormatError("unsupported", "onnx: the graph has sparse tensors: save it without");
    for (const tensor of graph.initializers) {
      if (given.has(tensor.name)) continue;
      if (this.#values.has(tensor.name)) throw twice(tensor.name);
      this.#values.set(tensor.name, this.#readTensor(tensor));
    }
    for (const proto of graph.nodes) {
      const vertex: Vertex = { proto, state: "new", ready: 0 };
      for (const name of proto.outputs) {
        if (name === "" || given.has(name)) continue;
        if (this.#values.has(name) || this.#makers.has(name)) throw twice(name);
        this.#makers.set(name, vertex);
      }
    }
  }

  /** Whether there is a tensor of this name. */
  has(name: string): boolean {
    return this.#values.has(name) || this.#makers.has(name);
  }

  /** The value of a tensor. @throws FormatError when a node cannot be had, names what is not there, or waits for itself */
  value(name: string): Value {
    // An If is run first, and then what it gives.
    for (let maker = this.#maker(name); maker; maker = this.#maker(name)) this.#runUpTo(maker);
    return this.#values.get(name)!;
  }

  #runUpTo(last: Vertex): void {
    const stack = [last];
    for (let vertex: Vertex | undefined = last; vertex; vertex = stack[stack.length - 1]) {
      const missing = this.#missing(vertex);
      if (!missing) {
        this.#run(vertex);
        stack.pop();
        continue;
      }
      if (missing.state === "open") throw nodeError("malformed", missing.proto, "is part of a cycle");
      missing.state = "open";
      stack.push(missing);
    }
  }

  /** What must be run before a node, the first of it. */
  #missing(vertex: Vertex): Vertex | undefined {
    if (vertex.state === "done") return undefined;
    vertex.state = "open";
    const { inputs } = vertex.proto;
    for (; vertex.ready < inputs.length; vertex.ready++) {
      const input = inputs[vertex.ready]!;
      const maker = input === "" ? undefined : this.#maker(input, vertex.proto);
      if (maker) return maker;
    }
    return undefined;
  }

  /** The node that still has to give a tensor; undefined when the tensor is there. */
  #maker(name: string, user?: NodeProto): Vertex | undefined {
    if (this.#values.has(name)) return undefined;
    const maker = this.#makers.get(name);
    if (maker?.state === "done") {
      throw nodeError("unsupported", maker.proto, `gives ${show(name)}, which no network here has`);
    }
    if (maker) return maker;
    const why = `needs ${show(name)}, which nothing gives`;
    throw user ? nodeError("malformed", user, why) : new FormatError("malformed", `onnx: the graph ${why}`);
  }

  #run(vertex: Vertex): void {
    const { proto } = vertex;
    if (vertex.state === "done") return;
    vertex.state = "done";
    const inputs = proto.inputs.map((name) => (name === "" ? undefined : this.#values.get(name)));
    if (proto.op === "If") {
      this.#openBranch(proto);
      return;
    }
    const outputs = this.#evaluate(new Node(proto, this.#opset, inputs));
    proto.outputs.forEach((name, i) => {
      const value = outputs[i];
      if (value && name !== "" && !this.#given.has(name)) this.#values.set(name, value);
    });
  }

  /** Takes the nodes of the branch that an If goes into the graph: what they give is what the If gives. */
  #openBranch(proto: NodeProto): void {
    const [condition] = proto.inputs.map((name) => this.#values.get(name));
    const item = condition?.kind === "ints" ? condition.items[0] : undefined;
    if (typeof item !== "number") {
      throw nodeError(
        "unsupported",
        proto,
        'depends on the data: fix an input with "constants", or read a part of the graph with "inputs"',
      );
    }
    const which = item === 0 ? "else_branch" : "then_branch";
    const bytes = proto.attributes.find(({ name }) => name === which)?.graph;
    if (!bytes) throw nodeError("malformed", proto, `has no ${which}`);
    const graph = readGraph(bytes);
    this.#add(graph);
    if (graph.outputs.length !== proto.outputs.length) {
      throw nodeError("malformed", proto, `expected ${proto.outputs.length} outputs of its ${which}`);
    }
    proto.outputs.forEach((name, i) => {
      const alias = { ...proto, op: "Identity", inputs: [graph.outputs[i]!.name], outputs: [name], attributes: [] };
      if (name !== "" && !this.#given.has(name)) this.#makers.set(name, { proto: alias, state: "new", ready: 0 });
    });
  }
}

function twice(name: string): FormatError {
  return new FormatError("malformed", `onnx: there are two tensors ${show(name)}`);
}
