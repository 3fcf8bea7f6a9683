/** Parts for training, validation and test: of one long sequence, or of many examples. */

import { isTensor, tensor, type Tensor } from "../tensor.ts";
import { expectInteger, expectNumber, expectOneOf, expectOptions, expectRange, expectType } from "../validate.ts";
import { inOrder } from "./batches.ts";
import type { TrainingData } from "./dataset.ts";
import { countExamples, selectExamples } from "./examples.ts";
import { numberLabels, partitionGroups, shuffled, takeEvenly, type Labels } from "./partition.ts";
import { Random } from "./random.ts";

/** A long sequence: tokens, a series of numbers, or a tensor [time, …]. */
export type LongSequence = Int32Array | Float32Array | Tensor | Tensor<Int32Array>;

/**
 * Cuts a sequence into consecutive parts: `splitSequence(tokens, [0.9, 0.1])` gives the first 90 % and the last 10 %.
 * The cuts are rounded to whole steps; every step is in exactly one part, and no part is empty.
 *
 * @param sequence Tokens or numbers (T), or a tensor [time, …]. The parts are views into it, not copies.
 * @param fractions The share of each part, in order: all above 0, with a sum of 1 (within 1e-9).
 * @throws TypeError if `sequence` is none of these or `fractions` not an array of numbers.
 * @throws RangeError if the fractions are not as above, or there are fewer steps than parts.
 */
export function splitSequence<S extends LongSequence>(sequence: S, fractions: readonly number[]): S[] {
  checkKinds(sequence, fractions);
  checkFractions(fractions);
  const shape: readonly number[] = isTensor(sequence) ? sequence.shape : [sequence.length];
  const steps = shape[0] ?? 0;
  if (steps < fractions.length) {
    const expected = `at least one step for each of ${fractions.length} parts`;
    throw new RangeError(`"sequence" expected ${expected}, got ${steps}. Pass a longer sequence or fewer parts.`);
  }
  const ends = endsOf(fractions, steps);
  return ends.map((end, part) => stepsOf(sequence, ends[part - 1] ?? 0, end) as S);
}

/** Steps from `start` to `end`, as a view. */
function stepsOf(sequence: LongSequence, start: number, end: number): LongSequence {
  if (!isTensor(sequence)) return sequence.subarray(start, end);
  const [, ...rest] = sequence.shape;
  const size = rest.reduce((a, b) => a * b, 1);
  return tensor(sequence.data.subarray(start * size, end * size), [end - start, ...rest]) as Tensor;
}

/** The index after the last token of each part. */
function endsOf(fractions: readonly number[], length: number): number[] {
  const last = fractions.length - 1;
  let end = 0;
  let sum = 0;
  return fractions.map((fraction, part) => {
    sum += fraction;
    const rounded = part === last ? length : Math.round(sum * length);
    end = Math.min(Math.max(rounded, end + 1), length - (last - part)); // one step at least, here and for each to come
    return end;
  });
}

function checkKinds(sequence: unknown, fractions: unknown): void {
  if (!(sequence instanceof Int32Array || sequence instanceof Float32Array || isTensor(sequence))) {
    throw new TypeError(
      `"sequence" expected an Int32Array, a Float32Array or a tensor, got ${typeof sequence}. Take it from encode() or Int32Array.of().`,
    );
  }
  if (!Array.isArray(fractions) || !fractions.every((fraction) => typeof fraction === "number")) {
    throw new TypeError(
      `"fractions" expected an array of numbers, got ${typeof fractions}. Pass for example [0.9, 0.1].`,
    );
  }
}

function checkFractions(fractions: readonly number[]): void {
  const sum = fractions.reduce((total, fraction) => total + fraction, 0);
  if (fractions.every((fraction) => fraction > 0) && Math.abs(sum - 1) <= 1e-9) return;
  const got = `[${fractions.join(", ")}] with a sum of ${sum}`;
  throw new RangeError(`"fractions" expected numbers above 0 with a sum of 1, got ${got}. Divide each by their sum.`);
}

export interface SplitOptions {
  /** Share of the validation data, above 0 and below 1. */
  readonly validation?: number;
  /** Share of the test data, likewise. */
  readonly test?: number;
  /** "random", or "time": the first examples for training, then those for validation, the last for the test. Default "random". */
  readonly by?: "random" | "time";
  /** At random, with the share of each class in each part as in all data: true if the targets are one class an example, or the classes. */
  readonly stratify?: boolean | Labels;
  /** Group of each example, such as the person it comes from: at random, each group whole in one part. */
  readonly groups?: Labels;
  /** By time: examples left out between two parts, as many as overlap with the next part. Default 0. */
  readonly gap?: number;
  /** Default 0. */
  readonly seed?: number;
}

const splitOptionNames = ["validation", "test", "by", "stratify", "groups", "gap", "seed"];

