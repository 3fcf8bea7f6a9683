/** Cutting one long sequence into parts for training, validation and test. */

/**
 * Cuts a sequence into consecutive parts: `splitSequence(tokens, [0.9, 0.1])` gives the first 90 % and the last 10 %.
 * The cuts are rounded to whole tokens; every token is in exactly one part, and no part is empty.
 *
 * @param tokens The sequence, (T). The parts are views into it, not copies.
 * @param fractions The share of each part, in order: all above 0, with a sum of 1 (within 1e-9).
 * @throws TypeError if `tokens` is not an Int32Array or `fractions` not an array of numbers.
 * @throws RangeError if the fractions are not as above, or there are fewer tokens than parts.
 */
export function splitSequence(tokens: Int32Array, fractions: readonly number[]): Int32Array[] {
  checkKinds(tokens, fractions);
  checkFractions(fractions);
  if (tokens.length < fractions.length) {
    const expected = `at least one token for each of ${fractions.length} parts`;
    throw new RangeError(`"tokens" expected ${expected}, got ${tokens.length}. Pass a longer sequence or fewer parts.`);
  }
  const ends = endsOf(fractions, tokens.length);
  return ends.map((end, part) => tokens.subarray(ends[part - 1] ?? 0, end));
}

/** The index after the last token of each part. */
function endsOf(fractions: readonly number[], length: number): number[] {
  const last = fractions.length - 1;
  let end = 0;
  let sum = 0;
  return fractions.map((fraction, part) => {
    sum += fraction;
    const rounded = part === last ? length : Math.round(sum * length);
    end = Math.min(Math.max(rounded, end + 1), length - (last - part)); // one token at least, here and for each to come
    return end;
  });
}

function checkKinds(tokens: unknown, fractions: unknown): void {
  if (!(tokens instanceof Int32Array)) {
    throw new TypeError(
      `"tokens" expected an Int32Array, got ${typeof tokens}. Take it from encode() or Int32Array.of().`,
    );
  }
  if (!Array.isArray(fractions) || !fractions.every((fraction) => typeof fraction === "number")) {
    throw new TypeError(
      `"fractions" expected an array of numbers, got ${typeof fractions}. Pass for example [0.9, 0.1].`,
    );
  }
}

function checkFractions(fractions: readonly number[]): void {
  const sum = fractions.reduce((total, fraction) => total + fraction, 0);
  if (fractions.every((fraction) => fraction > 0) && Math.abs(sum - 1) <= 1e-9) return;
  const got = `[${fractions.join(", ")}] with a sum of ${sum}`;
  throw new RangeError(`"fractions" expected numbers above 0 with a sum of 1, got ${got}. Divide each by their sum.`);
}
