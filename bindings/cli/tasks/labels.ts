/** Classification: a text, a sequence of numbers or a row of numbers comes in, the logits of its label come out. */

import {
  activation,
  argmax,
  characterTokenizer,
  classScores,
  confusionMatrix,
  crossEntropy,
  dense,
  dropout,
  embedding,
  f1Score,
  last,
  Network,
  scalerFromJSON,
  splitData,
  standardScaler,
  tensor,
  tokenizerFromJSON,
  wordTokenizer,
  type LayerDescription,
  type Scaler,
  type ScalerJSON,
  type Tensor,
  type Tokenizer,
  type TokenizerJSON,
} from "../../index.ts";
import { about, UsageError } from "../errors.ts";
import { nameOf } from "../input/files.ts";
import { readTable, type Table, type TableOptions } from "../input/table.ts";
import { formatNumber, percent, table as tableText, type Report } from "../output/table.ts";
import { countOf, formatCount } from "../output/text.ts";
import { recurrent, type NetworkOptions } from "./network.ts";
import { examplesOf } from "./series.ts";
import {
  brokenTask,
  isListOf,
  keepTask,
  keptTask,
  type EvaluateOptions,
  type Lesson,
  type Missing,
  type TaskModel,
} from "./task.ts";

export interface LabelsOptions extends NetworkOptions, TableOptions {
  readonly label?: string;
  readonly inputs?: readonly string[];
  readonly words?: boolean;
  readonly minCount: number;
  readonly bidirectional?: boolean;
  readonly embedding: number;
  readonly missing: Exclude<Missing, "interpolate">;
  readonly validation: number;
  readonly test: number;
  readonly batch: number;
}

/** What the file keeps. */
interface LabelsTask {
  readonly kind: "labels";
  /** One column of texts, one of lists, or columns of numbers. */
  readonly columns: readonly string[];
  readonly label: string;
  /** In the order of the outputs. */
  readonly classes: readonly string[];
  /** The most frequent of what was learnt from. */
  readonly frequent: string;
  /** What the columns are made into: tokens, scaled sequences or scaled vectors. */
  readonly encoding: Encoding;
}

type Encoding =
  | { readonly of: "text"; readonly tokenizer: TokenizerJSON }
  | { readonly of: "list" | "number"; readonly scaler: ScalerJSON };

/** What one row has to learn from. */
type Row = string | readonly (readonly number[])[] | readonly number[];

type Kind = Encoding["of"];

// ---- rows

interface Rows {
  readonly rows: readonly Row[];
  /** Their places in the table. */
  readonly places: readonly number[];
}

/** The rows of some columns. @throws Error with the place of a missing value, unless such rows are dropped */
function readRows(table: Table, columns: readonly string[], kind: Kind, missing: Missing): Rows {
  const rows = rawRows(table, columns, kind);
  const places = rows.flatMap((row, i) => (isMissing(row) ? [] : [i]));
  const gap = rows.findIndex(isMissing);
  if (gap >= 0 && missing !== "drop") throw missingIn(table, gap, columns.join(", "));
  return { rows: places.map((i) => rows[i]!), places };
}

function rawRows(table: Table, columns: readonly string[], kind: Kind): readonly Row[] {
  if (kind === "text") return table.texts(columns[0]!);
  if (kind === "list") return table.lists(columns[0]!).map((steps) => steps ?? []);
  const numbers = columns.map((column) => table.numbers(column));
  return Array.from({ length: table.rows }, (_, i) => numbers.map((column) => column[i]!));
}

function isMissing(row: Row): boolean {
  return row.length === 0 || (typeof row !== "string" && row.some((one) => Number.isNaN(one)));
}

function missingIn(table: Table, row: number, column: string): Error {
  const where = `${table.name}: ${table.place(row)}: a value is missing in ${column}`;
  return new Error(`${where}: fill it, or leave such rows out by --missing drop`);
}

/** The columns to learn from, and what they are. */
function chooseColumns(
  table: Table,
  { inputs, label }: LabelsOptions,
): { columns: readonly string[]; label: string; kind: Kind } {
  const labelled = label ?? (table.columns.includes("label") ? "label" : table.columns.at(-1)!);
  table.kindOf(labelled); // or there is no such column
  const others = table.columns.filter((column) => column !== labelled);
  const columns = inputs ?? defaultColumns(table, others);
  if (columns.includes(labelled)) throw new UsageError(`--inputs has the label, ${labelled}: leave it out`);
  const kinds = new Set(columns.map((column) => table.kindOf(column)));
  const [kind] = kinds;
  const isOne = kind !== undefined && kinds.size === 1 && (kind === "number" || columns.length === 1);
  if (isOne) return { columns, label: labelled, kind };
  const given = others.map((column) => `${column} (${table.kindOf(column)})`).join(", ");
  throw new UsageError(
    `${table.name}: there are ${given || "no columns"} beside ${labelled}: name one text or list, or numbers, with --inputs`,
  );
}

