/** gaussianMixture() against reference/gaussianMixture.ts and PyTorch; MixtureSampler against the density it draws from. */

import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  adam,
  dense,
  gaussianMixture,
  lstm,
  MixtureSampler,
  type Mixture,
  Network,
  tensor,
} from "../bindings/index.ts";
import { expectClose, randomNumbers, toTensor } from "./agreement.ts";
import { casesOf, loadGolden } from "./golden.ts";
import {
  expectProblem,
  lossOf,
  present,
  type Problem,
  reductions,
  type Shape,
  sizeOf,
  titledShapes,
} from "./losses.ts";
import { centralDifference } from "./reference.ts";
import { gaussianMixture as reference, type MixtureShape, outputsOf } from "./reference/gaussianMixture.ts";
import { expectThrown, lehmer, numbers, stateOf } from "./support.ts";

const mixtures: MixtureShape[] = [
  { K: 1, D: 1, P: 0 },
  { K: 3, D: 1, P: 2 },
  { K: 5, D: 1, P: 0 },
  { K: 1, D: 2, P: 3 },
  { K: 3, D: 2, P: 3 },
  { K: 17, D: 2, P: 0 },
];
const optionsOf = ({ K, D, P }: MixtureShape) => ({ components: K, dimensions: D, penStates: P });

/** Targets (N, D), or (N, D + 1) with the state of the pen. */
function targetsOf(N: number, { D, P }: MixtureShape, seed: number): Float64Array {
  const next = lehmer(seed);
  const width = P > 0 ? D + 1 : D;
  return Float64Array.from({ length: N * width }, (_, i) =>
    Math.fround(i % width === D ? Math.floor(P * next()) : 4 * next() - 2),
  );
}

describe("the reference", () => {
  test.each(mixtures)("$K components, $D dimensions, $P states: against central differences", (mixture) => {
    const x = randomNumbers(mixture.K)(4 * outputsOf(mixture));
    const y = targetsOf(4, mixture, 3);
    const dTerms = randomNumbers(2)(4);
    const lossAt = (v: Float64Array) => reference(v, y, mixture).terms.reduce((sum, t, n) => sum + t * dTerms[n]!, 0);
    const { backward } = reference(x, y, mixture);
    expectClose("gradient", backward(dTerms), centralDifference(lossAt, x), 1e-8);
  });

  const golden = loadGolden(fileURLToPath(new URL("golden", import.meta.url)));
  const cases = casesOf(golden, "op").filter(({ config }) => config.op === "mdn_nll");
  test.each(cases.map(({ id, config }) => [id, config.mixtures as number] as const))(
    "PyTorch's %s, in float64",
    (id, K) => {
      const data = (role: string) => golden.tensor(id, role)!.data;
      const y = Float64Array.from(data("pen"), (_, n) => n).reduce<number[]>((all, n) => {
        return [...all, ...data("target").subarray(2 * n, 2 * n + 2), data("pen")[n]!];
      }, []);
      const { terms, backward } = reference(data("input"), Float64Array.from(y), { K, D: 2, P: 3 });
      expectClose("loss", terms, data("output"), 1e-12);
      expectClose("gradient", backward(data("R_output")), data("grad.input"), 1e-12);
    },
  );
});

function problem(outputs: Shape, mixture: MixtureShape, reduction: "mean" | "sum"): Problem {
  const shape = { ...outputs, F: outputsOf(mixture) };
  const { B, T } = shape;
  const width = mixture.P > 0 ? mixture.D + 1 : mixture.D;
  const x = randomNumbers(sizeOf(shape))(sizeOf(shape), 1.5);
  const y = targetsOf(B * (T ?? 1), mixture, B);
  return {
    shape,
    loss: gaussianMixture({ ...optionsOf(mixture), reduction }),
    x,
    targets: toTensor(y, T === undefined ? [B, width] : [B, T, width]),
    expected: reference(present(x, shape, shape.F), present(y, shape, width), mixture),
  };
}

