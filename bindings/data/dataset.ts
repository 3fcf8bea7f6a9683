import type { Engine } from "../engine.ts";
import type { Goal, Loss, Targets } from "../losses/loss.ts";
import { expectOptions } from "../validate.ts";
import { readWeights, type Weights } from "./weights.ts";
import {
  expectFinite,
  expectIndices,
  readFeatures,
  readIndices,
  withLengths,
  type Input,
  type OutputForm,
  type Values,
} from "./values.ts";

/** Examples to learn from or to be measured on. */
export interface TrainingData {
  /** [batch, time, features] or [batch, features] numbers, or [batch, time] tokens, as the network's `input` says. */
  readonly inputs: Input;
  /** What should come out; the form depends on the loss. */
  readonly targets: Targets;
  /** Length of each sequence where `inputs` is padded; a list of sequences needs none. */
  readonly lengths?: readonly number[] | Int32Array;
  /**
   * How often each term of the loss counts, 0 for not at all: [batch], or [batch, time] where the output has time. A mean
   * divides by their sum. Default all 1.
   */
  readonly weights?: Weights;
}

/** Data that have been checked against a network and a loss. */
export interface Dataset extends Goal {
  readonly loss: Loss;
  readonly inputs: Values;
}

/**
 * Checks inputs against what the network takes.
 * @throws TypeError, RangeError with the shape that is expected, or the place of the first bad value
 */
export function readInputs(engine: Engine, inputs: unknown, lengths: unknown, name = "inputs"): Values {
  const { kind, size } = engine.input;
  if (kind === "tokens") {
    const values = withLengths(readIndices(name, inputs, engine.inputTime), lengths);
    expectIndices(values, size);
    return values;
  }
  const values = withLengths(readFeatures(name, inputs, size, engine.inputTime), lengths);
  expectFinite(values, engine.core);
  return values;
}

/** The form of the outputs that belong to inputs. */
export function outputForm(engine: Engine, inputs: Values): OutputForm {
  const { size: F, time, steps } = engine.output;
  if (time === "vector" || (time === "input" && inputs.vector)) {
    return { F, time: "vector", T: 1, lengths: undefined, inputs, core: engine.core };
  }
  const lengths = steps === undefined ? inputs.lengths : undefined;
  return { F, time: "sequence", T: steps ?? inputs.T, lengths, inputs, core: engine.core };
}

export const dataNames = ["inputs", "targets", "lengths", "weights"];

export function readDataset(engine: Engine, loss: Loss, data: TrainingData, name = "data"): Dataset {
  expectOptions(name, data, dataNames);
  const { inputs, targets, lengths, weights } = data;
  const values = readInputs(engine, inputs, lengths);
  return { loss, inputs: values, ...readGoal(engine, loss, outputForm(engine, values), targets, weights) };
}

/** Targets, and weights beside them, for outputs. */
export function readGoal(engine: Engine, loss: Loss, outputs: OutputForm, targets: unknown, weights: unknown): Goal {
  loss.expectEnd(engine.layers.at(-1)!);
  return { targets: loss.read(targets, outputs), weights: readWeights(weights, loss.termForm(outputs)) };
}
