import type { Engine, EngineConfig } from "../engine.ts";
import { FormatError } from "../errors.ts";
import type { Optimizer, OptimizerState } from "../optimizer.ts";
import { isObject } from "./json.ts";
import { checkTensors, fillParameters, floatTensor, readModel, RESERVED, writeModel, type ModelFile } from "./model.ts";
import { float32Of, type RawTensor } from "./safetensors.ts";

/** Where a run of training is. */
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
  /** What `fit` keeps from epoch to epoch. */
  fit: FitProgress;
}

export interface FitProgress {
  /** Losses by epoch. */
  history?: { loss: number[]; validationLoss: number[]; validationAccuracy: number[] };
  /** Epochs since the validation loss was lowest, and that loss. */
  waited?: number;
  bestLoss?: number;
  bestEpoch?: number;
  /** All parameters at that epoch. */
  best?: Float32Array;
}

const KEY = "unrolled.training";

/** What a checkpoint keeps as JSON. */
type Position = Pick<Progress, (typeof numbers)[number]> & {
  readonly fit: Omit<FitProgress, "best">;
  readonly optimizer: unknown;
  readonly optimizerSteps: number;
};

const numbers = ["epoch", "batch", "steps", "sum", "weight"] as const;

/** A run as a file: the network, and everything else that its continuation depends on. */
export function writeCheckpoint(
  engine: Engine,
  config: EngineConfig,
  state: OptimizerState,
  optimizer: Optimizer,
  progress: Progress,
): Uint8Array<ArrayBuffer> {
  const { order, carried, fit, ...position } = progress;
  const { best, ...fitPosition } = fit;
  const tensors: [string, RawTensor][] = [
    ["random", { dtype: "U8", shape: [64], bytes: engine.randomState.slice() }],
    ["order", { dtype: "I32", shape: [order.length], bytes: new Uint8Array(order.slice().buffer) }],
    ["carried", floatTensor(carried)],
    ...Array.from({ length: state.count }, (_, k): [string, RawTensor] => [`slot${k}`, floatTensor(state.slot(k))]),
    ...(best ? [["best", floatTensor(best)] as [string, RawTensor]] : []),
  ];
  const training = { ...position, fit: fitPosition, optimizer, optimizerSteps: state.steps };
  return writeModel(
    engine,
    config,
    { [KEY]: JSON.stringify(training) },
    tensors.map(([name, value]) => [RESERVED + name, value]),
  );
}

/** A checkpoint that has been read and checked against the run that is to take it up. */
export interface Checkpoint {
  readonly file: ModelFile;
  readonly position: Position;
  readonly order: Int32Array;
  readonly slots: readonly Float32Array[];
}

/** @throws FormatError when the bytes are no checkpoint of this network, optimiser and data */
export function readCheckpoint(
  bytes: Uint8Array,
  engine: Engine,
  optimizer: Optimizer,
  progress: Progress,
  batches: number,
): Checkpoint {
  const file = readModel(bytes);
  checkTensors(engine.parameters, file);
  const position = parsePosition(file, batches);
  if (JSON.stringify(position.optimizer) !== JSON.stringify(optimizer)) {
    throw mismatch(`is of the optimizer ${JSON.stringify(position.optimizer)}: give "resume" the same optimizer`);
  }
  const order = tensorBytes(file, "order", "I32");
  const examples = progress.order.length;
  if (order.byteLength !== examples * 4) throw mismatch(`is of other data: "inputs" has ${examples} sequences`);
  const carried = tensorFloats(file, "carried");
  if (carried?.length !== progress.carried.length) throw mismatch('is of another "batchSize"');
  const indices = new Int32Array(order.slice().buffer);
  if (indices.some((i) => i < 0 || i >= examples))
    throw new FormatError("malformed", "the checkpoint's order is no order");
  tensorBytes(file, "random", "U8", 64);
  const slots: Float32Array[] = [];
  for (let k = 0; ; k++) {
    const slot = tensorFloats(file, `slot${k}`);
    if (!slot) break;
    if (slot.length !== engine.blockSize) throw mismatch("has optimiser slots of another size");
    slots.push(slot);
  }
  return { file, position, order: indices, slots };
}

function parsePosition(file: ModelFile, batches: number): Position {
  const text = file.metadata[KEY];
  if (text === undefined) throw mismatch('has no training in it: "resume" takes bytes of Trainer.checkpoint()');
  const position = readPosition(text);
  if (!position)
    throw new FormatError("malformed", "the checkpoint's position is not what Trainer.checkpoint() writes");
  if (position.batch >= batches) throw mismatch(`is at batch ${position.batch} of an epoch that has ${batches}`);
  return position;
}

function readPosition(text: string): Position | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || !isObject(value.fit)) return undefined;
  const count = (key: string) => Number.isSafeInteger(value[key]) && Number(value[key]) >= 0;
  const sound =
    ["epoch", "batch", "steps", "optimizerSteps"].every(count) &&
    ["sum", "weight"].every((key) => Number.isFinite(value[key]));
  return sound ? (value as Position) : undefined;
}

function mismatch(what: string): FormatError {
  return new FormatError("mismatch", `the checkpoint ${what}`);
}

function tensorBytes(file: ModelFile, name: string, dtype: string, size?: number): Uint8Array {
  const tensor = file.tensors.get(RESERVED + name);
  const sound = tensor?.dtype === dtype && (size === undefined || tensor.bytes.length === size);
  if (!sound) throw new FormatError("malformed", `the checkpoint has no proper tensor "${RESERVED}${name}"`);
  return tensor.bytes;
}

function tensorFloats(file: ModelFile, name: string): Float32Array | undefined {
  const tensor = file.tensors.get(RESERVED + name);
  return tensor && float32Of(RESERVED + name, tensor);
}

/** Takes up a checkpoint: everything is in place afterwards. */
export function restoreCheckpoint(
  { file, position, order, slots }: Checkpoint,
  engine: Engine,
  state: OptimizerState,
  optimizer: Optimizer,
  progress: Progress,
): void {
  state.use(optimizer);
  if (state.count !== slots.length) throw mismatch("has another number of optimiser slots");
  fillParameters(engine, file);
  slots.forEach((slot, k) => state.slot(k).set(slot));
  state.steps = position.optimizerSteps;
  engine.randomState.set(tensorBytes(file, "random", "U8", 64));
  const best = tensorFloats(file, "best");
  for (const key of numbers) progress[key] = position[key];
  progress.order = order;
  progress.carried.set(tensorFloats(file, "carried")!);
  progress.fit = { ...position.fit, ...(best && { best }) };
}
