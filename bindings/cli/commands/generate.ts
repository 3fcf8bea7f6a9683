import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { generate, type SampleOptions } from "../../index.ts";
import { integer, number } from "../arguments.ts";
import { about } from "../errors.ts";
import { readModelOf } from "../tasks/index.ts";
import type { Writer } from "../tasks/text.ts";

interface Options extends SampleOptions {
  readonly prompt?: string;
  readonly length: number;
}

/** Adds `unrolled generate`. */
export function addGenerate(program: Command): void {
  program
    .command("generate")
    .summary("write text with a model")
    .description("Writes text with a model of `unrolled train`: the prompt, then what the model makes of it.")
    .argument("<model>", "a file saved by `unrolled train`")
    .option("--prompt <text>", "what the text begins with (default: a new line)")
    .option("--length <n>", "characters to write, or words if it learnt words", integer(0), 200)
    .option("--temperature <t>", "below 1: more careful, above: bolder, 0: always the likeliest", number(0), 0.8)
    .option("--top-k <k>", "choose from the k likeliest only", integer(1))
    .option(
      "--top-p <p>",
      "choose from the fewest likeliest that share a probability of p",
      number(0, 1, { above: true }),
    )
    .option("--seed <n>", "another seed writes another text", integer(0, Number.MAX_SAFE_INTEGER), 0)
    .addHelpText(
      "after",
      `
Example:
  $ unrolled generate play.safetensors --prompt ROSALIND --length 500`,
    )
    .action(run);
}

async function run(path: string, options: Options): Promise<void> {
  const model = readModelOf("text", path);
  const { prompt = model.defaultPrompt } = options;
  const tokens = about("--prompt", () => model.tokenizer.encode(prompt));
  try {
    await pipeline(Readable.from(write(model, tokens, options)), process.stdout, { end: false });
  } catch (error) {
    if (!isOfOutput(error)) throw error;
  }
}

/** The text piece by piece, as it comes into being. */
function* write({ net, tokenizer }: Writer, prompt: Int32Array, options: Options): Generator<string> {
  const { prompt: given, ...generateOptions } = options;
  if (given !== undefined) yield given;
  for (const token of generate(net, { ...generateOptions, prompt })) yield tokenizer.decode([token]);
  yield "\n";
}

/** Errors of the standard output are seen to in index.ts, for all commands. */
function isOfOutput(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "write";
}
