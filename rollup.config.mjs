import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import commonjs from "@rollup/plugin-commonjs";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { dts } from "rollup-plugin-dts";
import esbuild from "rollup-plugin-esbuild";

const root = import.meta.dirname;
const library = join(root, "bindings/index.ts");
const moduleFromBytes = join(root, "bindings/core/module.ts");
const moduleFromImport = join(root, "bindings/core/module.workerd.ts");

/** @typedef {import("rollup").Plugin} Plugin */

/**
 * Sends imports of the source file `from` to `to`.
 * @param {string} from
 * @param {import("rollup").PartialResolvedId} to
 * @returns {Plugin}
 */
const redirect = (from, to) => ({
  name: "redirect",
  async resolveId(source, importer, options) {
    if (importer === undefined || !source.startsWith(".")) return null;
    const resolved = await this.resolve(source, importer, { ...options, skipSelf: true });
    return resolved?.id === from ? to : null;
  },
});

/**
 * Leaves the import of the core in the output, beside which core.wasm lies.
 * @type {Plugin}
 */
const wasmBeside = {
  name: "wasm-beside",
  resolveId: (source) => (source.endsWith(".wasm") ? { id: "./core.wasm", external: true } : null),
};

/** @type {Plugin} */
const copyCore = {
  name: "copy-core",
  buildStart() {
    mkdirSync("dist", { recursive: true });
    copyFileSync("build/core.wasm", "dist/core.wasm");
  },
};

/** @type {Plugin} */
const executable = {
  name: "executable",
  transform: (code) => (code.startsWith("#!") ? { code: code.slice(code.indexOf("\n")), map: null } : null),
  writeBundle: ({ file }) => chmodSync(/** @type {string} */ (file), 0o755),
};

/**
 * The command reaches the library through its public entry; anything past it would be in the package twice.
 * @type {Plugin}
 */
const publicOnly = {
  name: "public-only",
  load(id) {
    const path = relative(root, id);
    if (path.startsWith("bindings/") && !path.startsWith("bindings/cli/")) {
      this.warn(`${path} is bundled a second time: let the command import it from bindings/index.ts`);
    }
    return null;
  },
};

/**
 * Writes the licences of the packages bundled into a file next to it.
 * @param {string} fileName
 * @param {readonly string[]} compiled packages that are in it in another form
 * @returns {Plugin}
 */
const licenses = (fileName, compiled = []) => ({
  name: "licenses",
  generateBundle(_options, bundle) {
    const bundled = new Set(compiled.map((name) => join(root, "node_modules", name)));
    for (const output of Object.values(bundle)) {
      for (const id of output.type === "chunk" ? Object.keys(output.modules) : []) {
        const match = /.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(id.replaceAll("\\", "/"));
        if (match && !id.startsWith("\0")) bundled.add(match[0]);
      }
    }
    const source = [...bundled]
      .sort()
      .map(licenseOf)
      .join(`\n${"-".repeat(80)}\n\n`);
    if (source !== "") this.emitFile({ type: "asset", fileName, source });
  },
});

/** @param {string} directory */
function licenseOf(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  if (files.length === 0) throw new Error(`${name} has no licence file`);
  return [
    `${name} ${version} (${license})\n`,
    ...files.map((file) => readFileSync(join(directory, file), "utf8")),
  ].join("\n");
}

const typescript = () => esbuild({ target: "es2022", tsconfig: false, loaders: { ".json": "json" } });
const watch = { exclude: "dist/**" };

/** @type {import("rollup").RollupOptions[]} */
export default [
  {
    input: library,
    output: { file: "dist/index.js", format: "es", sourcemap: true },
    plugins: [copyCore, nodeResolve(), typescript(), licenses("index.licenses.txt", ["assemblyscript"])],
    watch,
  },
  {
    input: library,
    // One for each way in which a host names a compiled module.
    output: [
      { file: "dist/workerd.js", format: "es", sourcemap: true },
      { file: "dist/edge-light.js", format: "es", sourcemap: true, paths: { "./core.wasm": "./core.wasm?module" } },
    ],
    plugins: [redirect(moduleFromBytes, { id: moduleFromImport }), wasmBeside, nodeResolve(), typescript()],
    watch,
  },
  {
    input: library,
    output: { file: "dist/index.d.ts", format: "es" },
    plugins: [wasmBeside, dts()],
    watch,
  },
  {
    input: join(root, "bindings/cli/index.ts"),
    output: { file: "dist/cli.js", format: "es", banner: "#!/usr/bin/env node" },
    external: /^node:/,
    plugins: [
      redirect(library, { id: "./index.js", external: true }),
      publicOnly,
      executable,
      nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }),
      commonjs(),
      typescript(),
      licenses("cli.licenses.txt"),
    ],
    watch,
  },
];
