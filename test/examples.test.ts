import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { report } from "../examples/common.js";
import manifest from "../examples/package.json" with { type: "json" };

const folder = join(import.meta.dirname, "../examples");
const examples = readdirSync(folder).filter(
  (name) => existsSync(join(folder, name, "index.js")) && name !== "node_modules",
);

describe("the threshold of an example", () => {
  const baseline: [string, number] = ["guess", 0.5];
  const exitCode = process.exitCode;

  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = exitCode;
  });

  function exitCodeOf(reached: number, threshold: { atLeast: number } | { atMost: number }): typeof process.exitCode {
    vi.spyOn(console, "log").mockReturnValue();
    vi.spyOn(console, "error").mockReturnValue();
    report("data", [{ measure: "measure", reached, ...threshold, baseline }]);
    return process.exitCode;
  }

  test.each([
    [0.8, { atLeast: 0.8 }],
    [0.4, { atMost: 0.4 }],
  ])("lets %d pass %o", (reached, threshold) => {
    expect(exitCodeOf(reached, threshold)).toBe(exitCode);
  });

  test.each([
    [0.79, { atLeast: 0.8 }],
    [0.41, { atMost: 0.4 }],
    [NaN, { atLeast: 0.8 }],
    [NaN, { atMost: 0.4 }],
  ])("fails the process for %d, %o", (reached, threshold) => {
    expect(exitCodeOf(reached, threshold)).toBe(1);
  });

  test.each([{ atLeast: 0.5 }, { atLeast: 0.4 }, { atMost: 0.5 }, { atMost: 0.6 }])(
    "must be better than the baseline: %o is refused",
    (threshold) => {
      expect(() => exitCodeOf(1, threshold)).toThrow(/threshold 0\.\d must be better than 0\.5, the guess/);
    },
  );
});

describe("each example", () => {
  test.each(examples)("%s says in its first line what it does", (name) => {
    const [first] = readFileSync(join(folder, name, "index.js"), "utf8").split("\n");
    expect(first).toMatch(/^\/\/ [A-Z].{20,140}\.$/);
  });

  test("has its data pinned", () => {
    for (const version of Object.values(manifest.devDependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
