/** Learning-rate schedules against PyTorch's recursions, to 1e-12; how they are counted in train and fit; what goes on from a checkpoint. */

import { describe, expect, test } from "vitest";
import {
  cosineAnnealing,
  dense,
  exponentialDecay,
  linearWarmup,
  meanSquaredError,
  multiStep,
  Network,
  oneCycle,
  reduceOnPlateau,
  sgd,
  stepDecay,
  type PlateauState,
  type Schedule,
  type TrainingData,
  type TrainOptions,
} from "../bindings/index.ts";
import { cosinePi, power } from "../bindings/schedules/math.ts";
import * as torch from "./reference/schedules.ts";
import { lehmer, numbers, stateOf } from "./support.ts";

const N = 60;
const BASE = 0.3;

const expectRates = (got: readonly number[], expected: readonly number[]) => {
  expect(got.length).toBe(expected.length);
  got.forEach((rate, t) => {
    expect(Math.abs(rate - expected[t]!), `rate ${rate} at ${t}, expected ${expected[t]!}`).toBeLessThan(1e-12);
  });
};

const times = Array.from({ length: N }, (_, t) => t);

const cases: [string, (unit: "steps" | "epochs") => Schedule, (base: number, n: number) => number[]][] = [
  ["stepDecay", (unit) => stepDecay({ [unit]: 7 }), torch.stepLR(7, 0.1)],
  ["stepDecay, gamma", (unit) => stepDecay({ [unit]: 1, gamma: 0.7 }), torch.stepLR(1, 0.7)],
  ["multiStep", (unit) => multiStep({ [unit]: [3, 4, 30] }), torch.multiStepLR([3, 4, 30], 0.1)],
  ["multiStep, gamma", (unit) => multiStep({ [unit]: [5], gamma: 2 }), torch.multiStepLR([5], 2)],
  ["exponentialDecay", (unit) => exponentialDecay({ gamma: 0.9, [unit]: 1 }), torch.exponentialLR(0.9)],
  ["cosineAnnealing", (unit) => cosineAnnealing({ [unit]: 59 }), torch.cosineAnnealingLR(59, 0)],
  [
    "cosineAnnealing, up again and down again",
    (unit) => cosineAnnealing({ [unit]: 11, minimum: 0.01 }),
    torch.cosineAnnealingLR(11, 0.01),
  ],
  [
    "cosineAnnealing, warm restarts",
    (unit) => cosineAnnealing({ [unit]: 9, minimum: 0.02, warmRestarts: true }),
    torch.cosineAnnealingWarmRestarts(9, 1, 0.02),
  ],
  [
    "cosineAnnealing, warm restarts, longer periods",
    (unit) => cosineAnnealing({ [unit]: 3, warmRestarts: true, periodFactor: 3 }),
    torch.cosineAnnealingWarmRestarts(3, 3, 0),
  ],
  ["linearWarmup", (unit) => linearWarmup({ [unit]: 5 }), torch.linearLR(1 / 3, 1, 5)],
  [
    "linearWarmup, factors",
    (unit) => linearWarmup({ [unit]: 13, startFactor: 0.05, endFactor: 0.6 }),
    torch.linearLR(0.05, 0.6, 13),
  ],
];

