// An app that trains an LSTM and runs it.
import { adam, crossEntropy, dense, lstm, Network } from "unrolled";

const net = new Network({ input: { features: 3 }, layers: [lstm(32), dense(2)] });
addEventListener("message", async ({ data }) => {
  await net.fit(data, { loss: crossEntropy(), optimizer: adam(), epochs: 10 });
  postMessage(net.predict(data.inputs).data);
});
