/** Networks out of ONNX files and into them: what is read, how it is named, and what is refused. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as library from "../bindings/index.ts";
import {
  activation,
  adam,
  batchNorm,
  dense,
  dropout,
  elman,
  embedding,
  FormatError,
  gru,
  jordan,
  last,
  layerNorm,
  lstm,
  meanSquaredError,
  Network,
  tdnn,
  tensor,
  type LayerDescription,
} from "../bindings/index.ts";
import { exportOnnx, importOnnx, readOnnx, type OnnxOptions } from "../bindings/onnx.ts";
import { writeModel, type GraphToWrite, type NodeToWrite, type PortToWrite } from "../bindings/onnx/write.ts";
import { expectClose } from "./agreement.ts";
import { countSkipped, type Outcome } from "./conformance/conformance.ts";
import { mainOnnx, readOnnxFolder, runOnnx } from "./conformance/onnx.ts";
import { bitsOf, errorOf, expectError, indices, numbers, parametersOf, type Kind } from "./support.ts";

const dir = fileURLToPath(new URL("onnx", import.meta.url));
const libraries = { ...library, readOnnx };
const cases = readOnnxFolder(dir);
const bytesOf = (name: string): Uint8Array => cases.find((one) => one.name === name)!.bytes;
const summaryOf = (outcome: Outcome) => ("reason" in outcome ? `${outcome.status}: ${outcome.reason}` : outcome.status);

describe("models with their outputs, to 1e-5 relative and absolute", () => {
  const outcomes = runOnnx(libraries, cases);

  test.each(outcomes.filter(({ status }) => status !== "skipped"))("$id", (outcome) => {
    expect(summaryOf(outcome)).toBe("passed");
  });

  test("what is skipped, and why", () => {
    expect(countSkipped(outcomes)).toEqual({
      onnx: {
        'onnx: node "/Mul" (Mul) joins a second path: a network is one path of layers, each after the other': 1,
      },
    });
  });

  test("a wrong number fails, a wrong shape too, and the command says so", () => {
    const [one] = cases;
    const moved = one!.outputs.map((output, k) =>
      k === 0 ? { ...output, data: [1, ...output.data.slice(1)] } : output,
    );
    const turned = one!.outputs.map((output) => ({ ...output, shape: [...output.shape].reverse() }));
    const results = runOnnx(libraries, [
      { ...one!, outputs: moved },
      { ...one!, outputs: turned },
      { ...one!, outputs: [] },
    ]);
    expect(results.map(summaryOf)).toEqual([
      expect.stringMatching(/^failed: Y\[0, 0, 0, 0\]: got .*, expected 1 \(1 of 50 values differ\)/),
      expect.stringMatching(/^failed: Error: Y: got shape \[4,1,2,5\], expected \[5,2,1,4\]/),
      "failed: nothing was compared",
    ]);
    const lines: string[] = [];
    expect(mainOnnx(libraries, [dir], (line) => lines.push(line))).toBe(0);
    expect(lines.at(-1)).toMatch(/^conformance: 45 passed, 0 failed, 1 skipped, worst error \d\.\de-\d+$/);
    expect(mainOnnx(libraries, ["nowhere"], (line) => lines.push(line))).toBe(2);
    expect(mainOnnx(libraries, [], (line) => lines.push(line))).toBe(2);
  });
});

// ------------------------------------------------------------------------------------------------------- real models

describe("the speech and music detector of Opus", () => {
  const folder = new URL("models/opus/", import.meta.url);
  const net = importOnnx(new Uint8Array(readFileSync(new URL("opus-speech-music.onnx", folder))));
  const vectors = JSON.parse(readFileSync(new URL("opus-vectors.json", folder), "utf8")) as {
    features: number[][];
    output: number[][];
  };

  test("is three layers", () => {
    expect(net.config.layers.map(({ type }) => type)).toEqual(["dense", "gru", "dense"]);
    expect(net.config.layers[1]).toEqual(gru(24, { reset: "before" }));
  });

  test("gives its vectors, all at once and frame by frame", () => {
    const { output } = net.forward([vectors.features]);
    expectClose("output", output.data, vectors.output.flat());
    const stream = net.stream();
    const frames = vectors.features.map((frame) => [...stream.step(Float32Array.from(frame))]);
    expectClose("stream", frames.flat(), vectors.output.flat());
  });

  test("goes on learning", async () => {
    const copy = Network.load(net.save());
    const data = { inputs: [vectors.features], targets: [vectors.output.map(([a, b]) => [1 - a!, b!])] };
    const loss = meanSquaredError();
    const before = copy.evaluate(data, { loss }).loss;
    await copy.fit(data, { loss, optimizer: adam({ learningRate: 0.01 }), epochs: 20 });
    expect(copy.evaluate(data, { loss }).loss).toBeLessThan(before / 2);
  });
});

// -------------------------------------------------------------------------------------------------- what is read

const port = (name: string, shape: PortToWrite["shape"], type: PortToWrite["type"] = "float"): PortToWrite => ({
  ...{ name, type },
  ...(shape && { shape }),
});

function node(op: string, inputs: string, outputs: string, attributes: NodeToWrite["attributes"] = {}): NodeToWrite {
  const names = (list: string) => (list === "" ? [] : list.split(","));
  return { op, name: `${op} of ${outputs}`, inputs: names(inputs), outputs: names(outputs), attributes };
}

const weights = (name: string, ...shape: number[]) => ({
  name,
  shape,
  data: numbers(shape, name.length + shape.length).data,
});

/** A graph with one GRU, x [time, batch, 3] → y, h, and more. */
function graphOf(change: Partial<GraphToWrite> & { gru?: NodeToWrite } = {}): GraphToWrite {
  const { gru: own = node("GRU", "x,W,R", "y,h", { hidden_size: { int: 4 } }), ...rest } = change;
  return {
    nodes: [own, ...(rest.nodes ?? [])],
    initializers: [weights("W", 1, 12, 3), weights("R", 1, 12, 4), ...(rest.initializers ?? [])],
    inputs: rest.inputs ?? [port("x", ["time", "batch", 3])],
    outputs: rest.outputs ?? [port("y", ["time", 1, "batch", 4])],
  };
}

