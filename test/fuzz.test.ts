/** The readers of unrolled/formats on mutated files: cases that were found, and some at random. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attempt, editList, targets, type Edit } from "./fuzz.ts";

/** What slow/fuzz.test.ts has found, as it was when it was found. */
const corpus: readonly (readonly [target: string, list: readonly Edit[]])[] = [];

describe.each(Object.entries(targets))("%s", (_, target) => {
  test("the file itself is read", () => {
    expect(attempt(target, [])).toBeDefined();
  });

  test("mutated, it is read or refused with a FormatError", () => {
    fc.assert(
      fc.property(editList, (list) => void attempt(target, list)),
      { seed: 1, numRuns: 300 },
    );
  });
});

test.each(corpus)("%s: %j", (name, list) => {
  attempt(targets[name]!, list);
});
