import { clipGradients } from "./clip.ts";
import type { Pointer } from "./core/core.ts";
import type { NetworkConfig } from "./config.ts";
import { outputForm, readDataset, readGoal, readInputs, type TrainingData } from "./data/dataset.ts";
import { expectFinite, matchTo, readFeatures, type FeatureInput, type Input, type Values } from "./data/values.ts";
import type { Weights } from "./data/weights.ts";
import type { Engine } from "./engine.ts";
import { evaluate, type EvaluateOptions, type Evaluation } from "./evaluate.ts";
import { fit, type FitOptions, type History } from "./fit.ts";
import type { Inspected } from "./inspect/inspected.ts";
import { inputText, summary } from "./inspect/summary.ts";
import { expectStorage, type SaveOptions } from "./io/compact.ts";
import { writeModel, type ModelFile } from "./io/model.ts";
import { expectLoss, type Loss, type Targets } from "./losses/loss.ts";
import { expectState, load, Model, openEngine, runForward, type ForwardResult, type RunOptions } from "./model.ts";
import { Parameter, type NetworkBuffer } from "./parameter.ts";
import { wholeBlock } from "./optimizers/groups.ts";
import { expectOptimizer, type Optimizer } from "./optimizers/optimizer.ts";
import { OptimizerState } from "./optimizers/state.ts";
import { sizeOf, tensor, type Tensor } from "./tensor.ts";
import { Trainer } from "./train.ts";
import type { TrainOptions } from "./trainOptions.ts";
import { expectBoolean, expectNumber, expectOptions, expectPositive, expectRange, expectType } from "./validate.ts";

export interface ForwardOptions extends RunOptions {
  /** Keep what backward needs, let dropout act, and let batchNorm() take the batch's own statistics. Default false. */
  readonly training?: boolean;
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

export interface LossOptions {
  /** How often each term counts, as `TrainingData.weights`. Default all 1. */
  readonly weights?: Weights;
}

export interface StepOptions {
  /** Instead of the optimizer's. */
  readonly learningRate?: number;
}

/** A network of layers: it runs, learns, streams and is saved. All calls but `fit` are synchronous. */
export class Network extends Model {
  /** What layers keep beside their parameters and no optimizer changes, as PyTorch's buffers: running means and variances. */
  readonly buffers: readonly NetworkBuffer[];
  readonly #engine: Engine;
  readonly #optimizer: OptimizerState;
  /** The input of the last forward pass. */
  #input: Values | undefined;
  /** The engine holds the gradient of a loss of that forward pass. */
  #hasLoss = false;

  /**
   * Builds a network with random weights.
   * @throws TypeError, RangeError when the layers do not fit together, or for a wrong option
   */
  constructor(config: NetworkConfig);
  /** For `load`: the weights of a file instead. @internal */
  constructor(config: NetworkConfig, file: ModelFile);
  constructor(config: NetworkConfig, file?: ModelFile) {
    const engine = openEngine(config, file);
    super(config, file, engine);
    this.#engine = engine;
    const buffers = engine.tensors.filter(({ buffer }) => buffer);
    this.buffers = Object.freeze(buffers.map((block) => new Parameter(engine, block)));
    this.#optimizer = new OptimizerState(engine);
  }

  /**
   * A network from the bytes of a safetensors file: one of `save`, or any other, such as PyTorch's, with a description of the
   * network beside it.
   * @throws FormatError when the file is damaged or does not fit
   */
  static override load(bytes: Uint8Array | ArrayBuffer, config?: NetworkConfig): Network {
    return load(bytes, config, (description, file) => new Network(description, file));
  }

  /**
   * The network as the bytes of a safetensors file with PyTorch's names and shapes, the description in its metadata.
   * @throws RangeError when a number is beyond what the `dtype` holds
   */
  save(options: SaveOptions = {}): Uint8Array<ArrayBuffer> {
    return writeModel(this.#engine, this, undefined, expectStorage(options));
  }

  /**
   * Runs a batch.
   * @param input [batch, time, features] numbers or [batch, time] tokens, as the network's `input` says
   * @throws TypeError, RangeError on the wrong kind, shape or value
   */
  override forward(input: Input, options: ForwardOptions = {}): ForwardResult {
    expectOptions("forward", options, ["state", "lengths", "training", "output"]);
    const { training = false } = options;
    const values = readInputs(this.#engine, input, options.lengths, "input");
    const result = runForward(this.#engine, values, options, expectBoolean("training", training));
    if (training) this.#engine.updateBuffers();
    this.#input = values;
    this.#hasLoss = false;
    return result;
  }

  /**
   * Loss of the last forward pass with `training: true`, whose gradient `backward()` without an argument then starts from.
   * @throws Error when there is none, TypeError, RangeError on wrong targets
   */
  loss(loss: Loss, targets: Targets, options: LossOptions = {}): number {
    expectOptions("loss", options, ["weights"]);
    const engine = this.#engine;
    const checked = expectLoss(loss);
    const inputs = this.#lastInput("loss");
    const goal = readGoal(engine, checked, outputForm(engine, inputs), targets, options.weights);
    const { value } = checked.run(engine, goal);
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
    if (gradState !== undefined) expectState("gradState", gradState, engine, inputs.B);
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
   * optimizer stays the same, and starts anew with another. `train` and `fit` have a state of their own.
   */
  step(optimizer: Optimizer, options: StepOptions = {}): void {
    expectOptions("step", options, ["learningRate"]);
    const checked = expectOptimizer(optimizer);
    const { learningRate = checked.learningRate } = options;
    const rate = expectNumber("learningRate", learningRate, 0);
    this.#optimizer.step(checked, [wholeBlock(this.#engine)], () => rate);
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
    return new Trainer(this.#engine, this, data, options);
  }

  /**
   * Training for a number of epochs; the event loop gets its turns.
   * @returns (rejects with) TypeError, RangeError on wrong data or options, NumericError, or the reason of the abort signal
   */
  fit(data: TrainingData, options: FitOptions): Promise<History> {
    return fit(this.#engine, this, data, options);
  }

  /** For gradientFlow and traceStates. @internal */
  inspect(): Inspected {
    const engine = this.#engine;
    return { engine, layers: this.config.layers, read: (loss, data) => readDataset(engine, loss, data) };
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
    return summary(this.#engine, inputText(this.config.input));
  }
}
