import { measure } from "./measure.js";
import { createPair } from "./pairs.js";
import { flops } from "./workloads.js";

/** @import { Pace, Times } from "./measure.js" */
/** @import { Processor } from "./processor.js" */
/** @import { Workload } from "./workloads.js" */

/**
 * @typedef {object} Result
 * @property {Workload} workload
 * @property {number} flops of one call
 * @property {Times} unrolled
 * @property {Times} plain
 * @property {number} gflops of the library, by its median
 * @property {number} share of P, as far as it was known then
 * @property {number} bestShare by the fastest sample
 * @property {number} ratio of the medians, plain / unrolled
 */

/**
 * Checks that both sides give the same, then times them while the processor is calm.
 * @param {Workload} workload
 * @param {Processor} processor
 * @param {Pace} pace
 * @returns {Promise<Result>}
 */
export async function run(workload, processor, pace) {
  const { unrolled, plain, check } = createPair(workload);
  check();
  const times = await measure({ unrolled, plain }, pace, () => processor.isCalm());
  const count = flops(workload);
  /** @param {number} ms */
  const gflops = (ms) => count / ms / 1e6;
  return {
    workload,
    flops: count,
    unrolled: times.unrolled,
    plain: times.plain,
    gflops: gflops(times.unrolled.median),
    share: gflops(times.unrolled.median) / processor.gigaflops,
    bestShare: gflops(times.unrolled.min) / processor.gigaflops,
    ratio: times.plain.median / times.unrolled.median,
  };
}
