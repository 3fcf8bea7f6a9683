import { padded, type Pointer } from "../core/core.ts";
import { inOrder } from "../data/batches.ts";
import { outputForm, readInputs } from "../data/dataset.ts";
import type { Input, OutputForm } from "../data/values.ts";
import type { Engine } from "../engine.ts";
import { Crf } from "../layers/crf.ts";
import { Parameterized } from "../model.ts";
import type { Network } from "../network.ts";
import { tensor, type Tensor } from "../tensor.ts";
import { expectInteger, expectOptions, expectType } from "../validate.ts";

export interface CrfInferenceOptions {
  /** Length of each sequence where the inputs are padded. */
  readonly lengths?: readonly number[] | Int32Array;
  /** Examples that run at a time. Default 64. */
  readonly batchSize?: number;
}

/** The best path of tags through a sequence. */
export interface TagPath {
  /** One for each step. */
  readonly tags: number[];
  /** Its score, which is no probability: emissions, and transitions with those of start and end, added up. */
  readonly score: number;
}

/** Floats of room for the core's function crf. */
export function crfRoom(T: number, K: number): number {
  const [floats, doubles] = [3 * K + 2, T + 3];
  return (floats + 2 * doubles) * padded(K);
}

/**
 * The best path of each sequence of the batch that ran: `path` (B, T) i32 and `scores` (B), in the order of the layers.
 * @param weights of the sequences, whose sum over the steps with the tag of `targets` are the hits
 */
export function viterbi(engine: Engine, targets: Pointer = 0, weights: Pointer = 0) {
  const { core, y, output, outputRows } = engine;
  const { B, T, batchSizes } = outputRows;
  const K = output.size;
  const layer = engine.layers.at(-1) as Crf;
  const path = engine.room(padded(B * T) + padded(B) + 4 * K + T * K);
  const scores = path + padded(B * T) * 4;
  const room = scores + padded(B) * 4;
  // prettier-ignore
  const hits = core.functions.crfViterbi(
    path, scores, room, y, layer.scores, targets, weights, batchSizes, T, B, K,
  );
  return { path, scores, hits };
}

/**
 * The best path of tags of each sequence, by a network that ends in `crf()` (Viterbi 1967). Of paths with the same score it is the one
 * with the lowest tag at the end, and so on towards the start.
 * @throws TypeError, RangeError on another network, or on the wrong kind, shape, value or option
 */
export function crfDecode(net: Network, inputs: Input, options: CrfInferenceOptions = {}): TagPath[] {
  const paths: TagPath[] = [];
  runBatches("crfDecode", net, inputs, options, (engine, _crf, { lengths }, examples) => {
    const { core, order } = engine;
    const { T } = engine.outputRows;
    const { path, scores } = viterbi(engine);
    order.forEach((place, b) => {
      const example = examples[place]!;
      const from = (path >>> 2) + b * T;
      const tags = [...core.i32.subarray(from, from + (lengths?.[example] ?? T))];
      paths[example] = { tags, score: core.f32[(scores >>> 2) + b]! };
    });
  });
  return paths;
}

/**
 * The probability of each tag at each step, over all paths through its sequence, by a network that ends in `crf()`.
 * @returns [examples, time, tags]; zeros beyond a sequence's length
 * @throws TypeError, RangeError on another network, or on the wrong kind, shape, value or option
 */
export function crfMarginals(net: Network, inputs: Input, options: CrfInferenceOptions = {}): Tensor {
  let shares: Tensor | undefined;
  runBatches("crfMarginals", net, inputs, options, (engine, crf, outputs, examples) => {
    const { core, y, output, outputRows } = engine;
    const { B, T, N, batchSizes } = outputRows;
    const K = output.size;
    const P = padded(K);
    const dy = engine.room(N * P + crf.lossGradientSize() + crfRoom(T, K));
    const slopes = dy + N * P * 4;
    const room = slopes + crf.lossGradientSize() * 4;
    core.functions.crf(dy, slopes, room, y, crf.scores, 0, 0, batchSizes, T, B, K, 1);
    const size = outputs.T * K;
    shares ??= tensor(new Float32Array(outputs.inputs.B * size), [outputs.inputs.B, outputs.T, K]);
    const first = examples[0]! * size;
    engine.leaveRows(shares.data.subarray(first, first + examples.length * size), dy, outputRows, K, outputs.T);
  });
  return shares!;
}

/** Runs the examples in batches through a network that ends in crf(). */
function runBatches(
  call: string,
  net: Network,
  inputs: Input,
  options: CrfInferenceOptions,
  visit: (engine: Engine, crf: Crf, outputs: OutputForm, examples: Int32Array) => void,
): void {
  expectOptions(call, options, ["lengths", "batchSize"]);
  const { lengths, batchSize = 64 } = options;
  expectInteger("batchSize", batchSize, 1);
  expectType(net instanceof Parameterized && "inspect" in net, "net", "a Network", net);
  const { engine } = net.inspect();
  const last = engine.layers.at(-1)!;
  if (!(last instanceof Crf)) {
    throw new TypeError(`${call} needs a network that ends in crf(), got one that ends in "${last.name}": add crf()`);
  }
  const values = readInputs(engine, inputs, lengths);
  const order = inOrder(values.B);
  for (let first = 0; first < values.B; first += batchSize) {
    const examples = order.subarray(first, first + batchSize);
    engine.enter(values, "run", { examples, start: 0, steps: values.T });
    engine.enterStates(undefined, "value");
    engine.forward(false);
    visit(engine, last, outputForm(engine, values), examples);
  }
}
