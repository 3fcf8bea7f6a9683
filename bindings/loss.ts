import {
  expectFinite,
  expectIndices,
  findValue,
  matchTo,
  readFeatures,
  readIndices,
  type FeatureInput,
  type IndexInput,
  type OutputForm,
  type Time,
  type Values,
} from "./data/values.ts";
import type { Engine } from "./engine.ts";
import { padded } from "./core/core.ts";
import { isTensor } from "./tensor.ts";
import { expectInteger, expectNumber, expectOneOf, expectOptions, expectRange, expectType } from "./validate.ts";

const reductions = ["mean", "sum"] as const;

interface Reduced {
  /** "mean" over all elements, or rows for crossEntropy, that count; "sum" over them. Default "mean". */
  readonly reduction?: (typeof reductions)[number];
}

export type MeanSquaredErrorOptions = Reduced;

export interface CrossEntropyOptions extends Reduced {
  /** Share of the target that is spread evenly over all classes, in [0, 1] (Szegedy et al. 2016). Default 0. */
  readonly labelSmoothing?: number;
  /** Weight of each class; a mean divides by the sum of the weights of the targets. Default all 1. */
  readonly classWeights?: readonly number[];
  /** Rows with this class as the target count nothing. Default −100, as PyTorch. */
  readonly ignoreIndex?: number;
}

export interface BinaryCrossEntropyOptions extends Reduced {
  /** Weight of the positive class for each output. Default all 1. */
  readonly positiveWeights?: readonly number[];
}

/** Description of a loss: plain JSON, made by the function of the same name. */
export type Loss =
  | ({ readonly type: "meanSquaredError" } & MeanSquaredErrorOptions)
  | ({ readonly type: "crossEntropy" } & CrossEntropyOptions)
  | ({ readonly type: "binaryCrossEntropy" } & BinaryCrossEntropyOptions);

/** Targets: numbers in the shape of the output, or class indices in its shape without the last dimension. */
export type Targets = FeatureInput | IndexInput;

/**
 * (y − target)², PyTorch's MSELoss. Targets in the shape of the output.
 * @throws TypeError, RangeError on a wrong option
 */
export function meanSquaredError(options: MeanSquaredErrorOptions = {}): Loss {
  expectOptions("meanSquaredError", options, ["reduction"]);
  return Object.freeze({ type: "meanSquaredError", reduction: checkReduction(options) });
}

/**
 * −log softmax(y)[target], PyTorch's CrossEntropyLoss: the outputs are logits, so the last layer has no activation. Targets
 * are class indices [batch, time] or [batch], or distributions in the shape of the output.
 * @throws TypeError, RangeError on a wrong option
 */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  expectOptions("crossEntropy", options, ["reduction", "labelSmoothing", "classWeights", "ignoreIndex"]);
  const { labelSmoothing = 0, classWeights, ignoreIndex = -100 } = options;
  return Object.freeze({
    type: "crossEntropy",
    reduction: checkReduction(options),
    labelSmoothing: expectNumber("labelSmoothing", labelSmoothing, 0, 1),
    ...(classWeights !== undefined && { classWeights: checkWeights("classWeights", classWeights) }),
    ignoreIndex: expectInteger("ignoreIndex", ignoreIndex, -0x80000000),
  });
}

/**
 * Binary cross-entropy of logits, PyTorch's BCEWithLogitsLoss: the last layer has no activation. Targets in the shape of the
 * output, in [0, 1].
 * @throws TypeError, RangeError on a wrong option
 */
export function binaryCrossEntropy(options: BinaryCrossEntropyOptions = {}): Loss {
  expectOptions("binaryCrossEntropy", options, ["reduction", "positiveWeights"]);
  const { positiveWeights } = options;
  return Object.freeze({
    type: "binaryCrossEntropy",
    reduction: checkReduction(options),
    ...(positiveWeights !== undefined && { positiveWeights: checkWeights("positiveWeights", positiveWeights) }),
  });
}

function checkReduction({ reduction = "mean" }: Reduced): "mean" | "sum" {
  return expectOneOf("reduction", reduction, reductions);
}

function checkWeights(name: string, value: unknown): readonly number[] {
  expectType(Array.isArray(value), name, "an array of numbers", value);
  return Object.freeze(Array.from(value, (weight: unknown, i) => expectNumber(`${name}[${i}]`, weight, 0)));
}

/** A checked, frozen description from one that may be hand-written. */
export function normalizeLoss(value: unknown): Loss {
  expectType(typeof value === "object" && value !== null, "loss", "a loss such as crossEntropy()", value);
  const { type, ...options } = value as Loss;
  const name = expectOneOf("loss.type", type, lossNames);
  return lossTypes[name].create(options);
}

/** A loss over a batch: `sum` / `weight` is the mean. */
export interface LossResult {
  readonly sum: number;
  readonly weight: number;
  readonly value: number;
}

interface LossType {
  create(options: object): Loss;
  /** Checks targets against the outputs they are for; what comes back can be entered. */
  read(loss: Loss, targets: unknown, outputs: OutputForm): Values;
  /** Adds up over the batch in the engine and writes the gradient by the output; `indices`: the targets are classes. */
  run(engine: Engine, loss: Loss, indices: boolean): LossResult;
}

