import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { dense, elman, layerNorm, Network } from "../bindings/index.ts";
import { expectClose, expectGradients, randomNumbers, toTensor } from "./agreement.ts";
import { loadGolden } from "./golden.ts";
import { centralDifference } from "./reference.ts";
import * as reference from "./reference/layerNorm.ts";
import { expectThrown, numbers, type Kind } from "./support.ts";

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, k) => sum + v * b[k]!, 0);

describe("the reference", () => {
  const random = randomNumbers(3);
  const [F, epsilon] = [5, 0.1];
  const [x, dY, weight, bias] = [random(4 * F), random(4 * F), random(F), random(F)];
  const loss = (input: Float64Array, w?: Float64Array, b?: Float64Array): number =>
    dot(reference.layerNorm(input, F, epsilon, w, b), dY);

  test("backward is that of central differences, to 1e-8", () => {
    const grads = reference.layerNormBackward(x, F, epsilon, dY, weight);
    const numeric = (f: (v: Float64Array) => number, at: Float64Array) => centralDifference(f, at);
    expectClose(
      "input",
      grads.input,
      numeric((v) => loss(v, weight, bias), x),
      1e-8,
    );
    expectClose(
      "weight",
      grads.weight,
      numeric((v) => loss(x, v, bias), weight),
      1e-8,
    );
    expectClose(
      "bias",
      grads.bias,
      numeric((v) => loss(x, weight, v), bias),
      1e-8,
    );
    expectClose(
      "input without affine",
      reference.layerNormBackward(x, F, epsilon, dY).input,
      numeric((v) => loss(v), x),
      1e-8,
    );
  });

  test("is PyTorch's, to 1e-12", () => {
    const golden = loadGolden(fileURLToPath(new URL("golden", import.meta.url)));
    const of = (role: string) => golden.tensor("layernorm-2x3x5", role)!.data;
    expectClose("output", reference.layerNorm(of("input"), 5, 1e-5, of("weight"), of("bias")), of("output"), 1e-12);
    const grads = reference.layerNormBackward(of("input"), 5, 1e-5, of("R_output"), of("weight"));
    expectClose("input", grads.input, of("grad.input"), 1e-12);
    expectClose("weight", grads.weight, of("grad.weight"), 1e-12);
    expectClose("bias", grads.bias, of("grad.bias"), 1e-12);
  });
});

describe.each([1, 2, 3, 4, 5, 16, 17, 67])("%i features, to 1e-5", (F) => {
  test.each([
    { B: 1, T: 1, lengths: undefined, affine: true },
    { B: 3, T: 4, lengths: [2, 4, 1], affine: true },
    { B: 2, T: 5, lengths: undefined, affine: false },
    { B: 20, T: 13, lengths: undefined, affine: true },
  ])("batch $B, $T steps, lengths $lengths, affine $affine", ({ B, T, lengths, affine }) => {
    const random = randomNumbers(F + T);
    const epsilon = 0.01;
    const layers = [layerNorm({ epsilon, affine, name: "" })];
    const net = new Network({ input: { features: F }, layers });
    const weight = affine ? random(F) : undefined;
    const bias = affine ? random(F) : undefined;
    if (weight && bias) [weight, bias].forEach((values, k) => net.parameters[k]!.set(values));
    const x = random(B * T * F).map((v) => Math.fround(v * 3 + 2));
    const exists = (k: number) => Math.floor(k / F) % T < (lengths?.[Math.floor(k / (F * T))] ?? T);
    const dY = random(B * T * F).map((v, k) => (exists(k) ? v : 0));
    const y = reference.layerNorm(x, F, epsilon, weight, bias).map((v, k) => (exists(k) ? v : 0));
    const grads = reference.layerNormBackward(x, F, epsilon, dY, weight);
    const options = lengths ? { lengths } : {};
    const input = toTensor(x, [B, T, F]);
    expectClose("output, not for training", net.forward(input, options).output.data, y);
    expectClose("output", net.forward(input, { ...options, training: true }).output.data, y);
    const { gradInput } = net.backward(toTensor(dY, [B, T, F]));
    expectClose("gradient of the input", gradInput!.data, grads.input);
    if (affine) expectGradients(net, { weight: grads.weight, bias: grads.bias });
    net.forward(input, { ...options, training: true });
    net.backward(toTensor(dY, [B, T, F]));
    if (affine)
      expectClose(
        "the sum of two",
        net.parameter("bias").gradient,
        grads.bias.map((g) => 2 * g),
      );
  });
});

test("a large mean with little spread: to 1e-4 of the spread", () => {
  const F = 9;
  const x = randomNumbers(4)(20 * F).map((v) => Math.fround(1000 + v));
  const net = new Network({ input: { features: F }, layers: [layerNorm()] });
  expectClose("output", net.predict(toTensor(x, [20, F])).data, reference.layerNorm(x, F, 1e-5), 1e-4);
});

test("starts with ones and zeros, and what is in the padding stays out of the layers around it", () => {
  const layers = [dense(3, { activation: "sigmoid" }), layerNorm(), elman(5), layerNorm(), dense(2)];
  const net = new Network({ input: { features: 3 }, layers });
  expect([...net.parameter("layerNorm.weight").value]).toEqual([1, 1, 1]);
  expect([...net.parameter("layerNorm_1.bias").value]).toEqual([0, 0, 0, 0, 0]);
  net.forward(numbers([2, 3, 3]), { training: true });
  net.backward(numbers([2, 3, 2]));
  expect(net.parameters.every(({ gradient }) => gradient.every(Number.isFinite))).toBe(true);
});

test.each<[string, () => unknown, Kind, RegExp]>([
  ["epsilon 0", () => layerNorm({ epsilon: 0 }), RangeError, /"epsilon" expected a finite number above 0, got 0/],
  ["epsilon as a text", () => layerNorm({ epsilon: "1" as never }), TypeError, /"epsilon" expected a number/],
  ["affine 1", () => layerNorm({ affine: 1 as never }), TypeError, /"affine" expected true or false, got 1/],
  ["a misspelt option", () => layerNorm({ eps: 1 } as never), TypeError, /layerNorm: unknown option "eps"/],
  [
    "tokens",
    () => new Network({ input: { tokens: 3 }, layers: [layerNorm()] }),
    TypeError,
    /"layerNorm" needs vectors of features, and tokens come in: put embedding\(\) before it/,
  ],
])("%s", (_, call, kind, text) => {
  expectThrown(call, kind, text);
});
