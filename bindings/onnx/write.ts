/** Writes the messages of an ONNX file; see proto.ts for their names. */

import { PbfWriter } from "pbf";
import { ATTRIBUTE, TYPE, type DimProto } from "./proto.ts";

export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | readonly number[];
}

/** An attribute: an integer, a float, a text, a list of one of these, or a tensor. */
type AttributeValue =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly texts: readonly string[] }
  | { readonly tensor: TensorToWrite }
  | { readonly graph: GraphToWrite };

export interface NodeToWrite {
  readonly op: string;
  readonly name: string;
  /** "" for an optional input or output that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

export interface PortToWrite {
  readonly name: string;
  readonly type: "float" | "int32" | "int64";
  /** Without, the file does not say. */
  readonly shape?: readonly DimProto[];
}

export interface GraphToWrite {
  readonly nodes: readonly NodeToWrite[];
  readonly initializers: readonly TensorToWrite[];
  readonly inputs: readonly PortToWrite[];
  readonly outputs: readonly PortToWrite[];
}

/** The version of the format that opset 17 came with. */
const IR_VERSION = 8;

/** An ONNX file. */
export function writeModel(graph: GraphToWrite, opset: number): Uint8Array<ArrayBuffer> {
  const to = new PbfWriter();
  to.writeVarintField(1, IR_VERSION);
  to.writeStringField(2, "unrolled");
  to.writeMessage(7, writeGraph, graph);
  to.writeMessage(8, (version: number, opsets) => opsets.writeVarintField(2, version), opset);
  return new Uint8Array(to.finish());
}

function writeGraph(graph: GraphToWrite, to: PbfWriter): void {
  for (const node of graph.nodes) to.writeMessage(1, writeNode, node);
  to.writeStringField(2, "unrolled");
  for (const tensor of graph.initializers) to.writeMessage(5, writeTensor, tensor);
  for (const port of graph.inputs) to.writeMessage(11, writePort, port);
  for (const port of graph.outputs) to.writeMessage(12, writePort, port);
}

function writeNode({ op, name, inputs, outputs, attributes = {} }: NodeToWrite, to: PbfWriter): void {
  for (const input of inputs) to.writeStringField(1, input);
  for (const output of outputs) to.writeStringField(2, output);
  to.writeStringField(3, name);
  to.writeStringField(4, op);
  for (const entry of Object.entries(attributes)) to.writeMessage(5, writeAttribute, entry);
}

function writeAttribute([name, value]: [string, AttributeValue], to: PbfWriter): void {
  const type = (of: keyof typeof ATTRIBUTE) => to.writeVarintField(20, ATTRIBUTE[of]);
  to.writeStringField(1, name);
  if ("int" in value) {
    to.writeVarintField(3, value.int);
    type("INT");
  } else if ("float" in value) {
    to.writeFloatField(2, value.float);
    type("FLOAT");
  } else if ("text" in value) {
    to.writeStringField(4, value.text);
    type("STRING");
  } else if ("ints" in value) {
    for (const int of value.ints) to.writeVarintField(8, int);
    type("INTS");
  } else if ("floats" in value) {
    for (const float of value.floats) to.writeFloatField(7, float);
    type("FLOATS");
  } else if ("texts" in value) {
    for (const text of value.texts) to.writeStringField(9, text);
    type("STRINGS");
  } else if ("graph" in value) {
    to.writeMessage(6, writeGraph, value.graph);
    type("GRAPH");
  } else {
    to.writeMessage(5, writeTensor, value.tensor);
    type("TENSOR");
  }
}

/** Floats, or integers of 64 bits. */
function writeTensor({ name, shape, data }: TensorToWrite, to: PbfWriter): void {
  const isFloat = data instanceof Float32Array;
  const numbers = isFloat ? data.slice() : BigInt64Array.from(data, BigInt);
  for (const size of shape) to.writeVarintField(1, size);
  to.writeVarintField(2, isFloat ? TYPE.FLOAT : TYPE.INT64);
  to.writeStringField(8, name);
  to.writeBytesField(9, new Uint8Array(numbers.buffer));
}

const portTypes = { float: TYPE.FLOAT, int32: TYPE.INT32, int64: TYPE.INT64 };

function writePort({ name, type, shape }: PortToWrite, to: PbfWriter): void {
  to.writeStringField(1, name);
  to.writeMessage(2, (_, kind) => kind.writeMessage(1, writeTensorType, { type, shape }), undefined);
}

function writeTensorType(
  { type, shape }: { type: PortToWrite["type"]; shape: PortToWrite["shape"] },
  to: PbfWriter,
): void {
  to.writeVarintField(1, portTypes[type]);
  if (shape) to.writeMessage(2, writeShape, shape);
}

function writeShape(shape: readonly DimProto[], to: PbfWriter): void {
  for (const size of shape) to.writeMessage(1, writeDim, size);
}

function writeDim(size: DimProto, to: PbfWriter): void {
  if (typeof size === "number") to.writeVarintField(1, size);
  else if (size !== undefined) to.writeStringField(2, size);
}
