import { countExamples, selectExamples } from "./data/examples.ts";
import { foldOptionNames, kFold, type FoldOptions } from "./data/folds.ts";
import type { TrainingData } from "./data/dataset.ts";
import type { Evaluation } from "./evaluate.ts";
import type { FitOptions, History } from "./fit.ts";
import type { Network } from "./network.ts";
import { isTensor } from "./tensor.ts";
import { expectOptions, expectRange, expectType } from "./validate.ts";

export interface CrossValidationOptions extends FoldOptions {
  /** How each network is trained. The fold is kept out of it: to stop early by it would be to learn from it. */
  readonly fit: Omit<FitOptions, "validation" | "resume">;
  /** More numbers to measure on the fold by the trained network, such as an error in the unit of the data. */
  readonly measure?: (net: Network, validation: TrainingData) => Readonly<Record<string, number>>;
}

/** The loss, for classes the accuracy, and what `measure` gives. */
export type Scores = Evaluation & Readonly<Record<string, number>>;

export interface CrossValidation {
  /** What each fold's network scores on its fold, and how its training went. */
  readonly folds: readonly { readonly scores: Scores; readonly history: History }[];
  /** Mean of each score over the folds. */
  readonly mean: Scores;
  /** Standard deviation of each score over the folds, that of a sample: divided by the folds − 1. */
  readonly standardDeviation: Scores;
}

/**
 * Trains a new network for each fold on the other folds, and measures it on the fold that it has not seen:
 *
 *     const { mean, standardDeviation } = await crossValidate(
 *       (fold) => new Network({ input: { features: 3 }, layers: [gru(16), last(), dense(4)], seed: fold }),
 *       data,
 *       { folds: 5, kind: "stratified", fit: { loss: crossEntropy(), optimizer: adam(), epochs: 20 } },
 *     );
 *
 * @param makeNetwork gives a network that has not learnt; called once a fold, which is counted from 0
 * @param options as of `kFold`; "stratified" takes targets that are one class an example as its labels
 * @returns (rejects with) TypeError, RangeError on wrong data or options, and whatever `fit` rejects with
 */
export async function crossValidate(
  makeNetwork: (fold: number) => Network,
  data: TrainingData,
  options: CrossValidationOptions,
): Promise<CrossValidation> {
  expectType(typeof makeNetwork === "function", "makeNetwork", "a function that gives a network", makeNetwork);
  expectOptions("crossValidate", options, [...foldOptionNames, "fit", "measure"]);
  const { fit, measure, ...foldOptions } = options;
  checkFit(fit);
  expectType(measure === undefined || typeof measure === "function", "measure", "a function", measure);
  const sets = kFold(countExamples(data), withLabels(foldOptions, data));
  const used = new Set<Network>();
  const folds: CrossValidation["folds"][number][] = [];
  for (const [fold, { train, validation }] of sets.entries()) {
    const net = makeNetwork(fold);
    expectRange(!used.has(net), "makeNetwork", "a new network for each fold", "the same again");
    used.add(net);
    const history = await net.fit(selectExamples(data, train), fit);
    const held = selectExamples(data, validation);
    const { loss, batchSize, truncate } = fit;
    const evaluation = net.evaluate(held, {
      loss,
      ...(batchSize !== undefined && { batchSize }),
      ...(truncate !== undefined && { truncate }),
    });
    folds.push({ scores: { ...evaluation, ...measure?.(net, held) }, history });
  }
  return { folds, ...summarize(folds.map(({ scores }) => scores)) };
}

function checkFit(fit: unknown): void {
  expectType(typeof fit === "object" && fit !== null, "fit", "the options of fit: loss, optimizer, epochs …", fit);
  for (const name of ["validation", "resume"]) {
    expectRange(!Object.hasOwn(fit, name), `fit.${name}`, "nothing, because each fold is a training of its own", name);
  }
}

/** Where no labels are given, the targets are. */
function withLabels(options: FoldOptions, { targets }: TrainingData): FoldOptions {
  if (options.kind !== "stratified" || options.labels !== undefined) return options;
  const labels: unknown = isTensor(targets) && targets.shape.length === 1 ? targets.data : targets;
  return { ...options, labels: labels as NonNullable<FoldOptions["labels"]> };
}

function summarize(folds: readonly Scores[]): Pick<CrossValidation, "mean" | "standardDeviation"> {
  const names = Object.keys(folds[0]!);
  const over = (of: (values: number[]) => number): Scores =>
    Object.fromEntries(names.map((name) => [name, of(folds.map((scores) => scores[name]!))])) as Scores;
  const meanOf = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  return {
    mean: over(meanOf),
    standardDeviation: over((values) => {
      const mean = meanOf(values);
      return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) * (x - mean), 0) / (values.length - 1));
    }),
  };
}
