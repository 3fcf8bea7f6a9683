/** Averaged weights: the mean is that of the parameters as they were, and fit validates with it and ends with it. */

import { describe, expect, test } from "vitest";
import {
  adam,
  adagrad,
  dense,
  gru,
  meanSquaredError,
  Network,
  sgd,
  type Averaging,
  type FitOptions,
  type TrainingData,
} from "../bindings/index.ts";
import { bitsOf, distance, numbers, parametersOf, stateOf } from "./support.ts";

const mse = meanSquaredError();
const data: TrainingData = { inputs: numbers([8, 4, 2]), targets: numbers([8, 4, 2], 2) };
const validation: TrainingData = { inputs: numbers([6, 4, 2], 50), targets: numbers([6, 4, 2], 51) };
const make = (seed = 0) => new Network({ input: { features: 2 }, layers: [gru(3), dense(2)], seed });
const options: FitOptions = { loss: mse, optimizer: adam({ learningRate: 0.05 }), epochs: 5, batchSize: 3 };

/** Parameters after each step of a run without averaging, which averaging does not change; 3 steps an epoch. */
function history(): Float64Array[] {
  const net = make();
  return Array.from(net.train(data, options), () => Float64Array.from(parametersOf(net)));
}

const means: [string, Averaging, (all: Float64Array[]) => Float64Array][] = [
  ["a moving average", { decay: 0.9 }, (all) => all.reduce((mean, now) => mean.map((m, k) => 0.9 * m + 0.1 * now[k]!))],
  ["a moving average without memory", { decay: 0 }, (all) => all.at(-1)],
  ["the mean from epoch 0 on", { from: 0 }, (all) => meanOf([2, 5, 8, 11, 14].map((step) => all[step]!))],
  ["the mean from epoch 3 on", { from: 3 }, (all) => meanOf([11, 14].map((step) => all[step]!))],
  ["the mean of the last epoch", { from: 4 }, (all) => all.at(-1)],
];

function meanOf(all: readonly Float64Array[]): Float64Array {
  return all[0]!.map((_, k) => all.reduce((sum, one) => sum + one[k]!, 0) / all.length);
}

describe.each(means)("%s", (_, averaging, meanOf) => {
  test("by useAverage, within 1e-6; the run itself is as without", () => {
    const net = make();
    const all = history();
    const trainer = net.train(data, { ...options, averaging });
    for (const { step } of trainer) {
      expect(distance(parametersOf(net), all[step - 1]!)).toBe(0);
    }
    expect(trainer.hasAverage).toBe(true);
    trainer.useAverage();
    expect(distance(parametersOf(net), meanOf(all))).toBeLessThan(1e-6);
    const copy = make();
    copy.parameters.forEach((parameter, k) => parameter.set(net.parameters[k]!.value));
    expect(net.predict(data.inputs)).toEqual(copy.predict(data.inputs));
  });

  test("fit ends with it", async () => {
    const net = make();
    await net.fit(data, { ...options, averaging });
    expect(distance(parametersOf(net), meanOf(history()))).toBeLessThan(1e-6);
  });
});

test("the slots of an optimizer that do not begin with 0 are not the mean's", () => {
  const net = make();
  const optimizer = adagrad({ learningRate: 0, initialAccumulator: 5 });
  const before = parametersOf(net);
  const trainer = net.train(data, { ...options, optimizer, averaging: { decay: 0.5 } });
  trainer.next();
  trainer.useAverage();
  expect(distance(parametersOf(net), before)).toBe(0);
});

