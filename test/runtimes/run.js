// `npm run test:runtimes`: program.js from the packed tarball in every runtime, one line each, and all hashes equal to the one in
// expected.json. `--only node20,chromium` picks some, `--update` writes a new expected.json.
import { rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { expectedFile, installPackage, line, readExpected } from "./package.js";
import { runtimes } from "./runtimes.js";

/** @import { Outcome } from "./package.js" */

const { values } = parseArgs({ options: { only: { type: "string" }, update: { type: "boolean", default: false } } });

/** The runtimes that are asked for. */
function selected() {
  const names = values.only?.split(",") ?? Object.keys(runtimes);
  for (const name of names) {
    if (name in runtimes) continue;
    throw new RangeError(`--only: there is no "${name}"; there are ${Object.keys(runtimes).join(", ")}`);
  }
  return names;
}

/** The parts that are not as expected. @param {Outcome} outcome @param {Outcome} expected */
function differences({ parts }, expected) {
  const wrong = parts.filter(({ sha256 }, k) => sha256 !== expected.parts[k]?.sha256);
  return wrong.map(({ name }) => name).join("; ");
}

async function main() {
  const names = selected();
  const folder = installPackage();
  /** @type {Outcome | undefined} */
  let expected = values.update ? undefined : readExpected();
  let failures = 0;
  try {
    for (const name of names) {
      const { title, run } = runtimes[/** @type {keyof typeof runtimes} */ (name)];
      const started = performance.now();
      let [verdict, hash] = ["same", ""];
      let version = "";
      try {
        const result = await run(folder);
        version = result.version;
        hash = result.outcome.sha256;
        expected ??= result.outcome;
        if (hash !== expected.sha256) verdict = `DIFFERS: ${differences(result.outcome, expected)}`;
      } catch (error) {
        verdict = `FAILED: ${error instanceof Error ? error.message : String(error)}`;
      }
      if (verdict !== "same") failures++;
      console.log(line(title, version, hash, performance.now() - started, verdict));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (values.update && expected) writeFileSync(expectedFile, `${JSON.stringify(expected, undefined, 2)}\n`);
  console.log(`\n${names.length - failures} of ${names.length} runtimes give ${expected?.sha256 ?? "nothing"}`);
  process.exitCode = failures > 0 ? 1 : 0;
}

await main();
