import { Bench } from "tinybench";
import { summarize } from "./statistics.js";

/** @import { Summary } from "./statistics.js" */

/**
 * @typedef {object} Pace
 * @property {number} samples of each function
 * @property {number} sampleMs that a sample takes at least: short calls are repeated
 * @property {number} warmUpMs for each function, before the samples
 */

/** @type {Record<"full" | "quick" | "short" | "curve", Pace>} */
export const paces = {
  full: { samples: 21, sampleMs: 3, warmUpMs: 300 },
  quick: { samples: 3, sampleMs: 1, warmUpMs: 20 },
  short: { samples: 9, sampleMs: 3, warmUpMs: 20 },
  curve: { samples: 5, sampleMs: 3, warmUpMs: 20 },
};

/**
 * Milliseconds a call; and whether fewer than half the rounds were good, so that the others are among the samples.
 * @typedef {Summary & { samples: number[], disturbed: boolean }} Times
 */

/**
 * Times functions side by side: a round is one sample of each in turn, so that a machine that grows slower or faster
 * meanwhile does so for all. tinybench takes the samples, a round a run; it would take all of one function before those of
 * the next, drops none and warms up without a pause, so rounds and warm-up are ours, and so are the quantiles over them.
 * @template {string} Name
 * @param {Record<Name, () => unknown>} functions
 * @param {Pace} pace
 * @param {(round: Record<Name, number>) => boolean} [isGood] whether to keep a round: one that is not kept is taken again,
 *   up to twice as many in all
 * @returns {Promise<Record<Name, Times>>}
 */
export async function measure(functions, { samples, sampleMs, warmUpMs }, isGood = () => true) {
  const now = () => performance.now();
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, throws: true, now });
  /** @type {Map<string, number>} */
  const calls = new Map();
  for (const [name, run] of entries(functions)) {
    const count = Math.max(1, Math.ceil(sampleMs / (await warmUp(run, warmUpMs))));
    bench.add(name, repeat(run, count), { async: false });
    calls.set(name, count);
  }
  /** @type {Record<"good" | "bad", Record<Name, number>[]>} */
  const rounds = { good: [], bad: [] };
  while (rounds.good.length < samples && rounds.good.length + rounds.bad.length < 2 * samples) {
    const round = takeRound(bench, calls);
    rounds[isGood(round) ? "good" : "bad"].push(round);
  }
  const disturbed = rounds.good.length < samples / 2;
  const kept = disturbed ? [...rounds.good, ...rounds.bad] : rounds.good;
  const results = entries(functions).map(([name]) => {
    const ofName = kept.map((round) => round[name]);
    return [name, { ...summarize(ofName, calls.get(name) ?? 1), samples: ofName, disturbed }];
  });
  return Object.fromEntries(results);
}

/** @template {string} Name @param {Record<Name, () => unknown>} functions */
function entries(functions) {
  return /** @type {[Name, () => unknown][]} */ (Object.entries(functions));
}

/** One sample of each, in milliseconds a call. @param {Bench} bench @param {Map<string, number>} calls */
function takeRound(bench, calls) {
  bench.reset();
  bench.runSync();
  const times = bench.tasks.map(({ name, result }) => {
    const ms = result.state === "completed" ? result.latency.min : NaN;
    return [name, ms / (calls.get(name) ?? NaN)];
  });
  return Object.fromEntries(times);
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
async function nap(ms) {
  if (sleeper && typeof document === "undefined") Atomics.wait(sleeper, 0, 0, ms);
  else await new Promise((resolve) => setTimeout(resolve, ms));
}
