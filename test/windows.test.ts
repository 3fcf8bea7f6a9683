import { describe, expect, test } from "vitest";
import {
  adam,
  columnStack,
  dense,
  difference,
  gru,
  last,
  meanSquaredError,
  movingAverage,
  Network,
  seasonalNaive,
  splitData,
  tensor,
  undoDifference,
  windows,
  type Series,
  type WindowOptions,
} from "../bindings/index.ts";
import { errorOf, expectError, numbers, type Kind } from "./support.ts";

const f32 = (...values: number[]) => Float32Array.from(values);
const count = (n: number, from = 0) => Float32Array.from({ length: n }, (_, i) => from + i);
/** Step t of feature f is 10t + f. */
const twoFeatures = (T: number) => columnStack([count(T).map((t) => 10 * t), count(T).map((t) => 10 * t + 1)]);

describe("windows", () => {
  test("each with the step that follows", () => {
    expect(windows(count(5), { length: 3 })).toEqual({
      inputs: tensor(f32(0, 1, 2, 1, 2, 3), [2, 3, 1]),
      targets: tensor(f32(3, 4), [2, 1]),
    });
  });

  test("horizon, stride and columns", () => {
    const { inputs, targets } = windows(twoFeatures(8), { length: 2, horizon: 2, stride: 3, targets: [1] });
    expect(inputs).toEqual(tensor(f32(0, 1, 10, 11, 30, 31, 40, 41), [2, 2, 2]));
    expect(targets).toEqual(tensor(f32(21, 31, 51, 61), [2, 2]));
    const all = windows(twoFeatures(4), { length: 2, horizon: 2 });
    expect(all.targets).toEqual(tensor(f32(20, 21, 30, 31), [1, 4]));
    expect(windows(twoFeatures(3), { length: 2, targets: [1, 0, 1] }).targets).toEqual(tensor(f32(21, 20, 21), [1, 3]));
  });

  test.each([1, 2, 3, 7])("every window that fits and no other, stride %i", (stride) => {
    for (let T = 6; T < 30; T++) {
      const { inputs, targets } = windows(count(T), { length: 4, horizon: 2, stride });
      const starts = Array.from({ length: T }, (_, t) => t).filter((t) => t % stride === 0 && t + 6 <= T);
      expect([...inputs.data]).toEqual(starts.flatMap((t) => [t, t + 1, t + 2, t + 3]));
      expect([...targets.data]).toEqual(starts.flatMap((t) => [t + 4, t + 5]));
    }
  });

  test("of several series: none reaches into the next, one too short gives none", () => {
    const { inputs, targets } = windows([count(3), count(2, 50), tensor(count(4, 100), [4])], { length: 2 });
    expect(inputs).toEqual(tensor(f32(0, 1, 100, 101, 101, 102), [3, 2, 1]));
    expect(targets).toEqual(tensor(f32(2, 102, 103), [3, 1]));
  });

  test("those side by side are a view, others are not", () => {
    const series = count(10);
    const { inputs } = windows(series, { length: 3, stride: 3 });
    expect(inputs).toEqual(tensor(count(9), [3, 3, 1]));
    expect(inputs.data.buffer).toBe(series.buffer);
    expect(windows(series, { length: 3 }).inputs.data.buffer).not.toBe(series.buffer);
    const gapped = f32(0, NaN, 2, 3, 4, 5, 6, 7);
    const late = windows(gapped, { length: 2, stride: 2, gaps: "skip" }).inputs;
    expect(late).toEqual(tensor(f32(2, 3, 4, 5), [2, 2, 1]));
    expect(late.data.buffer).toBe(gapped.buffer);
  });

  test("a gap is refused with its place, or its windows are skipped", () => {
    const series = twoFeatures(8);
    series.data[2 * 4] = NaN; // step 4 of feature 0
    expect(() => windows(series, { length: 2 })).toThrow(
      /^"series" expected finite numbers, got NaN at \[4, 0\]: fill the gap, .* gaps: "skip"$/,
    );
    const startsOf = (options: WindowOptions) => {
      const { inputs } = windows(series, options);
      return Array.from({ length: inputs.shape[0]! }, (_, n) => inputs.data[n * inputs.shape[1]! * 2]! / 10);
    };
    expect(startsOf({ length: 2, gaps: "skip" })).toEqual([0, 1, 5]);
    // As a target, step 4 of feature 1 is sound.
    expect(startsOf({ length: 2, gaps: "skip", targets: [1] })).toEqual([0, 1, 2, 5]);
  });

  test("the gap that the documentation names keeps the steps of training out of validation", () => {
    for (const [length, horizon, stride] of [
      [4, 2, 1],
      [5, 3, 3],
      [3, 1, 4],
      [7, 2, 9],
      [6, 2, 8],
    ] as const) {
      const data = windows(count(200), { length, horizon, stride });
      const gap = Math.ceil((length + horizon) / stride) - 1;
      const { train, validation } = splitData(data, { by: "time", validation: 0.4, gap });
      const lastSeen = Math.max(...train.targets.data);
      expect(validation.inputs.data[0]!).toBeGreaterThan(lastSeen);
      if (gap === 0) continue;
      const tight = splitData(data, { by: "time", validation: 0.4, gap: gap - 1 });
      expect(tight.validation.inputs.data[0]!).toBeLessThanOrEqual(Math.max(...tight.train.targets.data));
    }
  });

  test("a network learns to forecast from them, better than by the last value", async () => {
    const series = count(260).map((t) => (t % 7) / 7 + (t % 3) / 3);
    const data = windows(series, { length: 21, horizon: 3 });
    const { train, test } = splitData(data, { by: "time", test: 0.2, gap: 23 });
    const net = new Network({ input: { features: 1 }, layers: [gru(16), last(), dense(3)], seed: 1 });
    const loss = meanSquaredError();
    await net.fit(train, { loss, optimizer: adam({ learningRate: 0.02 }), epochs: 30 });
    const naive = seasonalNaive(test.inputs, { horizon: 3 });
    const error = naive.data.reduce((sum, y, i) => sum + (y - test.targets.data[i]!) ** 2, 0) / naive.data.length;
    expect(net.evaluate(test, { loss }).loss).toBeLessThan(error / 10);
    const season = seasonalNaive(test.inputs, { horizon: 3, season: 21 });
    season.data.forEach((y, i) => expect(y).toBeCloseTo(test.targets.data[i]!, 6));
  });

  const series = count(9);
  test.each<[string, Series | readonly Series[], object, Kind, RegExp]>([
    ["no length", series, {}, TypeError, /"length" expected a number/],
    ["a length of 0", series, { length: 0 }, RangeError, /"length" expected an integer of at least 1/],
    ["half a stride", series, { length: 2, stride: 0.5 }, RangeError, /"stride" expected an integer/],
    ["no horizon", series, { length: 2, horizon: 0 }, RangeError, /"horizon" expected an integer of at least 1/],
    ["an unknown option", series, { length: 2, step: 1 }, TypeError, /unknown option "step"/],
    ["an unknown way with gaps", series, { length: 2, gaps: "fill" }, RangeError, /"gaps" expected one of "refuse"/],
    ["a column too many", series, { length: 2, targets: [1] }, RangeError, /"targets\[0\]" expected .* 0 to 0, got 1/],
    ["no columns", series, { length: 2, targets: [] }, RangeError, /"targets" expected at least one column/],
    ["a column that is no list", series, { length: 2, targets: 0 }, TypeError, /"targets" expected an array/],
    [
      "a short series",
      series,
      { length: 9 },
      RangeError,
      /"series" expected at least 10 steps in a row, for .*, got 9/,
    ],
    ["nothing", [], { length: 2 }, RangeError, /"series" expected at least one series/],
    ["numbers", [1, 2] as never, { length: 1 }, TypeError, /"series\[0\]" expected a Float32Array or a tensor/],
    ["doubles", new Float64Array(9) as never, { length: 1 }, TypeError, /"series" expected a Float32Array or a tensor/],
    [
      "a batch",
      numbers([2, 9, 1]),
      { length: 2 },
      RangeError,
      /"series" expected shape \[time, features\], got \[2, 9, 1\]/,
    ],
    [
      "integers",
      tensor(Int32Array.of(1, 2), [2]) as never,
      { length: 1 },
      TypeError,
      /"series.data" expected a Float32Array/,
    ],
    [
      "series of other features",
      [series, twoFeatures(9)],
      { length: 2 },
      RangeError,
      /"series\[1\]" expected 1 features, as series\[0\] has, got 2/,
    ],
    [
      "infinity, even where gaps are skipped",
      f32(1, Infinity, 2),
      { length: 1, gaps: "skip" },
      RangeError,
      /"series" expected finite numbers, got Infinity at \[1, 0\]$/,
    ],
    [
      "gaps everywhere",
      f32(1, NaN, 2, NaN),
      { length: 1, gaps: "skip" },
      RangeError,
      /"series" expected at least 2 steps in a row without a gap/,
    ],
  ])("refuses %s", async (_, series, options, kind, text) => {
    expectError(await errorOf(() => windows(series, options as never)), kind, text);
  });
});

