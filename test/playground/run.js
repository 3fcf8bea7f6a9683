// `npm run test:playground`: the playground as a visitor uses it, in Chromium and Firefox, under its strict content security policy:
// training, files, links, keys, what axe-core finds, and a console without errors. `--only firefox` picks a browser, `--check save` the checks with that in their name; with
// `--screenshots` Chromium takes those of playground/screenshots again.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Network } from "unrolled";
import { accessibilityFaults, excessWidth } from "../browser/checks.js";
import { browsers } from "../runtimes/browsers.js";

/** @import { Browser, Page } from "playwright-core" */

const PATIENCE_MS = 60_000;
const root = join(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    check: { type: "string", default: "" },
    screenshots: { type: "boolean", default: false },
  },
});
const SMALL = "#task=remember&units=12&length=12&batch=16";

/** @returns {Promise<{ url: string, close: () => void }>} */
async function serve() {
  const server = spawn(process.execPath, [join(root, "dist/cli.js"), "playground", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const url of createInterface(server.stdout)) return { url, close: () => void server.kill() };
  throw new Error("the playground's server does not start");
}

/** A page of the playground, and the visitor's doings on it. */
class Visit {
  /** What the console and the page have complained of. @type {string[]} */
  complaints = [];

  /** @param {Page} tab */
  constructor(tab) {
    this.tab = tab;
    tab.setDefaultTimeout(PATIENCE_MS);
    tab.on("pageerror", ({ message }) => this.complaints.push(message));
    tab.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
  }

  /** @param {string} name */
  press(name) {
    return this.tab.getByRole("button", { name, exact: true }).press("Enter");
  }

  /** @param {string} text */
  says(text) {
    return this.tab.getByRole("status").filter({ hasText: text }).waitFor();
  }

  /** Writes over what a field holds; fill() appends to a number in Firefox. @param {string} label @param {string} text */
  async type(label, text) {
    const field = this.tab.getByLabel(label, { exact: false }).first();
    for (const key of ["Control+a", ...text, "Tab"]) await field.press(key);
  }

  async step() {
    return Number((await this.tab.locator("#at").textContent())?.replaceAll(",", ""));
  }

  /** @param {number} least */
  async reach(least) {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await setTimeout(50)) {
      if ((await this.step()) >= least) return;
    }
    const status = await this.tab.getByRole("status").textContent();
    throw new Error(`step ${least} is not reached: "${status}"`);
  }

  /** A figure of a network's card. @param {string} name @param {number} [card] */
  async figure(name, card = 0) {
    const text = await this.tab
      .locator(".card")
      .nth(card)
      .locator("div", { hasText: name })
      .locator("dd")
      .textContent();
    return Number(text);
  }

  /** Lets a file fall on the page. @param {string} name @param {Uint8Array} bytes */
  async drop(name, bytes) {
    await this.tab.evaluate(
      ({ name, bytes }) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([Uint8Array.from(bytes)], name));
        dispatchEvent(new DragEvent("dragover", { dataTransfer, bubbles: true, cancelable: true }));
        dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
      },
      { name, bytes: [...bytes] },
    );
  }

  /** The bytes that a button saves. @param {string} name */
  async saved(name) {
    await this.tab.evaluate(() => {
      const kept = URL.createObjectURL;
      URL.createObjectURL = (blob) => {
        Object.assign(globalThis, { savedBlob: blob });
        URL.createObjectURL = kept;
        return kept.call(URL, blob);
      };
    });
    await this.press(name);
    await this.says("Saved");
    const bytes = await this.tab.evaluate(async () => {
      const { savedBlob } = /** @type {{ savedBlob: Blob }} */ (/** @type {unknown} */ (globalThis));
      return [...new Uint8Array(await savedBlob.arrayBuffer())];
    });
    return Uint8Array.from(bytes);
  }

  /** Whether something has been drawn: a canvas of more than one colour. @param {string} selector */
  async isDrawn(selector) {
    return this.tab
      .locator(selector)
      .first()
      .evaluate((canvas) => {
        if (!(canvas instanceof HTMLCanvasElement)) return false;
        const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
        const colors = new Set();
        for (let k = 0; k < data.length; k += 4) colors.add(`${data[k]},${data[k + 1]},${data[k + 2]},${data[k + 3]}`);
        return colors.size > 3;
      });
  }
}

