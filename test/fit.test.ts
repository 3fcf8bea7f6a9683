import { afterEach, describe, expect, test, vi } from "vitest";
import {
  adam,
  binaryCrossEntropy,
  crossEntropy,
  dense,
  elman,
  embedding,
  gru,
  last,
  lstm,
  meanSquaredError,
  Network,
  NumericError,
  sgd,
  type EpochReport,
  type FitOptions,
  type LayerDescription,
  type StepReport,
  type TrainingData,
} from "../bindings/index.ts";
import { bitsOf, errorOf, indices, lehmer, numbers, parametersOf, stateOf } from "./support.ts";

const mse = meanSquaredError();
const make = (seed = 0) => new Network({ input: { features: 2 }, layers: [gru(4), dense(2)], seed });
const toy = (examples: number, seed = 1): TrainingData => ({
  inputs: numbers([examples, 4, 2], seed),
  targets: numbers([examples, 4, 2], seed + 1),
});
const options: FitOptions = { loss: mse, optimizer: adam({ learningRate: 0.02 }), epochs: 3, batchSize: 4 };

describe("learns", () => {
  /** The token of 12 steps ago: the first of the sequence, which only a state can know at the end. */
  const remember: TrainingData = (() => {
    const inputs = indices([64, 12], 4, 5);
    return { inputs, targets: Int32Array.from({ length: 64 }, (_, b) => inputs.data[b * 12]!) };
  })();
  const layers: [string, LayerDescription][] = [
    ["elman", elman(16, { recurrentInit: { type: "orthogonal", gain: 1 } })],
    ["lstm", lstm(16, { forgetBias: 1 })],
    ["gru", gru(16)],
    ["gru, reset before", gru(16, { reset: "before" })],
    ["gru, both directions", gru(8, { bidirectional: true })],
  ];

  test.each(layers)("%s: the first of 12 tokens, loss below 0.1 and all of 64 right", async (_, layer) => {
    const net = new Network({ input: { tokens: 4 }, layers: [embedding(6), layer, last(), dense(4)], seed: 1 });
    const optimizer = adam({ learningRate: 0.01 });
    const { loss } = await net.fit(remember, {
      loss: crossEntropy(),
      optimizer,
      epochs: 60,
      batchSize: 16,
      clipNorm: 1,
    });
    expect(loss[0]).toBeGreaterThan(1.2); // ln 4 = 1.386 without knowledge
    expect(loss.at(-1)).toBeLessThan(0.1);
    expect(net.evaluate(remember, { loss: crossEntropy() }).accuracy).toBe(1);
  });

  test("dense: exclusive or, loss below 0.01", async () => {
    const net = new Network({ input: { features: 2 }, layers: [dense(8, { activation: "tanh" }), dense(1)], seed: 1 });
    const data = { inputs: [[0, 0], [0, 1], [1, 0], [1, 1]], targets: [[0], [1], [1], [0]] }; // prettier-ignore
    const { loss } = await net.fit(data, {
      loss: binaryCrossEntropy(),
      optimizer: adam({ learningRate: 0.05 }),
      epochs: 200,
    });
    expect(loss[0]).toBeGreaterThan(0.6);
    expect(loss.at(-1)).toBeLessThan(0.01);
    expect([...net.predict(data.inputs).data].map((y) => y > 0)).toEqual([false, true, true, false]);
  });

  test("lstm: an echo one step late, from ragged sequences, loss below 0.02", async () => {
    const random = lehmer(3);
    const inputs = Array.from({ length: 40 }, (_, b) => Float32Array.from({ length: 3 + (b % 7) }, () => random()));
    const targets = inputs.map((x) => x.map((_, t) => (t === 0 ? 0 : x[t - 1]!)));
    const net = new Network({ input: { features: 1 }, layers: [lstm(8), dense(1)], seed: 1 });
    const { loss } = await net.fit(
      { inputs, targets },
      { loss: mse, optimizer: adam({ learningRate: 0.02 }), epochs: 100, batchSize: 8 },
    );
    expect(loss[0]).toBeGreaterThan(0.1);
    expect(loss.at(-1)).toBeLessThan(0.02);
  });
});

