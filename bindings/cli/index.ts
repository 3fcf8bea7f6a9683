/** The `unrolled` command: recurrent networks from the command line. */

import { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { oneLine, report } from "./errors.ts";
import { addBench } from "./commands/bench.ts";
import { addClassify } from "./commands/classify.ts";
import { addConvert } from "./commands/convert.ts";
import { addEvaluate } from "./commands/evaluate.ts";
import { addForecast } from "./commands/forecast.ts";
import { addGenerate } from "./commands/generate.ts";
import { addInspect } from "./commands/inspect.ts";
import { addPlayground } from "./commands/playground.ts";
import { addTrain } from "./commands/train.ts";

const help = `
Examples:
  $ unrolled train play.txt              learns, and saves play.safetensors
  $ unrolled generate play.safetensors   writes text like it
  $ unrolled train series sales.csv      learns to forecast a column
  $ unrolled train labels mails.csv      learns to tell rows apart
  $ unrolled inspect play.safetensors    shows what is in the file
  $ unrolled help train series           all options of a command

Results go to the standard output, all else to the standard error stream. Exit
codes: 0 done, 1 failed, 2 wrong command line, 130 interrupted and saved.`;

function createProgram(): Command {
  const program = new Command("unrolled")
    .description("Recurrent networks in WebAssembly: learn texts, series and labels.")
    .version(manifest.version, "-v, --version")
    .addHelpText("after", help)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`unrolled: ${oneLine(text.replace(/^error: /, ""))}\n`) });
  program.commandsGroup("Learn:");
  addTrain(program);
  program.commandsGroup("Use a model:");
  addGenerate(program);
  addForecast(program);
  addClassify(program);
  program.commandsGroup("Look at it:");
  addEvaluate(program);
  addInspect(program);
  addConvert(program);
  program.commandsGroup("See and measure:");
  addPlayground(program);
  addBench(program);
  return program;
}

/** Reports the first error of the standard output; that a reader such as `head` has enough is none. */
function watchOutput(): void {
  let reported = false;
  process.stdout.on("error", (error: Error & { readonly code?: string }) => {
    if (reported || error.code === "EPIPE") return;
    reported = true;
    process.exitCode = report(error);
  });
  process.stderr.on("error", () => undefined); // there is nowhere left to say it
}

async function main(): Promise<void> {
  watchOutput();
  try {
    await createProgram().parseAsync();
  } catch (error) {
    process.exitCode = report(error);
  }
}

await main();
