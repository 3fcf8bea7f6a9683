/** Tables as text: comma-separated values (RFC 4180) and JSON, one value a line. */

import { FormatError } from "../errors.ts";
import { expectBoolean, expectOneOf, expectOptions, expectRange, expectType, show } from "../validate.ts";

const types = ["number", "integer", "text"] as const;

/** "number": Float32Array, NaN where it is missing. "integer": Int32Array. "text": an array of strings. @useDeclaredType */
export type CsvType = (typeof types)[number];

/** A column of each type. */
export interface CsvColumn {
  readonly number: Float32Array<ArrayBuffer>;
  readonly integer: Int32Array<ArrayBuffer>;
  readonly text: readonly string[];
}

export interface CsvOptions {
  /** Whether the first line holds the names of the columns; without it they are "0", "1" … Default true. */
  readonly header?: boolean;
  /** Between two fields. Default ",". */
  readonly delimiter?: string;
  /** Fields that stand for a missing number. Default "", "NA", "NaN" and "null". */
  readonly missing?: readonly string[];
}

/**
 * The columns of a CSV text, by name, and of the types that are asked for:
 *
 *     const { temp_max, weather } = readCsv(text, { columns: { temp_max: "number", weather: "text" } });
 *
 * Without types, a column in which every field is a number or missing is "number", any other "text". Lines end in LF, CRLF or CR;
 * fields in quotation marks may hold delimiters, line ends and doubled quotation marks; blank lines and a byte order mark are
 * passed over.
 *
 * @param options.columns which columns: their types by name, or their names; all of them when left out
 * @throws FormatError with the number of the line: a line of more or fewer fields than the first, a quotation mark that is not
 * closed or in the midst of a field, a field that is no number; or where a column is not there
 */
export function readCsv<const C extends Readonly<Record<string, CsvType>>>(
  text: string,
  options: CsvOptions & { readonly columns: C },
): { readonly [K in keyof C]: CsvColumn[C[K]] };
export function readCsv(
  text: string,
  options?: CsvOptions & { readonly columns?: readonly string[] },
): Readonly<Record<string, CsvColumn["number"] | CsvColumn["text"]>>;
export function readCsv(
  text: string,
  options: CsvOptions & { readonly columns?: readonly string[] | Readonly<Record<string, CsvType>> } = {},
): Readonly<Record<string, CsvColumn[CsvType]>> {
  expectType(typeof text === "string", "text", "a string", text);
  expectOptions("readCsv", options, ["columns", "header", "delimiter", "missing"]);
  const { header = true, delimiter = ",", missing = ["", "NA", "NaN", "null"] } = options;
  expectBoolean("header", header);
  expectType(Array.isArray(missing), "missing", "an array of texts", missing);
  expectType(typeof delimiter === "string", "delimiter", "a character", delimiter);
  expectRange(
    /^[^"\r\n]$/.test(delimiter),
    "delimiter",
    "one character that is no quotation mark or line end",
    delimiter,
  );
  const rows = readRows(text, delimiter);
  const names = header ? rows.shift()?.fields : rows[0]?.fields.map((_, i) => String(i));
  if (!names || rows.length === 0) throw fault(1, "expected a line of data, got none");
  const absent = new Set(missing);
  return Object.fromEntries(
    wanted(options.columns, names).map(([name, type]) => {
      const column = names.indexOf(name);
      const fields = rows.map((row) => ({ line: row.line, text: row.fields[column]! }));
      return [name, columnOf(name, fields, type ?? guessType(fields, absent), absent)];
    }),
  );
}

/**
 * The values of a text that has one JSON value on each line; blank lines and a byte order mark are passed over.
 * @throws FormatError with the number of the line that is no JSON
 */
export function readJsonLines(text: string): unknown[] {
  expectType(typeof text === "string", "text", "a string", text);
  return withoutMark(text)
    .split(/\r\n|\n|\r/)
    .flatMap((line, i) => {
      if (line.trim() === "") return [];
      try {
        return [JSON.parse(line) as unknown];
      } catch {
        throw fault(i + 1, `expected a JSON value, got ${show(line)}`);
      }
    });
}

function withoutMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

function fault(line: number, what: string): FormatError {
  return new FormatError("malformed", `line ${line}: ${what}`);
}

/** The columns that are asked for, in order, with their type where it is given. */
function wanted(
  columns: readonly string[] | Readonly<Record<string, CsvType>> | undefined,
  names: readonly string[],
): [name: string, type: CsvType | undefined][] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw fault(1, `expected each name once, got ${show(twice)} twice`);
  if (columns !== undefined) expectType(typeof columns === "object", "columns", "names, or types by name", columns);
  const entries: [string, unknown][] = Array.isArray(columns)
    ? columns.map((name) => [String(name), undefined])
    : Object.entries(columns ?? Object.fromEntries(names.map((name) => [name, undefined])));
  return entries.map(([name, type]) => {
    if (!names.includes(name)) throw fault(1, `expected a column ${show(name)}, got ${names.map(show).join(", ")}`);
    return [name, type === undefined ? undefined : expectOneOf(`columns.${name}`, type, types)];
  });
}

