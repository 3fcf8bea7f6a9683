import { averagingWeight, checkAveraging, type Averaging } from "./averaging.ts";
import { clipGradients, notFinite } from "./clip.ts";
import { batchOf } from "./data/augment.ts";
import { Batches, inOrder } from "./data/batches.ts";
import { readDataset, type Dataset, type TrainingData } from "./data/dataset.ts";
import { Random } from "./data/random.ts";
import type { Values } from "./data/values.ts";
import type { Engine, Selection } from "./engine.ts";
import { readCheckpoint, restoreCheckpoint, writeCheckpoint, type Progress, type Setup } from "./io/checkpoint.ts";
import type { ModelHead } from "./io/model.ts";
import { expectLoss, type Loss, type LossResult } from "./losses/loss.ts";
import { readGroups, type Region } from "./optimizers/groups.ts";
import { expectOptimizer, type Optimizer } from "./optimizers/optimizer.ts";
import { OptimizerState, slotCount } from "./optimizers/state.ts";
import { noPlateau } from "./schedules/schedule.ts";
import { checkTrainOptions, trainOptionNames, type TrainOptions } from "./trainOptions.ts";
import { expectNumber, expectRange } from "./validate.ts";

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

/** What one step of training did. */
export interface StepReport {
  /** Steps taken, this one included. */
  readonly step: number;
  /** The epoch it belongs to, counted from 0. */
  readonly epoch: number;
  /** Its place among the steps of the epoch, counted from 0, and how many there are. */
  readonly batch: number;
  readonly batches: number;
  /** Loss of the batch before the step; of all its batches with `accumulate`. */
  readonly loss: number;
  /** Norm of the gradient over all parameters, before clipping. */
  readonly gradientNorm: number;
  /** Of the parameters that are in no group with a rate of its own. */
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
  readonly #optimizer: Optimizer;
  readonly #options: TrainOptions;
  readonly #accumulate: number;
  readonly #averaging: Averaging | undefined;
  readonly #regions: readonly Region[];
  readonly #shuffle: boolean;
  readonly #setup: Setup;
  readonly #course: Course;
  readonly #random: Random;
  #stopped = false;

