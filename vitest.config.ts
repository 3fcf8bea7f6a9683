import { defineConfig } from "vitest/config";
import { ProofReporter } from "./test/slow/reporter.ts";

const all = "test/**/*.test.ts";
const slow = "test/slow/**/*.test.ts";
const onnxruntime = "test/onnxruntime/**/*.test.ts";
/** Mutated files by the hundred thousand: half an hour. */
const fuzz = ["test/slow/fuzz.test.ts", "test/slow/onnx.test.ts"];

// `vitest run` takes the fast tests, `--mode slow` those in test/slow, `--mode proofs` of these the ones that learn, and writes the
// page of their figures, and `--mode onnxruntime` those that need what test/onnxruntime/package.json installs.
const modes: Readonly<Record<string, { include: string[]; exclude: string[] }>> = {
  test: { include: [all], exclude: [slow, onnxruntime] },
  slow: { include: [slow], exclude: [] },
  proofs: { include: [slow], exclude: fuzz },
  onnxruntime: { include: [onnxruntime], exclude: [] },
};

export default defineConfig(({ mode }) => {
  const { include, exclude } = modes[mode]!;
  const takesLong = mode === "slow" || mode === "proofs";
  return {
    test: {
      include,
      exclude: ["**/node_modules/**", ...exclude],
      reporters: takesLong
        ? ["default", new ProofReporter(mode === "proofs" ? "docs/proofs.md" : undefined)]
        : ["default"],
      pool: "forks",
      testTimeout: takesLong ? 3_600_000 : 30_000,
      hookTimeout: takesLong ? 600_000 : 60_000,
    },
  };
});
