// Where the bytes of the apps of test/size go: how much of each minified bundle comes from which source file.
import { gzipSync } from "node:zlib";
import { eachMapping, TraceMap } from "@jridgewell/trace-mapping";
import { build } from "esbuild";

/** Files below this share of the bundle are counted together. */
const SMALL = 0.015;

for (const app of ["run", "train"]) {
  const { outputFiles } = await build({
    entryPoints: [`test/size/${app}.js`],
    absWorkingDir: new URL("..", import.meta.url).pathname,
    bundle: true,
    minify: true,
    tsconfigRaw: {}, // the package, not the sources that the type check takes for it
    format: "esm",
    write: false,
    outdir: "build",
    sourcemap: "external",
  });
  const text = (/** @type {string} */ extension) =>
    outputFiles.find(({ path }) => path.endsWith(extension))?.text ?? "";
  const code = text(".js");
  const gzip = gzipSync(code, { level: 9 }).length;
  console.log(`\n| ${app}.js: ${code.length} bytes minified, ${gzip} gzip | bytes | share |\n|---|--:|--:|`);
  for (const [part, bytes] of groupSmall(partsOf(code, text(".map")))) {
    console.log(`| ${part} | ${bytes} | ${((100 * bytes) / code.length).toFixed(1)} % |`);
  }
}

/**
 * Bytes by source file, by the places that the source map marks in the bundle.
 * @param {string} code
 * @param {string} map
 */
function partsOf(code, map) {
  const starts = [0, ...Array.from(code.matchAll(/\n/g), ({ index }) => index + 1)];
  const parts = /** @type {Record<string, number>} */ ({});
  let last = { at: 0, name: nameOf(null) };
  const count = (/** @type {number} */ to) => {
    parts[last.name] = (parts[last.name] ?? 0) + to - last.at;
  };
  eachMapping(new TraceMap(map), ({ generatedLine, generatedColumn, source }) => {
    const at = (starts[generatedLine - 1] ?? 0) + generatedColumn;
    count(at);
    last = { at, name: nameOf(source) };
  });
  count(code.length);
  return parts;
}

/** @param {string | null} source */
function nameOf(source) {
  if (source?.endsWith("-bytes.ts")) return "the core";
  return source?.replace(/^.*bindings\//, "") ?? "the bundler";
}

/** @param {Record<string, number>} parts @returns {[string, number][]} */
function groupSmall(parts) {
  const total = Object.values(parts).reduce((a, b) => a + b, 0);
  const entries = Object.entries(parts).sort(([, a], [, b]) => b - a);
  const large = entries.filter(([, bytes]) => bytes >= SMALL * total);
  const rest = entries.slice(large.length);
  const sum = rest.reduce((a, [, bytes]) => a + bytes, 0);
  return [...large, [`${rest.length} more`, sum]];
}
