import type { Arena, Core, Pointer } from "../core/core.ts";
import type { RawTensor } from "../io/safetensors.ts";
import { expectRange, expectType } from "../validate.ts";

/** What every description of a layer has. */
export interface LayerOptions {
  /** Prefix of the layer's parameters: `name.weight`. Default: its type, numbered from the second on. */
  readonly name?: string;
}

/** The rows of a batch as the layers see them; see assembly/sequence.ts. The network and some layers set them per batch. */
export class Rows {
  /** Rows in all. */
  N = 0;
  /** Steps of the longest sequence. */
  T = 0;
  /** Sequences. */
  B = 0;
  /** Address of the number of sequences of each step, i32 (T). */
  batchSizes: Pointer = 0;
  /** Address of the place of each sequence in the caller's batch, i32 (B). */
  order: Pointer = 0;
  /** Whether sequences are of different length, so that `order` may be another than the caller's. */
  ragged = false;
  /** Whether the layers keep the states of each step, as for training, though nothing is dropped. */
  traced = false;
}

/** What a decoder looks at: the output of its encoder. */
export interface Memory {
  readonly size: number;
  /** Of the current plan. */
  rows: Rows;
  /** Rows (N, padded(size)), and the gradient by them, which attention adds to. */
  y: Pointer;
  dy: Pointer;
  /** Address of the place in `rows` of each sequence of the decoder, i32 (B). */
  map: Pointer;
  /** Another number each time when the encoder has run. */
  version: number;
}

/** What flows from one layer to the next, known when the network is built. */
export interface Shape {
  /** `tokens`: indices below `size`; `features`: vectors of `size` numbers. */
  readonly kind: "tokens" | "features";
  readonly size: number;
  /** `input`: as the caller's input, which no layer has fixed yet. */
  readonly time: "input" | "sequence" | "vector";
  /** Number of steps where a layer fixes it; undefined where it is that of the input. */
  readonly steps: number | undefined;
  /** The columns from here on are the reverse direction of a bidirectional layer; `size` if there is none. */
  readonly reverseFrom: number;
}

/** Vectors of `size` features on the steps of the input, unless `change` says otherwise. */
export function featureShape(input: Shape, size: number, change: Partial<Shape> = {}): Shape {
  return { ...input, kind: "features", size, reverseFrom: size, ...change };
}

/** A block of parameters or a buffer: its place in the memory is fixed when the network is built. */
export interface ParameterBlock {
  /** Index of its layer. */
  readonly layer: number;
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  /** Elements before it in the block of all parameters; of no meaning for a buffer. */
  readonly offset: number;
  value: Pointer;
  gradient: Pointer;
  readonly initialize: (at: Pointer) => void;
  /** There if it is no parameter but a buffer: numbers that the layer keeps, without a gradient and out of the optimizer's reach. */
  readonly buffer: BufferForm | undefined;
}

/** How a buffer stands in files, where it is not of F32. */
interface BufferForm {
  readonly read?: (name: string, tensor: RawTensor) => Float32Array;
  readonly write?: (data: Float32Array, shape: readonly number[]) => RawTensor;
}

/** A state that is carried through time, (B, padded(units)): where it is in the current plan. */
export interface StateBuffer {
  readonly label: string;
  readonly units: number;
  value: Pointer;
  gradient: Pointer;
  /** Where it starts if it is learnt, (units); at zeros without. */
  initial?: ParameterBlock;
}

/** A state that goes from step to step through a matrix, as gradientFlow sees it: one for each stacked layer and direction. */
export interface Recurrence {
  /** As in the names of the parameters: "l0", "l0_reverse" …; "" where the layer has only this one. */
  readonly label: string;
  readonly reverse: boolean;
  readonly rows: Rows;
  /** Size of h, and, of an LSTM, of c. */
  readonly widths: readonly number[];
  /** (gates·H, R): the previous h to the gates. */
  readonly wHh: ParameterBlock;
  /** (R, H): the hidden units to what is carried, where that is not the units themselves. */
  readonly projection: ParameterBlock | undefined;
  /** Share of the state that stays beside what the matrices make of it. */
  readonly decay: number;
  /** Rows (N, padded(widths[0])): h of each step. */
  readonly h: Pointer;
  /** What traceStates shows beside h. */
  readonly kept: KeptRows;
  /** Where backward leaves the gradients by the states, rows (N, padded(width)) for each width; 0 for nowhere. */
  flowTo(at: Pointer): void;
}