const fileOf = (change: Parameters<typeof graphOf>[0], opset = 17) => writeModel(graphOf(change), opset);
const read = (change: Parameters<typeof graphOf>[0], options: OnnxOptions = {}) => readOnnx(fileOf(change), options);

describe("what a file is read into", () => {
  test("the ports say what they are", () => {
    const model = readOnnx(bytesOf("torch_char_lm"));
    expect(model.inputs).toEqual([
      { name: "ids", shape: ["B", "T"], role: "input" },
      { name: "h", shape: [2, "B", 16], role: "state" },
      { name: "c", shape: [2, "B", 16], role: "state" },
    ]);
    expect(model.outputs).toEqual([
      { name: "logits", shape: ["B", "T", 20], role: "output" },
      { name: "hn", shape: [2, "B", 16], role: "state" },
      { name: "cn", shape: [2, "B", 16], role: "state" },
    ]);
    expect([model.opset, model.producer]).toEqual([14, "pytorch 1.13.0"]);
    expect(readOnnx(bytesOf("torch_lstm_packed")).inputs[1]).toEqual({
      name: "lengths",
      shape: ["B"],
      role: "lengths",
    });
    expect(read({ inputs: [port("x", [4, 2, 3]), port("z", [1])] }).inputs[1]!.role).toBe("unused");
  });

  test("layers and their options", () => {
    const layersOf = (name: string) => importOnnx(bytesOf(name)).config.layers;
    expect(layersOf("torch_bilstm_tagger")).toEqual([
      embedding(8),
      lstm(7, { bidirectional: true }),
      layerNorm({ epsilon: Math.fround(1e-5) }),
      dense(5, { activation: "logSoftmax" }),
    ]);
    expect(layersOf("gru_reverse")).toEqual([gru(5, { reverse: true, reset: "before" })]);
    expect(layersOf("lstm_peepholes")).toEqual([lstm(5, { peepholes: true })]);
    expect(layersOf("lstm_input_forget")).toEqual([lstm(5, { coupled: true })]);
    expect(layersOf("lstm_clip")).toEqual([lstm(5, { gateClip: 0.5 })]);
    expect(layersOf("rnn_act_relu")).toEqual([elman(5, { activation: "relu" })]);
    const affine = { type: "affine", alpha: 0.5, beta: Math.fround(0.1) } as const;
    expect(layersOf("rnn_act_affine")).toEqual([elman(5, { activations: [affine] })]);
    expect(layersOf("rnn_nobias")).toEqual([elman(5, { bias: false })]);
  });

  test("the activations by their names, in any case, with their defaults", () => {
    const names = "Relu Tanh Sigmoid LeakyRelu ThresholdedRelu HardSigmoid Elu Softsign Softplus".split(" ");
    const read = names.map((name) => {
      const own = node("GRU", "x,W,R", "y,h", { activations: { texts: [name.toLowerCase(), name] } });
      return (importOnnx(fileOf({ gru: own })).config.layers[0] as { activations?: unknown[] }).activations?.[1];
    });
    expect(read).toEqual([
      ...["relu", "tanh", "sigmoid"],
      { type: "leakyRelu", alpha: 0.01 },
      { type: "thresholdedRelu", alpha: 1 },
      { type: "hardSigmoid", alpha: 0.2, beta: 0.5 },
      { type: "elu", alpha: 1 },
      ...["softsign", "softplus"],
    ]);
  });

  test("alphas and betas go to those activations that have them, one after another", () => {
    const own = node("GRU", "x,W,R", "y,h", {
      activations: { texts: ["Tanh", "Elu"] },
      activation_alpha: { floats: [0.5] },
    });
    expect(importOnnx(fileOf({ gru: own })).config.layers[0]).toMatchObject({
      activations: ["tanh", { type: "elu", alpha: 0.5 }],
    });
  });

  test("initial states in the file are learnt ones", () => {
    const initial = { name: "h0", shape: [1, 1, 4], data: Float32Array.of(1, 2, 3, 4) };
    const gruWith = node("GRU", "x,W,R,,,h1", "y,h");
    const sizes = { name: "sizes", shape: [3], data: [1, 2, 4] };
    const net = read({
      gru: gruWith,
      nodes: [node("Expand", "h0,sizes", "h1")],
      initializers: [initial, sizes],
    }).network;
    expect(net.config.layers).toEqual([gru(4, { reset: "before", bias: false, learnInitialState: true })]);
    expect([...net.parameter("gru.h0_l0").value]).toEqual([1, 2, 3, 4]);
  });

  test("the last step, and a state in place of the sequence, are last()", () => {
    const step = { name: "i", shape: [], data: [-1] };
    const typesOf = (change: Parameters<typeof graphOf>[0]) =>
      read(change).network.config.layers.map(({ type }) => type);
    const picked = { nodes: [node("Gather", "y,i", "z")], initializers: [step] };
    expect(typesOf({ ...picked, outputs: [port("z", undefined)] })).toEqual(["gru", "last"]);
    expect(typesOf({ ...picked, outputs: [port("z", undefined), port("y", undefined)] })).toEqual(["gru"]);
    const squeezed = {
      nodes: [node("Squeeze", "y,one", "s"), node("Gather", "s,i", "z")],
      initializers: [step, { name: "one", shape: [1], data: [1] }],
    };
    expect(typesOf({ ...squeezed, outputs: [port("z", undefined)] })).toEqual(["gru", "last"]);
    const zero = { name: "zero", shape: [1], data: [0] };
    const state = { nodes: [node("Squeeze", "h,zero", "z")], initializers: [zero] };
    expect(typesOf({ ...state, outputs: [port("z", undefined)] })).toEqual(["gru", "last"]);
    expect(typesOf({ ...state, outputs: [port("z", undefined), port("y", undefined)] })).toEqual(["gru"]);
    const product = { nodes: [...state.nodes, node("MatMul", "z,V", "v")], initializers: [zero, weights("V", 4, 2)] };
    expect(typesOf({ ...product, outputs: [port("v", undefined)] })).toEqual(["gru", "last", "dense"]);
  });

  test("dropout stays, for it acts only while the network learns", () => {
    const ratio = { name: "ratio", shape: [], data: Float32Array.of(0.25) };
    const { network } = read({
      nodes: [node("Dropout", "y,ratio", "z")],
      initializers: [ratio],
      outputs: [port("z", undefined)],
    });
    expect(network.config.layers[1]).toEqual(dropout(0.25));
  });

  test("constants go into the dense layer before them", () => {
    const change = {
      nodes: [
        node("Squeeze", "y,one", "s"),
        node("MatMul", "s,V", "v"),
        node("Mul", "two,v", "d"),
        node("Add", "d,b", "a"),
        node("Div", "a,two", "e"),
        node("HardSigmoid", "e", "z"),
      ],
      initializers: [
        { name: "one", shape: [1], data: [1] },
        { name: "two", shape: [], data: Float32Array.of(2) },
        { name: "b", shape: [1, 2], data: Float32Array.of(1, -1) },
        weights("V", 4, 2),
      ],
      outputs: [port("z", undefined)],
    };
    const model = read(change);
    expect(model.network.config.layers[1]).toEqual(dense(2, { activation: "hardSigmoid" }));
    const plain = read({ ...change, nodes: change.nodes.slice(0, 2), outputs: [port("v", undefined)] });
    const feed = { x: numbers([5, 2, 3]) };
    const expected = [...plain.run(feed).v!.data].map((v, i) => {
      const sum = (2 * v + (i % 2 === 0 ? 1 : -1)) / 2;
      return Math.min(1, Math.max(0, 0.2 * sum + 0.5));
    });
    expectClose("z", model.run(feed).z!.data, expected);
  });

  test("float16, bfloat16 and doubles are floats", () => {
    // 1, −2, 0.5, 65504, the smallest number, 0
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x7bff, 0x0001, 0x8000);
    const bfloats = Uint16Array.of(0x3f80, 0xc000, 0x3f00, 0x4780, 0x0080, 0x8000);
    const doubles = Float64Array.of(1, -2, 0.5, 3, 4, 0);
    const valuesOf = (type: number, raw: Uint8Array) => {
      const bytes = withTensorType(writeModel(matMulGraph(), 17), type, raw);
      return [...importOnnx(bytes).parameter("dense.weight").value];
    };
    const raw = (data: Uint16Array | Float64Array) => new Uint8Array(data.buffer);
    expect(valuesOf(10, raw(halves))).toEqual([1, 0.5, 2 ** -24, -2, 65504, -0]);
    expect(valuesOf(16, raw(bfloats))).toEqual([1, 0.5, 2 ** -126, -2, 65536, -0]);
    expect(valuesOf(11, raw(doubles))).toEqual([1, 0.5, 4, -2, 3, 0]);
  });

  test("a part of a graph, between tensors that are named", () => {
    const bytes = bytesOf("torch_char_lm");
    const part = readOnnx(bytes, { inputs: { "/e/Gather_output_0": ["B", "T", 8] }, outputs: ["logits"] });
    expect(part.network.config.layers.map(({ type }) => type)).toEqual(["lstm", "lstm", "dense"]);
    expect(part.inputs.map(({ name, role }) => `${name} ${role}`)).toContain("/e/Gather_output_0 input");
    const whole = readOnnx(bytes);
    const states = { h: numbers([2, 3, 16]), c: numbers([2, 3, 16], 2) };
    const ids = indices([3, 5], 20);
    const table = whole.network.parameter("embedding.weight").value;
    const vectors = tensor(
      Float32Array.from([...ids.data].flatMap((id) => [...table.subarray(id * 8, id * 8 + 8)])),
      [3, 5, 8],
    );
    const expected = whole.run({ ids, ...states }).logits!;
    expect(part.run({ "/e/Gather_output_0": vectors, ...states }).logits).toEqual(expected);
  });

  test("an If goes the way that constants say", () => {
    const branch = (op: string): GraphToWrite => ({
      ...{ nodes: [node(op, "y", `z_${op}`)], initializers: [], inputs: [], outputs: [port(`z_${op}`, undefined)] },
    });
    const change = {
      nodes: [
        node("Equal", "rate,sixteen", "is"),
        node("If", "is", "z", { then_branch: { graph: branch("Relu") }, else_branch: { graph: branch("Tanh") } }),
      ],
      initializers: [{ name: "sixteen", shape: [], data: [16000] }],
      inputs: [port("x", ["time", "batch", 3]), port("rate", [], "int64")],
      outputs: [port("z", undefined)],
    };
    const kindOf = (rate: number) => read(change, { constants: { rate } }).network.config.layers[1];
    expect([kindOf(16000), kindOf(8000)]).toEqual([activation("relu"), activation("tanh")]);
    expect(() => read(change)).toThrow(/"Equal of is" \(Equal\) depends on the data: fix an input with "constants"/);
  });

  test("beyond the end of a sequence the graph goes on with zeros", () => {
    const change = {
      gru: node("GRU", "x,W,R,,n", "y,h"),
      nodes: [
        node("Squeeze", "y,one", "s"),
        node("MatMul", "s,V", "v"),
        node("Add", "v,b", "a"),
        node("Sigmoid", "a", "z"),
      ],
      initializers: [
        { name: "one", shape: [1], data: [1] },
        weights("V", 4, 2),
        { name: "b", shape: [2], data: Float32Array.of(1, -1) },
      ],
      inputs: [port("x", ["time", "batch", 3]), port("n", ["batch"], "int32")],
      outputs: [port("z", undefined)],
    };
    const z = read(change).run({ x: numbers([3, 2, 3]), n: tensor(Int32Array.of(3, 1), [2]) }).z!;
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    expect(z.shape).toEqual([3, 2, 2]);
    for (const t of [1, 2])
      expectClose("padding", z.data.slice((t * 2 + 1) * 2, (t * 2 + 2) * 2), [sigmoid(1), sigmoid(-1)]);
  });

  test("what is run is checked", () => {
    const model = readOnnx(bytesOf("gru_lbr0"));
    const initial_h = numbers([1, 2, 5]);
    expect(() => model.run({ initial_h })).toThrow(new TypeError('run: there is no input "X"'));
    expect(() => model.run({ X: numbers([4, 2, 2]), initial_h })).toThrow(
      /"X" expected shape \[4, 2, 3\], got \[4, 2, 2\]/,
    );
    expect(() => model.run({ X: indices([4, 2, 3], 2), initial_h })).toThrow(
      /"X" expected a Float32Array, got Int32Array/,
    );
    expect(() => model.run({ X: numbers([4, 2, 3]), initial_h: numbers([1, 3, 5]) })).toThrow(
      /"initial_h" expected shape/,
    );
  });
});

