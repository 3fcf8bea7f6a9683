import type { NamedState, Stack } from "../build.ts";
import { padded, type Arena, type Core, type Pointer } from "../core/core.ts";
import { writeOrder } from "../engine.ts";
import { dense, denseType } from "../layers/dense.ts";
import { Layer, Rows, type Builder, type Memory, type Shape } from "../layers/layer.ts";
import type { EncoderDecoderConfig } from "./config.ts";

/** The sequences that the decoder runs over. */
export interface DecoderBatch {
  /** Sequences: `width` for each of the encoder. */
  readonly B: number;
  readonly width: number;
  readonly T: number;
  /** Of each sequence; undefined when all are T. */
  readonly lengths: Int32Array | undefined;
}

/**
 * What stands between the layers of the encoder and those of the decoder. Forward takes the encoder's output, which
 * attention may look at, and gives the decoder its initial states and its input; backward goes the other way. The decoder has
 * rows of its own, in an order of their own.
 */
export class Bridge extends Layer {
  readonly output: Shape;
  readonly memory: Memory;
  /** Rows of the decoder, and where its input is. */
  readonly rows = new Rows();
  x: Pointer = 0;
  /** Gradient by the decoder's input, from the last backward; 0 if it has none. */
  dx: Pointer = 0;
  /** What the next plan is for. */
  batch: DecoderBatch = { B: 0, width: 1, T: 0, lengths: undefined };
  readonly #encoder: readonly NamedState[];
  readonly #decoder: readonly NamedState[];
  /** undefined where states are copied, or there are none. */
  readonly #dense: Layer | undefined;
  /** Whether the dense layer reads the encoder's output, a vector, and not its states. */
  readonly #fromVector: boolean;
  #training = false;
  /** All final states of the encoder side by side, and all initial ones of the decoder in the encoder's order. */
  #source: Pointer = 0;
  #initial: Pointer = 0;
  #dInitial: Pointer = 0;
  #parents: Pointer = 0;
  #chosen: Pointer = 0;

