import { expectNumber, expectOptions } from "../validate.ts";
import { power } from "./math.ts";
import { elapsed, readDuration, Schedule, type Duration, type Unit } from "./schedule.ts";

export interface StepDecayOptions extends Duration {
  /** What the rate is multiplied by each time. Default 0.1. */
  readonly gamma?: number;
}

export interface ExponentialDecayOptions extends Duration {
  /** What the rate is multiplied by each time. */
  readonly gamma: number;
}

/**
 * Multiplies the learning rate by `gamma` every so many steps or epochs, PyTorch's StepLR.
 * @throws TypeError, RangeError on a wrong option
 */
export function stepDecay(options: StepDecayOptions): Schedule {
  expectOptions("stepDecay", options, ["steps", "epochs", "gamma"]);
  const { gamma = 0.1 } = options;
  return new StepDecay("stepDecay", options, gamma);
}

/**
 * Multiplies the learning rate by `gamma` after each epoch, or every so many steps or epochs, PyTorch's ExponentialLR.
 * @throws TypeError, RangeError on a wrong option
 */
export function exponentialDecay(options: ExponentialDecayOptions): Schedule {
  expectOptions("exponentialDecay", options, ["steps", "epochs", "gamma"]);
  const { gamma, steps, epochs } = options;
  return new StepDecay(
    "exponentialDecay",
    steps === undefined && epochs === undefined ? { epochs: 1 } : options,
    gamma,
  );
}

export class StepDecay extends Schedule {
  readonly unit: Unit;
  readonly every: number;
  readonly gamma: number;

  constructor(type: string, duration: Duration, gamma: number) {
    super(type);
    [this.unit, this.every] = readDuration(type, duration);
    this.gamma = expectNumber("gamma", gamma, 0);
    Object.freeze(this);
  }

  override rate(base: number, step: number, stepsPerEpoch = 1): number {
    return base * power(this.gamma, Math.floor(elapsed(this.unit, step, stepsPerEpoch) / this.every));
  }
}
