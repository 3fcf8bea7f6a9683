import { describe, expect, test } from "vitest";
import { kFold, type FoldOptions } from "../bindings/index.ts";
import { errorOf, expectError, type Kind } from "./support.ts";

const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);
const ascending = (list: Iterable<number>) => [...list].sort((a, b) => a - b);

/** Each example is validated once, and trained on in all other folds. */
function expectPartition(n: number, options: FoldOptions): void {
  const folds = kFold(n, options);
  expect(folds).toHaveLength(options.folds ?? 5);
  expect(ascending(folds.flatMap(({ validation }) => [...validation]))).toEqual(range(0, n));
  for (const { train, validation } of folds) {
    expect(validation.length).toBeGreaterThan(0);
    expect(ascending([...train, ...validation])).toEqual(range(0, n));
    expect([...train]).toEqual(ascending(train));
    expect([...validation]).toEqual(ascending(validation));
  }
}

describe("kFold", () => {
  test.each([
    [2, 2],
    [5, 5],
    [17, 3],
    [100, 7],
  ])("%i examples in %i folds: each once, in folds of equal size to one", (n, folds) => {
    expectPartition(n, { folds });
    expectPartition(n, { folds, kind: "blocked" });
    const sizes = kFold(n, { folds, seed: 4 }).map(({ validation }) => validation.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  test("five folds unless said otherwise; the seed decides", () => {
    expect(kFold(20)).toEqual(kFold(20, { folds: 5, kind: "plain", seed: 0 }));
    expect(kFold(20, { seed: 1 })).not.toEqual(kFold(20));
  });

  test("stratified: each class in each fold as often, to one", () => {
    const labels = range(0, 103).map((i) => (i % 10 === 0 ? "rare" : i % 3 === 0 ? "some" : "many"));
    const options = { kind: "stratified", folds: 4, labels, seed: 2 } as const;
    expectPartition(103, options);
    for (const { validation } of kFold(103, options)) {
      for (const name of ["rare", "some", "many"]) {
        const total = labels.filter((label) => label === name).length;
        const here = [...validation].filter((i) => labels[i] === name).length;
        expect(Math.abs(here - total / 4)).toBeLessThan(1);
      }
      expect(Math.abs(validation.length - 103 / 4)).toBeLessThan(1);
    }
    expect(kFold(103, { ...options, seed: 3 })).not.toEqual(kFold(103, options));
  });

  test("grouped: no group in training and validation, folds of about the same size", () => {
    const groups = range(0, 120).map((i) => Math.floor(Math.sqrt(i))); // 11 groups of 1 to 21
    const options = { kind: "grouped", folds: 4, groups: Int32Array.from(groups) } as const;
    expectPartition(120, options);
    for (const { train, validation } of kFold(120, options)) {
      const trained = new Set([...train].map((i) => groups[i]));
      expect([...validation].some((i) => trained.has(groups[i]))).toBe(false);
      expect(Math.abs(validation.length - 30)).toBeLessThanOrEqual(5);
    }
  });

  test("blocked: stretches of time; a gap on both sides is not trained on", () => {
    const folds = kFold(10, { kind: "blocked", folds: 3, gap: 2 });
    expect(folds.map(({ validation }) => [...validation])).toEqual([range(0, 3), range(3, 7), range(7, 10)]);
    expect(folds.map(({ train }) => [...train])).toEqual([range(5, 10), [0, 9], range(0, 5)]);
  });

  test.each([0, 1, 4])("forward chaining never trains on the future, gap %i", (gap) => {
    const folds = kFold(100, { kind: "blocked", folds: 4, forwardChaining: true, gap });
    expect(folds.map(({ validation }) => [...validation])).toEqual([20, 40, 60, 80].map((s) => range(s, s + 20)));
    expect(folds.map(({ train }) => [...train])).toEqual([20, 40, 60, 80].map((s) => range(0, s - gap)));
  });

  test.each<[string, () => unknown, Kind, RegExp]>([
    ["one example", () => kFold(1), RangeError, /"n" expected an integer of at least 2/],
    ["one fold", () => kFold(9, { folds: 1 }), RangeError, /"folds" expected an integer of at least 2/],
    ["more folds than examples", () => kFold(3), RangeError, /"folds" expected at most 3 for 3 examples, got 5/],
    [
      "as many folds as examples, forward",
      () => kFold(5, { kind: "blocked", forwardChaining: true }),
      RangeError,
      /"folds" expected at most 4 for 5 examples, got 5/,
    ],
    ["an unknown kind", () => kFold(9, { kind: "random" as never }), RangeError, /"kind" expected one of "plain"/],
    ["an unknown option", () => kFold(9, { k: 3 } as never), TypeError, /kFold: unknown option "k"/],
    ["no labels", () => kFold(9, { kind: "stratified" }), TypeError, /"labels" expected an array .* got undefined/],
    ["no groups", () => kFold(9, { kind: "grouped" }), TypeError, /"groups" expected an array .* got undefined/],
    [
      "labels for blocks",
      () => kFold(9, { kind: "blocked", labels: range(0, 9) }),
      RangeError,
      /"labels" expected nothing, because it is for the kind "stratified"/,
    ],
    ["a gap at random", () => kFold(9, { gap: 1 }), RangeError, /"gap" expected nothing, because .* "blocked"/],
    [
      "a gap that leaves nothing",
      () => kFold(9, { kind: "blocked", folds: 3, forwardChaining: true, gap: 3 }),
      RangeError,
      /"gap" expected less, so that each fold has examples to train on, got 3/,
    ],
    [
      "fewer groups than folds",
      () => kFold(9, { kind: "grouped", groups: range(0, 9).map((i) => i % 2) }),
      RangeError,
      /"groups" expected at least 5 groups, one a part, got 2/,
    ],
  ])("refuses %s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});
