import { padded } from "../core/core.ts";
import type { Dataset, TrainingData } from "../data/dataset.ts";
import type { EncoderDecoderData } from "../encoderDecoder/data.ts";
import type { EncoderDecoder } from "../encoderDecoder/encoderDecoder.ts";
import type { Engine } from "../engine.ts";
import { NumericError } from "../errors.ts";
import type { LayerDescription } from "../layers/index.ts";
import type { Recurrence } from "../layers/layer.ts";
import { expectLoss, type Loss } from "../losses/loss.ts";
import { Parameterized } from "../model.ts";
import type { Network } from "../network.ts";
import { expectOptions, expectType } from "../validate.ts";
import { meanByStep, rateOf } from "./flowRate.ts";
import { gateNames, nameOf } from "./gateNames.ts";
import { adviseOn, judge, type Verdict } from "./gradientVerdict.ts";
import type { Inspected } from "./inspected.ts";
import { scratchOf, spectralRadii } from "./spectralRadius.ts";

export type { Verdict } from "./gradientVerdict.ts";

export interface GradientFlowOptions {
  readonly loss: Loss;
}

/** How the gradient goes back through one recurrent layer in one direction. */
export interface LayerFlow {
  /** The layer's name and, as in those of its parameters, which of a stack and which direction: "lstm.l0_reverse". */
  readonly name: string;
  readonly type: LayerDescription["type"];
  readonly direction: "forward" | "reverse";
  /**
   * For each time step t the norm ‖dL/dh_t‖₂, mean over the sequences that have this step. L is the loss of the batch, so that a
   * mean over B sequences makes it 1/B of one sequence's. The derivative is the total one: by way of the output of step t and
   * of all later ones. Of a Jordan network h is its output.
   */
  readonly norms: Float64Array;
  /** The same of the cell of an LSTM, dL/dc_t, h_t being o∘tanh(c_t). */
  readonly cellNorms?: Float64Array;
  /**
   * The spectral radius of the recurrent matrix of each gate: "h" of an Elman network, "i", "f", "g", "o" of an LSTM, "r", "z",
   * "n" of a GRU. With a projection it is that of weight_hr·weight_hh, and of a Jordan network, "y", that of
   * decay·1 + weight_hy·weight_yh.
   */
  readonly radii: Readonly<Record<string, number>>;
  /**
   * What the norm is multiplied by for each step back, when only the outputs of the last step have a loss: the geometric mean from
   * the end of a sequence to its start. Of an LSTM it is that of the cell, which carries the gradient. The end of the reverse
   * direction is the first step. Beyond the smallest or largest float32 nothing is measured; 1 where there is one step.
   */
  readonly rate: number;
  /** Whether the gradient that arrives at the start is below a thousandth, above a thousandfold, or in between. */
  readonly verdict: Verdict;
  /** What to do, in words. */
  readonly advice: string;
}

export interface GradientFlow {
  /** The loss of the batch. */
  readonly loss: number;
  /** Recurrent layers from the input to the output, directions and stacked layers apart. */
  readonly layers: readonly LayerFlow[];
  /** Exploding if one of them is, else vanishing if one is. */
  readonly verdict: Verdict;
  /** That of the layer which decides. */
  readonly advice: string;
  /** A table, for people. */
  toString(): string;
}

/**
 * How the gradient of a loss goes back through time in each recurrent layer of a network: its norm at each step, the spectral radii
 * of the recurrent matrices, the rate per step, and what follows from them. The data run as one batch, as in training, dropout
 * included. Parameters, gradients, buffers, the optimizer and the random generator are as before afterwards; only a forward
 * pass that `backward()` was to go through is gone.
 * @throws TypeError, RangeError on wrong data or a network without a recurrent layer, NumericError when the loss is not finite
 */
