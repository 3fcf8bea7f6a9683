import { Batches, inOrder } from "./data/batches.ts";
import { readDataset, type Dataset, type TrainingData } from "./data/dataset.ts";
import type { Values } from "./data/values.ts";
import type { Engine } from "./engine.ts";
import { NumericError } from "./errors.ts";
import { runLoss } from "./evaluate.ts";
import { readCheckpoint, restoreCheckpoint, writeCheckpoint, type Progress, type Setup } from "./io/checkpoint.ts";
import type { ModelHead } from "./io/model.ts";
import { normalizeLoss, type Loss } from "./loss.ts";
import { normalizeOptimizer, type Optimizer, type OptimizerState } from "./optimizer.ts";
import { expectBoolean, expectInteger, expectNumber, expectOptions, expectPositive, expectType } from "./validate.ts";

export interface TrainOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Passes over the data; Infinity to go on until the caller stops. Default 1. */
  readonly epochs?: number;
  /** Examples in a batch. Default 32. */
  readonly batchSize?: number;
  /** Draw a new order of the examples in each epoch. Default true; false with `truncate`. */
  readonly shuffle?: boolean;
  /** Scale the gradient so that its norm over all parameters is at most this. */
  readonly clipNorm?: number;
  /** Limit each element of the gradient to ± this, before `clipNorm`. */
  readonly clipValue?: number;
  /** Truncated backpropagation through time: cut sequences after so many steps, carry the state on and not the gradient. */
  readonly truncate?: number;
  /** Learning rate of each step, counted from 0, instead of the optimizer's. */
  readonly learningRate?: (step: number) => number;
  /** Bytes of `Trainer.checkpoint()`: go on from there, bit for bit, with the same data and options. */
  readonly resume?: Uint8Array;
}

/** What is special about training one kind of engine. */
export interface Course {
  /** Options that it knows. */
  readonly optionNames: readonly string[];
  /** Checks data. @throws TypeError, RangeError */
  read(loss: Loss, data: TrainingData, name?: string): Dataset;
  /** Runs the batch that was entered, before the given step; steps are counted from 0. */
  forward(step: number): void;
  /** What the data are, beside the inputs, and options of its own: a run is only resumed with the same. */
  setup(dataset: Dataset): Readonly<Record<string, unknown>>;
}

/** The course of a network. */
export function networkCourse(engine: Engine): Course {
  return {
    optionNames: trainOptionNames,
    read: (loss, data, name) => readDataset(engine, loss, data, name),
    forward: () => {
      engine.forward(true);
    },
    setup: () => ({}),
  };
}

export const trainOptionNames = [
  ...[
    "loss",
    "optimizer",
    "epochs",
    "batchSize",
    "shuffle",
    "clipNorm",
    "clipValue",
    "truncate",
    "learningRate",
    "resume",
  ],
];

/** What one step of training did. */
export interface StepReport {
  /** Steps taken, this one included. */
  readonly step: number;
  /** The epoch it belongs to, counted from 0. */
  readonly epoch: number;
  /** Its place in the epoch, counted from 0, and how many there are. */
  readonly batch: number;
  readonly batches: number;
  /** Loss of the batch before the step. */
  readonly loss: number;
  /** Norm of the gradient over all parameters, before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
}

/**
 * Training as an iterator: each `next()` is one optimiser step, so the caller sets the pace and may stop at any time.
 * `checkpoint()` holds everything that the rest of the run depends on.
 */
export class Trainer implements IterableIterator<StepReport, undefined> {
  readonly epochs: number;
  /** Steps of one epoch. */
  readonly batches: number;
  /** Where the run is. Read-only for callers. */
  readonly progress: Progress;
  readonly #engine: Engine;
  readonly #head: ModelHead;
  readonly #state: OptimizerState;
  readonly #dataset: Dataset;
  readonly #plan: Batches;
  readonly #loss: Loss;
  readonly #optimizer: Optimizer;
  readonly #options: TrainOptions;
  readonly #shuffle: boolean;
  readonly #setup: Setup;
  readonly #course: Course;
  #stopped = false;

