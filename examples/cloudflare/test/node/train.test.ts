import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

test("train.js writes the bytes of the model again", () => {
  const folder = mkdtempSync(join(tmpdir(), "unrolled-model-"));
  try {
    const output = join(folder, "gestures.safetensors");
    const log = execFileSync(process.execPath, [join(root, "train.js"), output], { encoding: "utf8" });
    const bytes = readFileSync(output);
    expect(bytes.equals(readFileSync(join(root, "model/gestures.safetensors")))).toBe(true);
    expect(bytes.length).toBeLessThan(20_000);
    expect(Number(/([\d.]+) % right/.exec(log)?.[1])).toBeGreaterThan(95);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
