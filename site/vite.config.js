// Serves the built site to look at and to test, under the policy that the pages need: any server of files will do.
import { defineConfig } from "vite";

const policy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'", // TypeDoc's script sets styles
];

export default defineConfig({
  root: import.meta.dirname,
  appType: "mpa",
  build: { outDir: "../build/site" },
  preview: { port: 8080, headers: { "Content-Security-Policy": policy.join("; ") } },
});
