/** Makes networks until there is no memory for another, lets go of them and makes as many again: prints what it found. */

import { dense, lstm, Network } from "../../bindings/index.ts";

const make = (seed: number) => new Network({ input: { features: 2 }, layers: [lstm(4), dense(1)], seed });

function fill(): { networks: number; error: unknown; stillRuns: boolean } {
  const kept: Network[] = [];
  try {
    for (;;) kept.push(make(kept.length));
  } catch (error) {
    const output = kept[0]?.predict([[[1, 2]]]).data;
    return { networks: kept.length, error, stillRuns: output?.every(Number.isFinite) ?? false };
  }
}

const { networks, error, stillRuns } = fill();
let later = 0;
while (later < 2 * networks) later += make(later).parameters.length > 0 ? 1 : 0;
const { name, message, cause } = error as Error;
console.log(JSON.stringify({ networks, name, message, cause: String(cause), stillRuns, later }));
