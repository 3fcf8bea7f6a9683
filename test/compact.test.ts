/** Weights in fewer bits: save({ dtype }), and loading them back. */

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { batchNorm, dense, embedding, gru, Network } from "../bindings/index.ts";
import { halfTensor, int8Tensors } from "../bindings/io/compact.ts";
import { float32Of, readSafetensors } from "../bindings/io/safetensors.ts";
import { indices, lehmer, numbers } from "./support.ts";

const run = (await import(
  fileURLToPath(new URL("../dist/run.js", import.meta.url))
)) as typeof import("../bindings/run.ts");

/** The value of a float16 by the standard's formula. */
function valueOf(half: number): number {
  const [sign, exponent, digits] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 31) return digits ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? digits * 2 ** -24 : (1 + digits / 1024) * 2 ** (exponent - 15));
}

const allHalves = Uint16Array.from({ length: 0x10000 }, (_, half) => half);
const finite = allHalves.filter((half) => Number.isFinite(valueOf(half)));
const bytesOf = (data: Uint16Array | Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const read = (dtype: "F16" | "BF16", halves: Uint16Array) =>
  float32Of("x", { dtype, shape: [halves.length], bytes: bytesOf(halves) });

describe("float16", () => {
  test("all 65,536 are read as the standard defines them", () => {
    expect(read("F16", allHalves)).toEqual(Float32Array.from(allHalves, valueOf));
  });

  test("all finite ones are written as they were read", () => {
    const { bytes } = halfTensor("x", read("F16", finite), [finite.length]);
    expect(bytes).toEqual(bytesOf(finite));
  });

  test("numbers between go to the nearer neighbour, those in the middle to the even one", () => {
    const positive = finite.filter((half) => half < 0x8000);
    for (let k = 0; k + 1 < positive.length; k++) {
      const [low, high] = [valueOf(positive[k]!), valueOf(positive[k + 1]!)];
      const middle = (low + high) / 2; // exact
      const step = (high - low) / 1024;
      const { bytes } = halfTensor("x", Float32Array.of(middle - step, middle, middle + step, -middle - step), [4]);
      const even = positive[k]! % 2 === 0 ? positive[k]! : positive[k + 1]!;
      const expected = [positive[k]!, even, positive[k + 1]!, 0x8000 | positive[k + 1]!];
      if (k % 61 === 0 || k < 1100) expect([...new Uint16Array(bytes.buffer)]).toEqual(expected);
    }
  });

  test("what it cannot hold is refused by name", () => {
    expect([...new Uint16Array(halfTensor("w", Float32Array.of(65519, 1e-30), [2]).bytes.buffer)]).toEqual([0x7bff, 0]);
    for (const bad of [65520, -1e9, Infinity, NaN]) {
      expect(() => halfTensor("w", Float32Array.of(0, bad), [2])).toThrow(RangeError);
      expect(() => halfTensor("w", Float32Array.of(0, bad), [2])).toThrow(/"w" expected numbers that float16 holds/);
    }
  });
});

test("bfloat16 is the upper half of a float32", () => {
  const halves = Uint16Array.of(0x3f80, 0xbf81, 0x0001, 0x7f80, 0x8000);
  const expected = new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
  expect(read("BF16", halves)).toEqual(expected);
});

describe("int8", () => {
  test("is off by at most 1/254 of the largest in the row, and keeps a row of zeros", () => {
    const random = lehmer(3);
    const [rows, columns] = [37, 53];
    const data = Float32Array.from({ length: rows * columns }, (_, i) => {
      const row = Math.floor(i / columns);
      return row === 5 ? 0 : (2 * random() - 1) * 10 ** (row - 20);
    });
    const [q, scale] = int8Tensors("w", data, [rows, columns]);
    const scales = float32Of("scale", scale);
    const whole = new Int8Array(q.bytes.buffer);
    expect(scale.shape).toEqual([rows, 1]);
    expect(Math.min(...whole)).toBeGreaterThanOrEqual(-127);
    for (let row = 0; row < rows; row++) {
      const own = data.subarray(row * columns, (row + 1) * columns);
      const largest = own.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
      own.forEach((x, k) => {
        const back = Math.fround(whole[row * columns + k]! * scales[row]!);
        expect(Math.abs(back - x)).toBeLessThanOrEqual((largest / 254) * (1 + 1e-6));
      });
    }
  });

  test("what is not finite is refused by name", () => {
    expect(() => int8Tensors("w", Float32Array.of(1, NaN), [1, 2])).toThrow(/"w" expected numbers that are finite/);
  });
});

describe("save({ dtype })", () => {
  const net = new Network({
    input: { tokens: 50 },
    layers: [embedding(24), gru(33, { bidirectional: true }), batchNorm(), dense(5)],
    seed: 2,
  });
  net.metadata.note = "kept";
  const tokens = indices([4, 9], 50);
  const { output } = net.forward(tokens);
  const largest = (a: Float32Array, b: Float32Array) => a.reduce((max, x, i) => Math.max(max, Math.abs(x - b[i]!)), 0);

  test.each([
    ["f16", 0.52, 2e-3],
    ["i8", 0.36, 4e-2],
  ] as const)("%s: smaller, loaded as any file, close, the same from unrolled/run", (dtype, share, error) => {
    const bytes = net.save({ dtype });
    expect(bytes.length / net.save().length).toBeLessThan(share + 0.15); // the header is a large part of a small file
    const copy = Network.load(bytes);
    expect(copy.metadata).toEqual({ note: "kept" });
    expect(copy.config).toEqual(net.config);
    const result = copy.forward(tokens).output;
    expect(largest(result.data, output.data)).toBeLessThan(error);
    expect(largest(result.data, output.data)).toBeGreaterThan(0);
    const plain = new Network({ ...net.config, layers: net.config.layers.filter(({ type }) => type !== "batchNorm") });
    const small = plain.save({ dtype });
    expect(run.Network.load(small).forward(tokens).output).toEqual(Network.load(small).forward(tokens).output);
    const other = new Network({ ...net.config, seed: 9 });
    other.loadParameters(bytes);
    expect(other.parameterVector).toEqual(copy.parameterVector);
    expect(copy.save({ dtype })).toEqual(bytes); // what was rounded once stays
  });

  test("f32 is what save() gives", () => {
    expect(net.save({ dtype: "f32" })).toEqual(net.save());
  });

  test("keeps buffers, and with i8 vectors, in full", () => {
    const dtypes = (dtype: "f16" | "i8") =>
      Object.fromEntries([...readSafetensors(net.save({ dtype })).tensors].map(([name, one]) => [name, one.dtype]));
    expect(dtypes("f16")).toMatchObject({
      "embedding.weight": "F16",
      "gru.bias_ih_l0": "F16",
      "batchNorm.running_var": "F32",
      "batchNorm.num_batches_tracked": "I64",
    });
    expect(dtypes("i8")).toMatchObject({
      "embedding.weight": "I8",
      "embedding.weight.scale": "F32",
      "gru.bias_ih_l0": "F32",
      "batchNorm.weight": "F32",
    });
  });

  test("refuses what is no dtype, and numbers beyond float16", () => {
    // @ts-expect-error there is no such dtype
    expect(() => net.save({ dtype: "f8" })).toThrow(/"dtype" expected one of "f32", "f16", "i8", got "f8"/);
    // @ts-expect-error there is no such option
    expect(() => net.save({ type: "f16" })).toThrow(/unknown option "type"/);
    const large = new Network({ input: { features: 1 }, layers: [dense(1)] });
    large.parameter("dense.weight").set([1e5]);
    expect(() => large.save({ dtype: "f16" })).toThrow(/"dense.weight" expected numbers that float16 holds/);
    expect(Network.load(large.save({ dtype: "i8" })).predict(numbers([1, 1], 1)).data).toHaveLength(1);
  });
});
