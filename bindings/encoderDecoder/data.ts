import type { Weights } from "../data/weights.ts";
import { dataNames, readGoal, readInputs, type Dataset, type TrainingData } from "../data/dataset.ts";
import {
  expectFinite,
  expectIndices,
  readFeatures,
  readIndices,
  withLengths,
  type OutputForm,
  type Values,
} from "../data/values.ts";
import type { Loss } from "../losses/loss.ts";
import { tensor } from "../tensor.ts";
import { expectOptions, expectRange } from "../validate.ts";
import type { EncoderDecoderEngine, PairValues } from "./engine.ts";

/** Examples for an EncoderDecoder: pairs of an input and the sequence that should come out. */
export interface EncoderDecoderData extends TrainingData {
  /**
   * A list of sequences, or [batch, time] tokens, [batch, time, features] numbers: of any length, whatever the input's. Of
   * tokens neither the start nor the stop token is part of them.
   */
  readonly targets: TrainingData["targets"];
  /** Length of each target where `targets` is padded; a list of sequences needs none. */
  readonly targetLengths?: readonly number[] | Int32Array;
  /** How often each term of the loss counts: [batch], or [batch, time] over the steps of the targets and their stop. */
  readonly weights?: Weights;
}

/** What the decoder reads, or should give out, as the caller has it. @throws TypeError, RangeError */
export function readSequences(
  engine: EncoderDecoderEngine,
  name: string,
  given: unknown,
  lengths: unknown,
  option: string,
): Values {
  const { kind, size } = engine.bridge.output;
  if (kind === "tokens") {
    const values = withLengths(readIndices(name, given, "sequence"), lengths, option);
    expectIndices(values, size);
    return values;
  }
  const values = withLengths(readFeatures(name, given, size, "sequence"), lengths, option);
  expectFinite(values, engine.core);
  return values;
}

/** The encoder's input with what the decoder reads beside it. @throws RangeError unless they are as many */
export function pair(inputs: Values, decoder: Values): PairValues {
  expectRange(decoder.B === inputs.B, decoder.name, `${inputs.B} sequences, as many as "${inputs.name}"`, decoder.B);
  return { ...inputs, decoder };
}

/** The form of what comes out of the decoder. */
export function pairForm({ output, core }: EncoderDecoderEngine, inputs: PairValues): OutputForm {
  const { T, lengths } = inputs.decoder;
  return { F: output.size, time: "sequence", T, lengths, inputs, core };
}

/** Checks examples: what the decoder reads is the target, one step later. @throws TypeError, RangeError */
export function readPairs(engine: EncoderDecoderEngine, loss: Loss, data: EncoderDecoderData, name = "data"): Dataset {
  expectOptions(name, data, [...dataNames, "targetLengths"]);
  expectFeedback(engine);
  const inputs = readInputs(engine, data.inputs, data.lengths);
  const plain = readSequences(engine, "targets", data.targets, data.targetLengths, "targetLengths");
  pair(inputs, plain);
  const { reads, gives } = shift(plain, startOf(engine, inputs), engine.config.decoder.stop);
  const values = pair(inputs, reads);
  const { B, T, F } = gives;
  const shape = gives.data instanceof Int32Array ? [B, T] : [B, T, F];
  const goal = readGoal(engine, loss, pairForm(engine, values), tensor(gives.data, shape), data.weights);
  return { loss, inputs: values, ...goal };
}

/** @throws TypeError unless what comes out of the decoder can be read by it */
export function expectFeedback({ output, bridge }: EncoderDecoderEngine): void {
  const { kind, size } = bridge.output;
  if (output.size === size) return;
  const needed = kind === "tokens" ? `${size} logits, one for each token` : `the ${size} features it reads`;
  throw new TypeError(`the decoder's last layer must give ${needed}, and gives ${output.size}: add dense(${size})`);
}

/** What the decoder reads first, (B, F). */
export function startOf(engine: EncoderDecoderEngine, { data, B, T, F, lengths }: Values): Float32Array | Int32Array {
  const { start } = engine.config.decoder;
  if (typeof start === "number") return new Int32Array(B).fill(start);
  const size = engine.bridge.output.size;
  const rows = new Float32Array(B * size);
  for (let b = 0; b < B; b++) {
    const last = (b * T + (lengths?.[b] ?? T) - 1) * F;
    rows.set(start === "last" ? data.subarray(last, last + F) : start!, b * size);
  }
  return rows;
}

/** Targets with the stop behind them, if there is one, and what is read: the start, then the targets but for the last. */
function shift(plain: Values, start: Float32Array | Int32Array, stop: number | undefined) {
  const { data, B, T, F } = plain;
  const more = stop === undefined ? 0 : 1;
  const steps = T + more;
  const lengths = plain.lengths?.map((length) => length + more);
  const empty = () => (data instanceof Int32Array ? new Int32Array(B * steps) : new Float32Array(B * steps * F));
  const [read, given] = [empty(), empty()];
  for (let b = 0; b < B; b++) {
    const n = plain.lengths?.[b] ?? T;
    const own = data.subarray(b * T * F, (b * T + n) * F);
    read.set(start.subarray(b * F, (b + 1) * F), b * steps * F);
    read.set(own.subarray(0, (n - 1 + more) * F), (b * steps + 1) * F);
    given.set(own, b * steps * F);
    if (stop !== undefined) given[b * steps + n] = stop;
  }
  const form = { ...plain, T: steps, lengths };
  return { reads: { ...form, data: read }, gives: { ...form, data: given } };
}
