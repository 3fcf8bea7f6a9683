import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import {
  activation,
  adam,
  batchNorm,
  crf,
  crossEntropy,
  dense,
  dropout,
  elman,
  embedding,
  FormatError,
  gru,
  jordan,
  last,
  layerNames,
  layerNorm,
  lstm,
  Network,
  repeat,
  tdnn,
  type LayerDescription,
  type NetworkConfig,
} from "../bindings/index.ts";
import { readSafetensors, writeSafetensors, type RawTensor } from "../bindings/io/safetensors.ts";
import { bitsOf, distance, expectError, indices, numbers, parametersOf, stateOf } from "./support.ts";

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url));

const tagger: NetworkConfig = {
  input: { tokens: 7 },
  layers: [
    embedding(3, { name: "emb" }),
    lstm(5, { layers: 2, bidirectional: true, name: "rnn" }),
    dense(4, { name: "fc" }),
  ],
};

/** A network with every type of layer, and an input for it. */
const everything: NetworkConfig = {
  input: { tokens: 6 },
  layers: [
    embedding(4, { paddingIndex: 1 }),
    lstm(3, { layers: 2, dropout: 0.1, bidirectional: true }),
    last(),
    repeat(3),
    gru(4, { reset: "before" }),
    activation({ type: "elu", alpha: 0.5 }),
    elman(5, { activation: "relu", bias: false }),
    dropout(0.3),
    layerNorm({ epsilon: 1e-3 }),
    batchNorm({ momentum: 0.2, affine: false }),
    jordan(5, { outputs: 3, outputActivation: "softmax", decay: 0.5 }),
    tdnn(3, { delays: [0, 2], activation: "relu" }),
    dense(2, { activation: "tanh", bias: false }),
    crf(),
  ],
  seed: 11,
};
const words = indices([2, 5], 6);

describe("names and shapes", () => {
  const shapesOf = (layers: readonly LayerDescription[]) => {
    const net = new Network({ input: { tokens: 7 }, layers });
    const { tensors } = readSafetensors(net.save());
    expect([...tensors.keys()]).toEqual(net.parameters.map(({ name }) => name));
    return Object.fromEntries(
      [...tensors].map(([name, { dtype, shape }]) => (expect(dtype).toBe("F32"), [name, shape])),
    );
  };
  const rnn = (prefix: string) => ({
    [`${prefix}weight_ih_l0`]: [20, 3],
    [`${prefix}weight_hh_l0`]: [20, 5],
    [`${prefix}bias_ih_l0`]: [20],
    [`${prefix}bias_hh_l0`]: [20],
    [`${prefix}weight_ih_l0_reverse`]: [20, 3],
    [`${prefix}weight_hh_l0_reverse`]: [20, 5],
    [`${prefix}bias_ih_l0_reverse`]: [20],
    [`${prefix}bias_hh_l0_reverse`]: [20],
    [`${prefix}weight_ih_l1`]: [20, 10],
    [`${prefix}weight_hh_l1`]: [20, 5],
    [`${prefix}bias_ih_l1`]: [20],
    [`${prefix}bias_hh_l1`]: [20],
    [`${prefix}weight_ih_l1_reverse`]: [20, 10],
    [`${prefix}weight_hh_l1_reverse`]: [20, 5],
    [`${prefix}bias_ih_l1_reverse`]: [20],
    [`${prefix}bias_hh_l1_reverse`]: [20],
  });
  const both = { layers: 2, bidirectional: true };

  test("by default the layer's type, numbered from the second on; parameters as in PyTorch", () => {
    expect(shapesOf([embedding(3), lstm(5, both), dense(4), dense(2)])).toEqual({
      "embedding.weight": [7, 3],
      ...rnn("lstm."),
      "dense.weight": [4, 10],
      "dense.bias": [4],
      "dense_1.weight": [2, 4],
      "dense_1.bias": [2],
    });
  });

  test("the layer's name, or none where it is empty", () => {
    const layers = [embedding(3, { name: "model.emb" }), lstm(5, { ...both, name: "" }), dense(4, { name: "fc" })];
    expect(shapesOf(layers)).toEqual({
      "model.emb.weight": [7, 3],
      ...rnn(""),
      "fc.weight": [4, 10],
      "fc.bias": [4],
    });
  });

  test("GRU has three gates, Elman one", () => {
    expect(shapesOf([embedding(3), gru(5), elman(2, { bias: false })])).toEqual({
      "embedding.weight": [7, 3],
      "gru.weight_ih_l0": [15, 3],
      "gru.weight_hh_l0": [15, 5],
      "gru.bias_ih_l0": [15],
      "gru.bias_hh_l0": [15],
      "elman.weight_ih_l0": [2, 5],
      "elman.weight_hh_l0": [2, 2],
    });
  });

  test("states are named and ordered as PyTorch's: all h, then all c", () => {
    const names = new Network(tagger).states.map(({ name, units }) => `${name} ${units}`);
    const labels = ["l0", "l0_reverse", "l1", "l1_reverse"];
    expect(names).toEqual([...labels.map((l) => `rnn.h_${l} 5`), ...labels.map((l) => `rnn.c_${l} 5`)]);
    const unnamed = new Network({ input: { features: 1 }, layers: [gru(2, { name: "" })] });
    expect(unnamed.states).toEqual([{ name: "gru.h_l0", units: 2 }]);
  });
});

