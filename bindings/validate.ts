/** Checks of arguments. One message format: what, what was expected, what came, and the cure where it is not plain. */

import { whole } from "./whole.ts";

/** Sizes are i32 in the core. */
const LARGEST_INDEX = 0x7fffffff;

/** How a value is shown in a message, on one short line. */
export function show(value: unknown): string {
  if (!Array.isArray(value) || value.length > 8) return showItem(value);
  return `[${Array.from(value, showItem).join(", ")}]`;
}

function showItem(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "bigint") return `${String(value)}n`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${"length" in value ? String(value.length) : ""})`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function") return "a function";
  return String(value);
}

export function wrongType(name: string, expected: string, got: unknown): TypeError {
  return new TypeError(`"${name}" expected ${expected}, got ${show(got)}`);
}

export function wrongRange(name: string, expected: string, got: unknown): RangeError {
  return new RangeError(`"${name}" expected ${expected}, got ${show(got)}`);
}

export function expectType(condition: boolean, name: string, expected: string, got: unknown): asserts condition {
  if (!condition) throw wrongType(name, expected, got);
}

export function expectRange(condition: boolean, name: string, expected: string, got: unknown): asserts condition {
  if (!condition) throw wrongRange(name, expected, got);
}

export function expectInteger(name: string, value: unknown, low: number, high = LARGEST_INDEX): number {
  if (Number.isInteger(value) && (value as number) >= low && (value as number) <= high) return value as number;
  expectType(typeof value === "number", name, "a number", value);
  const open = high === LARGEST_INDEX && !(value > high);
  const bound = open ? `an integer of at least ${low}` : `an integer from ${low} to ${high}`;
  throw wrongRange(name, bound, value);
}

/** A finite number in [low, high], or [low, high) when `below`. */
export function expectNumber(
  name: string,
  value: unknown,
  low = -Infinity,
  high = Infinity,
  { below = false } = {},
): number {
  expectType(typeof value === "number", name, "a number", value);
  const inside = value >= low && (below ? value < high : value <= high);
  const from = low === -Infinity ? "" : ` of at least ${low}`;
  const to = high === Infinity ? "" : `${from && " and"} ${below ? "below" : "of at most"} ${high}`;
  expectRange(Number.isFinite(value) && inside, name, `a finite number${from}${to}`, value);
  return value;
}

/** A finite number above 0. */
export function expectPositive(name: string, value: unknown): number {
  expectType(typeof value === "number", name, "a number", value);
  expectRange(value > 0 && value < Infinity, name, "a finite number above 0", value);
  return value;
}

export function expectBoolean(name: string, value: unknown): boolean {
  expectType(typeof value === "boolean", name, "true or false", value);
  return value;
}

export function expectOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  const expected = `one of ${allowed.map(show).join(", ")}`;
  throw typeof value === "string" ? wrongRange(name, expected, value) : wrongType(name, expected, value);
}

/** An object whose keys are all known: a misspelt option must not be passed over in silence. */
export function expectOptions(where: string, options: unknown, known: readonly string[]): void {
  expectType(typeof options === "object" && options !== null && !Array.isArray(options), where, "an object", options);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const more = whole ? "" : '; other options need the whole library: import from "unrolled"';
    throw new TypeError(`${where}: unknown option "${key}"; known are ${known.join(", ")}${more}`);
  }
}

/** Quantiles of a distribution, each in (0, 1). @returns a copy */
export function expectQuantiles(quantiles: unknown): number[] {
  expectType(Array.isArray(quantiles), "quantiles", "an array of numbers", quantiles);
  expectRange(quantiles.length > 0, "quantiles", "at least one number", quantiles);
  return Array.from(quantiles, (value: unknown, i) => {
    const q = expectNumber(`quantiles[${i}]`, value, 0, 1);
    expectRange(q > 0 && q < 1, `quantiles[${i}]`, "a number between 0 and 1", q);
    return q;
  });
}
