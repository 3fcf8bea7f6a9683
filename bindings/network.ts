import type { Pointer } from "./core/core.ts";
import { outputForm, readInputs, type TrainingData } from "./data/dataset.ts";
import { inOrder } from "./data/batches.ts";
import {
  expectFinite,
  expectOutput,
  matchTo,
  readFeatures,
  type FeatureInput,
  type Input,
  type Values,
} from "./data/values.ts";
import { normalizeConfig, type NetworkConfig } from "./config.ts";
import { Engine } from "./engine.ts";
import { Parameter } from "./parameter.ts";
import { FormatError } from "./errors.ts";
import { evaluate, runLoss, type EvaluateOptions, type Evaluation } from "./evaluate.ts";
import { fit, type FitOptions, type History } from "./fit.ts";
import { summary } from "./inspect/summary.ts";
import {
  checkTensor,
  checkTensors,
  expectNoMore,
  fillParameters,
  readModel,
  writeModel,
  type ModelFile,
} from "./io/model.ts";
import { lossTypes, normalizeLoss, type Loss, type Targets } from "./loss.ts";
import { normalizeOptimizer, OptimizerState, type Optimizer } from "./optimizer.ts";
import { Stream } from "./stream.ts";
import { sizeOf, tensor, type Tensor } from "./tensor.ts";
import { clipGradients, Trainer, type TrainOptions } from "./train.ts";
import {
  expectBoolean,
  expectInteger,
  expectNumber,
  expectOptions,
  expectPositive,
  expectRange,
  expectType,
} from "./validate.ts";

export interface ForwardOptions {
  /** Initial states, flat as `Network.states` lists them. Default zeros. */
  readonly state?: Float32Array;
  /** Length of each sequence where the input is padded. */
  readonly lengths?: readonly number[] | Int32Array;
  /** Keep what backward needs, and let dropout act. Default false. */
  readonly training?: boolean;
  /** Where the numbers of the output are to stand. Default a new array. */
  readonly output?: Float32Array;
}

export interface ForwardResult {
  /** [batch, time, outputs], or [batch, outputs] where there is no time; zeros beyond a sequence's length. */
  readonly output: Tensor;
  /** Final states, flat as `Network.states` lists them: each sequence's at its own end. */
  readonly state: Float32Array;
}

export interface BackwardOptions {
  /** Gradient of the loss by the final states. Default zeros. */
  readonly gradState?: Float32Array;
}

export interface BackwardResult {
  /** Gradient by the input, in its shape; undefined where the input is tokens. */
  readonly gradInput: Tensor | undefined;
  /** Gradient by the initial states. */
  readonly gradState: Float32Array;
}

export interface StepOptions {
  /** Instead of the optimizer's. */
  readonly learningRate?: number;
}

/** One state in the flat arrays of states: (batch, units). */
export interface StateInfo {
  /** "lstm.h_l0", "lstm.c_l0" … */
  readonly name: string;
  readonly units: number;
}

/** A network of layers: it runs, learns, streams and is saved. All calls but `fit` are synchronous. */
export class Network {
  readonly config: Required<NetworkConfig>;
  /** All parameters, layer by layer. */
  readonly parameters: readonly Parameter[];
  /** The states in the order of the flat arrays, each (batch, units): of each layer h_l0, h_l0_reverse, h_l1 …, then c. */
  readonly states: readonly StateInfo[];
  /** Texts that `save` keeps beside the network: a tokenizer as JSON, a scaler, a note. */
  readonly metadata: Record<string, string> = {};
  readonly #engine: Engine;
  readonly #optimizer: OptimizerState;
  /** The input of the last forward pass. */
  #input: Values | undefined;
  /** The engine holds the gradient of a loss of that forward pass. */
  #hasLoss = false;

  /**
   * Builds a network with random weights.
   * @param file for `load`: the weights instead
   * @throws TypeError, RangeError when the layers do not fit together, or for a wrong option
   */
  constructor(config: NetworkConfig, file?: ModelFile) {
    this.config = normalizeConfig(config);
    const engine = new Engine(this.config, file && ((parameter) => checkTensor(parameter, file)));
    if (file) {
      expectNoMore(engine.parameters, file);
      fillParameters(engine, file);
    }
    this.#engine = engine;
    this.#optimizer = new OptimizerState(engine);
    this.parameters = Object.freeze(engine.parameters.map((block) => new Parameter(engine, block)));
    this.states = Object.freeze(engine.states.map(({ name, units }) => Object.freeze({ name, units })));
  }

