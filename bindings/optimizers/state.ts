import type { Pointer } from "../core/core.ts";
import type { Engine, SlotOwner } from "../engine.ts";
import type { Region } from "./groups.ts";
import type { Optimizer, Run } from "./optimizer.ts";

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
  /** Slots behind the optimizer's, which begin with zeros. */
  readonly #further: number;
  /** Steps taken. */
  steps = 0;
  #kind = "";
  /** For each slot of the type its number among those that are there, or −1. */
  #places: readonly number[] = [];
  #count = 0;
  /** The slots, one after another, while the engine's are another's. */
  #aside: Float32Array = new Float32Array(0);

  /** @param further slots for the caller, behind the optimizer's; they begin with zeros */
  constructor(engine: Engine, further = 0) {
    this.#engine = engine;
    this.#further = further;
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
    const own = slotCount(optimizer);
    const count = own + this.#further;
    this.#engine.reserveSlots(count);
    let place = 0;
    this.#places = needed.map((is) => (is ? place++ : -1));
    this.#count = count;
    this.#kind = kind;
    this.steps = 0;
    this.#own();
    const end = own * this.#engine.blockSize;
    this.#inPlace.fill(optimizer.initial(), 0, end).fill(0, end);
  }

  /** Address of the last of the further slots, while the slots are in place. */
  get last(): Pointer {
    return this.#engine.slot(this.#count - 1);
  }

  /** Puts the slots in their place, if another was at work since. */
  #enter(): void {
    if (this.#engine.slotOwner === this) return;
    this.#engine.reserveSlots(this.#count);
    this.#own();
    this.#inPlace.set(this.#aside);
  }

  /** Takes the slots over; who had them takes its numbers out. */
  #own(): void {
    const engine = this.#engine;
    if (engine.slotOwner !== this) engine.slotOwner?.leaveSlots();
    engine.slotOwner = this;
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

  /** One step from the gradients of the regions that are not frozen; `rateOf` gives the learning rate of each. */
  step(optimizer: Optimizer, regions: readonly Region[], rateOf: (region: Region) => number): void {
    this.use(optimizer);
    this.steps++;
    for (const region of regions) if (!region.frozen) this.#stepRegion(optimizer, region, rateOf(region));
    this.#engine.valuesChanged();
  }

  #stepRegion(optimizer: Optimizer, { offset, size, weightDecay = optimizer.weightDecay }: Region, rate: number): void {
    const { core, values, gradients } = this.#engine;
    const slots = this.#places.map((place): Pointer => (place < 0 ? 0 : this.#engine.slot(place)));
    const rest = size % 4;
    const run: Run = {
      ...{ functions: core.functions, values: values + offset * 4, gradients: gradients + offset * 4 },
      ...{ size: size - rest, step: this.steps, rate, weightDecay },
    };
    if (run.size > 0) optimizer.step(run, offset === 0 ? slots : slots.map((slot) => slot && slot + offset * 4));
    if (rest > 0) this.#stepRest(optimizer, run, slots, offset + run.size, rest);
  }

  /** The up to three parameters behind the last whole vector: in a vector of their own, beside zeros. */
  #stepRest(optimizer: Optimizer, run: Run, slots: readonly Pointer[], offset: number, rest: number): void {
    const { core, values, gradients } = this.#engine;
    const room = core.functions.visitors.value;
    const blocks = [values, gradients, ...slots];
    const rooms = blocks.map((block, k) => block && room + k * 16);
    core.view(room, blocks.length * 4).fill(0);
    const copy = (to: Pointer, from: Pointer) => core.f32.copyWithin(to >>> 2, from >>> 2, (from >>> 2) + rest);
    blocks.forEach((block, k) => block && copy(rooms[k]!, block + offset * 4));
    const [ownValues = 0, ownGradients = 0, ...ownSlots] = rooms;
    optimizer.step({ ...run, values: ownValues, gradients: ownGradients, size: 4 }, ownSlots);
    blocks.forEach((block, k) => block && copy(block + offset * 4, rooms[k]!));
  }
}
