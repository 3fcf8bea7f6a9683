/** What the tests of the public functions share: data that are the same everywhere, and networks to compare. */

import { createHash } from "node:crypto";
import { expect } from "vitest";
import { tensor, type Network, type Tensor } from "../bindings/index.ts";

/** A generator of its own, so that data do not depend on the code under test: Lehmer's, in [0, 1). */
export function lehmer(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state - 1) / 2147483646;
  };
}

/** Numbers in [−1, 1) in a shape. */
export function numbers(shape: readonly number[], seed = 1): Tensor {
  const random = lehmer(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, () => 2 * random() - 1),
    shape,
  );
}

/** Integers from 0 to limit − 1 in a shape. */
export function indices(shape: readonly number[], limit: number, seed = 1): Tensor<Int32Array> {
  const random = lehmer(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Int32Array.from({ length: size }, () => Math.floor(limit * random())),
    shape,
  );
}

/** All parameters, one after another. */
export function parametersOf(net: Pick<Network, "parameters">): Float32Array {
  return Float32Array.from(net.parameters.flatMap(({ value }) => [...value]));
}

/** All gradients, one after another. */
export function gradientsOf(net: Pick<Network, "parameters">): Float32Array {
  return Float32Array.from(net.parameters.flatMap(({ gradient }) => [...gradient]));
}

/** A hash: equal for equal bits, and short when a test shows it. */
export function bitsOf(data: Float32Array | Uint8Array | Int32Array): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}

/** All that a network has learnt and will draw, as a hash. */
export function stateOf(net: Network): string {
  return bitsOf(parametersOf(net)) + bitsOf(net.randomState);
}

/** The largest distance of two arrays. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a, (x, i) => Math.abs(x - b[i]!)).reduce((max, d) => (d <= max ? max : d), 0); // a NaN stays
}

/** Sequence b of a batch without its padding, as a batch of one. */
export function only({ data, shape }: Tensor, b: number, length = shape[1]!): Tensor {
  const [, T = 1, F = 1] = shape;
  return tensor(data.slice(b * T * F, b * T * F + length * F), [1, length, F]);
}

export type Kind = new (...args: never[]) => Error;

/** The error of a call: of exactly this class, its text like this; one that JavaScript itself throws is none of ours. */
export function expectError(error: unknown, kind: Kind, text: RegExp): void {
  expect(error).toBeInstanceOf(kind);
  const { message, constructor } = error as Error;
  expect(constructor).toBe(kind);
  expect(message).toMatch(text);
  expect(message).not.toMatch(/Cannot (read|destructure|convert)|is not (a function|iterable)|call stack|undefined \(/);
  expect(message.length).toBeLessThan(400);
}

/** What a call throws or rejects with. */
export async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Calls, and expects it to throw an error of this kind with this text. */
export function expectThrown(call: () => unknown, kind: Kind, text: RegExp): void {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expectError(error, kind, text);
}
