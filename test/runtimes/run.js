// `npm run test:runtimes`: program.js from the packed tarball in every runtime, one line each, and all hashes equal to the one in
// expected.json. `--only node20,chromium` picks some, `--update` writes a new expected.json.
import { rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { expectedFile, installPackage, readExpected, report } from "./package.js";
import { runtimes, select } from "./runtimes.js";

/** @import { Outcome } from "./package.js" */

const { values } = parseArgs({ options: { only: { type: "string" }, update: { type: "boolean", default: false } } });

async function main() {
  const names = select(values.only);
  const folder = installPackage();
  /** @type {Outcome | undefined} */
  let expected = values.update ? undefined : readExpected();
  let failures = 0;
  try {
    for (const name of names) {
      const { title, run } = runtimes[name];
      const outcome = await report(title, expected, () => run(folder));
      expected ??= outcome;
      if (!outcome) failures++;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (values.update && expected) writeFileSync(expectedFile, `${JSON.stringify(expected, undefined, 2)}\n`);
  console.log(`\n${names.length - failures} of ${names.length} runtimes give ${expected?.sha256 ?? "nothing"}`);
  process.exitCode = failures > 0 ? 1 : 0;
}

await main();
