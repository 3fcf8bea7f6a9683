// `npm run bench:start`: from nothing to the first output of an LSTM, in fresh processes of Node and in fresh isolates of workerd,
// each in turn with one that does nothing. `--quick` takes few samples. The package is the packed tarball, installed.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installPackage } from "../test/runtimes/package.js";
import { tools } from "../test/runtimes/runtimes.js";
import { entry, load } from "../test/runtimes/workers.js";
import { machine } from "./machine.js";
import { quantile } from "./statistics.js";
import { line } from "./table.js";

const { values: options } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const PROCESSES = options.quick ? 5 : 100;
/** workerd keeps the isolates, so it is started anew after some. */
const [RUNS, ISOLATES] = options.quick ? [1, 5] : [5, 20];

const network = "{ input: { features: 64 }, layers: [lstm(128), dense(1)], seed: 1 }";
const sequence = "[[new Array(64).fill(0.5)]]";

const inNode = {
  bare: "",
  whole: `
import { dense, lstm, Network } from "unrolled";
const { data } = new Network(${network}).predict(${sequence});
if (!Number.isFinite(data[0])) process.exitCode = 1;
`,
  parts: `
const taken = {};
const timed = (name) => {
  WebAssembly[name] = new Proxy(WebAssembly[name], {
    construct(target, parameters) {
      const start = performance.now();
      const made = Reflect.construct(target, parameters);
      taken[name] = performance.now() - start;
      return made;
    },
  });
};
timed("Module");
timed("Instance");
const start = performance.now();
const { dense, lstm, Network } = await import("unrolled");
const loaded = performance.now();
const net = new Network(${network});
const built = performance.now();
net.predict(${sequence});
const done = performance.now();
console.log(JSON.stringify({
  "read and evaluate index.js": loaded - start - taken.Module,
  "compile the core": taken.Module,
  "instantiate the core": taken.Instance,
  "build the network": built - loaded - taken.Instance,
  "first output": done - built,
}));
`,
};

const inWorkerd = {
  bare: 'export default { fetch: () => new Response("1") };',
  imported:
    'import * as library from "./unrolled.js"; export default { fetch: () => new Response(library.Network ? "1" : "") };',
  whole: `
import { dense, lstm, Network } from "./unrolled.js";
export default { fetch: () => new Response(new Network(${network}).predict(${sequence}).data[0]) };
`,
};

/** Loads a Worker in an isolate of its own and hands the request on. */
const host = `
import bare from "./bare.txt";
import imported from "./imported.txt";
import whole from "./whole.txt";
import library from "./unrolled.txt";
import wasm from "./core.bin";
export default {
  fetch(request, { LOADER }) {
    const { pathname, search } = new URL(request.url);
    const worker = { "/bare": bare, "/imported": imported, "/whole": whole }[pathname];
    const needed = pathname === "/bare" ? {} : { "unrolled.js": library, "core.wasm": { wasm } };
    const modules = { "worker.js": worker, ...needed };
    const code = { compatibilityDate: "2026-04-20", mainModule: "worker.js", modules };
    return LOADER.get(pathname + search, () => code).getEntrypoint().fetch(request);
  },
};
`;

/** @typedef {Record<string, number[]>} Samples */

/** @param {number} count @param {readonly string[]} names @param {(name: string) => number | Promise<number>} take */
async function inTurns(count, names, take, /** @type {Samples} */ samples = {}) {
  for (let k = 0; k < count; k++) {
    for (const name of names) (samples[name] ??= []).push(await take(name));
  }
  return samples;
}

/** @param {string} folder @param {string} name @returns {[ms: number, stdout: string]} */
function runNode(folder, name) {
  const start = performance.now();
  const { status, stdout } = spawnSync(process.execPath, [join(folder, `${name}.js`)], { encoding: "utf8" });
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`${name}.js has failed`);
  return [ms, stdout];
}

/** @param {string} folder */
async function measureNode(folder) {
  for (const [name, code] of Object.entries(inNode)) writeFileSync(join(folder, `${name}.js`), code);
  const samples = await inTurns(PROCESSES, ["bare", "whole"], (name) => runNode(folder, name)[0]);
  /** @type {Samples} */
  const parts = {};
  for (let k = 0; k < PROCESSES / 2; k++) {
    for (const [part, ms] of Object.entries(JSON.parse(runNode(folder, "parts")[1]))) (parts[part] ??= []).push(ms);
  }
  return { samples, parts };
}

/** @param {string} folder */
async function measureWorkerd(folder) {
  const { module, version } = await load(tools(), "miniflare");
  const library = entry(folder, "workerd");
  const names = Object.keys(inWorkerd);
  const workers = Object.entries(inWorkerd).map(([name, contents]) => ({
    type: "Text",
    path: `${name}.txt`,
    contents,
  }));
  const modules = [
    { type: "ESModule", path: "host.js", contents: host },
    ...workers,
    { type: "Text", path: "unrolled.txt", contents: readFileSync(library, "utf8") },
    { type: "Data", path: "core.bin", contents: readFileSync(join(library, "../core.wasm")) },
  ];
  /** @type {Samples} */
  const samples = {};
  for (let run = 0; run < RUNS; run++) {
    const miniflare = new module.Miniflare({
      cf: false,
      compatibilityDate: "2026-04-20",
      workerLoaders: { LOADER: {} },
      modules,
    });
    const url = await miniflare.ready;
    let isolate = 0;
    /** @param {string} name */
    const ask = async (name) => {
      const start = performance.now();
      const response = await fetch(new URL(`${name}?${isolate++}`, url));
      const text = await response.text();
      if (!response.ok || !Number.isFinite(Number.parseFloat(text))) throw new Error(`${name}: ${text}`);
      return performance.now() - start;
    };
    await inTurns(2, names, ask);
    await inTurns(ISOLATES, names, ask, samples);
    await miniflare.dispose();
  }
  return { samples, version };
}

/** @param {readonly number[] | undefined} samples */
function quartiles(samples = []) {
  const sorted = [...samples].sort((a, b) => a - b);
  const [low, median, high] = [0.25, 0.5, 0.75].map((share) => quantile(sorted, share).toFixed(1));
  return [median ?? "", `${low} … ${high}`];
}

const widths = [38, -8, -15];
/** @param {string} title @param {readonly number[] | undefined} samples */
const print = (title, samples) => console.log(line([title, ...quartiles(samples)], widths));
/** What each sample took more than the one before it in the same turn. @type {(more?: number[], less?: number[]) => number[]} */
const differences = (more = [], less = []) => more.map((ms, k) => ms - Number(less[k]));

async function main() {
  for (const [name, value] of Object.entries(machine())) console.log(name.padEnd(10), value);
  const folder = installPackage();
  try {
    const { samples: node, parts } = await measureNode(folder);
    console.log(`\n${line(["fresh processes of Node", "ms", "p25 … p75"], widths)}`);
    print("an empty module", node.bare);
    print("import, LSTM of 128, one output", node.whole);
    print("more than the empty one", differences(node.whole, node.bare));
    for (const [part, samples] of Object.entries(parts)) print(`    ${part}`, samples);
    const { samples: workerd, version } = await measureWorkerd(folder);
    console.log(`\n${line([`fresh isolates, miniflare ${version}`, "ms", "p25 … p75"], widths)}`);
    print("an empty Worker", workerd.bare);
    print("import", workerd.imported);
    print("import, LSTM of 128, one output", workerd.whole);
    print("more than the empty one", differences(workerd.whole, workerd.bare));
    print("    import", differences(workerd.imported, workerd.bare));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
