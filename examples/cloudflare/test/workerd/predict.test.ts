import { expect, inject, test } from "vitest";
import { gestures, labels } from "../../gestures.js";
import { call } from "./client.ts";

const sequences = gestures(24, 3).map(({ sequence }) => sequence);

test("the probabilities are those of the library in Node, bit for bit", async () => {
  const { status, body } = await call("POST", "/predict", { sequences });
  expect(status).toBe(200);
  expect(body).toEqual({ labels, probabilities: inject("reference").predicted });
});

test("the largest request is taken", async () => {
  const sequence = Array.from({ length: 128 }, (_, t) => [100, -100, t % 100]);
  const { status, body } = await call("POST", "/predict", { sequences: Array(64).fill(sequence) });
  expect(status).toBe(200);
  const { probabilities } = body as { probabilities: number[][] };
  expect(probabilities).toHaveLength(64);
  expect(probabilities.flat().every((p) => p >= 0 && p <= 1)).toBe(true);
});
