import { padded, type Arena, type Core, type Pointer } from "../core/core.ts";
import type { Rows } from "./layer.ts";
import type { CellSetting, RecurrentOptions, Zoneout } from "./recurrent.ts";

/** What acts on the states of one cell: recurrent dropout and zoneout, with their masks. See assembly/regularize.ts. */
export class Regularization {
  /** (B, padded(R)); 0 when nothing is dropped. */
  mask: Pointer = 0;
  /** hPrev∘mask */
  hIn: Pointer = 0;
  /** z of h (N, padded(R)), then of c (N, padded(H)) if there is one; 0 without zoneout. */
  zones: Pointer = 0;
  carryH: Pointer = 0;
  carryC: Pointer = 0;
  readonly #core: Core;
  readonly #recurrentDropout: number;
  readonly #rates: readonly [h: number, c: number];
  /** Padded sizes of h and of c, 0 if there is none. */
  readonly #widths: readonly [h: number, c: number];
  #rows: Rows | undefined;
  #kept = 0;
  #training = false;
  /** Whether the zones of a pass that is not for training are in place. */
  #filled = false;

  constructor({ core, R }: CellSetting, cells: number, { recurrentDropout = 0, zoneout = 0 }: Regularized) {
    this.#core = core;
    this.#recurrentDropout = recurrentDropout;
    this.#rates = typeof zoneout === "number" ? [zoneout, zoneout] : [zoneout.h, zoneout.c];
    this.#widths = [padded(R), padded(cells)];
  }

  /** `rows` of z are kept: all, or those of one step. */
  plan(arena: Arena, batch: Rows, training: boolean, rows: number): void {
    const [h, c] = this.#widths;
    const zones = Math.max(...this.#rates) > 0;
    const draws = training && !batch.traced;
    const drops = draws && this.#recurrentDropout > 0;
    this.#rows = batch;
    this.#training = draws;
    this.#filled = false;
    this.mask = drops ? arena.floats(batch.B * h) : 0;
    this.hIn = drops ? arena.floats(batch.B * h) : 0;
    this.zones = zones ? arena.floats(rows * (h + c)) : 0;
    this.carryH = training ? arena.floats(batch.B * h) : 0;
    this.carryC = training && zones ? arena.floats(batch.B * c) : 0;
    this.#kept = rows;
  }

  /** Draws the masks of a pass for training; else z is what it is on average. */
  begin(): void {
    const { f32, functions } = this.#core;
    const { B, N } = this.#rows!;
    const [rateH, rateC] = this.#rates;
    const [h, c] = this.#widths;
    if (this.#training) {
      const kept = 1 / (1 - this.#recurrentDropout);
      if (this.mask) functions.drawMask(this.mask, B * h, this.#recurrentDropout, 0, kept);
      if (!this.zones) return;
      functions.drawMask(this.zones, N * h, rateH, 1, 0);
      functions.drawMask(this.zones + N * h * 4, N * c, rateC, 1, 0);
    } else if (this.zones && !this.#filled) {
      const from = this.zones >>> 2;
      const middle = from + this.#kept * h;
      f32.fill(rateH, from, middle).fill(rateC, middle, middle + this.#kept * c);
      this.#filled = true;
    }
  }
}

/** The options of a layer that has one. */
export type Regularized = Pick<RecurrentOptions, "recurrentDropout"> & { readonly zoneout?: Zoneout };

export function isRegularized({ recurrentDropout = 0, zoneout = 0 }: Regularized): boolean {
  return recurrentDropout > 0 || zoneout !== 0;
}
