import { describe, expect, test, vi } from "vitest";
import {
  adagrad,
  adam,
  binaryCrossEntropy,
  crossEntropy,
  ctc,
  dense,
  dropout,
  elman,
  embedding,
  gaussianMixture,
  gru,
  huber,
  klDivergence,
  last,
  lstm,
  meanAbsoluteError,
  meanSquaredError,
  negativeLogLikelihood,
  quantile,
  smoothL1,
  Network,
  NumericError,
  adadelta,
  adamax,
  adamw,
  nadam,
  radam,
  rmsprop,
  repeat,
  sgd,
  tensor,
  type LayerDescription,
  type Loss,
  type Tensor,
  type TrainingData,
  type TrainOptions,
} from "../bindings/index.ts";
import { bitsOf, distance, gradientsOf, indices, numbers, only, parametersOf, stateOf } from "./support.ts";

const mse = meanSquaredError();

/** Stacks in which padding, directions and the end of a sequence matter. */
const stacks: Readonly<Record<string, readonly LayerDescription[]>> = {
  elman: [elman(5), dense(3)],
  "elman, both directions": [elman(5, { bidirectional: true }), dense(3)],
  "lstm, two layers": [lstm(5, { layers: 2 }), dense(3)],
  "lstm, two layers, both directions": [lstm(3, { layers: 2, bidirectional: true }), dense(3)],
  gru: [gru(5), dense(3)],
  "gru, reset before, both directions": [gru(4, { reset: "before", bidirectional: true }), dense(3)],
  "lstm, last": [lstm(5), last(), dense(3)],
  "gru in both directions, last": [gru(4, { bidirectional: true }), last(), dense(3)],
  "encoder and decoder": [lstm(4), last(), repeat(6), gru(4), dense(3)],
  "dense only": [dense(5, { activation: "gelu" }), dense(3)],
};
const network = (layers: readonly LayerDescription[], features = 2) => new Network({ input: { features }, layers });

describe.each(Object.entries(stacks))("forward and predict: %s", (_, layers) => {
  const lengths = [3, 6, 1, 4, 6];
  const padded = numbers([lengths.length, 6, 2]);
  const list = lengths.map((length, b) => only(padded, b, length).data);
  const net = network(layers);
  const ragged = net.forward(list);
  const F = 3;
  const T = ragged.output.data.length / lengths.length / F;

  test("sequences of any length and order give what each gives alone, within 1e-6, and zeros beyond", () => {
    let at = 0;
    lengths.forEach((length, b) => {
      const alone = net.forward(only(padded, b, length));
      const row = ragged.output.data.subarray(b * T * F, (b + 1) * T * F);
      expect(distance(row.subarray(0, alone.output.data.length), alone.output.data)).toBeLessThan(1e-6);
      expect(row.subarray(alone.output.data.length).every((x) => Object.is(x, 0))).toBe(true);
    });
    // States: (batch, units) one after another, each sequence's at its own end.
    for (const { units } of net.states) {
      lengths.forEach((length, b) => {
        const { state } = net.forward(only(padded, b, length));
        const from = at / lengths.length;
        const own = ragged.state.subarray(at + b * units, at + (b + 1) * units);
        expect(distance(own, state.subarray(from, from + units))).toBeLessThan(1e-6);
      });
      at += lengths.length * units;
    }
    expect(at).toBe(ragged.state.length);
  });

  test("what stands in the padding does not matter, bit for bit", () => {
    const junk = tensor(padded.data.slice(), padded.shape);
    lengths.forEach((length, b) => junk.data.fill(NaN, (b * 6 + length) * 2, (b + 1) * 6 * 2));
    const net = network(layers);
    const targets = numbers(ragged.output.shape, 3);
    const run = (input: Tensor | Float32Array[], options: object) => {
      net.zeroGrad();
      const { output, state } = net.forward(input, { ...options, training: true });
      const loss = net.loss(mse, targets);
      const { gradInput, gradState } = net.backward();
      return { output, state, loss, gradState, gradInput, gradients: gradientsOf(net) };
    };
    const clean = run(padded, { lengths });
    expect(run(junk, { lengths })).toEqual(clean);
    expect(run(list, {})).toEqual(clean);
    expect(run(list, { lengths: Int32Array.from(lengths) })).toEqual(clean);
    lengths.forEach((length, b) => {
      const beyond = clean.gradInput!.data.subarray((b * 6 + length) * 2, (b + 1) * 6 * 2);
      expect(beyond.every((g) => g === 0)).toBe(true);
    });
  });

  test("predict in batches of 1, 2, 5 and 64 gives what forward gives", () => {
    for (const batchSize of [1, 2, 5, 64]) {
      const output = net.predict(list, { batchSize });
      expect(output.shape).toEqual(ragged.output.shape);
      expect(distance(output.data, ragged.output.data)).toBeLessThan(1e-6);
      expect(net.predict(padded, { batchSize, lengths })).toEqual(output);
    }
    expect(net.predict(list)).toEqual(ragged.output);
  });

  test("an initial state carries on from where it was taken, within 1e-6", () => {
    const encoder = layers.some(({ type }) => type === "last" || type === "repeat");
    const backwards = net.states.some(({ name }) => name.endsWith("_reverse"));
    if (encoder || backwards) return;
    const whole = net.forward(padded);
    const head = net.forward(tensor(cut(padded, 0, 2), [5, 2, 2]));
    const tail = net.forward(tensor(cut(padded, 2, 6), [5, 4, 2]), { state: head.state });
    expect(distance(head.output.data, cut(whole.output, 0, 2))).toBeLessThan(1e-6);
    expect(distance(tail.output.data, cut(whole.output, 2, 6))).toBeLessThan(1e-6);
    expect(distance(tail.state, whole.state)).toBeLessThan(1e-6);
  });
});

