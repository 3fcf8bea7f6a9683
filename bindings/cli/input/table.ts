/** Tables: columns by name, from CSV or from JSON, one object a line. */

import { FormatError, readCsv, readJsonLines } from "../../index.ts";
import { about, UsageError } from "../errors.ts";
import { nameOf, readSource } from "./files.ts";

export const formatNames = ["csv", "jsonl"] as const;

export interface TableOptions {
  /** Default: by the end of the file's name, then by its first character. */
  readonly format?: (typeof formatNames)[number];
  /** Between two fields of CSV. Default: a comma; a tab in a file .tsv */
  readonly delimiter?: string;
}

/** What the fields of a column are: numbers, texts, or lists of numbers or of vectors. */
type ColumnKind = "number" | "text" | "list";

export interface Table {
  /** What messages call it. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: number;
  /** @throws UsageError when there is no such column, as in all that follow */
  kindOf(column: string): ColumnKind;
  /** NaN where one is missing. @throws Error with the line of a field that is no number, or, if `whole`, is missing */
  numbers(column: string, whole?: boolean): Float32Array;
  /** "" where one is missing. */
  texts(column: string): readonly string[];
  /** Sequences, each step a vector; undefined where one is missing. @throws Error with the line of another value */
  lists(column: string): readonly (readonly (readonly number[])[] | undefined)[];
  /** Where a row stands, for messages. */
  place(row: number): string;
}

export async function readTable(path: string, options: TableOptions): Promise<Table> {
  const text = await readSource(path);
  return parseTable(nameOf(path), text, options);
}

export function parseTable(name: string, text: string, options: TableOptions): Table {
  const isLines = (options.format ?? formatOf(name, text)) === "jsonl";
  const delimiter = options.delimiter ?? (name.endsWith(".tsv") ? "\t" : ",");
  return about(name, () => (isLines ? jsonTable(name, text) : csvTable(name, text, delimiter)));
}

function formatOf(name: string, text: string): "csv" | "jsonl" {
  if (/\.(jsonl|ndjson)$/i.test(name)) return "jsonl";
  return !/\.[ct]sv$/i.test(name) && text.trimStart().startsWith("{") ? "jsonl" : "csv";
}

function csvTable(name: string, text: string, delimiter: string): Table {
  const guessed = readCsv(text, { delimiter });
  const columns = Object.keys(guessed);
  const typed = <T extends "number" | "text">(column: string, type: T, missing?: readonly string[]) =>
    about(name, () => readCsv(text, { delimiter, columns: { [column]: type }, ...(missing && { missing }) }))[column]!;
  const expectColumn = columnsOf(name, columns);
  return {
    name,
    columns,
    rows: guessed[columns[0]!]!.length,
    kindOf: (column) => (guessed[expectColumn(column)] instanceof Float32Array ? "number" : "text"),
    numbers(column, whole = false) {
      const numbers = typed(expectColumn(column), "number");
      return whole && numbers.some(Number.isNaN) ? typed(column, "number", []) : numbers; // which tells the line
    },
    texts: (column) => typed(expectColumn(column), "text"),
    lists(column) {
      throw new Error(`${name}: column ${JSON.stringify(expectColumn(column))}: CSV has no lists: give JSON lines`);
    },
    place: (row) => `row ${row + 1}`,
  };
}

function jsonTable(name: string, text: string): Table {
  const lines = text.split(/\r\n|\n|\r/).flatMap((line, i) => (line.trim() === "" ? [] : [i + 1]));
  const place = (row: number) => `line ${lines[row]!}`;
  const objects = readJsonLines(text).map((value, row) => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw fault(place(row), 'expected an object such as {"text": "…", "label": "…"}', value);
  });
  if (objects.length === 0) throw new FormatError("malformed", "line 1: expected a line of data, got none");
  const columns = [...new Set(objects.flatMap(Object.keys))];
  const expectColumn = columnsOf(name, columns);
  const valuesOf = (column: string) => objects.map((object) => object[expectColumn(column)] ?? null);
  const read = <T>(column: string, expected: string, convert: (value: unknown) => T | undefined): T[] =>
    about(name, () =>
      valuesOf(column).map((value, row) => {
        const converted = convert(value);
        if (converted !== undefined) return converted;
        throw fault(place(row), `expected ${expected} in column ${JSON.stringify(column)}`, value);
      }),
    );
  return {
    name,
    columns,
    rows: objects.length,
    kindOf(column) {
      const present = valuesOf(column).filter((value) => value !== null);
      if (present.length > 0 && present.every((value) => typeof value === "number")) return "number";
      return present.length > 0 && present.every(Array.isArray) ? "list" : "text";
    },
    numbers(column, whole = false) {
      const numberOf = (value: unknown) => (isNumber(value) ? value : value === null && !whole ? NaN : undefined);
      return Float32Array.from(read(column, "a number of 32 bits", numberOf));
    },
    texts: (column) =>
      read(column, "a text, a number or a truth value", (value) =>
        value === null ? "" : typeof value === "object" ? undefined : String(value as string | number | boolean),
      ),
    lists: (column) =>
      read(column, "a list of numbers, or of vectors of one length", (value) =>
        value === null ? { steps: undefined } : stepsOf(value),
      ).map(({ steps }) => steps),
    place,
  };
}

function columnsOf(name: string, columns: readonly string[]): (column: string) => string {
  return (column) => {
    if (columns.includes(column)) return column;
    throw new UsageError(`${name}: there is no column ${JSON.stringify(column)}; there are ${columns.join(", ")}`);
  };
}

function fault(place: string, expected: string, got: unknown): FormatError {
  const text = JSON.stringify(got);
  return new FormatError(
    "malformed",
    `${place}: ${expected}, got ${text.length > 40 ? `${text.slice(0, 40)}…` : text}`,
  );
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(Math.fround(value));
}

/** A list of numbers is a sequence of vectors of one number. */
function stepsOf(value: unknown): { steps: readonly (readonly number[])[] } | undefined {
  if (!Array.isArray(value)) return undefined;
  const steps = value.map((step: unknown) => (Array.isArray(step) ? (step as unknown[]) : [step]));
  const width = steps[0]?.length ?? 0;
  const fits = steps.every((step): step is number[] => step.length === width && step.every(isNumber));
  return fits && (width > 0 || steps.length === 0) ? { steps } : undefined;
}
