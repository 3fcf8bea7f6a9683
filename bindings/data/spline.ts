/**
 * The natural cubic spline through values at even distances, at n points from the first to the last:
 * at u = i + s between the values i and i + 1, with second derivatives M,
 *     y = (1 − s)·yᵢ + s·yᵢ₊₁ + ((1 − s)³ − (1 − s))·Mᵢ/6 + (s³ − s)·Mᵢ₊₁/6
 *     Mᵢ₋₁ + 4·Mᵢ + Mᵢ₊₁ = 6·(yᵢ₋₁ − 2·yᵢ + yᵢ₊₁), and M = 0 at both ends
 * @param values at least two
 */
export function smoothCurve(values: ArrayLike<number>, n: number): Float64Array {
  const last = values.length - 1;
  const bend = secondDerivatives(values);
  return Float64Array.from({ length: n }, (_, k) => {
    const u = n > 1 ? (k * last) / (n - 1) : 0;
    const i = Math.min(Math.floor(u), last - 1);
    const s = u - i;
    const r = 1 - s;
    const line = r * values[i]! + s * values[i + 1]!;
    return line + ((r * r * r - r) * bend[i]! + (s * s * s - s) * bend[i + 1]!) / 6;
  });
}

/** Solves the equations above: elimination downwards, substitution upwards. */
function secondDerivatives(y: ArrayLike<number>): Float64Array {
  const last = y.length - 1;
  const bend = new Float64Array(y.length);
  const above = new Float64Array(y.length);
  for (let i = 1; i < last; i++) {
    const right = 6 * (y[i - 1]! - 2 * y[i]! + y[i + 1]!);
    const pivot = 4 - above[i - 1]!;
    above[i] = 1 / pivot;
    bend[i] = (right - bend[i - 1]!) / pivot;
  }
  for (let i = last - 1; i > 0; i--) bend[i]! -= above[i]! * bend[i + 1]!;
  return bend;
}
