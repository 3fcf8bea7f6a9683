/** Trained models of others from their files: ICU's word segmenters and Opus' gate, both in Keras' layout. */

import { describe, expect, test } from "vitest";
import { Network, tensor } from "../bindings/index.ts";
import { json, opusNetwork, segmenterNames, segmenterNetwork, split, type Segmenter } from "./kerasModels.ts";
import { distance } from "./support.ts";

describe("ICU's word segmenters", () => {
  const sentences = segmenterNames.flatMap((name) => {
    const model = json(`icu/${name}.json`) as Segmenter;
    const net = segmenterNetwork(name);
    return model.tests.map((one) => ({ name, net, model, one }));
  });

  test("94 sentences in three models are split as ICU splits them", () => {
    expect(sentences).toHaveLength(94);
    for (const { name, net, model, one } of sentences) expect(split(net, model, one.input), name).toEqual(one.words);
  });

  test.each(["f16", "i8"] as const)("%s: how many of them are split the same throughout", (dtype) => {
    const small = new Map(sentences.map(({ net }) => [net, Network.load(net.save({ dtype }))]));
    const right = sentences.filter(({ net, model, one }) => {
      return split(small.get(net)!, model, one.input).join("|") === one.words.join("|");
    });
    expect(right).toHaveLength(dtype === "f16" ? 94 : 83); // docs/formats.md says so
  });
});

test("Opus' gate for speech and music gives its vectors", () => {
  const { features, output } = json("opus/opus-vectors.json") as { features: number[][]; output: number[][] };
  const net = opusNetwork();
  const whole = net.forward(tensor(Float32Array.from(features.flat()), [1, features.length, 25])).output;
  expect(distance(whole.data, output.flat())).toBeLessThan(2e-6);
  const stream = net.stream();
  const steps = features.flatMap((step) => [...stream.step(Float32Array.from(step))]);
  expect(distance(steps, output.flat())).toBeLessThan(2e-6);
});
