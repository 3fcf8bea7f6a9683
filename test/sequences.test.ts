import { describe, expect, test } from "vitest";
import { dense, embedding, gru, last, Network, oneHot, padSequences, tensor } from "../bindings/index.ts";
import { errorOf, expectError, numbers, type Kind } from "./support.ts";

const f32 = (...values: number[]) => Float32Array.from(values);

describe("padSequences", () => {
  test("tokens: to the longest, or to a length", () => {
    const sequences = [[1, 2, 3], Int32Array.of(4), [5, 6]];
    expect(padSequences(sequences)).toEqual({
      inputs: tensor(Int32Array.of(1, 2, 3, 4, 0, 0, 5, 6, 0), [3, 3]),
      lengths: Int32Array.of(3, 1, 2),
    });
    expect(padSequences(sequences, { length: 2 })).toEqual({
      inputs: tensor(Int32Array.of(1, 2, 4, 0, 5, 6), [3, 2]),
      lengths: Int32Array.of(2, 1, 2),
    });
    expect(padSequences(sequences, { length: 2, keep: "end" }).inputs.data).toEqual(Int32Array.of(2, 3, 4, 0, 5, 6));
    expect(padSequences([[1]], { length: 3 })).toEqual({
      inputs: tensor(Int32Array.of(1, 0, 0), [1, 3]),
      lengths: Int32Array.of(1),
    });
  });

  test("features: tensors and nested arrays", () => {
    const nested = [[[1, 2]], [[3, 4], [5, 6], [7, 8]]]; // prettier-ignore
    const expected = { inputs: tensor(f32(1, 2, 0, 0, 3, 4, 5, 6), [2, 2, 2]), lengths: Int32Array.of(1, 2) };
    expect(padSequences(nested, { length: 2 })).toEqual(expected);
    expect(
      padSequences(
        nested.map((rows) => tensor(f32(...rows.flat()), [rows.length, 2])),
        { length: 2 },
      ),
    ).toEqual(expected);
    expect(padSequences(nested, { length: 2, keep: "end" }).inputs.data).toEqual(f32(1, 2, 0, 0, 5, 6, 7, 8));
  });

  test("to a network the padded tensor with its lengths is the list", () => {
    const net = new Network({ input: { tokens: 9 }, layers: [embedding(3), gru(4), last(), dense(2)] });
    const list = [[1, 2, 3], [4], [5, 8]];
    const { inputs, lengths } = padSequences(list, { length: 5 });
    expect(net.predict(inputs, { lengths })).toEqual(net.predict(list));
  });

  test.each<[string, unknown, object, Kind, RegExp]>([
    ["nothing", [], {}, RangeError, /"sequences" expected at least one sequence/],
    ["an empty sequence", [[1], []], {}, RangeError, /"sequences\[1\]" expected at least one integer/],
    [
      "an empty first sequence",
      [[]],
      {},
      RangeError,
      /"sequences\[0\]" expected tokens, or features \[time, features\]/,
    ],
    ["one flat sequence", Int32Array.of(1), {}, TypeError, /"sequences" expected a list of sequences/],
    ["half a token", [[0.5]], {}, RangeError, /"sequences\[0\]\[0\]" expected an integer/],
    ["sequences of other features", [[[1, 2]], [[1]]], {}, RangeError, /"sequences\[1\]\[0\]" expected 2 numbers/],
    ["a length of 0", [[1]], { length: 0 }, RangeError, /"length" expected an integer of at least 1/],
    ["another end", [[1]], { keep: "middle" }, RangeError, /"keep" expected one of "start", "end"/],
    ["an unknown option", [[1]], { maxlen: 2 }, TypeError, /unknown option "maxlen"/],
  ])("refuses %s", async (_, sequences, options, kind, text) => {
    expectError(await errorOf(() => padSequences(sequences as never, options)), kind, text);
  });
});

describe("oneHot", () => {
  test("of a flat array, and of a tensor of any shape", () => {
    const expected = tensor(f32(0, 0, 1, 1, 0, 0), [2, 3]);
    expect(oneHot([2, 0], 3)).toEqual(expected);
    expect(oneHot(Int32Array.of(2, 0), 3)).toEqual(expected);
    expect(oneHot(tensor(Int32Array.of(2, 0), [1, 2]), 3)).toEqual(tensor(expected.data, [1, 2, 3]));
  });
  test.each<[string, unknown, number, Kind, RegExp]>([
    ["a class too many", [0, 3], 3, RangeError, /"indices\[1\]" expected an integer from 0 to 2, got 3/],
    ["a class below 0", [-1], 3, RangeError, /"indices\[0\]" expected/],
    ["half a class", [0.5], 3, RangeError, /"indices\[0\]" expected/],
    ["a text", ["1"], 3, TypeError, /"indices\[0\]" expected a number/],
    ["numbers", numbers([2]), 3, TypeError, /"indices" expected integers/],
    ["no classes", [0], 0, RangeError, /"classes" expected an integer of at least 1/],
  ])("refuses %s", async (_, indices, classes, kind, text) => {
    expectError(await errorOf(() => oneHot(indices as never, classes)), kind, text);
  });
});
