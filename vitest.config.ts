import { defineConfig } from "vitest/config";
import { ProofReporter } from "./test/slow/reporter.ts";

// `vitest run` takes the fast tests, `vitest run --mode slow` those in test/slow, and `--mode proofs` writes the page of their
// figures as well.
export default defineConfig(({ mode }) => {
  const slow = mode === "slow" || mode === "proofs";
  return {
    test: {
      include: slow ? ["test/slow/**/*.test.ts"] : ["test/**/*.test.ts"],
      exclude: ["**/node_modules/**", ...(slow ? [] : ["test/slow/**"])],
      reporters: slow ? ["default", new ProofReporter(mode === "proofs" ? "docs/proofs.md" : undefined)] : ["default"],
      pool: "forks",
      testTimeout: slow ? 600_000 : 30_000,
      hookTimeout: slow ? 600_000 : 60_000,
    },
  };
});
