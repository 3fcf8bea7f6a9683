/** How good outputs are, in the terms of the task: forecasts, classes, tags, texts. */

import { Core } from "../core/core.ts";
import { expectTensor, isTensor, showShape, tensor, type Tensor } from "../tensor.ts";
import {
  expectInteger,
  expectNumber,
  expectOneOf,
  expectOptions,
  expectQuantiles,
  expectRange,
  expectType,
  wrongType,
} from "../validate.ts";

// ---- forecasts

/** Numbers in any shape. */
export type Numbers = Tensor | Float32Array | readonly number[];

/** √ of the mean of (predicted − actual)², in the unit of the numbers. Both in the same shape. */
export function rootMeanSquaredError(predicted: Numbers, actual: Numbers): number {
  return Math.sqrt(meanOver(predicted, actual, (p, a) => (p - a) * (p - a)));
}

/** The mean of |predicted − actual|, in the unit of the numbers. Both in the same shape. */
export function meanAbsoluteErrorOf(predicted: Numbers, actual: Numbers): number {
  return meanOver(predicted, actual, (p, a) => Math.abs(p - a));
}

/**
 * The mean of |predicted − actual| / |actual|: 0.1 is 10 %. Both in the same shape.
 * @throws RangeError when an actual number is 0, of which there is no percentage
 */
export function meanAbsolutePercentageError(predicted: Numbers, actual: Numbers): number {
  return meanOver(predicted, actual, (p, a, i) => {
    if (a !== 0) return Math.abs((p - a) / a);
    throw new RangeError(`"actual" expected numbers other than 0, got 0 at ${i}: use meanAbsoluteErrorOf()`);
  });
}

/**
 * The mean pinball loss, max(q·d, (q − 1)·d) with d = actual − predicted, in the unit of the numbers: how good forecasts of
 * quantiles are, less is better. @param predicted the quantiles of a number side by side, as `quantile` has them learnt: as many
 * times `actual` as there are quantiles
 */
export function meanPinballLoss(predicted: Numbers, actual: Numbers, quantiles: readonly number[]): number {
  const [p, a] = [readNumbers("predicted", predicted), readNumbers("actual", actual)];
  const { length: Q } = expectQuantiles(quantiles);
  expectRange(a.length > 0, "actual", "at least one number", actual);
  const needed = `${a.length * Q} numbers, ${Q} quantiles for each of "actual"`;
  if (p.length !== a.length * Q) throw new RangeError(`"predicted" expected ${needed}, got ${p.length}`);
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const [q, d] = [quantiles[i % Q]!, a[Math.floor(i / Q)]! - p[i]!];
    sum += Math.max(q * d, (q - 1) * d);
  }
  return sum / p.length;
}

/** The share of numbers that lie in their interval, the ends included: 0.8 is what an interval of quantiles 0.1 to 0.9 should hold. */
export function intervalCoverage(low: Numbers, high: Numbers, actual: Numbers): number {
  const [from, to, a] = [readNumbers("low", low), readNumbers("high", high), readNumbers("actual", actual)];
  expectRange(a.length > 0, "actual", "at least one number", actual);
  for (const [name, { length }] of [
    ["low", from],
    ["high", to],
  ] as const) {
    if (length !== a.length)
      throw new RangeError(`"${name}" expected ${a.length} numbers, as "actual" has, got ${length}`);
  }
  let within = 0;
  for (let i = 0; i < a.length; i++) if (from[i]! <= a[i]! && a[i]! <= to[i]!) within++;
  return within / a.length;
}

function meanOver(predicted: Numbers, actual: Numbers, error: (p: number, a: number, i: number) => number): number {
  const p = readNumbers("predicted", predicted);
  const a = readNumbers("actual", actual);
  const same = p.length === a.length && (!isTensor(predicted) || !isTensor(actual) || sameShape(predicted, actual));
  const show = (value: Numbers) => (isTensor(value) ? showShape(value.shape) : `${value.length} numbers`);
  if (!same) throw new RangeError(`"predicted" expected ${show(actual)}, as "actual" has, got ${show(predicted)}`);
  expectRange(a.length > 0, "actual", "at least one number", actual);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += error(p[i]!, a[i]!, i);
  return sum / a.length;
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return showShape(a.shape) === showShape(b.shape);
}

function readNumbers(name: string, value: unknown): Float32Array | readonly number[] {
  if (isTensor(value)) expectTensor(name, value);
  const data: unknown = isTensor(value) ? value.data : value;
  if (data instanceof Float32Array || isNumbers(data)) return data;
  throw wrongType(name, "a tensor of Float32Array, a Float32Array or an array of numbers", data);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((x) => typeof x === "number");
}

/** e^loss, of a mean cross-entropy in nats: so many tokens are as good as equally likely. With the precision of f32. */
export function perplexity(loss: number): number {
  expectNumber("loss", loss);
  const core = new Core();
  const { expArray, visitors } = core.functions;
  core.f32[visitors.value >>> 2] = loss;
  expArray(visitors.value, visitors.value, 4);
  return core.f32[visitors.value >>> 2]!;
}

