import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { adam, dense, gru, lstm, meanSquaredError, Network, type TrainingData } from "../bindings/index.ts";
import { numbers, stateOf } from "./support.ts";

const script = fileURLToPath(new URL("child/memory.ts", import.meta.url));

/** What memory.ts finds in a process of its own. */
async function measure<T>(mode: string, ...flags: string[]): Promise<T> {
  const args = ["--expose-gc", ...flags, "--import", "tsx", script, mode];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as T;
}

describe("steady state", () => {
  // Not optimised, so that the compiler's own data do not come and go in between.
  test.each([
    ["LSTM(128), from step 10 to step 1,000", "fit"],
    ["batches of other lengths each time, from step 40 to step 1,000", "ragged"],
  ])("%s: the core's memory does not grow, nor the heap by more than 64 KB", async (_, mode) => {
    const { heap, grown } = await measure<{ heap: number; grown: number }>(mode, "--no-opt", "--no-sparkplug");
    expect(grown).toBe(0);
    expect(heap).toBeLessThan(65536);
  });

  // The smallest object at each step would be 160 KB; below that is the compiler's, which works late on a busy machine.
  test("a step of a stream allocates nothing: less than 64 KB in 10,000 steps", async () => {
    const bytes = await measure<Record<string, number>>("stream");
    expect(Object.keys(bytes)).toEqual(["a token", "three tokens", "a vector", "three vectors"]);
    for (const used of Object.values(bytes)) expect(used).toBeLessThan(65536);
  });
});

test("a training step of 32 examples leaves the views by which their rows are copied, and its report: at most 12 KB", async () => {
  const spacious = ["--min-semi-space-size=128", "--max-semi-space-size=256"]; // no collection in between
  const bytes = await measure<Record<string, number>>("train", ...spacious);
  expect(Object.keys(bytes)).toEqual(["in order", "shuffled"]);
  for (const used of Object.values(bytes)) expect(used).toBeLessThan(12 * 1024);
});

describe("many networks", () => {
  const data: TrainingData = { inputs: numbers([4, 3, 2]), targets: numbers([4, 3, 2], 2) };
  const options = { loss: meanSquaredError(), optimizer: adam(), batchSize: 2 };
  const make = (seed: number) => new Network({ input: { features: 2 }, layers: [lstm(8), dense(2)], seed });
  const train = (net: Network) => [...net.train(data, options)].length;

  test("300, one after another, made and dropped", () => {
    for (let seed = 0; seed < 300; seed++) expect(train(make(seed))).toBe(2);
  });

  test("20 at a time, in turns, each as it would be alone", () => {
    const alone = Array.from({ length: 20 }, (_, seed) => {
      const net = make(seed);
      train(net);
      return stateOf(net);
    });
    const nets = alone.map((_, seed) => make(seed));
    const trainers = nets.map((net) => net.train(data, options));
    for (let step = 0; step < 2; step++) for (const trainer of trainers) trainer.next();
    expect(nets.map(stateOf)).toEqual(alone);
    expect(new Set(alone).size).toBe(20);
  });

  test("two of other sizes side by side, one growing its memory, do not touch each other", () => {
    const [small, large] = [make(1), new Network({ input: { features: 2 }, layers: [gru(8), dense(2)] })];
    const before = { state: stateOf(small), output: small.predict(data.inputs) };
    const stream = small.stream();
    stream.step(Float32Array.of(1, 2));
    const carried = stream.state.slice();
    large.forward(numbers([200, 50, 2]), { training: true });
    large.backward(numbers([200, 50, 2], 3));
    large.step(adam());
    expect(stateOf(small)).toBe(before.state);
    expect(small.predict(data.inputs)).toEqual(before.output);
    expect(stream.state).toEqual(carried);
  });
});

// A shell can limit addresses on Linux; V8 takes 10 GB of them for a memory.
test.runIf(process.platform === "linux")("without memory for another network: what to do, and it helps", async () => {
  const full = fileURLToPath(new URL("child/full.ts", import.meta.url));
  const command = `ulimit -v 120000000 && exec "${process.execPath}" --import tsx "${full}"`;
  const { stdout } = await promisify(execFile)("sh", ["-c", command]);
  const { networks, later, ...rest } = JSON.parse(stdout) as Record<"networks" | "later", number>;
  expect(networks).toBeGreaterThan(2);
  expect(later).toBe(2 * networks);
  expect(rest).toEqual({
    name: "RangeError",
    message: "no memory for another network: let go of networks that are no longer used",
    cause: expect.stringMatching(/memory/i) as string,
    stillRuns: true,
  });
});

test("the views of a parameter are of the memory of now, before and after it grew", () => {
  const net = new Network({ input: { features: 2 }, layers: [dense(2)] });
  const weight = net.parameter("dense.weight");
  const before = weight.value.slice();
  net.forward(numbers([500, 100, 2]));
  expect(weight.value).toEqual(before);
  weight.value[0] = 5;
  expect(net.parameters[0]!.value[0]).toBe(5);
  weight.value.set([1, 0, 0, 1]);
  net.parameter("dense.bias").value.fill(0);
  expect([...net.predict([[3, 4]]).data]).toEqual([3, 4]);
});
