import { describe, expect, test } from "vitest";
import {
  adam,
  crossEntropy,
  dense,
  elman,
  embedding,
  generate,
  gru,
  languageModelData,
  last,
  lstm,
  meanSquaredError,
  Network,
  splitSequence,
  tensor,
  type Input,
  type Targets,
  type Tensor,
} from "../bindings/index.ts";
import { indices, numbers } from "./support.ts";

describe("tensor", () => {
  test("keeps the data, and a frozen copy of the shape", () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const shape = [1, 3, 2];
    const made = tensor(data, shape);
    shape[0] = 9;
    expect(made.data).toBe(data);
    expect(made.shape).toEqual([1, 3, 2]);
    expect(Object.isFrozen(made) && Object.isFrozen(made.shape)).toBe(true);
  });

  test("takes integers, a scalar, and sizes of 0", () => {
    expect(tensor(Int32Array.of(1, 2), [2]).shape).toEqual([2]);
    expect(tensor(Float32Array.of(1), []).shape).toEqual([]);
    expect(tensor(new Float32Array(0), [3, 0, 2]).shape).toEqual([3, 0, 2]);
  });

  test("one of another length than its shape says what is missing", () => {
    expect(() => tensor(new Float32Array(5), [2, 3])).toThrow(
      new RangeError('"data" expected 6 elements for shape [2, 3], got Float32Array(5)'),
    );
  });
});

/** The same values in all forms that are taken. */
describe("forms of an input", () => {
  const net = new Network({ input: { features: 2 }, layers: [gru(3), dense(2)] });
  const whole = numbers([2, 3, 2]);
  const nested = [0, 1].map((b) => [0, 1, 2].map((t) => [0, 1].map((f) => whole.data[(b * 3 + t) * 2 + f]!)));
  const forms: [string, Input][] = [
    ["nested arrays", nested],
    ["a tensor by hand", { data: whole.data, shape: [2, 3, 2] }],
    ["a list of flat sequences", [whole.data.slice(0, 6), whole.data.subarray(6)]],
    ["a list of tensors", [tensor(whole.data.slice(0, 6), [3, 2]), tensor(whole.data.slice(6), [3, 2])]],
  ];
  test.each(forms)("%s is the tensor [batch, time, features]", (_, input) => {
    expect(net.predict(input)).toEqual(net.predict(whole));
    expect(net.forward(input)).toEqual(net.forward(whole));
    const loss = meanSquaredError();
    const expected = net.evaluate({ inputs: whole, targets: whole }, { loss });
    expect(net.evaluate({ inputs: input, targets: input }, { loss })).toEqual(expected);
  });

  test("sequences of other lengths are a list, in any of the forms", () => {
    const mixed = [nested[0]!.slice(0, 1), nested[1]!];
    const lists: Input[] = [
      mixed,
      [whole.data.slice(0, 2), whole.data.slice(6)],
      [tensor(whole.data.slice(0, 2), [1, 2]), tensor(whole.data.slice(6), [3, 2])],
    ];
    for (const list of lists) expect(net.predict(list)).toEqual(net.predict(whole, { lengths: [1, 3] }));
    expect(net.predict(whole, { lengths: Int32Array.of(1, 3) })).toEqual(net.predict(whole, { lengths: [1, 3] }));
  });

  const flat = new Network({ input: { features: 2 }, layers: [dense(3), dense(2)] });
  test("vectors: nested arrays and a tensor [batch, features]", () => {
    const vectors = numbers([3, 2]);
    const rows = [0, 1, 2].map((b) => [vectors.data[2 * b]!, vectors.data[2 * b + 1]!]);
    expect(flat.predict(rows)).toEqual(flat.predict(vectors));
    expect(flat.predict(vectors).shape).toEqual([3, 2]);
    const { loss } = flat.evaluate({ inputs: rows, targets: vectors }, { loss: meanSquaredError() });
    expect(flat.evaluate({ inputs: vectors, targets: rows }, { loss: meanSquaredError() }).loss).toBe(loss);
  });

  test("targets of one output: a list of arrays is [batch, features]", () => {
    const single = new Network({ input: { features: 2 }, layers: [gru(3), last(), dense(2)] });
    const targets = numbers([2, 2], 3);
    const data = (value: Targets) => ({ inputs: whole, targets: value });
    const loss = meanSquaredError();
    const expected = single.evaluate(data(targets), { loss });
    expect(single.evaluate(data([targets.data.slice(0, 2), targets.data.slice(2)]), { loss })).toEqual(expected);
    expect(single.evaluate(data([[...targets.data.slice(0, 2)], [...targets.data.slice(2)]]), { loss })).toEqual(
      expected,
    );
    expect(single.evaluate(data(numbers([2, 2])), { loss: crossEntropy() }).accuracy).toBeUndefined();
  });

  const words = new Network({ input: { tokens: 6 }, layers: [embedding(2), elman(3), dense(6)] });
  const ids = indices([2, 3], 6);
  const idForms: [string, Input & Targets][] = [
    ["nested arrays", [[...ids.data.slice(0, 3)], [...ids.data.slice(3)]]],
    ["a list of Int32Array", [ids.data.slice(0, 3), ids.data.slice(3)]],
    ["a list of both", [[...ids.data.slice(0, 3)], ids.data.slice(3)]],
    ["a tensor by hand", { data: ids.data, shape: [2, 3] }],
  ];
  test.each(idForms)("tokens and classes: %s is the tensor [batch, time]", (_, input) => {
    expect(words.predict(input)).toEqual(words.predict(ids));
    const options = { loss: crossEntropy() };
    const expected = words.evaluate({ inputs: ids, targets: ids }, options);
    expect(words.evaluate({ inputs: input, targets: input }, options)).toEqual(expected);
  });

  test("tokens: a flat array is one sequence; classes of one output: one flat array [batch]", () => {
    const one = tensor(ids.data.slice(0, 3), [1, 3]);
    expect(words.predict([...one.data])).toEqual(words.predict(one));
    expect(words.predict(one.data)).toEqual(words.predict(one));
    const single = new Network({ input: { tokens: 6 }, layers: [embedding(2), lstm(3), last(), dense(6)] });
    const options = { loss: crossEntropy() };
    const expected = single.evaluate({ inputs: ids, targets: tensor(Int32Array.of(3, 5), [2]) }, options);
    expect(single.evaluate({ inputs: ids, targets: [3, 5] }, options)).toEqual(expected);
    expect(single.evaluate({ inputs: ids, targets: Int32Array.of(3, 5) }, options)).toEqual(expected);
  });

  test("distributions for crossEntropy: one that is certain is its class", () => {
    const classes = [[0, 5, 2], [1, 1, 4]]; // prettier-ignore
    const certain = classes.map((row) => row.map((c) => Array.from({ length: 6 }, (_, j) => (j === c ? 1 : 0))));
    const flat = certain.map((rows) => Float32Array.from(rows.flat()));
    const whole = tensor(Float32Array.from(certain.flat(2)), [2, 3, 6]);
    const { loss } = words.evaluate({ inputs: ids, targets: classes }, { loss: crossEntropy() });
    for (const targets of [certain, flat, whole]) {
      expect(words.evaluate({ inputs: ids, targets }, { loss: crossEntropy() }).loss).toBeCloseTo(loss, 6);
    }
  });

  test("nothing that was given is changed", () => {
    const input = { data: Object.freeze([1, 2]), shape: Object.freeze([1, 1, 2]) };
    expect(Object.isFrozen(input.shape)).toBe(true);
    const copy = whole.data.slice();
    const frozen = Object.freeze(nested.map((rows) => Object.freeze(rows.map((row) => Object.freeze(row)))));
    net.predict(frozen);
    net.forward(whole, { training: true });
    net.backward(whole);
    expect(whole.data).toEqual(copy);
  });
});

