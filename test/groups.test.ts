/** Groups of parameters: each is trained as its own optimizer would train it, and what is frozen stays. */

import { describe, expect, test } from "vitest";
import {
  adadelta,
  adam,
  adamax,
  adamw,
  dense,
  lstm,
  meanSquaredError,
  nadam,
  Network,
  radam,
  rmsprop,
  sgd,
  stepDecay,
  type LayerDescription,
  type Optimizer,
  type ParameterGroup,
  type TrainingData,
  type TrainOptions,
} from "../bindings/index.ts";
import { expectError, numbers, stateOf, type Kind } from "./support.ts";

const data: TrainingData = { inputs: numbers([6, 4, 3]), targets: numbers([6, 4, 3], 2) };
// Sizes of 3, 5 and 9, so that parameters begin and end within a vector.
const layers: readonly LayerDescription[] = [lstm(3), dense(5, { name: "middle" }), dense(3, { name: "middle2" })];
const make = () => new Network({ input: { features: 3 }, layers });
const options = { loss: meanSquaredError(), epochs: 3, batchSize: 3, shuffle: false };

/** Parameters by name after training. */
function train(optimizer: Optimizer, more: Partial<TrainOptions> = {}): Record<string, number[]> {
  const net = make();
  for (const _ of net.train(data, { ...options, optimizer, ...more }));
  return valuesOf(net);
}

function valuesOf(net: Network): Record<string, number[]> {
  return Object.fromEntries(net.parameters.map(({ name, value }) => [name, [...value]]));
}

/** One step by hand from the gradients of the first batch of all data, by an optimizer for each name. */
function oneStep(optimizerOf: (name: string) => Optimizer | undefined): Record<string, number[]> {
  const start = valuesOf(make());
  return Object.fromEntries(
    Object.keys(start).map((name) => {
      const optimizer = optimizerOf(name);
      if (!optimizer) return [name, start[name]!];
      const net = make();
      net.forward(data.inputs, { training: true });
      net.loss(meanSquaredError(), data.targets);
      net.backward();
      net.step(optimizer);
      return [name, [...net.parameter(name).value]];
    }),
  );
}

const inOneStep = { epochs: 1, batchSize: 6 };

describe("each group as an optimizer of its own would, bit for bit", () => {
  const makers = {
    "sgd with momentum": (own: object) => sgd({ momentum: 0.9, ...own }),
    rmsprop: (own: object) => rmsprop({ centered: true, momentum: 0.5, ...own }),
    adadelta,
    "adam with amsgrad": (own: object) => adam({ amsgrad: true, ...own }),
    adamw,
    adamax,
    nadam,
    radam,
  };

  test.each(Object.entries(makers))("%s: a rate, a decay, frozen", (_, make) => {
    const groups: ParameterGroup[] = [
      { match: /bias/, weightDecay: 0 },
      { match: "lstm.weight_hh_l0", learningRate: 0.3, weightDecay: 0.2 },
      { match: "middle2.weight", frozen: true },
    ];
    const optimizer = make({ learningRate: 0.05, weightDecay: 0.1 });
    const expected = oneStep((name) => {
      if (name.includes("bias")) return make({ learningRate: 0.05, weightDecay: 0 });
      if (name === "lstm.weight_hh_l0") return make({ learningRate: 0.3, weightDecay: 0.2 });
      return name === "middle2.weight" ? undefined : optimizer;
    });
    expect(train(optimizer, { ...inOneStep, groups })).toEqual(expected);
  });

  test.each(Object.entries(makers))(
    "%s: groups that say what the optimizer says change no bit in 6 steps",
    (_, make) => {
      const optimizer = make({ learningRate: 0.05, weightDecay: 0.1 });
      const groups = [
        { match: ["lstm.bias_ih_l0", "middle.bias"], learningRate: 0.05 },
        { match: /hh/, weightDecay: 0.1 },
      ];
      expect(train(optimizer, { groups })).toEqual(train(optimizer));
    },
  );
});

describe("what a group takes", () => {
  const frozen = (match: ParameterGroup["match"]): string[] => {
    const start = valuesOf(make());
    const end = train(sgd({ learningRate: 0.1 }), { groups: [{ match, frozen: true }] });
    return Object.keys(start).filter((name) => String(start[name]) === String(end[name]));
  };

  test.each<[string, ParameterGroup["match"], string[]]>([
    ["a parameter", "middle.bias", ["middle.bias"]],
    ["a layer, and not one whose name begins alike", "middle", ["middle.weight", "middle.bias"]],
    ["a regular expression", /^lstm.*hh/, ["lstm.weight_hh_l0", "lstm.bias_hh_l0"]],
    ["one with a state of its own", /bias_/g, ["lstm.bias_ih_l0", "lstm.bias_hh_l0"]],
    ["a list", ["middle2", /weight_ih/], ["lstm.weight_ih_l0", "middle2.weight", "middle2.bias"]],
  ])("%s", (_, match, expected) => {
    expect(frozen(match)).toEqual(expected);
  });
});

test("what is frozen has no part in the gradient's norm, and so none in clipping", () => {
  const groups = [{ match: "lstm", frozen: true }];
  const net = make();
  const { value } = net.train(data, { ...options, ...inOneStep, optimizer: sgd(), groups }).next();
  const other = make();
  other.forward(data.inputs, { training: true });
  other.loss(meanSquaredError(), data.targets);
  other.backward();
  const squares = other.parameters
    .filter(({ name }) => !name.startsWith("lstm"))
    .flatMap(({ gradient }) => [...gradient]);
  expect(value?.gradientNorm).toBeCloseTo(Math.hypot(...squares), 6);
});

