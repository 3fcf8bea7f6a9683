import { describe, expect, test } from "vitest";
import {
  constant,
  dense,
  dropout,
  elman,
  embedding,
  fanInUniform,
  fanOutUniform,
  glorotNormal,
  glorotUniform,
  gru,
  heNormal,
  heUniform,
  type Initializer,
  type LayerDescription,
  lecunNormal,
  lecunUniform,
  lstm,
  Network,
  normal,
  identity,
  orthogonal,
  tensor,
  uniform,
} from "../bindings/index.ts";
import { Core } from "../bindings/core/core.ts";
import { bitsOf } from "./support.ts";

// ------------------------------------------------------------------------------------- the generator, written plainly

const MASK = 0xffffffffffffffffn;

/** SplitMix64 (Steele, Lea & Flood 2014). */
function* splitMix64(seed: bigint): Generator<bigint, never> {
  for (let s = seed; ;) {
    s = (s + 0x9e3779b97f4a7c15n) & MASK;
    let z = s;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    yield z ^ (z >> 31n);
  }
}

const rotateLeft = (x: number, k: number): number => ((x << k) | (x >>> (32 - k))) >>> 0;

/** xoshiro128++ (Blackman & Vigna 2019), one lane; s is its state of four words. */
function xoshiro(s: Uint32Array): number {
  const result = (rotateLeft((s[0]! + s[3]!) >>> 0, 7) + s[0]!) >>> 0;
  const t = s[1]! << 9;
  s[2]! ^= s[0]!;
  s[3]! ^= s[1]!;
  s[1]! ^= s[2]!;
  s[0]! ^= s[3]!;
  s[2]! ^= t;
  s[3] = rotateLeft(s[3]!, 11);
  return result;
}

/** Four lanes side by side: word w of lane l stands at 4·w + l of what SplitMix64 gives. */
class Plain {
  readonly #lanes: readonly Uint32Array[];

  constructor(seed: bigint) {
    const words = splitMix64(seed);
    const state = new Uint32Array(BigUint64Array.from({ length: 8 }, () => words.next().value).buffer);
    this.#lanes = [0, 1, 2, 3].map((lane) => state.filter((_, k) => k % 4 === lane));
  }

  next(): number[] {
    return this.#lanes.map(xoshiro);
  }

  /** A multiple of 2⁻²⁴ for each lane. */
  uniform4(): number[] {
    return this.next().map((word) => (word >>> 8) * 2 ** -24);
  }

  /** A multiple of 2⁻⁵³, of two lanes. */
  uniform(): number {
    const [high, low] = this.next();
    return (high! * 2 ** 21 + (low! >>> 11)) * 2 ** -53;
  }
}

const seeds = [0n, 1n, 7n, 0xffffffffn, 0x100000000n, 0x1fffffffffffffn, MASK];

function seeded(seed: bigint): Core {
  const core = new Core();
  core.functions.randomSeed(Number(seed & 0xffffffffn), Number(seed >> 32n));
  core.reserve(core.base + (1 << 20));
  return core;
}

function draw(core: Core, n: number, fill: (at: number) => void): Float32Array {
  fill(core.base);
  return core.view(core.base, n).slice();
}

