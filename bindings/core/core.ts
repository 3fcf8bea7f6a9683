import type { __AdaptedExports } from "../../build/core.js";
import { coreModule } from "./module.ts";

/** The functions of assembly/index.ts, typed by the compiler. */
export type CoreFunctions = typeof __AdaptedExports;

/** A byte address in the core's memory; 0 stands for "none". */
export type Pointer = number;

const KEPT_VIEWS = 16;
/** Floats at `visitors`. */
const PIECE = 4096;
const PAGE = 0x10000;
const FOUR_GIGABYTES = 0x100000000;

/** n elements with the padding of their row (see assembly/index.ts). */
export function padded(n: number): number {
  return Math.ceil(n / 4) * 4; // not by bits: sizes that are too large must still be large when they are refused
}

/** One instance of the core: its functions, its memory, and views that stay valid when the memory grows. */
export class Core {
  readonly functions: CoreFunctions;
  /** First address that is free. */
  readonly base: Pointer;
  /** Where numbers are looked at before they are taken. */
  readonly #visitors: Pointer;
  #f32: Float32Array<ArrayBuffer>;
  #i32: Int32Array<ArrayBuffer>;
  readonly #views = new Map<Pointer, Float32Array>();

  constructor() {
    this.functions = instantiate();
    this.base = align(this.functions.heapBase.value);
    this.#visitors = this.functions.visitors.value;
    this.#f32 = new Float32Array(this.#buffer);
    this.#i32 = new Int32Array(this.#buffer);
  }

  get #buffer(): ArrayBuffer {
    const { buffer } = this.functions.memory;
    if (!(buffer instanceof ArrayBuffer)) throw new TypeError("the core's memory must not be shared");
    return buffer;
  }

  /** The memory as f32: index = address / 4. Not to be kept across a call of `reserve`. */
  get f32(): Float32Array<ArrayBuffer> {
    return this.#f32;
  }

  /** The memory as i32: index = address / 4. Not to be kept across a call of `reserve`. */
  get i32(): Int32Array<ArrayBuffer> {
    return this.#i32;
  }

  /** n floats at an address, as a view: not to be kept across a call of `reserve`. */
  view(at: Pointer, n: number): Float32Array<ArrayBuffer> {
    return this.#f32.subarray(at >>> 2, (at >>> 2) + n);
  }

  /** Copies floats from an address on into `to`. The last few views are kept, so that a stream leaves no garbage. */
  read(at: Pointer, to: Float32Array): void {
    let view = this.#views.get(at);
    if (view?.length !== to.length) {
      view = this.view(at, to.length);
      if (this.#views.size === KEPT_VIEWS) this.#views.clear();
      this.#views.set(at, view);
    }
    to.set(view);
  }

  /** Whether no number is NaN or infinite: looked at in the core, a piece at a time, which takes a third of the time. */
  isFinite(data: Float32Array): boolean {
    const { firstNotFinite } = this.functions;
    for (let from = 0; from < data.length; from += PIECE) {
      const piece = data.length <= PIECE ? data : data.subarray(from, from + PIECE);
      this.#f32.set(piece, this.#visitors >>> 2);
      if (firstNotFinite(this.#visitors, piece.length) >= 0) return false;
    }
    return true;
  }

  /** Grows the memory so that addresses below `end` exist. */
  reserve(end: Pointer): void {
    const { memory } = this.functions;
    const missing = end - memory.buffer.byteLength;
    if (missing <= 0) return;
    try {
      memory.grow(Math.ceil(missing / PAGE));
    } catch (cause) {
      const need = `${Math.ceil(end / 0x100000)} MB`;
      throw new RangeError(`no memory for this network and batch (${need}): use a smaller batch or fewer steps`, {
        cause,
      });
    }
    this.#f32 = new Float32Array(this.#buffer);
    this.#i32 = new Int32Array(this.#buffer);
    this.#views.clear();
  }
}

/** It imports nothing, so all that can be missing is memory: a RangeError in most engines, the text "out of memory" in Firefox. */
function instantiate(): CoreFunctions {
  try {
    return new WebAssembly.Instance(coreModule).exports as unknown as CoreFunctions;
  } catch (cause) {
    throw new RangeError("no memory for another network: let go of networks that are no longer used", { cause });
  }
}

function align(address: number): Pointer {
  return Math.ceil(address / 16) * 16;
}

/** Hands out addresses one after another. */
export class Arena {
  next: Pointer;

  constructor(start: Pointer) {
    this.next = align(start);
  }

  /** Room for n floats or words, aligned to 16 bytes. */
  floats(n: number): Pointer {
    const at = this.next;
    this.next = align(at + n * 4);
    if (this.next > FOUR_GIGABYTES - PAGE) {
      throw new RangeError("this network and batch need more than 4 GB: use a smaller batch or fewer steps");
    }
    return at;
  }
}
