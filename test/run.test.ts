/** `unrolled/run` as it is packed: what it runs gives the bits of the whole library, and nothing of learning is in it. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import {
  activation,
  adam,
  batchNorm,
  characterTokenizer,
  crf,
  dense,
  dropout,
  elman,
  embedding,
  generateText,
  gru,
  jordan,
  last,
  layerNames,
  layerNorm,
  lstm,
  meanSquaredError,
  Network,
  repeat,
  tdnn,
  type LayerDescription,
  type NetworkConfig,
} from "../bindings/index.ts";
import * as losses from "../bindings/losses/index.ts";
import { numbers } from "./support.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const run = (await import(path("../dist/run.js"))) as typeof import("../bindings/run.ts");

const features = { input: { features: 3 } };
const configs: readonly NetworkConfig[] = [
  { ...features, layers: [lstm(5, { layers: 2, bidirectional: true, dropout: 0.5 }), dropout(0.5), dense(2)] },
  { ...features, layers: [gru(17), gru(5, { reset: "before" }), activation("mish"), dense(3)] },
  {
    ...features,
    layers: [elman(8, { activation: "relu" }), last(), repeat(4), lstm(3), dense(2, { activation: "gelu" })],
  },
  { input: { tokens: 7 }, layers: [embedding(4), lstm(6, { forgetBias: 1 }), dense(7, { activation: "softmax" })] },
];

function inputsOf({ input }: NetworkConfig) {
  return "tokens" in input ? [[1, 2, 3], [4, 5, 6, 0], [0]] : numbers([5, 6, 3]);
}

const plain = ["activation", "dense", "dropout", "elman", "embedding", "gru", "last", "lstm", "repeat"];

test("the cases have every plain layer", () => {
  const seen = new Set(configs.flatMap(({ layers }) => layers.map(({ type }) => type)));
  expect([...seen].sort()).toEqual(plain);
});

/** Layers that only the whole library has. */
const others: readonly LayerDescription[] = [batchNorm(), crf(), jordan(2, { outputs: 1 }), layerNorm(), tdnn(2)];

test("there is a case for each of the other layers", () => {
  expect([...plain, ...others.map(({ type }) => type)].sort()).toEqual([...layerNames].sort());
});

test.each(others.map((layer) => [layer.type, layer] as const))(
  "%s: the error says where it is to be had",
  (type, layer) => {
    const config = { ...features, layers: [lstm(3), layer] };
    const text = new RegExp(
      `"layers\\[1\\].type" expected .*the whole library: import from "unrolled"\\), got "${type}"`,
    );
    expect(() => new run.Network(config)).toThrow(text);
    expect(() => run.Network.load(new Network(config).save())).toThrow(text);
    expect(() => run.Network.load(new Network(config).save())).toThrow(run.FormatError);
  },
);

test.each([undefined, "toString", 3])("a layer of type %j", (type) => {
  expect(() => new run.Network({ ...features, layers: [{ type } as never] })).toThrow(RangeError);
});

describe.each(configs.map((config) => ({ config, name: config.layers.map(({ type }) => type).join(", ") })))(
  "$name",
  ({ config }) => {
    const net = new Network({ ...config, seed: 5 });
    net.metadata.note = "kept";
    const inputs = inputsOf(config);
    const small = run.Network.load(net.save());

    test("predicts and runs as the network that was saved, bit for bit", () => {
      expect(small.predict(inputs)).toEqual(net.predict(inputs));
      expect(small.forward(inputs)).toEqual(net.forward(inputs));
      expect(small.metadata).toEqual({ note: "kept" });
    });

    test("takes other weights of the same shape", () => {
      const other = new Network({ ...config, seed: 6 });
      small.loadParameters(other.save());
      expect(small.predict(inputs)).toEqual(other.predict(inputs));
      small.loadParameters(net.save());
    });
  },
);

