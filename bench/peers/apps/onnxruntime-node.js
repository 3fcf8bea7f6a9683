import * as ort from "onnxruntime-node";

/** @param {import("../apps.js").Assets} assets */
export async function run({ model }) {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
  const { hNext } = await session.run({ x: new ort.Tensor("float32", new Float32Array(640).fill(1), [10, 1, 64]) });
  return hNext.data[63];
}
