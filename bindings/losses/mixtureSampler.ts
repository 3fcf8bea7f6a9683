import { Core, padded, type Pointer } from "../core/core.ts";
import { expectInteger, expectNumber, expectOptions, expectRange, expectType } from "../validate.ts";
import { checkMixture, mixtureNames, mixtureOutputs, type Mixture, type MixtureSizes } from "./gaussianMixture.ts";

export interface MixtureSamplerOptions extends Mixture {
  /** Divides the logits and multiplies the variances (Ha & Eck 2017); 0 takes the likeliest mean. Default 1. */
  readonly temperature?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** Draws points from outputs of a network that learnt with `gaussianMixture()`, by a generator of its own. */
export class MixtureSampler {
  readonly #core = new Core();
  readonly #sizes: MixtureSizes;
  readonly #temperature: number;
  /** Room for an output, and behind it for as many numbers again. */
  readonly #row: Pointer;
  readonly #room: Pointer;

  /** @throws TypeError, RangeError on a wrong option */
  constructor(options: MixtureSamplerOptions) {
    expectOptions("MixtureSampler", options, [...mixtureNames, "temperature", "seed"]);
    const { temperature = 1, seed = 0 } = options;
    this.#sizes = checkMixture(options);
    this.#temperature = expectNumber("temperature", temperature, 0);
    expectInteger("seed", seed, 0, Number.MAX_SAFE_INTEGER);
    const core = this.#core;
    this.#row = core.base;
    this.#room = core.base + padded(mixtureOutputs(this.#sizes)) * 4;
    core.reserve(this.#room * 2);
    core.functions.randomSeed(seed >>> 0, Math.floor(seed / 0x100000000));
  }

  /**
   * One point from one output.
   * @returns [x, y] or [x], and behind it the state of the pen where there is one: a target of the next step
   * @throws TypeError, RangeError on another length, or when a number is not finite
   */
  draw(output: Float32Array): Float32Array<ArrayBuffer> {
    const { K, D, P } = this.#sizes;
    const core = this.#core;
    const F = mixtureOutputs(this.#sizes);
    expectType(output instanceof Float32Array, "output", "a Float32Array", output);
    expectRange(output.length === F, "output", `${F} numbers`, output);
    const bad = output.findIndex((x) => !Number.isFinite(x));
    expectRange(bad < 0, `output[${bad}]`, "a finite number", output[bad]);
    core.f32.set(output, this.#row >>> 2);
    const pen = P > 0 ? [this.#pick(0, P)] : [];
    const k = P + this.#pick(P, K);
    const [meanX, meanY] = [output[k + K]!, output[k + 2 * K]!];
    const deviation = (i: number) =>
      this.#apply("expArray", output[k + (1 + D + i) * K]!) * Math.sqrt(this.#temperature);
    core.functions.normalArray(this.#room, D, 0, 1);
    const [a = 0, b = 0] = core.view(this.#room, D);
    const x = meanX + deviation(0) * a;
    if (D === 1) return Float32Array.of(x, ...pen);
    const rho = this.#apply("tanhArray", output[k + 5 * K]!);
    const y = meanY + deviation(1) * (rho * a + Math.sqrt(1 - rho * rho) * b);
    return Float32Array.of(x, y, ...pen);
  }

  /** One of n classes by their logits, the first at place `from` of the output. */
  #pick(from: number, n: number): number {
    const core = this.#core;
    const logits = core.view(this.#row + from * 4, n);
    if (this.#temperature === 0) return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
    core.functions.softmaxTemperature(this.#room, this.#row + from * 4, n, this.#temperature);
    const shares = core.view(this.#room, n);
    let rest = core.functions.uniform();
    for (let k = 0; k < n - 1; k++) if ((rest -= shares[k]!) < 0) return k;
    return n - 1;
  }

  #apply(name: "expArray" | "tanhArray", x: number): number {
    const at = this.#room + 16; // behind what normalArray has drawn
    this.#core.f32[at >>> 2] = x;
    this.#core.functions[name](at, at, 4);
    return this.#core.f32[at >>> 2]!;
  }
}
