/** EncoderDecoder as its users have it: learning, free running, search, files, and what it refuses. */

import { beforeAll, describe, expect, test } from "vitest";
import {
  adam,
  attention,
  crossEntropy,
  dense,
  dropout,
  embedding,
  EncoderDecoder,
  gru,
  last,
  lstm,
  meanSquaredError,
  sgd,
  type EncoderDecoderConfig,
  type EncoderDecoderData,
  type Parameter,
} from "../bindings/index.ts";
import { bitsOf, distance, errorOf, expectError, indices, lehmer, numbers, only } from "./support.ts";

const START = 0;
const STOP = 1;

/** A translator of tokens: 0 starts, 1 stops. */
function translator(change: Partial<EncoderDecoderConfig["decoder"]> = {}, seed = 3): EncoderDecoder {
  return new EncoderDecoder({
    encoder: { input: { tokens: 8 }, layers: [embedding(5), gru(6, { bidirectional: true })] },
    decoder: {
      input: { tokens: 7 },
      layers: [embedding(5), lstm(7), attention("additive"), dense(7)],
      ...{ start: START, stop: STOP },
      ...change,
    },
    seed,
  });
}

/** A forecaster of two numbers, from three. */
function forecaster(config: Partial<EncoderDecoderConfig> = {}): EncoderDecoder {
  return new EncoderDecoder({
    encoder: { input: { features: 3 }, layers: [gru(5)] },
    decoder: { input: { features: 2 }, layers: [gru(5), attention("dot"), dense(2)], start: [0.5, -0.5] },
    seed: 4,
    ...config,
  });
}

/** Random sequences of tokens from 2 on. */
function sequences(count: number, tokens: number, longest: number, seed = 1): number[][] {
  const random = lehmer(seed);
  const below = (n: number) => Math.floor(random() * n);
  return Array.from({ length: count }, () => Array.from({ length: 1 + below(longest) }, () => 2 + below(tokens - 2)));
}

const valuesOf = ({ parameters }: { parameters: readonly Parameter[] }) =>
  Float32Array.from(parameters.flatMap(({ value }) => [...value]));
const gradientsOf = ({ parameters }: { parameters: readonly Parameter[] }) =>
  Float32Array.from(parameters.flatMap(({ gradient }) => [...gradient]));

// ------------------------------------------------------------------------------------------------- unequal lengths

describe("sequences of unequal length on both sides", () => {
  const lengths = [3, 6, 1, 6];
  const decoderLengths = [5, 1, 4, 2];
  const inputs = numbers([4, 6, 3], 5);
  const reads = numbers([4, 5, 2], 6);
  const R = numbers([4, 5, 2], 7);
  const net = forecaster({ encoder: { input: { features: 3 }, layers: [gru(5), gru(5, { bidirectional: false })] } });

  test("give the outputs they give one by one, bit for bit, and zeros behind them", () => {
    const all = net.forward(inputs, reads, { lengths, decoderLengths });
    for (let b = 0; b < 4; b++) {
      const alone = net.forward(only(inputs, b, lengths[b]), only(reads, b, decoderLengths[b]));
      const padding = new Float32Array((5 - decoderLengths[b]!) * 2);
      expect([...only(all, b).data]).toEqual([...alone.data, ...padding]);
    }
  });

  test("give the sum of the gradients, whatever stands in the padding", () => {
    const run = (x: typeof inputs, d: typeof reads) => {
      net.zeroGrad();
      net.forward(x, d, { lengths, decoderLengths, training: true });
      net.backward(R);
      return gradientsOf(net);
    };
    const gradient = run(inputs, reads);
    const spoilt = { data: inputs.data.slice(), shape: inputs.shape };
    for (const [b, length] of lengths.entries()) spoilt.data.fill(1e3, (b * 6 + length) * 3, (b + 1) * 18);
    expect(run(spoilt, reads)).toEqual(gradient);
    net.zeroGrad();
    for (let b = 0; b < 4; b++) {
      net.forward(only(inputs, b, lengths[b]), only(reads, b, decoderLengths[b]), { training: true });
      net.backward(only(R, b, decoderLengths[b]));
    }
    expect(distance(gradientsOf(net), gradient)).toBeLessThan(1e-5);
  });

  test("as lists they are the same as padded with lengths", () => {
    const net = translator();
    const [inputs, targets] = [sequences(6, 8, 5), sequences(6, 7, 4, 2)];
    const padded = (rows: number[][], T: number) => ({
      data: Int32Array.from(rows.flatMap((row) => [...row, ...Array.from({ length: T - row.length }, () => 5)])),
      shape: [rows.length, T],
    });
    const lengthsOf = (rows: number[][]) => rows.map(({ length }) => length);
    const data: EncoderDecoderData = {
      ...{ inputs: padded(inputs, 6), lengths: lengthsOf(inputs) },
      ...{ targets: padded(targets, 7), targetLengths: lengthsOf(targets) },
    };
    const options = { loss: crossEntropy() };
    expect(net.evaluate(data, options)).toEqual(net.evaluate({ inputs, targets }, options));
    expect(net.generate(data.inputs, { maxLength: 5, lengths: lengthsOf(inputs) })).toEqual(
      net.generate(inputs, { maxLength: 5 }),
    );
  });
});

