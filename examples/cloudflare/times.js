// How long the Worker takes in workerd on this machine: to start, to answer its first request, and to answer later ones.
import { Miniflare } from "miniflare";
import { bundle, serve } from "./bundle.js";
import { gestures } from "./gestures.js";

const REPEATS = 100;

const some = gestures(24, 3);
const longest = Array.from({ length: 64 }, (_, i) => ({
  sequence: Array.from({ length: 128 }, (_, t) => [t % 2, i % 3, 1]),
  label: i % 4,
}));
/** @param {import("./gestures.js").Example[]} examples */
const sequencesOf = (examples) => examples.map(({ sequence }) => sequence);

const requests = [
  { title: "classify 1 gesture", path: "/predict", body: { sequences: sequencesOf(gestures(1, 1)) } },
  { title: "classify 64 of 128 steps", path: "/predict", body: { sequences: sequencesOf(longest) } },
  { title: "stream 1 step", path: "/stream/a", body: { steps: [[0, 0, 1]] } },
  { title: "stream 128 steps", path: "/stream/a", body: { steps: longest[0]?.sequence } },
  { title: "learn 1 step, 24 gestures", path: "/learn/a", body: { examples: some, steps: 1 } },
  { title: "learn 50 steps, 24 gestures", path: "/learn/b", body: { examples: some, steps: 50 } },
  { title: "learn 50 steps, 64 of 128 steps", path: "/learn/c", body: { examples: longest, steps: 50 } },
];

/** Milliseconds. @param {() => Promise<unknown>} work */
async function time(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** @param {URL} url @param {{ path: string, body: object }} request */
async function ask(url, { path, body }) {
  const response = await fetch(new URL(path, url), { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${text}`);
}

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** @param {string} title @param {...(number | string)} columns */
function print(title, ...columns) {
  const texts = columns.map((column) => (typeof column === "number" ? column.toFixed(1) : column).padStart(10));
  console.log(title.padEnd(36) + texts.join(""));
}

/** @param {URL} url @param {{ title: string, path: string, body: object }} request */
async function report(url, request) {
  const first = await time(() => ask(url, request));
  const later = [];
  for (let i = 0; i < REPEATS; i++) later.push(await time(() => ask(url, request)));
  print(request.title, first, median(later));
}

print("ms", "first", "later");

// First, so that this process is warm when the other is measured.
const empty = new Miniflare({ cf: false, modules: true, script: "export default { fetch: () => new Response() };" });
print("start workerd, an empty Worker", await time(() => empty.ready));
await report(await empty.ready, { title: "an empty Worker", path: "/", body: {} });
await empty.dispose();

const { folder } = bundle();
const start = performance.now();
const { url, stop } = await serve(folder);
print("start workerd, this Worker", performance.now() - start);
for (const request of requests) await report(url, request);
await stop();
