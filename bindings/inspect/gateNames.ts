import type { LayerDescription } from "../layers/index.ts";
import type { Layer, Recurrence } from "../layers/layer.ts";

/** Of the recurrent layers, by type of layer and number of gates. */
export const gateNames: Readonly<
  Partial<Record<LayerDescription["type"], Readonly<Record<number, readonly string[]>>>>
> = {
  elman: { 1: ["h"] },
  lstm: { 4: ["i", "f", "g", "o"], 3: ["f", "g", "o"] },
  gru: { 3: ["r", "z", "n"] },
  jordan: { 1: ["y"] },
};

/** The layer's name and, as in those of its parameters, which of a stack and which direction. */
export function nameOf({ name }: Layer, { label }: Recurrence): string {
  return [name, label].filter((part) => part !== "").join(".");
}
