import { padded, type Pointer } from "../core/core.ts";
import { readInputs } from "../data/dataset.ts";
import type { Input } from "../data/values.ts";
import type { Engine } from "../engine.ts";
import type { LayerDescription } from "../layers/index.ts";
import type { Recurrence } from "../layers/layer.ts";
import { expectState, Model } from "../model.ts";
import type { Network } from "../network.ts";
import { tensor, type Tensor } from "../tensor.ts";
import { expectOptions, expectType } from "../validate.ts";
import { gateNames, nameOf } from "./gateNames.ts";

export interface TraceOptions {
  /** Length of each sequence where the input is padded. */
  readonly lengths?: readonly number[] | Int32Array;
  /** Initial states, as `Network.states` lists them, of all sequences. Default zeros, or the learnt ones. */
  readonly state?: Float32Array;
}

/** The states of one recurrent layer in one direction at every step; zeros beyond the end of a sequence. */
export interface LayerTrace {
  /** As in gradientFlow: "lstm.l0", "lstm.l0_reverse". */
  readonly name: string;
  readonly type: LayerDescription["type"];
  readonly direction: "forward" | "reverse";
  /** The hidden state after each step, [batch, time, units]; of a Jordan network its output, which is what goes on. */
  readonly hidden: Tensor;
  /** The cell of an LSTM after each step, [batch, time, units]. */
  readonly cell?: Tensor;
  /**
   * The gates of each step after their activations, [batch, time, units]: "i", "f", "g", "o" of an LSTM, without "i", which is
   * 1 − f, where they are coupled; "r", "z", "n" of a GRU; none of an Elman or Jordan network. g and n lie in [−1, 1] and the others
   * in [0, 1], unless the layer has been given other activations.
   */
  readonly gates: Readonly<Record<string, Tensor>>;
}

/**
 * What goes on inside the recurrent layers of a network while it reads: hidden states, cells and gates at each step, stacked
 * layers and directions apart, from the input to the output. The pass is that of `predict`: no dropout, and batchNorm() with its
 * running statistics. Parameters, gradients and the random generator stay as they are; a forward pass that `backward()` was to
 * go through is gone.
 * @param input [batch, time, features] numbers or [batch, time] tokens, as the network's `input` says
 * @throws TypeError, RangeError on the wrong kind, shape or value, or for a network without a recurrent layer
 */
export function traceStates(net: Network, input: Input, options: TraceOptions = {}): readonly LayerTrace[] {
  expectOptions("traceStates", options, ["lengths", "state"]);
  expectType(net instanceof Model && "inspect" in net, "net", "a Network", net);
  const { engine, layers } = net.inspect();
  const { lengths, state } = options;
  const values = readInputs(engine, input, lengths, "input");
  if (state !== undefined) expectState("state", state, engine, values.B);
  if (!layers.some(({ type }) => type in gateNames)) {
    const cure = "it has no layer with a state: put elman(), lstm(), gru() or jordan() into it";
    throw new TypeError(`traceStates: there is nothing to trace in this network; ${cure}`);
  }
  engine.enter(values, "trace");
  engine.enterStates(state, "value");
  engine.forward(false);
  return engine.layers.flatMap((layer, k) => {
    const { type } = layers[k] as LayerDescription;
    return layer.recurrences().map((recurrence): LayerTrace => ({
      name: nameOf(layer, recurrence),
      type,
      direction: recurrence.reverse ? "reverse" : "forward",
      hidden: leave(engine, recurrence, recurrence.h, recurrence.widths[0]!),
      ...(recurrence.kept.cPrev && { cell: cellsOf(engine, recurrence) }),
      gates: gatesOf(engine, type, recurrence),
    }));
  });
}

/** F columns of rows into [batch, time, F], in the caller's order. */
function leave({ core }: Engine, { rows }: Recurrence, from: Pointer, F: number, stride = padded(F)): Tensor {
  const data = new Float32Array(rows.B * rows.T * F);
  eachRow(core.i32, rows, (row, b, t) => {
    const at = (from >>> 2) + row * stride;
    data.set(core.f32.subarray(at, at + F), (b * rows.T + t) * F);
  });
  return tensor(data, [rows.B, rows.T, F]);
}

/** Visits the rows: which row, which sequence of the caller's, which step, and its place among the sequences of the step. */
function eachRow(
  words: Int32Array,
  { T, order, batchSizes }: Recurrence["rows"],
  visit: (row: number, b: number, t: number, place: number) => void,
): void {
  for (let t = 0, row = 0; t < T; t++) {
    const sequences = words[(batchSizes >>> 2) + t]!;
    for (let place = 0; place < sequences; place++) visit(row++, words[(order >>> 2) + place]!, t, place);
  }
}

/** c after each step: what the step that follows found, and after the last one what is left. */
function cellsOf(engine: Engine, recurrence: Recurrence): Tensor {
  const { rows, kept, reverse, widths } = recurrence;
  const H = widths[1]!;
  const before = leave(engine, recurrence, kept.cPrev, H);
  const after = tensor(new Float32Array(before.data.length), before.shape);
  const { f32, i32 } = engine.core;
  eachRow(i32, rows, (_, b, t, place) => {
    const at = (b * rows.T + t) * H;
    const next = reverse ? t - 1 : t + 1;
    const follows = reverse ? next >= 0 : next < rows.T && i32[(rows.batchSizes >>> 2) + next]! > place;
    const last = (kept.c >>> 2) + place * padded(H);
    const from = at + (next - t) * H;
    after.data.set(follows ? before.data.subarray(from, from + H) : f32.subarray(last, last + H), at);
  });
  return after;
}

function gatesOf(engine: Engine, type: LayerDescription["type"], recurrence: Recurrence): Record<string, Tensor> {
  const { kept, widths, wHh } = recurrence;
  if (!kept.gates) return {};
  const H = widths.at(-1)!;
  const gates = wHh.shape[0]! / H;
  const names = gateNames[type]![gates]!;
  const gate = (g: number) => leave(engine, recurrence, kept.gates + g * padded(H) * 4, H, gates * padded(H));
  return Object.fromEntries(names.map((name, g) => [name, gate(g)]));
}