test("the stop token is learnt behind each target, and the start read before it", () => {
  const net = translator();
  const inputs = [
    [2, 3, 4],
    [5, 6],
  ];
  const options = { loss: crossEntropy({ reduction: "sum" }) };
  const { loss } = net.evaluate({ inputs, targets: [[2, 3], [4]] }, options);
  net.forward(
    inputs,
    [
      [START, 2, 3],
      [START, 4],
    ],
    { training: true },
  );
  expect(
    net.loss(options.loss, [
      [2, 3, STOP],
      [4, STOP],
    ]),
  ).toBe(loss);
});

// ------------------------------------------------------------------------------------------------------ free running

describe("free running", () => {
  const inputs = sequences(5, 8, 6);

  test("greedy generation takes the likeliest token of each step, up to the stop token", () => {
    const net = translator({}, 11);
    const best = net.generate(inputs, { maxLength: 6, batchSize: 2 });
    inputs.forEach((input, b) => {
      const reads = [START];
      for (let t = 0; t < 6; t++) {
        const logits = net.forward([input], [reads]).data.slice(-7);
        reads.push(logits.indexOf(Math.max(...logits)));
        if (reads.at(-1) === STOP) break;
      }
      const tokens = reads.slice(1).filter((token) => token !== STOP);
      expect([...best[b]!.tokens]).toEqual(tokens);
      expect(best[b]!.ended).toBe(reads.at(-1) === STOP);
    });
  });

  test("the score is the mean log-probability, or their sum without a penalty", () => {
    const net = translator({ stop: 6 }, 11);
    const sums = net.generate(inputs, { maxLength: 4, lengthPenalty: 0 });
    const means = net.generate(inputs, { maxLength: 4 });
    inputs.forEach((input, b) => {
      const { tokens, logProbability, ended } = sums[b]!;
      const targets = ended ? [...tokens, 6] : [...tokens];
      net.forward([input], [[START, ...targets.slice(0, -1)]], { training: true });
      expect(logProbability).toBeCloseTo(-net.loss(crossEntropy({ reduction: "sum" }), [targets]), 4);
      expect(sums[b]!.score).toBeCloseTo(logProbability, 5);
      expect(means[b]!.score).toBeCloseTo(logProbability / targets.length, 5);
    });
  });

  test("numbers: each output is the next input, from the start on", () => {
    const net = forecaster();
    const inputs = numbers([3, 4, 3]);
    const lengths = [4, 1, 2];
    const all = net.predict(inputs, { steps: 5, lengths, batchSize: 2 });
    expect(all.shape).toEqual([3, 5, 2]);
    for (let b = 0; b < 3; b++) {
      const own = only(all, b).data;
      const reads = { data: Float32Array.from([0.5, -0.5, ...own.slice(0, 8)]), shape: [1, 5, 2] };
      expect(net.forward(only(inputs, b, lengths[b]), reads).data).toEqual(own);
    }
  });

  test('start "last": the decoder begins with the last step of the input', () => {
    const net = new EncoderDecoder({
      encoder: { input: { features: 2 }, layers: [gru(4)] },
      decoder: { input: { features: 2 }, layers: [gru(4), dense(2)], start: "last" },
    });
    const inputs = numbers([2, 3, 2]);
    const out = net.predict(inputs, { steps: 1, lengths: [2, 3] });
    const last = { data: Float32Array.from([...inputs.data.slice(2, 4), ...inputs.data.slice(10)]), shape: [2, 1, 2] };
    expect(out.data).toEqual(net.forward(inputs, last, { lengths: [2, 3] }).data);
  });

  test("evaluated free running, the decoder reads what it gives out", () => {
    const net = forecaster();
    const inputs = numbers([3, 4, 3]);
    const targets = numbers([3, 5, 2], 2);
    const options = { loss: meanSquaredError(), freeRunning: true };
    const outputs = net.predict(inputs, { steps: 5 }).data;
    const expected = outputs.reduce((sum, y, k) => sum + (y - targets.data[k]!) ** 2, 0) / outputs.length;
    expect(net.evaluate({ inputs, targets }, options).loss).toBeCloseTo(expected, 6);
    expect(net.evaluate({ inputs, targets }, { loss: meanSquaredError() }).loss).not.toBeCloseTo(expected, 4);
  });
});

