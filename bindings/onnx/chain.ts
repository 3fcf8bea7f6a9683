/**
 * The stack of layers that a graph is read into. A network of ours is one path: each layer takes what the one before gives, on
 * each row, and rows are a batch with or without a time. The chain knows which axes of the graph's arrays these are.
 */

import {
  activation,
  dense,
  dropout,
  elman,
  embedding,
  FormatError,
  gru,
  last,
  layerNorm,
  lstm,
  Network,
  type Activation,
  type ElmanOptions,
  type GruOptions,
  type LayerDescription,
  type LstmOptions,
} from "../index.ts";
import { show } from "../validate.ts";
import { isKnown, sameDim, type Dim } from "./dim.ts";
import type { Node } from "./graph.ts";
import { layerNamesOf, parameterName } from "./names.ts";
import { sameGroup, simplify, transpose, viewOf, type Group, type Piece, type Source, type View } from "./view.ts";

type Values = Map<string, Float32Array>;

/** A layer to be, with the values of its parameters by their names. Some are changed by the nodes that follow. */
export type Draft =
  | { type: "dense"; units: number; activation: Activation; values: Values }
  | { type: "activation"; activation: Activation; values: Values }
  | { type: "layerNorm"; units: number; epsilon: number; values: Values }
  | { type: "embedding"; units: number; values: Values }
  | { type: "dropout"; rate: number; values: Values }
  | { type: "last"; values: Values }
  | RecurrentDraft;

export type RecurrentDraft = (
  | { type: "elman"; units: number; options: ElmanOptions; values: Values }
  | { type: "gru"; units: number; options: GruOptions; values: Values }
  | { type: "lstm"; units: number; options: LstmOptions; values: Values }
) & {
  readonly directions: number;
  /** Where the states of each direction come from, (batch, units); undefined for zeros or what is learnt. */
  readonly initial: Partial<Record<"h" | "c", readonly View[]>>;
  /** The states at the end, (directions, batch …, units). */
  readonly final: Readonly<Record<"h" | "c", Source>>;
};

/** What a view is to a layer: its leading axes, walks of rows, and its last one, features. */
export interface Taken {
  /** Groups of walks along the axes of the chain's rows. */
  readonly leading: readonly Group[];
  readonly features: number;
}

/** A view as a layer would take it, after last() if it is one step. */
interface Match extends Taken {
  readonly last: boolean;
}

export const SECOND_PATH = "joins a second path: a network is one path of layers, each after the other";

export class Chain {
  readonly drafts: Draft[] = [];
  /** What comes into the first layer: a group for each axis of the rows, then, unless it is tokens, the features. */
  input: View | undefined;
  /** Number of tokens; 0 for features. */
  tokens = 0;
  features = 0;
  /** Sizes of the axes that the rows have. */
  rows: readonly Dim[] = [];
  /** Which axis of the rows is time; undefined for one step. */
  time: number | undefined;
  /** Which axes of the rows are the batch, outermost first; undefined while no recurrent layer has said so. */
  batch: readonly number[] | undefined;
  /** The lengths of the sequences. */
  lengths: View | undefined;
  /** What the last layer gives: the axes of the rows, then features. */
  top: Source | undefined;

  /** The axes of the input's rows, before `last` may have taken time away. */
  inputRows: { readonly time: number | undefined; readonly batch: readonly number[] | undefined } | undefined;

  /** Takes a view as the rows of the next layer. @throws FormatError when it is not what the last layer gives */
  take(view: View, node: Node): Taken {
    const match = this.#match(view);
    return typeof match === "string" ? node.refuse(match) : this.#enter(match, view);
  }

  /** Takes a view of integers as the tokens of an embedding. */
  takeTokens(view: View, tokens: number, node: Node): readonly Group[] {
    if (view.source.kind !== "input" || this.input) node.refuse(SECOND_PATH);
    if (!view.source.integer) node.refuse(`needs integers, and the input ${show(view.source.name)} is of floats`);
    this.tokens = tokens;
    return this.#freeze(view, view.groups, []);
  }

  /**
   * What the graph gives of the last layer: where that is one step only, or its state and not its sequence, the network ends with
   * last().
   */
  finish(views: readonly View[]): readonly View[] {
    const draft = this.drafts[this.drafts.length - 1];
    const state = draft && "final" in draft ? draft.final.h : undefined;
    const ofTop = views.filter(({ source }) => source === this.top);
    const wanted =
      ofTop.length === 1 ? ofTop[0]! : ofTop.length === 0 ? views.find(({ source }) => source === state) : undefined;
    const match = wanted && this.#match(wanted);
    if (!wanted || typeof match !== "object" || !match.last) return views;
    const taken = this.#enter(match, wanted);
    const end = this.#give("last()", taken.leading, taken.features);
    return views.map((view) => (view === wanted ? end : view));
  }

