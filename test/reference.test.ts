import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { casesOf, type GoldenKind, type GoldenOf, type GoldenTensor, loadGolden, swapFirstAxes } from "./golden.ts";
import {
  activation,
  activationBackward,
  type ActivationName,
  activations,
  type CellName,
  cellParams,
  cells,
  centralDifference,
  clipByNorm,
  clipByValue,
  embedding,
  embeddingBackward,
  erf,
  linear,
  linearBackward,
  logSoftmax,
  logSoftmaxBackward,
  loss,
  type LossConfig,
  type Optimizer,
  type OptimizerName,
  type OptimizerOptions,
  optimizers,
  type Params,
  recurrent,
  type RecurrentConfig,
  softmax,
  softmaxBackward,
} from "./reference.ts";
import { moreOptimizers } from "./reference/optimizers.ts";

// ------------------------------------------------------------------------------------------------ what tests share

/** Mulberry32: the same numbers in (−1, 1) for the same seed. */
function randomNumbers(seed: number): (size: number) => Float64Array {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) / 2 ** 31;
  };
  return (size) => Float64Array.from({ length: size }, next);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, v, k) => sum + v * b[k]!, 0);
}

/** Every element within tolerance·(1 + |expected|). */
function expectClose(actual: Float64Array, expected: Float64Array, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const errors = expected.map((e, k) => Math.abs(actual[k]! - e) / (1 + Math.abs(e)));
  const worst = errors.reduce((most, error) => (error <= most ? most : error), 0); // a NaN stays
  expect(worst).toBeLessThanOrEqual(tolerance);
}

// -------------------------------------------------------------------------- (1) backward against central differences

const NUMERIC = 1e-8;

describe("activation, backward against central differences", () => {
  const parameter: Partial<Record<ActivationName, number>> = { leaky_relu: 0.2, elu: 1.7 };
  const names = Object.keys(activations) as ActivationName[];

  test.each(names)("%s", (name) => {
    const x = randomNumbers(1)(40).map((v, k) => v * (1 + k / 4)); // to ±10, on both sides of every kink
    const dY = randomNumbers(2)(40);
    const numeric = centralDifference((moved) => dot(activation(name, moved, parameter[name]), dY), x);
    expectClose(activationBackward(name, x, dY, parameter[name]), numeric, NUMERIC);
  });
});

test.each([
  ["relu", [0], [0]],
  ["leaky_relu", [0], [0.01]],
  ["hardtanh", [-1, 1], [0, 0]],
  ["relu6", [0, 6], [0, 0]],
  ["hardsigmoid", [-3, 3], [0, 0]],
  ["hardswish", [-3, 3], [0, 1]],
] as const)("%s, slope at the kinks %j is %j", (name, kinks, slopes) => {
  const dY = new Float64Array(kinks.length).fill(1);
  expect([...activationBackward(name, Float64Array.from(kinks), dY)]).toEqual(slopes);
});

test.each([
  ["softmax", softmax, softmaxBackward],
  ["logSoftmax", logSoftmax, logSoftmaxBackward],
] as const)("%s, backward against central differences", (_, forward, backward) => {
  const random = randomNumbers(3);
  const [x, dY] = [random(12), random(12)];
  expectClose(
    backward(x, dY, 4),
    centralDifference((moved) => dot(forward(moved, 4), dY), x),
    NUMERIC,
  );
});

describe("linear, backward against central differences", () => {
  const random = randomNumbers(4);
  const [x, weight, bias, dY] = [random(4 * 3), random(5 * 3), random(5), random(4 * 5)];
  const grads = linearBackward(x, 3, weight, dY);

  test.each([
    ["input", x, (moved: Float64Array) => linear(moved, 3, weight, bias)],
    ["weight", weight, (moved: Float64Array) => linear(x, 3, moved, bias)],
    ["bias", bias, (moved: Float64Array) => linear(x, 3, weight, moved)],
  ] as const)("%s", (name, at, forward) => {
    expectClose(
      grads[name],
      centralDifference((moved) => dot(forward(moved), dY), at),
      NUMERIC,
    );
  });
});

