import type { OutputForm, Values } from "../data/values.ts";
import { expectNumber, expectOptions, expectRange, expectType } from "../validate.ts";
import { checkReduction, type Loss, type Reduced, RowLoss, type Rows } from "./loss.ts";
import { enterWeights, readNumbers } from "./targets.ts";

export interface QuantileOptions extends Reduced {
  /** Which quantiles of the target, each in (0, 1). */
  readonly quantiles: readonly number[];
}

class Quantile extends RowLoss {
  readonly quantiles: readonly number[];

  constructor(options: QuantileOptions) {
    super("quantile", checkReduction(options));
    const { quantiles } = options;
    expectType(Array.isArray(quantiles), "quantiles", "an array of numbers", quantiles);
    expectRange(quantiles.length > 0, "quantiles", "at least one number", quantiles);
    const checked = Array.from(quantiles, (q: unknown, i) => expectBetween(`quantiles[${i}]`, q));
    this.quantiles = Object.freeze(checked);
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    const { length: Q } = this.quantiles;
    const J = outputs.F / Q;
    expectRange(Number.isInteger(J), "quantiles", `a divisor of the ${outputs.F} outputs as their number`, Q);
    return readNumbers(targets, outputs, J);
  }

  protected override sum({ engine, dy, y, targets, weights, N, F }: Rows, scale: number): number {
    const { length: Q } = this.quantiles;
    const at = enterWeights(engine, this.quantiles);
    return engine.core.functions.quantile(dy, y, targets, at, weights, N, F / Q, Q, scale);
  }
}

function expectBetween(name: string, value: unknown): number {
  const q = expectNumber(name, value, 0, 1);
  expectRange(q > 0 && q < 1, name, "a number between 0 and 1", q);
  return q;
}

/**
 * Pinball loss, max(q·d, (q − 1)·d) with d = target − y (Koenker & Bassett 1978): each output learns a quantile of its target.
 * Targets [batch, time, targets] or [batch, targets]; the output has one number for each quantile of each target, those of a
 * target side by side: [target 0 quantile 0, target 0 quantile 1, …, target 1 quantile 0, …].
 * @throws TypeError, RangeError on a wrong option
 */
export function quantile(options: QuantileOptions): Loss {
  expectOptions("quantile", options, ["reduction", "quantiles"]);
  return Object.freeze(new Quantile(options));
}
