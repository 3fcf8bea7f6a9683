/**
 * Views: what transposing, reshaping, slicing, squeezing and stacking make of an array whose numbers are not known yet. A view says
 * for each of its axes by which strides it walks the axes of its source, so no number is ever moved before the network runs.
 */

import { isKnown, over, productOf, sameDim, times, type Dim } from "./dim.ts";

/** An array that the graph is given, or that a layer of the network gives. */
export interface Source {
  readonly kind: "input" | "output" | "state";
  /** Name of the graph's input, or of the node. */
  readonly name: string;
  readonly sizes: readonly Dim[];
  /** Whether its numbers are indices or lengths. */
  readonly integer: boolean;
}

/** A copy with one element replaced. */
export function replaced<T>(list: readonly T[], at: number, value: T): T[] {
  return list.map((old, i) => (i === at ? value : old));
}

/** A walk along one axis of the source. */
export interface Piece {
  readonly axis: number;
  readonly stride: number;
  readonly size: Dim;
}

/** An axis of a view: several walks, the first outermost; none for a size of 1. */
export type Group = readonly Piece[];

export interface View {
  readonly kind: "view";
  readonly source: Source;
  /** Where each axis of the source begins; −1 for its last element, on an axis that nothing walks. */
  readonly starts: readonly number[];
  readonly groups: readonly Group[];
}

/** Views beside each other along an axis, where one view cannot say it. */
export interface Joined {
  readonly kind: "joined";
  readonly axis: number;
  readonly parts: readonly View[];
  /** Sizes of the parts along the axis. */
  readonly sizes: readonly number[];
}

export function viewOf(source: Source): View {
  const groups = source.sizes.map((size, axis) => simplify([{ axis, stride: 1, size }]));
  return { kind: "view", source, starts: source.sizes.map(() => 0), groups };
}

/** Without walks of one element, and with walks joined that follow each other. */
export function simplify(group: Group): Group {
  const pieces: Piece[] = [];
  for (const piece of group) {
    if (piece.size === 1) continue;
    const before = pieces[pieces.length - 1];
    const size = times(before?.size, piece.size);
    const follows = before?.axis === piece.axis && isKnown(piece.size) && before.stride === piece.stride * piece.size;
    if (follows && size !== undefined) pieces[pieces.length - 1] = { ...piece, size };
    else pieces.push(piece);
  }
  return pieces;
}

export function sizeOfGroup(group: Group): Dim | undefined {
  return productOf(group.map(({ size }) => size));
}

export function sizesOf(view: View | Joined): (Dim | undefined)[] {
  if (view.kind === "view") return view.groups.map(sizeOfGroup);
  const sizes = sizesOf(view.parts[0]!);
  sizes[view.axis] = view.sizes.reduce((a, b) => a + b, 0);
  return sizes;
}

export function rankOf(view: View | Joined): number {
  return view.kind === "view" ? view.groups.length : view.parts[0]!.groups.length;
}

export function sameGroup(a: Group, b: Group): boolean {
  return (
    a.length === b.length &&
    a.every(({ axis, stride, size }, i) => axis === b[i]!.axis && stride === b[i]!.stride && sameDim(size, b[i]!.size))
  );
}

export function sameView(a: View, b: View): boolean {
  return (
    a.source === b.source &&
    a.starts.every((start, axis) => start === b.starts[axis]) &&
    a.groups.length === b.groups.length &&
    a.groups.every((group, i) => sameGroup(group, b.groups[i]!))
  );
}

/** The axes in another order. */
export function transpose<V extends View | Joined>(view: V, order: readonly number[]): V {
  if (view.kind === "view") return { ...view, groups: order.map((from) => view.groups[from]!) };
  const parts = view.parts.map((part) => transpose(part, order));
  return { ...view, parts, axis: order.indexOf(view.axis) };
}

/** Puts an axis of size 1 before each of these places of the result, which are in ascending order. */
export function unsqueeze<V extends View | Joined>(view: V, axes: readonly number[]): V {
  if (view.kind === "joined") {
    const rank = rankOf(view) + axes.length;
    const kept = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => !axes.includes(axis));
    return { ...view, parts: view.parts.map((part) => unsqueeze(part, axes)), axis: kept[view.axis]! };
  }
  const groups = [...view.groups];
  for (const axis of axes) groups.splice(axis, 0, []);
  return { ...view, groups };
}

/** Takes axes of size 1 away; undefined if one is not. */
export function squeeze(view: View | Joined, axes: readonly number[]): View | Joined | undefined {
  if (view.kind === "joined") {
    const parts = view.parts.map((part) => squeeze(part, axes));
    if (axes.includes(view.axis) || !parts.every((part) => part?.kind === "view")) return undefined;
    return { ...view, parts, axis: view.axis - axes.filter((axis) => axis < view.axis).length };
  }
  if (axes.some((axis) => view.groups[axis]!.length > 0)) return undefined;
  return { ...view, groups: view.groups.filter((_, axis) => !axes.includes(axis)) };
}

/** The same elements, in the same order, under other sizes; undefined if the view cannot be walked so. */
export function reshape(view: View, sizes: readonly Dim[]): View | undefined {
  const rest = view.groups.flat();
  const groups: Group[] = [];
  for (const size of sizes) {
    const group = takePieces(rest, size);
    if (!group) return undefined;
    groups.push(simplify(group));
  }
  return rest.length === 0 ? { ...view, groups } : undefined;
}

