import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { DOMParser } from "@xmldom/xmldom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { names, quantiles } from "../bindings/cli/arguments.ts";
import { interpolate } from "../bindings/cli/input/gaps.ts";
import { continueTimes } from "../bindings/cli/input/timeline.ts";
import { formatNumber, table } from "../bindings/cli/output/table.ts";
import { Network, Random, readCsv, readJsonLines, tensor } from "../bindings/index.ts";
import series from "../examples/data/classic-series.json" with { type: "json" };
import { createCommand, onWindows } from "./command.ts";

const { folder, inFolder, launch, unrolled, succeed, shownBy, expectFailure } = createCommand("tasks");

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (file: string) => readFileSync(inFolder(file));
const write = (file: string, text: string) => writeFileSync(inFolder(file), text);
const month = (i: number) => `${1949 + Math.floor(i / 12)}-${String((i % 12) + 1).padStart(2, "0")}`;

/** Airline passengers of each month, a CSV with a byte order mark. */
const air = `\uFEFFmonth,passengers\n${series.AirPassengers.map((x, i) => `${month(i)},${x}`).join("\n")}\n`;

const seriesArgs = ["--time", "month", "--season", "12", "--horizon", "6", "--hidden", "8", "--epochs", "4"];
const trainSeries = (output: string, ...args: string[]) => [
  "train",
  "series",
  "air.csv",
  ...seriesArgs,
  "--quantiles",
  "0.9,0.1",
  "-o",
  output,
  ...args,
];

/** Rows whose label follows from a word of the text, from the numbers, and from the shape of the list. */
const rows = (() => {
  const random = new Random(3);
  return Array.from({ length: 150 }, () => {
    const isSpam = random.uniform() < 0.4;
    const words = ["the", "a", "new", "old", isSpam ? "offer" : "meeting", "today"];
    const text = Array.from(random.permutation(6), (i) => words[i]).join(" ");
    const rate = isSpam ? 0.9 : 0.3;
    const points = Array.from({ length: 6 + random.integer(4) }, (_, t) => [Math.sin(rate * t), random.uniform()]);
    return {
      text,
      x: random.normal() + (isSpam ? 4 : 0),
      y: random.normal(),
      points,
      label: isSpam ? "spam" : 'no "spam"',
    };
  });
})();

const small = ["--hidden", "8", "--epochs", "12", "--learning-rate", "0.02"];

