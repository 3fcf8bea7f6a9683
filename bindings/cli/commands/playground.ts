import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { isIPv6, type AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { integer } from "../arguments.ts";

interface Options {
  readonly port: number;
  readonly host: string;
  readonly open?: boolean;
}

/** Adds `unrolled playground`. */
export function addPlayground(program: Command): void {
  program
    .command("playground")
    .summary("watch networks learn, in a page")
    .description(
      "Serves the playground from the package, until Ctrl-C: a page in which networks learn in the browser. Nothing is sent anywhere.",
    )
    .option("--port <n>", "0: any that is free", integer(0, 65_535), 8080)
    .option("--host <name>", "where to listen; 0.0.0.0 lets other machines in", "127.0.0.1")
    .option("--open", "open it in the browser")
    .addHelpText("after", "\nExample:\n  $ unrolled playground --port 3000 --open")
    .action(run);
}

/** Beside the command in the package. */
const folder = fileURLToPath(new URL("playground/", import.meta.url));
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".csv": "text/csv; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
};

async function run({ port, host, open = false }: Options): Promise<void> {
  const server = createServer(({ url = "/", method }, response) => {
    void fileOf(url).then(({ status, type, content }) => {
      const headers = { "Content-Type": type, "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff" };
      response.writeHead(status, headers).end(method === "HEAD" ? undefined : content);
    });
  });
  const { address, port: taken } = await listen(server, port, host);
  const name = address === "127.0.0.1" || address === "::1" ? "localhost" : isIPv6(address) ? `[${address}]` : address;
  const url = `http://${name}:${taken}/`;
  process.stdout.write(`${url}\n`);
  if (open) openPage(url);
  await new Promise<void>((resolve) => {
    const stop = () => {
      server.closeAllConnections();
      server.close(() => resolve());
    };
    process.once("SIGINT", stop).once("SIGTERM", stop);
  });
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: Error & { readonly code?: string }) => reject(explain(cause, port, host)));
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

function explain(cause: Error & { readonly code?: string }, port: number, host: string): Error {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is in use: give another, or --port 0 for one that is free`,
    EACCES: `port ${port} needs rights that you do not have: give one above 1023`,
    EADDRNOTAVAIL: `this machine has no address ${host}: give --host 127.0.0.1`,
    ENOTFOUND: `there is no host ${host}: give --host 127.0.0.1`,
  };
  return new Error(reasons[cause.code ?? ""] ?? cause.message, { cause });
}

async function fileOf(url: string): Promise<{ status: number; type: string; content: Uint8Array | string }> {
  const file = pathOf(url);
  const content = file === undefined ? undefined : await readFile(file).catch(() => undefined);
  if (file === undefined || !content) return { status: 404, type: types[".txt"]!, content: "not found\n" };
  return { status: 200, type: types[extname(file)] ?? "application/octet-stream", content };
}

/** The file that an address means; undefined if it is none. */
function pathOf(url: string): string | undefined {
  if (!URL.canParse(url, "http://localhost")) return undefined;
  const { pathname } = new URL(url, "http://localhost"); // without dots: nothing outside of the folder is reached
  return join(folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
}

function openPage(url: string): void {
  const [command, ...args] =
    process.platform === "darwin"
      ? ["open", url]
      : process.platform === "win32"
        ? ["cmd", "/c", "start", "", url]
        : ["xdg-open", url];
  spawn(command, args, { stdio: "ignore", detached: true })
    .on("error", () => process.stderr.write("unrolled: there is no browser to open: open the address yourself\n"))
    .unref();
}
