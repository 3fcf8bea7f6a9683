// The benchmark: `npm run bench`, see README.md.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { machine } from "./machine.js";
import { paces } from "./measure.js";
import { readOptions, usage } from "./options.js";
import { Processor } from "./processor.js";
import { runSuite } from "./suite.js";
import { select } from "./workloads.js";

/** @import { Options } from "./options.js" */

const root = new URL("../", import.meta.url);
/** @param {string} text */
const print = (text) => console.log(text);

/**
 * What a mode has measured. Modes with more imports are loaded when they are asked for.
 * @param {Options} options
 * @param {Processor} processor
 */
async function measureMode({ mode, only, quick }, processor) {
  if (mode === "sizes") return (await import("./sizes.js")).runSizes(quick, processor, print);
  if (mode === "profile") return (await import("./profile.js")).runProfile(select(only ?? "W4/lstm/128"), print);
  if (mode === "kernels") return kernels(quick, processor);
  if (mode === "scaling") return scaling(quick, processor);
  if (mode === "variants") return (await import("./variants.js")).runVariants(quick, processor, print);
  return runSuite(select(only), processor, quick ? paces.quick : paces.full, print);
}

/** @param {boolean} quick @param {Processor} processor */
async function kernels(quick, processor) {
  const { runKernels } = await import("./kernels.js");
  return runKernels(readFileSync(new URL("dist/core.wasm", root)), quick, processor, print);
}

/** @param {boolean} quick @param {Processor} processor */
async function scaling(quick, processor) {
  await processor.start();
  const [{ runScaling }, { drawScaling }] = await Promise.all([import("./scaling.js"), import("./figure.js")]);
  const growths = await runScaling(quick, processor, print);
  const folder = quick ? "build/" : "docs/"; // a quick run is not to replace the picture of a full one
  mkdirSync(new URL(folder, root), { recursive: true });
  writeFileSync(new URL(`${folder}scaling.svg`, root), drawScaling(growths));
  print(`\ndrawn: ${folder}scaling.svg`);
  return growths;
}

async function main() {
  const args = process.argv.slice(2);
  const options = readOptions(args);
  if (options.mode === "help") return print(usage);
  const about = { ...machine(), command: ["npm run bench --", ...args].join(" ") };
  for (const [name, value] of Object.entries(about)) print(`${name.padEnd(10)} ${value}`);
  const processor = new Processor(readFileSync(new URL("build/peak.wasm", root)));
  const results = await measureMode(options, processor);
  if (options.json === undefined) return;
  const everything = {
    ...about,
    mode: options.mode,
    quick: options.quick,
    P: processor.gigaflops,
    both: processor.gigaflopsOfBoth,
    results,
  };
  writeFileSync(options.json, `${JSON.stringify(everything, undefined, 2)}\n`);
}

await main();
