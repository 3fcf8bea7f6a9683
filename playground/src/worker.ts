// Trains one network, or two side by side on the same task, and looks inside.
import {
  adam,
  adamw,
  dense,
  dropout,
  elman,
  embedding,
  generateText,
  gradientFlow,
  gru,
  last,
  lstm,
  Network,
  rmsprop,
  sgd,
  tokenizerFromJSON,
  traceStates,
  type LayerDescription,
  type Tensor,
  type Trainer,
} from "unrolled";
import { cells, fromHash, isLast, isText, toHash, type CellName, type Config } from "./config.ts";
import type { LayerView, News, Order, Own, Point, RunView, Sheet, WeightView } from "./messages.ts";
import { buildProblem, type Problem } from "./problems.ts";
import { measureSpeed } from "./speed.ts";

interface Run {
  name: string;
  cell: CellName;
  net: Network;
  trainer: Trainer;
  sum: number;
  counted: number;
  gradientNorm: number;
  /** Time in training steps, and how many. */
  ms: number;
  steps: number;
  failed: string;
}

const SLICE_MS = 30;
const LETTERS = 60_000;
const optimizers = { adam, adamw, rmsprop, sgd };

let config: Config | undefined;
let own: Own | undefined;
let problem: Problem | undefined;
let runs: Run[] = [];
let step = 0;
let running = false;
let points: Point[] = [];
let weightWanted = "";
let writing = { prompt: "The ", temperature: 0.6 };
let lastView = 0;
let viewMs = 0;
const sources: Promise<[string, string]> = Promise.all(
  ["sunspots.csv", "asyoulik.txt"].map(async (name) => (await fetch(new URL(name, import.meta.url))).text()),
) as Promise<[string, string]>;

function tell(news: News, transfer: Transferable[] = []): void {
  postMessage(news, { transfer });
}

const cellLayers = {
  elman: (units: number, options: object) => elman(units, options),
  gru: (units: number, options: object) => gru(units, options),
  lstm: (units: number, options: object, forgetBias: number) => lstm(units, { ...options, forgetBias }),
};

function makeNetwork(cell: CellName, { units, layers: depth, dropout: rate, forgetBias, seed }: Config, p: Problem) {
  const stacked = { layers: depth, ...(depth > 1 && rate > 0 && { dropout: rate }) };
  const layers: LayerDescription[] = [
    ...(p.embedding ? [embedding(p.embedding)] : []),
    cellLayers[cell](units, stacked, forgetBias),
    ...(p.last ? [last()] : []),
    ...(rate > 0 ? [dropout(rate)] : []),
    dense(p.outputs),
  ];
  return new Network({ input: p.input, layers, seed });
}

function makeRun(cell: CellName, net: Network, c: Config, p: Problem, twin: boolean): Run {
  const whole = isLast(c.task) || (c.truncate === 0 && !isText(c.task));
  const trainer = net.train(p.train, {
    ...{ loss: p.loss, epochs: Infinity, batchSize: c.batch },
    optimizer: optimizers[c.optimizer]({ learningRate: c.learningRate }),
    ...(c.clipNorm > 0 && { clipNorm: c.clipNorm }),
    ...(!whole && { truncate: c.truncate || 48 }),
  });
  const name = twin ? `${cells[cell]} (2)` : cells[cell];
  return { name, cell, net, trainer, sum: 0, counted: 0, gradientNorm: 0, ms: 0, steps: 0, failed: "" };
}

