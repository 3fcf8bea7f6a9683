import { describe, expect, test } from "vitest";
import { Random } from "../bindings/index.ts";
import { Core } from "../bindings/core/core.ts";
import { errorOf, expectError, type Kind } from "./support.ts";

const n = 20_000;
const draw = (next: () => number) => Float64Array.from({ length: n }, next);
const meanOf = (x: ArrayLike<number>) => Array.from(x).reduce((sum, v) => sum + v, 0) / x.length;

describe("Random", () => {
  test("is the core's generator: the same numbers, and an instance of its own for each", () => {
    const core = new Core();
    core.functions.randomSeed(5, 1);
    const [a, b] = [new Random(0x100000005), new Random(1)];
    b.uniform();
    for (let k = 0; k < 5; k++) expect(a.uniform()).toBe(core.functions.uniform());
    expect(new Random().uniform()).toBe(new Random(0).uniform());
    expect(new Random(1).uniform()).not.toBe(new Random(2).uniform());
  });

  test("draws from a core that it is given, and changes nothing but its generator", () => {
    const core = new Core();
    core.functions.randomSeed(3, 0);
    core.reserve(core.base + 64);
    core.view(core.base, 16).fill(7);
    const random = new Random(0, core);
    const own = new Random(3);
    expect(random.normals(5000)).toEqual(own.normals(5000));
    expect(random.permutation(5000)).toEqual(own.permutation(5000));
    expect(random.uniform()).toBe(own.uniform());
    expect(core.view(core.base, 16).every((x) => x === 7)).toBe(true);
  });

  test("uniform: range and mean", () => {
    const random = new Random(1);
    const x = draw(() => random.uniform(-1, 3));
    expect(x.every((v) => v >= -1 && v < 3)).toBe(true);
    expect(Math.abs(meanOf(x) - 1)).toBeLessThan((5 * 4) / Math.sqrt(12 * n));
    expect(random.uniform(2, 2)).toBe(2);
    const narrow = draw(() => random.uniform(1, 1 + 2 ** -52));
    expect(narrow.every((v) => v === 1)).toBe(true); // its limit is never drawn
  });

  test("normal: mean and deviation; many at a time are what the core gives", () => {
    const random = new Random(2);
    const x = random.normals(n, 2, 0.5);
    expect(x).toHaveLength(n);
    expect(Math.abs(meanOf(x) - 2)).toBeLessThan((5 * 0.5) / Math.sqrt(n));
    expect(meanOf(x.map((v) => (v - 2) ** 2)) / 0.25).toBeCloseTo(1, 1);
    expect(new Set(x).size).toBeGreaterThan(0.99 * n); // no piece repeats another
    expect(random.normals(0)).toHaveLength(0);
    const single = draw(() => random.normal(-1, 2));
    expect(Math.abs(meanOf(single) + 1)).toBeLessThan((5 * 2) / Math.sqrt(n));
    expect(random.normal(4, 0)).toBe(4);
  });

  test("integer: all values as often, none beyond", () => {
    const random = new Random(3);
    const counts = new Float64Array(6);
    for (let k = 0; k < 6000; k++) counts[random.integer(6)]!++;
    // 1,000 each, standard deviation 29
    expect(counts.every((count) => Math.abs(count - 1000) < 5 * 29)).toBe(true);
    expect(random.integer(1)).toBe(0);
  });

  test("permutation: each number once, each at each place as often", () => {
    const random = new Random(4);
    for (const size of [0, 1, 2, 5, 1000]) {
      expect([...random.permutation(size)].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
    }
    const counts = new Float64Array(16);
    for (let k = 0; k < 4000; k++) random.permutation(4).forEach((value, place) => counts[4 * place + value]!++);
    // 1,000 each, standard deviation 27
    expect(counts.every((count) => Math.abs(count - 1000) < 5 * 27)).toBe(true);
  });

  test("its state is 64 bytes, a copy, from which it goes on", () => {
    const random = new Random(5);
    random.uniform();
    const { state } = random;
    expect(state).toHaveLength(64);
    const drawn = [random.uniform(), random.integer(100), random.normal()];
    const other = new Random(99);
    other.state = state;
    expect([other.uniform(), other.integer(100), other.normal()]).toEqual(drawn);
    expect(random.state).toEqual(other.state);
    expect(random.state).not.toEqual(state);
  });

  const random = new Random();
  test.each<[string, () => unknown, Kind, RegExp]>([
    ["a seed below 0", () => new Random(-1), RangeError, /"seed" expected an integer/],
    ["a seed that is a text", () => new Random("1" as never), TypeError, /"seed" expected a number/],
    [
      "limits the wrong way",
      () => random.uniform(1, 0),
      RangeError,
      /"high" expected a finite number of at least 1, got 0/,
    ],
    ["a deviation below 0", () => random.normal(0, -1), RangeError, /"deviation" expected/],
    ["no integers", () => random.integer(0), RangeError, /"n" expected an integer of at least 1/],
    ["half a permutation", () => random.permutation(0.5), RangeError, /"n" expected an integer/],
    ["a short state", () => (random.state = new Uint8Array(3)), RangeError, /"state" expected 64 bytes/],
    ["a state of another kind", () => (random.state = [] as never), TypeError, /"state" expected a Uint8Array/],
  ])("refuses %s, and draws what it would have drawn", async (_, call, kind, text) => {
    const before = random.state;
    expectError(await errorOf(call), kind, text);
    expect(random.state).toEqual(before);
  });
});