/** Steps from `start` to `end` of all sequences. */
function cut({ data, shape }: Tensor, start: number, end: number): Float32Array {
  const [B = 1, T = 1, F = 1] = shape;
  const parts = Array.from({ length: B }, (_, b) => [...data.subarray((b * T + start) * F, (b * T + end) * F)]);
  return Float32Array.from(parts.flat());
}

describe("forward without time", () => {
  const net = network([dense(4, { activation: "tanh" }), dropout(0.5), dense(3)]);
  const vectors = numbers([5, 2]);

  test("vectors give vectors: those of sequences of one step", () => {
    const { output, state } = net.forward(vectors);
    expect(output.shape).toEqual([5, 3]);
    expect(state).toEqual(new Float32Array(0));
    expect(net.forward(tensor(vectors.data, [5, 1, 2])).output.data).toEqual(output.data);
    expect(net.predict(vectors, { batchSize: 2 }).data).toEqual(output.data);
  });

  test("gradients by the input have its shape", () => {
    net.forward(vectors, { training: true });
    expect(net.backward(numbers([5, 3])).gradInput?.shape).toEqual([5, 2]);
    net.forward(tensor(vectors.data, [1, 5, 2]), { training: true });
    expect(net.backward(numbers([1, 5, 3])).gradInput?.shape).toEqual([1, 5, 2]);
  });

  test("dropout acts in training only", () => {
    const { output } = net.forward(vectors);
    expect(net.forward(vectors)).toEqual(net.forward(vectors));
    expect(net.forward(vectors, { training: true }).output).not.toEqual(output);
    expect(net.forward(vectors).output).toEqual(output);
  });
});

describe("memory of a batch", () => {
  /** Lets the runtime refuse all memory meanwhile. */
  const withoutMemory = (act: () => void) => {
    const spy = vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(() => {
      throw new RangeError("refused");
    });
    try {
      act();
    } finally {
      spy.mockRestore();
    }
  };

  test("a large vocabulary takes no room for each token", () => {
    const net = new Network({ input: { tokens: 100_000 }, layers: [embedding(2), lstm(3), dense(2)] });
    const spy = vi.spyOn(WebAssembly.Memory.prototype, "grow");
    net.forward(indices([32, 50], 100_000));
    const pages = spy.mock.calls.reduce((sum, [by]) => sum + by, 0);
    spy.mockRestore();
    expect(pages * 65536).toBeLessThan(1e6);
  });

  test("too large a batch is refused, and a smaller one runs", () => {
    const net = network([lstm(512), dense(1)], 1);
    const long = tensor(new Float32Array(1_000_000), [1, 1_000_000, 1]);
    net.forward(numbers([1, 3, 1]), { training: true });
    expect(() => net.forward(long, { training: true })).toThrow(/more than 4 GB: use a smaller batch or fewer steps/);
    expect(() => net.backward(numbers([1, 3, 1]))).toThrow(/there is no forward pass to go back through/);
    expect(net.forward(numbers([1, 3, 1])).output.shape).toEqual([1, 3, 1]);
  });

  test("memory that the runtime refuses is a RangeError, and nothing is lost", () => {
    const net = network([lstm(16), dense(2)]);
    const small = numbers([1, 2, 2]);
    const before = { output: net.predict(small), state: stateOf(net) };
    withoutMemory(() => {
      expect(() => net.forward(numbers([64, 200, 2]))).toThrow(/no memory for this network and batch \(\d+ MB\)/);
      expect(() => network([lstm(128)])).toThrow(RangeError);
    });
    expect(net.predict(small)).toEqual(before.output);
    expect(stateOf(net)).toBe(before.state);
    expect(net.forward(numbers([64, 200, 2])).output.shape).toEqual([64, 200, 2]);
  });

  test("slots of an optimizer that find no room leave the network as it was", () => {
    const net = network([dense(400)], 100); // too wide for the slots of Adam to fit in what is there
    const input = numbers([2, 100]);
    const before = { output: net.predict(input), state: stateOf(net) };
    withoutMemory(() => expect(() => net.step(adam())).toThrow(/no memory/));
    expect(net.predict(input)).toEqual(before.output);
    expect(stateOf(net)).toBe(before.state);
    const data = { inputs: input, targets: numbers([2, 400], 2) };
    const other = network([dense(400)], 100);
    for (const one of [net, other]) for (const _ of one.train(data, { loss: mse, optimizer: adam(), epochs: 3 }));
    expect(bitsOf(parametersOf(net))).toBe(bitsOf(parametersOf(other)));
  });
});

