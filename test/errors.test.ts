import { describe, expect, test } from "vitest";
import {
  activation,
  adagrad,
  adadelta,
  adam,
  adamax,
  adamw,
  binaryCrossEntropy,
  constant,
  crossEntropy,
  dense,
  dropout,
  elman,
  embedding,
  gru,
  gradientCheck,
  languageModelData,
  last,
  lstm,
  meanSquaredError,
  nadam,
  Network,
  normal,
  identity,
  orthogonal,
  repeat,
  radam,
  rmsprop,
  Sampler,
  sgd,
  tensor,
  uniform,
  type Input,
  type LayerDescription,
  type TrainingData,
} from "../bindings/index.ts";
import { errorOf, expectError, indices, numbers, stateOf, type Kind } from "./support.ts";

/** Title, the call, its error and what the error says. */
type Refusal = readonly [title: string, call: (net: Network) => unknown, kind: Kind, text: RegExp];

const sequences = { make: () => network([lstm(3), dense(2)]), good: numbers([2, 4, 2]) as Input };
const tokens = {
  make: () => new Network({ input: { tokens: 5 }, layers: [embedding(3), gru(3), dropout(0.5), dense(5)] }),
  good: indices([2, 4], 5) as Input,
};
const vectors = { make: () => network([dense(3), dense(2)]), good: numbers([4, 2]) as Input };
const single = { make: () => network([elman(3), last(), dense(2)]), good: numbers([2, 4, 2]) as Input };
const decoder = { make: () => network([elman(3), last(), repeat(3), dense(4)]), good: numbers([2, 3, 2]) as Input };

function network(layers: readonly LayerDescription[]): Network {
  return new Network({ input: { features: 2 }, layers });
}

/** Each call fails as it should, and the network is as before: the same bits, and a good call gives what it gave. */
function refuses({ make, good }: { make: () => Network; good: Input }, refusals: readonly Refusal[]): void {
  test.each(refusals)("%s", async (_, call, kind, text) => {
    const net = make();
    const before = { state: stateOf(net), output: net.predict(good) };
    expectError(await errorOf(() => call(net)), kind, text);
    expect(stateOf(net)).toBe(before.state);
    expect(net.predict(good)).toEqual(before.output);
  });
}