test.each([undefined, 2])("embedding with padding index %s, backward against central differences", (padding) => {
  const random = randomNumbers(5);
  const [indices, weight, dY] = [[1, 2, 2, 0, 1], random(4 * 3), random(5 * 3)];
  const numeric = centralDifference((moved) => dot(embedding(indices, moved, 3), dY), weight);
  if (padding !== undefined) numeric.fill(0, padding * 3, padding * 3 + 3);
  expectClose(embeddingBackward(indices, weight, dY, 3, padding), numeric, NUMERIC);
});

const T = 4;
const B = 2;
const I = 2;

interface RecurrentCase {
  title: string;
  config: RecurrentConfig;
  bias: boolean;
  lengths?: number[];
}

const shapes = [
  { H: 1, numLayers: 1, bidirectional: false, bias: true },
  { H: 3, numLayers: 2, bidirectional: true, bias: true, lengths: [4, 2] },
  { H: 5, numLayers: 1, bidirectional: true, bias: false },
];

const recurrentCases: RecurrentCase[] = (Object.keys(cells) as CellName[]).flatMap((cell) =>
  shapes.map(({ H, bias, lengths, ...rest }) => ({
    title: `${cell} H${H} L${rest.numLayers} ${rest.bidirectional ? "bi" : "uni"}${lengths ? " lengths" : ""}`,
    config: { cell, inputSize: I, hiddenSize: H, ...rest },
    bias,
    ...(lengths && { lengths }),
  })),
);

function randomParams(config: RecurrentConfig, bias: boolean, random: (size: number) => Float64Array): Params {
  const { cell, inputSize, hiddenSize: H, numLayers = 1, bidirectional = false } = config;
  const params: Params = {};
  for (let l = 0; l < numLayers; l++) {
    const I = l === 0 ? inputSize : H * (bidirectional ? 2 : 1);
    for (const suffix of bidirectional ? [`_l${l}`, `_l${l}_reverse`] : [`_l${l}`]) {
      params[`weight_ih${suffix}`] = random(cells[cell].gates * H * I);
      params[`weight_hh${suffix}`] = random(cells[cell].gates * H * H);
      if (bias) params[`bias_ih${suffix}`] = random(cells[cell].gates * H);
      if (bias) params[`bias_hh${suffix}`] = random(cells[cell].gates * H);
    }
  }
  return params;
}

/** Everything a recurrent module reads, and a loss of everything it gives. */
function recurrentProblem({ config, bias, lengths }: RecurrentCase) {
  const random = randomNumbers(10); // with this seed no relu leaves a parameter without a gradient
  const [H, D, L] = [config.hiddenSize, config.bidirectional ? 2 : 1, config.numLayers ?? 1];
  const states = L * D * B * H;
  const params = randomParams(config, bias, random);
  const inputs: Params = { ...params, input: random(B * T * I), h0: random(states) };
  if (config.cell === "lstm") inputs.c0 = random(states);
  const [rOutput, rHn, rCn] = [random(B * T * D * H), random(states), random(states)];
  const run = ({ input, h0, c0, ...params }: Params) =>
    recurrent(config, params, input!, { batch: B, h0, c0, lengths });
  const lossOf = (inputs: Params): number => {
    const { output, hn, cn } = run(inputs);
    return dot(output, rOutput) + dot(hn, rHn) + dot(cn, rCn);
  };
  const { params: dParams, ...dInputs } = run(inputs).backward(rOutput, rHn, rCn);
  return { inputs, lossOf, grads: { ...dParams, ...dInputs } as Params };
}

describe.each(recurrentCases)("recurrent $title, backward against central differences", (recurrentCase) => {
  const { inputs, lossOf, grads } = recurrentProblem(recurrentCase);

  test.each(Object.keys(inputs))("%s", (name) => {
    const numeric = centralDifference((moved) => lossOf({ ...inputs, [name]: moved }), inputs[name]!);
    expect(Math.max(...numeric.map(Math.abs))).toBeGreaterThan(1e-3);
    expectClose(grads[name]!, numeric, NUMERIC);
  });
});

