/**
 * The plumbing around layers: shapes, and arrays that are turned, cut and put together. None of it is left in the network: sizes
 * are worked out by name, and arrays are looked at in another way.
 */

import { copyFloats, countOf, FloatData, knownShape, LONGEST_INTS, MOST_AXES, scalarOf, uniform } from "./constant.ts";
import { constantOf, type Budget, type Floats, type Ints } from "./constant.ts";
import { isKnown, over, productOf, sameDim, showDims, times, type Dim } from "./dim.ts";
import type { Node, Value } from "./graph.ts";
import { TYPE } from "./proto.ts";
import * as views from "./view.ts";
import type { View } from "./view.ts";

export function ints(items: readonly (Dim | undefined)[], shape: readonly Dim[] = [items.length]): Ints {
  return { kind: "ints", shape, items };
}

/** A node whose inputs are sizes and arrays. */
type Fold = (node: Node, budget: Budget) => Value | readonly (Value | undefined)[];

/** Of a graph that goes this way or that. */
const DEPENDS_ON_DATA = 'depends on the data: fix an input with "constants", or read a part of the graph with "inputs"';

/** Counts axis −1 from the end. */
export function axisOf(node: Node, axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(found) && found >= 0 && found < rank) return found;
  return node.damaged(`has the axis ${axis} of an array of ${rank} axes`);
}

export function sizesOf(node: Node, value: Value): (Dim | undefined)[] {
  if (value.kind === "ints" || value.kind === "floats") return [...value.shape];
  if (value.kind === "statistic") return node.refuse("asks for the shape of a mean or a variance");
  return views.sizesOf(value);
}

/** The integers of an input, all of them known. */
function known(node: Node, k: number): number[] | undefined {
  const value = node.inputs[k];
  if (value === undefined) return undefined;
  if (value.kind !== "ints") return node.refuse(`needs input ${k} to follow from sizes and constants`);
  const numbers = value.items.filter(isKnown);
  if (numbers.length < value.items.length)
    node.refuse(`needs input ${k} to be known before it runs, got ${showDims(value.items)}`);
  const count = countOf(value);
  return numbers.length === 1 && isKnown(count) && count <= LONGEST_INTS
    ? Array<number>(count).fill(numbers[0]!)
    : numbers;
}

/** A list of sizes as an input, some of them open. */
function dimsAt(node: Node, k: number): (Dim | undefined)[] {
  const value = node.input(k);
  if (value.kind !== "ints") return node.refuse(`needs input ${k} to follow from sizes and constants`);
  const count = countOf(value);
  if (!isKnown(count) || count > LONGEST_INTS) return node.refuse(`has a list of unknown length as input ${k}`);
  return value.items.length === count ? [...value.items] : Array<Dim | undefined>(count).fill(value.items[0]);
}

/** Axes as an attribute, or from opset 13 on as an input. */
export function axesOf(node: Node, k: number): readonly number[] | undefined {
  return node.ints("axes") ?? known(node, k);
}

function checkRank(node: Node, rank: number): void {
  if (rank > MOST_AXES) node.refuse(`makes an array of ${rank} axes`);
}

// ------------------------------------------------------------------------------------------------ axes in another order

function transpose(node: Node): Value {
  const value = node.input(0);
  const rank = sizesOf(node, value).length;
  const order = node.ints("perm") ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const isOrder = order.length === rank && [...order].sort((a, b) => a - b).every((axis, i) => axis === i);
  if (!isOrder) node.damaged(`has perm [${order.join(", ")}] for an array of ${rank} axes`);
  if (value.kind === "floats") {
    const { shape, strides } = value;
    return { ...value, shape: order.map((from) => shape[from]!), strides: order.map((from) => strides[from]!) };
  }
  if (value.kind === "ints") return rank < 2 ? value : node.refuse("transposes sizes");
  return value.kind === "statistic" ? node.refuse("transposes a mean") : views.transpose(value, order);
}

