/** Networks as ONNX files in onnxruntime, compiled and as WebAssembly: the same results as ours. */

import * as ortNode from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web";
import { describe, test } from "vitest";
import {
  activation,
  activationNames,
  batchNorm,
  dense,
  dropout,
  elman,
  embedding,
  gru,
  last,
  layerNorm,
  lstm,
  Network,
  repeat,
  tensor,
  type GateActivation,
  type LayerDescription,
  type Tensor,
} from "../../bindings/index.ts";
import { exportOnnx, readOnnx } from "../../bindings/onnx.ts";
import { writeModel } from "../../bindings/onnx/write.ts";
import { expectClose } from "../agreement.ts";
import { indices, lehmer, numbers } from "../support.ts";

ortWeb.env.wasm.numThreads = 1;
const runtimes = { "onnxruntime-node": ortNode, "onnxruntime-web": ortWeb };
type Tensors = Readonly<Record<string, Tensor<Float32Array | Int32Array>>>;

async function run(name: keyof typeof runtimes, bytes: Uint8Array, inputs: Tensors): Promise<Record<string, number[]>> {
  const ort = runtimes[name] as typeof ortNode;
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const feeds = Object.entries(inputs).map(([input, { data, shape }]): [string, ortNode.Tensor] => {
    if (data instanceof Float32Array) return [input, new ort.Tensor("float32", data, shape)];
    if (input === "lengths") return [input, new ort.Tensor("int32", data, shape)];
    return [input, new ort.Tensor("int64", BigInt64Array.from(data, BigInt), shape)];
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([output, { data }]) => [output, [...(data as Float32Array)]]));
}

const gates: readonly GateActivation[] = [
  ...(["relu", "tanh", "sigmoid", "softsign", "softplus"] as const),
  { type: "elu", alpha: 0.7 },
  { type: "leakyRelu", alpha: 0.2 },
  { type: "thresholdedRelu", alpha: 0.3 },
  { type: "affine", alpha: 0.5, beta: 0.1 },
  { type: "scaledTanh", alpha: 1.3, beta: 0.6 },
  { type: "hardSigmoid", alpha: 0.25, beta: 0.45 },
];
const gate = (k: number): GateActivation => gates[k % 11]!;

const recurrent: readonly (readonly [string, LayerDescription])[] = [
  ["elman", elman(5)],
  ["elman, relu", elman(5, { activation: "relu" })],
  ["gru", gru(5)],
  ["gru, reset before", gru(5, { reset: "before" })],
  ["lstm", lstm(5)],
];
const directions = { forward: {}, reverse: { reverse: true }, bidirectional: { bidirectional: true } };
const depths = { "1 layer": {}, "3 layers": { layers: 3 } };

/** Each recurrent layer in each direction and depth. */
const stacks = recurrent.flatMap(([name, layer]) =>
  Object.entries(directions).flatMap(([direction, way]) =>
    Object.entries(depths).map(([depth, levels]): [string, LayerDescription[]] => [
      `${name}, ${direction}, ${depth}`,
      [{ ...layer, ...way, ...levels }],
    ]),
  ),
);

const others: [string, LayerDescription[]][] = [
  ["dense after lstm", [lstm(5), dense(3, { activation: "softmax" })]],
  ["no bias", [gru(5, { bias: false }), dense(3, { bias: false })]],
  ["last", [lstm(4, { bidirectional: true, layers: 2 }), dropout(0.2), last(), dense(2)]],
  ["last after others", [lstm(4, { bidirectional: true }), layerNorm(), activation("softsign"), last()]],
  ["last after dense", [gru(4, { reverse: true }), dense(3), last()]],
  ["autoencoder", [lstm(4), last(), repeat(3), gru(4), dense(2)]],
  ["norms", [dense(4), batchNorm(), lstm(4), layerNorm({ affine: false }), layerNorm()]],
  ["peepholes", [lstm(5, { peepholes: true, bidirectional: true })]],
  ["coupled", [lstm(5, { coupled: true, peepholes: true })]],
  ["clip", [lstm(5, { gateClip: 0.3 }), gru(5, { gateClip: 0.2 }), elman(5, { gateClip: 0.3 })]],
  [
    "learnt initial states",
    [lstm(5, { learnInitialState: true, bidirectional: true }), gru(3, { learnInitialState: true })],
  ],
  ["names", [lstm(3, { name: "output" }), dense(3, { name: "input" }), dense(2, { name: "" })]],
];
const activations = gates.flatMap((_, k): [string, LayerDescription[]][] => [
  [`elman with gate activation ${k}`, [elman(5, { activations: [gate(k)] })]],
  [
    `gru with gate activation ${k}`,
    [gru(5, { activations: [gate(k), gate(k + 3)], reset: k % 2 ? "before" : "after" })],
  ],
  [
    `lstm with gate activation ${k}`,
    [
      lstm(5, {
        activations: [0, 3, 5, 7, 2, 9].map((by) => gate(k + by)),
        bidirectional: true,
        gateClip: 1,
        coupled: k % 2 === 0,
      }),
    ],
  ],
]);
const outputs = activationNames.map((name): [string, LayerDescription[]] => [
  `dense, ${name}`,
  [dense(5, { activation: name })],
]);

