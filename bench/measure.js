import { Bench } from "tinybench";
import { summarize } from "./statistics.js";

/** @import { Summary } from "./statistics.js" */

/**
 * @typedef {object} Pace
 * @property {number} samples of each function
 * @property {number} sampleMs that a sample takes at least: short calls are repeated
 * @property {number} warmUpMs for each function, before the samples
 * @property {number} patienceMs for each function, in which disturbed samples are taken again
 */

/** @type {Record<"full" | "quick" | "short" | "curve", Pace>} */
export const paces = {
  full: { samples: 21, sampleMs: 3, warmUpMs: 300, patienceMs: 12_000 },
  quick: { samples: 3, sampleMs: 1, warmUpMs: 20, patienceMs: 0 },
  short: { samples: 9, sampleMs: 3, warmUpMs: 20, patienceMs: 3000 },
  curve: { samples: 5, sampleMs: 3, warmUpMs: 20, patienceMs: 1000 },
};

/**
 * Milliseconds a call; and whether fewer than half of the samples that were wanted were calm, so that all are used.
 * @typedef {Summary & { samples: number[], disturbed: boolean }} Times
 */

/**
 * @template Name
 * @typedef {{ name: Name, calls: number, take: () => number, spent: number, calm: number[], all: number[] }} Sampler `spent`:
 *   milliseconds of all samples
 */

/**
 * Times functions side by side: one sample of each in turn, so that a machine that grows slower or faster meanwhile does so
 * for all. tinybench takes the samples; it would take all of one function before those of the next, drops none and warms up
 * without a pause, so turns and warm-up are ours, and so are the quantiles.
 * @template {string} Name
 * @param {Record<Name, () => unknown>} functions
 * @param {Pace} pace
 * @param {() => boolean} [isCalm] asked before and after each sample: whether the processor does what it can
 * @returns {Promise<Record<Name, Times>>}
 */
export async function measure(functions, { samples, sampleMs, warmUpMs, patienceMs }, isCalm = () => true) {
  /** @type {Sampler<Name>[]} */
  const samplers = [];
  for (const [name, run] of entries(functions)) {
    const calls = Math.max(1, Math.ceil(sampleMs / (await warmUp(run, warmUpMs))));
    samplers.push({ name, calls, take: createSampler(run, calls), spent: 0, calm: [], all: [] });
  }
  /** @param {Sampler<Name>} sampler */
  const wants = ({ calm, all, spent }) => calm.length < samples && (all.length < samples || spent < patienceMs);
  for (let left = samplers; left.length > 0; left = left.filter(wants)) {
    for (const sampler of left) {
      const calmBefore = isCalm();
      const ms = sampler.take();
      sampler.spent += ms;
      sampler.all.push(ms / sampler.calls);
      if (calmBefore && isCalm()) sampler.calm.push(ms / sampler.calls);
    }
  }
  const results = samplers.map(({ name, calls, calm, all }) => {
    const disturbed = calm.length < samples / 2;
    const kept = disturbed ? all : calm;
    return [name, { ...summarize(kept, calls), samples: kept, disturbed }];
  });
  return Object.fromEntries(results);
}

/** @template {string} Name @param {Record<Name, () => unknown>} functions */
function entries(functions) {
  return /** @type {[Name, () => unknown][]} */ (Object.entries(functions));
}

/** What takes one sample, milliseconds of all its calls together. @param {() => unknown} run @param {number} calls */
function createSampler(run, calls) {
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, throws: true, now: () => performance.now() });
  bench.add("", repeat(run, calls), { async: false });
  return () => {
    bench.reset();
    const [task] = bench.runSync();
    return task?.result.state === "completed" ? task.result.latency.min : NaN;
  };
}

/** @type {(run: () => unknown, count: number) => () => void} */
function repeat(run, count) {
  return () => {
    for (let k = 0; k < count; k++) run();
  };
}

/**
 * Runs for a while, with naps in which the compilers of the engine, threads on the same core, get their turn.
 * @param {() => unknown} run
 * @param {number} warmUpMs
 * @returns {Promise<number>} milliseconds a call
 */
async function warmUp(run, warmUpMs) {
  const stretch = Math.min(10, warmUpMs / 3);
  let perCall = Infinity;
  for (let ran = 0; ran < warmUpMs;) {
    const started = performance.now();
    let [count, took] = [0, 0];
    while (took < stretch) {
      run();
      count++;
      took = performance.now() - started;
    }
    perCall = Math.min(perCall, took / count);
    ran += took;
    await nap(2);
  }
  return perCall;
}

const sleeper = typeof SharedArrayBuffer === "undefined" ? undefined : new Int32Array(new SharedArrayBuffer(4));

/** The thread sleeps; where that is not allowed, on the main thread of a page, it waits for a timer. @param {number} ms */
export async function nap(ms) {
  if (sleeper && typeof document === "undefined") Atomics.wait(sleeper, 0, 0, ms);
  else await new Promise((resolve) => setTimeout(resolve, ms));
}