describe("PyTorch's file", () => {
  const file = fixture("torch-tagger.safetensors");
  const golden = JSON.parse(fixture("torch-tagger.json").toString()) as { tokens: number[][]; logits: number[][][] };

  test("gives PyTorch's logits, within 1e-6", () => {
    const net = Network.load(file, tagger);
    const { data, shape } = net.predict(golden.tokens);
    expect(shape).toEqual([2, 6, 4]);
    expect(distance(data, golden.logits.flat(2))).toBeLessThan(1e-6);
    expect(net.metadata).toEqual({ format: "pt" });
  });

  test("is written back with the same tensors in the same order, and the metadata", () => {
    const net = Network.load(file, tagger);
    const [theirs, ours] = [readSafetensors(file), readSafetensors(net.save())];
    expect([...ours.tensors]).toEqual([...theirs.tensors]);
    expect(ours.metadata.format).toBe("pt");
  });

  test("can be taken over by a network that is there", () => {
    const net = new Network(tagger);
    net.loadParameters(file);
    expect(distance(net.predict(golden.tokens).data, golden.logits.flat(2))).toBeLessThan(1e-6);
  });

  test("needs a description", () => {
    const error = caught(() => Network.load(file));
    expectError(error, FormatError, /no description of its network: give one as the second argument/);
    expect(error.code).toBe("mismatch");
  });
});

