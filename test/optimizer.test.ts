/** Every optimiser in every combination of options against reference.ts, over eight steps: 1e-5 relative and absolute. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  dense,
  nadam,
  Network,
  radam,
  rmsprop,
  sgd,
  type Optimizer,
} from "../bindings/index.ts";
import { expectClose, randomizeParameters, randomNumbers } from "./agreement.ts";
import * as reference from "./reference.ts";
import { moreOptimizers, type MoreOptions } from "./reference/optimizers.ts";

const ours = { sgd, rmsprop, adagrad, adadelta, adam, adamw, adamax, nadam, radam };
const theirs: Record<keyof typeof ours, (options: MoreOptions) => reference.Optimizer> = {
  ...reference.optimizers,
  ...moreOptimizers,
};
const names = Object.keys(ours) as (keyof typeof ours)[];

/** PyTorch's. */
const defaultRates: Record<keyof typeof ours, number> = {
  ...{ sgd: 0.01, rmsprop: 0.01, adagrad: 0.01, adadelta: 1 },
  ...{ adam: 0.001, adamw: 0.001, adamax: 0.002, nadam: 0.002, radam: 0.001 },
};

const STEPS = 8;

/** All combinations of one value for each key. */
function combinations<T extends Record<string, readonly unknown[]>>(choices: T): { [K in keyof T]: T[K][number] }[] {
  let all: Record<string, unknown>[] = [{}];
  for (const [key, values] of Object.entries(choices)) {
    all = all.flatMap((one) => values.map((value) => ({ ...one, [key]: value })));
  }
  return all as { [K in keyof T]: T[K][number] }[];
}

interface Both {
  ours: Optimizer;
  name: keyof typeof ours;
  options: MoreOptions;
}

const learningRate = 0.05;
const weightDecay = [0, 0.1] as const;
const betas = [
  [0.9, 0.999],
  [0.5, 0.8],
  [0, 0],
] as const;
const epsilon = [1e-8, 1e-2] as const;

const all: Both[] = [
  ...combinations({ weightDecay, momentum: [0, 0.9], dampening: [0, 0.3], nesterov: [false, true] })
    .filter(({ nesterov, momentum, dampening }) => !nesterov || (momentum > 0 && dampening === 0))
    .map((options): Both => ({ ours: sgd({ learningRate, ...options }), name: "sgd", options })),
  ...combinations({
    weightDecay,
    alpha: [0.99, 0.5],
    epsilon,
    momentum: [0, 0.8],
    centered: [false, true],
  }).map(({ epsilon: eps, ...options }): Both => ({
    ours: rmsprop({ learningRate, epsilon: eps, ...options }),
    name: "rmsprop",
    options: { eps, ...options },
  })),
  ...combinations({
    weightDecay,
    learningRateDecay: [0, 0.2],
    initialAccumulator: [0, 0.5],
    epsilon: [1e-10, 1e-2],
  }).map((options): Both => ({
    ours: adagrad({ learningRate, ...options }),
    name: "adagrad",
    options: {
      weightDecay: options.weightDecay,
      lrDecay: options.learningRateDecay,
      initialAccumulatorValue: options.initialAccumulator,
      eps: options.epsilon,
    },
  })),
  ...(["adam", "adamw"] as const).flatMap((name) =>
    combinations({ weightDecay, betas, epsilon, amsgrad: [false, true] }).map(({ epsilon: eps, ...options }): Both => ({
      ours: ours[name]({ learningRate, epsilon: eps, ...options }),
      name,
      options: { eps, ...options },
    })),
  ),
  ...combinations({ weightDecay, rho: [0.9, 0.5, 0], epsilon: [1e-6, 1e-2] }).map(
    ({ epsilon: eps, ...options }): Both => ({
      ours: adadelta({ learningRate, epsilon: eps, ...options }),
      name: "adadelta",
      options: { eps, ...options },
    }),
  ),
  ...combinations({ weightDecay, betas, epsilon }).map(({ epsilon: eps, ...options }): Both => ({
    ours: adamax({ learningRate, epsilon: eps, ...options }),
    name: "adamax",
    options: { eps, ...options },
  })),
  ...combinations({
    weightDecay,
    betas,
    epsilon,
    momentumDecay: [0.004, 0, 2, 100],
    decoupledWeightDecay: [false, true],
    asTorch1: [false, true],
  }).map(({ epsilon: eps, ...options }): Both => ({
    ours: nadam({ learningRate, epsilon: eps, ...options }),
    name: "nadam",
    options: { eps, ...options },
  })),
  ...combinations({ weightDecay, betas, epsilon, decoupledWeightDecay: [false, true] }).map(
    ({ epsilon: eps, ...options }): Both => ({
      ours: radam({ learningRate, epsilon: eps, ...options }),
      name: "radam",
      options: { eps, ...options },
    }),
  ),
];

