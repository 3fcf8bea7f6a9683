/** Keras, TensorFlow.js and brain.js: files under models/, see its README. */

import { readFileSync } from "node:fs";
import { unzipSync, zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import {
  adam,
  dense,
  dropout,
  elman,
  embedding,
  FormatError,
  gru,
  lstm,
  meanSquaredError,
  Network,
  tensor,
} from "../bindings/index.ts";
import { importBrainJs, importKeras, importKerasWeights, importTensorFlowJs } from "../bindings/formats.ts";
import { readHdf5 } from "../bindings/io/hdf5.ts";
import { distance, expectError } from "./support.ts";

const file = (name: string) => new Uint8Array(readFileSync(new URL(`models/${name}`, import.meta.url)));
const json = (name: string): unknown => JSON.parse(new TextDecoder().decode(file(name)));

interface Vectors {
  readonly tokens?: number[][];
  readonly input?: number[][] | number[][][];
  readonly output: number[][] | number[][][];
}

function far(net: Network, { tokens, input, output }: Vectors): number {
  const isTokens = "tokens" in net.config.input;
  const given = tokens ?? (isTokens ? (input as number[][]) : tensor(Float32Array.from(flat(input)), shapeOf(input)));
  return distance(net.forward(given).output.data, flat(output));
}

function flat(list: unknown): number[] {
  return Array.isArray(list) ? list.flatMap(flat) : [list as number];
}

function shapeOf(list: unknown): number[] {
  return Array.isArray(list) ? [list.length, ...shapeOf(list[0])] : [];
}

function refused(call: () => unknown, code: FormatError["code"], text: RegExp): void {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expectError(error, FormatError, text);
  expect((error as FormatError).code).toBe(code);
}

type Tree = Record<string, unknown>;

/** What stands at a path such as "config.layers.3.name" in parsed JSON. */
function get(model: unknown, path: string): unknown {
  let at = model;
  for (const key of path.split(".")) at = (at as Tree)[key];
  return at;
}

function listIn(model: unknown, path: string): unknown[] {
  return get(model, path) as unknown[];
}

/** Sets it, or deletes it when there is no value. */
function put(model: unknown, path: string, value?: unknown): void {
  const keys = path.split(".");
  const at = (keys.length === 1 ? model : get(model, keys.slice(0, -1).join("."))) as Tree;
  if (value === undefined) Reflect.deleteProperty(at, keys.at(-1));
  else at[keys.at(-1)] = value;
}

type Change = (model: unknown) => void;

describe("Keras", () => {
  const outputs = json("keras/outputs.json") as Record<string, Vectors>;

  test.each(["sequential", "functional", "last"])("%s.keras gives the outputs of Keras' equations", (name) => {
    const net = importKeras(file(`keras/${name}.keras`));
    expect(far(net, outputs[name]!)).toBeLessThan(2e-6);
    expect(JSON.parse(net.metadata.origin!)).toEqual({ format: "keras", version: "3.3.3" });
  });

  test("keeps the names of the layers, learns, and is saved as any network", () => {
    const net = importKeras(file("keras/functional.keras"));
    expect(net.parameters.slice(0, 2).map(({ name }) => name)).toEqual(["d0.weight", "d0.bias"]);
    const { input, output } = outputs.functional!;
    const data = { inputs: input as number[][], targets: (output as number[][]).map((row) => row.map((x) => -x)) };
    const options = { loss: meanSquaredError(), optimizer: adam() };
    const before = net.evaluate(data, { loss: options.loss }).loss;
    for (const _ of net.train(data, { ...options, epochs: 20 })) continue;
    expect(net.evaluate(data, { loss: options.loss }).loss).toBeLessThan(before);
    expect(Network.load(net.save()).parameterVector).toEqual(net.parameterVector);
  });

  test("float16 weights, and an archive packed with compression", () => {
    expect(far(importKeras(file("keras/half.keras")), outputs.sequential!)).toBeLessThan(1e-3);
    const packed = zipSync(unzipSync(file("keras/sequential.keras")), { level: 9 });
    expect(far(importKeras(packed), outputs.sequential!)).toBeLessThan(2e-6);
  });

  const config = {
    input: { tokens: 9 },
    layers: [
      embedding(4),
      lstm(3, { bidirectional: true }),
      dropout(0.25),
      gru(5),
      gru(4, { reset: "before" }),
      elman(3),
    ],
  } as const;

  test(".weights.h5 with the layers given", () => {
    const all = unzipSync(file("keras/functional.keras"))["model.weights.h5"]!;
    const layers = Array.from({ length: 20 }, () => dense(5, { activation: "tanh" }));
    expect(far(importKerasWeights(all, { input: { features: 5 }, layers }), outputs.functional!)).toBeLessThan(2e-6);
    // All Dense layers are taken in their order, those alone before those in a TimeDistributed; here there is one of each.
    const bytes = file("keras/sequential.weights.h5");
    const both = [...config.layers, dense(6, { activation: "relu" }), dense(2, { activation: "softmax" })];
    refused(
      () => importKerasWeights(bytes, { ...config, layers: both }),
      "mismatch",
      /its kernel expected shape \[3, 6\], got \[6, 2\]/,
    );
    refused(() => importKerasWeights(bytes, config), "mismatch", /the weights "layers\/[^"]*" belong to no layer/);
  });

  test(".weights.h5 refuses layers that it cannot hold", () => {
    const bytes = file("keras/sequential.weights.h5");
    const load = (layer: ReturnType<typeof lstm> | ReturnType<typeof gru>) => () =>
      importKerasWeights(bytes, { input: { tokens: 9 }, layers: [embedding(4), layer] });
    refused(load(lstm(3, { layers: 2 })), "unsupported", /layers\[1\] has 2 levels/);
    refused(load(lstm(3, { bidirectional: true, peepholes: true })), "mismatch", /belong to no layer/);
    expect(() => importKerasWeights(bytes, { input: { tokens: 0 }, layers: [] })).toThrow(RangeError);
    refused(() => importKerasWeights(file("keras/last.keras"), config), "malformed", /no HDF5 file/);
  });

  /** sequential.keras with another config.json. */
  function changed(change: Change, name = "sequential"): Uint8Array {
    const files = unzipSync(file(`keras/${name}.keras`));
    const model = JSON.parse(new TextDecoder().decode(files["config.json"])) as unknown;
    change(model);
    files["config.json"] = new TextEncoder().encode(JSON.stringify(model));
    return zipSync(files, { level: 0 });
  }

  const layer =
    (k: number, option: string, value: unknown): Change =>
    (model) => {
      put(model, `config.layers.${k}.config.${option}`, value);
    };
  const cases: [string, Uint8Array, FormatError["code"], RegExp][] = [
    ["an unknown layer", changed((m) => put(m, "config.layers.3.class_name", "Conv1D")), "unsupported", /layer "dropout_1": a Conv1D/],
    ["Masking", changed((m) => put(m, "config.layers.3.class_name", "Masking")), "unsupported", /a Masking/],
    ["a name of Object.prototype", changed((m) => put(m, "config.layers.3.class_name", "constructor")), "unsupported", /a constructor/],
    ["a mask", changed(layer(1, "mask_zero", true)), "unsupported", /mask_zero = true: pass \{ mask: "lengths" \}/],
    ["go_backwards", changed(layer(4, "go_backwards", true)), "unsupported", /layer "gru_7": go_backwards = true/],
    ["a state between batches", changed(layer(4, "stateful", true)), "unsupported", /stateful = true: save it with stateful=False/],
    ["returned states", changed(layer(4, "return_state", true)), "unsupported", /return_state = true/],
    ["a sum of directions", changed(layer(2, "merge_mode", "sum")), "unsupported", /merge_mode = "sum"/],
    ["relu gates", changed(layer(4, "recurrent_activation", "relu")), "unsupported", /recurrent_activation = "relu": only "sigmoid" and "hard_sigmoid"/],
    ["relu in a GRU", changed(layer(4, "activation", "relu")), "unsupported", /the activation "relu": only "tanh"/],
    ["a custom activation", changed(layer(8, "activation", { class_name: "function" })), "unsupported", /layer "head": the activation an object/],
    ["an activation of Object.prototype", changed(layer(8, "activation", "toString")), "unsupported", /the activation "toString"/],
    ["other directions", changed((m) => put(m, "config.layers.2.config.backward_layer.config.units", 5)), "unsupported", /directions that differ/],
    ["other units", changed(layer(4, "units", 6)), "mismatch", /layer "gru_7": its kernel expected shape \[6, 18\], got \[6, 15\]/],
    ["reset before in place of after", changed(layer(4, "reset_after", false)), "mismatch", /its bias expected shape \[15\], got \[2, 15\]/],
    ["a layer less", changed((m) => listIn(m, "config.layers").pop()), "mismatch", /the weights "layers\/[^"]*" belong to no layer/],
    ["a layer more", changed((m) => listIn(m, "config.layers").push(get(m, "config.layers.8"))), "mismatch", /has no kernel at "dense_1\/vars\/0"/],
    ["another model", changed((m) => put(m, "class_name", "MyModel")), "unsupported", /"MyModel": only Sequential and Functional/],
    ["no layers", changed((m) => put(m, "config", {})), "malformed", /no layers/],
    ["units that are no number", changed(layer(4, "units", "many")), "malformed", /units = "many"/],
    ["a branch", changed((m) => put(m, "config.layers.3.inbound_nodes", get(m, "config.layers.2.inbound_nodes")), "functional"), "unsupported", /branches/],
    ["a cycle", changed((m) => put(m, "config.layers.0.inbound_nodes", get(m, "config.layers.2.inbound_nodes")), "functional"), "unsupported", /branches/],
    ["an HDF5 model", unzipSync(file("keras/last.keras"))["model.weights.h5"]!, "unsupported", /\.keras, or give a \.weights\.h5/],
    ["no archive", new Uint8Array(50), "malformed", /no zip archive/],
    ["an archive of something else", zipSync({ a: new Uint8Array(1) }), "malformed", /there is no config\.json/],
  ]; // prettier-ignore

  test.each(cases)("refuses %s", (_, bytes, code, text) => {
    refused(() => importKeras(bytes), code, text);
  });

  test("a mask is taken by the lengths, if one says so", () => {
    const net = importKeras(changed(layer(1, "mask_zero", true)), { mask: "lengths" });
    expect(far(net, outputs.sequential!)).toBeLessThan(2e-6);
  });

  test("dropout of inputs and of the state come along", () => {
    const net = importKeras(
      changed((m) => Object.assign(get(m, "config.layers.4.config") as Tree, { dropout: 0.1, recurrent_dropout: 0.2 })),
    );
    const at = net.config.layers.findIndex(({ name }) => name === "gru_7");
    expect(net.config.layers[at - 1]).toEqual({ type: "dropout", rate: 0.1, mask: "sequence" });
    expect(net.config.layers[at]).toMatchObject({ recurrentDropout: 0.2 });
  });

  test.each([
    ["3.3.3", 1 / 6],
    ["2.15.0", 0.2],
  ])("hard_sigmoid gates have the slope of Keras %s", (version, alpha) => {
    const files = unzipSync(changed(layer(4, "recurrent_activation", "hard_sigmoid")));
    files["metadata.json"] = new TextEncoder().encode(JSON.stringify({ keras_version: version }));
    const found = importKeras(zipSync(files)).config.layers.find(({ name }) => name === "gru_7");
    expect(found).toMatchObject({ activations: [{ type: "hardSigmoid", alpha, beta: 0.5 }, "tanh"], reset: "after" });
  });

  test.each([
    ["latest.h5", /a superblock of version \d/],
    ["chunked.h5", /"layers\/dense\/vars\/0", compressed or otherwise filtered/],
    ["bigendian.h5", /big-endian/],
    ["strings.h5", /a type of class 9/],
  ])("%s of another writer is refused", (name, text) => {
    refused(() => readHdf5(file(`keras/${name}`)), "unsupported", text);
  });
});

describe("TensorFlow.js", () => {
  const shards = (name: string) => [1, 2].map((k) => file(`tensorflowJs/${name}-shard${k}of2.bin`));
  const vectors = (name: string) => json(`tensorflowJs/${name}.out.json`) as Vectors;
  const model = (name: string) => json(`tensorflowJs/${name}.json`) as object;

  test.each(["sequential", "functional", "distributed", "defaults"])("%s gives what TensorFlow.js gave", (name) => {
    const net = importTensorFlowJs(file(`tensorflowJs/${name}.json`), shards(name));
    expect(far(net, vectors(name))).toBeLessThan(1e-6);
    expect(JSON.parse(net.metadata.origin!)).toMatchObject({ format: "tensorflow.js", version: "tfjs-layers 4.22.0" });
  });

  test("takes the model as text or parsed, and shards by name", () => {
    const [a, b] = shards("functional") as [Uint8Array, Uint8Array];
    const named = { "functional-shard1of2.bin": a, "functional-shard2of2.bin": b.slice().buffer };
    expect(far(importTensorFlowJs(model("functional"), named), vectors("functional"))).toBeLessThan(1e-6);
    const text = JSON.stringify(model("functional"));
    expect(far(importTensorFlowJs(text, [a, b]), vectors("functional"))).toBeLessThan(1e-6);
  });

  function changed(name: string, change: Change): object {
    const copy = model(name);
    change(copy);
    return copy;
  }

  /** As tensorflowjs_converter writes them from Keras 2: the names have the cell's in them, and the model lies in model_config. */
  function asConverted(): object {
    return changed("sequential", (m) => {
      const { keras_version, backend, ...config } = get(m, "modelTopology") as Tree;
      put(m, "modelTopology", { keras_version: "2.15.0", backend: "tensorflow", model_config: config });
      expect([keras_version, backend]).toEqual(["tfjs-layers 4.22.0", "tensor_flow.js"]);
      for (const weight of listIn(m, "weightsManifest.0.weights") as { name: string }[]) {
        weight.name = weight.name.replace(/((?:gru|lstm|simple_rnn)[^/]*)\/([^/]*)$/, "$1/cell_1/$2");
      }
    });
  }

  test("the names of Keras 2", () => {
    const net = importTensorFlowJs(asConverted(), shards("sequential"));
    expect(far(net, vectors("sequential"))).toBeLessThan(1e-6);
  });

  test("GRU with reset_after, which TensorFlow.js itself cannot run, is that of Keras", () => {
    const outputs = json("keras/outputs.json") as Record<string, Vectors>;
    const { "config.json": config, "model.weights.h5": h5 } = unzipSync(file("keras/last.keras"));
    const data = readHdf5(h5!);
    const weights = ["forward", "backward"].flatMap((direction) =>
      ["kernel", "recurrent_kernel", "bias"].map((role, k) => {
        const found = data.get(`layers/bidirectional/${direction}_layer/cell/vars/${k}`)!;
        return {
          name: `both/${direction}_g/gru_cell/${role}`,
          shape: found.shape,
          dtype: "float32",
          bytes: found.bytes,
        };
      }),
    );
    const net = importTensorFlowJs(
      {
        modelTopology: { model_config: JSON.parse(new TextDecoder().decode(config)) as unknown },
        weightsManifest: weights.map((spec, k) => ({ paths: [`${k}`], weights: [{ ...spec, bytes: undefined }] })),
      },
      weights.map(({ bytes }) => bytes),
    );
    expect(far(net, outputs.last!)).toBeLessThan(2e-6);
  });

  test.each([
    ["uint8", 1e-1],
    ["uint16", 2e-4],
    ["float16", 5e-3],
  ])("weights quantized to %s", (dtype, tolerance) => {
    const floats = new Float32Array(Uint8Array.from(shards("functional").flatMap((one) => [...one])).buffer);
    const range = dtype === "uint8" ? 255 : 65535;
    const [min, scale] = [-0.6, 1.2 / range];
    const q = Array.from(floats, (x) => (dtype === "float16" ? halfOf(x) : Math.round((x - min) / scale)));
    const bytes = dtype === "uint8" ? Uint8Array.from(q) : new Uint8Array(Uint16Array.from(q).buffer);
    const quantized = changed("functional", (m) => {
      put(m, "weightsManifest.0.paths", ["all.bin"]);
      for (const weight of listIn(m, "weightsManifest.0.weights") as Tree[]) {
        weight.quantization = dtype === "float16" ? { dtype } : { dtype, min, scale, original_dtype: "float32" };
      }
    });
    const error = far(importTensorFlowJs(quantized, [bytes]), vectors("functional"));
    expect(error).toBeLessThan(tolerance);
    expect(error).toBeGreaterThan(0);
  });

  /** The nearest float16, for numbers from 2^-14 to 1. */
  function halfOf(x: number): number {
    const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(x))));
    const digits = Math.round(Math.abs(x) / 2 ** (exponent - 10)) - 1024;
    return (x < 0 ? 0x8000 : 0) + (digits < 0 ? digits + 1024 : ((exponent + 15) << 10) + digits);
  }

  const spec = (change: Change) => changed("functional", (m) => change(get(m, "weightsManifest.0.weights.0")));
  const cases: [string, object, FormatError["code"], RegExp][] = [
    ["a graph model", { format: "graph-model", modelTopology: {} }, "unsupported", /no layers model: convert/],
    ["no model", {}, "unsupported", /no layers model/],
    ["no manifest", changed("functional", (m) => put(m, "weightsManifest")), "malformed", /weightsManifest/],
    ["a missing weight", changed("functional", (m) => put(m, "weightsManifest.0.weights.0.name", "other")), "mismatch", /has no forward kernel among the weights/],
    ["another type", spec((one) => put(one, "dtype", "int32")), "unsupported", /of type "int32"/],
    ["a wrong shape", spec((one) => listIn(one, "shape").reverse()), "mismatch", /its kernel expected shape/],
    ["a negative shape", spec((one) => put(one, "shape", [-1, 3])), "malformed", /the shape of/],
    ["a huge shape", spec((one) => put(one, "shape", [1e15, 3])), "truncated", /the shards end before/],
    ["a shape too small", spec((one) => put(one, "shape", [1, 3])), "mismatch", /bytes more than the weights/],
    ["a quantization that is not known", spec((one) => put(one, "quantization", { dtype: "int4" })), "malformed", /the quantization of/],
    ["relu gates", changed("functional", (m) => put(m, "modelTopology.config.layers.1.config.layer.config.recurrent_activation", "relu")), "unsupported", /recurrent_activation = "relu": only "sigmoid" and "hard_sigmoid"/],
    ["a file too many", changed("functional", (m) => listIn(m, "weightsManifest.0.paths").push("third.bin")), "mismatch", /no shard "third\.bin"/],
    ["a path of Object.prototype", changed("functional", (m) => put(m, "weightsManifest.0.paths", [7])), "malformed", /a path/],
  ]; // prettier-ignore

  test.each(cases)("refuses %s", (_, changed, code, text) => {
    refused(() => importTensorFlowJs(changed, shards("functional")), code, text);
  });

  test("refuses shards that are cut off, and too many", () => {
    const [a, b] = shards("functional") as [Uint8Array, Uint8Array];
    refused(() => importTensorFlowJs(model("functional"), [a, b.subarray(1)]), "truncated", /shards end before/);
    expect(() => importTensorFlowJs(model("functional"), [a, b, b])).toThrow(RangeError);
    refused(() => importTensorFlowJs("{", [a, b]), "malformed", /no JSON/);
  });
});

