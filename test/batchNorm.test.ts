import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  adamw,
  batchNorm,
  dense,
  gradientCheck,
  gru,
  last,
  meanSquaredError,
  Network,
  sgd,
} from "../bindings/index.ts";
import { readSafetensors, writeSafetensors, type RawTensor } from "../bindings/io/safetensors.ts";
import { expectClose, expectGradients, randomNumbers, toTensor } from "./agreement.ts";
import { loadGolden } from "./golden.ts";
import { centralDifference } from "./reference.ts";
import * as reference from "./reference/batchNorm.ts";
import { bitsOf, expectThrown, numbers, parametersOf, type Kind } from "./support.ts";

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, k) => sum + v * b[k]!, 0);
const buffersOf = (net: Network): string => bitsOf(Float32Array.from(net.buffers.flatMap(({ value }) => [...value])));
const loss = meanSquaredError();

describe("the reference", () => {
  const random = randomNumbers(3);
  const [F, epsilon] = [3, 0.1];
  const [x, dY, weight, bias] = [random(6 * F), random(6 * F), random(F), random(F)];
  const lossOf = (input: Float64Array, w?: Float64Array, b?: Float64Array): number =>
    dot(reference.batchNorm(input, F, epsilon, reference.measure(input, F), w, b), dY);
  const numeric = (f: (v: Float64Array) => number, at: Float64Array) => centralDifference(f, at);

  test("backward is that of central differences, to 1e-8", () => {
    const grads = reference.batchNormBackward(x, F, epsilon, dY, weight);
    const dX = numeric((v) => lossOf(v, weight, bias), x);
    const dW = numeric((v) => lossOf(x, v, bias), weight);
    const dB = numeric((v) => lossOf(x, weight, v), bias);
    expectClose("input", grads.input, dX, 1e-8);
    expectClose("weight", grads.weight, dW, 1e-8);
    expectClose("bias", grads.bias, dB, 1e-8);
    const plain = numeric((v) => lossOf(v), x);
    expectClose("input without affine", reference.batchNormBackward(x, F, epsilon, dY).input, plain, 1e-8);
  });

  test("is PyTorch's, to 1e-12", () => {
    const golden = loadGolden(fileURLToPath(new URL("golden", import.meta.url)));
    const of = (role: string) => golden.tensor("batchnorm1d-train", role)!.data;
    const statistics = reference.measure(of("input"), 4);
    const y = reference.batchNorm(of("input"), 4, 1e-5, statistics, of("weight"), of("bias"));
    expectClose("output", y, of("output"), 1e-12);
    const grads = reference.batchNormBackward(of("input"), 4, 1e-5, of("R_output"), of("weight"));
    expectClose("input", grads.input, of("grad.input"), 1e-12);
    expectClose("weight", grads.weight, of("grad.weight"), 1e-12);
    expectClose("bias", grads.bias, of("grad.bias"), 1e-12);
  });
});

describe.each([1, 2, 3, 4, 5, 16, 17, 35])("%i features, to 1e-5", (F) => {
  test.each([
    { B: 1, T: 2, lengths: undefined, affine: true, momentum: 0.1 },
    { B: 3, T: 4, lengths: [2, 4, 1], affine: true, momentum: 0.3 },
    { B: 2, T: 5, lengths: undefined, affine: false, momentum: 1 },
    { B: 20, T: 13, lengths: undefined, affine: true, momentum: 0 },
  ])("batch $B, $T steps, lengths $lengths, affine $affine", ({ B, T, lengths, affine, momentum }) => {
    const random = randomNumbers(F + T);
    const epsilon = 0.01;
    const layer = batchNorm({ epsilon, affine, momentum, name: "" });
    const net = new Network({ input: { features: F }, layers: [layer] });
    const weight = affine ? random(F) : undefined;
    const bias = affine ? random(F) : undefined;
    if (weight && bias) [weight, bias].forEach((values, k) => net.parameters[k]!.set(values));
    const exists = (k: number) => Math.floor(k / F) % T < (lengths?.[Math.floor(k / (F * T))] ?? T);
    const rowsOf = (data: Float64Array) => data.filter((_, k) => exists(k));
    const spread = (rows: Float64Array) => {
      let at = 0;
      return new Float64Array(B * T * F).map((_, k) => (exists(k) ? rows[at++]! : 0));
    };
    const options = lengths ? { lengths } : {};
    let running: reference.Statistics = { mean: new Float64Array(F), variance: new Float64Array(F).fill(1) };
    const expected = { weight: new Float64Array(F), bias: new Float64Array(F) };
    for (let pass = 1; pass <= 3; pass++) {
      const x = random(B * T * F).map((v) => Math.fround(v * 3 + 2));
      const dY = random(B * T * F).map((v, k) => (exists(k) ? v : 0));
      const input = toTensor(x, [B, T, F]);
      const batch = reference.measure(rowsOf(x), F);
      const evaluated = reference.batchNorm(rowsOf(x), F, epsilon, running, weight, bias);
      expectClose("output, not for training", net.forward(input, options).output.data, spread(evaluated));
      const y = reference.batchNorm(rowsOf(x), F, epsilon, batch, weight, bias);
      expectClose("output", net.forward(input, { ...options, training: true }).output.data, spread(y));
      const { gradInput } = net.backward(toTensor(dY, [B, T, F]));
      const grads = reference.batchNormBackward(rowsOf(x), F, epsilon, rowsOf(dY), weight);
      expectClose("gradient of the input", gradInput!.data, spread(grads.input));
      expected.weight.forEach((_, f) => (expected.weight[f]! += grads.weight[f]!));
      expected.bias.forEach((_, f) => (expected.bias[f]! += grads.bias[f]!));
      if (affine) expectGradients(net, expected);
      running = reference.update(running, batch, rowsOf(x).length / F, momentum);
      const [mean, variance, count] = net.buffers.map(({ value }) => value);
      expectClose("running mean", mean!, running.mean);
      expectClose("running variance", variance!, running.variance);
      expect([...count!]).toEqual([pass]);
    }
  });
});

