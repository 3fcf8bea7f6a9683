/** Measures memory in a process of its own, started with --expose-gc: `memory.ts fit|ragged|stream|train` prints what it found. */

import {
  adam,
  crossEntropy,
  dense,
  dropout,
  elman,
  embedding,
  gru,
  last,
  lstm,
  meanSquaredError,
  Network,
  type Stream,
} from "../../bindings/index.ts";
import { indices, numbers } from "../support.ts";

let grown = 0;
const prototype = WebAssembly.Memory.prototype;
const grow = Reflect.get<WebAssembly.Memory, "grow">(prototype, "grow");
prototype.grow = function (by) {
  grown++;
  return grow.call(this, by);
};

/** Bytes that are in use after all garbage has gone. */
function used(): number {
  for (let i = 0; i < 4; i++) globalThis.gc!();
  return process.memoryUsage().heapUsed;
}

interface Use {
  readonly heap: number;
  readonly grown: number;
}

/** What a run holds at step 1,000 more than at an early one; a run before it lets the compiler settle. */
async function difference(run: (look: (step: number) => void) => unknown, early: number): Promise<Use> {
  const at: Record<number, Use> = {};
  await run(() => undefined);
  await run((step) => {
    if (step === early || step === 1000) at[step] = { heap: used(), grown };
  });
  return { heap: at[1000]!.heap - at[early]!.heap, grown: at[1000]!.grown - at[early]!.grown };
}

function fit(): Promise<Use> {
  const data = { inputs: indices([40, 4], 20), targets: indices([40, 4], 20, 2) };
  const layers = [embedding(8), lstm(128), dropout(0.1), dense(20)];
  const options = { loss: crossEntropy(), optimizer: adam(), epochs: 100, batchSize: 4, clipNorm: 1 };
  return difference((look) => {
    return new Network({ input: { tokens: 20 }, layers }).fit(data, { ...options, onStep: ({ step }) => look(step) });
  }, 10);
}

/** Sequences that differ in length, so that each batch is planned anew. */
function ragged(): Promise<Use> {
  const layers = [gru(16, { bidirectional: true }), last(), dense(2)];
  const inputs = Array.from({ length: 60 }, (_, b) => numbers([1 + (b % 13), 2], b + 1));
  const data = { inputs, targets: numbers([60, 2]) };
  const options = { loss: meanSquaredError(), optimizer: adam(), epochs: 120, batchSize: 7 };
  return difference((look) => {
    for (const { step } of new Network({ input: { features: 2 }, layers }).train(data, options)) look(step);
  }, 40);
}

/** Bytes allocated by 10,000 steps of each kind of stream, without a collection in between. */
function stream(): object {
  const words = new Network({ input: { tokens: 9 }, layers: [embedding(5), lstm(16, { layers: 2 }), dense(9)] });
  const series = new Network({ input: { features: 3 }, layers: [gru(8), elman(7), dropout(0.5), last(), dense(4)] });
  const token = Int32Array.of(1, 2, 3);
  const x = numbers([3]).data;
  const wide = numbers([9]).data;
  return {
    "a token": allocatedBy(words.stream(), (stream, i) => stream.step(i % 9)),
    "three tokens": allocatedBy(words.stream({ batch: 3 }), (stream) => stream.step(token)),
    "a vector": allocatedBy(series.stream(), (stream) => stream.step(x)),
    "three vectors": allocatedBy(series.stream({ batch: 3 }), (stream) => stream.step(wide)),
  };
}

function allocatedBy(stream: Stream, step: (stream: Stream, i: number) => Float32Array): number {
  return allocated(10_000, (i) => step(stream, i));
}

/** Bytes allocated by a training step, in the order of the data and shuffled. */
function train(): object {
  const layers = [lstm(16), last(), dense(2)];
  const data = { inputs: numbers([64, 5, 4]), targets: numbers([64, 2]) };
  const bytes = (shuffle: boolean) => {
    const net = new Network({ input: { features: 4 }, layers });
    const options = { loss: meanSquaredError(), optimizer: adam(), epochs: Infinity, batchSize: 32, clipNorm: 1 };
    const trainer = net.train(data, { ...options, shuffle });
    return allocated(2000, () => trainer.next().value) / 2000;
  };
  return { "in order": bytes(false), shuffled: bytes(true) };
}

/** The least of several rounds: in the others the compiler was at work. */
function allocated(steps: number, step: (i: number) => object | undefined): number {
  const rounds = Array.from({ length: 24 }, () => {
    used();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < steps; i++) if (!step(i)) throw new Error("there is no result");
    return process.memoryUsage().heapUsed - before;
  });
  return Math.min(...rounds);
}

const modes: Readonly<Record<string, () => unknown>> = { fit, stream, ragged, train };
console.log(JSON.stringify(await modes[process.argv[2] ?? ""]!()));
