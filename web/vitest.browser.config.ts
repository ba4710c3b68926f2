import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["browser/**/*.test.ts"], testTimeout: 40_000, hookTimeout: 120_000, fileParallelism: false },
});
