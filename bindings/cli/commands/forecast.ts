import type { Command } from "commander";
import { about } from "../errors.ts";
import { expectOther, expectWritable, nameOf } from "../input/files.ts";
import type { Table } from "../input/table.ts";
import { continueTimes } from "../input/timeline.ts";
import { float, rowWriter, write } from "../output/write.ts";
import { readModelOf } from "../tasks/index.ts";
import type { Forecast, Forecaster } from "../tasks/series.ts";
import { drawForecast } from "../tasks/seriesPlot.ts";
import type { EvaluateOptions } from "../tasks/task.ts";
import { addMissingOption, addTableOptions } from "./options.ts";

interface Options extends EvaluateOptions {
  readonly jsonl?: boolean;
}

/** Adds `unrolled forecast`. */
export function addForecast(program: Command): void {
  const command = program
    .command("forecast")
    .summary("forecast a series with a model")
    .description("Writes the steps that follow a series: a row a step, with the quantiles that the model has learnt.")
    .argument("<model>", "a file saved by `unrolled train series`")
    .argument("<file>", "CSV or JSON lines with the columns of the model; - for the standard input")
    .option("--jsonl", "write JSON lines instead of CSV")
    .option("--plot <file.svg>", "draw what was, and the forecast");
  addTableOptions(command);
  addMissingOption(command, ["fail", "interpolate"], "interpolate: a straight line between its neighbours");
  command
    .addHelpText(
      "after",
      `
Examples:
  $ unrolled forecast sales.safetensors sales.csv > next.csv
  $ tail -n 200 log.jsonl | unrolled forecast load.safetensors - --jsonl`,
    )
    .action(run);
}

async function run(model: string, path: string, { jsonl = false, plot, ...options }: Options): Promise<void> {
  const forecaster = readModelOf("series", model);
  if (plot !== undefined) {
    expectOther("--plot", plot, [model, path]);
    expectWritable(plot);
  }
  const { table, series } = await forecaster.read(path, options);
  const forecast = about(nameOf(path), () => forecaster.forecastNext(series));
  const times = timesOf(forecaster, table);
  if (plot !== undefined) {
    const all = times && [...times.known, ...times.next];
    await drawForecast(plot, forecaster.kept, series, forecast, all);
  }
  const row = rowWriter(jsonl);
  await write(rowsOf(forecaster, forecast, times?.next).map(row).join(""));
}

/** The times of a table, and those of the steps after it; none where they do not go on evenly. */
function timesOf({ kept: { time, horizon } }: Forecaster, table: Table) {
  if (time === undefined) return undefined;
  const known = table.texts(time);
  const next = continueTimes(known, horizon);
  if (next) return { known, next };
  process.stderr.write(`unrolled: column ${time} does not go on evenly: its times are left out\n`);
  return undefined;
}

function rowsOf(
  { kept: { columns, time, quantiles: learnt } }: Forecaster,
  { values, quantiles }: Forecast,
  times?: readonly string[],
): Record<string, string | number>[] {
  const [target] = columns;
  return Array.from(values, (value, i) => ({
    step: i + 1,
    ...(times && { [time!]: times[i]! }),
    [target!]: float(value),
    ...Object.fromEntries(learnt.flatMap((q, k) => (q === 0.5 ? [] : [[`q${q}`, float(quantiles[k]![i]!)]]))),
  }));
}
