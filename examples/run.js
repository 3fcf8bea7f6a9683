// npm run example                        lists the examples
// npm run example NAME …                 runs some of them
// npm run example -- --all               runs all
//   --quick                              with less data and fewer epochs, a matter of seconds each
//   --write                              puts what was reached into results.json and into the table of README.md
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { heading, table } from "./common.js";

/** @import { Result } from "./common.js" */
/** What an example has reached. @typedef {{ data: string, seconds: number, results: Result[] }} Outcome */

const folder = import.meta.dirname;
const root = join(folder, "..");
const shell = process.platform === "win32"; // there, npm is no program but a script
const npm = shell ? "npm.cmd" : "npm";
const names = readdirSync(folder).filter((name) => name !== "node_modules" && existsSync(fileOf(name)));
const { devDependencies: packages } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: "boolean", default: false },
    quick: { type: "boolean", default: process.env.UNROLLED_QUICK !== undefined },
    write: { type: "boolean", default: false },
  },
});
const chosen = options.all ? names : positionals;
const unknown = chosen.filter((name) => !names.includes(name));

if (unknown.length > 0) fail(`There is no example ${unknown.join(", ")}. There are ${names.join(", ")}.`);
else if (options.write && options.quick) fail("--write is for full runs: what --quick reaches is not kept.");
else if (chosen.length === 0) list();
else runAll();

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exitCode = 1;
}

/** @param {string} name */
function fileOf(name) {
  return join(folder, name, "index.js");
}

/** The first line of an example says what it does. @param {string} name */
function describe(name) {
  return /^\/\/ (.*)/.exec(readFileSync(fileOf(name), "utf8"))?.[1] ?? "";
}

function list() {
  console.log(`${table(names.map((name) => [`  ${name}`, describe(name)]))}\n`);
  console.log("npm run example NAME runs one, npm run example NAME -- --quick a short version of it.");
}

function runAll() {
  install();
  build();
  const outcomes = new Map(chosen.map((name) => [name, run(name)]));
  const failed = chosen.filter((name) => !outcomes.get(name)?.passed);
  if (chosen.length > 1) {
    heading("all");
    console.log(table([...outcomes].flatMap(([name, { outcome }]) => summarize(name, outcome))));
  }
  if (options.write) write(outcomes);
  if (failed.length > 0) fail(`\nFailed: ${failed.join(", ")}`);
}

/** Builds the library; what that says is of interest only if it fails. */
function build() {
  console.log("Building the library …");
  const { status, stdout, stderr } = spawnSync(npm, ["run", "build", "--silent"], {
    cwd: root,
    encoding: "utf8",
    shell,
  });
  if (status !== 0) throw new Error(`the build has failed\n${stdout}${stderr}`);
}

/** Installs the data that the chosen examples import, on first use. */
function install() {
  const sources = chosen.map((name) => readFileSync(fileOf(name), "utf8"));
  const missing = Object.keys(packages).filter((name) => {
    const isUsed = sources.some((source) => new RegExp(`["\`]${name}["/]`).test(source));
    const manifest = join(folder, "node_modules", name, "package.json");
    const installed = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")).version : undefined;
    return isUsed && installed !== packages[name];
  });
  if (missing.length === 0) return;
  console.log(`Installing the data of the examples once, into examples/node_modules: ${missing.join(", ")} …\n`);
  const command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  execFileSync(npm, command, { cwd: folder, stdio: "inherit", shell });
}

/** @param {string} name */
function run(name) {
  const results = mkdtempSync(join(tmpdir(), "unrolled-example-"));
  const file = join(results, "results.json");
  const { UNROLLED_QUICK: fromOutside, ...environment } = process.env;
  console.log(`\n═══ ${name}: ${describe(name)}\n`);
  try {
    const { status } = spawnSync(process.execPath, [fileOf(name)], {
      stdio: "inherit",
      env: { ...environment, ...(options.quick && { UNROLLED_QUICK: fromOutside ?? "1" }), UNROLLED_RESULTS: file },
    });
    /** @type {Outcome | undefined} */
    const outcome = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
    return { outcome, passed: status === 0 && outcome !== undefined };
  } finally {
    rmSync(results, { recursive: true });
  }
}

/** @param {string} name @param {Outcome | undefined} outcome */
function summarize(name, outcome) {
  if (!outcome) return [[name, "ended without a result"]];
  return outcome.results.map(({ measure, reached, baseline, digits = 3, passed }, i) => [
    i === 0 ? name : "",
    measure,
    reached.toFixed(digits),
    `${baseline[1].toFixed(digits)} ${baseline[0]}`,
    passed ? "passes" : "MISSES",
    i === 0 ? `${outcome.seconds.toFixed(0)} s` : "",
  ]);
}

/**
 * Keeps the outcomes beside those of earlier runs and makes the table of README.md anew.
 * @param {Map<string, { outcome: Outcome | undefined }>} outcomes
 */
function write(outcomes) {
  const file = join(folder, "results.json");
  /** @type {Record<string, Outcome & { machine: string }>} */
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  const machine = `${cpus()[0]?.model.trim()}, Node ${process.versions.node}`;
  for (const [name, { outcome }] of outcomes) if (outcome) kept[name] = { machine, ...outcome };
  const sorted = names.flatMap((name) => (kept[name] ? [/** @type {const} */ ([name, kept[name]])] : []));
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
  const rows = sorted.flatMap(([name, outcome]) =>
    summarize(name, outcome).map(([shown, measure, reached, baseline, , seconds]) => [
      shown ? `\`npm run example ${shown}\`` : "",
      shown ? outcome.data : "",
      ...[measure, `**${reached}**`, baseline, seconds],
    ]),
  );
  const header = ["command", "data", "measure", "reached", "baseline", "time"];
  const lines = [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  const readme = join(folder, "README.md");
  const [before, after] = [/^[^]*<!-- results -->\n/, /<!-- end of results -->[^]*$/].map(
    (part) => part.exec(readFileSync(readme, "utf8"))?.[0],
  );
  const machines = [...new Set(sorted.map(([, outcome]) => outcome.machine))].join("; ");
  writeFileSync(readme, `${before}\n${lines.join("\n")}\n\nOn ${machines}.\n\n${after}`);
  execFileSync(join(root, "node_modules/.bin/prettier"), ["--write", file, readme], {
    shell,
  });
}
