/** Kinds training and charlm: a number of steps of an optimiser, step by step as a caller would write them. */

import type { Network, Optimizer, Schedule } from "../../bindings/index.ts";
import { compareGradients, setParameters, toIndices, toTensor } from "./axes.ts";
import { type Case, type Library, type Options, Skip, TRAINED } from "./case.ts";
import { recurrentLayer } from "./recurrent.ts";

const optimisation = ["optimizer", "options", "clip_norm", "clip_value", "schedule"];

export const trainingOptions = [
  ...["model", "input_size", "hidden_size", "num_layers", "bidirectional", "bias", "dropout", "classes", "steps"],
  ...["batch", "seq_len", "init", "loss", "f32", "note", ...optimisation],
];
export const characterModelOptions = [
  ...["cell", "num_layers", "bias", "dropout", "vocab", "embedding", "hidden_size", "text", "streams", "bptt"],
  ...["epochs", "loss", "layout", "f32", "note", ...optimisation],
];

// ------------------------------------------------------------------------------------------------- optimisers

const shared = { lr: "learningRate", weight_decay: "weightDecay" };
const adamNames = { ...shared, betas: "betas", eps: "epsilon", amsgrad: "amsgrad" };

const decoupled = {
  ...{ ...shared, betas: "betas", eps: "epsilon" },
  decoupled_weight_decay: "decoupledWeightDecay",
};

/** PyTorch's names of the options, and the library's. */
const optionNames = {
  sgd: { ...shared, momentum: "momentum", dampening: "dampening", nesterov: "nesterov" },
  rmsprop: { ...shared, alpha: "alpha", eps: "epsilon", momentum: "momentum", centered: "centered" },
  adagrad: {
    ...shared,
    lr_decay: "learningRateDecay",
    initial_accumulator_value: "initialAccumulator",
    eps: "epsilon",
  },
  adadelta: { ...shared, rho: "rho", eps: "epsilon" },
  adam: adamNames,
  adamw: adamNames,
  adamax: { ...shared, betas: "betas", eps: "epsilon" },
  nadam: { ...decoupled, momentum_decay: "momentumDecay" },
  radam: decoupled,
} satisfies Record<string, Readonly<Record<string, string>>>;

/** These say how PyTorch works it out, or must be off. */
const harmless = ["foreach", "fused", "capturable", "differentiable", "maximize"];

function isKnown(name: string): name is keyof typeof optionNames {
  return name in optionNames;
}

/** The optimiser of a case; "sgd-momentum" is sgd, and what is special about it stands in its options. */
function createOptimizer(library: Library, c: Case): Optimizer {
  const name = (c.options.text("optimizer") ?? "").toLowerCase().replace(/[^a-z].*/, "");
  if (!isKnown(name)) throw new Skip(name);
  const given = c.options.object("options");
  const names: Readonly<Record<string, string>> = optionNames[name];
  const ours = given.names.flatMap((option): [string, unknown][] => {
    const value = given.get(option);
    if (value === undefined || (harmless.includes(option) && value === false)) return [];
    const ourName = names[option];
    if (ourName === undefined) throw new Skip(`option ${option} of ${name}`);
    return [[ourName, value]];
  });
  const torch1 = name === "nadam" ? { asTorch1: true } : {}; // the vectors are of PyTorch 1.13
  return library[name]({ ...Object.fromEntries(ours), ...torch1 });
}

/** The schedule of a case; undefined when its text is of another kind, and `lrs` say what the rates are. */
function createSchedule(library: Library, text: string): Schedule | undefined {
  const numbers = (text.match(/[\d.]+(e-?\d+)?/g) ?? []).map(Number);
  const [a = NaN, b = NaN, c = NaN] = numbers;
  if (/^step\(\d+,[\d.]+\)$/.test(text)) return library.stepDecay({ steps: a, gamma: b });
  if (/^multistep\(\[[\d,]+\],[\d.]+\)$/.test(text)) {
    return library.multiStep({ steps: numbers.slice(0, -1), gamma: numbers.at(-1) });
  }
  if (/^exponential\([\d.]+\)$/.test(text)) return library.exponentialDecay({ steps: 1, gamma: a });
  if (/^cosine\(T_max=\d+,eta_min=[\d.e-]+\)$/.test(text)) return library.cosineAnnealing({ steps: a, minimum: b });
  if (/^linear\([\d.]+->[\d.]+,total=\d+\)$/.test(text)) {
    return library.linearWarmup({ startFactor: a, endFactor: b, steps: c });
  }
  if (/^onecycle\(max=[\d.]+,total=\d+\)$/.test(text)) return library.oneCycle({ maximum: a, steps: b });
  return undefined;
}

