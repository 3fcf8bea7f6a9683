/** Training runs that a test stops and another process takes up again: both make the same network, data and options. */

import {
  adam,
  adamw,
  batchNorm,
  cosineAnnealing,
  crossEntropy,
  dense,
  dropout,
  elman,
  embedding,
  gru,
  jordan,
  languageModelData,
  linearWarmup,
  lstm,
  meanSquaredError,
  nadam,
  Network,
  radam,
  reduceOnPlateau,
  rmsprop,
  sgd,
  tdnn,
  type FitOptions,
  type Trainer,
  type TrainingData,
} from "../../bindings/index.ts";
import { bitsOf, indices, numbers, parametersOf } from "../support.ts";

export interface Run {
  readonly make: (seed: number) => Network;
  readonly data: TrainingData;
  readonly options: FitOptions;
  readonly by: "train" | "fit";
}

const words = {
  input: { tokens: 11 },
  layers: [embedding(5), lstm(6, { layers: 2, dropout: 0.3 }), dropout(0.2), dense(11)],
};
const series = { input: { features: 3 }, layers: [gru(5), dropout(0.4), dense(2)] };
const ragged = [5, 2, 7, 3, 3, 6, 1, 4, 7, 2];

export const runs: Readonly<Record<string, Run>> = {
  "dropout, shuffle, Adam, clipping": {
    make: (seed) => new Network({ ...words, seed }),
    data: { inputs: indices([14, 6], 11), targets: indices([14, 6], 11, 2) },
    options: {
      loss: crossEntropy(),
      optimizer: adam({ learningRate: 0.01, amsgrad: true }),
      epochs: 4,
      batchSize: 4,
      clipNorm: 0.5,
    },
    by: "train",
  },
  "truncated, with a carried state": {
    make: (seed) => new Network({ ...words, seed }),
    data: languageModelData(indices([200], 11).data, { batch: 5 }),
    options: { loss: crossEntropy(), optimizer: adamw(), epochs: 2, batchSize: 2, truncate: 7, clipValue: 0.1 },
    by: "train",
  },
  "ragged sequences, momentum, a rate for each step": {
    make: (seed) => new Network({ ...series, seed }),
    data: {
      inputs: ragged.map((T, b) => numbers([T, 3], b + 1)),
      targets: ragged.map((T, b) => numbers([T, 2], b + 50)),
    },
    options: {
      loss: meanSquaredError(),
      optimizer: sgd({ momentum: 0.9, nesterov: true }),
      epochs: 5,
      batchSize: 3,
      learningRate: (step) => 0.1 / (1 + step),
    },
    by: "train",
  },
  "fit with early stopping": {
    make: (seed) => new Network({ ...series, seed }),
    data: { inputs: numbers([8, 5, 3]), targets: numbers([8, 5, 2], 2) },
    options: {
      loss: meanSquaredError(),
      optimizer: rmsprop({ learningRate: 0.001, momentum: 0.5, centered: true }),
      epochs: 40,
      batchSize: 4,
      validation: { inputs: numbers([6, 5, 3], 60), targets: numbers([6, 5, 2], 61) },
      earlyStopping: { patience: 3 },
    },
    by: "fit",
  },
  "without any state, one batch an epoch": {
    make: (seed) => new Network({ input: { features: 3 }, layers: [dense(4, { activation: "relu" }), dense(2)], seed }),
    data: { inputs: numbers([8, 3]), targets: numbers([8, 2], 2) },
    options: { loss: meanSquaredError(), optimizer: adam(), epochs: 12 },
    by: "train",
  },
  "batch normalisation, with early stopping": {
    make: (seed) => new Network({ input: { features: 3 }, layers: [gru(4), batchNorm(), dense(2), batchNorm()], seed }),
    data: { inputs: numbers([8, 5, 3]), targets: numbers([8, 5, 2], 2) },
    options: {
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: 0.5, weightDecay: 0.01 }),
      epochs: 20,
      batchSize: 4,
      validation: { inputs: numbers([6, 5, 3], 60), targets: numbers([6, 5, 2], 61) },
      earlyStopping: { patience: 6 },
    },
    by: "fit",
  },
  "time delays and Jordan, truncated": {
    make: (seed) => {
      const layers = [tdnn(5, { dilation: 2 }), jordan(4, { outputs: 2, decay: 0.5 })];
      return new Network({ input: { features: 3 }, layers, seed });
    },
    data: { inputs: numbers([7, 12, 3]), targets: numbers([7, 12, 2], 2) },
    options: { loss: meanSquaredError(), optimizer: adam(), epochs: 2, batchSize: 3, truncate: 5 },
    by: "train",
  },
  "elman, the whole epoch in one order": {
    make: (seed) => new Network({ input: { features: 3 }, layers: [elman(4), dense(2)], seed }),
    data: { inputs: numbers([7, 4, 3]), targets: numbers([7, 4, 2], 2) },
    options: { loss: meanSquaredError(), optimizer: sgd(), epochs: 3, batchSize: 2, shuffle: false },
    by: "fit",
  },
  "accumulated, a warm-up, groups, a moving average": {
    make: (seed) => new Network({ ...words, seed }),
    data: languageModelData(indices([300], 11).data, { batch: 5 }),
    options: {
      ...{ loss: crossEntropy(), optimizer: nadam(), epochs: 3, batchSize: 2, truncate: 7, accumulate: 4, l1: 1e-4 },
      schedule: linearWarmup({ steps: 5, next: cosineAnnealing({ epochs: 1, minimum: 1e-4, warmRestarts: true }) }),
      groups: [
        { match: "embedding", frozen: true },
        { match: /bias/, weightDecay: 0.1, learningRate: 0.01 },
      ],
      averaging: { decay: 0.9 },
    },
    by: "train",
  },
  "fit that reduces the rate on a plateau, validates with a mean from an epoch on, and stops early": {
    make: (seed) => new Network({ ...series, seed }),
    data: { inputs: numbers([8, 5, 3]), targets: numbers([8, 5, 2], 2) },
    options: {
      ...{ loss: meanSquaredError(), optimizer: radam({ learningRate: 0.1 }), epochs: 14, batchSize: 4 },
      schedule: reduceOnPlateau({ patience: 0, factor: 0.5 }),
      averaging: { from: 2 },
      validation: { inputs: numbers([6, 5, 3], 60), targets: numbers([6, 5, 2], 61) },
      earlyStopping: { patience: 6 },
    },
    by: "fit",
  },
};

/** What a run ends with, as text: parameters, buffers, the generator, and the history of fit. */
export interface End {
  readonly parameters: string;
  readonly buffers: string;
  readonly random: string;
  readonly history: unknown;
}

/** Runs to the end, from a checkpoint if there is one; `onStep` sees each step. */
export async function finish(
  net: Network,
  { data, options, by }: Run,
  resume?: Uint8Array,
  onStep: (trainer: Trainer, step: number) => void = () => undefined,
): Promise<End> {
  const all = { ...options, ...(resume && { resume }) };
  let history: unknown;
  if (by === "fit") {
    history = await net.fit(data, { ...all, onStep: ({ step }, trainer) => onStep(trainer, step) });
  } else {
    const { validation: _v, earlyStopping: _e, ...trainOptions } = all;
    const trainer = net.train(data, trainOptions);
    for (const { step } of trainer) onStep(trainer, step);
    history = trainer.epochLoss;
    if (trainer.hasAverage) trainer.useAverage();
  }
  const buffers = bitsOf(Float32Array.from(net.buffers.flatMap(({ value }) => [...value])));
  return { parameters: bitsOf(parametersOf(net)), buffers, random: bitsOf(net.randomState), history };
}
