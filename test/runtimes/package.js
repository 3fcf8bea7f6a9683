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

/** A folder with the packed tarball installed, as a user has it, and the program. */
export function installPackage() {
  const folder = mkdtempSync(join(tmpdir(), "unrolled-runtimes-"));
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
    cwd: root,
    stdio: "ignore",
  });
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  execFileSync("npm", ["install", "--offline", "--no-audit", "--no-fund", "--silent", `./${tarball}`], { cwd: folder });
  for (const file of ["program.js", "main.js"]) cpSync(join(here, file), join(folder, file));
  return folder;
}

/** A line of the table. @type {(title: string, version: string, hash: string, ms: number, verdict: string) => string} */
export function line(title, version, hash, ms, verdict) {
  const seconds = (ms / 1000).toFixed(1).padStart(6);
  return `${title.padEnd(14)} ${version.slice(0, 22).padEnd(22)} ${hash.slice(0, 16).padEnd(16)} ${seconds} s  ${verdict}`;
}
