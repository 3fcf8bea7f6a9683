/** The classic tasks, drawn from a seed: what networks with a memory are measured by since 1990. */

import { Random, tensor, type Tensor } from "../../bindings/index.ts";

/**
 * Adding problem (Hochreiter & Schmidhuber 1997, in the form of Le, Jaitly & Hinton 2015): `steps` numbers from [0, 1), beside each a
 * mark that is 1 at two of them, one in each half and 0 elsewhere. The target is the sum of the two.
 * @returns inputs (count, steps, 2), targets (count, 1)
 */
export function addingProblem(count: number, steps: number, seed: number): { inputs: Tensor; targets: Tensor } {
  const random = new Random(seed);
  const half = Math.floor(steps / 2);
  const inputs = new Float32Array(count * steps * 2);
  const targets = new Float32Array(count);
  for (let b = 0; b < count; b++) {
    const at = b * steps * 2;
    for (let t = 0; t < steps; t++) inputs[at + 2 * t] = random.uniform();
    for (const t of [random.integer(half), half + random.integer(steps - half)]) {
      inputs[at + 2 * t + 1] = 1;
      targets[b]! += inputs[at + 2 * t]!;
    }
  }
  return { inputs: tensor(inputs, [count, steps, 2]), targets: tensor(targets, [count, 1]) };
}

/**
 * Copying memory (Hochreiter & Schmidhuber 1997, in the form of Arjovsky, Shah & Bengio 2016): `length` symbols out of `symbols`, then
 * `blanks` blanks, of which the last is a sign to begin, then blanks while the symbols are to be repeated. Tokens: the symbols, then the
 * blank, then the sign. The targets are blanks up to and with the sign.
 * @returns inputs and targets (count, blanks + 2 · length)
 */
export function copyingMemory(
  count: number,
  { symbols, length, blanks }: { symbols: number; length: number; blanks: number },
  seed: number,
): { inputs: Tensor<Int32Array>; targets: Tensor<Int32Array> } {
  const random = new Random(seed);
  const steps = blanks + 2 * length;
  const [blank, sign] = [symbols, symbols + 1];
  const inputs = new Int32Array(count * steps).fill(blank);
  const targets = new Int32Array(count * steps).fill(blank);
  for (let b = 0; b < count; b++) {
    const begin = b * steps;
    for (let t = 0; t < length; t++) {
      inputs[begin + t] = random.integer(symbols);
      targets[begin + steps - length + t] = inputs[begin + t]!;
    }
    inputs[begin + steps - length - 1] = sign;
  }
  return { inputs: tensor(inputs, [count, steps]), targets: tensor(targets, [count, steps]) };
}

/** Temporal XOR (Elman 1990): two random bits and their exclusive or, and so on, one bit after another. */
export function temporalXor(bits: number, seed: number): Float32Array {
  const random = new Random(seed);
  const series = new Float32Array(bits);
  for (let t = 0; t < bits; t++) series[t] = t % 3 === 2 ? Number(series[t - 1] !== series[t - 2]) : random.integer(2);
  return series;
}

/** Consonant, vowel, interrupted, high, back, voiced: the features of Elman's letters. */
const letters: Readonly<Record<string, readonly number[]>> = {
  b: [1, 0, 1, 0, 0, 1],
  d: [1, 0, 1, 1, 0, 1],
  g: [1, 0, 1, 0, 1, 1],
  a: [0, 1, 0, 0, 1, 1],
  i: [0, 1, 0, 1, 0, 1],
  u: [0, 1, 0, 1, 1, 1],
};

/**
 * Letter sequences (Elman 1990): b, d and g in random order, b followed by a, d by ii, g by uuu.
 * @returns text, and its features (letters, 6)
 */
export function letterSequence(syllables: number, seed: number): { text: string; features: Tensor } {
  const random = new Random(seed);
  const text = Array.from({ length: syllables }, () => ["ba", "dii", "guuu"][random.integer(3)]!).join("");
  const features = Float32Array.from(Array.from(text).flatMap((letter) => letters[letter]!));
  return { text, features: tensor(features, [text.length, 6]) };
}

/** The arcs of the Reber grammar: from each node, the symbols and where they lead. */
const reberGraph: readonly (readonly (readonly [symbol: string, node: number])[])[] = [
  [["B", 1]],
  [["T", 2], ["P", 3]], // prettier-ignore
  [["S", 2], ["X", 4]], // prettier-ignore
  [["T", 3], ["V", 5]], // prettier-ignore
  [["X", 3], ["S", 6]], // prettier-ignore
  [["P", 4], ["V", 6]], // prettier-ignore
  [["E", 7]],
];
export const reberSymbols = "BTSXPVE";

/**
 * Embedded Reber grammar (Cleeremans, Servan-Schreiber & McClelland 1989; Hochreiter & Schmidhuber 1997): B, then T or P, a string of the
 * Reber grammar, the same T or P again, and E. Which of the two comes last but one, only the second symbol tells.
 * @returns the strings, and after each symbol but the last the symbols that may follow
 */
export function embeddedReber(count: number, seed: number): { text: string; followers: string[] }[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const outer = "TP"[random.integer(2)]!;
    let inner = "";
    const followers = ["TP", "B"];
    for (let node = 0; node < reberGraph.length;) {
      const arcs = reberGraph[node]!;
      const [symbol, next] = arcs[random.integer(arcs.length)]!;
      inner += symbol;
      node = next;
      followers.push(reberGraph[node]?.map(([follower]) => follower).join("") ?? outer);
    }
    return { text: `B${outer}${inner}${outer}E`, followers: [...followers, "E"] };
  });
}

/**
 * Mackey–Glass series (1977), dx/dt = 0.2·x(t − τ) / (1 + x(t − τ)¹⁰) − 0.1·x(t) with τ = 17, by Runge–Kutta of fourth order with 10
 * steps to a unit of time and the delayed value in the middle of a step interpolated. One number for a unit of time, after 1,000 of
 * them for the beginning to be forgotten, which is drawn around 1.2.
 */
export function mackeyGlass(steps: number, seed: number): Float32Array {
  const [perUnit, warmUp, tau] = [10, 1000, 17];
  const h = 1 / perUnit;
  const delay = tau * perUnit;
  const total = (steps + warmUp) * perUnit;
  const random = new Random(seed);
  const x = new Float64Array(delay + total + 1).fill(random.uniform(1.1, 1.3), 0, delay + 1);
  const slope = (now: number, then: number) => {
    const [p2, p4] = [then * then, then * then * then * then];
    return (0.2 * then) / (1 + p4 * p4 * p2) - 0.1 * now;
  };
  for (let n = delay; n < delay + total; n++) {
    const [now, begin, end] = [x[n]!, x[n - delay]!, x[n - delay + 1]!];
    const middle = (begin + end) / 2;
    const k1 = slope(now, begin);
    const k2 = slope(now + (h / 2) * k1, middle);
    const k3 = slope(now + (h / 2) * k2, middle);
    const k4 = slope(now + h * k3, end);
    x[n + 1] = now + (h / 6) * (k1 + 2 * k2 + 2 * k3 + k4);
  }
  return Float32Array.from({ length: steps }, (_, t) => x[delay + (t + warmUp) * perUnit]!);
}