function unsqueeze(node: Node): Value {
  const value = node.input(0);
  const given = axesOf(node, 1) ?? node.damaged("has no axes");
  const rank = sizesOf(node, value).length + given.length;
  checkRank(node, rank);
  const axes = given.map((axis) => axisOf(node, axis, rank)).sort((a, b) => a - b);
  if (new Set(axes).size < axes.length) node.damaged("has an axis twice");
  const insert = <T>(list: readonly T[], one: T): T[] => {
    const longer = [...list];
    for (const axis of axes) longer.splice(axis, 0, one);
    return longer;
  };
  if (value.kind === "ints") return { ...value, shape: insert(value.shape, 1) };
  if (value.kind === "floats") return { ...value, shape: insert(value.shape, 1), strides: insert(value.strides, 0) };
  return value.kind === "statistic" ? node.refuse("unsqueezes a mean") : views.unsqueeze(value, axes);
}

function squeeze(node: Node): Value {
  const value = node.input(0);
  const sizes = sizesOf(node, value);
  const given = axesOf(node, 1) ?? sizes.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const axes = given.map((axis) => axisOf(node, axis, sizes.length));
  const wrong = axes.find((axis) => sizes[axis] !== 1);
  if (wrong !== undefined) node.refuse(`squeezes axis ${wrong} of ${showDims(sizes)}`);
  const keep = <T>(list: readonly T[]) => list.filter((_, axis) => !axes.includes(axis));
  if (value.kind === "ints") return { ...value, shape: keep(value.shape) };
  if (value.kind === "floats") return { ...value, shape: keep(value.shape), strides: keep(value.strides) };
  if (value.kind === "statistic") return node.refuse("squeezes a mean");
  return views.squeeze(value, axes) ?? node.refuse(`squeezes axes of ${showDims(sizes)}`);
}

// --------------------------------------------------------------------------------------------------------- other sizes

function reshape(node: Node): Value {
  const sizes = sizesOf(node, node.input(0));
  const target = dimsAt(node, 1);
  const keepsZero = node.int("allowzero", 0) === 1;
  return reshapeTo(
    node,
    target.map((size, axis) =>
      size === 0 && !keepsZero ? (sizes[axis] ?? node.damaged("copies a size that is not there")) : size,
    ),
  );
}

function flatten(node: Node): Value {
  const sizes = sizesOf(node, node.input(0));
  const axis = node.int("axis", 1);
  const at = axis === sizes.length ? axis : axisOf(node, axis, sizes.length);
  const product = (part: readonly (Dim | undefined)[]) => part.reduce(times, 1);
  return reshapeTo(node, [product(sizes.slice(0, at)), product(sizes.slice(at))]);
}

/** The input under other sizes, of which one may be −1. */
function reshapeTo(node: Node, target: readonly (Dim | undefined)[]): Value {
  const value = node.input(0);
  checkRank(node, target.length);
  const total = sizesOf(node, value).reduce(times, 1);
  const open = target.flatMap((size, axis) => (size === -1 ? [axis] : []));
  if (open.length > 1) node.damaged("has two sizes of -1");
  const rest = over(total, target.filter((size) => size !== -1).reduce(times, 1));
  const sizes = target.map((size) => (size === -1 ? rest : size));
  const isSize = (size: Dim | undefined): size is Dim => size !== undefined && (!isKnown(size) || size >= 0);
  if (!sizes.every(isSize))
    return node.refuse(`cannot be told a shape of: ${showDims(target)} of ${showDims(sizesOf(node, value))}`);
  if (!sameDim(total, productOf(sizes))) node.refuse(`makes ${showDims(sizes)} of ${showDims(sizesOf(node, value))}`);
  if (value.kind === "ints") return { ...value, shape: sizes };
  if (value.kind === "floats") return reshapeFloats(node, value, sizes);
  if (value.kind !== "view") return node.refuse("gives states beside each other another shape");
  return (
    views.reshape(value, sizes) ??
    node.refuse(`makes ${showDims(sizes)} of ${showDims(views.sizesOf(value))}, which mixes axes`)
  );
}

