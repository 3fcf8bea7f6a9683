// What run.js asks a page for. Each check throws where something is wrong, and else says what it has found.
import * as library from "/node_modules/unrolled/dist/index.js";
import { trainInWorker } from "../../examples/browser/train-in-worker.js";

/** @import { Progress, Result, Task } from "../../examples/browser/train-in-worker.js" */
/** @import { Outcome } from "../runtimes/package.js" */

const { adam, crossEntropy, dense, dropout, embedding, languageModelData, lstm, Network } = library;

/** @param {boolean} condition @param {string} message */
function expect(condition, message) {
  if (!condition) throw new Error(message);
}

/** Text to learn: 8 characters in an order that is no mere cycle. @param {number} length */
const tokens = (length) => Int32Array.from({ length }, (_, i) => (i * i + (i >> 3)) % 8);

/**
 * Dropout draws from the random state, truncation carries states: all that a run depends on.
 * @param {Partial<Task["options"]>} [options]
 * @returns {Task}
 */
const makeTask = (options) => ({
  config: { input: { tokens: 8 }, layers: [embedding(6), lstm(20), dropout(0.2), dense(8)], seed: 3 },
  data: languageModelData(tokens(1600), { batch: 8 }),
  options: { loss: crossEntropy(), optimizer: adam(), epochs: 8, truncate: 20, ...options },
});

/** @param {Uint8Array} a @param {Uint8Array} b */
const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** @param {Task} task */
async function trainHere({ config, data, options }) {
  const net = new Network(config);
  await net.fit(data, options);
  return net.save();
}

/** The policy holds, and memory is not shared. */
function strictPage() {
  const script = document.createElement("script");
  script.textContent = "document.title = 'unsafe'";
  document.head.append(script);
  expect(document.title !== "unsafe", "the policy lets inline scripts run, so it proves nothing");
  expect(!crossOriginIsolated && typeof SharedArrayBuffer === "undefined", "the page is isolated from other origins");
  return "no inline script, no shared memory";
}

async function programInWorker() {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  /** @type {Outcome & { error?: string }} */
  const outcome = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
  });
  worker.terminate();
  expect(!outcome.error, `in the worker: ${outcome.error}`);
  /** @type {Outcome} */
  const expected = await (await fetch("/test/runtimes/expected.json")).json();
  expect(outcome.sha256 === expected.sha256, `${outcome.sha256} instead of ${expected.sha256}`);
  return `hash ${outcome.sha256.slice(0, 16)}`;
}

async function sameBytes() {
  const here = await trainHere(makeTask());
  const task = makeTask();
  /** @type {Progress[]} */
  const reports = [];
  const { finished, bytes } = await trainInWorker(task, { onProgress: (progress) => reports.push(progress) }).result;
  expect(finished && same(bytes, here), "the worker has learnt something else than the page");
  const last = reports.at(-1);
  expect(last?.step === 80 && last.steps === 80 && last.secondsLeft === 0, `last report: ${JSON.stringify(last)}`);
  const { inputs } = task.data;
  expect("data" in inputs && inputs.data.length === 0, "the data were copied and not moved");
  return `${bytes.length} bytes`;
}

async function pauseAndGoOn() {
  const here = await trainHere(makeTask({ epochs: 60 }));
  /** First and last report of each part. @type {{ from: number, to: number }[]} */
  const parts = [];
  /** @type {Result | undefined} */
  let result;
  while (!result?.finished) {
    const part = { from: 0, to: 0 };
    const task = makeTask({ epochs: 60, ...(result && { resume: result.bytes }) });
    const onProgress = (/** @type {Progress} */ { step }) => {
      part.from ||= step;
      part.to = step;
      if (parts.length < 2) training.pause();
    };
    const training = trainInWorker(task, { onProgress });
    result = await training.result;
    parts.push(part);
  }
  const follow = parts.every(({ from }, k) => from > (parts[k - 1]?.to ?? 0));
  expect(parts.length === 3 && follow, `parts: ${JSON.stringify(parts)}`);
  expect(same(result.bytes, here), "after two pauses it has learnt something else");
  return `in ${parts.length} parts`;
}

