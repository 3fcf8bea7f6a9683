import { Arena, Core, padded, type Pointer } from "./core/core.ts";
import type { Time, Values } from "./data/values.ts";
import type { NamedState, Site, Stack } from "./build.ts";
import { initialStates, initialStatesBackward } from "./layers/initialStates.ts";
import { Rows, type Layer, type ParameterBlock, type Shape } from "./layers/layer.ts";
import { whole } from "./whole.ts";

/** Only an output, with the states of each step kept, an output and its loss, or gradients too. */
export type Purpose = "run" | "trace" | "evaluate" | "train";

/** A part of a batch: which examples, and which steps of them. */
export interface Selection {
  readonly examples: Int32Array;
  readonly start: number;
  readonly steps: number;
}

/** Who uses the optimizer slots. */
export interface SlotOwner {
  /** Takes the numbers out of the slots: another is to use them. */
  leaveSlots(): void;
}

/**
 * A network in the core's memory, by addresses. The memory holds, in this order:
 *
 *     constants | buffers | values | gradients | optimiser slots | packed weights | workspace of the current batch
 *
 * Buffers and values are what a file holds. Values, gradients and each slot are blocks of `blockSize` floats with the parameters in the same order. All but the
 * workspace is fixed until the number of slots changes; the workspace is planned anew when the shape of the batch changes.
 */
export class Engine<C extends { readonly seed: number } = { readonly seed: number }> {
  readonly config: C;
  readonly core = new Core();
  readonly layers: readonly Layer[];
  readonly parameters: readonly ParameterBlock[];
  /** Parameters and buffers, layer by layer. */
  readonly tensors: readonly ParameterBlock[];
  /** Floats of a block, a multiple of 4. */
  readonly blockSize: number;
  readonly values: Pointer;
  readonly gradients: Pointer;
  readonly input: Shape;
  readonly output: Shape;
  /** Whether the input has time. */
  readonly inputTime: Time;
  readonly states: readonly NamedState[];
  /** Rows of the input and of the output of the current batch. */
  readonly rows = new Rows();
  outputRows = this.rows;
  /** Address of the rows that go in, and of those that came out of the last forward. */
  x: Pointer = 0;
  y: Pointer = 0;
  /** Targets and the loss gradient, rows as the output, where there is a loss. */
  targets: Pointer = 0;
  dOutput: Pointer = 0;
  /** Words of a batch that go in or out between layers. */
  within = 0;
  /** A row as wide as the output, for the weights of classes; the last of what is planned. */
  classWeights: Pointer = 0;
  /** Who has numbers in the optimizer slots; who takes the place of another tells it. */
  slotOwner: SlotOwner | undefined;
  /** True from a forward pass for training until something makes its results useless. */
  canBackward = false;
  readonly #shared = { scratch: 0 };
  /** Of all states together, and whether none of them needs padding. */
  readonly #stateUnits: number;
  readonly #stateUnitsAreWhole: boolean;
  #slots = 0;
  #workspace: Pointer = 0;
  #staging: Pointer = 0;
  /** What the workspace is planned for; B is 0 when it is not. */
  readonly #planned = { B: 0, T: 0, purpose: "run" as Purpose };
  #packed = false;
  #packedBackward = false;
  /** Whether the states that were entered are the learnt ones. */
  #startsLearnt = false;

