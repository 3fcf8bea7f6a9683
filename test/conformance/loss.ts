/** Kind loss: the loss of given outputs and its gradient by them. */

import type { Loss, Targets } from "../../bindings/index.ts";
import type { GoldenTensor } from "../golden.ts";
import { asRows, moveAxis, product, toIndices, toTensor } from "./axes.ts";
import { type Case, type Library, Skip } from "./case.ts";

interface Entry {
  /** Options beside the common ones. */
  readonly options?: readonly string[];
  readonly run: (library: Library, c: Case, name: string) => void;
}

const common = ["loss", "reduction", "weight", "f32", "note"];
const elementwise: Entry["run"] = (library, c, name) => runElementwise(library, c, name);
const entries: Readonly<Record<string, Entry>> = {
  mse: { run: elementwise },
  l1: { run: elementwise },
  huber: { options: ["delta"], run: elementwise },
  smooth_l1: { options: ["beta"], run: elementwise },
  bce: { run: elementwise },
  bce_with_logits: { options: ["pos_weight"], run: elementwise },
  kl_div: { options: ["log_target"], run: elementwise },
  cross_entropy: { options: ["label_smoothing", "ignore_index", "soft_target", "layout"], run: runClasses },
  nll: { options: ["ignore_index", "layout"], run: runClasses },
  ctc: { options: ["blank", "zero_infinity", "input_lengths", "target_lengths"], run: runCtc },
};

export function runLoss(library: Library, c: Case): void {
  const name = c.options.text("loss") ?? "";
  if (!Object.hasOwn(entries, name)) throw new Skip(name);
  const { options = [], run } = entries[name]!;
  c.options.expectKnown([...common, ...options]);
  run(library, c, name);
}

type Reduction = "mean" | "sum" | "none";
type Reduced = Exclude<Reduction, "none">;

function readReduction(c: Case): Reduction {
  const name = c.options.text("reduction") ?? "mean";
  if (name === "mean" || name === "sum" || name === "none") return name;
  throw new Skip(`reduction ${name}`);
}

/** A loss and its gradient by x, rows (N, F), from a network whose output is its input. */
export function lossOf(library: Library, loss: Loss, x: GoldenTensor, targets: Targets, lengths?: readonly number[]) {
  const layers = [library.activation("linear")];
  const net = new library.Network({ input: { features: x.shape.at(-1)! }, layers });
  net.forward(toTensor(library, x), { training: true, ...(lengths && { lengths }) });
  const value = net.loss(loss, targets);
  return { value, gradient: net.backward().gradInput!.data };
}

/** Losses of one number an element: at once where the library can say it, else element by element. */
function runElementwise(library: Library, c: Case, name: string): void {
  const { options } = c;
  if (name === "kl_div" && options.text("reduction") === "batchmean") {
    compareWhole(library, c, library.klDivergence({ reduction: "batchmean", ...logTarget(c) }));
    return;
  }
  const reduction = readReduction(c);
  const [x, target] = [c.tensor("input"), c.tensor("target")];
  const create = (reduction: Reduced, positive?: readonly number[]): Loss => {
    const [delta, beta] = [options.number("delta"), options.number("beta")];
    const weights = positive && { positiveWeights: positive };
    if (name === "mse") return library.meanSquaredError({ reduction });
    if (name === "l1") return library.meanAbsoluteError({ reduction });
    if (name === "huber") return library.huber({ reduction, ...(delta !== undefined && { delta }) });
    if (name === "smooth_l1") return library.smoothL1({ reduction, ...(beta !== undefined && { beta }) });
    if (name === "kl_div") return library.klDivergence({ reduction, ...logTarget(c) });
    return library.binaryCrossEntropy({ reduction, ...weights, fromLogits: name === "bce_with_logits" });
  };
  const [weight, positive] = [c.tensorIfAny("weight"), c.tensorIfAny("pos_weight")];
  const byOutput = positive === undefined || (positive.shape.length === 1 && positive.shape[0] === x.shape.at(-1));
  if (reduction !== "none" && weight === undefined && byOutput) {
    compareWhole(library, c, create(reduction, positive && [...positive.data]));
    return;
  }
  const [w, p] = [broadcast(weight, x.shape), broadcast(positive, x.shape)];
  const terms = [...x.data].map((value, k) => {
    const loss = create("sum", positive && [p[k]!]);
    const one = (data: number): GoldenTensor => ({ data: Float64Array.of(data), shape: [1, 1] });
    const term = lossOf(library, loss, one(value), toTensor(library, one(target.data[k]!)));
    return { value: w[k]! * term.value, gradient: Float32Array.of(w[k]! * term.gradient[0]!) };
  });
  compareTerms(c, terms, reduction, terms.length);
}

