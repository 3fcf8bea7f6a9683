import type { Engine } from "../engine.ts";
import { FormatError } from "../errors.ts";
import type { Optimizer } from "../optimizers/optimizer.ts";
import type { OptimizerState } from "../optimizers/state.ts";
import type { PlateauState } from "../schedules/schedule.ts";
import { show } from "../validate.ts";
import { isObject } from "./json.ts";
import {
  checkTensors,
  fillParameters,
  floatTensor,
  readModel,
  RESERVED,
  writeModel,
  type ModelFile,
  type ModelHead,
} from "./model.ts";
import { float32Of, type RawTensor } from "./safetensors.ts";

/** Where a run of training is. @inline */
export interface Progress {
  /** Epochs completed. */
  epoch: number;
  /** Batches of the current epoch completed. */
  batch: number;
  /** Steps taken. */
  steps: number;
  /** Sum and weight of the losses of the epoch so far, or of the one that has just ended. */
  sum: number;
  weight: number;
  /** Order of the examples in this epoch. */
  order: Int32Array;
  /** States at the end of the last batch. */
  readonly carried: Float32Array;
  /** Of how many the mean of the parameters is, with `averaging`. */
  averaged: number;
  /** What a schedule by reduceOnPlateau has seen. */
  plateau: PlateauState;
  /** What `fit` keeps from epoch to epoch. */
  fit: FitProgress;
}

/** @inline */
export interface FitProgress {
  /** Epochs after which the losses were measured. */
  measured?: number;
  /** Losses by epoch. */
  history?: { loss: number[]; validationLoss: number[]; validationAccuracy: number[] };
  /** Epochs since the validation loss was lowest, and that loss. */
  waited?: number;
  bestLoss?: number;
  bestEpoch?: number;
  /** All buffers and parameters at that epoch. */
  best?: Float32Array;
}

/** The data and options, by name and as JSON, with which a run can only be gone on with if they are the same. */
export type Setup = Readonly<Record<string, string>>;

/** What a checkpoint keeps as JSON. */
type Position = Pick<Progress, (typeof numbers)[number]> & {
  readonly plateau: PlateauState;
  readonly fit: Omit<FitProgress, "best">;
  readonly setup: Setup;
  readonly optimizerSteps: number;
};

const numbers = ["epoch", "batch", "steps", "sum", "weight", "averaged"] as const;

/** A run as a file: the network, and everything else that its continuation depends on. */
export function writeCheckpoint(
  engine: Engine,
  head: ModelHead,
  state: OptimizerState,
  setup: Setup,
  progress: Progress,
): Uint8Array<ArrayBuffer> {
  const { order, carried, fit, ...position } = progress;
  const { best, ...fitPosition } = fit;
  const tensors: [string, RawTensor][] = [
    ["random", { dtype: "U8", shape: [64], bytes: engine.randomState.slice() }],
    ["order", { dtype: "I32", shape: [order.length], bytes: new Uint8Array(order.slice().buffer) }],
    ["carried", floatTensor(carried)],
    ...state.slots.map((slot, k): [string, RawTensor] => [`slot${k}`, floatTensor(slot)]),
    ...(best ? [["best", floatTensor(best)] as [string, RawTensor]] : []),
  ];
  const all: Position = { ...position, fit: fitPosition, setup, optimizerSteps: state.steps };
  return writeModel(engine, head, {
    position: JSON.stringify(all),
    tensors: tensors.map(([name, value]) => [RESERVED + name, value]),
  });
}

/** A checkpoint that has been read and checked against the run that is to take it up. */
export interface Checkpoint {
  readonly file: ModelFile;
  readonly position: Position;
  readonly order: Int32Array;
  readonly carried: Float32Array;
  readonly random: Uint8Array;
  readonly slots: readonly Float32Array[];
  readonly best: Float32Array | undefined;
}

