/**
 * The voice activity detector of Silero, from the file in @ricky0123/vad-web: its LSTM and what comes after it as a network that streams,
 * against the whole model in onnxruntime. What the rest of it does, a spectrum and four convolutions, stands here in plain numbers.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as ort from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { adam, binaryCrossEntropy, Network } from "../../bindings/index.ts";
import { importOnnx, readOnnx, type OnnxOptions } from "../../bindings/onnx.ts";
import { readGraph, readModel } from "../../bindings/onnx/proto.ts";
import { expectClose } from "../agreement.ts";
import { lehmer } from "../support.ts";

const bytes = new Uint8Array(
  readFileSync(fileURLToPath(import.meta.resolve("@ricky0123/vad-web/dist/silero_vad_v5.onnx"))),
);
const prefix = "If_0_then_branch__Inline_0__";
const encoded = `${prefix}/encoder/3/activation/Relu_output_0`;
/** The model for 16 kHz from the output of its encoder on, one step of 128 features at a time. */
const part: OnnxOptions = { constants: { sr: 16000 }, inputs: { [encoded]: ["batch", 128, 1] } };

const SAMPLES = 576; // 36 ms at 16 kHz
const FRAMES = 12;

/** A tone that comes and goes, in noise. */
function signal(): Float32Array[] {
  const next = lehmer(5);
  return Array.from({ length: FRAMES }, (_, frame) =>
    Float32Array.from({ length: SAMPLES }, (_, k) => {
      const t = (frame * SAMPLES + k) / 16000;
      const voice = [1, 2, 3, 4].reduce(
        (sum, harmonic) => sum + Math.sin(2 * Math.PI * 140 * harmonic * t) / harmonic,
        0,
      );
      return 0.25 * voice * Math.max(0, Math.sin(2 * Math.PI * 2 * t)) + 0.02 * (2 * next() - 1);
    }),
  );
}

// --------------------------------------------------------------------------- what comes before the LSTM, in plain numbers

type Rows = number[][];

/** The constants of the branch for 16 kHz, by their names. */
function constants(): ReadonlyMap<string, { data: Float32Array; dims: readonly number[] }> {
  const choice = readModel(bytes).graph!.nodes.find(({ op }) => op === "If")!;
  const branch = readGraph(choice.attributes.find(({ name }) => name === "then_branch")!.graph!);
  return new Map(
    branch.nodes.flatMap(({ outputs, attributes }) => {
      const tensor = attributes[0]?.tensor;
      if (tensor?.type !== 1 || !tensor.raw) return [];
      return [
        [outputs[0]!.slice(prefix.length), { data: new Float32Array(tensor.raw.slice().buffer), dims: tensor.dims }],
      ];
    }),
  );
}

const values = constants();

/** x (channels, time) with a kernel (outputs, channels, width); the bias may be missing. */
function convolve(x: Rows, name: string, stride: number, padding: number): Rows {
  const { data: w, dims } = values.get(`${name}${values.has(name) ? "" : ".weight"}`)!;
  const bias = values.get(`${name}.bias`)?.data;
  const [outputs, channels, width] = dims as [number, number, number];
  const steps = Math.floor((x[0]!.length + 2 * padding - width) / stride) + 1;
  return Array.from({ length: outputs }, (_, o) =>
    Array.from({ length: steps }, (_, t) => {
      let sum = bias?.[o] ?? 0;
      for (let c = 0; c < channels; c++) {
        for (let k = 0; k < width; k++)
          sum += w[(o * channels + c) * width + k]! * (x[c]![t * stride + k - padding] ?? 0);
      }
      return sum;
    }),
  );
}

/** The 128 features of one frame. */
function encode(samples: Float32Array): number[] {
  const reflected = Array.from({ length: 64 }, (_, k) => samples[SAMPLES - 2 - k]!);
  const waves = convolve([[...samples, ...reflected]], "stft.forward_basis_buffer", 128, 0);
  const half = waves.length / 2;
  let x: Rows = waves.slice(0, half).map((real, k) => real.map((re, t) => Math.hypot(re, waves[half + k]![t]!)));
  [1, 2, 2, 1].forEach((stride, k) => {
    x = convolve(x, `encoder.${k}.reparam_conv`, stride, 1).map((row) => row.map((v) => Math.max(0, v)));
  });
  return x.map((row) => row[0]!);
}

// ---------------------------------------------------------------------------------------------------------------- tests

/** The whole model, frame after frame: probabilities, and the state at the end, (2, 1, 128). */
async function runWhole(frames: readonly Float32Array[]): Promise<{ output: number[]; state: Float32Array }> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  let state: ort.Tensor = new ort.Tensor("float32", new Float32Array(256), [2, 1, 128]);
  const sr = new ort.Tensor("int64", BigInt64Array.of(16000n), []);
  const output: number[] = [];
  for (const frame of frames) {
    const results = await session.run({ input: new ort.Tensor("float32", frame, [1, SAMPLES]), state, sr });
    output.push((results.output!.data as Float32Array)[0]!);
    state = results.stateN!;
  }
  await session.release();
  return { output, state: state.data as Float32Array };
}

describe("the LSTM of Silero VAD", () => {
  const net = importOnnx(bytes, part);
  const frames = signal();
  const features = frames.map(encode);

  test("is a network of its own, found behind the sampling rate and the encoder", () => {
    expect(net.config.layers.map(({ type }) => type)).toEqual(["lstm", "last", "activation", "dense"]);
    expect(net.config.input).toEqual({ features: 128 });
    const { inputs, outputs } = readOnnx(bytes, part);
    expect(inputs.map(({ role }) => role)).toEqual(["input", "unused", "state"]);
    expect(outputs.map(({ name, role }) => `${name} ${role}`)).toEqual(["output output", "stateN state"]);
  });

  test("streams, and gives what the whole model gives", async () => {
    const whole = await runWhole(frames);
    expect(Math.max(...whole.output) - Math.min(...whole.output)).toBeGreaterThan(0.05); // there is something to be told
    const stream = net.stream();
    const output = features.map((step) => stream.step(Float32Array.from(step))[0]!);
    expectClose("output", output, whole.output, 1e-4);
    expectClose("state", stream.state, whole.state, 1e-4);
  });

  test("is refused as a whole, by the name of the node", () => {
    expect(() => importOnnx(bytes)).toThrow(/depends on the data: fix an input with "constants"/);
    expect(() => importOnnx(bytes, { constants: { sr: 16000 } })).toThrow(/padding\/Slice" \(Slice\) walks backwards/);
  });

  test("goes on learning", async () => {
    const copy = Network.load(net.save());
    const data = { inputs: features.map((step) => [step]), targets: features.map((_, k) => [k % 2]) };
    const loss = binaryCrossEntropy({ fromLogits: false });
    const before = copy.evaluate(data, { loss }).loss;
    await copy.fit(data, { loss, optimizer: adam({ learningRate: 0.01 }), epochs: 10 });
    expect(copy.evaluate(data, { loss }).loss).toBeLessThan(before);
  });
});
