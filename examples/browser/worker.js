// Trains what train-in-worker.js sends. Import maps do not reach workers: without a bundler the library needs its path.
import * as unrolled from "/node_modules/unrolled/dist/index.js";

/** @import { Trainer } from "unrolled" */
/** @import { Result, Task } from "./train-in-worker.js" */

const MESSAGES_EVERY_MS = 50;
const pause = new AbortController();

addEventListener("message", ({ data }) => {
  if (data === "pause") pause.abort();
  else train(data).then(sendResult, ({ name, message }) => postMessage({ error: { name, message } }));
});

/**
 * A loss or an optimizer again from what has arrived of it: its fields, and not its methods.
 * @template {{ type: string }} T
 * @param {T} sent
 * @returns {T}
 */
function remade({ type, ...options }) {
  return /** @type {any} */ (unrolled)[type](options);
}

/** @param {Result} result */
function sendResult(result) {
  postMessage({ result }, { transfer: [result.bytes.buffer] });
}

/** @param {Task} task @returns {Promise<Result>} */
async function train({ config, data, options }) {
  const net = new unrolled.Network(config);
  const started = performance.now();
  let [done, sent] = [0, -Infinity];
  /** @type {Trainer | undefined} */
  let trainer;
  try {
    await net.fit(data, {
      ...options,
      loss: remade(options.loss),
      optimizer: remade(options.optimizer),
      signal: pause.signal,
      onStep({ step, epoch, loss }, current) {
        trainer = current;
        done++;
        const steps = current.epochs * current.batches;
        const now = performance.now();
        if (now - sent < MESSAGES_EVERY_MS && step < steps) return;
        const secondsLeft = ((now - started) / 1000 / done) * (steps - step);
        postMessage({ progress: { step, steps, epoch, loss, secondsLeft } });
        sent = now;
      },
    });
  } catch (error) {
    if (!trainer || error !== pause.signal.reason) throw error;
    return { finished: false, bytes: trainer.checkpoint() };
  }
  return { finished: true, bytes: net.save() };
}
