/** Each reader of unrolled/formats on 100,000 mutated files. One that fails belongs into ../fuzz.test.ts, by hand. */

import fc from "fast-check";
import { test } from "vitest";
import { attempt, editList, targets } from "../fuzz.ts";

test.each(Object.entries(targets))("%s: 100,000 mutated files are read or refused with a FormatError", (_, target) => {
  fc.assert(
    fc.property(editList, (list) => void attempt(target, list)),
    { seed: 2, numRuns: 100_000 },
  );
});