describe("recurrent with lengths", () => {
  const config: RecurrentConfig = { cell: "lstm", inputSize: I, hiddenSize: 3, numLayers: 2, bidirectional: true };
  const random = randomNumbers(7);
  const params = randomParams(config, true, random);
  const x = random(B * T * I);
  const lengths = [4, 2];

  test("a sequence in a batch is what it is alone, and its output after its end is zero", () => {
    const batch = recurrent(config, params, x, { batch: B, lengths });
    const alone = recurrent(config, params, x.subarray(T * I, (T + 2) * I));
    const second = batch.output.subarray(T * 6);
    expect(second.subarray(0, 2 * 6)).toEqual(alone.output);
    expect(second.subarray(2 * 6)).toEqual(new Float64Array(2 * 6));
    const ofSecond = (hn: Float64Array) => hn.filter((_, k) => Math.floor(k / 3) % B === 1);
    expect(ofSecond(batch.hn)).toEqual(alone.hn);
    expect(ofSecond(batch.cn)).toEqual(alone.cn);
  });

  test("what stands in the padding is never read, forwards or backwards", () => {
    const withNaN = (data: Float64Array, width: number) => data.slice().fill(NaN, (T + 2) * width);
    const dOutput = random(B * T * 6);
    const clean = recurrent(config, params, x, { batch: B, lengths });
    const dirty = recurrent(config, params, withNaN(x, I), { batch: B, lengths });
    expect(dirty.output).toEqual(clean.output);
    expect(dirty.backward(withNaN(dOutput, 6))).toEqual(clean.backward(dOutput));
  });
});

test("a missing parameter is an error that names it", () => {
  const config: RecurrentConfig = { cell: "gru", inputSize: I, hiddenSize: 1 };
  expect(() => recurrent(config, {}, randomNumbers(8)(I))).toThrow('no parameter "weight_ih_l0"');
});

describe("loss, backward against central differences", () => {
  const random = randomNumbers(9);
  const [N, C] = [4, 3];
  const [x, real] = [random(N * C), random(N * C)];
  const [weight, posWeight] = [random(C).map(Math.exp), random(C).map(Math.exp)];
  const probabilities = softmax(real, C);
  const indices = Float64Array.of(2, 0, 1, 2);
  const smoothed = { weight, classes: C, labelSmoothing: 0.1 };

  const kinds: [string, LossConfig, Float64Array][] = [
    ["mse", { loss: "mse" }, real],
    ["bce_with_logits", { loss: "bce_with_logits" }, probabilities],
    ["bce_with_logits weighted", { loss: "bce_with_logits", weight, posWeight }, probabilities],
    ["cross_entropy", { loss: "cross_entropy", classes: C }, indices],
    ["cross_entropy weighted and smoothed", { loss: "cross_entropy", ...smoothed }, indices],
    ["cross_entropy with an ignored index", { loss: "cross_entropy", ...smoothed, ignoreIndex: 0 }, indices],
    ["cross_entropy of distributions", { loss: "cross_entropy", classes: C, softTarget: true }, probabilities],
    ["the same, weighted and smoothed", { loss: "cross_entropy", ...smoothed, softTarget: true }, probabilities],
  ];
  const table = kinds.flatMap(([title, config, target]) =>
    (["none", "mean", "sum"] as const).map((reduction) => ({ title, reduction, config, target })),
  );

  test.each(table)("$title, $reduction", ({ reduction, config, target }) => {
    const whole = { ...config, reduction };
    const dLoss = random(loss(whole, x, target).loss.length);
    const numeric = centralDifference((moved) => dot(loss(whole, moved, target).loss, dLoss), x);
    expectClose(loss(whole, x, target).backward(dLoss), numeric, NUMERIC);
  });

  test("distributions that are one-hot give what their indices give", () => {
    const oneHot = Float64Array.of(0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1);
    const config: LossConfig = { loss: "cross_entropy", ...smoothed, reduction: "sum" };
    expectClose(loss({ ...config, softTarget: true }, x, oneHot).loss, loss(config, x, indices).loss, 1e-15);
  });
});

