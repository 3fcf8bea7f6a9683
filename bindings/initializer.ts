import type { Core, Pointer } from "./core/core.ts";
import { expectNumber, expectOneOf, expectOptions, expectRange, expectType } from "./validate.ts";

/**
 * How a matrix of weights starts. `uniform` and `normal` take their spread, `constant` its value, `orthogonal` and `identity`, for
 * matrices alone, a factor; the others work it out from the number of inputs (fanIn) and outputs (fanOut). One gate is treated as a
 * matrix of its own.
 */
export type Initializer =
  | { readonly type: "constant"; readonly value: number }
  | { readonly type: "uniform"; readonly limit: number }
  | { readonly type: "normal"; readonly deviation: number }
  | { readonly type: "orthogonal"; readonly gain: number }
  | { readonly type: "identity"; readonly gain: number }
  | { readonly type: SpreadType };

/** Scaled by fan: the variance of the weights is the number given, `uniform` with the limit √(3·variance). */
const spreads = {
  /** U(±1/√fanIn): PyTorch's Linear. */
  fanInUniform: { uniform: true, variance: (fanIn: number) => 1 / (3 * fanIn) },
  /** U(±1/√fanOut): PyTorch's RNN, LSTM and GRU, where fanOut is the hidden size. */
  fanOutUniform: { uniform: true, variance: (_: number, fanOut: number) => 1 / (3 * fanOut) },
  /** Glorot & Bengio 2010. */
  glorotUniform: { uniform: true, variance: (fanIn: number, fanOut: number) => 2 / (fanIn + fanOut) },
  glorotNormal: { uniform: false, variance: (fanIn: number, fanOut: number) => 2 / (fanIn + fanOut) },
  /** He et al. 2015, for relu. */
  heUniform: { uniform: true, variance: (fanIn: number) => 2 / fanIn },
  heNormal: { uniform: false, variance: (fanIn: number) => 2 / fanIn },
  /** LeCun et al. 1998. */
  lecunUniform: { uniform: true, variance: (fanIn: number) => 1 / fanIn },
  lecunNormal: { uniform: false, variance: (fanIn: number) => 1 / fanIn },
};

/** @inline */
type SpreadType = keyof typeof spreads;

const spreadNames = /*#__PURE__*/ Object.keys(spreads) as readonly SpreadType[];
const ownNames = ["constant", "uniform", "normal", "orthogonal", "identity"] as const;
const names = /*#__PURE__*/ [ownNames, spreadNames].flat();

/** All elements are `value`. */
export const constant = (value: number): Initializer => checkInitializer("constant", { type: "constant", value });
/** Uniform in [−limit, limit). */
export const uniform = (limit: number): Initializer => checkInitializer("uniform", { type: "uniform", limit });
/** Normal with mean 0 and the given standard deviation. */
export const normal = (deviation: number): Initializer => checkInitializer("normal", { type: "normal", deviation });
/** Rows or columns, whichever are fewer, are orthonormal times `gain` (Saxe, McClelland & Ganguli 2014). */
export const orthogonal = (gain = 1): Initializer => checkInitializer("orthogonal", { type: "orthogonal", gain });
/** `gain` on the diagonal, zeros beside it: for the recurrent weights of relu units (Le, Jaitly & Hinton 2015). */
export const identity = (gain = 1): Initializer => checkInitializer("identity", { type: "identity", gain });
/** U(±√(6/(fanIn + fanOut))), Glorot & Bengio 2010. */
export const glorotUniform = (): Initializer => Object.freeze({ type: "glorotUniform" });
/** N(0, 2/(fanIn + fanOut)), Glorot & Bengio 2010. */
export const glorotNormal = (): Initializer => Object.freeze({ type: "glorotNormal" });
/** U(±√(6/fanIn)), He et al. 2015. */
export const heUniform = (): Initializer => Object.freeze({ type: "heUniform" });
/** N(0, 2/fanIn), He et al. 2015. */
export const heNormal = (): Initializer => Object.freeze({ type: "heNormal" });
/** U(±√(3/fanIn)), LeCun et al. 1998. */
export const lecunUniform = (): Initializer => Object.freeze({ type: "lecunUniform" });
/** N(0, 1/fanIn), LeCun et al. 1998. */
export const lecunNormal = (): Initializer => Object.freeze({ type: "lecunNormal" });
/** U(±1/√fanIn): how PyTorch starts Linear; the default of dense. */
export const fanInUniform = (): Initializer => Object.freeze({ type: "fanInUniform" });
/** U(±1/√H): how PyTorch starts RNN, LSTM and GRU; the default of the recurrent layers. */
export const fanOutUniform = (): Initializer => Object.freeze({ type: "fanOutUniform" });