describe("PyTorch's rates", () => {
  test.each(cases)("%s, in steps", (_, make, expected) => {
    const schedule = make("steps");
    expectRates(
      times.map((step) => schedule.rate(BASE, step, 7)),
      expected(BASE, N),
    );
  });

  test.each(cases)("%s, in epochs of 3 steps: it changes once an epoch", (_, make, expected) => {
    const schedule = make("epochs");
    expectRates(
      times.map((step) => schedule.rate(BASE, step, 3)),
      expected(BASE, N / 3).flatMap((rate) => [rate, rate, rate]),
    );
  });

  test.each([
    {},
    { pctStart: 0.1 },
    { pctStart: 0 },
    { pctStart: 1 },
    { divFactor: 10, finalDivFactor: 100 },
    { annealStrategy: "linear" as const },
    { threePhase: true },
    { threePhase: true, pctStart: 0.4, annealStrategy: "linear" as const },
  ])("oneCycle %j, in steps and in epochs alike: at each step", (options) => {
    const expected = torch.oneCycleLR({ maxLr: 0.5, totalSteps: N, ...options })(0, N);
    const [inSteps, inEpochs] = [
      oneCycle({ steps: N, maximum: 0.5, ...options }),
      oneCycle({ epochs: 10, ...options }),
    ];
    expectRates(times.map((step) => inSteps.rate(BASE, step)), expected); // prettier-ignore
    expectRates(times.map((step) => inEpochs.rate(0.5, step, 6)), expected); // prettier-ignore
    expect(inSteps.rate(BASE, N + 5)).toBe(inSteps.rate(BASE, N - 1));
  });

  test("oneCycle that rises in a single step begins at the top", () => {
    expect(oneCycle({ steps: 10, pctStart: 0.1 }).rate(0.5, 0)).toBe(0.5);
    expect(oneCycle({ steps: 1 }).rate(0.5, 0)).toBeCloseTo(0.5 / 25e4, 15);
  });

  test("exponentialDecay without steps or epochs is by epoch", () => {
    expect(exponentialDecay({ gamma: 0.5 })).toEqual(exponentialDecay({ gamma: 0.5, epochs: 1 }));
  });

  const random = lehmer(4);
  const noisy = Array.from({ length: 200 }, (_, k) => 1 / (1 + k / 20) + 0.2 * random());
  test.each([
    {},
    { patience: 0 },
    { patience: 3, factor: 0.5 },
    { patience: 2, cooldown: 5, factor: 0.7 },
    { patience: 1, threshold: 0.1 },
    { patience: 1, threshold: 0.05, thresholdMode: "absolute" as const },
    { patience: 0, minimum: 0.01, factor: 0.6 },
    { patience: 0, epsilon: 0.02, factor: 0.6 },
    { patience: 0, minimum: 1 },
  ])("reduceOnPlateau %j", ({ minimum = 0, epsilon = 1e-8, ...options }) => {
    const schedule = reduceOnPlateau({ ...options, minimum, epsilon });
    for (const losses of [noisy, noisy.map((loss, k) => (k % 7 === 3 ? NaN : loss)), noisy.map((loss) => -loss)]) {
      let state: PlateauState = { observed: 0, waited: 0, cooldown: 0, reductions: 0 };
      const rates = losses.map((loss) => {
        state = schedule.observe(state, loss, 0, 1);
        return schedule.rate(BASE, 0, 1, state);
      });
      expectRates(rates, torch.reduceLROnPlateau(BASE, losses, { ...options, minLr: minimum, eps: epsilon }));
    }
  });

  test("a warm-up, then another schedule, whose time begins then", () => {
    const next = cosineAnnealing({ epochs: 6, minimum: 0.01 });
    const schedule = linearWarmup({ steps: 10, startFactor: 0.1, next });
    const warm = torch.linearLR(0.1, 1, 10)(BASE, 10);
    const then = torch
      .cosineAnnealingLR(6, 0.01)(BASE, 10)
      .flatMap((rate) => [rate, rate, rate, rate, rate]);
    expectRates(times.map((step) => schedule.rate(BASE, step, 5)), [...warm, ...then]); // prettier-ignore
    const inEpochs = linearWarmup({ epochs: 2, startFactor: 0.1, next });
    expect(inEpochs.rate(BASE, 9, 5)).toBeCloseTo(BASE * 0.55, 15);
    expect(inEpochs.rate(BASE, 10, 5)).toBe(BASE);
    expect(inEpochs.rate(BASE, 15, 5)).toBe(next.rate(BASE, 5, 5));
  });

  test("a warm-up, then reduceOnPlateau: epochs of the warm-up do not count", () => {
    const schedule = linearWarmup({ steps: 10, next: reduceOnPlateau({ patience: 0, factor: 0.5 }) });
    let state: PlateauState = { observed: 0, waited: 0, cooldown: 0, reductions: 0 };
    for (const [last, reductions] of [
      [4, 0],
      [9, 0],
      [14, 0],
      [19, 1],
      [24, 2],
    ] as const) {
      // prettier-ignore
      state = schedule.observe(state, 1, last, 5);
      expect(state.reductions, `after step ${last}`).toBe(reductions);
    }
    expect(state.observed).toBe(5);
    expect(schedule.rate(BASE, 25, 5, state)).toBe(BASE / 4);
  });
});