/**
 * Splits the examples of a data set, each with its targets and its length, into parts that keep its order:
 *
 *     const { train, validation, test } = splitData(data, { validation: 0.1, test: 0.1 });
 *     await net.fit(train, { loss, optimizer, validation });
 *
 * Windows of a series overlap: split them by time with a gap, or the series itself by `splitSequence` before it is windowed.
 * @throws TypeError, RangeError on a wrong option or data, or when a part would be empty
 */
export function splitData<D extends TrainingData>(
  data: D,
  options: SplitOptions & { readonly validation: number; readonly test: number },
): { readonly train: D; readonly validation: D; readonly test: D };
export function splitData<D extends TrainingData>(
  data: D,
  options: SplitOptions & { readonly validation: number },
): { readonly train: D; readonly validation: D };
export function splitData<D extends TrainingData>(
  data: D,
  options: SplitOptions & { readonly test: number },
): { readonly train: D; readonly test: D };
export function splitData<D extends TrainingData>(data: D, options: SplitOptions): Record<string, D> {
  expectOptions("splitData", options, splitOptionNames);
  const { by = "random", seed = 0, gap = 0 } = options;
  checkWay(options);
  const n = countExamples(data);
  const sizes = sizesOf(n, options);
  const parts = by === "time" ? inTime(sizes, gap) : atRandom(data, n, sizes, options, new Random(seed));
  return Object.fromEntries(sizes.map(([name], k) => [name, selectExamples(data, parts[k]!)]));
}

/** There is one way to split. */
function checkWay({ by = "random", stratify = false, groups, gap }: SplitOptions): void {
  const inTime = expectOneOf("by", by, ["random", "time"]) === "time";
  if (gap !== undefined) expectInteger("gap", gap, 0);
  const nothing = (name: string, when: string, fits: boolean, got: unknown) =>
    expectRange(fits, name, `nothing ${when}`, got);
  nothing("gap", 'unless it is split by "time"', inTime || gap === undefined, gap);
  nothing("stratify", 'when it is split by "time"', !inTime || stratify === false, stratify);
  nothing("groups", 'when it is split by "time"', !inTime || groups === undefined, groups);
  nothing("stratify", "beside groups", groups === undefined || stratify === false, stratify);
}

/** The parts in the order of time, with the number of examples of each. */
type Sizes = readonly (readonly [name: string, size: number])[];

function sizesOf(n: number, { validation, test }: SplitOptions): Sizes {
  expectRange(validation !== undefined || test !== undefined, "validation", 'a share, or one of "test"', undefined);
  const held = Object.entries({ validation, test }).flatMap(([name, share]) => {
    if (share === undefined) return [];
    expectRange(expectNumber(name, share, 0, 1) > 0, name, "a number above 0", share);
    return [[name, Math.max(1, Math.round(share * n))] as const];
  });
  const train = held.reduce((rest, [, size]) => rest - size, n);
  expectRange(
    train > 0,
    held[0]![0],
    `a share that leaves some of ${n} examples for training`,
    held.length > 1 ? [validation, test] : (validation ?? test),
  );
  return [["train", train], ...held];
}

function inTime(sizes: Sizes, gap: number): Int32Array[] {
  let end = 0;
  return sizes.map(([name, size], k) => {
    const start = end;
    end += size;
    const last = k === sizes.length - 1 ? end : end - gap;
    expectRange(last > start, "gap", `less than the ${size} examples of "${name}"`, gap);
    return inOrder(last).subarray(start);
  });
}

function atRandom(
  { targets }: TrainingData,
  n: number,
  sizes: Sizes,
  { stratify, groups }: SplitOptions,
  random: Random,
): Int32Array[] {
  if (groups !== undefined) {
    const wanted = sizes.map(([, size]) => size);
    return partitionGroups(numberLabels("groups", groups, n), wanted, random);
  }
  const labels = stratify === true ? classesOf(targets) : stratify;
  const classes = labels === undefined || labels === false ? undefined : numberLabels("stratify", labels, n);
  const held = sizes.slice(1).reduce((sum, [, size]) => sum + size, 0);
  const [others, train] = takeEvenly(shuffled(n, classes, random), held);
  const [first, second] = takeEvenly(others, sizes[1]![1]);
  return [train, first, second].slice(0, sizes.length).map((part) => part.sort());
}

/** Targets that are one class an example. */
function classesOf(targets: unknown): Labels {
  const data: unknown = isTensor(targets) && targets.shape.length === 1 ? targets.data : targets;
  const isClasses = data instanceof Int32Array || (Array.isArray(data) && typeof data[0] === "number");
  expectType(
    isClasses,
    "stratify",
    "the class of each example, because the targets are not one class an example",
    true,
  );
  return data as Labels;
}
