/** One case of a folder of vectors as the runners see it: its options, its tensors, and what has been compared. */

import type { Golden, GoldenCase, GoldenTensor } from "../golden.ts";

/** The library that is put to the test. */
export type Library = typeof import("../../bindings/index.ts");

/** Thrown where a case asks for what the library does not have; the text says what. */
export class Skip extends Error {}

/** Bounds of |got − expected| / (1 + |expected|). */
const VALUE = 1e-5;
/** For weights after a training run. */
export const TRAINED = 1e-4;

/** The value that is furthest from what was expected. */
interface Worst {
  readonly what: string;
  readonly place: string;
  readonly got: number;
  readonly expected: number;
  readonly error: number;
}

/** What has been compared, and how far off it was. */
export class Comparison {
  #furthest: Worst | undefined;
  #worst = 0;
  #values = 0;
  #wrong = 0;

  compareNumbers(
    what: string,
    got: ArrayLike<number>,
    expected: ArrayLike<number>,
    { tolerance = VALUE, shape = [expected.length] }: { tolerance?: number; shape?: readonly number[] } = {},
  ): void {
    if (got.length !== expected.length) {
      throw new Error(`${what}: got ${got.length} numbers, expected ${expected.length}`);
    }
    for (let k = 0; k < expected.length; k++) {
      const error = errorOf(got[k]!, expected[k]!);
      this.#values++;
      if (error <= tolerance) {
        this.#worst = Math.max(this.#worst, error);
        continue;
      }
      this.#wrong++;
      if (this.#furthest && (Number.isNaN(this.#furthest.error) || error <= this.#furthest.error)) continue;
      this.#furthest = { what, place: placeOf(k, shape), got: got[k]!, expected: expected[k]!, error };
    }
  }

  /** Largest |got − expected| / (1 + |expected|) of the values that are right. */
  get worst(): number {
    return this.#worst;
  }

  /** What is wrong, or undefined. */
  get failure(): string | undefined {
    if (this.#values === 0) return "nothing was compared";
    if (!this.#furthest) return undefined;
    const { what, place, got, expected } = this.#furthest;
    return `${what}${place}: got ${got}, expected ${expected} (${this.#wrong} of ${this.#values} values differ)`;
  }
}

export class Case extends Comparison {
  readonly id: string;
  readonly kind: string;
  readonly options: Options;
  /** The line of the manifest; where something else than options stands, such as `lrs`. */
  readonly entry: Options;
  readonly #golden: Golden;
  readonly #roles: ReadonlySet<string>;
  readonly #used = new Set<string>();

  constructor(golden: Golden, line: GoldenCase) {
    super();
    this.id = line.id;
    this.kind = line.kind;
    this.options = new Options(line.config);
    this.entry = new Options(line);
    this.#golden = golden;
    this.#roles = new Set(line.tensors);
  }

  has(role: string): boolean {
    return this.#roles.has(role);
  }

  /** A tensor of the case. @throws Error when there is none of that role */
  tensor(role: string): GoldenTensor {
    this.#used.add(role);
    return this.shared(this.id, role);
  }

  tensorIfAny(role: string): GoldenTensor | undefined {
    return this.has(role) ? this.tensor(role) : undefined;
  }

  /** A tensor that cases have in common. @throws Error when there is none */
  shared(group: string, role: string): GoldenTensor {
    const found = this.sharedIfAny(group, role);
    if (!found) throw new Error(`there is no tensor "${group}/${role}"`);
    return found;
  }

  sharedIfAny(group: string, role: string): GoldenTensor | undefined {
    return this.#golden.tensor(group, role);
  }

  /** Compares numbers, in the order of the file, with a tensor of the case; `what` is how a report names them. */
  compare(role: string, got: ArrayLike<number>, { tolerance = VALUE, what = role } = {}): void {
    const { data, shape } = this.tensor(role);
    this.compareNumbers(what, got, data, { tolerance, shape });
  }

  /** The same where the case has such a tensor. */
  compareIfAny(role: string, got: ArrayLike<number>, options: { tolerance?: number; what?: string } = {}): void {
    if (this.has(role)) this.compare(role, got, options);
  }

  /** A role that no runner has read or compared; PyTorch's own float32 results are there to be looked at only. */
  get unused(): string | undefined {
    return [...this.#roles].find((role) => !this.#used.has(role) && !role.startsWith("f32."));
  }
}

/** |got − expected| / (1 + |expected|); infinities that agree, and NaN where NaN is expected, are no error. */
function errorOf(got: number, expected: number): number {
  return Object.is(got, expected) ? 0 : Math.abs(got - expected) / (1 + Math.abs(expected));
}

/** Place of element k in a shape, as "[2, 0, 1]". */
function placeOf(k: number, shape: readonly number[]): string {
  const place: number[] = [];
  for (let rest = k, axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return shape.length === 0 ? "" : `[${place.join(", ")}]`;
}

/** Options as JSON gives them: null is the same as not there, and a value of another kind is one the runner does not know. */
export class Options {
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(values: object) {
    this.#values = new Map<string, unknown>(Object.entries(values));
  }

  /** Of those that are there. */
  get names(): readonly string[] {
    return [...this.#values.keys()].filter((name) => this.get(name) !== undefined);
  }

  get(name: string): unknown {
    return this.#values.get(name) ?? undefined;
  }

  /** @throws Skip for an option that is not one of these */
  expectKnown(known: readonly string[]): void {
    const stranger = this.names.find((name) => !known.includes(name));
    if (stranger !== undefined) throw new Skip(`option ${stranger}`);
  }

  number(name: string): number | undefined {
    return this.#read(name, isNumber);
  }

  flag(name: string): boolean | undefined {
    return this.#read(name, (value) => typeof value === "boolean");
  }

  text(name: string): string | undefined {
    return this.#read(name, (value) => typeof value === "string");
  }

  numbers(name: string): readonly number[] | undefined {
    return this.#read(name, (value): value is readonly number[] => Array.isArray(value) && value.every(isNumber));
  }

  object(name: string): Options {
    return new Options(this.#read(name, (value): value is object => typeof value === "object") ?? {});
  }

  #read<T>(name: string, isRight: (value: unknown) => value is T): T | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!isRight(value)) throw new Skip(`${name} ${JSON.stringify(value)}`);
    return value;
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
