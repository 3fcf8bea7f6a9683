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

/** How many factors `rate` it takes to reach `times`. */
function stepsTo(times: number, rate: number): number {
  let n = 1;
  for (let reach = rate; rate < 1 ? reach > times : reach < times; reach *= rate) n++;
  return n;
}

function againstVanishing({ description, steps }: Finding): string {
  const kept = 'keep it with activation: "relu" and recurrentInit: identity()';
  const bias = `forgetBias: ${logarithm(steps)}, about the logarithm of the steps`;
  switch (description.type) {
    case "lstm":
      return `open the forget gate at the start, with ${bias}`;
    case "gru":
      return `raise the update gate's part of bias_hh, the second third, to ${logarithm(steps)}, or use lstm() with ${bias}`;
    case "elman":
      if (description.activation === "relu") return "begin with recurrentInit: identity(), or use lstm()";
      if (description.activation === "sigmoid") return `the slope of sigmoid is at most 1/4: use lstm(), or ${kept}`;
      return `use lstm(), or ${kept}`;
    default:
      return 'raise "decay", or use lstm()';
  }
}

function againstExploding({ radii }: Finding): string {
  const [gate, radius] = Object.entries(radii).reduce((a, b) => (b[1] > a[1] ? b : a));
  const cure = "train with clipNorm: 1 and a lower learning rate";
  if (!(radius > 1)) return cure;
  const found = `the spectral radius of "${gate}" is ${radius.toPrecision(3)}, and above 1 the gradient can grow`;
  return `${cure}, and begin with smaller recurrent weights, such as recurrentInit: orthogonal(): ${found}`;
}

/** The natural logarithm of n, rounded up: a gate with this bias keeps 1 − 1/n of the state or more (Tallec & Ollivier 2018). */
function logarithm(n: number): number {
  let whole = 1;
  for (let reach = Math.E; reach < n; reach *= Math.E) whole++;
  return whole;
}
