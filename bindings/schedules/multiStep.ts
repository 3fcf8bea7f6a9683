import { expectInteger, expectNumber, expectOptions, expectRange, expectType } from "../validate.ts";
import { power } from "./math.ts";
import { elapsed, readUnit, Schedule, type Unit } from "./schedule.ts";

export interface MultiStepOptions {
  /** After how many steps of the optimizer, increasing. */
  readonly steps?: readonly number[];
  /** After how many epochs, increasing. */
  readonly epochs?: readonly number[];
  /** What the rate is multiplied by at each of them. Default 0.1. */
  readonly gamma?: number;
}

/**
 * Multiplies the learning rate by `gamma` at each of the given steps or epochs, PyTorch's MultiStepLR.
 * @throws TypeError, RangeError on a wrong option
 */
export function multiStep(options: MultiStepOptions): Schedule {
  return new MultiStep(options);
}

export class MultiStep extends Schedule {
  readonly unit: Unit;
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(options: MultiStepOptions) {
    expectOptions("multiStep", options, ["steps", "epochs", "gamma"]);
    super("multiStep");
    const [unit, milestones] = readUnit("multiStep", options);
    const { gamma = 0.1 } = options;
    this.unit = unit;
    this.milestones = expectIncreasing(`${unit}s`, milestones);
    this.gamma = expectNumber("gamma", gamma, 0);
    Object.freeze(this);
  }

  override rate(base: number, step: number, stepsPerEpoch = 1): number {
    const now = elapsed(this.unit, step, stepsPerEpoch);
    return base * power(this.gamma, this.milestones.filter((milestone) => milestone <= now).length);
  }
}

function expectIncreasing(name: string, value: unknown): readonly number[] {
  expectType(Array.isArray(value), name, "an array of integers", value);
  expectRange(value.length > 0, name, "at least one integer", value);
  const list = Array.from(value, (one: unknown, k) => expectInteger(`${name}[${k}]`, one, 1));
  const increasing = list.every((one, k) => k === 0 || one > list[k - 1]!);
  expectRange(increasing, name, "integers that increase", value);
  return Object.freeze(list);
}