describe.each(seeds)("seed %s, bit for bit as plain xoshiro128++ seeded by SplitMix64", (seed) => {
  test("uniform", () => {
    const [core, plain] = [seeded(seed), new Plain(seed)];
    for (let k = 0; k < 100; k++) expect(core.functions.uniform()).toBe(plain.uniform());
  });

  test("uniformArray, the first lane of each", () => {
    const [core, plain] = [seeded(seed), new Plain(seed)];
    const got = draw(core, 101, (at) => core.functions.uniformArray(at, 101, -2, 3));
    const expected = Float32Array.from(got, () => Math.fround(Math.fround(plain.uniform4()[0]! * 5) - 2));
    expect(got).toEqual(expected);
  });

  test("dropout, all four lanes", () => {
    const [core, plain] = [seeded(seed), new Plain(seed)];
    const [n, rate] = [64, 0.25];
    const at = core.base;
    core.view(at, n).fill(3);
    core.functions.dropoutForward(at + 4 * n, at + 8 * n, at, n, rate);
    const kept = Array.from({ length: n / 4 }, () => plain.uniform4())
      .flat()
      .map((u) => u >= rate);
    const scale = Math.fround(1 / 0.75);
    expect([...core.view(at + 8 * n, n)]).toEqual(kept.map((is) => (is ? scale : 0)));
    expect([...core.view(at + 4 * n, n)]).toEqual(kept.map((is) => (is ? Math.fround(3 * scale) : 0)));
  });

  test("permutation, by the multiply-shift of the first lane", () => {
    const [core, plain] = [seeded(seed), new Plain(seed)];
    core.functions.permutation(core.base, 50);
    const expected = Array.from({ length: 50 }, (_, i) => i);
    for (let i = 49; i > 0; i--) {
      const j = Number((BigInt(plain.next()[0]!) * BigInt(i + 1)) >> 32n);
      [expected[i], expected[j]] = [expected[j]!, expected[i]!];
    }
    expect([...core.i32.subarray(core.base >>> 2, (core.base >>> 2) + 50)]).toEqual(expected);
  });

  test("normalArray, by the polar method, within 1e-6", () => {
    const [core, plain] = [seeded(seed), new Plain(seed)];
    const got = draw(core, 101, (at) => core.functions.normalArray(at, 101, 1, 2));
    const expected: number[] = [];
    while (expected.length < 101) {
      const [a, b] = [2 * plain.uniform() - 1, 2 * plain.uniform() - 1];
      const s = a * a + b * b;
      if (s >= 1 || s === 0) continue;
      const f = Math.sqrt((-2 * Math.log(s)) / s);
      expected.push(1 + 2 * a * f, 1 + 2 * b * f);
    }
    got.forEach((x, k) => expect(Math.abs(x - expected[k]!)).toBeLessThanOrEqual(1e-6 * (1 + Math.abs(expected[k]!))));
  });
});

// ------------------------------------------------------------------------------------------------------- statistics

/** Mean and variance. */
function momentsOf(x: Float32Array): { mean: number; variance: number } {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  return { mean, variance: x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length };
}

const n = 200_000;

describe.each([1n, 2n, 3n])("seed %s, 200,000 numbers", (seed) => {
  test("uniform in [−1, 3): range, mean, variance, 20 equal bins, neighbours independent", () => {
    const core = seeded(seed);
    const x = draw(core, n, (at) => core.functions.uniformArray(at, n, -1, 3));
    expect(x.every((v) => v >= -1 && v < 3)).toBe(true);
    const { mean, variance } = momentsOf(x);
    expect(Math.abs(mean - 1)).toBeLessThan((5 * (4 / Math.sqrt(12))) / Math.sqrt(n));
    expect(Math.abs(variance / (16 / 12) - 1)).toBeLessThan(0.01);
    const bins = new Float64Array(20);
    for (const v of x) bins[Math.floor((v + 1) * 5)]!++;
    const chiSquared = bins.reduce((sum, count) => sum + (count - n / 20) ** 2 / (n / 20), 0);
    expect(chiSquared).toBeLessThan(50); // 19 degrees of freedom: 1 in 7,000
    const lag = x.reduce((sum, v, k) => (k === 0 ? 0 : sum + (v - mean) * (x[k - 1]! - mean)), 0) / n / variance;
    expect(Math.abs(lag)).toBeLessThan(5 / Math.sqrt(n));
  });

  test("normal: mean, variance, third and fourth moment, shares within 1, 2 and 3 deviations", () => {
    const core = seeded(seed);
    const x = draw(core, n, (at) => core.functions.normalArray(at, n, 2, 0.5)).map((v) => (v - 2) / 0.5);
    const { mean, variance } = momentsOf(x);
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(x.reduce((sum, v) => sum + v ** 3, 0) / n)).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(x.reduce((sum, v) => sum + v ** 4, 0) / n - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
    const within = (k: number): number => x.filter((v) => Math.abs(v) < k).length / n;
    expect(Math.abs(within(1) - 0.682689)).toBeLessThan(0.006);
    expect(Math.abs(within(2) - 0.9545)).toBeLessThan(0.003);
    expect(Math.abs(within(3) - 0.9973)).toBeLessThan(0.001);
    expect(x.every(Number.isFinite)).toBe(true);
  });
});

