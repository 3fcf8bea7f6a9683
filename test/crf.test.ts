/** crf(), crfLoss(), crfDecode() and crfMarginals() against their definition, reference/crf.ts and PyTorch. */

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  adam,
  attention,
  crf,
  crfDecode,
  crfLoss,
  crfMarginals,
  crossEntropy,
  ctc,
  dense,
  embedding,
  EncoderDecoder,
  gradientCheck,
  gru,
  last,
  lstm,
  meanSquaredError,
  Network,
  repeat,
  sgd,
  tensor,
  type LayerDescription,
  type Loss,
  type Targets,
} from "../bindings/index.ts";
import { exportOnnx } from "../bindings/onnx.ts";
import { readSafetensors, writeSafetensors } from "../bindings/io/safetensors.ts";
import { expectClose, expectGradients, randomizeParameters, randomNumbers } from "./agreement.ts";
import { casesOf, loadGolden } from "./golden.ts";
import { centralDifference } from "./reference.ts";
import * as reference from "./reference/crf.ts";
import { bitsOf, expectThrown, gradientsOf, indices, lehmer, numbers, only, parametersOf } from "./support.ts";

/** A field of K tags, and emissions and tags for sequences of these lengths. */
function problem(seed: number, K: number, lengths: readonly number[], scale = 1) {
  const random = randomNumbers(seed);
  const next = lehmer(seed);
  const field = { transitions: random(K * K, scale), start: random(K, scale), end: random(K, scale) };
  const sequences = lengths.map((T) => ({
    x: random(T * K, 2 * scale),
    tags: Array.from({ length: T }, () => Math.floor(K * next())),
  }));
  return { field, sequences };
}

// ------------------------------------------------------------------------------------------------------ the reference

describe("the reference", () => {
  const sizes: [number, number][] = [
    [1, 1],
    [1, 4],
    [2, 1],
    [3, 1],
    [2, 5],
    [3, 4],
    [5, 3],
  ];

  test.each(sizes)("%i tags, %i steps: by recursion and by all paths", (K, T) => {
    const { field, sequences } = problem(K + T, K, [T]);
    const { x, tags } = sequences[0]!;
    const right = reference.crfByPaths(field, x, tags);
    const { loss, marginals } = reference.crf(field, x, tags);
    expectClose("loss", [loss], [right.loss], 1e-13);
    expectClose("marginals", marginals, right.marginals, 1e-13);
    const { tags: best, score } = reference.viterbi(field, x);
    expect(best).toEqual(right.best.tags);
    expect(score).toBeCloseTo(right.best.score, 12);
  });

  test.each([...sizes, [4, 6] as [number, number]])("%i tags, %i steps: gradients", (K, T) => {
    const { field, sequences } = problem(K * T, K, [T]);
    const { x, tags } = sequences[0]!;
    const { dx, gradients } = reference.crf(field, x, tags);
    const numeric = centralDifference((v) => reference.crf(field, v, tags).loss, x);
    expectClose("emissions", dx, numeric, 1e-8);
    for (const name of ["transitions", "start", "end"] as const) {
      const loss = (v: Float64Array) => reference.crf({ ...field, [name]: v }, x, tags).loss;
      expectClose(name, gradients[name], centralDifference(loss, field[name]), 1e-8);
    }
  });

  const golden = loadGolden(fileURLToPath(new URL("golden", import.meta.url)));
  test.each(casesOf(golden, "crf").map((one) => [one.id, one] as const))(
    "PyTorch's %s, in float64",
    (id, { config }) => {
      const read = (role: string) => golden.tensor(id, role)!.data;
      const field = { transitions: read("transitions"), start: read("start"), end: read("end") };
      const [emissions, tags, K] = [read("emissions"), read("tags"), config.tags];
      const T = tags.length / config.lengths.length;
      config.lengths.forEach((length, b) => {
        const own = (data: Float64Array, width: number) => data.subarray(b * T * width, (b * T + length) * width);
        const result = reference.crf(field, own(emissions, K), [...own(tags, 1)]);
        expectClose("loss", [result.loss], [read("nll")[b]!], 1e-12);
        expectClose("gradient", result.dx, own(read("grad.emissions"), K), 1e-12);
        expectClose("marginals", result.marginals, own(read("marginals"), K), 1e-12);
        const best = reference.viterbi(field, own(emissions, K));
        expect(best.tags).toEqual([...own(read("viterbi_path"), 1)]);
        expectClose("score", [best.score], [read("viterbi_score")[b]!], 1e-12);
      });
    },
  );
});

