/** What the tests of losses share: shapes of outputs, and a loss of a network whose output is its input. */

import { activation, type Loss, Network, type Targets, type Weights } from "../bindings/index.ts";
import { expectClose, masked, toTensor } from "./agreement.ts";
import type { LossTerms } from "./reference/losses.ts";

export const reductions = ["mean", "sum"] as const;

export interface Shape {
  B: number;
  /** Undefined: vectors. */
  T?: number;
  F: number;
  lengths?: readonly number[];
}

const shapes: Shape[] = [
  { B: 1, F: 1 },
  { B: 4, F: 3 },
  { B: 3, F: 17 },
  { B: 2, T: 1, F: 4 },
  { B: 3, T: 5, F: 6 },
  { B: 4, T: 5, F: 3, lengths: [2, 5, 1, 4] },
];
export const titledShapes = shapes.map((shape): [string, Shape] => [JSON.stringify(shape), shape]);

export const sizeOf = ({ B, T = 1, F }: Shape): number => B * T * F;

/** Loss and gradient; the gradient is zero in the padding. */
export function lossOf(loss: Loss, { B, T, F, lengths }: Shape, x: Float64Array, targets: Targets, weights?: Weights) {
  const net = new Network({ input: { features: F }, layers: [activation("linear")] });
  const shape = T === undefined ? [B, F] : [B, T, F];
  net.forward(toTensor(x, shape), { training: true, ...(lengths && { lengths }) });
  const value = net.loss(loss, targets, weights && { weights });
  return { value, gradient: net.backward().gradInput!.data };
}

/** Rows of width numbers that are no padding. */
export function present(data: Float64Array, { T = 1, lengths }: Omit<Shape, "F">, width: number): Float64Array {
  return data.filter((_, k) => {
    const row = Math.floor(k / width);
    return lengths === undefined || row % T < lengths[Math.floor(row / T)]!;
  });
}

/** The way back: zero in the padding. */
export function spread(data: Float64Array, { B, T = 1, F, lengths }: Shape): Float64Array {
  const whole = masked(new Float64Array(B * T * F).fill(1), T, F, lengths);
  let next = 0;
  return whole.map((there) => (there ? data[next++]! : 0));
}

/** A loss with its inputs and what should come out. */
export interface Problem {
  shape: Shape;
  loss: Loss;
  /** (B, T, F) */
  x: Float64Array;
  targets: Targets;
  /** Of the rows that are no padding. */
  expected: LossTerms;
  /** What each term counts in a mean. Default 1. */
  counts?: ArrayLike<number>;
}

/** Compares the loss and its gradient, with a weight for each step (B, T), of which some are 0. */
export function expectProblem({ shape, loss, x, targets, expected, counts }: Problem, weights?: Float64Array): void {
  const { B, T } = shape;
  const { terms, backward } = expected;
  const ofRows = weights && present(weights, shape, 1);
  const perRow = ofRows ? terms.length / ofRows.length : 1;
  const w = terms.map((_, k) => ofRows?.[Math.floor(k / perRow)] ?? 1);
  const total = w.reduce((sum, v, k) => sum + v * (counts?.[k] ?? 1), 0);
  const scale = loss.reduction === "sum" ? 1 : total > 0 ? 1 / total : 0;
  const dTerms = w.map((v) => v * scale);
  const given = weights && toTensor(weights, T === undefined ? [B] : [B, T]);
  const { value, gradient } = lossOf(loss, shape, x, targets, given);
  expectClose("loss", [value], [terms.reduce((sum, term, k) => sum + term * dTerms[k]!, 0)]);
  expectClose("gradient", gradient, spread(backward(dTerms), shape));
}
