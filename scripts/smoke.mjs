// Packs the package, installs the tarball offline in an empty folder, looks at what is in it and uses it there.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, normalize, relative } from "node:path";

const files = [
  ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
  ...["dist/cli.js", "dist/cli.licenses.txt", "dist/core.wasm", "dist/index.d.ts", "dist/index.licenses.txt"],
  ...["dist/edge-light.js", "dist/edge-light.js.map", "dist/index.js", "dist/index.js.map"],
  ...["dist/run.d.ts", "dist/run.licenses.txt", "dist/run.wasm", "dist/workerd.js", "dist/workerd.js.map"],
  ...["run", "run.edge-light", "run.workerd"].flatMap((name) => [`dist/${name}.js`, `dist/${name}.js.map`]),
];

const program = `
import assert from "node:assert/strict";
import { Network, lstm, dense } from "unrolled";
import * as small from "unrolled/run";

const net = new Network({ input: { features: 3 }, layers: [lstm(8), dense(2)], seed: 1 });
assert.equal([...net.parameters].length, 6);

const bytes = net.save();
const copy = Network.load(bytes);
assert.deepEqual([...copy.parameters].map((p) => p.name), [...net.parameters].map((p) => p.name));
assert.deepEqual(copy.save(), bytes);
assert.deepEqual(small.Network.load(bytes).parameterVector, net.parameterVector);
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

/** Exactly the files that users need. @param {string} installed */
function checkFiles(installed) {
  const found = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(installed, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
  assert.deepEqual(found.sort(), [...files].sort());
  for (const file of files)
    assert(!readFileSync(join(installed, file)).includes(root), `${file} tells where it was built`);
}

/** Source maps that work alone: each source by a path in the project, with its text. @param {string} installed */
function checkSourceMaps(installed) {
  for (const file of files.filter((name) => name.endsWith(".map"))) {
    const { version, sources, sourcesContent } = JSON.parse(readFileSync(join(installed, file), "utf8"));
    assert.equal(version, 3);
    assert(sources.length > 0 && sources.length === sourcesContent?.length, `${file} lacks texts of its sources`);
    for (const [k, source] of sources.entries()) {
      assert.match(normalize(`dist/${source}`).replaceAll("\\", "/"), /^(bindings|build)\/[\w./-]+\.ts$/, file);
      assert(typeof sourcesContent[k] === "string", `${file} lacks the text of ${source}`);
    }
    const code = readFileSync(join(installed, file.slice(0, -".map".length)), "utf8");
    assert(code.trimEnd().endsWith(`//# sourceMappingURL=${file.slice("dist/".length)}`), `nothing names ${file}`);
  }
}

try {
  run("npm", ["pack", "--silent", "--pack-destination", folder], root);
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack has written no tarball");

  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  writeFileSync(join(folder, "smoke.js"), program);
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${tarball}`], folder);
  checkFiles(join(folder, "node_modules/unrolled"));
  checkSourceMaps(join(folder, "node_modules/unrolled"));
  run(process.execPath, ["smoke.js"], folder);
  run(join(folder, "node_modules/.bin/unrolled"), ["--help"], folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