// -------------------------------------------------------------------------------------------------- scheduled sampling

describe("teacher forcing", () => {
  const data = { inputs: sequences(6, 8, 6), targets: sequences(6, 7, 5, 2) };
  const still = { loss: crossEntropy(), optimizer: sgd({ learningRate: 0 }), shuffle: false };

  test("of 1 learns from the targets, of 0 from what the decoder gives out", () => {
    const net = translator();
    const lossAt = (teacherForcing: number) => net.train(data, { ...still, teacherForcing }).next().value!.loss;
    expect(lossAt(1)).toBeCloseTo(net.evaluate(data, { loss: crossEntropy() }).loss, 6);
    expect(lossAt(0)).toBeCloseTo(net.evaluate(data, { loss: crossEntropy(), freeRunning: true }).loss, 6);
    expect(lossAt(0)).not.toBeCloseTo(lossAt(1), 5);
  });

  test("of 0 has the gradient of the pass over what was read", () => {
    const net = forecaster();
    const [inputs, targets] = [numbers([2, 3, 3]), numbers([2, 4, 2], 8)];
    const options = { loss: meanSquaredError(), optimizer: sgd({ learningRate: 0 }), shuffle: false };
    net.train({ inputs, targets }, { ...options, teacherForcing: 0 }).next();
    const sampled = gradientsOf(net);
    const outputs = net.predict(inputs, { steps: 4 });
    const reads = new Float32Array(16);
    for (let b = 0; b < 2; b++) reads.set([0.5, -0.5, ...outputs.data.slice(b * 8, b * 8 + 6)], b * 8);
    net.zeroGrad();
    net.forward(inputs, { data: reads, shape: [2, 4, 2] }, { training: true });
    net.loss(meanSquaredError(), targets);
    net.backward();
    expect(gradientsOf(net)).toEqual(sampled);
  });

  test("in between is drawn for each step: both sources are read, more of the targets with a larger share", () => {
    const net = translator({ layers: [embedding(5), lstm(7), dense(7)] });
    const many = { inputs: sequences(64, 8, 6), targets: sequences(64, 7, 6, 2) };
    const options = { ...still, batchSize: 64 };
    const [all, half, few, none] = [1, 0.5, 0.1, 0].map((teacherForcing) => {
      return net.train(many, { ...options, teacherForcing }).next().value!.loss;
    });
    expect(new Set([all, half, few, none]).size).toBe(4);
    expect(Math.abs(few! - none!)).toBeLessThan(Math.abs(half! - none!) + Math.abs(all! - none!));
  });

  test("follows a schedule by the step", () => {
    const steps: number[] = [];
    const net = translator();
    const teacherForcing = (step: number) => {
      steps.push(step);
      return step % 2;
    };
    const losses = [...net.train(data, { ...still, epochs: 4, teacherForcing })].map(({ loss }) => loss);
    expect(steps).toEqual([0, 1, 2, 3]);
    expect(losses[0]).toBe(losses[2]);
    expect(losses[1]).toBe(losses[3]);
    expect(losses[0]).not.toBe(losses[1]);
  });
});

// -------------------------------------------------------------------------------------------------------- beam search

