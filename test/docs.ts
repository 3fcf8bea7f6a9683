// What a page of the documentation says in code: its blocks, and the programs and commands that they make.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");

/** What is run or checked, and what is only shown: "javascript" is that of other libraries, "ts" a part of a file. */
const languages = ["js", "ts", "text", "sh", "json", "python", "javascript", "html", "css", "math", ""];

export interface Block {
  readonly language: string;
  /** Of its first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** The file that it is a part of, if a comment before it says so. */
  readonly from: string | undefined;
  /** Nothing but an empty line stands between it and the block before. */
  readonly follows: boolean;
}

interface ProgramBlock {
  readonly line: number;
  readonly code: string;
  /** What it must print, if the page says so. */
  printed?: string;
}

export interface Program {
  readonly kind: "program";
  readonly line: number;
  readonly blocks: ProgramBlock[];
}

/** A block of commands for a shell: the lines that begin with ours. */
export interface Session {
  readonly kind: "session";
  readonly line: number;
  readonly commands: readonly string[];
  /** What all of them must print to the standard output, if the page says so. */
  printed?: string;
}

export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split("\n");
  let last = -1;
  for (let i = 0; i < lines.length; i++) {
    const fence = /^(```+)(.*)$/.exec(lines[i]!);
    if (!fence) continue;
    const [, marks = "", language = ""] = fence;
    const end = lines.indexOf(marks, i + 1);
    if (end < 0) throw new Error(`line ${i + 1}: a block that does not end`);
    if (!languages.includes(language))
      throw new Error(`line ${i + 1}: "${language}" is none of ${languages.join(", ")}`);
    const before = lines.slice(last + 1, i).filter((line) => line.trim() !== "");
    const from = /^<!-- from: (\S+) -->$/.exec(before[before.length - 1] ?? "")?.[1];
    if (language === "ts" && from === undefined) throw new Error(`line ${i + 1}: "ts" needs the file that it is from`);
    const code = lines.slice(i + 1, end).join("\n");
    blocks.push({ language, line: i + 2, code, from, follows: before.length === 0 });
    i = last = end;
  }
  return blocks;
}

/** The programs and commands of a page, in its order. A block that begins with an import begins a program. */
export function stepsOf(blocks: readonly Block[]): (Program | Session)[] {
  const steps: (Program | Session)[] = [];
  let program: Program | undefined;
  /** What the block before ran. */
  let ran: ProgramBlock | Session | undefined;
  for (const { language, line, code, from, follows } of blocks) {
    const before = ran;
    ran = undefined;
    if (language === "js" && from === undefined) {
      if (code.startsWith("import ")) steps.push((program = { kind: "program", line, blocks: [] }));
      if (!program) throw new Error(`line ${line}: the first block of a page begins with an import`);
      program.blocks.push((ran = { line, code }));
    } else if (language === "text" && follows && before) {
      before.printed = `${code}\n`;
    } else if (language === "sh") {
      const commands = code.split("\n").filter((text) => text.startsWith("npx unrolled "));
      if (commands.length > 0) steps.push((ran = { kind: "session", line, commands }));
    }
  }
  return steps;
}

/** Between what the blocks of a program print. */
export const SEPARATOR = "\u001e";

/** The program as a module whose lines have the numbers that they have on the page. */
export function moduleOf({ blocks }: Program): string {
  let module = "";
  let at = 1;
  for (const { line, code } of blocks) {
    module += "\n".repeat(line - at) + code;
    at = line + code.split("\n").length - 1;
    module += `\n;process.stdout.write("${SEPARATOR}");`;
    at++;
  }
  return module;
}

/** Whether these lines stand in the file one after another, however far it indents them. */
export function isPartOf(file: string, code: string): boolean {
  const flat = (text: string) =>
    text
      .split("\n")
      .map((line) => line.trim())
      .join("\n");
  return flat(readFileSync(join(root, file), "utf8")).includes(flat(code));
}
