import { arch, cpus, type as systemType } from "node:os";
import { Option, type Command } from "commander";
import manifest from "../../../package.json" with { type: "json" };
import { measure, paces } from "../../../bench/measure.js";
import { createPair } from "../../../bench/pairs.js";
import { flops, type Workload } from "../../../bench/workloads.js";
import { integer } from "../arguments.ts";
import { formatNumber, table } from "../output/table.ts";
import { formatCount } from "../output/text.ts";
import { write } from "../output/write.ts";

const cells = ["lstm", "gru", "elman", "ffnn"] as const;
type Cell = (typeof cells)[number];

interface Options {
  readonly cell?: Cell;
  readonly hidden: number;
  readonly batch: number;
  readonly steps: number;
  readonly json?: boolean;
}

/** Adds `unrolled bench`. */
export function addBench(program: Command): void {
  program
    .command("bench")
    .summary("measure this machine's speed")
    .description(
      "Times forward passes and training steps beside the same work in plain JavaScript on typed arrays. Each pair must first give the same numbers; then both run in turn, and the medians are shown. Close what else is at work.",
    )
    .addOption(new Option("--cell <type>", "one kind of network only (default: LSTM, GRU and FFNN)").choices(cells))
    .option("--hidden <n>", "units of the hidden layer", integer(1, 4096), 128)
    .option("--batch <n>", "examples side by side", integer(1, 65_536), 32)
    .option("--steps <n>", "steps of a sequence", integer(1, 65_536), 50)
    .option("--json", "write JSON")
    .addHelpText(
      "after",
      "\nGFLOP/s counts the operations of the matrix products; a training step is\nforward, backward and Adam.\n\nExamples:\n  $ unrolled bench\n  $ unrolled bench --cell gru --hidden 256 --batch 1 --json",
    )
    .action(run);
}

/** The inputs and outputs of all workloads. */
const [INPUTS, OUTPUTS] = [64, 10];

function workloadsOf({ cell, hidden: H, batch: B, steps: T }: Options): Workload[] {
  return (cell ? [cell] : (["lstm", "gru", "ffnn"] as const)).flatMap((one): Workload[] => {
    const sizes = { B, I: INPUTS, H };
    if (one === "ffnn") {
      const layers = { kind: "mlp", ...sizes, O: OUTPUTS } as const;
      return [
        { id: "FFNN forward", ...layers, mode: "infer" },
        { id: "FFNN training", ...layers, mode: "adam" },
      ];
    }
    const name = one === "elman" ? "Elman" : one.toUpperCase();
    return [
      { id: `${name} forward`, kind: "sequence", cell: one, T, ...sizes },
      { id: `${name} training`, kind: "training", cell: one, T, O: OUTPUTS, last: true, ...sizes },
    ];
  });
}

interface Result {
  readonly work: string;
  /** Calls a second: batches forward, or steps of training. */
  readonly perSecond: number;
  readonly gflops: number;
  readonly plainPerSecond: number;
  readonly timesPlain: number;
}

async function run(options: Options): Promise<void> {
  const workloads = workloadsOf(options);
  const results: Result[] = [];
  for (const [i, workload] of workloads.entries()) {
    process.stderr.write(`${i + 1} of ${workloads.length}: ${workload.id}\n`);
    results.push(await timed(workload));
  }
  const { hidden, batch, steps } = options;
  const machine = `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${systemType()} ${arch()}, Node ${process.version}`;
  const about = { unrolled: manifest.version, machine, inputs: INPUTS, hidden, batch, steps, outputs: OUTPUTS };
  if (options.json) {
    await write(`${JSON.stringify({ ...about, results }, undefined, 2)}\n`);
    return;
  }
  const sizes = `hidden ${hidden}, batch ${batch}, ${steps} steps, ${INPUTS} inputs, ${OUTPUTS} classes`;
  const rows = results.map(({ work, perSecond, gflops, plainPerSecond, timesPlain }) => [
    ...[work, formatCount(Math.round(perSecond)), formatNumber(gflops)],
    ...[formatCount(Math.round(plainPerSecond)), timesPlain.toFixed(1)],
  ]);
  const head = ["", "a second", "GFLOP/s", "plain JS a second", "times as fast"];
  await write(`unrolled ${manifest.version}, ${machine}\n${sizes}\n\n${table([head, ...rows])}\n`);
}

/** @throws Error when the two sides do not give the same */
async function timed(workload: Workload): Promise<Result> {
  const { check, unrolled, plain } = createPair(workload);
  check();
  const times = await measure({ unrolled, plain }, paces.short);
  const [ours, theirs] = [times.unrolled.median, times.plain.median];
  return {
    work: workload.id,
    ...{ perSecond: 1000 / ours, gflops: flops(workload) / ours / 1e6 },
    ...{ plainPerSecond: 1000 / theirs, timesPlain: theirs / ours },
  };
}