/** All columns if they are numbers; otherwise those that are not. */
function defaultColumns(table: Table, columns: readonly string[]): readonly string[] {
  const others = columns.filter((column) => table.kindOf(column) !== "number");
  return others.length === 0 ? columns : others;
}

// ---- training

export async function prepareLabels(path: string, options: LabelsOptions): Promise<Lesson> {
  const { missing, validation, test, seed } = options;
  const table = await readTable(path, options);
  const { columns, label, kind } = chooseColumns(table, options);
  const { inputs, targets } = labelledRows(table, columns, label, kind, missing);
  return about(nameOf(path), () => {
    if (new Set(targets).size < 2)
      throw new Error(`column ${label} has one label only: there is nothing to tell apart`);
    const parts = split(inputs, targets, { validation, test, seed });
    const { train } = parts;
    const classes = labelsOf(targets);
    const task: LabelsTask = {
      ...{ kind: "labels", columns, label, classes, frequent: mostFrequent(train.targets) },
      encoding: learnEncoding(kind, train.inputs, options),
    };
    const net = createNetwork(task, options);
    keepTask(net, task);
    const model = new Classifier(net, task);
    const encode = (part: Part) => ({ inputs: model.encode(part.inputs), targets: model.classesOf(part.targets) });
    const measured = parts.test ?? parts.validation;
    const counts = `${formatCount(train.inputs.length)} to learn from, ${formatCount(inputs.length - train.inputs.length)} held out`;
    return {
      net,
      loss: crossEntropy(),
      training: encode(train),
      heldOut: parts.validation && encode(parts.validation),
      about: `${nameOf(path)}: ${countOf(inputs.length, "row")}, ${counts}\n${describeTask(task)}`,
      terms: { unit: "row" },
      unitsOf: examplesOf(train.inputs.length, options.batch),
      ...(measured && { measure: () => model.measure(measured, parts.test ? "the test part" : "the part held out") }),
      next: (file) => `classify with it: unrolled classify ${file} ${path}`,
    };
  });
}

interface Part {
  readonly inputs: readonly Row[];
  readonly targets: readonly string[];
}

function labelledRows(table: Table, columns: readonly string[], label: string, kind: Kind, missing: Missing): Part {
  const { rows, places } = readRows(table, columns, kind, missing);
  const all = table.texts(label).map((text) => text.trim());
  const labelled = places.flatMap((place, i) => (all[place] === "" ? [] : [i]));
  const gap = places.find((place) => all[place] === "");
  if (gap !== undefined && missing !== "drop") throw missingIn(table, gap, label);
  if (labelled.length === 0) throw new Error(`${table.name}: no row has all that is needed`);
  return { inputs: labelled.map((i) => rows[i]!), targets: labelled.map((i) => all[places[i]!]!) };
}

/** By the index of each row, with the share of each label in each part as in all. */
function split(
  inputs: readonly Row[],
  targets: readonly string[],
  { validation, test, seed }: { validation: number; test: number; seed: number },
): { train: Part; validation?: Part; test?: Part } {
  const all = tensor(Int32Array.from(targets.keys()), [targets.length, 1]);
  if (validation + test >= 1) throw new UsageError("--validation and --test leave nothing to learn from: lower them");
  if (validation === 0 && test === 0) return { train: { inputs, targets } };
  const shares = { ...(validation > 0 && { validation }), ...(test > 0 && { test }) };
  const parts = splitData({ inputs: all, targets: all }, { ...shares, stratify: targets, seed } as {
    validation: number;
    test: number;
  });
  const rowsOf = (part: { inputs: Tensor<Int32Array> } | undefined): Part | undefined =>
    part && {
      inputs: Array.from(part.inputs.data, (i) => inputs[i]!),
      targets: Array.from(part.inputs.data, (i) => targets[i]!),
    };
  const [held, tested] = [rowsOf(parts.validation), rowsOf(parts.test)];
  return { train: rowsOf(parts.train)!, ...(held && { validation: held }), ...(tested && { test: tested }) };
}

/** Each label once: numbers by size, texts by their characters' codes. */
function labelsOf(targets: readonly string[]): string[] {
  const labels = [...new Set(targets)];
  return labels.every((label) => Number.isFinite(Number(label)))
    ? labels.sort((a, b) => Number(a) - Number(b))
    : labels.sort();
}

function mostFrequent(labels: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return labelsOf(labels).reduce((most, label) => (counts.get(label)! > counts.get(most)! ? label : most));
}

