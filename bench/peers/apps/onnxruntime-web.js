import * as ort from "onnxruntime-web/wasm";

/** @param {import("../apps.js").Assets} assets */
export async function run({ model }) {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(model);
  const { hNext } = await session.run({ x: new ort.Tensor("float32", new Float32Array(640).fill(1), [10, 1, 64]) });
  return hNext.data[63];
}
