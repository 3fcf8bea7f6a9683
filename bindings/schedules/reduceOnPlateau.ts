import { expectInteger, expectNumber, expectOneOf, expectOptions, expectPositive, expectRange } from "../validate.ts";
import { noPlateau, Schedule, type PlateauState } from "./schedule.ts";

const thresholdModes = ["relative", "absolute"] as const;

export interface ReduceOnPlateauOptions {
  /** What the rate is multiplied by when the loss no longer falls, below 1. Default 0.1. */
  readonly factor?: number;
  /** Epochs without improvement that are let pass; the one after them reduces the rate. Default 10. */
  readonly patience?: number;
  /** How much lower the loss must be to count as improvement. Default 1e-4. */
  readonly threshold?: number;
  /** "relative": by that share of the lowest loss; "absolute": by that much. Default "relative". */
  readonly thresholdMode?: (typeof thresholdModes)[number];
  /** Epochs after a reduction in which none counts. Default 0. */
  readonly cooldown?: number;
  /** The rate is not reduced below. Default 0. */
  readonly minimum?: number;
  /** A change of the rate that is not larger is not made. Default 1e-8. */
  readonly epsilon?: number;
}

/**
 * Multiplies the learning rate by `factor` when the loss of the epochs no longer falls, PyTorch's ReduceLROnPlateau. `fit` tells
 * it the validation loss, or without `validation` the training loss; with `train` the caller does, by `Trainer.observe`.
 * @throws TypeError, RangeError on a wrong option
 */
export function reduceOnPlateau(options: ReduceOnPlateauOptions = {}): Schedule {
  return new ReduceOnPlateau(options);
}

const known = ["factor", "patience", "threshold", "thresholdMode", "cooldown", "minimum", "epsilon"];

export class ReduceOnPlateau extends Schedule {
  readonly factor: number;
  readonly patience: number;
  readonly threshold: number;
  readonly thresholdMode: (typeof thresholdModes)[number];
  readonly cooldown: number;
  readonly minimum: number;
  readonly epsilon: number;

  constructor(options: ReduceOnPlateauOptions) {
    expectOptions("reduceOnPlateau", options, known);
    super("reduceOnPlateau");
    const { factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = "relative" } = options;
    const { cooldown = 0, minimum = 0, epsilon = 1e-8 } = options;
    this.factor = expectPositive("factor", factor);
    expectRange(factor < 1, "factor", "a number below 1", factor);
    this.patience = expectInteger("patience", patience, 0);
    this.threshold = expectNumber("threshold", threshold, 0);
    this.thresholdMode = expectOneOf("thresholdMode", thresholdMode, thresholdModes);
    this.cooldown = expectInteger("cooldown", cooldown, 0);
    this.minimum = expectNumber("minimum", minimum, 0);
    this.epsilon = expectNumber("epsilon", epsilon, 0);
    Object.freeze(this);
  }

  override rate(base: number, _step: number, _stepsPerEpoch = 1, { reductions }: PlateauState = noPlateau): number {
    let rate = base;
    for (let k = 0; k < reductions; k++) {
      const reduced = Math.max(rate * this.factor, this.minimum);
      if (!(rate - reduced > this.epsilon)) break;
      rate = reduced;
    }
    return rate;
  }

  override needsLoss(): boolean {
    return true;
  }

  override observe(plateau: PlateauState, loss: number): PlateauState {
    const observed = plateau.observed + 1;
    const better = this.#isBetter(loss, plateau.best);
    const best = better ? loss : plateau.best;
    const seen = { ...plateau, observed, ...(best !== undefined && { best }) };
    if (plateau.cooldown > 0) return { ...seen, waited: 0, cooldown: plateau.cooldown - 1 };
    const waited = better ? 0 : plateau.waited + 1;
    if (waited <= this.patience) return { ...seen, waited };
    return { ...seen, waited: 0, cooldown: this.cooldown, reductions: plateau.reductions + 1 };
  }

  /** A loss that is not finite is no improvement. */
  #isBetter(loss: number, best: number | undefined): boolean {
    if (!Number.isFinite(loss)) return false;
    if (best === undefined) return true;
    return loss < (this.thresholdMode === "relative" ? best * (1 - this.threshold) : best - this.threshold);
  }
}