describe("a loop of one's own", () => {
  const inputs = numbers([4, 5, 2]);
  const targets = numbers([4, 5, 2], 2);

  test("backward adds, zeroGrad clears", () => {
    const net = network([lstm(3), dense(2)]);
    const run = () => {
      net.forward(inputs, { training: true });
      net.loss(mse, targets);
      net.backward();
    };
    run();
    const once = gradientsOf(net);
    run();
    expect(
      distance(
        gradientsOf(net),
        once.map((g) => 2 * g),
      ),
    ).toBeLessThan(1e-6);
    net.zeroGrad();
    expect(gradientsOf(net).every((g) => g === 0)).toBe(true);
    run();
    expect(bitsOf(gradientsOf(net))).toBe(bitsOf(once));
  });

  test("backward from the loss is backward from its gradient: 2(y − target)/n", () => {
    const net = network([gru(3), dense(2)]);
    const { output } = net.forward(inputs, { training: true });
    net.loss(mse, targets);
    net.backward();
    const fromLoss = gradientsOf(net);
    net.zeroGrad();
    net.forward(inputs, { training: true });
    const n = output.data.length;
    net.backward(
      tensor(
        output.data.map((y, i) => (2 * (y - targets.data[i]!)) / n),
        [4, 5, 2],
      ),
    );
    expect(distance(gradientsOf(net), fromLoss)).toBeLessThan(1e-7);
  });

  test("gradients by the state go back through a sequence that was cut, within 1e-6 of the whole", () => {
    const net = network([lstm(3), dense(2)]);
    const gradient = numbers([4, 5, 2], 4);
    net.forward(inputs, { training: true });
    const whole = net.backward(gradient);
    const wholeGradients = gradientsOf(net);
    net.zeroGrad();
    const [head, tail] = [tensor(cut(inputs, 0, 2), [4, 2, 2]), tensor(cut(inputs, 2, 5), [4, 3, 2])];
    const { state } = net.forward(head);
    net.forward(tail, { state, training: true });
    const { gradState } = net.backward(tensor(cut(gradient, 2, 5), [4, 3, 2]));
    net.forward(head, { training: true });
    const first = net.backward(tensor(cut(gradient, 0, 2), [4, 2, 2]), { gradState });
    expect(distance(gradientsOf(net), wholeGradients)).toBeLessThan(1e-6);
    expect(distance(first.gradState, whole.gradState)).toBeLessThan(1e-6);
    expect(distance(first.gradInput!.data, cut(whole.gradInput!, 0, 2))).toBeLessThan(1e-6);
  });

  test.each(["clipNorm", "clipValue", "neither"] as const)("does what train does, bit for bit: %s", (clip) => {
    const layers = [lstm(4), dropout(0.3), dense(2)];
    const [byHand, trained] = [network(layers), network(layers)];
    const optimizer = adam({ learningRate: 0.01 });
    const limit = clip === "neither" ? {} : { [clip]: 0.05 };
    const norms = [
      ...trained.train({ inputs, targets }, { loss: mse, optimizer, epochs: 5, shuffle: false, ...limit }),
    ];
    norms.forEach(({ gradientNorm, loss }) => {
      byHand.forward(inputs, { training: true });
      byHand.zeroGrad();
      expect(byHand.loss(mse, targets)).toBe(loss);
      byHand.backward();
      if (clip === "clipNorm") expect(byHand.clipGradNorm(0.05)).toBe(gradientNorm);
      if (clip === "clipValue") byHand.clipGradValue(0.05);
      byHand.step(optimizer);
    });
    expect(stateOf(byHand)).toBe(stateOf(trained));
  });

  const optimizers = [sgd, rmsprop, adagrad, adadelta, adam, adamw, adamax, nadam, radam];
  test.each(optimizers)("$name: a step lowers the loss", (make) => {
    const net = network([elman(4), dense(2)]);
    const lossNow = () => (net.forward(inputs, { training: true }), net.loss(mse, targets));
    const before = lossNow();
    net.zeroGrad();
    net.backward();
    net.step(make());
    expect(lossNow()).toBeLessThan(before);
  });

  test("another optimizer starts anew, the same with another rate goes on", () => {
    const steps = (rates: readonly number[], between?: (net: Network) => void) => {
      const net = network([dense(2)]);
      for (const learningRate of rates) {
        net.forward(inputs, { training: true });
        net.zeroGrad();
        net.loss(mse, targets);
        net.backward();
        between?.(net);
        net.step(adam({ learningRate }));
      }
      return bitsOf(parametersOf(net));
    };
    const whole = steps([0.1, 0.2, 0.1]);
    expect(steps([0.1, 0.2, 0.1], (net) => net.step(sgd({ learningRate: 0 })))).not.toBe(whole);
    const net = network([dense(2)]);
    const options = { loss: mse, optimizer: adam(), learningRate: (step: number) => [0.1, 0.2, 0.1][step]! };
    for (const _ of net.train({ inputs, targets }, { ...options, epochs: 3, shuffle: false }));
    expect(bitsOf(parametersOf(net))).toBe(whole);
  });
});

const still = { optimizer: sgd({ learningRate: 0 }) };
const toy = (examples: number): TrainingData => ({
  inputs: numbers([examples, 4, 2]),
  targets: numbers([examples, 4, 2], 2),
});

