/** How far exp, tanh and sigmoid of the core are from the true value, over any set of the 2^32 bit patterns of a float32. */

import { Core } from "../bindings/core/core.ts";

interface MathFunction {
  readonly name: "exp" | "tanh" | "sigmoid";
  /** In float64, whose own error is 2^-29 of what is measured. */
  readonly truth: (x: number) => number;
  readonly special: readonly (readonly [x: number, y: number])[];
}

export const mathFunctions: readonly MathFunction[] = [
  {
    name: "exp",
    truth: Math.exp,
    special: [
      [0, 1],
      [-0, 1],
      [Infinity, Infinity],
      [-Infinity, 0],
    ],
  },
  {
    name: "tanh",
    truth: Math.tanh,
    special: [
      [0, 0],
      [-0, -0],
      [Infinity, 1],
      [-Infinity, -1],
    ],
  },
  {
    name: "sigmoid",
    truth: (x) => 1 / (1 + Math.exp(-x)),
    special: [
      [0, 0.5],
      [-0, 0.5],
      [Infinity, 1],
      [-Infinity, 0],
    ],
  },
];

/** The bound, in units in the last place of the float32 result; where that is subnormal, in multiples of 2^-149. */
export const BOUND = 2.5;

const OVERFLOW = 2 ** 128;
const UNDERFLOW = 2 ** -150;

/** One over the distance of neighbouring float32 about a float64, by its biased exponent. */
const perUlp = Float64Array.from({ length: 2048 }, (_, biased) => 2 ** (23 - Math.max(biased - 1023, -126)));

/** Measures one function over as many arguments as it is given. */
export class Probe {
  /** Worst error so far. */
  worst = 0;
  argument = 0;
  /** Spent in the core alone. */
  milliseconds = 0;
  elements = 0;
  /** Of results that are wrong altogether. */
  fault: string | undefined;
  readonly #function: MathFunction;
  readonly #size: number;
  readonly #bits: Uint32Array<ArrayBuffer>;
  readonly #core = new Core();

  /** @param size arguments at a time, a multiple of 4 */
  constructor(mathFunction: MathFunction, size: number) {
    this.#function = mathFunction;
    this.#size = size;
    this.#bits = new Uint32Array(size);
    this.#core.reserve(this.#core.base + 8 * size);
    for (const [x, y] of mathFunction.special) {
      const got = this.#run(Float32Array.of(x))[0]!;
      if (!Object.is(got, y)) this.#blame(x, got, String(y));
    }
  }

  /** The bit patterns first, first + stride, … */
  measure(first: number, stride: number): void {
    const bits = this.#bits;
    for (let i = 0; i < bits.length; i++) bits[i] = first + i * stride;
    const x = new Float32Array(bits.buffer);
    this.#compare(x, this.#run(x));
  }

  #run(x: Float32Array): Float32Array {
    const core = this.#core;
    const [from, to] = [core.base, core.base + 4 * this.#size];
    core.f32.set(x, from >>> 2);
    const start = performance.now();
    core.functions[`${this.#function.name}Array`](to, from, (x.length + 3) & ~3);
    this.milliseconds += performance.now() - start;
    this.elements += x.length;
    return core.view(to, x.length);
  }

  #compare(x: Float32Array, y: Float32Array): void {
    const { truth } = this.#function;
    const double = new Float64Array(1);
    const words = new Uint32Array(double.buffer);
    for (let i = 0; i < x.length; i++) {
      const expected = truth(x[i]!);
      const got = y[i]!;
      if (expected !== expected || got !== got || expected >= OVERFLOW || Math.abs(expected) < UNDERFLOW) {
        this.#checkLimit(x[i]!, got, expected);
        continue;
      }
      double[0] = expected;
      const error = Math.abs(Math.min(got, OVERFLOW) - expected) * perUlp[(words[1]! >>> 20) & 2047]!;
      if (error > this.worst) {
        this.worst = error;
        this.argument = x[i]!;
      }
    }
  }

  /** NaN stays NaN, what is too large is infinite, what is too small is zero with its sign. */
  #checkLimit(x: number, got: number, expected: number): void {
    if (!Object.is(got, Math.fround(expected))) this.#blame(x, got, String(Math.fround(expected)));
  }

  #blame(x: number, got: number, expected: string): void {
    this.fault ??= `${this.#function.name}(${x}) is ${got}, expected ${expected}`;
  }
}
