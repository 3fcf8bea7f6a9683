import { Engine } from "./engine.ts";
import { inOrder } from "./data/batches.ts";
import { outputForm, readInputs } from "./data/dataset.ts";
import { expectOutput, type Input, type Values } from "./data/values.ts";
import { normalizeConfig, type NetworkConfig } from "./config.ts";
import { buildLayers } from "./build.ts";
import { layerTypes } from "./layers/index.ts";
import { FormatError } from "./errors.ts";
import { checkTensor, checkTensors, expectNoMore, fillParameters, readModel, type ModelFile } from "./io/model.ts";
import type { ParameterBlock } from "./layers/layer.ts";
import { whyNotStepwise } from "./layers/stepwise.ts";
import { Parameter } from "./parameter.ts";
import { Stream } from "./stream.ts";
import { sizeOf, tensor, type Tensor } from "./tensor.ts";
import { expectInteger, expectOptions, expectRange, expectType } from "./validate.ts";

export interface RunOptions {
  /** Initial states, flat as `Network.states` lists them. Default zeros, or what `learnInitialState` has learnt. */
  readonly state?: Float32Array;
  /** Length of each sequence where the input is padded. */
  readonly lengths?: readonly number[] | Int32Array;
  /** Where the numbers of the output are to stand. Default a new array. */
  readonly output?: Float32Array;
}

export interface ForwardResult {
  /** [batch, time, outputs], or [batch, outputs] where there is no time; zeros beyond a sequence's length. */
  readonly output: Tensor;
  /** Final states, flat as `Network.states` lists them: each sequence's at its own end. */
  readonly state: Float32Array;
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

/** One state in the flat arrays of states: (batch, units). */
export interface StateInfo {
  /** "lstm.h_l0", "lstm.c_l0" … */
  readonly name: string;
  readonly units: number;
}

/** The parameters of an engine, and the texts beside them in a file. */
export abstract class Parameterized {
  /** All parameters, layer by layer. */
  readonly parameters: readonly Parameter[];
  /** Texts that are kept beside the network in its file: a tokenizer as JSON, a scaler, a note. */
  readonly metadata: Record<string, string> = {};
  readonly #engine: Engine;

  /** @internal */
  constructor(engine: Engine, file: ModelFile | undefined) {
    this.#engine = engine;
    this.parameters = Object.freeze(engine.parameters.map((block) => new Parameter(engine, block)));
    Object.assign(this.metadata, file?.metadata);
  }