describe("what fit reports", () => {
  test("one number an epoch, and calls in order: steps of the epoch, then the epoch", async () => {
    const events: (StepReport | EpochReport)[] = [];
    const net = make();
    const history = await net.fit(toy(10), {
      ...options,
      validation: toy(3, 7),
      onStep: (report, trainer) => {
        events.push(report);
        expect(trainer.progress.steps).toBe(report.step);
      },
      onEpoch: (report, trainer) => {
        events.push(report);
        expect(trainer.progress.epoch).toBe(report.epoch + 1);
        expect(report.loss).toBe(trainer.epochLoss);
        expect(net.evaluate(toy(3, 7), { loss: mse }).loss).toBeCloseTo(report.validationLoss!, 6);
      },
    });
    expect(events.map((event) => ("step" in event ? event.step : `epoch ${event.epoch}`))).toEqual([
      ...[1, 2, 3, "epoch 0"],
      ...[4, 5, 6, "epoch 1"],
      ...[7, 8, 9, "epoch 2"],
    ]);
    const epochs = events.filter((event): event is EpochReport => !("step" in event));
    expect(history).toEqual({
      loss: epochs.map(({ loss }) => loss),
      validationLoss: epochs.map(({ validationLoss }) => validationLoss),
      validationAccuracy: [],
      bestEpoch: 2,
      stoppedEarly: false,
    });
    expect(Object.keys(epochs[0]!)).toEqual(["epoch", "loss", "validationLoss"]);
  });

  test("accuracy where the validation targets are classes; nothing of validation without it", async () => {
    const classes = { inputs: numbers([6, 4, 2]), targets: indices([6, 4], 2) };
    const net = make();
    const seen: EpochReport[] = [];
    const onEpoch = (report: EpochReport) => seen.push(report);
    const withClasses = { ...options, loss: crossEntropy(), validation: classes, onEpoch };
    const history = await net.fit(classes, withClasses);
    expect(history.validationAccuracy).toEqual(seen.map(({ validationAccuracy }) => validationAccuracy));
    expect(history.validationAccuracy.length).toBe(3);
    expect(history.validationAccuracy.at(-1)).toBe(net.evaluate(classes, { loss: crossEntropy() }).accuracy);
    const { validationLoss, validationAccuracy } = await net.fit(toy(4), options);
    expect([validationLoss, validationAccuracy]).toEqual([[], []]);
  });

  test("no epochs: nothing happens", async () => {
    const net = make();
    const before = stateOf(net);
    const none = { loss: [], validationLoss: [], validationAccuracy: [], bestEpoch: 0, stoppedEarly: false };
    expect(await net.fit(toy(4), { ...options, epochs: 0 })).toEqual(none);
    expect(stateOf(net)).toBe(before);
  });

  test("one epoch by default", async () => {
    const { loss } = await make().fit(toy(4), { loss: mse, optimizer: sgd() });
    expect(loss.length).toBe(1);
  });

  test("what it learns is what train learns, bit for bit, whatever the validation", async () => {
    const [fitted, trained] = [make(), make()];
    await fitted.fit(toy(10), { ...options, validation: toy(50, 9), yieldEvery: 1 });
    for (const _ of trained.train(toy(10), options));
    expect(stateOf(fitted)).toBe(stateOf(trained));
  });

  test("indices that the caller changes meanwhile change nothing", async () => {
    const run = async (onStep: (validation: { data: Int32Array }) => void) => {
      const net = new Network({ input: { tokens: 4 }, layers: [embedding(3), last(), dense(4)], seed: 1 });
      const [inputs, validation] = [indices([8, 5], 4, 1), indices([4, 5], 4, 2)];
      const labels = (count: number) => new Int32Array(count).fill(1);
      return net.fit(
        { inputs, targets: labels(8) },
        {
          ...options,
          loss: crossEntropy(),
          validation: { inputs: validation, targets: labels(4) },
          onStep: () => onStep(validation),
        },
      );
    };
    const changed = await run(({ data }) => data.fill(1e6));
    expect(changed).toEqual(await run(() => undefined));
  });

  test("leaves frozen options and data alone", async () => {
    const deep = Object.freeze({
      ...options,
      validation: Object.freeze(toy(3)),
      earlyStopping: Object.freeze({ patience: 1 }),
    });
    const history = await make().fit(Object.freeze(toy(4)), deep);
    expect(history.loss.length).toBeGreaterThan(0);
  });
});

