/** What the textbooks say of gradients through time, measured by gradientFlow; docs/gradients.md shows it. */

import { describe, expect, test } from "vitest";
import { NumericError } from "../bindings/index.ts";
import { largestSingularValue } from "./reference/jacobians.ts";
import { byEquation, flowOf, fromTheEnd, H, networkOf, T, train } from "./textbook.ts";

/** The smallest normal float32: below it a norm has lost its digits. */
const SMALLEST = 2 ** -126;

/** The factor of each step back. */
const factors = (norms: ArrayLike<number>): number[] =>
  Array.from(norms, (norm, back) => norm / norms[back - 1]!).slice(1);

describe("Elman, sigmoid: the gradient vanishes geometrically", () => {
  const net = networkOf("sigmoid");
  const flow = flowOf(net);
  const measured = fromTheEnd(flow);
  const expected = byEquation(net, "sigmoid");
  const weight = Float64Array.from(net.parameter("elman.weight_hh_l0").value);
  const held = measured.findIndex((norm) => norm < SMALLEST);

  test("its norm is that of the product of the derivatives, to 1e-4, down to the end of float32", () => {
    expect(held).toBeGreaterThan(35);
    const ratios = expected.slice(0, held).map((norm, back) => measured[back]! / norm);
    expect(Math.min(...ratios)).toBeGreaterThan(1 - 1e-4);
    expect(Math.max(...ratios)).toBeLessThan(1 + 1e-4);
    expect(measured[T - 1]).toBe(0);
    expect(expected[T - 1]).toBeLessThan(1e-80);
  });

  test("the rate is that of the product, to 2 %", () => {
    const rate = (expected[T - 1]! / expected[0]!) ** (1 / (T - 1));
    expect(Math.abs(flow.rate / rate - 1)).toBeLessThan(0.02);
  });

  test("each step takes away about as much as the one before", () => {
    for (const factor of factors(measured.slice(0, held))) {
      expect(factor / flow.rate).toBeGreaterThan(0.6);
      expect(factor / flow.rate).toBeLessThan(1.6);
    }
  });

  test("no step keeps more than the largest singular value times 1/4, the largest slope", () => {
    const bound = largestSingularValue(weight, H) / 4;
    expect(bound).toBeLessThan(1);
    expect(Math.max(...factors(measured.slice(0, held)))).toBeLessThan(bound * (1 + 1e-5));
  });

  test("the rate is near a quarter of the spectral radius, to 10 %: the units are where sigmoid is steepest", () => {
    expect(Math.abs(flow.rate / (flow.radii.h! / 4) - 1)).toBeLessThan(0.1);
  });

  test("the verdict says so, and what to do", () => {
    expect(flow.verdict).toBe("vanishing");
    expect(flow.advice).toMatch(/a thousandth after 4 steps back.*slope of sigmoid is at most 1\/4: use lstm\(\)/);
  });
});

describe("large weights: the gradient explodes", () => {
  test.each(["reluLarge", "tanhLarge"] as const)(
    "%s: at the rate of the product, to 2 %, and the verdict says so",
    (name) => {
      const net = networkOf(name);
      const flow = flowOf(net);
      const [measured, expected] = [fromTheEnd(flow), byEquation(net, name)];
      const rate = (expected[T - 1]! / expected[0]!) ** (1 / (T - 1));
      expect(Math.abs(flow.rate / rate - 1)).toBeLessThan(0.02);
      expect(flow.rate).toBeGreaterThan(1.08);
      expect(flow.rate).toBeLessThan(flow.radii.h!);
      expect(measured[T - 1]! / measured[0]!).toBeGreaterThan(1e3);
      expect(flow.verdict).toBe("exploding");
      expect(flow.advice).toMatch(/a thousandfold after \d+ steps back: train with clipNorm: 1/);
    },
  );

  test("of relu, whose states are not chaotic, the norm of each step is that of the product, to 1e-3", () => {
    const net = networkOf("reluLarge");
    const measured = fromTheEnd(flowOf(net));
    byEquation(net, "reluLarge").forEach((norm, back) => {
      expect(Math.abs(measured[back]! / norm - 1), `${back} steps back`).toBeLessThan(1e-3);
    });
  });

  test("with 1.1 on the diagonal, of relu, by nearly the spectral radius a step", () => {
    const { rate, radii } = flowOf(networkOf("reluLarge"));
    expect(radii.h).toBeCloseTo(1.1, 5);
    expect(rate / 1.1).toBeGreaterThan(0.98);
    expect(rate / 1.1).toBeLessThan(1);
  });

  test("training breaks at once; clipNorm holds it, and it learns", () => {
    const without = train(networkOf("reluLarge"), 300);
    expect(without.error).toBeInstanceOf(NumericError);
    expect(without.losses.length).toBeLessThan(10);
    const { losses, error } = train(networkOf("reluLarge"), 300, 1);
    expect(error).toBeUndefined();
    expect(losses).toHaveLength(300);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)).toBeLessThan(0.01);
  });
});

describe("what carries the gradient over 100 steps", () => {
  const rateOf = (name: Parameters<typeof networkOf>[0]) => flowOf(networkOf(name)).rate;

  test("relu that begins with the identity: a rate near 1, where the usual start has half", () => {
    const flow = flowOf(networkOf("reluIdentity"));
    expect(flow.rate).toBeGreaterThan(0.97);
    expect(flow.rate).toBeLessThanOrEqual(1);
    expect(flow.verdict).toBe("healthy");
    expect(rateOf("relu")).toBeLessThan(0.6);
    expect(rateOf("tanh")).toBeLessThan(0.6);
  });

  test("an LSTM by its forget gate: σ(0) = 0.5, σ(1) = 0.73, σ(5) = 0.99 at least, of which the last is healthy", () => {
    const [none, one, five] = [rateOf("lstm"), rateOf("lstmForget1"), rateOf("lstmForget5")];
    expect(none).toBeGreaterThan(0.5);
    expect(one).toBeGreaterThan(0.73);
    expect(five).toBeGreaterThan(0.99);
    expect(one).toBeGreaterThan(none + 0.1);
    expect(five).toBeGreaterThan(one + 0.1);
    expect(none).toBeGreaterThan(3 * rateOf("sigmoid"));
    expect(flowOf(networkOf("lstmForget5")).verdict).toBe("healthy");
  });

  test("what is left of 100 steps: 1e-80 of an Elman network with sigmoid, 1e-10 with forget bias 1, all with 5", () => {
    const left = (name: "lstmForget1" | "lstmForget5") => {
      const norms = fromTheEnd(flowOf(networkOf(name)));
      return norms[T - 1]! / norms[0]!;
    };
    expect(byEquation(networkOf("sigmoid"), "sigmoid")[T - 1]).toBeLessThan(1e-80);
    expect(left("lstmForget1")).toBeGreaterThan(1e-10);
    expect(left("lstmForget5")).toBeGreaterThan(0.1);
  });
});
