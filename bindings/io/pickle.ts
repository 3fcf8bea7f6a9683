/**
 * A pickle read without executing anything: plain values and containers, and of the functions and classes that it names only those
 * of a list; every other is refused by name (protocols 2 to 5; opcodes as in Python's pickletools). Dictionaries become Maps.
 */

import { FormatError } from "../errors.ts";

/** A function or class by its name. */
export class Global {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A tuple: a list that does not change. */
export class Tuple {
  readonly items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

export interface PickleReader {
  /** What a function or class that stands under `name` makes of its arguments; throws a FormatError if it is not known. */
  readonly call: (name: string, args: readonly unknown[]) => unknown;
  /** Refuses a name that is not known. */
  readonly check: (name: string) => void;
  /** What stands for an object outside of the pickle. */
  readonly persistent: (id: unknown) => unknown;
}

const MARK = Symbol("mark");

/** @throws FormatError */
export function readPickle(bytes: Uint8Array, reader: PickleReader): unknown {
  const machine = new Machine(bytes, reader);
  for (;;) {
    const code = machine.unsigned(1);
    if (code === STOP) return machine.pop();
    const step = steps[code];
    if (step) step(machine);
    else throw new FormatError("unsupported", `the pickle has the opcode ${code}, which no state_dict needs`);
  }
}

/** The stack machine of Python's pickle module. */
class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #reader: PickleReader;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #at = 0;

  constructor(bytes: Uint8Array, reader: PickleReader) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#reader = reader;
  }

  // ---- operands

