/** What a browser downloads to run an LSTM: the app as esbuild bundles it, and the WebAssembly that it fetches. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { apps } from "./apps.js";

const directory = import.meta.dirname;
const nodeOnly = ["fs", "path", "os", "crypto", "util", "url", "module", "worker_threads", "perf_hooks", "node:*"];

/**
 * @param {readonly string[]} names of peers
 * @param {(line: string) => void} print
 */
export async function sizes(names, print) {
  print(
    "The app of an LSTM, minified, gzip -9, in KiB; chunks that only load later, such as other devices', are left out.",
  );
  print(`${"".padEnd(20)}${["code", "fetched", "total"].map((text) => text.padStart(10)).join("")}`);
  let base = NaN;
  for (const name of names) {
    const app = apps[name];
    if (!app || app.native) continue;
    const code = gzipped(await bundle(app.file));
    const fetched = app.beside ? gzipped(readFileSync(join(directory, "node_modules", app.beside))) : 0;
    if (name === "unrolled") base = code;
    const columns = [code, fetched, code + fetched].map((bytes) => (bytes / 1024).toFixed(1).padStart(10));
    print(`  ${name.padEnd(18)}${columns.join("")}${`${((code + fetched) / base).toFixed(1)}x`.padStart(10)}`);
  }
}

/** @param {Uint8Array} bytes */
const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** The entry and the chunks that it imports statically. @param {string} file */
async function bundle(file) {
  const { metafile, outputFiles } = await build({
    stdin: { contents: `import { run } from "./apps/${file}"; run({}).then?.(console.log);`, resolveDir: directory },
    ...{ bundle: true, minify: true, splitting: true, format: "esm", platform: "browser", target: "es2022" },
    ...{
      legalComments: "none",
      metafile: true,
      write: false,
      outdir: "out",
      absWorkingDir: directory,
      logLevel: "error",
    },
    external: nodeOnly,
  });
  /** @type {Set<string>} */
  const needed = new Set();
  const visit = (/** @type {string} */ path) => {
    if (needed.has(path)) return;
    needed.add(path);
    const { imports } = metafile.outputs[path];
    for (const { path, kind, external } of imports) if (kind === "import-statement" && !external) visit(path);
  };
  visit("out/stdin.js");
  const files = outputFiles.filter(({ path }) => [...needed].some((one) => path === join(directory, one)));
  return Buffer.concat(files.map(({ contents }) => contents));
}