test("streams and generates", () => {
  const tokenizer = characterTokenizer("abcdefg");
  const net = new Network(configs[3]!);
  const small = run.Network.load(net.save());
  const options = { prompt: "ab", length: 40, seed: 3 };
  expect(run.generateText(small, tokenizer, options)).toBe(generateText(net, tokenizer, options));
  const [ours, theirs] = [small.stream(), net.stream()];
  expect(ours.step(3)).toEqual(theirs.step(3));
  theirs.restore(ours.snapshot());
  expect(ours.step(4)).toEqual(theirs.step(4));
});

test("runs a checkpoint of training", () => {
  const net = new Network(configs[0]!);
  const trainer = net.train(
    { inputs: numbers([2, 3, 3]), targets: numbers([2, 3, 2]) },
    { loss: meanSquaredError(), optimizer: adam() },
  );
  trainer.next();
  expect(run.Network.load(trainer.checkpoint()).predict(numbers([1, 2, 3]))).toEqual(net.predict(numbers([1, 2, 3])));
});

test.each([
  ["lstm", lstm(4, { peepholes: true }), "peepholes"],
  ["lstm", lstm(4, { projection: 2 }), "projection"],
  ["gru", gru(4, { zoneout: 0.1 }), "zoneout"],
  ["elman", elman(4, { learnInitialState: true }), "learnInitialState"],
])(
  "%s: a file with more than the plain layers needs the whole library, and the error says so: %o",
  (type, layer, option) => {
    const bytes = new Network({ ...features, layers: [layer] }).save();
    const load = () => run.Network.load(bytes);
    expect(load).toThrow(run.FormatError);
    expect(load).toThrow(`${type}: unknown option "${option}"; known are layers, `);
    expect(load).toThrow('other options need the whole library: import from "unrolled"');
  },
);

test("without a file its weights are zeros", () => {
  const net = new run.Network({ ...features, layers: [run.lstm(4), run.dense(2)] });
  expect(net.parameters.every(({ value }) => value.every((x) => x === 0))).toBe(true);
});

test("refuses a damaged file as the whole library does", () => {
  const load = () => run.Network.load(new Uint8Array(4));
  expect(load).toThrow(run.FormatError);
  expect(load).toThrow(/8 bytes or more/);
});

describe("what a bundler keeps", () => {
  const bundle = async (name: string) => {
    const options = { bundle: true, minify: true, format: "esm", write: false, tsconfigRaw: {} } as const;
    const { outputFiles } = await build({ entryPoints: [path(`size/${name}.js`)], ...options });
    return outputFiles[0]!.text;
  };

  test("an app that only runs has no trainer, optimizer, loss, checkpoint or initializer", async () => {
    const text = await bundle("run");
    expect(text).toMatch(/weight_ih/);
    expect(text).not.toMatch(/adam|crossEntropy|clipNorm|learningRate|resume|orthogonal|gradientCheck|backward\(/);
    expect(text).not.toMatch(/peepholes|zoneout|learnInitialState|drawMask/);
    const whole = await bundle("train");
    for (const word of [
      "adam",
      "crossEntropy",
      "clipNorm",
      "learningRate",
      "resume",
      "orthogonal",
      "backward(",
      "peepholes",
      "drawMask",
    ]) {
      expect(whole).toContain(word); // or the test above would show nothing
    }
  });

  test("an app that trains has its own loss, and no other", async () => {
    const text = await bundle("train");
    const everything = await bundle("everything");
    const others = Object.keys(losses).filter(
      (name) => !["crossEntropy", "ctcDecode", "MixtureSampler"].includes(name),
    );
    for (const name of others) {
      expect(everything).toContain(`"${name}"`);
      expect(text).not.toContain(`"${name}"`);
    }
    expect(everything).toMatch(/beamWidth.*penStates/s);
    expect(text).not.toMatch(/beamWidth|penStates|zeroInfinity|positiveWeights|quantiles/);
  });

  test("a page with a tokenizer has no network and no core", async () => {
    expect(await bundle("text")).not.toMatch(/weight_ih|WebAssembly/);
  });
});
