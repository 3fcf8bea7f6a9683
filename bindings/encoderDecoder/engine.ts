import { buildLayers, declareIn, type Site, type Stack } from "../build.ts";
import { padded } from "../core/core.ts";
import type { Values } from "../data/values.ts";
import { Engine, selectLengths, type Purpose, type Selection } from "../engine.ts";
import { layerTypes } from "../layers/index.ts";
import { Rows, type Memory, type ParameterBlock } from "../layers/layer.ts";
import { Bridge, type DecoderBatch } from "./bridge.ts";
import { decoderTypes, type CheckedConfig } from "./config.ts";

/** What an encoder and its decoder take: the encoder's input with the decoder's beside it. */
export interface PairValues extends Values {
  readonly decoder: Values;
}

/**
 * An encoder and a decoder as one engine: one block of parameters, one workspace, one list of layers with the bridge between
 * both. The engine's input is the encoder's, its output the decoder's, and its states are the encoder's.
 */
export class EncoderDecoderEngine extends Engine<CheckedConfig> {
  readonly bridge: Bridge;
  /** Probability that the decoder reads the step before of the target, and not what it has given out itself. */
  teacherForcing = 1;
  readonly #place: number;

  constructor(config: CheckedConfig, check?: (parameter: ParameterBlock) => void) {
    super(config, build, check);
    this.#place = this.layers.findIndex((layer) => layer instanceof Bridge);
    this.bridge = this.layers[this.#place] as Bridge;
  }

  override enter(values: PairValues, purpose: Purpose, selection?: Selection): void {
    const { decoder } = values;
    const own = selection && { ...selection, start: 0, steps: decoder.T };
    const lengths = selectLengths(decoder, own);
    const T = lengths ? lengths.reduce((a, b) => Math.max(a, b), 0) : decoder.T;
    this.#enter(values, purpose, { B: selection?.examples.length ?? values.B, width: 1, T, lengths }, selection);
    this.enterValues(this.bridge.x, decoder, this.bridge.rows, own);
  }

  /** Plans for both sides and brings the encoder's input in. */
  #enter(values: Values, purpose: Purpose, batch: DecoderBatch, selection: Selection | undefined): void {
    const { batch: before } = this.bridge;
    const same = !batch.lengths && !before.lengths && batch.B === before.B && batch.T === before.T;
    if (!same || batch.width !== before.width) this.replan();
    this.bridge.batch = batch;
    this.within = batch.B * batch.T * this.#width;
    super.enter(values, purpose, selection);
    this.bridge.writeOrder();
  }

  override forward(training: boolean): void {
    this.#encode();
    if (this.teacherForcing < 1) {
      this.#readOwnOutputs();
      this.bridge.begin();
    }
    this.decode();
    this.canBackward = training;
  }

  #encode(): void {
    this.pack();
    let x = this.x;
    for (const layer of this.layers.slice(0, this.#place + 1)) x = layer.forward(x);
  }

  /** Runs the decoder over its rows, from the states where it stands. */
  decode(x = this.bridge.x): void {
    for (const layer of this.layers.slice(this.#place + 1)) x = layer.forward(x);
    this.y = x;
  }

  /**
   * Scheduled sampling (Bengio et al. 2015): goes through the decoder step by step, and each sequence reads at the next step,
   * by chance, what it has given out instead of the target. What was read is the input then: the pass over all steps that
   * follows gives the same outputs and their gradient, which does not go through what was read.
   */
  #readOwnOutputs(): void {
    const { bridge, core } = this;
    const { rows } = bridge;
    const { N, T, batchSizes } = rows;
    const sizes = core.i32.slice(batchSizes >>> 2, (batchSizes >>> 2) + T);
    let x = bridge.x;
    for (let t = 0; t + 1 < T; t++) {
      Object.assign(rows, { N: sizes[t]!, T: 1, batchSizes: batchSizes + t * 4 }); // the layers share these rows
      this.decode(x);
      x += sizes[t]! * this.#stride * 4;
      this.#feed(x, sizes[t + 1]!, this.teacherForcing);
    }
    Object.assign(rows, { N, T, batchSizes });
  }

  /** The first outputs as inputs, each with the probability 1 − `teacher`. */
  #feed(x: number, rows: number, teacher: number): void {
    const { feedRows, feedTokens } = this.core.functions;
    const feed = this.bridge.output.kind === "tokens" ? feedTokens : feedRows;
    feed(x, this.y, rows, this.output.size, teacher);
  }

  /** Words of a step of the decoder's input. */
  get #width(): number {
    const { kind, size } = this.bridge.output;
    return kind === "tokens" ? 1 : size;
  }

  /** Words of a row of it. */
  get #stride(): number {
    return this.bridge.output.kind === "tokens" ? 1 : padded(this.#width);
  }

  /**
   * Runs the encoder, and makes the decoder ready to go one step at a time, for `width` sequences with each of the encoder:
   * `decode()` reads what stands at `bridge.x`, a row for each.
   */
  beginSteps(values: Values, selection: Selection, width: number): void {
    const B = selection.examples.length * width;
    this.#enter(values, "evaluate", { B, width, T: 1, lengths: undefined }, selection);
    this.enterStates(undefined, "value");
    this.#encode();
  }

  /** The outputs of the last step become the inputs of the next. */
  feedBack(): void {
    this.#feed(this.bridge.x, this.bridge.rows.B, 0);
  }
}

function build({ encoder: first, decoder: second, bridge: how }: CheckedConfig, site: Site): Stack {
  const encoder = buildLayers(first, site, layerTypes, { prefix: "encoder." });
  const declare = declareIn(site, "bridge.", () => undefined);
  const memory: Memory = { size: encoder.output.size, rows: new Rows(), y: 0, dy: 0, map: 0, version: 0 };
  const looks = second.layers.some(({ type }) => type === "attention");
  const inputTime = expectTime(encoder, looks);
  const decoder = buildLayers(second, site, decoderTypes, { prefix: "decoder.", time: "sequence", memory });
  if (decoder.output.time === "vector") {
    throw new TypeError('"decoder.layers" need an output at each step, and last() leaves one: take it out');
  }
  const output = inputTime === "vector" ? { ...encoder.output, time: inputTime } : encoder.output;
  const builder = { ...site, memory: undefined, name: "bridge", input: output, declare, requireTime: () => undefined };
  const bridge = new Bridge(builder, { ...encoder, output }, decoder, memory, how);
  return {
    ...{ input: encoder.input, inputTime, states: encoder.states, output: decoder.output },
    layers: [...encoder.layers, bridge, ...decoder.layers],
  };
}

/** What the encoder takes where its layers leave it open: a vector, unless attention looks at its steps. */
function expectTime({ output, inputTime }: Stack, attention: boolean): "sequence" | "vector" {
  if (attention && output.time === "vector") {
    throw new TypeError(
      "attention() looks at the steps of the encoder, and a vector comes out of it: leave last() out",
    );
  }
  if (inputTime !== "input") return inputTime;
  return attention ? "sequence" : "vector";
}
