// The same training step by the library and in plain JavaScript, in turn, on this machine.
import { createPair } from "../../bench/pairs.js";
import { summarize } from "../../bench/statistics.js";
import { training } from "../../bench/workloads.js";
import { cells, type CellName } from "./config.ts";
import type { Speed } from "./messages.ts";

const [B, T, I, O] = [16, 32, 16, 16];
const EACH_MS = 1200;

export function measureSpeed(cell: CellName, units: number): Speed {
  const pair = createPair({ ...training(cell, units), B, T, I, O });
  const sides = [pair.unrolled, pair.plain] as const;
  let lossDifference = 0;
  for (let k = 0; k < 20; k++) {
    const [ours, theirs] = [sides[0](), sides[1]()]; // compiled by then
    lossDifference = Math.max(lossDifference, Math.abs(ours - theirs));
  }
  const times: [number[], number[]] = [[], []];
  for (const end = performance.now() + EACH_MS; performance.now() < end;) {
    for (const side of [0, 1] as const) {
      const started = performance.now();
      let steps = 0;
      while (steps === 0 || performance.now() - started < 30) {
        sides[side]();
        steps++;
      }
      times[side].push((performance.now() - started) / steps);
    }
  }
  const [library, plain] = times.map((all) => summarize(all, 1).median) as [number, number];
  const what = `${cells[cell]} of ${units} units, ${B} sequences of ${T} steps: forward, backward, Adam`;
  return { what, library, plain, lossDifference };
}
