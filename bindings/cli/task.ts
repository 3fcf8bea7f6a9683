/** From a text to what `fit` takes: the task of a language model. */

import {
  characterTokenizer,
  dense,
  dropout,
  elman,
  embedding,
  gru,
  languageModelData,
  lstm,
  Network,
  splitSequence,
  wordTokenizer,
  type Tokenizer,
  type TrainingData,
} from "../index.ts";
import { countOf } from "./text.ts";

const cells = { lstm, gru, elman };

export const cellNames = Object.keys(cells) as (keyof typeof cells)[];

export interface TaskOptions {
  readonly words?: boolean;
  readonly cell: keyof typeof cells;
  readonly hidden: number;
  readonly layers: number;
  readonly embedding: number;
  readonly dropout: number;
  readonly batch: number;
  readonly steps: number;
  readonly validation: number;
  readonly seed: number;
}

/** A part of the text, cut for learning or measuring. */
interface Part {
  readonly data: TrainingData;
  readonly tokens: number;
  /** Streams that are read side by side, and the steps of each. */
  readonly batch: number;
  readonly steps: number;
}

export interface Task {
  readonly tokenizer: Tokenizer;
  readonly training: Part;
  /** Nothing is learnt from it; undefined if no part was wanted. */
  readonly heldOut: Part | undefined;
  readonly net: Network;
}

/** @throws RangeError that names the options to change, when the text is too short for them */
export function createTask(text: string, options: TaskOptions): Task {
  const { words, batch, steps, validation } = options;
  const tokenizer = words ? wordTokenizer(text) : characterTokenizer(text);
  const tokens = tokenizer.encode(text);
  const isSplit = validation > 0 && tokens.length > 1;
  const [learnt, heldOut] = isSplit ? splitSequence(tokens, [1 - validation, validation]) : [tokens];
  return {
    tokenizer,
    training: trainingPart(learnt!, tokenizer.kind, batch, steps),
    heldOut: heldOut && heldOutPart(heldOut, tokenizer.kind, batch, steps),
    net: createNetwork(tokenizer.size, options),
  };
}

function createNetwork(tokens: number, options: TaskOptions): Network {
  const { cell, hidden, layers, dropout: rate, seed } = options;
  return new Network({
    input: { tokens },
    layers: [
      embedding(options.embedding),
      cells[cell](hidden, { layers, ...(layers > 1 && { dropout: rate }) }),
      ...(rate > 0 ? [dropout(rate)] : []),
      dense(tokens),
    ],
    seed,
  });
}

/** The part to learn from: each stream must fill a step, or next to nothing would be learnt in an epoch. */
function trainingPart(tokens: Int32Array, symbol: string, batch: number, steps: number): Part {
  const needed = batch * steps + 1;
  if (tokens.length < needed) {
    const has = `the text has ${countOf(tokens.length, symbol)} to learn from`;
    const needs = `--batch ${batch} times --steps ${steps} needs ${countOf(needed, symbol)}`;
    throw new RangeError(`${has}, and ${needs}: lower --batch or --steps, or give a longer text`);
  }
  return cut(tokens, batch);
}

/** The part held out: fewer streams if it is short, for each of them begins without knowing what came before. */
function heldOutPart(tokens: Int32Array, symbol: string, batch: number, steps: number): Part {
  if (tokens.length < 2) {
    const has = `the part of the text that is held out has ${countOf(tokens.length, symbol)}, and needs 2`;
    throw new RangeError(`${has}: raise --validation, give a longer text, or --validation 0 to hold out nothing`);
  }
  return cut(tokens, Math.max(1, Math.min(batch, Math.floor((tokens.length - 1) / steps))));
}

function cut(tokens: Int32Array, batch: number): Part {
  const data = languageModelData(tokens, { batch });
  return { data, tokens: tokens.length, batch, steps: Math.floor((tokens.length - 1) / batch) };
}
