/**
 * Augmentation: each time a batch is learnt from, its examples are changed a little, so that a network learns what does not depend
 * on the change. All of these are functions of a batch and a generator that give another batch; what they are given stays as it is.
 *
 *     const augment = compose(jitter(0.05), sometimes(0.5, timeWarp()));
 *     const batch = augment(selectExamples(data, examples), random);
 */

import { expectTensor, isTensor, showShape, sizeOf, tensor, type Tensor } from "../tensor.ts";
import { expectInteger, expectNumber, expectOptions, expectRange, expectType } from "../validate.ts";
import type { Dataset } from "./dataset.ts";
import { selectExamples, takeRows } from "./examples.ts";
import type { Random } from "./random.ts";
import { smoothCurve } from "./spline.ts";
import type { Values } from "./values.ts";

/** Examples side by side in tensors. */
export interface TrainingBatch {
  /** [batch, time, features] or [batch, features] numbers, or [batch, time] tokens. */
  readonly inputs: Tensor | Tensor<Int32Array>;
  /** In the form that the loss takes. */
  readonly targets: Tensor | Tensor<Int32Array>;
  /** Length of each sequence, where some are padded. */
  readonly lengths?: readonly number[] | Int32Array;
  /** How often each example counts. */
  readonly weights?: Float32Array;
}

export type Augmentation = (batch: TrainingBatch, random: Random) => TrainingBatch;

/** All of them, one after another. */
export function compose(...augmentations: readonly Augmentation[]): Augmentation {
  augmentations.forEach((one, i) => expectFunction(`augmentations[${i}]`, one));
  return (batch, random) => augmentations.reduce((changed, one) => one(changed, random), batch);
}

/** An augmentation for some of the examples: each with this probability. */
export function sometimes(probability: number, augmentation: Augmentation): Augmentation {
  expectNumber("probability", probability, 0, 1);
  expectFunction("augmentation", augmentation);
  return (batch, random) => {
    const { B } = readBatch(batch);
    const chosen = Int32Array.from({ length: B }, (_, b) => (random.uniform() < probability ? b : -1));
    const examples = chosen.filter((b) => b >= 0);
    if (examples.length === 0) return batch;
    if (examples.length === B) return augmentation(batch, random);
    return putBack(batch, augmentation(selectExamples(batch, examples), random), examples);
  };
}

/**
 * Normal noise on each number: [batch, time, features] or [batch, features].
 * @param deviation its standard deviation, in the unit of the inputs. Default 0.03
 */
export function jitter(deviation = 0.03): Augmentation {
  expectNumber("deviation", deviation, 0);
  return changeSequences((values, _F, random) => {
    const noise = random.normals(values.length, 0, deviation);
    for (let i = 0; i < values.length; i++) values[i]! += noise[i]!;
  });
}

/**
 * Each feature of each sequence times a number near 1: [batch, time, features] or [batch, features].
 * @param deviation standard deviation of that number. Default 0.1
 */
export function scaling(deviation = 0.1): Augmentation {
  expectNumber("deviation", deviation, 0);
  return changeSequences((values, F, random) => {
    const factors = random.normals(F, 1, deviation);
    for (let i = 0; i < values.length; i++) values[i]! *= factors[i % F]!;
  });
}

export interface WarpOptions {
  /** Standard deviation of the curve around 1 at its knots. Default 0.2. */
  readonly deviation?: number;
  /** Knots of the curve between the two at the ends: the more, the quicker it changes. Default 4. */
  readonly knots?: number;
}

/**
 * Each feature of each sequence times a smooth curve in time, a cubic spline around 1 (Um et al. 2017): [batch, time, features].
 */
export function magnitudeWarp(options: WarpOptions = {}): Augmentation {
  const { deviation, knots } = checkWarp("magnitudeWarp", options);
  return changeSequences((values, F, random) => {
    for (let f = 0; f < F; f++) {
      const curve = smoothCurve(random.normals(knots + 2, 1, deviation), values.length / F);
      curve.forEach((factor, t) => (values[t * F + f]! *= factor));
    }
  });
}