describe("beam search", () => {
  const V = 4;
  const maxLength = 5;
  const net = new EncoderDecoder({
    encoder: { input: { features: 2 }, layers: [gru(3)] },
    decoder: {
      input: { tokens: V },
      layers: [embedding(3), gru(5), attention("additive"), dense(V, { weightInit: { type: "normal", deviation: 1 } })],
      ...{ start: START, stop: STOP },
    },
    seed: 2,
  });
  // Sequences that are long, and depend on all that came before.
  for (const { name, value } of net.parameters) {
    if (name.includes("weight")) value.forEach((w, k) => (value[k] = w * 2));
  }
  net.parameter("decoder.dense.bias").value[STOP] = -2;
  const inputs = numbers([6, 3, 2], 9);

  /** Every sequence that ends or is as long as can be, and the sum of its log-probabilities. */
  function enumerate(b: number): { tokens: number[]; sum: number; steps: number }[] {
    const found: { tokens: number[]; sum: number; steps: number }[] = [];
    const extend = (tokens: number[], sum: number): void => {
      const logits = net.forward(only(inputs, b), [[START, ...tokens]]).data.slice(-V);
      const logSum = Math.log(logits.reduce((total, x) => total + Math.exp(x), 0));
      logits.forEach((logit, token) => {
        const next = { tokens: [...tokens, token], sum: sum + logit - logSum, steps: tokens.length + 1 };
        if (token === STOP) found.push({ ...next, tokens });
        else if (next.steps === maxLength) found.push(next);
        else extend(next.tokens, next.sum);
      });
    };
    extend([], 0);
    return found;
  }

  test.each([0, 0.7, 1])("wide enough, finds the best of all sequences, length penalty %d", (lengthPenalty) => {
    const beams = net.generate(inputs, { maxLength, beam: 400, lengthPenalty });
    for (let b = 0; b < 6; b++) {
      const all = enumerate(b);
      expect(all.length).toBe(1 + 3 + 9 + 27 + 81 + 243);
      const scores = all.map(({ sum, steps }) => sum / steps ** lengthPenalty);
      const best = scores.indexOf(Math.max(...scores));
      expect([...beams[b]!.tokens]).toEqual(all[best]!.tokens);
      expect(beams[b]!.score).toBeCloseTo(scores[best]!, 4);
    }
  });

  test("a wider beam never finds worse, and once better than the greedy way", () => {
    const of = (beam: number) => net.generate(inputs, { maxLength, beam, lengthPenalty: 0 }).map(({ score }) => score);
    const [greedy, wide] = [of(1), of(400)];
    wide.forEach((score, b) => expect(score).toBeGreaterThanOrEqual(greedy[b]! - 1e-5));
    expect(wide.some((score, b) => score > greedy[b]! + 1e-3)).toBe(true);
  });

  test("each hypothesis keeps its own state and its own input", () => {
    const together = net.generate(inputs, { maxLength, beam: 3 });
    expect(together.filter(({ tokens }) => tokens.length > 3).length).toBeGreaterThan(2);
    for (let b = 0; b < 6; b++) expect(net.generate(only(inputs, b), { maxLength, beam: 3 })[0]).toEqual(together[b]);
    for (const [b, { tokens, logProbability, ended }] of together.entries()) {
      const same = enumerate(b).find(
        (one) => one.tokens.join() === tokens.join() && one.steps === tokens.length + Number(ended),
      );
      expect(logProbability).toBeCloseTo(same!.sum, 4);
    }
  });
});

// ------------------------------------------------------------------------------------------------------------ learning

