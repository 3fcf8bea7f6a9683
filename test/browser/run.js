// `npm run test:browser`: how the packed tarball behaves in a page, in Chromium and Firefox, under a strict content security policy
// and without cross-origin isolation. What fails a check is counted; times are printed, and fail it with `--strict` alone, on a
// machine that does nothing else. `--only firefox` picks a browser, `--screenshots FOLDER` keeps pictures of the example.
import { spawn } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { browsers, serve } from "../runtimes/browsers.js";
import { installPackage } from "../runtimes/package.js";

/** @import { Browser, JSHandle, Page } from "playwright-core" */
/** @import { Asked } from "./page.js" */

const PATIENCE_MS = 30_000;
const LONGEST_TASK_MS = 50;
const LOWEST_FPS = 58;
const root = join(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    strict: { type: "boolean", default: false },
    screenshots: { type: "string" },
  },
});

/** The package installed, and beside it the example and the tests, as they lie in the repository. */
function prepare() {
  const folder = installPackage();
  const files = [
    "examples/browser",
    "examples/data",
    "test/browser",
    "test/runtimes/program.js",
    "test/runtimes/expected.json",
  ];
  for (const file of files) cpSync(join(root, file), join(folder, file), { recursive: true });
  return folder;
}

let failures = 0;

/** Prints a line of the table. @param {string} title @param {() => Promise<string>} check */
async function report(title, check) {
  const started = performance.now();
  const patience = new AbortController();
  const tooLong = setTimeout(PATIENCE_MS, undefined, { signal: patience.signal }).then(() => {
    throw new Error(`no answer within ${PATIENCE_MS / 1000} seconds`);
  });
  const verdict = await Promise.race([check(), tooLong]).catch((error) => {
    failures++;
    return `FAILED: ${error instanceof Error ? error.message : String(error)}`;
  });
  patience.abort();
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  console.log(`  ${title.padEnd(36)} ${seconds} s  ${verdict}`);
}

/** @param {number} ms */
const round = (ms) => `${Math.round(ms)} ms`;

/** With `--strict` alone. @param {boolean} condition @param {string} message */
function expectInTime(condition, message) {
  if (values.strict && !condition) throw new Error(message);
}

/** What page.js has for us. @param {Page} tab @returns {Promise<JSHandle<Asked>>} */
async function askable(tab) {
  const handle = await tab.evaluateHandle(() => /** @type {{ asked?: Asked }} */ (globalThis).asked);
  return /** @type {JSHandle<Asked>} */ (handle);
}

/** @param {JSHandle<Asked>} page */
async function runChecks(page) {
  const names = await page.evaluate(({ checks }) => Object.keys(checks));
  for (const name of /** @type {(keyof Asked["checks"])[]} */ (names)) {
    await report(name, () => page.evaluate(async ({ checks }, name) => checks[name](), name));
  }
}

/**
 * In the page: the rate of its next frames and the longest time between two of them.
 * @param {number} count
 * @returns {Promise<{ fps: number, longest: number }>}
 */
function drawFrames(count) {
  return new Promise((resolve) => {
    /** @type {number[]} */
    const times = [];
    const draw = (/** @type {number} */ now) => {
      times.push(now);
      if (times.length <= count) return void requestAnimationFrame(draw);
      const longest = Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? time)));
      resolve({ fps: (1000 * count) / (now - (times[0] ?? now)), longest });
    };
    requestAnimationFrame(draw);
  });
}

/** @param {{ fps: number, longest: number }} frames */
const showFrames = ({ fps, longest }) => `${fps.toFixed(0)} frames a second (longest ${round(longest)})`;

/** @typedef {Parameters<Asked["fitUntilClick"]>[0]} Size */

/** @type {Size[]} */
const sizes = [
  { units: 64, batch: 8, time: 32, yieldEvery: 8 },
  { units: 128, batch: 16, time: 64, yieldEvery: 1 },
];

/** An endless fit on the page, which draws meanwhile, and which a click must end. @param {Page} tab @param {JSHandle<Asked>} page @param {Size} size */
async function fitOnPage(tab, page, size) {
  const running = page.evaluate(({ fitUntilClick }, size) => fitUntilClick(size), size);
  const meanwhile = async () => {
    const frames = await tab.evaluate(drawFrames, 90);
    await tab.getByRole("button", { name: "Enough" }).click();
    return frames;
  };
  const [{ steps, longestGap }, frames] = await Promise.all([running, meanwhile()]);
  const line = `${steps} steps until clicked, longest task ≤ ${round(longestGap)}, ${showFrames(frames)}`;
  expectInTime(longestGap <= LONGEST_TASK_MS, line);
  return line;
}

