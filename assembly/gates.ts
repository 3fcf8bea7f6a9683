// What the recurrent layers share beside the matrix products.
import { bytes, padded } from "./simd";
import { add, columnSum } from "./vector";

/** dbIh and dbHh (G·H) += Σ over rows of da (N, ·) stride ldda, whose gates take padded(H) columns each; 0 for no bias. */
export function columnSumGates(dbIh: usize, dbHh: usize, da: usize, ldda: i32, G: i32, H: i32, N: i32): void {
  for (let g = 0; g < G; g++) {
    const at = bytes(g * H);
    const column = da + bytes(g * padded(H));
    if (dbIh) columnSum(dbIh + at, column, ldda, N, H);
    if (dbHh) columnSum(dbHh + at, column, ldda, N, H);
  }
}

/** y (G·H) += x (G, padded(H)) */
export function addGates(y: usize, x: usize, G: i32, H: i32): void {
  for (let g = 0; g < G; g++) add(y + bytes(g * H), x + bytes(g * padded(H)), H);
}
