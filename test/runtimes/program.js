// What every runtime does: the same training, generation, streaming, saving and resuming, and a hash of all that came out.
// Nothing here but the language, the library and a SHA-256, so that one file runs everywhere.

/** @typedef {typeof import("unrolled")} Library */
/** @typedef {typeof import("unrolled/run")} RunOnly */
/** @typedef {import("unrolled").Network} Network */
/** @typedef {{ name: string, sha256: string }} Part */

const STEPS = 50;
const NETWORKS = 2000;
const [BATCH, TIME, FEATURES, CLASSES] = [6, 9, 5, 3];

/** Numbers in [-1, 1) that an index and a seed fix, by integers alone. @type {(index: number, seed: number) => number} */
function number(index, seed) {
  let x = (index + Math.imul(seed, 0x9e3779b9)) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
}

/** @type {(length: number, seed: number) => Float32Array} */
const numbers = (length, seed) => Float32Array.from({ length }, (_, i) => number(i, seed));

/** @type {(length: number, seed: number) => Int32Array} */
const classes = (length, seed) =>
  Int32Array.from({ length }, (_, i) => Math.floor(((number(i, seed) + 1) / 2) * CLASSES));

/** @param {ArrayBufferView} view */
const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

/** @param {readonly ArrayBufferView[]} views */
async function sha256(views) {
  const all = new Uint8Array(views.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const view of views) {
    all.set(bytesOf(view), at);
    at += view.byteLength;
  }
  const digest = await crypto.subtle.digest("SHA-256", all);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Library} library @param {Network} net */
function options({ adam, crossEntropy }, net) {
  return {
    ...{
      loss: crossEntropy(),
      optimizer: adam({ learningRate: 0.01 }),
      batchSize: 4,
      epochs: STEPS / 2,
      clipNorm: 0.5,
    },
    learningRate: (/** @type {number} */ step) => 0.01 / (1 + step / net.parameters.length),
  };
}

/**
 * Trains a network on sequences of unequal length, with dropout and clipping: all parameters and the outputs.
 * @param {Library} library
 * @param {Network} net
 * @param {boolean} perStep
 */
function train(library, net, perStep) {
  const { tensor } = library;
  const inputs = Array.from({ length: BATCH }, (_, b) =>
    tensor(numbers((TIME - b) * FEATURES, b), [TIME - b, FEATURES]),
  );
  const targets = perStep
    ? inputs.map(({ shape: [steps = 0] }, b) => classes(steps, b + 50))
    : tensor(classes(BATCH, 50), [BATCH]);
  let losses = 0;
  for (const { loss } of net.train({ inputs, targets }, options(library, net))) losses += loss;
  return [...net.parameters.map(({ value }) => value), net.predict(inputs).data, Float64Array.of(losses)];
}

/** A perceptron on vectors. @param {Library} library */
function perceptron(library) {
  const { dense, dropout, Network, tensor } = library;
  const layers = [dense(17, { activation: "gelu" }), dropout(0.3), dense(6, { activation: "tanh" }), dense(CLASSES)];
  const net = new Network({ input: { features: FEATURES }, layers, seed: 4 });
  const inputs = tensor(numbers(BATCH * FEATURES, 7), [BATCH, FEATURES]);
  const data = { inputs, targets: tensor(classes(BATCH, 8), [BATCH]) };
  const reports = [...net.train(data, options(library, net))];
  const losses = Float64Array.from(reports, ({ loss }) => loss);
  return [...net.parameters.map(({ value }) => value), net.predict(inputs).data, losses];
}

/** A character model: trained half way, saved, loaded, resumed; then text, and a stream that is moved. @param {Library} library */
function text(library) {
  const {
    adamw,
    characterTokenizer,
    crossEntropy,
    dense,
    dropout,
    embedding,
    generateText,
    gru,
    languageModelData,
    lstm,
    Network,
  } = library;
  const play = "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer ".repeat(4);
  const tokenizer = characterTokenizer(play);
  const layers = [embedding(7), lstm(19, { layers: 2, dropout: 0.2 }), gru(9), dropout(0.1), dense(tokenizer.size)];
  const config = { input: { tokens: tokenizer.size }, layers, seed: 5 };
  const net = new Network(config);
  const data = languageModelData(tokenizer.encode(play), { batch: 4 });
  const setting = {
    loss: crossEntropy(),
    optimizer: adamw({ learningRate: 0.02 }),
    batchSize: 4,
    truncate: 8,
    epochs: 5,
    clipNorm: 1,
  };
  const first = net.train(data, setting);
  for (let step = 0; step < STEPS / 2; step++) first.next();
  const checkpoint = first.checkpoint();
  const resumed = Network.load(checkpoint);
  const second = resumed.train(data, { ...setting, resume: checkpoint });
  for (let step = 0; step < STEPS / 2; step++) second.next();
  const written = generateText(resumed, tokenizer, {
    prompt: "To be",
    length: 80,
    temperature: 0.9,
    topK: 12,
    topP: 0.95,
    seed: 3,
  });
  const stream = resumed.stream();
  for (const token of tokenizer.encode("or not ")) stream.step(token);
  const moved = Network.load(resumed.save()).stream();
  moved.restore(stream.snapshot());
  const outputs = Array.from(tokenizer.encode("to be"), (token) => moved.step(token).slice());
  return [checkpoint, resumed.save(), new TextEncoder().encode(written), ...outputs, moved.state];
}

