// What runs in the page of `npm run bench:browser`: bundled by browser.js, which gives it its options and prints its lines.
import { paces } from "./measure.js";
import { Processor } from "./processor.js";
import { runSuite } from "./suite.js";
import { select } from "./workloads.js";

/**
 * @param {{ only: string | undefined, quick: boolean }} options
 * @param {(line: string) => void} print
 */
async function runInPage({ only, quick }, print) {
  const bytes = new Uint8Array(await (await fetch("peak.wasm")).arrayBuffer());
  const processor = new Processor(bytes);
  const results = await runSuite(select(only), processor, quick ? paces.quick : paces.full, print);
  return { userAgent: navigator.userAgent, P: processor.gigaflops, both: processor.gigaflopsOfBoth, results };
}

Object.assign(globalThis, { runInPage });
