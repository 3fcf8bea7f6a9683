// `npm run test:site`: the documentation's site as a reader uses it, in Chromium and Firefox, under a strict content security policy:
// pages, search, the experiment, keys, themes, a phone's width, what axe-core finds, and a console without errors. `--only firefox`
// picks a browser, `--check search` the checks with that in their name; with `--screenshots FOLDER` Chromium takes pictures to look at.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { preview } from "vite";
import { accessibilityFaults, excessWidth } from "../browser/checks.js";
import { browsers } from "../runtimes/browsers.js";

/** @import { Browser, Page } from "playwright-core" */

const PATIENCE_MS = 30_000;
const root = join(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: { only: { type: "string" }, check: { type: "string", default: "" }, screenshots: { type: "string" } },
});
const GUIDE = "recurrent-networks.html";
const widths = [1280, 390, 320];

async function serve() {
  const configFile = join(root, "site/vite.config.js");
  const server = await preview({ configFile, logLevel: "warn", preview: { port: 0 } });
  return { url: server.resolvedUrls?.local[0] ?? "", close: () => server.close() };
}

/** The verdict that the experiment gives for a network. @param {Page} tab @param {string} name */
const verdictOf = (tab, name) => tab.getByRole("row", { name }).getByRole("cell").last().textContent();

/** @param {Page} tab @param {string} label @param {string[]} keys */
async function press(tab, label, keys) {
  for (const key of keys) await tab.getByLabel(label).press(key);
}

/** Each on a page of its own. @type {Record<string, [path: string, check: (tab: Page) => Promise<string>]>} */
const checks = {
  "the front page, its navigation, the playground": [
    "",
    async (tab) => {
      await tab.getByRole("heading", { name: "unrolled", level: 1 }).waitFor();
      const navigation = tab.getByRole("navigation", { name: "Pages" });
      await navigation.getByRole("link", { name: "Start here" }).click();
      await tab.getByRole("heading", { name: "Start here", level: 1 }).waitFor();
      await tab.getByRole("link", { name: "unrolled", exact: true }).first().click();
      await tab.getByRole("heading", { name: "In twenty lines" }).waitFor();
      await tab.getByRole("link", { name: "Playground", exact: true }).first().click();
      await tab.getByRole("button", { name: "Start", exact: true }).waitFor();
      return "";
    },
  ],
  "the experiment: Elman vanishes, an LSTM does not, and by keys it does": [
    GUIDE,
    async (tab) => {
      const status = tab.getByRole("status").filter({ hasText: "Elman vanishing, LSTM healthy, GRU healthy" });
      await status.waitFor();
      const plot = tab.getByRole("img", { name: /100 steps.*Elman vanishing/ });
      assert.ok(await plot.locator("canvas").evaluate(isDrawn), "nothing is drawn");
      await press(tab, "Bias of the", ["Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"]);
      await tab.getByRole("status").filter({ hasText: "Elman vanishing, LSTM vanishing, GRU vanishing" }).waitFor();
      await press(tab, "Spectral radius", ["End"]);
      await tab.getByRole("status").filter({ hasText: "Elman exploding" }).waitFor();
      await press(tab, "Steps T", ["Home"]);
      await tab.getByRole("img", { name: /10 steps.*LSTM healthy/ }).waitFor();
      return `${await verdictOf(tab, "LSTM")} at ten steps`;
    },
  ],
  "where its script does not arrive, a picture stands there": [
    GUIDE,
    async (tab) => {
      const context = await tab.context().browser()?.newContext();
      const plain = await context?.newPage();
      await plain?.route("**/experiment.js", (route) => route.abort());
      await plain?.goto(tab.url());
      const picture = plain?.locator("[data-experiment] img");
      const box = await picture?.boundingBox();
      assert.ok(box && box.width > 300 && box.height > 100, "there is no picture");
      await context?.close();
      return `${Math.round(box.width)} pixels wide`;
    },
  ],
  "formulas are MathML": [
    GUIDE,
    async (tab) => {
      const formulas = await tab.locator("math").count();
      const text = await tab.locator("main, .col-content").first().innerText();
      assert.ok(formulas > 20, `${formulas} formulas`);
      assert.doesNotMatch(text, /\$|\\frac|\\begin/);
      return `${formulas} formulas`;
    },
  ],
  "search finds lstm": [
    "",
    async (tab) => {
      await tab.getByRole("button", { name: "Search" }).click();
      await tab.getByRole("combobox").fill("lstm");
      const found = tab.getByRole("option").filter({ hasText: /lstm/ }).first();
      await found.waitFor();
      const names = await tab.getByRole("option").allInnerTexts();
      assert.ok(
        names.every((name) => !name.includes(".ts")),
        "sources are in the index",
      );
      await tab.getByRole("combobox").press("ArrowDown");
      await tab.getByRole("combobox").press("Enter");
      await tab.waitForURL(/lstm/i);
      return new URL(tab.url()).pathname;
    },
  ],
  "a declaration leads to its line": [
    "api/functions/unrolled.lstm.html",
    async (tab) => {
      await tab.getByRole("link", { name: /bindings\/layers\/lstm\.ts:\d+/ }).click();
      await tab.waitForURL(/lstm\.ts\.html#L\d+$/);
      const line = await tab.locator(new URL(tab.url()).hash).innerText();
      assert.match(line, /export function lstm/);
      return line;
    },
  ],
  "axe-core, both themes; nothing wider than a phone": [
    "",
    async (tab) => {
      for (const path of ["", GUIDE, "features.html", "forms.html", "api/functions/unrolled.lstm.html"]) {
        await tab.goto(new URL(`/${path}`, tab.url()).href);
        if (path === GUIDE) await tab.getByRole("status").filter({ hasText: "Elman" }).waitFor();
        for (const width of widths) {
          await tab.setViewportSize({ width, height: 800 });
          const wide = await excessWidth(tab);
          assert.ok(wide <= 0, `${path} is ${wide} pixels wider than ${width}`);
        }
        for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
          await tab.emulateMedia({ colorScheme });
          assert.deepEqual(await accessibilityFaults(tab), [], `${path}, ${colorScheme}`);
        }
      }
      return `${widths.length} widths`;
    },
  ],
};