test("fit validates with the mean, and goes on with the parameters themselves", async () => {
  const [net, plain] = [make(), make()];
  const all = history();
  const losses: number[] = [];
  const { validationLoss } = await net.fit(data, {
    ...options,
    validation,
    averaging: { from: 2 },
    onEpoch: ({ epoch }) => {
      expect(distance(parametersOf(net), all[3 * epoch + 2]!)).toBe(0);
      const ends = [2, 5, 8, 11, 14].slice(epoch < 2 ? epoch : 2, epoch + 1).map((step) => all[step]!);
      let at = 0;
      const mean = meanOf(ends);
      for (const parameter of plain.parameters) parameter.set(mean.subarray(at, (at += parameter.value.length)));
      losses.push(plain.evaluate(validation, { loss: mse }).loss);
    },
  });
  expect(distance(validationLoss, losses)).toBeLessThan(1e-6);
  expect(new Set(validationLoss).size).toBe(5);
});

test("early stopping puts the mean of the best epoch back", async () => {
  const net = make();
  const more = { validation, averaging: { decay: 0.8 }, earlyStopping: { patience: 3 }, epochs: 80 };
  const { validationLoss, bestEpoch, stoppedEarly } = await net.fit(data, { ...options, ...more });
  expect(stoppedEarly).toBe(true);
  expect(bestEpoch).toBe(validationLoss.indexOf(Math.min(...validationLoss)));
  expect(net.evaluate(validation, { loss: mse, batchSize: 3 }).loss).toBe(validationLoss[bestEpoch]);
});

test("the mean finds the middle between which large steps jump: a tenth of the loss", async () => {
  const inputs = numbers([64, 4]);
  const noise = numbers([64, 1], 9);
  const targets = inputs.data.filter((_, k) => k % 4 === 0).map((x, b) => 2 * x + 0.5 * noise.data[b]!);
  const linear = { inputs, targets: Array.from(targets, (y) => [y]) };
  const run = async (averaging?: Averaging) => {
    const net = new Network({ input: { features: 4 }, layers: [dense(1)], seed: 1 });
    const set: FitOptions = { loss: mse, optimizer: sgd({ learningRate: 0.5 }), epochs: 60, batchSize: 2 };
    await net.fit(linear, { ...set, ...(averaging && { averaging }) });
    return net.evaluate(linear, { loss: mse }).loss;
  };
  const best = new Network({ input: { features: 4 }, layers: [dense(1)], seed: 1 });
  await best.fit(linear, { loss: mse, optimizer: sgd({ learningRate: 0.5 }), epochs: 400, batchSize: 64 });
  const least = best.evaluate(linear, { loss: mse }).loss;
  const excess = (await run()) - least;
  expect((await run({ from: 20 })) - least).toBeLessThan(excess / 10);
  expect((await run({ decay: 0.99 })) - least).toBeLessThan(excess / 10);
});

test("useAverage without a mean says what to do", () => {
  const trainer = make().train(data, options);
  trainer.next();
  expect(() => trainer.useAverage()).toThrow(/no average of the parameters: give the option "averaging"/);
  const later = make().train(data, { ...options, averaging: { from: 1 } });
  later.next();
  expect(later.hasAverage).toBe(false);
  expect(() => later.useAverage()).toThrow(/it begins later: train on/);
});

test.each([
  ["a number", 0.9, TypeError, /averaging expected|"averaging" expected an object/],
  ["nothing", {}, TypeError, /"averaging" takes "decay" for a moving average, or "from"/],
  ["both", { decay: 0.9, from: 1 }, TypeError, /"averaging" takes "decay"/],
  ["decay 1", { decay: 1 }, RangeError, /"averaging.decay" expected .* below 1, got 1/],
  ["from −1", { from: -1 }, RangeError, /"averaging.from" expected an integer of at least 0/],
  ["a misspelt option", { start: 1 }, TypeError, /averaging: unknown option "start"/],
])("%s is refused", (_, averaging, kind, text) => {
  const net = make();
  const before = stateOf(net);
  const call = () => net.train(data, { ...options, averaging: averaging as never });
  expect(call).toThrow(kind);
  expect(call).toThrow(text);
  expect(stateOf(net)).toBe(before);
  expect(bitsOf(parametersOf(net))).toBe(bitsOf(parametersOf(make())));
});
