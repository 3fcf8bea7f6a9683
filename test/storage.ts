/** What float16 and int8 cost, on trained models: npm run storage. */

import { Network } from "../bindings/index.ts";
import { json, opusNetwork, segmenterNames, segmenterNetwork, split, type Segmenter } from "./kerasModels.ts";

const segmenters = segmenterNames.map((name) => ({
  net: segmenterNetwork(name),
  model: json(`icu/${name}.json`) as Segmenter,
}));
const opus = opusNetwork();
const { features } = json("opus/opus-vectors.json") as { features: number[][] };
const opusOutput = (net: Network) => net.forward([features]).output.data;

const largest = (a: Float32Array, b: Float32Array) => a.reduce((max, x, i) => Math.max(max, Math.abs(x - b[i]!)), 0);

for (const dtype of ["f16", "i8"] as const) {
  const small = (net: Network) => Network.load(net.save({ dtype }));
  const share = (net: Network) => (100 * net.save({ dtype }).length) / net.save().length;
  const weights = [...segmenters.map(({ net }) => net), opus].map((net) =>
    largest(small(net).parameterVector, net.parameterVector),
  );
  const sentences = segmenters.flatMap(({ net, model }) => {
    const copy = small(net);
    return model.tests.map((one) => split(copy, model, one.input).join("|") === one.words.join("|"));
  });
  const right = sentences.filter(Boolean).length;
  console.log(
    `${dtype}: files of ${segmenters.map(({ net }) => share(net).toFixed(0)).join(", ")} and ${share(opus).toFixed(0)} %`,
  );
  console.log(`  weights off by at most ${weights.map((x) => x.toExponential(1)).join(", ")}`);
  console.log(`  ICU: ${right} of ${sentences.length} sentences split the same throughout`);
  console.log(`  Opus: outputs off by at most ${largest(opusOutput(small(opus)), opusOutput(opus)).toExponential(1)}`);
}
