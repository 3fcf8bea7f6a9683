import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

// In the project, so that "unrolled" resolves to what has been built.
const root = new URL("..", import.meta.url).pathname;
const folder = mkdtempSync(join(root, "build", "readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

const readme = readFileSync(join(root, "README.md"), "utf8");
const pages = ["limits", "training", "encoder-decoder", "gradients"].map((page) =>
  readFileSync(join(root, `docs/${page}.md`), "utf8"),
);
const blocks = [...[readme, ...pages].join("\n").matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""], i) => ({
  i,
  code,
}));

describe("the code in the README and in docs runs", () => {
  test("there are blocks", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(5);
  });

  test.each(blocks)("block $i", ({ i, code }) => {
    const file = join(folder, `block${i}.js`);
    writeFileSync(file, code);
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: root, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).not.toBe("");
  });

  test("the first block learns the text", () => {
    const { stdout } = spawnSync(process.execPath, [join(folder, "block0.js")], { cwd: root, encoding: "utf8" });
    expect(Number(/loss (\S+)/.exec(stdout)?.[1])).toBeLessThan(0.1);
    expect(stdout).toContain("quick brown fox");
  });

  test("every npm script it names exists", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
    const named = [...readme.matchAll(/npm (?:run )?([a-z][a-z:]*)/g)].map(([, name]) => name);
    const builtin = ["ci", "install"];
    expect(named.filter((name) => name !== undefined && !builtin.includes(name) && !(name in scripts))).toEqual([]);
  });
});
