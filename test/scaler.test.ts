import { describe, expect, test } from "vitest";
import {
  dense,
  FormatError,
  gru,
  last,
  minMaxScaler,
  Network,
  robustScaler,
  scalerFromJSON,
  standardScaler,
  tensor,
  windows,
  type ScalerJSON,
  type ScalerKind,
} from "../bindings/index.ts";
import { distance, errorOf, expectError, numbers, type Kind } from "./support.ts";

const f32 = (...values: number[]) => Float32Array.from(values);
/** Two features: 1 2 3 4 100, and −1 of each doubled. */
const table = tensor(f32(1, -2, 2, -4, 3, -6, 4, -8, 100, -200), [5, 2]);
const kinds: [string, ScalerKind][] = [
  ["standardScaler", standardScaler()],
  ["minMaxScaler", minMaxScaler()],
  ["robustScaler", robustScaler()],
];

describe("what is learnt", () => {
  test("standardScaler: mean and standard deviation (that of all data)", () => {
    const { center, scale } = standardScaler().fit(table);
    expect(center).toEqual([22, -44]);
    // √((21² + 20² + 19² + 18² + 78²) / 5)
    expect(scale[0]).toBeCloseTo(Math.sqrt(7610 / 5), 10);
    expect(scale[1]).toBeCloseTo(2 * Math.sqrt(7610 / 5), 10);
  });

  test("minMaxScaler: the range", () => {
    const unit = minMaxScaler().fit(table).transform(table);
    expect([unit.data[0], unit.data[8], unit.data[1], unit.data[9]]).toEqual([0, 1, 1, 0]);
    const wide = minMaxScaler({ range: [-1, 3] })
      .fit(table)
      .transform(table);
    expect([wide.data[0], wide.data[8], wide.data[1], wide.data[9]]).toEqual([-1, 3, 3, -1]);
    expect(wide.data[2]).toBeCloseTo(-1 + 4 / 99, 6);
  });

  test("robustScaler: median and the distance of the quartiles, whatever is far out", () => {
    expect(robustScaler().fit(table)).toMatchObject({ center: [3, -6], scale: [2, 4] });
    // Between two numbers, as NumPy's percentile: the quartiles of 1 2 3 10 are 1.75 and 4.75.
    expect(robustScaler().fit(f32(10, 2, 3, 1))).toMatchObject({ center: [2.5], scale: [3] });
    expect(robustScaler().fit(f32(5)).center).toEqual([5]);
  });

  test.each(kinds)("%s: gaps are left out, and stay gaps", (_, kind) => {
    const gapped = f32(1, NaN, 2, 3, NaN, 4, 100);
    const scaler = kind.fit(gapped);
    expect(scaler).toMatchObject({ center: kind.fit(f32(1, 2, 3, 4, 100)).center });
    expect([...scaler.transform(gapped)].map(Number.isNaN)).toEqual([...gapped].map(Number.isNaN));
  });

  test.each(kinds)("%s: padding is left out", (_, kind) => {
    const padded = tensor(f32(1, 2, 999, 3, 999, 999, 4, 5, 6), [3, 3, 1]);
    const expected = kind.fit(f32(1, 2, 3, 4, 5, 6));
    expect(kind.fit(padded, { lengths: [2, 1, 3] }).toJSON()).toEqual(expected.toJSON());
    expect(kind.fit(padded, { lengths: Int32Array.of(2, 1, 3) }).toJSON()).toEqual(expected.toJSON());
    expect(kind.fit(padded).toJSON()).not.toEqual(expected.toJSON());
  });

  test.each(kinds)("%s: a constant feature is shifted and not scaled, and comes back", (_, kind) => {
    // In f64 the mean of many times 0.1 is not 0.1 to the last bit.
    const constant = Array.from({ length: 1001 }, () => [0.1]);
    const scaler = kind.fit(constant);
    expect(scaler.scale).toEqual([1]);
    expect(Math.abs(scaler.transform(constant)[0]![0]!)).toBeLessThan(1e-12);
    expect(distance(scaler.inverse(scaler.transform(constant)).flat(), constant.flat())).toBeLessThan(1e-15);
    const single = new Float32Array(9).fill(0.1);
    const again = kind.fit(single);
    expect(again.inverse(again.transform(single))).toEqual(single);
  });

  test("minMaxScaler: a constant feature stands at the low end", () => {
    expect(
      minMaxScaler({ range: [-1, 1] })
        .fit(f32(7, 7))
        .transform(f32(7, 8)),
    ).toEqual(f32(-1, 0));
  });
});

