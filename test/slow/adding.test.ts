/** The adding problem at T = 100: an LSTM and a GRU solve it, an Elman network with tanh does so at T = 10 and not at 100. */

import { expect, test } from "vitest";
import {
  adam,
  dense,
  elman,
  gru,
  last,
  lstm,
  meanSquaredError,
  Network,
  oneCycle,
  type LayerDescription,
} from "../../bindings/index.ts";
import { prove, trainFor, varianceOf } from "./proof.ts";
import { addingProblem } from "./tasks.ts";

const loss = meanSquaredError();

function learn(layer: LayerDescription, length: number, steps: number, learningRate: number) {
  const net = new Network({ input: { features: 2 }, layers: [layer, last(), dense(1)], seed: 1 });
  const took = trainFor(steps, net, addingProblem(20_000, length, 1), {
    ...{ loss, optimizer: adam({ learningRate }), schedule: oneCycle({ steps }), clipNorm: 1 },
  });
  const unseen = addingProblem(2_000, length, 2);
  const reached = net.evaluate(unseen, { loss }).loss;
  const baseline = varianceOf(unseen.targets.data);
  expect(baseline).toBeCloseTo(1 / 6, 1); // of the sum of two numbers from [0, 1)
  return { task: `adding problem, T = ${length}`, measure: "MSE", reached, baseline, baselineOf: "the mean", ...took };
}

test.for([
  ["LSTM 32", lstm(32, { forgetBias: 1 }), 4_000],
  ["GRU 32", gru(32), 2_500],
] as const)("%s solves T = 100", ([model, layer, steps], context) => {
  prove(context, { model, ...learn(layer, 100, steps, 0.01), threshold: { below: 0.01 } });
});

test("Elman 32 solves T = 10", (context) => {
  prove(context, { model: "Elman 32", ...learn(elman(32), 10, 4_000, 0.003), threshold: { below: 0.01 } });
});

test("Elman 32 does not solve T = 100, at the best of three learning rates", (context) => {
  const runs = [0.01, 0.003, 0.001].map((learningRate) => learn(elman(32), 100, 4_000, learningRate));
  const best = runs.reduce((a, b) => (b.reached < a.reached ? b : a));
  const [steps, seconds] = [3 * best.steps, runs.reduce((sum, run) => sum + run.seconds, 0)];
  const model = "Elman 32, best of 3 rates";
  prove(context, { ...best, model, steps, seconds, threshold: { above: 0.1 } });
});