describe("columnStack", () => {
  test("columns side by side", () => {
    expect(columnStack([f32(1, 2), f32(3, 4)])).toEqual(tensor(f32(1, 3, 2, 4), [2, 2]));
  });
  test.each<[string, unknown, Kind, RegExp]>([
    ["no columns", [], RangeError, /"columns" expected at least one column/],
    ["one array", f32(1), TypeError, /"columns" expected an array of Float32Array/],
    ["plain numbers", [[1, 2]], TypeError, /"columns\[0\]" expected a Float32Array/],
    [
      "columns of other lengths",
      [f32(1), f32(1, 2)],
      RangeError,
      /"columns\[1\]" expected 1 numbers, as columns\[0\] has/,
    ],
  ])("refuses %s", async (_, columns, kind, text) => {
    expectError(await errorOf(() => columnStack(columns as never)), kind, text);
  });
});

describe("movingAverage", () => {
  test("of a series and of each feature", () => {
    expect(movingAverage(f32(1, 2, 6, 4), 2)).toEqual(f32(1.5, 4, 5));
    expect(movingAverage(f32(1, 2, 6), 3)).toEqual(f32(3));
    expect(movingAverage(f32(1, 2), 1)).toEqual(f32(1, 2));
    expect(movingAverage(tensor(f32(0, 10, 2, 20, 4, 30), [3, 2]), 2)).toEqual(tensor(f32(1, 15, 3, 25), [2, 2]));
    expect(movingAverage(tensor(f32(0, 2), [2]), 2)).toEqual(tensor(f32(1), [1]));
  });
  test("does not drift, and forgets a gap and a large number", () => {
    expect(movingAverage(f32(1e30, NaN, 1, 3), 2)).toEqual(f32(NaN, NaN, 2));
  });
  test("refuses a window that is too long", () => {
    expect(() => movingAverage(f32(1, 2), 3)).toThrow(/"window" expected at most the 2 steps of the series, got 3/);
    expect(() => movingAverage(f32(1, 2), 0)).toThrow(RangeError);
    expect(() => movingAverage([1, 2] as never, 1)).toThrow(TypeError);
  });
});