/** Takes walks off the front of `rest` that make up a size, cutting the last one where it is too long. */
function takePieces(rest: Piece[], size: Dim): Group | undefined {
  const group: Piece[] = [];
  let missing = size;
  while (!sameDim(missing, 1)) {
    const piece = rest.shift();
    if (!piece) return undefined;
    const after = over(missing, piece.size);
    if (after !== undefined) {
      group.push(piece);
      missing = after;
      continue;
    }
    const inner = over(piece.size, missing);
    if (!isKnown(inner)) return undefined;
    group.push({ ...piece, stride: piece.stride * inner, size: missing });
    rest.unshift({ ...piece, size: inner });
    missing = 1;
  }
  return group;
}

/** Elements `start`, `start + step` … of an axis, `count` of them; undefined if the axis is put together of several walks. */
export function slice(view: View | Joined, axis: number, start: number, count: number, step = 1): View | undefined {
  if (view.kind === "joined") {
    if (axis === view.axis) return sliceParts(view, start, count, step);
    return undefined;
  }
  const group = view.groups[axis]!;
  if (group.length === 0) return count === 1 && start === 0 ? view : undefined;
  if (group.length > 1) return undefined;
  const piece = group[0]!;
  const starts = replaced(view.starts, piece.axis, view.starts[piece.axis]! + start * piece.stride);
  const cut = simplify([{ ...piece, stride: piece.stride * step, size: count }]);
  return { ...view, starts, groups: replaced(view.groups, axis, cut) };
}

/** Where the slice lies within one of the parts. */
function sliceParts({ parts, sizes, axis }: Joined, start: number, count: number, step: number): View | undefined {
  let first = 0;
  for (const [i, part] of parts.entries()) {
    const last = start + (count - 1) * step;
    const inside = (index: number) => index >= first && index < first + sizes[i]!;
    if (inside(start) && inside(last)) return slice(part, axis, start - first, count, step);
    first += sizes[i]!;
  }
  return undefined;
}

/** The last element of an axis whose size is open; undefined where it is not one whole axis of the source. */
export function lastOf(view: View, axis: number): View | undefined {
  const [piece, more] = view.groups[axis]!;
  if (!piece || more || piece.stride !== 1 || view.starts[piece.axis] !== 0) return undefined;
  if (!sameDim(piece.size, view.source.sizes[piece.axis])) return undefined;
  return { ...view, starts: replaced(view.starts, piece.axis, -1), groups: replaced(view.groups, axis, []) };
}

/** Views one after another along an axis: one view where they are steps along their source, else side by side. */
export function concatenate(views: readonly View[], axis: number): View | Joined | undefined {
  const [first] = views;
  if (!first) return undefined;
  return views.length === 1 ? first : (concatenateSteps(views, axis) ?? join(views, axis));
}

/** Slices of one source at equal distances. */
function concatenateSteps(views: readonly View[], axis: number): View | undefined {
  const [first, second] = views;
  if (!first || !second) return undefined;
  const sameSource = views.every(
    ({ source, groups }) =>
      source === first.source &&
      groups.length === first.groups.length &&
      groups.every((group, i) => sameGroup(group, first.groups[i]!)),
  );
  if (!sameSource) return undefined;
  const moved = first.starts.flatMap((start, at) => (start === second.starts[at] ? [] : [at]));
  const [along] = moved;
  if (along === undefined || moved.length > 1) return undefined;
  const stride = second.starts[along]! - first.starts[along]!;
  const isLine = views.every(({ starts }, i) =>
    starts.every((start, at) => start === first.starts[at]! + (at === along ? i * stride : 0)),
  );
  if (!isLine || first.starts[along]! < 0 || views.some(({ starts }) => starts[along]! < 0)) return undefined;
  const steps: Piece = { axis: along, stride, size: views.length };
  return { ...first, groups: replaced(first.groups, axis, simplify([steps, ...first.groups[axis]!])) };
}

function join(parts: readonly View[], axis: number): Joined | undefined {
  const sizes = parts.map((part) => sizeOfGroup(part.groups[axis]!));
  const rank = parts[0]!.groups.length;
  if (!sizes.every(isKnown) || parts.some(({ groups }) => groups.length !== rank)) return undefined;
  return { kind: "joined", axis, parts, sizes };
}

/** Numbers of a view, row-major, and its shape, now that the sizes of the source are known. */
export function gather<D extends Float32Array | Int32Array>(
  view: View,
  data: D,
  shape: readonly number[],
): { data: D; shape: number[] } {
  const strides = stridesOf(shape);
  const sizeAt = ({ axis, size }: Piece) => (isKnown(size) ? size : shape[axis]!);
  const walks = view.groups
    .flat()
    .map((piece) => ({ size: sizeAt(piece), stride: piece.stride * strides[piece.axis]! }));
  const start = view.starts.reduce((at, first, axis) => {
    return at + (first < 0 ? shape[axis]! + first : first) * strides[axis]!;
  }, 0);
  const sizes = view.groups.map((group) => group.reduce((product, piece) => product * sizeAt(piece), 1));
  const count = sizes.reduce((a, b) => a * b, 1);
  const numbers = data instanceof Int32Array ? new Int32Array(count) : new Float32Array(count);
  let n = 0;
  const walk = (depth: number, at: number): void => {
    const along = walks[depth];
    if (!along) numbers[n++] = data[at]!;
    else for (let i = 0; i < along.size; i++) walk(depth + 1, at + i * along.stride);
  };
  walk(0, start);
  return { data: numbers as D, shape: sizes };
}

export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}
