/** Accumulated gradients: a step from several batches is the step from one batch of all their examples. */

import { describe, expect, test } from "vitest";
import {
  adam,
  crossEntropy,
  dense,
  dropout,
  gru,
  last,
  lstm,
  meanSquaredError,
  Network,
  sgd,
  type LayerDescription,
  type Loss,
  type TrainingData,
  type TrainOptions,
} from "../bindings/index.ts";
import { distance, numbers, parametersOf, stateOf } from "./support.ts";

const mse = meanSquaredError();
const ragged = [5, 2, 7, 3, 3, 6, 1, 4, 7, 2, 5, 1];
const sequences = ragged.map((T, b) => numbers([T, 2], b + 1));

const cases: [string, readonly LayerDescription[], Loss, TrainingData][] = [
  ["a mean", [gru(5), dense(3)], mse, { inputs: numbers([12, 4, 2]), targets: numbers([12, 4, 3], 2) }],
  [
    "a sum",
    [gru(5), dense(3)],
    meanSquaredError({ reduction: "sum" }),
    { inputs: numbers([12, 4, 2]), targets: numbers([12, 4, 3], 2) },
  ],
  [
    "sequences of unequal length",
    [lstm(4), dense(3)],
    mse,
    { inputs: sequences, targets: ragged.map((T, b) => numbers([T, 3], b + 50)) },
  ],
  [
    "classes of unequal weight, some ignored",
    [lstm(4), last(), dense(3)],
    crossEntropy({ classWeights: [1, 3, 0.5], ignoreIndex: -1 }),
    { inputs: sequences, targets: [0, 1, -1, -1, 2, 1, -1, 0, 2, 2, 1, 0] },
  ],
];

describe.each(cases)("%s", (_, layers, loss, data) => {
  const learningRate = loss.reduction === "sum" ? 0.001 : 0.1;
  const run = (change: Partial<TrainOptions>) => {
    const net = new Network({ input: { features: 2 }, layers });
    const reports = [...net.train(data, { loss, optimizer: sgd({ learningRate }), epochs: 3, ...change })];
    return { reports, parameters: parametersOf(net) };
  };

  test.each([
    [4, 3, 12],
    [2, 2, 4],
    [1, 5, 5],
    [1, 12, 12],
  ])("batches of %d, %d at a time: as batches of %d, within 1e-6", (batchSize, accumulate, together) => {
    const [parts, whole] = [run({ batchSize, accumulate }), run({ batchSize: together })];
    expect(distance(parts.parameters, whole.parameters)).toBeLessThan(1e-6);
    expect(parts.reports.length).toBe(whole.reports.length);
    parts.reports.forEach((report, k) => {
      const { loss, gradientNorm, ...same } = whole.reports[k]!;
      expect(report).toMatchObject(same);
      expect(Math.abs(report.loss - loss) / loss).toBeLessThan(1e-5);
      expect(Math.abs(report.gradientNorm - gradientNorm) / gradientNorm).toBeLessThan(1e-4);
    });
  });
});

const data: TrainingData = { inputs: numbers([10, 7, 2]), targets: numbers([10, 7, 2], 2) };
const make = () => new Network({ input: { features: 2 }, layers: [lstm(3), dense(2)] });

test("accumulate: 1 is as without it, bit for bit", () => {
  const [plain, one] = [make(), make()];
  for (const _ of plain.train(data, { loss: mse, optimizer: adam(), batchSize: 3 }));
  for (const _ of one.train(data, { loss: mse, optimizer: adam(), batchSize: 3, accumulate: 1 }));
  expect(stateOf(one)).toBe(stateOf(plain));
});

test("what is left at the end of an epoch is a step of its own", () => {
  const trainer = make().train(data, { loss: mse, optimizer: adam(), batchSize: 3, accumulate: 3, epochs: 2 });
  expect(trainer.batches).toBe(2);
  expect([...trainer].map(({ epoch, batch, batches }) => [epoch, batch, batches])).toEqual([
    [0, 0, 2],
    [0, 1, 2],
    [1, 0, 2],
    [1, 1, 2],
  ]);
});

test("with truncate the state is carried from batch to batch within a step", () => {
  const net = make();
  const options = { loss: mse, optimizer: sgd({ learningRate: 0 }), batchSize: 5, truncate: 2 };
  const losses = [...net.train(data, options)].map(({ loss }) => loss);
  const parts = [...net.train(data, { ...options, accumulate: 4 })].map(({ loss }) => loss);
  // 4 parts of 2, 2, 2 and 1 steps
  const mean = (from: number) => [2, 2, 2, 1].reduce((sum, steps, k) => sum + (steps * losses[from + k]!) / 7, 0);
  expect(parts.length).toBe(2);
  expect(parts[0]).toBeCloseTo(mean(0), 6);
  expect(parts[1]).toBeCloseTo(mean(4), 6);
});

test("a batch that fails makes no step, and the run goes on from before it", () => {
  const bad = numbers([4, 3, 2]);
  bad.data.fill(3e38, 18);
  const targets = numbers([4, 3, 2], 2);
  targets.data.fill(-3e38, 18);
  const net = new Network({ input: { features: 2 }, layers: [lstm(3), dense(2)] });
  const options = { loss: mse, optimizer: sgd(), batchSize: 1, accumulate: 4, shuffle: false };
  const trainer = net.train({ inputs: bad, targets }, options);
  const before = stateOf(net);
  expect(() => trainer.next()).toThrow(/is not finite at step 1/);
  expect(stateOf(net)).toBe(before);
  expect(trainer.progress.batch).toBe(0);
});

test("dropout draws a mask for each batch, and the seed fixes them", () => {
  const run = (seed: number) => {
    const net = new Network({ input: { features: 2 }, layers: [dropout(0.5), dense(2)], seed });
    for (const _ of net.train(data, { loss: mse, optimizer: adam(), batchSize: 2, accumulate: 3, epochs: 3 }));
    return stateOf(net);
  };
  expect(run(1)).toBe(run(1));
  expect(run(1)).not.toBe(run(2));
});
