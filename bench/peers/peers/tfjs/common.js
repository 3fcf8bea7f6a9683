import * as tf from "@tensorflow/tfjs-core";
import { transpose } from "../../workloads.js";

/**
 * A weight (outputs, inputs) as the kernel (inputs, outputs).
 * @param {Float32Array} weight
 * @param {number} outputs
 */
export const kernel = (weight, outputs) => tf.tensor2d(transpose(weight, outputs), [weight.length / outputs, outputs]);

export const optimizers = {
  sgd: () => tf.train.sgd(0.01),
  adam: () => tf.train.adam(1e-3, 0.9, 0.999, 1e-8),
};

/** @param {string} name */
export async function openBackend(name) {
  tf.enableProdMode();
  if (!(await tf.setBackend(name))) throw new Error(`no backend "${name}"`);
  await tf.ready();
}