  /**
   * Takes over the weights of a safetensors file with the same tensors.
   * @throws FormatError when the file is damaged or does not fit; the weights are then as before
   */
  loadParameters(bytes: Uint8Array | ArrayBuffer): void {
    const file = readModel(bytes);
    checkTensors(this.#engine.tensors, file);
    fillParameters(this.#engine, file);
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
    expectFloats("parameterVector", values, view.length, "as in all parameters");
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

  /** The parameter of a name. @throws RangeError when there is none */
  parameter(name: string): Parameter {
    const found = this.parameters.find((parameter) => parameter.name === name);
    if (found) return found;
    throw new RangeError(
      `there is no parameter "${name}"; there are ${this.parameters.map((one) => one.name).join(", ")}`,
    );
  }
}

/** A network of layers that runs and streams: all of it in `unrolled/run`, and what a Network that learns begins with. */
export class Model extends Parameterized {
  readonly config: Required<NetworkConfig>;
  /** The states in the order of the flat arrays, each (batch, units): of each layer h_l0, h_l0_reverse, h_l1 …, then c. */
  readonly states: readonly StateInfo[];
  readonly #engine: Engine;

  /**
   * Builds a network with random weights.
   * @throws TypeError, RangeError when the layers do not fit together, or for a wrong option
   */
  constructor(config: NetworkConfig);
  /** For `load`: the weights of a file instead. @internal */
  constructor(config: NetworkConfig, file: ModelFile | undefined, engine?: ReturnType<typeof openEngine>);
  constructor(config: NetworkConfig, file?: ModelFile, engine = openEngine(config, file)) {
    super(engine, file);
    this.#engine = engine;
    this.config = engine.config;
    this.states = Object.freeze(engine.states.map(({ name, units }) => Object.freeze({ name, units })));
  }

  /**
   * A network from the bytes of a safetensors file: one that a network has saved, or any other, such as PyTorch's, with a
   * description of the network beside it.
   * @throws FormatError when the file is damaged or does not fit
   */
  static load(bytes: Uint8Array | ArrayBuffer, config?: NetworkConfig): Model {
    return load(bytes, config, (description, file) => new Model(description, file));
  }

  /**
   * Runs a batch.
   * @param input [batch, time, features] numbers or [batch, time] tokens, as the network's `input` says
   * @throws TypeError, RangeError on the wrong kind, shape or value
   */
  forward(input: Input, options: RunOptions = {}): ForwardResult {
    expectOptions("forward", options, ["state", "lengths", "output"]);
    const values = readInputs(this.#engine, input, options.lengths, "input");
    return runForward(this.#engine, values, options, false);
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

  /**
   * A stream: one step at a time, the state carried.
   * @throws TypeError when the network cannot go one step at a time: a bidirectional layer needs the end first
   */
  stream(options: StreamOptions = {}): Stream {
    expectOptions("stream", options, ["batch"]);
    const { batch = 1 } = options;
    const why = whyNotStepwise(this.config.layers);
    if (why !== undefined) throw new TypeError(`stream: ${why}: use forward()`);
    return new Stream(this.#engine, expectInteger("batch", batch, 1));
  }
}

/** An engine with random weights, or with those of a file. */
export function openEngine(config: NetworkConfig, file: ModelFile | undefined): Engine<Required<NetworkConfig>> {
  const checked = normalizeConfig(config);
  return openFrom(file, (check) => new Engine(checked, (own, site) => buildLayers(own, site, layerTypes), check));
}

/** An engine that `make` makes, with the weights of a file if there is one. */
export function openFrom<E extends Engine>(
  file: ModelFile | undefined,
  make: (check?: (parameter: ParameterBlock) => void) => E,
): E {
  if (!file) return make();
  const engine = make((parameter) => checkTensor(parameter, file));
  expectNoMore(engine.tensors, file);
  fillParameters(engine, file);
  return engine;
}

/** A network from a file: what is wrong with the description in it is the file's fault. */
export function load<C extends object, M>(
  bytes: Uint8Array | ArrayBuffer,
  config: C | undefined,
  make: (config: C, file: ModelFile) => M,
): M {
  const file = readModel(bytes);
  if (config !== undefined) return make(config, file);
  if (file.description === undefined) {
    throw new FormatError("mismatch", "the file has no description of its network: give one as the second argument");
  }
  try {
    return make(file.description as C, file);
  } catch (error) {
    // One with a cause is the runtime's, which is out of memory.
    const isWrong = (error instanceof TypeError || error instanceof RangeError) && error.cause === undefined;
    if (!isWrong) throw error;
    throw new FormatError("malformed", `the file's description of the network is wrong: ${error.message}`);
  }
}

/** Runs a batch that was read, from the given states. */
export function runForward(
  engine: Engine,
  values: Values,
  { state, output: given }: RunOptions,
  training: boolean,
): ForwardResult {
  if (state !== undefined) expectState("state", state, engine, values.B);
  const output = emptyOutput(engine, values, given);
  engine.enter(values, training ? "train" : "run");
  engine.enterStates(state, "value");
  engine.forward(training);
  const finalState = new Float32Array(engine.stateSize(values.B));
  engine.leaveStates(finalState, "value");
  const { F, T } = outputForm(engine, values);
  engine.leaveRows(output.data, engine.y, engine.outputRows, F, T);
  return { output, state: finalState };
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

/** @throws TypeError, RangeError when a value is not an array of so many finite numbers */
function expectFloats(name: string, values: unknown, size: number, which: string): void {
  expectType(values instanceof Float32Array, name, "a Float32Array", values);
  expectRange(values.length === size, name, `${size} numbers, ${which}`, values);
  const at = values.findIndex((x) => !Number.isFinite(x));
  if (at >= 0) throw new RangeError(`"${name}" expected finite numbers, got ${values[at]!} at [${at}]`);
}

/** States for a batch of B sequences, flat. */
export function expectState(name: string, state: unknown, engine: Engine, B: number): void {
  expectFloats(name, state, engine.stateSize(B), "those of Network.states for this batch");
}