describe("early stopping", () => {
  // Noise to learn and other noise to validate on: the validation loss falls, then rises.
  const noise = { ...options, validation: toy(8, 50), epochs: 60 };
  const run = async (change: Partial<FitOptions>) => {
    const net = make(2);
    const states: string[] = [];
    const onEpoch = () => states.push(bitsOf(parametersOf(net)));
    const history = await net.fit(toy(8), { ...noise, onEpoch, ...change });
    return { history, states, end: bitsOf(parametersOf(net)) };
  };
  const lowest = (values: readonly number[]) => values.indexOf(Math.min(...values));

  test("stops after `patience` epochs without improvement and puts the best parameters back, bit for bit", async () => {
    const { history, states, end } = await run({ earlyStopping: { patience: 4 } });
    const { validationLoss, bestEpoch, stoppedEarly, loss } = history;
    expect(stoppedEarly).toBe(true);
    expect(bestEpoch).toBe(lowest(validationLoss));
    expect(bestEpoch).toBeGreaterThan(2);
    expect(loss.length).toBe(bestEpoch + 1 + 4);
    expect(end).toBe(states[bestEpoch]);
    expect(end).not.toBe(states.at(-1));
  });

  test("the network predicts with the parameters put back, not with packed ones of before", async () => {
    const net = make(2);
    const { validationLoss, bestEpoch } = await net.fit(toy(8), { ...noise, earlyStopping: { patience: 4 } });
    expect(net.evaluate(toy(8, 50), { loss: mse, batchSize: 4 }).loss).toBe(validationLoss[bestEpoch]);
  });

  test("restoreBest: false keeps the last ones", async () => {
    const { history, states, end } = await run({ earlyStopping: { patience: 4, restoreBest: false } });
    expect(history.stoppedEarly).toBe(true);
    expect(end).toBe(states.at(-1));
    expect(history.bestEpoch).toBe(states.length - 1);
  });

  test("minDelta: a smaller fall is none", async () => {
    const { history } = await run({ earlyStopping: { patience: 2, minDelta: 100 } });
    expect(history.loss.length).toBe(3);
    expect(history.bestEpoch).toBe(0);
  });

  test("without validation the training loss counts", async () => {
    // A rate of 0 from the third epoch on: the loss of the same batches stays what it is.
    const learningRate = (step: number) => (step < 4 ? 0.05 : 0);
    const { validation: _, ...rest } = noise;
    const net = make(2);
    const earlyStopping = { patience: 3 };
    const fitted = await net.fit(toy(8), { ...rest, shuffle: false, learningRate, earlyStopping });
    expect(fitted.stoppedEarly).toBe(true);
    expect(fitted.bestEpoch).toBe(lowest(fitted.loss));
    expect(fitted.loss.length).toBe(fitted.bestEpoch + 1 + 3);
  });

  test("ends with the epochs when it has not stopped, with the best parameters all the same", async () => {
    const { history, states, end } = await run({ epochs: 20, earlyStopping: { patience: 100 } });
    expect(history.stoppedEarly).toBe(false);
    expect(history.loss.length).toBe(20);
    expect(end).toBe(states[history.bestEpoch]);
  });
});

