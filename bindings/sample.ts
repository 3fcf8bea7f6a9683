import { Core } from "./core/core.ts";
import { expectInteger, expectNumber, expectOptions, expectRange } from "./validate.ts";

export interface SampleOptions {
  /** Divides the logits: below 1 the likely becomes likelier, 0 takes the likeliest always. Default 1. */
  readonly temperature?: number;
  /** Draw from the k likeliest only. */
  readonly topK?: number;
  /** Draw from the fewest likeliest whose probabilities sum to at least this, in (0, 1] (Holtzman et al. 2020). */
  readonly topP?: number;
  /** Default 0. */
  readonly seed?: number;
}

const sampleOptionNames = ["temperature", "topK", "topP", "seed"];

/** Draws indices from logits, by a generator of its own: the same seed and logits give the same indices everywhere. */
export class Sampler {
  readonly #core = new Core();
  readonly #temperature: number;
  readonly #topK: number;
  readonly #topP: number;
  /** Classes, likeliest first. */
  #ranked: number[] = [];

  /** @throws TypeError, RangeError on a wrong option */
  constructor(options: SampleOptions = {}) {
    expectOptions("sample", options, sampleOptionNames);
    const { temperature = 1, topK, topP = 1, seed = 0 } = options;
    this.#temperature = expectNumber("temperature", temperature, 0);
    this.#topK = topK === undefined ? Infinity : expectInteger("topK", topK, 1);
    this.#topP = expectNumber("topP", topP, 0, 1);
    expectRange(topP > 0, "topP", "a number above 0", topP);
    expectInteger("seed", seed, 0, Number.MAX_SAFE_INTEGER);
    this.#core.functions.randomSeed(seed >>> 0, Math.floor(seed / 0x100000000));
  }

  /** One index from logits. @throws RangeError when one of them is not a number */
  draw(logits: Float32Array): number {
    const bad = logits.findIndex(Number.isNaN);
    expectRange(bad < 0, `logits[${bad}]`, "a number", NaN);
    if (this.#temperature === 0) return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
    const probabilities = this.#probabilities(logits);
    const ranked = this.#rank(probabilities);
    let total = 0;
    let count = 0;
    while (count < Math.min(this.#topK, ranked.length) && total < this.#topP) total += probabilities[ranked[count++]!]!;
    let rest = this.#core.functions.uniform() * total;
    for (let k = 0; k < count; k++) {
      rest -= probabilities[ranked[k]!]!;
      if (rest < 0) return ranked[k]!;
    }
    return ranked[count - 1]!;
  }

  #probabilities(logits: Float32Array): Float32Array {
    const core = this.#core;
    const to = core.base + ((logits.length + 3) & ~3) * 4;
    core.reserve(to * 2);
    core.f32.set(logits, core.base >>> 2);
    core.functions.softmaxTemperature(to, core.base, logits.length, this.#temperature);
    return core.view(to, logits.length);
  }

  #rank(probabilities: Float32Array): readonly number[] {
    if (this.#ranked.length !== probabilities.length) this.#ranked = Array.from(probabilities, (_, i) => i);
    return this.#ranked.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  }
}
