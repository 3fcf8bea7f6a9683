/** What the losses share: reading targets, and weights one for each output. */

import { padded, type Pointer } from "../core/core.ts";
import { expectFinite, findValue, matchTo, readFeatures, type OutputForm, type Values } from "../data/values.ts";
import type { Engine } from "../engine.ts";
import { expectNumber, expectRange, expectType } from "../validate.ts";

/** Targets of numbers, by default as many in each row as the output has. */
export function readNumbers(targets: unknown, outputs: OutputForm, F = outputs.F): Values<Float32Array> {
  const values = matchTo(readFeatures("targets", targets, F, outputs.time), outputs);
  expectFinite(values, outputs.core);
  return values;
}

/** Targets of numbers in an interval. */
export function readBetween(targets: unknown, outputs: OutputForm, low: number, high: number): Values<Float32Array> {
  const values = readNumbers(targets, outputs);
  const outside = findValue(values, (x) => x < low || x > high);
  const expected = high === Infinity ? `numbers of at least ${low}` : `numbers from ${low} to ${high}`;
  expectRange(outside === undefined, "targets", expected, outside);
  return values;
}

/** Checks and freezes weights that are an option. */
export function checkWeights(name: string, value: unknown): readonly number[] {
  expectType(Array.isArray(value), name, "an array of numbers", value);
  return Object.freeze(Array.from(value, (weight: unknown, i) => expectNumber(`${name}[${i}]`, weight, 0)));
}

/** Weights, one for each output, into the engine; 0 for none. */
export function enterWeights(engine: Engine, weights: readonly number[] | undefined): Pointer {
  if (!weights) return 0;
  engine.core.view(engine.classWeights, padded(weights.length)).set(weights);
  return engine.classWeights;
}