describe("languageModelData", () => {
  const text = Int32Array.from({ length: 23 }, (_, i) => i);

  test("cuts a text into streams, the targets one token ahead", () => {
    const { inputs, targets } = languageModelData(text, { batch: 3 }) as { inputs: Tensor; targets: Tensor };
    expect([inputs.shape, targets.shape]).toEqual([
      [3, 7],
      [3, 7],
    ]);
    expect([...inputs.data]).toEqual([...text.subarray(0, 21)]);
    expect([...targets.data]).toEqual([...text.subarray(1, 22)]);
  });

  test("one stream takes all but the last token; as many streams as steps take one each", () => {
    expect((languageModelData(text, { batch: 1 }).inputs as Tensor).shape).toEqual([1, 22]);
    expect((languageModelData(text, { batch: 22 }).inputs as Tensor).shape).toEqual([22, 1]);
    expect(() => languageModelData(text, { batch: 23 })).toThrow(
      /"tokens" expected more than 23 tokens, for 23 streams/,
    );
  });

  test("copies: the text may change afterwards", () => {
    const own = text.slice();
    const { inputs } = languageModelData(own, { batch: 2 });
    own.fill(0);
    expect((inputs as Tensor).data[5]).toBe(5);
  });

  test("a text that repeats is learnt with truncate, and goes on by itself", async () => {
    const tokens = Int32Array.from({ length: 400 }, (_, i) => [0, 1, 2, 1, 3][i % 5]!);
    const [learn = tokens, hold = tokens] = splitSequence(tokens, [0.8, 0.2]);
    const net = new Network({ input: { tokens: 4 }, layers: [embedding(4), gru(12), dense(4)], seed: 2 });
    const loss = crossEntropy();
    const history = await net.fit(languageModelData(learn, { batch: 4 }), {
      ...{ loss, optimizer: adam({ learningRate: 0.02 }), epochs: 15, batchSize: 4, truncate: 10, clipNorm: 1 },
      validation: languageModelData(hold, { batch: 1 }),
    });
    expect(history.validationLoss.at(-1)).toBeLessThan(0.1);
    expect([...generate(net, { prompt: [0, 1, 2, 1], length: 6, temperature: 0 })]).toEqual([3, 0, 1, 2, 1, 3]);
  });
});