function reshapeFloats(node: Node, value: Floats, sizes: readonly Dim[]): Floats {
  if (scalarOf(value) !== undefined) return { ...value, shape: sizes, strides: sizes.map(() => 0) };
  const shape = knownShape(value);
  const strides = views.stridesOf(shape ?? []);
  const isPlain = shape?.every((size, axis) => size === 1 || strides[axis] === value.strides[axis]);
  if (!isPlain || !sizes.every(isKnown)) return node.refuse("gives another shape to weights that were turned");
  return { ...value, shape: sizes, strides: views.stridesOf(sizes) };
}

/** Shape of `a` and `b` together, by the rules of broadcasting. */
function broadcast(node: Node, a: readonly Dim[], b: readonly (Dim | undefined)[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  checkRank(node, rank);
  return Array.from({ length: rank }, (_, axis) => {
    const one = a[axis - (rank - a.length)] ?? 1;
    const other = axis < rank - b.length ? 1 : b[axis - (rank - b.length)];
    if (other === undefined) return node.refuse("makes an array of a size that cannot be told");
    if (one === 1) return other;
    if (other === 1 || sameDim(one, other)) return one;
    return node.refuse(`broadcasts ${showDims(a)} to ${showDims(b)}`);
  });
}

function expand(node: Node, budget: Budget): Value {
  const value = node.input(0);
  const target = dimsAt(node, 1);
  if (value.kind === "ints") {
    if (value.items.length > 1) return node.refuse("repeats a list of sizes");
    return { ...value, shape: broadcast(node, value.shape, target) };
  }
  if (value.kind === "floats") {
    // Exporters write zeros for the batch they have seen, and then let them be for any batch.
    const isOpen = target.length === value.shape.length && target.some((size) => size !== undefined && !isKnown(size));
    const same = isOpen ? sameEverywhere(value, budget) : undefined;
    if (same !== undefined) {
      const bounds = value.shape.map((size, axis) => (isKnown(target[axis]) ? size : 1));
      return uniform(value.name, same, broadcast(node, bounds, target), budget);
    }
    const shape = broadcast(node, value.shape, target);
    const before = shape.length - value.shape.length;
    const strides = shape.map((_, axis) =>
      axis < before || value.shape[axis - before] === 1 ? 0 : value.strides[axis - before]!,
    );
    return { ...value, shape, strides };
  }
  const sizes = sizesOf(node, value);
  const isSame =
    target.length <= sizes.length &&
    target.every((size, i) => {
      const own = sizes[sizes.length - target.length + i];
      return size === 1 || sameDim(size, own);
    });
  return isSame ? value : node.refuse(`repeats what the layers give: ${showDims(sizes)} to ${showDims(target)}`);
}

/** The number that a constant consists of, if it is one. */
function sameEverywhere(value: Floats, budget: Budget): number | undefined {
  if (!knownShape(value)) return undefined;
  const numbers = copyFloats(value, budget);
  return numbers.every((x) => x === numbers[0]) ? numbers[0] : undefined;
}

function tile(node: Node): Value {
  const value = node.input(0);
  const repeats = dimsAt(node, 1);
  if (value.kind !== "ints" || value.items.length !== 1 || repeats.length !== value.shape.length) {
    return node.refuse("repeats something else than one size");
  }
  const shape = value.shape.map((size, axis) => times(size, repeats[axis]));
  if (!shape.every((size) => size !== undefined)) return node.refuse("repeats a size an unknown number of times");
  return { ...value, shape };
}

function constantOfShape(node: Node, budget: Budget): Value {
  const shape = dimsAt(node, 0);
  checkRank(node, shape.length);
  if (!shape.every((size) => size !== undefined)) return node.refuse("makes an array of a size that cannot be told");
  const given = node.tensor("value");
  const value = given ? constantOf(given, budget) : undefined;
  if (value?.kind === "ints") return { ...value, items: [value.items[0]], shape };
  return uniform(node.outputs[0] ?? "", value ? (scalarOf(value) ?? node.damaged("has no value")) : 0, shape, budget);
}

// --------------------------------------------------------------------------------------------------------------- parts

/** What a slice takes of an axis: nothing else than `count` elements from `start` on, all of them, or the last one. */
type Range = { start: number; count: number; step: number } | "all" | "last";

/** Ends at or beyond this are "to the end". */
const FAR = 0x7fffffff;

function rangeOf(node: Node, size: Dim | undefined, start: Dim | undefined, end: Dim | undefined, step: number): Range {
  if (step === 1 && start === 0 && (sameDim(end, size) || (isKnown(end) && end >= FAR))) return "all";
  if (!isKnown(start) || !isKnown(end)) return node.refuse("cuts at a place that cannot be told");
  if (!isKnown(size)) {
    if (step === 1 && start === -1 && end >= FAR) return "last";
    if (step === 1 && start === 0 && end === 1) return { start, count: 1, step };
    return node.refuse("cuts an axis whose size is open");
  }
  if (step < 1) return node.refuse("walks backwards: use a layer with direction reverse");
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  const count = Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
  if (count === 0) return node.refuse("cuts out nothing");
  return count === size ? "all" : { start: clamp(start), count, step };
}

function slice(node: Node): Value {
  const value = node.input(0);
  const rank = sizesOf(node, value).length;
  const starts = node.ints("starts") ?? dimsAt(node, 1);
  const ends = node.ints("ends") ?? dimsAt(node, 2);
  const axes = node.ints("axes") ?? known(node, 3) ?? starts.map((_, i) => i);
  const steps = known(node, 4) ?? starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    node.damaged("has lists of different length");
  }
  return axes.reduce<Value>((part, axis, i) => {
    const at = axisOf(node, axis, rank);
    return take(node, part, at, rangeOf(node, sizesOf(node, part)[at], starts[i], ends[i], steps[i]!));
  }, value);
}