describe("train", () => {
  const layers = [gru(3), dense(2)];
  const options: TrainOptions = { loss: mse, optimizer: sgd({ learningRate: 0.1 }), epochs: 2, batchSize: 3 };

  test("each turn is one step and says what it did", () => {
    const net = network(layers);
    const trainer = net.train(toy(7), options);
    expect([trainer.epochs, trainer.batches]).toEqual([2, 3]);
    const reports = [...trainer];
    expect(reports.map(({ step, epoch, batch, batches }) => [step, epoch, batch, batches])).toEqual([
      [1, 0, 0, 3],
      [2, 0, 1, 3],
      [3, 0, 2, 3],
      [4, 1, 0, 3],
      [5, 1, 1, 3],
      [6, 1, 2, 3],
    ]);
    for (const { loss, gradientNorm, learningRate } of reports) {
      expect(loss).toBeGreaterThan(0);
      expect(gradientNorm).toBeGreaterThan(0);
      expect(learningRate).toBe(0.1);
    }
    expect(trainer.next()).toEqual({ done: true, value: undefined });
  });

  test("is done after break and after return, and what is learnt stays", () => {
    const net = network(layers);
    const before = stateOf(net);
    const trainer = net.train(toy(7), options);
    for (const { step } of trainer) if (step === 2) break;
    const after = stateOf(net);
    expect(after).not.toBe(before);
    expect(trainer.next()).toEqual({ done: true, value: undefined });
    expect([...trainer]).toEqual([]);
    expect(stateOf(net)).toBe(after);
    const other = net.train(toy(7), options);
    expect(other.return()).toEqual({ done: true, value: undefined });
    expect(other.next()).toEqual({ done: true, value: undefined });
    expect(stateOf(net)).toBe(after);
  });

  test("tokens and classes that the caller changes in between are those of the beginning", () => {
    const make = () => new Network({ input: { tokens: 5 }, layers: [embedding(3), elman(3), dense(5)] });
    const [net, other] = [make(), make()];
    const data = { inputs: indices([4, 3], 5), targets: indices([4, 3], 5, 2) };
    const run = { ...options, loss: crossEntropy() };
    for (const _ of other.train(data, run));
    for (const _ of net.train(data, run)) {
      data.inputs.data.fill(1e9);
      data.targets.data.fill(-1e9);
    }
    expect(stateOf(net)).toBe(stateOf(other));
  });

  test("no epochs are no steps", () => {
    const net = network(layers);
    const before = stateOf(net);
    expect([...net.train(toy(3), { ...options, epochs: 0 })]).toEqual([]);
    expect(stateOf(net)).toBe(before);
  });

  test("a batch larger than the data is all of them", () => {
    const reports = [...network(layers).train(toy(3), { ...options, batchSize: 64 })];
    expect(reports.map(({ batches }) => batches)).toEqual([1, 1]);
    expect([...network(layers).train(toy(3), { ...options, batchSize: 3 })]).toEqual(reports);
  });

  test("leaves frozen options and data alone, and the options may change hands afterwards", () => {
    const own = Object.freeze({ ...options, clipNorm: 1 });
    const net = network(layers);
    const trainer = net.train(Object.freeze(toy(4)), own);
    expect([...trainer].length).toBe(4);
    const changed: { clipNorm?: number; loss: Loss; optimizer: TrainOptions["optimizer"] } = {
      ...options,
      clipNorm: 1e-3,
    };
    const [a, b] = [network(layers), network(layers)];
    const first = a.train(toy(4), changed);
    changed.clipNorm = 1;
    [...first].forEach((report) => expect(report.loss).toBeGreaterThan(0));
    for (const _ of b.train(toy(4), { ...changed, clipNorm: 1e-3 }));
    expect(stateOf(a)).toBe(stateOf(b));
  });

  /** The order in which examples come, told by their losses with a learning rate of 0. */
  function orders(data: TrainingData, seed: number, change: Partial<TrainOptions> = {}): number[][] {
    const net = new Network({ input: { features: 2 }, layers: stacks.gru!, seed });
    const one = { ...still, loss: mse, batchSize: 1 };
    const alone = [...net.train(data, { ...one, shuffle: false })].map(({ loss }) => loss);
    expect(new Set(alone).size).toBe(alone.length);
    const reports = [...net.train(data, { ...one, epochs: 3, ...change })];
    return [0, 1, 2].map((epoch) => reports.filter((r) => r.epoch === epoch).map(({ loss }) => alone.indexOf(loss)));
  }
  const ofThree = { inputs: numbers([9, 4, 2]), targets: numbers([9, 4, 3], 2) };

  test("shuffle draws another order in each epoch, by the seed; shuffle: false keeps it", () => {
    const inOrder = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    const seven = orders(ofThree, 7);
    for (const order of seven) expect([...order].sort((a, b) => a - b)).toEqual(inOrder);
    expect(new Set([inOrder, ...seven].map(String)).size).toBe(4);
    expect(orders(ofThree, 7)).toEqual(seven);
    expect(orders(ofThree, 8)).not.toEqual(seven);
    expect(orders(ofThree, 7, { shuffle: false })).toEqual([inOrder, inOrder, inOrder]);
  });

  test("truncate keeps the order by default, and shuffles if told to", () => {
    const one = { ...still, loss: mse, batchSize: 1, truncate: 4 };
    const losses = (shuffle?: boolean) => {
      const options = { ...one, ...(shuffle !== undefined && { shuffle }) };
      return [...network(stacks.gru!).train(ofThree, options)].map(({ loss }) => loss);
    };
    expect(losses()).toEqual(losses(false));
    expect(losses()).not.toEqual(losses(true));
    expect([...losses(true)].sort()).toEqual([...losses()].sort());
  });

  test("clipNorm: the change of a step is no longer than rate · clipNorm, and shorter gradients stay", () => {
    const change = (clip: Partial<TrainOptions>) => {
      const net = network(layers);
      const before = parametersOf(net);
      const { value } = net.train(toy(4), { ...options, optimizer: sgd({ learningRate: 1 }), ...clip }).next();
      const difference = parametersOf(net).map((x, i) => before[i]! - x);
      return { norm: Math.hypot(...difference), difference, report: value!.gradientNorm };
    };
    const free = change({});
    expect(free.norm).toBeCloseTo(free.report, 4);
    const clipped = change({ clipNorm: 0.01 });
    expect(clipped.report).toBe(free.report);
    expect(clipped.norm).toBeCloseTo(0.01, 5);
    expect(change({ clipNorm: 100 }).difference).toEqual(free.difference);
    const limited = change({ clipValue: 0.01 });
    expect(limited.report).toBe(free.report);
    limited.difference.forEach((d, i) => {
      expect(d).toBeCloseTo(Math.min(Math.max(free.difference[i]!, -0.01), 0.01), 5);
    });
    expect(change({ clipValue: 0.01, clipNorm: 0.005 }).norm).toBeCloseTo(0.005, 5);
  });

  test("learningRate is asked before each step, counted from 0", () => {
    const net = network(layers);
    const asked: number[] = [];
    const states: string[] = [stateOf(net)];
    const learningRate = (step: number) => (asked.push(step), step === 1 ? 0 : 0.5);
    for (const report of net.train(toy(4), { ...options, batchSize: 4, epochs: 3, shuffle: false, learningRate })) {
      expect(report.learningRate).toBe(report.step === 2 ? 0 : 0.5);
      states.push(stateOf(net));
    }
    expect(asked).toEqual([0, 1, 2]);
    expect(states[1]).not.toBe(states[0]);
    expect(states[2]).toBe(states[1]);
    expect(states[3]).not.toBe(states[2]);
  });

  test.each([
    ["NaN", () => NaN, RangeError, /"learningRate" expected a finite number of at least 0, got NaN/],
    ["−1", () => -1, RangeError, /got -1/],
    ["nothing", () => undefined, TypeError, /"learningRate" expected a number, got undefined/],
    ["a text", () => "0.1", TypeError, /got "0\.1"/],
    ["an error", () => JSON.parse("{") as number, SyntaxError, /JSON/],
  ])("learningRate that gives %s: the step is not made, and a sane one can be", (_, bad, kind, text) => {
    const net = network(layers);
    let sane = false;
    const learningRate = (() => (sane ? 0.1 : bad())) as () => number;
    const trainer = net.train(toy(4), { ...options, shuffle: false, learningRate });
    const before = stateOf(net);
    expect(() => trainer.next()).toThrow(kind);
    expect(() => trainer.next()).toThrow(text);
    expect(stateOf(net)).toBe(before);
    sane = true;
    expect([...trainer].length).toBe(4);
    const other = network(layers);
    for (const _ of other.train(toy(4), { ...options, shuffle: false }));
    expect(stateOf(net)).toBe(stateOf(other));
  });

  test("truncate carries the state on: the loop by hand gives the same, bit for bit", () => {
    const [byHand, trained] = [network(layers), network(layers)];
    const data = { inputs: numbers([4, 7, 2]), targets: numbers([4, 7, 2], 2) };
    const optimizer = sgd({ learningRate: 0.1 });
    const reports = [...trained.train(data, { loss: mse, optimizer, epochs: 2, truncate: 3, batchSize: 2 })];
    expect(reports.map(({ batch, batches }) => [batch, batches])).toEqual(
      [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5].map((batch) => [batch, 6]),
    );
    let k = 0;
    for (let epoch = 0; epoch < 2; epoch++) {
      for (const half of [0, 2]) {
        const pair = ({ data }: Tensor) => tensor(data.slice(half * 14, (half + 2) * 14), [2, 7, 2]);
        let state: Float32Array = new Float32Array(6);
        for (const [start, end] of [
          [0, 3],
          [3, 6],
          [6, 7],
        ] as const) {
          const part = (x: Tensor) => tensor(cut(pair(x), start, end), [2, end - start, 2]);
          ({ state } = byHand.forward(part(data.inputs), { state, training: true }));
          byHand.zeroGrad();
          expect(byHand.loss(mse, part(data.targets))).toBe(reports[k++]!.loss);
          byHand.backward();
          byHand.step(optimizer);
        }
      }
    }
    expect(stateOf(byHand)).toBe(stateOf(trained));
  });

  test("targets of a decoder are there from the first step on", () => {
    const net = network([lstm(4), last(), repeat(3), dense(2)]);
    const data = { inputs: numbers([4, 5, 2]), targets: numbers([4, 3, 2], 2) };
    net.forward(data.inputs, { training: true });
    const loss = net.loss(mse, data.targets);
    const fresh = () => network([lstm(4), last(), repeat(3), dense(2)]);
    expect(
      fresh()
        .train(data, { ...still, loss: mse, shuffle: false })
        .next().value?.loss,
    ).toBe(loss);
    expect(fresh().evaluate(data, { loss: mse }).loss).toBe(loss);
  });
});

