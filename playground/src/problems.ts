// The tasks: examples to learn from, examples to be measured on, and what is shown of the answers.
import {
  binaryCrossEntropy,
  characterTokenizer,
  crossEntropy,
  languageModelData,
  meanSquaredError,
  Random,
  readCsv,
  tensor,
  type Input,
  type Loss,
  type Network,
  type NetworkConfig,
  type Tokenizer,
  type TrainingData,
} from "unrolled";
import type { Config } from "./config.ts";
import type { Own, Question } from "./messages.ts";

interface Answer {
  predicted: (number | null)[];
  score: string;
}

export interface Problem {
  input: NetworkConfig["input"];
  /** 0 for none. */
  embedding: number;
  last: boolean;
  outputs: number;
  loss: Loss;
  lossName: string;
  baseline: { value: number; name: string } | null;
  train: TrainingData;
  valid: TrainingData;
  /** A few sequences for the gradient, and the one that is looked into. */
  flow: TrainingData;
  probe: Input;
  probeText: string[];
  question: Question;
  answer: (net: Network) => Answer;
  about: string;
  columns: string[];
  tokenizer?: Tokenizer;
}

const TRAINED = 2048;
const MEASURED = 256;
const SHOWN = 32;

type Draw = () => number;

/** Numbers in [0, 1). */
function uniform(seed: number): Draw {
  const random = new Random(seed);
  return () => random.uniform();
}

const upTo = (draw: Draw, n: number) => Math.min(n - 1, Math.floor(draw() * n));
const range = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i);
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

function build(config: Config, sunspots: string, play: string, own: Own | undefined): Problem {
  switch (config.task) {
    case "remember":
      return remember(config);
    case "xor":
      return xor(config);
    case "adding":
      return adding(config);
    case "sines":
      return series(config, sines(config.seed), "step", "A sum of three sines with periods of 11, 17 and 29 steps.");
    case "sunspots":
      return series(
        config,
        readCsv(sunspots, { columns: { sunspots: "number" } }).sunspots,
        "year",
        "Sunspots counted each year from 1700 to 1988: a cycle of about eleven years that is never quite the same.",
        1700,
      );
    case "text":
      return text(config, play, "Shakespeare’s As You Like It, the first 60,000 letters.");
    case "ownSeries":
      return ownSeries(config, own);
    case "ownText":
      if (!own) throw new RangeError("Drop a text file on the page, or choose one, and it becomes the task.");
      return text(config, own.text, `${own.name}, ${own.text.length.toLocaleString("en")} letters.`);
  }
}

/** @throws TypeError, RangeError, FormatError in words for the visitor */
export const buildProblem = build;

const SYMBOLS = 4;

/** One of four symbols, then others that say nothing; at the end the first is asked for. */
function remember({ length: T, seed }: Config): Problem {
  const draw = uniform(seed + 1);
  const make = (n: number) => {
    const inputs = new Int32Array(n * T);
    const targets = new Int32Array(n);
    for (let b = 0; b < n; b++) {
      targets[b] = inputs[b * T] = upTo(draw, SYMBOLS);
      for (let t = 1; t < T; t++) inputs[b * T + t] = SYMBOLS + upTo(draw, SYMBOLS);
    }
    return { inputs: tensor(inputs, [n, T]), targets: tensor(targets, [n]) };
  };
  const [train, valid, shown] = [make(TRAINED), make(MEASURED), make(SHOWN)];
  const letters = "ABCDwxyz";
  const wanted = [...shown.targets.data];
  return {
    ...{ input: { tokens: 2 * SYMBOLS }, embedding: 8, last: true, outputs: SYMBOLS, loss: crossEntropy() },
    ...{ lossName: "Cross-entropy, nats", baseline: { value: Math.log(SYMBOLS), name: "guessing" }, train, valid },
    flow: shown,
    probe: tensor(shown.inputs.data.slice(0, T), [1, T]),
    probeText: [...shown.inputs.data.subarray(0, T)].map((k) => letters[k]!),
    question: {
      ...{ kind: "chart", title: "Is the first symbol still there at the end?", x: range(SHOWN, 1) },
      note: `The probability that the network gives to the symbol it saw ${T} steps before, for ${SHOWN} sequences it has not learnt from.`,
      ...{ xLabel: "sequence", yLabel: "probability", truth: range(SHOWN).map(() => 1), points: true },
      forecastFrom: null,
    },
    answer(net) {
      const { data } = net.predict(shown.inputs);
      let right = 0;
      const predicted = wanted.map((symbol, b) => {
        const own = [...data.subarray(b * SYMBOLS, (b + 1) * SYMBOLS)];
        const most = Math.max(...own);
        if (own[symbol] === most) right++;
        return Math.exp(own[symbol]! - most) / own.reduce((sum, v) => sum + Math.exp(v - most), 0);
      });
      return { predicted, score: `${percent(right / SHOWN)} right` };
    },
    about: `The first of ${T} symbols is A, B, C or D; the rest is noise. At the end the network has to say which it was.`,
    columns: [],
  };
}