test("the same seed gives the same numbers, another one others, and so does each half of it", () => {
  const numbersOf = (seed: bigint): string => {
    const core = seeded(seed);
    return draw(core, 16, (at) => core.functions.uniformArray(at, 16, 0, 1)).join();
  };
  expect(numbersOf(5n)).toBe(numbersOf(5n));
  expect(new Set(seeds.map(numbersOf)).size).toBe(seeds.length);
});

test("the state is 64 bytes that can be put back", () => {
  const core = seeded(9n);
  const { randomState, randomStateSize, memory, uniform: next } = core.functions;
  expect(randomStateSize()).toBe(64);
  const state = new Uint8Array(memory.buffer, randomState(), 64);
  const before = state.slice();
  const drawn = [next(), next(), next()];
  state.set(before);
  expect([next(), next(), next()]).toEqual(drawn);
});

test.each([
  [1, 1 + 2 ** -23],
  [-1, -1 + 2 ** -24],
  [16777215, 16777216],
  [0, 2 ** -149],
  [-3, -3],
])("uniform in [%d, %d) never gives its limit, though low + u·(high − low) rounds up to it", (low, high) => {
  const core = seeded(4n);
  const x = draw(core, 10_000, (at) => core.functions.uniformArray(at, 10_000, low, high));
  expect(x.every((v) => v >= low && (v < high || low === high))).toBe(true);
});

