import { expectBoolean, expectInteger, expectNumber, expectOptions } from "../validate.ts";
import { cosinePi } from "./math.ts";
import { elapsed, readDuration, Schedule, type Duration, type Unit } from "./schedule.ts";

export interface CosineAnnealingOptions extends Duration {
  /** The rate at the end of a period. Default 0. */
  readonly minimum?: number;
  /** Begin each further period with the full rate (Loshchilov & Hutter 2017). Default false: the rate rises as it fell. */
  readonly warmRestarts?: boolean;
  /** With `warmRestarts`: how many times as long each period is as the one before. Default 1. */
  readonly periodFactor?: number;
}

/**
 * Lowers the learning rate along half a cosine within a period of so many steps or epochs, PyTorch's CosineAnnealingLR, and
 * with `warmRestarts` its CosineAnnealingWarmRestarts.
 * @throws TypeError, RangeError on a wrong option
 */
export function cosineAnnealing(options: CosineAnnealingOptions): Schedule {
  return new CosineAnnealing(options);
}

export class CosineAnnealing extends Schedule {
  readonly unit: Unit;
  readonly period: number;
  readonly minimum: number;
  readonly warmRestarts: boolean;
  readonly periodFactor: number;

  constructor(options: CosineAnnealingOptions) {
    expectOptions("cosineAnnealing", options, ["steps", "epochs", "minimum", "warmRestarts", "periodFactor"]);
    super("cosineAnnealing");
    const { minimum = 0, warmRestarts = false, periodFactor = 1 } = options;
    [this.unit, this.period] = readDuration("cosineAnnealing", options);
    this.minimum = expectNumber("minimum", minimum, 0);
    this.warmRestarts = expectBoolean("warmRestarts", warmRestarts);
    this.periodFactor = expectInteger("periodFactor", periodFactor, 1);
    if (periodFactor !== 1 && !warmRestarts) throw new RangeError('"periodFactor" needs "warmRestarts: true"');
    Object.freeze(this);
  }

  override rate(base: number, step: number, stepsPerEpoch = 1): number {
    let now = elapsed(this.unit, step, stepsPerEpoch);
    let { period } = this;
    if (this.warmRestarts && this.periodFactor === 1) now %= period;
    else if (this.warmRestarts) for (; now >= period; period *= this.periodFactor) now -= period;
    return this.minimum + ((base - this.minimum) * (1 + cosinePi(now / period))) / 2;
  }
}
