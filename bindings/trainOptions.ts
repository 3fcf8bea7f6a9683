import type { Averaging } from "./averaging.ts";
import type { Augmentation } from "./data/augment.ts";
import type { Loss } from "./losses/loss.ts";
import type { ParameterGroup } from "./optimizers/groups.ts";
import type { Optimizer } from "./optimizers/optimizer.ts";
import { expectSchedule, type Schedule } from "./schedules/schedule.ts";
import {
  expectBoolean,
  expectInteger,
  expectNumber,
  expectOptions,
  expectPositive,
  expectRange,
  expectType,
} from "./validate.ts";

export interface TrainOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Passes over the data; Infinity to go on until the caller stops. Default 1. */
  readonly epochs?: number;
  /** Examples in a batch. Default 32. */
  readonly batchSize?: number;
  /**
   * Batches to one optimizer step, whose gradient is that of all their examples as one batch: with a mean for the loss, each batch
   * counts by the elements or targets it has. At the end of an epoch a step may have fewer. Default 1.
   */
  readonly accumulate?: number;
  /** Draw a new order of the examples in each epoch. Default true; false with `truncate`. */
  readonly shuffle?: boolean;
  /** Scale the gradient so that its norm over all parameters is at most this. */
  readonly clipNorm?: number;
  /** Limit each element of the gradient to ± this, before `clipNorm`. */
  readonly clipValue?: number;
  /** Truncated backpropagation through time: cut sequences after so many steps, carry the state on and not the gradient. */
  readonly truncate?: number;
  /** L1 penalty: adds l1·sign(w) to the gradient of each parameter w after clipping, 0 where w is 0. Default 0. */
  readonly l1?: number;
  /** Parameters, by name, that are trained otherwise than the rest. */
  readonly groups?: readonly ParameterGroup[];
  /** Learning rate of each step from the optimizer's, by stepDecay(), oneCycle() and the like. */
  readonly schedule?: Schedule;
  /** Learning rate of each step, counted from 0, instead of the optimizer's. Not beside `schedule`. */
  readonly learningRate?: (step: number) => number;
  /** A mean of the parameters over the training, for `Trainer.useAverage()`; `fit` validates with it and ends with it. */
  readonly averaging?: Averaging;
  /**
   * Changes the examples of each batch before they are learnt from, by the network's generator; not with `truncate`. As many
   * examples must come back.
   */
  readonly augment?: Augmentation;
  /** Bytes of `Trainer.checkpoint()`: go on from there, bit for bit, with the same data and options. */
  readonly resume?: Uint8Array;
}

export const trainOptionNames = [
  ...["loss", "optimizer", "epochs", "batchSize", "accumulate", "shuffle", "clipNorm", "clipValue", "truncate", "l1"],
  ...["groups", "schedule", "learningRate", "averaging", "augment", "resume"],
];

/** A copy of options that have been checked, but for those that are read with the network. */
export function checkTrainOptions(options: TrainOptions, names: readonly string[] = trainOptionNames): TrainOptions {
  expectOptions("train", options, names);
  const { epochs, batchSize, accumulate, shuffle, clipNorm, clipValue, truncate } = options;
  const { l1, schedule, learningRate, augment, resume } = options;
  if (epochs !== undefined && epochs !== Infinity) expectInteger("epochs", epochs, 0);
  if (batchSize !== undefined) expectInteger("batchSize", batchSize, 1);
  if (accumulate !== undefined) expectInteger("accumulate", accumulate, 1);
  if (shuffle !== undefined) expectBoolean("shuffle", shuffle);
  if (clipNorm !== undefined) expectPositive("clipNorm", clipNorm);
  if (clipValue !== undefined) expectPositive("clipValue", clipValue);
  if (truncate !== undefined) expectInteger("truncate", truncate, 1);
  if (l1 !== undefined) expectNumber("l1", l1, 0);
  if (schedule !== undefined) expectSchedule("schedule", schedule);
  if (schedule !== undefined && learningRate !== undefined) {
    throw new TypeError('"schedule" and "learningRate" both say what the learning rate is: leave one of them out');
  }
  expectType(
    learningRate === undefined || typeof learningRate === "function",
    "learningRate",
    "a function",
    learningRate,
  );
  expectType(augment === undefined || typeof augment === "function", "augment", "a function", augment);
  if (augment) expectRange(truncate === undefined, "augment", "no truncate beside it, which cuts sequences", augment);
  expectType(resume === undefined || resume instanceof Uint8Array, "resume", "a Uint8Array", resume);
  return { ...options };
}