  constructor(
    engine: Engine,
    head: ModelHead,
    state: OptimizerState,
    data: TrainingData,
    options: TrainOptions,
    course = networkCourse(engine),
  ) {
    expectOptions("train", options, course.optionNames);
    this.#course = course;
    this.#options = checkOptions(options);
    this.#loss = normalizeLoss(options.loss);
    this.#optimizer = normalizeOptimizer(options.optimizer);
    this.#dataset = withOwnIndices(course.read(this.#loss, data));
    const { epochs = 1, batchSize = 32, truncate, shuffle = truncate === undefined } = options;
    this.#plan = new Batches(engine, this.#dataset, { batchSize, truncate });
    this.#engine = engine;
    this.#head = head;
    this.#state = state;
    this.#shuffle = shuffle;
    this.epochs = epochs;
    this.batches = this.#plan.count;
    const { B, T, F } = this.#dataset.inputs;
    const { clipNorm, clipValue } = options;
    const setup = { inputs: [B, T, F], batchSize, shuffle, truncate, clipNorm, clipValue };
    const own = course.setup(this.#dataset);
    this.#setup = asTexts({ optimizer: this.#optimizer, loss: this.#loss, ...setup, ...own });
    const carried = new Float32Array(engine.stateSize(Math.min(batchSize, B)));
    this.progress = { epoch: 0, batch: 0, steps: 0, sum: 0, weight: 0, order: inOrder(B), carried, fit: {} };
    if (options.resume === undefined) state.use(this.#optimizer);
    else this.#resume(options.resume);
  }

  #resume(bytes: Uint8Array): void {
    const { progress } = this;
    const engine = this.#engine;
    const checkpoint = readCheckpoint(bytes, engine, this.#optimizer, this.#setup, progress, this.batches);
    restoreCheckpoint(checkpoint, engine, this.#state, this.#optimizer, progress);
  }

  [Symbol.iterator](): this {
    return this;
  }

  /** One step. @throws NumericError when the loss or the gradient is not finite; the step is not applied then */
  next(): IteratorResult<StepReport, undefined> {
    if (this.#stopped || this.progress.epoch >= this.epochs) return { done: true, value: undefined };
    return { done: false, value: this.#step() };
  }

  /** Ends the iteration, as `break` does. */
  return(): IteratorResult<StepReport, undefined> {
    this.#stopped = true;
    return { done: true, value: undefined };
  }

  /** Mean loss of the epoch so far, or of the one that has just ended. */
  get epochLoss(): number {
    const { sum, weight } = this.progress;
    return this.#loss.reduction === "sum" ? sum : weight > 0 ? sum / weight : 0;
  }

  /** The run as bytes: a file that `Network.load` takes too, and that the option `resume` goes on from. */
  checkpoint(): Uint8Array<ArrayBuffer> {
    this.#state.use(this.#optimizer); // another may have been at work since
    return writeCheckpoint(this.#engine, this.#head, this.#state, this.#setup, this.progress);
  }

  #step(): StepReport {
    const { progress } = this;
    const engine = this.#engine;
    if (progress.batch === 0) this.#beginEpoch();
    const { epoch, batch } = progress;
    const { selection, begins } = this.#plan.at(batch, progress.order);
    const carried = progress.carried.subarray(0, engine.stateSize(selection.examples.length));
    engine.enter(this.#dataset.inputs, "train", selection);
    engine.enterStates(begins ? undefined : carried, "value");
    this.#course.forward(progress.steps);
    engine.enterTargets(this.#dataset.targets, selection);
    const loss = runLoss(engine, this.#loss, this.#dataset);
    engine.canBackward = false; // not for callers: the batch is the trainer's own
    if (!Number.isFinite(loss.value)) throw notFinite("the loss", "loss", progress.steps);
    const finalState = carried.slice();
    engine.leaveStates(finalState, "value");
    engine.zeroGradients();
    engine.enterStates(undefined, "gradient");
    engine.backward(false);
    const gradientNorm = clipGradients(engine, this.#options, progress.steps);
    const learningRate = this.#learningRate();
    this.#state.step(this.#optimizer, learningRate);
    carried.set(finalState);
    progress.sum += loss.sum;
    progress.weight += loss.weight;
    progress.steps++;
    progress.batch++;
    if (progress.batch === this.batches) [progress.epoch, progress.batch] = [epoch + 1, 0];
    return { step: progress.steps, epoch, batch, batches: this.batches, loss: loss.value, gradientNorm, learningRate };
  }

  #learningRate(): number {
    const { learningRate } = this.#options;
    if (learningRate === undefined) return this.#optimizer.learningRate;
    return expectNumber("learningRate", learningRate(this.progress.steps), 0);
  }

  #beginEpoch(): void {
    const { progress } = this;
    [progress.sum, progress.weight] = [0, 0];
    if (this.#shuffle) progress.order = this.#engine.permutation(progress.order.length);
  }
}

function checkOptions(options: TrainOptions): TrainOptions {
  const { epochs, batchSize, shuffle, clipNorm, clipValue, truncate, learningRate, resume } = options;
  if (epochs !== undefined && epochs !== Infinity) expectInteger("epochs", epochs, 0);
  if (batchSize !== undefined) expectInteger("batchSize", batchSize, 1);
  if (shuffle !== undefined) expectBoolean("shuffle", shuffle);
  if (clipNorm !== undefined) expectPositive("clipNorm", clipNorm);
  if (clipValue !== undefined) expectPositive("clipValue", clipValue);
  if (truncate !== undefined) expectInteger("truncate", truncate, 1);
  expectType(
    learningRate === undefined || typeof learningRate === "function",
    "learningRate",
    "a function",
    learningRate,
  );
  expectType(resume === undefined || resume instanceof Uint8Array, "resume", "a Uint8Array", resume);
  return { ...options };
}

/** Indices are copied: changed by the caller between two steps, they would point anywhere. */
function withOwnIndices({ inputs, targets }: Dataset): Dataset {
  const own = (values: Values): Values =>
    values.data instanceof Int32Array ? { ...values, data: values.data.slice() } : values;
  return { inputs: own(inputs), targets: own(targets) };
}

/** Each value as JSON; "null" for one that is left out. */
function asTexts(values: Readonly<Record<string, unknown>>): Setup {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value ?? null)]));
}

/** Clips and returns the norm from before. @throws NumericError that names the first parameter that is not finite */
export function clipGradients(
  { core, gradients, blockSize, parameters }: Engine,
  { clipNorm, clipValue }: { readonly clipNorm?: number; readonly clipValue?: number },
  steps: number,
): number {
  const { sumSquares, clampArray, scale, firstNotFinite } = core.functions;
  const norm = Math.sqrt(sumSquares(gradients, blockSize));
  if (!Number.isFinite(norm)) {
    const at = parameters.find(({ gradient, size }) => firstNotFinite(gradient, size) >= 0)?.name ?? "";
    throw notFinite(`the gradient of "${at}"`, at, steps);
  }
  if (clipValue !== undefined) clampArray(gradients, clipValue, blockSize);
  if (clipNorm !== undefined) {
    // PyTorch's clip_grad_norm_
    const now = clipValue === undefined ? norm : Math.sqrt(sumSquares(gradients, blockSize));
    const factor = clipNorm / (now + 1e-6);
    if (factor < 1) scale(gradients, factor, blockSize);
  }
  return norm;
}

function notFinite(what: string, at: string, steps: number): NumericError {
  const cure = "the step is not applied; use a lower learning rate, clipNorm, or scaled inputs";
  return new NumericError(`${what} is not finite at step ${steps + 1}: ${cure}`, steps, at);
}
