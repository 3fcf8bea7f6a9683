import { inOrder } from "../data/batches.ts";
import { readGoal, readInputs, type TrainingData } from "../data/dataset.ts";
import { expectFinite, matchTo, readFeatures, type FeatureInput, type Input } from "../data/values.ts";
import type { Pointer } from "../core/core.ts";
import { evaluateBatches, finish, type EvaluateOptions, type Evaluation } from "../evaluate.ts";
import { fit, type FitOptions, type History } from "../fit.ts";
import type { Inspected } from "../inspect/inspected.ts";
import { inputText, summary } from "../inspect/summary.ts";
import { expectStorage, type SaveOptions } from "../io/compact.ts";
import { writeModel, type ModelFile } from "../io/model.ts";
import type { Rows, Shape } from "../layers/layer.ts";
import { expectLoss, type Loss, type Targets } from "../losses/loss.ts";
import { load, openFrom, Parameterized } from "../model.ts";
import { wholeBlock } from "../optimizers/groups.ts";
import { expectOptimizer, type Optimizer } from "../optimizers/optimizer.ts";
import { OptimizerState } from "../optimizers/state.ts";
import { sizeOf, tensor, type Tensor } from "../tensor.ts";
import { clipGradients } from "../clip.ts";
import { Trainer, type Course } from "../train.ts";
import { trainOptionNames, type TrainOptions } from "../trainOptions.ts";
import {
  expectBoolean,
  expectInteger,
  expectNumber,
  expectOptions,
  expectPositive,
  expectRange,
  expectType,
} from "../validate.ts";
import type { LossOptions, StepOptions } from "../network.ts";
import { normalizeEncoderDecoder, type EncoderDecoderConfig } from "./config.ts";
import { expectFeedback, pair, pairForm, readPairs, readSequences, type EncoderDecoderData } from "./data.ts";
import { EncoderDecoderEngine, type PairValues } from "./engine.ts";
import { runFree, search, type Hypothesis } from "./search.ts";

export interface EncoderDecoderForwardOptions {
  /** Length of each sequence where the encoder's input is padded; a list of sequences needs none. */
  readonly lengths?: readonly number[] | Int32Array;
  /** The same of the decoder's input. */
  readonly decoderLengths?: readonly number[] | Int32Array;
  /** Keep what backward needs, and let dropout act. Default false. */
  readonly training?: boolean;
}

export interface EncoderDecoderBackwardResult {
  /** Gradient by the encoder's input, in its shape; undefined where that is tokens. */
  readonly gradInput: Tensor | undefined;
  /** Gradient by the decoder's input, in its shape; undefined where that is tokens. */
  readonly gradDecoderInput: Tensor | undefined;
}

export interface TeacherForcing {
  /**
   * Probability that the decoder reads the step before of the target while it learns, and not what it has given out itself
   * (scheduled sampling, Bengio et al. 2015), or a function of the step, counted from 0. 0 is free running; the gradient does not
   * go through what is read. Default 1.
   */
  readonly teacherForcing?: number | ((step: number) => number);
}

export type EncoderDecoderTrainOptions = Omit<TrainOptions, "augment" | "truncate"> & TeacherForcing;

export type EncoderDecoderFitOptions = Omit<FitOptions, "augment" | "truncate" | "validation"> &
  TeacherForcing & {
    /** Data to measure on after each epoch, with the targets as the decoder's input. */
    readonly validation?: EncoderDecoderData;
  };

export interface EncoderDecoderEvaluateOptions extends Omit<EvaluateOptions, "truncate"> {
  /** The decoder reads what it has given out, and not the targets. Default false. */
  readonly freeRunning?: boolean;
}

export interface DecodeOptions {
  /** Length of each sequence where the inputs are padded. */
  readonly lengths?: readonly number[] | Int32Array;
  /** Examples that run at a time. Default 32. */
  readonly batchSize?: number;
}

export interface SearchOptions extends DecodeOptions {
  /** Tokens after which a sequence is cut if it has not come to the stop token, which counts. */
  readonly maxLength: number;
  /** Prefixes that are followed at a time; 1 takes the likeliest token always. Default 1. */
  readonly beam?: number;
  /** The score is the log-probability divided by the length to this power: 0 favours short sequences. Default 1. */
  readonly lengthPenalty?: number;
}

export interface FreeRunningOptions extends DecodeOptions {
  /** Steps to go on for. */
  readonly steps: number;
}

