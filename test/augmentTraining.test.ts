import { describe, expect, test } from "vitest";
import {
  adam,
  compose,
  crossEntropy,
  dense,
  dropout,
  embedding,
  gru,
  jitter,
  last,
  meanSquaredError,
  Network,
  scaling,
  selectExamples,
  sgd,
  sometimes,
  timeWarp,
  tokenDropout,
  windowSlice,
  type Augmentation,
  type TrainingBatch,
  type TrainingData,
  type TrainOptions,
} from "../bindings/index.ts";
import { errorOf, expectError, indices, numbers, stateOf, type Kind } from "./support.ts";

const data = { inputs: numbers([10, 6, 2]), targets: indices([10], 3), lengths: [6, 3, 5, 1, 2, 6, 4, 4, 2, 3] };
const options = { loss: crossEntropy(), optimizer: adam({ learningRate: 0.05 }), batchSize: 4, epochs: 3 };
const make = () => new Network({ input: { features: 2 }, layers: [gru(4), dropout(0.3), last(), dense(3)], seed: 2 });
const augment = compose(jitter(0.1), sometimes(0.5, windowSlice({ ratio: 0.6 })), timeWarp());

/** State of a network after training. */
function trained(more: Partial<TrainOptions>, net = make(), on: TrainingData = data): string {
  expect([...net.train(on, { ...options, ...more })].length).toBeGreaterThan(0);
  return stateOf(net);
}

describe("augment", () => {
  test("each batch goes through it, in tensors, with lengths; what is learnt is what comes back", () => {
    const seen: TrainingBatch[] = [];
    const watch: Augmentation = (batch) => {
      seen.push(batch);
      return batch;
    };
    const plain = trained({ shuffle: false });
    expect(trained({ shuffle: false, augment: watch })).toBe(plain);
    expect(seen).toHaveLength(9);
    expect(seen[1]).toEqual(selectExamples({ ...data, lengths: Int32Array.from(data.lengths) }, [4, 5, 6, 7]));
    expect(trained({ shuffle: false, augment: scaling(0.5) })).not.toBe(plain);
    // The data themselves stay, even if it writes to what it is given.
    const before = data.inputs.data.slice();
    trained({ augment: (batch) => (batch.inputs.data.fill(0), batch) });
    expect(data.inputs.data).toEqual(before);
  });

  test("by hand: the same steps", () => {
    const [net, other] = [make(), make()];
    const doubled: Augmentation = (batch) => ({
      ...batch,
      inputs: { ...batch.inputs, data: batch.inputs.data.map((x) => 2 * x) } as never,
    });
    const twice = { ...data, inputs: { shape: data.inputs.shape, data: data.inputs.data.map((x) => 2 * x) } };
    expect(trained({ augment: doubled }, net)).toBe(trained({}, other, twice));
  });

  test("a weight of each example goes along; weights of steps are refused", () => {
    const weights = [1, 0, 2, 1, 0.5, 1, 3, 1, 0, 1];
    const keep: Augmentation = (batch) => batch;
    const weighted = { ...data, weights };
    expect(trained({ augment: keep }, make(), weighted)).toBe(trained({}, make(), weighted));
    const perStep = new Network({ input: { features: 2 }, layers: [gru(4), dense(3)] });
    const steps = {
      inputs: numbers([2, 3, 2]),
      targets: indices([2, 3], 3),
      weights: [weights.slice(0, 3), [1, 1, 1]],
    };
    expect(() => perStep.train(steps, { ...options, augment: keep })).toThrow(/at most one weight an example/);
  });

  test("of tokens, of vectors, and of targets at each step", () => {
    const words = new Network({ input: { tokens: 5 }, layers: [embedding(2), gru(3), dense(2)] });
    const tags = { inputs: indices([6, 4], 4), targets: indices([6, 4], 2) };
    const unknown = tokenDropout({ rate: 0.2, replacement: 4 });
    expect(trained({ augment: compose(unknown, windowSlice({ ratio: 0.5 })) }, words, tags)).toHaveLength(64);
    const flat = new Network({ input: { features: 3 }, layers: [dense(2)] });
    const vectors = { inputs: numbers([6, 3]), targets: numbers([6, 2]) };
    const mse = { loss: meanSquaredError(), optimizer: sgd({ learningRate: 0.1 }) };
    expect(trained({ ...mse, augment: jitter() }, flat, vectors)).toHaveLength(64);
  });

  test("the seed of the network decides, and a run that is resumed goes on bit for bit", () => {
    const whole = trained({ augment });
    expect(trained({ augment })).toBe(whole);
    const net = make();
    const trainer = net.train(data, { ...options, augment });
    for (let k = 0; k < 4; k++) trainer.next();
    const later = make();
    expect(trained({ augment, resume: trainer.checkpoint() }, later)).toBe(whole);
    const call = () => make().train(data, { ...options, resume: trainer.checkpoint() });
    expect(call).toThrow(/another "augment"/);
  });

  test("fit takes it, and measures without it", async () => {
    const net = make();
    const { validationLoss } = await net.fit(data, { ...options, augment, validation: data });
    const { loss } = net.evaluate(data, { loss: options.loss, batchSize: 4 });
    expect(validationLoss.at(-1)).toBe(loss);
  });

  test.each<[string, Partial<TrainOptions>, Kind, RegExp]>([
    ["no function", { augment: "jitter" as never }, TypeError, /"augment" expected a function, got "jitter"/],
    ["it with truncate", { augment, truncate: 2 }, RangeError, /"augment" expected no truncate beside it/],
    [
      "fewer examples",
      { augment: (batch) => selectExamples(batch, [0]) },
      RangeError,
      /"augment" expected to give 4 examples, as many as it takes, got 1/,
    ],
    [
      "nothing",
      { augment: () => undefined as never },
      TypeError,
      /augment expected an object|"augment" expected an object/,
    ],
    [
      "other features",
      { augment: (batch) => ({ ...batch, inputs: numbers([4, 6, 3]) }) },
      RangeError,
      /"inputs" expected shape \[batch, time, 2\]/,
    ],
  ])("refuses %s: no step is taken", async (_, more, kind, text) => {
    const net = make();
    const before = stateOf(net).slice(0, 32);
    expectError(await errorOf(() => [...net.train(data, { ...options, ...more })]), kind, text);
    expect(stateOf(net).slice(0, 32)).toBe(before);
  });
});