// ----------------------------------------------------------------------------------------------------------- the core

/** A network that is a field alone, with emissions padded by numbers that must not be read. */
function fieldNet({ field, sequences }: ReturnType<typeof problem>) {
  const K = field.start.length;
  const [B, T] = [sequences.length, Math.max(...sequences.map(({ tags }) => tags.length))];
  const net = new Network({ input: { features: K }, layers: [crf({ name: "" })] });
  net.parameter("transitions").set(field.transitions);
  net.parameter("start_transitions").set(field.start);
  net.parameter("end_transitions").set(field.end);
  const x = new Float32Array(B * T * K).fill(1e30);
  const tags = new Int32Array(B * T).fill(-1);
  sequences.forEach((one, b) => {
    x.set(one.x, b * T * K);
    tags.set(one.tags, b * T);
  });
  const lengths = sequences.map((one) => one.tags.length);
  return { net, inputs: tensor(x, [B, T, K]), targets: tensor(tags, [B, T]), lengths, B, T, K };
}

const reductions = ["mean", "tokenMean", "sum"] as const;

interface Case {
  K: number;
  lengths: number[];
  scale?: number;
}

const cases: Case[] = [
  { K: 1, lengths: [1] },
  { K: 1, lengths: [3, 5, 1] },
  { K: 2, lengths: [1] },
  { K: 2, lengths: [2, 1, 1, 2] },
  { K: 3, lengths: [4, 2, 7] },
  { K: 4, lengths: [6, 6, 6] },
  { K: 5, lengths: [1, 9, 3, 9], scale: 3 },
  { K: 17, lengths: [5, 8, 1, 8, 2] },
  { K: 33, lengths: [12, 3], scale: 2 },
];