/** Each further layer, loss, optimizer and schedule takes part in a few steps. @param {Library} library */
function variants(library) {
  const { batchNorm, cosineAnnealing, dense, elman, gru, jordan, layerNorm, lstm, Network, tdnn, tensor } = library;
  const { compose, jitter, scaling, timeWarp, windowSlice } = library;
  const peepholes = lstm(7, { peepholes: true, cellClip: 2, learnInitialState: true });
  const normed = lstm(7, { projection: 3, layerNorm: true, recurrentDropout: 0.2 });
  const layers = {
    tdnn: [tdnn(6, { delays: [0, 1, 3] }), batchNorm()],
    jordan: [jordan(6, { outputs: 4 }), layerNorm()],
    peepholes: [peepholes],
    normed: [normed],
    sigmoid: [elman(5, { activation: "sigmoid", zoneout: 0.1 })],
    before: [gru(5, { reset: "before", recurrentDropout: 0.3 })],
  };
  const { adadelta, adagrad, adamax, nadam, radam, rmsprop, sgd } = library;
  const optimizers = [adadelta(), adagrad(), adamax(), nadam(), radam(), rmsprop(), sgd({ learningRate: 0.01 })];
  const { ctc, gaussianMixture, huber, klDivergence, meanAbsoluteError, quantile, smoothL1 } = library;
  const losses = [
    { loss: huber(), outputs: 2 },
    { loss: smoothL1(), outputs: 2 },
    { loss: meanAbsoluteError(), outputs: 2 },
    { loss: quantile({ quantiles: [0.1, 0.5, 0.9] }), outputs: 6 },
    { loss: gaussianMixture({ components: 2, penStates: 3 }), outputs: 15 },
    { loss: klDivergence(), outputs: 2 },
    { loss: ctc(), outputs: 4 },
  ];
  const inputs = tensor(numbers(BATCH * TIME * FEATURES, 12), [BATCH, TIME, FEATURES]);
  /** @type {(type: string) => any} */
  const targetsOf = (type) => {
    if (type === "ctc") return Array.from({ length: BATCH }, (_, b) => [1 + (b % 3), 3]);
    if (type === "klDivergence") return tensor(new Float32Array(BATCH * TIME * 2).fill(0.5), [BATCH, TIME, 2]);
    if (type !== "gaussianMixture") return tensor(numbers(BATCH * TIME * 2, 13), [BATCH, TIME, 2]);
    const strokes = Array.from({ length: BATCH * TIME }, (_, i) => [number(i, 14), number(i, 15), i % 3]);
    return tensor(Float32Array.from(strokes.flat()), [BATCH, TIME, 3]);
  };
  const results = [];
  for (const [i, first] of Object.values(layers).entries()) {
    for (const [k, { loss, outputs }] of losses.entries()) {
      const net = new Network({ input: { features: FEATURES }, layers: [...first, dense(outputs)], seed: i });
      const optimizer = /** @type {import("unrolled").Optimizer} */ (optimizers[(i + k) % optimizers.length]);
      const kept = ["ctc", "gaussianMixture"].includes(loss.type) || i % 2 === 0;
      const augment = compose(jitter(0.1), scaling(), ...(kept ? [] : [timeWarp(), windowSlice({ ratio: 0.8 })]));
      const schedule = cosineAnnealing({ steps: 9, minimum: 0.0001 });
      const trainer = net.train(
        { inputs, targets: targetsOf(loss.type) },
        {
          ...{ loss, optimizer, augment, schedule, batchSize: 4, epochs: 3, accumulate: 2, l1: 0.0001, clipNorm: 1 },
          averaging: { decay: 0.9 },
        },
      );
      results.push(Float64Array.from([...trainer], (report) => report.loss));
      trainer.useAverage();
      results.push(net.parameterVector, net.predict(inputs).data);
    }
  }
  return results;
}

