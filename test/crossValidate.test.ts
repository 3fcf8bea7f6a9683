import { describe, expect, test, vi } from "vitest";
import {
  adam,
  argmax,
  binaryCrossEntropy,
  confusionMatrix,
  crossEntropy,
  crossValidate,
  dense,
  f1Score,
  gru,
  last,
  meanSquaredError,
  Network,
  rootMeanSquaredError,
  sgd,
  tensor,
  windows,
  type CrossValidationOptions,
  type Tensor,
  type TrainingData,
} from "../bindings/index.ts";
import { errorOf, expectError, lehmer, numbers, stateOf, type Kind } from "./support.ts";

const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);

/** Two clouds, of 20 and of 40 points; [x, y] and the class. */
function clouds(): TrainingData & { readonly inputs: Tensor; readonly targets: number[] } {
  const random = lehmer(4);
  const targets = range(0, 60).map((i) => (i % 3 === 0 ? 0 : 1));
  const at = targets.flatMap((c) => [c * 1.5 - 0.75 + 1.4 * (random() - 0.5), 2 * random() - 1]);
  return { inputs: tensor(Float32Array.from(at), [60, 2]), targets };
}
const makeNetwork = (fold: number) => new Network({ input: { features: 2 }, layers: [dense(2)], seed: fold });
const fit = { loss: crossEntropy(), optimizer: adam({ learningRate: 0.1 }), epochs: 15, batchSize: 8 };

/** What each network was trained on and measured on, by the first feature of each example. */
async function watched(data: TrainingData, options: CrossValidationOptions) {
  const seen: { train: number[]; validation: number[] }[] = [];
  const firstOf = ({ inputs }: TrainingData) => {
    const { data, shape } = inputs as Tensor;
    return range(0, shape[0]!).map((b) => data[(b * data.length) / shape[0]!]!);
  };
  const features = (data.inputs as Tensor).shape.at(-1)!;
  const result = await crossValidate(
    (fold) => {
      const layers = (data.inputs as Tensor).shape.length === 3 ? [gru(2), last(), dense(2)] : [dense(1)];
      const net = new Network({ input: { features }, layers, seed: fold });
      const [train, evaluate] = [vi.spyOn(net, "fit"), vi.spyOn(net, "evaluate")];
      seen.push({
        get train() {
          return firstOf(train.mock.calls[0]![0]);
        },
        get validation() {
          return firstOf(evaluate.mock.calls[0]![0]);
        },
      });
      return net;
    },
    data,
    options,
  );
  return { seen, result };
}

