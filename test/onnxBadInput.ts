/** What the fast and the slow test of damaged ONNX files share. */

import fc from "fast-check";
import { expect } from "vitest";
import { FormatError } from "../bindings/index.ts";
import { readOnnx } from "../bindings/onnx.ts";
import { mutateBytes, mutateFields, type Draw } from "./onnxMutations.ts";

/** Reads a damaged file: a network of finite weights comes out, or a FormatError with a message of reasonable length. */
export function readDamaged(bytes: Uint8Array): void {
  try {
    const { network } = readOnnx(bytes);
    for (const { value } of network.parameters) expect(value.every(Number.isFinite)).toBe(true);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    expect(error.message).toMatch(/^onnx: /);
    expect(error.message.length).toBeLessThan(600);
  }
}

/** Reads so many mutations of these files; which ones follows from the seed. */
export function readMutations(files: readonly Uint8Array[], count: number, seed: number): void {
  const property = fc.property(fc.constantFrom(...files), fc.constantFrom(...files), fc.gen(), (bytes, other, g) => {
    const draw: Draw = (n) => g(fc.nat, { max: n - 1 });
    readDamaged(draw(2) === 0 ? mutateFields(bytes, draw) : mutateBytes(bytes, other, draw));
  });
  fc.assert(property, { numRuns: count, seed, endOnFailure: true });
  expect(Object.keys(Object.prototype)).toEqual([]);
}