test("power and cosine without the engine's own, to 1e-15", () => {
  for (const x of [0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 1, 1.3, 1.5, 2, 2.7, 17.9, -0.4, 1000.25]) {
    expect(Math.abs(cosinePi(x) - Math.cos(Math.PI * (x % 2))), String(x)).toBeLessThan(1e-15);
  }
  for (const [base, n] of [
    [0.9, 0],
    [0.9, 1],
    [0.99, 1000],
    [2, 10],
    [0, 0],
    [0, 3],
  ] as const) {
    // prettier-ignore
    expect(Math.abs(power(base, n) - base ** n)).toBeLessThan(1e-15);
  }
});

test("a schedule is frozen, and JSON of it is its options, all filled in", () => {
  const schedule = linearWarmup({ steps: 3, next: cosineAnnealing({ epochs: 2 }) });
  expect(Object.isFrozen(schedule)).toBe(true);
  expect(JSON.parse(JSON.stringify(schedule))).toEqual({
    ...{ type: "linearWarmup", unit: "step", duration: 3, startFactor: 1 / 3, endFactor: 1 },
    next: {
      ...{ type: "cosineAnnealing", unit: "epoch", period: 2, minimum: 0 },
      ...{ warmRestarts: false, periodFactor: 1 },
    },
  });
});

describe("in training", () => {
  const data: TrainingData = { inputs: numbers([10, 2]), targets: numbers([10, 2], 2) };
  const make = () => new Network({ input: { features: 2 }, layers: [dense(2)] });
  const options: TrainOptions = {
    ...{ loss: meanSquaredError(), optimizer: sgd({ learningRate: BASE, momentum: 0.9 }) },
    ...{ batchSize: 2, epochs: 4 },
  };
  const ratesOf = (change: Partial<TrainOptions>) =>
    [...make().train(data, { ...options, ...change })].map(({ learningRate }) => learningRate);

  test("steps and epochs are those of the optimizer, with accumulate too", () => {
    expectRates(ratesOf({ schedule: stepDecay({ steps: 3 }) }), torch.stepLR(3, 0.1)(BASE, 20));
    const byEpoch = torch.exponentialLR(0.5)(BASE, 4);
    expectRates(
      ratesOf({ schedule: exponentialDecay({ gamma: 0.5 }) }),
      byEpoch.flatMap((rate) => Array<number>(5).fill(rate)),
    );
    expectRates(
      ratesOf({ schedule: exponentialDecay({ gamma: 0.5 }), accumulate: 2 }),
      byEpoch.flatMap((rate) => [rate, rate, rate]),
    );
  });

  test("a schedule learns what a function of the same rates learns, bit for bit", () => {
    const [scheduled, given] = [make(), make()];
    const schedule = oneCycle({ epochs: 4 });
    for (const _ of scheduled.train(data, { ...options, schedule }));
    for (const _ of given.train(data, { ...options, learningRate: (step) => schedule.rate(BASE, step, 5) }));
    expect(stateOf(scheduled)).toBe(stateOf(given));
  });

  // A rate so small that the loss stays, to within the threshold.
  const still: TrainOptions = { ...options, optimizer: sgd({ learningRate: 1e-6 }), epochs: 9, shuffle: false };
  const plateau = { ...still, schedule: reduceOnPlateau({ patience: 1, factor: 0.5, epsilon: 0 }) };

  test("reduceOnPlateau hears the validation loss in fit, or without it the training loss", async () => {
    const validation = { inputs: data.inputs, targets: numbers([10, 2], 9) };
    for (const more of [{}, { validation }]) {
      const rates: number[] = [];
      const history = await make().fit(data, {
        ...{ ...plateau, ...more },
        onStep: ({ learningRate, batch }) => batch === 0 && rates.push(learningRate),
      });
      const losses = "validation" in more ? history.validationLoss : history.loss;
      const after = torch.reduceLROnPlateau(1e-6, losses, { patience: 1, factor: 0.5, eps: 0 });
      expectRates(rates, [1e-6, ...after.slice(0, -1)]);
      expect(new Set(rates).size).toBeGreaterThan(2);
    }
  });

  test("reduceOnPlateau in train hears what the caller tells it, once an epoch", () => {
    const trainer = make().train(data, plateau);
    expect(() => trainer.observe(1)).toThrow(/no epoch has ended/);
    const rates: number[] = [];
    for (const { batch, learningRate } of trainer) {
      if (batch === 0) rates.push(learningRate);
      if (batch === 4) trainer.observe(1);
    }
    expectRates(rates, [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125].map((rate) => rate * 1e-6)); // prettier-ignore
    expect(() => trainer.observe(1)).toThrow(/no epoch has ended since the last call/);
    const other = make().train(data, plateau);
    for (let step = 0; step < 5; step++) other.next();
    expect(() => other.next()).toThrow(
      /needs the loss of epoch 0: call trainer.observe\(loss\) after each epoch, or use fit/,
    );
    other.observe(1);
    expect(other.next().value?.step).toBe(6);
    expect(() => make().train(data, options).observe(1)).toThrow(/there is no schedule by reduceOnPlateau\(\)/);
  });
});