describe("crossValidate", () => {
  test("mean and spread are those of the folds, each of which is what it would be by hand", async () => {
    const data = clouds();
    const { folds, mean, standardDeviation } = await crossValidate(makeNetwork, data, { folds: 4, seed: 2, fit });
    expect(folds).toHaveLength(4);
    const losses = folds.map(({ scores }) => scores.loss);
    const average = losses.reduce((a, b) => a + b, 0) / 4;
    expect(mean.loss).toBeCloseTo(average, 12);
    const variance = losses.reduce((sum, loss) => sum + (loss - average) ** 2, 0) / 3;
    expect(standardDeviation.loss).toBeCloseTo(Math.sqrt(variance), 12);
    expect(standardDeviation.loss).toBeGreaterThan(0);
    expect(mean.accuracy).toBeGreaterThan(0.9);
    for (const { history } of folds) {
      expect(history.loss).toHaveLength(15);
      expect(history.loss[14]).toBeLessThan(history.loss[0]!);
      expect(history.validationLoss).toEqual([]);
    }
    expect(new Set(losses).size).toBe(4);
    const again = await crossValidate(makeNetwork, data, { folds: 4, seed: 2, fit });
    expect(again).toEqual({ folds, mean, standardDeviation });
  });

  test("every example is measured once, by a network that has not seen it", async () => {
    const inputs = tensor(Float32Array.from(range(0, 23)), [23, 1]);
    const options = { folds: 5, fit: { loss: meanSquaredError(), optimizer: sgd({ learningRate: 1e-4 }) } };
    const { seen } = await watched({ inputs, targets: numbers([23, 1]) }, options);
    expect(seen.flatMap(({ validation }) => validation).sort((a, b) => a - b)).toEqual(range(0, 23));
    for (const { train, validation } of seen) {
      expect([...train, ...validation].sort((a, b) => a - b)).toEqual(range(0, 23));
    }
  });

  test("the mean over folds tells what the loss on all that was learnt does not", async () => {
    // Targets are noise: a network that learns them by heart knows nothing of other examples.
    const data = { inputs: numbers([24, 6], 1), targets: numbers([24, 1], 2) };
    const make = (fold: number) =>
      new Network({ input: { features: 6 }, layers: [dense(32, { activation: "tanh" }), dense(1)], seed: fold });
    const options = { loss: meanSquaredError(), optimizer: adam({ learningRate: 0.02 }), epochs: 120 };
    const { mean, folds } = await crossValidate(make, data, { folds: 4, fit: options });
    for (const { history } of folds) expect(history.loss.at(-1)).toBeLessThan(0.05);
    expect(mean.loss).toBeGreaterThan(0.2);
  });

  test("stratified: the targets are the labels, and each fold has their ratio", async () => {
    const data = clouds();
    const counts: number[] = [];
    const measure = (_: Network, { targets }: TrainingData) => {
      const ones = (targets as number[]).filter((c) => c === 0).length;
      counts.push(ones);
      return { rare: ones };
    };
    const { mean, standardDeviation } = await crossValidate(makeNetwork, data, {
      ...{ folds: 5, kind: "stratified" as const, fit, measure },
    });
    expect(counts).toEqual([4, 4, 4, 4, 4]);
    expect([mean.rare, standardDeviation.rare]).toEqual([4, 0]);
    const asTensor = { inputs: data.inputs, targets: tensor(Int32Array.from(data.targets), [60]) };
    const again = await crossValidate(makeNetwork, asTensor, { folds: 5, kind: "stratified", fit });
    expect(again.mean.loss).toBe(mean.loss);
    // Labels of one's own, where the targets are none.
    const spread = { inputs: data.inputs, targets: tensor(Float32Array.from(data.targets), [60, 1]) };
    const one = (fold: number) => new Network({ input: { features: 2 }, layers: [dense(1)], seed: fold });
    const options = { ...fit, loss: binaryCrossEntropy() };
    const result = await crossValidate(one, spread, { kind: "stratified", labels: data.targets, fit: options });
    expect(result.folds).toHaveLength(5);
    expect(result.mean.accuracy).toBeUndefined();
  });

  test("blocked, with the gap of overlapping windows: no step is in training and in validation", async () => {
    const series = Float32Array.from(range(0, 80));
    const [length, horizon] = [4, 2];
    const data = windows(series, { length, horizon });
    const options = { loss: meanSquaredError(), optimizer: sgd({ learningRate: 1e-6 }) };
    for (const forwardChaining of [false, true]) {
      const { seen } = await watched(data, {
        folds: 4,
        kind: "blocked",
        gap: length + horizon - 1,
        forwardChaining,
        fit: options,
      });
      const stepsOf = (starts: number[]) => new Set(starts.flatMap((start) => range(start, start + length + horizon)));
      for (const { train, validation } of seen) {
        const [learnt, measured] = [stepsOf(train), stepsOf(validation)];
        expect([...measured].some((step) => learnt.has(step))).toBe(false);
        if (forwardChaining) expect(Math.max(...learnt)).toBeLessThan(Math.min(...measured));
      }
      const measured = seen.flatMap(({ validation }) => validation);
      expect(measured).toEqual(range(forwardChaining ? 15 : 0, 75));
    }
  });

  test("grouped", async () => {
    const data = clouds();
    const groups = range(0, 60).map((i) => `person ${i % 6}`);
    const inputs = tensor(Float32Array.from(range(0, 60)), [60, 1]);
    const options = { loss: meanSquaredError(), optimizer: sgd({ learningRate: 1e-6 }) };
    const targets = tensor(Float32Array.from(data.targets), [60, 1]);
    const { seen } = await watched({ inputs, targets }, { folds: 3, kind: "grouped", groups, fit: options });
    for (const { train, validation } of seen) {
      const learnt = new Set(train.map((i) => groups[i]));
      expect(validation).toHaveLength(20);
      expect(validation.some((i) => learnt.has(groups[i]))).toBe(false);
    }
  });

  test("own measures on the fold; lists of sequences with lengths of their own", async () => {
    const random = lehmer(8);
    const inputs = range(0, 24).map((i) => Array.from({ length: 2 + (i % 4) }, () => [random() + (i % 2), random()]));
    const data = { inputs, targets: range(0, 24).map((i) => i % 2) };
    const make = (fold: number) =>
      new Network({ input: { features: 2 }, layers: [gru(6), last(), dense(2)], seed: fold });
    const { folds, mean } = await crossValidate(make, data, {
      ...{ folds: 3, kind: "stratified" as const, fit: { ...fit, epochs: 20 } },
      measure: (net, { inputs, targets }) => {
        const output = net.predict(inputs);
        const hot = (targets as number[]).flatMap((c) => [1 - c, c]);
        return {
          f1: f1Score(confusionMatrix(argmax(output), targets as number[], { classes: 2 })),
          error: rootMeanSquaredError(output.data, hot),
        };
      },
    });
    expect(Object.keys(mean)).toEqual(["loss", "accuracy", "f1", "error"]);
    for (const name of ["f1", "error"]) {
      expect(mean[name]).toBeCloseTo(folds.reduce((sum, { scores }) => sum + scores[name]!, 0) / 3, 12);
    }
    expect(mean.f1).toBeGreaterThan(0.8);
  });

  test("a signal stops it", async () => {
    const controller = new AbortController();
    const made: number[] = [];
    const call = crossValidate(
      (fold) => {
        made.push(fold);
        if (fold === 1) controller.abort(new Error("enough"));
        return makeNetwork(fold);
      },
      clouds(),
      { fit: { ...fit, signal: controller.signal } },
    );
    await expect(call).rejects.toThrow("enough");
    expect(made).toEqual([0, 1]);
  });

  const data = clouds();
  const kept = makeNetwork(0);
  const with_ = (options: object, make = makeNetwork) => crossValidate(make, data, { fit, ...options });
  test.each<[string, () => unknown, Kind, RegExp]>([
    ["no function", () => with_({}, kept as never), TypeError, /"makeNetwork" expected a function/],
    [
      "the same network again",
      () => with_({ fit: { ...fit, epochs: 0 } }, () => kept),
      RangeError,
      /"makeNetwork" expected a new network for each fold/,
    ],
    ["no options of fit", () => with_({ fit: undefined }), TypeError, /"fit" expected the options of fit/],
    [
      "a validation",
      () => with_({ fit: { ...fit, validation: data } }),
      RangeError,
      /"fit.validation" expected nothing, because each fold/,
    ],
    [
      "a run to resume",
      () => with_({ fit: { ...fit, resume: new Uint8Array() } }),
      RangeError,
      /"fit.resume" expected nothing/,
    ],
    ["an unknown option", () => with_({ k: 5 }), TypeError, /crossValidate: unknown option "k"/],
    ["an unknown option of fit", () => with_({ fit: { ...fit, epoch: 5 } }), TypeError, /unknown option "epoch"/],
    ["a measure that is none", () => with_({ measure: "f1" }), TypeError, /"measure" expected a function/],
    ["more folds than examples", () => with_({ folds: 61 }), RangeError, /"folds" expected at most 60/],
    ["groups that are missing", () => with_({ kind: "grouped" }), TypeError, /"groups" expected an array/],
    [
      "targets that are no labels",
      () =>
        crossValidate(makeNetwork, { inputs: numbers([9, 2]), targets: numbers([9, 2]) }, { fit, kind: "stratified" }),
      TypeError,
      /"labels" expected an array of numbers or texts, one an example, got an object/,
    ],
  ])("refuses %s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
    expect(stateOf(kept)).toBe(stateOf(makeNetwork(0)));
  });
});
