/**
 * One process: one peer, one workload, one measurement, sent to the parent.
 * node worker.js PEER WORKLOAD EFFORT FASTEST [check]; FASTEST: what the loops of the processor take, as JSON
 */
import { readFileSync } from "node:fs";
import { Processor } from "../processor.js";
import { efforts, measure } from "./measure.js";
import { Lacks, peers } from "./peers/index.js";
import { workloads } from "./workloads.js";

/** @typedef {import("./workloads.js").Workload} Workload */
/** @typedef {import("./peers/index.js").Job} Job */

/**
 * @typedef {object} Result
 * @property {string} [lacks] why the peer cannot
 * @property {string} [failed] the error
 * @property {import("./measure.js").Timing} [timing] already multiplied by the job's `times`
 * @property {Record<string, number[]>} [outputs] by the kind of reset of a GRU
 * @property {"after" | "before"} [reset] which one the peer's is
 * @property {boolean} [partial] the outputs are those of the first sequence
 * @property {readonly string[]} [differs]
 * @property {readonly string[]} [notes]
 */

const [name, id, effort, fastest, check] = process.argv.slice(2);
const processor = new Processor(readFileSync(new URL("../../build/peak.wasm", import.meta.url)), JSON.parse(fastest));
process.send?.(await run(), () => process.exit());

/** @returns {Promise<Result>} */
async function run() {
  const workload = workloads.find((one) => one.id === id);
  if (!workload) throw new Error(`no workload "${id}"`);
  try {
    const { peer } = await peers[name].load();
    await peer.open?.();
    const setup = peer.workloads[workload.group];
    if (typeof setup === "string") return { lacks: setup };
    const job = await setup(workload);
    /** @type {Record<string, number[]>} */
    const outputs = check && !job.differs ? { after: await firstOutput(job, workload) } : {};
    if (check && name === "unrolled" && workload.cell === "gru") {
      const before = { ...workload, reset: /** @type {const} */ ("before") };
      Object.assign(outputs, { before: await firstOutput(await setup(before), before) });
    }
    const timing = await measure(job.call, efforts[effort], () => processor.isCalm());
    const { times = 1, reset = "after", differs, notes } = job;
    timing.ms *= times;
    return { timing, outputs, partial: times > 1, reset, differs, notes };
  } catch (error) {
    if (error instanceof Lacks) return { lacks: error.message };
    const [message] = String(error instanceof Error ? error.message : error).split("\n");
    return { failed: message.slice(0, 100) };
  }
}

/**
 * What is compared: h after five steps of W1, the losses of three steps of training, else the output of a call.
 * @param {Job} job
 * @param {Workload} workload
 */
async function firstOutput({ call, check }, { group, optimizer }) {
  if (check) return numbers(await check());
  const calls = group === "W1" ? 5 : optimizer === "none" ? 1 : 3;
  const outputs = [];
  for (let i = 0; i < calls; i++) outputs.push(numbers(await call()));
  return optimizer === "none" ? outputs[calls - 1] : outputs.flat();
}

/** @param {unknown} output */
function numbers(output) {
  return typeof output === "number" ? [output] : Array.from(/** @type {ArrayLike<number>} */ (output));
}