// ---- classes

/** Where the largest number of each row stands, the first if there are several: [batch, classes] or [batch, time, classes] to classes. */
export function argmax(output: Tensor): Tensor<Int32Array> {
  expectType(isTensor(output), "output", "a tensor", output);
  expectTensor("output", output);
  const { data, shape } = output;
  const C = shape.at(-1) ?? 0;
  expectRange(C > 0, "output", "at least one class in the last dimension", data);
  const classes = new Int32Array(data.length / C);
  for (let i = 0; i < classes.length; i++) {
    let best = 0;
    for (let c = 1; c < C; c++) if (data[i * C + c]! > data[i * C + best]!) best = c;
    classes[i] = best;
  }
  return tensor(classes, shape.slice(0, -1));
}

/** Classes of examples (flat, or a tensor [batch]), or at each step: a list of sequences, or a tensor [batch, time]. */
export type Classes = Tensor<Int32Array> | Int32Array | readonly number[] | readonly (readonly number[] | Int32Array)[];

export interface ConfusionOptions {
  /** Number of classes. Default one more than the highest that there is. */
  readonly classes?: number;
  /** Length of each sequence, where both are padded tensors; a list has its own. */
  readonly lengths?: readonly number[] | Int32Array;
  /** Where this is the actual class nothing is counted. Default −100, as in crossEntropy. */
  readonly ignoreIndex?: number;
}

/**
 * How often each class was taken for each: row the actual class, column the predicted one.
 *
 *     const matrix = confusionMatrix(argmax(net.predict(sentences)), tags);
 *
 * @returns [classes, classes] counts
 * @throws TypeError, RangeError when the two do not fit together, or on an index that is no class
 */
export function confusionMatrix(
  predicted: Classes,
  actual: Classes,
  options: ConfusionOptions = {},
): Tensor<Int32Array> {
  expectOptions("confusionMatrix", options, ["classes", "lengths", "ignoreIndex"]);
  const { classes, lengths, ignoreIndex = -100 } = options;
  if (classes !== undefined) expectInteger("classes", classes, 1);
  expectInteger("ignoreIndex", ignoreIndex, -0x80000000);
  const pairs = pairsOf(predicted, actual, lengths).filter(([, a]) => a !== ignoreIndex);
  const C = classes ?? pairs.reduce((most, [p, a]) => Math.max(most, p + 1, a + 1), 1);
  const counts = new Int32Array(C * C);
  for (const [p, a] of pairs) {
    counts[expectInteger("actual", a, 0, C - 1) * C + expectInteger("predicted", p, 0, C - 1)]!++;
  }
  return tensor(counts, [C, C]);
}

/** Classes in rows of time: one row of all where there is no time. `open` rows may have padding at the end. */
interface ClassRows {
  readonly rows: readonly ArrayLike<number>[];
  readonly open: boolean;
}

function pairsOf(predicted: unknown, actual: unknown, lengths: ArrayLike<number> | undefined): [number, number][] {
  const p = classRows("predicted", predicted);
  const a = classRows("actual", actual);
  const count = a.rows.length;
  expectRange(p.rows.length === count, "predicted", `${count} sequences, as many as "actual"`, p.rows.length);
  if (lengths !== undefined) {
    expectRange(p.open && a.open, "lengths", "none, because a list has its own", lengths);
    expectRange(lengths.length === count, "lengths", `${count} integers, one a sequence`, lengths);
  }
  return a.rows.flatMap((row, b) => {
    const other = p.rows[b]!;
    const length = p.open ? row.length : other.length; // that of the list, if one is a list
    const fits = p.open === a.open ? row.length === other.length : length <= Math.min(row.length, other.length);
    expectRange(fits, `predicted[${b}]`, `${row.length} classes, as "actual" has`, other.length);
    const counted = lengths ? expectInteger(`lengths[${b}]`, lengths[b], 0, length) : length;
    return Array.from({ length: counted }, (_, t): [number, number] => [other[t]!, row[t]!]);
  });
}

function classRows(name: string, value: unknown): ClassRows {
  const expected = "integers: a tensor of Int32Array, an array, or a list of sequences";
  if (isTensor(value)) {
    expectTensor(name, value);
    const { data, shape } = value;
    expectType(data instanceof Int32Array, name, `${expected}; outputs become classes by argmax()`, data);
    if (shape.length > 2) throw new RangeError(`"${name}" expected shape [batch, time], got ${showShape(shape)}`);
    if (shape.length < 2) return { rows: [data], open: false };
    const [B = 0, T = 0] = shape;
    return { rows: Array.from({ length: B }, (_, b) => data.subarray(b * T, (b + 1) * T)), open: true };
  }
  expectType(Array.isArray(value) || value instanceof Int32Array, name, expected, value);
  const isFlat = value instanceof Int32Array || typeof value[0] === "number";
  return { rows: isFlat ? [value as ArrayLike<number>] : (value as ArrayLike<number>[]), open: false };
}

