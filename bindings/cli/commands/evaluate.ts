import { Option, type Command } from "commander";
import { expectOther, expectWritable } from "../input/files.ts";
import { write } from "../output/write.ts";
import { readModel } from "../tasks/index.ts";
import { missingNames, type EvaluateOptions } from "../tasks/task.ts";
import { addTableOptions } from "./options.ts";

interface Options extends EvaluateOptions {
  readonly json?: boolean;
}

/** Adds `unrolled evaluate`. */
export function addEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .summary("measure a model on data")
    .description(
      "Measures a model of `unrolled train` on data: of a text bits a character and perplexity; of a series errors beside the seasonal-naive forecast, coverage and pinball loss; of labels accuracy, F1 and the confusion matrix.",
    )
    .argument("<model>", "a file saved by `unrolled train`")
    .argument("<file>", "a text, or a table with the columns of the model; - for the standard input")
    .option("--json", "write JSON")
    .option("--plot <file.svg>", "draw a series and its forecasts");
  addTableOptions(command)
    .addOption(new Option("--missing <how>", "what is done about missing values (default: fail)").choices(missingNames))
    .addHelpText(
      "after",
      `
Examples:
  $ unrolled evaluate play.safetensors another.txt
  $ unrolled evaluate sales.safetensors sales.csv --plot sales.svg
  $ unrolled evaluate mails.safetensors mails.csv --json`,
    )
    .action(run);
}

async function run(model: string, path: string, { json = false, ...options }: Options): Promise<void> {
  const loaded = readModel(model);
  if (options.plot !== undefined) {
    expectOther("--plot", options.plot, [model, path]);
    expectWritable(options.plot);
  }
  const { text, values } = await loaded.evaluate(path, options);
  await write(json ? `${JSON.stringify(values, undefined, 2)}\n` : `${text}\n`);
}
