// `npm run test:bundlers`: the packed tarball through every bundler without configuration, built and run in Chromium, and for a
// server in Node: the same hash as everywhere.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rollup, VERSION as rollupVersion } from "rollup";
import * as vite from "vite";
import { inBrowser } from "../runtimes/browsers.js";
import { installPackage, readExpected, report } from "../runtimes/package.js";

/** @import { Outcome } from "../runtimes/package.js" */

/** Builds entry into the folder `out` and returns the file. @typedef {(entry: string, out: string) => Promise<string>} Build */
/** @typedef {{ title: string, version: string, build: Build, target: "browser" | "node" }} Bundler */

const here = import.meta.dirname;
const app = `
import * as library from "unrolled";
import * as small from "unrolled/run";
import { run } from "./program.js";
globalThis.answer = await run(library, small).then(JSON.stringify, (error) => "error: " + error);
`;
const serverApp = `${app}\nconsole.log(globalThis.answer);\n`;

/** @returns {{ version: string, build: (target: "web" | "node") => Build }} */
function webpack() {
  if (!existsSync(join(here, "node_modules"))) {
    const args = ["ci", "--prefix", here, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
    execFileSync("npm", args, { stdio: "inherit", shell: process.platform === "win32" });
  }
  const { webpack: run, version } = createRequire(join(here, "index.js"))("webpack");
  /** @param {"web" | "node"} target @returns {Build} */
  const build = (target) => (entry, out) =>
    new Promise((resolve, reject) => {
      const output = { path: out, filename: "app.mjs" };
      /** @type {(error: Error | null, stats: { hasErrors(): boolean, toString(): string }) => void} */
      const done = (error, stats) => {
        if (error ?? stats.hasErrors()) reject(error ?? new Error(stats.toString()));
        else resolve(join(out, "app.mjs"));
      };
      run({ mode: "production", target, context: join(entry, ".."), entry, output }, done);
    });
  return { version, build };
}

/** @type {Build} */
async function buildWithEsbuild(entry, out) {
  const outfile = join(out, "app.js");
  await esbuild.build({ entryPoints: [entry], bundle: true, minify: true, format: "esm", outfile, logLevel: "error" });
  return outfile;
}

/** @type {Build} */
async function buildWithRollup(entry, out) {
  const file = join(out, "app.js");
  const bundle = await rollup({ input: entry, plugins: [nodeResolve()] });
  await bundle.write({ file, format: "es" });
  return file;
}

/** @param {boolean} ssr @returns {Build} */
const buildWithVite = (ssr) => async (entry, out) => {
  const root = join(entry, "..");
  const rollupOptions = { input: entry, output: { entryFileNames: "app.js" } };
  const build = { outDir: out, emptyOutDir: true, ssr, target: "es2022", rollupOptions };
  await vite.build({ root, configFile: false, logLevel: "error", build, ...(ssr && { ssr: { noExternal: true } }) });
  return join(out, "app.js");
};

/** @returns {Bundler[]} */
function bundlers() {
  const { version, build } = webpack();
  return [
    { title: "esbuild", version: esbuild.version, build: buildWithEsbuild, target: "browser" },
    { title: "Rollup", version: rollupVersion, build: buildWithRollup, target: "browser" },
    { title: "Vite", version: vite.version, build: buildWithVite(false), target: "browser" },
    { title: "Vite, server", version: vite.version, build: buildWithVite(true), target: "node" },
    { title: "webpack", version, build: build("web"), target: "browser" },
    { title: "webpack, server", version, build: build("node"), target: "node" },
  ];
}

/** @param {string} file @param {string} folder @returns {Promise<Outcome>} */
async function inChromium(file, folder) {
  const { outcome } = await inBrowser("chromium", folder, readFileSync(file, "utf8"));
  return outcome;
}

/** @param {string} file @returns {Outcome} */
const inNode = (file) => JSON.parse(execFileSync(process.execPath, [file], { encoding: "utf8" }));

async function main() {
  const folder = installPackage();
  const expected = readExpected();
  let failures = 0;
  try {
    for (const [k, { title, version, build, target }] of bundlers().entries()) {
      const outcome = await report(title, expected, async () => {
        const entry = join(folder, `app-${target}.js`);
        writeFileSync(entry, target === "node" ? serverApp : app);
        const out = join(folder, `out-${k}`);
        mkdirSync(out);
        const file = await build(entry, out);
        return { version, outcome: target === "node" ? inNode(file) : await inChromium(file, out) };
      });
      if (!outcome) failures++;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exitCode = failures > 0 ? 1 : 0;
}

await main();
