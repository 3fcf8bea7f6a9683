/** Files of torch.save, written by models/make_pytorch.py. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { zipSync, unzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { dense, embedding, FormatError, gru, lstm, type Network } from "../bindings/index.ts";
import { importPyTorch, pyTorchToSafetensors } from "../bindings/formats.ts";
import { float32Of, readSafetensors } from "../bindings/io/safetensors.ts";
import { distance, expectError } from "./support.ts";

const run = (await import(
  fileURLToPath(new URL("../dist/run.js", import.meta.url))
)) as typeof import("../bindings/run.ts");

const file = (name: string) => new Uint8Array(readFileSync(new URL(`models/pytorch/${name}`, import.meta.url)));
const { tokens, output: expected } = JSON.parse(new TextDecoder().decode(file("tagger.json"))) as {
  tokens: number[][];
  output: number[][][];
};
const config = {
  input: { tokens: 11 },
  layers: [
    embedding(6, { name: "emb" }),
    gru(5, { layers: 2, bidirectional: true, name: "rnn" }),
    lstm(7, { name: "lstm" }),
    dense(3, { name: "head" }),
  ],
};

const outputOf = (net: Network) => net.forward(tokens).output.data;
const far = (net: Network) => distance(outputOf(net), expected.flat(2));

describe("importPyTorch", () => {
  test.each([
    ["tagger.pt", undefined, 1e-6],
    ["protocol4.pt", undefined, 1e-6],
    ["double.pt", undefined, 1e-6],
    ["half.pt", undefined, 2e-3],
    ["bfloat16.pt", undefined, 2e-2],
    ["checkpoint.pth", "model_state_dict", 1e-6],
  ])("%s gives PyTorch's outputs", (name, key, tolerance) => {
    const net = importPyTorch(file(name), config, key === undefined ? {} : { key });
    expect(far(net)).toBeLessThan(tolerance);
    expect(JSON.parse(net.metadata.origin!)).toEqual({ format: "pytorch", version: "3" });
    expect(net.parameters.every(({ gradient }) => gradient.every((x) => x === 0))).toBe(true); // ready to be trained
  });

  test("takes an ArrayBuffer, and bytes in the middle of another", () => {
    const bytes = file("tagger.pt");
    expect(far(importPyTorch(bytes.slice().buffer, config))).toBeLessThan(1e-6);
    const larger = new Uint8Array(bytes.length + 20);
    larger.set(bytes, 7);
    expect(far(importPyTorch(larger.subarray(7, 7 + bytes.length), config))).toBeLessThan(1e-6);
  });

  test("reads an archive that was packed again with compression", () => {
    const bytes = zipSync(unzipSync(file("tagger.pt")), { level: 9 });
    expect(far(importPyTorch(bytes, config))).toBeLessThan(1e-6);
  });

  test("the safetensors file runs in unrolled/run as well", () => {
    const net = run.Network.load(pyTorchToSafetensors(file("tagger.pt")), config);
    expect(distance(net.forward(tokens).output.data, expected.flat(2))).toBeLessThan(1e-6);
  });
});

describe("pyTorchToSafetensors", () => {
  const { tensors, metadata } = readSafetensors(pyTorchToSafetensors(file("views.pt")));
  const base = Array.from({ length: 24 }, (_, i) => i);

  test.each([
    ["transposed", [6, 4], base.map((_, i) => (i % 4) * 6 + Math.floor(i / 4))],
    ["sliced", [2, 3], [7, 9, 11, 13, 15, 17]],
    ["offset", [4], [5, 6, 7, 8]],
    ["scalar", [], [2.5]],
    ["empty", [0, 3], []],
    ["parameter", [2, 3], [0, 1, 2, 3, 4, 5]],
  ])("%s: a view of a storage becomes its own elements", (name, shape, values) => {
    expect(tensors.get(name)!.shape).toEqual(shape);
    expect([...float32Of(name, tensors.get(name)!)]).toEqual(values);
  });

  test("whole numbers and truth values keep their type", () => {
    const of = (name: string) => {
      const { dtype, bytes } = tensors.get(name)!;
      return { dtype, buffer: bytes.slice().buffer };
    };
    expect(of("long").dtype).toBe("I64");
    expect([...new BigInt64Array(of("long").buffer)]).toEqual([1n, -2n, 2n ** 40n]);
    expect(of("int").dtype).toBe("I32");
    expect([...new Int32Array(of("int").buffer)]).toEqual([7, -8]);
    expect([...new Int16Array(of("short").buffer)]).toEqual([7, -8]);
    expect([...new Uint8Array(of("byte").buffer)]).toEqual([7, 200]);
    expect([...new Int8Array(of("char").buffer)]).toEqual([7, -100]);
    expect([...new Uint8Array(of("bool").buffer)]).toEqual([1, 0]);
    expect(of("bool").dtype).toBe("BOOL");
  });

  test("says where the tensors come from", () => {
    expect(metadata.origin).toBe('{"format":"pytorch","version":"3"}');
  });
});

/** tagger.pt with another pickle, or other files. */
function repacked(change: (files: Record<string, Uint8Array>) => void): Uint8Array {
  const files = unzipSync(file("tagger.pt"));
  change(files);
  return zipSync(files, { level: 0 });
}

