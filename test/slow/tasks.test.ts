/** That the tasks are what they are called. */

import { expect, test } from "vitest";
import { addingProblem, copyingMemory, embeddedReber, letterSequence, mackeyGlass, temporalXor } from "./tasks.ts";
import { meanOf } from "./proof.ts";

test("adding problem: a mark in each half, the target is the sum of the marked", () => {
  const { inputs, targets } = addingProblem(50, 9, 1);
  for (let b = 0; b < 50; b++) {
    const steps = Array.from({ length: 9 }, (_, t) => [...inputs.data.subarray((b * 9 + t) * 2, (b * 9 + t) * 2 + 2)]);
    const marked = [...steps.keys()].filter((t) => steps[t]![1] === 1);
    expect(marked).toHaveLength(2);
    expect(marked[0]).toBeLessThan(4);
    expect(marked[1]).toBeGreaterThanOrEqual(4);
    expect(targets.data[b]).toBeCloseTo(
      steps.reduce((sum, [x = 0, mark = 0]) => sum + x * mark, 0),
      5,
    );
    for (const [x] of steps) expect(x).toBeLessThan(1);
  }
});

test("copying memory: 3 of 4 symbols, 5 blanks, the sign is the last of them", () => {
  const { inputs, targets } = copyingMemory(20, { symbols: 4, length: 3, blanks: 5 }, 1);
  for (let b = 0; b < 20; b++) {
    const [x, y] = [inputs, targets].map(({ data }) => [...data.subarray(b * 11, b * 11 + 11)]);
    const symbols = x!.slice(0, 3);
    expect(symbols.every((symbol) => symbol < 4)).toBe(true);
    expect(x).toEqual([...symbols, 4, 4, 4, 4, 5, 4, 4, 4]);
    expect(y).toEqual([4, 4, 4, 4, 4, 4, 4, 4, ...symbols]);
  }
});

test("temporal XOR: each third bit is that of the two before", () => {
  const bits = temporalXor(3_000, 1);
  for (let t = 2; t < 3_000; t += 3) expect(bits[t]).toBe(Number(bits[t - 1] !== bits[t - 2]));
  expect(meanOf(bits)).toBeCloseTo(0.5, 1);
});

test("letter sequences: ba, dii, guuu", () => {
  const { text, features } = letterSequence(100, 1);
  expect(text).toMatch(/^(ba|dii|guuu){100}$/);
  expect(features.shape).toEqual([text.length, 6]);
  const vectors = Array.from(text, (_, t) => [...features.data.subarray(t * 6, t * 6 + 6)].join(""));
  expect(new Set(vectors).size).toBe(6);
  expect(vectors[text.indexOf("a")]).toBe("010011");
});

test("embedded Reber grammar: as its regular expression has it, and whatever follows may follow", () => {
  const tail = "(XT*VP)*(S|XT*VV)";
  const grammar = new RegExp(`^B([TP])B(TS*X${tail}|PT*V(V|P${tail}))E\\1E$`);
  const strings = embeddedReber(500, 1);
  for (const { text, followers } of strings) {
    expect(text).toMatch(grammar);
    expect(followers).toHaveLength(text.length - 1);
    Array.from(text.slice(1)).forEach((symbol, t) => expect(followers[t]).toContain(symbol));
    expect(followers.slice(-2)).toEqual([text[1], "E"]);
  }
  expect(new Set(strings.map(({ text }) => text.length)).size).toBeGreaterThan(10);
});

test("Mackey–Glass: the range of its attractor, and no period", () => {
  const series = mackeyGlass(3_000, 1);
  expect(Math.min(...series)).toBeGreaterThan(0.2);
  expect(Math.min(...series)).toBeLessThan(0.5);
  expect(Math.max(...series)).toBeGreaterThan(1.25);
  expect(Math.max(...series)).toBeLessThan(1.35);
  for (let lag = 10; lag < 1_000; lag++) {
    const differences = Array.from({ length: 1_000 }, (_, t) => Math.abs(series[t]! - series[t + lag]!));
    expect(meanOf(differences)).toBeGreaterThan(0.02);
  }
});
