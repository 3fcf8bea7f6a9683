import { measure, paces } from "./measure.js";
import { createPair } from "./pairs.js";
import { line } from "./table.js";
import { flops, stream, training } from "./workloads.js";

/** @import { Processor } from "./processor.js" */
/** @import { Workload } from "./workloads.js" */

/** @typedef {{ H: number, milliseconds: number, gflops: number, disturbed: boolean }} Point by the fastest sample */

const LARGEST = 300;
/** A size is a dip when it reaches less than this share of what smaller ones near it do, and larger ones too. */
const DIP = 0.9;
const NEAR = 8;
/** How often dips are measured again, and how often if the machine was disturbed: its neighbours make some that are none. */
const SECOND_LOOKS = 3;
const MOST_LOOKS = 12;

/** @type {Record<string, (H: number) => Workload>} */
const curves = {
  "LSTM training step, B=32 T=50 I=64": (H) => training("lstm", H),
  "LSTM streaming step, I=H": (H) => stream("lstm", H),
};

/**
 * The share of P over all hidden sizes: where tiles do not fit, it dips.
 * @param {boolean} quick every seventh size only
 * @param {Processor} processor
 * @param {(line: string) => void} print
 */
export async function runSizes(quick, processor, print) {
  const count = quick ? Math.floor(LARGEST / 7) : LARGEST;
  const sizes = Array.from({ length: count }, (_, k) => (k + 1) * (quick ? 7 : 1));
  await processor.start();
  /** @type {Record<string, Point[]>} */
  const results = {};
  for (const [title, workloadOf] of Object.entries(curves)) {
    const points = await measureCurve(sizes, (H) => measureSize(workloadOf(H), H, processor, quick));
    results[title] = points;
    print(`\n${title}: % of P = ${processor.gigaflops.toFixed(1)} GFLOP/s by the fastest sample, H down and across`);
    for (const row of curveTable(points, processor.gigaflops)) print(row);
    print(dipsLine(dips(points), processor.gigaflops));
  }
  return results;
}

/**
 * @param {readonly number[]} sizes
 * @param {(H: number) => Promise<Point>} measurePoint
 */
export async function measureCurve(sizes, measurePoint) {
  /** @type {Point[]} */
  const points = [];
  for (const H of sizes) points.push(await measurePoint(H));
  for (let look = 0; look < MOST_LOOKS; look++) {
    for (const dip of dips(points).filter(({ disturbed }) => disturbed || look < SECOND_LOOKS)) {
      const again = await measurePoint(dip.H);
      const isBetter = again.gflops > dip.gflops || (dip.disturbed && !again.disturbed);
      if (isBetter) points[points.indexOf(dip)] = again;
    }
  }
  return points;
}

/** @type {(workload: Workload, H: number, processor: Processor, quick: boolean) => Promise<Point>} */
async function measureSize(workload, H, processor, quick) {
  const small = workload.kind === "training" ? { ...workload, B: 3, T: 3 } : workload;
  createPair(small).check();
  const { unrolled } = createPair(workload);
  const pace = quick ? paces.quick : paces.curve;
  const times = await measure({ unrolled }, pace, () => processor.isCalm());
  const { min, disturbed } = times.unrolled;
  return { H, milliseconds: min, gflops: flops(workload) / min / 1e6, disturbed };
}

/**
 * Ten sizes a row.
 * @param {readonly Point[]} points
 * @param {number} peak
 */
function curveTable(points, peak) {
  const widths = [-5, ...Array.from({ length: 10 }, () => -5)];
  const rows = [line(["H", ...Array.from({ length: 10 }, (_, k) => `+${k}`)], widths)];
  for (let first = 0; first <= LARGEST; first += 10) {
    const cells = Array.from({ length: 10 }, (_, k) => {
      const point = points.find(({ H }) => H === first + k);
      return point ? ((100 * point.gflops) / peak).toFixed(1) : "";
    });
    if (cells.some((cell) => cell !== "")) rows.push(line([first, ...cells], widths));
  }
  return rows;
}

/**
 * Sizes that reach less than their neighbours on both sides.
 * @param {readonly Point[]} points
 */
export function dips(points) {
  return points.filter(({ H, gflops }) => {
    /** @param {(other: number) => boolean} isThere */
    const most = (isThere) => Math.max(0, ...points.filter((other) => isThere(other.H)).map((other) => other.gflops));
    const before = most((other) => other < H && other >= H - NEAR);
    const after = most((other) => other > H && other <= H + NEAR);
    return gflops < DIP * Math.min(before, after);
  });
}

/** @type {(found: readonly Point[], peak: number) => string} */
function dipsLine(found, peak) {
  if (found.length === 0) return "no dips";
  const list = found.map(({ H, gflops }) => `${H} (${((100 * gflops) / peak).toFixed(0)})`).join(", ");
  return `${found.length} dips, below ${DIP} of sizes within ${NEAR} on both sides: ${list}`;
}
