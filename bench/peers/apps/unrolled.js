import { lstm, Network, tensor } from "../../../dist/index.js";

export function run() {
  const net = new Network({ input: { features: 64 }, layers: [lstm(64)] });
  return net.forward(tensor(new Float32Array(640).fill(1), [1, 10, 64])).output.data[639];
}
