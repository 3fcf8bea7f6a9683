import type { Dataset, TrainingData } from "./data/dataset.ts";
import { expectTruncatable } from "./data/batches.ts";
import type { Engine } from "./engine.ts";
import { evaluateDataset, type Evaluation } from "./evaluate.ts";
import type { ModelHead } from "./io/model.ts";
import { normalizeLoss, type Loss } from "./loss.ts";
import type { OptimizerState } from "./optimizer.ts";
import { networkCourse, Trainer, type StepReport, type TrainOptions } from "./train.ts";
import { expectBoolean, expectInteger, expectNumber, expectOptions, expectType } from "./validate.ts";

export interface EarlyStopping {
  /** Epochs without improvement after which training stops. */
  readonly patience: number;
  /** How much lower the validation loss must be to count as improvement. Default 0. */
  readonly minDelta?: number;
  /** Put the parameters of the best epoch back at the end. Default true. */
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
  /** Steps between two turns of the event loop. Default 8. */
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
  state: OptimizerState,
  data: TrainingData,
  options: FitOptions,
  course = networkCourse(engine),
): Promise<History> {
  expectOptions("fit", options, [...course.optionNames, ...fitOptionNames]);
  const { validation, earlyStopping, signal, onStep, onEpoch, yieldEvery = 8, ...trainOptions } = options;
  checkFitOptions(options);
  const loss = normalizeLoss(options.loss);
  const dataset = validation === undefined ? undefined : course.read(loss, validation, "validation");
  if (dataset && options.truncate !== undefined) expectTruncatable(engine, dataset.inputs);
  signal?.throwIfAborted();
  const trainer = new Trainer(engine, head, state, data, trainOptions, course);
  for (;;) {
    if (epochIsDue(trainer)) {
      const evaluation = dataset && evaluateEpoch(engine, loss, dataset, trainOptions);
      const report = closeEpoch(engine, trainer, evaluation, earlyStopping);
      onEpoch?.(report, trainer);
    }
    signal?.throwIfAborted();
    const step = isExhausted(trainer, earlyStopping) ? undefined : trainer.next().value;
    if (!step) break;
    onStep?.(step, trainer);
    if (step.step % yieldEvery === 0) await nextTurn();
  }
  if (earlyStopping && earlyStopping.restoreBest !== false) restoreBest(engine, trainer);
  return summarize(trainer, earlyStopping);
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

function evaluateEpoch(engine: Engine, loss: Loss, dataset: Dataset, options: TrainOptions): Evaluation {
  return evaluateDataset(engine, loss, dataset, { batchSize: options.batchSize ?? 32, truncate: options.truncate });
}

/** Enters an epoch into the history, and keeps its parameters if it is the best so far. */
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
      const best = engine.core.view(engine.values, engine.blockSize).slice();
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
  engine.core.f32.set(best, engine.values >>> 2);
  engine.valuesChanged();
}

function summarize(trainer: Trainer, earlyStopping: EarlyStopping | undefined): History {
  const { progress } = trainer;
  const { loss = [], validationLoss = [], validationAccuracy = [] } = progress.fit.history ?? {};
  const restored = earlyStopping && earlyStopping.restoreBest !== false;
  const bestEpoch = (restored ? progress.fit.bestEpoch : undefined) ?? Math.max(0, progress.epoch - 1);
  return { loss, validationLoss, validationAccuracy, bestEpoch, stoppedEarly: isExhausted(trainer, earlyStopping) };
}

/** One turn of the event loop, so that timers, input and drawing get their share. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
