/** What a task is to the commands: a lesson to `train`, and a model to `evaluate`, `inspect` and all that use one. */

import { FormatError, type Loss, type Network, type StepReport, type TrainingData } from "../../index.ts";
import type { TableOptions } from "../input/table.ts";
import type { Report } from "../output/table.ts";
import type { Terms } from "../training/progress.ts";

/** All that training needs. */
export interface Lesson {
  /** With what the file keeps of the task in its metadata: a run goes on only where these are the same. */
  readonly net: Network;
  readonly loss: Loss;
  readonly training: TrainingData;
  /** Nothing is learnt from it. */
  readonly heldOut: TrainingData | undefined;
  /** Steps that the gradient goes back in time; all of a sequence if it is not given. */
  readonly truncate?: number;
  /** What there is to learn, a line or two. */
  readonly about: string;
  /** What is counted, and whether its loss is one in bits. */
  readonly terms: Terms;
  /** How many of these a step has learnt from. */
  readonly unitsOf: (step: StepReport) => number;
  /** What the network makes of it by now, to be shown after an epoch. */
  readonly sample?: () => string;
  /** How good the network is on what was held out, beside a baseline. */
  readonly measure?: () => Report;
  /** What to do with the model. */
  readonly next: (model: string) => string;
}

/** A network that a task has made, with what its file keeps. */
export interface TaskModel {
  readonly task: "text" | "series" | "labels";
  readonly net: Network;
  /** Lines for `inspect`. */
  readonly describe: () => readonly string[];
  readonly evaluate: (path: string, options: EvaluateOptions) => Promise<Report>;
}

export interface EvaluateOptions extends TableOptions {
  readonly missing?: Missing;
  readonly plot?: string;
}

export const missingNames = ["fail", "drop", "interpolate"] as const;
/** What is done about a missing value. */
export type Missing = (typeof missingNames)[number];

/** Under this key the metadata of a network keep its task, but for that of a text, which is its tokenizer. */
const KEY = "task";

export function keepTask(net: Network, task: { readonly kind: string }): void {
  net.metadata[KEY] = JSON.stringify(task);
}

/** What the metadata of a network keep of its task; undefined where there is none. @throws FormatError */
export function keptTask({ metadata }: Network): Readonly<Record<string, unknown>> | undefined {
  const text = metadata[KEY];
  if (text === undefined) return undefined;
  try {
    return Object.assign({}, JSON.parse(text) as object) as Record<string, unknown>;
  } catch {
    throw brokenTask("it is no JSON");
  }
}

/** For metadata that are not what a task has kept. */
export function brokenTask(why: string): FormatError {
  return new FormatError("malformed", `the task in the metadata is damaged, ${why}: save the model again`);
}

interface Types {
  readonly string: string;
  readonly number: number;
}

export function isListOf<T extends keyof Types>(value: unknown, type: T): value is readonly Types[T][] {
  return Array.isArray(value) && value.every((one) => typeof one === type);
}

/** Whether it is a whole number of at least 1. */
export function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}
