import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FormatError } from "../bindings/errors.ts";
import {
  float32Of,
  readSafetensors,
  writeSafetensors,
  type Dtype,
  type RawTensor,
  type Safetensors,
} from "../bindings/io/safetensors.ts";

const url = (path: string) => new URL(path, import.meta.url);
const golden = readdirSync(url("golden"))
  .filter((name) => name.endsWith(".safetensors"))
  .map((name) => `golden/${name}`);
const files = [...golden, "fixtures/torch-tagger.safetensors"];

/** A file by hand: `length` is the announced length of the header. */
function fileOf(header: string | Uint8Array, dataBytes = 0, length?: number | bigint): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  file.set(text, 8);
  return file;
}

/** The header of one or more tensors of bytes, from their offsets. */
function headerOf(offsets: Record<string, [number, number]>): string {
  const entries = Object.entries(offsets).map(([name, [begin, end]]) => {
    return [name, { dtype: "U8", shape: [end - begin], data_offsets: [begin, end] }];
  });
  return JSON.stringify(Object.fromEntries(entries));
}

const entry = (dtype: string, shape: string, offsets: string) =>
  `{"a":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;

const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const f32 = (shape: number[], ...values: number[]): RawTensor => {
  return { dtype: "F32", shape, bytes: bytesOf(Float32Array.from(values)) };
};
const u8 = (...values: number[]): RawTensor => ({
  dtype: "U8",
  shape: [values.length],
  bytes: Uint8Array.from(values),
});

const small = writeSafetensors(
  [
    ["rnn.weight", f32([2, 3], 1, 2, 3, 4, 5, 6)],
    ['q"\\u0061', { dtype: "I64", shape: [], bytes: bytesOf(BigInt64Array.of(-7n)) }],
    ["empty", { dtype: "BF16", shape: [4, 0, 2], bytes: new Uint8Array(0) }],
  ],
  { format: "pt", é: "𝒜" },
);

describe("writeSafetensors", () => {
  test("writes these bytes", () => {
    const file = writeSafetensors(
      [
        ["b", u8(1, 2, 3)],
        ["a", f32([1], 1)],
      ],
      { k: "v" },
    );
    const header =
      '{"__metadata__":{"k":"v"},"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},' +
      '"a":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}}';
    const padded = header.padEnd(136);
    expect([...file.subarray(0, 8)]).toEqual([136, 0, 0, 0, 0, 0, 0, 0]);
    expect(new TextDecoder().decode(file.subarray(8, 144))).toBe(padded);
    expect([...file.subarray(144)]).toEqual([1, 2, 3, 0, 0, 0x80, 0x3f]);
  });

  test("writes no metadata and no tensors as an empty object", () => {
    const file = [8, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode("{}      ")];
    expect([...writeSafetensors([])]).toEqual(file);
    expect([...writeSafetensors(new Map(), {})]).toEqual(file);
    expect(readSafetensors(Uint8Array.from(file))).toEqual({ metadata: {}, tensors: new Map() });
  });

  test("gives the same bytes for the same arguments, with data at a multiple of 8 for every name", () => {
    for (let length = 0; length < 20; length++) {
      const tensors: [string, RawTensor][] = [["x".repeat(length), f32([1], 1)]];
      const file = writeSafetensors(tensors);
      expect((file.length - 4) % 8).toBe(0);
      expect(writeSafetensors(tensors)).toEqual(file);
      expect(readSafetensors(file).tensors).toEqual(new Map(tensors));
    }
  });

  const twice: [string, RawTensor][] = ["a", "a"].map((name) => [name, u8(1)]);
  const refusals: [string, [unknown, unknown][], unknown, typeof Error, RegExp][] = [
    ["a name twice", twice, {}, RangeError, /"name" .* got "a"\. Rename/],
    ["the name __metadata__", [["__metadata__", u8(1)]], {}, RangeError, /got "__metadata__"/],
    ["half a surrogate pair in a name", [["\uD800", u8(1)]], {}, RangeError, /half a surrogate pair/],
    ["a number as a name", [[1, u8(1)]], {}, TypeError, /"name" expected a string, got 1/],
    ["an unknown dtype", [["a", { ...u8(1), dtype: "F128" }]], {}, RangeError, /tensor "a" .* got "F128"/],
    ["a dtype off Object.prototype", [["a", { ...u8(1), dtype: "toString" }]], {}, RangeError, /got "toString"/],
    ["a negative size", [["a", { ...u8(1), shape: [-1] }]], {}, RangeError, /shape .* got \[-1\]/],
    ["a shape that is no array", [["a", { ...u8(1), shape: 1 }]], {}, RangeError, /got 1\. Pass an array/],
    ["too few bytes", [["a", { ...f32([2], 1) }]], {}, RangeError, /8 bytes for F32 of shape \[2\], got 4/],
    [
      "floats as bytes",
      [["a", { ...u8(1), bytes: new Float32Array(1) }]],
      {},
      TypeError,
      /got Float32Array\(1\)\. Wrap/,
    ],
    ["a number in the metadata", [], { k: 1 }, TypeError, /"metadata.k" expected a string, got 1/],
    ["half a surrogate pair in the metadata", [], { k: "\uDC00" }, RangeError, /"metadata.k"/],
  ];
  test.each(refusals)("refuses %s", (_, tensors, metadata, kind, message) => {
    const write = () => writeSafetensors(tensors as never, metadata as never);
    expect(write).toThrow(kind);
    expect(write).toThrow(message);
  });

  test("refuses a header above 100 MB, which no reader takes", () => {
    expect(() => writeSafetensors([], { k: "x".repeat(100_000_000) })).toThrow(/at most 100000000 bytes.*Shorten/);
  });
});

describe("readSafetensors", () => {
  test("reads a file without copying", () => {
    const { metadata, tensors } = readSafetensors(small);
    expect(metadata).toEqual({ format: "pt", é: "𝒜" });
    expect([...tensors.keys()]).toEqual(["rnn.weight", 'q"\\u0061', "empty"]);
    expect(tensors.get("rnn.weight")).toEqual(f32([2, 3], 1, 2, 3, 4, 5, 6));
    expect(tensors.get('q"\\u0061')).toEqual({ dtype: "I64", shape: [], bytes: bytesOf(BigInt64Array.of(-7n)) });
    expect(tensors.get("empty")).toEqual({ dtype: "BF16", shape: [4, 0, 2], bytes: new Uint8Array(0) });
    expect(tensors.get("rnn.weight")?.bytes.buffer).toBe(small.buffer);
  });

  test("takes a Uint8Array at an odd offset, a Buffer, an ArrayBuffer and shared memory", () => {
    const expected = readSafetensors(small);
    const odd = new Uint8Array(small.length + 3);
    odd.set(small, 3);
    const shared = new Uint8Array(new SharedArrayBuffer(small.length));
    shared.set(small);
    for (const bytes of [odd.subarray(3), Buffer.from(small), small.buffer, shared]) {
      const { metadata, tensors } = readSafetensors(bytes);
      expect(metadata).toEqual(expected.metadata);
      expect(tensors).toEqual(expected.tensors);
      expect(float32Of("w", tensors.get("rnn.weight")!)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    }
  });

  test.each(["text", [1, 2], null, new Float32Array(4)])("refuses %j, which is not bytes", (bytes) => {
    expect(() => readSafetensors(bytes as never)).toThrow(TypeError);
    expect(() => readSafetensors(bytes as never)).toThrow(/"bytes" expected a Uint8Array or an ArrayBuffer, got/);
  });

  test.each(files)("%s: reads and writes back byte for byte", (path) => {
    const file = readFileSync(url(path));
    const { metadata, tensors } = readSafetensors(file);
    expect(tensors.size).toBeGreaterThan(0);
    expect(Buffer.compare(writeSafetensors(tensors, metadata), file)).toBe(0);
  });

  test("reads what PyTorch wrote", () => {
    const { metadata, tensors } = readSafetensors(readFileSync(url("fixtures/torch-tagger.safetensors")));
    const directions = ["l0", "l0_reverse", "l1", "l1_reverse"];
    const rnn = directions.flatMap((suffix) => [
      [`rnn.weight_ih_${suffix}`, [20, suffix.startsWith("l0") ? 3 : 10]],
      [`rnn.weight_hh_${suffix}`, [20, 5]],
      [`rnn.bias_ih_${suffix}`, [20]],
      [`rnn.bias_hh_${suffix}`, [20]],
    ]);
    expect(metadata).toEqual({ format: "pt" });
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ["emb.weight", [7, 3]],
      ...rnn,
      ["fc.weight", [4, 10]],
      ["fc.bias", [4]],
    ]);
    for (const [name, tensor] of tensors)
      expect(float32Of(name, tensor).every((w) => w !== 0 && w > -4 && w < 4)).toBe(true);
  });

  test("takes every dtype of the format with its size", () => {
    const bits: Record<Dtype, number> = {
      ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6, BOOL: 8, U8: 8, I8: 8 },
      ...{ F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
      ...{ U16: 16, I16: 16, F16: 16, BF16: 16, U32: 32, I32: 32, F32: 32, U64: 64, I64: 64, F64: 64, C64: 64 },
    };
    for (const [dtype, size] of Object.entries(bits)) {
      const read = (bytes: number) => readSafetensors(fileOf(entry(`"${dtype}"`, "[4]", `[0,${bytes}]`), bytes));
      expect(read(size / 2).tensors.get("a")?.dtype).toBe(dtype);
      expect(() => read(size / 2 + 1)).toThrow(FormatError);
    }
    expect(() => readSafetensors(fileOf(entry('"F4"', "[1]", "[0,1]"), 1))).toThrow(/0\.5 bytes/);
  });

  test("takes tensors in any order of the header, empty ones in between, white space", () => {
    const names = (offsets: Record<string, [number, number]>) => [
      ...readSafetensors(fileOf(headerOf(offsets), 8)).tensors.keys(),
    ];
    expect(names({ b: [4, 8], a: [0, 4] })).toEqual(["b", "a"]);
    expect(names({ a: [0, 8], z: [8, 8], y: [0, 0] })).toEqual(["a", "z", "y"]);
    const spaced = '{ "b" : {"shape" : [ ] ,\n"data_offsets": [0 , 1],\t"dtype": "U8"} }  \n';
    expect(readSafetensors(fileOf(spaced, 1)).tensors).toEqual(new Map([["b", { ...u8(0), shape: [] }]]));
  });

  test("keeps the order of names that look like numbers", () => {
    const file = writeSafetensors(["10", "b", "2", "a"].map((name) => [name, u8(1)]));
    expect([...readSafetensors(file).tensors.keys()]).toEqual(["10", "b", "2", "a"]);
  });

  test("is not fooled by brackets, quotation marks and escapes in names", () => {
    const names = ['{"a":', "]}", "\\", '\\"', "a\\u0061", "\n\u0000", "", "é😀", " "];
    const tensors = names.map((name): [string, RawTensor] => [name, u8(1)]);
    const metadata = { '"}': "[{", "\\": '"' };
    expect(readSafetensors(writeSafetensors(tensors, metadata))).toEqual({ metadata, tensors: new Map(tensors) });
  });

  test("does not take texts for names", () => {
    const tensor = '{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":["x","x",{"x":"x"}]}';
    const header = `{"__metadata__": {"k" : "v", "l":\n"v", "m":"k"}, "U8": ${tensor}}`;
    const { metadata, tensors } = readSafetensors(fileOf(header, 1));
    expect(metadata).toEqual({ k: "v", l: "v", m: "k" });
    expect(tensors).toEqual(new Map([["U8", u8(0)]]));
  });

  test("pollutes nothing with the names of Object.prototype", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const tensors = names.map((name): [string, RawTensor] => [name, u8(1)]);
    const metadata = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    const read = readSafetensors(writeSafetensors(tensors, metadata));
    expect([...read.tensors.keys()]).toEqual(names);
    expect(Object.entries(read.metadata)).toEqual(Object.entries(metadata));
    expect(Object.getPrototypeOf(read.metadata)).toBe(null);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    const injected = '{"a":{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}';
    expect(() => readSafetensors(fileOf(injected, 1))).toThrow(/dtype .* got undefined/);
  });
});

describe("readSafetensors refuses", () => {
  const good = '"dtype":"U8","shape":[1],"data_offsets":[0,1]';
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  const cases: [string, Uint8Array, string, RegExp][] = [
    ["nothing", new Uint8Array(0), "truncated", /the file expected 8 bytes or more, got 0/],
    ["7 bytes", small.subarray(0, 7), "truncated", /got 7/],
    ["a header beyond the file", fileOf("{}", 0, 3), "truncated", /3 bytes, as announced, got 2/],
    ["a header of 100,000,001 bytes", fileOf("{}", 0, 100_000_001), "malformed", /at most 100000000/],
    ["a header of 2^32 + 2 bytes", fileOf("{}", 0, 2n ** 32n + 2n), "malformed", /at most 100000000/],
    ["a header of 2^64 − 1 bytes", fileOf("{}", 0, 2n ** 64n - 1n), "malformed", /at most 100000000/],
    ["a header that is not UTF-8", fileOf(Uint8Array.of(0x7b, 0xff, 0x7d)), "malformed", /UTF-8/],
    ["a byte order mark", fileOf("\uFEFF{}"), "malformed", /JSON object/],
    ["an empty header", fileOf(""), "malformed", /JSON object, got ""/],
    ["a header that starts with a space", fileOf(" {}"), "malformed", /got " \{\}"/],
    ["an array as header", fileOf("[]"), "malformed", /JSON object/],
    ["half a header", fileOf('{"a":'), "malformed", /JSON object/],
    ["text after the header", fileOf("{} x"), "malformed", /JSON object/],
    ["a name twice", fileOf(`{"a":{${good}},"a":{${good}}}`, 1), "malformed", /every name once, got "a" twice/],
    ["a name twice in two spellings", fileOf(`{"a":{${good}},"\\u0061":{${good}}}`, 1), "malformed", /got "a" twice/],
    ["an escaped name twice", fileOf(`{"\\"\\\\":{${good}},"\\u0022\\\\":{${good}}}`, 1), "malformed", /twice/],
    ["the metadata twice", fileOf('{"__metadata__":{},"__metadata__":{}}'), "malformed", /twice/],
    ["__proto__ twice", fileOf(`{"__proto__":{${good}},"__proto__":{${good}}}`, 1), "malformed", /twice/],
    ["a key of the metadata twice", fileOf('{"__metadata__":{"k":"1","k":"2"}}'), "malformed", /got "k" twice/],
    ["a dtype twice", fileOf(`{"a":{"dtype":"F64",${good}}}`, 1), "malformed", /got "dtype" twice/],
    ["half a surrogate pair in a name", fileOf(`{"\\ud800":{${good}}}`, 1), "malformed", /surrogate/],
    ["metadata that are a list", fileOf('{"__metadata__":[]}'), "malformed", /__metadata__ .* got \[\]/],
    ["metadata that are null", fileOf('{"__metadata__":null}'), "malformed", /got null/],
    ["a number in the metadata", fileOf('{"__metadata__":{"k":1}}'), "malformed", /__metadata__ "k" .* got 1/],
    ["half a surrogate pair in a key", fileOf('{"__metadata__":{"\\udc00":"v"}}'), "malformed", /__metadata__/],
    ["half a surrogate pair in the metadata", fileOf('{"__metadata__":{"k":"\\udc00"}}'), "malformed", /"k"/],
    ["a number for a tensor", fileOf('{"a":1}'), "malformed", /tensor "a" .* got 1/],
    ["a list nested 200,000 deep for a tensor", fileOf(`{"a":${deep}}`), "malformed", /tensor "a"/],
    ["a shape nested 200,000 deep", fileOf(entry('"U8"', deep, "[0,1]"), 1), "malformed", /got \[an array of 1\]/],
    ["no dtype", fileOf('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1), "unsupported", /got undefined/],
    ["an unknown dtype", fileOf(entry('"F128"', "[1]", "[0,1]"), 1), "unsupported", /tensor "a" .* got "F128"/],
    ["a dtype in lower case", fileOf(entry('"u8"', "[1]", "[0,1]"), 1), "unsupported", /got "u8"/],
    ["a dtype off Object.prototype", fileOf(entry('"constructor"', "[1]", "[0,1]"), 1), "unsupported", /dtype/],
    ["a list as dtype", fileOf(entry('["U8"]', "[1]", "[0,1]"), 1), "unsupported", /got \["U8"\]/],
    ["no shape", fileOf('{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1), "malformed", /shape/],
    ["a number as shape", fileOf(entry('"U8"', "1", "[0,1]"), 1), "malformed", /shape .* got 1/],
    ["half an element", fileOf(entry('"U8"', "[0.5]", "[0,1]"), 1), "malformed", /got \[0\.5\]/],
    ["a negative size", fileOf(entry('"U8"', "[-1,-1]", "[0,1]"), 1), "malformed", /got \[-1, -1\]/],
    ["a size of −0", fileOf(entry('"U8"', "[-0]", "[0,0]")), "malformed", /shape/],
    ["a text as size", fileOf(entry('"U8"', '["1"]', "[0,1]"), 1), "malformed", /got \["1"\]/],
    ["an infinite size", fileOf(entry('"U8"', "[1e999]", "[0,1]"), 1), "malformed", /got \[Infinity\]/],
    ["a size of 2^53", fileOf(entry('"U8"', "[9007199254740992]", "[0,1]"), 1), "malformed", /2\^53/],
    ["sizes with a product of 2^53", fileOf(entry('"U8"', "[67108864,134217728]", "[0,1]"), 1), "malformed", /2\^53/],
    ["sizes with a product of 2^64", fileOf(entry('"U8"', "[4294967296,4294967296]", "[0,0]")), "malformed", /2\^53/],
    ["no offsets", fileOf('{"a":{"dtype":"U8","shape":[1]}}', 1), "malformed", /data_offsets .* got undefined/],
    ["one offset", fileOf(entry('"U8"', "[1]", "[0]"), 1), "malformed", /data_offsets .* got \[0\]/],
    ["three offsets", fileOf(entry('"U8"', "[1]", "[0,1,2]"), 1), "malformed", /got \[0, 1, 2\]/],
    ["an offset that is a text", fileOf(entry('"U8"', "[1]", '[0,"1"]'), 1), "malformed", /got \[0, "1"\]/],
    ["half an offset", fileOf(entry('"U8"', "[1]", "[0,0.5]"), 1), "malformed", /got \[0, 0\.5\]/],
    ["a negative offset", fileOf(entry('"U8"', "[1]", "[-1,0]"), 1), "malformed", /got \[-1, 0\]/],
    ["an end before the begin", fileOf(entry('"U8"', "[1]", "[1,0]"), 1), "malformed", /begin ≤ end/],
    ["an end beyond the data", fileOf(entry('"U8"', "[2]", "[0,2]"), 1), "truncated", /up to byte 2, got 1 bytes/],
    ["a file that lost its last byte", small.subarray(0, -1), "truncated", /data up to byte/],
    [
      "more bytes than the shape has",
      fileOf(entry('"F32"', "[1]", "[0,8]"), 8),
      "malformed",
      /4 bytes for F32 .* got 8/,
    ],
    ["fewer bytes than the shape has", fileOf(entry('"F32"', "[2]", "[0,4]"), 4), "malformed", /8 bytes .* got 4/],
    ["a scalar without a byte", fileOf(entry('"U8"', "[]", "[0,0]")), "malformed", /1 bytes for U8 of shape \[\]/],
    [
      "tensors that overlap",
      fileOf(headerOf({ a: [0, 5], b: [4, 8] }), 8),
      "malformed",
      /"b" .* byte 5, got byte 4, inside/,
    ],
    ["tensors that are the same", fileOf(headerOf({ a: [0, 8], b: [0, 8] }), 8), "malformed", /inside another/],
    ["an empty tensor inside another", fileOf(headerOf({ a: [0, 8], b: [4, 4] }), 8), "malformed", /inside another/],
    [
      "a hole in front",
      fileOf(headerOf({ a: [1, 8] }), 8),
      "malformed",
      /begin at byte 0, got byte 1, which leaves a hole/,
    ],
    ["a hole between", fileOf(headerOf({ a: [0, 3], b: [4, 8] }), 8), "malformed", /begin at byte 3, got byte 4/],
    ["a byte after the end", fileOf(headerOf({ a: [0, 7] }), 8), "malformed", /7 bytes of data, got 8/],
    ["data of no tensor", fileOf("{}", 1), "malformed", /0 bytes of data, got 1/],
  ];

  test.each(cases)("%s", (_, file, code, message) => {
    const read = () => readSafetensors(file);
    expect(read).toThrow(FormatError);
    expect(read).toThrow(expect.objectContaining({ code }) as Error);
    expect(read).toThrow(message);
    expect(read).toThrow(
      /expected .*, got .*\. The file is damaged or of another format: write or download it again\.$/s,
    );
  });

  test("with a short message even when a name is long", () => {
    const file = fileOf(JSON.stringify({ ["x".repeat(1e6)]: 1 }));
    expect(() => readSafetensors(file)).toThrow(/^.{1,300}$/);
  });
});

describe("float32Of", () => {
  test("copies F32 bit for bit, from any alignment", () => {
    const bits = Uint32Array.of(0x3f800000, 0x80000000, 0x7f800000, 0x7fc12345, 0x7f812345, 1);
    const bytes = new Uint8Array(25);
    bytes.set(bytesOf(bits), 1);
    const values = float32Of("a", { dtype: "F32", shape: [6], bytes: bytes.subarray(1) });
    expect(bytesOf(values)).toEqual(bytesOf(bits));
    values[0] = 2;
    expect(bytes.subarray(1)).toEqual(bytesOf(bits));
  });

  test("rounds F64 to the nearest float32", () => {
    const values = Float64Array.of(0.1, 1 + 2 ** -24, 1 + 3 * 2 ** -24, 1e300, -1e-300, NaN);
    const rounded = float32Of("a", { dtype: "F64", shape: [6], bytes: bytesOf(values) });
    expect(rounded).toEqual(Float32Array.of(Math.fround(0.1), 1, 1 + 2 ** -22, Infinity, -0, NaN));
  });

  test("takes scalars and empty tensors", () => {
    expect(float32Of("a", f32([], 5))).toEqual(Float32Array.of(5));
    expect(float32Of("a", f32([0, 3]))).toEqual(new Float32Array(0));
  });

  test.each(["I8", "F4", "I64", "BOOL"] as const)("refuses %s with tensor, dtype and cure", (dtype) => {
    const read = () => float32Of("rnn.w", { dtype, shape: [0], bytes: new Uint8Array(0) });
    const message = `safetensors: tensor "rnn.w" expected dtype F32, F64, F16 or BF16, got ${dtype}.`;
    const cure = "Convert it before saving, in PyTorch with tensor.float().";
    expect(read).toThrow(new FormatError("unsupported", `${message} ${cure}`));
  });
});

describe("mutated files", () => {
  /** Numbers in [0, limit) from a linear congruential generator. */
  function generator(seed: number): (limit: number) => number {
    let state = seed >>> 0;
    return (limit) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
  }

  const words = ['"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", "9", "1e9", ".5", "null", '"a":', "\\ud800", "é"];
  const word = words.map((text) => new TextEncoder().encode(text));

  type Mutation = (file: Uint8Array, draw: (limit: number) => number, at: number) => Uint8Array;
  const join = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
  const mutations: Mutation[] = [
    (file, draw, at) => file.map((byte, i) => (i === at ? byte ^ (1 << draw(8)) : byte)),
    (file, draw, at) => file.map((byte, i) => (i === at ? draw(256) : byte)),
    (file, draw, at) => file.map((byte, i) => (i === at ? 0x30 + draw(10) : byte)),
    (file, draw, at) => join(file.subarray(0, at), word[draw(words.length)]!, file.subarray(at)),
    (file, draw, at) => join(file.subarray(0, at), word[draw(words.length)]!, file.subarray(at + 1)),
    (file, draw, at) => join(file.subarray(0, at), file.subarray(at + draw(20))),
    (file, draw, at) => join(file.subarray(0, at), file.subarray(Math.max(0, at - draw(60)))),
    (file, draw) => file.subarray(0, draw(file.length)),
    (file, draw) => join(file, file.subarray(draw(file.length))),
  ];

  /** One to three mutations, mostly in the header; half of the time its length is set right again. */
  function mutate(file: Uint8Array, draw: (limit: number) => number): Uint8Array {
    const before = file.length;
    const header = 8 + new DataView(file.buffer, file.byteOffset).getUint32(0, true);
    let mutated = file;
    for (let n = draw(3); n >= 0; n--) {
      const at = draw(draw(8) === 0 ? file.length : header);
      mutated = Uint8Array.from(mutations[draw(mutations.length)]!(mutated, draw, at));
    }
    const length = header - 8 + mutated.length - before;
    if (draw(2) === 0 && mutated.length >= 8 && length >= 0) {
      new DataView(mutated.buffer).setBigUint64(0, BigInt(length), true);
    }
    return mutated;
  }

  function outcome(file: Uint8Array): Safetensors | FormatError {
    try {
      return readSafetensors(file);
    } catch (error) {
      if (error instanceof FormatError) return error;
      throw error;
    }
  }

  test.each([
    ["a small file", small, 6000],
    ["golden/variants.safetensors", readFileSync(url("golden/variants.safetensors")), 2000],
    ["fixtures/torch-tagger.safetensors", readFileSync(url("fixtures/torch-tagger.safetensors")), 2000],
  ])("of %s are read or refused with a FormatError", (_, file, count) => {
    const draw = generator(2024);
    let [valid, malformed] = [0, 0];
    for (let n = 0; n < count; n++) {
      const result = outcome(mutate(file, draw));
      if (result instanceof FormatError) {
        if (result.code === "malformed") malformed++;
        continue;
      }
      valid++;
      const written = writeSafetensors(result.tensors, result.metadata);
      const again = readSafetensors(written);
      expect([...again.tensors.keys()]).toEqual([...result.tensors.keys()]);
      expect(Buffer.compare(writeSafetensors(again.tensors, again.metadata), written)).toBe(0);
    }
    expect(valid).toBeGreaterThan(count / 100);
    expect(malformed).toBeGreaterThan(count / 10);
  });
});