describe("the loss of an epoch and of evaluate", () => {
  const net = network([lstm(3), dropout(0), dense(3)]);
  const inputs = [7, 2, 5, 1, 3, 3, 6].map((T, b) => numbers([T, 2], b + 1));
  const targets = inputs.map(({ shape }, b) => numbers([shape[0]!, 3], b + 20));
  const classes = inputs.map(({ shape }, b) => indices([shape[0]!], 3, b + 30).data);
  const halves = targets.map(({ data, shape }) => tensor(data.map(Math.abs), shape));
  const firstOf = (all: readonly Tensor[]) =>
    all.map(({ data, shape }) =>
      tensor(
        data.filter((_, i) => i % 3 === 0),
        [shape[0]!, 1],
      ),
    );
  const cases: [string, Loss, TrainingData][] = [
    ["meanSquaredError", mse, { inputs, targets }],
    ["meanSquaredError, sum", meanSquaredError({ reduction: "sum" }), { inputs, targets }],
    ["crossEntropy", crossEntropy(), { inputs, targets: classes }],
    [
      "crossEntropy, weights, smoothing",
      crossEntropy({ classWeights: [1, 2, 5], labelSmoothing: 0.1 }),
      { inputs, targets: classes },
    ],
    ["crossEntropy, a class ignored", crossEntropy({ ignoreIndex: 1 }), { inputs, targets: classes }],
    ["crossEntropy, sum", crossEntropy({ reduction: "sum" }), { inputs, targets: classes }],
    ["crossEntropy of distributions", crossEntropy(), { inputs, targets: halves }],
    ["binaryCrossEntropy", binaryCrossEntropy({ positiveWeights: [1, 2, 3] }), { inputs, targets: halves }],
    ["meanAbsoluteError", meanAbsoluteError(), { inputs, targets }],
    ["huber", huber({ delta: 0.3 }), { inputs, targets }],
    ["smoothL1, sum", smoothL1({ beta: 0.3, reduction: "sum" }), { inputs, targets }],
    ["klDivergence", klDivergence(), { inputs, targets: halves }],
    ["klDivergence, batchmean", klDivergence({ reduction: "batchmean" }), { inputs, targets: halves }],
    ["negativeLogLikelihood", negativeLogLikelihood({ ignoreIndex: 1 }), { inputs, targets: classes }],
    ["quantile", quantile({ quantiles: [0.1, 0.5, 0.9] }), { inputs, targets: firstOf(targets) }],
    ["gaussianMixture", gaussianMixture({ components: 1, dimensions: 1 }), { inputs, targets: firstOf(targets) }],
    [
      "ctc",
      ctc({ zeroInfinity: true }),
      { inputs, targets: classes.map((c) => c.subarray(0, 2).map((k) => 1 + (k & 1))) },
    ],
    ["crossEntropy, weights", crossEntropy(), { inputs, targets: classes, weights: [1, 0, 2, 0.5, 1, 0, 3] }],
    ["meanSquaredError, weights of steps", mse, { inputs, targets, weights: firstOf(halves).map(({ data }) => data) }],
  ];

  test.each(cases)("%s: batches of 1, 3 and all, within 1e-6, and as training reports it", (_, loss, data) => {
    const all = net.evaluate(data, { loss });
    for (const batchSize of [1, 3, 7]) {
      const evaluation = net.evaluate(data, { loss, batchSize });
      expect(Math.abs(evaluation.loss - all.loss) / all.loss).toBeLessThan(1e-6);
      expect(evaluation.accuracy).toBe(all.accuracy);
      const trainer = net.train(data, { ...still, loss, batchSize });
      for (const _ of trainer);
      expect(Math.abs(trainer.epochLoss - all.loss) / all.loss).toBeLessThan(1e-6);
    }
    net.forward(inputs, { training: true });
    expect(net.loss(loss, data.targets, data.weights && { weights: data.weights })).toBeCloseTo(all.loss, 5);
  });

  test("truncate gives what whole sequences give, within 1e-6: the state goes on", () => {
    const data = { inputs: numbers([5, 7, 2]), targets: indices([5, 7], 3) };
    for (const layers of [
      [lstm(4, { layers: 2 }), dense(3)],
      [elman(4), dense(3)],
      [gru(3), dense(3)],
    ]) {
      const net = network(layers);
      const whole = net.evaluate(data, { loss: crossEntropy() });
      for (const truncate of [1, 3, 7, 100]) {
        const part = net.evaluate(data, { loss: crossEntropy(), truncate, batchSize: 2 });
        expect(Math.abs(part.loss - whole.loss) / whole.loss).toBeLessThan(1e-6);
        expect(part.accuracy).toBe(whole.accuracy);
      }
    }
  });

  test.each([
    [meanAbsoluteError(), 2, numbers([5, 7, 2])],
    [quantile({ quantiles: [0.3, 0.6] }), 2, numbers([5, 7, 1])],
    [gaussianMixture({ components: 1 }), 6, numbers([5, 7, 2])],
    [negativeLogLikelihood(), 3, indices([5, 7], 3)],
  ])("truncate gives the same for %j, weights of steps included", (loss, outputs, targets) => {
    const data = { inputs: numbers([5, 7, 2]), targets, weights: tensor(numbers([5, 7]).data.map(Math.abs), [5, 7]) };
    const net = network([gru(4), dense(outputs)]);
    const whole = net.evaluate(data, { loss }).loss;
    const plain = net.evaluate({ inputs: data.inputs, targets }, { loss }).loss;
    expect(Math.abs(plain - whole)).toBeGreaterThan(1e-4); // or the weights would not be seen
    for (const truncate of [1, 3, 7]) {
      expect(Math.abs(net.evaluate(data, { loss, truncate, batchSize: 2 }).loss / whole - 1)).toBeLessThan(1e-6);
    }
  });

  test("accuracy is the share of the targets that count; none for numbers", () => {
    const net = network([dense(3)]);
    net.parameter("dense.weight").set([1, 0, 0, 1, -1, -1]);
    net.parameter("dense.bias").set([0, 0, 0]);
    const inputs = [
      [1, 0],
      [0, 1],
      [-1, -1],
      [1, 0],
    ];
    expect(net.evaluate({ inputs, targets: [0, 1, 2, 1] }, { loss: crossEntropy() }).accuracy).toBe(0.75);
    expect(net.evaluate({ inputs, targets: [0, -100, -100, 1] }, { loss: crossEntropy() }).accuracy).toBe(0.5);
    expect(net.evaluate({ inputs, targets: [0, 2, 2, 1] }, { loss: crossEntropy({ ignoreIndex: 2 }) }).accuracy).toBe(
      0.5,
    );
    const weighted = { inputs, targets: [0, 1, 2, 1], weights: [1, 0, 4, 5] };
    expect(net.evaluate(weighted, { loss: crossEntropy() }).accuracy).toBe(0.5);
    expect(net.evaluate(weighted, { loss: negativeLogLikelihood() }).accuracy).toBe(0.5);
    const none = { inputs, targets: [-100, -100, -100, -100] };
    expect(net.evaluate(none, { loss: crossEntropy() })).toEqual({ loss: 0, accuracy: 0 });
    const { accuracy, loss } = net.evaluate({ inputs, targets: numbers([4, 3]) }, { loss: mse });
    expect(accuracy).toBeUndefined();
    expect(loss).toBeGreaterThan(0);
  });

  test("evaluate changes nothing", () => {
    const net = network([lstm(3), dropout(0.5), dense(2)]);
    const before = stateOf(net);
    net.evaluate(toy(5), { loss: mse });
    net.predict(toy(5).inputs);
    net.forward(toy(5).inputs);
    expect(stateOf(net)).toBe(before);
  });
});

