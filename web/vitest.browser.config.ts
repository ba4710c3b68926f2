import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["browser/**/*.test.ts"],
    globalSetup: ["browser/server.ts"],
    testTimeout: 40_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
