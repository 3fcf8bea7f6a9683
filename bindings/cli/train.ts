import { basename, extname } from "node:path";
import { Option, type Command } from "commander";
import { Network, type NetworkConfig } from "../index.ts";
import { integer, number } from "./arguments.ts";
import { about, UsageError } from "./errors.ts";
import { expectWritable, isSameFile, readBytes, readText, writeFile } from "./files.ts";
import { learn, trainOptions, type LearnOptions, type Outcome } from "./learn.ts";
import { keepTokenizer } from "./model.ts";
import { createProgress } from "./progress.ts";
import { cellNames, createTask, type Task, type TaskOptions } from "./task.ts";
import { countOf, formatBytes, formatCount, formatDuration } from "./text.ts";

interface Options extends TaskOptions, LearnOptions {
  readonly output?: string;
  readonly resume?: string;
  readonly quiet?: boolean;
}

const MAX_SEED = Number.MAX_SAFE_INTEGER;

const help = `
The model is one file with all that writing needs; weights are stored as PyTorch stores them.
Ctrl-C stops after the current step and saves what is learnt; a second one quits at once.

Examples:
  $ unrolled train play.txt
  $ unrolled train play.txt --cell gru --hidden 256 --dropout 0.2 --epochs 30 --sample 200
Stop and go on later, with the same text and options, as if there had been no stop:
  $ unrolled train play.txt --checkpoint play.checkpoint
  $ unrolled train play.txt --checkpoint play.checkpoint --resume play.checkpoint`;

/** Adds `unrolled train`. */
export function addTrain(program: Command): void {
  program
    .command("train")
    .summary("learn to write like a text")
    .description("Learns a text, character by character or word by word, and saves a model that writes like it.")
    .argument("<text>", "the text to learn, in UTF-8")
    .option("-o, --output <file>", "where to save the model (default: the name of the text with .safetensors)")
    .option("--words", "learn words instead of characters")
    .addOption(new Option("--cell <type>", "kind of recurrent layer").choices(cellNames).default("lstm"))
    .option("--hidden <n>", "units of the recurrent layer", integer(1), 128)
    .option("--layers <n>", "recurrent layers on top of each other", integer(1, 1024), 1)
    .option("--embedding <n>", "numbers that stand for a character or word", integer(1), 32)
    .option("--dropout <share>", "share of values left out while learning", number(0, 1, { below: true }), 0)
    .option("--epochs <n>", "passes over the text", integer(1), 10)
    .option("--batch <n>", "places of the text that are read side by side", integer(1), 32)
    .option("--steps <n>", "steps that the gradient goes back in time", integer(1), 64)
    .option("--learning-rate <rate>", "of the Adam optimizer", number(0, Infinity, { above: true }), 0.005)
    .option("--clip <norm>", "largest norm of the gradient; 0: any", number(0), 1)
    .option(
      "--validation <share>",
      "share of the text to measure on, its end; 0: none",
      number(0, 1, { below: true }),
      0.1,
    )
    .option("--seed <n>", "of all that is random; the same seed gives the same file", integer(0, MAX_SEED), 1)
    .option("--sample <n>", "write so many characters after each epoch", integer(0), 0)
    .option("--checkpoint <file>", "save the whole run here after each epoch, to go on from")
    .option("--resume <file>", "go on from a checkpoint; give the same text and options as then")
    .option("--quiet", "show only where files are saved")
    .addHelpText("after", help)
    .action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const output = options.output ?? `${basename(path, extname(path))}.safetensors`;
  expectDifferentFiles(path, output, options);
  const text = readText(path);
  for (const file of [output, options.checkpoint]) if (file !== undefined) expectWritable(file);
  const task = createTask(text, options);
  keepTokenizer(task);
  const resume = options.resume === undefined ? undefined : readCheckpoint(options.resume, task, options);
  const progress = createProgress({ symbol: task.tokenizer.kind, quiet: options.quiet === true });
  progress.print(`${describe(path, task)}\n\n${task.net.summary()}\n`);
  const outcome = await learn(task, options, progress, resume);
  save(output, task, outcome, options);
}

/** A file that is read must not be written over by accident. */
function expectDifferentFiles(text: string, output: string, { checkpoint, resume }: Options): void {
  const pairs = [
    ["--output", output, "the text", text],
    ["--output", output, "--checkpoint", checkpoint],
    ["--output", output, "--resume", resume],
    ["--checkpoint", checkpoint, "the text", text],
  ] as const;
  for (const [name, file, other, otherFile] of pairs) {
    if (file === undefined || otherFile === undefined || !isSameFile(file, otherFile)) continue;
    throw new UsageError(`${name} and ${other} are the same file, ${file}: give another name for ${name}`);
  }
}

/** Reads a checkpoint, and refuses that of another run, before there is any progress to show. */
function readCheckpoint(path: string, { net, training }: Task, options: Options): Uint8Array {
  const bytes = readBytes(path);
  about(`--resume ${path}`, () => {
    const then = Network.load(bytes);
    expectSameNetwork(then.config, net.config);
    if (then.metadata.tokenizer !== net.metadata.tokenizer) throw new Error("the run was of another text: give that");
    net.train(training.data, trainOptions(options, bytes)); // takes no step, only checks
  });
  return bytes;
}

function expectSameNetwork(then: NetworkConfig, now: NetworkConfig): void {
  const [before, here] = [partsOf(then), partsOf(now)];
  const i = here.findIndex((part, k) => part !== before[k]);
  if (i < 0) return;
  const differs = `the network has ${before[i] ?? "nothing"} where this text and these options make ${here[i]!}`;
  throw new Error(`${differs}: give the text and the options of the run that saved it`);
}

/** A network as texts to compare; its last layer is always dense(), so no list is the beginning of another. */
function partsOf({ input, layers, seed }: NetworkConfig): string[] {
  return [`seed ${seed ?? 0}`, ...[input, ...layers].map((part) => JSON.stringify(part))];
}

function describe(path: string, { tokenizer, training, heldOut }: Task): string {
  const all = training.tokens + (heldOut?.tokens ?? 0);
  const parts = `${formatCount(training.tokens)} to learn from, ${formatCount(heldOut?.tokens ?? 0)} held out`;
  return `${path}: ${countOf(all, tokenizer.kind)}, ${formatCount(tokenizer.size)} different\n${parts}`;
}

/** Saves the model, and after an interruption the checkpoint, which is otherwise that of the last epoch. */
function save(output: string, { net }: Task, outcome: Outcome, { checkpoint, quiet }: Options): void {
  const { trainer, interrupted } = outcome;
  const model = net.save();
  writeFile(output, model);
  process.stdout.write(`saved ${output} (${formatBytes(model.length)}): ${describeEnd(outcome)}\n`);
  if (interrupted && trainer && checkpoint !== undefined) {
    writeFile(checkpoint, trainer.checkpoint());
    process.stdout.write(`saved ${checkpoint}: go on with --resume ${checkpoint}\n`);
  }
  if (interrupted) process.exitCode = 130;
  else if (!quiet) process.stdout.write(`write with it: unrolled generate ${output}\n`);
}

function describeEnd({ trainer, interrupted, seconds }: Outcome): string {
  if (!trainer) return "nothing was left to learn, raise --epochs";
  const steps = formatCount(trainer.progress.steps);
  const all = formatCount(trainer.epochs * trainer.batches);
  return interrupted ? `interrupted after step ${steps} of ${all}` : `${all} steps in ${formatDuration(seconds)}`;
}