/**
 * Each sequence [batch, time, features] now faster, now slower, by a smooth curve of speeds around 1 (Um et al. 2017); its ends and
 * its length stay. Numbers between two steps are interpolated. Targets at each step move along: classes are those of the nearest.
 */
export function timeWarp(options: WarpOptions = {}): Augmentation {
  const { deviation, knots } = checkWarp("timeWarp", options);
  return (batch, random) => {
    const { data, B, T, F, stepsOf } = readFeatures(batch, true);
    const { targets } = batch;
    const inputs = data.slice();
    const moved = hasTime(targets, T) ? targets.data.slice() : undefined;
    for (let b = 0; b < B; b++) {
      const places = warpedTime(random.normals(knots + 2, 1, deviation), stepsOf(b));
      resample(inputs, data, b * T, F, places);
      if (moved) resample(moved, targets.data, b * T, sizeOf(targets.shape.slice(2)), places);
    }
    const changed = { ...batch, inputs: tensor(inputs, batch.inputs.shape) };
    return moved ? { ...changed, targets: tensor<Float32Array | Int32Array>(moved, targets.shape) as Tensor } : changed;
  };
}

/** No step is shorter than this before all are brought to the length of the sequence: time does not run backwards. */
const SLOWEST = 0.1;

/** Where in time each of n steps is taken from: from 0 to n − 1, ever later, at speeds that change smoothly. */
function warpedTime(speeds: ArrayLike<number>, n: number): Float64Array {
  const places = new Float64Array(n);
  const curve = smoothCurve(speeds, n - 1);
  for (let t = 1; t < n; t++) places[t] = places[t - 1]! + Math.max(SLOWEST, curve[t - 1]!);
  const end = places[n - 1]!;
  return end > 0 ? places.map((place) => Math.min(n - 1, (place * (n - 1)) / end)) : places;
}

/** The steps at the given places of the sequence that begins at `start`, each F numbers; of integers the nearest. */
function resample(
  to: Float32Array | Int32Array,
  from: Float32Array | Int32Array,
  start: number,
  F: number,
  places: Float64Array,
): void {
  places.forEach((place, t) => {
    const near = Math.round(place);
    const below = Math.floor(place);
    const above = Math.ceil(place);
    const s = place - below;
    for (let f = 0; f < F; f++) {
      const at = (step: number) => from[(start + step) * F + f]!;
      to[(start + t) * F + f] = to instanceof Int32Array ? at(near) : (1 - s) * at(below) + s * at(above);
    }
  });
}

export interface WindowSliceOptions {
  /** Share of its steps that each sequence keeps, above 0; rounded up to whole steps. Default 0.9. */
  readonly ratio?: number;
}

/**
 * A part of each sequence, somewhere in it (Le Guennec et al. 2016): [batch, time, features] or tokens [batch, time], which become
 * shorter. Targets at each step are cut with them.
 */
export function windowSlice(options: WindowSliceOptions = {}): Augmentation {
  expectOptions("windowSlice", options, ["ratio"]);
  const { ratio = 0.9 } = options;
  expectRange(expectNumber("ratio", ratio, 0, 1) > 0, "ratio", "a number above 0", ratio);
  return (batch, random) => {
    const { B, T, stepsOf } = readBatch(batch, true);
    const lengths = Int32Array.from({ length: B }, (_, b) => Math.ceil(ratio * stepsOf(b)));
    const starts = lengths.map((length, b) => random.integer(stepsOf(b) - length + 1));
    const { inputs, targets, lengths: given, ...rest } = batch;
    const cut = { ...rest, inputs: slice(inputs, starts, lengths) };
    const equal = given === undefined && lengths.every((length) => length === lengths[0]);
    const moved = hasTime(targets, T) ? slice(targets, starts, lengths) : targets;
    return { ...cut, targets: moved, ...(!equal && { lengths }) };
  };
}

