// Asks TypeScript about an app that has the package installed: its types hold without skipLibCheck, and from each name "go to
// definition" lands on the line of the source that declares it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";

const app = `
import { adam, crossEntropy, dense, FormatError, lstm, Network, tensor, type Stream } from "unrolled";
import { importPyTorch } from "unrolled/formats";
import { importOnnx } from "unrolled/onnx";
import { Network as Runner } from "unrolled/run";

const net: Network = new Network({ input: { features: 3 }, layers: [lstm(8), dense(2)], seed: 1 });
const inputs = tensor(new Float32Array(12), [1, 4, 3]);
const history = await net.fit({ inputs, targets: [[0, 1, 1, 0]] }, { loss: crossEntropy(), optimizer: adam(), epochs: 1 });
const norm: number = net.clipGradNorm(1);

const stream: Stream = net.stream();
const output: Float32Array = stream.step(new Float32Array(3));
try {
  importPyTorch(new Uint8Array(0), net.config, { key: "state_dict" }).zeroGrad();
  Runner.load(net.save()).predict(inputs);
  const imported: Network = importOnnx(new Uint8Array(0), { outputs: ["y"] });
  imported.zeroGrad();
} catch (error) {
  if (error instanceof FormatError) console.log(error.code, history.bestEpoch, norm, output);
}
// @ts-expect-error no layer has such an option
lstm(8, { unit: 3 });
// @ts-expect-error the file of a network is for load alone
new Network(net.config, {});
`;

/** Where a name, the one before `|`, is used in the app; the source file that declares it, and the line, `|` before the name. */
const definitions = [
  ["const net: Network|", "network.ts", "export class |Network extends Model {"],
  ["new Network|(", "network.ts", "constructor(|config: NetworkConfig);"],
  ["lstm|(8), dense", "layers/lstm.ts", "export function |lstm("],
  ["dense|(2)", "layers/dense.ts", "export function |dense("],
  ["layers|: [", "config.ts", "readonly |layers: "],
  ["= tensor|(", "tensor.ts", "export function |tensor<"],
  ["net.fit|(", "network.ts", "|fit("],
  ["loss: crossEntropy|(", "losses/crossEntropy.ts", "export function |crossEntropy("],
  ["optimizer: adam|(", "optimizers/adam.ts", "export function |adam("],
  ["epochs|: 1", "trainOptions.ts", "readonly |epochs?: number;"],
  ["net.clipGradNorm|(", "network.ts", "|clipGradNorm("],
  ["const stream: Stream|", "stream.ts", "export class |Stream {"],
  ["stream.step|(", "stream.ts", "|step("],
  ["importPyTorch|(new", "io/pytorch.ts", "export function |importPyTorch("],
  ["Runner.load|(", "model.ts", "static |load("],
  [".predict|(", "model.ts", "|predict("],
  ["= importOnnx|(", "onnx/import.ts", "export function |importOnnx("],
  ["instanceof FormatError|)", "errors.ts", "export class |FormatError extends Error {"],
  ["history.bestEpoch|", "fit.ts", "readonly |bestEpoch: number;"],
];

const compiler = join(ts.sys.getExecutingFilePath(), "../tsc.js");

/** @param {string} folder that has the package in its node_modules */
export function checkTypes(folder) {
  const file = join(realpathSync(folder), "app.ts");
  const compilerOptions = { strict: true, skipLibCheck: false, target: "es2022", noEmit: true, types: [] };
  writeFileSync(file, app);
  for (const module of ["preserve", "nodenext"]) {
    const config = { compilerOptions: { ...compilerOptions, module }, files: ["app.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    execFileSync(process.execPath, [compiler, "--project", folder], { stdio: "inherit" });
  }
  const found = definitionsOf(
    file,
    definitions.map(([use = ""]) => use),
  );
  const sources = join(realpathSync(join(folder, "node_modules/unrolled")), "bindings");
  for (const [k, [use, source = "", declaration = ""]] of definitions.entries()) {
    const places = (found[k] ?? []).map(({ file, start }) => {
      const line = readFileSync(file, "utf8").split("\n")[start.line - 1] ?? "";
      const [before, after] = [line.slice(0, start.offset - 1).trimStart(), line.slice(start.offset - 1)];
      return `${relative(sources, file).replaceAll("\\", "/")}: ${before}|${after}`;
    });
    const isRight = places.some((place) => place.startsWith(`${source}: ${declaration}`));
    assert(isRight, `${use} leads to [${places.join(", ")}] and not to ${source}: ${declaration}`);
  }
  console.log(`${definitions.length} names lead to their lines in the source`);
}

/**
 * What an editor gets from the compiler's server.
 * @param {string} file
 * @param {string[]} uses
 * @returns {{ file: string, start: { line: number, offset: number } }[][]}
 */
function definitionsOf(file, uses) {
  const ignored = { close: () => undefined };
  const session = new ts.server.Session({
    host: {
      ...{ ...ts.sys, write: () => undefined, watchFile: () => ignored, watchDirectory: () => ignored },
      ...{ setTimeout, clearTimeout, setImmediate, clearImmediate },
    },
    logger: {
      ...{ close: () => undefined, perftrc: () => undefined, info: () => undefined, msg: () => undefined },
      ...{ startGroup: () => undefined, endGroup: () => undefined, getLogFileName: () => undefined },
      ...{ hasLevel: () => false, loggingEnabled: () => false },
    },
    ...{ cancellationToken: ts.server.nullCancellationToken, typingsInstaller: ts.server.nullTypingsInstaller },
    ...{ useSingleInferredProject: true, useInferredProjectPerProjectRoot: false, canUseEvents: false },
    ...{ byteLength: Buffer.byteLength, hrtime: process.hrtime },
  });
  const ask = (/** @type {string} */ command, /** @type {object} */ parameters) =>
    session.executeCommand({ seq: 0, type: "request", command, arguments: { file, ...parameters } }).response;
  ask("open", {});
  return uses.map((use) => {
    const at = app.indexOf(use.replace("|", ""));
    assert(at >= 0 && use.includes("|"), `the app has no ${use}`);
    const before = app.slice(0, at + use.indexOf("|")).split("\n");
    const [line, offset] = [before.length, before.at(-1)?.length]; // of the name's last character, counted from 1
    return /** @type {any} */ (ask("definitionAndBoundSpan", { line, offset }))?.definitions ?? [];
  });
}
