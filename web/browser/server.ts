import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    base: string;
  }
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = "node_modules/.cache/browser-test";

/** The built application under the policies the gateway sends, before the mock API; once for all files of tests. */
export default async function serve({ provide }: TestProject): Promise<() => Promise<void>> {
  // The test runner says "test", with which React would be built for development.
  process.env.NODE_ENV = "production";
  await build({ root: ROOT, mode: "mock", logLevel: "error", build: { outDir: OUT } });
  const server = await preview({
    root: ROOT,
    mode: "mock",
    logLevel: "error",
    build: { outDir: OUT },
    preview: { port: 0 },
  });
  provide("base", `http://localhost:${(server.httpServer.address() as AddressInfo).port}`);
  return () => server.close();
}