describe("save and load", () => {
  test("there is a layer of each type in it", () => {
    expect(new Set(everything.layers.map(({ type }) => type))).toEqual(new Set(layerNames));
  });

  test("give back the description, the weights and the outputs, bit for bit", () => {
    const net = new Network(everything);
    const copy = Network.load(net.save());
    expect(copy.config).toEqual(net.config);
    expect(copy.predict(words)).toEqual(net.predict(words));
    expect(stateOf(copy).slice(0, 32)).toBe(stateOf(net).slice(0, 32));
  });

  test("the same network gives the same bytes, before and after anything that learns nothing", () => {
    // A forward pass for training moves the statistics of batchNorm().
    const steady = { ...everything, layers: everything.layers.filter(({ type }) => type !== "batchNorm") };
    const net = new Network(steady);
    const bytes = net.save();
    expect(bitsOf(new Network(steady).save())).toBe(bitsOf(bytes));
    expect(bitsOf(Network.load(bytes).save())).toBe(bitsOf(bytes));
    net.predict(words);
    net.forward(words, { training: true });
    expect(bitsOf(net.save())).toBe(bitsOf(bytes));
    bytes.fill(0); // a copy
    expect(bitsOf(new Network(steady).save())).toBe(bitsOf(net.save()));
  });

  test("a trained network too, and it may learn on", async () => {
    const net = new Network({ input: { tokens: 6 }, layers: [embedding(3), gru(4), dense(6)] });
    const data = { inputs: words, targets: words };
    const options = { loss: crossEntropy(), optimizer: adam({ learningRate: 0.05 }), epochs: 5 };
    await net.fit(data, options);
    const copy = Network.load(net.save());
    expect(copy.predict(words)).toEqual(net.predict(words));
    const { loss } = await copy.fit(data, options);
    expect(loss.at(-1)).toBeLessThan(loss[0]!);
  });

  test("metadata are kept, whatever their names", () => {
    const net = new Network({ input: { features: 1 }, layers: [dense(1)] });
    net.metadata.tokenizer = '{"kind":"character"}';
    net.metadata.constructor_ = "ü\n𝒜";
    const copy = Network.load(net.save());
    expect(copy.metadata).toEqual(net.metadata);
    expect(bitsOf(copy.save())).toBe(bitsOf(net.save()));
  });

  test("bytes may be a Buffer, an ArrayBuffer or a view at an odd offset", () => {
    const net = new Network(everything);
    const bytes = net.save();
    const odd = new Uint8Array(bytes.length + 3);
    odd.set(bytes, 3);
    for (const one of [Buffer.from(bytes), bytes.buffer, odd.subarray(3)]) {
      expect(bitsOf(parametersOf(Network.load(one)))).toBe(bitsOf(parametersOf(net)));
    }
  });

  test("weights of float64 are rounded", () => {
    const net = new Network({ input: { features: 1 }, layers: [dense(2, { bias: false })] });
    const bytes = new Uint8Array(Float64Array.of(0.1, -3).buffer);
    net.loadParameters(writeSafetensors([["dense.weight", { dtype: "F64", shape: [2, 1], bytes }]]));
    expect([...net.parameters[0]!.value]).toEqual([Math.fround(0.1), -3]);
  });
});

function caught(call: () => unknown): FormatError {
  try {
    call();
  } catch (error) {
    return error as FormatError;
  }
  throw new Error("no error");
}

/** A network, and files of it in which something is changed. */
const config: NetworkConfig = { input: { features: 2 }, layers: [lstm(3), dense(2)] };
const saved = new Network(config).save();
function forged(
  change: (tensors: Map<string, RawTensor>) => unknown,
  description?: unknown,
  more: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const { tensors, metadata } = readSafetensors(saved);
  const copy = new Map(tensors);
  change(copy);
  const text = typeof description === "string" ? description : JSON.stringify(description);
  return writeSafetensors(copy, { ...metadata, ...(description !== undefined && { unrolled: text }), ...more });
}
const zeros = (shape: readonly number[], dtype: RawTensor["dtype"] = "F32", bytes = 4): RawTensor => ({
  dtype,
  shape,
  bytes: new Uint8Array(shape.reduce((a, b) => a * b, bytes)),
});
const same = () => undefined;

type BadFile = readonly [title: string, bytes: Uint8Array, code: FormatError["code"], text: RegExp];

