/** The command as a process, in a folder of its own. */

import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";

export const root = join(import.meta.dirname, "..");
const command = join(root, "dist/cli.js");

export const onWindows = process.platform === "win32"; // there, signals end a process at once, and links need rights

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Surroundings {
  readonly env?: Record<string, string>;
  /** What comes in from the standard input; an end at once if it is not given. */
  readonly input?: string;
}

export function createCommand(name: string) {
  const folder = mkdtempSync(join(tmpdir(), `unrolled-${name}-`));

  function launch(args: readonly string[], { env = {}, input = "" }: Surroundings = {}) {
    const child = spawn(process.execPath, [command, ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin.on("error", () => undefined).end(input); // it may not want all of it
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    const result = new Promise<Result>((resolve, reject) => {
      child.on("error", reject).on("close", (code) => resolve({ code, ...output }));
    });
    return { child, result };
  }

  const unrolled = (...args: string[]) => launch(args).result;

  /** Runs the command and expects it to succeed; but for training, without a word on the standard error stream. */
  async function succeed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await unrolled(...args);
    expect({ code, stderr: args[0] === "train" ? "" : stderr }, stderr).toEqual({ code: 0, stderr: "" });
    return stdout;
  }

  /** What a training shows while it runs. */
  async function shownBy(...args: string[]): Promise<string> {
    const { code, stderr } = await unrolled(...args);
    expect(code, stderr).toBe(0);
    return stderr;
  }

  /** Expects a run that fails with one line. */
  async function expectFailure(args: readonly string[], code: 1 | 2, message: string): Promise<void> {
    const result = await launch(args).result;
    expect(result.stderr).toContain(message);
    expect(result.stderr).toMatch(/^unrolled: .+\n$/); // one line: the dot takes no line break
    expect(result.code).toBe(code);
  }

  return { folder, inFolder: (file: string) => join(folder, file), launch, unrolled, succeed, shownBy, expectFailure };
}
