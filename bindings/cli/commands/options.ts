/** Options that several commands have. */

import { Option, type Command } from "commander";
import { character } from "../arguments.ts";
import { formatNames } from "../input/table.ts";

/** How a table is written. */
export function addTableOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--format <type>", "of the data (default: by the file's name, or its first character)").choices(
        formatNames,
      ),
    )
    .option("--delimiter <c>", "between two fields of CSV (default: a comma; a tab in .tsv)", character);
}

/** What is done about missing values. @param choices the first is the default */
export function addMissingOption(command: Command, choices: readonly [string, ...string[]], what: string): Command {
  return command.addOption(new Option("--missing <how>", what).choices(choices).default(choices[0]));
}
