import {
  adam,
  NumericError,
  type EpochReport,
  type FitOptions,
  type StepReport,
  type Trainer,
  type TrainOptions,
} from "../../index.ts";
import { writeFile } from "../input/files.ts";
import { percent } from "../output/table.ts";
import type { Lesson } from "../tasks/task.ts";
import { lossNumber, lossText, Pace, type Progress, type Status, type Terms } from "./progress.ts";

export interface LearnOptions {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  /** 0: no clipping. */
  readonly clip: number;
  /** Epochs without a better loss on what is held out after which to stop; 0: never. */
  readonly patience: number;
  readonly checkpoint?: string;
}

/** The losses of each epoch so far. */
export interface Losses {
  readonly loss: readonly number[];
  readonly validationLoss: readonly number[];
}

export interface Outcome {
  /** Where the training is; undefined if there was nothing to do. */
  readonly trainer: Trainer | undefined;
  readonly interrupted: boolean;
  /** The epoch whose network it is, counted from 0, where the best is kept. */
  readonly bestEpoch: number | undefined;
  readonly seconds: number;
}

/** The losses of a run, those before a checkpoint too. */
export function lossesOf({ progress }: Trainer): Losses {
  return progress.fit.history ?? { loss: [], validationLoss: [] };
}

/** What `Network.train` takes, and `Network.fit` besides. */
export function trainOptions({ loss, truncate }: Lesson, options: LearnOptions, resume?: Uint8Array): TrainOptions {
  const { epochs, batch, learningRate, clip } = options;
  return {
    loss,
    optimizer: adam({ learningRate }),
    epochs,
    batchSize: batch,
    ...(truncate !== undefined && { truncate }),
    ...(clip > 0 && { clipNorm: clip }),
    ...(resume && { resume }),
  };
}

/**
 * Trains until the last epoch or the first Ctrl-C, which stops after the current step; a second one ends the process.
 * @throws Error with the options to change, when the numbers get out of hand
 */
export async function learn(
  lesson: Lesson,
  options: LearnOptions,
  progress: Progress,
  resume?: Uint8Array,
): Promise<Outcome> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  const pace = new Pace();
  const run: { trainer?: Trainer; bestEpoch?: number } = {};
  process.once("SIGINT", onInterrupt);
  try {
    const history = await lesson.net.fit(lesson.training, {
      ...trainOptions(lesson, options, resume),
      ...watching(lesson, options),
      signal: interrupt.signal,
      yieldEvery: 1, // so that Ctrl-C is heard after each step
      onStep: (report, trainer) => {
        run.trainer = trainer;
        pace.add(lesson.unitsOf(report));
        progress.update(statusOf(report, trainer, pace));
      },
      onEpoch: (report, trainer) => endEpoch(report, trainer, lesson, options, progress),
    });
    if (lesson.heldOut && options.patience > 0) run.bestEpoch = history.bestEpoch;
  } catch (error) {
    if (error instanceof NumericError) throw explain(error);
    if (error !== interrupt.signal.reason) throw error;
  } finally {
    process.removeListener("SIGINT", onInterrupt);
    progress.stop();
  }
  const { trainer, bestEpoch } = run;
  return { trainer, bestEpoch, interrupted: interrupt.signal.aborted, seconds: pace.seconds };
}

/** What is measured after each epoch, and when that is a reason to stop. */
function watching({ heldOut }: Lesson, { patience }: LearnOptions): Pick<FitOptions, "validation" | "earlyStopping"> {
  if (!heldOut) return {};
  return { validation: heldOut, ...(patience > 0 && { earlyStopping: { patience } }) };
}

function statusOf({ step, epoch, batches }: StepReport, trainer: Trainer, pace: Pace): Status {
  const steps = trainer.epochs * batches;
  const { epochs, epochLoss: loss } = trainer;
  return { step, steps, epoch: epoch + 1, epochs, loss, ...pace.outlook(steps - step) };
}

function endEpoch(
  report: EpochReport,
  trainer: Trainer,
  lesson: Lesson,
  options: LearnOptions,
  progress: Progress,
): void {
  progress.print(epochLine(report, trainer.epochs, lesson.terms));
  if (lesson.sample) progress.print(lesson.sample());
  if (options.checkpoint !== undefined) writeFile(options.checkpoint, trainer.checkpoint());
}

function epochLine(report: EpochReport, epochs: number, terms: Terms): string {
  const { epoch, loss, validationLoss, validationAccuracy } = report;
  const number = String(epoch + 1).padStart(String(epochs).length);
  const heldOut = validationLoss === undefined ? "" : `, held out ${lossNumber(validationLoss, terms)}`;
  const isRight = validationAccuracy === undefined || terms.inBits ? "" : `, ${percent(validationAccuracy)} right`;
  return `epoch ${number} of ${epochs}: ${lossText(loss, terms)}${heldOut}${isRight}`;
}

function explain(error: NumericError): Error {
  const what = error.at === "loss" ? "the loss" : `the gradient of ${error.at}`;
  const cure = "lower --learning-rate or --clip";
  return new Error(`${what} is not finite at step ${error.step + 1}, and no model is saved: ${cure}`, { cause: error });
}