/** Elman's: two random bits and their XOR, again and again. Only each third bit can be known. */
function xor({ length: T, seed }: Config): Problem {
  const draw = uniform(seed + 2);
  const make = (n: number) => {
    const bits = new Float32Array(n * (T + 1));
    for (let b = 0; b < n; b++) {
      const row = bits.subarray(b * (T + 1), (b + 1) * (T + 1));
      row.forEach((_, t) => (row[t] = t % 3 === 2 ? Number(row[t - 2] !== row[t - 1]) : upTo(draw, 2)));
    }
    const cut = (from: number) =>
      tensor(
        Float32Array.from({ length: n * T }, (_, k) => bits[Math.floor(k / T) * (T + 1) + (k % T) + from]!),
        [n, T, 1],
      );
    return { inputs: cut(0), targets: cut(1) };
  };
  const [train, valid, shown] = [make(TRAINED), make(MEASURED), make(8)];
  const steps = Math.min(T, 45);
  return {
    ...{ input: { features: 1 }, embedding: 0, last: false, outputs: 1, loss: binaryCrossEntropy() },
    ...{ lossName: "Binary cross-entropy, nats", train, valid, flow: shown },
    baseline: { value: (2 / 3) * Math.LN2, name: "all that can be known" },
    probe: tensor(shown.inputs.data.slice(0, T), [1, T, 1]),
    probeText: [...shown.inputs.data.subarray(0, T)].map(String),
    question: {
      ...{ kind: "chart", title: "The next bit", x: range(steps, 1), xLabel: "step", yLabel: "probability of 1" },
      note: "Two bits of three are random: there one half is the best answer. The third is the XOR of the two before it.",
      ...{ truth: [...shown.targets.data.subarray(0, steps)], points: true, forecastFrom: null },
    },
    answer(net) {
      const { data } = net.predict(shown.inputs);
      let [right, all] = [0, 0];
      data.forEach((logit, k) => {
        if ((k % T) % 3 !== 1) return;
        all++;
        if (logit > 0 === shown.targets.data[k]! > 0.5) right++;
      });
      const predicted = [...data.subarray(0, steps)].map((logit) => 1 / (1 + Math.exp(-logit)));
      return { predicted, score: `${percent(right / all)} of the XOR bits right` };
    },
    about:
      "A stream of bits: two at random, then their XOR. The network predicts the next bit and is never told which is which.",
    columns: [],
  };
}