export function gradientFlow(net: Network, data: TrainingData, options: GradientFlowOptions): GradientFlow;
/** The same of an encoder and its decoder, which reads the targets. */
export function gradientFlow(net: EncoderDecoder, data: EncoderDecoderData, options: GradientFlowOptions): GradientFlow;
export function gradientFlow(
  net: Network | EncoderDecoder,
  data: TrainingData,
  options: GradientFlowOptions,
): GradientFlow {
  expectOptions("gradientFlow", options, ["loss"]);
  const loss = expectLoss(options.loss);
  expectType(net instanceof Parameterized && "inspect" in net, "net", "a Network or an EncoderDecoder", net);
  const { engine, layers, read }: Inspected = net.inspect();
  const dataset = read(loss, data);
  if (!layers.some(({ type }) => type in gateNames)) {
    const cure = "it has no layer with a state: put elman(), lstm(), gru() or jordan() into it";
    throw new TypeError(`gradientFlow: there is no time for this network's gradient to go back through; ${cure}`);
  }
  const random = engine.randomState.slice();
  const gradients = engine.core.view(engine.gradients, engine.blockSize).slice();
  try {
    return measure(engine, layers, dataset, random);
  } finally {
    engine.randomState.set(random);
    engine.core.f32.set(gradients, engine.gradients >>> 2);
    for (const layer of engine.layers) for (const recurrence of layer.recurrences()) recurrence.flowTo(0);
  }
}

/** The outputs whose loss counts: all, those of the last step of each sequence, or those of the first. */
type Part = "all" | "last" | "first";

function measure(
  engine: Engine,
  descriptions: Inspected["layers"],
  dataset: Dataset,
  random: Uint8Array,
): GradientFlow {
  const { loss, flows: all } = runBackward(engine, dataset, random, "all");
  const [last, first] = (["last", "first"] as const).map((part) => {
    if (engine.outputRows.T === 1) return all; // the loss has one step, or sees the ends of both directions
    const wanted = part === "last" || all.some(({ recurrence }) => recurrence.reverse);
    return wanted ? runBackward(engine, dataset, random, part).flows : [];
  }) as [Flow[], Flow[]];
  const layers = all.map((flow, k): LayerFlow => {
    const { layer, recurrence, states, lengths } = flow;
    const description = descriptions[layer] as LayerDescription; // one that has a recurrence
    const T = lengths[0]!;
    const [norms, cellNorms] = states.map((state) => meanByStep(state, lengths));
    const ends = (recurrence.reverse ? first : last)[k]!;
    const rate = rateOf(ends.states.at(-1)!, lengths, recurrence.reverse);
    const radii = radiiOf(engine, description, recurrence);
    const verdict = judge(rate, T);
    const name = nameOf(engine.layers[layer]!, recurrence);
    return {
      ...{ name, type: description.type, direction: recurrence.reverse ? "reverse" : "forward", norms: norms! },
      ...(cellNorms && { cellNorms }),
      ...{ radii, rate, verdict, advice: adviseOn({ description, verdict, rate, steps: T, radii }) },
    };
  });
  const verdicts: readonly Verdict[] = ["exploding", "vanishing", "healthy"];
  const verdict = verdicts.find((one) => layers.some((layer) => layer.verdict === one))!;
  const { name, advice } = layers.find((layer) => layer.verdict === verdict)!;
  return { loss, layers, verdict, advice: `${name}: ${advice}`, toString: () => tableOf(layers) };
}

/** The norms of one recurrence, rows as the layers see them: step after step, in each the longest sequence first. */
interface Flow {
  /** Index of the layer. */
  readonly layer: number;
  readonly recurrence: Recurrence;
  /** Of h, and of c if there is one. */
  readonly states: readonly Float32Array[];
  /** Lengths of the sequences, falling. */
  readonly lengths: Int32Array;
}

