import type { Dataset, TrainingData } from "./data/dataset.ts";
import { expectTruncatable } from "./data/batches.ts";
import type { Engine } from "./engine.ts";
import { evaluateBatches, type Evaluation } from "./evaluate.ts";
import type { ModelHead } from "./io/model.ts";
import { expectLoss, type Loss } from "./losses/loss.ts";
import { networkCourse, Trainer, withOwnIndices, type Course, type StepReport } from "./train.ts";
import type { TrainOptions } from "./trainOptions.ts";
import { expectBoolean, expectInteger, expectNumber, expectOptions, expectType } from "./validate.ts";

export interface EarlyStopping {
  /** Epochs without improvement after which training stops. */
  readonly patience: number;
  /** How much lower the validation loss must be to count as improvement. Default 0. */
  readonly minDelta?: number;
  /** Put the parameters of the best epoch back at the end; with `averaging` their mean as of then. Default true. */
  readonly restoreBest?: boolean;
}

export interface FitOptions extends TrainOptions {
  /** Data to measure on after each epoch; nothing is learnt from them. */
  readonly validation?: TrainingData;
  /** Stop when the validation loss, or without `validation` the training loss, no longer falls. */
  readonly earlyStopping?: EarlyStopping;
  /** Stops after the current step when aborted: `fit` then rejects with the signal's reason, and what is learnt stays. */
  readonly signal?: AbortSignal;
  /** Called after each step. */
  readonly onStep?: (report: StepReport, trainer: Trainer) => void;
  /** Called after each epoch, validation included. */
  readonly onEpoch?: (report: EpochReport, trainer: Trainer) => void;
  /** Steps, and batches of `validation`, between two turns of the event loop. Default 8; 1 where a step takes long. */
  readonly yieldEvery?: number;
}

export interface EpochReport {
  /** Counted from 0. */
  readonly epoch: number;
  /** Mean loss over the epoch's batches. */
  readonly loss: number;
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
}

/** What `fit` reports: one number for each epoch. */
export interface History {
  readonly loss: readonly number[];
  /** Empty without `validation`. */
  readonly validationLoss: readonly number[];
  /** Empty unless the validation targets are classes. */
  readonly validationAccuracy: readonly number[];
  /** The epoch whose parameters the network has at the end, counted from 0. */
  readonly bestEpoch: number;
  readonly stoppedEarly: boolean;
}

const fitOptionNames = ["validation", "earlyStopping", "signal", "onStep", "onEpoch", "yieldEvery"];

/** Trains for a number of epochs. See FitOptions. */
export async function fit(
  engine: Engine,
  head: ModelHead,
  data: TrainingData,
  options: FitOptions,
  course = networkCourse(engine),
): Promise<History> {
  expectOptions("fit", options, [...course.optionNames, ...fitOptionNames]);
  const { validation, earlyStopping, signal, onStep, onEpoch, yieldEvery = 8, ...trainOptions } = options;
  checkFitOptions(options);
  const loss = expectLoss(options.loss);
  const dataset = validation === undefined ? undefined : withOwnIndices(readValidation(course, loss, validation));
  if (dataset && options.truncate !== undefined) expectTruncatable(engine, dataset);
  const plan = { batchSize: options.batchSize ?? 32, truncate: options.truncate };
  signal?.throwIfAborted();
  const trainer = new Trainer(engine, head, data, trainOptions, course);
  for (;;) {
    if (epochIsDue(trainer)) {
      const batches = dataset && evaluateBatches(engine, dataset, plan);
      const evaluation = batches && (await evaluateEpoch(trainer, batches, yieldEvery));
      const report = trainer.withAverage(() => closeEpoch(engine, trainer, evaluation, earlyStopping));
      if (trainOptions.schedule?.needsLoss()) trainer.observe(report.validationLoss ?? report.loss);
      onEpoch?.(report, trainer);
    }
    signal?.throwIfAborted();
    const step = isExhausted(trainer, earlyStopping) ? undefined : trainer.next().value;
    if (!step) break;
    onStep?.(step, trainer);
    if (step.step % yieldEvery === 0) await nextTurn();
  }
  if (earlyStopping && earlyStopping.restoreBest !== false) restoreBest(engine, trainer);
  else if (trainer.hasAverage) trainer.useAverage();
  return summarize(trainer, earlyStopping);
}

