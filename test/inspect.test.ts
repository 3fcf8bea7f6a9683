import { describe, expect, test, vi } from "vitest";
import {
  activation,
  activationNames,
  batchNorm,
  binaryCrossEntropy,
  crf,
  crfLoss,
  crossEntropy,
  ctc,
  dense,
  dropout,
  elman,
  embedding,
  gradientCheck,
  gaussianMixture,
  gru,
  huber,
  jordan,
  klDivergence,
  last,
  layerNames,
  layerNorm,
  lstm,
  meanAbsoluteError,
  meanSquaredError,
  negativeLogLikelihood,
  quantile,
  smoothL1,
  Network,
  repeat,
  tdnn,
  tensor,
  type LayerDescription,
  type Loss,
  type TrainingData,
} from "../bindings/index.ts";
import { bitsOf, gradientsOf, indices, numbers, stateOf } from "./support.ts";

const mse = meanSquaredError();

describe("gradientCheck", () => {
  const inputs = numbers([3, 5, 3]);
  const ragged = [4, 1, 5].map((T, b) => numbers([T, 3], b + 1));
  const perStepOfRagged = [4, 1, 5].map((T, b) => numbers([T, 2], b + 9));
  const perStep = numbers([3, 5, 2], 2);
  const once = numbers([3, 2], 2);
  const words = indices([3, 5], 6);
  type Case = readonly [string, readonly LayerDescription[], TrainingData, Loss?];
  const cases: readonly Case[] = [
    ["activation", [dense(4), activation("gelu"), dense(2)], { inputs, targets: perStep }],
    ["batchNorm", [lstm(4), batchNorm(), dense(2)], { inputs, targets: perStep, lengths: [5, 2, 3] }],
    ["dense", [dense(4, { activation: "tanh" }), dense(2)], { inputs, targets: perStep }],
    [
      "dense on vectors",
      [dense(4, { activation: "silu" }), dense(2)],
      { inputs: numbers([4, 3]), targets: numbers([4, 2]) },
    ],
    ["crf", [gru(4), dense(3), crf()], { inputs: ragged, targets: [[0, 1, 2, 0], [2], [1, 1, 0, 2, 0]] }, crfLoss()],
    ["dropout", [dense(6, { activation: "tanh" }), dropout(0.4), dense(2)], { inputs, targets: perStep }],
    [
      "dropout by sequences, padded",
      [gru(6), dropout(0.4, { mask: "sequence" }), dense(2)],
      { inputs: ragged, targets: perStepOfRagged },
    ],
    ["elman", [elman(4), dense(2)], { inputs, targets: perStep }],
    [
      "elman, sigmoid, two layers",
      [elman(4, { activation: "sigmoid", layers: 2 }), dense(2)],
      { inputs, targets: perStep },
    ],
    ["embedding", [embedding(3), dense(2)], { inputs: words, targets: perStep }],
    ["embedding with dropout", [embedding(3, { dropout: 0.3 }), gru(2)], { inputs: words, targets: perStep }],
    [
      "embedding under an LSTM",
      [embedding(3, { paddingIndex: 0 }), lstm(4), dense(6)],
      { inputs: words, targets: words },
      crossEntropy(),
    ],
    ["gru", [gru(4), dense(2)], { inputs, targets: perStep }],
    [
      "gru, reset before, both directions",
      [gru(3, { reset: "before", bidirectional: true }), dense(2)],
      { inputs, targets: perStep },
    ],
    ["last", [elman(4), last(), dense(2)], { inputs, targets: once }],
    [
      "last of both directions, ragged",
      [lstm(3, { bidirectional: true }), last(), dense(2)],
      { inputs: ragged, targets: once },
    ],
    ["jordan", [jordan(4, { outputs: 3, decay: 0.4 }), dense(2)], { inputs, targets: perStep, lengths: [5, 2, 3] }],
    ["layerNorm", [lstm(4), layerNorm(), dense(2)], { inputs, targets: perStep, lengths: [5, 2, 3] }],
    ["lstm", [lstm(4), dense(2)], { inputs, targets: perStep }],
    [
      "lstm, two layers, dropout, padded",
      [lstm(4, { layers: 2, dropout: 0.3 }), dense(2)],
      { inputs, targets: perStep, lengths: [5, 2, 3] },
    ],
    ["lstm, peepholes", [lstm(4, { peepholes: true }), dense(2)], { inputs, targets: perStep }],
    [
      "lstm, coupled, projection, learnt states, padded",
      [lstm(5, { coupled: true, projection: 3, learnInitialState: true }), dense(2)],
      { inputs, targets: perStep, lengths: [5, 2, 3] },
    ],
    ["repeat", [lstm(4), last(), repeat(3), gru(4), dense(2)], { inputs, targets: numbers([3, 3, 2], 2) }],
    ["tdnn", [tdnn(4, { context: 3, dilation: 2, activation: "tanh" }), dense(2)], { inputs, targets: perStep }],
    ["tdnn in the middle, padded", [gru(3), tdnn(4), dense(2)], { inputs, targets: perStep, lengths: [5, 1, 3] }],
    [
      "crossEntropy",
      [gru(4), last(), dense(3)],
      { inputs, targets: [0, 2, 1] },
      crossEntropy({ labelSmoothing: 0.2, classWeights: [1, 2, 3] }),
    ],
    [
      "binaryCrossEntropy",
      [gru(4), last(), dense(1)],
      { inputs, targets: [[0], [1], [0.5]] },
      binaryCrossEntropy({ positiveWeights: [3] }),
    ],
    ["a sum", [gru(4), last(), dense(2)], { inputs, targets: once }, meanSquaredError({ reduction: "sum" })],
  ];
  const ofLoss: readonly [Loss, LayerDescription[], TrainingData][] = [
    [meanAbsoluteError(), [dense(2)], { inputs, targets: perStep }],
    [huber({ delta: 0.7 }), [dense(2)], { inputs, targets: perStep }],
    [smoothL1({ beta: 0.3 }), [dense(2)], { inputs, targets: perStep }],
    [
      binaryCrossEntropy({ fromLogits: false }),
      [dense(2, { activation: "sigmoid" })],
      { inputs, targets: tensor(perStep.data.map(Math.abs), perStep.shape) },
    ],
    [
      klDivergence({ reduction: "batchmean" }),
      [dense(2, { activation: "logSoftmax" })],
      { inputs, targets: tensor(perStep.data.map(Math.abs), perStep.shape) },
    ],
    [
      negativeLogLikelihood({ classWeights: [1, 2, 3] }),
      [gru(4), dense(3, { activation: "logSoftmax" })],
      { inputs, targets: indices([3, 5], 3), weights: [0, 1, 0.5] },
    ],
    [quantile({ quantiles: [0.1, 0.9] }), [gru(4), dense(4)], { inputs, targets: perStep }],
    [
      gaussianMixture({ components: 2 }),
      [gru(4), dense(12)],
      { inputs: ragged, targets: [4, 1, 5].map((T, b) => numbers([T, 2], b + 5)) },
    ],
    [ctc(), [gru(4), dense(4)], { inputs: ragged, targets: [[1, 2], [3], [1, 1, 3]] }],
  ];
  test.each(ofLoss)("loss %j: each parameter within 0.05, corners included", (loss, layers, data) => {
    for (const { name, error } of gradientCheck(network(layers), data, { loss }))
      expect(error, name).toBeLessThan(0.05);
  });

  const network = (layers: readonly LayerDescription[]) => {
    return new Network({ input: layers[0]?.type === "embedding" ? { tokens: 6 } : { features: 3 }, layers, seed: 4 });
  };

  test("there is a case for each type of layer", () => {
    const seen = new Set(cases.flatMap(([, layers]) => layers.map(({ type }) => type)));
    expect([...seen].sort()).toEqual([...layerNames].sort());
  });

  test.each(cases.map(([title, ...rest]) => [title, rest] as const))(
    "%s: each parameter within 0.01; parameters and generator as before",
    (_, [layers, data, loss = mse]) => {
      const net = network(layers);
      const before = stateOf(net);
      const results = gradientCheck(net, data, { loss });
      const padded = layers.some((layer) => "paddingIndex" in layer); // its vector of 3 is left out
      expect(results.map(({ name }) => name)).toEqual(net.parameters.map(({ name }) => name));
      for (const { name, checked, error } of results) {
        const learns = net.parameter(name).value.length - (padded && name === "embedding.weight" ? 3 : 0);
        expect(checked, name).toBe(Math.min(32, learns));
        expect(error, name).toBeLessThan(0.01);
      }
      expect(stateOf(net)).toBe(before);
      expect(gradientsOf(net).some((g) => g !== 0)).toBe(true);
    },
  );

  const smooth = activationNames.filter((name) => !/relu|hard|softmax/i.test(name) || name === "relu6");
  test.each([...smooth, "softmax", "logSoftmax"] as const)("activation %s, within 0.01", (name) => {
    const net = network([dense(4), activation(name), dense(2)]);
    for (const { error } of gradientCheck(net, { inputs, targets: perStep }, { loss: mse })) {
      expect(error).toBeLessThan(0.01);
    }
  });

  test("the gradients are those of the batch, bit for bit, whatever was there before", () => {
    const layers = [lstm(4), dense(2)];
    const [checked, byHand] = [network(layers), network(layers)];
    for (const { gradient } of checked.parameters) gradient.fill(1);
    gradientCheck(checked, { inputs, targets: perStep }, { loss: mse, samples: 1 });
    byHand.forward(inputs, { training: true });
    byHand.loss(mse, perStep);
    byHand.backward();
    expect(bitsOf(gradientsOf(checked))).toBe(bitsOf(gradientsOf(byHand)));
  });

  test("sees a gradient that is wrong", () => {
    const net = network([dense(4), dense(2)]);
    // The loss is twice what backward knows of.
    const spy = vi.spyOn(net, "loss");
    const loss = (...args: Parameters<Network["loss"]>) => Network.prototype.loss.apply(net, args);
    spy.mockImplementation((kind, targets) => 2 * loss(kind, targets));
    const results = gradientCheck(net, { inputs, targets: perStep }, { loss: mse });
    for (const { error } of results) expect(error).toBeGreaterThan(0.3);
  });

  test("samples and epsilon are used", () => {
    const net = network([dense(4), dense(2)]);
    const check = (samples: number, epsilon: number) => {
      return gradientCheck(net, { inputs, targets: perStep }, { loss: mse, samples, epsilon }).map((r) => r.checked);
    };
    expect(check(1, 0.01)).toEqual([1, 1, 1, 1]);
    expect(check(1000, 0.02)).toEqual([12, 4, 8, 2]);
    const worst = (epsilon: number) => {
      const results = gradientCheck(net, { inputs, targets: perStep }, { loss: mse, epsilon });
      return Math.max(...results.map(({ error }) => error));
    };
    expect(worst(1e-7)).toBeGreaterThan(worst(0.01)); // the rounding of f32
  });

  test("wrong data: the generator is as before", () => {
    const net = network([dense(4), dropout(0.5), dense(2)]);
    const before = stateOf(net);
    expect(() => gradientCheck(net, { inputs, targets: numbers([3, 5, 3]) }, { loss: mse })).toThrow(RangeError);
    expect(stateOf(net)).toBe(before);
  });
});