/** From each sequence of a tensor [batch, time, …] the given steps; as many as the longest has. */
function slice(
  { data, shape }: Tensor | Tensor<Int32Array>,
  starts: Int32Array,
  lengths: Int32Array,
): Tensor | Tensor<Int32Array> {
  const [B = 0, T = 0, ...rest] = shape;
  const F = sizeOf(rest);
  const steps = lengths.reduce((a, b) => Math.max(a, b), 0);
  const cut = emptyLike(data, B * steps * F);
  lengths.forEach((length, b) => {
    const from = (b * T + starts[b]!) * F;
    cut.set(data.subarray(from, from + length * F), b * steps * F);
  });
  return tensor(cut, [B, steps, ...rest]) as Tensor;
}

export interface TokenDropoutOptions {
  /** Probability that a token is replaced, in [0, 1]. */
  readonly rate: number;
  /** The token that takes its place, such as that of "<unk>". */
  readonly replacement: number;
}

/** Some tokens of inputs [batch, time] replaced by one that says nothing; targets stay. */
export function tokenDropout(options: TokenDropoutOptions): Augmentation {
  expectOptions("tokenDropout", options, ["rate", "replacement"]);
  const rate = expectNumber("rate", options.rate, 0, 1);
  const replacement = expectInteger("replacement", options.replacement, 0);
  return (batch, random) => {
    const { B, T, stepsOf } = readBatch(batch);
    const { data, shape } = batch.inputs;
    expectType(data instanceof Int32Array, "inputs", "tokens: a tensor of Int32Array [batch, time]", data);
    const tokens = data.slice();
    for (let b = 0; b < B; b++) {
      for (let t = b * T; t < b * T + stepsOf(b); t++) if (random.uniform() < rate) tokens[t] = replacement;
    }
    return { ...batch, inputs: tensor(tokens, shape) };
  };
}

// ---- batches

/** Examples of data that were checked, as a batch: copies, which an augmentation of the caller's may write to. */
export function batchOf({ inputs, targets, weights }: Dataset, examples: Int32Array): TrainingBatch {
  const take = ({ data, B, T, F, vector }: Values) => {
    const shape = [B, ...(vector ? [] : [T]), ...(data instanceof Int32Array ? [] : [F])];
    const rows = takeRows<Float32Array | Int32Array>({ data, shape }, examples);
    return tensor(rows.data.slice(), rows.shape) as Tensor;
  };
  const { lengths } = inputs;
  return {
    inputs: take(inputs),
    targets: take(targets),
    ...(lengths && { lengths: examples.map((example) => lengths[example]!) }),
    ...(weights && { weights: new Float32Array(examples.map((example) => weights.data[example]!).buffer) }),
  };
}

interface Layout {
  readonly B: number;
  /** 1 where there is no time. */
  readonly T: number;
  /** Steps of sequence b, without its padding. */
  readonly stepsOf: (b: number) => number;
}

/** @throws TypeError, RangeError on a batch that is not of the form of TrainingBatch */
function readBatch({ inputs, targets, lengths }: TrainingBatch, needsTime = false): Layout {
  for (const [name, value] of Object.entries({ inputs, targets })) {
    expectType(isTensor(value), name, "a tensor: selectExamples() of tensors gives a batch of them", value);
    expectTensor(name, value);
  }
  const { data, shape } = inputs;
  const [B = 0, T = 1] = shape;
  const isTokens = data instanceof Int32Array;
  const known = isTokens ? shape.length === 1 || shape.length === 2 : shape.length === 2 || shape.length === 3;
  const time = shape.length === (isTokens ? 2 : 3);
  const expected = isTokens
    ? "[batch, time]"
    : needsTime
      ? "[batch, time, features]"
      : "[batch, time, features] or [batch, features]";
  const fits = known && (time || !needsTime) && data.length > 0;
  if (!fits) throw new RangeError(`"inputs" expected shape ${expected}, got ${showShape(shape)}`);
  if (lengths !== undefined) {
    expectRange(time && lengths.length === B, "lengths", `${B} integers, one a sequence in time`, lengths);
    Array.from(lengths, (length, b) => expectInteger(`lengths[${b}]`, length, 1, T));
  }
  const steps = time ? T : 1;
  return { B, T: steps, stepsOf: (b) => lengths?.[b] ?? steps };
}

