// By additions and multiplications alone, which every engine rounds alike.

/** base^n, n ≥ 0, by repeated squaring. */
export function power(base: number, n: number): number {
  let result = 1;
  for (let [square, rest] = [base, n]; rest > 0; rest = Math.floor(rest / 2), square *= square) {
    if (rest % 2 === 1) result *= square;
  }
  return result;
}

/** cos(πx): by its symmetries x is brought to [0, ½], where twelve terms of the series are exact to 1e-16. */
export function cosinePi(x: number): number {
  const turned = Math.abs(x) % 2;
  const half = turned > 1 ? 2 - turned : turned;
  if (half > 0.5) return -cosinePi(1 - half);
  const square = half * Math.PI * (half * Math.PI);
  let [sum, term] = [1, 1];
  for (let k = 1; k < 24; k += 2) {
    term *= -square / (k * (k + 1));
    sum += term;
  }
  return sum;
}