/** From the part to learn from alone: the vocabulary, or the scaler. */
function learnEncoding(kind: Kind, rows: readonly Row[], { words = false, minCount }: LabelsOptions): Encoding {
  if (kind === "text") {
    const text = (rows as readonly string[]).join("\n");
    const learn = () => (words ? wordTokenizer(text, { minCount }) : characterTokenizer(text, { unknown: "\uFFFD" }));
    return { of: "text", tokenizer: about("--min-count", learn).toJSON() };
  }
  if (words) throw new UsageError("--words is for a column of texts: leave it out");
  const vectors =
    kind === "list"
      ? (rows as readonly (readonly (readonly number[])[])[]).flat()
      : (rows as readonly (readonly number[])[]);
  return { of: kind, scaler: standardScaler().fit(vectors).toJSON() };
}

function createNetwork({ encoding, columns, classes }: LabelsTask, options: LabelsOptions): Network {
  const { hidden, layers, dropout: rate, seed } = options;
  const drop = rate > 0 ? [dropout(rate)] : [];
  const end = [...drop, dense(classes.length)];
  if (encoding.of === "text") {
    const tokens = encoding.tokenizer.vocabulary.length;
    return new Network({
      input: { tokens },
      layers: [embedding(options.embedding), recurrent(options), last(), ...end],
      seed,
    });
  }
  if (encoding.of === "list") {
    const features = encoding.scaler.center.length;
    return new Network({ input: { features }, layers: [recurrent(options), last(), ...end], seed });
  }
  const stack = Array.from({ length: layers }, (): LayerDescription[] => [
    dense(hidden, { activation: "relu" }),
    ...drop,
  ]);
  return new Network({ input: { features: columns.length }, layers: [...stack.flat(), dense(classes.length)], seed });
}

const kinds: Readonly<Record<Kind, string>> = { text: "texts", list: "sequences", number: "vectors" };

function describeTask({ encoding, columns, label, classes }: LabelsTask): string {
  const symbols =
    encoding.of === "text" ? `, ${countOf(encoding.tokenizer.vocabulary.length, encoding.tokenizer.kind)}` : "";
  const names = classes.length <= 6 ? classes.join(", ") : countOf(classes.length, "label");
  return `${label} of the ${kinds[encoding.of]} in ${columns.join(", ")}${symbols}\nlabels: ${names}`;
}

// ---- the model

export class Classifier implements TaskModel {
  readonly task = "labels";
  readonly net: Network;
  readonly kept: LabelsTask;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #scaler: Scaler | undefined;
  readonly #softmax: Network;

  constructor(net: Network, kept: LabelsTask) {
    this.net = net;
    this.kept = kept;
    const { encoding, classes } = kept;
    if (encoding.of === "text") this.#tokenizer = tokenizerFromJSON(encoding.tokenizer);
    else this.#scaler = scalerFromJSON(encoding.scaler);
    this.#softmax = new Network({ input: { features: classes.length }, layers: [activation("softmax")] });
  }

  /** Whether it classifies texts: then lines will do as its input. */
  get takesText(): boolean {
    return this.#tokenizer !== undefined;
  }

  /** The rows of a table, whether or not they have labels. */
  read(table: Table, missing: Missing): Rows {
    const { columns, encoding } = this.kept;
    return readRows(table, columns, encoding.of, missing);
  }

  /** What the network takes. @throws RangeError on sequences of another width */
  encode(rows: readonly Row[]): Int32Array[] | Tensor[] | Tensor {
    if (this.#tokenizer) return rows.map((text) => this.#tokenizer!.encode(text as string));
    const width = this.#scaler!.center.length;
    if (this.kept.encoding.of === "number") return this.#scale(rows.flat() as number[], width);
    return rows.map((row) => {
      const steps = row as readonly (readonly number[])[];
      if (steps[0]!.length === width) return this.#scale(steps.flat(), width);
      throw new RangeError(
        `a step of ${this.kept.columns[0]!} has ${countOf(steps[0]!.length, "number")}, and the model takes ${width}`,
      );
    });
  }

  #scale(numbers: readonly number[], width: number): Tensor {
    return this.#scaler!.transform(tensor(Float32Array.from(numbers), [numbers.length / width, width]));
  }

  classesOf(labels: readonly string[]): Int32Array {
    const { classes } = this.kept;
    const indices = new Map(classes.map((name, i) => [name, i]));
    return Int32Array.from(labels, (label) => {
      const index = indices.get(label);
      if (index !== undefined) return index;
      throw new Error(`the model has no label ${JSON.stringify(label)}; it has ${classes.join(", ")}`);
    });
  }