describe("numbers that are not finite", () => {
  test("a loss: the step is not made, NumericError says which, and a sane run works", () => {
    const net = network([lstm(4), dense(2)]);
    const start = net.save();
    const trainer = net.train(toy(8), { loss: mse, optimizer: sgd({ learningRate: 3e38 }), batchSize: 2, epochs: 50 });
    let [good, steps] = [bitsOf(parametersOf(net)), 0];
    const run = () => {
      for (const { step } of trainer) [good, steps] = [bitsOf(parametersOf(net)), step];
    };
    expect(run).toThrow(NumericError);
    expect(bitsOf(parametersOf(net))).toBe(good);
    const error = caught(() => trainer.next());
    expect(error.step).toBe(steps);
    expect(error.code).toBe("not-finite");
    expect(["loss", ...net.parameters.map(({ name }) => name)]).toContain(error.at);
    expect(error.message).toMatch(
      /is not finite at step \d+: the step is not applied; use a lower learning rate, clipNorm/,
    );
    net.loadParameters(start);
    const sane = { loss: mse, optimizer: sgd({ learningRate: 0.1 }), epochs: 20 };
    const losses = [...net.train(toy(8), sane)].map(({ loss }) => loss);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });

  test("a loss that is infinite at once", () => {
    const net = network([dense(2)]);
    net.parameter("dense.weight").set([3e38, 3e38, 3e38, 3e38]);
    const before = stateOf(net);
    const data = { inputs: [[3, 3]], targets: [[0, 0]] };
    const error = caught(() => net.train(data, { ...still, loss: mse, shuffle: false }).next());
    expect([error.at, error.step]).toEqual(["loss", 0]);
    expect(error.message).toMatch(/^the loss is not finite at step 1/);
    expect(stateOf(net)).toBe(before);
  });

  test("a step that fails is not a forward pass of the caller's", () => {
    const net = network([dense(2)]);
    const trainer = net.train({ inputs: [[3e38, 3e38]], targets: [[0, 0]] }, { ...still, loss: mse });
    net.parameter("dense.weight").set([9, 9, 9, 9]);
    net.forward(numbers([4, 2]), { training: true });
    expect(caught(() => trainer.next()).at).toBe("loss");
    expect(() => net.backward(numbers([4, 2]))).toThrow(/there is no forward pass to go back through/);
    expect(() => net.loss(mse, numbers([4, 2]))).toThrow(/there is no forward pass to go back through/);
  });

  test("a gradient whose loss is finite: the first parameter is named", () => {
    const net = network([dense(1), dense(1)], 1);
    const large = (name: string, value: number) => net.parameter(name).set([value]);
    large("dense.weight", 1e10);
    large("dense_1.weight", 1);
    const data = { inputs: [[1e20]], targets: [[0]] }; // y = 1e30, loss 1e60 in f64, dw = 2e60
    const before = stateOf(net);
    const train = { ...still, loss: mse, shuffle: false };
    const error = caught(() => net.train(data, train).next());
    expect([error.at, error.step]).toEqual(["dense.weight", 0]);
    expect(error.message).toMatch(/^the gradient of "dense\.weight" is not finite at step 1/);
    expect(stateOf(net)).toBe(before);
    net.forward(data.inputs, { training: true });
    expect(Number.isFinite(net.loss(mse, data.targets))).toBe(true);
    net.zeroGrad();
    net.backward();
    expect(caught(() => net.clipGradNorm(1)).at).toBe("dense.weight");
    expect(caught(() => net.clipGradValue(1)).at).toBe("dense.weight");
    expect(stateOf(net)).toBe(before);
    expect([...net.train({ inputs: [[1e-10]], targets: [[0]] }, train)].length).toBe(1);
  });
});

