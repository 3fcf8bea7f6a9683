import { DurableObject } from "cloudflare:workers";
import { adam, crossEntropy, Network, type TrainOptions } from "unrolled";
import type { Example } from "../gestures.js";
import { classifierOf, probabilities, trained } from "./classifier.ts";

export interface Run {
  examples: Example[];
  /** `Trainer.checkpoint()`: weights, optimizer, random generator and place in the examples. */
  checkpoint: Uint8Array;
  /** Steps taken, with these examples and all before them. */
  steps: number;
  /** Loss of the last batch before its step. */
  loss: number;
}

export type Progress = Pick<Run, "steps" | "loss">;

const KEY = "run";

const options: TrainOptions = {
  loss: crossEntropy(),
  optimizer: adam({ learningRate: 0.01 }),
  epochs: Infinity,
  batchSize: 16,
  clipNorm: 1,
};

/**
 * A copy of the network that learns from its owner's examples. As in GestureStream, only what is stored counts, and no `await`
 * stands between reading and storing it.
 */
export class Learner extends DurableObject {
  /**
   * Takes steps of training: with the examples before or equal ones the run goes on, bit for bit as if it had never paused; with
   * others a run begins from the weights learnt so far.
   * @returns undefined when there are no examples
   */
  learn(given: Example[] | undefined, steps: number): Progress | undefined {
    const before = this.#run();
    const examples = given ?? before?.examples;
    if (!examples) return undefined;
    const goesOn = before !== undefined && JSON.stringify(examples) === JSON.stringify(before.examples);
    const data = {
      inputs: examples.map(({ sequence }) => sequence),
      targets: examples.map(({ label }) => label),
    };
    const network = Network.load(before?.checkpoint ?? trained);
    const trainer = network.train(data, { ...options, ...(goesOn && { resume: before.checkpoint }) });
    let loss = 0;
    for (let i = 0; i < steps; i++) loss = trainer.next().value?.loss ?? loss;
    const progress = { steps: (before?.steps ?? 0) + steps, loss };
    this.ctx.storage.kv.put<Run>(KEY, { examples, checkpoint: trainer.checkpoint(), ...progress });
    return progress;
  }

  progress(): Progress | undefined {
    const run = this.#run();
    return run && { steps: run.steps, loss: run.loss };
  }

  predict(sequences: number[][][]): number[][] | undefined {
    const run = this.#run();
    return run && probabilities(classifierOf(run.checkpoint), sequences);
  }

  async forget(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  #run(): Run | undefined {
    return this.ctx.storage.kv.get<Run>(KEY);
  }
}
