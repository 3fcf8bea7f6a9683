import { expectNumber, expectOptions, expectPositive } from "../validate.ts";
import {
  elapsed,
  expectSchedule,
  noPlateau,
  readDuration,
  Schedule,
  type Duration,
  type PlateauState,
  type Unit,
} from "./schedule.ts";

export interface LinearWarmupOptions extends Duration {
  /** What the rate is multiplied by at first. Default 1/3. */
  readonly startFactor?: number;
  /** What it is multiplied by in the end. Default 1. */
  readonly endFactor?: number;
  /** The schedule that follows; its time begins when the warm-up is over, and its rate with the full one. */
  readonly next?: Schedule;
}

/**
 * Raises the learning rate in a straight line over so many steps or epochs, PyTorch's LinearLR; `next` follows it, as in
 * PyTorch's SequentialLR. Without `next` the rate then stays.
 * @throws TypeError, RangeError on a wrong option
 */
export function linearWarmup(options: LinearWarmupOptions): Schedule {
  return new LinearWarmup(options);
}

export class LinearWarmup extends Schedule {
  readonly unit: Unit;
  readonly duration: number;
  readonly startFactor: number;
  readonly endFactor: number;
  readonly next: Schedule | undefined;

  constructor(options: LinearWarmupOptions) {
    expectOptions("linearWarmup", options, ["steps", "epochs", "startFactor", "endFactor", "next"]);
    super("linearWarmup");
    const { startFactor = 1 / 3, endFactor = 1, next } = options;
    [this.unit, this.duration] = readDuration("linearWarmup", options);
    this.startFactor = expectNumber("startFactor", expectPositive("startFactor", startFactor), 0, 1);
    this.endFactor = expectNumber("endFactor", endFactor, 0, 1);
    this.next = next === undefined ? undefined : expectSchedule("next", next);
    Object.freeze(this);
  }

  override rate(base: number, step: number, stepsPerEpoch = 1, plateau = noPlateau): number {
    const now = elapsed(this.unit, step, stepsPerEpoch);
    if (now >= this.duration && this.next) {
      return this.next.rate(base, step - this.#length(stepsPerEpoch), stepsPerEpoch, plateau);
    }
    const share = Math.min(now, this.duration) / this.duration;
    return base * (this.startFactor + (this.endFactor - this.startFactor) * share);
  }

  override needsLoss(): boolean {
    return this.next?.needsLoss() ?? false;
  }

  /** Epochs of the warm-up do not count. */
  override observe(plateau: PlateauState, loss: number, step: number, stepsPerEpoch: number): PlateauState {
    const after = step - this.#length(stepsPerEpoch);
    if (this.next && after >= 0) return this.next.observe(plateau, loss, after, stepsPerEpoch);
    return { ...plateau, observed: plateau.observed + 1 };
  }

  /** In steps. */
  #length(stepsPerEpoch: number): number {
    return this.duration * (this.unit === "step" ? 1 : stepsPerEpoch);
  }
}
