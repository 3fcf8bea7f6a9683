import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

const testTimeout = 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.jsonc" }, miniflare: { cf: false } })],
        test: {
          name: "workerd",
          include: ["test/workerd/*.test.ts"],
          globalSetup: "test/workerd/reference.ts",
          testTimeout,
        },
      },
      { test: { name: "node", include: ["test/node/*.test.ts"], testTimeout, hookTimeout: testTimeout } },
    ],
  },
});