interface Row {
  /** Where it begins, counted from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** All lines that are not blank, each with as many fields as the first. */
function readRows(given: string, delimiter: string): Row[] {
  const text = withoutMark(given);
  const rows: Row[] = [];
  let line = 1;
  for (let at = 0; at < text.length; line++) {
    const row = { line, fields: [] as string[] };
    const start = at;
    for (;;) {
      const field = text[at] === '"' ? quoted(text, at, line) : plain(text, at, line, delimiter);
      row.fields.push(field.text);
      line += field.breaks;
      at = field.end;
      if (text[at] !== delimiter) break;
      at++;
    }
    const isBlank = at === start;
    if (at < text.length && !isLineEnd(text[at])) {
      throw fault(line, `expected ${show(delimiter)} or the line's end after a quotation mark, got ${show(text[at])}`);
    }
    at += text.startsWith("\r\n", at) ? 2 : 1;
    if (isBlank) continue;
    const { length } = rows[0]?.fields ?? row.fields;
    if (row.fields.length !== length) {
      throw fault(row.line, `expected ${length} fields, as the first line has, got ${row.fields.length}`);
    }
    rows.push(row);
  }
  return rows;
}

/** A field, where it ends, and how many line ends are in it. */
interface Field {
  readonly text: string;
  readonly end: number;
  readonly breaks: number;
}

function isLineEnd(character: string | undefined): boolean {
  return character === "\n" || character === "\r";
}

function plain(text: string, start: number, line: number, delimiter: string): Field {
  let end = start;
  while (end < text.length && text[end] !== delimiter && !isLineEnd(text[end])) end++;
  const field = text.slice(start, end);
  if (!field.includes('"')) return { text: field, end, breaks: 0 };
  const cure = "put the whole field into quotation marks and double those inside";
  throw fault(line, `expected no quotation mark in the midst of a field, got ${show(field)}: ${cure}`);
}

function quoted(text: string, start: number, line: number): Field {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  if (end < 0)
    throw fault(line, `expected a closing quotation mark, got none after ${show(text.slice(start, start + 20))}`);
  const inner = text.slice(start + 1, end);
  const breaks = inner.match(/\r\n|\n|\r/g)?.length ?? 0;
  return { text: inner.replaceAll('""', '"'), end: end + 1, breaks };
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** A field of a column, and its line. */
interface Cell {
  readonly text: string;
  readonly line: number;
}

function guessType(cells: readonly Cell[], absent: ReadonlySet<string>): CsvType {
  const present = cells.filter(({ text }) => !absent.has(text.trim()));
  return present.length > 0 && present.every(({ text }) => NUMBER.test(text.trim())) ? "number" : "text";
}

function columnOf(
  name: string,
  cells: readonly Cell[],
  type: CsvType,
  absent: ReadonlySet<string>,
): CsvColumn[CsvType] {
  if (type === "text") return cells.map(({ text }) => text);
  const isInteger = type === "integer";
  const column = isInteger ? new Int32Array(cells.length) : new Float32Array(cells.length);
  cells.forEach(({ line, text }, i) => {
    const trimmed = text.trim();
    const isMissing = !isInteger && absent.has(trimmed);
    column[i] = isMissing ? NaN : Number(trimmed);
    const kept = isInteger ? column[i] === Number(trimmed) : Number.isFinite(column[i]);
    if (isMissing || (NUMBER.test(trimmed) && kept)) return;
    const expected = isInteger ? "an integer of 32 bits" : "a number of 32 bits";
    throw fault(line, `expected ${expected} in column ${show(name)}, got ${show(text)}`);
  });
  return column;
}
