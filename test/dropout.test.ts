/** One mask for a sequence, and whole words. What dropout has in common is in random.test.ts. */

import { describe, expect, test } from "vitest";
import { dense, dropout, embedding, gru, Network, tensor, type Tensor } from "../bindings/index.ts";
import { expectThrown, indices, numbers, type Kind } from "./support.ts";

/** (B, T, F) of ones, so that the output is the mask. */
function ones(B: number, T: number, F: number): Tensor {
  return tensor(new Float32Array(B * T * F).fill(1), [B, T, F]);
}

describe.each([
  { F: 1, lengths: undefined },
  { F: 5, lengths: undefined },
  { F: 17, lengths: [3, 6, 1, 6] },
  { F: 8, lengths: [2, 1, 1, 5] },
])("one mask for a sequence, $F features, lengths $lengths", ({ F, lengths }) => {
  const [B, T, rate] = [4, 6, 0.5];
  const net = new Network({ input: { features: F }, layers: [dropout(rate, { mask: "sequence" })], seed: 3 });
  const options = { training: true, ...(lengths && { lengths }) };
  const maskOf = (output: Tensor, b: number, t: number) => output.data.slice((b * T + t) * F, (b * T + t + 1) * F);

  test("is the same at all its steps, 0 or 1/(1 − rate), and another one for each sequence and pass", () => {
    const seen = new Set<string>();
    for (let pass = 0; pass < 40; pass++) {
      const { output } = net.forward(ones(B, T, F), options);
      for (let b = 0; b < B; b++) {
        const first = maskOf(output, b, 0);
        expect(first.every((v) => v === 0 || v === 2)).toBe(true);
        seen.add(first.join());
        for (let t = 1; t < (lengths?.[b] ?? T); t++) expect(maskOf(output, b, t)).toEqual(first);
      }
    }
    expect(seen.size).toBeGreaterThan(F === 1 ? 1 : F === 5 ? 25 : 100);
  });

  test("the gradient goes through the same mask; without training nothing is dropped", () => {
    const x = numbers([B, T, F]);
    const { output } = net.forward(x, options);
    const exists = (k: number) => Math.floor(k / F) % T < (lengths?.[Math.floor(k / (T * F))] ?? T);
    const gradient = numbers([B, T, F], 2);
    gradient.data.forEach((_, k) => (gradient.data[k]! *= exists(k) ? 1 : 0));
    const { gradInput } = net.backward(gradient);
    gradInput!.data.forEach((d, k) => expect(Math.abs(d - (output.data[k] === 0 ? 0 : 2 * gradient.data[k]!))).toBe(0));
    expect(output.data.some((v, k) => v === 0 && exists(k))).toBe(true);
    const plain = net.forward(x, lengths ? { lengths } : {}).output.data;
    expect(plain).toEqual(x.data.map((v, k) => (exists(k) ? v : 0)));
  });
});

test("the rate's share is dropped, at any rate", () => {
  for (const rate of [0.1, 0.5, 0.9]) {
    const net = new Network({ input: { features: 100 }, layers: [dropout(rate, { mask: "sequence" })] });
    const { output } = net.forward(ones(100, 2, 100), { training: true });
    const share = output.data.filter((v) => v === 0).length / output.data.length;
    expect(Math.abs(share - rate)).toBeLessThan(0.02); // four deviations
  }
});

test("step by step it differs from step to step", () => {
  const net = new Network({ input: { features: 20 }, layers: [dropout(0.5, { mask: "step" })] });
  const { data } = net.forward(ones(1, 2, 20), { training: true }).output;
  expect(data.slice(0, 20)).not.toEqual(data.slice(20));
});

describe("dropout of whole words", () => {
  const [V, E, rate] = [50, 5, 0.4];
  const net = new Network({ input: { tokens: V }, layers: [embedding(E, { dropout: rate })], seed: 2 });
  const words = indices([20, 30], V);
  const table = net.parameter("embedding.weight").value.slice();
  const vectorOf = (data: Float32Array, k: number) => [...data.subarray(k * E, (k + 1) * E)];

  test("drops a word wherever it stands in the batch, scales the others, and draws anew for each batch", () => {
    const dropped: string[] = [];
    let [count, all] = [0, 0];
    for (let pass = 0; pass < 30; pass++) {
      const { output } = net.forward(words, { training: true });
      const zero = new Set<number>();
      words.data.forEach((word, k) => vectorOf(output.data, k).every((v) => v === 0) && zero.add(word));
      const factor = Math.fround(1 / Math.fround(1 - rate));
      words.data.forEach((word, k) => {
        const expected = vectorOf(table, word).map((v) => (zero.has(word) ? 0 : Math.fround(v * factor)));
        vectorOf(output.data, k).forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 5));
      });
      dropped.push([...zero].sort().join());
      count += zero.size;
      all += new Set(words.data).size;
    }
    expect(new Set(dropped).size).toBe(30);
    expect(Math.abs(count / all - rate)).toBeLessThan(0.06); // five deviations
  });

  test("what is dropped learns nothing, the others their scaled gradient; prediction drops nothing", () => {
    const { output } = net.forward(words, { training: true });
    const ofOnes = tensor(new Float32Array(20 * 30 * E).fill(1), [20, 30, E]);
    net.zeroGrad();
    net.backward(ofOnes);
    const { gradient } = net.parameter("embedding.weight");
    words.data.forEach((word, k) => {
      const isDropped = vectorOf(output.data, k).every((v) => v === 0);
      const times = words.data.filter((other) => other === word).length;
      const expected = isDropped ? 0 : times / (1 - rate);
      vectorOf(gradient, word).forEach((g) => expect(g).toBeCloseTo(expected, 3));
    });
    const plain = net.predict(words).data;
    words.data.forEach((word, k) => expect(vectorOf(plain, k)).toEqual(vectorOf(table, word)));
  });
});

test("the options are in the description and survive the file", () => {
  const layers = [embedding(4, { dropout: 0.1 }), gru(3), dropout(0.2, { mask: "sequence" }), dense(2)];
  const net = new Network({ input: { tokens: 5 }, layers });
  const { config } = Network.load(net.save());
  expect(config.layers).toEqual(layers);
  expect(layers[0]).toEqual({ type: "embedding", units: 4, dropout: 0.1 });
  expect(layers[2]).toEqual({ type: "dropout", rate: 0.2, mask: "sequence" });
});

test.each<[string, () => unknown, Kind, RegExp]>([
  ["mask true", () => dropout(0.5, { mask: true as never }), TypeError, /"mask" expected one of "step", "sequence"/],
  [
    "mask batch",
    () => dropout(0.5, { mask: "batch" as never }),
    RangeError,
    /"mask" expected one of "step", "sequence"/,
  ],
  ["embedding dropout 1", () => embedding(4, { dropout: 1 }), RangeError, /"dropout" expected .* below 1, got 1/],
  ["embedding dropout true", () => embedding(4, { dropout: true as never }), TypeError, /"dropout" expected a number/],
])("%s", (_, call, kind, text) => {
  expectThrown(call, kind, text);
});