/** Runs the example's own server. @param {string} folder @returns {Promise<{ url: string, close: () => void }>} */
async function serveExample(folder) {
  const server = spawn(process.execPath, [join(folder, "examples/browser/serve.js"), "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const url of createInterface(server.stdout)) return { url, close: () => void server.kill() };
  throw new Error("the example's server does not start");
}

/** The example as a person uses it, by keys. @param {Page} tab @returns {Promise<string>} */
async function useExample(tab) {
  /** @type {string[]} */
  const errors = [];
  tab.on("pageerror", ({ message }) => errors.push(message));
  const [passes, prompt, output] = [tab.getByLabel("Passes"), tab.getByLabel("Begin with"), tab.locator("#text")];
  /** @param {string} text */
  const says = (text) => tab.getByRole("status").filter({ hasText: text }).waitFor();
  /** @param {string} name */
  const press = (name) => tab.getByRole("button", { name }).press("Enter");
  await says("Nothing has been learnt yet.");
  for (const key of ["Control+a", "2", "Enter"]) await passes.press(key); // fill() appends to a number in Firefox
  await says("Pass 1 of 2.");
  await press("Pause");
  await says("Paused");
  const draft = await output.textContent();
  await press("Go on");
  await says("Pass");
  const frames = await tab.evaluate(drawFrames, 60);
  await says("Trained");
  await prompt.fill("ORLANDO");
  await prompt.press("Enter");
  const text = (await output.textContent()) ?? "";
  if (!text.startsWith("ORLANDO") || text.length < 400 || text === draft) throw new Error(`it has written "${text}"`);
  await press("Train");
  await says("Pass 1 of 2.");
  await press("Stop");
  await says("Stopped");
  if (errors.length > 0) throw new Error(errors.join("; "));
  const line = `${showFrames(frames)} while it trains; paused, resumed, written, stopped`;
  expectInTime(frames.fps >= LOWEST_FPS && frames.longest <= LONGEST_TASK_MS, line);
  return line;
}

/** Pictures of a page at the sizes of a desk and a phone. @param {Page} tab @param {string} folder */
async function takePictures(tab, folder) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    for (const [width, height] of /** @type {const} */ ([
      [1280, 800],
      [390, 844],
    ])) {
      await tab.emulateMedia({ colorScheme });
      await tab.setViewportSize({ width, height });
      await tab.screenshot({ path: join(folder, `${colorScheme}-${width}.png`), fullPage: true });
    }
  }
}

/** @param {Browser} browser @param {string} url */
async function open(browser, url) {
  const tab = await browser.newPage();
  tab.setDefaultTimeout(PATIENCE_MS);
  await tab.goto(url);
  return tab;
}

/** @param {keyof typeof browsers} which @param {string} folder */
async function runIn(which, folder) {
  const { name, launch } = browsers[which];
  const browser = await launch();
  const [page, example] = [await serve(folder, 'import "/test/browser/page.js";'), await serveExample(folder)];
  console.log(`${name} ${browser.version()}`);
  try {
    const tab = await open(browser, page.url);
    const asked = await askable(tab);
    await runChecks(asked);
    for (const size of sizes) {
      const title = `fit: lstm(${size.units}), ${size.batch} × ${size.time}, yieldEvery ${size.yieldEvery}`;
      await report(title, () => fitOnPage(tab, asked, size));
    }
    await tab.close();
    const exampleTab = await open(browser, example.url);
    await report("examples/browser", () => useExample(exampleTab));
    if (values.screenshots) await takePictures(exampleTab, join(values.screenshots, which));
  } finally {
    await browser.close();
    page.close();
    example.close();
  }
}

async function main() {
  const folder = prepare();
  try {
    for (const which of /** @type {(keyof typeof browsers)[]} */ (Object.keys(browsers))) {
      if (!values.only || values.only === which) await runIn(which, folder);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exitCode = failures > 0 ? 1 : 0;
}

await main();
