/** A training from its file to the model on the disk, whatever the task. */

import { basename, extname } from "node:path";
import { Network, type NetworkConfig } from "../../index.ts";
import { about, UsageError } from "../errors.ts";
import { expectWritable, isSameFile, readBytes, STDIN, writeFile } from "../input/files.ts";
import { writePlot } from "../output/plot.ts";
import { countOf, formatBytes, formatCount, formatDuration } from "../output/text.ts";
import type { Lesson } from "../tasks/task.ts";
import { learn, lossesOf, trainOptions, type Outcome } from "./learn.ts";
import type { TrainingOptions } from "./options.ts";
import { bitsOf, createProgress, type Progress } from "./progress.ts";

/** @param prepare reads the data, and makes of them what there is to learn */
export async function runTraining<O extends TrainingOptions>(
  task: string,
  path: string,
  options: O,
  prepare: (path: string, options: O) => Promise<Lesson>,
): Promise<void> {
  const output = options.output ?? `${path === STDIN ? task : basename(path, extname(path))}.safetensors`;
  expectDifferentFiles(path, output, options);
  const lesson = await prepare(path, options);
  for (const file of [output, options.checkpoint, options.plot]) if (file !== undefined) expectWritable(file);
  const resume = options.resume === undefined ? undefined : readCheckpoint(options.resume, lesson, options);
  const progress = createProgress({ terms: lesson.terms, quiet: options.quiet === true });
  progress.print(`${lesson.about}\n\n${lesson.net.summary()}\n`);
  const outcome = await learn(lesson, options, progress, resume);
  await save(output, path, lesson, outcome, options, progress);
}

/** A file that is read must not be written over by accident. */
function expectDifferentFiles(data: string, output: string, { checkpoint, resume, plot }: TrainingOptions): void {
  const pairs = [
    ["--output", output, "the data", data === STDIN ? undefined : data],
    ["--output", output, "--checkpoint", checkpoint],
    ["--output", output, "--resume", resume],
    ["--output", output, "--plot", plot],
    ["--checkpoint", checkpoint, "the data", data === STDIN ? undefined : data],
    ["--checkpoint", checkpoint, "--plot", plot],
    ["--plot", plot, "the data", data === STDIN ? undefined : data],
  ] as const;
  for (const [name, file, other, otherFile] of pairs) {
    if (file === undefined || otherFile === undefined || !isSameFile(file, otherFile)) continue;
    throw new UsageError(`${name} and ${other} are the same file, ${file}: give another name for ${name}`);
  }
}

/** Reads a checkpoint, and refuses that of another run, before there is any progress to show. */
function readCheckpoint(path: string, lesson: Lesson, options: TrainingOptions): Uint8Array {
  const bytes = readBytes(path);
  const { net, training } = lesson;
  about(`--resume ${path}`, () => {
    const then = Network.load(bytes);
    expectSameNetwork(then.config, net.config);
    const isSame = Object.entries(net.metadata).every(([key, text]) => then.metadata[key] === text);
    if (!isSame) throw new Error("the run was of other data: give the file and the options of then");
    net.train(training, trainOptions(lesson, options, bytes)); // takes no step, only checks
  });
  return bytes;
}

function expectSameNetwork(then: NetworkConfig, now: NetworkConfig): void {
  const [before, here] = [partsOf(then), partsOf(now)];
  const i = here.findIndex((part, k) => part !== before[k]);
  if (i < 0) return;
  const differs = `the network has ${before[i] ?? "nothing"} where these data and options make ${here[i]!}`;
  throw new Error(`${differs}: give the data and the options of the run that saved it`);
}

/** A network as texts to compare; its last layer is always dense(), so no list is the beginning of another. */
function partsOf({ input, layers, seed }: NetworkConfig): string[] {
  return [`seed ${seed ?? 0}`, ...[input, ...layers].map((part) => JSON.stringify(part))];
}

/** Saves the model, and after an interruption the checkpoint, which is otherwise that of the last epoch. */
async function save(
  output: string,
  path: string,
  lesson: Lesson,
  outcome: Outcome,
  { checkpoint, plot, quiet }: TrainingOptions,
  progress: Progress,
): Promise<void> {
  const { trainer, interrupted } = outcome;
  const model = lesson.net.save();
  writeFile(output, model);
  process.stdout.write(`saved ${output} (${formatBytes(model.length)}): ${describeEnd(outcome)}\n`);
  if (interrupted && trainer && checkpoint !== undefined) {
    writeFile(checkpoint, trainer.checkpoint());
    process.stdout.write(`saved ${checkpoint}: go on with --resume ${checkpoint}\n`);
  }
  if (plot !== undefined && trainer) await drawLosses(plot, path, lesson, outcome);
  if (interrupted) process.exitCode = 130;
  else if (!quiet) {
    if (lesson.measure) process.stdout.write(`\n${lesson.measure().text}\n`);
    progress.print(`\n${lesson.next(output)}`);
  }
}

function describeEnd({ trainer, interrupted, bestEpoch, seconds }: Outcome): string {
  if (!trainer) return "nothing was left to learn, raise --epochs";
  const { epoch, steps } = trainer.progress;
  const all = formatCount(trainer.epochs * trainer.batches);
  if (interrupted) return `interrupted after step ${formatCount(steps)} of ${all}`;
  const best = bestEpoch === undefined ? "" : `, the best of ${countOf(epoch, "epoch")}: ${bestEpoch + 1}`;
  return `${countOf(steps, "step")} in ${formatDuration(seconds)}${best}`;
}

async function drawLosses(file: string, path: string, { terms }: Lesson, { trainer }: Outcome): Promise<void> {
  const { loss, validationLoss } = lossesOf(trainer!);
  const shown = (losses: readonly number[]) => losses.map((one) => (terms.inBits ? bitsOf(one) : one));
  await writePlot(file, {
    title: `Learning ${path === STDIN ? "the standard input" : basename(path)}`,
    x: "epoch",
    y: terms.inBits ? `bits a ${terms.unit}` : "loss",
    curves: [
      { name: "learnt from", values: shown(loss), from: 1 },
      ...(validationLoss.length > 0 ? [{ name: "held out", values: shown(validationLoss), from: 1 }] : []),
    ],
  });
}