/** x·V, V (3, 2). */
function matMulGraph(): GraphToWrite {
  return {
    nodes: [node("MatMul", "x,V", "y")],
    initializers: [{ name: "V", shape: [3, 2], data: numbers([3, 2]).data }],
    inputs: [port("x", ["batch", 3])],
    outputs: [port("y", undefined)],
  };
}

/** The file with the data of its one tensor, 24 bytes of floats, in another type. */
function withTensorType(bytes: Uint8Array, type: number, raw: Uint8Array): Uint8Array {
  // In the tensor: dims 3, 2 as 08 03 08 02, data type 10 01, name 42 01 "V", raw data 4a 18
  const at = Buffer.from(bytes).indexOf(Buffer.from([0x08, 3, 0x08, 2, 0x10, 1]));
  const tensorBytes = [0x08, 3, 0x08, 2, 0x10, type, 0x42, 1, 0x56, 0x4a, raw.length, ...raw];
  const [before, after] = [bytes.slice(0, at - 2), bytes.slice(at + 11 + 24)];
  const own = [...before, 0x2a, tensorBytes.length, ...tensorBytes, ...after];
  const grown = own.length - bytes.length;
  const graphAt = own.indexOf(0x3a); // field 7 of the model, its length in one or two bytes
  const hasTwo = own[graphAt + 1]! >= 128;
  const length = (own[graphAt + 1]! & 127) + (hasTwo ? own[graphAt + 2]! * 128 : 0) + grown;
  const head = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
  own.splice(graphAt + 1, hasTwo ? 2 : 1, ...head);
  return Uint8Array.from(own);
}