describe("learning", () => {
  test("to reverse sequences of unequal length, with attention: all of them right, by both searches", async () => {
    const inputs = sequences(24, 8, 5);
    const targets = inputs.map((tokens) => [...tokens].reverse());
    const net = new EncoderDecoder({
      encoder: { input: { tokens: 8 }, layers: [embedding(16), gru(24, { bidirectional: true })] },
      decoder: {
        input: { tokens: 8 },
        layers: [embedding(16), gru(24), attention("additive"), dense(32, { activation: "tanh" }), dense(8)],
        ...{ start: START, stop: STOP },
      },
      seed: 1,
    });
    const history = await net.fit(
      { inputs, targets },
      { loss: crossEntropy(), optimizer: adam({ learningRate: 0.01 }), epochs: 60, batchSize: 8, clipNorm: 1 },
    );
    expect(history.loss.at(-1)).toBeLessThan(0.1);
    for (const beam of [1, 3]) {
      const found = net.generate(inputs, { maxLength: 8, beam });
      expect(found.map(({ tokens }) => [...tokens])).toEqual(targets);
      expect(found.every(({ ended }) => ended)).toBe(true);
    }
    expect(net.evaluate({ inputs, targets }, { loss: crossEntropy() }).accuracy).toBe(1);
  });

  test("one to many: a vector becomes a sequence of its own length", async () => {
    const vectors = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    const targets = [[2, 3, 4, 5], [5], [3, 3]];
    const net = new EncoderDecoder({
      encoder: { input: { features: 3 }, layers: [dense(8, { activation: "tanh" })] },
      decoder: { input: { tokens: 6 }, layers: [embedding(4), lstm(12), dense(6)], start: START, stop: STOP },
    });
    await net.fit(
      { inputs: vectors, targets },
      { loss: crossEntropy(), optimizer: adam({ learningRate: 0.03 }), epochs: 80 },
    );
    expect(net.generate(vectors, { maxLength: 9 }).map(({ tokens }) => [...tokens])).toEqual(targets);
  });

  test("to forecast a sine, better free running when it has learnt so", async () => {
    const wave = (from: number, n: number) => Array.from({ length: n }, (_, t) => [Math.sin((from + t) / 3)]);
    const inputs = Array.from({ length: 16 }, (_, k) => wave(k * 1.7, 8));
    const targets = Array.from({ length: 16 }, (_, k) => wave(k * 1.7 + 8, 6));
    const make = () =>
      new EncoderDecoder({
        encoder: { input: { features: 1 }, layers: [gru(8)] },
        decoder: { input: { features: 1 }, layers: [gru(8), dense(1)], start: "last" },
        seed: 2,
      });
    const learn = async (teacherForcing: number) => {
      const net = make();
      const optimizer = adam({ learningRate: 0.01 });
      await net.fit({ inputs, targets }, { loss: meanSquaredError(), optimizer, epochs: 60, teacherForcing });
      return net.evaluate({ inputs, targets }, { loss: meanSquaredError(), freeRunning: true }).loss;
    };
    const [free, forced] = [await learn(0), await learn(1)];
    expect(free).toBeLessThan(0.02);
    expect(free).toBeLessThan(forced);
  });

  test("its own loop learns as train does", () => {
    const [inputs, targets] = [sequences(4, 8, 4), [[2], [3, 4], [5], [6, 2, 3]]];
    const optimizer = adam({ learningRate: 0.01 });
    const [a, b] = [translator(), translator()];
    a.train({ inputs, targets }, { loss: crossEntropy(), optimizer, shuffle: false, clipNorm: 0.5 }).next();
    b.zeroGrad();
    const reads = targets.map((tokens) => [START, ...tokens]);
    b.forward(inputs, reads, { training: true });
    b.loss(
      crossEntropy(),
      targets.map((tokens) => [...tokens, STOP]),
    );
    b.backward();
    b.clipGradNorm(0.5);
    b.step(optimizer);
    expect(valuesOf(b)).toEqual(valuesOf(a));
  });
});

// ------------------------------------------------------------------------------------------------- files and resuming

