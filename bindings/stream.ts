import { expectFinite, expectOutput, type Values } from "./data/values.ts";
import type { Engine } from "./engine.ts";
import { FormatError, type FormatErrorCode } from "./errors.ts";
import { expectType, wrongRange } from "./validate.ts";
import { whole } from "./whole.ts";

/** First bytes of a snapshot: "unrolled state", version 1. */
const MAGIC = 0x31535255;
/** Bytes before the numbers of a snapshot: magic, batch, number of floats, zero. */
const HEADER = 16;

/**
 * A network that takes one step at a time and carries its state: the outputs are those of the whole sequence, bit for bit.
 * A step allocates nothing.
 */
export class Stream {
  /** Sequences side by side. */
  readonly batch: number;
  /**
   * The state that is carried, flat: for each recurrent layer h of all stacked layers and directions, then c, each
   * (batch, units). It may be copied, replaced by `set`, or kept elsewhere.
   */
  readonly state: Float32Array<ArrayBuffer>;
  readonly #engine: Engine;
  /** What the engine takes at each step; with numbers, `data` is the caller's array. */
  readonly #x: { -readonly [K in keyof Values]: Values[K] };
  readonly #tokens: Int32Array | undefined;
  readonly #output: Float32Array;

  /** @internal */
  constructor(engine: Engine, batch: number) {
    const { kind, size } = engine.input;
    this.#tokens = kind === "tokens" ? new Int32Array(batch) : undefined;
    this.#engine = engine;
    this.batch = batch;
    this.state = new Float32Array(engine.stateSize(batch));
    if (whole) this.reset();
    this.#x = {
      ...{ name: "x", B: batch, T: 1, F: this.#tokens ? 1 : size, vector: true, lengths: undefined },
      data: this.#tokens ?? new Float32Array(batch * size),
    };
    this.#output = new Float32Array(batch * engine.output.size);
  }

  /**
   * One step for each sequence.
   * @param x (batch, features) numbers, or (batch) tokens; for one sequence a single token too
   * @param output where to put the outputs (batch, outputs); without it, in an array that the next step overwrites
   * @returns the outputs
   * @throws TypeError, RangeError on the wrong kind, size or value; the state is then as before
   */
  step(x: Float32Array | Int32Array | number, output: Float32Array = this.#output): Float32Array {
    const engine = this.#engine;
    if (output !== this.#output) expectOutput(output, this.#output.length);
    this.#take(x);
    engine.enter(this.#x, "run");
    engine.enterStates(this.state, "value");
    engine.forward(false);
    engine.leaveStates(this.state, "value");
    engine.leaveRows(output, engine.y, engine.outputRows, engine.output.size, 1);
    return output;
  }

  /** Checks x and makes it what the engine takes. */
  #take(x: Float32Array | Int32Array | number): void {
    const { size } = this.#engine.input;
    const tokens = this.#tokens;
    if (!tokens) {
      expectType(x instanceof Float32Array, "x", "a Float32Array", x);
      if (x.length !== this.batch * size)
        throw wrongRange("x", `${this.batch * size} numbers, shape [batch, features]`, x);
      this.#x.data = x;
      expectFinite(this.#x, this.#engine.core);
      return;
    }
    if (typeof x === "number" && this.batch === 1) {
      tokens[0] = expectToken(x, size);
      return;
    }
    expectType(x instanceof Int32Array, "x", "an Int32Array of tokens", x);
    if (x.length !== this.batch) throw wrongRange("x", `${this.batch} tokens, one a sequence`, x);
    for (let i = 0; i < x.length; i++) tokens[i] = expectToken(x[i]!, size);
  }

  /** Back to the state at the beginning: zeros, or what the network has learnt by now. */
  reset(): void {
    this.state.fill(0);
    if (whole) this.state.set(this.#engine.initialStates(this.batch) ?? []);
  }

  /** The state as bytes, to be kept and given to `restore` of a stream of the same network and batch. */
  snapshot(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(HEADER + this.state.byteLength);
    new Uint32Array(bytes.buffer, 0, 3).set([MAGIC, this.batch, this.state.length]);
    new Float32Array(bytes.buffer, HEADER).set(this.state);
    return bytes;
  }

  /**
   * Puts the state of a snapshot in place.
   * @throws FormatError when the bytes are no snapshot, or one of another network or batch; the state is then as before
   */
  restore(bytes: Uint8Array): void {
    this.state.set(readSnapshot(bytes, this.batch, this.state.length));
  }
}

/** The numbers of a snapshot, if it is one of this batch and as many numbers. */
function readSnapshot(bytes: Uint8Array, batch: number, length: number): Float32Array {
  expectType(bytes instanceof Uint8Array, "bytes", "a Uint8Array", bytes);
  const copy = new Uint8Array(bytes); // slice() of a Buffer would be a view
  const size = HEADER + length * 4;
  const fault = (code: FormatErrorCode, message: string) => new FormatError(code, message);
  if (copy.length < HEADER) throw fault("truncated", `a snapshot has at least ${HEADER} bytes, got ${copy.length}`);
  const [magic, batchThen = 0, lengthThen = 0] = new Uint32Array(copy.buffer, 0, 3);
  if (magic !== MAGIC) throw fault("malformed", "the bytes are no snapshot of a stream");
  if (batchThen !== batch || lengthThen !== length) {
    const got = `batch ${batchThen} and ${lengthThen} numbers`;
    throw fault("mismatch", `the snapshot expected batch ${batch} and ${length} numbers, got ${got}`);
  }
  if (copy.length !== size) {
    const code = copy.length < size ? "truncated" : "malformed";
    throw fault(code, `the snapshot expected ${size} bytes, got ${copy.length}`);
  }
  const state = new Float32Array(copy.buffer, HEADER);
  if (!state.every(Number.isFinite)) throw fault("malformed", "the snapshot has numbers that are not finite");
  return state;
}

function expectToken(token: number, size: number): number {
  if (Number.isInteger(token) && token >= 0 && token < size) return token;
  throw new RangeError(`"x" expected tokens from 0 to ${size - 1}, got ${token}`);
}
