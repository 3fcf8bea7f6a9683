/** The recurrent layers that the tasks share. */

import { elman, gru, lstm, type LayerDescription } from "../../index.ts";

const cells = { lstm, gru, elman };

export const cellNames = Object.keys(cells) as (keyof typeof cells)[];

export interface NetworkOptions {
  readonly cell: keyof typeof cells;
  readonly hidden: number;
  readonly layers: number;
  /** Between recurrent layers and after them. */
  readonly dropout: number;
  readonly seed: number;
}

export function recurrent(options: NetworkOptions & { readonly bidirectional?: boolean }): LayerDescription {
  const { cell, hidden, layers, dropout, bidirectional = false } = options;
  return cells[cell](hidden, { layers, ...(layers > 1 && { dropout }), ...(bidirectional && { bidirectional }) });
}
