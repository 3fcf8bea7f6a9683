import { padded, type Core, type Pointer } from "../core/core.ts";
import type { Recurrence } from "../layers/layer.ts";

/** The matrix is squared so often. Gelfand's formula is off by the logarithm of the norm's constant over 2²⁴: by less than f32 is. */
const SQUARINGS = 25;

/** Floats of scratch that spectralRadii takes. */
export function spectralScratch(recurrence: Recurrence): number {
  const P = padded(recurrence.widths[0]!);
  return 3 * P * P + 2 * P * padded(hiddenSize(recurrence));
}

/**
 * The spectral radius, max |λ|, of what leads from a state to the next, gate by gate: of the gate's block W of weight_hh, (H, H);
 * of projection·W, (R, R), where there is one; of decay·1 + weight_hy·weight_yh of a Jordan network.
 */
export function spectralRadii(core: Core, recurrence: Recurrence, scratch: Pointer): number[] {
  const { wHh, widths } = recurrence;
  const R = widths[0]!;
  const H = hiddenSize(recurrence);
  const gates = wHh.size / (H * R);
  return Array.from({ length: gates }, (_, gate) => {
    enterLoop(core, scratch, recurrence, gate, R, H);
    return spectralRadius(core, scratch, padded(R));
  });
}

function hiddenSize({ widths, projection }: Recurrence): number {
  return projection ? projection.shape[1]! : widths[0]!;
}

/** The matrix of a gate at an address, (P, P) with zeros around it: they add nothing but eigenvalues of 0. */
function enterLoop(
  core: Core,
  to: Pointer,
  { wHh, projection, decay }: Recurrence,
  gate: number,
  R: number,
  H: number,
): void {
  const { matmul, packRows, takeColumns, zero } = core.functions;
  const P = padded(R);
  const weight = wHh.value + gate * H * R * 4;
  zero(to, P * P);
  if (!projection) takeColumns(to, weight, R, R, R);
  else {
    const rows = to + P * P * 4;
    const panels = rows + P * padded(H) * 4;
    takeColumns(rows, projection.value, H, R, H);
    packRows(panels, weight, 1, H, R);
    matmul(to, P, 0, 0, rows, padded(H), panels, R, P, padded(H));
  }
  const matrix = core.view(to, P * P);
  if (decay > 0) for (let i = 0; i < R; i++) matrix[i * P + i]! += decay;
}

/**
 * max |λ| of the matrix (P, P) at an address, P a multiple of 4, by Gelfand's formula ‖A^m‖^(1/m) → max |λ|, with m = 2^k by
 * squaring. Each square is scaled to norm 1, and the norms go into the result. A power iteration would not settle where the
 * largest eigenvalues are a complex pair; a norm does. Two matrices of room behind the matrix, which is overwritten.
 */
export function spectralRadius(core: Core, at: Pointer, P: number): number {
  const { matmul, packRows, scale, sumSquares } = core.functions;
  const size = P * P;
  const panels = at + 2 * size * 4;
  let [now, next] = [at, at + size * 4];
  let radius = 1;
  for (let k = 0; k < SQUARINGS; k++) {
    const factor = Math.fround(1 / Math.sqrt(sumSquares(now, size)));
    if (!(factor < Infinity)) return 0; // nothing is left of it
    radius /= rootOfPower(factor, k);
    scale(now, factor, size);
    packRows(panels, now, 1, P, P);
    matmul(next, P, 0, 0, now, P, panels, P, P, P);
    [now, next] = [next, now];
  }
  return radius;
}

/** x^(1/2^k) */
function rootOfPower(x: number, k: number): number {
  for (let i = 0; i < k; i++) x = Math.sqrt(x);
  return x;
}
