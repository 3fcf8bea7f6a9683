import { run } from "./run.js";
import { footnotes, groupLine, processorLine, resultHeader, resultLine } from "./table.js";

/** @import { Pace } from "./measure.js" */
/** @import { Processor } from "./processor.js" */
/** @import { Result } from "./run.js" */
/** @import { Workload } from "./workloads.js" */

/**
 * Runs workloads one after another and prints the table as it grows.
 * @param {readonly Workload[]} workloads
 * @param {Processor} processor
 * @param {Pace} pace
 * @param {(line: string) => void} print
 */
export async function runSuite(workloads, processor, pace, print) {
  await processor.start();
  /** @type {Result[]} */
  const results = [];
  let group = "";
  for (const workload of workloads) {
    const result = await run(workload, processor, pace);
    const [groupOf = ""] = workload.id.split("/");
    if (groupOf !== group) print(`\n${groupLine(groupOf)}\n${resultHeader}`);
    group = groupOf;
    print(resultLine(result));
    results.push(result);
  }
  print(`\n${processorLine(processor)}`);
  for (const note of footnotes(results)) print(note);
  return results;
}
