/** Runs every case of a folder of vectors (test/golden/README.md describes the format) on the library, and reports. */

import { type Golden, type GoldenCase, loadGolden } from "../golden.ts";
import { Case, type Library, Skip } from "./case.ts";
import { crfOptions, runCrf } from "./crf.ts";
import { runLoss } from "./loss.ts";
import { runOp } from "./op.ts";
import { cellOptions, recurrentOptions, runCell, runRecurrent, runVariant, variantOptions } from "./recurrent.ts";
import { characterModelOptions, runCharacterModel, runTraining, trainingOptions } from "./training.ts";

export type { Library };

interface Passed {
  readonly id: string;
  readonly kind: string;
  readonly status: "passed";
  /** Largest |got − expected| / (1 + |expected|). */
  readonly worst: number;
}

interface NotPassed {
  readonly id: string;
  readonly kind: string;
  readonly status: "failed" | "skipped";
  /** What is wrong, or what is not there. */
  readonly reason: string;
}

export type Outcome = Passed | NotPassed;

interface Runner {
  /** Options that it knows; without them it looks itself. */
  readonly options?: readonly string[];
  run(library: Library, c: Case): void;
}

const runners: Readonly<Record<string, Runner>> = {
  recurrent: { options: recurrentOptions, run: runRecurrent },
  cell: { options: cellOptions, run: runCell },
  variant: { options: variantOptions, run: runVariant },
  loss: { run: runLoss },
  op: { run: runOp },
  training: { options: trainingOptions, run: runTraining },
  charlm: { options: characterModelOptions, run: runCharacterModel },
  crf: { options: crfOptions, run: runCrf },
};

/** The cases of a folder. @throws Error when the folder is none of vectors */
export function readFolder(dir: string): Golden {
  const golden = loadGolden(dir);
  const cases: unknown = golden.cases;
  if (!Array.isArray(cases)) throw new Error('manifest.json has no list "cases"');
  return golden;
}

/** All cases, one after another. */
export function run(library: Library, golden: Golden): Outcome[] {
  return golden.cases.map((line) => runCase(library, golden, line));
}

function runCase(library: Library, golden: Golden, line: GoldenCase): Outcome {
  const { id, kind } = line;
  try {
    const c = new Case(golden, line);
    const runner = Object.hasOwn(runners, kind) ? runners[kind]! : undefined;
    if (!runner) throw new Skip("unknown kind");
    if (runner.options) c.options.expectKnown(runner.options);
    runner.run(library, c);
    if (c.failure !== undefined) return { id, kind, status: "failed", reason: c.failure };
    if (c.unused !== undefined) throw new Skip(`tensor ${c.unused}`);
    return { id, kind, status: "passed", worst: c.worst };
  } catch (error) {
    if (error instanceof Skip) return { id, kind, status: "skipped", reason: error.message };
    return { id, kind, status: "failed", reason: String(error).replaceAll("\n", " ") };
  }
}

/** How often each reason was given, by kind. */
export function countSkipped(outcomes: readonly Outcome[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {};
  for (const outcome of outcomes) {
    if (outcome.status !== "skipped") continue;
    const ofKind = (counts[outcome.kind] ??= {});
    ofKind[outcome.reason] = (ofKind[outcome.reason] ?? 0) + 1;
  }
  return counts;
}

/** One line for each failing case, one for what was skipped, and the closing one. */
export function report(outcomes: readonly Outcome[]): string[] {
  const failed = outcomes.flatMap((one) => (one.status === "failed" ? [`failed: ${one.id} ${one.reason}`] : []));
  const passed = outcomes.filter((outcome) => outcome.status === "passed");
  const skipped = Object.entries(countSkipped(outcomes)).map(([kind, reasons]) => {
    const total = Object.values(reasons).reduce((a, b) => a + b, 0);
    const parts = Object.entries(reasons).map(([reason, n]) => (n === total ? reason : `${reason} ${n}`));
    return `${kind} ${total} (${parts.join(", ")})`;
  });
  const worst = passed.reduce((most, outcome) => Math.max(most, outcome.worst), 0);
  const counts = `${passed.length} passed, ${failed.length} failed`;
  const rest = outcomes.length - passed.length - failed.length;
  return [
    ...failed,
    `skipped: ${skipped.join(", ") || "none"}`,
    `conformance: ${counts}, ${rest} skipped, worst error ${worst.toExponential(1)}`,
  ];
}

/**
 * The command.
 * @returns its exit code: 1 if a case failed or none passed, 2 if there is nothing to run
 */
export function main(library: Library, args: readonly string[], print: (line: string) => void): number {
  const [dir, ...others] = args;
  if (dir === undefined || others.length > 0) {
    print(
      "usage: npm run conformance -- DIR     (a folder with manifest.json and safetensors files, such as test/golden)",
    );
    return 2;
  }
  let golden: Golden;
  try {
    golden = readFolder(dir);
  } catch (error) {
    print(`conformance: "${dir}" is no folder of vectors: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
  const outcomes = run(library, golden);
  for (const line of report(outcomes)) print(line);
  return exitCode(outcomes);
}

/** 1 if a case failed or none passed. */
export function exitCode(outcomes: readonly Outcome[]): 0 | 1 {
  const all = outcomes.every(({ status }) => status !== "failed");
  return all && outcomes.some(({ status }) => status === "passed") ? 0 : 1;
}
