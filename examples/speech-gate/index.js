// Speech or music: the gate inside the Opus codec, a GRU with 5,058 weights, streamed frame by frame, gives the outputs it should.
import { readFileSync } from "node:fs";
import { dense, gru, Network, Random } from "unrolled";
import { heading, quick, report, table } from "../common.js";

const file = (/** @type {string} */ name) => readFileSync(new URL(`../data/${name}`, import.meta.url));

// ---- the model as Opus 1.3.1 has it: dense 32, GRU 24 with the reset gate before the product, dense 2: music, and whether there is sound at all

/** @param {"before" | "after"} reset */
const describe = (reset) =>
  new Network({
    input: { features: 25 },
    layers: [
      dense(32, { activation: "tanh", name: "dense0" }),
      gru(24, { reset, name: "gru" }),
      dense(2, { activation: "sigmoid", name: "dense2" }),
    ],
  });

// Its weights are (inputs, outputs) with gates z r h; here, as in PyTorch, (outputs, inputs) with gates r z n.
const opus = readSafetensors(file("opus-speech-music.safetensors"));
/** @param {string} name @param {number[]} [gates] blocks of columns, in the order that they should have */
function turned(name, gates = [0]) {
  const { data, shape } = opus[name];
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  const block = columns / gates.length;
  return Float32Array.from(
    gates.flatMap((gate) =>
      Array.from({ length: block * rows }, (_, i) => data[(i % rows) * columns + gate * block + Math.floor(i / rows)]),
    ),
  );
}
const rzn = [1, 0, 2];

/** @param {Network} net */
function withWeights(net) {
  for (const layer of ["dense0", "dense2"]) {
    net.parameter(`${layer}.weight`).set(turned(`${layer}.w`));
    net.parameter(`${layer}.bias`).set(turned(`${layer}.b`));
  }
  net.parameter("gru.weight_ih_l0").set(turned("gru.w", rzn));
  net.parameter("gru.weight_hh_l0").set(turned("gru.u", rzn));
  net.parameter("gru.bias_ih_l0").set(turned("gru.b", rzn));
  net.parameter("gru.bias_hh_l0").set(new Float32Array(72)); // Opus has one bias
  return net;
}
const net = withWeights(describe("before"));
console.log(net.summary());

// ---- 40 frames of 25 features with the outputs that belong to them; the features are random, as no recording came with the model

/** @type {{ features: number[][], output: number[][] }} */
const vectors = JSON.parse(file("opus-vectors.json").toString());
const frames = vectors.features.map((frame) => Float32Array.from(frame));

/** The largest difference from the outputs it should give. @param {Network} net @param {(stream: ReturnType<Network["stream"]>) => void} [before] each frame */
function difference(net, before) {
  const stream = net.stream();
  const differences = frames.flatMap((frame, t) => {
    before?.(stream);
    return Array.from(stream.step(frame), (x, i) => Math.abs(x - vectors.output[t][i]));
  });
  return Math.max(...differences);
}

heading("the largest difference in 40 frames");
const exact = difference(net);
const resetAfter = difference(withWeights(describe("after")));
console.log(
  table([
    ["reset gate before the product, as Opus", exact.toExponential(1)],
    ["reset gate after the product, as PyTorch", resetAfter.toExponential(1)],
    ["each frame by itself, no state", difference(net, (stream) => stream.reset()).toExponential(1)],
  ]),
);

heading("streamed");
const stream = net.stream();
for (const [t, frame] of frames.slice(0, 12).entries()) {
  const [music, sound] = stream.step(frame);
  console.log(
    `frame ${String(t + 1).padStart(2)}  music ${"█".repeat(Math.round(music * 20)).padEnd(20)} ${music.toFixed(3)}   activity ${sound.toFixed(3)}`,
  );
}

// ---- time: a frame is 20 ms of sound

heading("time");
const random = new Random(1);
const sound = Array.from({ length: 256 }, () => random.normals(25));
const rounds = quick ? 20_000 : 500_000;
for (let i = 0; i < 20_000; i++) stream.step(sound[i % 256]); // until the engine has compiled all of it
const began = performance.now();
for (let i = 0; i < rounds; i++) stream.step(sound[i % 256]);
const microseconds = ((performance.now() - began) * 1000) / rounds;
console.log(
  `${microseconds.toFixed(2)} µs a frame: one core follows ${Math.floor(20_000 / microseconds).toLocaleString("en")} calls at once; ` +
    `the state of a call is ${stream.snapshot().length} bytes`,
);

report("weights of Opus 1.3.1, 40 frames with their outputs", [
  {
    measure: "largest difference of an output in 40 frames",
    reached: exact,
    atMost: 1e-5,
    baseline: ["reset gate after the product", resetAfter],
    digits: 7,
  },
]);

/**
 * Tensors of a safetensors file: 8 bytes of the header's length, a header of JSON, numbers.
 * @param {Buffer} bytes @returns {Record<string, { data: Float32Array, shape: number[] }>}
 */
function readSafetensors(bytes) {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const copy = Uint8Array.from(bytes.subarray(8 + length + from, 8 + length + to));
        return [name, { shape, data: new Float32Array(copy.buffer) }];
      },
    ),
  );
}
