import { describe, expect, test } from "vitest";
import { Arena, Core, padded, type Pointer } from "../bindings/core/core.ts";
import { bitsOf, lehmer } from "./support.ts";

/** Bits of a quiet NaN that no computation gives: what stands wherever a kernel has no business. */
const CANARY = 0x7fc0ffee;
const GAP = 20;

/** Memory that is all canaries but for what is put there; reading one gives NaN, and writing over one is found. */
class Memory {
  readonly core = new Core();
  readonly #arena: Arena;
  readonly #outputs: [start: number, end: number][] = [];
  readonly #end: Pointer;

  constructor(floats: number) {
    this.#arena = new Arena(this.core.base);
    this.#end = this.core.base + 4 * floats;
    this.core.reserve(this.#end);
    this.core.i32.fill(CANARY, this.core.base >>> 2);
  }

  /** Room for n floats, canaries about and, unless there are values, in it. */
  place(n: number, values?: ArrayLike<number>): Pointer {
    this.#arena.floats(GAP);
    const at = this.#arena.floats(n);
    this.#arena.floats(GAP);
    if (this.#arena.next > this.#end) throw new RangeError("the memory of this test is too small");
    if (values) this.core.f32.set(values, at >>> 2);
    return at;
  }

  /** Rows (M, N) at a stride of ld ≥ N. */
  placeRows(values: ArrayLike<number>, M: number, N: number, ld: number): Pointer {
    const at = this.place(M * ld);
    for (let i = 0; i < M; i++)
      this.core.f32.set(
        Array.from({ length: N }, (_, j) => values[i * N + j]!),
        (at >>> 2) + i * ld,
      );
    return at;
  }

  rows(at: Pointer, M: number, N: number, ld: number): Float32Array {
    const rows = Array.from({ length: M }, (_, i) => [...this.core.view(at + 4 * i * ld, N)]);
    return Float32Array.from(rows.flat());
  }

  /** Rows (M, N) that the kernel may write. */
  mayWrite(at: Pointer, M: number, N: number, ld = N): void {
    for (let i = 0; i < M; i++) this.#outputs.push([(at >>> 2) + i * ld, (at >>> 2) + i * ld + N]);
  }

  /** Runs a kernel; nothing but its outputs may have changed. */
  run(kernel: () => void): void {
    const first = this.core.base >>> 2;
    const before = this.core.i32.slice(first);
    kernel();
    const after = this.core.i32.slice(first);
    for (const [start, end] of this.#outputs) after.set(before.subarray(start - first, end - first), start - first);
    if (bitsOf(after) === bitsOf(before)) return;
    const touched = after.findIndex((word, k) => word !== before[k]);
    expect.fail(`the word ${first + touched} beyond the outputs was written to`);
  }
}

/** Equal bit for bit; quicker than toEqual where all is well. */
function expectSame(got: Float32Array, expected: Float32Array): void {
  if (bitsOf(got) !== bitsOf(expected)) expect(got).toEqual(expected);
}

/** Numbers in [−1, 1) as float32. */
function random(seed: number): (n: number) => Float32Array {
  const next = lehmer(seed);
  return (n) => Float32Array.from({ length: n }, () => 2 * next() - 1);
}

const filled = (n: number, value: number): Float32Array => new Float32Array(n).fill(value);

/** Largest |got − expected| / bound; NaN if one is NaN. */
function worstOf(got: Float32Array, expected: Float64Array, bound: Float64Array): number {
  return got.reduce((most, v, k) => Math.max(most, Math.abs(v - expected[k]!) / bound[k]!), 0);
}

// ----------------------------------------------------------------------------------------------------------- packing

/** Panels of B (K, N) as assembly/pack.ts describes them: 16 columns at a time, the last of what is left. */
function panelsOf(B: ArrayLike<number>, K: number, N: number): Float32Array {
  const panels: number[] = [];
  const widthAt = (j: number): number => Math.min(16, N - j);
  for (let j = 0; j < N; j += widthAt(j)) {
    for (let k = 0; k < K; k++) for (let i = 0; i < widthAt(j); i++) panels.push(B[k * N + j + i]!);
  }
  return Float32Array.from(panels);
}

/** W (G·H, N) with each gate filled up to padded(H) rows and padded(N) columns by zeros. */
function paddedGates(w: ArrayLike<number>, G: number, H: number, N: number): Float32Array {
  const [rows, columns] = [padded(H), padded(N)];
  const to = new Float32Array(G * rows * columns);
  for (let r = 0; r < G * H; r++) {
    for (let j = 0; j < N; j++) to[(Math.floor(r / H) * rows + (r % H)) * columns + j] = w[r * N + j]!;
  }
  return to;
}

function transposed(w: ArrayLike<number>, M: number, N: number): Float32Array {
  return Float32Array.from({ length: M * N }, (_, k) => w[(k % M) * N + Math.floor(k / M)]!);
}

const heights = [1, 2, 3, 4, 5, 8, 12, 15, 16, 17, 20, 33];
const widths = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 21, 28, 33];

describe.each([1, 2, 3, 4])("packing %i gates, exact, nothing written beside it", (G) => {
  test.each(heights)("H = %i, every width up to 33", (H) => {
    for (const N of widths) {
      const memory = new Memory(2 * (G * padded(H) * padded(N) + G * H * N) + 500);
      const w = random(H + N)(G * H * N);
      const from = memory.place(w.length, w);
      const [K, P] = [G * padded(H), padded(N)];
      const columns = memory.place(N * K);
      const rows = memory.place(K * P);
      memory.mayWrite(columns, 1, N * K);
      memory.mayWrite(rows, 1, K * P);
      memory.run(() => {
        memory.core.functions.packTransposed(columns, from, G, H, N);
        memory.core.functions.packRows(rows, from, G, H, N);
      });
      const gates = paddedGates(w, G, H, N);
      const exact = Float32Array.from({ length: K * N }, (_, k) => gates[Math.floor(k / N) * P + (k % N)]!);
      expectSame(memory.core.view(columns, N * K), panelsOf(transposed(exact, K, N), N, K));
      expectSame(memory.core.view(rows, K * P), panelsOf(gates, K, P));
    }
  });

  test.each([
    ["both", true, true],
    ["the first", true, false],
    ["the second", false, true],
    ["neither", false, false],
  ])("biases, %s there", (_, first, second) => {
    for (const H of heights) {
      const memory = new Memory(4 * G * padded(H) + 500);
      const [a, b] = [random(H)(G * H), random(H + 1)(G * H)];
      const [atA, atB, to] = [memory.place(G * H, a), memory.place(G * H, b), memory.place(G * padded(H))];
      memory.mayWrite(to, 1, G * padded(H));
      memory.run(() => memory.core.functions.packBias(to, first ? atA : 0, second ? atB : 0, G, H));
      const sum = a.map((v, k) => (first ? v : 0) + (second ? b[k]! : 0));
      const expected = new Float32Array(G * padded(H));
      for (let g = 0; g < G; g++) expected.set(sum.subarray(g * H, (g + 1) * H), g * padded(H));
      expect(memory.core.view(to, G * padded(H))).toEqual(expected);
    }
  });
});

// ------------------------------------------------------------------------------------------------------------ matmul

interface Product {
  M: number;
  N: number;
  K: number;
  a: Float32Array;
  b: Float32Array;
  /** What is added: (M, N), one row for all, nothing, or C itself. */
  addend: "rows" | "bias" | "none" | "in place";
  ci?: Float32Array;
}

/** Strides beyond the sizes, so that what stands between the rows is put to the test as well. */
function runMatmul({ M, N, K, a, b, addend, ci = filled(M * N, 0) }: Product, gap: number): Float32Array {
  const memory = new Memory(M * (K + 2 * N + 4 * gap) + N * K + 500);
  const [lda, ldc] = [K + gap, N + gap];
  const atA = memory.placeRows(a, M, K, lda);
  const panels = memory.place(K * N, panelsOf(b, K, N));
  const c = addend === "in place" ? memory.placeRows(ci, M, N, ldc) : memory.place(M * ldc);
  const from = { rows: () => memory.placeRows(ci, M, N, ldc + 4), bias: () => memory.place(N, ci.subarray(0, N)) };
  const atCi = addend === "rows" || addend === "bias" ? from[addend]() : addend === "none" ? 0 : c;
  const ldci = addend === "rows" ? ldc + 4 : addend === "bias" ? 0 : ldc;
  memory.mayWrite(c, M, N, ldc);
  memory.run(() => memory.core.functions.matmul(c, ldc, atCi, ldci, atA, lda, panels, M, N, K));
  return memory.rows(c, M, N, ldc);
}

/** The same in plain loops; `round` after each operation. */
function plainMatmul({ M, N, K, a, b, addend, ci }: Product, round: (x: number) => number): Float64Array {
  return Float64Array.from({ length: M * N }, (_, at) => {
    const [i, j] = [Math.floor(at / N), at % N];
    let sum = addend === "none" ? 0 : ci![addend === "bias" ? j : at]!;
    for (let k = 0; k < K; k++) sum = round(sum + round(a[i * K + k]! * b[k * N + j]!));
    return sum;
  });
}

/** |ci| + Σ |a·b| */
function magnitude(product: Product): Float64Array {
  const [a, b, ci] = [product.a.map(Math.abs), product.b.map(Math.abs), product.ci?.map(Math.abs)];
  return plainMatmul({ ...product, a, b, ...(ci && { ci }) }, (x) => x);
}

const addends = ["rows", "bias", "none", "in place"] as const;
const depths = [1, 2, 3, 4, 5, 255, 256, 257];

describe.each(addends)("matmul, addend: %s", (addend) => {
  test.each(depths)(
    "K = %i: within (K + 1)·2⁻²⁴·(|ci| + Σ|a·b|) of float64, and the bits of a plain loop in float32; nothing else written",
    (K) => {
      for (const M of [1, 2, 3, 5, 8]) {
        for (const N of [4, 8, 12, 16, 20, 28, 32, 36, 48]) {
          const next = random(M * 1000 + N);
          const product: Product = { M, N, K, a: next(M * K), b: next(K * N), addend, ci: next(M * N) };
          const got = runMatmul(product, (M + N + K) % 2 === 0 ? 0 : 8);
          const bound = magnitude(product).map((m) => (K + 1) * 2 ** -24 * m);
          expect(
            worstOf(
              got,
              plainMatmul(product, (x) => x),
              bound,
            ),
          ).toBeLessThanOrEqual(1);
          expectSame(got, Float32Array.from(plainMatmul(product, Math.fround)));
        }
      }
    },
  );
});

describe.each([
  { M: 1, N: 16 },
  { M: 2, N: 16 },
  { M: 3, N: 28 },
  { M: 2, N: 8 },
  { M: 1, N: 4 },
])("matmul $M×$N, special values", ({ M, N }) => {
  const K = 5;
  const product = (change: (p: Product) => void): Float32Array => {
    const p: Product = { M, N, K, a: filled(M * K, 1), b: filled(K * N, 0.5), addend: "rows", ci: filled(M * N, 0.25) };
    change(p);
    return runMatmul(p, 0);
  };

  test("NaN in a row of A reaches that row only", () => {
    const got = product(({ a }) => (a[(M - 1) * K + 2] = NaN));
    got.forEach((v, k) => expect(v).toBe(Math.floor(k / N) === M - 1 ? NaN : 2.75));
  });

  test("NaN in a column of B reaches that column only", () => {
    const got = product(({ b }) => (b[3 * N + N - 1] = NaN));
    got.forEach((v, k) => expect(v).toBe(k % N === N - 1 ? NaN : 2.75));
  });

  test("NaN in the addend reaches its element only", () => {
    const got = product(({ ci }) => (ci![M * N - 2] = NaN));
    got.forEach((v, k) => expect(v).toBe(k === M * N - 2 ? NaN : 2.75));
  });

  test.each([Infinity, -Infinity])("%s goes on with its sign, times 0 it is NaN", (infinite) => {
    const got = product(({ a, b }) => {
      a[1] = infinite;
      b[N] = -1;
      b[N + 1] = 0;
    });
    expect([...got.subarray(0, 4)]).toEqual([-infinite, NaN, infinite, infinite]);
    expect([...got.subarray(N)]).not.toContain(infinite);
  });

  test("+∞ and −∞ in one sum are NaN", () => {
    const got = product(({ a }) => a.set([Infinity, 1, -Infinity]));
    expect(got[0]).toBeNaN();
  });

  test("subnormal numbers are kept, as factors, products and sums", () => {
    const got = product(({ a, b, ci }) => {
      a.fill(2 ** -75);
      b.fill(2 ** -72);
      ci!.fill(2 ** -149);
    });
    expect(got).toEqual(filled(M * N, 21 * 2 ** -149)); // 2⁻¹⁴⁹ + 5·2⁻¹⁴⁷
  });

  test("−0 + −0·1 is −0", () => {
    const got = product(({ b, ci }) => {
      b.fill(-0);
      ci!.fill(-0);
    });
    expect([...got].every((v) => Object.is(v, -0))).toBe(true);
  });
});

// --------------------------------------------------------------------------------------------------- weight gradient

interface Gradient {
  G: number;
  H: number;
  N: number;
  rows: number;
  /** Floats between what belongs to a row and the next. */
  gap: number;
}

/**
 * dW += dyᵀ·x with canaries in the padding of dy and x; and as the second of two results the same again, of the first columns of
 * x alone, N2 of them.
 */
function runWeightGradient(
  { G, H, N, rows, gap }: Gradient,
  dW: Float32Array,
  dy: Float32Array,
  x: Float32Array,
  N2 = 0,
) {
  const [ldy, ldx] = [G * padded(H) + gap, padded(N) + gap];
  const probe = new Core();
  const scratchSize = probe.functions.weightGradientScratch(G, H, N, N2);
  const memory = new Memory(2 * G * H * N + rows * (ldy + ldx) + scratchSize + 500);
  const at = memory.place(dW.length, dW);
  const at2 = memory.place(G * H * N2, filled(G * H * N2, 0));
  const atDy = memory.place(rows * ldy);
  for (let g = 0; g < G; g++) {
    const ofGate = dy.filter((_, k) => Math.floor((k % (G * H)) / H) === g);
    const column = (atDy >>> 2) + g * padded(H);
    for (let row = 0; row < rows; row++)
      memory.core.f32.set(ofGate.subarray(row * H, (row + 1) * H), column + row * ldy);
  }
  const atX = memory.placeRows(x, rows, N, ldx);
  const scratch = memory.place(scratchSize);
  memory.mayWrite(at, 1, G * H * N);
  memory.mayWrite(at2, 1, G * H * N2);
  memory.mayWrite(scratch, 1, scratchSize);
  memory.run(() =>
    memory.core.functions.weightGradient(at, atX, ldx, N, at2, atX, ldx, N2, atDy, ldy, scratch, G, H, rows),
  );
  return { first: memory.core.view(at, G * H * N).slice(), second: memory.core.view(at2, G * H * N2).slice() };
}

function plainWeightGradient({ G, H, N, rows }: Gradient, dW: Float32Array, dy: Float32Array, x: Float32Array) {
  return Float64Array.from({ length: G * H * N }, (_, at) => {
    const [m, n] = [Math.floor(at / N), at % N];
    let sum = dW[at]!;
    for (let row = 0; row < rows; row++) sum += dy[row * G * H + m]! * x[row * N + n]!;
    return sum;
  });
}

describe.each([1, 2, 3, 4, 8, 12, 16, 17, 20, 28, 36])("weightGradient to %i columns", (N) => {
  test.each(depths)(
    "%i rows: adds to what is there, within (rows + 2)·2⁻²⁴·(|dW| + Σ|dy·x|) of float64; nothing else written",
    (rows) => {
      for (const [G, H] of [
        [1, 1],
        [1, 2],
        [3, 3],
        [1, 5],
        [4, 4],
        [1, 64],
        [1, 66],
      ] as const) {
        if (H > 60 && rows > 5 && N % 4 === 0) continue; // enough with the widths that have an edge
        const size = { G, H, N, rows, gap: (H + rows) % 2 === 0 ? 0 : 4 };
        const next = random(rows * 100 + N + H);
        const [dW, dy, x] = [next(G * H * N), next(rows * G * H), next(rows * N)];
        const { first: got } = runWeightGradient(size, dW, dy, x);
        const absolute = [dW, dy, x].map((array) => array.map(Math.abs)) as [Float32Array, Float32Array, Float32Array];
        const bound = plainWeightGradient(size, ...absolute).map((m) => (rows + 2) * 2 ** -24 * m);
        expect(worstOf(got, plainWeightGradient(size, dW, dy, x), bound)).toBeLessThanOrEqual(1);
      }
    },
  );
});

test.each([
  [16, 8],
  [17, 5],
  [20, 3],
  [33, 32],
])("weightGradient to %i columns, and to the first %i once more: the same bits", (N, N2) => {
  for (const [G, H, rows] of [
    [4, 8, 300],
    [3, 5, 70],
    [1, 17, 9],
  ] as const) {
    const next = random(N + H);
    const [dy, x] = [next(rows * G * H), next(rows * N)];
    const { first, second } = runWeightGradient({ G, H, N, rows, gap: 4 }, filled(G * H * N, 0), dy, x, N2);
    expectSame(
      second,
      first.filter((_, k) => k % N < N2),
    );
  }
});

describe("weightGradient, special values", () => {
  const size: Gradient = { G: 1, H: 3, N: 17, rows: 4, gap: 0 };
  const gradient = (change: (dW: Float32Array, dy: Float32Array, x: Float32Array) => void): Float32Array => {
    const [dW, dy, x] = [filled(3 * 17, 0.5), filled(4 * 3, 1), filled(4 * 17, 0.25)];
    change(dW, dy, x);
    return runWeightGradient(size, dW, dy, x).first;
  };

  test("NaN in dy reaches its row, in x its column, in dW its element", () => {
    gradient((_, dy) => (dy[3 + 1] = NaN)).forEach((v, k) => expect(v).toBe(Math.floor(k / 17) === 1 ? NaN : 1.5));
    gradient((_, __, x) => (x[17 + 16] = NaN)).forEach((v, k) => expect(v).toBe(k % 17 === 16 ? NaN : 1.5));
    gradient((dW) => (dW[20] = NaN)).forEach((v, k) => expect(v).toBe(k === 20 ? NaN : 1.5));
  });

  test("infinities go on with their sign", () => {
    const got = gradient((_, dy, x) => {
      dy[0] = Infinity;
      x[0] = -0.25;
      x[1] = 0;
    });
    expect([...got.subarray(0, 3)]).toEqual([-Infinity, NaN, Infinity]);
    expect([...got.subarray(17, 20)]).toEqual([1, 1.25, 1.5]);
  });

  test("subnormal numbers are kept", () => {
    const got = gradient((dW, dy, x) => {
      dW.fill(2 ** -149);
      dy.fill(2 ** -100);
      x.fill(2 ** -48);
    });
    expect(got).toEqual(filled(3 * 17, 9 * 2 ** -149));
  });
});

// ----------------------------------------------------------------------------------------------------- flat arrays

describe.each([4, 8, 20, 64])("operations over %i elements, exact, nothing written beside them", (n) => {
  const next = random(n);
  const [y, x] = [next(n), next(n)];
  const run = (kernel: (memory: Memory, y: Pointer, x: Pointer) => void): Float32Array => {
    const memory = new Memory(2 * n + 300);
    const [atY, atX] = [memory.place(n, y), memory.place(n, x)];
    memory.mayWrite(atY, 1, n);
    memory.run(() => kernel(memory, atY, atX));
    return memory.core.view(atY, n).slice();
  };
  const factor = Math.fround(0.3);

  test.each([
    ["zero", run(({ core }, a) => core.functions.zero(a, n)), y.map(() => 0)],
    ["scale", run(({ core }, a) => core.functions.scale(a, factor, n)), y.map((v) => v * factor)],
    ["multiply", run(({ core }, a, b) => core.functions.multiply(a, b, n)), y.map((v, k) => v * x[k]!)],
    [
      "clampArray",
      run(({ core }, a) => core.functions.clampArray(a, factor, n)),
      y.map((v) => Math.min(Math.max(v, -factor), factor)),
    ],
  ])("%s", (_, got, expected) => {
    expect(got).toEqual(expected);
  });

  test("sumSquares, within 2⁻⁵⁰ relative", () => {
    const memory = new Memory(n + 200);
    const sum = x.reduce((total, v) => total + v * v, 0);
    expect(Math.abs(memory.core.functions.sumSquares(memory.place(n, x), n) / sum - 1)).toBeLessThan(2 ** -50);
  });

  test("clampArray keeps NaN and takes infinities to the limits", () => {
    const memory = new Memory(100);
    const at = memory.place(4, [NaN, Infinity, -Infinity, -0]);
    memory.core.functions.clampArray(at, 1, 4);
    expect([...memory.core.view(at, 4)]).toEqual([NaN, 1, -1, -0]);
  });

  test.each([NaN, Infinity, -Infinity])("firstNotFinite finds the first %s, wherever it is", (bad) => {
    const memory = new Memory(n + 200);
    const at = memory.place(n, x);
    expect(memory.core.functions.firstNotFinite(at, n)).toBe(-1);
    for (let k = n - 1; k >= 0; k--) {
      memory.core.f32[(at >>> 2) + k] = bad;
      expect(memory.core.functions.firstNotFinite(at, n)).toBe(k);
      expect(memory.core.functions.firstNotFinite(at, k)).toBe(-1);
    }
  });
});
