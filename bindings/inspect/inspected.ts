import type { Dataset, TrainingData } from "../data/dataset.ts";
import type { Engine } from "../engine.ts";
import type { Loss } from "../losses/loss.ts";

/** A network as gradientFlow sees it. */
export interface Inspected {
  readonly engine: Engine;
  /** The descriptions of the engine's layers. */
  readonly layers: readonly { readonly type: string }[];
  /** @throws TypeError, RangeError on wrong data */
  readonly read: (loss: Loss, data: TrainingData) => Dataset;
}