/**
 * An encoder and a decoder that learn together: the encoder reads a sequence, or a vector, and its final states begin the
 * decoder's, which gives out a sequence of another length, one step from the one before. With attention() among the decoder's
 * layers it looks at all steps of the encoder. Parameters: `encoder.…`, `bridge.weight` and `bridge.bias` where there is a
 * dense bridge, `decoder.…`.
 */
export class EncoderDecoder extends Parameterized {
  readonly config: EncoderDecoderConfig;
  readonly #engine: EncoderDecoderEngine;
  readonly #optimizer: OptimizerState;
  /** The inputs of the last forward pass. */
  #inputs: PairValues | undefined;
  /** The engine holds the gradient of a loss of that forward pass. */
  #hasLoss = false;

  /**
   * Builds both with random weights.
   * @throws TypeError, RangeError when the layers do not fit together, or for a wrong option
   */
  constructor(config: EncoderDecoderConfig);
  /** For `load`: the weights of a file instead. @internal */
  constructor(config: EncoderDecoderConfig, file: ModelFile);
  constructor(config: EncoderDecoderConfig, file?: ModelFile) {
    const checked = normalizeEncoderDecoder(config);
    const engine = openFrom(file, (check) => new EncoderDecoderEngine(checked, check));
    super(engine, file);
    this.#engine = engine;
    this.config = checked;
    this.#optimizer = new OptimizerState(engine);
  }

  /**
   * An encoder and decoder from the bytes of a safetensors file: one of `save`, or any other with a description beside it.
   * @throws FormatError when the file is damaged or does not fit
   */
  static load(bytes: Uint8Array | ArrayBuffer, config?: EncoderDecoderConfig): EncoderDecoder {
    return load(bytes, config, (description, file) => new EncoderDecoder(description, file));
  }

