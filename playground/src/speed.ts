// The same training step by the library and in plain JavaScript, in turn, on this machine.
import { adam, crossEntropy, dense, elman, gru, last, lstm, Network, Random, tensor } from "unrolled";
import { RecurrentClassifier } from "../../bench/plain/recurrentClassifier.js";
import { cells, type CellName } from "./config.ts";
import type { Speed } from "./messages.ts";

const layers = { elman, gru, lstm };
const [B, T, I, O] = [16, 32, 16, 16];
const RATE = 0.001;
const EACH_MS = 1200;

export function measureSpeed(cell: CellName, units: number): Speed {
  const net = new Network({ input: { features: I }, layers: [layers[cell](units), last(), dense(O)], seed: 1 });
  const plain = new RecurrentClassifier({
    ...{ cell, last: true, batch: B, time: T, inputs: I, hidden: units, outputs: O },
  });
  for (const [name, values] of Object.entries(plain.parameters)) values.set(net.parameter(name).value);
  const random = new Random(1);
  const x = Float32Array.from({ length: B * T * I }, () => random.uniform(-1, 1));
  const y = Int32Array.from({ length: B }, () => random.integer(O));
  const trainer = net.train(
    { inputs: tensor(x, [B, T, I]), targets: tensor(y, [B]) },
    {
      ...{ loss: crossEntropy(), optimizer: adam({ learningRate: RATE }), epochs: Infinity, batchSize: B },
      shuffle: false,
    },
  );
  const sides = [() => trainer.next().value!.loss, () => plain.step(x, y, RATE)] as const;
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
  const median = (all: number[]) => all.sort((a, b) => a - b)[all.length >> 1]!;
  const what = `${cells[cell]} of ${units} units, ${B} sequences of ${T} steps: forward, backward, Adam`;
  return { what, library: median(times[0]), plain: median(times[1]), lossDifference };
}