test("erf at 0.5, 1, 2, 3 and −4 is within 4e-16 of the tables", () => {
  const known = [0.5204998778130465, 0.8427007929497149, 0.9953222650189527, 0.9999779095030014, -0.9999999845827421];
  expectClose(Float64Array.from([0.5, 1, 2, 3, -4], erf), Float64Array.from(known), 2e-16);
});

// ------------------------------------------------------------------- optimisers where PyTorch's vectors say nothing

/** p after each of two steps with gradient 1, learning rate 0.1, from p = 1, worked out by hand. */
const byHand: [string, OptimizerName, OptimizerOptions, [number, number]][] = [
  ["nesterov", "sgd", { momentum: 0.9, nesterov: true }, [1 - 0.19, 1 - 0.19 - 0.271]],
  ["weight decay", "sgd", { weightDecay: 0.5 }, [0.85, 0.85 - 0.1 * 1.425]],
  ["dampening without momentum", "sgd", { dampening: 0.5 }, [0.9, 0.8]],
  ["momentum", "rmsprop", { momentum: 0.9, alpha: 0.75, eps: 0 }, [0.8, 0.8 - 0.18 - 0.1 / Math.sqrt(0.4375)]],
  [
    "centered",
    "rmsprop",
    { centered: true, alpha: 0.75, eps: 0 },
    [1 - 0.1 / Math.sqrt(0.1875), 1 - 0.1 / Math.sqrt(0.1875) - 0.1 / Math.sqrt(0.24609375)],
  ],
  ["weight decay", "rmsprop", { weightDecay: 1, alpha: 0.75, eps: 0 }, [0.8, 0.8 - 0.18 / Math.sqrt(1.56)]],
];

test("adamax, two steps by hand: m = 0.25, 0.4375 of 1 − β₁ᵗ = 0.25, 0.4375, then u = 2 of a gradient 2, m = 0.6875", () => {
  const step = moreOptimizers.adamax({ betas: [0.75, 0.5], eps: 0 });
  const p = Float64Array.of(1);
  step(p, Float64Array.of(1), 0.1);
  expectClose(p, Float64Array.of(0.9), 1e-15);
  step(p, Float64Array.of(2), 0.1);
  expectClose(p, Float64Array.of(0.9 - (0.1 * 0.6875) / 0.4375 / 2), 1e-15);
});

test.each(byHand)("%s of %s, two steps by hand", (_, name, options, expected) => {
  const step = optimizers[name](options);
  const p = Float64Array.of(1);
  for (const after of expected) {
    step(p, Float64Array.of(1), 0.1);
    expectClose(p, Float64Array.of(after), 1e-15);
  }
});

test("clipByNorm takes all gradients together and leaves small ones alone", () => {
  const [a, b] = [Float64Array.of(3, 0), Float64Array.of(-4)];
  expect(clipByNorm([a, b], 10)).toBe(5);
  expect([...a, ...b]).toEqual([3, 0, -4]);
  expect(clipByNorm([a, b], 1)).toBe(5);
  expectClose(Float64Array.of(...a, ...b), Float64Array.of(0.6, 0, -0.8), 2e-7); // 1 / (5 + 1e-6)
});

test("clipByValue clips each element", () => {
  const g = Float64Array.of(-3, -0.5, 0.5, 3);
  clipByValue([g], 1);
  expect([...g]).toEqual([-1, -0.5, 0.5, 1]);
});

// ------------------------------------------------------------------------------------ (2) against PyTorch in float64

const GOLDEN = 1e-12;
const golden = loadGolden(fileURLToPath(new URL("golden", import.meta.url)));

/** Pairs of id and case, for test.each. */
function named<Kind extends GoldenKind>(
  kind: Kind,
  wanted: (goldenCase: GoldenOf<Kind>) => boolean = () => true,
): [string, GoldenOf<Kind>][] {
  return casesOf(golden, kind)
    .filter(wanted)
    .map((goldenCase) => [goldenCase.id, goldenCase]);
}

