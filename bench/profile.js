import { readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { measure, paces } from "./measure.js";
import { createPair } from "./pairs.js";
import { line, milliseconds, percent } from "./table.js";

/** @import { Profiler } from "node:inspector" */
/** @import { Workload } from "./workloads.js" */

/** Microseconds between two samples. */
const INTERVAL = 100;
const PROFILED_MS = 3000;

/**
 * What the functions of a file of assembly/, or one of them, do. Inlined functions count with the one they are in: so what
 * weightGradient does itself is packing, and the bodies of the cells are in lstmForward and the like.
 */
const kinds = {
  "matrix products": ["matmul/"],
  packing: ["matmul/weightGradient", "matmul/packPanels", "pack/"],
  "cells, activations": ["lstm/", "gru/", "elman/", "activation/", "math/"],
  "sums for biases": ["gates/", "vector/columnSum"],
  loss: ["loss/"],
  optimiser: ["optimizer/", "vector/sumSquares", "vector/scale"],
  "copying, clearing": ["sequence/", "vector/zero"],
};

/**
 * Where the time of a training step goes: samples of V8's profiler, by functions of the core and by what they do.
 * @param {readonly Workload[]} workloads
 * @param {(line: string) => void} print
 */
export async function runProfile(workloads, print) {
  const names = await functionNames();
  const results = [];
  for (const workload of workloads) {
    const { unrolled, check } = createPair(workload);
    check();
    const { median } = (await measure({ unrolled }, paces.short)).unrolled;
    const profile = await record(unrolled);
    const shares = sharesByName(profile, names);
    print(`\n${workload.id}: ${milliseconds(median)} ms a call, ${profile.samples?.length ?? 0} samples`);
    printShares(shares, median, print);
    results.push({ workload, milliseconds: median, shares: Object.fromEntries(shares) });
  }
  return results;
}

/**
 * The names of the core's functions, from a second build that differs from the first in having them.
 * @returns {Promise<Map<number, string>>}
 */
async function functionNames() {
  let named = new Uint8Array();
  const args = ["assembly/index.ts", "--target", "release", "--debug", "--outFile", "core.wasm"];
  const baseDir = fileURLToPath(new URL("..", import.meta.url));
  const { error, stderr } = await asc.main([...args, "--baseDir", baseDir], {
    writeFile(name, contents) {
      if (name.endsWith(".wasm")) named = Uint8Array.from(/** @type {Uint8Array} */ (contents));
    },
  });
  if (error) throw new Error(`the core was not compiled with names: ${stderr.toString()}`, { cause: error });
  const built = readFileSync(new URL("../build/core.wasm", import.meta.url));
  if (!Buffer.from(named.subarray(0, built.length)).equals(built)) {
    throw new Error("build/core.wasm is not what assembly/ gives now: npm run build");
  }
  const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(named), "name");
  return section ? readNames(new Uint8Array(section)) : new Map();
}

/**
 * The function names of a name section: https://webassembly.github.io/spec/core/appendix/custom.html
 * @param {Uint8Array} bytes
 */
function readNames(bytes) {
  let at = 0;
  const number = () => {
    for (let [value, shift] = [0, 0]; ; shift += 7) {
      const byte = Number(bytes[at++]);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const text = () => {
    const length = number();
    at += length;
    return new TextDecoder().decode(bytes.subarray(at - length, at));
  };
  /** @type {Map<number, string>} */
  const names = new Map();
  while (at < bytes.length) {
    const [id, size] = [number(), number()];
    const end = at + size;
    const count = id === 1 ? number() : 0;
    for (let k = 0; k < count; k++) names.set(number(), text());
    at = end;
  }
  return names;
}

/** @param {() => unknown} run @returns {Promise<Profiler.Profile>} */
async function record(run) {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: INTERVAL });
  await session.post("Profiler.start");
  for (const end = performance.now() + PROFILED_MS; performance.now() < end;) run();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return profile;
}

/**
 * @param {Profiler.Profile} profile
 * @param {Map<number, string>} names
 * @returns {Map<string, number>} shares that add up to 1
 */
function sharesByName({ nodes, samples = [], timeDeltas = [] }, names) {
  const nameOf = new Map(nodes.map(({ id, callFrame }) => [id, nameOfFrame(callFrame, names)]));
  /** @type {Map<string, number>} */
  const times = new Map();
  samples.forEach((id, k) => {
    const name = nameOf.get(id) ?? "";
    if (name !== "") times.set(name, (times.get(name) ?? 0) + Number(timeDeltas[k]));
  });
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return new Map([...times].map(([name, time]) => [name, time / total]));
}

/**
 * @param {{ functionName: string, url: string }} frame
 * @param {Map<number, string>} names
 * @returns {string} "" for the profiler itself
 */
function nameOfFrame({ functionName, url }, names) {
  const index = /^wasm-function\[(\d+)\]$/.exec(functionName)?.[1];
  if (index !== undefined) return names.get(Number(index))?.replace("assembly/", "") ?? functionName;
  if (url.startsWith("wasm:")) return "calls into the core";
  if (functionName === "dispatch" || url.startsWith("node:inspector")) return "";
  return `JavaScript ${functionName || "others"}`;
}

/** @param {string} name */
function kindOf(name) {
  const matches = Object.entries(kinds).flatMap(([kind, starts]) =>
    starts.filter((start) => name.startsWith(start)).map((start) => ({ kind, length: start.length })),
  );
  const best = matches.sort((a, b) => b.length - a.length)[0]; // the most exact one
  return best?.kind ?? (name.startsWith("JavaScript") || name.startsWith("calls") ? "JavaScript, calls" : "others");
}

/** @type {(shares: Map<string, number>, median: number, print: (line: string) => void) => void} */
function printShares(shares, median, print) {
  /** @type {Map<string, [string, number][]>} */
  const byKind = new Map();
  for (const entry of [...shares].sort((a, b) => b[1] - a[1])) {
    byKind.set(kindOf(entry[0]), [...(byKind.get(kindOf(entry[0])) ?? []), entry]);
  }
  const sums = [...byKind].map(([kind, entries]) => {
    return { kind, entries, sum: entries.reduce((total, [, share]) => total + share, 0) };
  });
  for (const { kind, entries, sum } of sums.sort((a, b) => b.sum - a.sum)) {
    const parts = entries.filter(([, share]) => share >= 0.001).slice(0, 4);
    const list = parts.map(([name, share]) => `${name.replace("JavaScript ", "")} ${percent(share)}`).join(", ");
    print(line([kind, percent(sum), `${milliseconds(sum * median)} ms`, list], [18, -7, -10, 0]));
  }
}