/** Hochreiter & Schmidhuber's: the sum of the two numbers that are marked. */
function adding({ length: T, seed }: Config): Problem {
  const draw = uniform(seed + 3);
  const make = (n: number) => {
    const inputs = new Float32Array(n * T * 2);
    const targets = new Float32Array(n);
    for (let b = 0; b < n; b++) {
      for (let t = 0; t < T; t++) inputs[(b * T + t) * 2] = draw();
      const half = Math.floor(T / 2);
      for (const t of [upTo(draw, half), half + upTo(draw, T - half)]) {
        inputs[(b * T + t) * 2 + 1] = 1;
        targets[b]! += inputs[(b * T + t) * 2]!;
      }
    }
    return { inputs: tensor(inputs, [n, T, 2]), targets: tensor(targets, [n, 1]) };
  };
  const [train, valid, shown] = [make(TRAINED), make(MEASURED), make(SHOWN)];
  const { data } = shown.inputs;
  return {
    ...{ input: { features: 2 }, embedding: 0, last: true, outputs: 1, loss: meanSquaredError(), train, valid },
    ...{ lossName: "Mean squared error", baseline: { value: 1 / 6, name: "always 1" }, flow: shown },
    probe: tensor(data.slice(0, T * 2), [1, T, 2]),
    probeText: range(T).map((t) => (data[t * 2 + 1] ? data[t * 2]!.toFixed(2) : "·")),
    question: {
      ...{ kind: "chart", title: "The sum of the two marked numbers", x: range(SHOWN, 1), xLabel: "sequence" },
      note: `For ${SHOWN} sequences that it has not learnt from.`,
      ...{ yLabel: "sum", truth: [...shown.targets.data], points: true, forecastFrom: null },
    },
    answer(net) {
      const predicted = [...net.predict(shown.inputs).data];
      const close = predicted.filter((y, b) => Math.abs(y - shown.targets.data[b]!) < 0.1).length;
      return { predicted, score: `${percent(close / SHOWN)} within 0.1` };
    },
    about: `${T} random numbers, two of them marked. At the end the network has to give the sum of these two.`,
    columns: [],
  };
}

function sines(seed: number): Float32Array {
  const draw = uniform(seed + 4);
  const phases = [draw(), draw(), draw()];
  return Float32Array.from({ length: 900 }, (_, t) =>
    [11, 17, 29].reduce((sum, period, k) => sum + Math.sin(2 * Math.PI * (t / period + phases[k]!)), 0),
  );
}

function ownSeries(config: Config, own: Own | undefined): Problem {
  if (!own) throw new RangeError("Drop a CSV file on the page, or choose one, and it becomes the task.");
  const first = own.text.slice(0, own.text.search(/[\r\n]|$/));
  const delimiter = [";", "\t", ","].find((mark) => first.includes(mark)) ?? ",";
  const header = first.split(delimiter).some((field) => field.trim() !== "" && !Number.isFinite(Number(field)));
  const all = readCsv(own.text, { delimiter, header });
  const columns = Object.keys(all).filter((name) => all[name] instanceof Float32Array);
  const column = columns.includes(config.column) ? config.column : columns.at(-1);
  if (column === undefined) throw new RangeError(`${own.name} has no column of numbers.`);
  const values = (all[column] as Float32Array).filter((v) => Number.isFinite(v));
  const about = `“${column}” of ${own.name}, ${values.length.toLocaleString("en")} values.`;
  return { ...series(config, values, "row", about), columns };
}