/** Reads the validation data; what is wrong with them is said of "validation.inputs" and the like. */
function readValidation(course: Course, loss: Loss, validation: TrainingData): Dataset {
  try {
    return course.read(loss, validation, "validation");
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    const message = error.message.replace(/"(inputs|targets|lengths)\b/g, '"validation.$1');
    throw error instanceof TypeError
      ? new TypeError(message, { cause: error })
      : new RangeError(message, { cause: error });
  }
}

function checkFitOptions({ earlyStopping, signal, onStep, onEpoch, yieldEvery }: FitOptions): void {
  if (yieldEvery !== undefined) expectInteger("yieldEvery", yieldEvery, 1);
  expectType(signal === undefined || signal instanceof AbortSignal, "signal", "an AbortSignal", signal);
  expectType(onStep === undefined || typeof onStep === "function", "onStep", "a function", onStep);
  expectType(onEpoch === undefined || typeof onEpoch === "function", "onEpoch", "a function", onEpoch);
  if (earlyStopping === undefined) return;
  expectOptions("earlyStopping", earlyStopping, ["patience", "minDelta", "restoreBest"]);
  expectInteger("earlyStopping.patience", earlyStopping.patience, 1);
  if (earlyStopping.minDelta !== undefined) expectNumber("earlyStopping.minDelta", earlyStopping.minDelta, 0);
  if (earlyStopping.restoreBest !== undefined) expectBoolean("earlyStopping.restoreBest", earlyStopping.restoreBest);
}

/** Whether an epoch has ended and is not measured yet; a run may be resumed just there. */
function epochIsDue({ progress: { epoch, batch, fit } }: Trainer): boolean {
  return batch === 0 && (fit.measured ?? 0) < epoch;
}

function isExhausted({ progress }: Trainer, earlyStopping: EarlyStopping | undefined): boolean {
  return earlyStopping !== undefined && (progress.fit.waited ?? 0) >= earlyStopping.patience;
}

/** Measures on the validation data, with turns of the event loop; between them the parameters are training's own. */
async function evaluateEpoch(
  trainer: Trainer,
  batches: Generator<void, Evaluation, void>,
  yieldEvery: number,
): Promise<Evaluation> {
  for (;;) {
    const evaluation = trainer.withAverage(() => {
      for (let count = 0; count < yieldEvery; count++) {
        const { done, value } = batches.next();
        if (done) return value;
      }
      return undefined;
    });
    if (evaluation) return evaluation;
    await nextTurn();
  }
}

/** Enters an epoch into the history, and keeps the parameters in place if they are the best so far. */
function closeEpoch(
  engine: Engine,
  trainer: Trainer,
  validation: Evaluation | undefined,
  earlyStopping: EarlyStopping | undefined,
): EpochReport {
  const { progress } = trainer;
  progress.fit.history ??= { loss: [], validationLoss: [], validationAccuracy: [] };
  const { history } = progress.fit;
  const epoch = progress.epoch - 1;
  progress.fit.measured = progress.epoch;
  history.loss.push(trainer.epochLoss);
  if (validation) history.validationLoss.push(validation.loss);
  if (validation?.accuracy !== undefined) history.validationAccuracy.push(validation.accuracy);
  if (earlyStopping) {
    const watched = validation?.loss ?? trainer.epochLoss;
    if (watched < (progress.fit.bestLoss ?? Infinity) - (earlyStopping.minDelta ?? 0)) {
      const best = engine.saved.slice();
      Object.assign(progress.fit, { bestLoss: watched, bestEpoch: epoch, waited: 0, best });
    } else {
      progress.fit.waited = (progress.fit.waited ?? 0) + 1;
    }
  }
  return {
    epoch,
    loss: trainer.epochLoss,
    ...(validation && { validationLoss: validation.loss }),
    ...(validation?.accuracy !== undefined && { validationAccuracy: validation.accuracy }),
  };
}

function restoreBest(engine: Engine, { progress }: Trainer): void {
  const { best } = progress.fit;
  if (!best) return;
  engine.saved.set(best);
  engine.valuesChanged();
}

function summarize(trainer: Trainer, earlyStopping: EarlyStopping | undefined): History {
  const { progress } = trainer;
  const { loss = [], validationLoss = [], validationAccuracy = [] } = progress.fit.history ?? {};
  const restored = earlyStopping && earlyStopping.restoreBest !== false;
  const bestEpoch = (restored ? progress.fit.bestEpoch : undefined) ?? Math.max(0, progress.epoch - 1);
  return { loss, validationLoss, validationAccuracy, bestEpoch, stoppedEarly: isExhausted(trainer, earlyStopping) };
}

/**
 * One turn of the event loop, so that timers, input and drawing get their share. A page that is seen waits for a timer: browsers
 * draw in the 4 ms that it takes, and Firefox hardly draws otherwise. Elsewhere a timer would only cost, in a hidden page a
 * second, so a message takes its place.
 */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const isSeen = typeof document !== "undefined" && !document.hidden;
    if (typeof setImmediate === "function") setImmediate(resolve);
    else if (isSeen || typeof MessageChannel === "undefined") setTimeout(resolve, 0);
    else nextMessage(resolve);
  });
}

function nextMessage(resolve: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(undefined);
}