/** The numbers that an initializer takes, by type. */
const members: Readonly<Record<string, readonly string[]>> = {
  constant: ["value"],
  uniform: ["limit"],
  normal: ["deviation"],
  orthogonal: ["gain"],
  identity: ["gain"],
};

function checkInitializer(name: string, value: unknown): Initializer {
  expectType(typeof value === "object" && value !== null, name, "an initializer such as glorotUniform()", value);
  const given = value as Record<string, unknown>;
  const type = expectOneOf(`${name}.type`, given.type, names);
  expectOptions(name, value, ["type", ...(members[type] ?? [])]);
  const number = (key: string, low?: number) => expectNumber(`${name}.${key}`, given[key], low);
  if (type === "constant") return Object.freeze({ type, value: number("value") });
  if (type === "uniform") return Object.freeze({ type, limit: number("limit", 0) });
  if (type === "normal") return Object.freeze({ type, deviation: number("deviation", 0) });
  if (type === "orthogonal" || type === "identity") return Object.freeze({ type, gain: number("gain") });
  return Object.freeze({ type });
}

/** The same for an option that may be left out; one of a bias, which is a vector, takes no initializer of matrices. */
export function optionalInitializer(name: string, value: unknown): Initializer | undefined {
  if (value === undefined) return undefined;
  const checked = checkInitializer(name, value);
  const fits = name !== "biasInit" || !(checked.type === "orthogonal" || checked.type === "identity");
  expectRange(fits, `${name}.type`, "an initializer of vectors, such as constant(0)", checked.type);
  return checked;
}

/** Fills one matrix (fanOut, fanIn), or a vector that is counted as such, at an address of the core. */
export function initialize(core: Core, at: Pointer, n: number, fanIn: number, fanOut: number, how: Initializer): void {
  const { uniformArray, normalArray } = core.functions;
  if (how.type === "constant") core.view(at, n).fill(how.value);
  else if (how.type === "uniform") uniformArray(at, n, -how.limit, how.limit);
  else if (how.type === "normal") normalArray(at, n, 0, how.deviation);
  else if (how.type === "orthogonal") fillOrthogonal(core, at, fanOut, fanIn, how.gain);
  else if (how.type === "identity") {
    core.view(at, n).forEach((_, i, to) => (to[i] = Math.floor(i / fanIn) === i % fanIn ? how.gain : 0));
  } else {
    const { uniform: isUniform, variance } = spreads[how.type];
    const limit = Math.sqrt(3 * variance(fanIn, fanOut));
    if (isUniform) uniformArray(at, n, -limit, limit);
    else normalArray(at, n, 0, Math.sqrt(variance(fanIn, fanOut)));
  }
}

/** A random normal matrix (rows, columns), its shorter side made orthonormal by Gram–Schmidt, twice for exactness, in f64. */
function fillOrthogonal(core: Core, at: Pointer, rows: number, columns: number, gain: number): void {
  const count = Math.min(rows, columns);
  const length = Math.max(rows, columns);
  core.functions.normalArray(at, rows * columns, 0, 1);
  const flat = Float64Array.from(core.view(at, rows * columns));
  const vectors = Array.from({ length: count }, (_, i) => flat.subarray(i * length, (i + 1) * length));
  vectors.forEach((v, i) => {
    for (let pass = 0; pass < 2; pass++) {
      for (const u of vectors.slice(0, i)) addScaled(v, u, -dot(u, v));
      const norm = Math.sqrt(dot(v, v));
      v.forEach((x, k) => (v[k] = x / norm));
    }
  });
  const to = core.view(at, rows * columns);
  vectors.forEach((v, i) => {
    v.forEach((x, k) => (to[rows <= columns ? i * columns + k : k * columns + i] = gain * x));
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i]! += factor * b[i]!;
}