const badWeights: readonly BadFile[] = [
  ["nothing", new Uint8Array(0), "truncated", /8 bytes or more, got 0/],
  ["7 bytes", saved.subarray(0, 7), "truncated", /8 bytes or more, got 7/],
  ["the head alone", saved.subarray(0, 8), "truncated", /the header expected \d+ bytes, as announced, got 0/],
  ["half of it", saved.subarray(0, saved.length >> 1), "truncated", /expected/],
  ["a byte too few", saved.subarray(0, -1), "truncated", /data up to byte/],
  ["a byte too many", new Uint8Array([...saved, 0]), "malformed", /bytes of data/],
  ["junk", new Uint8Array(500).fill(0xa5), "malformed", /header/],
  ["zeros", new Uint8Array(500), "malformed", /JSON object/],
  [
    "a tensor missing",
    forged((t) => t.delete("dense.bias")),
    "mismatch",
    /no tensor "dense\.bias"; it has lstm\.weight_ih/,
  ],
  ["all tensors missing", forged((t) => t.clear()), "mismatch", /no tensor "lstm\.weight_ih_l0"; it has none/],
  [
    "a tensor too many",
    forged((t) => t.set("fc.bias", zeros([2]))),
    "mismatch",
    /a tensor "fc\.bias" that the network has not: remove it/,
  ],
  [
    "another shape",
    forged((t) => t.set("dense.bias", zeros([3]))),
    "mismatch",
    /"dense\.bias" expected shape \[2\], got \[3\]/,
  ],
  [
    "a transposed matrix",
    forged((t) => t.set("dense.weight", zeros([3, 2]))),
    "mismatch",
    /expected shape \[2, 3\], got \[3, 2\]/,
  ],
  [
    "one dimension more",
    forged((t) => t.set("dense.bias", zeros([2, 1]))),
    "mismatch",
    /expected shape \[2\], got \[2, 1\]/,
  ],
  [
    "whole numbers without a scale",
    forged((t) => t.set("dense.weight", zeros([2, 3], "I8", 1))),
    "unsupported",
    /"dense\.weight" expected dtype F32, F64, F16 or BF16, got I8\. Convert/,
  ],
  [
    "whole numbers with a scale too few",
    forged((t) => t.set("dense.weight", zeros([2, 3], "I8", 1)).set("dense.weight.scale", zeros([1]))),
    "mismatch",
    /"dense\.weight" expected a scale for each row/,
  ],
  [
    "integers",
    forged((t) => t.set("dense.weight", zeros([2, 3], "I64", 8))),
    "unsupported",
    /dtype F32, F64, F16 or BF16, got I64/,
  ],
];

describe("files with wrong weights", () => {
  test.each(badWeights)("%s: loadParameters leaves the network as it was", (_, bytes, code, text) => {
    const net = new Network({ ...config, seed: 5 });
    const before = { state: stateOf(net), output: net.predict(numbers([1, 3, 2])) };
    const error = caught(() => net.loadParameters(bytes));
    expectError(error, FormatError, text);
    expect(error.code).toBe(code);
    expect(stateOf(net)).toBe(before.state);
    expect(net.predict(numbers([1, 3, 2]))).toEqual(before.output);
    net.loadParameters(saved);
    expect(bitsOf(net.save())).not.toBe(bitsOf(new Network({ ...config, seed: 5 }).save()));
  });

  test.each(badWeights)("%s: load refuses it", (_, bytes, code, text) => {
    for (const load of [() => Network.load(bytes), () => Network.load(bytes, config)]) {
      const error = caught(load);
      expectError(error, FormatError, text);
      expect(error.code).toBe(code);
    }
  });

  test.each([
    ["a text", "x"],
    ["null", null],
    ["floats", new Float32Array(4)],
    ["nothing", undefined],
  ])("%s is a TypeError", (_, bytes) => {
    for (const load of [() => Network.load(bytes as never), () => new Network(config).loadParameters(bytes as never)]) {
      expectError(caught(load), TypeError, /"bytes" expected a Uint8Array or an ArrayBuffer, got/);
    }
  });
});