/** What happens after each backward pass. */
class Steps {
  readonly losses: number[] = [];
  readonly norms: number[] = [];
  readonly rates: number[] = [];
  readonly #net: Network;
  readonly #optimizer: Optimizer;
  readonly #rates: readonly number[] | undefined;
  readonly #schedule: Schedule | undefined;
  readonly #clipNorm: number;
  readonly #clipValue: number | undefined;

  constructor(library: Library, c: Case, net: Network) {
    this.#net = net;
    this.#optimizer = createOptimizer(library, c);
    this.#rates = c.entry.numbers("lrs");
    const schedule = c.options.text("schedule");
    this.#schedule = schedule === undefined ? undefined : createSchedule(library, schedule);
    if (schedule !== undefined && !this.#schedule && !this.#rates) throw new Skip(`schedule ${schedule} without lrs`);
    this.#clipNorm = c.options.number("clip_norm") ?? Number.MAX_VALUE;
    this.#clipValue = c.options.number("clip_value");
  }

  /** Loss of the last forward pass, backward, clipping, one step of the optimiser. */
  take(loss: () => number): void {
    const net = this.#net;
    net.zeroGrad();
    this.losses.push(loss());
    net.backward();
    this.norms.push(net.clipGradNorm(this.#clipNorm));
    if (this.#clipValue !== undefined) net.clipGradValue(this.#clipValue);
    const step = this.losses.length - 1;
    const learningRate = this.#schedule?.rate(this.#optimizer.learningRate, step) ?? this.#rates?.[step];
    if (learningRate !== undefined) this.rates.push(learningRate);
    net.step(this.#optimizer, learningRate === undefined ? {} : { learningRate });
  }

  compare(c: Case): void {
    c.compareIfAny("losses", this.losses);
    if (this.#schedule && this.#rates) c.compareNumbers("lrs", this.rates, this.#rates, { tolerance: 1e-12 });
    c.compareIfAny("grad_norms", this.norms);
    compareGradients(c, this.#net);
    for (const { name, value } of this.#net.parameters) {
      c.compareIfAny(`final.${name}`, value, { tolerance: TRAINED });
    }
  }
}

function expectText(options: Options, name: string, known: RegExp): void {
  const text = options.text(name);
  if (text !== undefined && !known.test(text)) throw new Skip(`${name} "${text}"`);
}

/** Shapes of the parameters tell what the options leave out; `shapeOf` gives undefined where there is no such one. */
function readLayer(c: Case, shapeOf: (name: string) => readonly number[] | undefined) {
  const { options } = c;
  if (options.number("dropout")) throw new Skip("dropout");
  const stacked = () => {
    let k = 1;
    while (shapeOf(`rnn.weight_hh_l${k}`)) k++;
    return k;
  };
  return {
    units: options.number("hidden_size") ?? shapeOf("rnn.weight_hh_l0")!.at(-1)!,
    layers: options.number("num_layers") ?? stacked(),
    bidirectional: options.flag("bidirectional") ?? shapeOf("rnn.weight_hh_l0_reverse") !== undefined,
    bias: options.flag("bias") ?? shapeOf("rnn.bias_hh_l0") !== undefined,
    name: "rnn",
  };
}

// --------------------------------------------------------------------------------------------------- training

/** A classifier of sequences: recurrent layer, dense layer on the last step of its output, mean cross-entropy. */
export function runTraining(library: Library, c: Case): void {
  const { options } = c;
  expectText(options, "loss", /^cross_entropy mean on the last step of the layer output$/);
  const init = options.text("init") ?? "";
  const shapeOf = (name: string) => c.sharedIfAny(init, name)?.shape;
  const { units, ...rest } = readLayer(c, shapeOf);
  const layer = recurrentLayer(library, options.text("model"), units, rest);
  const [X, Y] = [c.shared("data", "X"), c.shared("data", "Y")];
  const [, B = 1, T = 1, I = 1] = X.shape;
  const classes = options.number("classes") ?? shapeOf("fc.weight")![0]!;
  const fc = library.dense(classes, { bias: shapeOf("fc.bias") !== undefined, name: "fc" });
  // last() gives each direction at its own end; the last step of the output is the dense layer on all steps, of which
  // only the last has a target.
  const layers = rest.bidirectional ? [layer, fc] : [layer, library.last(), fc];
  const net = new library.Network({ input: { features: options.number("input_size") ?? I }, layers });
  setParameters(net, (name) => c.shared(init, name));
  const steps = new Steps(library, c, net);
  const loss = library.crossEntropy();
  for (let s = 0; s < (options.number("steps") ?? X.shape[0]!); s++) {
    const x = { data: X.data.subarray(s * B * T * I, (s + 1) * B * T * I), shape: [B, T, I] };
    const y = { data: Y.data.subarray(s * B, (s + 1) * B), shape: [B] };
    const targets = rest.bidirectional ? atLastStep(y.data, T) : y;
    net.forward(toTensor(library, x), { training: true });
    steps.take(() => net.loss(loss, toIndices(library, targets)));
  }
  steps.compare(c);
}

/** Targets (B, T) of which all but the last of each sequence are ignored. */
function atLastStep(classes: Float64Array, T: number) {
  const data = new Float64Array(classes.length * T).fill(-100);
  classes.forEach((target, b) => (data[b * T + T - 1] = target));
  return { data, shape: [classes.length, T] };
}

// ----------------------------------------------------------------------------------------------------- charlm

/** A character model by truncated backpropagation through time, the state carried from chunk to chunk. */
export function runCharacterModel(library: Library, c: Case): void {
  const { options } = c;
  expectText(
    options,
    "loss",
    /^cross_entropy mean over batch\*time; state carried across chunks \(detached\), reset each epoch$/,
  );
  expectText(options, "layout", /^stream b reads text\[b\*(\d+) \.\. b\*\1\+\1\), target is the next character$/);
  const vocab = Array.from(options.text("vocab") ?? "");
  const shapeOf = (name: string) => c.tensorIfAny(name)?.shape;
  const { units, ...rest } = readLayer(c, shapeOf);
  const net = new library.Network({
    input: { tokens: vocab.length },
    layers: [
      library.embedding(options.number("embedding") ?? shapeOf("emb.weight")![1]!, { name: "emb" }),
      recurrentLayer(library, options.text("cell"), units, rest),
      library.dense(vocab.length, { bias: c.has("fc.bias"), name: "fc" }),
    ],
  });
  setParameters(net, (name) => c.tensor(name));
  const steps = new Steps(library, c, net);
  const chunks = readChunks(c, vocab);
  const loss = library.crossEntropy();
  for (let epoch = 0; epoch < (options.number("epochs") ?? 1); epoch++) {
    let state: Float32Array | undefined;
    for (const { inputs, targets } of chunks) {
      state = net.forward(toIndices(library, inputs), { training: true, ...(state && { state }) }).state;
      steps.take(() => net.loss(loss, toIndices(library, targets)));
    }
  }
  steps.compare(c);
  compareGreedy(library, c, net, vocab);
}

/** Inputs and targets (streams, steps) of an epoch. */
function readChunks(c: Case, vocab: readonly string[]) {
  const { options } = c;
  const text = tokensOf(options.text("text") ?? "", vocab);
  const B = options.number("streams") ?? 1;
  const length = Number(/b\*(\d+)/.exec(options.text("layout") ?? "")?.[1] ?? Math.floor((text.length - 1) / B));
  const bptt = options.number("bptt") ?? length;
  // A rest shorter than bptt is a chunk of its own, unless the number of losses says that it was left out.
  const perEpoch = c.has("losses") ? c.tensor("losses").data.length / (options.number("epochs") ?? 1) : Infinity;
  const count = Math.min(perEpoch, Math.ceil(length / bptt));
  return Array.from({ length: count }, (_, k) => {
    const T = Math.min(bptt, length - k * bptt);
    const part = (shift: number) => {
      const starts = Array.from({ length: B }, (_, b) => b * length + k * bptt + shift);
      return { data: Float64Array.from(starts.flatMap((start) => text.slice(start, start + T))), shape: [B, T] };
    };
    return { inputs: part(0), targets: part(1) };
  });
}

function tokensOf(text: string, vocab: readonly string[]): number[] {
  return Array.from(text, (character) => {
    const token = vocab.indexOf(character);
    if (token < 0) throw new Error(`the vocabulary has no "${character}"`);
    return token;
  });
}

/** greedy_from_X: the text that the trained model continues X with, always by the likeliest character. */
function compareGreedy(library: Library, c: Case, net: Network, vocab: readonly string[]): void {
  for (const key of c.entry.names.filter((name) => name.startsWith("greedy_from_"))) {
    const expected = tokensOf(c.entry.text(key) ?? "", vocab);
    const prompt = tokensOf(key.slice("greedy_from_".length), vocab);
    const got = [...library.generate(net, { prompt, length: expected.length, temperature: 0 })];
    c.compareNumbers(key, got, expected);
  }
}
