// The runtimes that take no bytes: the core comes as a module that the host has compiled.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/** @import { Result } from "./runtimes.js" */
/** @import { Plugin } from "esbuild" */

/** A package of the runtimes. @param {string} tools node_modules @param {string} name */
export async function load(tools, name) {
  const require = createRequire(join(tools, "index.js"));
  return {
    module: await import(pathToFileURL(require.resolve(name)).href),
    version: require(`${name}/package.json`).version,
  };
}

/**
 * The file that a condition of the package's exports names.
 * @param {string} folder
 * @param {"workerd" | "edge-light"} condition
 */
export function entry(folder, condition, subpath = ".") {
  const directory = join(folder, "node_modules/unrolled");
  const { exports } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return join(directory, exports[subpath][condition]);
}

const worker = `
import * as library from "./unrolled.js";
import * as small from "./run.js";
import { run } from "./program.js";
export default { fetch: async () => Response.json(await run(library, small)) };
`;

/** @type {(tools: string, folder: string) => Promise<Result>} */
export async function workerd(tools, folder) {
  const { module, version } = await load(tools, "miniflare");
  const text = (/** @type {string} */ path) => readFileSync(path, "utf8");
  const core = (/** @type {string} */ name) => readFileSync(join(folder, "node_modules/unrolled/dist", name));
  const miniflare = new module.Miniflare({
    cf: false,
    compatibilityDate: "2026-04-20",
    modules: [
      { type: "ESModule", path: "worker.js", contents: worker },
      { type: "ESModule", path: "program.js", contents: text(join(folder, "program.js")) },
      { type: "ESModule", path: "unrolled.js", contents: text(entry(folder, "workerd")) },
      { type: "ESModule", path: "run.js", contents: text(entry(folder, "workerd", "./run")) },
      { type: "CompiledWasm", path: "core.wasm", contents: core("core.wasm") },
      { type: "CompiledWasm", path: "run.wasm", contents: core("run.wasm") },
    ],
  });
  try {
    const response = await miniflare.dispatchFetch("http://localhost/");
    if (!response.ok) throw new Error((await response.text()).split("\n")[0]);
    return { version: `miniflare ${version}`, outcome: await response.json() };
  } finally {
    await miniflare.dispose();
  }
}

/** Sends the import of a core to a module that the host has put there. @type {Plugin} */
const hostModule = {
  name: "host-module",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path: basename(path, "?module"), namespace: "host" }));
    onLoad({ filter: /.*/, namespace: "host" }, ({ path }) => ({
      contents: `export default globalThis.compiled[${JSON.stringify(path)}];`,
    }));
  },
};

/** A virtual machine that refuses bytes, as the edge does. @type {(tools: string, folder: string) => Promise<Result>} */
export async function edgeLight(tools, folder) {
  const { module, version } = await load(tools, "@edge-runtime/vm");
  const { outputFiles } = await build({
    stdin: {
      contents: `export * as library from "unrolled"; export * as small from "unrolled/run"; export { run } from "./program.js";`,
      resolveDir: folder,
    },
    ...{
      bundle: true,
      write: false,
      format: "iife",
      globalName: "bundle",
      conditions: ["edge-light"],
      logLevel: "error",
    },
    plugins: [hostModule],
  });
  const compile = (/** @type {string} */ name) =>
    new WebAssembly.Module(readFileSync(join(folder, "node_modules/unrolled/dist", name)));
  const compiled = { "core.wasm": compile("core.wasm"), "run.wasm": compile("run.wasm") };
  const vm = new module.EdgeVM({
    codeGeneration: { strings: false, wasm: false },
    extend: (/** @type {object} */ context) => Object.assign(context, { compiled }),
  });
  const refused = vm.evaluate(
    "try { new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0])); false } catch { true }",
  );
  if (refused !== true) throw new Error("this virtual machine takes bytes, so it proves nothing");
  vm.evaluate(outputFiles[0]?.text ?? "");
  return {
    version: `@edge-runtime/vm ${version}`,
    outcome: await vm.evaluate("bundle.run(bundle.library, bundle.small)"),
  };
}