  /**
   * A network from the bytes of a safetensors file: one of `save`, or any other, such as PyTorch's, with a description of the
   * network beside it.
   * @throws FormatError when the file is damaged or does not fit
   */
  static load(bytes: Uint8Array | ArrayBuffer, config?: NetworkConfig): Network {
    const file = readModel(bytes);
    const net = config === undefined ? fromDescription(file) : new Network(config, file);
    Object.assign(net.metadata, file.metadata);
    return net;
  }

  /** The network as the bytes of a safetensors file with PyTorch's names and shapes, the description in its metadata. */
  save(): Uint8Array<ArrayBuffer> {
    return writeModel(this.#engine, this);
  }

  /**
   * Takes over the weights of a safetensors file with the same tensors.
   * @throws FormatError when the file is damaged or does not fit; the weights are then as before
   */
  loadParameters(bytes: Uint8Array | ArrayBuffer): void {
    const file = readModel(bytes);
    checkTensors(this.#engine.parameters, file);
    fillParameters(this.#engine, file);
  }

  /** The parameter of a name. @throws RangeError when there is none */
  parameter(name: string): Parameter {
    const found = this.parameters.find((parameter) => parameter.name === name);
    if (found) return found;
    throw new RangeError(
      `there is no parameter "${name}"; there are ${this.parameters.map((one) => one.name).join(", ")}`,
    );
  }

  /**
   * Runs a batch.
   * @param input [batch, time, features] numbers or [batch, time] tokens, as the network's `input` says
   * @throws TypeError, RangeError on the wrong kind, shape or value
   */
  forward(input: Input, options: ForwardOptions = {}): ForwardResult {
    expectOptions("forward", options, ["state", "lengths", "training", "output"]);
    const { state, lengths, training = false } = options;
    const engine = this.#engine;
    const values = readInputs(engine, input, lengths, "input");
    if (state !== undefined) expectState("state", state, engine.stateSize(values.B));
    const output = emptyOutput(engine, values, options.output);
    engine.enter(values, expectBoolean("training", training) ? "train" : "run");
    engine.enterStates(state, "value");
    engine.forward(training);
    this.#input = values;
    this.#hasLoss = false;
    const finalState = new Float32Array(engine.stateSize(values.B));
    engine.leaveStates(finalState, "value");
    const { F, T } = outputForm(engine, values);
    engine.leaveRows(output.data, engine.y, engine.outputRows, F, T);
    return { output, state: finalState };
  }

  /**
   * Loss of the last forward pass with `training: true`, whose gradient `backward()` without an argument then starts from.
   * @throws Error when there is none, TypeError, RangeError on wrong targets
   */
  loss(loss: Loss, targets: Targets): number {
    const engine = this.#engine;
    const checked = normalizeLoss(loss);
    const inputs = this.#lastInput("loss");
    const values = lossTypes[checked.type].read(checked, targets, outputForm(engine, inputs));
    engine.enterTargets(values);
    const { value } = runLoss(engine, checked, { inputs, targets: values });
    this.#hasLoss = true;
    return value;
  }

  /**
   * Runs backward through the last forward pass, which had `training: true`, and ADDS to the gradients of the parameters.
   * @param gradOutput gradient of the loss by the output, in its shape; without it, that of the last `loss()`
   * @throws Error when there is no such forward pass, TypeError, RangeError on a wrong shape
   */
  backward(gradOutput?: FeatureInput, options: BackwardOptions = {}): BackwardResult {
    expectOptions("backward", options, ["gradState"]);
    const engine = this.#engine;
    const inputs = this.#lastInput("backward");
    const { gradState } = options;
    if (gradState !== undefined) expectState("gradState", gradState, engine.stateSize(inputs.B));
    if (gradOutput === undefined && !this.#hasLoss) {
      throw new Error("backward: without gradOutput it starts from loss(): call net.loss(loss, targets) before it");
    }
    if (gradOutput !== undefined) {
      const outputs = outputForm(engine, inputs);
      const values = matchTo(readFeatures("gradOutput", gradOutput, outputs.F, outputs.time), outputs);
      expectFinite(values, engine.core);
      engine.enterOutputGradient(values);
    }
    engine.enterStates(gradState, "gradient");
    const wanted = engine.input.kind === "features";
    const dx = engine.backward(wanted);
    const state = new Float32Array(engine.stateSize(inputs.B));
    engine.leaveStates(state, "gradient");
    return { gradInput: wanted ? this.#inputGradient(dx, inputs) : undefined, gradState: state };
  }

  #inputGradient(dx: Pointer, { B, T, F, vector }: Values): Tensor {
    const shape = vector ? [B, F] : [B, T, F];
    const gradient = new Float32Array(sizeOf(shape));
    this.#engine.leaveRows(gradient, dx, this.#engine.rows, F, T);
    return tensor(gradient, shape);
  }

  #lastInput(call: string): Values {
    if (this.#engine.canBackward && this.#input) return this.#input;
    throw new Error(
      `${call}: there is no forward pass to go back through: call forward(input, { training: true }) before it`,
    );
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
    const clipNorm = expectPositive("maxNorm", maxNorm);
    return clipGradients(this.#engine, { clipNorm }, this.#optimizer.steps);
  }

  /** Limits each element of the gradients to ± `limit`. @throws NumericError when a gradient is not finite */
  clipGradValue(limit: number): void {
    const clipValue = expectPositive("limit", limit);
    clipGradients(this.#engine, { clipValue }, this.#optimizer.steps);
  }

  /**
   * One step of an optimizer from the gradients. Its state lives in the network: it goes on from step to step while the type of
   * optimizer stays the same, and starts anew with another.
   */
  step(optimizer: Optimizer, options: StepOptions = {}): void {
    expectOptions("step", options, ["learningRate"]);
    const checked = normalizeOptimizer(optimizer);
    const { learningRate = checked.learningRate } = options;
    this.#optimizer.step(checked, expectNumber("learningRate", learningRate, 0));
  }

  /**
   * Outputs for any number of examples, in batches.
   * @returns [examples, time, outputs], or [examples, outputs] where there is no time; zeros beyond a sequence's length
   */
  predict(inputs: Input, options: PredictOptions = {}): Tensor {
    expectOptions("predict", options, ["lengths", "batchSize", "output"]);
    const { lengths, batchSize = 64 } = options;
    expectInteger("batchSize", batchSize, 1);
    const engine = this.#engine;
    const values = readInputs(engine, inputs, lengths);
    const { F, T } = outputForm(engine, values);
    const output = emptyOutput(engine, values, options.output);
    const order = inOrder(values.B);
    for (let first = 0; first < values.B; first += batchSize) {
      const examples = order.subarray(first, first + batchSize);
      engine.enter(values, "run", { examples, start: 0, steps: values.T });
      engine.enterStates(undefined, "value");
      engine.forward(false);
      const part = output.data.subarray(first * T * F, (first + examples.length) * T * F);
      engine.leaveRows(part, engine.y, engine.outputRows, F, T);
    }
    return output;
  }

  /** Loss, and accuracy where targets are classes, over a data set. @throws TypeError, RangeError on wrong data */
  evaluate(data: TrainingData, options: EvaluateOptions): Evaluation {
    return evaluate(this.#engine, data, options);
  }

  /**
   * Training step by step: each turn of the iterator is one optimizer step.
   * @throws TypeError, RangeError on wrong data or options, before anything is learnt
   */
  train(data: TrainingData, options: TrainOptions): Trainer {
    return new Trainer(this.#engine, this, this.#optimizer, data, options);
  }

  /**
   * Training for a number of epochs; the event loop gets its turns.
   * @returns (rejects with) TypeError, RangeError on wrong data or options, NumericError, or the reason of the abort signal
   */
  fit(data: TrainingData, options: FitOptions): Promise<History> {
    return fit(this.#engine, this, this.#optimizer, data, options);
  }

  /**
   * A stream: one step at a time, the state carried.
   * @throws TypeError when the network cannot go one step at a time: a bidirectional layer needs the end first
   */
  stream(options: StreamOptions = {}): Stream {
    expectOptions("stream", options, ["batch"]);
    const { batch = 1 } = options;
    for (const layer of this.config.layers) {
      if (layer.type === "repeat") throw new TypeError("stream: repeat() makes many steps of one");
      const backwards = "bidirectional" in layer && layer.bidirectional;
      if (backwards) throw new TypeError("stream: a bidirectional layer needs the end first: use forward()");
    }
    return new Stream(this.#engine, expectInteger("batch", batch, 1));
  }

  /**
   * The values of all parameters, one after another in the order of `parameters`: PyTorch's parameters_to_vector. A copy. Set, it
   * is vector_to_parameters: the weights of another network of these layers take the place of this one's, and the optimizer's
   * state stays. TypeError or RangeError when it is set to anything but as many finite numbers; the weights are then as before.
   */
  get parameterVector(): Float32Array {
    return this.#parameterView.slice();
  }

  set parameterVector(values: Float32Array) {
    const view = this.#parameterView;
    expectType(values instanceof Float32Array, "parameterVector", "a Float32Array", values);
    expectRange(values.length === view.length, "parameterVector", `${view.length} numbers`, values);
    if (!this.#engine.core.isFinite(values)) {
      const at = values.findIndex((x) => !Number.isFinite(x));
      throw new RangeError(`"parameterVector" expected finite numbers, got ${values[at]!} at [${at}]`);
    }
    view.set(values);
    this.#engine.valuesChanged();
  }

  /** The values of all parameters as they stand in the core's memory. */
  get #parameterView(): Float32Array {
    const { core, parameters, values } = this.#engine;
    return core.view(
      values,
      parameters.reduce((sum, { size }) => sum + size, 0),
    );
  }

  /** State of the random generator, 64 bytes: dropout and the order of examples depend on it. A copy; may be set. */
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
    return summary(this.#engine, this.config);
  }
}

export interface PredictOptions {
  /** Length of each sequence where the inputs are padded. */
  readonly lengths?: readonly number[] | Int32Array;
  /** Examples that run at a time. Default 64. */
  readonly batchSize?: number;
  /** Where the numbers of the outputs are to stand. Default a new array. */
  readonly output?: Float32Array;
}

export interface StreamOptions {
  /** Sequences side by side. Default 1. */
  readonly batch?: number;
}

/** An output in the form that belongs to inputs, over the caller's array if there is one; zeros where nothing will come. */
function emptyOutput(engine: Engine, inputs: Values, given: Float32Array | undefined): Tensor {
  const { F, time, T } = outputForm(engine, inputs);
  const shape = time === "vector" ? [inputs.B, F] : [inputs.B, T, F];
  const size = sizeOf(shape);
  if (given === undefined) return tensor(new Float32Array(size), shape);
  expectOutput(given, size);
  if (inputs.lengths) given.fill(0);
  return tensor(given, shape);
}

/** A network as the file describes it: what is wrong with the description is the file's fault. */
function fromDescription(file: ModelFile): Network {
  if (file.description === undefined) {
    throw new FormatError("mismatch", "the file has no description of its network: give one as the second argument");
  }
  try {
    return new Network(file.description as NetworkConfig, file);
  } catch (error) {
    // One with a cause is the runtime's, which is out of memory.
    const isWrong = (error instanceof TypeError || error instanceof RangeError) && error.cause === undefined;
    if (!isWrong) throw error;
    throw new FormatError("malformed", `the file's description of the network is wrong: ${error.message}`);
  }
}

function expectState(name: string, state: unknown, size: number): void {
  expectType(state instanceof Float32Array, name, "a Float32Array", state);
  expectRange(state.length === size, name, `${size} numbers, those of Network.states for this batch`, state);
  const at = state.findIndex((x) => !Number.isFinite(x));
  if (at >= 0) throw new RangeError(`"${name}" expected finite numbers, got ${state[at]!} at [${at}]`);
}
