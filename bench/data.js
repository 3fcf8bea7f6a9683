/**
 * A number in [-1, 1) that an index and a seed fix.
 * @param {number} index
 * @param {number} seed
 */
function uniform(index, seed) {
  let x = (index + Math.imul(seed, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
}

/** Numbers in [-1, 1). @param {number} length @param {number} seed */
export function features(length, seed) {
  return Float32Array.from({ length }, (_, k) => uniform(k, seed));
}

/** Classes below `count`. @param {number} length @param {number} count @param {number} seed */
export function classes(length, count, seed) {
  return Int32Array.from({ length }, (_, k) => Math.floor(((uniform(k, seed) + 1) / 2) * count));
}

/** A row of zeros and a one for each token. @param {Int32Array} tokens @param {number} count */
export function oneHot(tokens, count) {
  const rows = new Float32Array(tokens.length * count);
  tokens.forEach((token, n) => (rows[n * count + token] = 1));
  return rows;
}
