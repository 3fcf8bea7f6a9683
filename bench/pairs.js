import { adam, crossEntropy, dense, elman, gru, last, lstm, Network, sgd, tensor } from "unrolled";
import { expectSame, largest } from "./check.js";
import { classes, features, oneHot } from "./data.js";
import { Mlp } from "./plain/mlp.js";
import { RecurrentClassifier } from "./plain/recurrentClassifier.js";
import { RecurrentSequence } from "./plain/recurrentSequence.js";

/** @import { Tensor, Trainer } from "unrolled" */
/** @import { Perceptron, Running, Training, Workload } from "./workloads.js" */

/**
 * The same work by the library and in plain JavaScript, from the same weights and the same inputs. Each call does it once
 * and returns a number of the result, so that no compiler can leave it out. `check` is to be called first: it throws when
 * the results differ by more than 1e-4.
 * @typedef {{ net: Network, unrolled: () => number, plain: () => number, check: () => void }} Pair
 */

const LEARNING_RATE = 0.001;
const TOLERANCE = 1e-4;
const layers = { elman, gru, lstm };

/** @param {Workload} workload @returns {Pair} */
export function createPair(workload) {
  if (workload.kind === "stream") return streams(workload);
  if (workload.kind === "sequence") return sequences(workload);
  if (workload.kind === "training") return classifiers(workload);
  return workload.mode === "infer" ? perceptrons(workload) : perceptronTrainers(workload);
}

/**
 * @param {Running} workload
 * @returns {{ net: Network, plain: RecurrentSequence }}
 */
function recurrentLayers({ cell, B, T, I, H }) {
  const net = new Network({ input: { features: I }, layers: [layers[cell](H)], seed: 1 });
  const plain = new RecurrentSequence({ cell, batch: B, time: T, inputs: I, hidden: H });
  for (const [name, values] of Object.entries(plain.parameters)) values.set(net.parameter(`${cell}.${name}`).value);
  plain.pack();
  return { net, plain };
}

/** @param {Running} workload @returns {Pair} */
function streams(workload) {
  const { net, plain } = recurrentLayers(workload);
  const inputs = Array.from({ length: 8 }, (_, k) => features(workload.I, k));
  const stream = net.stream();
  let [ours, theirs] = [0, 0];
  return {
    net,
    check() {
      for (const x of inputs) expectSame(workload.id, stream.step(x), plain.continue(x), TOLERANCE);
    },
    unrolled: () => Number(stream.step(/** @type {Float32Array} */ (inputs[ours++ & 7]))[0]),
    plain: () => Number(plain.continue(/** @type {Float32Array} */ (inputs[theirs++ & 7]))[0]),
  };
}

/** @param {Running} workload @returns {Pair} */
function sequences(workload) {
  const { id, B, T, I } = workload;
  const { net, plain } = recurrentLayers(workload);
  const data = features(B * T * I, 1);
  return forwardPair(id, { net, input: tensor(data, [B, T, I]) }, { plain, data });
}

/** @param {Training} workload @returns {Pair} */
function classifiers(workload) {
  const { id, cell, B, T, I, H, O, last: ofLast } = workload;
  const head = ofLast ? [last(), dense(O)] : [dense(O)];
  const net = new Network({ input: { features: I }, layers: [layers[cell](H), ...head], seed: 1 });
  const plain = new RecurrentClassifier({ cell, last: ofLast, batch: B, time: T, inputs: I, hidden: H, outputs: O });
  copyParameters(net, plain.parameters);
  // A character model reads one-hot characters and foretells the next.
  const x = ofLast ? features(B * T * I, 1) : oneHot(classes(B * T, I, 1), I);
  const y = ofLast ? classes(B, O, 2) : classes(B * T, O, 2);
  const trainer = net.train(
    { inputs: tensor(x, [B, T, I]), targets: tensor(y, ofLast ? [B] : [B, T]) },
    { ...endless(B), optimizer: adam({ learningRate: LEARNING_RATE }) },
  );
  return trainingPair(id, { net, trainer }, { plain, step: () => plain.step(x, y, LEARNING_RATE) });
}

/** @param {Perceptron} workload */
function perceptronSides({ B, I, H, O }) {
  const net = new Network({ input: { features: I }, layers: [dense(H, { activation: "relu" }), dense(O)], seed: 1 });
  const plain = new Mlp({ inputs: I, hidden: H, outputs: O, batch: B });
  copyParameters(net, plain.parameters);
  plain.pack();
  const data = features(B * I, 1);
  return { net, plain, data, input: tensor(data, [B, I]) };
}

/** @param {Perceptron} workload @returns {Pair} */
function perceptrons(workload) {
  const { net, plain, data, input } = perceptronSides(workload);
  return forwardPair(workload.id, { net, input }, { plain, data });
}

/** @param {Perceptron} workload @returns {Pair} */
function perceptronTrainers({ mode, ...workload }) {
  const { id, B, O } = workload;
  const { net, plain, data, input } = perceptronSides({ mode, ...workload });
  const targets = classes(B, O, 2);
  const learningRate = mode === "sgd" ? 10 * LEARNING_RATE : LEARNING_RATE;
  const optimizer = mode === "sgd" ? sgd({ learningRate }) : adam({ learningRate });
  const trainer = net.train({ inputs: input, targets: tensor(targets, [B]) }, { ...endless(B), optimizer });
  const step = () => plain.step(data, targets, mode === "sgd" ? "sgd" : "adam", learningRate);
  return trainingPair(id, { net, trainer }, { plain, step });
}

/** Options of a training that goes on for ever over one batch. @param {number} batchSize */
function endless(batchSize) {
  return { loss: crossEntropy(), epochs: Infinity, batchSize, shuffle: false };
}

/** @param {Network} net @param {Record<string, Float32Array | Float64Array>} parameters of the plain side */
function copyParameters(net, parameters) {
  for (const [name, values] of Object.entries(parameters)) values.set(net.parameter(name).value);
}

/**
 * @param {string} id
 * @param {{ net: Network, input: Tensor }} unrolled
 * @param {{ plain: { forward: (x: Float32Array) => ArrayLike<number> }, data: Float32Array }} side
 * @returns {Pair}
 */
function forwardPair(id, { net, input }, { plain, data }) {
  const unrolled = () => net.forward(input).output.data;
  return {
    net,
    check: () => expectSame(id, unrolled(), plain.forward(data), TOLERANCE),
    unrolled: () => Number(unrolled()[0]),
    plain: () => Number(plain.forward(data)[0]),
  };
}

/**
 * The check takes three steps: all gradients after the first, relative to the largest of their tensor, and the loss of each.
 * @param {string} id
 * @param {{ net: Network, trainer: Trainer }} unrolled
 * @param {{ plain: { gradients: Record<string, ArrayLike<number>> }, step: () => number }} side
 * @returns {Pair}
 */
function trainingPair(id, { net, trainer }, { plain, step }) {
  const unrolled = () => trainer.next().value?.loss ?? NaN;
  const checkGradients = () => {
    for (const [name, gradient] of Object.entries(plain.gradients)) {
      const tolerance = TOLERANCE * largest(gradient);
      expectSame(`${id}, gradient of ${name}`, net.parameter(name).gradient, gradient, tolerance);
    }
  };
  const check = () => {
    for (let n = 1; n <= 3; n++) {
      expectSame(`${id}, loss of step ${n}`, [unrolled()], [step()], TOLERANCE);
      if (n === 1) checkGradients();
    }
  };
  return { net, check, unrolled, plain: step };
}
