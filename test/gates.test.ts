import { describe, expect, it } from "vitest";
import { dense, elman, gru, lstm, Network, type LayerDescription } from "../bindings/index.ts";
import { gateLayouts, gatesFromOurs, gatesToOurs, ourLayout, reorderGates, transpose } from "../bindings/io/gates.ts";
import type { GatedCell, GateLayout } from "../bindings/io/gates.ts";
import { expectClose, randomNumbers, toTensor } from "./agreement.ts";

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** The weights of a cell as its framework stores them, and the product of one gate from them, as its documentation slices them. */
interface Weights {
  readonly w: Float64Array;
  readonly u: Float64Array;
  readonly b: Float64Array;
  readonly recurrentB: Float64Array;
}

const H = 5;
const I = 3;
const T = 4;

/** One gate's product, read from the framework's own layout: that of the k-th gate. */
function gateProduct(w: Float64Array, b: Float64Array, x: readonly number[], k: number, transposed: boolean): number[] {
  const rows = w.length / x.length;
  return Array.from({ length: H }, (_, j) => {
    const unit = k * H + j;
    return x.reduce((sum, v, i) => sum + v * w[transposed ? i * rows + unit : unit * x.length + i]!, b[unit]!);
  });
}

type Step = (gate: Gates, h: readonly number[], c: readonly number[]) => { h: number[]; c: number[] };

/** Pre-activations by the position of the gate in the framework's own documentation. */
interface Gates {
  readonly x: (k: number) => number[];
  readonly h: (k: number, of?: readonly number[]) => number[];
}

const add = (...lists: (readonly number[])[]) =>
  lists[0]!.map((_, j) => lists.reduce((sum, list) => sum + list[j]!, 0));
const over = (f: (...x: number[]) => number, ...lists: (readonly number[])[]) =>
  lists[0]!.map((_, j) => f(...lists.map((list) => list[j]!)));

/** The equations with the gates at the places that each framework's documentation gives them: no letter of the table is read. */
function lstmStep(i: number, f: number, g: number, o: number): Step {
  return (gate, _h, c) => {
    const at = (k: number, activation: (x: number) => number) => over(activation, add(gate.x(k), gate.h(k)));
    const next = over((iV, fV, gV, cV) => fV * cV + iV * gV, at(i, sigmoid), at(f, sigmoid), at(g, Math.tanh), c);
    return { h: over((oV, cV) => oV * Math.tanh(cV), at(o, sigmoid), next), c: next };
  };
}

function gruStep(r: number, z: number, n: number, reset: "after" | "before"): Step {
  return (gate, h) => {
    const at = (k: number) => over(sigmoid, add(gate.x(k), gate.h(k)));
    const rs = at(r);
    const content =
      reset === "after"
        ? over((x, rV, u) => Math.tanh(x + rV * u), gate.x(n), rs, gate.h(n))
        : over(
            (x, u) => Math.tanh(x + u),
            gate.x(n),
            gate.h(
              n,
              over((a, b) => a * b, rs, h),
            ),
          );
    return { h: over((zV, nV, hV) => (1 - zV) * nV + zV * hV, at(z), content, h), c: [] };
  };
}

const elmanStep: Step = (gate) => ({ h: over(Math.tanh, add(gate.x(0), gate.h(0))), c: [] });

interface Row {
  readonly layout: keyof typeof gateLayouts;
  readonly cell: GatedCell;
  readonly how: string;
  readonly layer: LayerDescription;
  readonly gates: number;
  readonly step: Step;
  /** Whether the recurrent product has a bias of its own. */
  readonly twoBiases: boolean;
}

// prettier-ignore
const rows: Row[] = [
  { layout: "pytorch", cell: "elman", how: "", layer: elman(H), gates: 1, step: elmanStep, twoBiases: true },
  { layout: "pytorch", cell: "lstm", how: "i f g o", layer: lstm(H), gates: 4, step: lstmStep(0, 1, 2, 3), twoBiases: true },
  { layout: "pytorch", cell: "gru", how: "r z n", layer: gru(H), gates: 3, step: gruStep(0, 1, 2, "after"), twoBiases: true },
  { layout: "keras", cell: "elman", how: "", layer: elman(H), gates: 1, step: elmanStep, twoBiases: false },
  { layout: "keras", cell: "lstm", how: "i f c o", layer: lstm(H), gates: 4, step: lstmStep(0, 1, 2, 3), twoBiases: false },
  { layout: "keras", cell: "gru", how: "z r h, reset_after", layer: gru(H), gates: 3, step: gruStep(1, 0, 2, "after"), twoBiases: true },
  { layout: "keras", cell: "gru", how: "z r h, reset before", layer: gru(H, { reset: "before" }), gates: 3, step: gruStep(1, 0, 2, "before"), twoBiases: false },
  { layout: "onnx", cell: "elman", how: "", layer: elman(H), gates: 1, step: elmanStep, twoBiases: true },
  { layout: "onnx", cell: "lstm", how: "i o f c", layer: lstm(H), gates: 4, step: lstmStep(0, 2, 3, 1), twoBiases: true },
  { layout: "onnx", cell: "gru", how: "z r h, linear_before_reset", layer: gru(H), gates: 3, step: gruStep(1, 0, 2, "after"), twoBiases: true },
  { layout: "onnx", cell: "gru", how: "z r h", layer: gru(H, { reset: "before" }), gates: 3, step: gruStep(1, 0, 2, "before"), twoBiases: true },
];