/** Forward and backward of the batch, as in training, from the loss of a part of its outputs. */
function runBackward(engine: Engine, dataset: Dataset, random: Uint8Array, part: Part) {
  const { core } = engine;
  engine.randomState.set(random); // the same dropout each time
  engine.enter(dataset.inputs, "train");
  engine.enterStates(undefined, "value");
  engine.forward(true);
  const { value: loss } = dataset.loss.run(engine, dataset);
  engine.canBackward = false; // not for callers
  if (!Number.isFinite(loss)) {
    const cure = "its gradient says nothing; use smaller weights or scaled inputs";
    throw new NumericError(`gradientFlow: the loss is not finite: ${cure}`, 0, "loss");
  }
  if (part !== "all") keepEnds(engine, part);
  const found = engine.layers.flatMap((layer, index) =>
    layer.recurrences().map((recurrence) => ({ layer: index, recurrence })),
  );
  const sizes = found.map(({ recurrence: { rows, widths } }) => widths.map((width) => rows.N * padded(width)));
  const most = Math.max(...found.map(({ recurrence }) => padded(recurrence.rows.N)));
  const scratch = engine.room(sizes.flat().reduce((sum, size) => sum + size, most));
  let at = scratch + most * 4;
  const places = sizes.map((own, k) => {
    found[k]!.recurrence.flowTo(at);
    return own.map((size) => (at += size * 4) - size * 4);
  });
  engine.enterStates(undefined, "gradient");
  engine.backward(false);
  const flows = found.map(({ layer, recurrence }, k): Flow => {
    const { rows, widths } = recurrence;
    const states = places[k]!.map((place, i) => {
      core.functions.rowNorms(scratch, place, padded(widths[i]!), rows.N, widths[i]!);
      return core.view(scratch, rows.N).slice();
    });
    return { layer, recurrence, states, lengths: lengthsOf(engine, recurrence) };
  });
  return { loss, flows };
}

/** Leaves the gradient by the outputs at the last or the first step of each sequence only; all ones there if it is 0. */
function keepEnds(engine: Engine, part: "last" | "first"): void {
  const { core, dOutput, outputRows, output } = engine;
  const { lastForward, lastBackward, sumSquares, zero } = core.functions;
  const { N, B, T, batchSizes } = outputRows;
  const P = padded(output.size);
  const from = part === "last" ? output.size : 0; // the columns from here on are taken at the start
  const kept = engine.room(B * P);
  lastForward(kept, dOutput, batchSizes, T, output.size, from);
  if (sumSquares(kept, B * P) === 0) core.view(kept, B * P).fill(1);
  zero(dOutput, N * P);
  lastBackward(dOutput, kept, batchSizes, T, output.size, from);
}

function lengthsOf({ core }: Engine, { rows: { B, T, batchSizes } }: Recurrence): Int32Array {
  const lengths = new Int32Array(B);
  core.i32.subarray(batchSizes >>> 2, (batchSizes >>> 2) + T).forEach((sequences) => {
    for (let b = 0; b < sequences; b++) lengths[b]!++;
  });
  return lengths;
}

function radiiOf(engine: Engine, { type }: LayerDescription, recurrence: Recurrence): Record<string, number> {
  const radii = spectralRadii(engine.core, recurrence, engine.room(scratchOf(engine.core, recurrence)));
  const names = gateNames[type]![radii.length]!;
  return Object.fromEntries(radii.map((radius, gate) => [names[gate]!, radius]));
}

/** A line for each layer, and its advice below. */
function tableOf(layers: readonly LayerFlow[]): string {
  const head = ["layer", "first step", "last step", "rate", "verdict", "spectral radius"];
  const rows = layers.map(({ name, norms, radii, rate, verdict }): string[] => {
    const ends = [norms[0], norms.at(-1)].map((norm) => norm!.toExponential(1));
    const byGate = Object.entries(radii).map(([gate, radius]) => `${gate} ${radius.toFixed(2)}`);
    return [name, ...ends, rate.toPrecision(3), verdict, byGate.join("  ")];
  });
  const table = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  const lines = table.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  "));
  return [...lines, ...layers.map(({ name, advice }) => `${name}: ${advice}`)].map((line) => line.trimEnd()).join("\n");
}
