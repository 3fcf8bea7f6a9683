// The packed tarball as a user has it, and what the program gives with it.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** @typedef {{ sha256: string, parts: { name: string, sha256: string }[] }} Outcome */

const here = import.meta.dirname;
const root = join(here, "../..");

export const expectedFile = join(here, "expected.json");

/** @returns {Outcome} */
export const readExpected = () => JSON.parse(readFileSync(expectedFile, "utf8"));

/** A folder with the packed tarball installed, as a user has it, and a program of this folder. */
export function installPackage(program = "program.js") {
  const folder = mkdtempSync(join(tmpdir(), "unrolled-runtimes-"));
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
    cwd: root,
    stdio: "ignore",
  });
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  execFileSync("npm", ["install", "--offline", "--no-audit", "--no-fund", "--silent", `./${tarball}`], { cwd: folder });
  cpSync(join(here, program), join(folder, "program.js"));
  cpSync(join(here, "main.js"), join(folder, "main.js"));
  return folder;
}

/**
 * Runs the program somewhere and prints a line of the table.
 * @param {string} title
 * @param {Outcome | undefined} expected undefined: whatever comes
 * @param {() => Promise<{ version: string, outcome: Outcome }>} run
 * @returns {Promise<Outcome | undefined>} undefined if it failed or differs
 */
export async function report(title, expected, run) {
  const started = performance.now();
  /** @type {(version: string, hash: string, verdict: string) => void} */
  const print = (version, hash, verdict) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
    const cells = [title.padEnd(15), version.slice(0, 22).padEnd(22), hash.slice(0, 16).padEnd(16)];
    console.log(`${cells.join(" ")} ${seconds} s  ${verdict}`);
  };
  try {
    const { version, outcome } = await run();
    const same = expected === undefined || outcome.sha256 === expected.sha256;
    print(version, outcome.sha256, same ? "same" : `DIFFERS: ${differences(outcome, expected)}`);
    return same ? outcome : undefined;
  } catch (error) {
    print("", "", `FAILED: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The parts that are not as expected. @param {Outcome} outcome @param {Outcome} expected */
function differences({ parts }, expected) {
  const wrong = parts.filter(({ sha256 }, k) => sha256 !== expected.parts[k]?.sha256);
  return wrong.map(({ name }) => name).join("; ");
}
