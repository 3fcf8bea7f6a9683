import { activation, dense, gru, last, Network, type NetworkConfig } from "unrolled";
import gestures from "../model/gestures.safetensors";

/** The network of train.js, and a softmax behind it: what is learnt are logits, what is answered are probabilities. */
const config: NetworkConfig = {
  input: { features: 3 },
  layers: [gru(16, { name: "gru" }), last(), dense(4, { name: "dense" }), activation("softmax")],
};

export const trained = new Uint8Array(gestures);

/** The network that came with the Worker. It is never written to, so all requests may share it. */
export const classifier = Network.load(trained, config);

export const labels = JSON.parse(classifier.metadata.labels ?? "[]") as string[];

/** A network of the same form with the weights of a file, such as a checkpoint. */
export const classifierOf = (file: Uint8Array) => Network.load(file, config);

/** For each sequence the probabilities of the labels. */
export function probabilities(network: Network, sequences: number[][][]): number[][] {
  const { data } = network.predict(sequences);
  return sequences.map((_, i) => Array.from(data.subarray(i * labels.length, (i + 1) * labels.length)));
}
