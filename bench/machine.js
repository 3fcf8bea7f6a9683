import { readFileSync, statSync } from "node:fs";
import { arch, cpus, release, totalmem, type } from "node:os";

/** What the figures depend on. */
export function machine() {
  const processor = cpus()[0]?.model.trim() ?? "unknown";
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return {
    processor: `${processor}, ${cpus().length} threads`,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GB`,
    system: `${type()} ${release()} ${arch()}`,
    runtime: `Node ${process.version}, V8 ${process.versions.v8}`,
    library: `unrolled ${version}, core ${statSync(new URL("../build/core.wasm", import.meta.url)).size} bytes`,
    date: new Date().toISOString(),
  };
}