function tensor(id: string, role: string): GoldenTensor {
  const found = golden.tensor(id, role);
  if (!found) throw new Error(`no golden tensor "${id}/${role}"`);
  return found;
}

const data = (id: string, role: string): Float64Array => tensor(id, role).data;
const dataIfAny = (id: string, role: string): Float64Array | undefined => golden.tensor(id, role)?.data;

/** The parameters by name, with an optional prefix taken off. */
function paramsOf(id: string, roles: readonly string[], prefix = ""): Params {
  const names = roles.filter((role) => role.startsWith(prefix)).map((role) => role.slice(prefix.length));
  const parameters = names.filter((name) => /^(weight|bias)_(ih|hh)/.test(name));
  return Object.fromEntries(parameters.map((name) => [name, data(id, prefix + name)]));
}

function withPrefix(prefix: string, tensors: Params): Params {
  return Object.fromEntries(Object.entries(tensors).map(([name, values]) => [prefix + name, values]));
}

function expectGolden(id: string, actual: Params, tolerance = GOLDEN): void {
  for (const [role, values] of Object.entries(actual)) expectClose(values, data(id, role), tolerance);
}

describe("golden recurrent", () => {
  const cases = named("recurrent", ({ config }) => config.proj_size === undefined);

  test.each(cases)("%s", (id, { config, tensors }) => {
    const batchFirst = (role: string): Float64Array =>
      (config.batch_first || config.unbatched ? tensor(id, role) : swapFirstAxes(tensor(id, role))).data;
    const params = paramsOf(id, tensors);
    const { input_size: inputSize, hidden_size: hiddenSize, num_layers: numLayers, cell, bidirectional } = config;
    const { output, hn, cn, backward } = recurrent(
      { cell, inputSize, hiddenSize, numLayers, bidirectional },
      params,
      batchFirst("input"),
      { batch: config.batch, h0: dataIfAny(id, "h0"), c0: dataIfAny(id, "c0"), lengths: config.lengths },
    );
    const grads = backward(batchFirst("R_output"), data(id, "R_hn"), dataIfAny(id, "R_cn"));

    expectClose(output, batchFirst("output"), GOLDEN);
    expectClose(grads.input, batchFirst("grad.input"), GOLDEN);
    const optional = { cn, "grad.h0": grads.h0, "grad.c0": grads.c0 };
    const given = Object.entries(optional).filter(([role]) => tensors.includes(role));
    expectGolden(id, { hn, ...Object.fromEntries(given), ...withPrefix("grad.", grads.params) });
    const total = dot(output, batchFirst("R_output")) + dot(hn, data(id, "R_hn"));
    expectGolden(id, { loss: Float64Array.of(total + (cn.length > 0 ? dot(cn, data(id, "R_cn")) : 0)) });
  });
});

/** One step a row of the batch, the gradients of the parameters added up over the rows. */
describe("golden cell", () => {
  test.each(named("cell"))("%s", (id, { config, tensors }) => {
    const { step, stepBackward } = cells[config.cell];
    const params = paramsOf(id, tensors);
    const dParams = Object.fromEntries(Object.entries(params).map(([name, p]) => [name, new Float64Array(p.length)]));
    const [p, dP] = [cellParams(params, ""), cellParams(dParams, "")];
    const row = (role: string, b: number): Float64Array => {
      const whole = dataIfAny(id, role) ?? new Float64Array(0);
      return whole.subarray((b * whole.length) / config.batch, ((b + 1) * whole.length) / config.batch);
    };
    for (let b = 0; b < config.batch; b++) {
      const [x, prev] = [row("input", b), { h: row("h0", b), c: row("c0", b) }];
      const next = step(p, x, prev);
      expectClose(next.h, row("hn", b), GOLDEN);
      expectClose(next.c, row("cn", b), GOLDEN);
      const d = stepBackward(p, x, prev, { h: row("R_hn", b), c: row("R_cn", b) }, dP);
      expectClose(d.x, row("grad.input", b), GOLDEN);
      expectClose(d.h, row("grad.h0", b), GOLDEN);
      expectClose(d.c, row("grad.c0", b), GOLDEN);
    }
    expectGolden(id, withPrefix("grad.", dParams));
  });
});

