import {
  adam,
  crossEntropy,
  generateText,
  NumericError,
  type EpochReport,
  type StepReport,
  type Trainer,
  type TrainOptions,
} from "../index.ts";
import { writeFile } from "./files.ts";
import { defaultPrompt } from "./model.ts";
import { bitsOf, formatLoss, Pace, type Progress, type Status } from "./progress.ts";
import type { Task } from "./task.ts";

export interface LearnOptions {
  readonly epochs: number;
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  /** 0: no clipping. */
  readonly clip: number;
  /** Symbols to write after each epoch. */
  readonly sample: number;
  readonly seed: number;
  readonly checkpoint?: string;
}

export interface Outcome {
  /** Where the training is; undefined if there was nothing to do. */
  readonly trainer: Trainer | undefined;
  readonly interrupted: boolean;
  readonly seconds: number;
}

/** What `Network.train` takes, and `Network.fit` besides. */
export function trainOptions(options: LearnOptions, resume?: Uint8Array): TrainOptions {
  const { epochs, batch, steps, learningRate, clip } = options;
  return {
    loss: crossEntropy(),
    optimizer: adam({ learningRate }),
    epochs,
    batchSize: batch,
    truncate: steps,
    ...(clip > 0 && { clipNorm: clip }),
    ...(resume && { resume }),
  };
}

/**
 * Trains until the last epoch or the first Ctrl-C, which stops after the current step; a second one ends the process.
 * @throws Error with the options to change, when the numbers get out of hand
 */
export async function learn(
  task: Task,
  options: LearnOptions,
  progress: Progress,
  resume?: Uint8Array,
): Promise<Outcome> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  const pace = new Pace();
  const run: { trainer?: Trainer } = {};
  process.once("SIGINT", onInterrupt);
  try {
    await task.net.fit(task.training.data, {
      ...trainOptions(options, resume),
      ...(task.heldOut && { validation: task.heldOut.data }),
      signal: interrupt.signal,
      yieldEvery: 1, // so that Ctrl-C is heard after each step
      onStep: (report, trainer) => {
        run.trainer = trainer;
        pace.add(symbolsOf(report, task, options));
        progress.update(statusOf(report, trainer, pace));
      },
      onEpoch: (report, trainer) => endEpoch(report, trainer, task, options, progress),
    });
  } catch (error) {
    if (error instanceof NumericError) throw explain(error);
    if (error !== interrupt.signal.reason) throw error;
  } finally {
    process.removeListener("SIGINT", onInterrupt);
    progress.stop();
  }
  return { trainer: run.trainer, interrupted: interrupt.signal.aborted, seconds: pace.seconds };
}

/** The last step of an epoch may be shorter than the others. */
function symbolsOf({ batch }: StepReport, { training }: Task, { steps }: LearnOptions): number {
  return training.batch * Math.min(steps, training.steps - batch * steps);
}

function statusOf({ step, epoch, batches }: StepReport, trainer: Trainer, pace: Pace): Status {
  const steps = trainer.epochs * batches;
  const { epochs, epochLoss: loss } = trainer;
  return { step, steps, epoch: epoch + 1, epochs, loss, ...pace.outlook(steps - step) };
}

function endEpoch(report: EpochReport, trainer: Trainer, task: Task, options: LearnOptions, progress: Progress): void {
  progress.print(epochLine(report, trainer.epochs, task.tokenizer.kind));
  if (options.sample > 0) progress.print(writeSample(task, options));
  if (options.checkpoint !== undefined) writeFile(options.checkpoint, trainer.checkpoint());
}

function epochLine({ epoch, loss, validationLoss }: EpochReport, epochs: number, symbol: string): string {
  const number = String(epoch + 1).padStart(String(epochs).length);
  const heldOut = validationLoss === undefined ? "" : `, held out ${formatLoss(bitsOf(validationLoss))}`;
  return `epoch ${number} of ${epochs}: ${formatLoss(bitsOf(loss))} bits a ${symbol}${heldOut}`;
}

/** What the network writes by now, indented, without what could disturb a terminal. */
function writeSample({ net, tokenizer }: Task, { sample: length, seed }: LearnOptions): string {
  const prompt = defaultPrompt(tokenizer);
  const text = generateText(net, tokenizer, { prompt, length, temperature: 0.8, seed });
  return text.replace(/[^\P{Cc}\n\t]/gu, "").replace(/^/gm, "    ");
}

function explain(error: NumericError): Error {
  const what = error.at === "loss" ? "the loss" : `the gradient of ${error.at}`;
  const cure = "lower --learning-rate or --clip";
  return new Error(`${what} is not finite at step ${error.step + 1}, and no model is saved: ${cure}`, { cause: error });
}
