/** Elman's own experiments (Finding structure in time, 1990): temporal XOR and letter sequences. */

import { expect, test } from "vitest";
import { adam, dense, elman, meanSquaredError, Network, oneCycle, tensor, type Tensor } from "../../bindings/index.ts";
import { meanOf, prove, trainFor, varianceOf } from "./proof.ts";
import { letterSequence, temporalXor } from "./tasks.ts";

const loss = meanSquaredError();

/** A series (time, features) as one example: each step's target is the next step. */
function nextStep({ data, shape: [T = 0, F = 0] }: Tensor) {
  return {
    inputs: tensor(data.slice(0, -F), [1, T - 1, F]),
    targets: tensor(data.slice(F), [1, T - 1, F]),
  };
}

test("temporal XOR: every third bit is known, the others are not", (context) => {
  const [bits, epochs] = [3_000, 200];
  const data = (seed: number) => nextStep(tensor(temporalXor(bits + 1, seed), [bits + 1, 1]));
  const layers = [elman(8, { activation: "sigmoid" }), dense(1, { activation: "sigmoid" })];
  const net = new Network({ input: { features: 1 }, layers, seed: 1 });
  const optimizer = adam({ learningRate: 0.02 });
  const steps = (epochs * bits) / 30;
  const took = trainFor(steps, net, data(1), {
    ...{ loss, optimizer, schedule: oneCycle({ steps }), truncate: 30, clipNorm: 1 },
  });

  const { inputs, targets } = data(2);
  const outputs = net.predict(inputs).data;
  const errorAt = (place: number) => {
    const at = Array.from(targets.data.keys()).filter((t) => t % 3 === place);
    return meanOf(at.map((t) => (outputs[t]! - targets.data[t]!) ** 2));
  };
  const common = { task: "temporal XOR", model: "Elman 8 (sigmoid)", ...took };
  const baseline = varianceOf(targets.data);
  expect(baseline).toBeCloseTo(0.25, 2);
  const chance = { baseline, baselineOf: "the mean" };
  prove(context, { ...common, ...chance, measure: "MSE, the XOR of two bits", reached: errorAt(1), threshold: { below: 0.02 } }); // prettier-ignore
  const random = Math.min(errorAt(0), errorAt(2));
  prove(context, { ...common, ...chance, measure: "MSE, random bits", reached: random, threshold: { above: 0.24 } });
});

test("letter sequences: the vowels follow from the consonants, which nothing tells", (context) => {
  const make = (seed: number) => {
    const { text, features } = letterSequence(1_000, seed);
    return { text, ...nextStep(features) };
  };
  const { inputs, targets } = make(1);
  const layers = [elman(20, { activation: "sigmoid" }), dense(6, { activation: "sigmoid" })];
  const net = new Network({ input: { features: 6 }, layers, seed: 1 });
  const took = trainFor(7_500, net, { inputs, targets }, {
    ...{ loss, optimizer: adam({ learningRate: 0.01 }), truncate: 20, clipNorm: 1 },
  }); // prettier-ignore

  const unseen = make(2);
  const outputs = net.predict(unseen.inputs).data;
  const places = (letters: string) =>
    Array.from(unseen.text.slice(1)).flatMap((letter, t) => (letters.includes(letter) ? [t] : []));
  const featuresAt = (at: readonly number[], data: Float32Array) => at.map((t) => data.subarray(t * 6, t * 6 + 6));
  const errorAt = (at: readonly number[]) => {
    const actual = featuresAt(at, unseen.targets.data);
    return meanOf(featuresAt(at, outputs).flatMap((row, k) => Array.from(row, (x, f) => (x - actual[k]![f]!) ** 2)));
  };
  /** The error of the mean vector of these letters, which knows what they are like and not which comes. */
  const errorOfMean = (at: readonly number[]) => {
    const rows = featuresAt(at, unseen.targets.data);
    return meanOf([0, 1, 2, 3, 4, 5].map((f) => varianceOf(rows.map((row) => row[f]!))));
  };
  const [vowels, consonants] = [places("aiu"), places("bdg")];
  const common = { task: "letter sequences", model: "Elman 20 (sigmoid)", ...took };
  prove(context, {
    ...{ ...common, measure: "MSE, vowels", reached: errorAt(vowels) },
    ...{ baseline: errorOfMean(vowels), baselineOf: "the mean vowel", threshold: { below: 0.001 } },
  });
  prove(context, {
    ...{ ...common, measure: "MSE, consonants", reached: errorAt(consonants) },
    ...{ baseline: errorOfMean(consonants), baselineOf: "the mean consonant", threshold: { above: 0.07 } },
  });
});
