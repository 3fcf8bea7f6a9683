/** The table of times: which processes run, in which order, and what becomes of their results. */
import { fork } from "node:child_process";
import { join } from "node:path";
import { median } from "./measure.js";
import { peers } from "./peers/index.js";
import { workloads } from "./workloads.js";

/** @typedef {import("./worker.js").Result} Result */
/** @typedef {import("./workloads.js").Workload} Workload */

/**
 * @typedef {object} Cell one peer at one workload
 * @property {string} peer
 * @property {string} workload
 * @property {string} [lacks]
 * @property {string} [failed]
 * @property {number} [ms] median over processes of the median over samples
 * @property {number} [ratio] to unrolled
 * @property {number} [difference] the largest from unrolled's result
 * @property {readonly string[]} differs why the result is another one, where that is known
 * @property {readonly string[]} notes
 * @property {import("./measure.js").Timing[]} processes
 */

/**
 * `fastest`: what the loops of the processor take, which a process needs to know whether it has a core of its own.
 * @typedef {{ rounds: number, effort: string, peers: string[], only: string[], fastest: object }} Plan
 */

const TOLERANCE = 1e-4;
const TIMEOUT = 300_000;
const resetBefore = "its GRU resets before the product: compared with unrolled's of that kind, timed against the other";

/**
 * Runs a plan, row by row.
 * @param {Plan} plan
 * @param {(progress: string) => void} report
 * @returns {AsyncGenerator<{ workload: Workload, cells: Cell[] }>}
 */
export async function* rows(plan, report) {
  for (const workload of workloads) {
    if (plan.only.length > 0 && !plan.only.some((start) => workload.id.startsWith(start))) continue;
    const results = await interleaved(plan, workload, report);
    const [reference] = results.unrolled;
    const cells = plan.peers.map((peer) => toCell(peer, workload, results[peer], reference));
    const [first] = cells;
    for (const cell of cells) if (cell.ms !== undefined && first.ms) cell.ratio = cell.ms / first.ms;
    yield { workload, cells };
  }
}

/**
 * Each peer in a process of its own, all of them in turn, and that so many times over. The first round checks the results.
 * @param {Plan} plan
 * @param {Workload} workload
 * @param {(progress: string) => void} report
 */
async function interleaved({ peers, rounds, effort, fastest }, workload, report) {
  /** @type {Record<string, Result[]>} */
  const results = Object.fromEntries(peers.map((peer) => [peer, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[(i + round) % peers.length];
      if (round > 0 && !results[peer][0].timing) continue; // it cannot, or fails
      report(`${workload.id}: ${peer}, process ${round + 1} of ${rounds}`);
      results[peer].push(
        await inProcess([peer, workload.id, effort, JSON.stringify(fastest), round === 0 ? "check" : ""]),
      );
    }
  }
  return results;
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<Result>}
 */
function inProcess(args) {
  return new Promise((resolve) => {
    const child = fork(join(import.meta.dirname, "worker.js"), args, { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    const timer = setTimeout(() => child.kill(), TIMEOUT);
    /** @type {Result | undefined} */
    let result;
    child.on("message", (message) => (result = /** @type {Result} */ (message)));
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      resolve(result ?? { failed: `the process ended with ${signal ?? code}` });
    });
  });
}

/**
 * @param {string} peer
 * @param {Workload} workload
 * @param {readonly Result[]} results
 * @param {Result} reference unrolled's
 * @returns {Cell}
 */
function toCell(peer, { id }, results, reference) {
  const [{ lacks, failed, outputs, partial, reset = "after", differs = [], notes: remarks = [] }] = results;
  const notes = reset === "before" ? [...remarks, resetBefore] : remarks;
  const cell = { peer, workload: id, differs, notes, processes: results.flatMap(({ timing }) => timing ?? []) };
  if (lacks !== undefined) return { ...cell, lacks };
  if (failed !== undefined) return { ...cell, failed };
  const ms = median(cell.processes.map((timing) => timing.ms));
  if (differs.length > 0) return { ...cell, ms };
  if (!reference.outputs) return { ...cell, failed: "unrolled gave nothing to compare with" };
  const expected = reference.outputs[reset];
  const result = outputs?.after ?? [];
  const difference = largestDifference(result, partial ? expected.slice(0, result.length) : expected);
  if (difference < TOLERANCE) return { ...cell, ms, difference };
  return { ...cell, difference, failed: `its result differs from unrolled's by ${difference.toPrecision(1)}` };
}

/** @type {(result: readonly number[], reference: readonly number[]) => number} */
function largestDifference(result, reference) {
  if (result.length === 0 || result.length !== reference.length) return Infinity;
  return result.reduce((largest, value, i) => {
    const difference = Math.abs(value - reference[i]);
    return difference <= largest ? largest : Number.isNaN(difference) ? Infinity : difference;
  }, 0);
}

/** @type {(names: readonly string[]) => string[]} in the order of the table, unrolled always */
export const inOrder = (names) => Object.keys(peers).filter((name) => name === "unrolled" || names.includes(name));
