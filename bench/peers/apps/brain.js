import { recurrent } from "brain.js";

export function run() {
  const net = new recurrent.LSTMTimeStep({ inputSize: 64, hiddenLayers: [64], outputSize: 64 });
  net.initialize();
  net.bindEquation();
  return /** @type {any} */ (net).run(Array.from({ length: 10 }, () => new Float32Array(64).fill(1)))[63];
}
