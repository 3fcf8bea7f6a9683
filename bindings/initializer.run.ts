/** In place of initializer.ts where networks only run: their weights come from a file, and are zeros until then. */

import type { Initializer } from "./initializer.ts";

const unused: Initializer = Object.freeze({ type: "constant", value: 0 });

export const normal = (): Initializer => unused;
export const fanInUniform = (): Initializer => unused;
export const fanOutUniform = (): Initializer => unused;

export function optionalInitializer(_name: string, value: Initializer | undefined): Initializer | undefined {
  return value;
}

export function initialize(): void {
  // The memory is zeros.
}
