// The bundle that would be deployed, over HTTP, with storage on the disk.
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { bundle, serve } from "../../bundle.js";
import { gestures } from "../../gestures.js";

const { folder } = bundle();
const storage = mkdtempSync(join(tmpdir(), "unrolled-storage-"));
let server = await serve(folder, storage);

afterAll(async () => {
  await server.stop();
  rmSync(storage, { recursive: true });
});

async function restart(): Promise<void> {
  await server.stop();
  server = await serve(folder, storage);
}

async function post(path: string, body: object): Promise<unknown> {
  const response = await fetch(new URL(path, server.url), { method: "POST", body: JSON.stringify(body) });
  expect(response.status).toBe(200);
  return response.json();
}

const get = async (path: string) => (await fetch(new URL(path, server.url))).json();

/** Sends the head of a request and the first part of its body, and hangs up. */
async function hangUp(path: string, body: string): Promise<void> {
  const { hostname, port } = server.url;
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  const head = `POST ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.write(head + body.slice(0, -9));
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  await once(socket, "close");
}

test("the bundle has the core as a compiled module, and no bytes of it", () => {
  expect(readdirSync(folder).filter((file) => file.endsWith("core.wasm"))).toHaveLength(1);
  expect(readFileSync(join(folder, "index.js"), "utf8")).not.toMatch(/atob|AGFzbQ/); // base64 of "\0asm"
});

test("the commands of the README work", async () => {
  const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  const commands = [...readme.matchAll(/^curl localhost:8787(\S+) (?:\\\n *)?-d '([^']+)'$/gm)];
  expect(commands).toHaveLength(3);
  for (const [, path = "", body = ""] of commands) await post(path, JSON.parse(body));
});

test("a body that is too large is refused", async () => {
  const response = await fetch(new URL("/predict", server.url), { method: "POST", body: " ".repeat(300_000) });
  expect(response.status).toBe(413);
  expect(await response.json()).toEqual({ error: "a body has at most 262144 bytes: send less at a time" });
});

test("streams and learners survive a restart of the server", async () => {
  const steps = gestures(1, 7)[0]!.sequence;
  const examples = gestures(24, 3);
  const whole = {
    stream: await post("/stream/whole", { steps }),
    learnt: await post("/learn/whole", { examples, steps: 6 }),
  };

  await post("/stream/pieces", { steps: steps.slice(0, 9) });
  await post("/learn/pieces", { examples, steps: 4 });
  await restart();
  const { probabilities } = (await post("/stream/pieces", { steps: steps.slice(9) })) as { probabilities: number[][] };
  expect(whole.stream).toMatchObject({ probabilities: expect.arrayContaining(probabilities) });
  expect(await post("/learn/pieces", { steps: 2 })).toEqual(whole.learnt);
});

test("a client that hangs up in the middle changes nothing", async () => {
  const steps = gestures(1, 7)[0]!.sequence;
  const examples = gestures(8, 4);
  await post("/stream/cut", { steps });
  const progress = await post("/learn/cut", { examples, steps: 2 });
  await hangUp("/stream/cut", JSON.stringify({ steps }));
  await hangUp("/learn/cut", JSON.stringify({ examples, steps: 2 }));
  expect(await get("/stream/cut")).toEqual({ steps: steps.length });
  expect(await get("/learn/cut")).toEqual(progress);
});
