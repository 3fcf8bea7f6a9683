import { describe, expect, test } from "vitest";
import { splitSequence } from "../bindings/data/split.ts";

const count = (length: number) => Int32Array.from({ length }, (_, i) => i);
const lengths = (length: number, fractions: number[]) => splitSequence(count(length), fractions).map((p) => p.length);

describe("splitSequence", () => {
  test("cuts into consecutive parts that are views", () => {
    const tokens = count(10);
    const [head, tail] = splitSequence(tokens, [0.9, 0.1]);
    expect(head).toEqual(Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8));
    expect(tail).toEqual(Int32Array.of(9));
    expect(tail?.buffer).toBe(tokens.buffer);
  });

  test("respects the offset of a view", () => {
    expect(splitSequence(count(10).subarray(4), [0.5, 0.5])).toEqual([Int32Array.of(4, 5, 6), Int32Array.of(7, 8, 9)]);
  });

  test("rounds to whole tokens", () => {
    expect(lengths(10, [1])).toEqual([10]);
    expect(lengths(7, [0.5, 0.5])).toEqual([4, 3]);
    expect(lengths(125_179, [0.8, 0.1, 0.1])).toEqual([100_143, 12_518, 12_518]);
    expect(
      lengths(
        10,
        Array.from({ length: 10 }, () => 0.1),
      ),
    ).toEqual(Array.from({ length: 10 }, () => 1));
    expect(lengths(6, [1 / 3, 1 / 3, 1 / 3])).toEqual([2, 2, 2]);
  });

  test("leaves no part empty", () => {
    expect(lengths(10, [0.999, 0.001])).toEqual([9, 1]);
    expect(lengths(10, [0.001, 0.999])).toEqual([1, 9]);
    expect(lengths(3, [0.001, 0.001, 0.998])).toEqual([1, 1, 1]);
    expect(lengths(3, [0.998, 0.001, 0.001])).toEqual([1, 1, 1]);
    expect(lengths(4, [1e-12, 1 - 2e-12, 1e-12])).toEqual([1, 2, 1]);
  });

  test("covers everything exactly once for lengths 1–60 and up to 5 parts", () => {
    const shares = [[1], [0.7, 0.3], [0.01, 0.99], [0.6, 0.2, 0.2], [0.4, 0.3, 0.2, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2]];
    for (const fractions of shares) {
      for (let length = fractions.length; length <= 60; length++) {
        const parts = splitSequence(count(length), fractions);
        expect(parts.flatMap((part) => [...part])).toEqual([...count(length)]);
        expect(parts.every((part) => part.length > 0)).toBe(true);
      }
    }
  });

  test.each([
    ["no fraction", []],
    ["a sum below 1", [0.5, 0.4]],
    ["a sum above 1 by 2e-9", [0.5, 0.5 + 2e-9]],
    ["0", [1, 0]],
    ["a negative one", [1.5, -0.5]],
    ["NaN", [0.5, NaN]],
    ["infinity", [Infinity]],
  ])("refuses %s", (_, fractions) => {
    expect(() => splitSequence(count(10), fractions)).toThrow(RangeError);
    expect(() => splitSequence(count(10), fractions)).toThrow(/"fractions" expected .* got \[.*\].*Divide/);
  });

  test("takes a sum off by rounding", () => {
    expect(lengths(100, [0.5, 0.5 + 5e-10])).toEqual([50, 50]);
  });

  test("refuses fewer tokens than parts", () => {
    expect(() => splitSequence(count(1), [0.5, 0.5])).toThrow(/"tokens" expected .* 2 parts, got 1\. Pass a longer/);
    expect(() => splitSequence(count(0), [1])).toThrow(RangeError);
  });

  test("refuses arguments of the wrong kind", () => {
    expect(() => splitSequence([1, 2, 3] as never, [1])).toThrow(TypeError);
    expect(() => splitSequence(count(3), 0.9 as never)).toThrow(TypeError);
    expect(() => splitSequence(count(3), ["1"] as never)).toThrow(TypeError);
  });
});