function randomWeights(gates: number, twoBiases: boolean, seed: number): Weights {
  const random = randomNumbers(seed);
  return {
    w: random(gates * H * I),
    u: random(gates * H * H),
    b: random(gates * H),
    recurrentB: twoBiases ? random(gates * H) : new Float64Array(gates * H),
  };
}

/** The cell over a sequence, in plain numbers, with the weights as the framework has them. */
function runForeign(
  { w, u, b, recurrentB }: Weights,
  step: Step,
  transposed: boolean,
  x: readonly number[][],
): number[] {
  let state = { h: Array<number>(H).fill(0), c: Array<number>(H).fill(0) };
  return x.flatMap((input) => {
    const { h, c } = state;
    const gates: Gates = {
      x: (k) => gateProduct(w, b, input, k, transposed),
      h: (k, of = h) => gateProduct(u, recurrentB, of, k, transposed),
    };
    state = step(gates, h, c);
    return state.h;
  });
}

/** A network with these weights, by the table. */
function networkOf(row: Row, weights: Weights): Network {
  const layout: GateLayout = gateLayouts[row.layout];
  const net = new Network({ input: { features: I }, layers: [row.layer] });
  const name = row.layer.type;
  const order = (values: Float64Array) =>
    reorderGates(Float32Array.from(values), layout[row.cell], ourLayout[row.cell]);
  const matrix = (values: Float64Array, inputs: number) =>
    gatesToOurs(layout, row.cell, Float32Array.from(values), inputs);
  net.parameter(`${name}.weight_ih_l0`).set(matrix(weights.w, I));
  net.parameter(`${name}.weight_hh_l0`).set(matrix(weights.u, H));
  net.parameter(`${name}.bias_ih_l0`).set(order(weights.b));
  net.parameter(`${name}.bias_hh_l0`).set(order(weights.recurrentB));
  return net;
}

describe("gate layouts", () => {
  it.each(rows)("$layout $cell $how: random weights give the framework's own outputs", (row) => {
    const random = randomNumbers(7);
    const x = random(T * I);
    const weights = randomWeights(row.gates, row.twoBiases, 3);
    const steps = Array.from({ length: T }, (_, t) => [...x.subarray(t * I, (t + 1) * I)]);
    const expected = runForeign(weights, row.step, gateLayouts[row.layout].transposed, steps);
    const { output } = networkOf(row, weights).forward(toTensor(x, [1, T, I]));
    expectClose("output", output.data, expected);
  });

  it("has a row tested for every entry of the table", () => {
    const tested = new Set(rows.map(({ layout, cell }) => `${layout} ${cell}`));
    const cells: GatedCell[] = ["elman", "lstm", "gru"];
    const entries = Object.keys(gateLayouts).flatMap((layout) => cells.map((cell) => `${layout} ${cell}`));
    expect([...tested].sort()).toEqual(entries.sort());
  });

  it.each(rows)("$layout $cell $how: there and back is the same", ({ layout, cell, gates }) => {
    const values = Float32Array.from(randomNumbers(5)(gates * H * I));
    const ours = gatesToOurs(gateLayouts[layout], cell, values, I);
    expect(gatesFromOurs(gateLayouts[layout], cell, ours, I)).toEqual(values);
  });

  it("of the same function in Keras' and PyTorch's layout gives the same bits", () => {
    for (const cell of ["lstm", "gru"] as const) {
      const of = (layout: keyof typeof gateLayouts) =>
        rows.find((row) => row.layout === layout && row.cell === cell && row.how !== "z r h, reset before")!;
      const [pytorch, keras] = [of("pytorch"), of("keras")];
      const weights = randomWeights(pytorch.gates, pytorch.twoBiases && keras.twoBiases, 11);
      const foreign = (values: Float64Array, inputs: number) =>
        Float64Array.from(gatesFromOurs(gateLayouts.keras, cell, Float32Array.from(values), inputs));
      const inKeras: Weights = {
        w: foreign(weights.w, I),
        u: foreign(weights.u, H),
        b: foreign(weights.b, 1),
        recurrentB: foreign(weights.recurrentB, 1),
      };
      const x = toTensor(randomNumbers(13)(2 * T * I), [2, T, I]);
      const [a, b] = [networkOf(pytorch, weights), networkOf(keras, inKeras)];
      expect(b.forward(x).output).toEqual(a.forward(x).output);
    }
  });

  it("puts ONNX's peepholes, i o f, into ours, i f o", () => {
    const ordered = reorderGates(Float32Array.of(1, 2, 3, 4, 5, 6), gateLayouts.onnx.peepholes, ourLayout.peepholes);
    expect([...ordered]).toEqual([1, 2, 5, 6, 3, 4]);
  });

  it("turns a matrix", () => {
    expect([...transpose(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it("leaves a dense layer's weight to transpose alone", () => {
    const net = new Network({ input: { features: 2 }, layers: [dense(3, { bias: false })] });
    net.parameter("dense.weight").set(transpose(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3));
    const { output } = net.forward(toTensor(Float64Array.of(1, 10), [1, 2]));
    expect([...output.data]).toEqual([41, 52, 63]);
  });
});
