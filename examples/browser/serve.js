// The example over HTTP: `node serve.js [port]`. Any server of files will do. This one adds the strictest policy for scripts under
// which WebAssembly runs, and nothing that isolates the page from other origins: the library needs none of it.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const types = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
});
const LIBRARY = "/node_modules/unrolled/dist/";

/** @param {string} url */
function fileOf(url) {
  const { pathname } = new URL(`http://localhost${url}`); // without dots: nothing outside of the folders is reached
  if (pathname.startsWith(LIBRARY))
    return join(fileURLToPath(import.meta.resolve("unrolled")), "..", pathname.slice(LIBRARY.length));
  return join(import.meta.dirname, "..", pathname.endsWith("/") ? `${pathname}index.html` : pathname);
}

const server = createServer(async ({ url = "/" }, response) => {
  const file = fileOf(url);
  const content = await readFile(file).catch(() => undefined);
  response.writeHead(content ? 200 : 404, {
    "Content-Type": types[extname(file)] ?? "application/octet-stream",
    "Content-Security-Policy": POLICY,
  });
  response.end(content);
});

server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  console.log(`http://localhost:${port}/browser/`);
});
