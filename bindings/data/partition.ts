import { expectRange, expectType, wrongType } from "../validate.ts";
import { inOrder } from "./batches.ts";
import type { Random } from "./random.ts";

/** A class, or a group, for each example. */
export type Labels = readonly (number | string)[] | Int32Array;

/** One class or group for each of n examples, numbered from 0 in the order in which they occur. */
export function numberLabels(name: string, labels: unknown, n: number): Int32Array {
  const isList = Array.isArray(labels) || labels instanceof Int32Array;
  expectType(isList, name, "an array of numbers or texts, one an example", labels);
  expectRange(labels.length === n, name, `${n} numbers or texts, one an example`, labels);
  const numbers = new Map<unknown, number>();
  return Int32Array.from(labels as ArrayLike<unknown>, (label, i) => {
    const fits = Number.isFinite(label) || typeof label === "string";
    if (!fits) throw wrongType(`${name}[${i}]`, "a number or a text", label);
    if (!numbers.has(label)) numbers.set(label, numbers.size);
    return numbers.get(label)!;
  });
}

/** The examples in random order; with classes, those of a class one after another. */
export function shuffled(n: number, classes: Int32Array | undefined, random: Random): Int32Array {
  const order = random.permutation(n);
  if (!classes) return order;
  const place = new Int32Array(n);
  order.forEach((example, k) => (place[example] = k));
  return order.sort((a, b) => classes[a]! - classes[b]! || place[a]! - place[b]!);
}

/**
 * `count` elements of a list at even distances, and the rest: of any run of elements the same share is taken, to one element. So
 * of a list that is sorted by class, each class gives its share.
 */
export function takeEvenly(list: Int32Array, count: number): [taken: Int32Array, rest: Int32Array] {
  const n = list.length;
  const at = new Set(inOrder(count).map((k) => Math.floor(((k + 0.5) * n) / count)));
  return [list.filter((_, i) => at.has(i)), list.filter((_, i) => !at.has(i))];
}

/**
 * Parts of about the given sizes, each group whole in one of them: the largest first, each to the part that lacks most.
 * @throws RangeError when there are fewer groups than parts
 */
export function partitionGroups(groups: Int32Array, sizes: readonly number[], random: Random): Int32Array[] {
  const count = groups.reduce((most, group) => Math.max(most, group + 1), 0);
  expectRange(count >= sizes.length, "groups", `at least ${sizes.length} groups, one a part`, count);
  const members = new Int32Array(count);
  for (const group of groups) members[group]!++;
  const order = random.permutation(count);
  const place = new Int32Array(count);
  order.forEach((group, k) => (place[group] = k));
  order.sort((a, b) => members[b]! - members[a]! || place[a]! - place[b]!);
  const lacking = [...sizes];
  const empty = new Set(sizes.keys());
  const partOf = new Int32Array(count);
  order.forEach((group, k) => {
    const open = count - k > empty.size ? sizes.keys() : empty; // no part stays empty
    const part = [...open].reduce((most, one) => (lacking[one]! > lacking[most]! ? one : most));
    lacking[part]! -= members[group]!;
    empty.delete(part);
    partOf[group] = part;
  });
  return sizes.map((_, part) => inOrder(groups.length).filter((i) => partOf[groups[i]!] === part));
}