/** One step ahead at each step of windows over the past; the last fifth is kept for measuring. */
function series({ length: T }: Config, values: Float32Array, unit: string, about: string, start = 1): Problem {
  const cut = Math.floor(values.length * 0.8);
  if (cut < T + 2 || values.length - cut < 4) {
    throw new RangeError(
      `A sequence length of ${T} needs at least ${Math.ceil((T + 2) / 0.8)} values, and there are ${values.length}.`,
    );
  }
  const past = values.subarray(0, cut);
  const mean = past.reduce((sum, v) => sum + v, 0) / cut;
  const deviation = Math.sqrt(past.reduce((sum, v) => sum + (v - mean) ** 2, 0) / cut) || 1;
  const scaled = values.map((v) => (v - mean) / deviation);
  const at = (starts: number[], from: number, steps: number) =>
    tensor(Float32Array.from(starts.flatMap((s) => [...scaled.subarray(s + from, s + from + steps)])), [
      starts.length,
      steps,
      1,
    ]);
  const stride = Math.max(1, Math.floor(T / 8), Math.ceil(cut / TRAINED));
  const starts = range(Math.floor((cut - T - 1) / stride) + 1).map((k) => k * stride);
  const train = { inputs: at(starts, 0, T), targets: at(starts, 1, T) };
  // What it knows at the start of the last fifth comes from before, and does not count.
  const before = Math.min(T, cut);
  const measured = Math.min(values.length - cut, 512);
  const steps = before + measured - 1;
  const weights = [range(steps).map((t) => (t + 1 >= before ? 1 : 0))];
  const valid = { inputs: at([cut - before], 0, steps), targets: at([cut - before], 1, steps), weights };
  let naive = 0;
  for (let t = cut; t < cut + measured; t++) naive += (scaled[t]! - scaled[t - 1]!) ** 2 / measured;
  const horizon = Math.min(measured, 48);
  const shown = Math.min(before, 48);
  const some = starts.slice(-16);
  return {
    ...{ input: { features: 1 }, embedding: 0, last: false, outputs: 1, loss: meanSquaredError(), train, valid },
    ...{ lossName: "Mean squared error, in variances", baseline: { value: naive, name: "same as the step before" } },
    flow: { inputs: at(some, 0, T), targets: at(some, 1, T) },
    probe: at([cut - before], 0, before),
    probeText: [...values.subarray(cut - before, cut)].map((v) => String(Number(v.toPrecision(3)))),
    question: {
      ...{ kind: "chart", title: "Forecast", xLabel: unit, yLabel: "value", points: false },
      note: `From the line on, the network sees nothing but its own answers: ${horizon} steps that it has not learnt from.`,
      x: range(shown + horizon, start + cut - shown),
      truth: [...values.subarray(cut - shown, cut + horizon)],
      forecastFrom: start + cut - 0.5,
    },
    answer(net) {
      const stream = net.stream();
      let y = 0;
      for (let t = 0; t < cut; t++) y = stream.step(scaled.subarray(t, t + 1))[0]!;
      const forecast: number[] = [];
      for (let k = 0; k < horizon; k++) {
        forecast.push(y * deviation + mean);
        y = stream.step(Float32Array.of(Math.min(Math.max(y, -1e6), 1e6)))[0]!;
      }
      const error = Math.sqrt(forecast.reduce((sum, v, k) => sum + (v - values[cut + k]!) ** 2, 0) / horizon);
      const predicted = [...range(shown).map(() => null), ...forecast];
      return { predicted, score: `forecast off by ${error.toPrecision(3)} (root mean square)` };
    },
    about,
    columns: [],
  };
}

function text({ batch, truncate }: Config, all: string, about: string): Problem {
  const T = Math.max(truncate, 16);
  if (all.length < 500) throw new RangeError(`A text needs at least 500 letters, and this has ${all.length}.`);
  const tokenizer = characterTokenizer(all);
  const tokens = tokenizer.encode(all);
  const cut = Math.floor(tokens.length * 0.9);
  const streams = Math.max(1, Math.min(batch, Math.floor(cut / T)));
  const train = languageModelData(tokens.slice(0, cut), { batch: streams });
  const rest = tokens.slice(cut, cut + 4096);
  const valid = languageModelData(rest, { batch: Math.max(1, Math.min(8, Math.floor(rest.length / 64))) });
  const start = Math.min(T, rest.length - 1);
  const probe = rest.slice(0, start);
  return {
    ...{ input: { tokens: tokenizer.size }, embedding: 16, last: false, outputs: tokenizer.size },
    ...{ loss: crossEntropy(), lossName: "Cross-entropy, nats a letter", train, valid, tokenizer },
    baseline: { value: Math.log(tokenizer.size), name: "guessing" },
    flow: { inputs: tensor(probe, [1, start]), targets: tensor(rest.slice(1, start + 1), [1, start]) },
    probe: tensor(probe, [1, start]),
    probeText: [...probe].map((k) => tokenizer.decode([k])),
    question: {
      ...{ kind: "text", title: "What it writes", note: "", x: [], xLabel: "", yLabel: "", truth: [], points: false },
      forecastFrom: null,
    },
    answer: () => ({ predicted: [], score: "" }),
    about,
    columns: [],
  };
}
