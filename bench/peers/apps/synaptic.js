import { Architect } from "synaptic";

export function run() {
  const net = new Architect.LSTM(64, 64, 1);
  const x = Array.from({ length: 64 }, () => 1);
  return Array.from({ length: 10 }, () => net.activate(x)[0])[9];
}