function caught(call: () => unknown): NumericError {
  try {
    call();
  } catch (error) {
    if (error instanceof NumericError) return error;
    throw error;
  }
  throw new Error("no error");
}

describe("determinism", () => {
  const config = {
    input: { tokens: 9 },
    layers: [embedding(4), lstm(5, { layers: 2, dropout: 0.2 }), dropout(0.3), dense(9)],
  };
  const data = { inputs: indices([10, 6], 9), targets: indices([10, 6], 9, 2) };
  const options = {
    loss: crossEntropy(),
    optimizer: adam({ learningRate: 0.01 }),
    epochs: 3,
    batchSize: 4,
    clipNorm: 1,
  };
  const run = async (seed: number, between: () => void = () => undefined) => {
    const net = new Network({ ...config, seed });
    await net.fit(data, { ...options, onStep: between });
    return stateOf(net);
  };

  test("the same seed gives the same bits for a whole run with dropout, another seed others", async () => {
    const first = await run(3);
    expect(await run(3)).toBe(first);
    expect(await run(4)).not.toBe(first);
    expect(await run(3 + 2 ** 32)).not.toBe(first);
  });

  test("nothing is shared: another network at work in between changes no bit", async () => {
    const other = new Network({ ...config, seed: 99 });
    const trainer = other.train(data, { ...options, epochs: 100 });
    const alone = await run(3);
    expect(
      await run(3, () => {
        trainer.next();
        other.predict(data.inputs);
        new Network({ ...config, seed: 5 }).predict(data.inputs);
      }),
    ).toBe(alone);
  });

  test("two runs at a time, step by step in turns, are the two runs alone", async () => {
    const [a, b] = [new Network({ ...config, seed: 1 }), new Network({ ...config, seed: 2 })];
    const [trainA, trainB] = [a.train(data, options), b.train(data, options)];
    while (!(trainA.next().done && trainB.next().done));
    expect([stateOf(a), stateOf(b)]).toEqual([await run(1), await run(2)]);
  });
});