  /** Both as the bytes of one safetensors file, the description in its metadata. */
  save(options: SaveOptions = {}): Uint8Array<ArrayBuffer> {
    return writeModel(this.#engine, this, undefined, expectStorage(options));
  }

  /**
   * Runs a batch over given inputs of both sides.
   * @param inputs the encoder's: [batch, time, features], [batch, features] or [batch, time] tokens
   * @param decoderInputs what the decoder reads, at each of its steps: [batch, time, features] or [batch, time] tokens
   * @returns [batch, time of the decoder, outputs]; zeros beyond a sequence's length
   * @throws TypeError, RangeError on the wrong kind, shape or value
   */
  forward(inputs: Input, decoderInputs: Input, options: EncoderDecoderForwardOptions = {}): Tensor {
    expectOptions("forward", options, ["lengths", "decoderLengths", "training"]);
    const { lengths, decoderLengths, training = false } = options;
    expectBoolean("training", training);
    const engine = this.#engine;
    const decoder = readSequences(engine, "decoderInputs", decoderInputs, decoderLengths, "decoderLengths");
    const values = pair(readInputs(engine, inputs, lengths), decoder);
    engine.enter(values, training ? "train" : "run");
    engine.enterStates(undefined, "value");
    engine.forward(training);
    this.#inputs = values;
    this.#hasLoss = false;
    return this.#leave(engine.y, engine.outputRows, engine.output.size, [decoder.B, decoder.T, engine.output.size]);
  }

  /**
   * Loss of the last forward pass with `training: true`, whose gradient `backward()` without an argument then starts from.
   * @param targets for each step that the decoder has read
   * @throws Error when there is none, TypeError, RangeError on wrong targets
   */
  loss(loss: Loss, targets: Targets, options: LossOptions = {}): number {
    expectOptions("loss", options, ["weights"]);
    const inputs = this.#lastInputs("loss");
    const checked = expectLoss(loss);
    const goal = readGoal(this.#engine, checked, pairForm(this.#engine, inputs), targets, options.weights);
    const { value } = checked.run(this.#engine, goal);
    this.#hasLoss = true;
    return value;
  }

  /**
   * Runs backward through the last forward pass, which had `training: true`, and ADDS to the gradients of the parameters.
   * @param gradOutput gradient of the loss by the output, in its shape; without it, that of the last `loss()`
   * @throws Error when there is no such forward pass, TypeError, RangeError on a wrong shape
   */
  backward(gradOutput?: FeatureInput): EncoderDecoderBackwardResult {
    const engine = this.#engine;
    const inputs = this.#lastInputs("backward");
    if (gradOutput === undefined && !this.#hasLoss) {
      throw new Error("backward: without gradOutput it starts from loss(): call net.loss(loss, targets) before it");
    }
    if (gradOutput !== undefined) {
      const outputs = pairForm(engine, inputs);
      const values = matchTo(readFeatures("gradOutput", gradOutput, outputs.F, "sequence"), outputs);
      expectFinite(values, engine.core);
      engine.enterOutputGradient(values);
    }
    engine.enterStates(undefined, "gradient");
    const { input, rows, bridge } = engine;
    const dx = engine.backward(input.kind === "features");
    const { B, T, F, vector, decoder } = inputs;
    return {
      gradInput: this.#inputGradient(dx, input, rows, vector ? [B, F] : [B, T, F]),
      gradDecoderInput: this.#inputGradient(bridge.dx, bridge.output, bridge.rows, [B, decoder.T, decoder.F]),
    };
  }

  #inputGradient(dx: Pointer, { kind, size }: Shape, rows: Rows, shape: readonly number[]): Tensor | undefined {
    return kind === "features" ? this.#leave(dx, rows, size, shape) : undefined;
  }

  /** Rows of F numbers out of the engine. */
  #leave(from: Pointer, rows: Rows, F: number, shape: readonly number[]): Tensor {
    const data = new Float32Array(sizeOf(shape));
    this.#engine.leaveRows(data, from, rows, F, shape.length === 2 ? 1 : shape[1]!);
    return tensor(data, shape);
  }

  #lastInputs(call: string): PairValues {
    if (this.#engine.canBackward && this.#inputs) return this.#inputs;
    const cure = "call forward(inputs, decoderInputs, { training: true }) before it";
    throw new Error(`${call}: there is no forward pass to go back through: ${cure}`);
  }

  /** Sets the gradients of all parameters to zero. */
  zeroGrad(): void {
    this.#engine.zeroGradients();
  }

  /**
   * Scales the gradients so that their norm over all parameters is at most `maxNorm`, as PyTorch's clip_grad_norm_.
   * @returns the norm from before
   * @throws NumericError when a gradient is not finite
   */
  clipGradNorm(maxNorm: number): number {
    return clipGradients(this.#engine, { clipNorm: expectPositive("maxNorm", maxNorm) }, this.#optimizer.steps);
  }

  /** One step of an optimizer from the gradients; see Network.step. */
  step(optimizer: Optimizer, options: StepOptions = {}): void {
    expectOptions("step", options, ["learningRate"]);
    const checked = expectOptimizer(optimizer);
    const { learningRate = checked.learningRate } = options;
    const rate = expectNumber("learningRate", learningRate, 0);
    this.#optimizer.step(checked, [wholeBlock(this.#engine)], () => rate);
  }

  /**
   * Training step by step: each turn of the iterator is one optimizer step.
   * @throws TypeError, RangeError on wrong data or options, before anything is learnt
   */
  train(data: EncoderDecoderData, options: EncoderDecoderTrainOptions): Trainer {
    return new Trainer(this.#engine, this, data, options, this.#course(options));
  }

  /**
   * Training for a number of epochs; the event loop gets its turns.
   * @returns (rejects with) TypeError, RangeError on wrong data or options, NumericError, or the reason of the abort signal
   */
  async fit(data: EncoderDecoderData, options: EncoderDecoderFitOptions): Promise<History> {
    return fit(this.#engine, this, data, options, this.#course(options));
  }

  /** For gradientFlow. @internal */
  inspect(): Inspected {
    const engine = this.#engine;
    const { encoder, decoder } = this.config;
    return {
      engine,
      layers: [...encoder.layers, { type: "bridge" }, ...decoder.layers],
      read: (loss, data) => readPairs(engine, loss, data),
    };
  }

  #course(options: TeacherForcing): Course {
    const engine = this.#engine;
    expectType(typeof options === "object" && (options as unknown) !== null, "options", "an object", options);
    const { teacherForcing = 1 } = options;
    if (typeof teacherForcing !== "function") expectNumber("teacherForcing", teacherForcing, 0, 1);
    return {
      optionNames: [...trainOptionNames.filter((name) => name !== "augment" && name !== "truncate"), "teacherForcing"],
      read: (loss: Loss, data: TrainingData, name?: string) => readPairs(engine, loss, data, name),
      forward: (step) => {
        const share = typeof teacherForcing === "function" ? teacherForcing(step) : teacherForcing;
        engine.teacherForcing = expectNumber("teacherForcing", share, 0, 1);
        engine.forward(true);
        engine.teacherForcing = 1;
      },
      setup: ({ targets: { B, T, F } }) => ({
        targets: [B, T, F],
        ...(typeof teacherForcing === "number" && { teacherForcing }),
      }),
    };
  }

  /** Loss, and accuracy where targets are classes, over a data set. @throws TypeError, RangeError on wrong data */
  evaluate(data: EncoderDecoderData, options: EncoderDecoderEvaluateOptions): Evaluation {
    expectOptions("evaluate", options, ["loss", "batchSize", "freeRunning"]);
    const { batchSize = 32, freeRunning = false } = options;
    const loss = expectLoss(options.loss);
    expectInteger("batchSize", batchSize, 1);
    expectBoolean("freeRunning", freeRunning);
    const engine = this.#engine;
    const dataset = readPairs(engine, loss, data);
    engine.teacherForcing = freeRunning ? 0 : 1;
    try {
      return finish(evaluateBatches(engine, dataset, { batchSize, truncate: undefined }));
    } finally {
      engine.teacherForcing = 1;
    }
  }

  /**
   * Sequences of tokens for any number of inputs, by greedy or beam search, each up to its own stop token.
   * @returns the best for each input
   * @throws TypeError, RangeError on wrong inputs or options, or when the decoder reads numbers
   */
  generate(inputs: Input, options: SearchOptions): Hypothesis[] {
    expectOptions("generate", options, ["lengths", "batchSize", "maxLength", "beam", "lengthPenalty"]);
    const { maxLength, beam = 1, lengthPenalty = 1 } = options;
    const found: Hypothesis[] = [];
    this.#expectKind("generate", "tokens", "use predict()");
    expectInteger("maxLength", maxLength, 1);
    expectInteger("beam", beam, 1);
    expectNumber("lengthPenalty", lengthPenalty, 0);
    this.#inBatches(inputs, options, (values, selection) => {
      const each = search(this.#engine, values, selection, { maxLength, beam, lengthPenalty });
      found.push(...each.map(([best]) => best!));
    });
    return found;
  }

  /**
   * Goes on with numbers for any number of inputs: each output is the next input of the decoder.
   * @returns [inputs, steps, features]
   * @throws TypeError, RangeError on wrong inputs or options, or when the decoder reads tokens
   */
  predict(inputs: Input, options: FreeRunningOptions): Tensor {
    expectOptions("predict", options, ["lengths", "batchSize", "steps"]);
    const steps = expectInteger("steps", options.steps, 1);
    this.#expectKind("predict", "features", "use generate()");
    const F = this.#engine.output.size;
    const parts: Float32Array[] = [];
    this.#inBatches(inputs, options, (values, selection) => {
      const part = new Float32Array(selection.examples.length * steps * F);
      runFree(this.#engine, values, selection, steps, part);
      parts.push(part);
    });
    const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    parts.reduce((at, part) => (data.set(part, at), at + part.length), 0);
    return tensor(data, [data.length / (steps * F), steps, F]);
  }

  #expectKind(call: string, kind: Shape["kind"], cure: string): void {
    const { bridge } = this.#engine;
    if (bridge.output.kind !== kind) throw new TypeError(`${call}: the decoder reads ${bridge.output.kind}: ${cure}`);
    expectFeedback(this.#engine);
  }

  /** Runs over examples in batches. */
  #inBatches(
    inputs: Input,
    { lengths, batchSize = 32 }: DecodeOptions,
    run: (values: ReturnType<typeof readInputs>, selection: { examples: Int32Array; start: 0; steps: number }) => void,
  ): void {
    expectInteger("batchSize", batchSize, 1);
    const values = readInputs(this.#engine, inputs, lengths);
    const order = inOrder(values.B);
    for (let first = 0; first < values.B; first += batchSize) {
      run(values, { examples: order.subarray(first, first + batchSize), start: 0, steps: values.T });
    }
  }

  /** State of the random generator, 64 bytes: dropout, scheduled sampling and the order of examples depend on it. A copy. */
  get randomState(): Uint8Array {
    return this.#engine.randomState.slice();
  }

  set randomState(state: Uint8Array) {
    expectType(state instanceof Uint8Array, "randomState", "a Uint8Array", state);
    expectRange(state.length === 64, "randomState", "64 bytes", state);
    this.#engine.randomState.set(state);
  }

  /** A table of the layers with their outputs and parameters, for people. */
  summary(): string {
    const { encoder, decoder } = this.config;
    return summary(this.#engine, `${inputText(encoder.input)}; of the decoder: ${inputText(decoder.input)}`);
  }
}
