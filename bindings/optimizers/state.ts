import type { Pointer } from "../core/core.ts";
import type { Engine, SlotOwner } from "../engine.ts";
import type { Optimizer } from "./optimizer.ts";

/** How many slots an optimizer needs. */
export function slotCount(optimizer: Optimizer): number {
  return optimizer.slots().filter((is) => is).length;
}

/**
 * An optimizer at work on an engine: its slots and how many steps it has taken. Each that takes steps has a state of its own;
 * the engine has room for the slots of one, and those of the others are kept aside until it is their turn.
 */
export class OptimizerState implements SlotOwner {
  readonly #engine: Engine;
  /** Steps taken. */
  steps = 0;
  #kind = "";
  /** For each slot of the type its number among those that are there, or −1. */
  #places: readonly number[] = [];
  #count = 0;
  /** The slots, one after another, while the engine's are another's. */
  #aside: Float32Array = new Float32Array(0);

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Gets ready for an optimizer. The state goes on if the kind and its slots are those of the one before (another learning
   * rate is no other optimizer), and starts anew otherwise.
   */
  use(optimizer: Optimizer): void {
    const needed = optimizer.slots();
    const kind = `${optimizer.type} ${needed.join(" ")}`;
    if (kind === this.#kind) {
      this.#enter();
      return;
    }
    const count = slotCount(optimizer);
    this.#engine.reserveSlots(count);
    let place = 0;
    this.#places = needed.map((is) => (is ? place++ : -1));
    this.#count = count;
    this.#kind = kind;
    this.steps = 0;
    this.#engine.ownSlots(this);
    this.#inPlace.fill(optimizer.initial());
  }

  /** Puts the slots in their place, if another was at work since. */
  #enter(): void {
    if (this.#engine.slotOwner === this) return;
    this.#engine.reserveSlots(this.#count);
    this.#engine.ownSlots(this);
    this.#inPlace.set(this.#aside);
  }

  leaveSlots(): void {
    this.#aside = this.#inPlace.slice();
  }

  /** All slots where the engine has them. */
  get #inPlace(): Float32Array {
    return this.#engine.core.view(this.#engine.slot(0), this.#count * this.#engine.blockSize);
  }

  /** The numbers of each slot, for a file. */
  get slots(): readonly Float32Array[] {
    const { blockSize, slotOwner } = this.#engine;
    const all = slotOwner === this ? this.#inPlace : this.#aside;
    return Array.from({ length: this.#count }, (_, k) => all.subarray(k * blockSize, (k + 1) * blockSize));
  }

  /** Goes on from what a file holds, one list for each slot. */
  restore(optimizer: Optimizer, steps: number, slots: readonly Float32Array[]): void {
    this.use(optimizer);
    this.steps = steps;
    slots.forEach((slot, k) => this.#inPlace.set(slot, k * this.#engine.blockSize));
  }

  /** One step from the gradients. */
  step(optimizer: Optimizer, rate: number): void {
    this.use(optimizer);
    const engine = this.#engine;
    const { values, gradients, blockSize: size } = engine;
    const { weightDecay } = optimizer;
    this.steps++;
    const slots = this.#places.map((place): Pointer => (place < 0 ? 0 : engine.slot(place)));
    optimizer.step(
      { functions: engine.core.functions, values, gradients, size, step: this.steps, rate, weightDecay },
      slots,
    );
    engine.valuesChanged();
  }
}
