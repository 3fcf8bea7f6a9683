/** What is said when something goes wrong: one line, and the stack only for DEBUG=unrolled. */

import { CommanderError } from "commander";

/** Options that cannot be used together: the command line is wrong, nothing has been done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Runs `action`; an error of it is told of `subject`: a file, or an option. */
export function about<T>(subject: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new Error(`${subject}: ${messageOf(cause)}`, { cause });
  }
}

/** Writes an error to the standard error stream. @returns the exit code: 2 for a wrong command line, otherwise 1 */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has written it
  process.stderr.write(`unrolled: ${oneLine(messageOf(error))}\n`);
  if (wantsStack() && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
  return error instanceof UsageError ? 2 : 1;
}

/** Text without line breaks. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: Error): string {
  const stack = error.stack ?? "";
  return error.cause instanceof Error ? `${stack}\ncaused by ${stackOf(error.cause)}` : stack;
}

function wantsStack(): boolean {
  return (process.env.DEBUG ?? "").split(",").includes("unrolled");
}
