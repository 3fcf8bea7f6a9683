/** Shows the figures of all proofs in a table when the tests have run, and writes them into a page if it is given one. */

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { format, resolveConfig } from "prettier";
import type { Reporter, TestModule, Vitest } from "vitest/node";
import type { Proof } from "./proof.ts";

/** A proof, and the file of test/slow that has it. */
interface Row extends Proof {
  readonly file: string;
}

export class ProofReporter implements Reporter {
  readonly #page: string | undefined;
  #vitest: Vitest | undefined;

  /** @param page path of a Markdown file, written when all files of tests have run and every test has passed */
  constructor(page?: string) {
    this.#page = page;
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[], _: unknown, reason: string): Promise<void> {
    const rows = modules
      .flatMap(({ children, moduleId }) => {
        const file = moduleId.slice(moduleId.lastIndexOf("/") + 1);
        return [...children.allTests()].flatMap((test) =>
          (test.meta().proofs ?? []).map((proof) => ({ ...proof, file })),
        );
      })
      .sort((a, b) => a.file.localeCompare(b.file, "en"));
    if (rows.length === 0) return;
    const table = tableOf(rows);
    console.log(`\n${await prettify(table)}`);
    if (this.#page === undefined) return;
    const all = await this.#vitest?.globTestSpecifications();
    const complete = reason === "passed" && all?.length === modules.length;
    if (complete) writeFileSync(this.#page, await prettify(pageOf(table, rows)));
    console.log(
      complete ? `written: ${this.#page}` : `${this.#page} stays as it was: not all tests have run and passed`,
    );
  }
}

async function prettify(markdown: string): Promise<string> {
  const config = await resolveConfig(new URL("../../package.json", import.meta.url));
  return format(markdown, { ...config, parser: "markdown" });
}

/** What the columns show, by their titles. */
function cells({ task, model, measure, steps, seconds, reached, baseline, baselineOf, threshold, file }: Row) {
  const digits = (x: number) => (x === 0 ? "0" : x.toPrecision(3));
  return {
    task: `[${task}](../test/slow/${file})`,
    model,
    measure,
    reached: digits(reached),
    threshold: "below" in threshold ? `< ${Number(digits(threshold.below))}` : `> ${Number(digits(threshold.above))}`,
    baseline: `${digits(baseline)}, ${baselineOf}`,
    steps: steps.toLocaleString("en"),
    seconds: seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0),
  };
}

function tableOf(rows: readonly Row[]): string {
  const line = (texts: readonly string[]) => `| ${texts.join(" | ")} |`;
  const titles = Object.keys(cells(rows[0]!));
  const right = ["reached", "threshold", "steps", "seconds"];
  const rule = titles.map((title) => (right.includes(title) ? "--:" : "---"));
  return [titles, rule, ...rows.map((row) => Object.values(cells(row)))].map(line).join("\n");
}

function pageOf(table: string, rows: readonly Row[]): string {
  // The figures of one training have its seconds, each of them.
  const trainings = new Map(rows.map((row) => [`${row.task}, ${row.model}`, row.seconds]));
  const seconds = [...trainings.values()].reduce((sum, one) => sum + one, 0);
  return `# Proofs that it learns

The classic tasks for networks with a memory. \`npm run proofs\` trains these networks, holds each figure to its threshold and writes
this page; \`npm run test:slow\` does the same and leaves the page as it is. Every figure is measured on data that training has not
seen; the baseline is what can be had on the same data without a network. Figures are the same at each run, and seconds are of
processor time. Where the threshold is a lower bound, the network is meant to fail.

${table}

${seconds.toFixed(0)} seconds of training in all, on ${cpus()[0]?.model ?? "an unknown processor"}, Node ${process.version.slice(1)}.
`;
}