const layers = [gru(5), batchNorm(), last(), dense(3), batchNorm({ name: "bn" }), dense(2)];
const network = (seed = 1) => new Network({ input: { features: 3 }, layers, seed });
const data = { inputs: numbers([12, 5, 3]), targets: numbers([12, 2], 2) };

test("names, shapes and values at first, as PyTorch's", () => {
  const net = network();
  expect(net.buffers.map(({ name, shape, value }) => [name, shape, [...value]])).toEqual([
    ["batchNorm.running_mean", [5], [0, 0, 0, 0, 0]],
    ["batchNorm.running_var", [5], [1, 1, 1, 1, 1]],
    ["batchNorm.num_batches_tracked", [], [0]],
    ["bn.running_mean", [3], [0, 0, 0]],
    ["bn.running_var", [3], [1, 1, 1]],
    ["bn.num_batches_tracked", [], [0]],
  ]);
  expect([...net.parameter("bn.weight").value, ...net.parameter("bn.bias").value]).toEqual([1, 1, 1, 0, 0, 0]);
  expect(net.parameters.some(({ name }) => name.includes("running"))).toBe(false);
  expect(net.summary()).toMatch(/bn +\[batch, 3\] +6\n/);
  expect(() => (net.buffers[0] as never as { gradient: unknown }).gradient).toThrow(/is a buffer: it has no gradient/);
});

describe("the optimizer", () => {
  test("does not touch the buffers, whatever its weight decay; running statistics are those of the batches", () => {
    const net = new Network({ input: { features: 3 }, layers: [batchNorm({ momentum: 1 }), dense(2)], seed: 1 });
    const { inputs, targets } = { inputs: numbers([6, 3]), targets: numbers([6, 2]) };
    const optimizer = adamw({ learningRate: 0.5, weightDecay: 1 });
    for (const _ of net.train({ inputs, targets }, { loss, optimizer, epochs: 3 }));
    const { mean, variance } = reference.measure(Float64Array.from(inputs.data), 3);
    expectClose("running mean", net.buffers[0]!.value, mean);
    expectClose("running variance", net.buffers[1]!.value, variance.map((v) => (v * 6) / 5)); // prettier-ignore
    expect([...net.buffers[2]!.value]).toEqual([3]);
  });

  test("a step that is not applied leaves them as they were", () => {
    const net = network();
    const broken = { ...data, targets: numbers([12, 2]) };
    broken.targets.data.fill(3e38);
    const before = { buffers: buffersOf(net), parameters: bitsOf(parametersOf(net)) };
    const trainer = net.train(broken, { loss, optimizer: sgd() });
    expect(() => trainer.next()).toThrow(/is not finite at step 1/);
    expect({ buffers: buffersOf(net), parameters: bitsOf(parametersOf(net)) }).toEqual(before);
  });
});

test("prediction, evaluation and the gradient check do not move the buffers; a forward for training does", () => {
  const net = network();
  net.forward(data.inputs, { training: true });
  const before = buffersOf(net);
  net.predict(data.inputs);
  net.forward(data.inputs);
  net.evaluate(data, { loss });
  gradientCheck(net, data, { loss, samples: 3 });
  expect(buffersOf(net)).toBe(before);
  net.forward(data.inputs, { training: true });
  expect(buffersOf(net)).not.toBe(before);
});

