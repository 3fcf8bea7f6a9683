// Real browsers over a page under a strict content security policy and without cross-origin isolation.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import * as playwright from "playwright-core";

/** @import { Browser } from "playwright-core" */
/** @import { Result } from "./runtimes.js" */

const PATIENCE_MS = 60_000;
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const types = /** @type {Record<string, string>} */ ({ ".html": "text/html", ".js": "text/javascript" });
const page =
  '<!doctype html><meta charset="utf-8"><title>running</title><script type="module" src="/page.js"></script>';
const plainScript = `
import * as library from "/node_modules/unrolled/dist/index.js";
import * as small from "/node_modules/unrolled/dist/run.js";
import { run } from "/program.js";
globalThis.answer = await run(library, small).then(JSON.stringify, (error) => "error: " + error);
document.title = "done";
`;

/** Installs packages of Debian where a file of theirs is missing. @param {string} file @param {string[]} packages */
function need(file, packages) {
  if (existsSync(file)) return;
  const cure = `apt-get install ${packages.join(" ")}`;
  try {
    const options = /** @type {const} */ ({
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    execFileSync("apt-get", ["update"], options);
    execFileSync("apt-get", ["install", "-y", "--no-install-recommends", ...packages], options);
  } catch {
    // The message below says it.
  }
  if (!existsSync(file)) throw new Error(`there is no ${file}, and it could not be installed: ${cure}`);
}

/**
 * Serves a folder, a page at "/", and its script.
 * @param {string} folder
 * @param {string} [script]
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export function serve(folder, script = plainScript) {
  const own = /** @type {Record<string, string>} */ ({ "/": page, "/page.js": script });
  const server = createServer(({ url = "/" }, response) => {
    const path = url.replace(/\?.*/, "");
    const file = join(folder, path);
    const content = own[path] ?? (existsSync(file) ? readFileSync(file) : undefined);
    const type = types[extname(path) || ".html"] ?? "application/octet-stream";
    response.writeHead(content === undefined ? 404 : 200, { "Content-Type": type, "Content-Security-Policy": POLICY });
    response.end(content);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = address !== null && typeof address === "object" ? address.port : 0;
      const close = () => void (server.close(), server.closeAllConnections());
      resolve({ url: `http://127.0.0.1:${port}/`, close });
    });
  });
}

/** Asks until there is an answer. @param {() => Promise<string | null | undefined>} ask */
async function poll(ask) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    const answer = await ask();
    if (answer?.startsWith("error: ")) throw new Error(answer);
    if (answer) return JSON.parse(answer);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no answer within ${PATIENCE_MS / 1000} seconds`);
}

/** Those that Playwright drives; `launch` installs them where they are not. */
export const browsers = {
  chromium: {
    name: "Chromium",
    /** @returns {Promise<Browser>} */
    async launch() {
      const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
      need(executablePath, ["chromium"]);
      return playwright.chromium.launch({ executablePath, headless: true, chromiumSandbox: false });
    },
  },
  firefox: {
    name: "Firefox",
    /** @returns {Promise<Browser>} */
    async launch() {
      const executablePath = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
      need(executablePath, ["firefox-esr"]);
      return playwright.firefox.launch({ executablePath, channel: "moz-firefox", headless: true });
    },
  },
};

/**
 * @param {keyof typeof browsers} which
 * @param {string} folder
 * @param {string} [script] of the page, in place of one that imports the package as it is
 * @returns {Promise<Result>}
 */
export async function inBrowser(which, folder, script) {
  const { name, launch } = browsers[which];
  const browser = await launch();
  const { url, close } = await serve(folder, script);
  try {
    const tab = await browser.newPage();
    await tab.goto(url);
    const outcome = await poll(() => tab.evaluate(() => /** @type {{ answer?: string }} */ (globalThis).answer));
    return { version: `${name} ${browser.version()}`, outcome };
  } finally {
    await browser.close();
    close();
  }
}

const MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

/** WebKitGTK by its own driver, on a display that nobody sees. @param {string} folder @returns {Promise<Result>} */
export async function webkit(folder) {
  need("/usr/bin/WebKitWebDriver", ["webkit2gtk-driver"]);
  need("/usr/bin/Xvfb", ["xvfb"]);
  const [display, port] = [`:${90 + (process.pid % 900)}`, 20_000 + (process.pid % 10_000)];
  const software = {
    LIBGL_ALWAYS_SOFTWARE: "1",
    WEBKIT_DISABLE_DMABUF_RENDERER: "1",
    WEBKIT_DISABLE_COMPOSITING_MODE: "1",
  };
  const env = { ...process.env, ...software, NO_AT_BRIDGE: "1", DISPLAY: display };
  const options = /** @type {const} */ ({ env, stdio: "ignore", detached: true });
  const screen = spawn("Xvfb", [display, "-screen", "0", "800x600x24"], options);
  const driver = spawn("WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], options);
  const { url, close } = await serve(folder);
  /** @type {(method: string, path: string, body?: object) => Promise<any>} */
  const ask = async (method, path, body) => {
    const request = { method, ...(body && { body: JSON.stringify(body) }) };
    const { value } = await (await fetch(`http://127.0.0.1:${port}${path}`, request)).json();
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  try {
    await listening(() => ask("GET", "/status"));
    const browser = { "webkitgtk:browserOptions": { binary: MINI_BROWSER, args: ["--automation"] } };
    const { sessionId, capabilities } = await ask("POST", "/session", { capabilities: { alwaysMatch: browser } });
    const session = `/session/${sessionId}`;
    await ask("POST", `${session}/url`, { url });
    const outcome = await poll(() =>
      ask("POST", `${session}/execute/sync`, { script: "return globalThis.answer ?? null", args: [] }),
    );
    await ask("DELETE", session);
    return { version: `WebKitGTK ${capabilities.browserVersion}`, outcome };
  } finally {
    close();
    for (const { pid } of [driver, screen]) if (pid) process.kill(-pid);
  }
}

/** Waits until a server answers. @param {() => Promise<unknown>} ask */
async function listening(ask) {
  for (let n = 0; n < 100; n++) {
    const answers = await ask().then(
      () => true,
      () => false,
    );
    if (answers) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("WebKitWebDriver does not answer");
}
