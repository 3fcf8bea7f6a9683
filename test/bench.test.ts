import { Buffer } from "node:buffer";
import asc from "assemblyscript/asc";
import { beforeAll, expect, test, vi } from "vitest";
import { expectSame } from "../bench/check.js";
import { drawScaling } from "../bench/figure.js";
import { measure, paces } from "../bench/measure.js";
import { readOptions } from "../bench/options.js";
import { createPair } from "../bench/pairs.js";
import { Processor } from "../bench/processor.js";
import { run } from "../bench/run.js";
import { sweeps } from "../bench/scaling.js";
import { dips, measureCurve } from "../bench/sizes.js";
import { exponent, quantile, summarize } from "../bench/statistics.js";
import { groupLine, resultHeader, resultLine } from "../bench/table.js";
import { check, flopsOf, pass, variants } from "../bench/variants.js";
import { flops, select, training, workloads, type Workload } from "../bench/workloads.js";

// -------------------------------------------------------------------------------------------------- the workloads

/** The same work on less: every size small and no multiple of four. */
const small = (workload: Workload): Workload =>
  workload.kind === "mlp"
    ? { ...workload, B: Math.min(workload.B, 3), I: 13, H: 7 }
    : { ...workload, B: Math.min(workload.B, 3), T: Math.min(workload.T, 5), I: 9, H: 7 };

test.each(workloads)("$id: the library and plain JavaScript give the same within 1e-4, on less", (workload) => {
  const { check, unrolled, plain } = createPair(small(workload));
  check();
  expect(Math.abs(unrolled() - plain())).toBeLessThan(1e-4);
});

test.each(["W1/lstm/32", "W2/lstm/64", "W4/gru/128", "W5/sgd/64", "W5/infer/1"])(
  "%s: different results are an error",
  (id) => {
    const [workload] = select(id);
    const { net, check } = createPair(small(workload!));
    const { value } = net.parameters[0]!;
    net.parameters[0]!.set(value.map((x) => x + 0.1));
    expect(check).toThrow(/^W.* in plain JavaScript; nothing is timed$/);
  },
);

test.each([
  ["W1/lstm/32", 2 * 4 * 32 * (32 + 32)],
  ["W1/gru/128", 2 * 3 * 128 * (128 + 128)],
  ["W3/lstm/256", 2 * 32 * 50 * 4 * 256 * (128 + 256)],
  ["W4/elman/128", 3 * (2 * 32 * 50 * 128 * (64 + 128) + 2 * 32 * 128 * 10)],
  ["W5/infer/64", 2 * 64 * (784 * 128 + 128 * 10)],
  ["W5/adam/64", 3 * 2 * 64 * (784 * 128 + 128 * 10)],
  ["W6/lstm/128", 3 * (2 * 32 * 64 * 4 * 128 * (65 + 128) + 2 * 32 * 64 * 128 * 65)],
])("%s counts %i floating-point operations", (id, expected) => {
  expect(select(id).map(flops)).toEqual([expected]);
});

test("select takes groups, cells and sizes, and names what there is when there is none", () => {
  const ids = (only?: string) => select(only).map(({ id }) => id);
  expect(ids()).toHaveLength(24);
  expect(ids("W1/lstm, W6")).toEqual(["W1/lstm/32", "W1/lstm/128", "W1/lstm/256", "W1/lstm/512", "W6/lstm/128"]);
  expect(ids("W4/lstm/32")).toEqual(["W4/lstm/32"]);
  expect(() => select("W1/lstm/3")).toThrow('there is no "W1/lstm/3"; there are W1/lstm/32, ');
});

// --------------------------------------------------------------------------------------------- checks and figures

test("expectSame: within the tolerance, and never with NaN or another length", () => {
  expectSame("y", [1, 2], [1, 2.5], 0.5);
  expect(() => expectSame("y", [1, 2], [1, 2.51], 0.5)).toThrow("y: element 1 is 2, and 2.51 in plain JavaScript");
  expect(() => expectSame("y", [NaN], [NaN], 1)).toThrow("element 0 is NaN");
  expect(() => expectSame("y", [1], [1, 2], 1)).toThrow("y: 1 numbers, not 2");
});

test("quantiles lie between neighbours by the straight line", () => {
  expect([0, 0.25, 0.5, 0.75, 1].map((share) => quantile([1, 2, 4, 8], share))).toEqual([1, 1.75, 3, 5, 8]);
  expect(quantile([7], 0.75)).toBe(7);
  expect(summarize([3, 1, 2], 5)).toEqual({ median: 2, p25: 1.5, p75: 2.5, min: 1, count: 3, callsPerSample: 5 });
});

