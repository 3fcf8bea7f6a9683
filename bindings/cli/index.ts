/** The `unrolled` command: recurrent networks from the command line. */

import { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { oneLine, report } from "./errors.ts";
import { addConvert } from "./convert.ts";
import { addGenerate } from "./generate.ts";
import { addInspect } from "./inspect.ts";
import { addTrain } from "./train.ts";

const help = `
Examples:
  $ unrolled train play.txt                   learns, and saves play.safetensors
  $ unrolled generate play.safetensors        writes text like it
  $ unrolled inspect play.safetensors         shows what is in the file
  $ unrolled convert net.keras net.safetensors   takes over a model of another library
  $ unrolled help train                       all options of a command`;

function createProgram(): Command {
  const program = new Command("unrolled")
    .description("Recurrent networks in WebAssembly: learn a text, write like it.")
    .version(manifest.version, "-v, --version")
    .addHelpText("after", help)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`unrolled: ${oneLine(text.replace(/^error: /, ""))}\n`) });
  addTrain(program);
  addGenerate(program);
  addInspect(program);
  addConvert(program);
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
