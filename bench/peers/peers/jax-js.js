/**
 * jax-js on its WebAssembly device. It has no scan, so time is unrolled in one compiled function: faster than a loop over a
 * compiled step. Training is fastest with an input product for each step, and with sizes that are multiples of four, which its
 * SIMD kernels want. A call consumes the arrays it is given; `ref` keeps one.
 */
import { defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import * as data from "../workloads.js";

/** @typedef {import("../workloads.js").Workload} Workload */
/** @typedef {import("@jax-js/jax").numpy.Array} A */
/** @typedef {Record<string, A>} Parameters */

/** @type {(values: Float32Array, ...shape: number[]) => A} */
const array = (values, ...shape) => np.array(values).reshape(shape);

/** @type {(weight: Float32Array, outputs: number) => A} (outputs, inputs) as (inputs, outputs) */
const kernel = (weight, outputs) => array(data.transpose(weight, outputs), weight.length / outputs, outputs);

/** @param {Workload} workload @returns {Parameters} */
function recurrentParameters(workload) {
  const { G, wIh, wHh, bIh } = data.recurrentWeights(workload);
  return { wX: kernel(wIh, G * workload.H), wH: kernel(wHh, G * workload.H), b: array(bIh, G * workload.H) };
}

/**
 * From a = x·wX + b to the next h and c.
 * @type {Record<import("../workloads.js").Cell, (a: A, h: A, c: A, wH: A) => [A, A]>}
 */
const cells = {
  elman: (a, h, c, wH) => [np.tanh(a.add(np.matmul(h, wH))), c],
  gru(a, h, c, wH) {
    const [aR, aZ, aN] = np.split(a, 3, 1);
    const [hR, hZ, hN] = np.split(np.matmul(h.ref, wH), 3, 1);
    const n = np.tanh(aN.add(nn.sigmoid(aR.add(hR)).mul(hN)));
    return [n.ref.add(nn.sigmoid(aZ.add(hZ)).mul(h.sub(n))), c];
  },
  lstm(a, h, c, wH) {
    const [i, f, g, o] = np.split(a.add(np.matmul(h, wH)), 4, 1);
    const next = nn
      .sigmoid(f)
      .mul(c)
      .add(nn.sigmoid(i).mul(np.tanh(g)));
    return [nn.sigmoid(o).mul(np.tanh(next.ref)), next];
  },
};

/** @type {import("./index.js").Setup} */
function streaming(workload) {
  const { cell, I, H } = workload;
  const parameters = recurrentParameters(workload);
  const step = jit(
    (/** @type {Parameters} */ { wX, wH, b }, /** @type {A} */ h, /** @type {A} */ c, /** @type {A} */ x) =>
      cells[cell](np.matmul(x, wX).add(b), h, c, wH),
  );
  const inputs = data.streamInputs(workload);
  let [h, c] = [np.zeros([1, H]), np.zeros([1, H])];
  let i = 0;
  const call = () => {
    [h, c] = step(tree.ref(parameters), h, c, array(inputs[i++ & 7], 1, I));
    return h.ref.dataSync();
  };
  return { call };
}

/** @type {import("./index.js").Setup} */
function sequence(workload) {
  const { cell, B, T, I, H } = workload;
  const parameters = recurrentParameters(workload);
  const run = jit((/** @type {Parameters} */ { wX, wH, b }, /** @type {A} */ x) => {
    let [h, c] = [np.zeros([B, H]), np.zeros([B, H])];
    for (const a of np.split(np.matmul(x, wX).add(b), T, 0)) [h, c] = cells[cell](a, h, c, wH.ref);
    wH.dispose();
    c.dispose();
    return h;
  });
  const x = data.inputs(workload);
  return { call: () => run(tree.ref(parameters), array(x, T * B, I)).dataSync() };
}

// ------------------------------------------------------------------------------------------------------ training

/**
 * A compiled step of training; call it for the loss from before the step.
 * @param {Parameters} start
 * @param {(parameters: Parameters, ...batch: any[]) => A} loss
 * @param {Workload["optimizer"]} optimizer
 * @param {any[]} batch
 */
function trainer(start, loss, optimizer, batch) {
  const update = optimizer === "adam" ? adam : sgd;
  const step = jit((/** @type {Parameters[]} */ state, /** @type {A[]} */ corrections, /** @type {any[]} */ batch) => {
    const [value, gradient] = valueAndGrad(loss)(tree.ref(state[0]), ...batch);
    return [value, update(state, gradient, corrections)];
  });
  const zeros = () => tree.map((/** @type {A} */ a) => np.zeros(a.shape), start);
  let state = optimizer === "adam" ? [start, zeros(), zeros()] : [start];
  let t = 0;
  const call = () => {
    t++;
    const corrections = optimizer === "adam" ? [np.array(1 - 0.9 ** t), np.array(1 - 0.999 ** t)] : [];
    const [value, next] = /** @type {[A, Parameters[]]} */ (step(state, corrections, tree.ref(batch)));
    state = next;
    return value.dataSync()[0];
  };
  return call;
}

/** @type {(state: Parameters[], gradient: Parameters) => Parameters[]} */
const sgd = ([p], gradient) => [tree.map((/** @type {A} */ a, /** @type {A} */ g) => a.sub(g.mul(0.01)), p, gradient)];

/** @type {(state: Parameters[], gradient: Parameters, corrections: A[]) => Parameters[]} */
function adam([p, m, v], gradient, [c1, c2]) {
  const m2 = tree.map((/** @type {A} */ a, /** @type {A} */ g) => a.mul(0.9).add(g.ref.mul(0.1)), m, gradient);
  const v2 = tree.map(
    (/** @type {A} */ a, /** @type {A} */ g) => a.mul(0.999).add(g.ref.mul(g).mul(0.001)),
    v,
    gradient,
  );
  /** @type {(a: A, m: A, v: A) => A} */
  const change = (a, m, v) =>
    a.sub(
      m.ref
        .div(c1.ref)
        .div(np.sqrt(v.ref.div(c2.ref)).add(1e-8))
        .mul(1e-3),
    );
  const p2 = tree.map(change, p, m2, v2);
  tree.dispose([c1, c2]);
  return [p2, m2, v2];
}

/** Sum over rows of log softmax(y) at the target. @type {(y: A, target: A) => A} */
const logLikelihood = (y, target) => np.sum(nn.logSoftmax(y, 1).mul(target));

/** Each step has its own input product and, in W6, its own loss. @type {import("./index.js").Setup} */
function training(workload) {
  const { cell, B, T, H, optimizer } = workload;
  /** @type {(p: Parameters, xs: A[], ys: A[]) => A} */
  const loss = (p, xs, ys) => {
    let [h, c] = [np.zeros([B, H]), np.zeros([B, H])];
    /** @type {A[]} */
    const terms = [];
    for (const [t, x] of xs.entries()) {
      [h, c] = cells[cell](np.matmul(x, p.wX.ref).add(p.b.ref), h, c, p.wH.ref);
      const y = ys[ys.length - T + t];
      if (y) terms.push(logLikelihood(np.matmul(h.ref, p.wD.ref).add(p.bD.ref), y));
    }
    tree.dispose([p, h, c]);
    return terms.reduce((sum, term) => sum.add(term)).mul(-1 / (ys.length * B));
  };
  const { parameters, x, y, I, O } = batchOf(workload);
  /** @type {(values: Float32Array, width: number) => A[]} */
  const steps = (values, width) =>
    Array.from({ length: values.length / (B * width) }, (_, t) =>
      array(values.slice(t * B * width, (t + 1) * B * width), B, width),
    );
  return { call: trainer(parameters, loss, optimizer, [steps(x, I), steps(y, O)]) };
}

/**
 * Weights and batch of W4 or W6 with sizes padded to multiples of four: a class that pads has probability zero.
 * @type {(workload: Workload) => { parameters: Parameters, x: Float32Array, y: Float32Array, I: number, O: number }}
 */
function batchOf(workload) {
  const { group, H, T, B } = workload;
  const round = (/** @type {number} */ n) => Math.ceil(n / 4) * 4;
  const [I, O] = [round(workload.I), round(workload.O)];
  const { G, wIh, wHh, bIh } = data.recurrentWeights(workload);
  const { weight, bias } = data.headWeights(workload);
  const grow = (/** @type {Float32Array} */ values, /** @type {number} */ length, fill = 0) => {
    const grown = new Float32Array(length).fill(fill);
    grown.set(values);
    return grown;
  };
  const wX = array(grow(data.transpose(wIh, G * H), I * G * H), I, G * H);
  const head = { wD: kernel(grow(weight, O * H), O), bD: array(grow(bias, O, -1e4), O) };
  const parameters = { wX, wH: kernel(wHh, G * H), b: array(bIh, G * H), ...head };
  if (group === "W4") {
    return { parameters, x: data.inputs(workload), y: data.oneHot(data.labels(workload), O), I, O };
  }
  const { current, next } = data.characters(workload);
  return { parameters, x: data.oneHot(current.slice(0, T * B), I), y: data.oneHot(next, O), I, O };
}

/** @type {import("./index.js").Setup} */
function perceptron(workload) {
  const { B, I, H, O, optimizer } = workload;
  const [first, second] = data.perceptronWeights(workload);
  const parameters = {
    ...{ w1: kernel(first.weight, H), b1: array(first.bias, H) },
    ...{ w2: kernel(second.weight, O), b2: array(second.bias, O) },
  };
  /** @type {(p: Parameters, x: A) => A} */
  const logits = ({ w1, b1, w2, b2 }, x) => np.matmul(nn.relu(np.matmul(x, w1).add(b1)), w2).add(b2);
  const x = data.inputs(workload);
  if (optimizer === "none") {
    const run = jit((/** @type {Parameters} */ p, /** @type {A} */ x) => nn.softmax(logits(p, x), 1));
    return { call: () => run(tree.ref(parameters), array(x, B, I)).dataSync() };
  }
  const y = array(data.oneHot(data.labels(workload), O), B, O);
  /** @type {(p: Parameters, x: A, y: A) => A} */
  const loss = (p, x, y) => logLikelihood(logits(p, x), y).mul(-1 / B);
  return { call: trainer(parameters, loss, optimizer, [array(x, B, I), y]) };
}

async function open() {
  await init("wasm");
  defaultDevice("wasm");
}

/** @type {import("./index.js").Peer} */
export const peer = {
  open,
  workloads: { W1: streaming, W2: sequence, W3: sequence, W4: training, W5: perceptron, W6: training },
};
