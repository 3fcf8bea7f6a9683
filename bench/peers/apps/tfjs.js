import * as tf from "@tensorflow/tfjs-core";
import { layers, sequential } from "@tensorflow/tfjs-layers";

/** @param {string} backend */
export async function predict(backend) {
  await tf.setBackend(backend);
  const lstm = layers.lstm({ units: 64, inputShape: [10, 64], recurrentInitializer: "glorotUniform" });
  const y = /** @type {tf.Tensor} */ (sequential({ layers: [lstm] }).predict(tf.ones([1, 10, 64])));
  return y.dataSync()[63];
}
