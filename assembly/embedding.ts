// Table of vectors, one a token: y = w[token]; backward dw[token] += dy.
import { bytes, padded } from "./simd";
import { takeColumns } from "./sequence";

/** y rows (N, padded(E)) · w (V, E) · tokens (N) i32 */
export function embeddingForward(y: usize, w: usize, tokens: usize, N: i32, E: i32): void {
  for (let row = 0; row < N; row++) {
    takeColumns(y + bytes(row * padded(E)), w + bytes(load<i32>(tokens + bytes(row)) * E), E, 1, E);
  }
}

/** dw (V, E) · dy rows (N, padded(E)) · tokens (N) i32 · paddingIndex: the token that learns nothing, −1 for none */
export function embeddingBackward(dw: usize, dy: usize, tokens: usize, N: i32, E: i32, paddingIndex: i32): void {
  for (let row = 0; row < N; row++, dy += bytes(padded(E))) {
    const token = load<i32>(tokens + bytes(row));
    if (token == paddingIndex) continue;
    const to = dw + bytes(token * E);
    let i = 0;
    for (; i + 4 <= E; i += 4) v128.store(to + bytes(i), f32x4.add(v128.load(to + bytes(i)), v128.load(dy + bytes(i))));
    for (; i < E; i++) store<f32>(to + bytes(i), load<f32>(to + bytes(i)) + load<f32>(dy + bytes(i)));
  }
}