test("a permutation has every number once; over many, each is at each place about as often", () => {
  const core = seeded(11n);
  const permutationOf = (size: number): number[] => {
    core.functions.permutation(core.base, size);
    return [...core.i32.subarray(core.base >>> 2, (core.base >>> 2) + size)];
  };
  for (const size of [0, 1, 2, 3, 4, 5, 17, 1000]) {
    expect(permutationOf(size).sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
  }
  const counts = new Float64Array(36);
  for (let k = 0; k < 12_000; k++) permutationOf(6).forEach((value, place) => counts[6 * place + value]!++);
  // 2,000 each, standard deviation 41
  expect(counts.every((count) => Math.abs(count - 2000) < 5 * 41)).toBe(true);
});

// ----------------------------------------------------------------------------------------------------- initialisers

function network(layer: LayerDescription, features: number, seed = 3): Network {
  return new Network({ input: { features }, layers: [layer], seed });
}

/** fanIn 300, fanOut 200: 60,000 weights. */
const spreads: [string, Initializer, "uniform" | "normal", number][] = [
  ["glorotUniform", glorotUniform(), "uniform", 2 / 500],
  ["glorotNormal", glorotNormal(), "normal", 2 / 500],
  ["heUniform", heUniform(), "uniform", 2 / 300],
  ["heNormal", heNormal(), "normal", 2 / 300],
  ["lecunUniform", lecunUniform(), "uniform", 1 / 300],
  ["lecunNormal", lecunNormal(), "normal", 1 / 300],
  ["fanInUniform", fanInUniform(), "uniform", 1 / 900],
  ["fanOutUniform", fanOutUniform(), "uniform", 1 / 600],
  ["uniform(0.2)", uniform(0.2), "uniform", 0.04 / 3],
  ["normal(0.2)", normal(0.2), "normal", 0.04],
];

/** Mean 0 and the variance to 3 %; uniform numbers reach their limit and stay below it, normal ones go beyond it. */
function expectSpread(x: Float32Array, form: "uniform" | "normal", variance: number): void {
  const moments = momentsOf(x);
  const limit = Math.sqrt(3 * variance);
  const highest = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  expect(Math.abs(moments.mean)).toBeLessThan((5 * Math.sqrt(variance)) / Math.sqrt(x.length));
  expect(Math.abs(moments.variance / variance - 1)).toBeLessThan(0.03);
  if (form === "uniform") {
    expect(highest).toBeLessThanOrEqual(Math.fround(limit));
    expect(highest).toBeGreaterThan(0.99 * limit);
  } else expect(highest).toBeGreaterThan(1.5 * limit);
}

describe.each(spreads)("%s", (_, init, form, variance) => {
  test("weights of dense, 300 to 200", () => {
    expectSpread(network(dense(200, { weightInit: init }), 300).parameter("dense.weight").value, form, variance);
  });

  test.each([
    ["lstm", lstm(200, { weightInit: init }), 4],
    ["gru", gru(200, { weightInit: init }), 3],
    ["elman", elman(200, { weightInit: init }), 1],
  ] as const)("each gate of %s, 300 to 200, by itself", (name, layer, gates) => {
    const { value } = network(layer, 300).parameter(`${name}.weight_ih_l0`);
    for (let g = 0; g < gates; g++) expectSpread(value.subarray(g * 60_000, (g + 1) * 60_000), form, variance);
  });
});

test.each([
  ["dense.weight", dense(100), 400, 1 / 1200],
  ["lstm.weight_ih_l0", lstm(100), 100, 1 / 300],
  ["lstm.weight_hh_l0", lstm(100), 100, 1 / 300],
  ["lstm.weight_ih_l1_reverse", lstm(100, { layers: 2, bidirectional: true }), 100, 1 / 300],
  ["gru.weight_hh_l0", gru(100), 100, 1 / 300],
  ["elman.weight_hh_l0", elman(200), 100, 1 / 600],
] as const)(
  "%s starts as in PyTorch: U(±1/√inputs) for dense, U(±1/√units) for recurrent layers",
  (name, layer, I, variance) => {
    expectSpread(network(layer, I).parameter(name).value, "uniform", variance);
  },
);

test.each([
  ["dense.bias", dense(4000), 25, 1 / 75],
  ["lstm.bias_ih_l0", lstm(900), 2, 1 / 2700],
  ["gru.bias_hh_l0", gru(900), 2, 1 / 2700],
] as const)("%s starts as in PyTorch", (name, layer, I, variance) => {
  const { value } = network(layer, I).parameter(name);
  const limit = Math.sqrt(3 * variance);
  expect(value.every((v) => Math.abs(v) <= Math.fround(limit))).toBe(true);
  expect(Math.abs(momentsOf(value).variance / variance - 1)).toBeLessThan(0.08);
});

test("embedding starts as in PyTorch, N(0, 1), the padding index at zero", () => {
  const net = new Network({ input: { tokens: 400 }, layers: [embedding(200, { paddingIndex: 3 })], seed: 1 });
  const { value } = net.parameter("embedding.weight");
  expect(value.subarray(600, 800)).toEqual(new Float32Array(200));
  expectSpread(
    value.filter((_, k) => Math.floor(k / 200) !== 3),
    "normal",
    1,
  );
});

test("constant, for weights and biases", () => {
  const layer = lstm(3, { weightInit: constant(0.25), recurrentInit: constant(-1), biasInit: constant(2) });
  const net = network(layer, 5);
  const valuesOf = (name: string) => new Set(net.parameter(`lstm.${name}_l0`).value);
  expect([valuesOf("weight_ih"), valuesOf("weight_hh"), valuesOf("bias_ih"), valuesOf("bias_hh")]).toEqual([
    new Set([0.25]),
    new Set([-1]),
    new Set([2]),
    new Set([2]),
  ]);
});

test("the forget gate's bias_hh starts at forgetBias, nothing else does", () => {
  const given = { layers: 2, bidirectional: true, biasInit: constant(0.5) };
  const net = network(lstm(3, { ...given, forgetBias: 1 }), 5);
  for (const { name, value } of net.parameters.filter((parameter) => parameter.name.includes("bias"))) {
    const forget = name.includes("bias_hh") ? 1 : 0.5;
    const expected = new Float32Array(12).fill(0.5).fill(forget, 3, 6);
    expect(value, name).toEqual(expected);
  }
});

/** Largest distance of the Gram matrix of a matrix's shorter side from gain²·1. */
function distanceFromOrthonormal(w: Float32Array, rows: number, columns: number, gain: number): number {
  const count = Math.min(rows, columns);
  const at = (vector: number, k: number): number =>
    rows <= columns ? w[vector * columns + k]! : w[k * columns + vector]!;
  let worst = 0;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      let sum = 0;
      for (let k = 0; k < Math.max(rows, columns); k++) sum += at(i, k) * at(j, k);
      worst = Math.max(worst, Math.abs(sum / gain ** 2 - (i === j ? 1 : 0)));
    }
  }
  return worst;
}