/** Everything anew. Nothing has changed if it throws. */
async function set(next: Config, file: Own | undefined, change: number, loaded?: Network): Promise<void> {
  const [sunspots, play] = await sources;
  const made = buildProblem(next, sunspots, play.slice(0, LETTERS), file);
  const names = [next.cell, ...(next.against === "none" ? [] : [next.against])];
  const fresh = names.map((cell, k) =>
    makeRun(cell, (k === 0 && loaded) || makeNetwork(cell, next, made), next, made, k === 1 && cell === names[0]),
  );
  [config, own, problem, runs, step, running, points] = [next, file, made, fresh, 0, false, []];
  tell({
    type: "built",
    config: next,
    loaded: loaded !== undefined,
    change,
    built: {
      runs: runs.map(({ name, net }) => ({
        name,
        parameters: net.parameters.reduce((sum, { value }) => sum + value.length, 0),
        structure: net.config.layers
          .map(({ type, ...rest }) => ("units" in rest ? `${type}(${rest.units})` : type))
          .join(" → "),
      })),
      ...{ lossName: made.lossName, baseline: made.baseline, question: made.question, inputs: made.probeText },
      ...{ columns: made.columns, about: made.about, everyStep: !made.last },
    },
  });
  measure();
  sendPoints();
  sendView();
  tellState();
}

function tellState(): void {
  tell({ type: "state", running, step, finished: step >= (config?.steps ?? 0) });
}

/** How far apart the points of the curves are: the longer it goes on, the farther. */
const spacing = () => (step < 100 ? 5 : step < 1000 ? 20 : 50);

function advance(): void {
  for (const run of runs) {
    if (run.failed) continue;
    const started = performance.now();
    try {
      const { loss, gradientNorm } = run.trainer.next().value!;
      run.sum += loss;
      run.counted++;
      run.gradientNorm = gradientNorm;
    } catch (error) {
      run.failed = error instanceof Error ? error.message : String(error);
    }
    run.ms += performance.now() - started;
    run.steps++;
  }
  step++;
  if (step % spacing() === 0) measure();
}

function measure(): void {
  const p = problem!;
  const valid = runs.map(({ net, failed }) => (failed ? null : net.evaluate(p.valid, { loss: p.loss }).loss));
  const train = runs.map(({ sum, counted }) => (counted ? sum / counted : null));
  for (const run of runs) [run.sum, run.counted] = [0, 0];
  points.push({ step, train, valid: valid.map((v) => (v !== null && Number.isFinite(v) ? v : null)) });
}

function sendPoints(): void {
  tell({ type: "points", points, step });
  points = [];
}

/** A turn of the event loop, without the four milliseconds of a timer. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

async function go(): Promise<void> {
  if (running || !config) return;
  running = true;
  const [mine, until] = [runs, config.steps];
  tellState();
  while (running && mine === runs && step < until && runs.some(({ failed }) => !failed)) {
    for (const end = performance.now() + SLICE_MS; performance.now() < end && step < until;) advance();
    sendPoints();
    // Looking takes no more than a third of the time.
    if (performance.now() - lastView > Math.max(300, 2 * viewMs)) sendView();
    await turn();
  }
  if (mine !== runs) return;
  running = false;
  measureLast();
  sendPoints();
  sendView();
  tellState();
}

function measureLast(): void {
  if (step % spacing() !== 0 && runs.some(({ counted }) => counted > 0)) measure();
}

function sheetOf({ data, shape }: Tensor): Sheet {
  const [, steps, units] = shape as [number, number, number];
  const turned = new Float32Array(steps * units);
  for (let t = 0; t < steps; t++) for (let k = 0; k < units; k++) turned[k * steps + t] = data[t * units + k]!;
  return { data: turned, steps, units };
}

function layersOf(net: Network, p: Problem): LayerView[] {
  return traceStates(net, p.probe).map(({ name, hidden, cell, gates }) => {
    const all: Record<string, Tensor> = { h: hidden, ...(cell && { c: cell }), ...gates };
    const sheets = Object.fromEntries(Object.entries(all).map(([key, values]) => [key, sheetOf(values)]));
    return { name, sheets };
  });
}

function weightOf(net: Network): WeightView | null {
  const found = net.parameters.find(({ name }) => plainName(name) === weightWanted);
  const parameter = found ?? net.parameters.find(({ name }) => name.endsWith("weight_hh_l0"));
  if (!parameter) return null;
  const { name, shape, value } = parameter;
  const [rows, columns] = shape.length === 2 ? (shape as [number, number]) : [1, value.length];
  return { name, rows, columns, data: value.slice() };
}

/** A recurrent layer's parameters go by one name, whichever cell it is. */
const plainName = (name: string) => name.replace(/^(elman|lstm|gru)\./, "recurrent.");

