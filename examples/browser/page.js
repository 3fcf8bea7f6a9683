// The page: starts the training, shows how it goes, and writes with what comes back.
import {
  adam,
  characterTokenizer,
  crossEntropy,
  dense,
  embedding,
  generateText,
  languageModelData,
  lstm,
  Network,
} from "/node_modules/unrolled/dist/index.js";
import { showFrames } from "./frames.js";
import { trainInWorker } from "./train-in-worker.js";

/** @import { Progress, Task, Training } from "./train-in-worker.js" */

/** @template {Element} T @param {string} id @param {new () => T} type @returns {T} */
function element(id, type) {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} "${id}"`);
}

const passes = element("passes", HTMLInputElement);
const trainButton = element("train", HTMLButtonElement);
const stopButton = element("stop", HTMLButtonElement);
const writeButton = element("go", HTMLButtonElement);
const prompt = element("prompt", HTMLInputElement);
const status = element("status", HTMLElement);
const bar = element("progress", HTMLProgressElement);
const curve = element("curve", SVGPolylineElement);
const output = element("text", HTMLElement);
const figures = {
  step: element("step", HTMLElement),
  bits: element("bits", HTMLElement),
  left: element("left", HTMLElement),
};
const download = element("download", HTMLAnchorElement);
const stopped = "Stopped: this run is thrown away.";

const text = await (await fetch("../data/asyoulik.txt")).text();
const tokenizer = characterTokenizer(text);

/** @type {Training | undefined} */
let training;
/** Of a run that is paused. @type {Uint8Array | undefined} */
let checkpoint;
/** What has been learnt. @type {Network | undefined} */
let net;
let abort = new AbortController();
let texts = 0;
/** @type {{ step: number, bits: number }[]} */
let points = [];

/** @returns {Task} */
function makeTask() {
  return {
    config: {
      input: { tokens: tokenizer.size },
      layers: [embedding(32), lstm(128), dense(tokenizer.size)],
      seed: 1,
    },
    data: languageModelData(tokenizer.encode(text), { batch: 16 }),
    options: {
      loss: crossEntropy(),
      optimizer: adam({ learningRate: 0.005 }),
      epochs: passes.valueAsNumber,
      truncate: 64,
      clipNorm: 1,
      ...(checkpoint && { resume: checkpoint }),
    },
  };
}

async function train() {
  if (!checkpoint) clear();
  abort = new AbortController();
  training = trainInWorker(makeTask(), { onProgress: show, signal: abort.signal });
  status.textContent = checkpoint ? "Training goes on." : "Training.";
  showState();
  try {
    const { finished, bytes } = await training.result;
    checkpoint = finished ? undefined : bytes;
    useModel(bytes);
    status.textContent = finished ? "Trained: the page has the model." : "Paused: the page has what is learnt so far.";
  } catch (error) {
    discard(abort.signal.aborted ? stopped : String(error));
  }
  training = undefined;
  showState();
}

/** Throws away the run that is on or paused. @param {string} why */
function discard(why) {
  checkpoint = undefined;
  clear();
  status.textContent = why;
}

function clear() {
  points = [];
  bar.value = 0;
  curve.setAttribute("points", "");
  for (const figure of Object.values(figures)) figure.textContent = "–";
}

function showState() {
  trainButton.disabled = false;
  trainButton.textContent = training ? "Pause" : checkpoint ? "Go on" : "Train";
  stopButton.disabled = !training && !checkpoint;
  passes.readOnly = !stopButton.disabled;
  writeButton.disabled = net === undefined;
}

/** @param {Progress} progress */
function show({ step, steps, epoch, loss, secondsLeft }) {
  const bits = loss / Math.LN2;
  points.push({ step, bits });
  [bar.value, bar.max] = [step, steps];
  figures.step.textContent = `${step} of ${steps}`;
  figures.bits.textContent = bits.toFixed(2);
  figures.left.textContent = `${Math.ceil(secondsLeft)} s`;
  curve.setAttribute("points", points.map(({ step, bits }) => `${(600 * step) / steps},${150 - 25 * bits}`).join(" "));
  const line = `Pass ${epoch + 1} of ${passes.value}.`; // said once a pass
  if (status.textContent !== line) status.textContent = line;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
function useModel(bytes) {
  net = Network.load(bytes);
  net.metadata.tokenizer = JSON.stringify(tokenizer); // the command `unrolled generate` reads it there
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(new Blob([net.save()]));
  download.hidden = false;
  write();
}

function write() {
  if (!net) return;
  try {
    const options = { prompt: prompt.value, length: 400, temperature: 0.6, seed: texts++ };
    output.textContent = prompt.value + generateText(net, tokenizer, options);
  } catch (error) {
    output.textContent = String(error); // the prompt has a character that is not in the play
  }
}

element("settings", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  if (training) training.pause();
  else void train();
});
stopButton.addEventListener("click", () => {
  if (training) abort.abort();
  else discard(stopped);
  showState();
  trainButton.focus();
});
element("write", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  write();
});
showFrames({
  dot: element("dot", SVGCircleElement),
  fps: element("fps", HTMLElement),
  longest: element("longest", HTMLElement),
});
status.textContent = "Nothing has been learnt yet.";
showState();
