/** Changes ONNX files: bytes at random, and fields of the messages so that all lengths stay right. */

import { PbfReader, PbfWriter } from "pbf";

/** Draws an integer from 0 to n − 1. */
export type Draw = (n: number) => number;

/** A field of a message: a number, or bytes, which may be a message themselves. */
interface Field {
  readonly number: number;
  readonly wire: number;
  value: number | Uint8Array | Field[];
}

/** Which fields of which message are messages, by the names of proto.ts. */
const schema: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: "graph", 8: "opset" },
  graph: { 1: "node", 5: "tensor", 11: "port", 12: "port" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph" },
  port: { 2: "type" },
  type: { 1: "tensorType" },
  tensorType: { 2: "shape" },
  shape: { 1: "dim" },
};

function parse(bytes: Uint8Array, message: string): Field[] {
  const reader = new PbfReader(bytes);
  const fields: Field[] = [];
  for (let number = reader.nextField(); number !== 0; number = reader.nextField()) {
    const wire = reader.type;
    const inner = schema[message]?.[number];
    if (wire === 0) fields.push({ number, wire, value: reader.readVarint(true) });
    else if (wire === 5) fields.push({ number, wire, value: reader.readFloat() });
    else if (wire === 1) fields.push({ number, wire, value: reader.readDouble() });
    else {
      const part = reader.readBytes();
      fields.push({ number, wire, value: inner ? parse(part, inner) : part });
    }
  }
  return fields;
}

function write(fields: readonly Field[], to: PbfWriter): void {
  for (const { number, wire, value } of fields) {
    if (value instanceof Uint8Array) to.writeBytesField(number, value);
    else if (typeof value !== "number") to.writeMessage(number, write, value);
    else if (wire === 0) to.writeVarintField(number, value);
    else if (wire === 5) to.writeFloatField(number, value);
    else to.writeDoubleField(number, value);
  }
}

function listsIn(fields: Field[]): Field[][] {
  const inner = fields.flatMap(({ value }) => (Array.isArray(value) ? listsIn(value) : []));
  return fields.length > 0 ? [fields, ...inner] : inner;
}

const interesting = [0, 1, -1, 2, 3, 4, 5, 6, 7, 10, 13, 21, 22, 64, 65, 1000, 4096, 2 ** 31, 2 ** 53, -(2 ** 31)];

/** Deletes, doubles, exchanges or changes some fields. */
export function mutateFields(bytes: Uint8Array, draw: Draw): Uint8Array {
  const root = parse(bytes, "model");
  const lists = listsIn(root);
  const texts = lists.flat().flatMap(({ value }) => (value instanceof Uint8Array && value.length < 80 ? [value] : []));
  for (let n = 1 + draw(3); n > 0; n--) {
    const list = lists[draw(lists.length)]!;
    if (list.length === 0) continue;
    const at = draw(list.length);
    const field = list[at]!;
    const how = draw(8);
    if (how === 0) list.splice(at, 1);
    else if (how === 1) list.splice(draw(list.length), 0, field);
    else if (how === 2) {
      const other = draw(list.length);
      [list[at], list[other]] = [list[other]!, list[at]!];
    } else if (typeof field.value === "number") field.value = interesting[draw(interesting.length)]!;
    else if (field.value instanceof Uint8Array) field.value = mutateBytesField(field.value, texts, draw);
  }
  const to = new PbfWriter();
  write(root, to);
  return new Uint8Array(to.finish());
}

/** Another text of the file, so that names meet, or some bytes changed. */
function mutateBytesField(value: Uint8Array, texts: readonly Uint8Array[], draw: Draw): Uint8Array {
  if (value.length < 80 && draw(2) === 0) return texts[draw(texts.length)]!;
  if (draw(4) === 0) return value.slice(0, draw(value.length + 1));
  const changed = value.slice();
  if (changed.length > 0) changed[draw(changed.length)] = draw(256);
  return changed;
}

/** Changes, cuts, drops, doubles and inserts bytes. */
export function mutateBytes(bytes: Uint8Array, other: Uint8Array, draw: Draw): Uint8Array {
  let changed = bytes;
  for (let n = 1 + draw(4); n > 0 && changed.length > 0; n--) {
    const at = draw(changed.length);
    const [before, after] = [changed.subarray(0, at), changed.subarray(at)];
    const how = draw(6);
    const from = draw(other.length);
    if (how === 0) changed = Uint8Array.from(changed, (byte, i) => (i === at ? byte ^ (1 << draw(8)) : byte));
    else if (how === 1) changed = Uint8Array.of(...before, draw(256), ...after.subarray(1));
    else if (how === 2) changed = before;
    else if (how === 3) changed = Uint8Array.of(...before, ...after.subarray(1 + draw(20)));
    else if (how === 4) changed = Uint8Array.of(...before, ...after.subarray(0, 1 + draw(40)), ...after);
    else changed = Uint8Array.of(...before, ...other.subarray(from, from + draw(200)), ...after);
  }
  return changed;
}
