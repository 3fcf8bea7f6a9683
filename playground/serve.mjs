// `npm run playground [-- PORT]`: playground/dist, or another folder, over HTTP, under a strict content security policy. Any server of files will do.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";

const types = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".csv": "text/csv; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
});
const [port = "8080", given] = process.argv.slice(2);
const folder = given ?? join(import.meta.dirname, "dist");
/** The scripts of the documentation's site set styles in the page. */
const styles = given === undefined ? "" : "; style-src 'self' 'unsafe-inline'";
const policy = `default-src 'self'; script-src 'self' 'wasm-unsafe-eval'${styles}`;

const server = createServer(async ({ url = "/" }, response) => {
  const { pathname } = new URL(url, "http://localhost"); // without dots: nothing outside of the folder is reached
  const file = join(folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
  const content = await readFile(file).catch(() => undefined);
  response.writeHead(content ? 200 : 404, {
    "Content-Type": types[extname(file)] ?? "application/octet-stream",
    "Content-Security-Policy": policy,
  });
  response.end(content);
});

server.listen(Number(port), "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://localhost:${address !== null && typeof address === "object" ? address.port : 0}/`);
});