beforeAll(async () => {
  write("air.csv", air);
  const quoted = rows.map(({ text, x, y, label }) => `"${text}, ok",${x},${y},"${label.replaceAll('"', '""')}"`);
  write("mails.csv", ["text,x,y,label", ...quoted].join("\r\n"));
  write("mails.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
  write("gap.csv", "t,y\n1,2\n\n2,\n3,4\n");
  write("decimal.csv", 't,y\n1,2\n2,"1,5"\n');
  write("play.txt", "to be or not to be, that is the question\n".repeat(40));
  mkdirSync(inFolder("directory"));
  await succeed(...trainSeries("air.safetensors", "--checkpoint", "air.checkpoint"));
  await succeed("train", "labels", "mails.csv", "--inputs", "text", "--words", ...small, "-o", "mails.safetensors");
  await succeed("train", "text", "play.txt", "--hidden", "8", "--epochs", "2", "--batch", "4", "--steps", "16");
});

describe("unrolled train series", () => {
  test("says what it learns, each epoch, and how good it is beside the season before", async () => {
    const { code, stdout, stderr } = await unrolled(...trainSeries("x.safetensors", "--test", "0.2"));
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^air\.csv: 144 rows, 101 to learn from, 43 held out\n6 steps of passengers, after 24 steps\nseason: 12 steps\nquantiles: 0\.1, 0\.5, 0\.9\n/,
    );
    expect(stderr).toMatch(/\nepoch 1 of 4: loss \d\.\d{3}, held out \d\.\d{3}\n/);
    expect(stderr).toMatch(/\nforecast with it: unrolled forecast x\.safetensors air\.csv\n$/);
    expect(stdout).toMatch(
      /^saved x\.safetensors \(\d+\.\d kB\): 12 steps in \d+s, the best of 4 epochs: [1-4]\n\nthe test part: 24 forecasts of 6 steps\n/,
    );
    expect(stdout).toMatch(/\nnetwork +[\d.]+ +[\d.]+ +[\d.]+\n12 steps ago +[\d.]+ +[\d.]+ +[\d.]+\n/);
    expect(stdout).toMatch(
      / of the values are between quantiles 0\.1 and 0\.9 \(80\.0 % expected\)\npinball loss [\d.]+\n$/,
    );
  });

  test("the baseline is that of the series, and what was held out is not learnt from", async () => {
    const held = 14; // a tenth of 144
    const changed = series.AirPassengers.map((x, i) => `${month(i)},${i < 144 - held ? x : 10 * x}`);
    write("changed.csv", `month,passengers\n${changed.join("\n")}\n`);
    const args = ["train", "series", ...seriesArgs, "--patience", "0", "--quiet"];
    await succeed(...args, "air.csv", "-o", "one.safetensors");
    await succeed(...args, "changed.csv", "-o", "other.safetensors");
    expect(read("other.safetensors")).toEqual(read("one.safetensors"));

    const report = JSON.parse(await succeed("evaluate", "one.safetensors", "air.csv", "--json")) as Report;
    const errors = Array.from({ length: 144 - 24 - 6 + 1 }, (_, i) => i + 24).flatMap((start) =>
      Array.from({ length: 6 }, (_, h) =>
        Math.abs(series.AirPassengers[start + h]! - series.AirPassengers[start + h - 12]!),
      ),
    );
    expect(report.baseline.mae).toBeCloseTo(errors.reduce((a, b) => a + b) / errors.length, 3);
    expect(report.forecasts).toBe(115);
  });

  test("the same seed gives the same file, another seed another; a checkpoint goes on bit for bit", async () => {
    await succeed(...trainSeries("same.safetensors", "--plot", "same.svg"));
    expect(read("same.safetensors")).toEqual(read("air.safetensors"));
    await succeed(...trainSeries("other.safetensors", "--seed", "2"));
    expect(read("other.safetensors")).not.toEqual(read("air.safetensors"));

    await succeed(...trainSeries("whole.safetensors", "--epochs", "7"));
    await succeed(...trainSeries("parts.safetensors", "--epochs", "7", "--resume", "air.checkpoint"));
    expect(read("parts.safetensors")).toEqual(read("whole.safetensors"));
    expect(await succeed("inspect", "air.checkpoint")).toMatch(
      /task: series, 6 steps of passengers[^]*training: 4 epochs complete/,
    );
    await expectFailure(
      trainSeries("x", "--resume", "air.checkpoint", "--season", "6"),
      1,
      "the run was of other data",
    );
  });

  test("comes from a pipe, as JSON lines, with features chosen", async () => {
    const lines = Array.from({ length: 80 }, (_, t) => JSON.stringify({ t, a: t % 7, b: (t % 7) ** 2, note: "x" }));
    const args = ["train", "series", "-", "--target", "a", "--features", "b", "--season", "7", ...small];
    const { code, stderr, stdout } = await launch(args, { input: lines.join("\n") }).result;
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /^standard input: 80 rows, .*\n1 step of a, from it and b, after 24 steps\nseason: 7 steps\n/,
      ) as string,
    });
    expect(stdout).toContain("saved series.safetensors");
    const net = Network.load(read("series.safetensors"));
    expect(JSON.parse(net.metadata.task!)).toMatchObject({
      columns: ["a", "b"],
      scaler: { kind: "scaler" },
      window: 24,
    });
  });

  test.skipIf(onWindows)("Ctrl-C saves what is learnt", async () => {
    const { child, result } = launch(trainSeries("stopped.safetensors", "--epochs", "1000000", "--patience", "0"));
    child.stderr.once("data", () => child.stderr.once("data", () => child.kill("SIGINT")));
    const { code, stdout } = await result;
    expect(code).toBe(130);
    expect(stdout).toMatch(/^saved stopped\.safetensors .*: interrupted after step [\d,]+ of /);
    expect(await succeed("forecast", "stopped.safetensors", "air.csv")).toContain("1961-06");
  });
});

