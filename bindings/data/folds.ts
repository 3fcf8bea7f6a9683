import { expectBoolean, expectInteger, expectOneOf, expectOptions, expectRange } from "../validate.ts";
import { inOrder } from "./batches.ts";
import { numberLabels, partitionGroups, shuffled, type Labels } from "./partition.ts";
import { Random } from "./random.ts";

const foldKinds = ["plain", "stratified", "grouped", "blocked"] as const;

export interface FoldOptions {
  /** Number of folds. Default 5. */
  readonly folds?: number;
  /**
   * "plain": at random. "stratified": at random, the share of each of the `labels` as in all data. "grouped": none of the `groups`
   * is in training and in validation. "blocked": each fold is a stretch of time; the examples must be in its order. Default "plain".
   */
  readonly kind?: (typeof foldKinds)[number];
  /** Class of each example, for "stratified". */
  readonly labels?: Labels;
  /** Group of each example, for "grouped": the person, the machine, the document that it comes from. */
  readonly groups?: Labels;
  /** For "blocked": examples left out of training beside the validation block, as many as overlap with it. Default 0. */
  readonly gap?: number;
  /** For "blocked": train on what comes before the validation block only; the first block is never validated. Default false. */
  readonly forwardChaining?: boolean;
  /** Default 0. */
  readonly seed?: number;
}

export const foldOptionNames = ["folds", "kind", "labels", "groups", "gap", "forwardChaining", "seed"];

/** Indices of the examples of one fold, ascending. */
export interface Fold {
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/**
 * Index sets for cross-validation: each example is in the validation set of one fold, and in the training set of the others.
 * @param n number of examples
 * @throws TypeError, RangeError on a wrong option, or when there are too few examples or groups for so many folds
 */
export function kFold(n: number, options: FoldOptions = {}): Fold[] {
  expectOptions("kFold", options, foldOptionNames);
  const { folds = 5, kind = "plain", gap = 0, forwardChaining = false, seed = 0 } = options;
  expectInteger("n", n, 2);
  expectInteger("folds", folds, 2);
  expectOneOf("kind", kind, foldKinds);
  expectInteger("gap", gap, 0);
  expectBoolean("forwardChaining", forwardChaining);
  expectBelongs(options, kind);
  const blocks = folds + (forwardChaining ? 1 : 0);
  expectRange(blocks <= n, "folds", `at most ${n - blocks + folds} for ${n} examples`, folds);
  if (kind === "blocked") return blocked(n, blocks, gap, forwardChaining);
  const random = new Random(seed);
  const all = inOrder(n);
  const { labels, groups } = options;
  if (kind === "grouped") {
    const equal = Array.from({ length: folds }, () => n / folds);
    return foldsOf(all, partitionGroups(numberLabels("groups", groups, n), equal, random));
  }
  const classes = kind === "stratified" ? numberLabels("labels", labels, n) : undefined;
  const order = shuffled(n, classes, random);
  const parts = Array.from({ length: folds }, (_, fold) => order.filter((_example, k) => k % folds === fold).sort());
  return foldsOf(all, parts);
}

/** Options of one kind say nothing to another. */
function expectBelongs(options: FoldOptions, kind: string): void {
  const owners = { labels: "stratified", groups: "grouped", gap: "blocked", forwardChaining: "blocked" } as const;
  for (const [name, owner] of Object.entries(owners)) {
    const given = options[name as keyof typeof owners];
    if (owner === kind) continue;
    expectRange(given === undefined, name, `nothing, because it is for the kind "${owner}"`, given);
  }
}

function foldsOf(all: Int32Array, parts: readonly Int32Array[]): Fold[] {
  return parts.map((validation) => {
    const held = new Set(validation);
    return { train: all.filter((i) => !held.has(i)), validation };
  });
}

/** Consecutive blocks; training leaves out `gap` examples on each side of the one that is validated. */
function blocked(n: number, blocks: number, gap: number, forwardChaining: boolean): Fold[] {
  const startOf = (block: number) => Math.round((block * n) / blocks);
  const all = inOrder(n);
  const validated = inOrder(blocks).subarray(forwardChaining ? 1 : 0);
  return Array.from(validated, (block) => {
    const [start, end] = [startOf(block), startOf(block + 1)];
    const train = all.filter((i) => i < start - gap || (!forwardChaining && i >= end + gap));
    expectRange(train.length > 0, "gap", `less, so that each fold has examples to train on`, gap);
    return { train, validation: all.subarray(start, end) };
  });
}
