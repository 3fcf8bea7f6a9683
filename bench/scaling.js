import { adam, crossEntropy, dense, last, lstm, Network, tensor } from "unrolled";
import { classes, features } from "./data.js";
import { measure, paces } from "./measure.js";
import { exponent } from "./statistics.js";
import { line, milliseconds } from "./table.js";

/** @import { Processor } from "./processor.js" */

/** @typedef {{ T: number, B: number, H: number, layers: number, truncate: number | undefined }} Setting */
/** @typedef {{ x: number, milliseconds: number, megabytes: number }} Point time of a pass over the data, and Wasm memory */
/**
 * @typedef {{ name: string, axis: string, setting: (x: number) => Partial<Setting>, xs: readonly number[],
 *   ticks: readonly number[] }} Sweep `ticks`: what of xs is written at the axis of a picture
 */
/** @typedef {Sweep & { points: Point[], timeExponent: number, memoryExponent: number }} Growth */

const INPUTS = 32;
const OUTPUTS = 10;
const TRUNCATE = 50;
/** @type {Setting} */
const base = { T: 50, B: 8, H: 64, layers: 1, truncate: undefined };

const steps = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const powersOfTen = [10, 100, 1000, 10_000];
const layers = [1, 2, 3, 4, 5, 6];
/** @type {(from: number, to: number, factor: number) => number[]} */
const powers = (from, to, factor) => (from > to ? [] : [from, ...powers(from * factor, to, factor)]);

/** @type {readonly Sweep[]} */
export const sweeps = [
  { name: "steps", axis: "steps T", setting: (T) => ({ T }), xs: steps, ticks: powersOfTen },
  {
    ...{ name: `steps, truncated at ${TRUNCATE}`, axis: "steps T", ticks: powersOfTen },
    ...{ setting: (T) => ({ T, truncate: TRUNCATE }), xs: steps.filter((T) => T >= TRUNCATE) },
  },
  {
    ...{ name: "batch", axis: "sequences in a batch B", setting: (B) => ({ B }) },
    ...{ xs: powers(1, 256, 2), ticks: powers(1, 256, 4) },
  },
  {
    ...{ name: "hidden size", axis: "hidden units H", setting: (H) => ({ H }) },
    ...{ xs: powers(8, 1024, 2), ticks: powers(8, 1024, 4) },
  },
  { name: "layers", axis: "LSTM layers", setting: (count) => ({ layers: count }), xs: layers, ticks: layers },
];

/** What is the same wherever a sweep does not change it. */
export const baseLine = `LSTM training, B=${base.B} T=${base.T} I=${INPUTS} H=${base.H}, one layer, where not said otherwise`;

/**
 * A pass over the data, one training step, or one each TRUNCATE steps of time, on a new network.
 * @param {Setting} setting
 */
function createPass({ T, B, H, layers, truncate }) {
  const head = truncate === undefined ? [last(), dense(OUTPUTS)] : [dense(OUTPUTS)];
  const net = new Network({ input: { features: INPUTS }, layers: [lstm(H, { layers }), ...head], seed: 1 });
  const targets = truncate === undefined ? [B] : [B, T];
  const data = {
    inputs: tensor(features(B * T * INPUTS, 1), [B, T, INPUTS]),
    targets: tensor(
      classes(
        targets.reduce((a, b) => a * b, 1),
        OUTPUTS,
        2,
      ),
      targets,
    ),
  };
  const trainer = net.train(data, {
    ...{ loss: crossEntropy(), optimizer: adam(), epochs: Infinity, batchSize: B, shuffle: false },
    ...(truncate !== undefined && { truncate }),
  });
  const run = () => {
    for (let batch = 0; batch < trainer.batches; batch++) trainer.next();
  };
  return { net, run };
}

/** @type {(setting: Setting, x: number, quick: boolean, processor: Processor) => Promise<Point>} */
async function measurePoint(setting, x, quick, processor) {
  const { net, run } = createPass(setting);
  const times = await measure({ run }, quick ? paces.quick : paces.short, () => processor.isCalm());
  const [parameter] = net.parameters;
  const bytes = parameter?.value.buffer.byteLength ?? NaN; // a view of the whole memory
  return { x, milliseconds: times.run.median, megabytes: bytes / 2 ** 20 };
}

/**
 * Time and memory over one size, everything else held.
 * @param {boolean} quick without the largest third of the sizes
 * @param {Processor} processor
 * @param {(line: string) => void} print
 */
export async function runScaling(quick, processor, print) {
  const widths = [24, -14, -10, -22, -10, -24];
  print(`\n${baseLine}`);
  print(line(["over", "from … to", "time ~ xᵉ", "ms a pass", "memory", "Wasm MB"], widths));
  /** @type {Growth[]} */
  const results = [];
  for (const sweep of sweeps) {
    const xs = quick ? sweep.xs.slice(0, Math.ceil((2 * sweep.xs.length) / 3)) : sweep.xs;
    /** @type {Point[]} */
    const points = [];
    for (const x of xs) points.push(await measurePoint({ ...base, ...sweep.setting(x) }, x, quick, processor));
    const growth = { ...sweep, points, ...exponents(points) };
    results.push(growth);
    print(line(growthCells(growth), widths));
  }
  return results;
}

/** Over the upper half of the points, where what does not grow counts least. @param {readonly Point[]} points */
function exponents(points) {
  const upper = points.slice(Math.floor(points.length / 2));
  return {
    timeExponent: exponent(upper.map((point) => [point.x, point.milliseconds])),
    memoryExponent: exponent(upper.map((point) => [point.x, point.megabytes])),
  };
}

/** @param {Growth} growth */
function growthCells({ name, points, timeExponent, memoryExponent }) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return [name];
  return [
    ...[name, `${first.x} … ${last.x}`, timeExponent.toFixed(2)],
    ...[`${milliseconds(first.milliseconds)} … ${milliseconds(last.milliseconds)}`, memoryExponent.toFixed(2)],
    `${first.megabytes.toFixed(1)} … ${last.megabytes.toFixed(1)}`,
  ];
}
