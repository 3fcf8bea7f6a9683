/** Checks of arguments. One message format: what, what was expected, what came, and the cure where it is not plain. */

/** Sizes are i32 in the core. */
const LARGEST_INDEX = 0x7fffffff;

/** How a value is shown in a message. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return value.length > 8 ? `an array of ${value.length}` : `[${value.map(show).join(", ")}]`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${"length" in value ? String(value.length) : ""})`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function") return "a function";
  return String(value);
}

export function expectType(condition: boolean, name: string, expected: string, got: unknown): asserts condition {
  if (!condition) throw new TypeError(`"${name}" expected ${expected}, got ${show(got)}`);
}

export function expectRange(condition: boolean, name: string, expected: string, got: unknown): asserts condition {
  if (!condition) throw new RangeError(`"${name}" expected ${expected}, got ${show(got)}`);
}

export function expectInteger(name: string, value: unknown, low: number, high = LARGEST_INDEX): number {
  expectType(typeof value === "number", name, "a number", value);
  const bound = high === LARGEST_INDEX ? `an integer of at least ${low}` : `an integer from ${low} to ${high}`;
  expectRange(Number.isInteger(value) && value >= low && value <= high, name, bound, value);
  return value;
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
  const limits = [
    ...(low === -Infinity ? [] : [`of at least ${low}`]),
    ...(high === Infinity ? [] : [`${below ? "below" : "of at most"} ${high}`]),
  ].join(" and ");
  expectRange(Number.isFinite(value) && inside, name, `a finite number ${limits}`.trimEnd(), value);
  return value;
}

export function expectBoolean(name: string, value: unknown): boolean {
  expectType(typeof value === "boolean", name, "true or false", value);
  return value;
}

export function expectOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  expectRange(found !== undefined, name, `one of ${allowed.map(show).join(", ")}`, value);
  return found;
}

/** An object whose keys are all known: a misspelt option must not be passed over in silence. */
export function expectOptions(where: string, options: unknown, known: readonly string[]): void {
  expectType(typeof options === "object" && options !== null && !Array.isArray(options), where, "an object", options);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`${where}: unknown option "${key}"; known are ${known.join(", ")}`);
  }
}
