// Packs the package, installs the tarball offline in an empty folder, looks at what is in it, asks TypeScript about its
// types, and uses it there, by the first lines of the README too.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix, relative } from "node:path";
import { checkTypes } from "./check-types.mjs";

const root = join(import.meta.dirname, "..");

/** Declarations of the public types: those of the entries and what these name. */
const typed = filesOf(join(root, "dist/types")).filter((file) => file.endsWith(".d.ts"));
const sources = filesOf(join(root, "bindings")).filter((file) => !file.startsWith("cli/"));

const files = [
  ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
  ...["cli", "cli.draw"].flatMap((name) => [`dist/${name}.js`, `dist/${name}.licenses.txt`]),
  ...[
    "index.html",
    "style.css",
    "icon.svg",
    "page.js",
    "worker.js",
    "uplot.license.txt",
    "sunspots.csv",
    "asyoulik.txt",
  ].map((name) => `dist/playground/${name}`),
  ...["index", "run", "formats", "onnx"].flatMap((name) => [
    `dist/${name}.js`,
    `dist/${name}.js.map`,
    `dist/${name}.licenses.txt`,
  ]),
  ...["workerd", "edge-light"].flatMap((name) => [`dist/${name}.js`, `dist/${name}.js.map`]),
  ...["run.workerd", "run.edge-light"].flatMap((name) => [`dist/${name}.js`, `dist/${name}.js.map`]),
  ...["dist/core.wasm", "dist/run.wasm"],
  ...typed.flatMap((name) => [`dist/types/${name}`, `dist/types/${name}.map`]),
  ...sources.map((name) => `bindings/${name}`),
];

const program = `
import assert from "node:assert/strict";
import { FormatError, Network, lstm, dense } from "unrolled";
import { exportOnnx, importOnnx } from "unrolled/onnx";
import * as small from "unrolled/run";
import * as formats from "unrolled/formats";

const net = new Network({ input: { features: 3 }, layers: [lstm(8), dense(2)], seed: 1 });
assert.equal([...net.parameters].length, 6);

const bytes = net.save();
const copy = Network.load(bytes);
assert.deepEqual([...copy.parameters].map((p) => p.name), [...net.parameters].map((p) => p.name));
assert.deepEqual(copy.save(), bytes);
const back = importOnnx(exportOnnx(net));
assert(back instanceof Network);
assert.deepEqual(back.parameterVector, net.parameterVector);
assert.deepEqual(small.Network.load(bytes).parameterVector, net.parameterVector);
const layer = { weights: [[1, -2, 0.5]], biases: [0.25] };
const brain = formats.importBrainJs({ type: "NeuralNetwork", sizes: [3, 1], layers: [{}, layer] });
assert(brain instanceof Network);
assert.throws(() => formats.importKeras(bytes), FormatError);
console.log("packed, installed and used: 6 parameters, " + bytes.length + " bytes saved and loaded");
`;

const folder = mkdtempSync(join(tmpdir(), "unrolled-smoke-"));

/**
 * @param {string} command
 * @param {string[]} parameters
 * @param {string} cwd
 */
const run = (command, parameters, cwd) => execFileSync(command, parameters, { cwd, stdio: "inherit" });

/** The files in a folder and in those within it. @param {string} folder */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

/** Exactly the files that users need. @param {string} installed */
function checkFiles(installed) {
  assert.deepEqual(filesOf(installed).sort(), [...files].sort());
  for (const file of files)
    assert(!readFileSync(join(installed, file)).includes(root), `${file} tells where it was built`);
}

/**
 * Source maps: of code, they work alone, each source by a path in the project, with its text; of types, they name a source that
 * lies in the package, as editors open nothing else.
 * @param {string} installed
 */
function checkSourceMaps(installed) {
  for (const file of files.filter((name) => name.endsWith(".map"))) {
    const map = JSON.parse(readFileSync(join(installed, file), "utf8"));
    assert.equal(map.version, 3);
    /** @type {string[]} */
    const named = map.sources.map((/** @type {string} */ source) =>
      posix.normalize(`${posix.dirname(file)}/${map.sourceRoot ?? ""}${source}`),
    );
    if (file.endsWith(".d.ts.map")) {
      assert.deepEqual(named, [file.replace(/^dist\/types\//, "").replace(/\.d\.ts\.map$/, ".ts")]);
      assert(
        named.every((source) => files.includes(source)),
        `${file} names a source that is not in the package`,
      );
    } else {
      assert(named.length > 0 && named.length === map.sourcesContent?.length, `${file} lacks texts of its sources`);
      for (const [k, source] of named.entries()) {
        assert.match(source, /^((bindings|build)\/[\w./-]+\.ts|node_modules\/(fflate|pbf)\/[\w./-]+\.js)$/, file);
        assert(typeof map.sourcesContent[k] === "string", `${file} lacks the text of ${source}`);
      }
    }
    const text = readFileSync(join(installed, file.slice(0, -".map".length)), "utf8");
    assert(text.trimEnd().endsWith(`//# sourceMappingURL=${posix.basename(file)}`), `nothing names ${file}`);
  }
}

/** The README's first program, as a newcomer pastes it, prints what the README says. @param {string} cwd */
function checkReadme(cwd) {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, code, output] = /^```js\n(.*?)^```$.*?^```text\n(.*?)^```$/ms.exec(readme) ?? [];
  assert(code !== undefined && output !== undefined, "README.md begins with a program and what it prints");
  writeFileSync(join(cwd, "learn.mjs"), code);
  assert.equal(execFileSync(process.execPath, ["learn.mjs"], { cwd, encoding: "utf8" }), output);
  console.log(output);
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
  checkTypes(folder);
  run(process.execPath, ["smoke.js"], folder);
  checkReadme(folder);
  run(join(folder, "node_modules/.bin/unrolled"), ["--help"], folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