describe.each(kinds)("%s", (_, kind) => {
  const whole = numbers([2, 3, 2]);
  const nested = [0, 1].map((b) => [0, 1, 2].map((t) => [0, 1].map((f) => whole.data[(b * 3 + t) * 2 + f]!)));
  const scaler = kind.fit(whole);

  test("the same numbers in each form give the same, in their form", () => {
    const scaled = scaler.transform(whole);
    expect(scaled.shape).toEqual(whole.shape);
    const sequences = [0, 1].map((b) => tensor(whole.data.subarray(b * 6, b * 6 + 6), [3, 2]));
    for (const form of [nested, nested.flat(), sequences]) expect(kind.fit(form).toJSON()).toEqual(scaler.toJSON());
    expect(scaler.transform(whole.data)).toEqual(scaled.data);
    expect(scaler.transform([whole.data])).toEqual([scaled.data]);
    expect(
      scaler
        .transform(sequences)
        .map(({ data }) => [...data])
        .flat(),
    ).toEqual([...scaled.data]);
    expect(f32(...scaler.transform(nested).flat(2))).toEqual(scaled.data);
    expect(f32(...scaler.transform(nested.flat()).flat())).toEqual(scaled.data);
  });

  test("inverse undoes transform, in each form; nothing given is changed", () => {
    const before = whole.data.slice();
    expect(distance(scaler.inverse(scaler.transform(whole)).data, whole.data)).toBeLessThan(3e-7);
    expect(distance(scaler.inverse(scaler.transform(nested)).flat(2), nested.flat(2))).toBeLessThan(1e-14);
    expect(whole.data).toEqual(before);
  });

  test("columns: forecasts of some features, one or several steps", () => {
    const forecast = f32(0.5, 1, 2, -1);
    const { center, scale } = scaler;
    const expected = forecast.map((x) => x * scale[1]! + center[1]!);
    expect(scaler.inverse(tensor(forecast, [2, 2]), { columns: [1] }).data).toEqual(expected);
    const both = scaler.inverse(tensor(forecast, [1, 4]), { columns: [1, 0] });
    const turned = forecast.map((x, i) => x * scale[i % 2 ? 0 : 1]! + center[i % 2 ? 0 : 1]!);
    expect(both.data).toEqual(turned);
    expect(scaler.transform(tensor(expected, [4, 1]), { columns: [1] }).shape).toEqual([4, 1]);
  });

  test("stays with the network in its file", () => {
    const net = new Network({ input: { features: 2 }, layers: [gru(3), last(), dense(1)] });
    net.metadata.scaler = JSON.stringify(scaler);
    const loaded = Network.load(net.save());
    const again = scalerFromJSON(JSON.parse(loaded.metadata.scaler!) as ScalerJSON);
    expect(again.toJSON()).toEqual(scaler.toJSON());
    expect(again.transform(whole)).toEqual(scaler.transform(whole));
    expect(loaded.predict(again.transform(whole))).toEqual(net.predict(scaler.transform(whole)));
  });

  test("is frozen", () => {
    expect([scaler, scaler.toJSON(), scaler.center, scaler.scale].every(Object.isFrozen)).toBe(true);
  });
});

test("a forecast in its own size: scaled windows, and the error in the unit of the series", () => {
  const series = Float32Array.from({ length: 60 }, (_, t) => 500 + 20 * (t % 5));
  const scaler = standardScaler().fit(series.subarray(0, 40));
  const { targets } = windows(scaler.transform(series), { length: 10, horizon: 3 });
  const back = scaler.inverse(targets, { columns: [0] });
  expect(distance(back.data, windows(series, { length: 10, horizon: 3 }).targets.data)).toBeLessThan(1e-3);
});