/** Reads targets of numbers. */
function readNumbers(targets: unknown, outputs: OutputForm): Values<Float32Array> {
  const values = matchTo(readFeatures("targets", targets, outputs.F, outputs.time), outputs);
  expectFinite(values, outputs.core);
  return values;
}

/** Losses of one number for each element: the kernel gives the sum for a scale. */
function elementwise(engine: Engine, loss: Loss, kernel: (scale: number) => number): LossResult {
  const weight = engine.outputRows.N * engine.output.size;
  const mean = loss.reduction !== "sum";
  const sum = kernel(mean ? 1 / weight : 1);
  return { sum, weight, value: mean ? sum / weight : sum };
}

/** The one table of losses. */
export const lossTypes: Readonly<Record<Loss["type"], LossType>> = {
  meanSquaredError: {
    create: meanSquaredError,
    read: (_loss, targets, outputs) => readNumbers(targets, outputs),
    run(engine, loss) {
      const { core, dOutput, y, targets, outputRows, output } = engine;
      return elementwise(engine, loss, (scale) =>
        core.functions.meanSquaredError(dOutput, y, targets, outputRows.N, output.size, scale),
      );
    },
  },
  binaryCrossEntropy: {
    create: binaryCrossEntropy,
    read(loss, targets, outputs) {
      const { F } = outputs;
      const { positiveWeights } = loss as BinaryCrossEntropyOptions;
      expectRange(!positiveWeights || positiveWeights.length === F, "positiveWeights", `${F} numbers`, positiveWeights);
      const values = readNumbers(targets, outputs);
      const outside = findValue(values, (x) => x < 0 || x > 1);
      expectRange(outside === undefined, "targets", "numbers from 0 to 1", outside);
      return values;
    },
    run(engine, loss) {
      const { core, dOutput, y, targets, outputRows, output } = engine;
      const weights = enterWeights(engine, (loss as BinaryCrossEntropyOptions).positiveWeights);
      return elementwise(engine, loss, (scale) =>
        core.functions.binaryCrossEntropy(dOutput, y, targets, weights, outputRows.N, output.size, scale),
      );
    },
  },
  crossEntropy: {
    create: crossEntropy,
    read(loss, targets, outputs) {
      const { F: C, time } = outputs;
      const { classWeights, ignoreIndex } = loss as CrossEntropyOptions;
      expectRange(
        !classWeights || classWeights.length === C,
        "classWeights",
        `${C} numbers, one a class`,
        classWeights,
      );
      if (isDistribution(targets, time)) return readNumbers(targets, outputs);
      const values = matchTo(readIndices("targets", targets, time), outputs);
      expectIndices(values, C, ignoreIndex);
      return values;
    },
    run: runCrossEntropy,
  },
};

/** Names of all losses. */
export const lossNames = /*#__PURE__*/ Object.keys(lossTypes) as readonly Loss["type"][];

/** Whether targets are numbers for each class and not an index. */
function isDistribution(targets: unknown, time: Time): boolean {
  if (isTensor(targets)) return targets.data instanceof Float32Array;
  if (!Array.isArray(targets)) return false;
  const first: unknown = targets[0];
  if (first instanceof Float32Array || isTensor(first)) return true;
  return Array.isArray(first) && (Array.isArray(first[0]) || time === "vector");
}

function runCrossEntropy(engine: Engine, loss: Loss, indices: boolean): LossResult {
  const { labelSmoothing = 0, classWeights, ignoreIndex = -100 } = loss as CrossEntropyOptions;
  const { core, dOutput, y, targets, outputRows, output } = engine;
  const { crossEntropy: run, crossEntropySoft, crossEntropyWeight } = core.functions;
  const N = outputRows.N;
  const C = output.size;
  const weights = enterWeights(engine, classWeights);
  const weight = indices ? crossEntropyWeight(targets, weights, N, ignoreIndex) : N;
  // A batch in which every target is ignored counts nothing.
  const scale = loss.reduction === "sum" ? 1 : weight > 0 ? 1 / weight : 0;
  const sum = indices
    ? run(dOutput, y, targets, weights, N, C, labelSmoothing, ignoreIndex, scale)
    : crossEntropySoft(dOutput, y, targets, weights, N, C, labelSmoothing, scale);
  return { sum, weight, value: sum * scale };
}

/** Weights, one for each output, into the engine; 0 for none. */
function enterWeights(engine: Engine, weights: readonly number[] | undefined): number {
  if (!weights) return 0;
  engine.core.view(engine.classWeights, padded(weights.length)).set(weights);
  return engine.classWeights;
}

/** Of targets that are classes: how many count, and at how many of them the largest output stands. */
export function countCorrect(engine: Engine, loss: Loss): { counted: number; correct: number } {
  const { core, y, targets, outputRows, output } = engine;
  const { ignoreIndex = -100 } = loss as CrossEntropyOptions;
  return {
    counted: core.functions.crossEntropyWeight(targets, 0, outputRows.N, ignoreIndex),
    correct: core.functions.countCorrect(y, targets, outputRows.N, output.size, ignoreIndex),
  };
}