const withPickle = (text: string) =>
  repacked((files) => (files["tagger/data.pkl"] = Uint8Array.from(text, (one) => one.charCodeAt(0))));

describe("files that are refused", () => {
  const cases: [string, Uint8Array, string | undefined, FormatError["code"], RegExp][] = [
    ["legacy", file("legacy.pt"), undefined, "unsupported", /before 1\.6: load it in PyTorch and torch\.save it again/],
    ["a whole module", file("module.pt"), undefined, "unsupported", /names "torch\.nn\.modules\.linear\.Linear".*state_dict/],
    ["TorchScript", file("script.pt"), undefined, "unsupported", /TorchScript.*state_dict/],
    ["a call of os.system", file("evil.pt"), undefined, "unsupported", /names "posix\.system"/],
    ["an expanded tensor", file("expanded.pt"), undefined, "unsupported", /larger than the file.*contiguous/],
    ["a checkpoint without a key", file("checkpoint.pth"), undefined, "mismatch", /"epoch" is 3 and no tensor.*"key".*"model_state_dict"/],
    ["a key that is not there", file("checkpoint.pth"), "state", "mismatch", /no state_dict under "state"; it has "epoch"/],
    ["a key of something else", file("checkpoint.pth"), "note", "mismatch", /no state_dict under "note"/],
    ["an optimizer's state", file("checkpoint.pth"), "optimizer_state_dict", "mismatch", /"state" is a dictionary/],
    ["no archive", new Uint8Array(100), undefined, "malformed", /no zip archive/],
    ["nothing", new Uint8Array(0), undefined, "malformed", /no zip archive/],
    ["another zip", zipSync({ "a.txt": new Uint8Array(3) }), undefined, "malformed", /no single data\.pkl/],
    ["a missing storage", repacked((files) => delete files["tagger/data/0"]), undefined, "malformed", /storage "0" is not there/],
    ["a short storage", repacked((files) => (files["tagger/data/0"] = new Uint8Array(8))), undefined, "malformed", /another size/],
    ["big-endian numbers", repacked((files) => (files["tagger/byteorder"] = new TextEncoder().encode("big"))), undefined, "unsupported", /big-endian/],
    ["an end that is cut off", file("tagger.pt").slice(0, 9000), undefined, "truncated", /no end/],
    ["one bit of a weight changed", flipped(), undefined, "malformed", /damaged at "tagger\/data\//],
    ["an unknown opcode", withPickle("\x80\x02\x8f."), undefined, "unsupported", /opcode 143/],
    ["a pickle without an end", withPickle("\x80\x02}"), undefined, "truncated", /ends in the middle/],
    ["an empty pickle", withPickle("."), undefined, "malformed", /damaged before byte 1/],
    ["a list", withPickle("\x80\x02]."), undefined, "mismatch", /no state_dict/],
    ["a plain value", withPickle("\x80\x02K\x05."), undefined, "mismatch", /holds 5, no state_dict/],
    ["a call of a name that may only be named", withPickle("\x80\x02ctorch\nFloatStorage\n)R."), undefined, "malformed", /damaged at/],
    ["a name of Object.prototype", withPickle("\x80\x02ca\nconstructor\n)R."), undefined, "unsupported", /"a\.constructor"/],
    ["an item into nothing", withPickle("\x80\x02NK\x01K\x02s."), undefined, "malformed", /damaged/],
    ["a memo that is not there", withPickle("\x80\x02h\x07."), undefined, "malformed", /damaged/],
    ["a whole number of 200 bytes", withPickle(`\x80\x02\x8a\xc8${"x".repeat(200)}.`), undefined, "unsupported", /200 bytes/],
  ]; // prettier-ignore

  function flipped(): Uint8Array {
    const bytes = file("tagger.pt");
    bytes[5000]! ^= 1;
    return bytes;
  }

  test.each(cases)("%s", (_, bytes, key, code, text) => {
    let error: unknown;
    try {
      pyTorchToSafetensors(bytes, key === undefined ? {} : { key });
    } catch (thrown) {
      error = thrown;
    }
    expectError(error, FormatError, text);
    expect((error as FormatError).code).toBe(code);
  });

  test("an archive that swells", () => {
    const bytes = zipSync({ "a/data.pkl": new Uint8Array(2e6) });
    expect(() => pyTorchToSafetensors(bytes)).toThrow(/2000000 bytes in an archive of .*without compression/);
  });

  test("tensors that do not fit the network are named", () => {
    const layers = [embedding(6, { name: "emb" }), gru(4, { layers: 2, bidirectional: true, name: "rnn" })];
    const load = () => importPyTorch(file("tagger.pt"), { ...config, layers });
    expect(load).toThrow(FormatError);
    expect(load).toThrow(/"rnn\.weight_ih_l0" expected shape \[12, 6\], got \[15, 6\]/);
  });

  test("an argument of the wrong kind is a TypeError", () => {
    // @ts-expect-error a text is no file
    expect(() => importPyTorch("tagger.pt", config)).toThrow(TypeError);
    // @ts-expect-error there is no such option
    expect(() => importPyTorch(file("tagger.pt"), config, { keys: "a" })).toThrow(/unknown option "keys"/);
  });
});
