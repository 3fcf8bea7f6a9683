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