describe.each(cases)("$K tags, sequences of $lengths steps", ({ K, lengths, scale }) => {
  const one = problem(K + lengths.length, K, lengths, scale);
  const results = one.sequences.map(({ x, tags }) => reference.crf(one.field, x, tags));
  const weights = lengths.map((_, b) => [0.5, 2, 0, 1.25, 3][b]!);
  const ones = lengths.map(() => 1);

  test.each(
    reductions.flatMap((reduction) => [[reduction, "ones", ones] as const, [reduction, "weights", weights] as const]),
  )("reduction %s, %s: loss and gradients", (reduction, _, w) => {
    const { net, inputs, targets, T } = fieldNet(one);
    net.forward(inputs, { training: true, lengths });
    const total = w.reduce((sum, v, b) => sum + v * (reduction === "tokenMean" ? lengths[b]! : 1), 0);
    const factors = w.map((v) => (reduction === "sum" ? v : v / total));
    const value = net.loss(crfLoss({ reduction }), targets, w === ones ? {} : { weights: w });
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    expectClose("loss", [value], [sum(results.map(({ loss }, b) => loss * factors[b]!))]);
    const gradient = net.backward().gradInput!.data;
    lengths.forEach((length, b) => {
      const row = gradient.subarray(b * T * K, (b + 1) * T * K);
      const right = results[b]!.dx.map((g) => g * factors[b]!);
      expectClose("emissions", row, [...right, ...new Float64Array((T - length) * K)]);
    });
    const added = (name: keyof reference.Field) =>
      one.field[name].map((_, i) => sum(results.map(({ gradients }, b) => gradients[name][i]! * factors[b]!)));
    const expected = {
      transitions: added("transitions"),
      start_transitions: added("start"),
      end_transitions: added("end"),
    };
    expectGradients(net, expected);
  });

  test.each([1, 2, 64])("best paths and marginals, %i at a time", (batchSize) => {
    const { net, inputs, T } = fieldNet(one);
    const paths = crfDecode(net, inputs, { lengths, batchSize });
    const { data, shape } = crfMarginals(net, inputs, { lengths, batchSize });
    expect(shape).toEqual([lengths.length, T, K]);
    one.sequences.forEach(({ x }, b) => {
      const best = reference.viterbi(one.field, x);
      expect(paths[b]!.tags).toEqual(best.tags);
      expectClose("score", [paths[b]!.score], [best.score], 1e-6);
      const row = data.subarray(b * T * K, (b + 1) * T * K);
      const padding = new Float64Array((T - lengths[b]!) * K);
      expectClose("marginals", row, [...results[b]!.marginals, ...padding], 2e-6);
    });
  });

  test("a sequence in a batch is as alone", () => {
    const { net, inputs } = fieldNet(one);
    const all = crfMarginals(net, inputs, { lengths });
    lengths.forEach((length, b) => {
      const alone = crfMarginals(net, only(inputs, b, length));
      expect(bitsOf(only(all, b, length).data)).toBe(bitsOf(alone.data));
      expect(crfDecode(net, only(inputs, b, length))).toEqual([crfDecode(net, inputs, { lengths })[b]]);
    });
  });

  test("accuracy is the share of tags that the best path has right", () => {
    const { net, inputs, targets } = fieldNet(one);
    const right = one.sequences.map(({ x, tags }) => {
      const best = reference.viterbi(one.field, x).tags;
      return tags.filter((tag, t) => tag === best[t]).length;
    });
    const share = (w: readonly number[]) =>
      right.reduce((sum, n, b) => sum + n * w[b]!, 0) / lengths.reduce((sum, n, b) => sum + n * w[b]!, 0);
    for (const batchSize of [1, 2, 32]) {
      const options = { loss: crfLoss(), batchSize };
      expect(net.evaluate({ inputs, targets, lengths }, options).accuracy).toBeCloseTo(share(ones), 12);
      const weighted = net.evaluate({ inputs, targets, lengths, weights }, options);
      expect(weighted.accuracy).toBeCloseTo(share(weights), 12);
    }
  });
});

// ---------------------------------------------------------------------------------------------------------- numerics

