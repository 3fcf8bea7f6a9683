import type { OutputForm, Values } from "../data/values.ts";
import { expectOptions } from "../validate.ts";
import { checkReduction, type Loss, type Reduced, RowLoss, type Rows } from "./loss.ts";
import { readNumbers } from "./targets.ts";

export type MeanSquaredErrorOptions = Reduced;

class MeanSquaredError extends RowLoss {
  override read(targets: unknown, outputs: OutputForm): Values {
    return readNumbers(targets, outputs);
  }

  protected override sum({ engine, dy, y, targets, N, F }: Rows, scale: number): number {
    return engine.core.functions.meanSquaredError(dy, y, targets, N, F, scale);
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