function logTarget(c: Case): { logTarget?: boolean } {
  const flag = c.options.flag("log_target");
  return flag === undefined ? {} : { logTarget: flag };
}

/** A loss that the library reduces as the case wants it. */
function compareWhole(library: Library, c: Case, loss: Loss): void {
  const target = toTensor(library, wide(c.tensor("target")));
  const { value, gradient } = lossOf(library, loss, wide(c.tensor("input")), target);
  c.compare("loss", [value]);
  c.compareIfAny("grad.input", gradient);
}

/** The library takes (B, F) or (B, T, F); more or fewer dimensions are rows. */
function wide(tensor: GoldenTensor): GoldenTensor {
  return tensor.shape.length === 3 ? tensor : asRows(tensor);
}

/** One number for each element of a shape, as PyTorch repeats it; ones for no tensor. */
function broadcast(tensor: GoldenTensor | undefined, shape: readonly number[]): Float64Array {
  const { data, shape: from } = tensor ?? { data: Float64Array.of(1), shape: [] };
  const missing = shape.length - from.length;
  const at = (k: number): number => {
    let [rest, offset, stride] = [k, 0, 1];
    for (let axis = shape.length - 1; axis >= missing; axis--) {
      const size = from[axis - missing]!;
      offset += (size === 1 ? 0 : rest % shape[axis]!) * stride;
      stride *= size;
      rest = Math.floor(rest / shape[axis]!);
    }
    return offset;
  };
  return Float64Array.from({ length: product(shape) }, (_, k) => data[at(k)]!);
}

interface Term {
  value: number;
  /** By the inputs of this term. */
  gradient: Float32Array;
}

/** Terms put together by the runner; with "none" each has a gradient of the loss by it, R_loss. */
function compareTerms(c: Case, terms: readonly Term[], reduction: Reduction, divisor: number): void {
  const values = terms.map(({ value }) => value);
  const sum = values.reduce((a, b) => a + b, 0);
  const scale = reduction === "mean" ? 1 / divisor : 1;
  c.compare("loss", reduction === "none" ? values : [sum * scale]);
  const R = reduction === "none" ? c.tensor("R_loss").data : undefined;
  c.compareIfAny(
    "grad.input",
    termGradients(c, terms, (k) => R?.[k] ?? scale),
  );
}

/** The gradients of all terms times a factor each, in the order of the file. */
function termGradients(c: Case, terms: readonly Term[], factor: (k: number) => number): Float64Array {
  const data = Float64Array.from(terms.flatMap(({ gradient }, k) => [...gradient].map((g) => g * factor(k))));
  const { shape } = c.tensor("input");
  const axis = classAxis(c);
  if (axis === undefined) return data;
  const moved = [...shape.slice(0, axis), ...shape.slice(axis + 1), shape[axis]!];
  return moveAxis({ data, shape: moved }, -1, axis).data;
}

/** PyTorch's dimension of the classes: the second, or the only one; undefined for losses without classes. */
function classAxis(c: Case): number | undefined {
  if (!["cross_entropy", "nll"].includes(c.options.text("loss") ?? "")) return undefined;
  return c.tensor("input").shape.length === 1 ? 0 : 1;
}

