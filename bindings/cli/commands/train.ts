import { type Command, Option } from "commander";
import { integer, names, quantiles } from "../arguments.ts";
import { prepareLabels, type LabelsOptions } from "../tasks/labels.ts";
import { prepareSeries, type SeriesOptions } from "../tasks/series.ts";
import { prepareText, type TextOptions } from "../tasks/text.ts";
import { addNetworkOptions, addTrainingOptions, share, type TrainingOptions } from "../training/options.ts";
import { runTraining } from "../training/run.ts";
import { addMissingOption, addTableOptions } from "./options.ts";

const about = `
The model is one safetensors file with all that using it needs; weights are
stored as PyTorch stores them. Ctrl-C stops after the current step and saves
what is learnt; a second one quits at once.`;

/** Adds `unrolled train` with its tasks. */
export function addTrain(program: Command): void {
  const train = program
    .command("train")
    .summary("learn a text, a series or labels")
    .description("Learns from a file, and saves a model.")
    .addHelpText(
      "after",
      `
Examples:
  $ unrolled train play.txt              learns to write like a text
  $ unrolled train series sales.csv      learns to forecast a column
  $ unrolled train labels mails.csv      learns to tell rows apart
  $ unrolled help train series           all options of a task`,
    );
  addText(train);
  addSeries(train);
  addLabels(train);
}

function addText(train: Command): void {
  const defaults = {
    ...{ hidden: 128, epochs: 10, learningRate: 0.005, patience: 0 },
    ...{ batch: 32, batchText: "places of the text that are read side by side" },
  };
  const command = train
    .command("text", { isDefault: true })
    .summary("write like a text; `train <text>` does the same")
    .description("Learns a text, character by character or word by word, and saves a model that writes like it.")
    .argument("<text>", "the text to learn, in UTF-8; - for the standard input")
    .optionsGroup("The text:")
    .option("--words", "learn words instead of characters")
    .option("--validation <share>", "share of the text to measure on, its end; 0: none", share, 0.1)
    .option("--sample <n>", "write so many characters after each epoch", integer(0), 0);
  addNetworkOptions(command, defaults)
    .option("--embedding <n>", "numbers that stand for a character or word", integer(1), 32)
    .option("--steps <n>", "steps that the gradient goes back in time", integer(1), 64);
  addTrainingOptions(command, defaults)
    .addHelpText(
      "after",
      `${about}

Examples:
  $ unrolled train play.txt
  $ unrolled train play.txt --cell gru --hidden 256 --epochs 30 --sample 200
Stop and go on later, as if there had been no stop:
  $ unrolled train play.txt --checkpoint play.checkpoint
  $ unrolled train play.txt --checkpoint play.checkpoint \\
      --resume play.checkpoint`,
    )
    .action((path: string, options: TextOptions & TrainingOptions) => runTraining("text", path, options, prepareText));
}

function addSeries(train: Command): void {
  const defaults = {
    ...{ hidden: 32, epochs: 50, learningRate: 0.005, patience: 10 },
    ...{ batch: 32, batchText: "windows that are read side by side" },
  };
  const command = train
    .command("series")
    .summary("forecast a column of a table")
    .description(
      "Learns to forecast the next steps of a series from a window before them, and prints how good it is beside the seasonal-naive forecast.",
    )
    .argument("<file>", "CSV or JSON lines, a step a row; - for the standard input")
    .optionsGroup("The series:")
    .option("--target <column>", "the column to forecast (default: the last of numbers)")
    .option("--features <columns>", "further columns to learn from (default: all of numbers)", names)
    .option("--time <column>", "the column with the time: not learnt from, and continued by forecast")
    .option("--horizon <n>", "steps to forecast", integer(1), 1)
    .option("--window <n>", "steps to forecast from (default: two seasons or horizons, at least 24)", integer(1))
    .option("--season <n>", "steps of a season, such as 12 for months; 1: none", integer(1), 1)
    .addOption(
      new Option("--quantiles <list>", "forecast these quantiles too, such as 0.1,0.9")
        .argParser(quantiles)
        .default([], "none"),
    )
    .option("--validation <share>", "share to measure on after each epoch, the end", share, 0.1)
    .option("--test <share>", "share to measure on once, after all else", share, 0);
  addTableOptions(command);
  addMissingOption(
    command,
    ["fail", "drop", "interpolate"],
    "drop: leave out the windows with a missing value; interpolate: a straight line between its neighbours",
  );
  addNetworkOptions(command, defaults);
  addTrainingOptions(command, defaults)
    .addHelpText(
      "after",
      `${about}

Examples:
  $ seq 0 0.2 80 | awk '{ print $1 "," sin($1) }' | sed '1i t,y' > sine.csv
  $ unrolled train series sine.csv --time t --horizon 12
  $ unrolled forecast sine.safetensors sine.csv
  $ unrolled train series sales.csv --target sold --features price,rain \\
      --time day --season 7 --horizon 14 --quantiles 0.1,0.9 --test 0.1`,
    )
    .action((path: string, options: SeriesOptions & TrainingOptions) =>
      runTraining("series", path, options, prepareSeries),
    );
}

function addLabels(train: Command): void {
  const defaults = {
    ...{ hidden: 64, epochs: 30, learningRate: 0.005, patience: 5 },
    ...{ batch: 32, batchText: "rows that are read side by side" },
  };
  const command = train
    .command("labels")
    .summary("tell rows of a table apart")
    .description(
      "Learns the label of a row from a text, from a sequence of numbers (a list in JSON lines), or from columns of numbers, and prints how good it is beside always giving the most frequent label.",
    )
    .argument("<file>", "CSV or JSON lines; - for the standard input")
    .optionsGroup("The rows:")
    .option("--label <column>", 'the column with the label (default: "label", or the last)')
    .option("--inputs <columns>", "a text, a list, or columns of numbers (default: all other)", names)
    .option("--words", "read words instead of characters")
    .option("--min-count <n>", "words that are rarer are unknown", integer(1), 2)
    .option("--validation <share>", "share of each label to measure on after each epoch", share, 0.1)
    .option("--test <share>", "share of each label to measure on once, after all else", share, 0);
  addTableOptions(command);
  addMissingOption(command, ["fail", "drop"], "drop: leave out rows with a missing value");
  addNetworkOptions(command, defaults)
    .option("--bidirectional", "read texts and sequences from both ends")
    .option("--embedding <n>", "numbers that stand for a character or word", integer(1), 32);
  addTrainingOptions(command, defaults)
    .addHelpText(
      "after",
      `${about}

Examples:
  $ seq 400 | awk '{ x = sin($1); y = cos(3 * $1); print x","y","(x > y) }' \\
      | sed '1i x,y,label' > points.csv
  $ unrolled train labels points.csv
  $ unrolled classify points.safetensors points.csv
  $ unrolled train labels mails.csv --label folder --inputs subject --words
  $ unrolled train labels gestures.jsonl --inputs points --label gesture`,
    )
    .action((path: string, options: LabelsOptions & TrainingOptions) =>
      runTraining("labels", path, options, prepareLabels),
    );
}
