/** What the tests of agreement with reference.ts share: seeded data, the comparison, and the two sides of a dense layer. */

import { expect } from "vitest";
import { type Parameter, tensor, type Tensor } from "../bindings/index.ts";
import type { Params } from "./reference.ts";
import { lehmer } from "./support.ts";

/** Numbers in [−scale, scale) that float32 holds exactly, so that both sides begin with the same. */
export function randomNumbers(seed: number): (size: number, scale?: number) => Float64Array {
  const next = lehmer(seed);
  return (size, scale = 1) => Float64Array.from({ length: size }, () => Math.fround((2 * next() - 1) * scale));
}

export function toTensor(data: Float64Array, shape: readonly number[]): Tensor {
  return tensor(Float32Array.from(data), shape);
}

/** |got − expected| ≤ tolerance·(1 + |expected|) */
export function expectClose(what: string, got: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void {
  expect(got.length, what).toBe(expected.length);
  let worst = -1;
  let at = 0;
  for (let k = 0; k < expected.length; k++) {
    const error = Math.abs(got[k]! - expected[k]!) / (1 + Math.abs(expected[k]!));
    if (error <= worst) continue;
    worst = error;
    at = k;
    if (Number.isNaN(error)) break;
  }
  if (!(worst <= tolerance)) {
    expect.fail(`${what}[${at}]: got ${got[at]!}, expected ${expected[at]!}, of ${expected.length} numbers`);
  }
}

/** What has parameters. */
interface Net {
  readonly parameters: readonly Parameter[];
}

/** Fills all parameters with seeded numbers and returns them by name. */
export function randomizeParameters(net: Net, random: (size: number, scale?: number) => Float64Array): Params {
  const entries = net.parameters.map((parameter): [string, Float64Array] => {
    const inputs = parameter.shape.at(-1)!;
    const values = random(parameter.value.length, 1 / Math.sqrt(inputs));
    parameter.set(values);
    return [parameter.name, values];
  });
  return Object.fromEntries(entries);
}

/** Those whose names begin with `prefix`, without it. */
export function withoutPrefix(params: Params, prefix: string): Params {
  const own = Object.entries(params).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, values]) => [name.slice(prefix.length), values]));
}

/** Compares the gradients of all parameters. */
export function expectGradients(net: Net, expected: Params): void {
  for (const { name, gradient } of net.parameters) {
    const own = expected[name];
    if (!own) expect.fail(`the reference has no gradient of ${name}`);
    expectClose(`gradient of ${name}`, gradient, own);
  }
}

/** Zero beyond each sequence's length, (B, T, F). */
export function masked(data: Float64Array, T: number, F: number, lengths: readonly number[] | undefined): Float64Array {
  return data.map((v, k) => {
    const [b, t] = [Math.floor(k / (T * F)), Math.floor(k / F) % T];
    return lengths && t >= lengths[b]! ? 0 : v;
  });
}
