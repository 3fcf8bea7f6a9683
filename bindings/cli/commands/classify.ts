import { createInterface } from "node:readline";
import { Option, type Command } from "commander";
import { character, integer } from "../arguments.ts";
import { about, UsageError } from "../errors.ts";
import { nameOf, readSource, STDIN } from "../input/files.ts";
import { formatNames, parseTable, type Table, type TableOptions } from "../input/table.ts";
import { float, rowWriter, write, type Value } from "../output/write.ts";
import { readModelOf } from "../tasks/index.ts";
import type { Classifier } from "../tasks/labels.ts";
import type { Missing } from "../tasks/task.ts";
import { addMissingOption } from "./options.ts";

interface Options extends Omit<TableOptions, "format"> {
  readonly format?: NonNullable<TableOptions["format"]> | "lines";
  readonly missing: Missing;
  readonly jsonl?: boolean;
  readonly top?: number;
}

/** Adds `unrolled classify`. */
export function addClassify(program: Command): void {
  const command = program
    .command("classify")
    .summary("label rows with a model")
    .description(
      "Writes the label of each row and how probable each label is. Lines and JSON lines from the standard input are answered one by one, as they come.",
    )
    .argument("<model>", "a file saved by `unrolled train labels`")
    .argument("[file]", "CSV, JSON lines, or a text a line; - for the standard input", STDIN)
    .addOption(
      new Option(
        "--format <type>",
        "of the data; lines: a text each (default: by the file's name; lines from the standard input of a model of texts)",
      ).choices([...formatNames, "lines"]),
    )
    .option("--delimiter <c>", "between two fields of CSV (default: a comma; a tab in .tsv)", character);
  addMissingOption(command, ["fail", "drop"], "drop: leave out rows with a missing value")
    .option("--top <n>", "only the n likeliest labels (JSON lines)", integer(1))
    .option("--jsonl", "write JSON lines instead of CSV")
    .addHelpText(
      "after",
      `
Examples:
  $ unrolled classify mails.safetensors new.csv > labels.csv
  $ echo "free holidays" | unrolled classify mails.safetensors
  $ tail -f chat.log | unrolled classify mood.safetensors --jsonl`,
    )
    .action(run);
}

async function run(model: string, path: string, options: Options): Promise<void> {
  const classifier = readModelOf("labels", model);
  const { jsonl = false, top } = options;
  if (top !== undefined && !jsonl) throw new UsageError("--top is for JSON lines: give --jsonl as well");
  const format = formatOf(path, classifier, options);
  if (format === "lines" && !classifier.takesText)
    throw new UsageError(`${model} takes no lines of text: give CSV or JSON lines`);
  const row = rowWriter(jsonl);
  const answer = (table: Table) => write(answersOf(classifier, table, options).map(row).join(""));
  if (path === STDIN && format !== "csv") return answerLines(classifier, format, answer);
  const text = await readSource(path);
  await answer(
    format === "lines"
      ? linesTable(classifier, nameOf(path), text.replace(/\r?\n$/, "").split(/\r?\n/))
      : parseTable(nameOf(path), text, tableOptions(options)),
  );
}

function formatOf(path: string, { takesText }: Classifier, { format }: Options): "csv" | "jsonl" | "lines" {
  if (format !== undefined) return format;
  if (path === STDIN) return takesText ? "lines" : "jsonl";
  return /\.(jsonl|ndjson)$/i.test(path) ? "jsonl" : /\.txt$/i.test(path) ? "lines" : "csv";
}

function tableOptions({ format, delimiter }: Options): TableOptions {
  return {
    ...(format !== undefined && format !== "lines" && { format }),
    ...(delimiter !== undefined && { delimiter }),
  };
}

/** Each line of the standard input on its own, so that its answer does not wait for others. */
async function answerLines(
  classifier: Classifier,
  format: "jsonl" | "lines",
  answer: (table: Table) => Promise<boolean>,
): Promise<void> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    number++;
    if (line.trim() === "") continue;
    const name = `${nameOf(STDIN)}, line ${number}`;
    const table = format === "lines" ? linesTable(classifier, name, [line]) : parseTable(name, line, { format });
    if (!(await answer(table))) return;
  }
}

/** Texts, one a line, as the column of the model. */
function linesTable({ kept }: Classifier, name: string, lines: readonly string[]): Table {
  const texts = lines.map((text) => JSON.stringify({ [kept.columns[0]!]: text })).join("\n");
  return parseTable(name, texts, { format: "jsonl" });
}

function answersOf(classifier: Classifier, table: Table, { missing, jsonl, top }: Options): Record<string, Value>[] {
  const { classes, label } = classifier.kept;
  const { rows } = classifier.read(table, missing);
  if (rows.length === 0) return [];
  const { data } = about(table.name, () => classifier.probabilities(rows));
  const C = classes.length;
  return rows.map((_, i) => {
    const shares = classes.map((name, c) => [name, float(data[i * C + c]!)] as const);
    const best = shares.reduce((most, one) => (one[1] > most[1] ? one : most));
    if (!jsonl) return { [label]: best[0], ...Object.fromEntries(shares.map(([name, p]) => [`p_${name}`, p])) };
    const kept = top === undefined ? shares : [...shares].sort(([, a], [, b]) => b - a).slice(0, top);
    return { [label]: best[0], probabilities: Object.fromEntries(kept) };
  });
}
