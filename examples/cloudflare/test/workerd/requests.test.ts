import { expect, test } from "vitest";
import { readBody } from "../../src/request.ts";
import { call } from "./client.ts";

const example = { sequence: [[0, 0, 1]], label: 0 };

test.each([
  ["GET", "/", 404, "there is no /: there are /predict, /stream/:id"],
  ["POST", "/predict/", 404, "there is no /predict/", {}],
  ["POST", "/stream", 404, "there is no /stream", {}],
  ["POST", "/stream/", 404, "there is no /stream/", {}],
  ["POST", "/stream/a/b", 404, "there is no /stream/a/b", {}],
  ["POST", "/stream/a%20b", 404, 'an id has 1 to 64 letters, digits, "-" or "_"', {}],
  ["POST", `/stream/${"a".repeat(65)}`, 404, "an id has 1 to 64 letters", {}],
  ["POST", "/learn/a/b", 404, "there is no /learn/a/b", {}],

  ["GET", "/predict", 405, "/predict takes POST, not GET"],
  ["PUT", "/stream/a", 405, "/stream/a takes GET, POST, DELETE, not PUT", {}],
  ["PATCH", "/learn/a", 405, "/learn/a takes GET, POST, DELETE, not PATCH", {}],
  ["DELETE", "/learn/a/predict", 405, "/learn/a/predict takes POST, not DELETE"],

  ["POST", "/predict", 400, "the body is not JSON: send an object"],
  ["POST", "/predict", 400, "the body is not JSON", '{"sequences": [[[0, 0'],
  ["POST", "/stream/a", 400, "the body is not JSON", "steps=1"],
  ["POST", "/learn/a", 400, "the body is not JSON", "\u0000"],

  ["POST", "/predict", 422, 'the body expected an object with "sequences", got []', []],
  ["POST", "/predict", 422, "the body expected an object", "null"],
  ["POST", "/predict", 422, '"sequences" expected an array of 1 to 64 sequences, got nothing', {}],
  ["POST", "/predict", 422, 'unknown member "sequence": give "sequences"', { sequence: [[0, 0, 1]] }],
  ["POST", "/predict", 422, '"sequences" expected an array of 1 to 64 sequences, got []', { sequences: [] }],
  ["POST", "/predict", 422, "1 to 64 sequences, got [[[0,0,1]]", { sequences: Array(65).fill([[0, 0, 1]]) }],
  ["POST", "/predict", 422, '"sequences[0]" expected an array of 1 to 128 steps, got []', { sequences: [[]] }],
  ["POST", "/predict", 422, "expected an array of 1 to 128 steps", { sequences: [Array(129).fill([0, 0, 1])] }],
  ["POST", "/predict", 422, '"sequences[0][0]" expected 3 numbers from -100 to 100, got 0', { sequences: [[0, 0, 1]] }],
  ["POST", "/predict", 422, '"sequences[0][0]" expected 3 numbers', { sequences: [[[0, 1]]] }],
  ["POST", "/predict", 422, '"sequences[0][0]" expected 3 numbers', { sequences: [[[0, 0, "1"]]] }],
  ["POST", "/predict", 422, '"sequences[0][0]" expected 3 numbers', { sequences: [[[0, 0, null]]] }],
  ["POST", "/predict", 422, '"sequences[0][0]" expected 3 numbers from -100 to 100', { sequences: [[[0, 0, 101]]] }],
  ["POST", "/predict", 422, '"sequences[0][0]" expected 3 numbers', '{"sequences": [[[0, 0, 1e999]]]}'],
  ["POST", "/predict", 422, 'unknown member "__proto__"', '{"__proto__": 1}'],

  ["POST", "/stream/a", 422, '"steps" expected an array of 1 to 128 steps, got nothing', {}],
  ["POST", "/stream/a", 422, '"steps[0]" expected 3 numbers', { steps: [0, 0, 1] }],
  ["POST", "/stream/a", 422, '"steps[1]" expected 3 numbers from -100 to 100, got [0]', { steps: [[0, 0, 1], [0]] }],

  ["POST", "/learn/a", 422, '"examples" expected some to learn from, because a has none yet', { steps: 1 }],
  ["POST", "/learn/a", 422, "expected an array of 1 to 64 examples, got null", { examples: null, steps: 1 }],
  ["POST", "/learn/a", 422, '"steps" expected an integer from 1 to 50, got nothing', { examples: [example] }],
  ["POST", "/learn/a", 422, '"steps" expected an integer from 1 to 50, got 0', { examples: [example], steps: 0 }],
  ["POST", "/learn/a", 422, '"steps" expected an integer from 1 to 50, got 51', { examples: [example], steps: 51 }],
  ["POST", "/learn/a", 422, '"steps" expected an integer', { examples: [example], steps: 1.5 }],
  ["POST", "/learn/a", 422, 'unknown member "rate"', { examples: [example], steps: 1, rate: 1 }],
  ["POST", "/learn/a", 422, '"examples[0].sequence" expected an array', { examples: [null], steps: 1 }],
  ["POST", "/learn/a", 422, "an integer from 0 to 3, got 4", { examples: [{ ...example, label: 4 }], steps: 1 }],
  ["POST", "/learn/a", 422, '"examples[0].label" expected', { examples: [{ sequence: [[0, 0, 1]] }], steps: 1 }],

  ["GET", "/learn/a", 404, "a has learnt nothing yet: POST examples to /learn/a"],
  ["POST", "/learn/a/predict", 404, "a has learnt nothing yet", { sequences: [[[0, 0, 1]]] }],
  ["POST", "/learn/a/predict", 422, '"sequences" expected an array', { sequences: 1 }],
])("%s %s: %i, %s", async (method, path, status, message, sent?: unknown) => {
  const answer = await call(method, path, sent);
  expect(answer).toMatchObject({ status, body: { error: expect.stringContaining(message) } });
  expect(answer.headers.get("content-type")).toBe("application/json");
});

test("a wrong method is told the right ones", async () => {
  const { headers } = await call("PUT", "/stream/a");
  expect(headers.get("allow")).toBe("GET, POST, DELETE");
});

const post = (body: BodyInit) => new Request("https://example.com", { method: "POST", body });

test("a body of 256 KB is read, a larger one is refused, and one without an end is not waited for", async () => {
  const text = JSON.stringify({ sequences: "" });
  const large = text.padEnd(256 * 1024);
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536)) });
  const refused = { status: 413, message: "a body has at most 262144 bytes: send less at a time" };
  expect(await readBody(post(large), ["sequences"])).toEqual({ sequences: "" });
  await expect(readBody(post(`${large} `), ["sequences"])).rejects.toMatchObject(refused);
  await expect(readBody(post(endless), ["sequences"])).rejects.toMatchObject(refused);
});

test("a body that is cut off is no fault of the Worker", async () => {
  const start = new TextEncoder().encode('{"sequences": [');
  const chunks = [start, new Error("the connection is gone")].values();
  const body = new ReadableStream({
    pull(controller) {
      const { value } = chunks.next();
      if (value instanceof Error) controller.error(value);
      else controller.enqueue(value);
    },
  });
  const refused = { status: 400, message: "the body was cut off: send it again" };
  await expect(readBody(post(body), ["sequences"])).rejects.toMatchObject(refused);
});
