/** Copying memory: five symbols are repeated after 50 blanks. */

import { expect, test } from "vitest";
import { adam, argmax, crossEntropy, dense, embedding, gru, Network, oneCycle } from "../../bindings/index.ts";
import { prove, trainFor } from "./proof.ts";
import { copyingMemory } from "./tasks.ts";

const setting = { symbols: 8, length: 5, blanks: 50 };

test("GRU 96 repeats 5 of 8 symbols after 50 blanks", (context) => {
  const { symbols, length, blanks } = setting;
  const loss = crossEntropy();
  const net = new Network({
    input: { tokens: symbols + 2 },
    layers: [embedding(16), gru(96), dense(symbols + 1)],
    seed: 1,
  });
  const took = trainFor(3_000, net, copyingMemory(20_000, setting, 1), {
    ...{ loss, optimizer: adam({ learningRate: 0.01 }), schedule: oneCycle({ steps: 3_000 }), clipNorm: 1 },
  });
  const unseen = copyingMemory(500, setting, 2);
  const common = { task: "copying memory, 5 symbols, 50 blanks", model: "GRU 96", ...took };

  // Blanks where they belong, and each symbol as likely as another.
  const steps = blanks + 2 * length;
  prove(context, {
    ...{ ...common, measure: "cross-entropy", reached: net.evaluate(unseen, { loss }).loss },
    ...{ baseline: (length * Math.log(symbols)) / steps, baselineOf: "without memory", threshold: { below: 0.01 } },
  });

  const answers = argmax(net.predict(unseen.inputs)).data;
  expect(answers).toHaveLength(500 * steps);
  const wrong = answers.filter((answer, i) => i % steps >= steps - length && answer !== unseen.targets.data[i]);
  prove(context, {
    ...{ ...common, measure: "symbols wrong", reached: wrong.length / (500 * length) },
    ...{ baseline: 1 - 1 / symbols, baselineOf: "guessing", threshold: { below: 0.01 } },
  });
});
