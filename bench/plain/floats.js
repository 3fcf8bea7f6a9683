/**
 * Arrays of numbers: Float32Array in the benchmark, Float64Array where gradients are checked.
 * @typedef {Float32Array | Float64Array} Floats
 */

/**
 * Makes an array of zeros.
 * @template {Floats} [F=Floats]
 * @typedef {new (length: number) => F} FloatType
 */

/**
 * A view of the elements from start to end.
 * @template {Floats} F
 * @param {F} array
 * @param {number} start
 * @param {number} end
 */
export function part(array, start, end) {
  return /** @type {F} */ (array.subarray(start, end));
}

/** @type {(out: Floats, a: Floats, b: Floats) => void} out = a + b */
export function sumInto(out, a, b) {
  for (let k = 0; k < out.length; k++) out[k] = /** @type {number} */ (a[k]) + /** @type {number} */ (b[k]);
}

/** @type {(out: Floats, row: Floats) => void} every row of out = row */
export function repeatRow(out, row) {
  for (let start = 0; start < out.length; start += row.length) out.set(row, start);
}

/** @type {(out: Floats, rows: Floats) => void} out += Σ rows */
export function addRows(out, rows) {
  const width = out.length;
  for (let start = 0; start < rows.length; start += width) {
    for (let k = 0; k < width; k++) {
      out[k] = /** @type {number} */ (out[k]) + /** @type {number} */ (rows[start + k]);
    }
  }
}

/** @type {(x: Floats) => number} */
export function sumOfSquares(x) {
  let sum = 0;
  for (let k = 0; k < x.length; k++) {
    const value = /** @type {number} */ (x[k]);
    sum += value * value;
  }
  return sum;
}

/**
 * A sequence from batch first to time first: out (T, B, width), values (B, T, width).
 * @type {(out: Floats | Int32Array, values: Floats | Int32Array, B: number, T: number, width: number) => void}
 */
export function toTimeMajor(out, values, B, T, width) {
  for (let b = 0, from = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      for (let to = (t * B + b) * width, end = to + width; to < end; to++, from++) {
        out[to] = /** @type {number} */ (values[from]);
      }
    }
  }
}

/**
 * The way back: out (B, T, width), values (T, B, width).
 * @type {(out: Floats, values: Floats, B: number, T: number, width: number) => void}
 */
export function toBatchMajor(out, values, B, T, width) {
  for (let b = 0, to = 0; b < B; b++) {
    for (let t = 0; t < T; t++) {
      for (let from = (t * B + b) * width, end = from + width; from < end; from++, to++) {
        out[to] = /** @type {number} */ (values[from]);
      }
    }
  }
}
