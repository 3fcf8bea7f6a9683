/** Sequential MNIST: an image is read row by row, and the last state says which digit it is. */

import { test } from "vitest";
import { adam, crossEntropy, dense, gru, last, Network, oneCycle } from "../../bindings/index.ts";
import { readDigits, type Digits } from "../digits.ts";
import { prove, trainFor } from "./proof.ts";

test("GRU 64 reads digits by rows, in four epochs", (context) => {
  const [known, unseen] = readDigits(8_000, 2_000) as [Digits, Digits];
  const loss = crossEntropy();
  const net = new Network({ input: { features: 28 }, layers: [gru(64), last(), dense(10)], seed: 1 });
  const steps = (4 * 8_000) / 32;
  const took = trainFor(steps, net, known, {
    ...{ loss, optimizer: adam({ learningRate: 0.005 }), schedule: oneCycle({ steps }), clipNorm: 1 },
  });
  const counts = new Int32Array(10);
  unseen.targets.forEach((digit) => counts[digit]!++);
  prove(context, {
    ...{ task: "MNIST by rows, 8,000 digits", model: "GRU 64", measure: "share wrong", ...took },
    ...{ reached: 1 - (net.evaluate(unseen, { loss }).accuracy ?? 0) },
    ...{ baseline: 1 - Math.max(...counts) / 2_000, baselineOf: "the commonest digit", threshold: { below: 0.072 } },
  });
});
