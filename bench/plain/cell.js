/** @import { Floats } from "./floats.js" */

/**
 * What a cell works on in one time step; rows are the sequences of the batch, (B, width).
 * @typedef {object} Step
 * @property {Floats} a (B, G·H): x·wIhᵀ and its bias, the gates after forward, their gradient after backward
 * @property {Floats} u (B, G·H): hPrev·wHhᵀ and its bias, where the cell keeps them apart; otherwise a itself, which has both
 * @property {Floats} hPrev (B, H)
 * @property {Floats} h (B, H)
 * @property {Floats} cPrev (B, H), or empty where the cell has no second state; so are the next two and dC
 * @property {Floats} c
 * @property {Floats} tanhC
 * @property {Floats} dH (B, H): the gradient by h
 * @property {Floats} dHPrev (B, H): added to
 * @property {Floats} dC (B, H): the gradient by c, then by cPrev
 */

/**
 * The part of a recurrent layer between the matrix products.
 * @typedef {object} Cell
 * @property {number} gates
 * @property {boolean} keepsApart what comes from x and what comes from hPrev
 * @property {boolean} hasC
 * @property {(step: Step, B: number, H: number) => void} forward from a, u and the states before to those after
 * @property {(step: Step, B: number, H: number) => void} backward from dH and dC to the gradients by a, u and the states
 *   before, but for u·wHh, which the caller adds to dHPrev
 */

import { elman } from "./elman.js";
import { gru } from "./gru.js";
import { lstm } from "./lstm.js";

/** @satisfies {Record<string, Cell>} */
export const cells = { elman, lstm, gru };

/** @typedef {keyof typeof cells} CellName */