describe("files", () => {
  const data = { inputs: sequences(12, 8, 6), targets: sequences(12, 7, 5, 2) };
  const options = { loss: crossEntropy(), optimizer: adam(), epochs: 3, batchSize: 5, teacherForcing: 0.5 };
  const make = () =>
    translator({ layers: [embedding(5), dropout(0.2), lstm(7), attention("additive", { units: 3 }), dense(7)] });
  let net: EncoderDecoder;

  beforeAll(async () => {
    net = make();
    await net.fit(data, options);
  });

  test("one file with the names of both sides, from which the same comes back", () => {
    net.metadata.note = "kept";
    const again = EncoderDecoder.load(net.save());
    expect(again.config).toEqual(net.config);
    expect(Object.isFrozen(again.config.decoder)).toBe(true);
    expect(again.metadata).toEqual({ note: "kept" });
    expect(again.parameters.map(({ name }) => name)).toEqual([
      "encoder.embedding.weight",
      ...["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"].map((name) => `encoder.gru.${name}`),
      ...["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"].map((name) => `encoder.gru.${name}_reverse`),
      "decoder.embedding.weight",
      ...["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"].map((name) => `decoder.lstm.${name}`),
      ...["weight_query", "weight_memory", "weight_score"].map((name) => `decoder.attention.${name}`),
      ...["decoder.dense.weight", "decoder.dense.bias", "bridge.weight", "bridge.bias"],
    ]);
    expect(again.generate(data.inputs, { maxLength: 6, beam: 2 })).toEqual(
      net.generate(data.inputs, { maxLength: 6, beam: 2 }),
    );
    const other = make();
    other.loadParameters(net.save());
    expect(valuesOf(other)).toEqual(valuesOf(net));
    expect([...other.parameter("bridge.bias").value]).toEqual([...net.parameter("bridge.bias").value]);
  });

  test.each([0, 1, 4, 8])("a run stopped after %d steps and taken up ends with the same bits", (steps) => {
    const first = make();
    const trainer = first.train(data, options);
    for (let k = 0; k < steps; k++) trainer.next();
    const second = EncoderDecoder.load(trainer.checkpoint());
    expect([...second.train(data, { ...options, resume: trainer.checkpoint() })].length).toBe(9 - steps);
    expect(bitsOf(valuesOf(second))).toBe(bitsOf(valuesOf(net)));
    expect(second.randomState).toEqual(net.randomState);
  });

  test("a checkpoint of other targets or another schedule is refused", () => {
    const resume = make().train(data, options).checkpoint();
    const longer = { ...data, targets: data.targets.map((tokens) => [...tokens, 2]) };
    expect(() => make().train(longer, { ...options, resume })).toThrow(/is of another "targets"/);
    expect(() => make().train(data, { ...options, teacherForcing: 1, resume })).toThrow(
      /is of another "teacherForcing"/,
    );
  });

  test("the file of a network is none of an EncoderDecoder, nor the other way round", async () => {
    const { Network } = await import("../bindings/index.ts");
    const plain = new Network({ input: { features: 1 }, layers: [dense(1)] });
    expect(() => EncoderDecoder.load(plain.save())).toThrow(/description of the network is wrong/);
    expect(() => Network.load(net.save())).toThrow(/description of the network is wrong/);
  });

  test("the random state may be put back, and the summary names every layer", () => {
    const state = net.randomState;
    const report = () => net.train(data, options).next().value!.loss;
    const before = valuesOf(net);
    report();
    net.parameters.forEach((parameter, k) => {
      const at = net.parameters.slice(0, k).reduce((sum, { value }) => sum + value.length, 0);
      parameter.set(before.subarray(at, at + parameter.value.length));
    });
    net.randomState = state;
    expect(net.randomState).toEqual(state);
    const text = net.summary();
    for (const name of ["encoder.gru", "bridge", "decoder.lstm", "decoder.attention"]) expect(text).toContain(name);
    expect(text).toMatch(/input: tokens below 8; of the decoder: tokens below 7/);
    expect(text).toMatch(/decoder\.attention +\[batch, time, 19\]/);
  });
});

test("fit measures a validation set, stops early and keeps the best", async () => {
  const data = { inputs: sequences(8, 8, 5), targets: sequences(8, 7, 4, 2) };
  const validation = { inputs: sequences(4, 8, 5, 3), targets: sequences(4, 7, 4, 4) };
  const net = translator();
  const history = await net.fit(data, {
    ...{ loss: crossEntropy(), optimizer: adam({ learningRate: 0.05 }), epochs: 50, validation },
    earlyStopping: { patience: 2 },
  });
  expect(history.stoppedEarly).toBe(true);
  expect(history.validationAccuracy.length).toBe(history.loss.length);
  expect(net.evaluate(validation, { loss: crossEntropy() }).loss).toBeCloseTo(Math.min(...history.validationLoss), 5);
});

test("dropout acts on both sides while it learns, and not else", () => {
  const layers = [embedding(5), dropout(0.5), gru(6)];
  const net = new EncoderDecoder({
    encoder: { input: { tokens: 8 }, layers },
    decoder: {
      input: { tokens: 7 },
      layers: [embedding(5), gru(6), attention("dot"), dropout(0.5), dense(7)],
      start: 0,
    },
  });
  const run = (training: boolean) => bitsOf(net.forward(indices([2, 4], 8), indices([2, 3], 7), { training }).data);
  expect(run(false)).toBe(run(false));
  expect(run(true)).not.toBe(run(true));
});