// ------------------------------------------------------------------------------------------------ what is refused

describe("what is refused, named", () => {
  const after = (...nodes: NodeToWrite[]) => ({ nodes, outputs: [port("z", undefined)] });
  const withGru = (attributes: NodeToWrite["attributes"]) => ({ gru: node("GRU", "x,W,R", "y,h", attributes) });
  const refused: readonly (readonly [
    string,
    Parameters<typeof graphOf>[0],
    "unsupported" | "malformed" | "truncated",
    RegExp,
  ])[] = [
    [
      "an operator",
      after(node("MaxPool", "y", "z")),
      "unsupported",
      /node "MaxPool of z" \(MaxPool\) is an operator that no network/,
    ],
    [
      "an operator without a name",
      after({ ...node("Loop", "y", "z"), name: "" }),
      "unsupported",
      /node Loop \(gives "z"\) is/,
    ],
    [
      "a cycle",
      after(node("Relu", "b", "a"), node("Relu", "a", "b"), node("Relu", "b", "z")),
      "malformed",
      /"Relu of [ab]" \(Relu\) is part of a cycle/,
    ],
    ["itself", after(node("Relu", "z", "z")), "malformed", /"Relu of z" \(Relu\) is part of a cycle/],
    [
      "a missing tensor",
      after(node("Relu", "nothing", "z")),
      "malformed",
      /"Relu of z" \(Relu\) needs "nothing", which nothing gives/,
    ],
    ["a missing output", { outputs: [port("q", undefined)] }, "malformed", /the graph needs "q", which nothing gives/],
    ["two of a name", after(node("Relu", "y", "z"), node("Tanh", "y", "z")), "malformed", /there are two tensors "z"/],
    [
      "an output that is an input",
      { outputs: [port("x", undefined)] },
      "unsupported",
      /the output "x" is the input "x"/,
    ],
    [
      "an output that is constant",
      { outputs: [port("W", undefined)] },
      "unsupported",
      /the output "W" does not depend/,
    ],
    [
      "two paths",
      after(node("Relu", "y", "a"), node("Add", "y,a", "z")),
      "unsupported",
      /"Add of z" \(Add\) joins a second path/,
    ],
    [
      "a branch",
      { ...after(node("Relu", "y", "a"), node("Tanh", "y", "b"), node("Concat", "a,b", "z", { axis: { int: -1 } })) },
      "unsupported",
      /joins a second path/,
    ],
    ["attention", after(node("MatMul", "y,y", "z")), "unsupported", /as attention does/],
    ["an unknown attribute", withGru({ magic: { int: 1 } }), "unsupported", /has the attribute "magic"; known are/],
    [
      "an attribute of another type",
      withGru({ direction: { int: 1 } }),
      "malformed",
      /attribute "direction" to be STRING/,
    ],
    ["a direction", withGru({ direction: { text: "sideways" } }), "malformed", /has the direction "sideways"/],
    [
      "an activation",
      withGru({ activations: { texts: ["Tanh", "Swish"] } }),
      "unsupported",
      /has the activation "Swish"/,
    ],
    [
      "an activation without its parameters",
      withGru({ activations: { texts: ["Tanh", "Affine"] }, activation_alpha: { floats: [1] } }),
      "unsupported",
      /has no beta for Affine, for which ONNX has no default/,
    ],
    [
      "too few activations",
      withGru({ activations: { texts: ["Tanh"] } }),
      "malformed",
      /expected 2 activations, got 1/,
    ],
    ["a clip below 0", withGru({ clip: { float: -1 } }), "malformed", /has a clip of -1/],
    ["a hidden size", withGru({ hidden_size: { int: 5 } }), "malformed", /has hidden_size 5, and R is of 4 units/],
    ["a layout", withGru({ layout: { int: 2 } }), "malformed", /expected layout to be 0 or 1, got 2/],
    ["input_forget of a GRU", withGru({ input_forget: { int: 1 } }), "malformed", /has input_forget, and is no LSTM/],
    ["a wrong rank", { inputs: [port("x", ["batch", 3])] }, "malformed", /expected an input of 3 axes, got 2/],
    [
      "a wrong W",
      { gru: node("GRU", "x,R,R", "y,h") },
      "malformed",
      /expected input 1 of shape \[1, 12, 3\], got \[1, 12, 4\]/,
    ],
    ["W left out", { gru: node("GRU", "x,,R", "y,h") }, "malformed", /has no weights W/],
    [
      "R of another rank",
      { gru: node("GRU", "x,W,b", "y,h"), initializers: [weights("b", 4)] },
      "malformed",
      /expected R of shape/,
    ],
    [
      "weights that come with the data",
      { gru: node("GRU", "x,w,R", "y,h"), inputs: [port("x", [2, 2, 3]), port("w", [1, 12, 3])] },
      "unsupported",
      /needs weights from the file as input 1/,
    ],
    [
      "an open number of features",
      { inputs: [port("x", ["time", "batch", "n"])] },
      "unsupported",
      /the last axis of "x" is open/,
    ],
    ["an input of unknown shape", { inputs: [port("x", undefined)] }, "malformed", /needs "x", which nothing gives/],
    [
      "integers for floats",
      { inputs: [port("x", ["time", "batch", 3], "int64")] },
      "unsupported",
      /the input "x" is of integers/,
    ],
    [
      "a state of another layer",
      {
        nodes: [node("Squeeze", "y,one", "s"), node("GRU", "s,R,R,,,h", "z,g")],
        initializers: [{ name: "one", shape: [1], data: [1] }],
        outputs: [port("z", undefined)],
      },
      "unsupported",
      /"GRU of z,g" \(GRU\) starts from a state that another layer gives: this is an encoder and a decoder/,
    ],
    [
      "a state for another batch",
      { gru: node("GRU", "x,W,R,,,h0", "y,h"), inputs: [port("x", [5, 2, 3]), port("h0", [1, 3, 4])] },
      "malformed",
      /a state for a batch of 3, and the batch is 2/,
    ],
    [
      "lengths in the file",
      {
        gru: node("GRU", "x,W,R,,n", "y,h"),
        initializers: [{ name: "n", shape: [2], data: [3, 5] }],
        inputs: [port("x", [5, 2, 3])],
      },
      "unsupported",
      /has lengths of sequences that are fixed/,
    ],
    [
      "a step in the middle",
      {
        nodes: [node("Squeeze", "y,one", "s"), node("Gather", "s,i", "p"), node("MatMul", "p,V", "z")],
        initializers: [{ name: "one", shape: [1], data: [1] }, { name: "i", shape: [], data: [2] }, weights("V", 4, 2)],
        inputs: [port("x", [5, 2, 3])],
        outputs: [port("z", undefined)],
      },
      "unsupported",
      /takes one step or sequence that is not the last step/,
    ],
    [
      "a part of the features",
      {
        nodes: [node("Split", "y", "a,b", { axis: { int: 3 } }), node("Relu", "a", "c"), node("MatMul", "c,V", "z")],
        initializers: [weights("V", 2, 2)],
        outputs: [port("z", undefined)],
      },
      "unsupported",
      /takes a part of the features/,
    ],
    [
      "softmax over time",
      after(node("Softmax", "y", "z", { axis: { int: 0 } })),
      "unsupported",
      /goes over something else than the features/,
    ],
    [
      "a power",
      {
        nodes: [node("Pow", "y,two", "z")],
        initializers: [{ name: "two", shape: [], data: Float32Array.of(2) }],
        outputs: [port("z", undefined)],
      },
      "unsupported",
      /takes a power/,
    ],
    [
      "a constant with no dense layer",
      {
        nodes: [node("Mul", "y,two", "z")],
        initializers: [{ name: "two", shape: [], data: Float32Array.of(2) }],
        outputs: [port("z", undefined)],
      },
      "unsupported",
      /no dense layer stands before it/,
    ],
    [
      "tokens after a layer",
      { nodes: [node("Gather", "E,y", "z")], initializers: [weights("E", 9, 2)], outputs: [port("z", undefined)] },
      "unsupported",
      /joins a second path/,
    ],
    [
      "a reshape that mixes axes",
      {
        nodes: [node("Reshape", "y,s", "z")],
        initializers: [{ name: "s", shape: [2], data: [-1, 3] }],
        outputs: [port("z", undefined)],
      },
      "unsupported",
      /makes|cannot be told/,
    ],
    [
      "infinite weights",
      {
        initializers: [{ name: "B", shape: [1, 24], data: new Float32Array(24).fill(Infinity) }],
        gru: node("GRU", "x,W,R,B", "y,h"),
      },
      "malformed",
      /tensor "B" expected finite numbers, got Infinity/,
    ],
  ];

  test.each(refused)("%s", async (_, change, code, text) => {
    const error = await errorOf(() => read(change));
    expectError(error, FormatError, text);
    expect((error as FormatError).code).toBe(code);
    expect((error as FormatError).message).toMatch(/^onnx: /);
  });

  test("an output from within the network, with its cure", async () => {
    const nodes = [node("Relu", "y", "z")];
    const both = { nodes, outputs: [port("y", undefined), port("z", undefined)] };
    const text =
      /output "y" is taken from within the network, after node "GRU of y,h" \(GRU\): name those that you need with "outputs"/;
    expectError(await errorOf(() => read(both)), FormatError, text);
    expect(read(both, { outputs: ["z"] }).network.config.layers).toHaveLength(2);
  });

  test.each([
    [6, /needs opset 6, and read are 7 to 21: export it with a newer opset_version/],
    [22, /needs opset 22, and read are 7 to 21: export it with an older opset_version/],
  ])("opset %i", async (opset, text) => {
    expectError(await errorOf(() => importOnnx(fileOf({}, opset))), FormatError, text);
  });

  test("every opset from 7 to 21 is read", () => {
    for (let opset = 7; opset <= 21; opset++) expect(readOnnx(fileOf({}, opset)).opset).toBe(opset);
  });

  const noFile: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["nothing", new Uint8Array(0), /has no graph/],
    ["text", new TextEncoder().encode("<html><body>Not found</body></html>"), /onnx: /],
    ["a model without a graph", Uint8Array.of(8, 8), /has no graph/],
    ["no opset", Uint8Array.of(0x3a, 0), /does not say which operator set/],
    ["half a file", fileOf({}).slice(0, 200), /ends too early/],
  ];

  test.each(noFile)("%s", async (_, bytes, text) => {
    expectError(await errorOf(() => importOnnx(bytes)), FormatError, text);
  });

  test("data in another file", async () => {
    // TensorProto.data_location 14 = EXTERNAL, external_data 13 { key: "location", value: "../weights.bin" }
    const text = (field: number, value: string) => [(field << 3) | 2, value.length, ...new TextEncoder().encode(value)];
    const entry = [...text(1, "location"), ...text(2, "../weights.bin")];
    const own = [0x08, 3, 0x08, 2, 0x10, 1, ...text(8, "V"), 0x6a, entry.length, ...entry, 0x70, 1];
    const nodes = [...text(1, "x"), ...text(1, "V"), ...text(2, "y"), ...text(4, "MatMul")];
    const graph = [0x0a, nodes.length, ...nodes, 0x2a, own.length, ...own, 0x62, 3, ...text(1, "y")];
    const bytes = Uint8Array.of(0x3a, graph.length, ...graph, 0x42, 2, 0x10, 17);
    expectError(await errorOf(() => importOnnx(bytes)), FormatError, /tensor "V" keeps its data in another file: save/);
  });

  const wrongOptions: readonly (readonly [string, () => unknown, Kind, RegExp])[] = [
    ["no bytes", () => importOnnx("model.onnx" as never), TypeError, /"bytes" expected a Uint8Array or an ArrayBuffer/],
    ["an unknown option", () => importOnnx(fileOf({}), { input: {} } as never), TypeError, /unknown option "input"/],
    ["an unknown output", () => importOnnx(fileOf({}), { outputs: ["w"] }), RangeError, /has no tensor "w"/],
    ["an unknown input", () => importOnnx(fileOf({}), { inputs: { w: [1] } }), RangeError, /has no tensor "w"/],
    ["an unknown constant", () => importOnnx(fileOf({}), { constants: { w: 1 } }), RangeError, /has no tensor "w"/],
  ];

  test.each(wrongOptions)("%s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});

describe("names and sizes of the file are not trusted", () => {
  test("names of the prototype are names", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    for (const name of names) {
      const own = node("GRU", `${name},W,R`, "y,h");
      const model = read({ gru: own, inputs: [port(name, ["t", "b", 3])] });
      const result = model.run(Object.fromEntries([[name, numbers([2, 1, 3])]]));
      expect(result.y!.shape).toEqual([2, 1, 1, 4]);
      expect(() => read({ nodes: [node(name, "y", "z")], outputs: [port("z", undefined)] })).toThrow(
        /is an operator that no/,
      );
    }
    expect(Object.prototype).not.toHaveProperty("data");
  });

  test("a small file cannot ask for a large memory", () => {
    const before = process.memoryUsage().arrayBuffers;
    const fill = (name: string, ...shape: number[]) => [
      { name: `${name}s`, shape: [shape.length], data: shape },
      node("ConstantOfShape", `${name}s`, name),
    ];
    const built = [fill("w", 1, 3000, 1000), fill("r", 1, 3000, 1000)].flat();
    const large = {
      gru: node("GRU", "x,w,r", "y,h"),
      nodes: built.filter((one): one is NodeToWrite => "op" in one),
      initializers: built.filter((one) => !("op" in one)) as GraphToWrite["initializers"],
      inputs: [port("x", ["t", "b", 1000])],
    };
    expect(() => read(large)).toThrow(/asks for more than four times the size of its file/);
    const stack = Array.from({ length: 40 }, (_, k) => [
      node("GRU", `${k === 0 ? "x" : `s${k}`},V,V`, `v${k + 1}`),
      node("Squeeze", `v${k + 1},one`, `s${k + 1}`),
    ]);
    const often = {
      nodes: stack.flat(),
      initializers: [{ name: "one", shape: [1], data: [1] }, weights("V", 1, 150, 50)],
      inputs: [port("x", ["t", "b", 50])],
      outputs: [port("s40", undefined)],
    };
    expect(() => read(often)).toThrow(/asks for more than four times the size of its file/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });

  test("a deep graph is no deep call", () => {
    const nodes = Array.from({ length: 20_000 }, (_, k) => node("Identity", k === 0 ? "y" : `n${k}`, `n${k + 1}`));
    const { network } = read({ nodes, outputs: [port("n20000", undefined)] });
    expect(network.config.layers).toHaveLength(1);
  });

  test("shapes that grow and grow end in an error", () => {
    const double = Array.from({ length: 40 }, (_, k) =>
      node("Concat", `s${k},s${k}`, `s${k + 1}`, { axis: { int: 0 } }),
    );
    const square = Array.from({ length: 40 }, (_, k) => node("Mul", `m${k},m${k}`, `m${k + 1}`));
    const shape = node("Shape", "x", "s0");
    const outputs = (name: string) => ({ outputs: [port(name, undefined)] });
    expect(() => read({ nodes: [shape, ...double], ...outputs("s40") })).toThrow(/makes a list of more than 64 sizes/);
    const squared = { nodes: [node("Shape", "x", "m0"), ...square, node("ConstantOfShape", "m40", "z")] };
    expect(() => read({ ...squared, ...outputs("z") })).toThrow(/a size that cannot be told/);
    const joined = Array.from({ length: 30 }, (_, k) =>
      node("Concat", `${k === 0 ? "h" : `j${k}`},${k === 0 ? "h" : `j${k}`}`, `j${k + 1}`, { axis: { int: 0 } }),
    );
    expect(() => read({ nodes: joined, ...outputs("j30") })).toThrow(/puts together more than 64 arrays/);
  });
});

// --------------------------------------------------------------------------------------------------------- export

describe("what is exported", () => {
  const layers: readonly (readonly [string, readonly LayerDescription[]])[] = [
    ["dense", [dense(4, { activation: "tanh" }), dense(2, { bias: false, activation: "softmax" })]],
    ["elman", [elman(5, { activation: "relu" }), dense(2)]],
    ["gru", [gru(5), dense(2)]],
    ["gru, reset before", [gru(5, { reset: "before", bias: false })]],
    ["lstm, bidirectional", [lstm(5, { bidirectional: true }), layerNorm(), dense(2, { activation: "logSoftmax" })]],
    ["lstm, reverse", [lstm(5, { reverse: true }), last(), dense(2)]],
    ["lstm, peepholes and clip", [lstm(5, { peepholes: true, gateClip: 0.5 })]],
    ["lstm, coupled", [lstm(5, { coupled: true, peepholes: true })]],
    ["lstm, learnt initial states", [lstm(5, { learnInitialState: true, bidirectional: true })]],
    ["activations", [gru(5, { activations: ["softsign", { type: "scaledTanh", alpha: 1.5, beta: 0.5 }] })]],
    ["last", [lstm(5, { bidirectional: true }), last()]],
    ["last after dense", [lstm(5), dense(3), last()]],
  ];

  test.each(layers)("%s comes back as it was", (_, own) => {
    const net = new Network({ input: { features: 3 }, layers: own, seed: 5 });
    for (const parameter of net.parameters) parameter.set(numbers(parameter.shape, parameter.name.length).data);
    const back = importOnnx(exportOnnx(net));
    // Names and how weights begin are not in the file, nor is where floats are rounded.
    expect(JSON.parse(JSON.stringify(back.config.layers))).toMatchObject(
      JSON.parse(JSON.stringify(own.map(roundedOf))) as object[],
    );
    expect(bitsOf(parametersOf(back))).toBe(bitsOf(parametersOf(net)));
    const x = numbers(own.some(({ type }) => type !== "dense") ? [2, 4, 3] : [2, 3]);
    expect(bitsOf(back.predict(x).data)).toBe(bitsOf(net.predict(x).data));
    expect(bitsOf(exportOnnx(back))).toBe(bitsOf(exportOnnx(net)));
  });

  test("a stack comes back as layers one after another", () => {
    const net = new Network({
      input: { tokens: 7 },
      layers: [embedding(4), lstm(5, { layers: 2, bidirectional: true }), dense(7)],
    });
    const back = importOnnx(exportOnnx(net));
    expect(back.config.input).toEqual({ tokens: 7 });
    expect(back.config.layers.map(({ type }) => type)).toEqual(["embedding", "lstm", "lstm", "dense"]);
    expect(bitsOf(back.predict(indices([2, 5], 7)).data)).toBe(bitsOf(net.predict(indices([2, 5], 7)).data));
  });

  test("ONNX → Network → ONNX", () => {
    const names = cases.map(({ name }) => name).filter((name) => name !== "torch_attention_step");
    for (const name of names) {
      const net = importOnnx(bytesOf(name));
      const again = importOnnx(exportOnnx(net));
      const x =
        "tokens" in net.config.input
          ? indices([2, 5], net.config.input.tokens)
          : numbers([2, 5, net.config.input.features]);
      expectClose(name, again.predict(x).data, net.predict(x).data, 1e-6);
    }
  });

  test("options make states and lengths inputs", () => {
    const net = new Network({
      input: { features: 3 },
      layers: [lstm(4, { bidirectional: true, name: "rnn" }), dense(2)],
    });
    const model = readOnnx(exportOnnx(net, { states: true, lengths: true }));
    expect(model.inputs).toEqual([
      { name: "input", shape: ["batch", "time", 3], role: "input" },
      { name: "lengths", shape: ["batch"], role: "lengths" },
      ...["h_l0", "h_l0_reverse", "c_l0", "c_l0_reverse"].map((state) => ({
        name: `rnn.${state}`,
        shape: ["batch", 4],
        role: "state",
      })),
    ]);
    expect(model.outputs.map(({ name }) => name)).toEqual([
      "output",
      ...["h_l0", "h_l0_reverse", "c_l0", "c_l0_reverse"].map((state) => `rnn.${state}_next`),
    ]);
    const x = numbers([2, 4, 3]);
    const state = numbers([2 * 4 * 4]).data;
    const parts = Object.fromEntries(
      net.states.map(({ name }, k) => [name, tensor(state.slice(k * 8, k * 8 + 8), [2, 4])]),
    );
    const expected = net.forward(x, { state, lengths: [4, 2] });
    const got = model.run({ input: x, lengths: tensor(Int32Array.of(4, 2), [2]), ...parts });
    expectClose(
      "states",
      net.states.flatMap(({ name }) => [...got[`${name}_next`]!.data]),
      expected.state,
    );
    expectClose("first sequence", got.output!.data.slice(0, 8), expected.output.data.slice(0, 8));
  });

  const refused: readonly (readonly [string, readonly LayerDescription[], RegExp])[] = [
    ["jordan", [jordan(4, { outputs: 2 })], /"jordan" is of the type jordan, for which ONNX has no operator/],
    ["tdnn", [tdnn(4, { delays: [0] })], /"tdnn" is of the type tdnn/],
    ["projection", [lstm(4, { projection: 2 })], /"lstm" has the option "projection", which ONNX has not/],
    ["cellClip", [lstm(4, { cellClip: 2, name: "rnn" })], /"rnn" has the option "cellClip"/],
    ["layerNorm", [lstm(4, { layerNorm: true })], /"lstm" has the option "layerNorm"/],
    ["zoneout", [gru(4, { zoneout: 0.1 })], /"gru" has zoneout, which ONNX has not/],
  ];

  test.each(refused)("%s is refused", async (_, own, text) => {
    const net = new Network({ input: { features: 3 }, layers: own });
    expectError(await errorOf(() => exportOnnx(net)), FormatError, text);
  });

  test("wrong arguments", async () => {
    const net = new Network({ input: { features: 3 }, layers: [dense(2), batchNorm()] });
    expectError(await errorOf(() => exportOnnx({} as never)), TypeError, /"net" expected a Network, got an object/);
    expectError(await errorOf(() => exportOnnx(net, { state: true } as never)), TypeError, /unknown option "state"/);
    expectError(
      await errorOf(() => exportOnnx(net, { lengths: true })),
      FormatError,
      /"lengths" needs a network over time/,
    );
  });
});

/** Options that a file keeps as floats. */
function roundedOf(layer: LayerDescription): LayerDescription {
  return layer.type === "layerNorm" ? layerNorm({ epsilon: Math.fround(1e-5) }) : layer;
}
