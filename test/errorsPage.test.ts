import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const page = readFileSync(join(root, "docs/errors.md"), "utf8");
const folder = join(root, "bindings");
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
const allSources = sources.map(({ text }) => text).join("\n");

const sorted = (names: Iterable<string>) => [...new Set(names)].sort();
const found = (text: string, pattern: RegExp) => sorted([...text.matchAll(pattern)].map(([, name = ""]) => name));

/** The members of the union FormatErrorCode, and the code of each class that has but one. */
function codesOfSources(): string[] {
  const union = /type FormatErrorCode =(.*?);/s.exec(allSources)?.[1] ?? "";
  return sorted([...found(union, /\| "([\w-]+)"/g), ...found(allSources, /readonly code = "([\w-]+)"/g)]);
}

/** From the heading of a code to the next heading of that level or above. */
function sectionOf(code: string): string {
  const [, after = ""] = page.split(`### ${code}\n`);
  return after.split(/^##/m)[0] ?? "";
}

/** What the code in a text prints. */
const outputOf = (text: string) => [...text.matchAll(/^```text\n(.*?)^```$/gms)].map(([, output]) => output).join("");

const codes = codesOfSources();

describe("docs/errors.md and the sources", () => {
  test("there are codes in the sources", () => {
    expect(codes).toContain("truncated");
    expect(codes).toContain("not-finite");
  });

  test("each code has a section, and each section is of a code", () => {
    expect(found(page, /^### ([a-z-]+)$/gm)).toEqual(codes);
  });

  test.each(codes)("the section of %s shows a message of it, printed by code", (code) => {
    expect(outputOf(sectionOf(code))).toMatch(new RegExp(`\\(${code}\\): |^${code} `, "m"));
  });

  test.each(codes)("%s is thrown somewhere", (code) => {
    const users = sources.filter(({ name, text }) => name !== "errors.ts" && text.includes(`"${code}"`));
    const isOwn = allSources.includes(`readonly code = "${code}"`); // whoever throws the class throws the code
    expect(isOwn || users.length > 0).toBe(true);
  });

  test("each class that is thrown is in the table, and each of the table is thrown", () => {
    const own = found(allSources, /class (\w+) extends Error\b/g);
    const errors = [...own, "Error", "TypeError", "RangeError", "SyntaxError", "AggregateError", "DOMException"];
    const thrown = errors.filter((name) => allSources.includes(`new ${name}(`));
    expect(found(page, /^\| \[`(\w+)`\]/gm)).toEqual(sorted([...thrown, "CompileError"]));
  });

  test("each code is in the table of classes", () => {
    const [table = ""] = page.split("\n## ");
    expect(found(table, /\[`([a-z-]+)`\]\(#\1\)/g)).toEqual(codes);
  });

  test("links within the page lead somewhere", () => {
    const anchors = found(page, /^#+ (.*)$/gm).map((title) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .replace(/\s/g, "-"),
    );
    expect(found(page, /\]\(#([\w-]+)\)/g).filter((anchor) => !anchors.includes(anchor))).toEqual([]);
  });
});
