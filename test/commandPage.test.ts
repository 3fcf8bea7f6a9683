import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onWindows, root } from "./command.ts";

const page = readFileSync(join(root, "docs/command.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "unrolled-page-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Blocks of code in order, each with the output that stands directly below it. */
const blocks = [...page.matchAll(/^```(js|sh)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms)].map(
  ([, language = "", code = "", output]) => ({ language, code, output, name: code.split("\n")[0]! }),
);

/** How long a run took depends on the machine. */
const timeless = (text: string) => text.replace(/ in \d+\w*s\b/g, " in 0s");

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    shell: args.length === 0,
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

/** The lines that begin with the command are run, one after another; others are for people. */
function runLines(code: string): string {
  const lines = code.split("\n").filter((line) => line.startsWith("npx unrolled "));
  return lines
    .map((line) => run(line.replace(/^npx unrolled/, `"${process.execPath}" "${join(root, "dist/cli.js")}"`)))
    .join("");
}

describe.skipIf(onWindows)("docs/command.md", () => {
  beforeAll(() => {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules/unrolled"));
  });

  test("has a session for each command", () => {
    expect(blocks.filter(({ language }) => language === "js")).toHaveLength(1);
    for (const command of ["train", "generate", "forecast", "classify", "evaluate", "inspect"]) {
      expect(page).toMatch(new RegExp(`^npx unrolled ${command} `, "m"));
    }
    for (const command of ["convert", "playground", "bench"]) expect(page).toContain(command);
  });

  test.each(blocks)("$name", ({ language, code, output }) => {
    writeFileSync(join(folder, "program.mjs"), code);
    const printed = language === "js" ? run(process.execPath, "program.mjs") : runLines(code);
    expect(timeless(printed)).toBe(output ?? "");
  });

  test("a run that was stopped gives the file of one that was not", () => {
    const [resumed, straight] = ["resumed", "straight"].map((name) =>
      readFileSync(join(folder, `${name}.safetensors`)),
    );
    expect(resumed).toEqual(straight);
  });
});