describe("numbers that are hard", () => {
  test.each([10, 1e3, 1e4])("emissions and scores of ±%d: as the reference, and finite", (size) => {
    const one = problem(7, 5, [30, 12, 1], size / 2);
    const { net, inputs, targets, lengths, T, K } = fieldNet(one);
    net.forward(inputs, { training: true, lengths });
    const results = one.sequences.map(({ x, tags }) => reference.crf(one.field, x, tags));
    const right = results.reduce((sum, { loss }) => sum + loss, 0);
    expectClose("loss", [net.loss(crfLoss({ reduction: "sum" }), targets)], [right], 1e-6);
    const { data } = net.backward().gradInput!;
    results.forEach(({ dx }, b) => {
      expectClose("gradient", data.subarray(b * T * K, b * T * K + dx.length), dx);
    });
    expect([...gradientsOf(net)].every(Number.isFinite)).toBe(true);
    one.sequences.forEach(({ x }, b) => {
      expect(crfDecode(net, inputs, { lengths })[b]!.tags).toEqual(reference.viterbi(one.field, x).tags);
    });
  });

  test("a great emission for a tag that a transition forbids does not hide the other paths", () => {
    // Probabilities that are divided by their sum at each step lose tag 1 at the first step, and have nothing left at the second.
    const field = {
      transitions: Float64Array.of(-1e5, -1e5, 0, 1),
      start: new Float64Array(2),
      end: new Float64Array(2),
    };
    const sequence = { x: Float64Array.of(1e4, -1e4, 0.5, 0.25), tags: [1, 1] };
    const { net, inputs, targets } = fieldNet({ field, sequences: [sequence] });
    net.forward(inputs, { training: true });
    expectClose("loss", [net.loss(crfLoss(), targets)], [reference.crf(field, sequence.x, [1, 1]).loss], 1e-6);
    expectClose("marginals", crfMarginals(net, inputs).data, reference.crf(field, sequence.x, [1, 1]).marginals, 1e-6);
    expect(crfDecode(net, inputs)[0]!.tags).toEqual([1, 1]);
  });

  test("1,000 steps: within 1e-6, where probabilities are below all floats; marginals add up to 1", () => {
    const one = problem(3, 6, [1000]);
    const { net, inputs, targets } = fieldNet(one);
    const right = reference.crf(one.field, one.sequences[0]!.x, one.sequences[0]!.tags);
    expect(right.loss).toBeGreaterThan(1000);
    net.forward(inputs, { training: true });
    expectClose("loss", [net.loss(crfLoss(), targets)], [right.loss], 1e-6);
    const { data } = crfMarginals(net, inputs);
    expectClose("marginals", data, right.marginals, 2e-6);
    for (let t = 0; t < 1000; t++) {
      expect(data.subarray(t * 6, t * 6 + 6).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    }
  });

  test("of equal paths the one with the lowest tags", () => {
    const field = { transitions: new Float64Array(9), start: new Float64Array(3), end: new Float64Array(3) };
    const { net, inputs } = fieldNet({
      field,
      sequences: [{ x: Float64Array.of(1, 1, 0, 0, 1, 1, 0, 0, 0), tags: [0, 0, 0] }],
    });
    expect(crfDecode(net, inputs)).toEqual([{ tags: [0, 1, 0], score: 2 }]);
  });
});

// --------------------------------------------------------------------------------------------------- the public calls

/** Tags go round; the first word tells where they begin, and the others tell nothing. */
const next = lehmer(9);
const data = Array.from({ length: 60 }, () => {
  const first = Math.floor(3 * next());
  const words = [first, ...Array.from({ length: 2 + Math.floor(6 * next()) }, () => 3 + Math.floor(5 * next()))];
  return { words, tags: words.map((_, t) => (first + t) % 3) };
});
const examples = { inputs: data.map(({ words }) => words), targets: data.map(({ tags }) => tags) };

const tagger = (...layers: LayerDescription[]) =>
  new Network({ input: { tokens: 8 }, layers: [embedding(4), ...layers, crf()], seed: 3 });

describe("a network that ends in crf()", () => {
  test("gives out the emissions unchanged, in a batch and step by step", () => {
    const net = tagger(lstm(5), dense(3));
    const plain = new Network({ ...net.config, layers: net.config.layers.slice(0, -1) });
    const outputs = net.predict(examples.inputs);
    expect(outputs).toEqual(plain.predict(examples.inputs));
    const stream = net.stream();
    const words = examples.inputs[0]!;
    const steps = words.map((word) => [...stream.step(word)]);
    expect(steps.flat()).toEqual([...outputs.data.subarray(0, words.length * 3)]);
  });

  test("begins as pytorch-crf's, within ±0.1, and its parameters have the names of a PyTorch file", () => {
    const net = new Network({ input: { features: 20 }, layers: [crf()] });
    expect(net.parameters.map(({ name, shape }) => [name, shape])).toEqual([
      ["crf.transitions", [20, 20]],
      ["crf.start_transitions", [20]],
      ["crf.end_transitions", [20]],
    ]);
    const values = parametersOf(net);
    expect(Math.max(...values)).toBeGreaterThan(0.09);
    expect(Math.max(...values)).toBeLessThan(0.1);
    expect(Math.min(...values)).toBeLessThan(-0.09);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-0.1);
    expect(Math.abs(values.reduce((a, b) => a + b, 0) / values.length)).toBeLessThan(0.01);
  });

  test("learns tags that depend on the tag before, and finds them", async () => {
    // dense() sees one word at a time, so only the transitions know of the word before.
    const options = { optimizer: adam({ learningRate: 0.1 }), epochs: 60, batchSize: 8 };
    const net = tagger(dense(3));
    await net.fit(examples, { ...options, loss: crfLoss() });
    expect(net.evaluate(examples, { loss: crfLoss() }).accuracy).toBe(1);
    expect(crfDecode(net, examples.inputs).map(({ tags }) => tags)).toEqual(examples.targets);
    const without = new Network({ ...net.config, layers: net.config.layers.slice(0, -1) });
    await without.fit(examples, { ...options, loss: crossEntropy() });
    expect(without.evaluate(examples, { loss: crossEntropy() }).accuracy).toBeLessThan(0.8);
  });

  test("evaluates the same in batches of any size, by any reduction", () => {
    const net = tagger(gru(4, { bidirectional: true }), dense(3));
    for (const reduction of reductions) {
      const loss = crfLoss({ reduction });
      const all = net.evaluate(examples, { loss, batchSize: 64 });
      for (const batchSize of [1, 7, 32]) {
        const { loss: value, accuracy } = net.evaluate(examples, { loss, batchSize });
        expect(value / all.loss).toBeCloseTo(1, 6);
        expect(accuracy).toBe(all.accuracy);
      }
    }
  });

  test.each<[string, LayerDescription[], Targets]>([
    ["two bidirectional layers", [lstm(3, { layers: 2, bidirectional: true }), dense(3)], examples.targets.slice(0, 6)],
    ["a GRU whose states are the emissions", [gru(3)], examples.targets.slice(0, 6)],
    ["steps that repeat() makes", [gru(3), last(), repeat(4), dense(3)], indices([6, 4], 3)],
  ])("gradientCheck behind %s", (_, layers, targets) => {
    const net = tagger(...layers);
    const some = { inputs: examples.inputs.slice(0, 6), targets, weights: [1, 0.5, 2, 0, 1, 1] };
    for (const reduction of reductions) {
      const results = gradientCheck(net, some, { loss: crfLoss({ reduction }), epsilon: 0.03 });
      expect(results.map(({ name }) => name)).toContain("crf.end_transitions");
      for (const { name, error } of results) expect(error, name).toBeLessThan(0.01);
    }
  });

  test("adds to the gradients, once for each backward, however often the loss was asked for", () => {
    const { net, inputs, targets, lengths } = fieldNet(problem(5, 3, [4, 2]));
    const once = () => {
      net.forward(inputs, { training: true, lengths });
      net.loss(crfLoss(), targets);
    };
    net.zeroGrad();
    once();
    expect([...gradientsOf(net)].every((g) => g === 0)).toBe(true);
    net.backward();
    const first = gradientsOf(net);
    expect(first.some((g) => g !== 0)).toBe(true);
    net.evaluate({ inputs, targets, lengths }, { loss: crfLoss() });
    crfMarginals(net, inputs, { lengths });
    once();
    once();
    net.backward();
    expect([...gradientsOf(net)]).toEqual([...first.map((g) => 2 * g)]);
  });

  test("a gradient by the output from elsewhere goes past the parameters, which the output does not depend on", () => {
    const { net, inputs, targets, lengths } = fieldNet(problem(6, 3, [4, 4]));
    net.forward(inputs, { training: true, lengths });
    net.loss(crfLoss(), targets);
    const given = numbers([2, 4, 3]);
    expect(net.backward(given).gradInput).toEqual(given);
    expect([...gradientsOf(net)].every((g) => g === 0)).toBe(true);
  });

  test("the mean over two parts of a batch that `accumulate` adds up is that of the batch", () => {
    const parts = { loss: crfLoss(), optimizer: sgd({ learningRate: 0.1 }), shuffle: false };
    const some = {
      inputs: examples.inputs.slice(0, 6),
      targets: examples.targets.slice(0, 6),
      weights: [1, 2, 0.5, 1, 1, 3],
    };
    const [whole, split] = [tagger(dense(3)), tagger(dense(3))];
    whole.train(some, { ...parts, batchSize: 6 }).next();
    split.train(some, { ...parts, batchSize: 2, accumulate: 3 }).next();
    expectClose("parameters", parametersOf(split), parametersOf(whole), 1e-7);
    expect(bitsOf(parametersOf(whole))).not.toBe(bitsOf(parametersOf(tagger(dense(3)))));
  });

  test("is saved and loaded with its scores, and takes a file of PyTorch's names", () => {
    const net = tagger(gru(4), dense(3));
    randomizeParameters(net, randomNumbers(2));
    const copy = Network.load(net.save());
    expect(copy.config).toEqual(net.config);
    expect(crfDecode(copy, examples.inputs)).toEqual(crfDecode(net, examples.inputs));
    expect(bitsOf(crfMarginals(copy, examples.inputs).data)).toBe(bitsOf(crfMarginals(net, examples.inputs).data));
    const { tensors } = readSafetensors(net.save());
    const order = ["start_transitions", "end_transitions", "transitions"].map((name) => `crf.${name}`);
    const theirs = [...order, ...[...tensors.keys()].filter((name) => !order.includes(name))];
    const file = writeSafetensors(new Map(theirs.map((name) => [name, tensors.get(name)!])), {});
    expect(bitsOf(parametersOf(Network.load(file, net.config)))).toBe(bitsOf(parametersOf(net)));
  });

  test("decodes a single sequence, lists and padded tensors alike", () => {
    const net = tagger(gru(4, { bidirectional: true }), dense(3));
    const lists = crfDecode(net, examples.inputs);
    expect(lists.map(({ tags }) => tags.length)).toEqual(examples.targets.map(({ length }) => length));
    expect(crfDecode(net, examples.inputs[5]!)[0]!.tags).toEqual(lists[5]!.tags);
    const lengths = examples.inputs.map(({ length }) => length);
    const padded = new Int32Array(60 * 9);
    examples.inputs.forEach((words, b) => {
      padded.set(words, b * 9);
    });
    expect(crfDecode(net, tensor(padded, [60, 9]), { lengths, batchSize: 7 })).toEqual(lists);
  });
});

