import type { Command } from "commander";
import { FormatError, Network } from "../../index.ts";
import { describeTraining } from "../training/checkpoint.ts";
import { about } from "../errors.ts";
import { readModelFile, type ReadOptions } from "../models/formats.ts";
import { readHeader, type Header, type TensorEntry } from "../models/header.ts";
import { table } from "../output/table.ts";
import { formatBytes } from "../output/text.ts";
import { modelOf } from "../tasks/index.ts";

/** Adds `unrolled inspect`. */
export function addInspect(program: Command): void {
  program
    .command("inspect")
    .summary("show what is in a model or a checkpoint")
    .description(
      "Shows what is in a file: the network, its task, its tensors, and for a checkpoint where the training is. Of a safetensors file without our description, such as PyTorch's, it lists the tensors.",
    )
    .argument(
      "<model>",
      "a model, a checkpoint, any safetensors file, or a model of another library that convert reads",
    )
    .option("--key <name>", "where in a checkpoint of PyTorch the weights are, such as model_state_dict")
    .addHelpText("after", "\nExample:\n  $ unrolled inspect play.safetensors")
    .action(run);
}

function run(path: string, options: ReadOptions): void {
  const { name, size, file } = about(path, () => readModelFile(path, { mask: "lengths", ...options }));
  const sections = about(path, () => describe(file));
  const head = [`${path}: ${formatBytes(size)}`, ...(name === "safetensors" ? [] : [name])].join(", ");
  process.stdout.write(`${[head, ...sections].join("\n\n")}\n`);
}

function describe(bytes: Uint8Array): string[] {
  const net = readNetwork(bytes); // which checks the whole file: the header can be trusted after it
  const { tensors, metadata } = readHeader(bytes);
  const network = net
    ? [net.summary(), describeSettings(net), ...describeTraining(metadata)]
    : ["no description of a network, only tensors"];
  return [...network, describeTensors(tensors), describeMetadata(metadata)];
}

/** The network of a file; undefined if a sound file does not describe one. */
function readNetwork(bytes: Uint8Array): Network | undefined {
  try {
    return Network.load(bytes);
  } catch (error) {
    const isSound = error instanceof FormatError && error.code === "mismatch";
    if (isSound && readHeader(bytes).metadata.unrolled === undefined) return undefined;
    throw error;
  }
}

function describeSettings(net: Network): string {
  return [`seed: ${net.config.seed}`, ...(modelOf(net)?.describe() ?? ["task: none"])].join("\n");
}

function describeTensors(tensors: readonly TensorEntry[]): string {
  const rows = tensors.map(({ name, dtype, shape, size }) => [name, dtype, shapeText(shape), formatBytes(size)]);
  return table([["tensor", "type", "shape", "size"], ...rows], ["left", "left", "left", "left"]);
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

function describeMetadata(metadata: Header["metadata"]): string {
  const keys = Object.keys(metadata);
  const origin = metadata.origin === undefined ? "" : `\norigin: ${metadata.origin}`;
  return `metadata: ${keys.length === 0 ? "none" : keys.join(", ")}${origin}`;
}