/** The elements of a range; the axis stays. */
function take(node: Node, value: Value, axis: number, range: Range): Value {
  if (range === "all") return value;
  if (range === "last") {
    const last = value.kind === "view" ? views.lastOf(value, axis) : undefined;
    return last ?? node.refuse("takes the last element of an axis whose size is open");
  }
  const { start, count, step } = range;
  if (value.kind === "ints") {
    if (value.shape.length !== 1) return node.refuse("cuts sizes");
    const items =
      value.items.length === 1 ? value.items : value.items.filter((_, i) => i >= start && (i - start) % step === 0);
    return ints(value.items.length === 1 ? value.items : items.slice(0, count), [count]);
  }
  if (value.kind === "floats") {
    const strides = views.replaced(value.strides, axis, value.strides[axis]! * step);
    const shape = views.replaced(value.shape, axis, count);
    return { ...value, start: value.start + start * value.strides[axis]!, shape, strides };
  }
  if (value.kind === "statistic") return node.refuse("cuts a mean");
  return (
    views.slice(value, axis, start, count, step) ??
    node.refuse("cuts across states of different layers, or axes that were joined")
  );
}

/** One element of an axis, which goes. */
export function pick(node: Node, value: Value, axis: number, index: number): Value {
  const size = sizesOf(node, value)[axis];
  const range: Range =
    !isKnown(size) && index === -1
      ? "last"
      : { start: index < 0 && isKnown(size) ? index + size : index, count: 1, step: 1 };
  if (range !== "last" && (range.start < 0 || (isKnown(size) ? range.start >= size : range.start > 0))) {
    return node.refuse(`takes element ${index} of an axis of size ${showDims([size])}`);
  }
  const part = size === 1 ? value : take(node, value, axis, range);
  const without = <T>(list: readonly T[]) => list.filter((_, i) => i !== axis);
  if (part.kind === "ints") return { ...part, shape: without(part.shape) };
  if (part.kind === "floats") return { ...part, shape: without(part.shape), strides: without(part.strides) };
  if (part.kind === "statistic") return node.refuse("takes a part of a mean");
  return views.squeeze(part, [axis]) ?? node.refuse("takes a part of joined axes");
}

