/**
 * The value below which a share of the others lies, between neighbours by the straight line.
 * @param {readonly number[]} sorted ascending, at least one
 * @param {number} share 0 … 1
 */
export function quantile(sorted, share) {
  const at = (sorted.length - 1) * share;
  const low = Number(sorted[Math.floor(at)]);
  const high = Number(sorted[Math.ceil(at)]);
  return low + (high - low) * (at - Math.floor(at));
}

/** @typedef {{ median: number, p25: number, p75: number, min: number, count: number, callsPerSample: number }} Summary */

/**
 * @param {readonly number[]} samples
 * @param {number} callsPerSample
 * @returns {Summary}
 */
export function summarize(samples, callsPerSample) {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    p25: quantile(sorted, 0.25),
    p75: quantile(sorted, 0.75),
    min: quantile(sorted, 0),
    count: sorted.length,
    callsPerSample,
  };
}

/**
 * The exponent e of y ≈ a·xᵉ, by least squares over the logarithms.
 * @param {readonly (readonly [x: number, y: number])[]} points
 */
export function exponent(points) {
  const logs = points.map(([x, y]) => /** @type {const} */ ([Math.log(x), Math.log(y)]));
  /** @param {readonly number[]} values */
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(logs.map(([x]) => x)), mean(logs.map(([, y]) => y))];
  const covariance = mean(logs.map(([x, y]) => (x - meanX) * (y - meanY)));
  return covariance / mean(logs.map(([x]) => (x - meanX) ** 2));
}
