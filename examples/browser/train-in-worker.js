// Trains a network in a worker, so that the page stays free.

/** @import { FitOptions, NetworkConfig, TrainingData } from "unrolled" */

/** @typedef {"signal" | "onStep" | "onEpoch" | "learningRate" | "schedule" | "augment"} Kept */

/**
 * What the worker is sent. Functions and schedules cannot be: those that `fit` takes belong into worker.js.
 * @typedef {object} Task
 * @property {NetworkConfig} config of the network
 * @property {TrainingData} data typed arrays in it are moved and not copied, so they are empty here afterwards
 * @property {Omit<FitOptions, Kept>} options of `fit`; `resume` goes on from a pause
 */

/** @typedef {{ step: number, steps: number, epoch: number, loss: number, secondsLeft: number }} Progress */

/**
 * `bytes` are a file that Network.load takes: the model, or after a pause a checkpoint.
 * @typedef {{ finished: boolean, bytes: Uint8Array<ArrayBuffer> }} Result
 */

/** @typedef {{ result: Promise<Result>, pause: () => void }} Training */

/**
 * @param {Task} task
 * @param {{ onProgress?: (progress: Progress) => void, signal?: AbortSignal }} [options] `signal` ends the worker at once, and
 *   `result` rejects with its reason; an error in the worker is an error of `result`
 * @returns {Training}
 */
export function trainInWorker(task, { onProgress, signal } = {}) {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  /** @type {Promise<Result>} */
  const result = new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    worker.onmessage = ({ data: { progress, result, error } }) => {
      if (progress) onProgress?.(progress);
      else if (result) resolve(result);
      else reject(Object.assign(new Error(error.message), { name: error.name }));
    };
    worker.onerror = ({ message }) => reject(new Error(message || "the worker's script cannot be loaded"));
    worker.postMessage(task, buffersOf(task.data));
  });
  return { result: result.finally(() => worker.terminate()), pause: () => worker.postMessage("pause") };
}

/** The memory of the data's arrays. @param {TrainingData} data @returns {ArrayBuffer[]} */
function buffersOf({ inputs, targets }) {
  const arrays = [inputs, targets].map((values) => ("data" in values ? values.data : values));
  const views = arrays.filter((array) => ArrayBuffer.isView(array));
  return [...new Set(views.map(({ buffer }) => /** @type {ArrayBuffer} */ (buffer)))];
}