// ------------------------------------------------------------------------------------------------------------- errors

describe("what is refused, with the cure", () => {
  const encoder = { input: { features: 3 }, layers: [gru(4)] };
  const decoder = { input: { tokens: 5 }, layers: [embedding(3), gru(4), dense(5)], start: 0, stop: 1 };
  const make = (change: object) => () => new EncoderDecoder({ encoder, decoder, ...change });
  const decode = (change: object) => make({ decoder: { ...decoder, ...change } });

  test.each([
    ["no decoder", make({ decoder: undefined }), TypeError, /"?decoder"? expected an object, got undefined/],
    ["a misspelt part", make({ encode: encoder }), TypeError, /EncoderDecoder: unknown option "encode"/],
    ["a misspelt option", decode({ begin: 0 }), TypeError, /decoder: unknown option "begin"/],
    ["no start token", decode({ start: undefined }), TypeError, /"decoder.start" expected a number, got undefined/],
    [
      "a start that is no token",
      decode({ start: 5 }),
      RangeError,
      /"decoder.start" expected an integer from 0 to 4, got 5/,
    ],
    ["a stop that is no token", decode({ stop: -1 }), RangeError, /"decoder.stop" expected an integer from 0 to 4/],
    ["no layers", decode({ layers: [] }), RangeError, /"decoder.layers" expected at least one layer/],
    ["tokens without embedding", decode({ layers: [dense(5)] }), TypeError, /embedding\(\)/],
    [
      "both directions in the decoder",
      decode({ layers: [embedding(3), gru(4, { bidirectional: true }), dense(5)] }),
      TypeError,
      /"decoder.layers" go one step at a time, and a bidirectional layer needs the end first/,
    ],
    ["last in the decoder", decode({ layers: [embedding(3), gru(4), last(), dense(5)] }), TypeError, /take it out/],
    [
      "dot attention of other sizes",
      decode({ layers: [embedding(3), gru(6), attention("dot"), dense(5)] }),
      RangeError,
      /"decoder.attention" of "dot" expected as many features as the encoder's 4, got 6: use "additive"/,
    ],
    [
      "attention over a vector",
      make({
        encoder: { ...encoder, layers: [gru(4), last()] },
        decoder: { ...decoder, layers: [embedding(3), attention("additive"), dense(5)] },
      }),
      TypeError,
      /attention\(\) looks at the steps of the encoder, and a vector comes out of it/,
    ],
    ["no such bridge", make({ bridge: "skip" }), TypeError, /"bridge" expected "copy" or \{ activation \}, got "skip"/],
    ["a bridge without activation", make({ bridge: {} }), TypeError, /"bridge.activation" expected one of/],
    [
      "a copy that does not fit",
      make({ bridge: "copy", encoder: { ...encoder, layers: [lstm(4)] } }),
      RangeError,
      /"bridge" of "copy" needs the same states.* h_l0 \(4\), c_l0 \(4\) and the decoder h_l0 \(4\)/,
    ],
    [
      "an encoder of steps without states",
      make({
        encoder: { ...encoder, layers: [dense(4)] },
        decoder: { ...decoder, layers: [embedding(3), gru(4), attention("dot"), dense(5)] },
      }),
      TypeError,
      /the encoder has no states that the decoder could begin with: end it with a recurrent layer/,
    ],
    [
      "a stop of numbers",
      decode({ input: { features: 2 }, layers: [gru(4)], stop: 1, start: [0, 0] }),
      TypeError,
      /"decoder.stop"/,
    ],
    [
      "a start of the wrong size",
      decode({ input: { features: 2 }, layers: [gru(4)], stop: undefined, start: [0] }),
      RangeError,
      /"decoder.start" expected 2 numbers/,
    ],
    [
      "the last step of other inputs",
      decode({ input: { features: 2 }, layers: [gru(4)], stop: undefined, start: "last" }),
      TypeError,
      /"decoder.start" of "last" needs an encoder whose input is 2 features/,
    ],
    [
      "a score that is none",
      () => attention("cosine" as "dot"),
      RangeError,
      /"score" expected one of "dot", "additive"/,
    ],
    ["units of dot", () => attention("dot", { units: 3 }), TypeError, /attention: unknown option "units"/],
    ["no units", () => attention("additive", { units: 0 }), RangeError, /"units" expected an integer of at least 1/],
  ])("%s", async (_, call, kind, text) => expectError(await errorOf(call), kind, text));

  const net = translator();
  const numeric = forecaster();
  const inputs = [[2, 3]];
  const data = { inputs, targets: [[2]] };
  const options = { loss: crossEntropy(), optimizer: adam() };

  test.each<[string, () => unknown, new (message: string) => Error, RegExp]>([
    [
      "other many targets",
      () => net.train({ inputs, targets: [[2], [3]] }, options),
      RangeError,
      /"targets" expected 1 sequences, as many as "inputs", got 2/,
    ],
    [
      "a target that is no token",
      () => net.train({ inputs, targets: [[7]] }, options),
      RangeError,
      /"targets" expected integers from 0 to 6, got 7 at \[0, 0\]/,
    ],
    [
      "an input that is no token",
      () => net.train({ ...data, inputs: [[8]] }, options),
      RangeError,
      /"inputs" expected integers from 0 to 7/,
    ],
    [
      "targetLengths too long",
      () => net.train({ ...data, targetLengths: [2] }, options),
      RangeError,
      /"targetLengths\[0\]" expected an integer from 1 to 1, got 2/,
    ],
    [
      "a share above 1",
      () => net.train(data, { ...options, teacherForcing: 1.5 }),
      RangeError,
      /"teacherForcing" expected/,
    ],
    [
      "a schedule that gives none",
      () => net.train(data, { ...options, teacherForcing: () => NaN }).next(),
      RangeError,
      /"teacherForcing" expected/,
    ],
    [
      "truncation",
      () => net.train(data, { ...options, truncate: 2 } as never),
      TypeError,
      /train: unknown option "truncate"/,
    ],
    [
      "a misspelt option of fit",
      () => net.fit(data, { ...options, teacher: 1 } as never),
      TypeError,
      /fit: unknown option "teacher"/,
    ],
    ["no options", () => net.train(data, undefined as never), TypeError, /"options" expected an object/],
    ["no largest length", () => net.generate(inputs, {} as never), TypeError, /"maxLength" expected a number/],
    [
      "no beam",
      () => net.generate(inputs, { maxLength: 3, beam: 0 }),
      RangeError,
      /"beam" expected an integer of at least 1/,
    ],
    [
      "a negative penalty",
      () => net.generate(inputs, { maxLength: 3, lengthPenalty: -1 }),
      RangeError,
      /"lengthPenalty" expected/,
    ],
    [
      "tokens from numbers",
      () => numeric.generate(numbers([1, 2, 3]), { maxLength: 3 }),
      TypeError,
      /generate: the decoder reads features: use predict\(\)/,
    ],
    [
      "numbers from tokens",
      () => net.predict(inputs, { steps: 3 }),
      TypeError,
      /predict: the decoder reads tokens: use generate\(\)/,
    ],
    [
      "an output that cannot be read",
      () =>
        forecaster({ decoder: { input: { features: 2 }, layers: [gru(5)] } }).predict(numbers([1, 2, 3]), { steps: 1 }),
      TypeError,
      /must give the 2 features it reads, and gives 5: add dense\(2\)/,
    ],
    ["backward before forward", () => translator().backward(), Error, /there is no forward pass to go back through/],
    [
      "backward without a loss",
      () => {
        net.forward(inputs, [[0]], { training: true });
        net.backward();
      },
      Error,
      /call net.loss\(loss, targets\) before it/,
    ],
    [
      "another batch on the decoder's side",
      () => net.forward(inputs, [[0], [0]]),
      RangeError,
      /"decoderInputs" expected 1 sequences/,
    ],
  ])("%s", async (_, call, kind, text) => {
    const before = [bitsOf(valuesOf(net)), bitsOf(net.randomState)];
    expectError(await errorOf(call), kind, text);
    expect([bitsOf(valuesOf(net)), bitsOf(net.randomState)]).toEqual(before);
  });

  test("after a schedule has failed, the network measures with the targets as before", () => {
    const fresh = translator();
    const { loss } = fresh.evaluate(data, { loss: options.loss });
    expect(() => fresh.train(data, { ...options, teacherForcing: () => 2 }).next()).toThrow(RangeError);
    expect(fresh.evaluate(data, { loss: options.loss }).loss).toBe(loss);
  });
});