/** Gather from sizes or by constant indices; an embedding is a layer's concern. */
export function gather(node: Node): Value {
  const value = node.input(0);
  const axis = axisOf(node, node.int("axis", 0), sizesOf(node, value).length);
  const indices = node.input(1);
  if (indices.kind !== "ints") return node.refuse("gathers by indices that come with the data");
  const places = known(node, 1)!;
  if (value.kind === "ints" && value.shape.length === 1) {
    const all = dimsAt(node, 0);
    const items = places.map((place) => {
      const at = axisOf(node, place, all.length);
      return all[at];
    });
    return { kind: "ints", shape: indices.shape, items };
  }
  const [place, more] = places;
  if (place === undefined || more !== undefined) return node.refuse("gathers several elements");
  const one = pick(node, value, axis, place);
  if (indices.shape.length === 0) return one;
  if (one.kind === "view" && indices.shape.length === 1) return views.unsqueeze(one, [axis]);
  return node.refuse("gathers by a list");
}

function split(node: Node): Value[] {
  const value = node.input(0);
  const axis = axisOf(node, node.int("axis", 0), sizesOf(node, value).length);
  const size = sizesOf(node, value)[axis];
  const n = node.int("num_outputs", node.outputs.length);
  if (!isKnown(size)) return node.refuse("splits an axis whose size is open");
  const step = Math.ceil(size / n);
  const sizes =
    node.ints("split") ?? known(node, 1) ?? Array.from({ length: n }, (_, i) => Math.min(step, size - i * step));
  if (sizes.length > LONGEST_INTS || sizes.some((part) => !(part > 0)) || sizes.reduce((a, b) => a + b, 0) !== size) {
    node.damaged(`splits ${size} into [${sizes.slice(0, 8).join(", ")}]`);
  }
  let start = 0;
  return sizes.map((count) => {
    const part = take(node, value, axis, count === size ? "all" : { start, count, step: 1 });
    start += count;
    return part;
  });
}

function concat(node: Node, budget: Budget): Value {
  const values = node.inputs.map((_, k) => node.input(k));
  const [first] = values;
  if (!first) return node.damaged("has no inputs");
  const rank = sizesOf(node, first).length;
  const axis = axisOf(node, node.int("axis", 0), rank);
  if (values.length === 1) return first;
  if (values.some((value) => sizesOf(node, value).length !== rank))
    node.damaged("puts together arrays of different rank");
  if (values.every((value) => value.kind === "ints")) return concatInts(node, values);
  if (values.every((value) => value.kind === "floats")) return concatFloats(node, values, axis, budget);
  const parts: View[] = [];
  for (const value of values) {
    if (value.kind === "view") parts.push(value);
    else if (value.kind === "joined" && value.axis === axis) parts.push(...value.parts);
    else return node.refuse("puts together things of different kinds");
    if (parts.length > LONGEST_INTS) return node.refuse(`puts together more than ${LONGEST_INTS} arrays`);
  }
  return views.concatenate(parts, axis) ?? node.refuse("puts together arrays of open size, or of different shapes");
}

function concatInts(node: Node, values: readonly Ints[]): Ints {
  const items = values.flatMap((value, k) =>
    value.shape.length === 1 ? dimsAt(node, k) : node.refuse("puts together sizes that are no lists"),
  );
  return items.length > LONGEST_INTS ? node.refuse(`makes a list of more than ${LONGEST_INTS} sizes`) : ints(items);
}

