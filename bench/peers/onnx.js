/**
 * Writes the models that onnxruntime runs: a protobuf of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 with a few
 * nodes. A message is a list of fields; a field is its number, its type and its bytes.
 */

/** @typedef {{ name: string, shape: readonly number[] }} ValueInfo */
/** @typedef {ValueInfo & { values: Float32Array }} Initializer */
/** @typedef {{ op: string, inputs: string[], outputs: string[], attributes?: Record<string, number> }} Node */
/** @typedef {{ nodes: Node[], inputs: ValueInfo[], outputs: ValueInfo[], initializers: Initializer[] }} Graph */

const IR_VERSION = 7;
const OPSET = 14;
const FLOAT = 1; // TensorProto.DataType
const INT = 2; // AttributeProto.AttributeType
const [VARINT, BYTES] = [0, 2]; // types of fields

/** @param {number} value */
function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/** @param {number} id @param {number} value */
const integer = (id, value) => new Uint8Array([...varint(id * 8 + VARINT), ...varint(value)]);

/** @param {number} id @param {Uint8Array} content */
const bytes = (id, content) =>
  concatenate([new Uint8Array([...varint(id * 8 + BYTES), ...varint(content.length)]), content]);

/** @param {number} id @param {string} text */
const string = (id, text) => bytes(id, new TextEncoder().encode(text));

/** @param {number} id @param {readonly Uint8Array[]} fields */
const message = (id, fields) => bytes(id, concatenate(fields));

/** @param {readonly Uint8Array[]} parts */
function concatenate(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** AttributeProto: name 1, i 3, type 20. @param {[string, number]} attribute */
const attribute = ([name, value]) => message(5, [string(1, name), integer(3, value), integer(20, INT)]);

/** NodeProto: input 1, output 2, op_type 4, attribute 5. @param {Node} node */
const node = ({ op, inputs, outputs, attributes = {} }) =>
  message(1, [
    ...inputs.map((name) => string(1, name)),
    ...outputs.map((name) => string(2, name)),
    string(4, op),
    ...Object.entries(attributes).map(attribute),
  ]);

/** TensorProto: dims 1, data_type 2, name 8, raw_data 9. @param {Initializer} initializer */
const tensor = ({ name, shape, values }) =>
  message(5, [
    ...shape.map((size) => integer(1, size)),
    integer(2, FLOAT),
    string(8, name),
    bytes(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  ]);

/** ValueInfoProto: name 1, type 2; its tensor_type 1: elem_type 1, shape 2; a dim 1: dim_value 1. @param {number} id */
const valueInfo =
  (id) =>
  (/** @type {ValueInfo} */ { name, shape }) => {
    const dims = shape.map((size) => message(1, [integer(1, size)]));
    return message(id, [string(1, name), message(2, [message(1, [integer(1, FLOAT), message(2, dims)])])]);
  };

/**
 * ModelProto: ir_version 1, graph 7, opset_import 8 (version 2). GraphProto: node 1, name 2, initializer 5, input 11, output 12.
 * @param {Graph} graph
 */
export function writeOnnx({ nodes, inputs, outputs, initializers }) {
  const graph = [
    ...nodes.map(node),
    string(2, "graph"),
    ...initializers.map(tensor),
    ...inputs.map(valueInfo(11)),
    ...outputs.map(valueInfo(12)),
  ];
  return concatenate([integer(1, IR_VERSION), message(7, graph), message(8, [integer(2, OPSET)])]);
}