interface Report {
  readonly forecasts: number;
  readonly network: { readonly mae: number };
  readonly baseline: { readonly mae: number };
  readonly interval: { readonly coverage: number; readonly pinball: number };
  readonly accuracy: number;
  readonly macroF1: number;
  readonly confusion: readonly (readonly number[])[];
  readonly bits: number;
  readonly perplexity: number;
}

describe("unrolled forecast", () => {
  test("writes the next steps with their times and quantiles in order, the same from a file and a pipe", async () => {
    const csv = await succeed("forecast", "air.safetensors", "air.csv");
    expect(csv).toMatch(/^step,month,passengers,q0\.1,q0\.9\n1,1961-01,/);
    const { step, passengers, ...rest } = readCsv(csv) as Record<string, Float32Array>;
    expect([...step!]).toEqual([1, 2, 3, 4, 5, 6]);
    passengers!.forEach((x, i) => {
      expect(rest["q0.1"]![i]!).toBeLessThanOrEqual(x);
      expect(rest["q0.9"]![i]!).toBeGreaterThanOrEqual(x);
    });
    const piped = await launch(["forecast", "air.safetensors", "-", "--jsonl"], { input: air }).result;
    expect(readJsonLines(piped.stdout)[5]).toMatchObject({
      step: 6,
      month: "1961-06",
      passengers: expect.closeTo(passengers![5]!, 2) as number,
    });
  });

  test("is what evaluate measures", async () => {
    const lines = air.trim().split("\n");
    write("shorter.csv", lines.slice(0, -6).join("\n"));
    const forecast = readCsv(await succeed("forecast", "air.safetensors", "shorter.csv")) as Record<
      string,
      Float32Array
    >;
    const { passengers, "q0.1": low, "q0.9": high } = forecast;
    write("last.csv", [lines[0], ...lines.slice(-30)].join("\n")); // a window of 24 and 6 steps after it
    const { forecasts, network, interval } = JSON.parse(
      await succeed("evaluate", "air.safetensors", "last.csv", "--json"),
    ) as Report;
    const truth = series.AirPassengers.slice(-6);
    const mae = truth.reduce((sum, x, i) => sum + Math.abs(x - passengers![i]!), 0) / 6;
    expect(forecasts).toBe(1);
    expect(network.mae).toBeCloseTo(mae, 3);
    const within = truth.filter((x, i) => low![i]! <= x && x <= high![i]!).length;
    expect(interval.coverage).toBeCloseTo(within / 6, 9);
    const lossOf = (q: number, d: number) => (d > 0 ? q * d : (q - 1) * d);
    const losses = truth.flatMap((x, i) => [
      lossOf(0.1, x - low![i]!),
      lossOf(0.5, x - passengers![i]!),
      lossOf(0.9, x - high![i]!),
    ]);
    expect(interval.pinball).toBeCloseTo(losses.reduce((a, b) => a + b) / 18, 3);
  });

  test("a time that does not go on evenly is left out, and it says so", async () => {
    write("uneven.csv", air.replace("1960-12", "1961-07"));
    const { code, stdout, stderr } = await unrolled("forecast", "air.safetensors", "uneven.csv");
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "unrolled: column month does not go on evenly: its times are left out\n",
    });
    expect(stdout).toMatch(/^step,passengers,q0\.1,q0\.9\n/);
  });
});

