// What a decoder is given: initial states from the encoder, and its own outputs as the next inputs.
import { exp } from "./math";
import { uniform } from "./random";
import { copyRow } from "./sequence";
import { bytes, padded } from "./simd";
import { add } from "./vector";

/** y[row] = x[index[row]]. y (rows, padded(n)) · x stride ldx · index (rows) i32 */
export function gatherRows(y: usize, x: usize, ldx: i32, index: usize, rows: i32, n: i32): void {
  for (let row = 0; row < rows; row++, y += bytes(padded(n))) {
    copyRow(y, x + bytes(load<i32>(index + bytes(row)) * ldx), n);
  }
}

/** y[index[row]] += x[row]. y stride ldy · x (rows, padded(n)) · index (rows) i32 */
export function scatterRows(y: usize, ldy: i32, x: usize, index: usize, rows: i32, n: i32): void {
  for (let row = 0; row < rows; row++, x += bytes(padded(n))) add(y + bytes(load<i32>(index + bytes(row)) * ldy), x, n);
}

/** Of each row, with the probability 1 − `teacher`: token x = the place of the largest of its C logits y. x (N) i32 */
export function feedTokens(x: usize, y: usize, N: i32, C: i32, teacher: f32): void {
  for (let row = 0; row < N; row++, x += 4, y += bytes(padded(C))) {
    if (taught(teacher)) continue;
    let best = 0;
    for (let j = 1; j < C; j++) if (load<f32>(y + bytes(j)) > load<f32>(y + bytes(best))) best = j;
    store<i32>(x, best);
  }
}

/** Of each row, with the probability 1 − `teacher`: x = y. x, y (N, padded(F)) */
export function feedRows(x: usize, y: usize, N: i32, F: i32, teacher: f32): void {
  for (let row = 0; row < N; row++, x += bytes(padded(F)), y += bytes(padded(F))) {
    if (!taught(teacher)) copyRow(x, y, F);
  }
}

// @ts-ignore: decorator
@inline function taught(teacher: f32): bool {
  return teacher > 0 && uniform() < teacher;
}

/** x^a for x > 0 */
export function power(x: f32, a: f32): f32 {
  return f32x4.extract_lane(exp(f32x4.splat(a * Mathf.log(x))), 0);
}
