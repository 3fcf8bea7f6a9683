/** Writing like a text: each character or word comes in, the logits of the next come out. */

import {
  crossEntropy,
  dense,
  dropout,
  embedding,
  FormatError,
  generateText,
  languageModelData,
  Network,
  perplexity,
  splitSequence,
  tokenizerFromJSON,
  characterTokenizer,
  wordTokenizer,
  type Tokenizer,
  type TokenizerJSON,
  type TrainingData,
} from "../../index.ts";
import { about, UsageError } from "../errors.ts";
import { nameOf, readSource } from "../input/files.ts";
import { formatNumber, percent, table, type Report } from "../output/table.ts";
import { countOf, formatCount } from "../output/text.ts";
import { bitsOf } from "../training/progress.ts";
import { recurrent, type NetworkOptions } from "./network.ts";
import type { EvaluateOptions, Lesson, TaskModel } from "./task.ts";

export interface TextOptions extends NetworkOptions {
  readonly words?: boolean;
  readonly embedding: number;
  readonly batch: number;
  readonly steps: number;
  readonly validation: number;
  /** Symbols to write after each epoch. */
  readonly sample: number;
}

// ---- training

/** @throws RangeError that names the options to change, when the text is too short for them */
export async function prepareText(path: string, options: TextOptions): Promise<Lesson> {
  const text = await readSource(path);
  const { words, batch, steps, validation } = options;
  const tokenizer = words ? wordTokenizer(text) : characterTokenizer(text);
  const tokens = tokenizer.encode(text);
  const isSplit = validation > 0 && tokens.length > 1;
  const [learnt, rest] = isSplit ? splitSequence(tokens, [1 - validation, validation]) : [tokens];
  const training = trainingPart(learnt!, tokenizer.kind, batch, steps);
  const heldOut = rest && heldOutPart(rest, tokenizer.kind, batch, steps);
  const model = new Writer(createNetwork(tokenizer.size, options), tokenizer);
  model.net.metadata[KEY] = JSON.stringify(tokenizer);
  const parts = `${formatCount(learnt!.length)} to learn from, ${formatCount(rest?.length ?? 0)} held out`;
  const of = `${countOf(tokens.length, tokenizer.kind)}, ${formatCount(tokenizer.size)} different`;
  return {
    net: model.net,
    loss: crossEntropy(),
    training: training.data,
    heldOut: heldOut?.data,
    truncate: steps,
    about: `${nameOf(path)}: ${of}\n${parts}`,
    terms: { unit: tokenizer.kind, inBits: true },
    unitsOf: ({ batch }) => training.batch * Math.min(steps, training.steps - batch * steps), // the last may be shorter
    ...(options.sample > 0 && { sample: () => model.sample(options.sample, options.seed) }),
    next: (file) => `write with it: unrolled generate ${file}`,
  };
}

/** A part of the text, cut for learning or measuring. */
interface Part {
  readonly data: TrainingData;
  /** Streams that are read side by side, and the steps of each. */
  readonly batch: number;
  readonly steps: number;
}

function createNetwork(tokens: number, options: TextOptions): Network {
  const { dropout: rate, seed } = options;
  return new Network({
    input: { tokens },
    layers: [embedding(options.embedding), recurrent(options), ...(rate > 0 ? [dropout(rate)] : []), dense(tokens)],
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
  return { data, batch, steps: Math.floor((tokens.length - 1) / batch) };
}

// ---- the model

/** Streams and steps that a text is measured in: what comes out hardly depends on them. */
const [STREAMS, STEPS] = [32, 64];

/** A network that writes text, with the tokenizer that belongs to it. */
export class Writer implements TaskModel {
  readonly task = "text";
  readonly net: Network;
  readonly tokenizer: Tokenizer;

  constructor(net: Network, tokenizer: Tokenizer) {
    this.net = net;
    this.tokenizer = tokenizer;
  }

  /** What text begins with if nobody says: the start of a line, as far as the tokenizer knows one. */
  get defaultPrompt(): string {
    const { vocabulary } = this.tokenizer;
    return vocabulary.includes("\n") ? "\n" : vocabulary[0]!;
  }

  /** What the network writes by now, indented, without what could disturb a terminal. */
  sample(length: number, seed: number): string {
    const text = generateText(this.net, this.tokenizer, { prompt: this.defaultPrompt, length, temperature: 0.8, seed });
    return text.replace(/[^\P{Cc}\n\t]/gu, "").replace(/^/gm, "    ");
  }

  describe(): readonly string[] {
    return [
      `task: text, ${this.tokenizer.kind} by ${this.tokenizer.kind}`,
      `tokenizer: ${countOf(this.tokenizer.size, this.tokenizer.kind)}`,
    ];
  }

  async evaluate(path: string, { plot, missing }: EvaluateOptions): Promise<Report> {
    if (plot !== undefined || missing !== undefined)
      throw new UsageError("--plot and --missing are not for a text: leave them out");
    const text = await readSource(path);
    return about(nameOf(path), () => this.measure(text, nameOf(path)));
  }

  measure(text: string, where: string): Report {
    const { kind } = this.tokenizer;
    const tokens = this.tokenizer.encode(text);
    if (tokens.length < 2) throw new RangeError(`it has ${countOf(tokens.length, kind)}, and needs 2`);
    const { data } = heldOutPart(tokens, kind, STREAMS, STEPS);
    const options = { loss: crossEntropy(), batchSize: STREAMS, truncate: STEPS };
    const { loss, accuracy = 0 } = this.net.evaluate(data, options);
    const values = {
      task: "text",
      unit: kind,
      symbols: tokens.length,
      bits: bitsOf(loss),
      perplexity: perplexity(loss),
      accuracy,
    };
    const rows = [
      [`bits a ${kind}`, formatNumber(values.bits)],
      ["perplexity", formatNumber(values.perplexity)],
      [`next ${kind} right`, percent(accuracy)],
    ];
    return { values, text: `${where}: ${countOf(tokens.length, kind)}\n\n${table(rows)}` };
  }
}

// ---- files

/** Under this key the metadata of a network keep its tokenizer: the mark of a model of this task. */
const KEY = "tokenizer";

/**
 * The writer of a network; undefined if it has no tokenizer, or does not foretell the tokens of that.
 * @throws FormatError when the tokenizer is not what one gave
 */
export function writerOf(net: Network): Writer | undefined {
  const text = net.metadata[KEY];
  if (text === undefined) return undefined;
  const tokenizer = tokenizerFromJSON(parseTokenizer(text));
  const { input, layers } = net.config;
  const end = layers.at(-1);
  const fits =
    "tokens" in input && input.tokens === tokenizer.size && end && "units" in end && end.units === input.tokens;
  return fits ? new Writer(net, tokenizer) : undefined;
}

function parseTokenizer(text: string): TokenizerJSON {
  try {
    return JSON.parse(text) as TokenizerJSON; // which tokenizerFromJSON checks
  } catch {
    throw new FormatError("malformed", "the tokenizer in the metadata is not JSON: save the model again");
  }
}