  /** @internal */
  constructor(
    engine: Engine,
    head: ModelHead,
    data: TrainingData,
    options: TrainOptions,
    course = networkCourse(engine),
  ) {
    this.#course = course;
    this.#random = new Random(0, engine.core);
    this.#options = checkTrainOptions(options, course.optionNames);
    const loss = expectLoss(options.loss);
    this.#optimizer = expectOptimizer(options.optimizer);
    this.#dataset = withOwnIndices(course.read(loss, data));
    const { epochs = 1, batchSize = 32, truncate, shuffle = truncate === undefined } = options;
    const { accumulate = 1, l1 = 0, clipNorm, clipValue, schedule, augment } = options;
    const { weights } = this.#dataset;
    expectRange(!augment || weights?.vector !== false, "augment", "at most one weight an example beside it", augment);
    this.#plan = new Batches(engine, this.#dataset, { batchSize, truncate });
    const { regions, description: groups } = readGroups(engine, options.groups, l1);
    this.#engine = engine;
    this.#head = head;
    this.#averaging = checkAveraging(options.averaging);
    this.#state = new OptimizerState(engine, this.#averaging ? 1 : 0);
    this.#regions = regions;
    this.#shuffle = shuffle;
    this.#accumulate = accumulate;
    this.epochs = epochs;
    this.batches = Math.ceil(this.#plan.count / this.#accumulate);
    const { B, T, F } = this.#dataset.inputs;
    this.#setup = asTexts({
      ...{ optimizer: this.#optimizer, loss, inputs: [B, T, F], batchSize, accumulate, shuffle, truncate },
      ...{ clipNorm, clipValue, l1, groups, schedule, averaging: this.#averaging, augment: augment && true },
      ...course.setup(this.#dataset),
    });
    const carried = new Float32Array(engine.stateSize(Math.min(batchSize, B)));
    this.progress = {
      ...{ epoch: 0, batch: 0, steps: 0, sum: 0, weight: 0, order: inOrder(B), carried },
      ...{ averaged: 0, plateau: noPlateau, fit: {} },
    };
    if (options.resume === undefined) this.#state.use(this.#optimizer);
    else this.#resume(options.resume);
  }

  #resume(bytes: Uint8Array): void {
    const { progress } = this;
    const engine = this.#engine;
    const slots = slotCount(this.#optimizer) + (this.#averaging ? 1 : 0);
    const checkpoint = readCheckpoint(bytes, engine, slots, this.#setup, progress, this.batches);
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
    return this.#dataset.loss.reduction === "sum" ? sum : weight > 0 ? sum / weight : 0;
  }

  /** The run as bytes: a file that `Network.load` takes too, and that the option `resume` goes on from. */
  checkpoint(): Uint8Array<ArrayBuffer> {
    return writeCheckpoint(this.#engine, this.#head, this.#state, this.#setup, this.progress);
  }

  /**
   * Tells the schedule reduceOnPlateau() the loss of the epoch that has just ended; `fit` does it by itself.
   * @throws Error when there is no such schedule, or when no epoch has ended since the last call
   */
  observe(loss: number): void {
    const { schedule } = this.#options;
    const { progress } = this;
    if (!schedule?.needsLoss()) throw new Error("observe: there is no schedule by reduceOnPlateau() to tell it to");
    if (progress.plateau.observed >= progress.epoch) {
      throw new Error("observe: no epoch has ended since the last call: call it once after each epoch");
    }
    progress.plateau = schedule.observe(progress.plateau, loss, progress.steps - 1, this.batches);
  }

  /** Whether there is a mean of the parameters: with `averaging`, after the first step or the epoch it begins from. */
  get hasAverage(): boolean {
    return this.progress.averaged > 0;
  }

  /**
   * Puts the mean of the parameters in their place. They are gone then: for more training, take a checkpoint before.
   * @throws Error when there is no mean
   */
  useAverage(): void {
    if (!this.hasAverage) {
      const cure = this.#averaging ? "it begins later: train on" : 'give the option "averaging"';
      throw new Error(`useAverage: there is no average of the parameters: ${cure}`);
    }
    this.#state.use(this.#optimizer);
    const { core, values, blockSize } = this.#engine;
    core.f32.copyWithin(values >>> 2, this.#state.last >>> 2, (this.#state.last >>> 2) + blockSize);
    this.#engine.valuesChanged();
  }

  /** Runs with the mean of the parameters in their place, if there is one. */
  withAverage<T>(run: () => T): T {
    if (!this.hasAverage) return run();
    const engine = this.#engine;
    const own = engine.core.view(engine.values, engine.blockSize).slice();
    this.useAverage();
    try {
      return run();
    } finally {
      engine.core.f32.set(own, engine.values >>> 2);
      engine.valuesChanged();
    }
  }

  #step(): StepReport {
    const { progress } = this;
    const engine = this.#engine;
    this.#state.use(this.#optimizer); // another may have been at work since
    this.#expectObserved();
    if (progress.batch === 0) this.#beginEpoch();
    const { epoch, batch } = progress;
    const { sum, weight, value, carried } = this.#gradients();
    const gradientNorm = clipGradients(engine, this.#options, progress.steps);
    const learningRate = this.#learningRate();
    engine.updateBuffers();
    this.#penalize();
    this.#state.step(this.#optimizer, this.#regions, (region) => this.#rateOf(region, learningRate));
    progress.carried.set(carried);
    progress.sum += sum;
    progress.weight += weight;
    progress.steps++;
    progress.batch++;
    if (progress.batch === this.batches) [progress.epoch, progress.batch] = [epoch + 1, 0];
    this.#average(progress.batch === 0 ? epoch : undefined);
    return { step: progress.steps, epoch, batch, batches: this.batches, loss: value, gradientNorm, learningRate };
  }

  /** Gradients of the batches of a step, as of one batch; what is carried on from the last of them. */
  #gradients(): LossResult & { carried: Float32Array } {
    const { progress } = this;
    const engine = this.#engine;
    const { core, gradients, blockSize } = engine;
    const first = progress.batch * this.#accumulate;
    const last = Math.min(first + this.#accumulate, this.#plan.count);
    const isMean = this.#dataset.loss.reduction !== "sum";
    let [sum, weight, value] = [0, 0, 0];
    let { carried } = progress;
    engine.zeroGradients();
    for (let k = first; k < last; k++) {
      const result = this.#microBatch(k, carried, last - first > 1 && isMean);
      ({ carried, value } = result);
      sum += result.sum;
      weight += result.weight;
    }
    if (last - first > 1) {
      if (isMean && weight > 0) core.functions.scale(gradients, 1 / weight, blockSize);
      value = isMean ? (weight > 0 ? sum / weight : 0) : sum;
    }
    for (const { frozen, offset, size } of this.#regions) if (frozen) core.functions.zero(gradients + offset * 4, size);
    return { sum, weight, value, carried };
  }

  /** Adds the gradients of batch k, times its weight if wanted; `carried` is from the batch before and stays as it is. */
  #microBatch(k: number, before: Float32Array, weighted: boolean): LossResult & { carried: Float32Array } {
    const { progress } = this;
    const engine = this.#engine;
    const { selection, begins } = this.#plan.at(k, progress.order);
    const state = before.subarray(0, engine.stateSize(selection.examples.length));
    const { dataset, part } = this.#augmented(selection);
    engine.enter(dataset.inputs, "train", part);
    engine.enterStates(begins ? undefined : state, "value");
    this.#course.forward(progress.steps);
    const loss = dataset.loss.run(engine, dataset, part);
    engine.canBackward = false; // not for callers: the batch is the trainer's own
    if (!Number.isFinite(loss.value)) throw notFinite("the loss", "loss", progress.steps);
    const carried = state.slice();
    engine.leaveStates(carried, "value");
    engine.enterStates(undefined, "gradient");
    if (weighted) engine.core.functions.scale(engine.dOutput, loss.weight, engine.lossGradientSize);
    engine.backward(false);
    return { ...loss, carried };
  }

  /** The data of a batch as they are learnt from: a part of all, or, augmented, a data set of their own. */
  #augmented(selection: Selection): { dataset: Dataset; part: Selection | undefined } {
    const { augment } = this.#options;
    if (!augment) return { dataset: this.#dataset, part: selection };
    const { examples } = selection;
    const batch: unknown = augment(batchOf(this.#dataset, examples), this.#random);
    const dataset = this.#course.read(this.#dataset.loss, batch as TrainingData, "augment");
    const { B } = dataset.inputs;
    expectRange(B === examples.length, "augment", `to give ${examples.length} examples, as many as it takes`, B);
    return { dataset, part: undefined };
  }

  #learningRate(): number {
    const { learningRate, schedule } = this.#options;
    if (learningRate !== undefined) return expectNumber("learningRate", learningRate(this.progress.steps), 0);
    return schedule === undefined ? this.#optimizer.learningRate : this.#scheduled(this.#optimizer.learningRate);
  }

  #scheduled(base: number): number {
    const { steps, plateau } = this.progress;
    return this.#options.schedule?.rate(base, steps, this.batches, plateau) ?? base;
  }

  #rateOf({ learningRate }: Region, rate: number): number {
    return learningRate === undefined ? rate : this.#scheduled(learningRate);
  }

  /** Adds the gradients of the L1 penalties. */
  #penalize(): void {
    const { core, values, gradients } = this.#engine;
    for (const { l1, offset, size } of this.#regions) {
      if (l1 > 0) core.functions.addSign(gradients + offset * 4, values + offset * 4, l1, size);
    }
  }

  /** Takes the parameters after a step into their mean; `ended`: the epoch that ended with it, if one did. */
  #average(ended: number | undefined): void {
    if (!this.#averaging) return;
    const weight = averagingWeight(this.#averaging, this.progress.averaged, ended);
    if (weight === undefined) return;
    const { core, values, blockSize } = this.#engine;
    core.functions.average(this.#state.last, values, weight, blockSize);
    this.progress.averaged++;
  }

  #expectObserved(): void {
    const { epoch, plateau } = this.progress;
    if (!this.#options.schedule?.needsLoss() || plateau.observed >= epoch) return;
    throw new Error(
      `reduceOnPlateau() needs the loss of epoch ${epoch - 1}: call trainer.observe(loss) after each epoch, or use fit`,
    );
  }

  #beginEpoch(): void {
    const { progress } = this;
    [progress.sum, progress.weight] = [0, 0];
    if (this.#shuffle) progress.order = this.#engine.permutation(progress.order.length);
  }
}

/** Indices are copied: changed by the caller between two steps, they would point anywhere. */
export function withOwnIndices({ loss, inputs, targets, weights }: Dataset): Dataset {
  const own = <V extends Values>(values: V): V =>
    values.data instanceof Int32Array ? { ...values, data: values.data.slice() } : values;
  return { loss, inputs: own(inputs), targets: own(targets), weights: weights && own(weights) };
}

/** Each value as JSON; "null" for one that is left out. */
function asTexts(values: Readonly<Record<string, unknown>>): Setup {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value ?? null)]));
}