describe("the event loop", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("gets a turn after every 8 steps, or as told, by count and not by the clock", async () => {
    for (const [yieldEvery, turns] of [
      [undefined, 4],
      [1, 32],
      [32, 1],
      [33, 0],
    ] as const) {
      let [count, running] = [0, true];
      const turn = () => {
        count++;
        if (running) setImmediate(turn);
      };
      setImmediate(turn);
      const seen: number[] = [];
      const onStep = () => seen.push(count);
      await make().fit(toy(32), { ...options, epochs: 4, onStep, ...(yieldEvery && { yieldEvery }) });
      running = false;
      expect(seen.length).toBe(32);
      const changes = seen.slice(1).filter((now, i) => now !== seen[i]).length;
      expect(changes).toBe(yieldEvery === 33 ? 0 : yieldEvery === 1 ? 31 : turns - 1);
    }
  });

  test("gets a turn after every 8 batches of validation, or as told", async () => {
    for (const [yieldEvery, turns] of [
      [undefined, 4],
      [1, 32],
      [32, 1],
      [33, 0],
    ] as const) {
      const setImmediate = vi.fn((run: () => void) => queueMicrotask(run));
      vi.stubGlobal("setImmediate", setImmediate);
      const epoch = { ...options, epochs: 1, batchSize: 1, validation: toy(32) };
      await make().fit(toy(1), { ...epoch, ...(yieldEvery && { yieldEvery }) });
      expect(setImmediate).toHaveBeenCalledTimes(turns + (yieldEvery === 1 ? 1 : 0)); // 1 after the step
    }
  });

  test.each<[string, object | undefined, "timer" | "message"]>([
    ["a page that is seen: timers, for the browser draws between them", { hidden: false }, "timer"],
    ["a hidden page: messages, for its timers take a second", { hidden: true }, "message"],
    ["a worker: messages, for a timer takes 4 ms", undefined, "message"],
  ])("%s", async (_, document, expected) => {
    const turns: string[] = [];
    class Channel extends MessageChannel {
      constructor() {
        super();
        turns.push("message");
      }
    }
    vi.stubGlobal("setImmediate", undefined);
    vi.stubGlobal("document", document);
    vi.stubGlobal("MessageChannel", Channel);
    vi.stubGlobal("setTimeout", (run: () => void) => {
      turns.push("timer");
      queueMicrotask(run);
    });
    await make().fit(toy(12), { ...options, yieldEvery: 2 });
    expect(turns).toEqual(Array<string>(4).fill(expected));
  });

  test("timers where there are no messages", async () => {
    vi.stubGlobal("setImmediate", undefined);
    vi.stubGlobal("MessageChannel", undefined);
    const { loss } = await make().fit(toy(12), { ...options, yieldEvery: 2 });
    expect(loss.length).toBe(3);
  });

  test("a timer runs during fit", async () => {
    let ran = false;
    setTimeout(() => (ran = true), 0);
    const net = make();
    let steps = 0;
    const onStep = () => {
      steps++;
      return ran;
    };
    const signal = AbortSignal.timeout(1);
    await expect(net.fit(toy(8), { ...options, epochs: 1e6, signal, onStep })).rejects.toThrow(/timeout/i);
    expect(ran).toBe(true);
    expect(steps).toBeGreaterThan(0);
  });

  test("fit begins at once and its first turn is not lost", async () => {
    const net = make();
    const before = stateOf(net);
    const running = net.fit(toy(4), options);
    expect(stateOf(net)).not.toBe(before);
    await running;
  });
});

describe("abort", () => {
  test("before: nothing is learnt, and fit rejects with the reason", async () => {
    const net = make();
    net.step(sgd({ momentum: 0.9 }));
    const before = stateOf(net);
    const reason = new Error("enough");
    let steps = 0;
    const fitting = net.fit(toy(4), { ...options, signal: AbortSignal.abort(reason), onStep: () => steps++ });
    await expect(fitting).rejects.toBe(reason);
    expect(steps).toBe(0);
    expect(stateOf(net)).toBe(before);
  });

  test("before: a checkpoint is not taken up either", async () => {
    const trainer = make(1).train(toy(4), options);
    trainer.next();
    const net = make();
    const before = stateOf(net);
    const resumed = { ...options, resume: trainer.checkpoint(), signal: AbortSignal.abort() };
    await expect(net.fit(toy(4), resumed)).rejects.toThrow();
    expect(stateOf(net)).toBe(before);
  });

  test("during: after the current step, and what is learnt stays", async () => {
    const net = make();
    const controller = new AbortController();
    const states: string[] = [];
    const onStep = ({ step }: StepReport) => {
      states.push(stateOf(net));
      if (step === 5) controller.abort();
    };
    const error = await errorOf(() => net.fit(toy(16), { ...options, onStep, signal: controller.signal }));
    expect((error as Error).name).toBe("AbortError");
    expect(states.length).toBe(5);
    expect(stateOf(net)).toBe(states[4]);
    const { loss } = await net.fit(toy(16), options);
    expect(loss.length).toBe(3);
  });

  test("between two turns: from a timer", async () => {
    const net = make();
    const controller = new AbortController();
    setImmediate(() => controller.abort("a timer"));
    const error = await errorOf(() => net.fit(toy(16), { ...options, epochs: 1e6, signal: controller.signal }));
    expect(error).toBe("a timer");
  });

  test("in the last step: the epoch is measured, then fit rejects", async () => {
    const controller = new AbortController();
    const epochs: number[] = [];
    const error = await errorOf(() =>
      make().fit(toy(4), {
        ...options,
        epochs: 1,
        signal: controller.signal,
        onStep: () => controller.abort(),
        onEpoch: ({ epoch }) => epochs.push(epoch),
      }),
    );
    expect((error as Error).name).toBe("AbortError");
    expect(epochs).toEqual([0]);
  });
});

