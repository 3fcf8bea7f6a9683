import { Batches, inOrder } from "./data/batches.ts";
import { readDataset, type Dataset, type TrainingData } from "./data/dataset.ts";
import type { Engine } from "./engine.ts";
import { expectLoss, type Loss } from "./losses/loss.ts";
import { expectInteger, expectOptions } from "./validate.ts";

export interface EvaluateOptions {
  readonly loss: Loss;
  /** Examples in a batch. Default 32. */
  readonly batchSize?: number;
  /** Cut sequences after so many steps and carry the state: the result is the same, in less memory. */
  readonly truncate?: number;
}

export interface Evaluation {
  /** The loss over all data; in nats for the cross-entropies. */
  readonly loss: number;
  /**
   * Share of the targets that count at which the largest output stands, or with `crfLoss()` a tag of the best path; only where
   * targets are classes.
   */
  readonly accuracy?: number;
}

/** Loss and accuracy over a data set that has been checked; each turn of the iterator is one batch. */
export function* evaluateBatches(
  engine: Engine,
  dataset: Dataset,
  options: { batchSize: number; truncate: number | undefined },
): Generator<void, Evaluation, void> {
  const batches = new Batches(engine, dataset, options);
  const order = inOrder(dataset.inputs.B);
  const { loss } = dataset;
  const carried = new Float32Array(engine.stateSize(Math.min(options.batchSize, dataset.inputs.B)));
  let [sum, weight, correct, counted] = [0, 0, 0, 0];
  let isClasses = false;
  for (let k = 0; k < batches.count; k++) {
    const { selection, begins } = batches.at(k, order);
    const state = carried.subarray(0, engine.stateSize(selection.examples.length));
    engine.enter(dataset.inputs, "evaluate", selection);
    engine.enterStates(begins ? undefined : state, "value");
    engine.forward(false);
    engine.leaveStates(state, "value");
    const result = loss.run(engine, dataset, selection);
    sum += result.sum;
    weight += result.weight;
    const hits = loss.hits(engine, dataset);
    if (hits) {
      isClasses = true;
      [correct, counted] = [correct + hits.correct, counted + hits.counted];
    }
    yield;
  }
  const mean = weight > 0 ? sum / weight : 0;
  const accuracy = counted > 0 ? correct / counted : 0;
  return { loss: loss.reduction === "sum" ? sum : mean, ...(isClasses && { accuracy }) };
}

export function evaluate(engine: Engine, data: TrainingData, options: EvaluateOptions): Evaluation {
  expectOptions("evaluate", options, ["loss", "batchSize", "truncate"]);
  const loss = expectLoss(options.loss);
  const { batchSize = 32, truncate } = options;
  const batches = evaluateBatches(engine, readDataset(engine, loss, data), {
    batchSize: expectInteger("batchSize", batchSize, 1),
    truncate: truncate === undefined ? undefined : expectInteger("truncate", truncate, 1),
  });
  return finish(batches);
}

/** The evaluation, all at once. */
export function finish(batches: Generator<void, Evaluation, void>): Evaluation {
  for (;;) {
    const { done, value } = batches.next();
    if (done) return value;
  }
}