  /** [rows, classes] */
  probabilities(rows: readonly Row[]): Tensor {
    return this.#softmax.predict(this.net.predict(this.encode(rows)));
  }

  describe(): readonly string[] {
    return [`task: labels, ${describeTask(this.kept)}`];
  }

  async evaluate(path: string, options: EvaluateOptions): Promise<Report> {
    const { missing = "fail", plot } = options;
    if (missing === "interpolate") throw new UsageError("--missing interpolate is for series: give drop");
    if (plot !== undefined) throw new UsageError("--plot is for series: leave it out");
    const { columns, label, encoding } = this.kept;
    const table = await readTable(path, options);
    const part = labelledRows(table, columns, label, encoding.of, missing);
    return about(nameOf(path), () => this.measure(part, nameOf(path)));
  }

  /** Accuracy beside that of the most frequent label, and what each label is taken for. */
  measure({ inputs, targets }: Part, where: string): Report {
    const { classes, frequent } = this.kept;
    const actual = this.classesOf(targets);
    const matrix = confusionMatrix(argmax(this.net.predict(this.encode(inputs))), actual, { classes: classes.length });
    const { precision, recall, f1, support } = classScores(matrix);
    const [accuracy, macroF1] = [f1Score(matrix, "micro"), f1Score(matrix)];
    const baseline = targets.filter((label) => label === frequent).length / targets.length;
    const C = classes.length;
    const confusion = classes.map((_, c) => Array.from(matrix.data.subarray(c * C, (c + 1) * C)));
    const perClass = classes.map((label, c) => ({
      ...{ label, precision: precision[c]!, recall: recall[c]!, f1: f1[c]!, rows: support[c]! },
    }));
    const text = [
      `${where}: ${countOf(targets.length, "row")}\n`,
      tableText([
        ["accuracy", percent(accuracy)],
        [`always ${short(frequent)}`, percent(baseline)],
        ["macro F1", formatNumber(macroF1)],
      ]),
      "",
      tableText([
        [this.kept.label, "precision", "recall", "F1", "rows"],
        ...perClass.map((one) => [
          ...[short(one.label), formatNumber(one.precision), formatNumber(one.recall), formatNumber(one.f1)],
          formatCount(one.rows),
        ]),
      ]),
      ...(C <= MOST_COLUMNS ? ["", confusionText(classes, confusion)] : []),
    ].join("\n");
    const values = { task: "labels", rows: targets.length, accuracy, baseline, macroF1, classes: perClass, confusion };
    return { text, values };
  }
}

/** A confusion matrix of more columns would not fit into a line. */
const MOST_COLUMNS = 8;

function short(label: string): string {
  return label.length > 20 ? `${label.slice(0, 19)}…` : label;
}

function confusionText(classes: readonly string[], confusion: readonly (readonly number[])[]): string {
  const names = classes.map((label) => (label.length > 6 ? `${label.slice(0, 5)}…` : label));
  return tableText([
    ["taken for", ...names],
    ...classes.map((label, c) => [`is ${short(label)}`, ...confusion[c]!.map(formatCount)]),
  ]);
}

// ---- files

/** The classifier of a network; undefined if that has another task. @throws FormatError */
export function classifierOf(net: Network): Classifier | undefined {
  const kept = keptTask(net);
  if (kept?.kind !== "labels") return undefined;
  return new Classifier(net, checkTask(kept, net));
}

function checkTask(kept: Readonly<Record<string, unknown>>, { config }: Network): LabelsTask {
  const { columns, label, classes, frequent } = kept;
  const isComplete = isListOf(columns, "string") && isListOf(classes, "string") && typeof label === "string";
  if (!isComplete || typeof frequent !== "string") throw brokenTask("it lacks a part");
  const encoding = checkEncoding(kept.encoding);
  const last = config.layers.at(-1);
  const size = encoding.of === "text" ? encoding.tokenizer.vocabulary.length : encoding.scaler.center.length;
  const taken = "tokens" in config.input ? config.input.tokens : config.input.features;
  const isSame = "tokens" in config.input === (encoding.of === "text") && taken === size;
  const outputs = last && "units" in last ? last.units : 0;
  if (!isSame || outputs !== classes.length) throw brokenTask("the network is of other columns or labels");
  return { kind: "labels", columns, label, classes, frequent, encoding };
}

function checkEncoding(value: unknown): Encoding {
  const { of, tokenizer, scaler } = Object.assign({}, value) as Partial<Record<string, unknown>>;
  if (of === "text") return { of, tokenizer: tokenizerFromJSON(tokenizer as TokenizerJSON).toJSON() };
  if (of === "list" || of === "number") return { of, scaler: scalerFromJSON(scaler as ScalerJSON).toJSON() };
  throw brokenTask("it does not say what its inputs are");
}