test("the exponent of 3·x^1.5 is 1.5", () => {
  expect(exponent([1, 10, 50, 300].map((x) => [x, 3 * x ** 1.5]))).toBeCloseTo(1.5, 12);
});

test("a size is a dip when larger and smaller ones near it are faster by a tenth", () => {
  const points = [10, 20, 17, 20, 18.5, 30, 12].map((gflops, k) => ({
    H: k + 1,
    gflops,
    milliseconds: 1,
    disturbed: false,
  }));
  expect(dips(points).map(({ H }) => H)).toEqual([3]);
});

test("dips are measured again, and stay when they are dips each time", async () => {
  const looks = new Map<number, number>();
  const points = await measureCurve([1, 2, 3, 4, 5], (H) => {
    const look = (looks.get(H) ?? 0) + 1;
    looks.set(H, look);
    const gflops = H === 2 && look < 3 ? 5 : H === 4 ? 6 : 10;
    return Promise.resolve({ H, gflops, milliseconds: 1, disturbed: false });
  });
  expect(points.map(({ gflops }) => gflops)).toEqual([10, 10, 10, 6, 10]);
  expect(Object.fromEntries(looks)).toEqual({ 1: 1, 2: 3, 3: 1, 4: 4, 5: 1 });
});

// ------------------------------------------------------------------------------------------------------- timing

test("functions are timed in turns, repeated to fill a sample, after a warm-up", async () => {
  let clock = 0;
  const order: string[] = [];
  const work = (name: string, ms: number) => () => {
    order.push(name);
    clock += ms;
  };
  const spy = vi.spyOn(performance, "now").mockImplementation(() => clock);
  const pace = { samples: 4, sampleMs: 2, warmUpMs: 6, patienceMs: 0 };
  const { slow, fast } = await measure({ slow: work("slow", 2), fast: work("fast", 0.5) }, pace);
  spy.mockRestore();
  expect([slow.callsPerSample, fast.callsPerSample]).toEqual([1, 4]);
  expect(slow.samples).toEqual([2, 2, 2, 2]);
  expect(fast.samples).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect(order.slice(0, -20).join(" ")).toBe(`${"slow ".repeat(3)}${"fast ".repeat(12)}`.trim());
  expect(order.slice(-20).join(" ")).toBe("slow fast fast fast fast ".repeat(4).trim());
});

test("samples without calm before and after are dropped and taken again, as long as patience lasts", async () => {
  let clock = 0;
  const spy = vi.spyOn(performance, "now").mockImplementation(() => clock);
  const work = () => (clock += 1);
  const pace = { samples: 4, sampleMs: 1, warmUpMs: 0, patienceMs: 100 };
  let asked = 0;
  const third = await measure({ work }, pace, () => asked++ % 3 !== 0); // no, yes and yes, no, yes and yes …
  expect([third.work.count, third.work.disturbed]).toEqual([4, false]);
  const never = await measure({ work }, { ...pace, patienceMs: 7 }, () => false);
  expect([never.work.count, never.work.disturbed]).toEqual([7, true]);
  const impatient = await measure({ work }, { ...pace, patienceMs: 0 }, () => false);
  expect([impatient.work.count, impatient.work.disturbed]).toEqual([4, true]);
  spy.mockRestore();
});

let peakBytes: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  const { error } = await asc.main(["bench/peak.ts", "--config", "bench/asconfig.json"], {
    writeFile: (_name, contents) => void (peakBytes = Uint8Array.from(Buffer.from(contents))),
  });
  if (error) throw error;
});

test("peak.ts does 48 operations a turn, on twelve chains of four", () => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(peakBytes));
  const { multiply, add, both } = exports as Record<string, (turns: number, by?: number) => number>;
  expect(multiply!(0, 2)).toBe(12 * 2);
  expect(multiply!(5, 2)).toBe(12 * 2 ** 6);
  expect(add!(5, 2)).toBe(12 * 12);
  expect(both!(5, 2)).toBe(6 * 2 ** 6 + 6 * 12);
});