  /** What a view is to the next layer, or why it is nothing. */
  #match(view: View): Match | string {
    const { source } = view;
    if (view.groups.length === 0) return "has no axis of features";
    if (source.kind === "input") return this.#matchInput(view);
    if (source.kind === "state") return this.#matchState(view);
    return source === this.top ? this.#matchTop(view) : SECOND_PATH;
  }

  #enter({ leading, features, last: takesLast }: Match, view: View): Taken {
    if (takesLast) return { leading: this.#appendLast(leading), features };
    if (view.source.kind !== "input") return { leading, features };
    this.features = features;
    return { leading: this.#freeze(view, leading, view.groups.slice(-1)), features };
  }

  #matchInput(view: View): Match | string {
    if (this.input) return SECOND_PATH;
    if (view.source.integer) return `needs floats, and the input ${show(view.source.name)} is of integers`;
    const features = sizeOfPieces(view.groups.at(-1)!);
    if (!isKnown(features) || features < 1) {
      return `needs to know the number of features: the last axis of ${show(view.source.name)} is open`;
    }
    return { leading: view.groups.slice(0, -1), features, last: false };
  }

  /** From here on each walk along the input is an axis of the rows. */
  #freeze(view: View, leading: readonly Group[], features: readonly Group[]): Group[] {
    const pieces = leading.flat();
    this.input = { ...view, groups: [...pieces.map((piece) => [piece]), ...features] };
    this.rows = pieces.map(({ size }) => size);
    let axis = 0;
    return leading.map((group) => group.map(({ size }) => ({ axis: axis++, stride: 1, size })));
  }

  #matchTop(view: View): Match | string {
    const { sizes } = view.source;
    const features = sizes.at(-1) as number;
    const leading = view.groups.slice(0, -1);
    if (!this.#isWholeFeatures(view, leading.length, features))
      return "takes a part of the features, or them in another order";
    const walked = leading.flat();
    const isWhole = walked.every((piece) => view.starts[piece.axis] === 0 && isAll(piece, sizes));
    const axes = new Set(walked.map(({ axis }) => axis));
    if (!isWhole || axes.size < walked.length) return "takes a part of the steps or sequences";
    const missing = this.rows.flatMap((_, axis) => (axes.has(axis) ? [] : [axis]));
    if (missing.length === 0) return { leading, features, last: false };
    const why = this.#whyNotLast(view, missing);
    return why ?? { leading, features, last: true };
  }

  /** Whether an axis of a view is all the features, in their order. */
  #isWholeFeatures(view: View, at: number, features: number): boolean {
    const [piece, more] = view.groups[at]!;
    const axis = view.source.sizes.length - 1;
    if (features === 1) return piece === undefined;
    return piece?.axis === axis && more === undefined && view.starts[axis] === 0 && isAll(piece, view.source.sizes);
  }

  /** One step of the sequence is taken, and the network has a layer for the last one only. */
  #whyNotLast(view: View, missing: readonly number[]): string | undefined {
    const [axis] = missing;
    const start = view.starts[axis!]!;
    const T = this.rows[axis!]!;
    // A dense layer mixes the directions, and what comes after it has one end again.
    const mixing = this.drafts.filter(({ type }) => type === "dense" || type === "embedding" || isRecurrent(type));
    const draft = mixing[mixing.length - 1];
    const reverse = draft && "directions" in draft && draft.options.reverse === true;
    const isLast = reverse ? start === 0 : start === -1 || (isKnown(T) && start === T - 1);
    if (missing.length > 1 || axis !== this.time || !isLast)
      return "takes one step or sequence that is not the last step";
    if (this.lengths && !reverse) return "takes the last step of padded sequences: take the state, each one's own last";
    if (draft && "directions" in draft && draft.directions > 1)
      return "takes one step of both directions, and last() takes what each ends with: take the state";
    return undefined;
  }

  /** The state of the last layer is what last() gives of its output. */
  #matchState(view: View): Match | string {
    const draft = this.drafts[this.drafts.length - 1];
    if (!draft || !("final" in draft) || view.source !== draft.final.h) return SECOND_PATH;
    const { sizes } = view.source;
    const D = draft.directions;
    const unit = sizes.length - 1;
    const units = sizes[unit] as number;
    const leading = view.groups.slice(0, -1);
    const whole = simplify([
      { axis: 0, stride: 1, size: D },
      { axis: unit, stride: 1, size: units },
    ]);
    const isWhole = leading.flat().every((piece) => isAll(piece, sizes)) && view.starts.every((start) => start === 0);
    if (!isWhole || leading.flat().length !== sizes.length - 2 || !sameGroup(view.groups.at(-1)!, whole)) {
      return "takes a part of the state, or its directions in another order";
    }
    const batch = this.batch ?? [];
    const inRows = leading.map((group) => group.map((piece) => ({ ...piece, axis: batch[piece.axis - 1]! })));
    return { leading: inRows, features: D * units, last: true };
  }

  /** Leaves the axes of the batch, by new numbers. */
  #appendLast(leading: readonly Group[]): Group[] {
    const batch = this.batch ?? [];
    this.inputRows ??= { time: this.time, batch: this.batch };
    this.drafts.push({ type: "last", values: new Map() });
    this.rows = batch.map((axis) => this.rows[axis]!);
    this.time = undefined;
    this.batch = batch.map((_, i) => i);
    return leading.map((group) => group.map((piece) => ({ ...piece, axis: batch.indexOf(piece.axis) })));
  }

  /** Adds a layer that takes rows and gives rows; returns what it gives. */
  append(draft: Draft, node: Node, { leading }: { leading: readonly Group[] }, units: number): View {
    this.drafts.push(draft);
    return this.#give(node.title, leading, units);
  }

  /** What is given from now on: rows along these axes, with so many features. */
  #give(name: string, leading: readonly Group[], units: number): View {
    this.top = { kind: "output", name, sizes: [...this.rows, units], integer: false };
    const features = simplify([{ axis: this.rows.length, stride: 1, size: units }]);
    return { ...viewOf(this.top), groups: [...leading, features] };
  }

  /**
   * Adds a layer that works on each number by itself, or on whole vectors of features, so that the view stays what it is; `change`
   * may instead change the last layer, and says whether it has.
   */
  apply(view: View, node: Node, draft: (features: number) => Draft, change?: (last: Draft) => boolean): View {
    if (view.source !== this.top) {
      // The features need not stand last, as the layer leaves all where it is.
      const rank = view.groups.length;
      const turns = view.groups.map((_, axis) => [...range(0, axis), ...range(axis + 1, rank), axis]);
      const turn = turns.find((order) => typeof this.#match(transpose(view, order)) === "object") ?? range(0, rank);
      const taken = this.take(transpose(view, turn), node);
      const given = this.append(draft(taken.features), node, taken, taken.features);
      return transpose(given, invert(turn));
    }
    const last = this.drafts[this.drafts.length - 1]!;
    const features = this.top.sizes.at(-1) as number;
    if (!change?.(last)) this.drafts.push(draft(features));
    // What was is not what is: whoever still has it is refused.
    this.top = { ...this.top, name: node.title };
    return { ...view, source: this.top };
  }

  /** Whether an axis of a view is the features, all of them and in order. */
  isFeatures(view: View, axis: number): boolean {
    if (view.source !== this.top) return axis === view.groups.length - 1;
    return this.#isWholeFeatures(view, axis, view.source.sizes.at(-1) as number);
  }

  /** Notes which axes are time and batch; a recurrent layer has said so. */
  setTime(time: Group, batch: Group, node: Node): void {
    if (time.length > 1) node.refuse("has a time of more than one axis");
    const axis = time[0]?.axis;
    const axes = batch.map((piece) => piece.axis);
    if (this.batch === undefined) {
      this.time = axis;
      this.batch = axes;
    }
    const isSame = this.time === axis && this.batch.join() === axes.join() && this.inputRows === undefined;
    if (!isSame) node.refuse("has another time or batch than the layers before it");
  }

  /** The network, with the weights of the file. */
  build(): Network {
    if (!this.input || this.drafts.length === 0) throw new FormatError("unsupported", "onnx: the graph has no layer");
    const input = this.tokens > 0 ? { tokens: this.tokens } : { features: this.features };
    const network = new Network({ input, layers: this.drafts.map(describeDraft) });
    const names = layerNamesOf(this.drafts);
    this.drafts.forEach(({ values }, i) => {
      for (const [name, numbers] of values) network.parameter(parameterName(names[i]!, name)).set(numbers);
    });
    return network;
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, k) => from + k);