/** @param {Promise<unknown>} promise @returns {Promise<{ name: string, message: string }>} */
const rejection = (promise) =>
  promise.then(
    () => ({ name: "nothing", message: "" }),
    (error) => error,
  );

async function errorsAndAbort() {
  const { config, ...rest } = makeTask();
  const wrong = await rejection(trainInWorker({ ...rest, config: { ...config, layers: [] } }).result);
  expect(
    wrong.name === "RangeError" && /layers/.test(wrong.message),
    `of a wrong network: ${wrong.name}, ${wrong.message}`,
  );
  const wild = await rejection(trainInWorker(makeTask({ optimizer: adam({ learningRate: 1e38 }) })).result);
  expect(wild.name === "NumericError", `of a run that diverges: ${wild.name}, ${wild.message}`);
  const abort = new AbortController();
  const onProgress = () => abort.abort(new Error("enough"));
  const aborted = await rejection(
    trainInWorker(makeTask({ epochs: Infinity }), { signal: abort.signal, onProgress }).result,
  );
  expect(aborted === abort.signal.reason, `of an abort: ${aborted.message}`);
  const late = await rejection(trainInWorker(makeTask(), { signal: abort.signal }).result);
  expect(late === abort.signal.reason, `of an abort before: ${late.message}`);
  return "with their names, messages, reasons";
}

/** Between which steps of a fit on the page the event loop came to messages. */
async function turns() {
  const { port1, port2 } = new MessageChannel();
  let messages = 0;
  port1.onmessage = () => {
    messages++;
    port2.postMessage(undefined);
  };
  port2.postMessage(undefined);
  const { config, data, options } = makeTask();
  /** @type {number[]} */
  const seen = [];
  await new Network(config).fit(data, { ...options, yieldEvery: 4, onStep: () => seen.push(messages) });
  port1.close();
  const after = seen.flatMap((count, step) => (step > 0 && count !== seen[step - 1] ? [step] : []));
  const expected = Array.from({ length: 80 / 4 - 1 }, (_, k) => 4 * (k + 1));
  expect(after.join() === expected.join(), `turns after the steps ${after.join(", ")}`);
  return `${after.length} in 80 steps`;
}

const checks = {
  "strict policy, not isolated": strictPage,
  "module worker, all that runtimes do": programInWorker,
  "module worker, the page's bytes": sameBytes,
  "worker paused and resumed": pauseAndGoOn,
  "worker's errors, abort": errorsAndAbort,
  "turns during fit on the page": turns,
};

/**
 * Trains on the page without an end, until the button "Enough" is clicked.
 * @param {{ units: number, batch: number, time: number, yieldEvery: number }} size
 * @returns {Promise<{ steps: number, longestGap: number }>} the longest time between two timers, in milliseconds
 */
async function fitUntilClick({ units, batch, time, yieldEvery }) {
  const net = new Network({ input: { tokens: 8 }, layers: [embedding(32), lstm(units), dense(64)], seed: 1 });
  const data = languageModelData(tokens(batch * 8 * time + 1), { batch });
  const options = { loss: crossEntropy(), optimizer: adam(), truncate: time, epochs: Infinity };
  for (const { step } of net.train(data, options)) if (step === 5) break; // compiled by now
  const stop = new AbortController();
  const button = document.createElement("button");
  button.textContent = "Enough";
  button.addEventListener("click", () => stop.abort());
  document.body.append(button);
  const timers = measureTimers();
  let steps = 0;
  const error = await rejection(net.fit(data, { ...options, yieldEvery, signal: stop.signal, onStep: () => steps++ }));
  expect(error === stop.signal.reason, error.message);
  button.remove();
  return { steps, longestGap: timers.end() };
}

/** The longest time between timers that follow each other. Browsers let 4 ms pass by themselves. */
function measureTimers() {
  let [last, longest] = [performance.now(), 0];
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    timer = setTimeout(tick, 0);
  };
  let timer = setTimeout(tick, 0);
  const end = () => {
    clearTimeout(timer);
    return longest;
  };
  return { end };
}

/** @typedef {{ checks: typeof checks, fitUntilClick: typeof fitUntilClick }} Asked */
Object.assign(globalThis, { asked: { checks, fitUntilClick } });