/** Constants along an axis, by a copy. */
function concatFloats(node: Node, values: readonly Floats[], axis: number, budget: Budget): Value {
  const shapes = values.map((value) => knownShape(value) ?? node.refuse("puts together constants of open size"));
  const [first] = shapes as [number[], ...number[][]];
  const fits = shapes.every(
    (shape) => shape.length === first.length && shape.every((size, i) => i === axis || size === first[i]),
  );
  if (!fits) node.damaged("puts together arrays of different shapes");
  const size = shapes.reduce((sum, shape) => sum + shape[axis]!, 0);
  const shape = views.replaced(first, axis, size);
  const inner = first.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = first.slice(0, axis).reduce((a, b) => a * b, 1);
  const make = () => {
    const copies = values.map((value) => copyFloats(value, budget));
    const all = new Float32Array(outer * size * inner);
    let at = 0;
    for (let i = 0; i < outer; i++) {
      copies.forEach((copy, k) => {
        const width = shapes[k]![axis]! * inner;
        all.set(copy.subarray(i * width, (i + 1) * width), at);
        at += width;
      });
    }
    return all;
  };
  const name = node.outputs[0] ?? "";
  return {
    kind: "floats",
    name,
    shape,
    strides: views.stridesOf(shape),
    start: 0,
    data: new FloatData(name, budget, make),
  };
}

// ------------------------------------------------------------------------------------------------------ sizes themselves

function shapeOf(node: Node): Value {
  const sizes = sizesOf(node, node.input(0));
  const rank = sizes.length;
  const bound = (at: number) => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
  return ints(sizes.slice(bound(node.int("start", 0)), bound(node.int("end", rank))));
}

function cast(node: Node): Value {
  const value = node.input(0);
  const to = node.int("to", 0);
  const toInteger = to === TYPE.INT32 || to === TYPE.INT64;
  const toFloat = to === TYPE.FLOAT || to === TYPE.DOUBLE || to === TYPE.FLOAT16 || to === TYPE.BFLOAT16;
  if (value.kind === "ints") {
    if (toInteger) return value;
    if (to === TYPE.BOOL)
      return { ...value, items: value.items.map((item) => (isKnown(item) ? Number(item !== 0) : undefined)) };
    return value.items.length === 1 && isKnown(value.items[0])
      ? { ...value } // a number either way: whoever needs a float reads it
      : node.refuse("makes floats of sizes");
  }
  const integer =
    value.kind === "view" ? value.source.integer : value.kind === "joined" && value.parts[0]!.source.integer;
  if (integer ? toInteger : toFloat) return value;
  return node.refuse(`changes ${integer ? "integers" : "floats"} into the data type ${to}`);
}

function constant(node: Node, budget: Budget): Value {
  const tensor = node.tensor("value");
  if (tensor)
    return constantOf({ ...tensor, name: tensor.name === "" ? (node.outputs[0] ?? "") : tensor.name }, budget);
  if (node.has("value_int")) return ints([node.int("value_int", 0)], []);
  if (node.has("value_float")) return uniform(node.outputs[0] ?? "", node.float("value_float", 0), [], budget);
  const list = node.ints("value_ints");
  if (list && list.length <= LONGEST_INTS) return ints(list);
  const floats = node.floats("value_floats");
  if (floats.length === 0) return node.refuse("has no value, or one of another type");
  const name = node.outputs[0] ?? "";
  const data = new FloatData(name, budget, () => Float32Array.from(floats));
  return { kind: "floats", name, shape: [floats.length], strides: [1], start: 0, data };
}

function size(node: Node): Value {
  return ints([sizesOf(node, node.input(0)).reduce(times, 1)], []);
}