describe.each(mixtures)("$K components, $D dimensions, $P states of the pen", (mixture) => {
  describe.each(titledShapes)("outputs %s", (_, shape) => {
    test.each(reductions)("reduction %s", (reduction) => expectProblem(problem(shape, mixture, reduction)));

    test.each(reductions)("reduction %s, a weight for each row", (reduction) => {
      const { B, T = 1 } = shape;
      const weights = randomNumbers(B)(B * T).map((w, k) => (k % 3 === 1 ? 0 : Math.fround(Math.abs(w))));
      expectProblem(problem(shape, mixture, reduction), weights);
    });
  });
});

describe("at the ends", () => {
  const mixture: MixtureShape = { K: 2, D: 2, P: 0 };
  const shape = { B: 1, F: 12 };
  const loss = gaussianMixture({ ...optionsOf(mixture), reduction: "sum" });
  const near = [0, 0, 0.5, 20, -0.5, 20, -1, 0, -1, 0, 0, 0];
  const at = (changes: Record<number, number>) => Float64Array.from(near, (v, i) => changes[i] ?? v);

  test("a correlation of ±0.9999999 and more: finite, and as the formula", () => {
    for (const a of [8, -8]) {
      const x = at({ 10: a });
      const target = Float64Array.of(0.5 + 0.3, -0.5 + 0.3 * Math.sign(a)).map(Math.fround);
      const right = reference(x, target, mixture);
      const { value, gradient } = lossOf(loss, shape, x, toTensor(target, [1, 2]));
      expectClose("loss", [value], right.terms);
      expectClose("gradient", gradient, right.backward(Float64Array.of(1)));
    }
    for (const a of [30, -30]) {
      const { value, gradient } = lossOf(loss, shape, at({ 10: a }), toTensor(Float64Array.of(0.5, -0.5), [1, 2]));
      expect(value).toBeCloseTo(Math.log(2) + Math.log(2 * Math.PI) - 2 - (30 - Math.log(2)), 4);
      expect([...gradient].every(Number.isFinite)).toBe(true);
    }
  });

  test("a target 1e4 deviations away: no infinity, and the slopes of the nearest component", () => {
    const { value, gradient } = lossOf(loss, shape, at({}), toTensor(Float64Array.of(5000, 0), [1, 2]));
    const right = (5000 - 20) ** 2 / 2; // the second component is the wider one
    expect(Math.abs(value / right - 1)).toBeLessThan(1e-4);
    expect([...gradient].every(Number.isFinite)).toBe(true);
    expect(gradient[3]).toBeCloseTo(-(5000 - 20), 0);
    expect(gradient[2]).toBe(0);
  });

  test("deviations of e^±60: a component without a share has no slope", () => {
    const { value, gradient } = lossOf(loss, shape, at({ 6: -60, 7: 60 }), toTensor(Float64Array.of(9, 9), [1, 2]));
    expect(Number.isFinite(value)).toBe(true);
    expect([...gradient].every(Number.isFinite)).toBe(true);
  });
});

test("learns a density that depends on the input, pen and all", async () => {
  const next = lehmer(9);
  const inputs = numbers([64, 12, 1]);
  const rows = Array.from(inputs.data, (x) => [x + 0.05 * next(), (next() < 0.5 ? -1 : 1) * x, x > 0 ? 1 : 0]);
  const data = { inputs, targets: tensor(Float32Array.from(rows.flat()), [64, 12, 3]) };
  const mixture = { components: 3, dimensions: 2, penStates: 2 } as const;
  const net = new Network({ input: { features: 1 }, layers: [lstm(16), dense(20)], seed: 3 });
  const loss = gaussianMixture(mixture);
  const before = net.evaluate(data, { loss }).loss;
  await net.fit(data, { loss, optimizer: adam({ learningRate: 0.02 }), epochs: 30, batchSize: 16, clipNorm: 1 });
  const after = net.evaluate(data, { loss }).loss;
  expect(after).toBeLessThan(before - 3);
  expect(net.evaluate(data, { loss, truncate: 5 }).loss).toBeCloseTo(after, 5);
});

