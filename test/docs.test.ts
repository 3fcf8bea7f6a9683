import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { blocksOf, isPartOf, moduleOf, root, SEPARATOR, stepsOf, type Program, type Session } from "./docs.ts";

const pages = [
  "README.md",
  ...readdirSync(join(root, "docs")).flatMap((name) => (name.endsWith(".md") ? `docs/${name}` : [])),
];

/** Files that commands and programs of a page speak of and that the reader brings: content, or a file of ours. */
const brought: Record<string, Record<string, string | URL>> = {
  "README.md": {
    "my-text.txt": "Once upon a midnight dreary, while I pondered, weak and weary. ".repeat(60),
    "model.keras": new URL("models/keras/sequential.keras", import.meta.url),
    "checkpoint.pt": new URL("models/pytorch/tagger.pt", import.meta.url),
  },
  "docs/formats.md": { "model.keras": new URL("models/keras/sequential.keras", import.meta.url) },
  "docs/onnx.md": { "model.onnx": new URL("onnx/torch_gru_2layer_bi.onnx", import.meta.url) },
};

// In the project, so that "unrolled" resolves to what has been built.
const folder = mkdtempSync(join(root, "build", "docs-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder for what a page's programs write, from which the repository's files are in their places. */
function makeFolder(page: string): string {
  const own = join(folder, page.replaceAll("/", "-"));
  mkdirSync(own);
  for (const name of ["docs", "examples", "test"]) symlinkSync(join(root, name), join(own, name), "junction");
  for (const [name, content] of Object.entries(brought[page] ?? {})) {
    if (content instanceof URL) cpSync(content, join(own, name));
    else writeFileSync(join(own, name), content);
  }
  return own;
}

interface Outcome {
  readonly status: number | null | string;
  readonly stdout: string;
  readonly stderr: string;
}

function run(cwd: string, file: string, args: readonly string[], shell = false): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1" };
    const child = execFile(file, args, { cwd, env, shell, encoding: "utf8" }, (_, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

async function runProgram(page: string, cwd: string, program: Program): Promise<string> {
  const file = join(cwd, `line-${program.line}.mjs`);
  writeFileSync(file, moduleOf(program));
  const { status, stdout, stderr } = await run(cwd, process.execPath, [file]);
  expect({ status, stderr }, `${page}:${program.line}`).toEqual({ status: 0, stderr: "" });
  const printed = stdout.split(SEPARATOR);
  program.blocks.forEach((block, k) => {
    if (block.printed !== undefined) expect(printed[k], `${page}:${block.line} prints`).toBe(block.printed);
  });
  expect(stdout.replaceAll(SEPARATOR, ""), `${page}:${program.line} prints nothing`).not.toBe("");
  return stdout;
}

/** How long a run took depends on the machine. */
const timeless = (text: string) => text.replace(/ in \d+\w*s\b/g, " in 0s");

async function runSession(page: string, cwd: string, { line, commands, printed }: Session): Promise<void> {
  let output = "";
  for (const text of commands) {
    const command = text.replaceAll("npx unrolled", `"${process.execPath}" "${join(root, "dist/cli.js")}"`);
    const { status, stdout, stderr } = await run(cwd, command, [], true);
    expect({ status, stderr: status === 0 ? "" : stderr }, `${page}:${line} ${text}`).toEqual({
      status: 0,
      stderr: "",
    });
    output += stdout;
  }
  if (printed !== undefined) expect(timeless(output), `${page}:${line} prints`).toBe(printed);
}

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
/** npm's own, not scripts of ours. */
const builtin = ["ci", "i", "init", "install"];

describe.concurrent("the code on the pages", () => {
  test.each(pages)("%s", { timeout: 120_000 }, async (page) => {
    const text = readFileSync(join(root, page), "utf8");
    const blocks = blocksOf(text);
    for (const { language, line, code, from } of blocks) {
      if (language === "json") expect(() => void JSON.parse(code), `${page}:${line}`).not.toThrow();
      if (from !== undefined) expect(isPartOf(from, code), `${page}:${line} stands in ${from}`).toBe(true);
    }
    const named = [...text.matchAll(/(?:^|`|&& )npm (?:run )?([a-z][a-z:]*)/gm)].map(([, name = ""]) => name);
    expect(named.filter((name) => !builtin.includes(name) && !(name in scripts))).toEqual([]);

    const cwd = makeFolder(page);
    for (const step of stepsOf(blocks)) {
      if (step.kind === "program") await runProgram(page, cwd, step);
      else await runSession(page, cwd, step);
    }
  });
});

test("the README's first program learns its text", async () => {
  const blocks = blocksOf(readFileSync(join(root, "README.md"), "utf8"));
  const [program] = stepsOf(blocks).filter((step) => step.kind === "program");
  const cwd = join(folder, "first");
  mkdirSync(cwd);
  const stdout = await runProgram("README.md", cwd, program!);
  expect(Number(/loss (\S+)/.exec(stdout)?.[1])).toBeLessThan(0.1);
  expect(stdout).toContain("quick brown fox");
});

test("docs/command.md has a session for each command that ends and is not timed", () => {
  const steps = stepsOf(blocksOf(readFileSync(join(root, "docs/command.md"), "utf8")));
  const commands = steps.flatMap((step) => (step.kind === "session" ? step.commands : []));
  for (const name of [
    "train",
    "train series",
    "train labels",
    "generate",
    "forecast",
    "classify",
    "evaluate",
    "inspect",
  ]) {
    expect(commands.filter((text) => text.startsWith(`npx unrolled ${name} `))).not.toEqual([]);
  }
});

test("what is on a page is not overlooked", () => {
  const page = ["```js", 'import "a";', "1;", "```", "", "```text", "1", "```", "Then", "```js", "2;", "```", ""].join(
    "\n",
  );
  const blocks = blocksOf(`${page}\`\`\`sh\nls\nnpx unrolled --help\n\`\`\`\n\`\`\`text\nUsage\n\`\`\`\n`);
  expect(stepsOf(blocks)).toEqual([
    {
      ...{ kind: "program", line: 2 },
      blocks: [
        { line: 2, code: 'import "a";\n1;', printed: "1\n" },
        { line: 11, code: "2;" },
      ],
    },
    { kind: "session", line: 14, commands: ["npx unrolled --help"], printed: "Usage\n" },
  ]);
  expect(() => blocksOf("```jsx\n```")).toThrow('line 1: "jsx" is none of');
  expect(() => blocksOf("```js\n")).toThrow("does not end");
  expect(() => stepsOf(blocksOf("```js\n1\n```"))).toThrow("line 2: the first block");
});
