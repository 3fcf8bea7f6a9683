import type { OutputForm, Values } from "../data/values.ts";
import { expectNumber, expectOptions, expectPositive } from "../validate.ts";
import { checkReduction, type Loss, type Reduced, RowLoss, type Rows } from "./loss.ts";
import { readNumbers } from "./targets.ts";

export type MeanSquaredErrorOptions = Reduced;
export type MeanAbsoluteErrorOptions = Reduced;

export interface HuberOptions extends Reduced {
  /** Distance from which on the loss is linear, above 0. Default 1. */
  readonly delta?: number;
}

export interface SmoothL1Options extends Reduced {
  /** Distance from which on the loss is linear; 0 makes it the absolute error. Default 1. */
  readonly beta?: number;
}

/** Of d = y − target: quadratic·d²/2 up to a corner, linear·(|d| − corner/2) beyond it. */
interface Curve {
  readonly corner: number;
  readonly quadratic: number;
  readonly linear: number;
}

const absolute: Curve = { corner: 0, quadratic: 0, linear: 1 };

abstract class Distance extends RowLoss {
  protected abstract curve(): Curve;

  override read(targets: unknown, outputs: OutputForm): Values {
    return readNumbers(targets, outputs);
  }

  protected override sum({ engine, dy, y, targets, weights, N, F }: Rows, scale: number): number {
    const { corner, quadratic, linear } = this.curve();
    return engine.core.functions.distance(dy, y, targets, weights, N, F, corner, quadratic, linear, scale);
  }
}

class MeanSquaredError extends Distance {
  protected override curve(): Curve {
    return { corner: Infinity, quadratic: 2, linear: 0 };
  }
}

class MeanAbsoluteError extends Distance {
  protected override curve(): Curve {
    return absolute;
  }
}

class Huber extends Distance {
  readonly delta: number;

  constructor(options: HuberOptions) {
    super("huber", checkReduction(options));
    const { delta = 1 } = options;
    this.delta = expectPositive("delta", delta);
  }

  protected override curve(): Curve {
    return { corner: this.delta, quadratic: 1, linear: this.delta };
  }
}

class SmoothL1 extends Distance {
  readonly beta: number;

  constructor(options: SmoothL1Options) {
    super("smoothL1", checkReduction(options));
    const { beta = 1 } = options;
    this.beta = expectNumber("beta", beta, 0);
  }

  protected override curve(): Curve {
    const quadratic = Math.fround(1 / this.beta);
    // Below what float32 can tell from 0 there is no curve left.
    return Number.isFinite(quadratic) ? { corner: this.beta, quadratic, linear: 1 } : absolute;
  }
}

/**
 * (y − target)², PyTorch's MSELoss. Targets in the shape of the output.
 * @throws TypeError, RangeError on a wrong option
 */
export function meanSquaredError(options: MeanSquaredErrorOptions = {}): Loss {
  expectOptions("meanSquaredError", options, ["reduction"]);
  return Object.freeze(new MeanSquaredError("meanSquaredError", checkReduction(options)));
}

/**
 * |y − target|, PyTorch's L1Loss. Targets in the shape of the output.
 * @throws TypeError, RangeError on a wrong option
 */
export function meanAbsoluteError(options: MeanAbsoluteErrorOptions = {}): Loss {
  expectOptions("meanAbsoluteError", options, ["reduction"]);
  return Object.freeze(new MeanAbsoluteError("meanAbsoluteError", checkReduction(options)));
}

/**
 * d²/2 where |d| ≤ delta, delta·(|d| − delta/2) beyond, with d = y − target, PyTorch's HuberLoss. Targets in the shape of the
 * output.
 * @throws TypeError, RangeError on a wrong option
 */
export function huber(options: HuberOptions = {}): Loss {
  expectOptions("huber", options, ["reduction", "delta"]);
  return Object.freeze(new Huber(options));
}

/**
 * d²/(2·beta) where |d| ≤ beta, |d| − beta/2 beyond, with d = y − target, PyTorch's SmoothL1Loss. Targets in the shape of the
 * output.
 * @throws TypeError, RangeError on a wrong option
 */
export function smoothL1(options: SmoothL1Options = {}): Loss {
  expectOptions("smoothL1", options, ["reduction", "beta"]);
  return Object.freeze(new SmoothL1(options));
}