  unsigned(size: 1 | 2 | 4 | 8): number {
    const at = this.#skip(size);
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at, true);
    return size === 4 ? this.#view.getUint32(at, true) : Number(this.#view.getBigUint64(at, true));
  }

  int32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  double(): number {
    return this.#view.getFloat64(this.#skip(8));
  }

  /** Two's complement, the lowest byte first. */
  long(size: number): number {
    if (size > 8) throw new FormatError("unsupported", `the pickle has a whole number of ${size} bytes`);
    const at = this.#skip(size);
    const value = this.#bytes.subarray(at, at + size).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    return Number(BigInt.asIntN(8 * size, value));
  }

  text(size: number): string {
    const at = this.#skip(size);
    return new TextDecoder().decode(this.#bytes.slice(at, at + size));
  }

  line(): string {
    const size = this.#bytes.indexOf(0x0a, this.#at) - this.#at;
    if (size < 0) this.fail();
    const text = this.text(size);
    this.#at++;
    return text;
  }

  // ---- the stack

  push(value: unknown): void {
    this.#stack.push(value);
  }

  top(): unknown {
    if (this.#stack.length === 0 || this.#stack.at(-1) === MARK) this.fail();
    return this.#stack.at(-1);
  }

  pop(): unknown {
    const value = this.top();
    this.#stack.pop();
    return value;
  }

  popToMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) this.fail();
    return this.#stack.splice(mark).slice(1);
  }

  tuple(size: number): void {
    this.push(new Tuple(Array.from({ length: size }, () => this.pop()).reverse()));
  }

  memoize(key = this.#memo.size): void {
    this.#memo.set(key, this.top());
  }

  recall(key: number): void {
    if (!this.#memo.has(key)) this.fail();
    this.push(this.#memo.get(key));
  }

  // ---- objects

  /** Into the dictionary on top, keys and values in turn. */
  setItems(items: readonly unknown[]): void {
    const into = this.top();
    if (!(into instanceof Map) || items.length % 2 > 0) return this.fail();
    for (let i = 0; i < items.length; i += 2) into.set(items[i], items[i + 1]);
  }

  append(items: readonly unknown[]): void {
    const into = this.top();
    if (!Array.isArray(into)) return this.fail();
    for (const item of items) into.push(item);
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") return this.fail();
    this.#reader.check(`${module}.${name}`);
    this.push(new Global(`${module}.${name}`));
  }

  call(target: unknown, args: unknown): void {
    if (!(target instanceof Global) || !(args instanceof Tuple)) return this.fail();
    this.push(this.#reader.call(target.name, args.items));
  }

  persistent(id: unknown): void {
    this.push(this.#reader.persistent(id));
  }

  #skip(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw new FormatError("truncated", "the pickle ends in the middle");
    this.#at = at + size;
    return at;
  }

  fail(): never {
    throw new FormatError("malformed", `the pickle is damaged before byte ${this.#at}: write or download it again`);
  }
}

const STOP = 0x2e;

/** What each opcode does; arguments that stand on the stack are popped last first. BUILD gives attributes, of which none counts. */
// prettier-ignore
const steps: Readonly<Record<number, (machine: Machine) => void>> = {
  /* PROTO */ 0x80: (m) => void m.unsigned(1),
  /* FRAME */ 0x95: (m) => void m.unsigned(8),
  /* MARK */ 0x28: (m) => m.push(MARK),
  /* POP */ 0x30: (m) => void m.pop(),
  /* POP_MARK */ 0x31: (m) => void m.popToMark(),
  /* NONE */ 0x4e: (m) => m.push(null),
  /* NEWTRUE */ 0x88: (m) => m.push(true),
  /* NEWFALSE */ 0x89: (m) => m.push(false),
  /* BININT */ 0x4a: (m) => m.push(m.int32()),
  /* BININT1 */ 0x4b: (m) => m.push(m.unsigned(1)),
  /* BININT2 */ 0x4d: (m) => m.push(m.unsigned(2)),
  /* LONG1 */ 0x8a: (m) => m.push(m.long(m.unsigned(1))),
  /* BINFLOAT */ 0x47: (m) => m.push(m.double()),
  /* BINUNICODE */ 0x58: (m) => m.push(m.text(m.unsigned(4))),
  /* SHORT_BINUNICODE */ 0x8c: (m) => m.push(m.text(m.unsigned(1))),
  /* BINUNICODE8 */ 0x8d: (m) => m.push(m.text(m.unsigned(8))),
  /* EMPTY_TUPLE */ 0x29: (m) => m.tuple(0),
  /* TUPLE1 */ 0x85: (m) => m.tuple(1),
  /* TUPLE2 */ 0x86: (m) => m.tuple(2),
  /* TUPLE3 */ 0x87: (m) => m.tuple(3),
  /* TUPLE */ 0x74: (m) => m.push(new Tuple(m.popToMark())),
  /* EMPTY_LIST */ 0x5d: (m) => m.push([]),
  /* EMPTY_DICT */ 0x7d: (m) => m.push(new Map()),
  /* APPEND */ 0x61: (m) => m.append([m.pop()]),
  /* APPENDS */ 0x65: (m) => m.append(m.popToMark()),
  /* SETITEM */ 0x73: (m) => m.setItems([m.pop(), m.pop()].reverse()),
  /* SETITEMS */ 0x75: (m) => m.setItems(m.popToMark()),
  /* BUILD */ 0x62: (m) => void m.pop(),
  /* BINPUT */ 0x71: (m) => m.memoize(m.unsigned(1)),
  /* LONG_BINPUT */ 0x72: (m) => m.memoize(m.unsigned(4)),
  /* MEMOIZE */ 0x94: (m) => m.memoize(),
  /* BINGET */ 0x68: (m) => m.recall(m.unsigned(1)),
  /* LONG_BINGET */ 0x6a: (m) => m.recall(m.unsigned(4)),
  /* GLOBAL */ 0x63: (m) => m.global(m.line(), m.line()),
  /* STACK_GLOBAL */ 0x93: (m) => m.global(...([m.pop(), m.pop()].reverse() as [unknown, unknown])),
  /* REDUCE */ 0x52: (m) => m.call(...([m.pop(), m.pop()].reverse() as [unknown, unknown])),
  /* BINPERSID */ 0x51: (m) => m.persistent(m.pop()),
};