/** The order that takes an order back. */
const invert = (order: readonly number[]): number[] => order.map((_, axis) => order.indexOf(axis));

function isRecurrent(type: string): boolean {
  return type === "elman" || type === "gru" || type === "lstm";
}

function sizeOfPieces(group: Group): Dim | undefined {
  const [piece, more] = group;
  if (!piece) return 1;
  if (!more) return piece.size;
  return group.every(({ size }) => isKnown(size)) ? group.reduce((n, { size }) => n * (size as number), 1) : undefined;
}

/** Whether a walk goes along a whole axis of its source. */
function isAll({ axis, stride, size }: Piece, sizes: readonly Dim[]): boolean {
  return stride === 1 && sameDim(size, sizes[axis]);
}

function describeDraft(draft: Draft): LayerDescription {
  const { type, values } = draft;
  if (type === "dense") return dense(draft.units, { activation: draft.activation, bias: values.has("bias") });
  if (type === "activation") return activation(draft.activation);
  if (type === "embedding") return embedding(draft.units);
  if (type === "dropout") return dropout(draft.rate);
  if (type === "last") return last();
  if (type === "elman") return elman(draft.units, draft.options);
  if (type === "gru") return gru(draft.units, draft.options);
  if (type === "lstm") return lstm(draft.units, draft.options);
  return layerNorm({ epsilon: draft.epsilon, affine: values.has("weight") });
}
