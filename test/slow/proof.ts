/** What the proofs have in common: training for a number of steps, and figures that are held to a threshold and end in a table. */

import { expect, type TestContext } from "vitest";
import type { Network, TrainingData, TrainOptions } from "../../bindings/index.ts";

/** One figure that a network has reached, beside the one that needs no learning. */
export interface Proof {
  /** "adding problem, T = 100" */
  readonly task: string;
  /** "LSTM 32" */
  readonly model: string;
  /** What is measured on data that training has not seen: "MSE". */
  readonly measure: string;
  readonly steps: number;
  /** Of processor time, which other work on the machine does not change much. */
  readonly seconds: number;
  readonly reached: number;
  /** The same measure of what knows nothing of the past, computed from the same data. */
  readonly baseline: number;
  /** What that is: "the mean". */
  readonly baselineOf: string;
  /** `reached` is to be below the one, or, where a network is to fail, above the other. */
  readonly threshold: { readonly below: number } | { readonly above: number };
}

declare module "vitest" {
  interface TaskMeta {
    /** Taken by the reporter. */
    proofs?: Proof[];
  }
}

/** Enters a figure into the table, and holds it to its threshold. */
export function prove({ task }: TestContext, proof: Proof): void {
  (task.meta.proofs ??= []).push(proof);
  const { threshold, reached } = proof;
  const what = `${proof.task}, ${proof.model}: ${proof.measure}`;
  if ("below" in threshold) expect(reached, what).toBeLessThan(threshold.below);
  else expect(reached, what).toBeGreaterThan(threshold.above);
}

/** Trains for so many optimizer steps, however many epochs that is; how long it took, for a Proof. */
export function trainFor(
  steps: number,
  net: Network,
  data: TrainingData,
  options: TrainOptions,
): Pick<Proof, "steps" | "seconds"> {
  const start = process.cpuUsage();
  for (const { step } of net.train(data, { ...options, epochs: Infinity })) if (step === steps) break;
  const { user, system } = process.cpuUsage(start); // microseconds
  return { steps, seconds: (user + system) / 1e6 };
}

/** √ of the mean of (predicted − actual)² over the variance of the actual ones: 0 is perfect, 1 as good as their mean. */
export function normalizedError(predicted: ArrayLike<number>, actual: ArrayLike<number>, variance: number): number {
  expect(predicted.length).toBe(actual.length);
  const sum = Array.from(actual).reduce((total, y, i) => total + (predicted[i]! - y) ** 2, 0);
  return Math.sqrt(sum / actual.length / variance);
}

export function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;
}

export function varianceOf(values: ArrayLike<number>): number {
  const mean = meanOf(values);
  return meanOf(Array.from(values, (x) => (x - mean) ** 2));
}