describe("golden variant", () => {
  const cases = named("variant", ({ config }) => config.cell === "gru_reset_before");

  test.each(cases)("%s", (id, { config, tensors }) => {
    const batchFirst = (role: string): Float64Array => swapFirstAxes(tensor(id, role)).data;
    const suffix = "_l0";
    const params = Object.entries(paramsOf(id, tensors)).map(([name, values]) => [name + suffix, values]);
    const { output, hn, backward } = recurrent(
      { cell: "gru_reset_before", inputSize: config.input_size, hiddenSize: config.hidden_size },
      Object.fromEntries(params) as Params,
      batchFirst("input"),
      { batch: config.batch, h0: data(id, "h0") },
    );
    const grads = backward(batchFirst("R_output"), data(id, "R_hn"));
    expectClose(output, batchFirst("output"), GOLDEN);
    expectClose(grads.input, batchFirst("grad.input"), GOLDEN);
    const dParams = Object.entries(grads.params).map(([name, dP]) => [name.replace(suffix, ""), dP]);
    expectGolden(id, { hn, "grad.h0": grads.h0, ...withPrefix("grad.", Object.fromEntries(dParams) as Params) });
  });
});

/** (N, C, …) to rows of C, for the axis of C: the form of every function over classes in the reference. */
function lastAxis({ data, shape }: GoldenTensor, axis: number): Float64Array {
  const C = shape.at(axis) ?? 1;
  const inner = shape.slice(axis === -1 ? shape.length : axis + 1).reduce((product, size) => product * size, 1);
  return data.map((_, k) => {
    const [row, c] = [Math.floor(k / C), k % C];
    return data[(Math.floor(row / inner) * C + c) * inner + (row % inner)]!;
  });
}

describe("golden loss", () => {
  const known = ["mse", "bce_with_logits", "cross_entropy"];
  const cases = named("loss", ({ config }) => known.includes(config.loss));

  test.each(cases)("%s", (id, { config }) => {
    const classAxis = config.loss === "cross_entropy" ? 1 : -1;
    const lossConfig: LossConfig = {
      loss: config.loss as LossConfig["loss"],
      reduction: config.reduction,
      weight: dataIfAny(id, "weight"),
      posWeight: dataIfAny(id, "pos_weight"),
      classes: tensor(id, "input").shape.at(classAxis)!,
      softTarget: config.soft_target,
      labelSmoothing: config.label_smoothing,
      ignoreIndex: config.ignore_index,
    };
    const { loss: value, backward } = loss(lossConfig, lastAxis(tensor(id, "input"), classAxis), data(id, "target"));
    expectGolden(id, { loss: value });
    const dX = backward(dataIfAny(id, "R_loss"));
    expectClose(dX, lastAxis(tensor(id, "grad.input"), classAxis), GOLDEN);
  });
});

describe("golden op", () => {
  test.each(named("op", ({ id }) => id.startsWith("act-")))("%s", (id, { config }) => {
    const [name, inBrackets] = config.op.replace(")", "").split("(") as [ActivationName, string?];
    const parameter = inBrackets === undefined ? undefined : Number(inBrackets);
    expectGolden(id, {
      output: activation(name, data(id, "input"), parameter),
      "grad.input": activationBackward(name, data(id, "input"), data(id, "R_output"), parameter),
    });
  });

  test.each(named("op", ({ config: { op } }) => op === "softmax" || op === "log_softmax"))("%s", (id, { config }) => {
    const [forward, backward] = config.op === "softmax" ? [softmax, softmaxBackward] : [logSoftmax, logSoftmaxBackward];
    const { dim = -1 } = config;
    const C = tensor(id, "input").shape.at(dim)!;
    const [x, dY] = [lastAxis(tensor(id, "input"), dim), lastAxis(tensor(id, "R_output"), dim)];
    expectClose(forward(x, C), lastAxis(tensor(id, "output"), dim), GOLDEN);
    expectClose(backward(x, dY, C), lastAxis(tensor(id, "grad.input"), dim), GOLDEN);
  });

  test.each(named("op", ({ config: { op } }) => op === "linear"))("%s", (id) => {
    const [x, weight, I] = [data(id, "input"), data(id, "weight"), tensor(id, "weight").shape[1]!];
    expectGolden(id, {
      output: linear(x, I, weight, data(id, "bias")),
      ...withPrefix("grad.", linearBackward(x, I, weight, data(id, "R_output"))),
    });
  });

  test.each(named("op", ({ config: { op } }) => op === "embedding"))("%s", (id, { config }) => {
    const [indices, weight, D] = [data(id, "indices"), data(id, "weight"), tensor(id, "weight").shape[1]!];
    expectGolden(id, {
      output: embedding(indices, weight, D),
      "grad.weight": embeddingBackward(indices, weight, data(id, "R_output"), D, config.padding_idx ?? undefined),
    });
  });
});

