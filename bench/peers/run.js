/** The command: options, what stands above and below the table, and which table. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Processor } from "../processor.js";
import { peers } from "./peers/index.js";
import { groupLine, headings, Notes, rowLines } from "./table.js";
import { inOrder, rows } from "./times.js";
import { groups, workloads } from "./workloads.js";

const usage = `npm run bench:peers -- [options]

  --only W1,W4     workloads whose names begin so: "W4 LSTM" too
  --peers a,b      these peers beside unrolled
  --rounds N       processes for each peer and workload (3)
  --quick          one workload of each kind, one process each: a rough look
  --json FILE      everything that was measured
  --size           instead: the size of an app that runs an LSTM
  --start          instead: from the start of the process to the first output of an LSTM`;

const directory = import.meta.dirname;
const dependencies = readJson("package.json").dependencies;
const options = readOptions();
install();
for (const line of heading()) console.log(line);
// These import packages, which are there only now.
if (options.size) await (await import("./size.js")).sizes(options.peers, console.log);
else if (options.start) await (await import("./start.js")).starts(options.peers, options.quick ? 3 : 11, console.log);
else await times();

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(join(directory, file), "utf8"));
}

function readOptions() {
  const values = parse();
  const { quick, rounds = quick ? "1" : "3", peers: names = Object.keys(peers).join() } = values;
  for (const name of names.split(",")) if (!peers[name]) stop(`no peer "${name}": ${Object.keys(peers).join(", ")}`);
  const only = values.only?.split(",") ?? (quick ? workloads.filter((one) => one.quick).map(({ id }) => id) : []);
  for (const start of only) if (!workloads.some(({ id }) => id.startsWith(start))) stop(`no workload "${start}"`);
  if (!(Number(rounds) >= 1)) stop("--rounds expects a number of at least 1");
  return { ...values, quick, only, rounds: Math.floor(Number(rounds)), peers: inOrder(names.split(",")) };
}

function parse() {
  const text = { type: /** @type {const} */ ("string") };
  const flag = { type: /** @type {const} */ ("boolean"), default: false };
  const flags = { quick: flag, size: flag, start: flag, help: flag };
  try {
    const { values } = parseArgs({ options: { only: text, peers: text, rounds: text, json: text, ...flags } });
    if (!values.help) return values;
  } catch (error) {
    stop(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
  console.log(usage);
  process.exit();
}

/** @param {string} message */
function stop(message) {
  console.error(message);
  process.exit(2);
}

/** Installs the pinned packages where they are not. */
function install() {
  if (Object.entries(dependencies).every(isInstalled)) return;
  const args = ["ci", "--prefix", directory, "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", args, { stdio: "inherit", shell: process.platform === "win32" });
  if (status !== 0) stop("npm ci failed");
}

/** @param {[string, unknown]} dependency */
function isInstalled([name, version]) {
  const file = `node_modules/${name}/package.json`;
  return existsSync(join(directory, file)) && readJson(file).version === version;
}

/** Machine, Node, command, peers. */
function heading() {
  const cores = cpus();
  const args = process.argv.slice(2).map((arg) => (/^[\w,./=-]+$/.test(arg) ? arg : `"${arg}"`));
  const npm = process.env.npm_lifecycle_event === "bench:peers";
  const command = [
    npm ? "npm run bench:peers" : "node bench/peers/run.js",
    ...(npm && args.length > 0 ? ["--"] : []),
    ...args,
  ];
  const machine = `${cores[0]?.model.trim()}, ${cores.length} cores, ${process.platform} ${process.arch}`;
  const load = `load ${loadavg()[0].toFixed(1)}`;
  const entries = options.peers.map((name) => `  ${name.padEnd(18)} ${version(name).padEnd(14)} ${peers[name].title}`);
  return [
    `$ ${command.join(" ")}`,
    `${machine}, ${load}; Node ${process.version}, V8 ${process.versions.v8}`,
    "",
    ...entries,
    "",
  ];
}

/** @param {string} name */
function version(name) {
  const { package: pinned } = peers[name];
  return pinned ? dependencies[pinned] : readJson("../../package.json").version;
}

async function times() {
  const { rounds, quick, only } = options;
  const fastest = await knowProcessor();
  const plan = { rounds, only, peers: options.peers, effort: quick ? "quick" : "full", fastest };
  const notes = new Notes();
  const start = performance.now();
  const results = [];
  let group = "";
  for (const line of headings(options.peers)) console.log(line);
  for await (const { workload, cells } of rows(plan, progress)) {
    progress("");
    if (workload.group !== group) console.log(groupLine((group = workload.group)));
    const scale = groups[workload.group].unit === "µs" ? 1000 : 1;
    for (const line of rowLines(workload.title, cells, scale, notes)) console.log(line);
    results.push(...cells);
  }
  for (const line of footer(notes, performance.now() - start)) console.log(line);
  if (options.json) writeJson(options.json, results);
  if (results.some(({ peer, ms }) => peer === "unrolled" && ms === undefined)) process.exitCode = 1;
}

/** What the loops of the processor take at their fastest; the neighbours leave it alone at some time in these two seconds. */
async function knowProcessor() {
  const processor = new Processor(readFileSync(new URL("../../build/peak.wasm", import.meta.url)));
  for (let n = 0; n < 10; n++) await processor.start();
  return processor.fastest;
}

/** One line that is overwritten, where somebody may be looking. @param {string} text */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/**
 * @param {Notes} notes
 * @param {number} ms
 */
function footer(notes, ms) {
  const { rounds } = options;
  const processes = rounds === 1 ? "one process: a rough look, compare with three" : `median of ${rounds} processes`;
  return [
    ...["", `Time of a call and its ratio to unrolled, ${processes}; ${(ms / 60_000).toFixed(1)} minutes in all.`],
    "Same weights, inputs and labels; results compared with unrolled's to 1e-4 first, where no letter says otherwise.",
    "~  the processes differ by more than 1.25x    ?  the machine was busy: the time that the process ran counts    k  1000",
    ...notes.lines(),
  ];
}

/** @type {(file: string, cells: readonly import("./times.js").Cell[]) => void} */
function writeJson(file, cells) {
  const versions = Object.fromEntries(options.peers.map((name) => [name, version(name)]));
  const { node, v8 } = process.versions;
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, platform: process.platform, arch: process.arch };
  const settings = { date: new Date().toISOString(), machine, node, v8, rounds: options.rounds, versions };
  writeFileSync(file, `${JSON.stringify({ ...settings, workloads, cells }, undefined, 1)}\n`);
}
