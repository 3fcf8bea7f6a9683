// An app that only runs an LSTM.
import { Network } from "unrolled/run";

const response = await fetch("model.safetensors");
const net = Network.load(await response.arrayBuffer());
const stream = net.stream();
addEventListener("message", ({ data }) => postMessage(stream.step(data)));