/** 3 × 5 weights and 3 biases: 18 numbers, no multiple of a vector. */
function network(): Network {
  return new Network({ input: { features: 5 }, layers: [dense(3, { name: "" })] });
}

/** Gradients of very different sizes, some zero. */
function gradientsAt(step: number, random: (size: number) => Float64Array, size: number): Float64Array {
  return random(size).map((g, k) => Math.fround(k === 1 || (k === 2 && step > 1) ? 0 : g * 10 ** ((k % 5) - 3)));
}

function compareSteps({ ours, name, options }: Both, rates: readonly number[] | undefined, count = STEPS): void {
  const random = randomNumbers(21);
  const net = network();
  const params = randomizeParameters(net, random);
  const steps = net.parameters.map(() => theirs[name](options));
  for (let s = 0; s < count; s++) {
    net.parameters.forEach((parameter, k) => {
      const g = gradientsAt(s, random, parameter.gradient.length);
      parameter.gradient.set(g);
      steps[k]!(params[parameter.name]!, g, rates?.[s] ?? learningRate);
    });
    net.step(ours, rates ? { learningRate: rates[s]! } : {});
    for (const parameter of net.parameters) {
      expectClose(`${parameter.name} after step ${s + 1}`, parameter.value, params[parameter.name]!);
    }
  }
}

describe.each(names)("%s", (name) => {
  const own = all.filter((both) => both.name === name).map((both) => [JSON.stringify(both.options), both] as const);
  const rate = defaultRates[name];

  test.each(own)("%s", (_, both) => {
    compareSteps(both, undefined);
  });

  test("with a learning rate for each step", () => {
    const rates = Array.from({ length: STEPS }, (_, s) => 0.1 * 0.7 ** s);
    for (const [, both] of own) compareSteps(both, rates);
  });

  test("the defaults are PyTorch's", () => {
    const created = ours[name]();
    expect(created.learningRate).toBe(rate);
    compareSteps({ ours: created, name, options: {} }, Array<number>(STEPS).fill(rate));
  });

  test("over 300 steps, where powers of the betas die away", () => {
    compareSteps({ ours: ours[name](), name, options: {} }, Array<number>(300).fill(rate / 10), 300);
  });

  test("is frozen, and JSON of it is its options, all filled in", () => {
    const created = ours[name]({ learningRate: 0.5 });
    expect(Object.isFrozen(created)).toBe(true);
    const { type, ...options } = JSON.parse(JSON.stringify(created)) as Record<string, unknown>;
    expect(type).toBe(name);
    expect(options.learningRate).toBe(0.5);
    expect(ours[name](options)).toEqual(created);
    expect(Object.keys(created).slice(0, 3)).toEqual(["type", "learningRate", "weightDecay"]);
  });
});

test("descriptions are the texts that checkpoints compare", () => {
  expect(JSON.stringify(sgd({ momentum: 0.9 }))).toBe(
    '{"type":"sgd","learningRate":0.01,"weightDecay":0,"momentum":0.9,"dampening":0,"nesterov":false}',
  );
  expect(JSON.stringify(adamw())).toBe(
    '{"type":"adamw","learningRate":0.001,"weightDecay":0.01,"betas":[0.9,0.999],"epsilon":1e-8,"amsgrad":false}',
  );
});

