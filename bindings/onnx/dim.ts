/** Sizes that may be open: a graph has a batch and a time whose sizes come with the data. */

/** A product of a number and of named sizes, sorted. */
export interface OpenDim {
  readonly factor: number;
  readonly names: readonly string[];
}

/** A size, or a number computed from sizes. */
export type Dim = number | OpenDim;

/** Longer products are taken for unknown. */
const LONGEST = 8;

/** The size of a name. */
export function openDim(name: string): Dim {
  return { factor: 1, names: [name] };
}

export function isKnown(dim: Dim | undefined): dim is number {
  return typeof dim === "number";
}

function make(factor: number, names: readonly string[]): Dim | undefined {
  if (!Number.isSafeInteger(factor) || names.length > LONGEST) return undefined;
  return names.length === 0 || factor === 0 ? factor : { factor, names };
}

const factorOf = (dim: Dim) => (isKnown(dim) ? dim : dim.factor);
const namesOf = (dim: Dim) => (isKnown(dim) ? [] : dim.names);

/** The product; undefined if it cannot be told. */
export function times(a: Dim | undefined, b: Dim | undefined): Dim | undefined {
  if (a === undefined || b === undefined) return undefined;
  return make(factorOf(a) * factorOf(b), [...namesOf(a), ...namesOf(b)].sort());
}

/** The quotient where it is whole; undefined if it cannot be told. */
export function over(a: Dim | undefined, b: Dim | undefined): Dim | undefined {
  if (a === undefined || b === undefined || factorOf(b) === 0 || factorOf(a) % factorOf(b) !== 0) return undefined;
  const names = [...namesOf(a)];
  for (const name of namesOf(b)) {
    const at = names.indexOf(name);
    if (at < 0) return undefined;
    names.splice(at, 1);
  }
  return make(factorOf(a) / factorOf(b), names);
}

export function sameDim(a: Dim | undefined, b: Dim | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return factorOf(a) === factorOf(b) && namesOf(a).join("\0") === namesOf(b).join("\0");
}

export function productOf(dims: readonly Dim[]): Dim | undefined {
  return dims.reduce<Dim | undefined>(times, 1);
}

export function showDims(dims: readonly (Dim | undefined)[]): string {
  return `[${dims.map((dim) => (dim === undefined ? "?" : isKnown(dim) ? String(dim) : showOpen(dim))).join(", ")}]`;
}

function showOpen({ factor, names }: OpenDim): string {
  return [...(factor === 1 ? [] : [factor]), ...names].join("·");
}
