import { padded, type Core, type Pointer } from "../core/core.ts";
import type { Recurrence } from "../layers/layer.ts";

/** Floats of scratch that spectralRadii takes. */
export function scratchOf(core: Core, recurrence: Recurrence): number {
  const P = padded(recurrence.widths[0]!);
  return P * P + Math.max(2 * P * padded(hiddenSize(recurrence)), core.functions.spectralScratch(P));
}

/**
 * The spectral radius max |λ| of what leads from a state to the next, gate by gate: of the gate's block W of weight_hh, (H, H); of
 * projection·W, (R, R), where there is one; of decay·1 + weight_hy·weight_yh of a Jordan network.
 */
export function spectralRadii(core: Core, recurrence: Recurrence, scratch: Pointer): number[] {
  const R = recurrence.widths[0]!;
  const gates = recurrence.wHh.size / (hiddenSize(recurrence) * R);
  const P = padded(R);
  return Array.from({ length: gates }, (_, gate) => {
    enterLoop(core, scratch, recurrence, gate);
    return core.functions.spectralRadius(scratch + P * P * 4, scratch, P);
  });
}

function hiddenSize({ widths, projection }: Recurrence): number {
  return projection ? projection.shape[1]! : widths[0]!;
}

/** The matrix of a gate at an address, (P, P) with zeros around it: they add nothing but eigenvalues of 0. Scratch behind it. */
function enterLoop(core: Core, to: Pointer, recurrence: Recurrence, gate: number): void {
  const { matmul, packRows, takeColumns, zero } = core.functions;
  const { wHh, widths, projection, decay } = recurrence;
  const R = widths[0]!;
  const H = hiddenSize(recurrence);
  const P = padded(R);
  const weight = wHh.value + gate * H * R * 4;
  zero(to, P * P);
  if (projection) {
    const rows = to + P * P * 4;
    const panels = rows + P * padded(H) * 4;
    takeColumns(rows, projection.value, H, R, H);
    packRows(panels, weight, 1, H, R);
    matmul(to, P, 0, 0, rows, padded(H), panels, R, P, padded(H));
  } else {
    takeColumns(to, weight, R, R, R);
  }
  const matrix = core.view(to, P * P);
  for (let i = 0; i < R; i++) matrix[i * P + i]! += decay;
}
