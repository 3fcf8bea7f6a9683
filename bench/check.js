/**
 * The largest difference of two arrays must be within the tolerance; a NaN never is.
 * @param {string} what
 * @param {ArrayLike<number>} actual
 * @param {ArrayLike<number>} expected
 * @param {number} tolerance
 * @throws Error
 */
export function expectSame(what, actual, expected, tolerance) {
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} numbers, not ${expected.length}`);
  for (let k = 0; k < expected.length; k++) {
    const [a, e] = [Number(actual[k]), Number(expected[k])];
    if (Math.abs(a - e) <= tolerance) continue;
    throw new Error(`${what}: element ${k} is ${a}, and ${e} in plain JavaScript; nothing is timed`);
  }
}

/** The largest magnitude. @param {ArrayLike<number>} values */
export function largest(values) {
  let most = 0;
  for (let k = 0; k < values.length; k++) most = Math.max(most, Math.abs(Number(values[k])));
  return most;
}
