import type { OutputForm, Values } from "../data/values.ts";
import { expectOptions, expectQuantiles, expectRange } from "../validate.ts";
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
    this.quantiles = Object.freeze(expectQuantiles(options.quantiles));
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
