import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, inject, test } from "vitest";
import { gestures, labels } from "../../gestures.js";
import type { StreamState } from "../../src/stream.ts";
import { call } from "./client.ts";

const steps = gestures(24, 3)[0]!.sequence;
const reference = inject("reference");

/** What is stored of a stream. */
function stored(id: string): Promise<StreamState | undefined> {
  return runInDurableObject(env.STREAMS.getByName(id), (_, { storage }) => storage.kv.get<StreamState>("state"));
}

async function post(id: string, some: number[][]): Promise<{ steps: number; probabilities: number[][] }> {
  const { status, body } = await call("POST", `/stream/${id}`, { steps: some });
  expect(status).toBe(200);
  return body as { steps: number; probabilities: number[][] };
}

test("the outputs and the state are those of the library in Node, bit for bit", async () => {
  expect(await post("whole", steps)).toEqual({ labels, steps: steps.length, probabilities: reference.streamed });
  expect([...(await stored("whole"))!.snapshot]).toEqual(reference.snapshot);
});

test("the state is carried from request to request, and survives eviction", async () => {
  const outputs: number[][] = [];
  const objects = new Set<object>();
  for (let at = 0; at < steps.length; at += 5) {
    outputs.push(...(await post("pieces", steps.slice(at, at + 5))).probabilities);
    await runInDurableObject(env.STREAMS.getByName("pieces"), (object) => objects.add(object));
    await abortAllDurableObjects();
  }
  expect(objects.size).toBe(Math.ceil(steps.length / 5)); // each request has had an object of its own
  expect(outputs).toEqual(reference.streamed);
  expect([...(await stored("pieces"))!.snapshot]).toEqual(reference.snapshot);
  expect((await call("GET", "/stream/pieces")).body).toEqual({ steps: steps.length });
});

test("each id has a state of its own", async () => {
  for (const [t, step] of steps.entries()) {
    await post("one", [step]);
    await post("two", [steps.at(-1 - t)!]);
  }
  expect([...(await stored("one"))!.snapshot]).toEqual(reference.snapshot);
  expect([...(await stored("two"))!.snapshot]).not.toEqual(reference.snapshot);
});

test("GET tells the steps so far, DELETE forgets them", async () => {
  expect((await call("GET", "/stream/gone")).body).toEqual({ steps: 0 });
  await post("gone", steps.slice(0, 7));
  expect((await call("GET", "/stream/gone")).body).toEqual({ steps: 7 });
  expect(await call("DELETE", "/stream/gone")).toMatchObject({ status: 204, body: undefined });
  expect((await call("GET", "/stream/gone")).body).toEqual({ steps: 0 });
  expect((await post("gone", steps)).probabilities).toEqual(reference.streamed);
});

test("requests at the same time are taken one after another", async () => {
  const parts = Array.from({ length: 8 }, (_, i) => steps.slice(i * 2, i * 2 + 1 + (i % 3)));
  const answers = await Promise.all(parts.map(async (part) => ({ part, ...(await post("many", part)) })));
  const order = answers.toSorted((a, b) => a.steps - b.steps);
  for (const { part, ...answer } of order) expect(await post("serial", part)).toEqual(answer);
  expect(await stored("many")).toEqual(await stored("serial"));
});

test("a request that fails half-way leaves the state before", async () => {
  await post("fails", steps.slice(0, 9));
  const before = await stored("fails");
  await runInDurableObject(env.STREAMS.getByName("fails"), (object) => {
    expect(() => object.step([...steps.slice(9, 12), [1, 2]])).toThrow(RangeError);
  });
  expect(await stored("fails")).toEqual(before);
  expect((await post("fails", steps.slice(9))).probabilities).toEqual(reference.streamed.slice(9));
});
