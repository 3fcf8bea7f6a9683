import { cells } from "./cell.js";
import { addRows, part, repeatRow, sumInto } from "./floats.js";
import { addAB, addABt, addAtB, RightHandSide } from "./products.js";

/** @import { Cell, CellName, Step } from "./cell.js" */
/** @import { Floats, FloatType } from "./floats.js" */

/** @typedef {{ cell: CellName, inputs: number, hidden: number, batch: number, time: number }} RecurrentSizes */

/**
 * The parameters of a recurrent layer, or their gradients: PyTorch's, (G·H, I), (G·H, H) and (G·H).
 * @typedef {{ weight_ih_l0: Floats, weight_hh_l0: Floats, bias_ih_l0: Floats, bias_hh_l0: Floats }} RecurrentParameters
 */

/** @param {Omit<RecurrentSizes, "batch" | "time">} sizes */
export function recurrentLengths({ cell, inputs: I, hidden: H }) {
  const { gates: G } = cells[cell];
  return { weight_ih_l0: G * H * I, weight_hh_l0: G * H * H, bias_ih_l0: G * H, bias_hh_l0: G * H };
}

/**
 * A recurrent layer over a batch of sequences, time first: x (T, B, I) → h (T, B, H). The state is carried from call to
 * call. Every array is made in the constructor.
 */
export class Recurrent {
  #sizes;
  /** @type {Cell} */
  #cell;
  #work;
  #p;
  #wIh;
  #wHh;
  #wHhBackward;

  /**
   * @param {RecurrentSizes} sizes
   * @param {RecurrentParameters} parameters to be followed by `pack` whenever they change
   * @param {FloatType} Type
   */
  constructor(sizes, parameters, Type) {
    const { inputs: I, hidden: H, batch: B, time: T } = sizes;
    const cell = cells[sizes.cell];
    const GH = cell.gates * H;
    this.#sizes = { I, H, B, T, GH };
    this.#cell = cell;
    this.#p = parameters;
    this.#work = workspace(cell, this.#sizes, Type);
    this.#wIh = T * B === 1 ? new RightHandSide(1, GH, I, Type) : undefined;
    this.#wHh = new RightHandSide(B, GH, H, Type);
    this.#wHhBackward = new RightHandSide(B, H, GH, Type);
  }

  /** All of h (T, B, H), and its gradient, which `backward` starts from. */
  get output() {
    return this.#work.views.h;
  }

  get outputGradient() {
    return this.#work.views.dH;
  }

  /** Takes over parameters that have changed. */
  pack() {
    this.#wIh?.packTransposed(this.#p.weight_ih_l0);
    this.#wHh.packTransposed(this.#p.weight_hh_l0);
    const { bias, biasOfU } = this.#work;
    if (this.#cell.keepsApart) {
      bias.set(this.#p.bias_ih_l0);
      biasOfU.set(this.#p.bias_hh_l0);
    } else sumInto(bias, this.#p.bias_ih_l0, this.#p.bias_hh_l0);
  }

  /** From the carried state, which stays. @param {Floats} x (T, B, I) */
  forward(x) {
    const { B, H, T, I, GH } = this.#sizes;
    const { a, u, bias, biasOfU, times } = this.#work;
    repeatRow(a, bias);
    if (this.#wIh) this.#wIh.addTo(a, x);
    else addABt(a, x, this.#p.weight_ih_l0, T * B, GH, I);
    if (this.#cell.keepsApart) repeatRow(u, biasOfU);
    for (const step of times) {
      this.#wHh.addTo(step.u, step.hPrev);
      this.#cell.forward(step, B, H);
    }
  }

  /**
   * After forward, from `outputGradient`, which is overwritten; adds to the gradients.
   * @param {Floats} x as for forward
   * @param {RecurrentParameters} d
   * @param {Floats} [dX] (T, B, I)
   */
  backward(x, d, dX) {
    const { B, H, T, I, GH } = this.#sizes;
    const { a, u, dC, timesReversed, views } = this.#work;
    this.#wHhBackward.pack(this.#p.weight_hh_l0);
    dC.fill(0);
    for (const step of timesReversed) {
      this.#cell.backward(step, B, H);
      if (step !== timesReversed[T - 1]) this.#wHhBackward.addTo(step.dHPrev, step.u);
    }
    addAtB(d.weight_hh_l0, u, views.hPrev, GH, H, T * B);
    addAtB(d.weight_ih_l0, a, x, GH, I, T * B);
    addRows(d.bias_ih_l0, a);
    if (this.#cell.keepsApart) addRows(d.bias_hh_l0, u);
    else d.bias_hh_l0.set(d.bias_ih_l0); // the biases are added to each other: their gradients are equal
    if (dX) addAB(dX, a, this.#p.weight_ih_l0, T * B, I, GH);
  }

  /** The next call starts from the state at the end of this one. */
  carryState() {
    const { h, c, views } = this.#work;
    h.copyWithin(0, views.hPrev.length);
    c.copyWithin(0, Math.min(c.length, views.hPrev.length));
  }

  /** The next call starts from a state of zeros. */
  resetState() {
    const { B, H } = this.#sizes;
    this.#work.h.fill(0, 0, B * H);
    this.#work.c.fill(0, 0, B * H);
  }
}

/**
 * All arrays, and the views of them that each time step works on. h, c and dH have rows of their own for the state before
 * the first step.
 * @param {Cell} cell
 * @param {{ B: number, T: number, H: number, GH: number }} sizes
 * @param {FloatType} Type
 */
function workspace({ keepsApart, hasC }, { B, T, H, GH }, Type) {
  const S = B * H;
  const C = hasC ? S : 0;
  const a = new Type(T * B * GH);
  const u = keepsApart ? new Type(a.length) : a;
  const [h, dH] = [new Type((T + 1) * S), new Type((T + 1) * S)];
  const [c, tanhC, dC] = [new Type((T + 1) * C), new Type(T * C), new Type(C)];
  const [bias, biasOfU] = [new Type(GH), new Type(GH)];
  /** @type {(array: Floats, t: number, size: number) => Floats} */
  const at = (array, t, size) => part(array, t * size, (t + 1) * size);
  /** @type {Step[]} */
  const times = Array.from({ length: T }, (_, t) => ({
    a: at(a, t, B * GH),
    u: at(u, t, B * GH),
    hPrev: at(h, t, S),
    h: at(h, t + 1, S),
    cPrev: at(c, t, C),
    c: at(c, t + 1, C),
    tanhC: at(tanhC, t, C),
    dH: at(dH, t + 1, S),
    dHPrev: at(dH, t, S),
    dC,
  }));
  const views = { h: part(h, S, h.length), hPrev: part(h, 0, T * S), dH: part(dH, S, dH.length) };
  return { a, u, h, c, dC, bias, biasOfU, views, times, timesReversed: [...times].reverse() };
}
