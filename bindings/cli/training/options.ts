/** The options that training has whatever the task. */

import { Option, type Command } from "commander";
import { integer, number } from "../arguments.ts";
import { cellNames, type NetworkOptions } from "../tasks/network.ts";
import type { LearnOptions } from "./learn.ts";

export interface TrainingOptions extends LearnOptions, NetworkOptions {
  readonly output?: string;
  readonly resume?: string;
  readonly plot?: string;
  readonly quiet?: boolean;
}

/** What differs between tasks. */
interface Defaults {
  readonly hidden: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly batch: number;
  /** Of the option --batch. */
  readonly batchText: string;
  readonly patience: number;
}

const MAX_SEED = Number.MAX_SAFE_INTEGER;

export const share = number(0, 1, { below: true });

export function addNetworkOptions(command: Command, { hidden }: Defaults): Command {
  return command
    .optionsGroup("The network:")
    .addOption(new Option("--cell <type>", "kind of recurrent layer").choices(cellNames).default("lstm"))
    .option("--hidden <n>", "units of a layer", integer(1), hidden)
    .option("--layers <n>", "layers on top of each other", integer(1, 1024), 1)
    .option("--dropout <share>", "share of values left out while learning", share, 0);
}

export function addTrainingOptions(command: Command, defaults: Defaults): Command {
  return command
    .optionsGroup("The training:")
    .option("--epochs <n>", "passes over the data", integer(1), defaults.epochs)
    .option("--batch <n>", defaults.batchText, integer(1), defaults.batch)
    .option(
      "--learning-rate <rate>",
      "of the Adam optimizer",
      number(0, Infinity, { above: true }),
      defaults.learningRate,
    )
    .option("--clip <norm>", "largest norm of the gradient; 0: any", number(0), 1)
    .option(
      "--patience <n>",
      "stop after n epochs that were not better on the part held out, with the best; 0: never",
      integer(0),
      defaults.patience,
    )
    .option("--seed <n>", "of all that is random; the same seed gives the same file", integer(0, MAX_SEED), 1)
    .optionsGroup("Files:")
    .option("-o, --output <file>", "where to save the model (default: the name of the data with .safetensors)")
    .option("--checkpoint <file>", "save the whole run here after each epoch, to go on from")
    .option("--resume <file>", "go on from a checkpoint; give the same data and options as then")
    .option("--plot <file.svg>", "draw the loss of each epoch")
    .option("--quiet", "show only where files are saved");
}