/** What a confusion matrix says of each class. */
export interface ClassScores {
  /** Of what was predicted as the class, the share that is of it; 0 if there is none. */
  readonly precision: readonly number[];
  /** Of what is of the class, the share that was predicted so; 0 if there is none. */
  readonly recall: readonly number[];
  /** 2 · precision · recall / (precision + recall); 0 if nothing of the class was found. */
  readonly f1: readonly number[];
  /** How many are of the class. */
  readonly support: readonly number[];
}

/** Precision, recall and F1 of each class. @param matrix of `confusionMatrix` */
export function classScores(matrix: Tensor<Int32Array>): ClassScores {
  const tables = countsOf(matrix);
  const share = (part: number, of: number) => (of > 0 ? part / of : 0);
  return {
    precision: tables.map(({ hits, predicted }) => share(hits, predicted)),
    recall: tables.map(({ hits, actual }) => share(hits, actual)),
    f1: tables.map(({ hits, predicted, actual }) => share(2 * hits, predicted + actual)),
    support: tables.map(({ actual }) => actual),
  };
}

function countsOf(matrix: Tensor<Int32Array>): { hits: number; predicted: number; actual: number }[] {
  expectType(isTensor(matrix), "matrix", "a tensor, as confusionMatrix() gives it", matrix);
  expectTensor("matrix", matrix);
  const { data, shape } = matrix;
  const [C = 0, width] = shape;
  if (shape.length !== 2 || C !== width) throw new RangeError(`"matrix" expected a square, got ${showShape(shape)}`);
  return Array.from({ length: C }, (_, c) => {
    let [predicted, actual] = [0, 0];
    for (let k = 0; k < C; k++) [predicted, actual] = [predicted + data[k * C + c]!, actual + data[c * C + k]!];
    return { hits: data[c * C + c]!, predicted, actual };
  });
}

/**
 * One F1 for all classes: "macro" is the mean of those of the classes that occur, "weighted" the mean by how often they do,
 * "micro" that of all counts together, which is the accuracy.
 * @param matrix of `confusionMatrix`
 */
export function f1Score(matrix: Tensor<Int32Array>, average: "macro" | "weighted" | "micro" = "macro"): number {
  expectOneOf("average", average, ["macro", "weighted", "micro"]);
  const counts = countsOf(matrix);
  const sum = (values: readonly number[]) => values.reduce((total, x) => total + x, 0);
  const weights = counts.map(({ predicted, actual }) =>
    average === "macro" ? (predicted + actual > 0 ? 1 : 0) : actual,
  );
  const total = sum(weights);
  expectRange(total > 0, "matrix", "at least one count", "none");
  if (average === "micro") return sum(counts.map(({ hits }) => hits)) / total;
  return sum(classScores(matrix).f1.map((f1, c) => f1 * weights[c]!)) / total;
}

// ---- texts

/** A text, compared character by character, or a list of symbols: words, tokens. */
export type Symbols = string | ArrayLike<string | number>;

/** The fewest insertions, deletions and replacements that make one of the other (Levenshtein 1966). */
export function editDistance(a: Symbols, b: Symbols): number {
  const [from, to] = [symbolsOf("a", a), symbolsOf("b", b)];
  let above = Array.from({ length: to.length + 1 }, (_, j) => j);
  from.forEach((symbol, i) => {
    const row = [i + 1];
    for (let j = 0; j < to.length; j++) {
      row.push(Math.min(above[j]! + (symbol === to[j] ? 0 : 1), above[j + 1]! + 1, row[j]! + 1));
    }
    above = row;
  });
  return above[to.length]!;
}

function symbolsOf(name: string, value: unknown): (string | number)[] {
  const isList = typeof value === "string" || Array.isArray(value) || ArrayBuffer.isView(value);
  expectType(isList, name, "a text or a list of symbols", value);
  return Array.from(value as string | ArrayLike<string | number>); // of a text its code points
}

/**
 * The edits that all predictions need, divided by the length of all that is actual: the character error rate of texts, the word
 * error rate of lists of words. More than 1 where the predictions are too long.
 * @throws RangeError when the two lists are not of one length, or all that is actual is empty
 */
export function errorRate(predicted: readonly Symbols[], actual: readonly Symbols[]): number {
  expectList("predicted", predicted);
  expectList("actual", actual);
  expectRange(
    predicted.length === actual.length,
    "predicted",
    `${actual.length} of them, as many as "actual"`,
    predicted,
  );
  let [edits, length] = [0, 0];
  actual.forEach((one, i) => {
    const expected = symbolsOf(`actual[${i}]`, one);
    edits += editDistance(symbolsOf(`predicted[${i}]`, predicted[i]), expected);
    length += expected.length;
  });
  expectRange(length > 0, "actual", "at least one symbol", actual);
  return edits / length;
}

function expectList(name: string, value: unknown): void {
  expectType(Array.isArray(value), name, "a list of texts or of lists of symbols", value);
}