/** Each on a page of its own, opened at a hash. @type {Record<string, [hash: string, check: (visit: Visit) => Promise<string>]>} */
const checks = {
  "train, pause, step, resume, stop": [
    `${SMALL}&steps=1000000`,
    async (visit) => {
      await visit.says("Ready.");
      const before = await visit.figure("validation");
      await visit.press("Start");
      await visit.reach(100);
      await visit.press("Pause");
      await visit.says("Paused");
      const at = await visit.step();
      await setTimeout(300);
      assert.equal(await visit.step(), at, "it goes on while it is paused");
      await visit.press("Step");
      await visit.says(`Paused after ${(at + 1).toLocaleString("en")} steps.`);
      await visit.press("Resume");
      await visit.reach(at + 50);
      await visit.press("Pause");
      await visit.says("Paused");
      const after = await visit.figure("validation");
      assert.ok(after < before, `validation loss ${before}, later ${after}`);
      for (const canvas of ["#loss canvas", "#answer canvas", "#flow canvas", "#heats canvas", "#weights canvas"]) {
        assert.ok(await visit.isDrawn(canvas), `${canvas} is empty`);
      }
      await visit.press("Stop");
      await visit.says("Ready.");
      assert.equal(await visit.step(), 0);
      assert.equal(await visit.figure("validation"), before, "the networks are not those of the beginning");
      return `validation loss ${before} → ${after}`;
    },
  ],
  "the lesson: Elman against LSTM": [
    "#task=remember&steps=300",
    async (visit) => {
      await visit.says("Ready.");
      await visit.press("Start");
      await visit.says("Done after 300 steps.");
      const [lstm, elman] = [await visit.figure("validation", 0), await visit.figure("validation", 1)];
      assert.ok(lstm < 0.3 && elman > 1.2, `LSTM ${lstm}, Elman ${elman}`);
      const verdicts = await visit.tab.locator(".verdict").allTextContents();
      assert.deepEqual(verdicts, ["healthy", "vanishing"]);
      assert.ok(await visit.tab.getByRole("button", { name: "Start" }).isDisabled());
      return `LSTM ${lstm}, ${verdicts[0]}; Elman ${elman}, ${verdicts[1]}`;
    },
  ],
  "reload, share a link: the same figures": [
    "#task=xor&units=8&length=20&steps=60",
    async (visit) => {
      await visit.says("Ready.");
      // Two changes, the second before the answer to the first: that answer must not undo it.
      const seen = await visit.tab.evaluateHandle(() => {
        const seen = /** @type {string[]} */ ([]);
        const replaceState = history.replaceState.bind(history);
        history.replaceState = (data, unused, url) => {
          seen.push(String(url));
          replaceState(data, unused, url);
        };
        for (const [name, value] of Object.entries({ units: "9", against: "gru" })) {
          const field = /** @type {HTMLInputElement} */ (document.querySelector(`[name="${name}"]`));
          field.value = value;
          field.dispatchEvent(new Event("change", { bubbles: true }));
        }
        return seen;
      });
      await setTimeout(1500);
      const links = await seen.jsonValue();
      assert.equal(links.length, 2, links.join(" "));
      assert.match(links[1] ?? "", /units=9/);
      assert.match(links[1] ?? "", /against=gru/);
      await visit.says("Ready.");
      const link = await visit.tab.locator("#link").inputValue();
      assert.equal(link, visit.tab.url());
      await visit.press("Copy link");
      await visit.tab
        .getByRole("status")
        .filter({ hasText: /link is (copied|selected)/ })
        .waitFor();
      /** @param {Visit} page */
      const run = async (page) => {
        await page.says("Ready.");
        assert.equal(await page.tab.getByLabel("Units").inputValue(), "9");
        assert.equal(await page.tab.getByLabel("Compare with").inputValue(), "gru");
        await page.press("Start");
        await page.says("Done after 60 steps.");
        return Promise.all([0, 1].map((card) => page.figure("validation", card)));
      };
      await visit.tab.reload();
      const reloaded = await run(visit);
      const other = new Visit(await visit.tab.context().newPage());
      await other.tab.goto(link);
      assert.deepEqual(await run(other), reloaded);
      assert.deepEqual(other.complaints, []);
      await other.tab.close();
      return `losses ${reloaded.join(", ")} twice`;
    },
  ],
  "save, reload, load": [
    `${SMALL}&steps=100`,
    async (visit) => {
      await visit.says("Ready.");
      await visit.press("Start");
      await visit.says("Done after 100 steps.");
      const loss = await visit.figure("validation");
      const bytes = await visit.saved("Save LSTM");
      const net = Network.load(bytes);
      assert.equal(net.parameter("lstm.weight_hh_l0").value.length, 4 * 12 * 12);
      await visit.tab.goto(`${visit.tab.url().split("#")[0]}#task=sines&steps=40`);
      await visit.tab.reload();
      await visit.says("Ready.");
      await visit.drop("model.safetensors", bytes);
      await visit.tab.waitForURL(/task=remember/);
      assert.equal(await visit.tab.getByLabel("Compare with").inputValue(), "none");
      await visit.tab.locator(".card").nth(1).waitFor({ state: "detached" });
      assert.equal(await visit.figure("validation"), loss, "the loaded network is another");
      await visit.drop("model.safetensors", bytes.subarray(0, 100));
      await visit.tab.getByRole("alert").waitFor();
      assert.equal(await visit.figure("validation"), loss, "a broken file has changed something");
      // By pointer: Firefox's list of downloads has taken the keys.
      await visit.tab.getByRole("button", { name: "Start", exact: true }).click();
      await visit.reach(20);
      return `${bytes.length} bytes, validation loss ${loss}`;
    },
  ],
  "the visitor's CSV, dropped": [
    "",
    async (visit) => {
      await visit.says("Ready.");
      const rows = Array.from({ length: 200 }, (_, i) => `2020-${i},${Math.sin(i / 3).toFixed(4)},${i % 7}`);
      await visit.drop("waves.csv", Buffer.from(["day,wave,weekday", ...rows].join("\n")));
      await visit.tab.getByLabel("Column").waitFor();
      await visit.tab.locator("#about", { hasText: "200 values" }).waitFor();
      await visit.tab.getByLabel("Column").selectOption("wave");
      await visit.tab.locator("#about", { hasText: "wave" }).waitFor();
      await visit.type("Stop after", "200");
      await visit.says("Ready.");
      await visit.press("Start");
      await visit.says("Done after 200 steps.");
      const loss = await visit.figure("validation");
      assert.ok(loss < 0.1, `validation loss ${loss}`);
      await visit.drop("words.csv", Buffer.from("a,b\nx,y\nz,w\n"));
      await visit.tab.getByRole("alert").filter({ hasText: "no column of numbers" }).waitFor();
      return `validation loss ${loss}`;
    },
  ],
  "text: a file dropped, and what it writes": [
    "",
    async (visit) => {
      await visit.says("Ready.");
      await visit.drop("fox.txt", Buffer.from("the quick brown fox jumps over the lazy dog.\n".repeat(60)));
      await visit.tab.locator("#about", { hasText: "fox.txt" }).waitFor();
      await visit.type("Units", "24");
      await visit.type("Stop after", "300");
      await visit.says("Ready.");
      await visit.press("Start");
      await visit.says("Done after 300 steps.");
      await visit.tab.getByLabel("Begin with").fill("the q");
      await visit.press("Write");
      await visit.tab
        .locator("pre", { hasText: /^the q/ })
        .first()
        .waitFor();
      const text = (await visit.tab.locator("pre").first().textContent()) ?? "";
      assert.ok(text.length > 200 && text.includes("the quick"), text);
      return JSON.stringify(text.slice(0, 40));
    },
  ],
  "speed, gates, keys": [
    SMALL,
    async (visit) => {
      await visit.says("Ready.");
      await visit.tab.getByLabel("Show").selectOption("f");
      await visit.tab.getByText("This Elman network has no forget gate").waitFor();
      const heat = visit.tab.getByRole("img", { name: "LSTM, forget gate" });
      await heat.focus();
      for (const key of ["ArrowRight", "ArrowDown"]) await heat.press(key);
      await visit.tab.getByText(/step 2 \(input .\), unit 2: 0\.\d/).waitFor();
      await visit.tab.getByLabel("Parameter").selectOption({ label: "dense.weight" });
      await visit.tab.getByRole("img", { name: "dense.weight: 4 by 12" }).first().waitFor();
      await visit.press("Measure");
      const row = visit.tab.getByRole("row", { name: "unrolled" });
      await row.waitFor();
      return (await row.textContent()) ?? "";
    },
  ],
  "wrong figures are refused; a link that makes no sense": [
    "#task=nonsense&units=-5&layers=1e9&learningRate=x",
    async (visit) => {
      await visit.says("Ready.");
      assert.equal(await visit.tab.getByLabel("Units").inputValue(), "1");
      assert.equal(await visit.tab.getByLabel("Layers").inputValue(), "4");
      assert.equal(await visit.tab.getByLabel("Learning rate").inputValue(), "0.005");
      await visit.type("Layers", "1");
      const before = visit.tab.url();
      await visit.type("Units", "0");
      assert.equal(visit.tab.url(), before);
      assert.ok(await visit.tab.getByLabel("Units").evaluate((input) => input.matches(":invalid")));
      return "";
    },
  ],
  "axe-core, both themes; nothing wider than a phone": [
    "#task=remember&units=12&length=12&batch=16&layers=2",
    async (visit) => {
      await visit.says("Ready.");
      await visit.press("Step");
      await visit.says("Paused");
      const sizes = /** @type {const} */ ([
        [1280, 900],
        [390, 844],
        [320, 640],
      ]);
      for (const [width, height] of sizes) {
        await visit.tab.setViewportSize({ width, height });
        const details = visit.tab.locator("#settings");
        if (!(await details.evaluate((one) => /** @type {HTMLDetailsElement} */ (one).open))) {
          await details.locator("summary").press("Enter");
        }
        const wide = await excessWidth(visit.tab);
        assert.ok(wide <= 0, `${wide} pixels wider than ${width}`);
        for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
          await visit.tab.emulateMedia({ colorScheme });
          assert.deepEqual(await accessibilityFaults(visit.tab), [], `${colorScheme}, ${width}`);
        }
      }
      return `${sizes.length} widths`;
    },
  ],
};

