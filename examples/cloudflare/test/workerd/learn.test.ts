import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, inject, test } from "vitest";
import { gestures, labels, type Example } from "../../gestures.js";
import type { Progress, Run } from "../../src/learner.ts";
import { call } from "./client.ts";

const examples = gestures(24, 3);
const others = gestures(8, 4);
const sequences = examples.map(({ sequence }) => sequence);
const reference = inject("reference");

function stored(id: string): Promise<Run | undefined> {
  return runInDurableObject(env.LEARNERS.getByName(id), (_, { storage }) => storage.kv.get<Run>("run"));
}

async function checkpoint(id: string): Promise<number[]> {
  return [...(await stored(id))!.checkpoint];
}

async function post(id: string, request: { examples?: Example[]; steps: number }): Promise<Progress> {
  const { status, body } = await call("POST", `/learn/${id}`, request);
  expect(status).toBe(200);
  return body as Progress;
}

async function predict(path: string, some: number[][][]): Promise<number[][]> {
  const { status, body } = await call("POST", path, { sequences: some });
  expect(status).toBe(200);
  return (body as { probabilities: number[][] }).probabilities;
}

test("ten steps are those of the library in Node, bit for bit", async () => {
  const progress = { steps: 10, loss: reference.learnt.loss };
  expect(await post("whole", { examples, steps: 10 })).toEqual(progress);
  expect((await call("GET", "/learn/whole")).body).toEqual(progress);
  expect(await checkpoint("whole")).toEqual(reference.learnt.checkpoint);
});

test("ten steps in five requests, with an eviction after each, give the same bytes", async () => {
  const objects = new Set<object>();
  for (let i = 0; i < 5; i++) {
    const withExamples = i % 2 === 0; // equal ones and none at all go on alike
    const { steps } = await post("pieces", { ...(withExamples && { examples }), steps: 2 });
    expect(steps).toBe(2 * i + 2);
    await runInDurableObject(env.LEARNERS.getByName("pieces"), (object) => objects.add(object));
    await abortAllDurableObjects();
  }
  expect(objects.size).toBe(5);
  expect(await checkpoint("pieces")).toEqual(reference.learnt.checkpoint);
  expect((await call("GET", "/learn/pieces")).body).toEqual({ steps: 10, loss: reference.learnt.loss });
});

test("requests at the same time are taken one after another", async () => {
  const progress = await Promise.all(Array.from({ length: 5 }, () => post("many", { examples, steps: 2 })));
  expect(progress.map(({ steps }) => steps).sort((a, b) => a - b)).toEqual([2, 4, 6, 8, 10]);
  expect(await checkpoint("many")).toEqual(reference.learnt.checkpoint);
});

test("learners side by side do not mix", async () => {
  for (let i = 0; i < 5; i++) {
    await post("one", { examples, steps: 2 });
    await post("two", { examples: others, steps: 2 });
  }
  expect(await checkpoint("one")).toEqual(reference.learnt.checkpoint);
});

test("the learnt network predicts as in Node, and the one that came with the Worker is as before", async () => {
  await post("knows", { examples, steps: 10 });
  await abortAllDurableObjects();
  const { body } = await call("POST", "/learn/knows/predict", { sequences });
  expect(body).toEqual({ labels, probabilities: reference.learnt.predicted });
  expect(await predict("/predict", sequences)).toEqual(reference.predicted);
});

test("with other examples a run begins from what was learnt", async () => {
  await post("other", { examples, steps: 10 });
  expect(await post("other", { examples: others, steps: 3 })).toEqual({ steps: 13, loss: reference.relearnt.loss });
  expect(await checkpoint("other")).toEqual(reference.relearnt.checkpoint);
  expect(await predict("/learn/other/predict", sequences)).toEqual(reference.relearnt.predicted);
});

test("it learns its owner's habits: a sensor worn with x and y swapped", async () => {
  const swapped = (some: Example[]) =>
    some.map(({ sequence, label }) => ({ sequence: sequence.map(([x = 0, y = 0, z = 0]) => [y, x, z]), label }));
  const unseen = swapped(gestures(64, 6));
  const right = async (path: string) => {
    const all = await predict(
      path,
      unseen.map(({ sequence }) => sequence),
    );
    return all.filter((one, i) => one.indexOf(Math.max(...one)) === unseen[i]!.label).length;
  };
  expect(await right("/predict")).toBeLessThan(40);
  for (let i = 0; i < 3; i++) await post("owner", { examples: swapped(gestures(64, 5)), steps: 50 });
  expect(await right("/learn/owner/predict")).toBeGreaterThan(55);
});

test("the largest request is taken", async () => {
  const largest = Array.from({ length: 64 }, (_, i) => ({
    sequence: Array.from({ length: 128 }, (_, t) => [100, -100, (i + t) % 100]),
    label: i % 4,
  }));
  const { steps, loss } = await post("large", { examples: largest, steps: 50 });
  expect(steps).toBe(50);
  expect(loss).toBeLessThan(10);
});

test("DELETE forgets", async () => {
  await post("gone", { examples: others, steps: 1 });
  expect(await call("DELETE", "/learn/gone")).toMatchObject({ status: 204, body: undefined });
  expect((await call("GET", "/learn/gone")).status).toBe(404);
  await post("gone", { examples, steps: 10 });
  expect(await checkpoint("gone")).toEqual(reference.learnt.checkpoint);
});

test("a request that fails half-way leaves the run before", async () => {
  await post("fails", { examples, steps: 4 });
  const before = await stored("fails");
  const broken = [...examples, { sequence: [[3e38, -3e38, 3e38]], label: 0 }];
  await runInDurableObject(env.LEARNERS.getByName("fails"), (object) => {
    expect(() => object.learn(broken, 2)).toThrow("is not finite at step 2");
  });
  expect(await stored("fails")).toEqual(before);
  await post("fails", { steps: 6 });
  expect(await checkpoint("fails")).toEqual(reference.learnt.checkpoint);
});