describe("files with a wrong description", () => {
  const described = (network: object) => forged(same, { version: 1, input: { features: 2 }, ...network });
  const layer = (description: unknown) => described({ layers: [description] });
  const wrong = /^the file's description of the network is wrong: /;
  const cases: readonly BadFile[] = [
    [
      "none, in another's metadata",
      writeSafetensors([["a", zeros([1])]], { format: "pt" }),
      "mismatch",
      /no description/,
    ],
    [
      "no JSON",
      forged(same, "{version:1}"),
      "malformed",
      /description of the network expected a JSON object, got "\{version:1\}"/,
    ],
    ["an empty text", forged(same, ""), "malformed", /expected a JSON object, got ""/],
    ["a list", forged(same, "[]"), "malformed", /expected a JSON object, got "\[\]"/],
    ["null", forged(same, "null"), "malformed", /expected a JSON object, got "null"/],
    ["version 2", forged(same, { version: 2 }), "unsupported", /has version 2, and this library reads 1: update it/],
    ["a long version", forged(same, { version: "9".repeat(1e6) }), "unsupported", /has version "9{80}/],
    [
      "a deep version",
      forged(same, `{"version":${"[".repeat(1e5)}${"]".repeat(1e5)}}`),
      "unsupported",
      /has version \[an array of 1\]/,
    ],
    ["no version", forged(same, { input: { features: 2 }, layers: [] }), "unsupported", /has version undefined/],
    ["no layers", described({}), "malformed", /"layers" expected an array of layers, got undefined/],
    ["an empty list of layers", described({ layers: [] }), "malformed", /at least one layer/],
    ["no input", forged(same, { version: 1, layers: [dense(2)] }), "malformed", /"input" expected an object/],
    ["input null", described({ input: null, layers: [dense(2)] }), "malformed", /"input" expected an object, got null/],
    [
      "input −1",
      described({ input: { features: -1 }, layers: [dense(2)] }),
      "malformed",
      /"features" expected an integer/,
    ],
    ["seed −1", described({ layers: [dense(2)], seed: -1 }), "malformed", /"seed"/],
    ["a layer that is null", layer(null), "malformed", /"layers\[0\]" expected a layer such as dense\(8\), got null/],
    [
      "a layer that nests deep",
      forged(same, `{"version":1,"input":{"features":2},"layers":[${"[".repeat(1e5)}${"]".repeat(1e5)}]}`),
      "malformed",
      wrong,
    ],
    [
      "units that nest deep",
      forged(
        same,
        `{"version":1,"input":{"features":2},"layers":[{"type":"dense","units":${"[".repeat(1e5)}${"]".repeat(1e5)}}]}`,
      ),
      "malformed",
      wrong,
    ],
    ["an unknown layer", layer({ type: "conv1d", units: 3 }), "malformed", /"layers\[0\]\.type" expected one of/],
    ["a layer off Object.prototype", layer({ type: "constructor" }), "malformed", /expected one of/],
    ["__proto__ as a type", layer({ type: "__proto__" }), "malformed", /expected one of/],
    [
      "an own __proto__ in a layer",
      forged(
        same,
        '{"version":1,"input":{"features":2},"layers":[{"type":"dense","units":2,"__proto__":{"bias":false}}]}',
      ),
      "malformed",
      /unknown option "__proto__"/,
    ],
    [
      "an own __proto__ in the input",
      forged(same, '{"version":1,"input":{"features":2,"__proto__":{"tokens":1}},"layers":[]}'),
      "malformed",
      /unknown option "__proto__"/,
    ],
    ["an unknown option", layer({ type: "dense", units: 2, evil: 1 }), "malformed", /unknown option "evil"/],
    ["units as a text", layer({ type: "dense", units: "2" }), "malformed", /"units" expected a number/],
    [
      "layers that do not fit",
      described({ layers: [lstm(3), last(), lstm(2)] }),
      "malformed",
      /^the file's .* wrong: lstm\(\) needs a sequence/,
    ],
    [
      "two layers of a name",
      described({ layers: [dense(2, { name: "a" }), dense(2, { name: "a" })] }),
      "malformed",
      wrong,
    ],
    ["a reserved name", layer({ type: "dense", units: 2, name: "__training__" }), "malformed", /"name" expected/],
    [
      "another network",
      described({ layers: [lstm(4), dense(2)] }),
      "mismatch",
      /"lstm\.weight_ih_l0" expected shape \[16, 2\], got \[12, 2\]/,
    ],
    ["fewer layers", described({ layers: [lstm(3)] }), "mismatch", /a tensor "dense\.weight" that the network has not/],
    ["more layers", described({ layers: [lstm(3), dense(2), dense(2)] }), "mismatch", /no tensor "dense_1\.weight"/],
  ];

  test.each(cases)("%s", (_, bytes, code, text) => {
    const error = caught(() => Network.load(bytes));
    expectError(error, FormatError, text);
    expect(error.code).toBe(code);
    expect(({} as Record<string, unknown>).bias).toBeUndefined();
  });

  test("with a description beside it, what the file says does not count, but for its form", () => {
    expect(Network.load(described({ layers: [lstm(4)] }), config).config.layers).toEqual(config.layers);
    expect(() => Network.load(saved, { input: { features: 2 }, layers: [dense(0)] })).toThrow(RangeError);
    expect(() => Network.load(saved, null as never)).toThrow(TypeError);
  });

  test("metadata that would reach Object.prototype do not", () => {
    const net = Network.load(
      forged(same, undefined, JSON.parse('{"__proto__":"x","toString":"y"}') as Record<string, string>),
    );
    expect(Object.entries(net.metadata)).toEqual([["toString", "y"]]);
    expect(Object.getPrototypeOf(net.metadata)).toBe(Object.prototype);
    expect(({} as { x?: unknown }).x).toBeUndefined();
    expect(net.predict(numbers([1, 2, 2])).shape).toEqual([1, 2, 2]);
  });
});

describe("small files that ask for much", () => {
  const huge = (network: object) =>
    forged((tensors) => tensors.clear(), { version: 1, input: { features: 2 }, ...network });
  const many = (n: number, layer: object) => huge({ layers: new Array<object>(n).fill(layer) });
  const files: [string, Uint8Array, RegExp][] = [
    ["1e9 units", huge({ layers: [{ type: "dense", units: 1e9 }] }), /no tensor "dense\.weight"/],
    ["1e9 units of an LSTM", huge({ layers: [{ type: "lstm", units: 1e9 }] }), /no tensor "lstm\.weight_ih_l0"/],
    ["1e9 tokens", huge({ input: { tokens: 1e9 }, layers: [{ type: "embedding", units: 1e9 }] }), /no tensor/],
    ["1e9 features", huge({ input: { features: 1e9 }, layers: [{ type: "gru", units: 3 }] }), /no tensor/],
    ["2 ** 53 units", huge({ layers: [{ type: "dense", units: 2 ** 53 }] }), /"units" expected an integer/],
    [
      "1e999 units",
      forged(same, '{"version":1,"input":{"features":2},"layers":[{"type":"dense","units":1e999}]}'),
      /"units"/,
    ],
    [
      "1e9 stacked layers",
      huge({ layers: [{ type: "lstm", units: 3, layers: 1e9 }] }),
      /"layers" expected an integer from 1 to/,
    ],
    [
      "20,000 layers of 1,024",
      many(20_000, { type: "lstm", units: 1, layers: 1024, bidirectional: true }),
      /no tensor/,
    ],
    ["20,000 layers of one name", many(20_000, { type: "lstm", units: 1, layers: 1024, name: "a" }), /the "name" "a"/],
    ["20,000 layers without a name", many(20_000, { type: "lstm", units: 1, layers: 1024, name: "" }), /no tensor/],
    [
      "1e9 steps of repeat, and no weights",
      huge({
        layers: [
          { type: "repeat", steps: 1e9 },
          { type: "dense", units: 1 },
        ],
      }),
      /no tensor/,
    ],
  ];

  test.each(files)("%s: refused before memory is taken", (_, bytes, text) => {
    const spy = vi.spyOn(WebAssembly.Memory.prototype, "grow");
    const before = process.memoryUsage().heapUsed;
    const error = caught(() => Network.load(bytes));
    const heap = process.memoryUsage().heapUsed - before;
    const calls = spy.mock.calls.length;
    spy.mockRestore();
    expectError(error, FormatError, text);
    expect(calls).toBe(0);
    expect(heap).toBeLessThan(50e6);
  });

  test("the weights of one layer cannot be claimed by a thousand", () => {
    const net = new Network({ input: { features: 1 }, layers: [elman(1, { layers: 64, name: "" })] });
    const { tensors } = readSafetensors(net.save());
    const layers = new Array<LayerDescription>(1000).fill(elman(1, { layers: 64, name: "" }));
    const unrolled = JSON.stringify({ version: 1, input: { features: 1 }, layers });
    const error = caught(() => Network.load(writeSafetensors(tensors, { unrolled })));
    expectError(error, FormatError, /two layers have the "name" "weight_ih_l0"/);
  });
});