test("P is the sum of two loops at their fastest, and it is calm when every loop is within 7 % of that", () => {
  const processor = new Processor(peakBytes);
  expect([processor.gigaflops, processor.gigaflopsOfBoth]).toEqual([0, 0]);
  const times: number[] = [];
  const spy = vi.spyOn(performance, "now").mockImplementation(() => times.shift() ?? NaN);
  const isCalm = (multiply: number, add: number, both: number) => {
    times.push(0, multiply, 0, add, 0, both);
    return processor.isCalm();
  };
  expect(isCalm(1, 1, 1)).toBe(true);
  expect(isCalm(0.8, 1.05, 1)).toBe(true);
  expect(isCalm(0.8, 1, 1.1)).toBe(false);
  expect(isCalm(1, 1, 0.5)).toBe(false);
  spy.mockRestore();
  expect(processor.gigaflops).toBeCloseTo(4.8e6 / 0.8e-3 / 1e9 + 4.8e6 / 1e-3 / 1e9, 9);
  expect(processor.gigaflopsOfBoth).toBeCloseTo(4.8e6 / 0.5e-3 / 1e9, 9);
});

test("a run gives times, GFLOP/s, the share of P and the ratio", async () => {
  const processor = new Processor(peakBytes);
  const workload = small(training("lstm", 7));
  const { unrolled, plain, gflops, share, bestShare, ratio } = await run(workload, processor, paces.quick);
  expect(unrolled.samples.length).toBeGreaterThan(0); // disturbed samples are dropped
  expect(gflops).toBeCloseTo(flops(workload) / unrolled.median / 1e6, 12);
  expect(share).toBeCloseTo(gflops / processor.gigaflops, 12);
  expect(bestShare).toBeCloseTo((share * unrolled.median) / unrolled.min, 12);
  expect(ratio).toBeCloseTo(plain.median / unrolled.median, 12);
});

// -------------------------------------------------------------------------------------------------- what is shown

test("the table fits 120 columns, however slow a machine", () => {
  const times = { ...summarize([12_345.678, 12_445, 99_999.9], 1), samples: [], disturbed: true };
  const figures = { flops: 1e9, unrolled: times, plain: times, gflops: 100, share: 1, bestShare: 1, ratio: 1234.5 };
  const shown = workloads.map((workload) => resultLine({ workload, ...figures }));
  const headings = [resultHeader, ...["W1", "W2", "W3", "W4", "W5", "W6"].map(groupLine)];
  for (const text of [...headings, ...shown]) expect(text.length).toBeLessThanOrEqual(120);
});

test("the picture of scaling has every axis and exponent, and no background", () => {
  const growths = sweeps.map((sweep, k) => {
    const points = sweep.xs.map((x) => ({ x, milliseconds: 2 * x, megabytes: 1 + x }));
    return { ...sweep, points, timeExponent: k + 0.25, memoryExponent: k + 0.75 };
  });
  const svg = drawScaling(growths);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  for (const { axis, timeExponent } of growths) {
    expect(svg).toContain(axis);
    expect(svg).toContain(`e = ${timeExponent.toFixed(2)}`);
  }
  expect(svg).not.toContain("<rect");
  expect(svg).not.toMatch(/NaN|undefined/);
});

test.each(variants)("$name: its gradients are checked, and a pass gives a number", ({ plain, variant }) => {
  for (const layer of [plain, variant]) {
    check(layer);
    const value = pass(layer, { B: 2, T: 3, I: 5, H: 6 })();
    expect(value).not.toBe(0);
    expect(value).toBeLessThan(Infinity);
  }
});

test("operations of a variant: three gates of coupled ones, and the product of a projection", () => {
  const sizes = { B: 2, T: 3, I: 5, H: 8 };
  expect(flopsOf(sizes, 4)).toBe(3 * 2 * 6 * 4 * 8 * 13);
  expect(flopsOf(sizes, 3)).toBe(3 * 2 * 6 * 3 * 8 * 13);
  expect(flopsOf(sizes, 4, 4)).toBe(3 * 2 * 6 * (4 * 8 * 9 + 4 * 8));
});

test("options: one mode at a time, and no unknown ones", () => {
  expect(readOptions([])).toEqual({ only: undefined, json: undefined, quick: false, mode: "workloads" });
  expect(readOptions(["--quick", "--only", "W4", "--profile"])).toMatchObject({
    quick: true,
    only: "W4",
    mode: "profile",
  });
  expect(() => readOptions(["--sizes", "--scaling"])).toThrow("--sizes and --scaling: one at a time");
  expect(readOptions(["--variants"])).toMatchObject({ mode: "variants" });
  expect(() => readOptions(["--fast"])).toThrow("--fast");
});
