// Norms of gradients, one for each row of a batch: step after step, in each the longest sequence first; lengths fall.

/** Mean over the sequences that have the step. */
export function meanByStep(norms: Float32Array, lengths: Int32Array): Float64Array {
  const at = rowsByStep(lengths);
  return Float64Array.from({ length: lengths[0]! }, (_, t) => {
    const own = norms.subarray(at[t], at[t + 1]);
    return own.reduce((sum, norm) => sum + norm, 0) / own.length;
  });
}

/** The first row of each step, and of one more. */
function rowsByStep(lengths: Int32Array): number[] {
  const at = [0];
  for (let t = 0; t < lengths[0]!; t++) at.push(at[t]! + lengths.filter((length) => length > t).length);
  return at;
}

/** Smallest normal and largest float32: a gradient beyond them has lost its digits. */
const [SMALLEST, LARGEST] = [1.1754943508222875e-38, 3.4028234663852886e38];

/**
 * The geometric mean of the factors from each step to the one before, back from the end of the sequences. A factor is that of the
 * norms, summed over the sequences which have both steps.
 */
export function rateOf(norms: Float32Array, lengths: Int32Array, reverse: boolean): number {
  const at = rowsByStep(lengths);
  const normAt = (b: number, back: number) => norms[at[reverse ? back : lengths[b]! - 1 - back]! + b]!;
  let [product, steps] = [1, 0];
  for (let back = 1; back < lengths[0]!; back++) {
    let [near, far] = [0, 0];
    for (let b = 0; b < lengths.length && lengths[b]! > back; b++) {
      near += normAt(b, back - 1);
      far += normAt(b, back);
    }
    if (!(near >= SMALLEST && near < Infinity)) break;
    product *= (far < Infinity ? Math.max(far, SMALLEST) : LARGEST) / near;
    steps++;
  }
  if (steps > 0) return root(product, steps);
  if (lengths[0] === 1) return 1;
  return normAt(0, 0) < LARGEST ? 0 : Infinity; // nothing comes from the end, or too much
}

/** x^(1/n): the product of x^(1/2^j) over the binary digits j of 1/n. Math.pow differs between engines, a square root does not. */
function root(x: number, n: number): number {
  let result = 1;
  for (let rest = 1 / n; rest > 0; rest = (rest % 1) * 2, x = Math.sqrt(x)) if (rest >= 1) result *= x;
  return result;
}