describe("unrolled train labels", () => {
  test("prints accuracy, that of the most frequent label, and each label's scores", async () => {
    const out = await succeed(
      "train",
      "labels",
      "mails.csv",
      "--inputs",
      "text",
      "--words",
      ...small,
      "--test",
      "0.2",
      "-o",
      "tested.safetensors",
    );
    expect(out).toMatch(
      /\nthe test part: 30 rows\n\naccuracy +100\.0 %\nalways no "spam" +\d\d\.\d %\nmacro F1 +1\.000\n/,
    );
    expect(out).toMatch(/\nlabel +precision +recall +F1 +rows\nno "spam" +1\.000 +1\.000 +1\.000 +\d+\nspam +1\.000/);
    expect(out).toMatch(/\ntaken for +no "s… +spam\nis no "spam" +\d+ +0\nis spam +0 +\d+\n/);
  });

  test("learns from columns of numbers and from sequences, and the parts have the same shares", async () => {
    const shown = await shownBy(
      "train",
      "labels",
      "mails.csv",
      "--inputs",
      "x,y",
      ...small,
      "-o",
      "numbers.safetensors",
    );
    expect(shown).toContain('label of the vectors in x, y\nlabels: no "spam", spam\n');
    await succeed(
      "train",
      "labels",
      "mails.jsonl",
      "--inputs",
      "points",
      "--bidirectional",
      ...small,
      "-o",
      "lists.safetensors",
    );
    for (const [model, data] of [
      ["numbers", "mails.csv"],
      ["lists", "mails.jsonl"],
    ] as const) {
      const report = JSON.parse(await succeed("evaluate", `${model}.safetensors`, data, "--json")) as Report;
      expect(report.accuracy).toBeGreaterThan(0.9);
      expect(report.confusion.flat().reduce((a, b) => a + b)).toBe(150);
    }
  });

  test("the same seed gives the same file", async () => {
    await succeed("train", "labels", "mails.csv", "--inputs", "text", "--words", ...small, "-o", "again.safetensors");
    expect(read("again.safetensors")).toEqual(read("mails.safetensors"));
  });
});

describe("unrolled classify", () => {
  test("gives each row a label and probabilities that sum to one", async () => {
    const csv = await succeed("classify", "mails.safetensors", "mails.csv");
    expect(csv.split("\n")[0]).toBe('label,"p_no ""spam""",p_spam');
    const answers = readCsv(csv) as { label: string[]; 'p_no "spam"': Float32Array; p_spam: Float32Array };
    expect(answers.label).toEqual(rows.map(({ label }) => label));
    answers.p_spam.forEach((p, i) => expect(p + answers['p_no "spam"'][i]!).toBeCloseTo(1, 5));
    const json = readJsonLines(await succeed("classify", "mails.safetensors", "mails.jsonl", "--jsonl", "--top", "1"));
    expect(json).toHaveLength(150);
    expect(Object.keys((json[0] as { probabilities: object }).probabilities)).toEqual([rows[0]!.label]);
  });

  test("answers each line of a pipe as it comes", async () => {
    const { child, result } = launch(["classify", "mails.safetensors"]);
    child.stdin.destroy();
    await result;
    const running = launch(["classify", "numbers.safetensors", "--jsonl"], {
      input: '{"x":5,"y":0}\n\n{"x":0,"y":1}\n',
    });
    const { code, stdout, stderr } = await running.result;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readJsonLines(stdout).map((one) => (one as { label: string }).label)).toEqual(["spam", 'no "spam"']);
    const lines = await launch(["classify", "mails.safetensors"], { input: "a new offer\na meeting" }).result;
    expect(lines.stdout).toMatch(/^label,.*\nspam,.*\n"no ""spam""",.*\n$/);
  });

  test("a reader that has enough is no error", async () => {
    const { child, result } = launch(["classify", "mails.safetensors"], { input: "offer\n".repeat(20_000) });
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await result).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("unrolled evaluate", () => {
  test("gives each task its measure, as a table or as JSON", async () => {
    const text = JSON.parse(await succeed("evaluate", "play.safetensors", "play.txt", "--json")) as Report;
    expect(text.perplexity).toBeCloseTo(2 ** text.bits, 3);
    expect(await succeed("evaluate", "play.safetensors", "play.txt")).toMatch(
      /^play\.txt: 1,640 characters\n\nbits a character +[\d.]+\nperplexity +[\d.]+\nnext character right +[\d.]+ %\n$/,
    );
    expect(await succeed("evaluate", "mails.safetensors", "mails.csv")).toMatch(
      /^mails\.csv: 150 rows\n\naccuracy +100\.0 %/,
    );
    expect(await succeed("evaluate", "air.safetensors", "air.csv")).toMatch(
      /^air\.csv: 115 forecasts of 6 steps\n\n +MAE +RMSE +MASE\n/,
    );
  });

  test("inspect shows the task of each", async () => {
    expect(await succeed("inspect", "mails.safetensors")).toMatch(
      /\ntask: labels, label of the texts in text, \d+ words\nlabels: no "spam", spam\n/,
    );
    expect(await succeed("inspect", "play.safetensors")).toContain("\ntask: text, character by character\n");
  });
});

describe("pictures", () => {
  test.each([
    ["of learning", () => trainSeries("x.safetensors", "--plot", "plot.svg"), ["learnt from", "held out"]],
    [
      "of a forecast",
      () => ["forecast", "air.safetensors", "air.csv", "--plot", "plot.svg"],
      ["history", "quantiles 0.1 to 0.9"],
    ],
    [
      "of forecasts and truth",
      () => ["evaluate", "air.safetensors", "air.csv", "--plot", "plot.svg"],
      ["truth", "forecast"],
    ],
    [
      "of a text's learning",
      () => [
        "train",
        "play.txt",
        "--hidden",
        "8",
        "--epochs",
        "2",
        "--batch",
        "4",
        "--steps",
        "16",
        "--plot",
        "plot.svg",
      ],
      ["bits a character"],
    ],
  ])("%s are well-formed, with a title, a description and axes", async (_, args, texts) => {
    await succeed(...args());
    const svg = read("plot.svg").toString();
    const { documentElement } = new DOMParser({
      onError: (level, message) => {
        throw new Error(`${level}: ${message}`);
      },
    }).parseFromString(svg, "image/svg+xml");
    const textOf = (name: string) => documentElement!.getElementsByTagName(name)[0]?.textContent ?? "";
    expect(documentElement!.getAttribute("role")).toBe("img");
    expect(textOf("title")).not.toBe("");
    expect(textOf("desc")).toMatch(/over (month|epoch): .* at first, .* at last/);
    for (const text of texts) expect(svg).toContain(text);
    if (textOf("desc").includes("over month")) expect(svg).toMatch(/>1960-\d\d</); // the axis has the times of the rows
    expect(svg).toContain("prefers-color-scheme: dark");
    expect(svg).not.toContain("NaN");
    rmSync(inFolder("plot.svg"));
  });

  test("of a forecast: the times are those of the rows, and of a long window there is no more than leaves room", async () => {
    await succeed(...trainSeries("long.safetensors", "--window", "100", "--validation", "0", "--plot", "x.svg"));
    await succeed("forecast", "long.safetensors", "air.csv", "--plot", "next.svg");
    const svg = read("next.svg").toString();
    const rows = series.AirPassengers.length;
    expect(svg).toContain(`history: ${series.AirPassengers[rows - 12 * 6]!} at first`); // 12 horizons, and not 100 rows
    const named = [...svg.matchAll(/>(19\d\d-\d\d)</g)].map(([, name]) => name);
    expect(named).toEqual([80, 100, 120, 140].map((row) => month(row - 1)));
  });
});

describe("what is wrong", () => {
  const fails: readonly (readonly [string, string[], 1 | 2, string])[] = [
    [
      "a missing value",
      ["train", "series", "gap.csv"],
      1,
      'line 4: expected a number of 32 bits in column "y", got "": give --missing drop or --missing interpolate',
    ],
    [
      "a decimal comma",
      ["train", "series", "decimal.csv", "--target", "y"],
      1,
      'line 3: expected a number of 32 bits in column "y", got "1,5"',
    ],
    [
      "no such column",
      ["train", "series", "air.csv", "--target", "pasengers"],
      2,
      'no column "pasengers"; there are month, passengers',
    ],
    ["no column of numbers", ["train", "labels", "air.csv", "--inputs", "nothing"], 2, 'no column "nothing"'],
    [
      "too short a series",
      ["train", "series", "air.csv", "--window", "140", "--horizon", "12"],
      1,
      "there are 130 rows to learn from, and 152 are needed: lower --window or --horizon",
    ],
    [
      "a season that is longer than the window",
      ["train", "series", "air.csv", "--season", "30", "--window", "20"],
      2,
      "raise --window",
    ],
    [
      "all held out",
      ["train", "series", "air.csv", "--validation", "0.5", "--test", "0.5"],
      2,
      "leave nothing to learn from",
    ],
    [
      "a quantile of 1",
      ["train", "series", "air.csv", "--quantiles", "0.5,1"],
      2,
      "They must be numbers above 0 and below 1",
    ],
    ["a long delimiter", ["train", "series", "air.csv", "--delimiter", "ab"], 2, "It must be one character"],
    ["one label", ["train", "labels", "one.csv"], 1, "has one label only"],
    [
      "a label that is missing",
      ["train", "labels", "unlabelled.jsonl"],
      1,
      "line 2: a value is missing in label: fill it, or leave such rows out by --missing drop",
    ],
    [
      "two texts",
      ["train", "labels", "texts.csv"],
      2,
      "there are a (text), b (text) beside label: name one text or list",
    ],
    [
      "a list of unequal steps",
      ["train", "labels", "ragged.jsonl"],
      1,
      'line 1: expected a list of numbers, or of vectors of one length in column "s"',
    ],
    ["lines that are no objects", ["train", "labels", "arrays.jsonl"], 1, "line 1: expected an object"],
    ["a broken line", ["train", "labels", "broken.jsonl"], 1, "line 2: expected a JSON value"],
    [
      "another task",
      ["forecast", "mails.safetensors", "air.csv"],
      1,
      'it is no model of a series, but one of labels: give a model saved by "unrolled train series"',
    ],
    [
      "a text's model to classify",
      ["classify", "play.safetensors", "mails.csv"],
      1,
      "it is no model of labels, but one of text",
    ],
    ["no task", ["evaluate", "plain.safetensors", "air.csv"], 1, "there is no task in the metadata"],
    [
      "too little to forecast from",
      ["forecast", "air.safetensors", "few.csv"],
      1,
      "there are 2 rows, and the model needs 24",
    ],
    [
      "a label that the model has not learnt",
      ["evaluate", "mails.safetensors", "others.csv"],
      1,
      'the model has no label "eggs"; it has no "spam", spam',
    ],
    [
      "a picture of labels",
      ["evaluate", "mails.safetensors", "mails.csv", "--plot", "x.svg"],
      2,
      "--plot is for series",
    ],
    ["a picture in no directory", trainSeries("x", "--plot", "nowhere/x.svg"), 1, "cannot write nowhere/x.svg"],
    [
      "a picture in the place of the data",
      ["forecast", "air.safetensors", "air.csv", "--plot", "./air.csv"],
      2,
      "are the same file",
    ],
    [
      "lines to a model of numbers",
      ["classify", "plainNumbers.safetensors", "--format", "lines"],
      2,
      "takes no lines of text",
    ],
    ["a damaged task", ["inspect", "damaged.safetensors"], 1, "the task in the metadata is damaged"],
    ["no hidden units", ["bench", "--hidden", "0"], 2, "It must be a whole number of at least 1."],
    ["a port that is none", ["playground", "--port", "65536"], 2, "It must be a whole number"],
  ];

  beforeAll(async () => {
    write("one.csv", "text,label\na b,yes\nc d,yes\n");
    write("unlabelled.jsonl", '{"text":"a","label":"x"}\n{"text":"b","label":null}\n');
    write("texts.csv", "a,b,label\nx,y,1\nz,w,2\n");
    write("ragged.jsonl", '{"s":[[1,2],[3]],"label":"x"}\n{"s":[[1,2]],"label":"y"}\n');
    write("arrays.jsonl", "[1,2]\n");
    write("broken.jsonl", '{"s":[1]}\n{"s"\n');
    write("few.csv", "month,passengers\n1949-01,1\n1949-02,2\n");
    write("others.csv", "text,label\nnew offer,eggs\n");
    const net = new Network({ input: { features: 2 }, layers: [{ type: "dense", units: 1 }] });
    writeFileSync(inFolder("plain.safetensors"), net.save());
    net.metadata.task = '{"kind":"series"}';
    writeFileSync(inFolder("damaged.safetensors"), net.save());
    await succeed("train", "labels", "mails.csv", "--inputs", "x,y", "--epochs", "1", "-o", "plainNumbers.safetensors");
  });

  test.concurrent.each(fails)("%s", async (_, args, code, message) => {
    await expectFailure(args, code, message);
  });

  test("missing values are dropped or interpolated where that is wanted", async () => {
    const holes = air.replace(/1950-03,\d+/, "1950-03,").replace(/1955-07,\d+/, "1955-07,NA");
    write("holes.csv", holes);
    const args = ["train", "series", "holes.csv", ...seriesArgs, "--epochs", "1", "--quiet", "-o"];
    await expectFailure([...args, "x"], 1, 'in column "passengers", got "": give --missing');
    await succeed(...args, "dropped.safetensors", "--missing", "drop");
    await succeed(...args, "filled.safetensors", "--missing", "interpolate");
    const evaluated = async (how: string) =>
      (JSON.parse(await succeed("evaluate", "filled.safetensors", "holes.csv", "--missing", how, "--json")) as Report)
        .forecasts;
    expect(await evaluated("interpolate")).toBe(115);
    expect(await evaluated("drop")).toBeLessThan(115);
    write("half.csv", "text,label\none two,a\n,b\ntwo one,b\none,\n");
    const halves = ["train", "labels", "half.csv", "--epochs", "1", "--validation", "0", "-o", "half.safetensors"];
    await expectFailure(halves, 1, "row 2: a value is missing in text");
    expect(await shownBy(...halves, "--missing", "drop")).toContain("half.csv: 2 rows, 2 to learn from, 0 held out");
  });
});

describe("unrolled bench", () => {
  test("checks both sides, and gives their speed", async () => {
    const { code, stdout, stderr } = await unrolled(
      "bench",
      "--cell",
      "gru",
      "--hidden",
      "5",
      "--batch",
      "3",
      "--steps",
      "4",
      "--json",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "1 of 2: GRU forward\n2 of 2: GRU training\n" });
    const { hidden, results } = JSON.parse(stdout) as { hidden: number; results: Record<string, number>[] };
    expect(hidden).toBe(5);
    expect(results.map(({ work }) => work)).toEqual(["GRU forward", "GRU training"]);
    for (const { perSecond, gflops, plainPerSecond, timesPlain } of results) {
      expect(gflops).toBeGreaterThan(0);
      expect(timesPlain).toBeCloseTo(perSecond! / plainPerSecond!, 6);
    }
  });
});

describe("unrolled playground", () => {
  test.skipIf(onWindows)("serves the page under a strict policy until Ctrl-C, and nothing beside it", async () => {
    const { child, result } = launch(["playground", "--port", "0"]);
    const url = await new Promise<string>((resolve) =>
      child.stdout.once("data", (text: string) => resolve(text.trim())),
    );
    expect(url).toMatch(/^http:\/\/localhost:\d+\/$/);
    const at = url.replace("localhost", "127.0.0.1");
    const page = await fetch(at);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(await page.text()).toContain("<title>unrolled playground");
    for (const file of ["page.js", "worker.js", "style.css", "sunspots.csv"])
      expect((await fetch(at + file)).status).toBe(200);
    expect(await statusOf(Number(new URL(url).port), "/../cli.js")).toBe(404);
    expect(await statusOf(Number(new URL(url).port), "/%2e%2e%2fcli.js")).toBe(404);
    expect(await statusOf(Number(new URL(url).port), "//")).toBe(404);
    child.kill("SIGINT");
    expect(await result).toMatchObject({ code: 0, stderr: "" });
  });

  test("a port in use is an error", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expectFailure(["playground", "--port", String(port)], 1, `port ${port} is in use: give another, or --port 0`);
    server.close();
  });
});

/** The status of a path as it is written: fetch would take the dots out. */
function statusOf(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    socket.on("error", reject).once("data", (bytes) => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(String(bytes))?.[1])));
  });
}