/** Recurrent layer, then a dense layer on its last step, then the mean cross-entropy. */
function classifier(config: GoldenOf<"training">["config"], params: Params, x: Float64Array, target: Float64Array) {
  const { input_size: inputSize, hidden_size: H, seq_len: T, batch, classes, model } = config;
  const { "fc.weight": weight, "fc.bias": bias, ...rnn } = params;
  const cell = model === "rnn" ? "rnn_tanh" : model;
  const hidden = recurrent({ cell, inputSize, hiddenSize: H }, rnn, x, { batch });
  const result = loss({ loss: "cross_entropy", classes }, linear(hidden.hn, H, weight!, bias), target);

  const fc = linearBackward(hidden.hn, H, weight!, result.backward());
  const dOutput = new Float64Array(batch * T * H);
  for (let b = 0; b < batch; b++) dOutput.set(fc.input.subarray(b * H, (b + 1) * H), (b * T + T - 1) * H);
  const grads: Params = { ...hidden.backward(dOutput).params, "fc.weight": fc.weight, "fc.bias": fc.bias };
  return { loss: result.loss[0]!, grads };
}

describe("golden training", () => {
  const nameOf = (optimizer: string): string => optimizer.replace(/-.*/, "");
  const all: Readonly<Record<string, (options: OptimizerOptions) => Optimizer>> = { ...optimizers, ...moreOptimizers };
  const cases = named("training", ({ config }) => nameOf(config.optimizer) in all);

  test.each(cases)("%s", (id, { config, lrs }) => {
    const names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "fc.weight", "fc.bias"];
    const roleOf = (name: string): string => (name.startsWith("fc.") ? name : `rnn.${name}`);
    const params: Params = Object.fromEntries(names.map((name) => [name, data(config.init, roleOf(name))]));
    const { lr: _, ...given } = config.options;
    const camelCase = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    const options = Object.fromEntries(Object.entries(given).map(([name, value]) => [camelCase(name), value]));
    const steps = names.map(() => all[nameOf(config.optimizer)]!({ ...options, asTorch1: true } as OptimizerOptions));

    const { data: X } = tensor("data", "X");
    const { data: Y } = tensor("data", "Y");
    const [losses, norms] = [new Float64Array(config.steps), new Float64Array(config.steps)];
    for (let s = 0; s < config.steps; s++) {
      const batch = (all: Float64Array): Float64Array =>
        all.subarray((s * all.length) / config.steps, ((s + 1) * all.length) / config.steps);
      const { loss, grads } = classifier(config, params, batch(X), batch(Y));
      losses[s] = loss;
      norms[s] = clipByNorm(Object.values(grads), config.clip_norm ?? Infinity);
      if (config.clip_value !== null) clipByValue(Object.values(grads), config.clip_value);
      names.forEach((name, k) => steps[k]!(params[name]!, grads[name]!, lrs[s]!));
    }
    const final = Object.fromEntries(names.map((name) => [`final.${roleOf(name)}`, params[name]!]));
    // PyTorch's products of NAdam are float32.
    expectGolden(id, { losses, grad_norms: norms, ...final }, config.optimizer === "nadam" ? 1e-9 : GOLDEN);
  });
});
