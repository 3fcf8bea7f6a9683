// What `wrangler deploy` would upload, and a server that runs it as it is.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

const here = import.meta.dirname;
const wrangler = createRequire(import.meta.url).resolve("wrangler/bin/wrangler.js");

/** Bundles the Worker into a folder of its own, which goes when the process ends. */
export function bundle() {
  const folder = mkdtempSync(join(tmpdir(), "unrolled-cloudflare-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const output = execFileSync(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", folder], {
    cwd: here,
    encoding: "utf8",
    env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" },
  });
  return { folder, output };
}

/**
 * workerd with the bundle in a folder.
 * @param {string} folder
 * @param {string} [storage] where Durable Objects are kept; without it, nowhere
 */
export async function serve(folder, storage) {
  const { workerOptions } = unstable_getMiniflareWorkerOptions(join(here, "wrangler.jsonc"));
  const miniflare = new Miniflare({
    ...workerOptions,
    modules: true,
    modulesRoot: folder,
    scriptPath: join(folder, "index.js"),
    cf: false,
    ...(storage !== undefined && { durableObjectsPersist: storage }),
  });
  return { url: await miniflare.ready, stop: () => miniflare.dispose() };
}