describe("epsilon 0", () => {
  const makers = {
    rmsprop,
    adagrad,
    adadelta,
    adam,
    adamw,
    adamax,
    nadam,
    radam,
    amsgrad: (options: object) => adam({ ...options, amsgrad: true }),
  };

  test.each(Object.entries(makers))(
    "%s: a parameter without a gradient stays, the others go as PyTorch's",
    (name, make) => {
      const net = network();
      const random = randomNumbers(5);
      const params = randomizeParameters(net, random);
      const optimizer = make({ learningRate: 0.05, epsilon: 0, weightDecay: 0 });
      const [weight, bias] = net.parameters as [Network["parameters"][0], Network["parameters"][0]];
      const options = { eps: 0, weightDecay: 0, amsgrad: name === "amsgrad" };
      const step = theirs[name === "amsgrad" ? "adam" : (name as keyof typeof ours)](options);
      for (let s = 0; s < STEPS; s++) {
        const g = random(15).map(Math.fround);
        weight.gradient.set(g);
        bias.gradient.fill(0);
        net.step(optimizer);
        step(params[weight.name]!, g, 0.05);
        expectClose(`step ${s + 1}`, weight.value, params[weight.name]!);
      }
      expect([...bias.value]).toEqual([...params[bias.name]!]);
    },
  );
});

test("the state goes on from step to step, also with another learning rate, and starts anew with another optimiser", () => {
  const net = network();
  const values = () => net.parameters.flatMap(({ value }) => [...value]);
  const stepFrom = (start: Float64Array, optimizer: Optimizer): number[] => {
    let at = 0;
    for (const parameter of net.parameters) {
      parameter.set(start.subarray(at, (at += parameter.value.length)));
      parameter.gradient.fill(0.5);
    }
    net.step(optimizer);
    return values();
  };
  const start = randomNumbers(2)(18);
  const momentum = sgd({ learningRate: 0.1, momentum: 0.9 });
  const first = stepFrom(start, momentum);
  const second = stepFrom(start, momentum);
  const third = stepFrom(start, sgd({ learningRate: 0.2, momentum: 0.9 }));
  const moved = (after: number[]): number => after[0]! - start[0]!;
  expect(moved(first)).toBeCloseTo(-0.05, 6);
  expect(moved(second)).toBeCloseTo(-0.1 * 0.95, 6);
  expect(moved(third)).toBeCloseTo(-0.2 * 1.355, 6);
  stepFrom(start, adam());
  expect(stepFrom(start, momentum)).toEqual(first);
});

describe("clipping", () => {
  /** Gradients of the network, set to seeded numbers times `size`. */
  function withGradients(size: number) {
    const net = network();
    const random = randomNumbers(8);
    const gradients = net.parameters.map((parameter) => {
      const g = random(parameter.gradient.length).map((v) => Math.fround(size * v));
      parameter.gradient.set(g);
      return g;
    });
    return { net, gradients };
  }

  test.each([
    [1, 0.5],
    [1, 100],
    [1e-3, 1],
    [1e18, 3],
    [1e30, 1],
    [1, Number.MAX_VALUE],
  ])("by norm: gradients to %d, norm at most %d; returns the norm from before", (size, maxNorm) => {
    const { net, gradients } = withGradients(size);
    const norm = reference.clipByNorm(gradients, maxNorm);
    expect(net.clipGradNorm(maxNorm) / norm).toBeCloseTo(1, 6);
    net.parameters.forEach(({ name, gradient }, k) => expectClose(name, gradient, gradients[k]!));
  });

  test.each([0.1, 1, 1e30])("by value, %d", (limit) => {
    const { net, gradients } = withGradients(2);
    reference.clipByValue(gradients, Math.fround(limit));
    net.clipGradValue(limit);
    net.parameters.forEach(({ name, gradient }, k) => expectClose(name, gradient, gradients[k]!, 0));
  });
});

test("an app that trains by adam has none of the other optimizers and of the schedules in its bundle", async () => {
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const bundle = async (entry: string) => {
    const { outputFiles } = await build({
      ...{ entryPoints: [path(entry)], alias: { unrolled: path("../dist/index.js") } },
      ...{ bundle: true, minify: true, write: false, format: "esm" },
    });
    return outputFiles[0]!.text;
  };
  const [app, all] = [await bundle("size/train.js"), await bundle("size/everything.js")];
  const options = ["dampening", "centered", "initialAccumulator", "momentumDecay", "decoupledWeightDecay"];
  const schedules = ["milestones", "warmRestarts", "startFactor", "finalDivFactor", "thresholdMode"];
  expect([...options, ...schedules, "amsgrad"].filter((word) => !all.includes(word))).toEqual([]);
  expect([...options, ...schedules].filter((word) => app.includes(word))).toEqual([]);
  expect(app).toContain("amsgrad");
});
