/** From the start of a process to the first output of an LSTM: fresh processes, the libraries in turn. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apps } from "./apps.js";
import { median } from "./measure.js";
import { recurrentModel } from "./models.js";
import { workloads } from "./workloads.js";

const directory = import.meta.dirname;

/**
 * @param {readonly string[]} names of peers
 * @param {number} rounds
 * @param {(line: string) => void} print
 */
export async function starts(names, rounds, print) {
  const folder = mkdtempSync(join(tmpdir(), "peers-"));
  const model = join(folder, "lstm.onnx");
  const [lstm] = workloads.filter(({ id }) => id === "W2 LSTM 64");
  writeFileSync(model, recurrentModel({ ...lstm, T: 10 }, false));
  const files = ["bare.js", ...names.flatMap((name) => apps[name]?.file ?? [])];
  /** @type {Record<string, number[]>} */
  const times = Object.fromEntries(files.map((file) => [file, []]));
  for (let round = 0; round < rounds; round++) for (const file of files) times[file].push(start(file, model));
  rmSync(folder, { recursive: true });
  const bare = median(times["bare.js"]);
  print(`Process start to the first output of an LSTM, ms, median of ${rounds}; bare Node: ${bare.toFixed(0)}`);
  for (const name of names.filter((name) => name in apps)) {
    const ms = median(times[apps[name].file]);
    const columns = Number.isNaN(ms) ? ["fails"] : [ms.toFixed(0), `+${(ms - bare).toFixed(0)}`];
    print(`  ${name.padEnd(18)}${columns.map((text) => text.padStart(10)).join("")}`);
  }
}

/** @type {(file: string, model: string) => number} */
function start(file, model) {
  const child = spawnSync(process.execPath, [join(directory, "starter.js"), file, model], { encoding: "utf8" });
  const lines = child.stdout.trim().split("\n");
  return child.status === 0 ? Number(lines[lines.length - 1]) : NaN;
}
