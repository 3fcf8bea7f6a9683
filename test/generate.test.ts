import { describe, expect, test } from "vitest";
import {
  characterTokenizer,
  dense,
  elman,
  embedding,
  generate,
  generateText,
  gru,
  languageModelData,
  lstm,
  Network,
  Sampler,
  tensor,
  wordTokenizer,
  type LayerDescription,
  type SampleOptions,
  type Tensor,
} from "../bindings/index.ts";

const TOKENS = 7;

function languageModel(...layers: LayerDescription[]): Network {
  return new Network({ input: { tokens: TOKENS }, layers: [embedding(5), ...layers, dense(TOKENS)], seed: 3 });
}

const models: [string, Network][] = [
  ["elman", languageModel(elman(9))],
  ["lstm", languageModel(lstm(9))],
  ["gru in two layers", languageModel(gru(9, { layers: 2 }))],
];

const argmax = (values: Float32Array) => values.indexOf(Math.max(...values));

/** The outputs at one time step of a batch of one. */
const rowOf = ({ data, shape }: Tensor, time: number) => data.slice(time * shape[2]!, (time + 1) * shape[2]!);

// -------------------------------------------------------------------------------------------------------- Sampler

const logits = Float32Array.of(0.5, 2, -1, 1.25, 0, 1);
const DRAWS = 20_000;

