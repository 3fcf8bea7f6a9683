// `node test/runtimes/limits.js`: how many networks at once each runtime has memory for, and the error where there is none for
// another. `--only chromium,firefox` picks some. Fails where it is not the RangeError that says the cure, or where the cure, to
// let go of the networks, does not help.
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { installPackage } from "./package.js";
import { runtimes, select } from "./runtimes.js";

/** What full.js gives. @typedef {{ networks: number, error?: string }} Limit */

const CURE = "RangeError: no memory for another network: let go of networks that are no longer used";

async function main() {
  const { values } = parseArgs({ options: { only: { type: "string" } } });
  const folder = installPackage("full.js");
  try {
    for (const name of select(values.only)) {
      const { title, run } = runtimes[name];
      const { version, outcome } = await run(folder);
      const { networks, error } = /** @type {Limit} */ (/** @type {unknown} */ (outcome));
      const count = `${error === undefined ? "more than " : ""}${networks.toLocaleString("en")}`;
      console.log(title.padEnd(15), version.slice(0, 22).padEnd(22), count.padStart(17), error ?? "");
      if (error !== undefined && error !== CURE) process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