describe("brain.js", () => {
  const { cases, recurrent } = json("brainJs.json") as {
    cases: { model: { trainOpts: { activation: string } }; inputs: number[][]; outputs: number[][] }[];
    recurrent: object;
  };

  test.each(cases.map((one) => [one.model.trainOpts.activation, one] as const))("%s: what brain.js gave", (_, one) => {
    const net = importBrainJs(one.model);
    expect(far(net, { input: one.inputs, output: one.outputs })).toBeLessThan(1e-6);
    expect(importBrainJs(JSON.stringify(one.model)).parameterVector).toEqual(net.parameterVector);
  });

  test("names of inputs and outputs are kept", () => {
    const { metadata } = importBrainJs(cases.at(-1).model);
    expect(JSON.parse(metadata.inputLookup!)).toEqual({ a: 0, b: 1 });
    expect(JSON.parse(metadata.outputLookup!)).toEqual({ x: 0 });
    expect(JSON.parse(metadata.origin!)).toEqual({ format: "brain.js", type: "NeuralNetwork" });
  });

  test("recurrent networks are refused with the reason, damaged ones at their place", () => {
    refused(() => importBrainJs(recurrent), "unsupported", /recurrent network of brain\.js, LSTM, whose cells/);
    const changed = (change: Change) => {
      const copy = structuredClone(cases[0]!.model);
      change(copy);
      return () => importBrainJs(copy);
    };
    refused(
      changed((m) => put(m, "type", "AE")),
      "unsupported",
      /"AE" and no NeuralNetwork/,
    );
    refused(
      changed((m) => listIn(m, "layers").pop()),
      "malformed",
      /sizes or layers/,
    );
    refused(
      changed((m) => put(m, "sizes.1", 1e9)),
      "malformed",
      /the weights of dense_1/,
    );
    refused(
      changed((m) => put(m, "sizes.1", -5)),
      "malformed",
      /sizes\[1\]/,
    );
    refused(
      changed((m) => put(m, "layers.1.weights.0.0", null)),
      "malformed",
      /the weights of dense_1/,
    );
    refused(
      changed((m) => put(m, "layers.2.biases.0", 1e300)),
      "malformed",
      /the biases of dense_2/,
    );
    refused(
      changed((m) => put(m, "trainOpts.activation", "gelu")),
      "unsupported",
      /the activation "gelu"/,
    );
    refused(() => importBrainJs("[]"), "malformed", /no JSON object/);
  });
});