let failures = 0;

/** @param {string} title @param {() => Promise<string>} check */
async function report(title, check) {
  const started = performance.now();
  const patience = new AbortController();
  const tooLong = setTimeout(2 * PATIENCE_MS, undefined, { signal: patience.signal }).then(() => {
    throw new Error(`no answer within ${(2 * PATIENCE_MS) / 1000} seconds`);
  });
  const verdict = await Promise.race([check(), tooLong]).catch((error) => {
    failures++;
    return `FAILED: ${error instanceof Error ? error.message : String(error)}`;
  });
  patience.abort();
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  console.log(`  ${title.padEnd(52)} ${seconds} s  ${verdict}`);
}

/** Desk and phone, both themes, while it trains. @param {Browser} browser @param {string} url */
async function takeScreenshots(browser, url) {
  const folder = join(root, "playground/screenshots");
  mkdirSync(folder, { recursive: true });
  const pictures = /** @type {const} */ ([
    ["remember", "", 250],
    ["sunspots", "#task=sunspots", 150],
    ["text", "#task=text&against=none", 120],
  ]);
  for (const [name, hash, steps] of pictures) {
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      for (const [width, height] of /** @type {const} */ ([
        [1280, 900],
        [390, 844],
      ])) {
        const other = { sunspots: "light 1280", text: "dark 390" };
        if (name !== "remember" && other[name] !== `${colorScheme} ${width}`) continue;
        const visit = new Visit(await browser.newPage({ colorScheme, viewport: { width, height } }));
        await visit.tab.goto(url + hash);
        await visit.says("Ready.");
        if (name === "remember") await visit.tab.getByLabel("Show").selectOption("c");
        await visit.press("Measure");
        await visit.tab.getByRole("row", { name: "unrolled" }).waitFor();
        await visit.press("Start");
        await visit.reach(steps);
        await visit.tab.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
        await visit.tab.evaluate(() => scrollTo(0, 0));
        await setTimeout(500);
        await visit.tab.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
        await visit.tab.close();
      }
    }
  }
}

/** @param {keyof typeof browsers} which @param {string} url */
async function runIn(which, url) {
  const { name, launch } = browsers[which];
  const browser = await launch();
  console.log(`${name} ${browser.version()}`);
  try {
    for (const [title, [hash, check]] of Object.entries(checks)) {
      if (!title.includes(values.check)) continue;
      await report(title, async () => {
        const visit = new Visit(await (await browser.newContext()).newPage());
        try {
          await visit.tab.goto(url + hash);
          const verdict = await check(visit);
          assert.deepEqual(visit.complaints, []);
          return verdict;
        } finally {
          await visit.tab.context().close();
        }
      });
    }
    if (values.screenshots && which === "chromium") await takeScreenshots(browser, url);
  } finally {
    await browser.close();
  }
}

const { url, close } = await serve();
try {
  for (const which of /** @type {(keyof typeof browsers)[]} */ (Object.keys(browsers))) {
    if (!values.only || values.only === which) await runIn(which, url);
  }
} finally {
  close();
}
process.exitCode = failures > 0 ? 1 : 0;
