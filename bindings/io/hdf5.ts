/**
 * The numbers in an HDF5 file as Keras writes it, with h5py's defaults: superblock 0, groups as symbol tables, contiguous data
 * (HDF5 File Format Specification 2.0: II.A superblock, III.A.1 B-trees, III.B symbol table nodes, III.D local heaps,
 * IV.A.1.a object headers, IV.A.2 messages). What newer or other writers use (version-2 groups, chunks, filters) is refused by name.
 */

import { FormatError } from "../errors.ts";
import { show } from "../validate.ts";
import { bytesOf, type Dtype, type RawTensor } from "./safetensors.ts";

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** Groups within groups. Keras has four or five. */
const MAX_DEPTH = 32;

const CURE = "load it in Keras 3 and save it again, or save the weights as safetensors";

/** Whether bytes begin as an HDF5 file. */
export function isHdf5(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * All data sets by their path, without the slash in front; the bytes are views into the file.
 * @throws FormatError
 */
export function readHdf5(bytes: Uint8Array): Map<string, RawTensor> {
  try {
    return new Reader(bytes).read();
  } catch (error) {
    // An address beyond the file.
    if (error instanceof RangeError) throw damaged("an address");
    throw error;
  }
}

function damaged(part: string): FormatError {
  return new FormatError("malformed", `the HDF5 file is damaged at ${part}: write or download it again`);
}

function unsupported(part: string): FormatError {
  return new FormatError("unsupported", `the HDF5 file has ${part}, which is not read: ${CURE}`);
}

/** One message of an object's header. */
interface Message {
  readonly type: number;
  /** Where its data begin and how long they are. */
  readonly at: number;
  readonly size: number;
}

const DATASPACE = 0x01;
const LINK_INFO = 0x02;
const DATATYPE = 0x03;
const LAYOUT = 0x08;
const FILTERS = 0x0b;
const CONTINUATION = 0x10;
const SYMBOL_TABLE = 0x11;

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #seen = new Set<number>();
  /** Bytes of all data sets so far: they may not overlap. */
  #taken = 0;
  /** Bytes of everything else so far. */
  #walked = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): Map<string, RawTensor> {
    if (!isHdf5(this.#bytes)) throw new FormatError("malformed", "the file is no HDF5 file: it does not begin as one");
    const version = this.#view.getUint8(8);
    if (version > 1) throw unsupported(`a superblock of version ${version}`);
    if (this.#view.getUint16(13, true) !== 0x0808) throw unsupported("addresses that are not of 8 bytes");
    const start = version === 1 ? 28 : 24; // of the addresses
    if (this.#address(start) !== 0) throw unsupported("a user block");
    const found = new Map<string, RawTensor>();
    const open = [{ path: "", depth: 0, header: this.#address(start + 40) }];
    for (let object = open.pop(); object; object = open.pop()) {
      const { path, depth, header } = object;
      const messages = this.#messages(header);
      const table = messages.find(({ type }) => type === SYMBOL_TABLE);
      if (!table) {
        found.set(path, this.#dataset(path, messages));
        continue;
      }
      if (depth === MAX_DEPTH) throw damaged(`${show(path)}, too deep`);
      for (const [name, address] of this.#members(table)) {
        open.push({ path: path === "" ? name : `${path}/${name}`, depth: depth + 1, header: address });
      }
    }
    return found;
  }

  #address(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  /** Everything in a sound file is reached once. */
  #once(address: number, what: string): void {
    if (this.#seen.has(address)) throw damaged(`${what}, which is reached twice`);
    this.#seen.add(address);
  }

  /** In a sound file no byte is read for two things. */
  #walk(size: number): void {
    this.#walked += size;
    if (this.#walked > this.#bytes.length) throw damaged("its objects, which overlap");
  }

  #messages(header: number): Message[] {
    this.#once(header, "an object");
    const version = this.#view.getUint8(header);
    if (version !== 1) throw unsupported(`an object header of version ${version === 0x4f ? 2 : version}`);
    const messages: Message[] = [];
    const blocks = [{ at: header + 16, end: header + 16 + this.#view.getUint32(header + 8, true) }];
    for (let block = blocks.pop(); block; block = blocks.pop()) {
      for (let at = block.at; at + 8 <= block.end;) {
        const message = { type: this.#view.getUint16(at, true), at: at + 8, size: this.#view.getUint16(at + 2, true) };
        if (message.at + message.size > this.#bytes.length) throw damaged("an object");
        this.#walk(8 + message.size);
        if (message.type === CONTINUATION) {
          const [next, size] = [this.#address(message.at), this.#address(message.at + 8)];
          this.#once(next, "a part of an object");
          blocks.push({ at: next, end: next + size });
        } else messages.push(message);
        at = message.at + message.size;
      }
    }
    return messages;
  }

  /** Names and addresses of the objects in a group. */
  #members({ at }: Message): [string, number][] {
    const heap = this.#address(at + 8);
    this.#expect(heap, "HEAP", "a heap of names");
    const names = this.#address(heap + 24);
    const members: [string, number][] = [];
    const nodes = [this.#address(at)];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      this.#once(node, "a B-tree");
      const count = this.#view.getUint16(node + 6, true);
      if (this.#view.getUint32(node) === 0x534e4f44) {
        // SNOD, a leaf
        this.#walk(8 + 40 * count);
        for (let k = 0; k < count; k++) {
          const entry = node + 8 + 40 * k;
          members.push([this.#name(names + this.#address(entry)), this.#address(entry + 8)]);
        }
        continue;
      }
      this.#expect(node, "TREE", "a B-tree");
      this.#walk(24 + 16 * count);
      for (let k = count - 1; k >= 0; k--) nodes.push(this.#address(node + 32 + 16 * k));
    }
    return members;
  }

  #expect(at: number, signature: string, what: string): void {
    for (let i = 0; i < 4; i++) if (this.#view.getUint8(at + i) !== signature.charCodeAt(i)) throw damaged(what);
  }

  #name(at: number): string {
    const end = this.#bytes.indexOf(0, at);
    if (end < at || end - at > 1024) throw damaged("a name");
    this.#walk(end - at);
    return new TextDecoder().decode(this.#bytes.slice(at, end));
  }

  #dataset(path: string, messages: readonly Message[]): RawTensor {
    const one = (type: number) => messages.find((message) => message.type === type);
    if (one(LINK_INFO)) throw unsupported("groups of the newer form");
    if (one(FILTERS)) throw unsupported(`${show(path)}, compressed or otherwise filtered,`);
    const [space, type, layout] = [one(DATASPACE), one(DATATYPE), one(LAYOUT)];
    if (!space || !type || !layout) throw damaged(show(path));
    const dtype = this.#dtype(path, type.at);
    const shape = this.#shape(path, space.at);
    const size = bytesOf(dtype, shape);
    const data = this.#data(path, layout, size);
    this.#taken += size;
    if (this.#taken > this.#bytes.length) throw damaged(`${show(path)}, which overlaps others`);
    return { dtype, shape, bytes: data };
  }

  #shape(path: string, at: number): number[] {
    const [version, rank] = [this.#view.getUint8(at), this.#view.getUint8(at + 1)];
    if (version !== 1 && version !== 2) throw damaged(show(path));
    const dimensions = at + (version === 1 ? 8 : 4);
    return Array.from({ length: rank }, (_, i) => this.#address(dimensions + 8 * i));
  }

  /** Where the data are: in the header, or in one piece elsewhere. */
  #data(path: string, { at }: Message, size: number): Uint8Array {
    const [version, kind] = [this.#view.getUint8(at), this.#view.getUint8(at + 1)];
    if (version !== 3) throw unsupported(`${show(path)} in a layout of version ${version}`);
    if (kind > 1) throw unsupported(`${show(path)} in chunks`);
    const start = kind === 0 ? at + 4 : this.#address(at + 2);
    const stored = kind === 0 ? this.#view.getUint16(at + 2, true) : this.#address(at + 10);
    if (size === 0) return new Uint8Array(0);
    if (stored !== size || start + size > this.#bytes.length) throw damaged(show(path));
    return this.#bytes.subarray(start, start + size);
  }

  #dtype(path: string, at: number): Dtype {
    const kind = this.#view.getUint8(at) & 15;
    const flags = this.#view.getUint8(at + 1);
    const size = this.#view.getUint32(at + 4, true);
    const isSigned = (flags & 8) !== 0;
    const isFloat = (dtype: string) => {
      // Where the exponent is, its size, where the digits are, their size, and the bias.
      const fields = [12, 13, 14, 15].map((field) => this.#view.getUint8(at + field)).join();
      return `${fields} ${this.#view.getUint32(at + 16, true)}` === floats[dtype];
    };
    if (kind < 2 && (flags & 0x41) !== 0) throw unsupported(`${show(path)} in big-endian numbers`);
    if (kind === 0 && [1, 2, 4, 8].includes(size)) return `${isSigned ? "I" : "U"}${8 * size}` as Dtype;
    if (kind === 1 && size === 4 && isFloat("F32")) return "F32";
    if (kind === 1 && size === 8 && isFloat("F64")) return "F64";
    if (kind === 1 && size === 2 && isFloat("F16")) return "F16";
    if (kind === 5 && size === 2) return "BF16"; // as h5py stores what numpy does not know
    throw unsupported(`${show(path)} in a type of class ${kind} and ${size} bytes`);
  }
}

const floats: Readonly<Record<string, string>> = {
  F16: "10,5,0,10 15",
  F32: "23,8,0,23 127",
  F64: "52,11,0,52 1023",
};
