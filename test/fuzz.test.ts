/** The readers of unrolled/formats on damaged and hostile files: some by hand, and mutations at random. */

import { readFileSync } from "node:fs";
import { unzipSync, zipSync } from "fflate";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../bindings/index.ts";
import { importBrainJs, importKeras, importTensorFlowJs, pyTorchToSafetensors } from "../bindings/formats.ts";
import { readHdf5 } from "../bindings/io/hdf5.ts";
import { attempt, editList, targets } from "./fuzz.ts";
import { expectError } from "./support.ts";

describe.each(Object.entries(targets))("%s", (_, target) => {
  test("the file itself is read", () => {
    expect(attempt(target, [])).toBeDefined();
  });

  test("mutated, it is read or refused with a FormatError", () => {
    fc.assert(
      fc.property(editList, (list) => void attempt(target, list)),
      { seed: 1, numRuns: 300 },
    );
  });
});

const file = (name: string) => new Uint8Array(readFileSync(new URL(`models/${name}`, import.meta.url)));

function refused(call: () => unknown, text: RegExp): void {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expectError(error, FormatError, text);
}

describe("HDF5 by hand", () => {
  const h5 = unzipSync(file("keras/last.keras"))["model.weights.h5"]!;
  const find = (signature: string) => Buffer.from(h5).indexOf(signature);
  /** The file with a 64-bit address at a place changed. */
  const pointing = (at: number, to: number) => {
    const copy = h5.slice();
    new DataView(copy.buffer).setBigUint64(at, BigInt(to), true);
    return () => readHdf5(copy);
  };
  const root = Number(new DataView(h5.slice().buffer).getBigUint64(64, true));
  const [tree, leaf, heap] = [find("TREE"), find("SNOD"), find("HEAP")];

  test.each([
    ["a B-tree that is its own child", pointing(tree + 32, tree), /a B-tree, which is reached twice/],
    ["a group within itself", pointing(leaf + 16, root), /an object, which is reached twice/],
    ["an address beyond the file", pointing(tree + 32, 2 ** 40), /damaged at an address/],
    ["an address of all ones", pointing(64, 2 ** 53), /damaged at an address/],
    ["names that begin beyond the file", pointing(heap + 24, h5.length), /a name/],
    ["a group that is no B-tree", pointing(tree + 32, heap), /a B-tree/],
  ])("%s", (_, read, text) => {
    refused(read, text);
  });

  test("an object of a million messages", () => {
    const copy = h5.slice();
    new DataView(copy.buffer).setUint32(root + 8, 0xffffffff, true); // the header's size
    refused(() => readHdf5(copy), /damaged|version/);
  });
});

describe("a pickle by hand", () => {
  const read = (pickle: string) => () => {
    const bytes = Uint8Array.from(pickle, (one) => one.charCodeAt(0));
    return pyTorchToSafetensors(zipSync({ "a/data.pkl": bytes }, { level: 0 }));
  };
  const storage = "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ";
  const tensorOf = (shape: string, strides: string) =>
    `\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(${storage}K\x00${shape}${strides}\x89}tRs.`;

  test("lists that double a hundred times over are not unfolded", () => {
    const doubling = Array.from({ length: 100 }, (_, k) => `]q${String.fromCharCode(k + 1)}(h${String.fromCharCode(k)}h${String.fromCharCode(k)}e`);
    refused(read(`\x80\x02]q\x00${doubling.join("")}.`), /no state_dict/);
  }); // prettier-ignore

  test("a hundred thousand tuples in one another", () => {
    refused(read(`\x80\x02)${"\x85".repeat(100_000)}.`), /a tuple, no state_dict/);
  });

  test("a list in itself", () => {
    refused(read("\x80\x02]q\x00h\x00a."), /no state_dict/);
  });

  test("shapes beyond reason", () => {
    const ones = (n: number) => `(${"K\x01".repeat(n)}t`;
    refused(read(tensorOf(ones(65), ones(65))), /damaged at a tensor/);
    refused(read(tensorOf("(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft", "(K\x00K\x00t")), /larger than the file/);
    refused(read(tensorOf("(J\xff\xff\xff\xfft", "(K\x01t")), /damaged at a tensor/);
    refused(read(tensorOf("(K\x01t", "()t")), /damaged at a tensor/);
    refused(read(tensorOf("(K\x01t", "(K\x01t")), /the storage "0" is not there/);
  });

  test("a tensor with the name of the metadata", () => {
    const name = "X\x0c\x00\x00\x00__metadata__";
    refused(read(tensorOf("(K\x01t", "(K\x01t").replace("X\x01\x00\x00\x00w", name)), /must not be called "__metadata__"/);
  }); // prettier-ignore
});

describe("an archive by hand", () => {
  const archive = zipSync({ "a/data.pkl": new Uint8Array(3), "b/data.pkl": new Uint8Array(3) }, { level: 0 });

  test("a file that is in it twice", () => {
    const twice = Uint8Array.from(archive, (byte, i) => (byte === 0x62 && archive[i + 1] === 0x2f ? 0x61 : byte));
    refused(() => pyTorchToSafetensors(twice), /"a\/data\.pkl", which is in it twice/);
  });

  test.each([
    ["encrypted", 8, 1, /is encrypted/],
    ["compressed in another way", 10, 14, /compressed by method 14/],
    ["beyond its end", 42, 0xfffff, /damaged at "a\/data\.pkl"/],
  ])("a file that is %s", (_, field, value, text) => {
    const copy = archive.slice();
    const entry = Buffer.from(copy).indexOf("PK\x01\x02");
    new DataView(copy.buffer).setUint16(entry + field, value, true);
    if (value > 0xffff) new DataView(copy.buffer).setUint32(entry + field, value, true);
    refused(() => pyTorchToSafetensors(copy), text);
  });
});

test("names of Object.prototype in JSON change nothing", () => {
  const hostile = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}';
  refused(() => importBrainJs(`${hostile},"type":"NeuralNetwork","sizes":[1,1],"layers":[{},{"__proto__":[]}]}`), /weights/);
  refused(() => importTensorFlowJs(`${hostile},"modelTopology":{"class_name":"__proto__","config":{"layers":[]}}}`, []), /"__proto__"/);
  const files = unzipSync(file("keras/last.keras"));
  const config = new TextDecoder().decode(files["config.json"]).replace('"name": "both"', '"name": "__proto__"');
  expect(config).toContain("__proto__");
  refused(() => importKeras(zipSync({ ...files, "config.json": new TextEncoder().encode(config) })), /does not begin with "__"/);
  expect("polluted" in {}).toBe(false);
}); // prettier-ignore