test("a schedule works from the rate of the group, the option learningRate leaves it", () => {
  const groups = [{ match: "middle", learningRate: 0.2 }];
  const optimizer = sgd({ learningRate: 0.1 });
  const only = { groups: [...groups, { match: ["lstm", "middle2"], frozen: true }], ...inOneStep, epochs: 3 };
  const rates = (learningRate: (step: number) => number) =>
    train(optimizer, { ...inOneStep, epochs: 3, groups: only.groups.slice(1), learningRate });
  expect(train(optimizer, { ...only, schedule: stepDecay({ steps: 1, gamma: 0.5 }) })).toEqual(
    rates((step) => [0.2, 0.1, 0.05][step]!),
  );
  expect(train(optimizer, { ...only, learningRate: () => 7 })).toEqual(rates(() => 0.2));
  const reports = [...make().train(data, { ...options, optimizer, groups })];
  expect(reports.every(({ learningRate }) => learningRate === 0.1)).toBe(true);
});

test("fine-tuning: with all but the last layer frozen, what comes before stays over epochs, and the last learns", async () => {
  const net = make();
  const before = valuesOf(net);
  const groups = [{ match: ["lstm", "middle"], frozen: true }];
  const { loss } = await net.fit(data, {
    ...options,
    optimizer: adamw({ learningRate: 0.02, weightDecay: 0.5 }),
    groups,
    epochs: 30,
    l1: 0.01,
  });
  const after = valuesOf(net);
  for (const name of Object.keys(before)) {
    if (name.startsWith("middle2")) expect(after[name]).not.toEqual(before[name]);
    else expect(after[name], name).toEqual(before[name]);
  }
  expect(loss.at(-1)).toBeLessThan(loss[0]!);
});

test("a checkpoint is of the groups it was made with, by what they match", () => {
  const groups: ParameterGroup[] = [{ match: "middle", learningRate: 0.2 }];
  const trainer = make().train(data, { ...options, optimizer: adam(), groups });
  trainer.next();
  const resume = trainer.checkpoint();
  const again = make().train(data, {
    ...options,
    optimizer: adam(),
    groups: [{ match: /^middle\./, learningRate: 0.2 }],
    resume,
  });
  expect([...again].length).toBe(5);
  for (const other of [
    undefined,
    [{ match: "middle", learningRate: 0.3 }],
    [{ match: "middle2", learningRate: 0.2 }],
  ]) {
    const more = other ? { groups: other } : {};
    expect(() => make().train(data, { ...options, optimizer: adam(), ...more, resume })).toThrow(/another "groups"/);
  }
});

test.each<[string, unknown, Kind, RegExp]>([
  ["no array", { match: "lstm" }, TypeError, /"groups" expected an array of groups/],
  ["a group as a text", ["lstm"], TypeError, /"groups\[0\]" expected an object|groups\[0\] expected/],
  ["a misspelt option", [{ match: "lstm", lr: 1 }], TypeError, /groups\[0\]: unknown option "lr"; known are match/],
  [
    "no match",
    [{ frozen: true }],
    TypeError,
    /"groups\[0\].match" expected a name or a regular expression, got undefined/,
  ],
  [
    "an empty list",
    [{ match: [] }],
    RangeError,
    /"groups\[0\].match" expected a name, a regular expression, or a list/,
  ],
  [
    "an empty name",
    [{ match: "" }],
    RangeError,
    /"groups\[0\].match": no parameter is called ""; there are lstm.weight_ih/,
  ],
  [
    "a name that is not there",
    [{ match: "gru" }],
    RangeError,
    /no parameter is called "gru"; there are lstm.weight_ih_l0/,
  ],
  ["half a name", [{ match: "lst" }], RangeError, /no parameter is called "lst"/],
  ["one of a list", [{ match: ["lstm", /gru/] }], RangeError, /no parameter is called \/gru\//],
  ["a number", [{ match: 5 }], TypeError, /"groups\[0\].match" expected a name or a regular expression, got 5/],
  [
    "twice",
    [{ match: "lstm" }, { match: /weight/, frozen: true }],
    RangeError,
    /"groups\[1\].match" takes "lstm.weight_ih_l0", which is in a group before/,
  ],
  ["learningRate −1", [{ match: "lstm", learningRate: -1 }], RangeError, /"groups\[0\].learningRate" expected/],
  ["weightDecay as a text", [{ match: "lstm", weightDecay: "0" }], TypeError, /"groups\[0\].weightDecay" expected/],
  ["l1 NaN", [{ match: "lstm", l1: NaN }], RangeError, /"groups\[0\].l1" expected/],
  ["frozen 1", [{ match: "lstm", frozen: 1 }], TypeError, /"groups\[0\].frozen" expected true or false/],
  ["frozen with a rate", [{ match: "lstm", frozen: true, learningRate: 1 }], RangeError, /is frozen: leave out/],
  ["all frozen", [{ match: /./, frozen: true }], RangeError, /freeze all parameters, and nothing is left to learn/],
])("%s is refused, and nothing changes", (_, groups, kind, text) => {
  const net = make();
  const before = stateOf(net);
  let error: unknown;
  try {
    net.train(data, { ...options, optimizer: adam(), groups: groups as never });
  } catch (thrown) {
    error = thrown;
  }
  expectError(error, kind, text);
  expect(stateOf(net)).toBe(before);
});
