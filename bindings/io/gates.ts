/**
 * The order in which frameworks stack the gates of a recurrent cell in one matrix: the one table that every reader and writer of
 * foreign weights goes by. A gate is one letter, and the same letter is the same gate everywhere:
 *
 *     LSTM   i input, f forget, g the new content (Keras' c, ONNX's c), o output
 *     GRU    r reset, z update (the share of the old state that stays), n the new content (Keras' and ONNX's h)
 *
 * Ours are PyTorch's: matrices (G·H, inputs), gate above gate. `transposed`: (inputs, G·H), gate beside gate, to be multiplied as
 * x·W.
 */

/** A cell whose weights are gates in one matrix; elman has one. */
export type GatedCell = "elman" | "lstm" | "gru";

/** What a framework makes of the weights of a cell. */
export interface GateLayout extends Readonly<Record<GatedCell, string>> {
  /** Order of the LSTM's peephole vectors; "" where the framework has none. */
  readonly peepholes: string;
  readonly transposed: boolean;
}

/**
 * Sources: PyTorch, torch.nn.LSTM and GRU, "weight_ih_l[k]"; Keras, keras/src/layers/rnn/{lstm,gru}.py, the slices of `kernel`
 * (TensorFlow.js is the same, src/layers/recurrent.ts); ONNX, operators LSTM
 * and GRU, "W[iofc]", "W[zrh]", "P[iof]", B = [Wb, Rb].
 */
export const gateLayouts = {
  pytorch: { elman: "n", lstm: "ifgo", gru: "rzn", peepholes: "ifo", transposed: false },
  keras: { elman: "n", lstm: "ifgo", gru: "zrn", peepholes: "", transposed: true },
  onnx: { elman: "n", lstm: "iofg", gru: "zrn", peepholes: "iof", transposed: false },
} as const satisfies Record<string, GateLayout>;

/** The layout of our own parameters. */
export const ourLayout: GateLayout = gateLayouts.pytorch;

/**
 * Gates in another order, as a copy.
 * @param values gate above gate: (G·H, columns) or (G·H), row-major
 * @param from the gates as they stand, a letter each: "iofg"
 * @param to the same letters as they are wanted: "ifgo"
 */
export function reorderGates(values: Float32Array, from: string, to: string): Float32Array<ArrayBuffer> {
  const size = values.length / from.length;
  const ordered = new Float32Array(values.length);
  for (let k = 0; k < to.length; k++) {
    const at = from.indexOf(to.charAt(k)) * size;
    ordered.set(values.subarray(at, at + size), k * size);
  }
  return ordered;
}

/** A matrix (rows, columns), row-major, as (columns, rows), a copy. */
export function transpose(values: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const turned = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) turned[j * rows + i] = values[i * columns + j]!;
  }
  return turned;
}

/**
 * A weight matrix of a foreign cell as ours, (G·H, inputs).
 * @param inputs columns of ours: the size of what the weight is multiplied with
 */
export function gatesToOurs(
  layout: GateLayout,
  cell: GatedCell,
  values: Float32Array,
  inputs: number,
): Float32Array<ArrayBuffer> {
  const stacked = layout.transposed ? transpose(values, inputs, values.length / inputs) : values;
  return reorderGates(stacked, layout[cell], ourLayout[cell]);
}

/** A weight matrix of ours, (G·H, inputs), or a bias with `inputs` 1, as that of a foreign cell: the inverse of gatesToOurs. */
export function gatesFromOurs(
  layout: GateLayout,
  cell: GatedCell,
  values: Float32Array,
  inputs: number,
): Float32Array<ArrayBuffer> {
  const ordered = reorderGates(values, ourLayout[cell], layout[cell]);
  return layout.transposed ? transpose(ordered, values.length / inputs, inputs) : ordered;
}
