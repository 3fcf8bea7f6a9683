import { Option, type Command } from "commander";
import { FormatError, Network, type NetworkConfig, type SaveOptions } from "../../index.ts";
import { about, UsageError } from "../errors.ts";
import { expectWritable, isSameFile, readText, writeFile } from "../input/files.ts";
import { readModelFile, writerOf, type ReadOptions } from "../models/formats.ts";
import { readHeader } from "../models/header.ts";
import { formatBytes } from "../output/text.ts";

interface Options {
  readonly dtype?: NonNullable<SaveOptions["dtype"]>;
  readonly config?: string;
  readonly key?: string;
  readonly mask?: "lengths";
}

/** Adds `unrolled convert`. */
export function addConvert(program: Command): void {
  program
    .command("convert")
    .summary("make a model file of another library ours")
    .description(
      "Reads a model of PyTorch (.pt, .pth), Keras 3 (.keras, .weights.h5), TensorFlow.js (model.json), brain.js (JSON), ONNX or " +
        "safetensors, and writes it as safetensors or ONNX.",
    )
    .argument("<from>", "the file to read")
    .argument("<to>", "the file to write")
    .addOption(new Option("--dtype <type>", "how the weights are kept").choices(["f32", "f16", "i8"]))
    .option("--config <file>", "JSON with the input and layers, for files that do not describe them")
    .option("--key <name>", "where in a checkpoint of PyTorch the weights are, such as model_state_dict")
    .addOption(new Option("--mask <how>", "take layers with mask_zero without their mask").choices(["lengths"]))
    .addHelpText(
      "after",
      "\nExample:\n  $ unrolled convert model.keras model.safetensors --dtype f16\n  $ unrolled convert model.safetensors model.onnx",
    )
    .action(run);
}

function run(from: string, to: string, options: Options): void {
  const write = writerOf(to);
  if (isSameFile(from, to)) throw new UsageError(`${to} is the file to read: give another to write`);
  expectWritable(to);
  const { dtype } = options;
  if (to.endsWith(".onnx") && dtype !== undefined && dtype !== "f32") {
    throw new UsageError("an ONNX file keeps its weights as f32: leave --dtype out");
  }
  const { name, size, file } = about(from, () => readModelFile(from, readOptions(options)));
  const described = about(from, () => readHeader(checked(file)).metadata.unrolled !== undefined);
  if (!described && dtype !== undefined) {
    throw new UsageError(`${from} does not describe its layers: give them with --config to use --dtype`);
  }
  if (!described && to.endsWith(".onnx")) {
    throw new UsageError(`${from} does not describe its layers: give them with --config to write ONNX`);
  }
  const bytes = described ? about(from, () => write(Network.load(file), dtype ? { dtype } : {})) : file;
  writeFile(to, bytes);
  const what = described ? "" : ", tensors only: load it with a description of its layers";
  process.stdout.write(`${to}: ${formatBytes(bytes.length)}, from ${name}, ${formatBytes(size)}${what}\n`);
}

function readOptions({ config, key, mask }: Options): ReadOptions {
  return {
    ...(key !== undefined && { key }),
    ...(mask !== undefined && { mask }),
    ...(config !== undefined && { config: readConfig(config) }),
  };
}

function readConfig(path: string): NetworkConfig {
  const text = readText(path);
  return about(path, () => {
    try {
      return JSON.parse(text) as NetworkConfig; // which Network checks
    } catch (cause) {
      throw new Error("this is no JSON: write { input, layers } as new Network takes them", { cause });
    }
  });
}

/** The same bytes, when they are a sound safetensors file. */
function checked(file: Uint8Array): Uint8Array {
  try {
    Network.load(file);
  } catch (error) {
    const isUndescribed = error instanceof FormatError && error.code === "mismatch";
    if (!isUndescribed) throw error;
  }
  return file;
}