describe("wrong options", () => {
  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    ["no unit", () => stepDecay({}), TypeError, /stepDecay: give "steps" or "epochs", one of them/],
    ["two units", () => cosineAnnealing({ steps: 1, epochs: 1 }), TypeError, /give "steps" or "epochs", one of them/],
    ["0 steps", () => linearWarmup({ steps: 0 }), RangeError, /"steps" expected an integer of at least 1, got 0/],
    ["epochs as a text", () => oneCycle({ epochs: "2" as never }), TypeError, /"epochs" expected a number, got "2"/],
    ["gamma missing", () => exponentialDecay({} as never), TypeError, /"gamma" expected a number, got undefined/],
    ["gamma −1", () => stepDecay({ steps: 1, gamma: -1 }), RangeError, /"gamma"/],
    ["a misspelt option", () => stepDecay({ step: 1 } as never), TypeError, /stepDecay: unknown option "step"/],
    ["milestones as a number", () => multiStep({ epochs: 3 as never }), TypeError, /"epochs" expected an array/],
    ["no milestones", () => multiStep({ epochs: [] }), RangeError, /"epochs" expected at least one integer/],
    ["milestones that fall", () => multiStep({ steps: [3, 3] }), RangeError, /"steps" expected integers that increase/],
    [
      "periodFactor alone",
      () => cosineAnnealing({ steps: 3, periodFactor: 2 }),
      RangeError,
      /needs "warmRestarts: true"/,
    ],
    ["startFactor 0", () => linearWarmup({ steps: 3, startFactor: 0 }), RangeError, /"startFactor"/],
    ["startFactor 2", () => linearWarmup({ steps: 3, startFactor: 2 }), RangeError, /"startFactor" .* at most 1/],
    [
      "next as JSON",
      () => linearWarmup({ steps: 3, next: {} as never }),
      TypeError,
      /"next" expected a schedule made by/,
    ],
    ["pctStart 2", () => oneCycle({ steps: 3, pctStart: 2 }), RangeError, /"pctStart"/],
    [
      "annealStrategy cos",
      () => oneCycle({ steps: 3, annealStrategy: "cos" as never }),
      RangeError,
      /"cosine", "linear"/,
    ],
    ["factor 1", () => reduceOnPlateau({ factor: 1 }), RangeError, /"factor" expected a number below 1/],
    ["patience −1", () => reduceOnPlateau({ patience: -1 }), RangeError, /"patience"/],
    ["mode rel", () => reduceOnPlateau({ thresholdMode: "rel" as never }), RangeError, /"relative", "absolute"/],
  ])("%s", (_, call, kind, text) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(text);
  });
});
