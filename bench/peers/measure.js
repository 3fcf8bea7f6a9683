/**
 * How long a call takes, in a process of its own: warm-up, then samples of many calls each, then their median.
 *
 * A sample in which the process had less than 95 % of a core, or before or after which the processor did not do what it can,
 * is dropped and taken again: somebody else was running. Where too few are left, all count, by the time the process had its
 * core for instead of the time that passed.
 */

/**
 * @typedef {object} Effort
 * @property {number} warmUp ms
 * @property {number} sample ms, at least; one sample is as many calls as that takes
 * @property {number} samples at most
 * @property {number} limit ms for all samples, if there are three by then
 * @property {number} patience ms for all samples, if there are fewer than five good ones
 */

/** @type {Record<string, Effort>} */
export const efforts = {
  full: { warmUp: 300, sample: 4, samples: 31, limit: 450, patience: 6000 },
  quick: { warmUp: 200, sample: 4, samples: 15, limit: 200, patience: 200 },
};

/** Of calls that take this many ms two samples are enough. */
const SLOW = 400;
const CLEAN = 0.95;

/** @typedef {{ ms: number, cpu: number, clean: boolean }} Sample per call */
/** @typedef {{ ms: number, samples: number, dropped: number, contended: boolean }} Timing */

/**
 * @param {() => unknown} call sync or async
 * @param {Effort} effort
 * @param {() => boolean} isCalm whether the processor does what it can
 * @returns {Promise<Timing>}
 */
export async function measure(call, { warmUp, sample, samples, limit, patience }, isCalm) {
  const typical = await warm(call, warmUp);
  const calls = Math.max(1, Math.ceil(sample / typical));
  /** @type {Sample[]} */
  const taken = [];
  const clean = () => taken.filter((one) => one.clean);
  const start = performance.now();
  const enough = typical > SLOW ? 2 : 5;
  while (clean().length < samples) {
    const spent = performance.now() - start;
    if (clean().length >= enough && spent > limit) break;
    if (taken.length >= enough && spent > patience) break;
    const wasCalm = isCalm();
    const one = await take(call, calls);
    taken.push({ ...one, clean: one.clean && wasCalm && isCalm() });
  }
  const contended = clean().length < enough;
  const ms = median(contended ? taken.map((one) => one.cpu) : clean().map((one) => one.ms));
  return { ms, samples: taken.length, dropped: taken.length - clean().length, contended };
}

/**
 * Warms up, with naps in which the compiler's threads get the core, and returns what a call takes then, in ms.
 * @param {() => unknown} call
 * @param {number} warmUp
 */
async function warm(call, warmUp) {
  const start = performance.now();
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let { ms } = await take(call, 1);
  while (performance.now() - start < warmUp) {
    ({ ms } = await take(call, Math.max(1, Math.ceil(4 / ms))));
    Atomics.wait(cell, 0, 0, 1);
  }
  return ms;
}

/**
 * @param {() => unknown} call
 * @param {number} calls
 * @returns {Promise<Sample>}
 */
async function take(call, calls) {
  const before = process.cpuUsage();
  const ms = await run(call, calls);
  const { user, system } = process.cpuUsage(before);
  const cpu = Math.min(ms, (user + system) / 1000);
  return { ms: ms / calls, cpu: cpu / calls, clean: cpu / ms >= CLEAN };
}

/**
 * Runs calls one after the other; only those that give a promise are awaited.
 * @param {() => unknown} call
 * @param {number} calls
 */
async function run(call, calls) {
  const start = performance.now();
  const first = call();
  if (first instanceof Promise) {
    await first;
    for (let i = 1; i < calls; i++) await call();
  } else {
    for (let i = 1; i < calls; i++) call();
  }
  return performance.now() - start;
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
