/**
 * The messages of an ONNX file (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3), those fields of them that we need. What
 * is big stays bytes, a view into the file, until something asks for it, subgraphs too.
 */

import { PbfReader } from "pbf";
import { FormatError } from "../index.ts";

export interface OnnxModelProto {
  irVersion: number;
  producer: string;
  producerVersion: string;
  opsets: { domain: string; version: number }[];
  graph: GraphProto | undefined;
}

export interface GraphProto {
  nodes: NodeProto[];
  initializers: TensorProto[];
  sparse: number;
  inputs: ValueInfo[];
  outputs: ValueInfo[];
}

export interface NodeProto {
  op: string;
  domain: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Attribute[];
}

export interface Attribute {
  name: string;
  type: number;
  float: number;
  int: number;
  text: string;
  tensor: TensorProto | undefined;
  /** A subgraph, as it stands: readGraph reads it. */
  graph: Uint8Array | undefined;
  floats: number[];
  ints: number[];
  texts: string[];
}

/** AttributeProto.AttributeType */
export const ATTRIBUTE = { FLOAT: 1, INT: 2, STRING: 3, TENSOR: 4, GRAPH: 5, FLOATS: 6, INTS: 7, STRINGS: 8 } as const;

/** TensorProto.DataType */
export const TYPE = {
  FLOAT: 1,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  BFLOAT16: 16,
} as const;

export interface TensorProto {
  name: string;
  dims: number[];
  type: number;
  /** Elements as they stand in memory. */
  raw: Uint8Array | undefined;
  /** Fields of numbers by their number in the schema: packed, or a piece for each element. */
  data: Map<number, Uint8Array[]>;
  external: boolean;
  segmented: boolean;
}

/** A dimension: a size, a name for one that is open, or neither. */
export type DimProto = number | string | undefined;

export interface ValueInfo {
  name: string;
  /** TensorProto.DataType; 0 if it is no tensor. */
  type: number;
  /** Undefined if the file does not say. */
  shape: DimProto[] | undefined;
}

/** A list of numbers in an attribute or of sizes is short: what is longer is no graph of ours. */
const LONGEST_LIST = 4096;

const damaged = (why: string, code: "malformed" | "truncated" = "malformed") =>
  new FormatError(code, `onnx: ${why}. The file is damaged or of another format: write or download it again.`);

const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5] as const;

