import { expectInteger, expectType } from "../validate.ts";

/** What time is counted in: steps of the optimizer, or epochs. */
export type Unit = "step" | "epoch";

/** A stretch of time: one of the two. In epochs the learning rate changes once an epoch, in steps at each step. */
export interface Duration {
  /** In steps of the optimizer. */
  readonly steps?: number;
  /** In passes over the data. */
  readonly epochs?: number;
}

/** What reduceOnPlateau has seen. */
export interface PlateauState {
  /** Epochs whose loss it has been told. */
  readonly observed: number;
  /** The lowest loss; undefined before the first. */
  readonly best?: number;
  /** Epochs since then, or since the rate was reduced. */
  readonly waited: number;
  /** Epochs to go in which none counts. */
  readonly cooldown: number;
  /** How often the rate was reduced. */
  readonly reductions: number;
}

export const noPlateau: PlateauState = Object.freeze({ observed: 0, waited: 0, cooldown: 0, reductions: 0 });

/**
 * A learning rate that changes with time, made by the function of its name, to PyTorch's definition. It holds its options, all
 * filled in, and nothing else: JSON.stringify gives its description.
 */
export abstract class Schedule {
  readonly type: string;

  /** @internal */
  protected constructor(type: string) {
    this.type = type;
  }

  /**
   * The learning rate of a step.
   * @param base the optimizer's learning rate, or that of a group of parameters
   * @param step counted from 0
   * @param stepsPerEpoch for a schedule in epochs. Default 1: what is counted are epochs then
   * @param plateau what reduceOnPlateau has seen
   */
  abstract rate(base: number, step: number, stepsPerEpoch?: number, plateau?: PlateauState): number;

  /** Whether it is told the loss of each epoch. @internal */
  needsLoss(): boolean {
    return false;
  }

  /** What is seen after the loss of one more epoch, which ended with `step`. @internal */
  observe(plateau: PlateauState, _loss: number, _step: number, _stepsPerEpoch: number): PlateauState {
    return plateau;
  }
}

/** @throws TypeError when it is not one that a function of this library has made */
export function expectSchedule(name: string, value: unknown): Schedule {
  const expected =
    'a schedule made by its function, such as stepDecay({ epochs: 10 }), or "learningRate" for a function';
  expectType(value instanceof Schedule, name, expected, value);
  return value;
}

/** The unit of options that have `steps` or `epochs`, and what they say there. */
export function readUnit(where: string, options: { readonly [K in keyof Duration]: unknown }): [Unit, unknown] {
  const { steps, epochs } = options;
  if ((steps === undefined) === (epochs === undefined)) {
    throw new TypeError(`${where}: give "steps" or "epochs", one of them: what time is counted in`);
  }
  return steps === undefined ? ["epoch", epochs] : ["step", steps];
}

/** The unit of a duration, and how long it is. */
export function readDuration(where: string, options: Duration): [Unit, number] {
  const [unit, value] = readUnit(where, options);
  return [unit, expectInteger(`${unit}s`, value, 1)];
}

/** Whole units that have passed at a step. */
export function elapsed(unit: Unit, step: number, stepsPerEpoch: number): number {
  return unit === "step" ? step : Math.floor(step / stepsPerEpoch);
}