// -------------------------------------------------------------------------------------------------------------- errors

describe("refuses", () => {
  const net = new Network({ input: { features: 2 }, layers: [gru(3), crf()] });
  const without = new Network({ input: { features: 2 }, layers: [gru(3)] });
  const inputs = numbers([2, 4, 2]);
  const targets = indices([2, 4], 3);
  const evaluate = (loss: Loss, given: unknown = targets, on = net, more = {}) =>
    on.evaluate({ inputs, targets: given as Targets, ...more }, { loss });
  const pair = (encoder: LayerDescription[], decoder: LayerDescription[]) =>
    new EncoderDecoder({
      encoder: { input: { features: 2 }, layers: encoder },
      decoder: {
        input: { tokens: 3 },
        layers: [embedding(2), gru(3), attention("dot"), dense(3), ...decoder],
        start: 0,
      },
    });

  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    [
      "another loss",
      () => evaluate(crossEntropy()),
      TypeError,
      /"loss" expected crfLoss\(\), by which "crf" learns, got crossEntropy\(\), which leaves it out/,
    ],
    [
      "another loss after forward",
      () => (net.forward(inputs, { training: true }), net.loss(ctc(), [[1], [1]])),
      TypeError,
      /got ctc\(\)/,
    ],
    [
      "another loss in training",
      () => net.train({ inputs, targets: numbers([2, 4, 3]) }, { loss: meanSquaredError(), optimizer: adam() }),
      TypeError,
      /got meanSquaredError\(\)/,
    ],
    [
      "a network without it",
      () => evaluate(crfLoss(), targets, without),
      TypeError,
      /"loss" crfLoss\(\) needs a network that ends in crf\(\), got one that ends in "gru": add crf\(\)/,
    ],
    [
      "decoding without it",
      () => crfDecode(without, inputs),
      TypeError,
      /crfDecode needs a network that ends in crf\(\), got one that ends in "gru": add crf\(\)/,
    ],
    [
      "marginals without it",
      () => crfMarginals(without, inputs),
      TypeError,
      /crfMarginals needs a network that ends in crf\(\)/,
    ],
    [
      "decoding outputs",
      () => crfDecode(net.predict(inputs) as never, inputs),
      TypeError,
      /"net" expected a Network, got an object/,
    ],
    [
      "a layer after it",
      () => new Network({ input: { features: 2 }, layers: [crf(), dense(3)] }),
      TypeError,
      /"layers\[0\]" is crf\(\), which stands last: put it behind dense\(\)/,
    ],
    [
      "two of them",
      () => new Network({ input: { features: 2 }, layers: [crf(), crf()] }),
      TypeError,
      /"layers\[0\]" is crf\(\), which stands last: leave one of them out/,
    ],
    [
      "tokens",
      () => new Network({ input: { tokens: 2 }, layers: [crf()] }),
      TypeError,
      /"crf" needs vectors of features/,
    ],
    [
      "vectors",
      () => new Network({ input: { features: 2 }, layers: [gru(3), last(), crf()] }),
      TypeError,
      /crf\(\) needs a sequence, and a vector comes in: put repeat\(n\) before it/,
    ],
    ["an encoder with it", () => pair([gru(3), crf()], []), TypeError, /"encoder.layers" have crf\(\).*leave it out/],
    ["a decoder with it", () => pair([gru(3)], [crf()]), TypeError, /"decoder.layers" have crf\(\).*leave it out/],
    [
      "a tag that is none",
      () =>
        evaluate(crfLoss(), [
          [0, 1, 2, 0],
          [0, 3, 0, 0],
        ]),
      RangeError,
      /integers from 0 to 2, got 3 at \[1, 1\]/,
    ],
    [
      "a negative tag",
      () =>
        evaluate(crfLoss(), [
          [0, 1, 2, 0],
          [0, 0, 0, -100],
        ]),
      RangeError,
      /got -100 at \[1, 3\]/,
    ],
    ["fewer tags than steps", () => evaluate(crfLoss(), indices([2, 3], 3)), RangeError, /"targets" expected 4 steps/],
    [
      "numbers as tags",
      () => evaluate(crfLoss(), numbers([2, 4, 3])),
      TypeError,
      /"targets" expected a tensor of Int32Array/,
    ],
    [
      "weights for each step",
      () => evaluate(crfLoss(), targets, net, { weights: numbers([2, 4]) }),
      RangeError,
      /"weights" expected shape \[batch\], got \[2, 4\]/,
    ],
    [
      "truncate",
      () => net.evaluate({ inputs, targets }, { loss: crfLoss(), truncate: 2 }),
      RangeError,
      /"truncate" needs a loss of single steps, which crfLoss by "mean" is not: leave it out/,
    ],
    [
      "reduction none",
      () => crfLoss({ reduction: "none" as never }),
      RangeError,
      /one of "mean", "tokenMean", "sum", got "none"/,
    ],
    ["a misspelt option", () => crfLoss({ reduce: "sum" } as never), TypeError, /crfLoss: unknown option "reduce"/],
    ["a size", () => crf(3 as never), TypeError, /"crf" expected an object, got 3/],
    ["a misspelt option of crf", () => crf({ tags: 3 } as never), TypeError, /crf: unknown option "tags"/],
    [
      "batchSize 0",
      () => crfDecode(net, inputs, { batchSize: 0 }),
      RangeError,
      /"batchSize" expected an integer of at least 1/,
    ],
    [
      "a misspelt option of crfDecode",
      () => crfDecode(net, inputs, { size: 1 } as never),
      TypeError,
      /crfDecode: unknown option "size"/,
    ],
    [
      "a misspelt option of crfMarginals",
      () => crfMarginals(net, inputs, { size: 1 } as never),
      TypeError,
      /crfMarginals: unknown/,
    ],
    ["inputs of another size", () => crfDecode(net, numbers([2, 4, 3])), RangeError, /"inputs" expected/],
    [
      "lengths of others",
      () => crfMarginals(net, inputs, { lengths: [1] }),
      RangeError,
      /"lengths" expected 2 integers/,
    ],
  ])("%s", (_, call, kind, text) => {
    expectThrown(call, kind, text);
  });

  test("ONNX, which has no operator for it", () => {
    expect(() => exportOnnx(net)).toThrow(/crf.* is of the type crf, for which ONNX has no operator that is exported/);
  });
});
