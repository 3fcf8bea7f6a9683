import { describe, expect, test } from "vitest";
import {
  adam,
  dense,
  dropout,
  elman,
  embedding,
  gru,
  last,
  lstm,
  meanSquaredError,
  Network,
  type Input,
  type LayerDescription,
} from "../bindings/index.ts";
import { bitsOf, gradientsOf, indices, numbers, parametersOf, stateOf } from "./support.ts";

type Make = (seed: number) => Network;

const stack =
  (...layers: LayerDescription[]): Make =>
  (seed) =>
    new Network({ input: { features: 3 }, layers, seed });

const words: Make = (seed) =>
  new Network({ input: { tokens: 7 }, layers: [embedding(5), dropout(0.3), lstm(6), dense(7)], seed });

const cases: readonly [title: string, make: Make, input: Input][] = [
  ["dense", stack(dense(5, { activation: "tanh" }), dense(2)), numbers([4, 3])],
  ["elman", stack(elman(5), dense(2)), numbers([2, 6, 3])],
  ["lstm, two layers", stack(lstm(5, { layers: 2 }), dense(3)), numbers([2, 6, 3])],
  ["gru, both directions", stack(gru(7, { bidirectional: true }), last(), dense(2)), numbers([2, 6, 3])],
  ["an embedding", words, indices([2, 6], 7)],
];

describe("parameterVector", () => {
  test.each(cases)("%s: all values in the order of the parameters, as a copy", (_, make) => {
    const net = make(1);
    const before = stateOf(net);
    const vector = net.parameterVector;
    expect(vector).toEqual(parametersOf(net));
    vector.fill(0);
    expect(stateOf(net)).toBe(before);
  });

  test.each(cases)("%s: with another's weights a network gives the other's outputs, bit for bit", (_, make, input) => {
    const [net, other] = [make(1), make(2)];
    const own = net.parameterVector;
    const before = bitsOf(net.forward(input).output.data);
    net.parameterVector = other.parameterVector;
    expect(parametersOf(net)).toEqual(parametersOf(other));
    const swapped = bitsOf(net.forward(input).output.data);
    expect(swapped).toBe(bitsOf(other.forward(input).output.data));
    expect(swapped).not.toBe(before);
    net.parameterVector = own;
    expect(bitsOf(net.forward(input).output.data)).toBe(before);
  });

  test("the gradients after a swap are the other's", () => {
    const make = stack(lstm(5, { layers: 2 }), dense(3));
    const [net, other] = [make(1), make(2)];
    for (const one of [net, other]) {
      one.forward(numbers([2, 6, 3]), { training: true });
      one.backward(numbers([2, 6, 3], 2)); // packs what backward reads
      one.zeroGrad();
    }
    net.parameterVector = other.parameterVector;
    expect(() => net.backward(numbers([2, 6, 3], 2))).toThrow("there is no forward pass to go back through");
    for (const one of [net, other]) {
      one.forward(numbers([2, 6, 3]), { training: true });
      one.backward(numbers([2, 6, 3], 2));
    }
    expect(bitsOf(gradientsOf(net))).toBe(bitsOf(gradientsOf(other)));
  });

  test("the optimizer goes on from where it was", () => {
    const make = stack(gru(4), dense(3));
    const train = (net: Network) => {
      net.zeroGrad();
      net.forward(numbers([2, 6, 3]), { training: true });
      net.loss(meanSquaredError(), numbers([2, 6, 3], 2));
      net.backward();
      net.step(adam());
    };
    const [net, undisturbed] = [make(1), make(1)];
    for (const one of [net, undisturbed]) train(one);
    const vector = net.parameterVector;
    net.parameterVector = new Float32Array(vector.length);
    net.predict(numbers([2, 6, 3]));
    net.parameterVector = vector;
    for (const one of [net, undisturbed]) train(one);
    expect(stateOf(net)).toBe(stateOf(undisturbed));
  });

  test("a network without parameters has an empty one", () => {
    const net = new Network({ input: { features: 3 }, layers: [dropout(0.5)] });
    expect(net.parameterVector).toEqual(new Float32Array(0));
    net.parameterVector = new Float32Array(0);
  });
});

test("1,000 models of one shape served by one network: outputs and streams as of 1,000 networks", () => {
  const make = stack(lstm(8), dense(2));
  const input = numbers([1, 5, 3]);
  const step = Float32Array.of(0.1, -0.2, 0.3);
  const serve = (net: Network) => bitsOf(net.predict(input).data) + bitsOf(net.stream().step(step));
  const models = Array.from({ length: 1000 }, (_, seed) => {
    const net = make(seed);
    return { vector: net.parameterVector, alone: serve(net) };
  });
  const server = make(1000);
  const served = models.map(({ vector }) => {
    server.parameterVector = vector;
    return serve(server);
  });
  expect(served).toEqual(models.map(({ alone }) => alone));
  expect(new Set(served).size).toBe(1000);
});
