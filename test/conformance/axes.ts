/** Axes of tensors moved about, and the way between a tensor of the file and one of the library. */

import type { Network } from "../../bindings/index.ts";
import type { GoldenTensor } from "../golden.ts";
import type { Case, Library } from "./case.ts";

export function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/** The axis `from` (below 0: from the end) becomes the axis `to`, the others stay in their order. */
export function moveAxis({ data, shape }: GoldenTensor, from: number, to: number): GoldenTensor {
  const rank = shape.length;
  const source = (from + rank) % rank;
  const axes = shape.map((_, axis) => axis).filter((axis) => axis !== source);
  axes.splice((to + rank) % rank, 0, source);
  const strides = shape.map((_, axis) => product(shape.slice(axis + 1)));
  const moved = axes.map((axis) => shape[axis]!);
  const at = (k: number): number => {
    let offset = 0;
    for (let rest = k, i = rank - 1; i >= 0; i--) {
      offset += (rest % moved[i]!) * strides[axes[i]!]!;
      rest = Math.floor(rest / moved[i]!);
    }
    return offset;
  };
  return { data: data.map((_, k) => data[at(k)]!), shape: moved };
}

/** The last axis as features: (…, F) to (rows, F), a vector to one row. */
export function asRows({ data, shape }: GoldenTensor): GoldenTensor {
  const F = shape.at(-1) ?? 1;
  return { data, shape: [data.length / F, F] };
}

export function toTensor(library: Library, { data, shape }: GoldenTensor) {
  return library.tensor(Float32Array.from(data), shape);
}

export function toIndices(library: Library, { data, shape }: GoldenTensor) {
  return library.tensor(Int32Array.from(data), shape);
}

/** Sets all parameters of a network from tensors; `find` gives the one for a name. */
export function setParameters(net: Network, find: (name: string) => GoldenTensor): void {
  for (const parameter of net.parameters) {
    const { data, shape } = find(parameter.name);
    if (shape.join() !== parameter.shape.join()) {
      throw new Error(
        `${parameter.name}: the file has shape [${shape.join()}], the network [${parameter.shape.join()}]`,
      );
    }
    parameter.set(data);
  }
}

/** Compares the gradients of all parameters; `roleOf` gives the role of a parameter's name. */
export function compareGradients(c: Case, net: Network, roleOf: (name: string) => string = (name) => name): void {
  for (const { name, gradient } of net.parameters) c.compareIfAny(`grad.${roleOf(name)}`, gradient);
}