  constructor(build: Builder, encoder: Stack, decoder: Stack, memory: Memory, how: EncoderDecoderConfig["bridge"]) {
    super(build);
    this.output = decoder.input;
    this.memory = memory;
    this.#encoder = encoder.states;
    this.#decoder = decoder.states;
    this.#fromVector = encoder.output.time === "vector";
    const copies = how === "copy" || (how === undefined && !this.#fromVector && areAlike(encoder, decoder));
    if (how === "copy") expectAlike(encoder, decoder);
    if (copies || decoder.states.length === 0) return;
    const units = unitsOf(decoder.states);
    const size = this.#fromVector ? encoder.output.size : unitsOf(encoder.states);
    if (size === 0) {
      const cure = "end it with a recurrent layer, or with last()";
      throw new TypeError(`the encoder has no states that the decoder could begin with: ${cure}`);
    }
    const input: Shape = { kind: "features", size, time: "vector", steps: undefined, reverseFrom: size };
    this.#dense = denseType.build(dense(units, { activation: how?.activation ?? "tanh" }), { ...build, input });
  }

  override scratch(): number {
    return this.#dense?.scratch() ?? 0;
  }

  override reserve(arena: Arena): void {
    this.#dense?.reserve(arena);
  }

  override pack(): void {
    this.#dense?.pack();
  }

  override packBackward(): void {
    this.#dense?.packBackward();
  }

  /** @param from the rows of the encoder's output */
  override plan(arena: Arena, from: Rows, training: boolean): Rows {
    const { B, T, lengths } = this.batch;
    const { memory, rows } = this;
    this.#training = training;
    const N = lengths ? lengths.reduce((a, b) => a + b, 0) : B * T;
    Object.assign(rows, {
      N,
      T,
      B,
      order: arena.floats(B),
      batchSizes: arena.floats(T),
      ragged: lengths !== undefined,
    });
    this.x = arena.floats(N * (this.output.kind === "tokens" ? 1 : padded(this.output.size)));
    memory.rows = from;
    memory.map = arena.floats(B);
    const widest = Math.max(0, ...this.#decoder.map(({ units }) => padded(units)));
    this.#parents = arena.floats(B);
    this.#chosen = arena.floats(B * widest);
    for (const state of this.#decoder) state.value = arena.floats(B * padded(state.units));
    if (!this.#dense) return rows;
    const each = Object.assign(new Rows(), from, { N: from.B, T: 1 });
    this.#source = this.#fromVector ? 0 : arena.floats(from.B * padded(unitsOf(this.#encoder)));
    this.#dense.plan(arena, each, training);
    return rows;
  }

  override planBackward(arena: Arena): void {
    const { memory, rows } = this;
    memory.dy = arena.floats(memory.rows.N * padded(memory.size));
    for (const state of this.#decoder) state.gradient = arena.floats(rows.B * padded(state.units));
    if (!this.#dense) return;
    this.#dInitial = arena.floats(memory.rows.B * padded(unitsOf(this.#decoder)));
    this.#dense.planBackward(arena);
  }

  /** Writes down the order of the decoder's sequences, after the memory for a plan is there. */
  writeOrder(): void {
    const { core, memory, rows, batch } = this;
    writeOrder(core, rows, batch.lengths);
    const places = new Int32Array(memory.rows.B);
    read(core, memory.rows.order, places.length).forEach((example, place) => (places[example] = place));
    const map = read(core, rows.order, rows.B).map((sequence) => places[Math.floor(sequence / batch.width)]!);
    core.i32.set(map, memory.map >>> 2);
  }

  override forward(y: Pointer): Pointer {
    const { core, memory } = this;
    const { copyColumns, zero } = core.functions;
    const B = memory.rows.B;
    memory.y = y;
    memory.version++;
    if (this.#training) {
      zero(memory.dy, memory.rows.N * padded(memory.size));
      for (const { gradient, units } of this.#decoder) zero(gradient, this.rows.B * padded(units));
    }
    if (this.#dense) {
      if (!this.#fromVector) {
        const width = padded(unitsOf(this.#encoder));
        zero(this.#source, B * width);
        forEachColumn(this.#encoder, ({ value, units }, at) =>
          copyColumns(this.#source + at * 4, width, value, padded(units), B, units),
        );
      }
      this.#initial = this.#dense.forward(this.#fromVector ? y : this.#source);
    }
    this.begin();
    return this.x;
  }

  /** Sets the decoder's states to the initial ones. */
  begin(): void {
    const { gatherRows } = this.core.functions;
    const { map } = this.memory;
    const width = padded(unitsOf(this.#decoder));
    forEachColumn(this.#decoder, ({ value, units }, at, k) => {
      if (this.#dense) gatherRows(value, this.#initial + at * 4, width, map, this.rows.B, units);
      else gatherRows(value, this.#encoder[k]!.value, padded(units), map, this.rows.B, units);
    });
  }

  /** The decoder's states of each sequence become those of the sequence that is named, from the first to the last. */
  choose(parents: Int32Array): void {
    const { core, rows } = this;
    const { copyColumns, gatherRows } = core.functions;
    core.i32.set(parents, this.#parents >>> 2);
    for (const { value, units } of this.#decoder) {
      const P = padded(units);
      gatherRows(this.#chosen, value, P, this.#parents, rows.B, units);
      copyColumns(value, P, this.#chosen, P, rows.B, units);
    }
  }

  /** @returns gradient by the encoder's output */
  override backward(dx: Pointer): Pointer {
    const { core, memory } = this;
    const { scatterRows, takeColumns, zero } = core.functions;
    const { map } = memory;
    const B = memory.rows.B;
    this.dx = dx;
    if (!this.#dense) {
      this.#decoder.forEach(({ gradient, units }, k) => {
        scatterRows(this.#encoder[k]!.gradient, padded(units), gradient, map, this.rows.B, units);
      });
      return memory.dy;
    }
    const width = padded(unitsOf(this.#decoder));
    zero(this.#dInitial, B * width);
    forEachColumn(this.#decoder, ({ gradient, units }, at) => {
      scatterRows(this.#dInitial + at * 4, width, gradient, map, this.rows.B, units);
    });
    const dSource = this.#dense.backward(this.#dInitial, true);
    if (this.#fromVector) return dSource;
    forEachColumn(this.#encoder, ({ gradient, units }, at) => {
      takeColumns(gradient, dSource + at * 4, padded(unitsOf(this.#encoder)), B, units);
    });
    return memory.dy;
  }
}

function unitsOf(states: readonly NamedState[]): number {
  return states.reduce((sum, { units }) => sum + units, 0);
}

/** Each state with the column it begins at when all stand side by side. */
function forEachColumn(states: readonly NamedState[], act: (state: NamedState, at: number, k: number) => void): void {
  let at = 0;
  states.forEach((state, k) => {
    act(state, at, k);
    at += state.units;
  });
}

function read({ i32 }: Core, at: Pointer, n: number): Int32Array {
  return i32.slice(at >>> 2, (at >>> 2) + n);
}

/** Whether two stacks have the same states: as many, in the same places of their layers, of the same sizes. */
function areAlike(encoder: Stack, decoder: Stack): boolean {
  return showStates(encoder) === showStates(decoder);
}

function expectAlike(encoder: Stack, decoder: Stack): void {
  if (areAlike(encoder, decoder)) return;
  const states = `the encoder has ${showStates(encoder)} and the decoder ${showStates(decoder)}`;
  throw new RangeError(`"bridge" of "copy" needs the same states on both sides, and ${states}: leave it out`);
}

function showStates({ states }: Stack): string {
  return states.map(({ label, units }) => `${label} (${units})`).join(", ") || "none";
}