test("states of the pen that the caller changes in between are those of the beginning", () => {
  const make = () => new Network({ input: { features: 1 }, layers: [dense(8)], seed: 1 });
  const loss = gaussianMixture({ components: 1, penStates: 2 });
  const data = () => ({ inputs: numbers([4, 3, 1]), targets: tensor(new Float32Array(36), [4, 3, 3]) });
  const run = { loss, optimizer: adam(), batchSize: 1 };
  const [net, other, changed] = [make(), make(), data()];
  for (const _ of other.train(data(), run));
  for (const _ of net.train(changed, run)) changed.targets.data.fill(1e9);
  expect(stateOf(net)).toBe(stateOf(other));
});

// ------------------------------------------------------------------------------------------------------------ sampling

describe("MixtureSampler", () => {
  const mixture: Mixture = { components: 2, dimensions: 2, penStates: 3 };
  // Pen 0.2, 0.3, 0.5; components 0.75 and 0.25.
  const [sx, sy, rho] = [0.5, 2, -0.6];
  const output = Float32Array.from([
    ...[Math.log(2), Math.log(3), Math.log(5)],
    ...[Math.log(3), 0],
    ...[1, 10],
    ...[-2, 20],
    ...[Math.log(sx), Math.log(sx)],
    ...[Math.log(sy), Math.log(sy)],
    ...[Math.atanh(rho), Math.atanh(rho)],
  ]);
  const draw = (n: number, options: { temperature?: number; seed?: number } = {}) => {
    const sampler = new MixtureSampler({ ...mixture, ...options });
    return Array.from({ length: n }, () => sampler.draw(output));
  };
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

  test.each([1, 0.25])(
    "draws from the density, temperature %d: shares, means, deviations, correlation",
    (temperature) => {
      const points = draw(20000, { temperature, seed: 1 });
      const sharpened = (shares: number[]) => {
        const raised = shares.map((share) => share ** (1 / temperature));
        return raised.map((v) => v / raised.reduce((a, b) => a + b, 0));
      };
      for (const [state, share] of sharpened([0.2, 0.3, 0.5]).entries()) {
        expect(Math.abs(mean(points.map((p) => Number(p[2] === state))) - share)).toBeLessThan(0.015);
      }
      const first = points.filter(([x]) => x! < 5.5);
      expect(Math.abs(first.length / points.length - sharpened([0.75, 0.25])[0]!)).toBeLessThan(0.015);
      const [mx, my] = [mean(first.map(([x]) => x!)), mean(first.map(([, y]) => y!))];
      const moment = (a: 0 | 1, b: 0 | 1) => mean(first.map((p) => (p[a]! - [mx, my][a]!) * (p[b]! - [mx, my][b]!)));
      expect(Math.abs(mx - 1)).toBeLessThan(0.03);
      expect(Math.abs(my + 2)).toBeLessThan(0.1);
      expect(moment(0, 0) / (sx * sx * temperature)).toBeCloseTo(1, 1);
      expect(moment(1, 1) / (sy * sy * temperature)).toBeCloseTo(1, 1);
      expect(Math.abs(moment(0, 1) / Math.sqrt(moment(0, 0) * moment(1, 1)) - rho)).toBeLessThan(0.03);
    },
  );

  test("the pen tells nothing of the place, nor one draw of the next", () => {
    const points = draw(20000, { seed: 2 }).filter(([x]) => x! < 5.5);
    for (const state of [0, 1, 2]) {
      expect(Math.abs(mean(points.filter((p) => p[2] === state).map(([x]) => x!)) - 1)).toBeLessThan(0.05);
    }
    const follow = mean(points.slice(1).map((p, k) => (p[0]! - 1) * (points[k]![0]! - 1))) / (sx * sx);
    expect(Math.abs(follow)).toBeLessThan(0.03);
  });

  test("temperature 0 is the likeliest mean and state", () => {
    expect(draw(3, { temperature: 0 })).toEqual(new Array(3).fill(Float32Array.of(1, -2, 2)));
  });

  test("the same seed gives the same points, another gives others", () => {
    expect(draw(5, { seed: 7 })).toEqual(draw(5, { seed: 7 }));
    expect(draw(5, { seed: 7 })).not.toEqual(draw(5, { seed: 8 }));
  });

  test("one dimension, without a pen", () => {
    const sampler = new MixtureSampler({ components: 1, dimensions: 1, seed: 4 });
    const points = Array.from({ length: 5000 }, () => sampler.draw(Float32Array.of(0, 3, Math.log(0.5))));
    expect(points.every(({ length }) => length === 1)).toBe(true);
    const values = points.map(([x]) => x!);
    expect(mean(values)).toBeCloseTo(3, 1);
    expect(mean(values.map((x) => (x - 3) ** 2))).toBeCloseTo(0.25, 1);
  });

  test("outputs of another length, or that are no numbers, are refused", () => {
    const sampler = new MixtureSampler(mixture);
    expect(() => sampler.draw(new Float32Array(3))).toThrow(/"output" expected 15 numbers, got Float32Array\(3\)/);
    expect(() => sampler.draw([1] as never)).toThrow(TypeError);
    expect(() => sampler.draw(output.map((v, i) => (i === 4 ? NaN : v)))).toThrow(/"output\[4\]" expected a finite/);
  });
});