/** Large enough weights that gates leave their middle. */
function networkOf(layers: readonly LayerDescription[], input: { features: number } | { tokens: number }): Network {
  const net = new Network({ input, layers, seed: 3 });
  const next = lehmer(11);
  for (const parameter of net.parameters) parameter.set(Float32Array.from(parameter.value, () => 1.4 * next() - 0.7));
  return net;
}

function statesOf(net: Network, B: number): { state: Float32Array; inputs: Tensors } {
  const size = net.states.reduce((sum, { units }) => sum + B * units, 0);
  const state = numbers([size], 4).data;
  let at = 0;
  const inputs = net.states.map(({ name, units }): [string, Tensor] => {
    const part = state.slice(at, at + B * units);
    at += B * units;
    return [name, tensor(part, [B, units])];
  });
  return { state, inputs: Object.fromEntries(inputs) };
}

async function compare(name: keyof typeof runtimes, net: Network, x: Tensor | Tensor<Int32Array>): Promise<void> {
  const plain = await run(name, exportOnnx(net), { input: x });
  expectClose("output", plain.output!, net.forward(x).output.data);
  if (net.states.length === 0) return;
  const { state, inputs } = statesOf(net, x.shape[0]!);
  const bytes = exportOnnx(net, { states: true });
  const got = await run(name, bytes, { input: x, ...inputs });
  const expected = net.forward(x, { state });
  expectClose("output from states", got.output!, expected.output.data);
  const finals = net.states.flatMap((one) => got[`${one.name}_next`]!);
  expectClose("final states", finals, expected.state);
  // Back again, in the graph's own terms.
  const read = readOnnxIfAny(bytes)?.run({ input: x, ...inputs });
  if (read)
    for (const [output, { data }] of Object.entries(read)) expectClose(`${output}, read back`, data, got[output]!);
}

/** What the graph is not read back from: an autoencoder is no one path, and factors of batchNorm stand alone. */
function readOnnxIfAny(bytes: Uint8Array) {
  try {
    return readOnnx(bytes);
  } catch {
    return undefined;
  }
}

describe.each(["onnxruntime-node", "onnxruntime-web"] as const)("%s, to 1e-5", (name) => {
  test.each([...stacks, ...others, ...activations])("%s", async (_, layers) => {
    await compare(name, networkOf(layers, { features: 3 }), numbers([2, 4, 3]));
  });

  test.each(outputs)("%s", async (_, layers) => {
    const net = networkOf(layers, { features: 3 });
    await compare(name, net, numbers([6, 3]));
  });

  test("embedding, lstm, dense, at another batch and length too", async () => {
    const net = networkOf([embedding(4), lstm(5, { bidirectional: true }), dense(9, { activation: "logSoftmax" })], {
      tokens: 9,
    });
    for (const shape of [
      [2, 6],
      [1, 1],
      [5, 3],
    ]) {
      await compare(name, net, indices(shape, 9));
    }
  });

  test("padded sequences", async () => {
    const net = networkOf([lstm(4, { bidirectional: true, layers: 2 }), gru(4), dense(3, { activation: "tanh" })], {
      features: 3,
    });
    const lengths = tensor(Int32Array.of(5, 2, 1), [3]);
    const bytes = exportOnnx(net, { lengths: true });
    const input = numbers([3, 5, 3]);
    const got = await run(name, bytes, { input, lengths });
    // Beyond its end a sequence is zeros for us; ONNX's dense layer goes on with its bias, and so does the graph as it was read.
    const own = net.forward(input, { lengths: lengths.data }).output.data;
    const steps = own.map((v, k) =>
      Math.floor(k / 3) % 5 < lengths.data[Math.floor(k / 15)]! ? got.output![k]! - v : v,
    );
    expectClose("output", steps, new Float32Array(own.length));
    expectClose("read back", readOnnx(bytes).run({ input, lengths }).output!.data, got.output!);
  });
});

describe("what the defaults of the format mean", () => {
  test.each(["LeakyRelu", "HardSigmoid", "Elu"])("%s", async (activation) => {
    const W = { name: "W", shape: [1, 4, 3], data: numbers([12], 1).data };
    const R = { name: "R", shape: [1, 4, 4], data: numbers([16], 2).data };
    const attributes = { hidden_size: { int: 4 }, activations: { texts: [activation] } };
    const bytes = writeModel(
      {
        nodes: [{ op: "RNN", name: "rnn", inputs: ["x", "W", "R"], outputs: ["y"], attributes }],
        initializers: [W, R],
        inputs: [{ name: "x", type: "float", shape: ["t", "b", 3] }],
        outputs: [{ name: "y", type: "float" }],
      },
      14,
    );
    const x = numbers([4, 2, 3]);
    expectClose("y", readOnnx(bytes).run({ x }).y!.data, (await run("onnxruntime-node", bytes, { x })).y!);
  });
});
