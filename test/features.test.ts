import { execFileSync } from "node:child_process";
import { test } from "vitest";

test("docs/features.md is what the sources say, and each row has a test", () => {
  execFileSync(process.execPath, ["scripts/features.mjs", "--check"], { stdio: "pipe" });
});