/** Rows that a forward pass with `traced` or for training keeps; 0 where there are none. */
export interface KeptRows {
  /** (N, gates·padded(H)), after their activations. */
  readonly gates: Pointer;
  /** c before each step, (N, padded(H)), and, by sequence, after the last one. */
  readonly cPrev: Pointer;
  readonly c: Pointer;
}

export const nothingKept: KeptRows = { gates: 0, cPrev: 0, c: 0 };

/** What a network gives to the layers it builds. */
export interface Builder {
  readonly core: Core;
  /** Name of the layer that is being built. */
  readonly name: string;
  /** What comes into it. */
  readonly input: Shape;
  /** Room for the weight gradient product, shared by all layers; set before a batch runs. */
  readonly shared: { scratch: Pointer };
  /** What attention looks at; undefined but in the decoder of an encoder and decoder. */
  readonly memory: Memory | undefined;
  /** Adds a parameter, or a buffer; `initialize` fills it when the network is new. */
  declare(
    name: string,
    shape: readonly number[],
    initialize: (at: Pointer) => void,
    buffer?: BufferForm,
  ): ParameterBlock;
  /** The input in time, when the layer needs a sequence or a single vector. TypeError if the layers before say otherwise. */
  requireTime(time: "sequence" | "vector"): void;
}

/** A layer in a network: its description made real. Addresses are bytes in the core's memory. */
export abstract class Layer {
  readonly core: Core;
  readonly name: string;
  readonly input: Shape;
  abstract readonly output: Shape;

  constructor(build: Builder) {
    this.core = build.core;
    this.name = build.name;
    this.input = build.input;
  }

  /** States in PyTorch's order: h of all layers and directions, then c. */
  readonly states: readonly StateBuffer[] = [];

  /** What it carries from step to step; to be called after a forward pass. */
  recurrences(): readonly Recurrence[] {
    return [];
  }

  /** Floats of shared scratch that backward needs. */
  scratch(): number {
    return 0;
  }

  /** Floats behind the gradient by the output, in which the loss of a network that ends in it leaves more for its backward. */
  lossGradientSize(): number {
    return 0;
  }

  /** Takes room for the packed weights. */
  reserve(_arena: Arena): void {
    // Nothing to pack.
  }

  /** Takes room for a batch of `rows` and returns the rows that come out. */
  abstract plan(arena: Arena, rows: Rows, training: boolean): Rows;

  /** Takes room for what only backward needs, after `plan` for training. */
  planBackward(_arena: Arena): void {
    // Nothing more.
  }

  /** Packs the weights for forward, after they changed. */
  pack(): void {
    // Nothing to pack.
  }

  /** Packs the weights for backward, after they changed. */
  packBackward(): void {
    // Nothing to pack.
  }

  /** Takes what the forward pass for training has measured into the buffers. */
  updateBuffers(): void {
    // No buffers.
  }

  /** Rows x in, rows y out. */
  abstract forward(x: Pointer): Pointer;

  /** Gradient by y in (it may be overwritten), gradient by x out: 0 if it is not wanted. Adds to the parameters' gradients. */
  abstract backward(dy: Pointer, wanted: boolean): Pointer;
}

/** The input of a layer that works on vectors of numbers. */
export function expectFeatures(build: Builder): number {
  const { kind, size } = build.input;
  if (kind === "features") return size;
  throw new TypeError(`"${build.name}" needs vectors of features, and tokens come in: put embedding() before it`);
}

/** What a type of layer is to the table: from JSON and into a network. */
export interface LayerType<D> {
  /** A checked, frozen description from one that may come from a file. */
  normalize(description: D): D;
  build(description: D, builder: Builder): Layer;
}

/** Leaves out options that are undefined, so that descriptions stay plain JSON. */
export function withoutUndefined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(entries)) as { [K in keyof T]: Exclude<T[K], undefined> };
}

export function checkName(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  expectType(typeof value === "string", "name", "a string", value);
  expectRange(!value.startsWith("__"), "name", 'a string that does not begin with "__"', value);
  return value;
}
