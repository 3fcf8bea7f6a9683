// What all examples share: the quick mode, a line of progress, and the table of what was reached beside a baseline.
import { appendFileSync, readFileSync } from "node:fs";
import cliProgress from "cli-progress";

/** @import { EpochReport, StepReport } from "unrolled" */

/** Quick mode: less data and fewer epochs, a matter of seconds. The tests run it. */
export const quick = process.env.UNROLLED_QUICK !== undefined;

/**
 * The text of a file of a package of data.
 * @param {string} path the package's name and the path inside it
 */
export function readData(path) {
  return readFileSync(new URL(`node_modules/${path}`, import.meta.url), "utf8");
}

/**
 * What `fit` calls: a bar in a terminal, and a line after each epoch.
 * @param {number} epochs
 * @param {(report: EpochReport) => string} [describe] the line; without it, losses and accuracy
 */
export function progress(epochs, describe = describeEpoch) {
  const started = performance.now();
  const bar = process.stdout.isTTY
    ? new cliProgress.SingleBar({
        format: "{bar} {percentage}% | epoch {epoch} | loss {loss} | {eta_formatted} left",
        barsize: 20,
        clearOnComplete: true,
        hideCursor: true,
      })
    : undefined;
  return {
    /** @param {StepReport} report */
    onStep({ step, epoch, batches, loss }) {
      if (!bar) return;
      if (!bar.isActive) bar.start(epochs * batches, step - 1, { epoch: "", loss: "" });
      bar.update(step, { epoch: `${epoch + 1} of ${epochs}`, loss: loss.toFixed(3) });
    },
    /** @param {EpochReport} report */
    onEpoch(report) {
      bar?.stop();
      const seconds = (performance.now() - started) / 1000;
      console.log(`epoch ${report.epoch + 1} of ${epochs}: ${describe(report)}, ${seconds.toFixed(1)} s`);
    },
  };
}

/** @param {EpochReport} report */
function describeEpoch({ loss, validationLoss, validationAccuracy }) {
  const parts = [`loss ${loss.toFixed(3)}`];
  if (validationLoss !== undefined) parts.push(`held out ${validationLoss.toFixed(3)}`);
  if (validationAccuracy !== undefined) parts.push(`accuracy ${validationAccuracy.toFixed(3)}`);
  return parts.join(", ");
}

/** @param {string} title */
export function heading(title) {
  console.log(`\n── ${title} ──`);
}

/**
 * One figure that an example stands or falls by.
 * @typedef {object} Measure
 * @property {string} measure what it is, with its unit
 * @property {number} reached
 * @property {number} [atLeast] the threshold where more is better
 * @property {number} [atMost] the threshold where less is better
 * @property {[name: string, value: number]} baseline what is reached without a network; worse than the threshold
 * @property {number} [digits] behind the point. Default 3
 */

/** Rows of figures, for the README that `--write` writes. @typedef {Measure & { passed: boolean }} Result */

/**
 * Prints the figures beside their thresholds and baselines, and the time. The process fails if one misses its threshold.
 * @param {string} data what was learnt from
 * @param {Measure[]} measures
 */
export function report(data, measures) {
  const seconds = performance.now() / 1000; // since the process began
  const results = measures.map((measure) => ({ ...measure, passed: passes(measure) }));
  heading("result");
  console.log(table(results.map(cells)));
  console.log(`${seconds.toFixed(0)} s in all${quick ? ", quick mode" : ""}`);
  for (const { passed, measure } of results) if (!passed) console.error(`MISSED: ${measure}`);
  if (results.some(({ passed }) => !passed)) process.exitCode = 1;
  const file = process.env.UNROLLED_RESULTS;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ data, seconds, results })}\n`);
}

/** @param {Measure} measure */
function passes({ measure, reached, atLeast, atMost, baseline: [name, value] }) {
  const [threshold = NaN, sign] = atLeast === undefined ? [atMost, -1] : [atLeast, 1];
  if (!(sign * threshold > sign * value)) {
    throw new RangeError(`${measure}: the threshold ${threshold} must be better than ${value}, the ${name}`);
  }
  return sign * reached >= sign * threshold; // not so for NaN
}

/** @param {Result} result */
function cells({ measure, reached, atLeast, atMost, baseline: [name, value], digits = 3, passed }) {
  const threshold = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  return [
    measure,
    reached.toFixed(digits),
    `${passed ? "passes" : "MISSES"} ${threshold}`,
    `${value.toFixed(digits)} ${name}`,
  ];
}

/** Columns side by side. @param {string[][]} rows */
export function table(rows) {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}
