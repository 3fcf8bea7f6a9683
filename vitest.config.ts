import { defineConfig } from "vitest/config";

// `vitest run` takes the fast tests, `vitest run --mode slow` those in test/slow.
export default defineConfig(({ mode }) => ({
  test: {
    include: mode === "slow" ? ["test/slow/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", ...(mode === "slow" ? [] : ["test/slow/**"])],
    passWithNoTests: mode === "slow",
    pool: "forks",
    testTimeout: mode === "slow" ? 600_000 : 30_000,
    hookTimeout: mode === "slow" ? 600_000 : 60_000,
  },
}));