/** The fields of one message, one after another, each held to its wire type and to the end of the message. */
class Fields {
  readonly #reader: PbfReader;
  readonly #what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.#reader = new PbfReader(bytes);
    this.#what = what;
  }

  read(each: (field: number) => void): void {
    const reader = this.#reader;
    while (reader.pos < reader.length) {
      const start = reader.pos;
      const field = this.#number(() => reader.nextField());
      if (field === 0 || reader.pos <= start) throw damaged(`a field of ${this.#what} has no number`);
      const before = reader.pos;
      each(field);
      if (reader.pos === before) this.#skip();
      if (reader.pos > reader.length) throw damaged(`${this.#what} ends too early`, "truncated");
    }
  }

  #skip(): void {
    const { type } = this.#reader;
    const isKnown = type === VARINT || type === FIXED64 || type === BYTES || type === FIXED32;
    if (!isKnown) throw damaged(`a field of ${this.#what} has the wire type ${type}`);
    if (type === BYTES) this.bytes();
    else this.#reader.skip(type);
  }

  /** A number of the wire, which the reader refuses when it is longer than ten bytes. */
  #number(next: () => number): number {
    try {
      return next();
    } catch {
      throw damaged(`a number in ${this.#what} has no end`);
    }
  }

  #expect(type: number): void {
    const { type: found } = this.#reader;
    if (found !== type) throw damaged(`a field of ${this.#what} has the wire type ${found} in place of ${type}`);
  }

  integer(): number {
    this.#expect(VARINT);
    return this.#number(() => this.#reader.readVarint(true));
  }

  float(): number {
    this.#expect(FIXED32);
    if (this.#reader.pos + 4 > this.#reader.length) throw damaged(`${this.#what} ends too early`, "truncated");
    return this.#reader.readFloat();
  }

  /** A view into the file. */
  bytes(): Uint8Array {
    this.#expect(BYTES);
    const reader = this.#reader;
    const length = this.#number(() => reader.readVarint());
    const end = reader.pos + length;
    if (end > reader.length) throw damaged(`${this.#what} ends too early`, "truncated");
    const bytes = reader.buf.subarray(reader.pos, end);
    reader.pos = end;
    return bytes;
  }

  text(): string {
    return decoder.decode(this.bytes());
  }

  /** One number of a repeated field, or all of them where they are packed. */
  integers(to: number[]): void {
    if (this.#reader.type === BYTES) this.#unpack(to, 1, (reader) => this.#number(() => reader.readVarint(true)));
    else to.push(this.integer());
    this.#checkLength(to);
  }

  floats(to: number[]): void {
    if (this.#reader.type === BYTES) this.#unpack(to, 4, (reader) => reader.readFloat());
    else to.push(this.float());
    this.#checkLength(to);
  }

  #unpack(to: number[], least: number, next: (reader: PbfReader) => number): void {
    const bytes = this.bytes();
    const reader = new PbfReader(bytes);
    if (bytes.length % least !== 0) throw damaged(`${this.#what} ends within a number`, "truncated");
    while (reader.pos < bytes.length && to.length <= LONGEST_LIST) to.push(next(reader));
    if (reader.pos > bytes.length) throw damaged(`${this.#what} ends too early`, "truncated");
  }

  #checkLength(list: readonly number[]): void {
    if (list.length > LONGEST_LIST) {
      throw new FormatError("unsupported", `onnx: ${this.#what} has a list of more than ${LONGEST_LIST} numbers`);
    }
  }

  /** The bytes of a number or of packed ones, as they stand. */
  piece(): Uint8Array {
    const reader = this.#reader;
    if (reader.type === BYTES) return this.bytes();
    const start = reader.pos;
    this.#skip();
    return reader.buf.subarray(start, reader.pos);
  }
}

/** Not fatal: a name with a wrong character is still a name. */
const decoder = new TextDecoder();

function read<T>(bytes: Uint8Array, what: string, to: T, each: (field: number, to: T, from: Fields) => void): T {
  const fields = new Fields(bytes, what);
  fields.read((field) => each(field, to, fields));
  return to;
}

/** @throws FormatError on anything that is no ONNX file */
export function readModel(bytes: Uint8Array): OnnxModelProto {
  const empty: OnnxModelProto = { irVersion: 0, producer: "", producerVersion: "", opsets: [], graph: undefined };
  return read(bytes, "the model", empty, (field, to, from) => {
    if (field === 1) to.irVersion = from.integer();
    else if (field === 2) to.producer = from.text();
    else if (field === 3) to.producerVersion = from.text();
    else if (field === 7) to.graph = readGraph(from.bytes());
    else if (field === 8) to.opsets.push(readOpset(from.bytes()));
  });
}

function readOpset(bytes: Uint8Array): { domain: string; version: number } {
  return read(bytes, "an operator set", { domain: "", version: 0 }, (field, to, from) => {
    if (field === 1) to.domain = from.text();
    else if (field === 2) to.version = from.integer();
  });
}

export function readGraph(bytes: Uint8Array): GraphProto {
  const empty: GraphProto = { nodes: [], initializers: [], sparse: 0, inputs: [], outputs: [] };
  return read(bytes, "the graph", empty, (field, to, from) => {
    if (field === 1) to.nodes.push(readNode(from.bytes()));
    else if (field === 5) to.initializers.push(readTensor(from.bytes()));
    else if (field === 11) to.inputs.push(readValueInfo(from.bytes()));
    else if (field === 12) to.outputs.push(readValueInfo(from.bytes()));
    else if (field === 15) to.sparse += from.bytes().length > 0 ? 1 : 0;
  });
}

