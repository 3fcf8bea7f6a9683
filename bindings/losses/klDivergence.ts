import type { OutputForm, Values } from "../data/values.ts";
import { expectBoolean, expectOneOf, expectOptions } from "../validate.ts";
import { type Loss, RowLoss, type Rows } from "./loss.ts";
import { readBetween } from "./targets.ts";

const reductions = ["mean", "batchmean", "sum"] as const;

export interface KlDivergenceOptions {
  /**
   * "mean" over all elements, "batchmean" over the sequences, or the vectors where there is no time, "sum" over all. The
   * divergence of its definition is "batchmean" of vectors. Default "mean", as PyTorch.
   */
  readonly reduction?: (typeof reductions)[number];
  /** Targets are logarithms of probabilities too. Default false. */
  readonly logTarget?: boolean;
}

/** Numbers of assembly/loss.ts. */
const DIVERGENCE = 2;
const LOG_DIVERGENCE = 3;

class KlDivergence extends RowLoss {
  readonly logTarget: boolean;

  constructor({ reduction = "mean", logTarget = false }: KlDivergenceOptions) {
    super("klDivergence", expectOneOf("reduction", reduction, reductions));
    this.logTarget = expectBoolean("logTarget", logTarget);
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    return readBetween(targets, outputs, this.logTarget ? -Infinity : 0, Infinity);
  }

  override isTruncatable(): boolean {
    return this.reduction !== "batchmean";
  }

  protected override weigh(rows: Rows): number {
    return this.reduction === "batchmean" ? rows.engine.outputRows.B : super.weigh(rows);
  }

  protected override sum({ engine, dy, y, targets, weights, N, F }: Rows, scale: number): number {
    const kind = this.logTarget ? LOG_DIVERGENCE : DIVERGENCE;
    return engine.core.functions.pointwise(dy, y, targets, 0, weights, N, F, kind, scale);
  }
}

/**
 * target·(log target − y), PyTorch's KLDivLoss: the outputs are log-probabilities, so the last layer has the activation
 * "logSoftmax". Targets are probabilities in the shape of the output.
 * @throws TypeError, RangeError on a wrong option
 */
export function klDivergence(options: KlDivergenceOptions = {}): Loss {
  expectOptions("klDivergence", options, ["reduction", "logTarget"]);
  return Object.freeze(new KlDivergence(options));
}
