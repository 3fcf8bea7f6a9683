import { describe, expect, expectTypeOf, test } from "vitest";
import { columnStack, FormatError, readCsv, readJsonLines, tensor } from "../bindings/index.ts";
import { errorOf, expectError, lehmer, type Kind } from "./support.ts";

const f32 = (...values: number[]) => Float32Array.from(values);
const weather = `date,temp_max,wind,weather
2012-01-01,12.8,4.7,drizzle
2012-01-02,10.6,,rain
2012-01-03,-1e1,2.3,"rain, then sun"
`;

describe("readCsv", () => {
  test("columns of the types that are asked for", () => {
    const columns = readCsv(weather, { columns: { weather: "text", temp_max: "number", wind: "number" } });
    expect(Object.keys(columns)).toEqual(["weather", "temp_max", "wind"]);
    expect(columns.weather).toEqual(["drizzle", "rain", "rain, then sun"]);
    expect(columns.temp_max).toEqual(f32(12.8, 10.6, -10));
    expect(columns.wind).toEqual(f32(4.7, NaN, 2.3));
    expectTypeOf(columns.temp_max).toEqualTypeOf<Float32Array<ArrayBuffer>>();
    expectTypeOf(columns.weather).toEqualTypeOf<readonly string[]>();
    expect(columnStack([columns.temp_max, columns.wind]).shape).toEqual([3, 2]);
  });

  test("all columns, or some by name: numbers where every field is one or missing", () => {
    const all = readCsv(weather);
    expect(Object.keys(all)).toEqual(["date", "temp_max", "wind", "weather"]);
    expect(all.date).toEqual(["2012-01-01", "2012-01-02", "2012-01-03"]);
    expect(all.wind).toEqual(f32(4.7, NaN, 2.3));
    expect(readCsv(weather, { columns: ["wind"] })).toEqual({ wind: all.wind });
    expect(readCsv("a\nNA\n").a).toEqual(["NA"]); // nothing says that these are numbers
  });

  test("integers", () => {
    const { id } = readCsv("id\n-7\n 2147483647 \n", { columns: { id: "integer" } });
    expect(id).toEqual(Int32Array.of(-7, 2147483647));
    expectTypeOf(id).toEqualTypeOf<Int32Array<ArrayBuffer>>();
  });

  test("what is missing: by default, and by option", () => {
    expect(readCsv("a,b\n,1\nNA,2\nNaN,3\nnull,4\n7,5").a).toEqual(f32(NaN, NaN, NaN, NaN, 7));
    expect(readCsv("a\n1\n-999\n", { missing: ["-999"] }).a).toEqual(f32(1, NaN));
  });

  test.each([
    ["1", 1],
    ["+1.5", 1.5],
    ["-.5", -0.5],
    ["5.", 5],
    ["1E-3", 0.001],
    [" 2 ", 2],
    ["1e-60", 0],
  ])("%s is a number", (text, value) => {
    expect(readCsv(`a\n${text}`, { columns: { a: "number" } }).a).toEqual(f32(value));
  });

  test.each(["0x10", "1,5", "1e", "e5", ".", "1 2", "Infinity", "1e39", "12px"])("%s is none", (text) => {
    const call = () => readCsv(`a\n1\n"${text}"`, { columns: { a: "number" } });
    expect(call).toThrow(`line 3: expected a number of 32 bits in column "a", got ${JSON.stringify(text)}`);
    expect(call).toThrow(FormatError);
  });

  test.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("%s, with or without one at the end, blank lines, and a byte order mark", (_, end) => {
    const lines = ["a,b", "1,2", "", "3,4"];
    const expected = { a: f32(1, 3), b: f32(2, 4) };
    expect(readCsv(lines.join(end))).toEqual(expected);
    expect(readCsv(`\uFEFF${lines.join(end)}${end}${end}`)).toEqual(expected);
    // Each is one line to an error.
    expect(() => readCsv(`${lines.join(end)}${end}5`)).toThrow(/^line 5: expected 2 fields/);
    // One in quotation marks stays as it is.
    expect(readCsv(`a${end}"x${end}y"`).a).toEqual([`x${end}y`]);
  });

  test("quotation marks: delimiters, line ends and doubled marks inside; empty fields", () => {
    const text = '"the ""a""","b,\nc"\n"",""""\n"x",y\n';
    expect(readCsv(text)).toEqual({ 'the "a"': ["", "x"], "b,\nc": ['"', "y"] });
    expect(readCsv("a,b\n,\n").a).toEqual([""]);
    expect(readCsv('a\n""\nx').a).toEqual(["", "x"]); // not a blank line
  });

  test("another delimiter, and no header", () => {
    expect(readCsv("1;2\n3;4", { delimiter: ";", header: false })).toEqual({ "0": f32(1, 3), "1": f32(2, 4) });
    expect(readCsv("a\tb\n1\t2", { delimiter: "\t" })).toEqual({ a: f32(1), b: f32(2) });
    expect(readCsv("a|b,c\n1|2", { delimiter: "|", columns: { "b,c": "number" } })).toEqual({ "b,c": f32(2) });
  });

  test("names that objects have of their own", () => {
    const columns = readCsv("__proto__,toString\n1,2\n");
    expect(Object.entries(columns)).toEqual([
      ["__proto__", f32(1)],
      ["toString", f32(2)],
    ]);
  });

  test("tables of random fields, written as RFC 4180 says, come back", () => {
    const random = lehmer(3);
    const characters = ["a", "1", ",", '"', "\n", "\r\n", " ", "é"];
    const field = () =>
      Array.from({ length: Math.floor(random() * 5) }, () => characters[Math.floor(random() * 8)]!).join("");
    for (let k = 0; k < 200; k++) {
      const width = 2 + Math.floor(random() * 3);
      const table = Array.from({ length: 1 + Math.floor(random() * 4) }, () => Array.from({ length: width }, field));
      const quote = (text: string) =>
        /[",\r\n]/.test(text) || random() < 0.3 ? `"${text.replaceAll('"', '""')}"` : text;
      const text = table.map((row) => row.map(quote).join(",")).join(random() < 0.5 ? "\n" : "\r\n");
      const types = Object.fromEntries(table[0]!.map((_, i) => [String(i), "text" as const]));
      const columns = readCsv(text, { header: false, columns: types });
      expect(table.map((row, r) => row.map((_, i) => columns[String(i)]![r]))).toEqual(table);
    }
  });

  test.each<[string, string, object | undefined, Kind, RegExp]>([
    [
      "too few fields",
      "a,b\n1,2\n\n3\n",
      undefined,
      FormatError,
      /^line 4: expected 2 fields, as the first line has, got 1$/,
    ],
    ["too many fields", "a,b\n1,2,3\n", undefined, FormatError, /^line 2: expected 2 fields, .* got 3$/],
    [
      "too few after lines in quotation marks",
      'a,b\n"x\ny",2\n3\n',
      undefined,
      FormatError,
      /^line 4: expected 2 fields/,
    ],
    [
      "an open quotation mark",
      'a,b\n1,"2\n3,4\n',
      undefined,
      FormatError,
      /^line 2: expected a closing quotation mark, got none after/,
    ],
    [
      "a quotation mark inside",
      'a,b\n1,5" pipe\n',
      undefined,
      FormatError,
      /^line 2: expected no quotation mark in the midst of a field, got "5\\" pipe": put/,
    ],
    [
      "text after a quotation mark",
      'a,b\n"1"2,3\n',
      undefined,
      FormatError,
      /^line 2: expected "," or the line's end after a quotation mark, got "2"/,
    ],
    [
      "a number after lines in quotation marks",
      'a,b\n"x\r\ny",1\nz,w\n',
      { columns: { b: "number" } },
      FormatError,
      /^line 4: .* column "b", got "w"/,
    ],
    [
      "no integer",
      "a\n1.5",
      { columns: { a: "integer" } },
      FormatError,
      /^line 2: expected an integer of 32 bits in column "a", got "1.5"/,
    ],
    [
      "an integer too large",
      "a\n2147483648",
      { columns: { a: "integer" } },
      FormatError,
      /^line 2: expected an integer of 32 bits/,
    ],
    [
      "an integer that is missing",
      "a,b\n,1",
      { columns: { a: "integer" } },
      FormatError,
      /^line 2: expected an integer of 32 bits in column "a", got ""/,
    ],
    [
      "a column that is not there",
      weather,
      { columns: ["rain"] },
      FormatError,
      /^line 1: expected a column "rain", got "date", "temp_max"/,
    ],
    ["two columns of one name", "a,a\n1,2", undefined, FormatError, /^line 1: expected each name once, got "a" twice/],
    ["no data", "a,b\n", undefined, FormatError, /^line 1: expected a line of data, got none/],
    ["nothing", "", { header: false }, FormatError, /^line 1: expected a line of data, got none/],
    [
      "an unknown type",
      weather,
      { columns: { wind: "float" } },
      RangeError,
      /"columns.wind" expected one of "number", "integer", "text"/,
    ],
    [
      "columns that are a text",
      weather,
      { columns: "wind" },
      TypeError,
      /"columns" expected names, or types by name, got "wind"/,
    ],
    ["a long delimiter", weather, { delimiter: ", " }, RangeError, /"delimiter" expected one character/],
    ["a quotation mark as delimiter", weather, { delimiter: '"' }, RangeError, /"delimiter" expected one character/],
    ["an unknown option", weather, { separator: ";" }, TypeError, /readCsv: unknown option "separator"/],
    ["one text that is missing", weather, { missing: "NA" }, TypeError, /"missing" expected an array of texts/],
  ])("refuses %s", async (_, text, options, kind, message) => {
    expectError(await errorOf(() => readCsv(text, options as never)), kind, message);
  });

  test("refuses bytes", async () => {
    expectError(await errorOf(() => readCsv(new Uint8Array(2) as never)), TypeError, /"text" expected a string/);
  });
});

describe("readJsonLines", () => {
  test("a value on each line", () => {
    expect(readJsonLines('\uFEFF{"a":1}\r\n\n[2]\n"three"\r\n')).toEqual([{ a: 1 }, [2], "three"]);
    expect(readJsonLines("")).toEqual([]);
    const words = readJsonLines('{"words":["I","run"],"tags":[0,1]}\n') as { words: string[]; tags: number[] }[];
    expect(tensor(Int32Array.from(words[0]!.tags), [1, 2]).data[1]).toBe(1);
  });
  test("refuses a line that is no JSON, with its number", () => {
    expect(() => readJsonLines("1\n\n{a}\n")).toThrow(
      new FormatError("malformed", 'line 3: expected a JSON value, got "{a}"'),
    );
    expect(() => readJsonLines(3 as never)).toThrow(TypeError);
  });
});