function readNode(bytes: Uint8Array): NodeProto {
  const empty: NodeProto = { op: "", domain: "", name: "", inputs: [], outputs: [], attributes: [] };
  return read(bytes, "a node", empty, (field, to, from) => {
    if (field === 1) to.inputs.push(from.text());
    else if (field === 2) to.outputs.push(from.text());
    else if (field === 3) to.name = from.text();
    else if (field === 4) to.op = from.text();
    else if (field === 5) to.attributes.push(readAttribute(from.bytes()));
    else if (field === 7) to.domain = from.text();
  });
}

function readAttribute(bytes: Uint8Array): Attribute {
  const empty: Attribute = {
    ...{ name: "", type: 0, float: 0, int: 0, text: "", tensor: undefined, graph: undefined },
    ...{ floats: [], ints: [], texts: [] },
  };
  return read(bytes, "an attribute", empty, (field, to, from) => {
    if (field === 1) to.name = from.text();
    else if (field === 2) to.float = from.float();
    else if (field === 3) to.int = from.integer();
    else if (field === 4) to.text = from.text();
    else if (field === 5) to.tensor = readTensor(from.bytes());
    else if (field === 6) to.graph = from.bytes();
    else if (field === 7) from.floats(to.floats);
    else if (field === 8) from.integers(to.ints);
    else if (field === 9) to.texts.push(from.text());
    else if (field === 20) to.type = from.integer();
  });
}

function readTensor(bytes: Uint8Array): TensorProto {
  const empty: TensorProto = {
    ...{ name: "", dims: [], type: 0, raw: undefined, external: false, segmented: false },
    data: new Map(),
  };
  return read(bytes, "a tensor", empty, (field, to, from) => {
    if (field === 1) from.integers(to.dims);
    else if (field === 2) to.type = from.integer();
    else if (field === 3) to.segmented = from.bytes().length >= 0;
    else if (field === 8) to.name = from.text();
    else if (field === 9) to.raw = from.bytes();
    else if (field === 13) to.external = from.bytes().length >= 0;
    else if (field === 14) to.external ||= from.integer() === 1;
    else if ((field >= 4 && field <= 7) || field === 10 || field === 11) addPiece(to.data, field, from.piece());
  });
}

/** Numbers that follow each other without being packed are many: they are kept apart, but not more of them than a list may have. */
function addPiece(data: TensorProto["data"], field: number, piece: Uint8Array): void {
  const pieces = data.get(field) ?? [];
  if (pieces.length >= LONGEST_LIST) {
    throw new FormatError("unsupported", "onnx: a tensor's numbers are not packed: write the file anew");
  }
  data.set(field, [...pieces, piece]);
}

function readValueInfo(bytes: Uint8Array): ValueInfo {
  const empty: ValueInfo = { name: "", type: 0, shape: undefined };
  return read(bytes, "an input or output", empty, (field, to, from) => {
    if (field === 1) to.name = from.text();
    else if (field === 2) {
      read(from.bytes(), "a type", to, (kind, info, type) => {
        if (kind === 1) readTensorType(type.bytes(), info);
      });
    }
  });
}

function readTensorType(bytes: Uint8Array, info: ValueInfo): void {
  read(bytes, "a type", info, (field, to, from) => {
    if (field === 1) to.type = from.integer();
    else if (field === 2) {
      to.shape = read(from.bytes(), "a shape", [] as DimProto[], (kind, dims, dim) => {
        if (kind === 1) dims.push(readDim(dim.bytes()));
      });
    }
  });
}

function readDim(bytes: Uint8Array): DimProto {
  const found = read(bytes, "a size", { dim: undefined as DimProto }, (field, to, from) => {
    if (field === 1) to.dim = from.integer();
    else if (field === 2) to.dim = from.text();
  });
  return found.dim;
}
