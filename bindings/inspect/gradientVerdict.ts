import type { LayerDescription } from "../layers/index.ts";
import { power } from "../schedules/math.ts";

export type Verdict = "vanishing" | "healthy" | "exploding";

/** What may be left of the gradient, or what it may have grown to, from the last step of a sequence to the first. */
const [LEAST, MOST] = [1e-3, 1e3];

/** @param steps of the longest sequence */
export function judge(rate: number, steps: number): Verdict {
  const reach = power(rate, steps - 1);
  return reach < LEAST ? "vanishing" : reach > MOST ? "exploding" : "healthy";
}

interface Finding {
  readonly description: LayerDescription;
  readonly verdict: Verdict;
  readonly rate: number;
  readonly steps: number;
  readonly radii: Readonly<Record<string, number>>;
}

/** What was found, and the remedy. */
export function adviseOn(finding: Finding): string {
  const { verdict, rate, steps } = finding;
  if (verdict === "healthy") {
    return steps === 1 ? "it has one step: there is nothing to go back through" : "the gradient reaches the first step";
  }
  const { times, word } =
    verdict === "vanishing" ? { times: LEAST, word: "a thousandth" } : { times: MOST, word: "a thousandfold" };
  const n = stepsTo(times, rate);
  const found = `the gradient is ${word} after ${n} ${n === 1 ? "step" : "steps"} back`;
  return `${found}: ${verdict === "vanishing" ? againstVanishing(finding) : againstExploding(finding)}`;
}

/** The number of factors `rate` that reach `times`. */
function stepsTo(times: number, rate: number): number {
  let n = 1;
  for (let reach = rate; rate < 1 ? reach > times : reach < times; reach *= rate) n++;
  return n;
}

function againstVanishing({ description, steps }: Finding): string {
  if (description.type === "elman") {
    const carry = 'or keep it with activation: "relu" and recurrentInit: identity()';
    if (description.activation === "relu") {
      return "begin with recurrentInit: identity() and biasInit: constant(0), use a lower learning rate so that units stay alive, or lstm()";
    }
    if (description.activation === "sigmoid")
      return `the slope of sigmoid is 1/4 at most: use lstm() or gru() in its place, ${carry}`;
    return `use lstm() or gru() in its place, ${carry}`;
  }
  if (description.type === "lstm") {
    return `raise the bias of the forget gate, which is to keep the cell for so long, with forgetBias: ${logarithm(steps)} (the logarithm of the steps)`;
  }
  if (description.type === "gru") {
    return `raise the bias of the update gate (the second third of bias_hh) to about ${logarithm(steps)}, the logarithm of the steps, or use lstm() with forgetBias: ${logarithm(steps)}`;
  }
  return 'raise "decay" towards 1, or use lstm() or gru() in its place';
}

function againstExploding({ radii }: Finding): string {
  const [gate, radius] = Object.entries(radii).reduce((a, b) => (b[1] > a[1] ? b : a));
  const smaller =
    radius > 1
      ? `; begin with smaller recurrent weights, such as recurrentInit: orthogonal(): the spectral radius of "${gate}" is ${radius.toPrecision(3)}, and above 1 it lets the gradient grow`
      : "";
  return `train with clipNorm: 1 and a lower learning rate${smaller}`;
}

/** The natural logarithm of n, rounded up: the smallest whole bias whose sigmoid keeps at least 1 − 1/n of the state. */
function logarithm(n: number): number {
  let whole = 1;
  for (let reach = Math.E; reach < n; reach *= Math.E) whole++;
  return whole;
}
