import { adam, crossEntropy, dense, embedding, lstm, Network, tensor } from "unrolled";
import { CharacterLstm } from "./characterLstm.js";

/**
 * Times one training step of a character LSTM (forward, backward, clipping, Adam) in this library and in plain JavaScript.
 * Both start from the same weights and must give the same losses before anything is timed.
 * @param {{ vocabulary: number; embedding: number; hidden: number; batch: number; time: number }} sizes
 * @returns {{ unrolledMs: number; plainMs: number }} medians, in milliseconds
 */
export function compareSpeed(sizes) {
  const { vocabulary, embedding: E, hidden, batch, time } = sizes;
  const net = new Network({
    input: { tokens: vocabulary },
    layers: [embedding(E), lstm(hidden), dense(vocabulary)],
    seed: 7,
  });
  const plain = new CharacterLstm(sizes);
  for (const [name, values] of Object.entries(plain.parameters)) values.set(net.parameter(name).value);
  const tokens = Int32Array.from({ length: batch * time }, (_, i) => (i * 7 + (i >> 3)) % vocabulary);
  const targets = tokens.map((token) => (token + 1) % vocabulary);
  const data = { inputs: tensor(tokens, [batch, time]), targets: tensor(targets, [batch, time]) };
  const trainer = net.train(data, {
    loss: crossEntropy(),
    optimizer: adam({ learningRate: 0.002 }),
    clipNorm: 1,
    epochs: Infinity,
    batchSize: batch,
    shuffle: false,
  });
  const unrolledStep = () => trainer.next().value?.loss ?? NaN;
  const plainStep = () => {
    plain.resetState();
    return plain.step(tokens, targets, { learningRate: 0.002, clipNorm: 1 });
  };
  for (let i = 0; i < 3; i++) {
    const [a, b] = [unrolledStep(), plainStep()];
    if (!(Math.abs(a - b) < 1e-4)) throw new Error(`losses differ at step ${i + 1}: ${a} and ${b} in plain JavaScript`);
  }
  return { unrolledMs: median(unrolledStep, 15), plainMs: median(plainStep, 7) };
}

/**
 * @param {() => number} step
 * @param {number} runs
 */
function median(step, runs) {
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    step();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[runs >> 1] ?? NaN;
}