describe("difference", () => {
  test("by a lag, of a series and of each feature", () => {
    expect(difference(f32(1, 4, 2))).toEqual(f32(3, -2));
    expect(difference(f32(1, 4, 2, 9), 2)).toEqual(f32(1, 5));
    expect(difference(tensor(f32(1, 10, 4, 30), [2, 2]))).toEqual(tensor(f32(3, 20), [1, 2]));
  });
  test.each([1, 2, 5])("undone from the steps before, lag %i", (lag) => {
    for (const series of [
      tensor(
        count(24).map((t) => (t * 7) % 11),
        [12, 2],
      ),
      count(12).map((t) => (t * 5) % 7),
    ]) {
      const rows = "shape" in series ? 2 : 1;
      const flat = "shape" in series ? series.data : series;
      const before = "shape" in series ? tensor(flat.subarray(0, 12), [6, 2]) : flat.subarray(0, 6);
      const changes = difference(series, lag);
      const ahead = "shape" in changes ? changes.data : changes;
      const from = ahead.subarray((6 - lag) * rows);
      const known = "shape" in series ? tensor(from, [6, 2]) : from;
      const undone = undoDifference(known, before, lag);
      expect("shape" in undone ? undone.data : undone).toEqual(flat.subarray(6 * rows));
    }
  });
  test("refuses what does not fit", () => {
    expect(() => difference(f32(1, 2), 2)).toThrow(/"lag" expected less than the 2 steps of the series, got 2/);
    expect(() => difference(f32(1, 2), 0)).toThrow(RangeError);
    expect(() => undoDifference(f32(1), f32(1), 2)).toThrow(/"before" expected at least 2 steps, got 1/);
    expect(() => undoDifference(f32(1), twoFeatures(2))).toThrow(/"before" expected 1 features, .*, got 2/);
  });
});

describe("seasonalNaive", () => {
  test("what was one season ago, in the shape of the targets of windows", () => {
    const { inputs, targets } = windows(count(12), { length: 4, horizon: 5 });
    const forecast = seasonalNaive(inputs, { horizon: 5, season: 3 });
    expect(forecast.shape).toEqual(targets.shape);
    expect([...forecast.data.subarray(0, 5)]).toEqual([1, 2, 3, 1, 2]);
    expect([...seasonalNaive(inputs).data]).toEqual([3, 4, 5, 6]);
  });
  test("of chosen columns", () => {
    const { inputs } = windows(twoFeatures(5), { length: 3, horizon: 2, targets: [1] });
    expect(seasonalNaive(inputs, { horizon: 2, season: 2, targets: [1] })).toEqual(tensor(f32(11, 21), [1, 2]));
    expect([...seasonalNaive(inputs, { horizon: 1 }).data]).toEqual([20, 21]);
  });
  const inputs = numbers([2, 3, 1]);
  test.each<[string, unknown, object, Kind, RegExp]>([
    [
      "a season longer than the windows",
      inputs,
      { season: 4 },
      RangeError,
      /"season" expected at most the 3 steps of a window/,
    ],
    ["vectors", numbers([2, 3]), {}, RangeError, /"inputs" expected shape \[windows, length, features\], got \[2, 3\]/],
    ["an array", f32(1), {}, TypeError, /"inputs" expected a tensor/],
    ["a horizon of 0", inputs, { horizon: 0 }, RangeError, /"horizon" expected/],
    ["a column too many", inputs, { targets: [1] }, RangeError, /"targets\[0\]" expected/],
    ["an unknown option", inputs, { lag: 1 }, TypeError, /unknown option "lag"/],
  ])("refuses %s", async (_, inputs, options, kind, text) => {
    expectError(await errorOf(() => seasonalNaive(inputs as never, options)), kind, text);
  });
});