/** Cross-entropy, and the negative log-likelihood of log-probabilities. */
function runClasses(library: Library, c: Case, name: string): void {
  const { options } = c;
  const layout = options.text("layout");
  if (layout !== undefined && layout !== "BCT") throw new Skip(`layout ${layout}`);
  const reduction = readReduction(c);
  const [input, target] = [c.tensor("input"), c.tensor("target")];
  const classes = classAxis(c)!;
  const soft = options.flag("soft_target") ?? target.shape.length === input.shape.length;
  const x = asRows(moveAxis(input, classes, -1));
  const [N, C] = [x.shape[0]!, x.shape[1]!];
  const weight = c.tensorIfAny("weight");
  const [labelSmoothing, ignoreIndex] = [options.number("label_smoothing"), options.number("ignore_index")];
  const create = (reduction: Reduced): Loss => {
    const shared = {
      reduction,
      ...(weight && { classWeights: [...weight.data] }),
      ...(ignoreIndex !== undefined && { ignoreIndex }),
    };
    if (name === "nll") return library.negativeLogLikelihood(shared);
    return library.crossEntropy({ ...shared, ...(labelSmoothing !== undefined && { labelSmoothing }) });
  };
  const targets = soft ? asRows(moveAxis(target, classes, -1)) : { data: target.data, shape: [N] };
  const enter = (tensor: GoldenTensor) => (soft ? toTensor(library, tensor) : toIndices(library, tensor));
  if (reduction === "none") {
    const rowOf = ({ data, shape }: GoldenTensor, n: number): GoldenTensor => ({
      data: data.subarray((n * data.length) / N, ((n + 1) * data.length) / N),
      shape: [1, ...shape.slice(1)],
    });
    const terms = Array.from({ length: N }, (_, n) =>
      lossOf(library, create("sum"), rowOf(x, n), enter(rowOf(targets, n))),
    );
    compareTerms(c, terms, reduction, N);
    return;
  }
  // A batch of sequences where the file has one, else rows.
  const steps = input.shape.length === 3 ? [input.shape[0]!, input.shape[2]!] : [N];
  const { value, gradient } = lossOf(
    library,
    create(reduction),
    { data: x.data, shape: [...steps, C] },
    enter({ data: targets.data, shape: soft ? [...steps, C] : steps }),
  );
  c.compare("loss", [value]);
  const rows = Array.from({ length: N }, (_, n) => ({ value, gradient: gradient.subarray(n * C, (n + 1) * C) }));
  c.compareIfAny(
    "grad.input",
    termGradients(c, rows, () => 1),
  );
}

/** Logits (T, B, C), or (T, C) of one sequence; targets (B, L) padded, or all one after another. */
function runCtc(library: Library, c: Case): void {
  const { options } = c;
  const input = c.tensor("input");
  const C = input.shape.at(-1)!;
  const B = input.shape.length === 3 ? input.shape[1]! : 1;
  const T = input.data.length / (B * C);
  const x = moveAxis({ data: input.data, shape: [T, B, C] }, 1, 0);
  const lengths = options.numbers("input_lengths") ?? new Array<number>(B).fill(T);
  const targets = labelsOf(c.tensor("target"), B, options.numbers("target_lengths"));
  const reduction = readReduction(c);
  const [blank, zeroInfinity] = [options.number("blank"), options.flag("zero_infinity")];
  const create = (reduction: Reduced): Loss =>
    library.ctc({
      reduction,
      ...(blank !== undefined && { blank }),
      ...(zeroInfinity !== undefined && { zeroInfinity }),
    });
  const leave = (data: ArrayLike<number>): Float64Array =>
    moveAxis({ data: Float64Array.from(data), shape: [B, T, C] }, 1, 0).data;
  if (reduction !== "none") {
    const { value, gradient } = lossOf(library, create(reduction), x, targets, lengths);
    c.compare("loss", [value]);
    c.compareIfAny("grad.input", leave(gradient));
    return;
  }
  const terms = targets.map((labels, b) => {
    const one = { data: x.data.subarray(b * T * C, (b + 1) * T * C), shape: [1, T, C] };
    return lossOf(library, create("sum"), one, [labels], [lengths[b]!]);
  });
  c.compare(
    "loss",
    terms.map(({ value }) => value),
  );
  const R = c.tensor("R_loss").data;
  c.compareIfAny("grad.input", leave(terms.flatMap(({ gradient }, b) => [...gradient].map((g) => g * R[b]!))));
}

/** The labels of each sequence. */
function labelsOf({ data, shape }: GoldenTensor, B: number, counts?: readonly number[]): number[][] {
  const padded = shape.length === 2;
  const L = padded ? shape[1]! : data.length / B;
  let next = 0;
  return Array.from({ length: B }, (_, b) => {
    const start = padded ? b * L : next;
    const count = counts?.[b] ?? L;
    next += count;
    return [...data.subarray(start, start + count)];
  });
}
