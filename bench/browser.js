// The benchmark in Chromium: `npm run bench:browser`, see README.md.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { machine } from "./machine.js";
import { browserUsage, readBrowserOptions } from "./options.js";

/** @import { Browser } from "playwright-core" */

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** The page's script and what it imports: the library as it was built, so without the paths of tsconfig.json. */
async function bundle() {
  const entryPoints = [fileURLToPath(new URL("page.js", import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, format: "esm", write: false, tsconfigRaw: "{}" });
  return outputFiles[0]?.text ?? "";
}

/**
 * A server on a free port of this machine. With the two headers of isolation a page's clock has steps of 5 and not of 100 µs.
 * @param {Record<string, { type: string, content: string | Uint8Array }>} files by path
 * @returns {Promise<{ url: string, close: () => void }>}
 */
function serve(files) {
  const server = createServer(({ url = "" }, response) => {
    const file = files[url];
    response.writeHead(file ? 200 : 404, {
      "Content-Type": file?.type ?? "text/plain",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    });
    response.end(file?.content);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = address !== null && typeof address === "object" ? address.port : 0;
      resolve({ url: `http://127.0.0.1:${port}/`, close: () => server.close() });
    });
  });
}

/** @typedef {{ runInPage: (options: unknown, print: (line: string) => void) => Promise<object> }} Page */
/** @typedef {{ printLine: (line: string) => void }} Exposed */

/**
 * @param {Browser} browser
 * @param {{ only: string | undefined, quick: boolean }} options
 */
async function runIn(browser, options) {
  const { url, close } = await serve({
    "/": { type: "text/html", content: '<!doctype html><script type="module" src="page.js"></script>' },
    "/page.js": { type: "text/javascript", content: await bundle() },
    "/peak.wasm": { type: "application/wasm", content: readFileSync(new URL("../build/peak.wasm", import.meta.url)) },
  });
  try {
    const page = await browser.newPage();
    await page.exposeFunction("printLine", (/** @type {string} */ text) => console.log(text));
    await page.goto(url);
    return await page.evaluate((given) => {
      const { runInPage, printLine } = /** @type {Page & Exposed} */ (/** @type {unknown} */ (globalThis));
      return runInPage(given, printLine);
    }, options);
  } finally {
    close();
  }
}

/** @returns {Promise<Browser | undefined>} undefined if there is none */
async function launch() {
  if (existsSync(executablePath)) return chromium.launch({ executablePath, headless: true, chromiumSandbox: false });
  console.error(`There is no Chromium at ${executablePath}. Set CHROMIUM to its path, or install it, on Debian by
  apt-get update && apt-get install -y --no-install-recommends chromium`);
  process.exitCode = 1;
  return undefined;
}

async function main() {
  const args = process.argv.slice(2);
  const { help, json, ...options } = readBrowserOptions(args);
  if (help) return console.log(browserUsage);
  const browser = await launch();
  if (!browser) return;
  const runtime = `Chromium ${browser.version()}, headless`;
  const about = { ...machine(), runtime, command: ["npm run bench:browser --", ...args].join(" ") };
  for (const [name, value] of Object.entries(about)) console.log(`${name.padEnd(10)} ${value}`);
  const results = await runIn(browser, options).finally(() => browser.close());
  if (json) writeFileSync(json, `${JSON.stringify({ ...about, quick: options.quick, ...results }, undefined, 2)}\n`);
}

await main();
