import { padded, type Core } from "../core/core.ts";
import type { StateBuffer } from "./layer.ts";

/** Where B sequences start that are given no state, flat as Network.states lists them; undefined where none of it is learnt. */
export function initialStates(core: Core, states: readonly StateBuffer[], B: number): Float32Array | undefined {
  if (states.every(({ initial }) => !initial)) return undefined;
  const flat = new Float32Array(states.reduce((sum, { units }) => sum + B * units, 0));
  let at = 0;
  for (const { units, initial } of states) {
    for (let b = 0; b < B; b++, at += units) if (initial) flat.set(core.view(initial.value, units), at);
  }
  return flat;
}

/** Adds the gradients by states that began so: of each parameter the sum over the sequences. */
export function initialStatesBackward(core: Core, states: readonly StateBuffer[], B: number): void {
  for (const { units, initial, gradient } of states) {
    if (initial) core.functions.columnSum(initial.gradient, gradient, padded(units), B, units);
  }
}