function write(net: Network): string {
  const { tokenizer } = problem!;
  if (!tokenizer) return "";
  const { prompt, temperature } = writing;
  const known = [...prompt].filter((letter) => {
    try {
      return tokenizer.encode(letter).length === 1;
    } catch {
      return false;
    }
  });
  const start = known.join("") || tokenizer.decode([0]);
  return start + generateText(net, tokenizer, { prompt: start, length: 360, temperature, seed: step });
}

function viewOf(run: Run): RunView {
  const { net, failed, gradientNorm, ms, steps } = run;
  const p = problem!;
  const rest = {
    ...{ failed, gradientNorm, stepsPerSecond: ms > 0 ? (1000 * steps) / ms : 0 },
    parameters: net.parameters.reduce((sum, { value }) => sum + value.length, 0),
    weightNames: net.parameters.map(({ name }) => plainName(name)),
  };
  if (failed) return { ...rest, layers: [], flow: [], weight: weightOf(net), score: "", text: "", predicted: [] };
  const flow = gradientFlow(net, p.flow, { loss: p.loss }).layers.map((layer) => ({
    ...{ name: layer.name, rate: layer.rate, verdict: layer.verdict, advice: layer.advice },
    norms: [...(layer.cellNorms ?? layer.norms)],
    of: layer.cellNorms ? ("c" as const) : ("h" as const),
  }));
  return { ...rest, layers: layersOf(net, p), flow, weight: weightOf(net), ...p.answer(net), text: write(net) };
}

function sendView(): void {
  if (!problem) return;
  const started = performance.now();
  try {
    tell({ type: "view", runs: runs.map(viewOf), step });
  } catch (error) {
    tellError(error);
  }
  lastView = performance.now();
  viewMs = lastView - started;
}

function save(which: number): void {
  const run = runs[which];
  if (!run || !config) return;
  const { net, cell } = run;
  net.metadata.playground = toHash({ ...config, cell, against: "none" });
  if (problem?.tokenizer) net.metadata.tokenizer = JSON.stringify(problem.tokenizer);
  const bytes = net.save();
  tell({ type: "saved", bytes, name: `${config.task}-${cell}-${step}.safetensors` }, [bytes.buffer]);
}

async function load(bytes: Uint8Array, file: Own | undefined, change: number): Promise<void> {
  const net = Network.load(bytes);
  const { playground, tokenizer } = net.metadata;
  if (playground === undefined) {
    throw new TypeError("This model was not saved by the playground: it does not say what its task was.");
  }
  const next = fromHash(playground);
  const [sunspots, play] = await sources;
  const made = buildProblem(next, sunspots, play.slice(0, LETTERS), file);
  if (
    tokenizer !== undefined &&
    JSON.stringify(made.tokenizer) !== JSON.stringify(tokenizerFromJSON(JSON.parse(tokenizer)))
  ) {
    throw new RangeError("This model has learnt another text: open that text first, then the model.");
  }
  await set(next, file, change, net);
}

function tellError(error: unknown): void {
  tell({ type: "error", message: error instanceof Error ? error.message : String(error) });
}

async function obey(order: Order): Promise<void> {
  switch (order.do) {
    case "set":
      running = false;
      return set(order.config, order.own, order.change);
    case "run":
      return go();
    case "pause":
      running = false;
      return;
    case "step":
      if (running || !config) return;
      if (step < config.steps) advance();
      measureLast();
      sendPoints();
      sendView();
      return tellState();
    case "look":
      weightWanted = order.weight;
      return sendView();
    case "write":
      writing = { prompt: order.prompt, temperature: order.temperature };
      return sendView();
    case "save":
      return save(order.run);
    case "load":
      running = false;
      return load(order.bytes, order.own ?? own, order.change);
    case "speed":
      return tell({ type: "speed", speed: measureSpeed(config!.cell, config!.units) });
  }
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  obey(data).catch(tellError);
});