/** Encoders and decoders with both kinds of attention: a few steps, then search. @param {Library} library */
function pairs({ adam, attention, crossEntropy, dense, embedding, EncoderDecoder, gru, lstm, tensor }) {
  const inputs = Array.from({ length: BATCH }, (_, b) => classes(3 + b, b));
  const targets = inputs.map((tokens) => tokens.map((_, i) => tokens.at(-1 - i) ?? 0).slice(0, 4));
  return [attention("dot"), attention("additive", { units: 5 })].flatMap((looks, i) => {
    const net = new EncoderDecoder({
      encoder: { input: { tokens: 3 }, layers: [embedding(4), gru(6, { bidirectional: i === 1 })] },
      decoder: { input: { tokens: 5 }, layers: [embedding(4), lstm(6), looks, dense(5)], start: 3, stop: 4 },
      seed: i,
    });
    const trainer = net.train(
      { inputs, targets },
      { loss: crossEntropy(), optimizer: adam({ learningRate: 0.01 }), batchSize: 4, epochs: 5, teacherForcing: 0.7 },
    );
    const losses = Float64Array.from([...trainer], ({ loss }) => loss);
    const found = net.generate(inputs, { maxLength: 6, beam: 3 });
    const scores = tensor(
      Float32Array.from(found, ({ score }) => score),
      [BATCH],
    ).data;
    return [losses, net.parameterVector, scores, ...found.map(({ tokens }) => Int32Array.from(tokens))];
  });
}

/** Many networks, each made, run for its gradients and dropped: what they give. @param {Library} library */
function many({ dense, gru, last, Network, tensor }) {
  const layers = [gru(16), last(), dense(1)];
  const inputs = tensor(numbers(8 * 20 * FEATURES, 9), [8, 20, FEATURES]);
  const gradOutput = tensor(numbers(8, 10), [8, 1]);
  const outputs = [];
  for (let seed = 0; seed < NETWORKS; seed++) {
    const net = new Network({ input: { features: FEATURES }, layers, seed });
    const { output } = net.forward(inputs, { training: true });
    const { gradInput } = net.backward(gradOutput);
    outputs.push(output.data, gradInput?.data.subarray(-FEATURES) ?? new Float32Array());
  }
  return outputs;
}

/** A file of the library in the build that only runs. @param {Library} library @param {RunOnly} small */
function onlyRun({ dense, dropout, gru, lstm, Network, tensor }, small) {
  const layers = [gru(7, { bidirectional: true }), dropout(0.5), lstm(9, { layers: 2 }), dense(CLASSES)];
  const file = new Network({ input: { features: FEATURES }, layers, seed: 4 }).save();
  const net = small.Network.load(file);
  const { output, state } = net.forward(tensor(numbers(BATCH * TIME * FEATURES, 11), [BATCH, TIME, FEATURES]));
  return [output.data, state, net.parameterVector];
}

/**
 * @param {Library} library
 * @param {RunOnly} small
 * @returns {Promise<{ sha256: string, parts: Part[] }>} the hash of all parts' hashes, and theirs
 */
export async function run(library, small) {
  const { dense, dropout, elman, gru, last, lstm, Network } = library;
  const input = { features: FEATURES };
  /** @type {Record<string, readonly ArrayBufferView[]>} */
  const results = {
    elman: train(library, new Network({ input, layers: [elman(13), dropout(0.2), dense(CLASSES)], seed: 1 }), true),
    lstm: train(
      library,
      new Network({ input, layers: [lstm(18, { layers: 2, dropout: 0.3 }), dense(CLASSES)], seed: 2 }),
      true,
    ),
    "gru, bidirectional": train(
      library,
      new Network({ input, layers: [gru(11, { bidirectional: true }), dropout(0.1), last(), dense(CLASSES)], seed: 3 }),
      false,
    ),
    perceptron: perceptron(library),
    "text, streams, files": text(library),
    variants: variants(library),
    "encoder and decoder": pairs(library),
    "unrolled/run": onlyRun(library, small),
    [`${NETWORKS} networks`]: many(library),
  };
  const parts = [];
  for (const [name, views] of Object.entries(results)) {
    for (const view of views) {
      if (view instanceof Float32Array && !view.every(Number.isFinite))
        throw new Error(`${name}: a number is not finite`);
    }
    parts.push({ name, sha256: await sha256(views) });
  }
  return { sha256: await sha256(parts.map(({ sha256 }) => new TextEncoder().encode(sha256))), parts };
}
