/** Reading and writing files, with messages for people. */

import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { about, UsageError } from "../errors.ts";

/** All of a file. */
export function readBytes(path: string): Uint8Array {
  return explained(`cannot read ${path}`, () => readFileSync(path));
}

/** A text in UTF-8, without the mark that some editors put at its beginning. */
export function readText(path: string): string {
  return textOf(path, readBytes(path));
}

/** The standard input, as the name of a file. */
export const STDIN = "-";

/** What messages call a file. */
export function nameOf(path: string): string {
  return path === STDIN ? "standard input" : path;
}

/** The text of a file, or of the standard input to its end. */
export async function readSource(path: string): Promise<string> {
  if (path !== STDIN) return readText(path);
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return textOf(nameOf(path), Buffer.concat(chunks));
}

function textOf(name: string, bytes: Uint8Array): string {
  const text = about(name, () => {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new Error("this is no text in UTF-8: convert it, for example with iconv", { cause });
    }
  });
  if (text === "") throw new Error(`${name}: the file is empty: give one with data in it`);
  return text;
}

/** Whether two paths lead to the same file, there or to be made. */
export function isSameFile(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => explained(`cannot open ${path}`, () => fileAt(path)));
  if (one && other) return one.dev === other.dev && one.ino === other.ino;
  return resolve(a) === resolve(b);
}

/** Refuses a file to write that is one of those to read. @param option that names it */
export function expectOther(option: string, file: string, others: readonly string[]): void {
  const same = others.find((other) => other !== STDIN && isSameFile(file, other));
  if (same !== undefined)
    throw new UsageError(`${option} and ${same} are the same file: give another name for ${option}`);
}

/** Refuses a path that a file could not be written to, before hours are spent on what is to be in it. */
export function expectWritable(path: string): void {
  const problem = `cannot write ${path}`;
  const file = explained(problem, () => fileAt(path));
  if (file?.isDirectory()) throw new UsageError(`${problem}: it is a directory`);
  explained(problem, () => accessSync(file && !file.isFile() ? path : dirname(targetOf(path)), constants.W_OK));
}

/** Puts a file in place as a whole: whatever happens, there is the old one or the new one at `path`, and never a part. */
export function writeFile(path: string, bytes: Uint8Array): void {
  explained(`cannot write ${path}`, () => {
    const file = fileAt(path);
    if (file && !file.isFile())
      writeFileSync(path, bytes); // such as /dev/null, which must not be replaced
    else replaceFile(targetOf(path), bytes, file?.mode);
  });
}

function replaceFile(target: string, bytes: Uint8Array, mode?: number): void {
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    writeThrough(temporary, bytes, mode);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes and waits for the disk, so that a rename cannot overtake the contents. */
function writeThrough(path: string, bytes: Uint8Array, mode = 0o666): void {
  const file = openSync(path, "w", mode);
  try {
    writeFileSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Where a path leads to, links followed. */
function targetOf(path: string): string {
  return fileAt(path) ? realpathSync(path) : path;
}

function fileAt(path: string) {
  return statSync(path, { throwIfNoEntry: false });
}

/** Runs `action`; an error of the system becomes `problem` and the reason, without its code and call. */
function explained<T>(problem: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new Error(`${problem}: ${reasonOf(cause)}`, { cause });
  }
}

/** "ENOENT: no such file or directory, open 'x'" says it in the middle. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.startsWith("EISDIR")) return "it is a directory";
  return /^E[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message;
}
