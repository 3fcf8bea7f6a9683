import { otherSizes, titles } from "./workloads.js";

/** @import { Processor } from "./processor.js" */
/** @import { Result } from "./run.js" */

/**
 * A line of cells, text to the left and numbers to the right.
 * @param {readonly (string | number)[]} cells numbers with as many digits as they are to have
 * @param {readonly number[]} widths negative: to the right
 */
export function line(cells, widths) {
  const padded = cells.map((cell, k) => {
    const width = widths[k] ?? 0;
    return width < 0 ? String(cell).padStart(-width) : String(cell).padEnd(width);
  });
  return padded.join("  ").trimEnd();
}

/** Milliseconds, with three digits that count. @param {number} ms */
export function milliseconds(ms) {
  return ms >= 1000 ? ms.toFixed(0) : ms.toPrecision(3);
}

/** @param {number} share */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

const widths = [13, 15, -8, -17, -8, -7, -8, -9, -11];
const headings = ["", "", "ms", "p25 … p75", "GFLOP/s", "of P", "at best", "plain ms", "plain/this"];

/** "at best" is the share of P by the fastest sample. */
export const resultHeader = line(headings, widths);

/** @param {string} group "W1" … */
export function groupLine(group) {
  return `${group}  ${titles[/** @type {keyof typeof titles} */ (group)]}`;
}

/** @param {Result} result */
export function resultLine({ workload, unrolled, plain, gflops, share, bestShare, ratio }) {
  const cells = [
    ...[milliseconds(unrolled.median), `${milliseconds(unrolled.p25)} … ${milliseconds(unrolled.p75)}`],
    ...[gflops.toFixed(1), (unrolled.disturbed ? "~" : "") + percent(share), percent(bestShare)],
    ...[milliseconds(plain.median), ratio.toFixed(1)],
  ];
  return line([workload.id, otherSizes(workload), ...cells], widths);
}

/** @param {Processor} processor */
export function processorLine({ gigaflops, gigaflopsOfBoth }) {
  return `P = ${gigaflops.toFixed(1)} GFLOP/s, multiplications and additions in registers; ${gigaflopsOfBoth.toFixed(1)} in one loop`;
}

/** What the marks of a table mean, if it has any. @param {readonly Result[]} results */
export function footnotes(results) {
  if (!results.some(({ unrolled }) => unrolled.disturbed)) return [];
  return ["~ something else had the processor while this was measured: see bench/README.md"];
}
