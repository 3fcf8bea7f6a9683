// What the library gives in Node, for the tests that run in workerd to compare with, bit for bit.
import { readFileSync } from "node:fs";
import { activation, adam, crossEntropy, dense, gru, last, Network } from "unrolled";
import type { TestProject } from "vitest/node";
import { gestures, type Example } from "../../gestures.js";

export interface Reference {
  /** Probabilities of the labels for each gesture. */
  predicted: number[][];
  /** Of the first gesture: the probabilities after each step, and the snapshot at its end. */
  streamed: number[][];
  snapshot: number[];
  /** Ten steps of training. */
  learnt: Learnt;
  /** Ten steps, and three with other examples. */
  relearnt: Learnt;
}

export interface Learnt {
  loss: number;
  checkpoint: number[];
  /** Probabilities of the labels for each gesture afterwards. */
  predicted: number[][];
}

declare module "vitest" {
  interface ProvidedContext {
    reference: Reference;
  }
}

const file = readFileSync(new URL("../../model/gestures.safetensors", import.meta.url));

const examples = gestures(24, 3);
const others = gestures(8, 4);

function classifierOf(bytes: Uint8Array): Network {
  return Network.load(bytes, {
    input: { features: 3 },
    layers: [gru(16, { name: "gru" }), last(), dense(4, { name: "dense" }), activation("softmax")],
  });
}

function predict(bytes: Uint8Array): number[][] {
  const { data } = classifierOf(bytes).predict(examples.map(({ sequence }) => sequence));
  return examples.map((_, i) => [...data.subarray(i * 4, i * 4 + 4)]);
}

function learn(start: Uint8Array, from: Example[], steps: number): Learnt {
  const trainer = Network.load(start).train(
    { inputs: from.map(({ sequence }) => sequence), targets: from.map(({ label }) => label) },
    { loss: crossEntropy(), optimizer: adam({ learningRate: 0.01 }), epochs: 100, batchSize: 16, clipNorm: 1 },
  );
  let loss = NaN;
  for (let i = 0; i < steps; i++) loss = trainer.next().value!.loss;
  const checkpoint = trainer.checkpoint();
  return { loss, checkpoint: [...checkpoint], predicted: predict(checkpoint) };
}

export default function setup(project: TestProject): void {
  const stream = classifierOf(file).stream();
  const streamed = examples[0]!.sequence.map((reading) => [...stream.step(Float32Array.from(reading))]);
  const learnt = learn(file, examples, 10);
  project.provide("reference", {
    predicted: predict(file),
    streamed,
    snapshot: [...stream.snapshot()],
    learnt,
    relearnt: learn(Uint8Array.from(learnt.checkpoint), others, 3),
  });
}
