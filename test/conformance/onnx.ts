/**
 * Runs every model of a folder of ONNX files (test/onnx/README.md describes the format): what the graph gives for its inputs is
 * compared with the outputs that stand beside it.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { OnnxModel } from "../../bindings/onnx.ts";
import { Comparison, type Library, Skip } from "./case.ts";
import { exitCode, report, type Outcome } from "./conformance.ts";

/** The library that is put to the test, with its part for ONNX. */
export type Libraries = Pick<Library, "FormatError" | "tensor"> &
  Pick<typeof import("../../bindings/onnx.ts"), "readOnnx">;

interface Port {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** One model, with numbers that go in and come out. */
export interface OnnxCase {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/** The models that index.json lists, or, without one, all there are. @throws Error when the folder is none of models */
export function readOnnxFolder(dir: string): OnnxCase[] {
  return namesIn(dir).map((name) => {
    const { inputs, outputs } = JSON.parse(readFileSync(join(dir, `${name}.json`), "utf8")) as OnnxCase;
    return { name, bytes: new Uint8Array(readFileSync(join(dir, `${name}.onnx`))), inputs, outputs };
  });
}

function namesIn(dir: string): string[] {
  const files = readdirSync(dir);
  if (!files.includes("index.json")) {
    const names = files.flatMap((file) => (file.endsWith(".onnx") ? [file.slice(0, -".onnx".length)] : []));
    if (names.length === 0) throw new Error("there is neither index.json nor a file .onnx");
    return names;
  }
  const list: unknown = JSON.parse(readFileSync(join(dir, "index.json"), "utf8"));
  if (!Array.isArray(list)) throw new Error("index.json is no list");
  return (list as { name: string }[]).map(({ name }) => name);
}

export function runOnnx(library: Libraries, cases: readonly OnnxCase[]): Outcome[] {
  return cases.map((one) => runCase(library, one));
}

function runCase(library: Libraries, { name, bytes, inputs, outputs }: OnnxCase): Outcome {
  const head = { id: name, kind: "onnx" };
  const compared = new Comparison();
  try {
    const results = open(library, bytes).run(
      Object.fromEntries(inputs.map((input) => [input.name, feed(library, input)])),
    );
    for (const output of outputs) {
      const got = results[output.name];
      if (got?.shape.join() !== output.shape.join()) {
        throw new Error(`${output.name}: got shape [${String(got?.shape)}], expected [${String(output.shape)}]`);
      }
      compared.compareNumbers(output.name, got.data, output.data, { shape: output.shape });
    }
    const { failure } = compared;
    if (failure !== undefined) return { ...head, status: "failed", reason: failure };
    return { ...head, status: "passed", worst: compared.worst };
  } catch (error) {
    if (error instanceof Skip) return { ...head, status: "skipped", reason: error.message };
    return { ...head, status: "failed", reason: String(error).replaceAll("\n", " ") };
  }
}

/** A graph that the library says it has no network for is passed over, with its reason. */
function open({ readOnnx, FormatError }: Libraries, bytes: Uint8Array): OnnxModel {
  try {
    return readOnnx(bytes);
  } catch (error) {
    if (error instanceof FormatError && error.code === "unsupported") throw new Skip(error.message);
    throw error;
  }
}

function feed({ tensor }: Libraries, { name, dtype, shape, data }: Port) {
  if (dtype.startsWith("float")) return tensor(Float32Array.from(data), shape);
  if (/^u?int/.test(dtype)) return tensor(Int32Array.from(data), shape);
  throw new Skip(`input ${name} of ${dtype}`);
}

/** The command. @returns its exit code, as that of `npm run conformance` */
export function mainOnnx(library: Libraries, args: readonly string[], print: (line: string) => void): number {
  const [dir, ...others] = args;
  if (dir === undefined || others.length > 0) {
    print("usage: npm run conformance:onnx -- DIR     (a folder with index.json and models, such as test/onnx)");
    return 2;
  }
  let cases: OnnxCase[];
  try {
    cases = readOnnxFolder(dir);
  } catch (error) {
    print(`conformance: "${dir}" is no folder of models: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
  const outcomes = runOnnx(library, cases);
  for (const line of report(outcomes)) print(line);
  return exitCode(outcomes);
}
