import { expectBoolean, expectNumber, expectOneOf, expectOptions, expectPositive } from "../validate.ts";
import { cosinePi } from "./math.ts";
import { readDuration, Schedule, type Duration, type Unit } from "./schedule.ts";

const strategies = ["cosine", "linear"] as const;

export interface OneCycleOptions extends Duration {
  /** The highest rate. Default the optimizer's. */
  readonly maximum?: number;
  /** Share of the steps in which the rate rises. Default 0.3. */
  readonly pctStart?: number;
  /** How the rate goes from one to the next. Default "cosine". */
  readonly annealStrategy?: (typeof strategies)[number];
  /** The first rate is `maximum` / divFactor. Default 25. */
  readonly divFactor?: number;
  /** The last rate is the first one / finalDivFactor. Default 1e4. */
  readonly finalDivFactor?: number;
  /** Fall to the first rate in as many steps as it rose, then on to the last. Default false: fall in one go. */
  readonly threePhase?: boolean;
}

/**
 * Raises the learning rate to a maximum, then lowers it far below where it began, over so many steps or epochs and at each
 * step: PyTorch's OneCycleLR (Smith & Topin 2018), without its cycle of the momentum. Afterwards the last rate stays.
 * @throws TypeError, RangeError on a wrong option
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  return new OneCycle(options);
}

const known = ["steps", "epochs", "maximum", "pctStart", "annealStrategy", "divFactor", "finalDivFactor", "threePhase"];

export class OneCycle extends Schedule {
  readonly unit: Unit;
  readonly duration: number;
  readonly maximum: number | undefined;
  readonly pctStart: number;
  readonly annealStrategy: (typeof strategies)[number];
  readonly divFactor: number;
  readonly finalDivFactor: number;
  readonly threePhase: boolean;

  constructor(options: OneCycleOptions) {
    expectOptions("oneCycle", options, known);
    super("oneCycle");
    const { maximum, pctStart = 0.3, annealStrategy = "cosine" } = options;
    const { divFactor = 25, finalDivFactor = 1e4, threePhase = false } = options;
    [this.unit, this.duration] = readDuration("oneCycle", options);
    this.maximum = maximum === undefined ? undefined : expectNumber("maximum", maximum, 0);
    this.pctStart = expectNumber("pctStart", pctStart, 0, 1);
    this.annealStrategy = expectOneOf("annealStrategy", annealStrategy, strategies);
    this.divFactor = expectPositive("divFactor", divFactor);
    this.finalDivFactor = expectPositive("finalDivFactor", finalDivFactor);
    this.threePhase = expectBoolean("threePhase", threePhase);
    Object.freeze(this);
  }

  override rate(base: number, step: number, stepsPerEpoch = 1): number {
    const total = this.duration * (this.unit === "step" ? 1 : stepsPerEpoch);
    const highest = this.maximum ?? base;
    const first = highest / this.divFactor;
    const last = first / this.finalDivFactor;
    const now = Math.min(step, total - 1);
    const top = this.pctStart * total - 1;
    if (now <= top) return this.#between(first, highest, top > 0 ? now / top : 1);
    if (!this.threePhase) return this.#between(highest, last, (now - top) / (total - 1 - top));
    const back = 2 * this.pctStart * total - 2;
    if (now <= back) return this.#between(highest, first, (now - top) / (back - top));
    return this.#between(first, last, (now - back) / (total - 1 - back));
  }

  #between(start: number, end: number, share: number): number {
    if (this.annealStrategy === "linear") return start + (end - start) * share;
    return end + ((start - end) * (1 + cosinePi(share))) / 2;
  }
}