  /**
   * @param check sees each parameter and buffer before any memory is taken, and may refuse
   */
  constructor(config: C, build: (config: C, site: Site) => Stack, check?: (parameter: ParameterBlock) => void) {
    this.config = config;
    const tensors: ParameterBlock[] = [];
    const add = (block: ParameterBlock) => {
      check?.(block);
      tensors.push(block);
    };
    const site = { core: this.core, shared: this.#shared, add, layers: 0, offset: 0 };
    const { input, layers, output, inputTime, states } = build(config, site);
    const parameters = whole ? tensors.filter(({ buffer }) => !buffer) : tensors;
    this.input = input;
    this.inputTime = inputTime;
    this.layers = layers;
    this.parameters = parameters;
    this.tensors = tensors;
    this.output = output;
    this.states = states;
    this.#stateUnits = this.states.reduce((sum, { units }) => sum + units, 0);
    this.#stateUnitsAreWhole = this.states.every(({ units }) => units === padded(units));
    const size = parameters.reduce((sum, parameter) => sum + parameter.size, 0);
    this.blockSize = padded(size);
    const arena = new Arena(this.core.base);
    for (const block of whole ? tensors : []) if (block.buffer) block.value = arena.floats(block.size);
    this.values = arena.floats(this.blockSize);
    this.gradients = arena.floats(this.blockSize);
    for (const parameter of parameters) {
      parameter.value = this.values + parameter.offset * 4;
      parameter.gradient = this.gradients + parameter.offset * 4;
    }
    this.#layOut();
    this.core.functions.randomSeed(config.seed >>> 0, Math.floor(config.seed / 0x100000000) >>> 0);
    if (whole) for (const { initialize, value } of tensors) initialize(value);
  }

  /** Places everything behind the gradients. */
  #layOut(): void {
    const arena = new Arena(this.gradients + this.blockSize * 4);
    arena.floats(this.#slots * this.blockSize);
    for (const layer of this.layers) layer.reserve(arena);
    this.#workspace = arena.next;
    this.core.reserve(this.#workspace);
    this.#planned.B = 0;
    this.canBackward = false;
    this.#packed = false;
    this.#packedBackward = false;
  }

  /** All buffers and values, as a view. */
  get saved(): Float32Array {
    const start = new Arena(this.core.base).next;
    return this.core.view(start, (this.values - start) / 4 + this.blockSize);
  }

  /** To be called after a forward pass for training: running statistics follow. */
  updateBuffers(): void {
    for (const layer of this.layers) layer.updateBuffers();
  }

  /** Address of optimiser slot k. */
  slot(k: number): Pointer {
    return this.gradients + (k + 1) * this.blockSize * 4;
  }

  /** Makes room for optimiser slots; the last batch is gone then. */
  reserveSlots(count: number): void {
    const before = this.#slots;
    if (count <= before) return;
    try {
      this.#slots = count;
      this.#layOut();
    } catch (error) {
      this.#slots = before;
      this.#layOut();
      throw error;
    }
  }

  /** To be called where a parameter may be changed: the weights are packed again. */
  valuesMayChange(): void {
    this.#packed = false;
    this.#packedBackward = false;
  }

  /** To be called after a change of a parameter: results of the last forward are of no more use. */
  valuesChanged(): void {
    this.valuesMayChange();
    this.canBackward = false;
  }

  /** A random permutation of 0 … n−1; takes the place of the current batch. */
  permutation(n: number): Int32Array {
    this.#planned.B = 0;
    this.canBackward = false;
    this.core.reserve(this.#workspace + n * 4);
    this.core.functions.permutation(this.#workspace, n);
    return this.core.i32.slice(this.#workspace >>> 2, (this.#workspace >>> 2) + n);
  }

  /** The 64 bytes of the random generator's state, as a view. */
  get randomState(): Uint8Array {
    const { memory, randomState, randomStateSize } = this.core.functions;
    return new Uint8Array(memory.buffer, randomState(), randomStateSize());
  }

  /** Plans for a batch and brings it in. */
  enter(values: Values, purpose: Purpose, selection?: Selection): void {
    const lengths = selectLengths(values, selection);
    const B = selection ? selection.examples.length : values.B;
    const T = lengths ? lengths.reduce((a, b) => Math.max(a, b), 0) : selection ? selection.steps : values.T;
    const planned = this.#planned;
    this.canBackward = false;
    if (lengths || this.rows.ragged || B !== planned.B || T !== planned.T || purpose !== planned.purpose) {
      this.#plan(B, T, purpose, lengths);
    }
    this.enterValues(this.x, values, this.rows, selection);
  }

  /** The workspace is planned anew for the next batch. */
  replan(): void {
    this.#planned.B = 0;
  }

  #plan(B: number, T: number, purpose: Purpose, lengths: Int32Array | undefined): void {
    this.#planned.B = 0;
    const training = whole && purpose === "train";
    const arena = new Arena(this.#workspace);
    const N = lengths ? lengths.reduce((a, b) => a + b, 0) : B * T;
    Object.assign(this.rows, { N, T, B, order: arena.floats(B), batchSizes: arena.floats(T) });
    this.rows.ragged = lengths !== undefined;
    if (whole) this.rows.traced = purpose === "trace";
    this.x = arena.floats(N * padded(this.#inputWidth));
    for (const state of this.states) state.value = arena.floats(B * padded(state.units));
    this.outputRows = this.layers.reduce((rows, layer) => layer.plan(arena, rows, training), this.rows);
    const out = this.outputRows;
    if (whole && purpose !== "run") this.planLoss(arena);
    if (training) this.planBackward(arena);
    const outside = [B * T * this.#inputWidth, out.B * out.T * this.output.size, this.stateSize(B), this.within];
    this.#staging = arena.floats(Math.max(...outside));
    if (whole) this.classWeights = arena.floats(padded(this.output.size));
    // Vectors may be read past the end of the last row.
    this.core.reserve(arena.next + 64);
    writeOrder(this.core, this.rows, lengths);
    Object.assign(this.#planned, { B, T, purpose });
  }

  /** Room for a loss and its gradient. */
  planLoss(arena: Arena): void {
    const P = padded(this.output.size);
    this.targets = arena.floats(this.outputRows.N * P);
    this.dOutput = arena.floats(this.lossGradientSize);
  }

  /** Floats of the gradient by the output, with what the last layer wants behind its rows. */
  get lossGradientSize(): number {
    return this.outputRows.N * padded(this.output.size) + this.layers.at(-1)!.lossGradientSize();
  }

  /** Room for what only backward needs. */
  planBackward(arena: Arena): void {
    for (const layer of this.layers) layer.planBackward(arena);
    this.#shared.scratch = arena.floats(Math.max(0, ...this.layers.map((layer) => layer.scratch())));
    for (const state of this.states) state.gradient = arena.floats(this.rows.B * padded(state.units));
  }

  /** A float for each row of the output, behind what is planned. */
  get weights(): Pointer {
    return this.classWeights + padded(this.output.size) * 4;
  }

  /** Room for n floats behind the weights, until the next batch is entered. */
  room(n: number): Pointer {
    const at = this.weights + padded(this.outputRows.N) * 4;
    this.core.reserve(at + n * 4 + 64);
    return at;
  }

  /** For each sequence that comes out, longest first, its place among those that were entered. */
  get order(): Int32Array {
    const { order, B } = this.outputRows;
    return this.core.i32.subarray(order >>> 2, (order >>> 2) + B);
  }

  /** Words of one step of the input. */
  get #inputWidth(): number {
    return this.input.kind === "tokens" ? 1 : this.input.size;
  }

  /** Whether rows stand as the caller's do, so that they need no detour. */
  #standsAsGiven(rows: Rows, F: number): boolean {
    if (rows.T === 1 && rows.B === 1) return true;
    return !rows.ragged && F === padded(F) && (rows.T === 1 || rows.B === 1);
  }

  /** The caller's values, or the selected part of them, as rows at an address. */
  enterValues(to: Pointer, values: Values, rows: Rows, selection?: Selection): void {
    const { enterRows, enterWords } = this.core.functions;
    const { data, F } = values;
    const memory = data instanceof Int32Array ? this.core.i32 : this.core.f32;
    const direct = this.#standsAsGiven(rows, F);
    const at = (direct ? to : this.#staging) >>> 2;
    copySelected(memory, at, values, rows.T, selection);
    if (direct) return;
    if (data instanceof Int32Array) enterWords(to, this.#staging, rows.order, rows.batchSizes, rows.T);
    else enterRows(to, this.#staging, rows.order, rows.batchSizes, rows.T, F);
  }

  /** Brings in targets for the batch that was entered: one row, or one index, for each row of the output. */
  enterTargets(values: Values, selection?: Selection): void {
    this.enterValues(this.targets, values, this.outputRows, selection);
  }

  /** Brings in weights, one word for each row of the output. */
  enterWeights(values: Values, selection?: Selection): void {
    this.room(0);
    this.enterValues(this.weights, values, this.outputRows, selection);
  }

  /** Brings in a gradient by the output. */
  enterOutputGradient(values: Values): void {
    this.core.functions.zero(this.dOutput, this.lossGradientSize);
    this.enterValues(this.dOutput, values, this.outputRows);
  }

  /** Where B sequences start that are given no state, flat; undefined for zeros. */
  initialStates(B: number): Float32Array | undefined {
    return whole ? initialStates(this.core, this.states, B) : undefined;
  }

  /** Sets the initial states, flat as `states` lists them, each (B, units); undefined for the learnt ones, or zeros. */
  enterStates(flat: Float32Array | undefined, which: "value" | "gradient"): void {
    if (whole && which === "value") {
      this.#startsLearnt = flat === undefined;
      flat ??= this.initialStates(this.rows.B);
    }
    const { enterState, zero } = this.core.functions;
    const { B } = this.rows;
    const first = this.states[0];
    if (!first) return;
    if (this.#statesAreFlat) {
      if (flat) this.core.f32.set(flat, first[which] >>> 2);
      else zero(first[which], this.stateSize(B));
      return;
    }
    if (!flat) {
      for (const state of this.states) zero(state[which], B * padded(state.units));
      return;
    }
    this.core.f32.set(flat, this.#staging >>> 2);
    let from = this.#staging;
    for (const state of this.states) {
      enterState(state[which], from, this.rows.order, B, state.units);
      from += B * state.units * 4;
    }
  }

  /** The states into a flat array as `states` lists them. */
  leaveStates(to: Float32Array, which: "value" | "gradient"): void {
    const { B } = this.rows;
    const first = this.states[0];
    if (!first) return;
    if (this.#statesAreFlat) {
      this.core.read(first[which], to);
      return;
    }
    let at = this.#staging;
    for (const state of this.states) {
      this.core.functions.leaveState(at, state[which], this.rows.order, B, state.units);
      at += B * state.units * 4;
    }
    this.core.read(this.#staging, to);
  }

  /** Floats of all states of B sequences. */
  stateSize(B: number): number {
    return B * this.#stateUnits;
  }

  /** Whether the states, which stand one after another, have no padding and the caller's order. */
  get #statesAreFlat(): boolean {
    return !this.rows.ragged && this.#stateUnitsAreWhole;
  }

  /** Packs the weights for forward if they may have changed. */
  pack(): void {
    if (!this.#packed) for (const layer of this.layers) layer.pack();
    this.#packed = true;
  }

  /** Runs the batch that was entered, with the states that were entered. */
  forward(training: boolean): void {
    this.pack();
    let x = this.x;
    for (const layer of this.layers) x = layer.forward(x);
    this.y = x;
    this.canBackward = training;
  }

  /** The output, or any rows as wide, into (B, T, F): T may be longer than the batch, what is beyond a sequence is left. */
  leaveRows(to: Float32Array, from: Pointer, rows: Rows, F: number, T: number): void {
    const { leaveRows } = this.core.functions;
    const direct = this.#standsAsGiven(rows, F);
    if (!direct) {
      if (rows.ragged) this.core.functions.zero(this.#staging, rows.B * rows.T * F);
      leaveRows(this.#staging, from, rows.order, rows.batchSizes, rows.T, F);
    }
    const at = direct ? from : this.#staging;
    if (T === rows.T) {
      this.core.read(at, to);
      return;
    }
    for (let b = 0; b < rows.B; b++) to.set(this.core.view(at + b * rows.T * F * 4, rows.T * F), b * T * F);
  }

  /**
   * Runs backward from `dOutput` and the gradients of the final states, adding to the parameters' gradients.
   * @returns address of the gradient by the input, rows as the input; 0 if it is not wanted
   */
  backward(wantsInput: boolean): Pointer {
    if (!this.#packedBackward) for (const layer of this.layers) layer.packBackward();
    this.#packedBackward = true;
    this.canBackward = false;
    let dy = this.dOutput;
    for (let i = this.layers.length - 1; i >= 0; i--) dy = this.layers[i]!.backward(dy, i > 0 || wantsInput);
    if (this.#startsLearnt) initialStatesBackward(this.core, this.states, this.rows.B);
    return dy;
  }

  zeroGradients(): void {
    this.core.functions.zero(this.gradients, this.blockSize);
  }
}

/** Order and batch sizes of rows: the longest sequence first, equal ones as they came; see assembly/sequence.ts. */
export function writeOrder({ i32 }: Core, { B, T, order, batchSizes }: Rows, lengths: Int32Array | undefined): void {
  const sorted = Array.from({ length: B }, (_, b) => b);
  if (lengths) sorted.sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  i32.set(sorted, order >>> 2);
  const sizes = i32.subarray(batchSizes >>> 2, (batchSizes >>> 2) + T);
  if (lengths) sizes.forEach((_, t) => (sizes[t] = lengths.reduce((n, length) => n + (length > t ? 1 : 0), 0)));
  else sizes.fill(B);
}

/** The lengths of the selected examples; undefined when all have the steps of the values. */
export function selectLengths(values: Values, selection: Selection | undefined): Int32Array | undefined {
  const { lengths, T } = values;
  if (!lengths) return undefined;
  const chosen = selection ? selection.examples.map((example) => lengths[example]!) : lengths;
  return chosen.every((length) => length === T) ? undefined : chosen;
}

/** T steps from `start` of each selected example, one after another, to `memory[at]` on. */
function copySelected(
  memory: Float32Array | Int32Array,
  at: number,
  { data, B, T, F }: Values,
  steps: number,
  selection: Selection | undefined,
): void {
  if (!selection && steps === T) {
    memory.set(data, at);
    return;
  }
  const start = selection?.start ?? 0;
  const count = selection?.examples.length ?? B;
  for (let b = 0; b < count; b++) {
    const from = ((selection?.examples[b] ?? b) * T + start) * F;
    memory.set(data.subarray(from, from + steps * F), at + b * steps * F);
  }
}
