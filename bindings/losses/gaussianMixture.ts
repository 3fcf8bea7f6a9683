import { padded } from "../core/core.ts";
import { findValue, type OutputForm, type Values } from "../data/values.ts";
import { expectInteger, expectOptions, expectRange } from "../validate.ts";
import { checkReduction, countRows, type Loss, type Reduced, RowLoss, type Rows } from "./loss.ts";
import { readNumbers } from "./targets.ts";

/** The form of a mixture density. */
export interface Mixture {
  /** Gaussians in the mixture. */
  readonly components: number;
  /** 1, or 2 with a correlation. Default 2. */
  readonly dimensions?: 1 | 2;
  /** States of the pen: 3 for down, up and the end of the drawing; 0 for no pen. Default 0. */
  readonly penStates?: number;
}

export interface GaussianMixtureOptions extends Mixture, Reduced {}

export const mixtureNames = ["components", "dimensions", "penStates"];

/** A mixture as sizes: K components, D dimensions, P states of the pen. */
export interface MixtureSizes {
  readonly K: number;
  readonly D: number;
  readonly P: number;
}

export function checkMixture({ components, dimensions = 2, penStates = 0 }: Mixture): MixtureSizes {
  return {
    K: expectInteger("components", components, 1),
    D: expectInteger("dimensions", dimensions, 1, 2),
    P: expectInteger("penStates", penStates, 0),
  };
}

/** Numbers of an output. */
export function mixtureOutputs({ K, D, P }: MixtureSizes): number {
  return P + K * (D === 2 ? 6 : 3);
}

class GaussianMixture extends RowLoss {
  readonly components: number;
  readonly dimensions: number;
  readonly penStates: number;

  constructor(options: GaussianMixtureOptions) {
    super("gaussianMixture", checkReduction(options));
    const { K, D, P } = checkMixture(options);
    this.components = K;
    this.dimensions = D;
    this.penStates = P;
  }

  override read(targets: unknown, outputs: OutputForm): Values {
    const { components: K, dimensions: D, penStates: P } = this;
    const F = mixtureOutputs({ K, D, P });
    expectRange(outputs.F === F, "gaussianMixture", `a network with ${F} outputs`, outputs.F);
    const values = readNumbers(targets, outputs, P > 0 ? D + 1 : D);
    if (P === 0) return values;
    // A copy, because states of the pen are places in memory: the caller may change the numbers later.
    const own = { ...values, data: values.data.slice() };
    expectPens(own, P);
    return own;
  }

  protected override weigh(rows: Rows): number {
    return countRows(rows);
  }

  protected override sum({ engine, dy, y, targets, weights, N, F }: Rows, scale: number): number {
    const { components: K, dimensions: D, penStates: P } = this;
    const room = engine.room(2 * padded(K));
    return engine.core.functions.gaussianMixture(dy, room, y, targets, weights, N, F, K, D, P, scale);
  }
}

/** The last of each row is the state of the pen. */
function expectPens(values: Values<Float32Array>, P: number): void {
  const { data, B, F } = values;
  const pens = data.filter((_, i) => i % F === F - 1);
  const wrong = findValue({ ...values, data: pens, B, F: 1 }, (pen) => !(Number.isInteger(pen) && pen >= 0 && pen < P));
  expectRange(wrong === undefined, "targets", `integers from 0 to ${P - 1} as the state of the pen`, wrong);
}

/**
 * Negative log-likelihood of a mixture of Gaussians, of one dimension or of two with a correlation (Bishop 1994, Graves 2013),
 * and the cross-entropy of the state of a pen (Ha & Eck 2017). A mean is over the rows.
 *
 * The last layer has no activation; for K components an output is
 * [pen logits (penStates), logits (K), means x (K), means y (K), log σx (K), log σy (K), atanh ρ (K)], 6·K + penStates numbers,
 * or with one dimension [pen logits, logits, means, log σ], 3·K + penStates. Targets are [x, y], or [x], and behind it the state
 * of the pen, an integer, where there is one.
 * @throws TypeError, RangeError on a wrong option
 */
export function gaussianMixture(options: GaussianMixtureOptions): Loss {
  expectOptions("gaussianMixture", options, ["reduction", ...mixtureNames]);
  return Object.freeze(new GaussianMixture(options));
}