describe("refuses", () => {
  const scaler = standardScaler().fit(table);
  const json = scaler.toJSON();
  const standard = standardScaler();
  test.each<[string, () => unknown, Kind, RegExp]>([
    ["no data", () => standard.fit([]), RangeError, /"data" expected at least one number/],
    ["empty data", () => standard.fit(f32()), RangeError, /"data, feature 0" expected at least one number/],
    ["a text", () => standard.fit("1" as never), TypeError, /"data" expected a tensor of Float32Array/],
    [
      "tokens",
      () => standard.fit(tensor(Int32Array.of(1), [1]) as never),
      TypeError,
      /"data.data" expected a Float32Array/,
    ],
    ["a list of texts", () => standard.fit([["a"]] as never), TypeError, /"data\[0\]\[0\]" expected a tensor/],
    [
      "a feature without a number",
      () =>
        standard.fit([
          [1, NaN],
          [2, NaN],
        ]),
      RangeError,
      /"data, feature 1" expected at least one/,
    ],
    [
      "infinity",
      () =>
        standard.fit([
          [1, Infinity],
          [2, 1],
        ]),
      RangeError,
      /"data, feature 1" expected finite numbers, got Inf/,
    ],
    [
      "rows of other widths",
      () =>
        standard.fit([
          [1, 2],
          [1, 2, 3],
        ]),
      RangeError,
      /"data\[1\]" expected 2 features, .* got 3/,
    ],
    [
      "half a row",
      () => standard.fit([tensor(f32(1, 2), [1, 2]), f32(1)] as never),
      RangeError,
      /"data\[1\]" expected 2 features, .* got 1/,
    ],
    [
      "lengths of vectors",
      () => standard.fit(table, { lengths: [1] }),
      TypeError,
      /"data" expected a tensor \[batch, time, features\]/,
    ],
    [
      "too few lengths",
      () => standard.fit(numbers([2, 3, 1]), { lengths: [1] }),
      RangeError,
      /"lengths" expected 2 integers/,
    ],
    [
      "a length too long",
      () => standard.fit(numbers([1, 3, 1]), { lengths: [4] }),
      RangeError,
      /"lengths\[0\]" expected .* 1 to 3, got 4/,
    ],
    [
      "an option of another",
      () => standard.fit(table, { columns: [0] } as never),
      TypeError,
      /fit: unknown option "columns"/,
    ],
    [
      "a range the wrong way",
      () => minMaxScaler({ range: [1, 1] }),
      RangeError,
      /"range\[1\]" expected a number above 1/,
    ],
    ["a range of one", () => minMaxScaler({ range: [1] as never }), TypeError, /"range" expected two numbers/],
    [
      "other features",
      () => scaler.transform(numbers([2, 3])),
      RangeError,
      /"data" expected 2 features, or that several times, got 3/,
    ],
    ["other features in a list", () => scaler.transform([[1, 2], [1]]), RangeError, /"data\[1\]" expected 2 features/],
    [
      "a column too many",
      () => scaler.inverse(f32(1), { columns: [2] }),
      RangeError,
      /"columns\[0\]" expected .* 0 to 1/,
    ],
    ["an unknown option", () => scaler.inverse(f32(1), { column: 0 } as never), TypeError, /unknown option "column"/],
    ["a text as JSON", () => scalerFromJSON("{}" as never), TypeError, /"json" expected an object, .* JSON.parse/],
    [
      "JSON of another kind",
      () => scalerFromJSON({ ...json, kind: "word" as never }),
      FormatError,
      /"kind" of a scaler expected "scaler", got "word"/,
    ],
    [
      "JSON without a center",
      () => scalerFromJSON({ ...json, center: [] }),
      FormatError,
      /"center" of a scaler expected finite/,
    ],
    [
      "JSON with a scale of 0",
      () => scalerFromJSON({ ...json, scale: [1, 0] }),
      FormatError,
      /"scale" of a scaler expected 2 numbers above 0/,
    ],
    [
      "JSON with half the scales",
      () => scalerFromJSON({ ...json, scale: [1] }),
      FormatError,
      /"scale" of a scaler expected 2/,
    ],
  ])("%s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});
