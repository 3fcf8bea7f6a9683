// Packs the package, installs the tarball offline in an empty folder and uses it there.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = `
import assert from "node:assert/strict";
import { Network, lstm, dense } from "unrolled";

const net = new Network({ input: { features: 3 }, layers: [lstm(8), dense(2)], seed: 1 });
assert.equal([...net.parameters].length, 6);

const bytes = net.save();
const copy = Network.load(bytes);
assert.deepEqual([...copy.parameters].map((p) => p.name), [...net.parameters].map((p) => p.name));
assert.deepEqual(copy.save(), bytes);
console.log("packed, installed and used: 6 parameters, " + bytes.length + " bytes saved and loaded");
`;

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "unrolled-smoke-"));

/**
 * @param {string} command
 * @param {string[]} parameters
 * @param {string} cwd
 */
const run = (command, parameters, cwd) => execFileSync(command, parameters, { cwd, stdio: "inherit" });

try {
  run("npm", ["pack", "--silent", "--pack-destination", folder], root);
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack has written no tarball");

  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  writeFileSync(join(folder, "smoke.js"), program);
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${tarball}`], folder);
  run(process.execPath, ["smoke.js"], folder);
  run(join(folder, "node_modules/.bin/unrolled"), ["--help"], folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
