import { isTensor, tensor, type Tensor } from "../tensor.ts";
import { expectInteger, expectRange, expectType, show } from "../validate.ts";
import type { TrainingData } from "./dataset.ts";

/**
 * The examples of a data set with the given indices, in their order: of `inputs` and `targets`, and of `lengths` and all else that
 * stands beside them. Indices that follow one another give views into tensors, others copies.
 * @param data in any of the forms that training takes, but for one flat sequence
 * @param examples indices from 0; one may stand there twice
 * @throws TypeError, RangeError on data without examples, on members of different size, or on a wrong index
 */
export function selectExamples<D extends TrainingData>(data: D, examples: readonly number[] | Int32Array): D {
  const count = countExamples(data);
  const indices = expectExamples(examples, count);
  const members = Object.entries(data).filter(([, value]) => value !== undefined);
  const selected = members.map(([name, value]) => [name, select(name, value, count, indices)] as const);
  return Object.assign({ ...data }, Object.fromEntries(selected));
}

/** How many examples a data set has. @throws TypeError, RangeError when that cannot be told */
export function countExamples(data: TrainingData): number {
  const given: unknown = data;
  expectType(typeof given === "object" && given !== null, "data", "an object with inputs and targets", given);
  const { inputs, targets } = data;
  const alone = isFlat(inputs) && isFlat(targets);
  const cure = "cut it in time by splitSequence(), or put each example into a list of its own";
  if (alone) throw new RangeError(`"inputs" expected examples, got ${show(inputs)}, which is one sequence: ${cure}`);
  return sizeOfFirst("inputs", inputs);
}

/** Numbers or indices without any nesting. */
function isFlat(value: unknown): boolean {
  return value instanceof Int32Array || (Array.isArray(value) && typeof value[0] === "number");
}

function sizeOfFirst(name: string, value: unknown): number {
  const count = isTensor(value) ? value.shape[0] : isList(value) ? value.length : undefined;
  expectType(count !== undefined, name, "a tensor or a list, one element an example", value);
  expectRange(count > 0, name, "at least one example", value);
  return count;
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

function expectExamples(examples: unknown, count: number): Int32Array {
  const list = examples instanceof Int32Array || Array.isArray(examples);
  expectType(list, "examples", "an array of indices", examples);
  return Int32Array.from(examples as ArrayLike<unknown>, (i, k) => expectInteger(`examples[${k}]`, i, 0, count - 1));
}

function select(name: string, value: unknown, count: number, indices: Int32Array): unknown {
  const size = sizeOfFirst(name, value);
  expectRange(size === count, name, `${count} examples, as many as "inputs"`, size);
  if (isTensor(value)) return takeRows(value, indices);
  if (Array.isArray(value)) return Array.from(indices, (i) => value[i] as unknown);
  const data = value as Int32Array | Float32Array;
  return takeRows({ data, shape: [count] }, indices).data;
}

/** The rows of a tensor, by its first dimension: a view where they follow one another. */
export function takeRows<D extends Float32Array | Int32Array>({ data, shape }: Tensor<D>, rows: Int32Array): Tensor<D> {
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  const first = rows[0] ?? 0;
  const follow = rows.every((row, k) => row === first + k);
  return tensor(follow ? view(data, first * size, rows.length * size) : gather(data, rows, size), [
    rows.length,
    ...shape.slice(1),
  ]);
}

function view<D extends Float32Array | Int32Array>(data: D, start: number, size: number): D {
  return data.subarray(start, start + size) as D;
}

function gather<D extends Float32Array | Int32Array>(data: D, rows: Int32Array, size: number): D {
  const n = rows.length * size;
  const to = (data instanceof Int32Array ? new Int32Array(n) : new Float32Array(n)) as D;
  rows.forEach((row, k) => to.set(data.subarray(row * size, (row + 1) * size), k * size));
  return to;
}