/** @throws FormatError when the bytes are no checkpoint of this network, with these data and options */
export function readCheckpoint(
  bytes: Uint8Array,
  engine: Engine,
  slots: number,
  setup: Setup,
  progress: Progress,
  batches: number,
): Checkpoint {
  const file = readModel(bytes);
  const position = parsePosition(file, setup, batches);
  checkTensors(engine.tensors, file);
  const floats = (name: string, size: number) => float32Of(name, expectTensor(file, name, "F32", size));
  const { blockSize, saved } = engine;
  return {
    file,
    position,
    order: readOrder(file, progress.order.length),
    carried: floats("carried", progress.carried.length),
    random: expectTensor(file, "random", "U8", 64).bytes,
    slots: Array.from({ length: slots }, (_, k) => floats(`slot${k}`, blockSize)),
    best: file.tensors.has(`${RESERVED}best`) ? floats("best", saved.length) : undefined,
  };
}

function parsePosition({ training }: ModelFile, setup: Setup, batches: number): Position {
  if (training === undefined) throw mismatch('has no training in it: "resume" takes bytes of Trainer.checkpoint()');
  const position = readPosition(training);
  if (!position || position.batch >= batches) throw malformed("position");
  for (const [name, now] of Object.entries(setup)) {
    const then = position.setup[name];
    if (then === now) continue;
    throw mismatch(
      `is of another "${name}", ${show(then)}, than ${show(now)}: give "resume" the same data and options`,
    );
  }
  return position;
}

function readPosition(text: string): Position | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text, (_, member: unknown) => (member === null ? NaN : member)); // JSON has no NaN
  } catch {
    return undefined;
  }
  if (!isObject(value) || !isObject(value.setup) || !isFit(value.fit)) return undefined;
  const sound =
    ["epoch", "batch", "steps", "optimizerSteps", "averaged"].every((key) => isCount(value, key)) &&
    ["sum", "weight"].every((key) => Number.isFinite(value[key])) &&
    isPlateau(value.plateau);
  return sound ? (value as Position) : undefined;
}

function isCount(value: Readonly<Record<string, unknown>>, key: string): boolean {
  return Number.isSafeInteger(value[key]) && Number(value[key]) >= 0;
}

function isPlateau(value: unknown): value is PlateauState {
  if (!isObject(value)) return false;
  const isBest = value.best === undefined || Number.isFinite(value.best);
  return isBest && ["observed", "waited", "cooldown", "reductions"].every((key) => isCount(value, key));
}

function isFit(value: unknown): value is Position["fit"] {
  if (!isObject(value)) return false;
  const { measured, history, waited, bestLoss, bestEpoch } = value;
  const isNumber = (one: unknown) => one === undefined || Number.isFinite(one);
  const lists = ["loss", "validationLoss", "validationAccuracy"];
  const isList = (list: unknown) => Array.isArray(list) && list.every((one) => typeof one === "number");
  const isHistory = history === undefined || (isObject(history) && lists.every((name) => isList(history[name])));
  return isHistory && [measured, waited, bestLoss, bestEpoch].every(isNumber);
}

function mismatch(what: string): FormatError {
  return new FormatError("mismatch", `the checkpoint ${what}`);
}

function malformed(what: string): FormatError {
  return new FormatError("malformed", `the checkpoint's "${what}" is not what Trainer.checkpoint() writes`);
}

function expectTensor(file: ModelFile, name: string, dtype: string, size: number): RawTensor {
  const tensor = file.tensors.get(RESERVED + name);
  if (tensor?.dtype === dtype && tensor.shape.length === 1 && tensor.shape[0] === size) return tensor;
  throw malformed(RESERVED + name);
}

/** Each of the n examples once. */
function readOrder(file: ModelFile, n: number): Int32Array {
  const order = new Int32Array(expectTensor(file, "order", "I32", n).bytes.slice().buffer);
  if (new Set(order).size < n || order.some((i) => i < 0 || i >= n)) throw malformed(`${RESERVED}order`);
  return order;
}

/** Takes up a checkpoint: everything is in place afterwards. */
export function restoreCheckpoint(
  { file, position, order, carried, random, slots, best }: Checkpoint,
  engine: Engine,
  state: OptimizerState,
  optimizer: Optimizer,
  progress: Progress,
): void {
  state.restore(optimizer, position.optimizerSteps, slots);
  fillParameters(engine, file);
  engine.randomState.set(random);
  for (const key of numbers) progress[key] = position[key];
  progress.order = order;
  progress.carried.set(carried);
  progress.plateau = position.plateau;
  progress.fit = { ...position.fit, ...(best && { best }) };
}