/** Without a network: descriptions and helpers. */
function refusesCall(refusals: readonly (readonly [string, () => unknown, Kind, RegExp])[]): void {
  test.each(refusals)("%s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
}

const f32 = (...values: number[]) => Float32Array.from(values);
const i32 = (...values: number[]) => Int32Array.from(values);
const forward = (input: unknown, options?: object) => (net: Network) => net.forward(input as never, options);
const predict = (input: unknown, options?: object) => (net: Network) => net.predict(input as never, options);
/** An array with a hole in the middle, as `[a, , b]` writes it. */
function holed(...values: unknown[]): unknown[] {
  const array = new Array<unknown>(values.length + 1);
  array[0] = values[0];
  values.slice(1).forEach((value, i) => (array[i + 2] = value));
  return array;
}

describe("sequences of features", () => {
  const shape = /"input" expected shape \[batch, time, 2\]/;
  refuses(sequences, [
    ["rank 2", forward(numbers([4, 2])), RangeError, /"input" expected shape \[batch, time, 2\], got \[4, 2\]/],
    ["rank 4", forward(numbers([1, 2, 2, 2])), RangeError, shape],
    ["rank 0", forward(tensor(f32(1), [])), RangeError, shape],
    ["other features", forward(numbers([5, 3, 10])), RangeError, /\[batch, time, 2\], got \[5, 3, 10\]/],
    ["no sequence", forward(tensor(f32(), [0, 3, 2])), RangeError, /got \[0, 3, 2\]/],
    ["no step", forward(tensor(f32(), [3, 0, 2])), RangeError, /got \[3, 0, 2\]/],
    ["an empty list", forward([]), RangeError, shape],
    ["an empty sequence", forward([[]]), RangeError, /"input\[0\]" expected shape \[time, 2\], got \[\]/],
    ["an empty vector", forward([[[]]]), RangeError, /"input\[0\]\[0\]" expected 2 numbers, got \[\]/],
    ["a list of empty tensors", forward([tensor(f32(), [0, 2])]), RangeError, /"input\[0\]" .* got \[0, 2\]/],
    ["a list of empty arrays", forward([f32()]), RangeError, /"input\[0\]" .* got Float32Array\(0\)/],
    ["half a step", forward([f32(1, 2, 3)]), RangeError, /"input\[0\]" .* got Float32Array\(3\)/],
    ["vectors without time", forward([[1, 2]]), RangeError, /got an array \[1, …\] without time/],
    ["a longer vector", forward([[[1, 2, 3]]]), RangeError, /"input\[0\]\[0\]" expected 2 numbers, got \[1, 2, 3\]/],
    ["a tensor of vectors in a list", forward([numbers([2])]), RangeError, /"input\[0\]" .* got \[2\]/],
    ["nothing", forward(undefined), TypeError, /\[batch, time, 2\], got undefined/],
    ["null", forward(null), TypeError, /got null/],
    ["a text", forward("1,2"), TypeError, /got "1,2"/],
    ["a number", forward(1), TypeError, /got 1/],
    ["true", forward(true), TypeError, /got true/],
    ["an object", forward({}), TypeError, /got an object/],
    ["a function", forward(() => 1), TypeError, /got a function/],
    ["flat floats", forward(f32(1, 2)), TypeError, /flat Float32Array\(2\): give it a shape by tensor\(data, shape\)/],
    ["flat doubles", forward(Float64Array.of(1, 2)), TypeError, /flat Float64Array\(2\): make it a Float32Array and/],
    [
      "flat integers",
      forward(i32(1, 2)),
      TypeError,
      /flat Int32Array\(2\): make it a Float32Array and give it a shape/,
    ],
    [
      "a tensor of integers",
      forward(indices([1, 1, 2], 5)),
      TypeError,
      /a tensor of Float32Array, shape .* Int32Array/,
    ],
    [
      "a list with integers",
      forward([i32(1, 2)]),
      TypeError,
      /"input\[0\]" expected shape \[time, 2\], got Int32Array/,
    ],
    ["a list with tensors of integers", forward([indices([1, 2], 5)]), TypeError, /"input\[0\]" .* Float32Array/],
    ["null for a sequence", forward([null]), TypeError, /"input\[0\]" expected shape \[time, 2\], got null/],
    ["a text for a sequence", forward(["ab"]), TypeError, /"input\[0\]" .* got "ab"/],
    ["a text for a number", forward([[[1, "2"]]]), TypeError, /"input\[0\]\[0\]\[1\]" expected a number, got "2"/],
    ["true for a number", forward([[[1, true]]]), TypeError, /\[1\]" expected a number, got true/],
    ["null for a number", forward([[[1, null]]]), TypeError, /\[1\]" expected a number, got null/],
    ["a bigint for a number", forward([[[1, 2n]]]), TypeError, /\[1\]" expected a number, got 2n/],
    ["a hole for a number", forward([[holed(1)]]), TypeError, /\[1\]" expected a number, got undefined/],
    [
      "a hole for a step",
      forward([holed([1, 2], [3, 4])]),
      TypeError,
      /"input\[0\]\[1\]" expected 2 numbers, got undef/,
    ],
    ["a hole for a sequence", forward(holed([[1, 2]], [[3, 4]])), TypeError, /"input\[1\]" .* got undefined/],
    ["a number among steps", forward([[[1, 2], 3]]), TypeError, /"input\[0\]\[1\]" expected 2 numbers, got 3/],
    ["vectors among sequences", forward([[[1, 2]], [1, 2]]), TypeError, /"input\[1\]\[0\]" expected 2 numbers, got 1/],
    ["NaN", forward([[[1, 2]], [[3, NaN]]]), RangeError, /"input" expected finite numbers, got NaN at \[1, 0, 1\]/],
    ["∞", forward([f32(0, 0, Infinity, 0)]), RangeError, /got Infinity at \[0, 1, 0\]/],
    ["a number beyond float32", forward([[[1e39, 0]]]), RangeError, /got Infinity at \[0, 0, 0\]/],
    ["a tensor by hand that is too short", forward({ data: f32(1, 2), shape: [1, 2, 2] }), RangeError, /"input.data"/],
    [
      "a tensor by hand of doubles",
      forward({ data: [1, 2], shape: [1, 1, 2] }),
      TypeError,
      /"input.data" .*Float32Array/,
    ],
    ["a tensor by hand without sizes", forward({ data: f32(1, 2), shape: "1" }), TypeError, /"input.shape"/],
    ["a tensor by hand, size −1", forward({ data: f32(1, 2), shape: [-1, -1, 2] }), RangeError, /"input.shape\[0\]"/],
    ["a tensor by hand, size 0.5", forward({ data: f32(1, 2), shape: [0.5, 2, 2] }), RangeError, /"input.shape\[0\]"/],
    ["NaN, to predict", predict([[[NaN, 2]]]), RangeError, /"inputs" expected finite numbers, got NaN at \[0, 0, 0\]/],
    ["a text, to predict", predict("x"), TypeError, /"inputs" expected shape/],
  ]);
});

describe("tokens", () => {
  refuses(tokens, [
    ["too large", forward([[1, 5]]), RangeError, /"input" expected integers from 0 to 4, got 5 at \[0, 1\]/],
    ["negative", forward([[1], [-1]]), RangeError, /got -1 at \[1, 0\]/],
    ["half", forward([[1, 0.5]]), RangeError, /"input\[0\]\[1\]" expected an integer .* got 0\.5/],
    ["NaN", forward([[NaN]]), RangeError, /"input\[0\]\[0\]" expected an integer .* got NaN/],
    ["beyond 32 bits, where it would wrap to 0", forward([[2 ** 32]]), RangeError, /got 4294967296/],
    ["a text", forward("abc"), TypeError, /"input" expected integers of shape \[batch, time\], got "abc"/],
    ["texts", forward(["ab", "c"]), TypeError, /"input\[0\]" expected an array of integers, got "ab"/],
    ["a text for a token", forward([["1"]]), TypeError, /"input\[0\]\[0\]" expected a number, got "1"/],
    ["floats", forward(f32(1, 2)), TypeError, /integers of shape \[batch, time\], got Float32Array\(2\)/],
    [
      "a tensor of floats",
      forward(numbers([1, 2])),
      TypeError,
      /a tensor of Int32Array, shape \[batch, time\], got Float/,
    ],
    ["vectors", forward([[[1, 2]]]), TypeError, /"input\[0\]\[0\]" expected a number, got \[1, 2\]/],
    ["a list and a token", forward([[1], 2]), TypeError, /"input\[1\]" expected an array of integers, got 2/],
    ["a token and a list", forward([1, [2]]), TypeError, /"input\[1\]" expected a number, got \[2\]/],
    ["a hole", forward(holed([1], [2])), TypeError, /"input\[1\]" expected an array of integers, got undefined/],
    ["a hole in a sequence", forward([holed(1, 2)]), TypeError, /"input\[0\]\[1\]" expected a number, got undefined/],
    ["an empty list", forward([]), RangeError, /"input" expected integers of shape \[batch, time\], got \[\]/],
    ["an empty array", forward(i32()), RangeError, /"input" expected .* got Int32Array\(0\)/],
    ["an empty sequence", forward([[1], []]), RangeError, /"input\[1\]" expected at least one integer/],
    ["rank 1", forward(indices([3], 5)), RangeError, /expected shape \[batch, time\], got \[3\]/],
    ["rank 3", forward(indices([3, 1, 1], 5)), RangeError, /expected shape \[batch, time\], got \[3, 1, 1\]/],
    ["null", forward(null), TypeError, /got null/],
  ]);
});

describe("vectors, and layers that take either", () => {
  refuses(vectors, [
    ["rank 1", forward(numbers([2])), RangeError, /shape \[batch, time, 2\] or shape \[batch, 2\], got \[2\]/],
    ["other features", forward(numbers([4, 3])), RangeError, /got \[4, 3\]/],
    ["a flat array", forward([1, 2]), TypeError, /"input\[0\]" expected shape \[time, 2\], got 1/],
    ["a vector too long", forward([[1, 2, 3]]), RangeError, /"input\[0\]" expected 2 numbers, got \[1, 2, 3\]/],
    ["sequences among vectors", forward([[1, 2], [[1, 2]]]), RangeError, /"input\[1\]" expected 2 numbers/],
    [
      "lengths beside vectors",
      forward(numbers([2, 2]), { lengths: [1, 1] }),
      RangeError,
      /none, because "input" has no/,
    ],
    ["a single state", forward(numbers([2, 2]), { state: f32(1) }), RangeError, /"state" expected 0 numbers/],
  ]);
  const onlyVectors = { make: () => network([repeat(2), elman(3)]), good: [[1, 2]] };
  refuses(onlyVectors, [
    ["a sequence", forward([[[1, 2]]]), RangeError, /"input" expected shape \[batch, 2\], got sequences with time/],
    ["a tensor with time", forward(numbers([1, 1, 2])), RangeError, /\[batch, 2\], got \[1, 1, 2\]/],
    ["null for a vector", forward([null]), TypeError, /"input\[0\]" expected 2 numbers, got null/],
    ["a list of tensors", forward([numbers([1, 2])]), RangeError, /got sequences with time/],
    ["a long array", forward([f32(1, 2, 3, 4)]), RangeError, /"input\[0\]" expected 2 numbers, got Float32Array\(4\)/],
  ]);
});

describe("lengths and states", () => {
  const input = numbers([2, 4, 2]);
  refuses(sequences, [
    [
      "length 0",
      forward(input, { lengths: [4, 0] }),
      RangeError,
      /"lengths\[1\]" expected an integer from 1 to 4, got 0/,
    ],
    ["a length beyond the padding", forward(input, { lengths: [5, 4] }), RangeError, /"lengths\[0\]" .* to 4, got 5/],
    ["half a length", forward(input, { lengths: [4, 1.5] }), RangeError, /"lengths\[1\]" .* got 1\.5/],
    ["a text for a length", forward(input, { lengths: [4, "4"] }), TypeError, /"lengths\[1\]" expected a number/],
    ["a hole for a length", forward(input, { lengths: holed(4) }), TypeError, /"lengths\[1\]" expected a number/],
    ["too few lengths", forward(input, { lengths: [4] }), RangeError, /2 integers, one a sequence, got \[4\]/],
    [
      "a number for lengths",
      forward(input, { lengths: 4 }),
      TypeError,
      /"lengths" expected an array of integers, got 4/,
    ],
    ["null for lengths", forward(input, { lengths: null }), TypeError, /"lengths" expected an array/],
    ["a length beyond a listed sequence", forward([[[1, 2]], [f32(1, 2), f32(1, 2)]], {}), TypeError, /input\[1\]/],
    [
      "lengths that contradict",
      forward([f32(1, 2), f32(1, 2, 3, 4)], { lengths: [2, 2] }),
      RangeError,
      /"lengths\[0\]"/,
    ],
    ["a state of another batch", forward(input, { state: f32(1, 2, 3, 4, 5, 6) }), RangeError, /"state" expected 12/],
    [
      "a state as a plain array",
      forward(input, { state: new Array(12).fill(0) }),
      TypeError,
      /"state" .* Float32Array/,
    ],
    [
      "a state with NaN",
      forward(input, { state: f32(...new Array<number>(11).fill(0), NaN) }),
      RangeError,
      /got NaN at \[11\]/,
    ],
    ["a state with ∞", forward(input, { state: f32(-Infinity, ...new Array<number>(11)) }), RangeError, /finite/],
    ["training: 1", forward(input, { training: 1 }), TypeError, /"training" expected true or false, got 1/],
    [
      "an unknown option",
      forward(input, { train: true }),
      TypeError,
      /forward: unknown option "train"; known are state/,
    ],
    ["options null", (net) => net.forward(input, null as never), TypeError, /"forward" expected an object, got null/],
    [
      "batchSize 0",
      predict(input, { batchSize: 0 }),
      RangeError,
      /"batchSize" expected an integer of at least 1, got 0/,
    ],
    ["batchSize 1.5", predict(input, { batchSize: 1.5 }), RangeError, /got 1\.5/],
    ["batchSize null", predict(input, { batchSize: null }), TypeError, /"batchSize" expected a number, got null/],
    ["a misspelt option of predict", predict(input, { batchsize: 1 }), TypeError, /unknown option "batchsize"/],
  ]);

  test("NaN in padding is no error, in any of the forms", () => {
    const net = sequences.make();
    const padded = tensor(f32(1, 2, 3, 4, 5, 6, NaN, Infinity), [2, 2, 2]);
    const lengths = [2, 1];
    const targets = tensor(f32(1, 2, 3, 4, 5, 6, NaN, NaN), [2, 2, 2]);
    const { output } = net.forward(padded, { lengths, training: true });
    expect(net.loss(meanSquaredError(), targets)).toBeLessThan(100);
    net.backward(targets);
    expect([...output.data.subarray(6)]).toEqual([0, 0]);
    expect(net.predict(padded, { lengths })).toEqual(output);
    const data = { inputs: padded, targets, lengths };
    expect(net.evaluate(data, { loss: meanSquaredError() }).loss).toBeLessThan(100);
    const binary = { ...data, targets: tensor(f32(1, 0, 0, 1, 1, 0, -1, 7), [2, 2, 2]) };
    expect(net.evaluate(binary, { loss: binaryCrossEntropy() }).loss).toBeLessThan(100);
    const classes = { ...data, targets: tensor(i32(1, 0, 0, 9999999), [2, 2]) };
    expect(net.evaluate(classes, { loss: crossEntropy() }).loss).toBeLessThan(100);
    const embedded = tokens.make();
    expect(embedded.forward(tensor(i32(1, 2, 3, -7), [2, 2]), { lengths }).output.shape).toEqual([2, 2, 5]);
  });
});

describe("targets and gradients", () => {
  const mse = meanSquaredError();
  const run = { training: true };
  /** A forward pass, then a loss. */
  const loss = (targets: unknown, kind = mse) => {
    return (net: Network) => {
      net.forward(numbers([2, 4, 2]), run);
      net.loss(kind, targets as never);
    };
  };
  const backward = (gradient: unknown, options?: object) => (net: Network) => {
    net.forward(numbers([2, 4, 2]), run);
    net.backward(gradient as never, options);
  };
  const ragged = [f32(1, 2), f32(1, 2, 3, 4)];
  refuses(sequences, [
    [
      "another batch",
      loss(numbers([3, 4, 2])),
      RangeError,
      /"targets" expected 2 sequences, as many as "input", got 3/,
    ],
    ["another time", loss(numbers([2, 3, 2])), RangeError, /"targets" expected 4 steps, as the output has, got 3/],
    [
      "other features",
      loss(numbers([2, 4, 3])),
      RangeError,
      /"targets" expected shape \[batch, time, 2\], got \[2, 4, 3\]/,
    ],
    ["without time", loss(numbers([2, 2])), RangeError, /"targets" expected shape \[batch, time, 2\], got \[2, 2\]/],
    ["nothing", loss(undefined), TypeError, /"targets" expected shape \[batch, time, 2\], got undefined/],
    ["classes for numbers", loss(indices([2, 4], 2)), TypeError, /"targets" expected a tensor of Float32Array/],
    ["NaN", loss(tensor(f32(...new Array<number>(15).fill(0), NaN), [2, 4, 2])), RangeError, /got NaN at \[1, 3, 1\]/],
    ["numbers for classes", loss([[1, 2, 3, 4.5]], crossEntropy()), RangeError, /"targets\[0\]\[3\]" .* got 4\.5/],
    ["a class too large", loss(indices([2, 4], 1).data, crossEntropy()), RangeError, /2 sequences, as many/],
    [
      "a class beyond the outputs",
      loss(tensor(i32(0, 1, 2, 0, 0, 0, 0, 0), [2, 4]), crossEntropy()),
      RangeError,
      /"targets" expected integers from 0 to 1, got 2 at \[0, 2\]/,
    ],
    [
      "a negative class that is not ignored",
      loss(tensor(i32(0, 1, 1, 0, -1, 0, 0, 0), [2, 4]), crossEntropy()),
      RangeError,
      /got -1 at \[1, 0\]/,
    ],
    [
      "a share above 1",
      loss(tensor(f32(...new Array<number>(16).fill(1.5)), [2, 4, 2]), binaryCrossEntropy()),
      RangeError,
      /"targets" expected numbers from 0 to 1, got 1\.5/,
    ],
    [
      "weights of other classes",
      loss(indices([2, 4], 2), crossEntropy({ classWeights: [1, 2, 3] })),
      RangeError,
      /"classWeights" expected 2 numbers, one a class/,
    ],
    [
      "weights of other outputs",
      loss(numbers([2, 4, 2]), binaryCrossEntropy({ positiveWeights: [1] })),
      RangeError,
      /"positiveWeights" expected 2 numbers/,
    ],
    [
      "a loss as a text",
      loss(numbers([2, 4, 2]), "meanSquaredError" as never),
      TypeError,
      /"loss" expected a loss such as/,
    ],
    ["a loss that was not called", loss(numbers([2, 4, 2]), meanSquaredError as never), TypeError, /got a function/],
    [
      "a description of a loss",
      loss(1, { type: "crossEntropy", reduction: "mean" } as never),
      TypeError,
      /"loss" expected a loss such as crossEntropy\(\), got an object: make it by its function/,
    ],
    ["a gradient of another batch", backward(numbers([3, 4, 2])), RangeError, /"gradOutput" expected 2 sequences/],
    ["a gradient of another time", backward(numbers([2, 5, 2])), RangeError, /"gradOutput" expected 4 steps/],
    ["a gradient of other features", backward(numbers([2, 4, 1])), RangeError, /\[batch, time, 2\], got \[2, 4, 1\]/],
    [
      "a gradient of classes",
      backward(indices([2, 4], 2)),
      TypeError,
      /"gradOutput" expected a tensor of Float32Array/,
    ],
    [
      "a gradient with NaN",
      backward([f32(1, 2, 3, 4, 5, 6, 7, NaN), f32(1, 2, 3, 4, 5, 6, 7, 8)]),
      RangeError,
      /at \[0, 3, 1\]/,
    ],
    [
      "a state gradient of another size",
      backward(numbers([2, 4, 2]), { gradState: f32(1) }),
      RangeError,
      /"gradState"/,
    ],
    [
      "a state gradient with NaN",
      backward(numbers([2, 4, 2]), { gradState: new Float32Array(12).fill(NaN) }),
      RangeError,
      /"gradState" expected finite numbers, got NaN/,
    ],
    [
      "a state gradient as an array",
      backward(numbers([2, 4, 2]), { gradState: [] }),
      TypeError,
      /"gradState" expected a F/,
    ],
    ["an unknown option of backward", backward(numbers([2, 4, 2]), { gradstate: 1 }), TypeError, /option "gradstate"/],
    [
      "targets with other lengths",
      (net) => {
        net.forward(ragged, run);
        net.loss(mse, [f32(1, 2, 3, 4), f32(1, 2)]);
      },
      RangeError,
      /"targets\[0\]" expected 1 steps, as the output has, got 2/,
    ],
    [
      "a gradient with other lengths",
      (net) => {
        net.forward(ragged, run);
        net.backward([f32(1, 2, 3, 4), f32(1, 2)]);
      },
      RangeError,
      /"gradOutput\[0\]" expected 1 steps/,
    ],
    [
      "ragged targets of equal inputs",
      (net) => net.evaluate({ inputs: numbers([2, 2, 2]), targets: ragged }, { loss: mse }),
      RangeError,
      /"targets\[0\]" expected 2 steps/,
    ],
  ]);
  refuses(single, [
    [
      "targets with time for one output",
      loss(numbers([2, 4, 2])),
      RangeError,
      /"targets" expected shape \[batch, 2\], got \[2, 4, 2\]/,
    ],
    [
      "classes with time for one output",
      loss([[0], [1]], crossEntropy()),
      RangeError,
      /"targets\[0\]" expected 2 numbers/,
    ],
    ["a class beyond the outputs", loss([0, 2], crossEntropy()), RangeError, /integers from 0 to 1, got 2 at \[1\]/],
    ["half a class", loss([0, 0.5], crossEntropy()), RangeError, /"targets\[1\]" expected an integer/],
  ]);
  // The output has 3 steps of its own, as many as the longest input.
  const own = (targets: unknown) => (net: Network) => {
    net.forward([f32(1, 2), f32(1, 2, 3, 4, 5, 6)], run);
    net.loss(crossEntropy(), targets as never);
  };
  refuses(decoder, [
    [
      "a class where the input is padded",
      own([
        [1, 1, 99999],
        [1, 1, 1],
      ]),
      RangeError,
      /got 99999 at \[0, 2\]/,
    ],
    [
      "targets as long as the inputs",
      own([[1], [1, 1, 1]]),
      RangeError,
      /"targets\[0\]" expected 3 steps, as the output/,
    ],
  ]);
});

describe("calls in the wrong order", () => {
  const input = numbers([2, 4, 2]);
  const targets = numbers([2, 4, 2], 2);
  const data = { inputs: input, targets };
  const loss = meanSquaredError();
  const none = /there is no forward pass to go back through: call forward\(input, \{ training: true \}\) before it/;
  const after = (act: (net: Network) => unknown) => async (net: Network) => {
    net.forward(input, { training: true });
    net.loss(loss, targets);
    const before = stateOf(net);
    await act(net);
    if (stateOf(net) !== before) net.loadParameters(sequences.make().save());
    net.backward();
  };
  refuses(sequences, [
    ["backward first", (net) => net.backward(), Error, none],
    ["backward first, with a gradient", (net) => net.backward(targets), Error, none],
    ["loss first", (net) => net.loss(loss, targets), Error, none],
    ["backward after inference", after((net) => net.forward(input)), Error, none],
    ["backward twice", after((net) => net.backward()), Error, none],
    ["backward after step", after((net) => net.step(sgd({ learningRate: 0 }))), Error, none],
    ["backward after predict", after((net) => net.predict(input)), Error, none],
    ["backward after evaluate", after((net) => net.evaluate(data, { loss })), Error, none],
    [
      "backward after fit",
      after((net) => net.fit(data, { loss, optimizer: sgd({ learningRate: 0 }), shuffle: false })),
      Error,
      none,
    ],
    ["backward after a step of a stream", after((net) => net.stream().step(f32(1, 2))), Error, none],
    ["backward after set", after((net) => net.parameters[0]!.set(net.parameters[0]!.value.slice())), Error, none],
    ["backward after loadParameters", after((net) => net.loadParameters(net.save())), Error, none],
    ["loss after inference", (net) => (net.forward(input), net.loss(loss, targets)), Error, none],
    [
      "backward without a loss",
      (net) => (net.forward(input, { training: true }), net.backward()),
      Error,
      /without gradOutput it starts from loss\(\): call net\.loss\(loss, targets\) before it/,
    ],
    [
      "backward with the loss of an earlier pass",
      after((net) => net.forward(input, { training: true })),
      Error,
      /call net\.loss/,
    ],
  ]);

  test("a failed call in between takes nothing away", () => {
    const net = sequences.make();
    const other = sequences.make();
    for (const one of [net, other]) one.forward(input, { training: true });
    expect(() => net.forward([[[NaN, 1]]])).toThrow(RangeError);
    expect(() => net.loss(loss, [])).toThrow(RangeError);
    expect(() => net.predict("x" as never)).toThrow(TypeError);
    for (const one of [net, other]) one.loss(loss, targets);
    expect(() => net.loss(loss, numbers([2, 4, 3]))).toThrow(RangeError);
    expect(() => net.backward(undefined, { gradState: f32(1) })).toThrow(RangeError);
    expect(net.backward()).toEqual(other.backward());
    expect(net.parameters.map(({ gradient }) => [...gradient])).toEqual(
      other.parameters.map(({ gradient }) => [...gradient]),
    );
  });
});

describe("options of a layer", () => {
  const bad: [unknown, Kind][] = [
    [0, RangeError],
    [1.5, RangeError],
    [-1, RangeError],
    [NaN, RangeError],
    [Infinity, RangeError],
    [3e9, RangeError],
    ["8", TypeError],
    [null, TypeError],
    [undefined, TypeError],
    [true, TypeError],
    [[8], TypeError],
  ];
  const counted = { dense, elman, lstm, gru, embedding };
  const cases = Object.entries(counted).flatMap(([name, make]) => {
    return bad.map(([units, kind]) => [name, units, kind, make] as const);
  });
  test.each(cases)("%s(%s)", (_, units, kind, make) => {
    expect(() => make(units as never)).toThrow(kind);
    expect(() => make(units as never)).toThrow(
      /^"units" expected (a number|an integer of at least 1|an integer from 1 to)/,
    );
  });

  const option = (make: (options: never) => unknown, options: object) => () => make(options as never);
  const lstmWith = (options: object) => option((o) => lstm(4, o), options);
  refusesCall([
    [
      "a misspelt option of dense",
      option((o) => dense(4, o), { activaton: "relu" }),
      TypeError,
      /dense: unknown option "activaton"; known are/,
    ],
    ["a misspelt option of lstm", lstmWith({ bidirectionnal: true }), TypeError, /lstm: unknown option/],
    ["a misspelt option of gru", option((o) => gru(4, o), { resetAfter: true }), TypeError, /gru: unknown option/],
    ["a misspelt option of elman", option((o) => elman(4, o), { layer: 2 }), TypeError, /elman: unknown option/],
    ["a misspelt option of embedding", option((o) => embedding(4, o), { padding: 0 }), TypeError, /embedding: unknown/],
    ["a misspelt option of dropout", option((o) => dropout(0.5, o), { seed: 1 }), TypeError, /dropout: unknown option/],
    [
      "a misspelt option of last",
      option((o) => last(o), { n: 1 }),
      TypeError,
      /last: unknown option "n"; known are name/,
    ],
    ["a misspelt option of repeat", option((o) => repeat(2, o), { n: 1 }), TypeError, /repeat: unknown option/],
    [
      "a misspelt option of activation",
      option((o) => activation("relu", o), { n: 1 }),
      TypeError,
      /activation: unknown/,
    ],
    [
      "an own __proto__",
      option((o) => dense(4, o), JSON.parse('{"__proto__":{"bias":false}}') as object),
      TypeError,
      /unknown option "__proto__"/,
    ],
    ["options as an array", option((o) => dense(4, o), []), TypeError, /"dense" expected an object, got \[\]/],
    ["options as a text", () => lstm(4, "x" as never), TypeError, /"lstm" expected an object, got "x"/],
    [
      "an unknown activation",
      () => dense(4, { activation: "swish" as never }),
      RangeError,
      /"activation" expected one of "linear"/,
    ],
    [
      "an activation as a number",
      () => dense(4, { activation: 2 as never }),
      TypeError,
      /"activation" expected one of/,
    ],
    [
      "an activation of elman that it has not",
      () => elman(4, { activation: "gelu" as never }),
      RangeError,
      /"tanh", "relu", "sigmoid", got "gelu"/,
    ],
    ["an activation null", () => elman(4, { activation: null as never }), TypeError, /"activation" expected one of/],
    [
      "leakyRelu without alpha",
      () => activation({ type: "leakyRelu" } as never),
      TypeError,
      /"activation.alpha" expected a/,
    ],
    ["leakyRelu with a text", () => activation({ type: "leakyRelu", alpha: "1" as never }), TypeError, /alpha/],
    [
      "leakyRelu with beta",
      () => activation({ type: "leakyRelu", beta: 1 } as never),
      TypeError,
      /unknown option "beta"/,
    ],
    ["bias: 1", () => dense(4, { bias: 1 as never }), TypeError, /"bias" expected true or false, got 1/],
    ["reset: true", () => gru(4, { reset: true as never }), TypeError, /"reset" expected one of "after", "before"/],
    ["reset: null", () => gru(4, { reset: null as never }), TypeError, /"reset" expected one of/],
    ["reset: never", () => gru(4, { reset: "never" as never }), RangeError, /"reset" expected one of/],
    ["layers: 0", lstmWith({ layers: 0 }), RangeError, /"layers" expected an integer from 1 to 1024, got 0/],
    ["layers: 1e9", lstmWith({ layers: 1e9 }), RangeError, /"layers" expected an integer from 1 to 1024/],
    ["bidirectional: 1", lstmWith({ bidirectional: 1 }), TypeError, /"bidirectional" expected true or false/],
    ["dropout 1 between layers", lstmWith({ layers: 2, dropout: 1 }), RangeError, /at least 0 and below 1, got 1/],
    [
      "dropout −0.1 between layers",
      lstmWith({ layers: 2, dropout: -0.1 }),
      RangeError,
      /"dropout" expected .* got -0\.1/,
    ],
    ["dropout in one layer", lstmWith({ dropout: 0.5 }), RangeError, /"layers" is 1: put a dropout\(\) layer after it/],
    ["forgetBias NaN", lstmWith({ forgetBias: NaN }), RangeError, /"forgetBias" expected a finite number, got NaN/],
    ["forgetBias without bias", lstmWith({ forgetBias: 1, bias: false }), RangeError, /leave out "bias: false"/],
    ["dropout(1)", () => dropout(1), RangeError, /"rate" expected a finite number of at least 0 and below 1, got 1/],
    ["dropout(-0.1)", () => dropout(-0.1), RangeError, /got -0\.1/],
    ["dropout(NaN)", () => dropout(NaN), RangeError, /got NaN/],
    ["dropout('0.5')", () => dropout("0.5" as never), TypeError, /"rate" expected a number, got "0\.5"/],
    ["repeat(0)", () => repeat(0), RangeError, /"steps" expected an integer of at least 1, got 0/],
    ["repeat()", () => repeat(undefined as never), TypeError, /"steps" expected a number, got undefined/],
    [
      "paddingIndex −1",
      () => embedding(4, { paddingIndex: -1 }),
      RangeError,
      /"paddingIndex" expected an integer of at/,
    ],
    [
      "paddingIndex '0'",
      () => embedding(4, { paddingIndex: "0" as never }),
      TypeError,
      /"paddingIndex" expected a number/,
    ],
    [
      "weightInit as a text",
      () => dense(4, { weightInit: "zeros" as never }),
      TypeError,
      /an initializer such as glorotUniform\(\), got "zeros"/,
    ],
    [
      "weightInit null",
      () => dense(4, { weightInit: null as never }),
      TypeError,
      /"weightInit" expected an initializer/,
    ],
    ["weightInit 0", () => embedding(4, { weightInit: 0 as never }), TypeError, /"weightInit" expected an initializer/],
    ["biasInit not called", () => dense(4, { biasInit: constant as never }), TypeError, /"biasInit" .* got a function/],
    [
      "recurrentInit of an unknown type",
      lstmWith({ recurrentInit: { type: "ones" } }),
      RangeError,
      /"recurrentInit.type" expected one of "constant"/,
    ],
    [
      "an initializer with a number it has not",
      lstmWith({ weightInit: { type: "glorotUniform", gain: 2 } }),
      TypeError,
      /unknown option "gain"; known are type$/,
    ],
    [
      "an initializer without its number",
      lstmWith({ weightInit: { type: "uniform" } }),
      TypeError,
      /"weightInit.limit"/,
    ],
    ["constant(NaN)", () => constant(NaN), RangeError, /"constant.value" expected a finite number, got NaN/],
    ["uniform(-1)", () => uniform(-1), RangeError, /"uniform.limit" expected a finite number of at least 0, got -1/],
    ["normal('1')", () => normal("1" as never), TypeError, /"normal.deviation" expected a number/],
    ["identity(∞)", () => identity(Infinity), RangeError, /"identity.gain" expected a finite number/],
    [
      "a bias by orthogonal()",
      () => gru(3, { biasInit: orthogonal() }),
      RangeError,
      /"biasInit.type" expected an initializer of vectors, such as constant\(0\), got "orthogonal"/,
    ],
    ["a bias by identity()", () => dense(3, { biasInit: identity() }), RangeError, /"biasInit.type" expected an init/],
    ["orthogonal(∞)", () => orthogonal(Infinity), RangeError, /"orthogonal.gain" expected a finite number/],
    ["a name that is a number", () => dense(4, { name: 1 as never }), TypeError, /"name" expected a string/],
    ["a name that is reserved", () => dense(4, { name: "__training__" }), RangeError, /does not begin with "__"/],
  ]);
});

describe("layers that do not fit", () => {
  const features =
    (...layers: LayerDescription[]) =>
    () =>
      new Network({ input: { features: 2 }, layers });
  const words =
    (...layers: LayerDescription[]) =>
    () =>
      new Network({ input: { tokens: 5 }, layers });
  const config = (value: object) => () => new Network(value as never);
  refusesCall([
    [
      "lstm after last",
      features(lstm(2), last(), lstm(2)),
      TypeError,
      /lstm\(\) needs a sequence, and a vector comes in: put repeat\(n\) before it/,
    ],
    [
      "last after last",
      features(lstm(2), last(), last()),
      TypeError,
      /last\(\) needs a sequence, and a vector comes in: put repeat\(n\) before it/,
    ],
    [
      "repeat on a sequence",
      features(lstm(2), repeat(2)),
      TypeError,
      /repeat\(\) needs a vector, and a sequence comes in: put last\(\) before it/,
    ],
    [
      "repeat after dense, then last without time",
      features(dense(2), repeat(2), last(), elman(2)),
      TypeError,
      /elman\(\) needs a sequence/,
    ],
    [
      "tokens without embedding",
      words(lstm(2)),
      TypeError,
      /"lstm" needs vectors of features, and tokens come in: put embedding\(\) before it/,
    ],
    ["tokens to dense", words(dense(2)), TypeError, /put embedding\(\) before it/],
    ["tokens to dropout", words(dropout(0.5), embedding(2)), TypeError, /put embedding\(\) before it/],
    ["tokens to last", words(last()), TypeError, /put embedding\(\) before it/],
    [
      "embedding on features",
      features(embedding(2)),
      TypeError,
      /"embedding" needs tokens, and features come in: put it first, after "input: \{ tokens \}"/,
    ],
    [
      "embedding twice",
      words(embedding(2), embedding(2)),
      TypeError,
      /"embedding_1" needs tokens, and features come in/,
    ],
    [
      "paddingIndex outside",
      words(embedding(2, { paddingIndex: 5 })),
      RangeError,
      /"paddingIndex" expected an integer from 0 to 4, got 5/,
    ],
    [
      "two layers of a name",
      features(dense(2, { name: "a" }), dense(2, { name: "a" })),
      RangeError,
      /two layers have the "name" "a": give each its own/,
    ],
    [
      "two layers of a name with other parameters",
      features(lstm(2, { name: "a" }), dense(2, { name: "a" })),
      RangeError,
      /"name" "a"/,
    ],
    [
      "a name that is another's by default",
      features(dense(2), dense(2, { name: "dense" })),
      RangeError,
      /"name" "dense"/,
    ],
    [
      "two layers without a name and a prefix",
      features(dense(2, { name: "" }), dense(2, { name: "" })),
      RangeError,
      /"weight"/,
    ],
    ["no layers", features(), RangeError, /"layers" expected at least one layer, got \[\]/],
    [
      "layers as an object",
      config({ input: { features: 2 }, layers: {} }),
      TypeError,
      /"layers" expected an array of layers/,
    ],
    [
      "no layers member",
      config({ input: { features: 2 } }),
      TypeError,
      /"layers" expected an array of layers, got undef/,
    ],
    [
      "a hole in layers",
      config({ input: { features: 2 }, layers: holed(dense(2), dense(2)) }),
      TypeError,
      /"layers\[1\]" expected a layer such as dense\(8\), got undefined/,
    ],
    [
      "a layer as a function",
      config({ input: { features: 2 }, layers: [dense] }),
      TypeError,
      /"layers\[0\]" .* got a function/,
    ],
    [
      "a layer of an unknown type",
      config({ input: { features: 2 }, layers: [{ type: "conv" }] }),
      RangeError,
      /"layers\[0\].type" expected one of/,
    ],
    [
      "a layer of a type off Object.prototype",
      config({ input: { features: 2 }, layers: [{ type: "toString" }] }),
      RangeError,
      /one of/,
    ],
    [
      "a layer by hand, units 0",
      config({ input: { features: 2 }, layers: [{ type: "dense", units: 0 }] }),
      RangeError,
      /"units"/,
    ],
    [
      "a layer by hand, misspelt",
      config({ input: { features: 2 }, layers: [{ type: "dense", unit: 2 }] }),
      TypeError,
      /"unit"|"units"/,
    ],
    ["no config", () => new Network(undefined as never), TypeError, /"Network" expected an object, got undefined/],
    ["no input", config({ layers: [dense(2)] }), TypeError, /"input" expected an object, got undefined/],
    [
      "both inputs",
      config({ input: { tokens: 2, features: 2 }, layers: [dense(2)] }),
      TypeError,
      /\{ tokens: n \} or \{ features: n \}/,
    ],
    ["neither input", config({ input: {}, layers: [dense(2)] }), TypeError, /\{ tokens: n \} or \{ features: n \}/],
    [
      "features 0",
      config({ input: { features: 0 }, layers: [dense(2)] }),
      RangeError,
      /"features" expected an integer of at/,
    ],
    [
      "tokens 2.5",
      config({ input: { tokens: 2.5 }, layers: [embedding(2)] }),
      RangeError,
      /"tokens" expected an integer/,
    ],
    [
      "seed −1",
      config({ input: { features: 2 }, layers: [dense(2)], seed: -1 }),
      RangeError,
      /"seed" expected an integer from 0/,
    ],
    [
      "seed as a text",
      config({ input: { features: 2 }, layers: [dense(2)], seed: "7" }),
      TypeError,
      /"seed" expected a number/,
    ],
    [
      "a misspelt member",
      config({ input: { features: 2 }, layer: [dense(2)] }),
      TypeError,
      /Network: unknown option "layer"/,
    ],
    ["2e9 outputs", features(dense(2e9)), RangeError, /more than 4 GB/],
    [
      "3e9 parameters, more than 31 bits",
      config({ input: { tokens: 1e9 }, layers: [embedding(3)] }),
      RangeError,
      /4 GB/,
    ],
    ["1024 wide layers", features(lstm(100000, { layers: 1024 })), RangeError, /more than 4 GB/],
  ]);
});

describe("options of losses, optimizers and sampling", () => {
  const rates = { sgd, rmsprop, adagrad, adadelta, adam, adamw, adamax, nadam, radam };
  test.each(Object.entries(rates))("%s: rates and misspelt names", (name, make) => {
    expect(() => make({ learningRate: -1 })).toThrow(/^"learningRate" expected a finite number of at least 0, got -1/);
    expect(() => make({ learningRate: NaN })).toThrow(RangeError);
    expect(() => make({ learningRate: "1" as never })).toThrow(TypeError);
    expect(() => make({ learningRate: null as never })).toThrow(TypeError);
    expect(() => make({ weightDecay: -1 })).toThrow(RangeError);
    expect(() => make({ weightDecay: null as never })).toThrow(TypeError);
    expect(() => make({ lr: 1 } as never)).toThrow(`${name}: unknown option "lr"; known are learningRate`);
    expect(() => make(null as never)).toThrow(TypeError);
  });
  refusesCall([
    [
      "momentum −1",
      () => sgd({ momentum: -1 }),
      RangeError,
      /"momentum" expected a finite number of at least 0, got -1/,
    ],
    ["dampening NaN", () => sgd({ dampening: NaN }), RangeError, /"dampening"/],
    ["nesterov without momentum", () => sgd({ nesterov: true }), RangeError, /"nesterov" needs a "momentum" above 0/],
    ["nesterov as a text", () => sgd({ nesterov: "yes" as never }), TypeError, /"nesterov" expected true or false/],
    [
      "alpha 2",
      () => rmsprop({ alpha: 2 }),
      RangeError,
      /"alpha" expected a finite number of at least 0 and of at most 1/,
    ],
    ["centered 1", () => rmsprop({ centered: 1 as never }), TypeError, /"centered" expected true or false/],
    ["epsilon −1", () => rmsprop({ epsilon: -1 }), RangeError, /"epsilon" expected .* of at least 0, got -1/],
    ["epsilon −1 of adam", () => adam({ epsilon: -1 }), RangeError, /"epsilon" expected .* of at least 0, got -1/],
    ["epsilon null", () => adagrad({ epsilon: null as never }), TypeError, /"epsilon" expected a number, got null/],
    ["rho 2", () => adadelta({ rho: 2 }), RangeError, /"rho" expected .* of at most 1, got 2/],
    ["betas of adamax", () => adamax({ betas: [0.9, 1] }), RangeError, /"betas\[1\]" expected .* below 1, got 1/],
    ["momentumDecay −1", () => nadam({ momentumDecay: -1 }), RangeError, /"momentumDecay" expected .* at least 0/],
    [
      "decoupledWeightDecay 1",
      () => radam({ decoupledWeightDecay: 1 as never }),
      TypeError,
      /"decoupledWeightDecay" expected true or false, got 1/,
    ],
    ["learningRateDecay −1", () => adagrad({ learningRateDecay: -1 }), RangeError, /"learningRateDecay"/],
    ["initialAccumulator −1", () => adagrad({ initialAccumulator: -1 }), RangeError, /"initialAccumulator"/],
    ["betas 1", () => adam({ betas: [1, 0.999] }), RangeError, /"betas\[0\]" expected .* below 1, got 1/],
    ["betas −1", () => adam({ betas: [0.9, -1] }), RangeError, /"betas\[1\]"/],
    ["one beta", () => adam({ betas: [0.9] as never }), TypeError, /"betas" expected two numbers, got \[0\.9\]/],
    ["betas null", () => adam({ betas: null as never }), TypeError, /"betas" expected two numbers, got null/],
    ["betas of text", () => adamw({ betas: ["0.9", 0.9] as never }), TypeError, /"betas\[0\]" expected a number/],
    ["amsgrad 0", () => adam({ amsgrad: 0 as never }), TypeError, /"amsgrad" expected true or false, got 0/],
    ["labelSmoothing 2", () => crossEntropy({ labelSmoothing: 2 }), RangeError, /"labelSmoothing" .* at most 1, got 2/],
    [
      "classWeights as a number",
      () => crossEntropy({ classWeights: 0 as never }),
      TypeError,
      /"classWeights" expected an/,
    ],
    ["classWeights null", () => crossEntropy({ classWeights: null as never }), TypeError, /"classWeights"/],
    ["classWeights −1", () => crossEntropy({ classWeights: [1, -1] }), RangeError, /"classWeights\[1\]"/],
    [
      "classWeights with a hole",
      () => crossEntropy({ classWeights: holed(1, 2) as never }),
      TypeError,
      /"classWeights\[1\]"/,
    ],
    ["positiveWeights NaN", () => binaryCrossEntropy({ positiveWeights: [NaN] }), RangeError, /"positiveWeights\[0\]"/],
    [
      "positiveWeights false",
      () => binaryCrossEntropy({ positiveWeights: false as never }),
      TypeError,
      /"positiveWeights"/,
    ],
    ["ignoreIndex 0.5", () => crossEntropy({ ignoreIndex: 0.5 }), RangeError, /"ignoreIndex" expected an integer/],
    [
      "reduction none",
      () => meanSquaredError({ reduction: "none" as never }),
      RangeError,
      /one of "mean", "sum", got "none"/,
    ],
    ["reduction null", () => meanSquaredError({ reduction: null as never }), TypeError, /"reduction" expected one of/],
    ["a misspelt option of crossEntropy", () => crossEntropy({ smoothing: 1 } as never), TypeError, /unknown option/],
    [
      "a misspelt option of meanSquaredError",
      () => meanSquaredError({ x: 1 } as never),
      TypeError,
      /unknown option "x"/,
    ],
    [
      "a misspelt option of binaryCrossEntropy",
      () => binaryCrossEntropy({ x: 1 } as never),
      TypeError,
      /unknown option/,
    ],
    [
      "temperature −1",
      () => new Sampler({ temperature: -1 }),
      RangeError,
      /"temperature" expected .* at least 0, got -1/,
    ],
    ["topK 0", () => new Sampler({ topK: 0 }), RangeError, /"topK" expected an integer of at least 1, got 0/],
    ["topP 0", () => new Sampler({ topP: 0 }), RangeError, /"topP" expected a number above 0, got 0/],
    ["topP 1.1", () => new Sampler({ topP: 1.1 }), RangeError, /"topP" .* at most 1, got 1\.1/],
    ["seed 0.5", () => new Sampler({ seed: 0.5 }), RangeError, /"seed" expected an integer/],
    ["a misspelt option of Sampler", () => new Sampler({ top_k: 1 } as never), TypeError, /unknown option "top_k"/],
    [
      "tensor with too few numbers",
      () => tensor(f32(1), [2]),
      RangeError,
      /"data" expected 2 elements for shape \[2\], got Float32Array\(1\)/,
    ],
    [
      "tensor of doubles",
      () => tensor(Float64Array.of(1) as never, [1]),
      TypeError,
      /"data" expected a Float32Array or an I/,
    ],
    [
      "tensor of an array",
      () => tensor([1] as never, [1]),
      TypeError,
      /"data" expected a Float32Array or an Int32Array/,
    ],
    [
      "tensor without a shape",
      () => tensor(f32(1), undefined as never),
      TypeError,
      /"shape" expected an array of sizes/,
    ],
    [
      "tensor with size −1",
      () => tensor(f32(1), [-1, -1]),
      RangeError,
      /"shape\[0\]" expected an integer of at least 0/,
    ],
    ["tensor with size 0.5", () => tensor(f32(1), [0.5, 2]), RangeError, /"shape\[0\]" expected an integer/],
    ["tensor with a text", () => tensor(f32(1), ["1"] as never), TypeError, /"shape\[0\]" expected a number, got "1"/],
    ["tensor with a hole", () => tensor(f32(1), holed(1) as never), TypeError, /"shape\[1\]" expected a number/],
    [
      "languageModelData of an array",
      () => languageModelData([1, 2] as never, { batch: 1 }),
      TypeError,
      /"tokens" expected an Int32Array/,
    ],
    [
      "languageModelData too short",
      () => languageModelData(i32(1, 2), { batch: 2 }),
      RangeError,
      /more than 2 tokens, for 2 streams/,
    ],
    [
      "languageModelData without options",
      () => languageModelData(i32(1, 2), undefined as never),
      TypeError,
      /"languageModelData" expected an object/,
    ],
    [
      "languageModelData, batch 0",
      () => languageModelData(i32(1, 2), { batch: 0 }),
      RangeError,
      /"batch" expected an int/,
    ],
    [
      "languageModelData, misspelt",
      () => languageModelData(i32(1, 2), { streams: 1 } as never),
      TypeError,
      /"streams"/,
    ],
  ]);

  test("a deep or long value is shown in a short message", () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    expect(() => dense(cyclic as never)).toThrow('"units" expected a number, got [an array of 1]');
    expect(() => dense("x".repeat(1e6) as never)).toThrow(/^.{0,160}$/);
    expect(() => dense(Symbol("s") as never)).toThrow("got Symbol(s)");
  });
});

describe("options of training", () => {
  const inputs = numbers([4, 4, 2]);
  const targets = numbers([4, 4, 2], 2);
  const good = { loss: meanSquaredError(), optimizer: sgd() };
  type Options = Record<string, unknown>;
  const fit =
    (options: Options, data: unknown = { inputs, targets }) =>
    (net: Network) => {
      return net.fit(data as never, { ...good, ...options });
    };
  const train =
    (options: Options, data: unknown = { inputs, targets }) =>
    (net: Network) => {
      return net.train(data as never, { ...good, ...options });
    };
  const evaluate =
    (options: unknown, data: unknown = { inputs, targets }) =>
    (net: Network) => {
      return net.evaluate(data as never, options as never);
    };
  const shared: [string, Options, Kind, RegExp][] = [
    ["epochs −1", { epochs: -1 }, RangeError, /"epochs" expected an integer of at least 0, got -1/],
    ["epochs '1'", { epochs: "1" }, TypeError, /"epochs" expected a number/],
    ["epochs NaN", { epochs: NaN }, RangeError, /"epochs"/],
    ["batchSize 0", { batchSize: 0 }, RangeError, /"batchSize" expected an integer of at least 1, got 0/],
    ["batchSize null", { batchSize: null }, TypeError, /"batchSize" expected a number, got null/],
    ["shuffle 1", { shuffle: 1 }, TypeError, /"shuffle" expected true or false/],
    ["clipNorm 0", { clipNorm: 0 }, RangeError, /"clipNorm" expected a finite number above 0, got 0/],
    ["clipNorm ∞", { clipNorm: Infinity }, RangeError, /"clipNorm"/],
    ["clipNorm '1'", { clipNorm: "1" }, TypeError, /"clipNorm" expected a number/],
    ["clipValue −1", { clipValue: -1 }, RangeError, /"clipValue" expected a finite number above 0, got -1/],
    ["truncate 0", { truncate: 0 }, RangeError, /"truncate" expected an integer of at least 1, got 0/],
    ["truncate 1.5", { truncate: 1.5 }, RangeError, /"truncate"/],
    ["learningRate as a number", { learningRate: 0.1 }, TypeError, /"learningRate" expected a function, got 0\.1/],
    ["resume as a text", { resume: "x" }, TypeError, /"resume" expected a Uint8Array, got "x"/],
    ["no loss", { loss: undefined }, TypeError, /"loss" expected a loss such as crossEntropy\(\), got undefined/],
    [
      "no optimizer",
      { optimizer: undefined },
      TypeError,
      /"optimizer" expected an optimizer made by its function, such as adam\(\), got undef/,
    ],
    [
      "an optimizer as a text",
      { optimizer: "adam" },
      TypeError,
      /"optimizer" expected an optimizer made by its function/,
    ],
    ["an optimizer not called", { optimizer: adam }, TypeError, /got a function/],
    [
      "an optimizer as JSON",
      { optimizer: JSON.parse(JSON.stringify(adam())) as unknown },
      TypeError,
      /made by its function, such as adam\(\), got an object/,
    ],
    ["a misspelt option", { epoch: 3 }, TypeError, /unknown option "epoch"; known are loss, optimizer, epochs/],
    ["validationSplit, which is Keras's", { validationSplit: 0.1 }, TypeError, /unknown option "validationSplit"/],
  ];
  refuses(sequences, [
    ...shared.map(([title, options, kind, text]): Refusal => [`fit: ${title}`, fit(options), kind, text]),
    ...shared.map(([title, options, kind, text]): Refusal => [`train: ${title}`, train(options), kind, text]),
    [
      "fit: options missing",
      (net) => net.fit({ inputs, targets }, undefined as never),
      TypeError,
      /"fit" expected an object/,
    ],
    [
      "fit: data missing",
      (net) => net.fit(undefined as never, good),
      TypeError,
      /"data" expected an object, got undefined/,
    ],
    [
      "fit: data misspelt",
      fit({}, { inputs, target: targets }),
      TypeError,
      /data: unknown option "target"; known are inputs/,
    ],
    ["fit: no targets", fit({}, { inputs }), TypeError, /"targets" expected shape .* got undefined/],
    [
      "fit: NaN in the data",
      fit({}, { inputs: [[[NaN, 0]]], targets: [[[0, 0]]] }),
      RangeError,
      /"inputs" .* NaN at \[0, 0, 0\]/,
    ],
    [
      "fit: ∞ in targets",
      fit({}, { inputs: [[[0, 0]]], targets: [[[0, -Infinity]]] }),
      RangeError,
      /"targets" .* at \[0, 0, 1\]/,
    ],
    [
      "fit: targets of another batch",
      fit({}, { inputs, targets: numbers([3, 4, 2]) }),
      RangeError,
      /4 sequences, as many/,
    ],
    [
      "fit: patience 0",
      fit({ earlyStopping: { patience: 0 } }),
      RangeError,
      /"earlyStopping.patience" .* at least 1, got 0/,
    ],
    ["fit: patience missing", fit({ earlyStopping: {} }), TypeError, /"earlyStopping.patience" expected a number/],
    ["fit: minDelta −1", fit({ earlyStopping: { patience: 1, minDelta: -1 } }), RangeError, /"earlyStopping.minDelta"/],
    [
      "fit: restoreBest 1",
      fit({ earlyStopping: { patience: 1, restoreBest: 1 } }),
      TypeError,
      /"earlyStopping.restoreBest"/,
    ],
    ["fit: earlyStopping misspelt", fit({ earlyStopping: { patiance: 1 } }), TypeError, /unknown option "patiance"/],
    [
      "fit: earlyStopping true",
      fit({ earlyStopping: true }),
      TypeError,
      /"earlyStopping" expected an object, got true/,
    ],
    ["fit: onStep as a text", fit({ onStep: "x" }), TypeError, /"onStep" expected a function/],
    ["fit: onEpoch as an object", fit({ onEpoch: {} }), TypeError, /"onEpoch" expected a function/],
    ["fit: yieldEvery 0", fit({ yieldEvery: 0 }), RangeError, /"yieldEvery" expected an integer of at least 1/],
    [
      "fit: a controller for a signal",
      fit({ signal: new AbortController() }),
      TypeError,
      /"signal" expected an AbortSignal/,
    ],
    ["fit: validation null", fit({ validation: null }), TypeError, /"validation" expected an object, got null/],
    [
      "fit: validation misspelt",
      fit({ validation: { input: inputs, targets } }),
      TypeError,
      /validation: unknown option/,
    ],
    [
      "fit: validation that does not fit",
      fit({ validation: { inputs, targets: numbers([1, 4, 2]) } }),
      RangeError,
      /"validation.targets" expected 4 sequences, as many as "validation.inputs"/,
    ],
    [
      "fit: validation that cannot be truncated, before anything is learnt",
      fit({ truncate: 2, validation: { inputs: [f32(1, 2), f32(1, 2, 3, 4)], targets: [f32(1, 2), f32(1, 2, 3, 4)] } }),
      RangeError,
      /"truncate" needs sequences of equal length: leave it out/,
    ],
    [
      "train: truncate and ragged data",
      train({ truncate: 1 }, { inputs: [f32(1, 2), f32(1, 2, 3, 4)], targets: [f32(1, 2), f32(1, 2, 3, 4)] }),
      RangeError,
      /"truncate" needs sequences of equal length/,
    ],
    ["evaluate: no options", evaluate(undefined), TypeError, /"evaluate" expected an object, got undefined/],
    ["evaluate: no loss", evaluate({}), TypeError, /"loss" expected a loss/],
    ["evaluate: batchSize 0", evaluate({ loss: meanSquaredError(), batchSize: 0 }), RangeError, /"batchSize"/],
    ["evaluate: truncate 0", evaluate({ loss: meanSquaredError(), truncate: 0 }), RangeError, /"truncate"/],
    [
      "evaluate: a misspelt option",
      evaluate({ loss: meanSquaredError(), batch: 1 }),
      TypeError,
      /unknown option "batch"/,
    ],
    [
      "evaluate: no data",
      evaluate({ loss: meanSquaredError() }, null),
      TypeError,
      /"data" expected an object, got null/,
    ],
    [
      "step: no optimizer",
      (net) => net.step(undefined as never),
      TypeError,
      /"optimizer" expected an optimizer made by its function/,
    ],
    [
      "step: learningRate NaN",
      (net) => net.step(sgd(), { learningRate: NaN }),
      RangeError,
      /"learningRate" .* got NaN/,
    ],
    ["step: learningRate null", (net) => net.step(sgd(), { learningRate: null as never }), TypeError, /"learningRate"/],
    ["step: a misspelt option", (net) => net.step(sgd(), { lr: 1 } as never), TypeError, /step: unknown option "lr"/],
    ["clipGradNorm(0)", (net) => net.clipGradNorm(0), RangeError, /"maxNorm" expected a finite number above 0, got 0/],
    ["clipGradNorm()", (net) => net.clipGradNorm(undefined as never), TypeError, /"maxNorm" expected a number/],
    [
      "clipGradValue(-1)",
      (net) => net.clipGradValue(-1),
      RangeError,
      /"limit" expected a finite number above 0, got -1/,
    ],
    [
      "gradientCheck: no options",
      (net) => gradientCheck(net, { inputs, targets }, undefined as never),
      TypeError,
      /"gradientCheck" expected an object/,
    ],
    [
      "gradientCheck: epsilon 0",
      (net) => gradientCheck(net, { inputs, targets }, { loss: meanSquaredError(), epsilon: 0 }),
      RangeError,
      /"epsilon" expected a finite number above 0/,
    ],
    [
      "gradientCheck: samples null",
      (net) => gradientCheck(net, { inputs, targets }, { loss: meanSquaredError(), samples: null as never }),
      TypeError,
      /"samples"/,
    ],
    [
      "gradientCheck: data misspelt",
      (net) => gradientCheck(net, { inputs, target: 1 } as never, { loss: meanSquaredError() }),
      TypeError,
      /"target"/,
    ],
    [
      "gradientCheck: targets that do not fit",
      (net) => gradientCheck(net, { inputs, targets: numbers([1, 4, 2]) }, { loss: meanSquaredError() }),
      RangeError,
      /"targets" expected 4/,
    ],
    [
      "parameter of no name",
      (net) => net.parameter("lstm.weight"),
      RangeError,
      /no parameter "lstm\.weight"; there are lstm\.weight_ih_l0/,
    ],
    [
      "set too few",
      (net) => net.parameter("dense.bias").set([1]),
      RangeError,
      /"dense\.bias" expected 2 numbers, shape \[2\], got \[1\]/,
    ],
    ["set NaN", (net) => net.parameter("dense.bias").set([1, NaN]), RangeError, /"dense\.bias\[1\]" expected a finite/],
    [
      "set 1e39",
      (net) => net.parameter("dense.bias").set([1, 1e39]),
      RangeError,
      /bias\[1\]" expected a number that float32/,
    ],
    [
      "set a text",
      (net) => net.parameter("dense.bias").set("12" as never),
      TypeError,
      /"dense\.bias" expected 2 numbers/,
    ],
    [
      "set texts",
      (net) => net.parameter("dense.bias").set(["1", "2"] as never),
      TypeError,
      /"dense\.bias\[0\]" expected a/,
    ],
    ["set null", (net) => net.parameter("dense.bias").set(null as never), TypeError, /got null/],
    [
      "parameterVector too short",
      (net) => (net.parameterVector = new Float32Array(3)),
      RangeError,
      /"parameterVector" expected \d+ numbers, as in all parameters, got Float32Array\(3\)/,
    ],
    [
      "parameterVector with a number that is not finite",
      (net) => (net.parameterVector = net.parameterVector.map((x, i) => (i === 5 ? NaN : x + 1))),
      RangeError,
      /"parameterVector" expected finite numbers, got NaN at \[5\]/,
    ],
    [
      "parameterVector as an array",
      (net) => (net.parameterVector = [...net.parameterVector] as never),
      TypeError,
      /"parameterVector" expected a Float32Array/,
    ],
    [
      "randomState too short",
      (net) => (net.randomState = new Uint8Array(3)),
      RangeError,
      /"randomState" expected 64 bytes/,
    ],
    [
      "randomState as an array",
      (net) => (net.randomState = [] as never),
      TypeError,
      /"randomState" expected a Uint8Array/,
    ],
    [
      "save with a text that is none",
      (net) => ((net.metadata.note = 1 as never), net.save()),
      TypeError,
      /"metadata.note"/,
    ],
    [
      "save with a key of its own",
      (net) => ((net.metadata.unrolled = "x"), net.save()),
      RangeError,
      /keys other than "unrolled"/,
    ],
  ]);
  refuses(single, [
    [
      "truncate with a single output",
      (net) => net.train({ inputs: numbers([2, 4, 2]), targets: numbers([2, 2]) }, { ...good, truncate: 2 }),
      RangeError,
      /"truncate" needs a network with an output at each step/,
    ],
  ]);
  const both = { make: () => network([elman(3, { bidirectional: true }), dense(2)]), good: inputs };
  const data: TrainingData = { inputs, targets };
  refuses(both, [
    [
      "truncate in both directions",
      (net) => net.train(data, { ...good, truncate: 2 }),
      RangeError,
      /"truncate" .* bidirectional/,
    ],
    [
      "a stream in both directions",
      (net) => net.stream(),
      TypeError,
      /stream: a bidirectional layer needs the end first/,
    ],
  ]);
  refuses(decoder, [
    ["a stream of repeat", (net) => net.stream(), TypeError, /stream: repeat\(\) makes many steps of one/],
    [
      "truncate with repeat",
      (net) => net.train({ inputs: numbers([2, 4, 2]), targets: numbers([2, 3, 4]) }, { ...good, truncate: 2 }),
      RangeError,
      /"truncate"/,
    ],
  ]);
});

describe("streams", () => {
  const step = (x: unknown, batch?: number) => (net: Network) => {
    const stream = net.stream(batch === undefined ? {} : { batch });
    stream.step("tokens" in net.config.input ? new Int32Array(stream.batch) : new Float32Array(2 * stream.batch));
    const before = stream.state.slice();
    try {
      stream.step(x as never);
    } finally {
      expect(stream.state).toEqual(before);
    }
  };
  refuses(sequences, [
    ["batch 0", (net) => net.stream({ batch: 0 }), RangeError, /"batch" expected an integer of at least 1, got 0/],
    ["batch null", (net) => net.stream({ batch: null as never }), TypeError, /"batch" expected a number, got null/],
    ["a misspelt option", (net) => net.stream({ size: 1 } as never), TypeError, /stream: unknown option "size"/],
    ["an array", step([1, 2]), TypeError, /"x" expected a Float32Array, got \[1, 2\]/],
    ["a token", step(1), TypeError, /"x" expected a Float32Array, got 1/],
    ["integers", step(i32(1, 2)), TypeError, /got Int32Array\(2\)/],
    ["nothing", step(undefined), TypeError, /got undefined/],
    [
      "too few numbers",
      step(f32(1)),
      RangeError,
      /"x" expected 2 numbers, shape \[batch, features\], got Float32Array\(1\)/,
    ],
    ["too many numbers", step(f32(1, 2, 3, 4)), RangeError, /"x" expected 2 numbers/],
    ["NaN", step(f32(1, 2, 3, NaN), 2), RangeError, /"x" expected finite numbers, got NaN at \[1, 1\]/],
    ["−∞", step(f32(-Infinity, 2)), RangeError, /got -Infinity at \[0, 0\]/],
  ]);
  refuses(tokens, [
    ["a token too large", step(5), RangeError, /"x" expected tokens from 0 to 4, got 5/],
    ["a token −1", step(-1), RangeError, /got -1/],
    ["half a token", step(0.5), RangeError, /got 0\.5/],
    ["a token in an array too large", step(i32(1, 7), 2), RangeError, /got 7/],
    ["a token for two sequences", step(1, 2), TypeError, /"x" expected an Int32Array of tokens, got 1/],
    ["a text", step("a"), TypeError, /got "a"/],
    ["floats", step(f32(1)), TypeError, /got Float32Array\(1\)/],
    ["two tokens for one sequence", step(i32(1, 2)), RangeError, /"x" expected 1 tokens, one a sequence/],
  ]);
});