interface FeatureLayout extends Layout {
  readonly data: Float32Array;
  readonly F: number;
}

/** A batch whose inputs are numbers. */
export function readFeatures(batch: TrainingBatch, needsTime = false): FeatureLayout {
  const { data, shape } = batch.inputs;
  expectType(data instanceof Float32Array, "inputs", "numbers: a tensor of Float32Array", data);
  return { ...readBatch(batch, needsTime), data, F: shape.at(-1)! };
}

/** An augmentation that changes the numbers of each sequence, (steps, F), by themselves. */
function changeSequences(change: (values: Float32Array, F: number, random: Random) => void): Augmentation {
  return (batch, random) => {
    const { data, B, T, F, stepsOf } = readFeatures(batch);
    const changed = data.slice();
    for (let b = 0; b < B; b++) change(changed.subarray(b * T * F, (b * T + stepsOf(b)) * F), F, random);
    return { ...batch, inputs: tensor(changed, batch.inputs.shape) };
  };
}

/** Whether targets stand at each step of the inputs. */
function hasTime({ data, shape }: Tensor | Tensor<Int32Array>, T: number): boolean {
  return shape.length === (data instanceof Int32Array ? 2 : 3) && shape[1] === T;
}

function emptyLike(data: Float32Array | Int32Array, n: number): Float32Array | Int32Array {
  return data instanceof Int32Array ? new Int32Array(n) : new Float32Array(n);
}

/** A batch in which the given examples are those of `part`, which may have become shorter or longer. */
function putBack(batch: TrainingBatch, part: TrainingBatch, examples: Int32Array): TrainingBatch {
  const [whole, changed] = [readBatch(batch), readBatch(part)];
  const steps = Int32Array.from({ length: whole.B }, (_, b) => whole.stepsOf(b));
  examples.forEach((b, k) => (steps[b] = changed.stepsOf(k)));
  const T = Math.max(whole.T, changed.T);
  const equal = batch.lengths === undefined && steps.every((length) => length === T);
  return {
    ...batch,
    inputs: replaceRows("inputs", batch.inputs, part.inputs, examples),
    targets: replaceRows("targets", batch.targets, part.targets, examples),
    ...(!equal && { lengths: steps }),
  };
}

/** Rows of a tensor replaced; where the second dimension is not of one size, the shorter rows are padded. */
function replaceRows(
  name: string,
  whole: Tensor | Tensor<Int32Array>,
  part: Tensor | Tensor<Int32Array>,
  rows: Int32Array,
): Tensor | Tensor<Int32Array> {
  const [B = 0, T = 1, ...rest] = whole.shape;
  const [, partT = 1, ...partRest] = part.shape;
  const same = whole.shape.length === part.shape.length && showShape(rest) === showShape(partRest);
  const fits = same && part.shape[0] === rows.length && whole.data.constructor === part.data.constructor;
  if (!fits) {
    const expected = showShape([rows.length, ...whole.shape.slice(1)]);
    throw new RangeError(`"${name}" expected shape ${expected} of the augmentation, got ${showShape(part.shape)}`);
  }
  const F = sizeOf(rest);
  const steps = Math.max(T, partT);
  const data = emptyLike(whole.data, B * steps * F);
  const place = new Map(Array.from(rows, (b, k) => [b, k]));
  for (let b = 0; b < B; b++) {
    const k = place.get(b);
    const [from, row, n] = k === undefined ? [whole.data, b, T * F] : [part.data, k, partT * F];
    data.set(from.subarray(row * n, (row + 1) * n), b * steps * F);
  }
  return tensor(data, [B, ...(whole.shape.length > 1 ? [steps, ...rest] : [])]) as Tensor;
}

function checkWarp(where: string, options: WarpOptions): Required<WarpOptions> {
  expectOptions(where, options, ["deviation", "knots"]);
  const { deviation = 0.2, knots = 4 } = options;
  return { deviation: expectNumber("deviation", deviation, 0), knots: expectInteger("knots", knots, 0) };
}

function expectFunction(name: string, value: unknown): void {
  expectType(typeof value === "function", name, "an augmentation, such as jitter()", value);
}