/** Arithmetic with sizes; undefined where it is none. */
export function intArithmetic(node: Node, f: (...items: (Dim | undefined)[]) => Dim | undefined): Ints | undefined {
  const values = node.inputs.map((_, k) => node.input(k));
  if (!values.every((value) => value.kind === "ints")) return undefined;
  const shape = values.map((value) => value.shape).reduce<readonly Dim[]>((a, b) => broadcast(node, a, b), []);
  const length = Math.max(...values.map(({ items }) => items.length));
  const fits = values.every(({ items }) => items.length === 1 || (items.length === length && length <= LONGEST_INTS));
  if (!fits || shape.length > 1)
    return values.some(({ items }) => items.length > 1)
      ? node.refuse("computes with tables of sizes")
      : ints([f(...values.map(({ items }) => items[0]))], shape);
  const items = Array.from({ length }, (_, i) =>
    f(...values.map((value) => value.items[value.items.length === 1 ? 0 : i])),
  );
  return { kind: "ints", shape, items };
}

function arithmetic(f: (...items: (Dim | undefined)[]) => Dim | undefined): Fold {
  return (node) => intArithmetic(node, f) ?? node.refuse(DEPENDS_ON_DATA);
}

const whenKnown = (f: (a: number, b: number) => number) => (a: Dim | undefined, b: Dim | undefined) => {
  const result = isKnown(a) && isKnown(b) ? f(a, b) : undefined;
  return Number.isSafeInteger(result) ? result : undefined;
};

export const sizeSum = (a: Dim | undefined, b: Dim | undefined) =>
  a === 0 ? b : b === 0 ? a : whenKnown((x, y) => x + y)(a, b);
export const sizeDifference = (a: Dim | undefined, b: Dim | undefined) =>
  b === 0 ? a : whenKnown((x, y) => x - y)(a, b);
export const sizeQuotient = (a: Dim | undefined, b: Dim | undefined) =>
  over(a, b) ?? whenKnown((x, y) => Math.trunc(x / y))(a, b);

/** An open size is none that is negative, and nothing else can be told of it. */
function equal(a: Dim | undefined, b: Dim | undefined): Dim | undefined {
  if (isKnown(a) && isKnown(b)) return Number(a === b);
  if (a === undefined || b === undefined) return undefined;
  const number = isKnown(a) ? a : isKnown(b) ? b : undefined;
  return number !== undefined && number < 0 ? 0 : sameDim(a, b) ? 1 : undefined;
}

export interface Operator {
  readonly attributes: readonly string[];
  readonly fold: Fold;
}

/** Operators that leave nothing behind in the network. */
export const foldings: Readonly<Record<string, Operator>> = {
  Cast: { attributes: ["to", "saturate", "round_mode"], fold: cast },
  Concat: { attributes: ["axis"], fold: concat },
  Constant: {
    attributes: ["value", "value_int", "value_ints", "value_float", "value_floats"],
    fold: constant,
  },
  ConstantOfShape: { attributes: ["value"], fold: constantOfShape },
  Equal: { attributes: [], fold: arithmetic(equal) },
  Expand: { attributes: [], fold: expand },
  Flatten: { attributes: ["axis"], fold: flatten },
  Identity: { attributes: [], fold: (node) => node.input(0) },
  Not: { attributes: [], fold: arithmetic((a) => (isKnown(a) ? Number(a === 0) : undefined)) },
  Reshape: { attributes: ["allowzero"], fold: reshape },
  Shape: { attributes: ["start", "end"], fold: shapeOf },
  Size: { attributes: [], fold: size },
  Slice: { attributes: ["axes", "starts", "ends"], fold: slice },
  Split: { attributes: ["axis", "split", "num_outputs"], fold: split },
  Squeeze: { attributes: ["axes"], fold: squeeze },
  Tile: { attributes: [], fold: tile },
  Transpose: { attributes: ["perm"], fold: transpose },
  Unsqueeze: { attributes: ["axes"], fold: unsqueeze },
  Where: {
    attributes: [],
    fold: arithmetic((condition, a, b) => (isKnown(condition) ? (condition === 0 ? b : a) : undefined)),
  },
};
