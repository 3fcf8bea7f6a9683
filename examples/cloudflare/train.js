// Trains the model that the Worker starts from, model/gestures.safetensors: the same bytes each time.
import { writeFileSync } from "node:fs";
import { adam, crossEntropy, dense, gru, last, Network } from "unrolled";
import { gestures, labels } from "./gestures.js";

const output = process.argv[2] ?? new URL("model/gestures.safetensors", import.meta.url);

/** @param {import("./gestures.js").Example[]} examples */
const toData = (examples) => ({
  inputs: examples.map(({ sequence }) => sequence),
  targets: examples.map(({ label }) => label),
});

const network = new Network({
  input: { features: 3 },
  layers: [gru(16, { name: "gru" }), last(), dense(labels.length, { name: "dense" })],
  seed: 1,
});
await network.fit(toData(gestures(800, 1)), {
  loss: crossEntropy(),
  optimizer: adam({ learningRate: 0.01 }),
  epochs: 20,
  batchSize: 32,
  clipNorm: 1,
});
const { loss, accuracy = 0 } = network.evaluate(toData(gestures(400, 2)), { loss: crossEntropy() });

network.metadata.labels = JSON.stringify(labels);
const bytes = network.save();
writeFileSync(output, bytes);
console.log(
  `${bytes.length} bytes; of 400 new gestures ${(accuracy * 100).toFixed(1)} % right, loss ${loss.toFixed(3)}`,
);