describe("identity", () => {
  test("the gain on the diagonal and zeros beside it, also where there are more rows or columns", () => {
    const square = network(elman(3, { recurrentInit: identity(0.5) }), 2).parameter("elman.weight_hh_l0").value;
    expect([...square]).toEqual([0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5]);
    const [wide, high] = [
      [2, 3],
      [3, 2],
    ].map(([O, I]) => [...network(dense(O!, { weightInit: identity() }), I!).parameter("dense.weight").value]);
    expect(wide).toEqual([1, 0, 0, 0, 1, 0]);
    expect(high).toEqual([1, 0, 0, 1, 0, 0]);
  });

  test("of each gate by itself; it survives save and load", () => {
    const net = network(lstm(2, { recurrentInit: identity(2) }), 2);
    const gate = [2, 0, 0, 2];
    expect([...net.parameter("lstm.weight_hh_l0").value]).toEqual([gate, gate, gate, gate].flat());
    expect(Network.load(net.save()).config).toEqual(net.config);
  });
});

describe("orthogonal, to 1e-6", () => {
  test.each([
    [1, 1],
    [1, 7],
    [7, 1],
    [16, 16],
    [5, 64],
    [64, 5],
    [33, 34],
  ])("dense, %i inputs, %i outputs: the shorter side orthonormal times the gain", (I, O) => {
    for (const gain of [1, 1.5]) {
      const { value } = network(dense(O, { weightInit: orthogonal(gain) }), I).parameter("dense.weight");
      expect(distanceFromOrthonormal(value, O, I, gain)).toBeLessThanOrEqual(1e-6);
    }
  });

  test.each([
    ["lstm", lstm(20, { recurrentInit: orthogonal() }), 4],
    ["gru", gru(20, { recurrentInit: orthogonal() }), 3],
    ["elman", elman(20, { recurrentInit: orthogonal() }), 1],
  ] as const)("each gate of %s by itself, and no two alike", (name, layer, gates) => {
    const { value } = network(layer, 6).parameter(`${name}.weight_hh_l0`);
    const parts = Array.from({ length: gates }, (_, g) => value.slice(g * 400, (g + 1) * 400));
    for (const part of parts) expect(distanceFromOrthonormal(part, 20, 20, 1)).toBeLessThanOrEqual(1e-6);
    expect(new Set(parts.map((part) => part.join())).size).toBe(gates);
  });

  test("a different one for each seed, both signs of the determinant", () => {
    const signs = Array.from({ length: 20 }, (_, seed) => {
      const net = network(dense(2, { weightInit: orthogonal() }), 2, seed);
      const [a, b, c, d] = net.parameter("dense.weight").value;
      return Math.sign(a! * d! - b! * c!);
    });
    expect(new Set(signs)).toEqual(new Set([1, -1]));
  });
});

test("networks of one seed are the same, those of another are not, up to the largest", () => {
  const weightsOf = (seed: number): string =>
    network(gru(4), 3, seed)
      .parameters.map(({ value }) => value.join())
      .join();
  const few = [0, 1, 2, 0x100000000, 0x100000001, Number.MAX_SAFE_INTEGER];
  expect(few.map(weightsOf)).toEqual(few.map(weightsOf));
  expect(new Set(few.map(weightsOf)).size).toBe(few.length);
});

test("dropout in a network: the rate's share is zero, the rest scaled, the mean kept; the gradient goes the same way", () => {
  const net = network(dropout(0.3), 1000);
  const x = tensor(new Float32Array(100_000).fill(1), [100, 1000]);
  const { output } = net.forward(x, { training: true });
  const kept = Math.fround(1 / Math.fround(1 - Math.fround(0.3)));
  expect(new Set(output.data)).toEqual(new Set([0, kept]));
  const share = output.data.filter((v) => v === 0).length / output.data.length;
  expect(Math.abs(share - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / 100_000));
  expect(bitsOf(net.backward(x).gradInput!.data)).toBe(bitsOf(output.data));
  expect(bitsOf(net.forward(x).output.data)).toBe(bitsOf(x.data));
});