function softmax(values: Float32Array, temperature = 1): number[] {
  const largest = Math.max(...values);
  const powers = Array.from(values, (value) => Math.exp((value - largest) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function frequencies(options: SampleOptions, values = logits): number[] {
  const sampler = new Sampler(options);
  const counts = Array.from(values, () => 0);
  for (let i = 0; i < DRAWS; i++) counts[sampler.draw(values)]!++;
  return counts;
}

/** Pearson's χ² of counts; a class without probability must not be drawn at all. */
function chiSquare(counts: readonly number[], probabilities: readonly number[]): number {
  return counts.reduce((sum, count, i) => {
    const expected = probabilities[i]! * DRAWS;
    return expected === 0 ? sum + (count === 0 ? 0 : Infinity) : sum + (count - expected) ** 2 / expected;
  }, 0);
}

/** 99.9 % quantiles of χ² for 1 … 5 degrees of freedom. */
const QUANTILES = [10.83, 13.82, 16.27, 18.47, 20.52];

function expectDistribution(options: SampleOptions, probabilities: readonly number[]): void {
  const freedom = probabilities.filter((p) => p > 0).length - 1;
  expect(chiSquare(frequencies(options), probabilities)).toBeLessThan(QUANTILES[freedom - 1]!);
}

/** The probabilities of some classes alone, in proportion. */
function only(classes: readonly number[], temperature = 1): number[] {
  const kept = softmax(logits, temperature).map((p, i) => (classes.includes(i) ? p : 0));
  const sum = kept.reduce((a, b) => a + b, 0);
  return kept.map((p) => p / sum);
}

describe("Sampler", () => {
  test.each([0.5, 1, 2])("draws from softmax(logits / %d): χ² of 20,000 draws below its 99.9 %% quantile", (t) => {
    expectDistribution({ temperature: t, seed: 11 }, softmax(logits, t));
  });

  test("χ² would notice a wrong temperature", () => {
    expect(chiSquare(frequencies({ temperature: 1.1, seed: 11 }), softmax(logits))).toBeGreaterThan(20.52);
  });

  test("temperature 0 takes the likeliest, the first of equals", () => {
    const sampler = new Sampler({ temperature: 0 });
    expect(sampler.draw(logits)).toBe(1);
    expect(sampler.draw(Float32Array.of(1, 3, 3))).toBe(1);
    expect(sampler.draw(Float32Array.of(-4, -Infinity))).toBe(0);
    expect(sampler.draw(Float32Array.of(-1e30))).toBe(0);
    expect(() => sampler.draw(Float32Array.of(1, NaN, 3))).toThrow(/"logits\[1\]" expected a number, got NaN/);
  });

  test.each([1e-2, 1e-6, 1e-30])("temperature %d is next to temperature 0", (temperature) => {
    expect(frequencies({ temperature })).toEqual([0, DRAWS, 0, 0, 0, 0]);
  });

  test("a very high temperature makes all equally likely", () => {
    expectDistribution(
      { temperature: 1e6, seed: 5 },
      [1, 1, 1, 1, 1, 1].map((p) => p / 6),
    );
  });

  test.each([
    [1, [1]],
    [2, [1, 3]],
    [3, [1, 3, 5]],
    [6, [0, 1, 2, 3, 4, 5]],
    [99, [0, 1, 2, 3, 4, 5]],
  ])("topK %d draws from %j in their proportion", (topK, classes) => {
    if (classes.length === 1) expect(frequencies({ topK })).toEqual([0, DRAWS, 0, 0, 0, 0]);
    else expectDistribution({ topK, seed: 2 }, only(classes));
  });

  test("topK keeps the first of equals", () => {
    const [a, b, c, d] = frequencies({ topK: 2 }, Float32Array.of(0, 1, 1, 1));
    expect([a, d]).toEqual([0, 0]);
    expect(b! + c!).toBe(DRAWS);
    expect(Math.min(b!, c!)).toBeGreaterThan(9000);
  });

  // In order of probability, 1 3 5 0 4 2: the sums are 0.445, 0.655, 0.818, 0.918, 0.978, 1.
  test.each([
    [0.01, [1]],
    [0.44, [1]],
    [0.45, [1, 3]],
    [0.65, [1, 3]],
    [0.66, [1, 3, 5]],
    [0.93, [0, 1, 3, 4, 5]],
    [1, [0, 1, 2, 3, 4, 5]],
  ])("topP %d draws from the fewest that reach it, %j", (topP, classes) => {
    if (classes.length === 1) expect(frequencies({ topP })).toEqual([0, DRAWS, 0, 0, 0, 0]);
    else expectDistribution({ topP, seed: 8 }, only(classes));
  });

  test("topK, topP and temperature act together: the temperature first, then the smaller set", () => {
    expectDistribution({ temperature: 0.5, topK: 2, topP: 0.99, seed: 1 }, only([1, 3], 0.5));
    expectDistribution({ temperature: 2, topK: 5, topP: 0.4, seed: 1 }, only([1, 3], 2));
  });

  test("the same seed gives the same draws, another seed others, in all of its 53 bits", () => {
    const draws = (seed: number) => {
      const sampler = new Sampler({ seed });
      return Array.from({ length: 50 }, () => sampler.draw(logits)).join("");
    };
    const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    expect(draws(1)).toBe(draws(1));
    expect(new Set(seeds.map(draws)).size).toBe(seeds.length);
  });

  test("two samplers do not disturb each other, and logits of another size are taken", () => {
    const [one, other] = [new Sampler({ seed: 4 }), new Sampler({ seed: 4 })];
    for (let i = 0; i < 20; i++) expect(one.draw(logits)).toBe(other.draw(logits));
    expect(one.draw(Float32Array.of(0, 100))).toBe(1);
    expect(one.draw(new Float32Array(1000).fill(-100, 0, 999))).toBe(999);
  });

  test("logits beyond the range of exp are no trouble", () => {
    const sampler = new Sampler();
    expect(sampler.draw(Float32Array.of(-3e38, 3e38, 0))).toBe(1);
    expect(sampler.draw(Float32Array.of(-3e38, -Infinity))).toBe(0);
  });

  test("leaves the logits as they were", () => {
    const copy = logits.slice();
    new Sampler({ topK: 2 }).draw(copy);
    expect(copy).toEqual(logits);
  });

  test.each([
    [{ temperature: -1 }, RangeError, '"temperature" expected a finite number of at least 0, got -1'],
    [{ temperature: Infinity }, RangeError, '"temperature"'],
    [{ topK: 0 }, RangeError, '"topK" expected an integer of at least 1, got 0'],
    [{ topK: 1.5 }, RangeError, '"topK"'],
    [{ topP: 0 }, RangeError, '"topP" expected a number above 0, got 0'],
    [{ topP: 1.01 }, RangeError, '"topP"'],
    [{ seed: -1 }, RangeError, '"seed"'],
    [{ seed: 2 ** 53 }, RangeError, '"seed"'],
    [{ temperature: "1" as never }, TypeError, '"temperature" expected a number, got "1"'],
    [{ topk: 3 } as never, TypeError, 'unknown option "topk"; known are temperature, topK, topP, seed'],
  ])("refuses %j", (options: SampleOptions, kind, message) => {
    expect(() => new Sampler(options)).toThrow(kind);
    expect(() => new Sampler(options)).toThrow(message);
  });
});

// ------------------------------------------------------------------------------------------------------- generate

describe.each(models)("generate with %s", (_, net) => {
  const prompt = [3, 1, 4, 1, 5];

  test("at temperature 0 each token is the argmax of the outputs for all before it", () => {
    const sequence = [...prompt];
    for (let i = 0; i < 12; i++) {
      sequence.push(argmax(rowOf(net.forward([sequence]).output, sequence.length - 1)));
    }
    expect([...generate(net, { prompt, length: 12, temperature: 0 })]).toEqual(sequence.slice(prompt.length));
  });

  test("each token is drawn from the outputs for all before it", () => {
    const sampler = new Sampler({ temperature: 0.9, topK: 5, seed: 6 });
    const sequence = [...prompt];
    for (let i = 0; i < 12; i++) {
      sequence.push(sampler.draw(rowOf(net.forward([sequence]).output, sequence.length - 1)));
    }
    const options = { prompt, length: 12, temperature: 0.9, topK: 5, seed: 6 };
    expect([...generate(net, options)]).toEqual(sequence.slice(prompt.length));
  });

  test("a stream's outputs and state are those of the whole sequence, bit for bit", () => {
    const tokens = [...prompt, ...generate(net, { prompt, length: 40, seed: 1 })];
    const whole = net.forward([tokens]);
    const stream = net.stream();
    const steps = tokens.map((token) => stream.step(token).slice());
    steps.forEach((output, time) => expect(output).toEqual(rowOf(whole.output, time)));
    expect(stream.state).toEqual(whole.state);
  });

  test("the same seed gives the same tokens, another seed others", () => {
    const tokens = (seed?: number) => [...generate(net, { prompt, length: 60, ...(seed !== undefined && { seed }) })];
    expect(tokens(9)).toEqual(tokens(9));
    expect(tokens(9)).not.toEqual(tokens(10));
    expect(tokens()).toEqual(tokens(0));
  });

  test("generates one token a turn, and two at a time do not disturb each other", () => {
    const alone = [...generate(net, { prompt, length: 20, seed: 2 })];
    const one = generate(net, { prompt, length: 20, seed: 2 });
    const other = generate(net, { prompt: [0], length: 20, seed: 7 });
    const taken = alone.map(() => {
      other.next();
      return one.next().value;
    });
    expect(taken).toEqual(alone);
    expect(one.next().done).toBe(true);
  });

  test("leaves the network as it was", () => {
    const before = net.save();
    const random = net.randomState;
    expect([...generate(net, { prompt: Int32Array.of(2), length: 5 })]).toHaveLength(5);
    expect(net.save()).toEqual(before);
    expect(net.randomState).toEqual(random);
  });
});

describe("generate", () => {
  const net = languageModel(lstm(4));

  test("length 0 gives no token", () => {
    expect([...generate(net, { prompt: [1], length: 0 })]).toEqual([]);
  });

  test.each([
    [{ prompt: [], length: 1 }, RangeError, '"prompt" expected at least one token'],
    [{ prompt: [TOKENS], length: 1 }, RangeError, "expected tokens from 0 to 6, got 7"],
    [{ prompt: [-1], length: 1 }, RangeError, "got -1"],
    [{ prompt: [0.5], length: 1 }, RangeError, "got 0.5"],
    [{ prompt: [1], length: -1 }, RangeError, '"length" expected an integer of at least 0, got -1'],
    [{ prompt: [1], length: 1, topP: 2 }, RangeError, '"topP"'],
    [{ prompt: [1], length: 1, maxLength: 2 }, TypeError, 'unknown option "maxLength"'],
  ])("refuses %j", (options, kind, message) => {
    expect(() => [...generate(net, options)]).toThrow(kind);
    expect(() => [...generate(net, options)]).toThrow(message);
  });

  test("refuses a network that needs the end of the sequence first", () => {
    const both = languageModel(lstm(4, { bidirectional: true }));
    expect(() => [...generate(both, { prompt: [1], length: 1 })]).toThrow(TypeError);
  });
});

describe("generateText", () => {
  const tokenizer = characterTokenizer("abcdefg");
  const net = languageModel(gru(6));

  test("gives the text of the tokens, without the prompt", () => {
    const text = generateText(net, tokenizer, { prompt: "bad", length: 30, seed: 4 });
    const tokens = generate(net, { prompt: tokenizer.encode("bad"), length: 30, seed: 4 });
    expect(text).toBe(tokenizer.decode([...tokens]));
    expect(text).toMatch(/^[a-g]{30}$/);
  });

  test("counts words with a tokenizer of words", () => {
    const words = wordTokenizer("to be or not");
    const [prompt, length] = ["to be", 5];
    expect(words.size).toBe(6);
    const small = new Network({ input: { tokens: 6 }, layers: [embedding(3), elman(4), dense(6)] });
    const text = generateText(small, words, { prompt, length, temperature: 0 });
    const tokens = [...generate(small, { prompt: words.encode(prompt), length, temperature: 0 })];
    expect(text).toBe(tokens.map((token) => words.vocabulary[token]).join(""));
  });

  test("refuses a prompt with characters that the tokenizer does not know", () => {
    const options = { prompt: "fée", length: 3 };
    expect(() => generateText(net, tokenizer, options)).toThrow(RangeError);
    expect(() => generateText(net, tokenizer, options)).toThrow('got U+00E9 "é" at index 1');
  });

  test("refuses an empty prompt, and one that is no text", () => {
    expect(() => generateText(net, tokenizer, { prompt: "", length: 3 })).toThrow(
      '"prompt" expected at least one token',
    );
    expect(() => generateText(net, tokenizer, { prompt: 3 as never, length: 3 })).toThrow(TypeError);
  });
});

// ----------------------------------------------------------------------------------------------- languageModelData

describe("languageModelData", () => {
  const count = (length: number) => Int32Array.from({ length }, (_, i) => i);

  test("cuts a text into streams side by side, the targets one token ahead", () => {
    expect(languageModelData(count(7), { batch: 2 })).toEqual({
      inputs: tensor(Int32Array.of(0, 1, 2, 3, 4, 5), [2, 3]),
      targets: tensor(Int32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
    });
  });

  test.each([
    [8, 2, 3], // the token too many is left out
    [9, 2, 4],
    [3, 2, 1],
    [10, 1, 9],
    [101, 10, 10],
  ])("%d tokens in %d streams are %d steps", (length, batch, steps) => {
    const { inputs, targets } = languageModelData(count(length), { batch });
    expect(inputs).toEqual(tensor(count(batch * steps), [batch, steps]));
    expect(targets).toEqual(tensor(count(batch * steps + 1).slice(1), [batch, steps]));
  });

  test("copies: the text may change afterwards", () => {
    const tokens = count(5);
    const { inputs } = languageModelData(tokens, { batch: 2 });
    tokens.fill(9);
    expect(inputs).toEqual(tensor(Int32Array.of(0, 1, 2, 3), [2, 2]));
  });

  test.each([
    [
      "no more tokens than streams",
      count(2),
      2,
      RangeError,
      "expected more than 2 tokens, for 2 streams, got Int32Array(2)",
    ],
    ["no tokens", count(0), 1, RangeError, "more than 1 tokens"],
    ["no stream", count(9), 0, RangeError, '"batch" expected an integer of at least 1, got 0'],
    ["half a stream", count(9), 0.5, RangeError, '"batch"'],
    ["an array of numbers", [1, 2, 3] as never, 1, TypeError, '"tokens" expected an Int32Array from a tokenizer'],
  ])("refuses %s", (_, tokens: Int32Array, batch, kind, message) => {
    expect(() => languageModelData(tokens, { batch })).toThrow(kind);
    expect(() => languageModelData(tokens, { batch })).toThrow(message);
  });
});