test("forgetBias is where the forget gate's bias_hh starts, the second of four, in each layer and direction", () => {
  const make = (options: object) => network([lstm(3, { layers: 2, bidirectional: true, ...options })]);
  const [plain, set] = [make({}), make({ forgetBias: 1.5 })];
  for (const { name, value } of set.parameters) {
    const expected = plain.parameter(name).value.slice();
    if (name.includes("bias_hh")) expected.fill(1.5, 3, 6);
    expect(value, name).toEqual(expected);
  }
});

test("adagrad starts with initialAccumulator: the first step is rate·g/√(initial + g²)", () => {
  const net = new Network({ input: { features: 1 }, layers: [dense(1, { bias: false })] });
  const weight = net.parameters[0]!;
  weight.set([1]);
  net.forward([[3]], { training: true });
  net.backward([[1]]); // g = 3
  net.step(adagrad({ learningRate: 0.5, initialAccumulator: 16 }));
  expect(weight.value[0]).toBeCloseTo(1 - (0.5 * 3) / 5, 6);
});

test("a configuration goes through JSON and gives the same network", () => {
  const config = {
    input: { tokens: 9 },
    layers: [
      embedding(4, { paddingIndex: 0, name: "emb" }),
      lstm(5, { layers: 2, dropout: 0.2, bidirectional: true, forgetBias: 1 }),
      last(),
      repeat(3),
      gru(4, { reset: "before", weightInit: { type: "orthogonal", gain: 2 } }),
      elman(4, { activation: "relu", bias: false }),
      dropout(0.3),
      dense(9, { activation: { type: "elu", alpha: 0.5 } }),
    ],
    seed: 12345678901,
  };
  const net = new Network(config);
  const copy = new Network(JSON.parse(JSON.stringify(net.config)) as typeof net.config);
  expect(copy.config).toEqual(net.config);
  expect(stateOf(copy)).toBe(stateOf(net));
  expect(Object.isFrozen(net.config) && Object.isFrozen(net.config.layers) && Object.isFrozen(net.config.input)).toBe(
    true,
  );
  expect(net.config.layers.every((layer) => Object.isFrozen(layer))).toBe(true);
  expect(net.parameter("emb.weight").value.subarray(0, 4)).toEqual(new Float32Array(4));
  expect(copy.predict(indices([1, 2], 9))).toEqual(net.predict(indices([1, 2], 9)));
});