describe("parts", () => {
  test.each([
    [
      ["1", "2", "3"],
      ["4", "5"],
    ],
    [
      ["0.1", "0.2", "0.3"],
      ["0.4", "0.5"],
    ],
    [
      ["2024-02-28", "2024-02-29"],
      ["2024-03-01", "2024-03-02"],
    ],
    [
      ["2023-11", "2023-12"],
      ["2024-01", "2024-02"],
    ],
    [
      ["2023-11-30", "2023-12-30"],
      ["2024-01-30", "2024-02-30"],
    ],
    [
      ["2024-12-31T23:00Z", "2025-01-01T00:00Z"],
      ["2025-01-01T01:00Z", "2025-01-01T02:00Z"],
    ],
    [
      ["2024-01-01 00:00:00+02:00", "2024-01-01 00:00:30+02:00"],
      ["2024-01-01 00:01:00+02:00", "2024-01-01 00:01:30+02:00"],
    ],
    [
      ["1999", "2001"],
      ["2003", "2005"],
    ],
    [["a", "b"], undefined],
    [["1", "2", "4"], undefined],
    [["1"], undefined],
    [["2024-01-01", "2024-01-02T00:00"], undefined],
  ])("the times %j go on with %j", (times, next) => {
    expect(continueTimes(times, 2)).toEqual(next);
  });

  test("gaps are filled in a straight line, at the ends by the nearest", () => {
    const filled = interpolate(tensor(Float32Array.of(NaN, 1, NaN, NaN, 4, NaN), [6, 1]));
    expect([...filled.data]).toEqual([1, 1, 2, 3, 4, 4]);
    expect(() => interpolate(tensor(Float32Array.of(NaN, 1, NaN, 2), [2, 2]))).toThrow("column 1 has no number");
  });

  test("values of options", () => {
    expect(quantiles("0.9, .1,0.9")).toEqual([0.1, 0.5, 0.9]);
    expect(names("a, b,a")).toEqual(["a", "b"]);
    expect(() => names("a,,b")).toThrow("names with commas");
  });

  test("numbers for people have four digits, and stand in columns", () => {
    expect([0, 0.01234, 1.23456, 12.3456, 123.456, 12345.6, 1e7, NaN].map(formatNumber)).toEqual([
      "0",
      "0.01234",
      "1.235",
      "12.35",
      "123.5",
      "12346",
      "1.00e+7",
      "–",
    ]);
    expect(
      table([
        ["a", "1"],
        ["long", "100"],
      ]),
    ).toBe("a       1\nlong  100");
  });

  test("nothing is left behind", () => {
    expect(existsSync(inFolder("x"))).toBe(false);
  });
});
