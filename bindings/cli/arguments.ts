/** Values of options: each function makes a parser that commander calls, and whose error it shows with the option. */

import { InvalidArgumentError } from "commander";

type Parser = (text: string) => number;

const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** Whole numbers from `low` on. */
export function integer(low: number, high = 0x7fffffff): Parser {
  const expected = `It must be a whole number of at least ${low}.`;
  return parser(expected, (value) => Number.isInteger(value) && value >= low && value <= high);
}

/** Numbers in [low, high]; `below`: less than `high`; `above`: more than `low`. */
export function number(low: number, high = Infinity, { above = false, below = false } = {}): Parser {
  const lower = above ? `above ${low}` : `of at least ${low}`;
  const upper = below ? `below ${high}` : `of at most ${high}`;
  const expected = `It must be a number ${lower}${high === Infinity ? "" : ` and ${upper}`}.`;
  return parser(expected, (value) => {
    return Number.isFinite(value) && (above ? value > low : value >= low) && (below ? value < high : value <= high);
  });
}

function parser(expected: string, fits: (value: number) => boolean): Parser {
  return (text) => {
    const value = DECIMAL.test(text) ? Number(text) : NaN;
    if (fits(value)) return value;
    throw new InvalidArgumentError(expected);
  };
}

/** Names with commas between them. */
export function names(text: string): readonly string[] {
  const list = text.split(",").map((name) => name.trim());
  if (list.every((name) => name !== "")) return [...new Set(list)];
  throw new InvalidArgumentError("It must be names with commas between them.");
}

/** Quantiles with commas between them, in order; 0.5, the forecast itself, is always among them. */
export function quantiles(text: string): readonly number[] {
  const list = text.split(",").map((one) => (DECIMAL.test(one.trim()) ? Number(one) : NaN));
  if (list.every((q) => q > 0 && q < 1)) return [...new Set([...list, 0.5])].sort((a, b) => a - b);
  throw new InvalidArgumentError("They must be numbers above 0 and below 1, with commas between them.");
}

/** One character, or \t. */
export function character(text: string): string {
  const one = text === "\\t" ? "\t" : text;
  if (/^[^"\r\n]$/.test(one)) return one;
  throw new InvalidArgumentError("It must be one character that is no quotation mark, or \\t.");
}
