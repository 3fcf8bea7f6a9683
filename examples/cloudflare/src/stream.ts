import { DurableObject } from "cloudflare:workers";
import { classifier } from "./classifier.ts";

export interface StreamState {
  /** Steps taken. */
  steps: number;
  /** `Stream.snapshot()` after them. */
  snapshot: Uint8Array;
}

const KEY = "state";

/**
 * One stream of readings. Only what is stored counts: each request begins with it, and ends by storing the next state in one
 * piece. There is no `await` in between, so no other request comes between, and one that fails leaves the state before.
 */
export class GestureStream extends DurableObject {
  /** The probabilities after each step, and the steps taken so far. */
  step(readings: number[][]): { steps: number; probabilities: number[][] } {
    const before = this.#state();
    const stream = classifier.stream();
    if (before) stream.restore(before.snapshot);
    const probabilities = readings.map((reading) => Array.from(stream.step(Float32Array.from(reading))));
    const steps = (before?.steps ?? 0) + readings.length;
    this.ctx.storage.kv.put<StreamState>(KEY, { steps, snapshot: stream.snapshot() });
    return { steps, probabilities };
  }

  /** Steps taken so far: what a client that missed an answer wants to know. */
  steps(): number {
    return this.#state()?.steps ?? 0;
  }

  async forget(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  #state(): StreamState | undefined {
    return this.ctx.storage.kv.get<StreamState>(KEY);
  }
}