describe("summary", () => {
  test("a line for each layer: name, what comes out, parameters", () => {
    const net = new Network({
      input: { tokens: 1000 },
      layers: [embedding(32), lstm(64, { layers: 2, bidirectional: true, dropout: 0.1 }), dropout(0.2), dense(10)],
    });
    expect(net.summary()).toBe(
      [
        "input: tokens below 1000",
        "layer      output              parameters",
        "embedding  [batch, time, 32]       32,000",
        "lstm       [batch, time, 128]     149,504",
        "dropout    [batch, time, 128]           0",
        "dense      [batch, time, 10]        1,290",
        "182,794 parameters, 731.2 kB",
      ].join("\n"),
    );
    const counted = net.parameters.reduce((sum, { value }) => sum + value.length, 0);
    expect(counted).toBe(182_794);
  });

  test("layers without a prefix, and names that begin with another's, are counted as their own", () => {
    const layers = [lstm(3, { name: "" }), dense(2, { name: "a" }), dense(4, { name: "a.b" })];
    const lines = new Network({ input: { features: 2 }, layers }).summary().split("\n");
    expect(lines.slice(2)).toEqual([
      "lstm   [batch, time, 3]          84",
      "a      [batch, time, 2]           8",
      "a.b    [batch, time, 4]          12",
      "104 parameters, 0.4 kB",
    ]);
  });

  test("vectors, and outputs whose time the input decides", () => {
    const lines = (layers: readonly LayerDescription[]) => {
      return new Network({ input: { features: 3 }, layers }).summary().split("\n").slice(2, -1);
    };
    const shapes = lines([elman(2), last(), repeat(4), dense(1)]).map((line) => /\[.*\]/.exec(line)?.[0]);
    expect(shapes).toEqual(["[batch, time, 2]", "[batch, 2]", "[batch, time, 2]", "[batch, time, 1]"]);
    expect(lines([dense(2000), dense(1)]).join()).toContain("[batch, …, 2000]");
    expect(new Network({ input: { features: 1000 }, layers: [dense(1000)] }).summary()).toContain(
      "1,001,000 parameters, 4.0 MB",
    );
  });
});

test("padding and dropout at once: the check holds for what counts only", () => {
  const net = new Network({
    input: { features: 2 },
    layers: [gru(3, { bidirectional: true }), dropout(0.5), dense(2)],
  });
  const junk = numbers([2, 4, 2]);
  junk.data.fill(NaN, 12);
  const targets = tensor(numbers([2, 4, 2], 5).data.fill(NaN, 12), [2, 4, 2]);
  const results = gradientCheck(net, { inputs: junk, targets, lengths: [4, 2] }, { loss: mse });
  for (const { error } of results) expect(error).toBeLessThan(0.01);
});