test("fit puts the buffers of the best epoch back", async () => {
  const net = network();
  const seen: string[] = [];
  const { bestEpoch, loss: losses } = await net.fit(data, {
    ...{ loss, optimizer: sgd({ learningRate: 1 }), epochs: 8, batchSize: 4, earlyStopping: { patience: 8 } },
    validation: { inputs: numbers([12, 5, 3], 5), targets: numbers([12, 2], 6) },
    onEpoch: () => void seen.push(buffersOf(net)),
  });
  expect(bestEpoch).toBeLessThan(losses.length - 1);
  expect(buffersOf(net)).toBe(seen[bestEpoch]);
});

describe("files", () => {
  test("hold the buffers as PyTorch's do, the count as I64, and give them back", async () => {
    const net = network();
    await net.fit(data, { loss, optimizer: sgd(), batchSize: 5, epochs: 2 });
    const { tensors } = readSafetensors(net.save());
    expect([...tensors.keys()].filter((name) => name.startsWith("bn."))).toEqual([
      ...["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"],
    ]);
    const count = tensors.get("bn.num_batches_tracked")!;
    expect({ ...count, bytes: [...count.bytes] }).toEqual({ dtype: "I64", shape: [], bytes: [6, 0, 0, 0, 0, 0, 0, 0] });
    const copy = Network.load(net.save());
    expect(copy.config).toEqual(net.config);
    expect(buffersOf(copy)).toBe(buffersOf(net));
    expect(copy.predict(data.inputs)).toEqual(net.predict(data.inputs));
    const other = network(7);
    other.loadParameters(net.save());
    expect(bitsOf(other.save())).not.toBe(bitsOf(network(7).save()));
    expect(buffersOf(other)).toBe(buffersOf(net));
  });

  test.each<[string, RawTensor | undefined, RegExp | undefined]>([
    ["of F32", { dtype: "F32", shape: [], bytes: new Uint8Array(Float32Array.of(6).buffer) }, undefined],
    ["of I32", { dtype: "I32", shape: [], bytes: new Uint8Array(4) }, /dtype F32, F64, F16 or BF16, got I32/],
    ["as a vector", { dtype: "I64", shape: [1], bytes: new Uint8Array(8) }, /expected shape \[\], got \[1\]/],
    ["missing", undefined, /the file has no tensor "bn.num_batches_tracked"/],
  ])("a count %s", (_, count, fault) => {
    const net = network();
    const { tensors, metadata } = readSafetensors(net.save());
    const changed = new Map(tensors);
    if (count) changed.set("bn.num_batches_tracked", count);
    else changed.delete("bn.num_batches_tracked");
    const bytes = writeSafetensors(changed, metadata);
    const before = buffersOf(net);
    if (fault) {
      expect(() => net.loadParameters(bytes)).toThrow(fault);
      expect(() => Network.load(bytes)).toThrow(fault);
      expect(buffersOf(net)).toBe(before);
    } else {
      net.loadParameters(bytes);
      expect([...net.buffers.at(-1)!.value]).toEqual([6]);
    }
  });

  test("integers where a running mean should be are refused", () => {
    const { tensors, metadata } = readSafetensors(network().save());
    const wrong: RawTensor = { dtype: "I64", shape: [3], bytes: new Uint8Array(24) };
    const bytes = writeSafetensors(new Map([...tensors, ["bn.running_mean", wrong]]), metadata);
    expect(() => Network.load(bytes)).toThrow(/"bn.running_mean" expected dtype F32, F64, F16 or BF16, got I64/);
  });
});

test("a single vector has no variance to train on; it can be predicted", () => {
  const net = new Network({ input: { features: 3 }, layers: [batchNorm()] });
  const one = numbers([1, 3]);
  const before = buffersOf(net);
  expect(() => net.forward(one, { training: true })).toThrow(/"batchNorm" needs two steps or vectors .* larger batch/);
  expect(buffersOf(net)).toBe(before);
  expectClose("output", net.predict(one).data, one.data);
});

const wrong = (options: object) => () => batchNorm(options);
test.each<[string, () => unknown, Kind, RegExp]>([
  ["epsilon 0", wrong({ epsilon: 0 }), RangeError, /"epsilon" expected a finite number above 0, got 0/],
  ["momentum 2", wrong({ momentum: 2 }), RangeError, /"momentum" expected .* of at least 0 and of at most 1, got 2/],
  ["momentum null", wrong({ momentum: null }), TypeError, /"momentum" expected a number, got null/],
  ["affine 1", wrong({ affine: 1 }), TypeError, /"affine" expected true or false, got 1/],
  ["a misspelt option", wrong({ eps: 1 }), TypeError, /batchNorm: unknown option "eps"/],
])("%s", (_, call, kind, text) => {
  expectThrown(call, kind, text);
});
