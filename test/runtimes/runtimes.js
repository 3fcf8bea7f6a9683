// The runtimes, each with what runs the program in it. `folder` has the package installed, program.js and main.js.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inBrowser, webkit } from "./browsers.js";
import { edgeLight, workerd } from "./workers.js";

/** @import { Outcome } from "./package.js" */

/** @typedef {{ version: string, outcome: Outcome }} Result */
/** @typedef {{ title: string, run: (folder: string) => Promise<Result> }} Runtime */

const here = import.meta.dirname;

/** Installs the pinned runtimes where they are not. */
export function tools() {
  const folder = join(here, "node_modules");
  if (!existsSync(join(folder, ".package-lock.json"))) {
    const args = ["ci", "--prefix", here, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
    execFileSync("npm", args, { stdio: "inherit", shell: process.platform === "win32" });
  }
  return folder;
}

/**
 * A runtime that is a command.
 * @param {string} title
 * @param {() => string} command its path
 * @param {readonly string[]} args before the file
 * @returns {Runtime}
 */
function command(title, command, args = []) {
  return {
    title,
    async run(folder) {
      const path = command();
      /** @type {import("node:child_process").ExecFileSyncOptionsWithStringEncoding} */
      const options = { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] };
      const [version = ""] = execFileSync(path, ["--version"], options).split("\n");
      const output = execFileSync(path, [...args, "main.js"], options);
      return { version, outcome: JSON.parse(output) };
    },
  };
}

/** @satisfies {Record<string, Runtime>} */
export const runtimes = {
  node: command("Node", () => process.execPath),
  node22: command("Node 22", () => join(tools(), "node22/bin/node")),
  node24: command("Node 24", () => join(tools(), "node24/bin/node")),
  deno: command("Deno", () => join(tools(), "@deno/linux-x64-glibc/deno"), ["run", "--no-remote"]),
  bun: command("Bun", () => join(tools(), "@oven/bun-linux-x64/bin/bun"), ["--no-install"]),
  workerd: { title: "workerd", run: (folder) => workerd(tools(), folder) },
  "edge-light": { title: "Edge runtime", run: (folder) => edgeLight(tools(), folder) },
  chromium: { title: "Chromium", run: (folder) => inBrowser("chromium", folder) },
  firefox: { title: "Firefox", run: (folder) => inBrowser("firefox", folder) },
  webkit: { title: "WebKitGTK", run: webkit },
};

/** The names of the runtimes that `--only` asks for; all of them without it. @param {string | undefined} only */
export function select(only) {
  const names = only?.split(",") ?? Object.keys(runtimes);
  for (const name of names) {
    if (name in runtimes) continue;
    throw new RangeError(`--only: there is no "${name}"; there are ${Object.keys(runtimes).join(", ")}`);
  }
  return /** @type {(keyof typeof runtimes)[]} */ (names);
}