describe("callbacks that throw", () => {
  const bug = new Error("a bug of the caller");
  const fail = (): never => {
    throw bug;
  };

  test.each<[string, Partial<FitOptions>]>([
    ["onStep", { onStep: ({ step }) => (step === 2 ? fail() : undefined) }],
    ["onEpoch", { onEpoch: fail }],
    ["learningRate", { learningRate: (step) => (step === 2 ? fail() : 0.1) }],
  ])("%s: fit rejects with just that, what is learnt stays, and fit works again", async (_, change) => {
    const [net, other] = [make(), make()];
    const rate = "learningRate" in change ? { learningRate: () => 0.1 } : {};
    await expect(net.fit(toy(8), { ...options, ...change })).rejects.toBe(bug);
    const trainer = other.train(toy(8), { ...options, ...rate });
    for (const { step } of trainer) if (step === 2) break;
    expect(bitsOf(parametersOf(net))).toBe(bitsOf(parametersOf(other)));
    const { loss } = await net.fit(toy(8), options);
    expect(loss.at(-1)).toBeLessThan(loss[0]!);
  });
});

describe("a run that diverges", () => {
  test("rejects with NumericError; the parameters are those of the last good step, and a sane run works", async () => {
    const net = make();
    const start = net.save();
    let good = bitsOf(parametersOf(net));
    const onStep = () => (good = bitsOf(parametersOf(net)));
    const wild = { ...options, optimizer: sgd({ learningRate: 3e38 }), epochs: 100, onStep };
    const error = await errorOf(() => net.fit(toy(8), wild));
    expect(error).toBeInstanceOf(NumericError);
    expect(bitsOf(parametersOf(net))).toBe(good);
    net.loadParameters(start);
    const { loss } = await net.fit(toy(8), { ...options, epochs: 20 });
    expect(loss.at(-1)).toBeLessThan(loss[0]!);
  });

  test("a validation loss that is not finite is no improvement", async () => {
    const net = new Network({ input: { features: 1 }, layers: [dense(1)] });
    net.parameter("dense.weight").set([1]);
    const far = { inputs: [[3e38]], targets: [[-3e38]] }; // a difference beyond float32
    const near = { inputs: [[0.5]], targets: [[2]] };
    const run = { ...options, epochs: 5, validation: far, earlyStopping: { patience: 2 } };
    const { validationLoss, stoppedEarly } = await net.fit(near, run);
    expect(validationLoss).toEqual([Infinity, Infinity]);
    expect(stoppedEarly).toBe(true);
    expect([...parametersOf(net)].every(Number.isFinite)).toBe(true);
  });
});

test("a checkpoint of train goes on in fit, in the middle of an epoch, and each epoch is measured once", async () => {
  const [whole, half, rest] = [make(), make(), make(5)];
  const all = [...whole.train(toy(10), { ...options, epochs: 5 })];
  const trainer = half.train(toy(10), { ...options, epochs: 5 });
  for (let step = 0; step < 8; step++) trainer.next(); // two epochs of 3, and 2 steps
  const epochs: number[] = [];
  const onEpoch = ({ epoch }: EpochReport) => epochs.push(epoch);
  const { loss } = await rest.fit(toy(10), { ...options, epochs: 5, resume: trainer.checkpoint(), onEpoch });
  expect(epochs).toEqual([2, 3, 4]);
  expect(loss.length).toBe(3);
  expect(stateOf(rest)).toBe(stateOf(whole));
  expect(all.length).toBe(15);
});