describe("refuses", () => {
  const net = new Network({ input: { features: 1 }, layers: [dense(15)] });
  const mixture = { components: 2, penStates: 3 };
  const loss = (targets: unknown, options: Parameters<typeof gaussianMixture>[0] = mixture) => {
    net.forward(numbers([2, 4, 1]), { training: true });
    net.loss(gaussianMixture(options), targets as never);
  };
  const pens = (pen: number) =>
    tensor(
      new Float32Array(24).map((_, i) => (i === 23 ? pen : 0)),
      [2, 4, 3],
    );

  test("nothing that is right", () => {
    loss(pens(2));
  });

  test.each<[string, () => unknown, typeof TypeError | typeof RangeError, RegExp]>([
    [
      "another number of outputs",
      () => loss(pens(0), { components: 2 }),
      RangeError,
      /expected a network with 12 outputs, got 15/,
    ],
    [
      "targets without the pen",
      () => loss(numbers([2, 4, 2])),
      RangeError,
      /"targets" expected shape \[batch, time, 3\]/,
    ],
    [
      "a state that is none",
      () => loss(pens(3)),
      RangeError,
      /"targets" expected integers from 0 to 2 as the state of the pen, got 3/,
    ],
    ["half a state", () => loss(pens(0.5)), RangeError, /state of the pen, got 0\.5/],
    [
      "components 0",
      () => gaussianMixture({ components: 0 }),
      RangeError,
      /"components" expected an integer of at least 1/,
    ],
    ["no options", () => gaussianMixture(undefined as never), TypeError, /"gaussianMixture" expected an object/],
    ["no components", () => gaussianMixture({} as never), TypeError, /"components" expected a number/],
    [
      "dimensions 3",
      () => gaussianMixture({ components: 1, dimensions: 3 as never }),
      RangeError,
      /"dimensions" expected an integer from 1 to 2/,
    ],
    ["penStates −1", () => gaussianMixture({ components: 1, penStates: -1 }), RangeError, /"penStates"/],
    ["a misspelt option", () => gaussianMixture({ components: 1, pen: 3 } as never), TypeError, /unknown option "pen"/],
    ["temperature −1", () => new MixtureSampler({ components: 1, temperature: -1 }), RangeError, /"temperature"/],
    ["seed 0.5", () => new MixtureSampler({ components: 1, seed: 0.5 }), RangeError, /"seed"/],
    [
      "a misspelt option of the sampler",
      () => new MixtureSampler({ components: 1, topK: 1 } as never),
      TypeError,
      /"topK"/,
    ],
  ])("%s", (_, call, kind, text) => {
    expectThrown(call, kind, text);
  });
});