/** A canvas of more than one colour. @param {Element} canvas */
function isDrawn(canvas) {
  if (!(canvas instanceof HTMLCanvasElement)) return false;
  const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
  const colors = new Set();
  for (let k = 0; k < data.length; k += 4) colors.add(`${data[k]},${data[k + 1]},${data[k + 2]},${data[k + 3]}`);
  return colors.size > 3;
}

let failures = 0;

/** @param {string} title @param {() => Promise<string>} check */
async function report(title, check) {
  const started = performance.now();
  const verdict = await check().catch((error) => {
    failures++;
    return `FAILED: ${error instanceof Error ? error.message : String(error)}`;
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  console.log(`  ${title.padEnd(70)} ${seconds} s  ${verdict}`);
}

/** @param {Browser} browser @param {string} address @param {(tab: Page) => Promise<string>} check */
async function visit(browser, address, check) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  tab.setDefaultTimeout(PATIENCE_MS);
  tab.on("pageerror", ({ message }) => complaints.push(message));
  tab.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  try {
    await tab.goto(address);
    const verdict = await check(tab);
    assert.deepEqual(complaints, []);
    return verdict;
  } finally {
    await context.close();
  }
}

/** @param {Browser} browser @param {string} url @param {string} folder */
async function takeScreenshots(browser, url, folder) {
  mkdirSync(folder, { recursive: true });
  const paths = [
    "index",
    "start",
    "forms",
    "recurrent-networks",
    "features",
    "api/functions/unrolled.lstm",
    "api/modules/unrolled",
  ];
  for (const path of [...paths, "modules", "source/bindings/layers/lstm.ts"]) {
    for (const [colorScheme, width] of /** @type {const} */ ([
      ["light", 1280],
      ["dark", 390],
      ["dark", 1280],
      ["light", 390],
    ])) {
      const tab = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      await tab.goto(`${url}${path}.html`);
      await setTimeout(1500);
      const name = `${path.replaceAll("/", "-")}-${colorScheme}-${width}`;
      await tab.screenshot({ path: join(folder, `${name}.png`), fullPage: path === "recurrent-networks" });
      await tab.close();
    }
  }
}

const { url, close } = await serve();
try {
  for (const which of /** @type {(keyof typeof browsers)[]} */ (Object.keys(browsers))) {
    if (values.only && values.only !== which) continue;
    const { name, launch } = browsers[which];
    const browser = await launch();
    console.log(`${name} ${browser.version()}`);
    try {
      for (const [title, [path, check]] of Object.entries(checks)) {
        if (title.includes(values.check)) await report(title, () => visit(browser, url + path, check));
      }
      if (values.screenshots && which === "chromium") await takeScreenshots(browser, url, values.screenshots);
    } finally {
      await browser.close();
    }
  }
} finally {
  await close();
}
process.exitCode = failures > 0 ? 1 : 0;
