/**
 * The files in a zip archive, as PyTorch and Keras write it (.ZIP File Format Specification 6.3.10, sections 4.3.7, 4.3.12,
 * 4.3.16; the numbers in the fields are at most 32 bits: an archive beyond 4 GB does not fit in memory here). Stored data are
 * views into the archive, deflated ones go through fflate.
 */

import { inflateSync } from "fflate";
import { FormatError } from "../errors.ts";
import { show } from "../validate.ts";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const NONE = 0xffffffff;

/** The end record is 22 bytes, and a comment of up to 65,535 may follow. */
const END_SIZE = 22;
const MAX_COMMENT = 0xffff;

/** Of all files together: weights do not shrink much, and an archive must not swell; the second is for those of small files. */
const MAX_GROWTH = 4;
const MAX_SMALL = 0x100000;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly size: number;
  readonly unpacked: number;
  readonly local: number;
}

/** Whether bytes begin as a zip archive with something in it. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length > END_SIZE && viewOf(bytes).getUint32(0, true) === LOCAL;
}

/**
 * Reads all files of an archive, each checked by its CRC.
 * @param what the kind of file, for messages
 * @throws FormatError when it is damaged, encrypted, split, compressed in another way than deflate, or grows more than fourfold and beyond 1 MB
 */
export function readZip(what: string, bytes: Uint8Array): Map<string, Uint8Array> {
  const entries = readDirectory(what, bytes);
  const unpacked = entries.reduce((sum, entry) => sum + entry.unpacked, 0);
  if (unpacked > Math.max(MAX_GROWTH * bytes.length, MAX_SMALL)) {
    const size = `${unpacked} bytes in an archive of ${bytes.length}`;
    throw new FormatError("unsupported", `${what}: the archive holds ${size}: pack it without compression`);
  }
  return new Map(entries.map((entry) => [entry.name, unpack(what, bytes, entry)]));
}

function readDirectory(what: string, bytes: Uint8Array): Entry[] {
  const view = viewOf(bytes);
  const end = findEnd(what, view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (at === NONE) throw new FormatError("unsupported", `${what}: a zip64 archive is not read: pack it again as zip`);
  const entries: Entry[] = [];
  const names = new Set<string>();
  while (entries.length < count) {
    if (at + 46 > end || view.getUint32(at, true) !== ENTRY) throw damaged(what, `entry ${entries.length}`);
    const [nameSize, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as Sizes;
    if (at + 46 + nameSize > end) throw damaged(what, `entry ${entries.length}`);
    const name = new TextDecoder().decode(bytes.slice(at + 46, at + 46 + nameSize));
    if (names.has(name)) throw damaged(what, `${show(name)}, which is in it twice`);
    names.add(name);
    if (view.getUint16(at + 8, true) & 1) throw new FormatError("unsupported", `${what}: ${show(name)} is encrypted`);
    const [crc, size, unpacked] = [16, 20, 24].map((field) => view.getUint32(at + field, true)) as Sizes;
    const method = view.getUint16(at + 10, true);
    entries.push({ name, method, crc, size, unpacked, local: view.getUint32(at + 42, true) });
    at += 46 + nameSize + extra + comment;
  }
  return entries;
}

type Sizes = [number, number, number];

function findEnd(what: string, view: DataView): number {
  const first = Math.max(0, view.byteLength - END_SIZE - MAX_COMMENT);
  for (let at = view.byteLength - END_SIZE; at >= first; at--) if (view.getUint32(at, true) === END) return at;
  throw new FormatError("truncated", `${what}: the archive has no end: write or download it again`);
}

function unpack(what: string, bytes: Uint8Array, { name, method, crc, size, unpacked, local }: Entry): Uint8Array {
  const view = viewOf(bytes);
  if (local + 30 > bytes.length || view.getUint32(local, true) !== LOCAL) throw damaged(what, show(name));
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + size > bytes.length) throw damaged(what, show(name));
  const packed = bytes.subarray(start, start + size);
  const data = method === 0 ? packed : inflate(what, name, method, packed, unpacked);
  if (data.length !== unpacked || crcOf(data) !== crc) throw damaged(what, show(name));
  return data;
}

function inflate(what: string, name: string, method: number, packed: Uint8Array, unpacked: number): Uint8Array {
  if (method !== 8) {
    throw new FormatError(
      "unsupported",
      `${what}: ${show(name)} is compressed by method ${method}: use deflate or none`,
    );
  }
  try {
    return inflateSync(packed, { out: new Uint8Array(unpacked) });
  } catch {
    throw damaged(what, show(name));
  }
}

function damaged(what: string, part: string): FormatError {
  return new FormatError("malformed", `${what}: the archive is damaged at ${part}: write or download it again`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** CRC-32 of IEEE 802.3, the polynomial reversed, half a byte at a time. */
function crcOf(bytes: Uint8Array): number {
  let crc = NONE;
  for (const byte of bytes) {
    crc ^= byte;
    crc = (crc >>> 4) ^ CRC_TABLE[crc & 15]!;
    crc = (crc >>> 4) ^ CRC_TABLE[crc & 15]!;
  }
  return ~crc >>> 0;
}

const CRC_TABLE = /*#__PURE__*/ Uint32Array.from({ length: 16 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 4; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
