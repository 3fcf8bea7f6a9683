/** What the tests of recurrent dropout and zoneout share: the masks of a pass, drawn again beside the network. */

import { Core, padded } from "../bindings/core/core.ts";
import type { Zoneout } from "../bindings/layers/recurrent.ts";
import type { Masks, VariantCell } from "./reference/recurrentVariants.ts";

interface MaskedCase {
  cell: VariantCell;
  H: number;
  B: number;
  T: number;
  layers: number;
  bidirectional: boolean;
  own: { projection?: number; recurrentDropout?: number; zoneout?: Zoneout };
}

/** The masks that a network draws from a state of the generator, by suffix and sequence; in the order of drawing. */
export function drawMasks(
  random: Uint8Array,
  { cell, H, B, T, layers, bidirectional, own }: MaskedCase,
  lengths: readonly number[],
) {
  const core = new Core();
  const { memory, randomState, drawMask } = core.functions;
  new Uint8Array(memory.buffer, randomState(), 64).set(random);
  const order = Array.from({ length: B }, (_, b) => b).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const rowsBefore = (t: number) => lengths.reduce((sum, length) => sum + Math.min(length, t), 0);
  const N = rowsBefore(T);
  const R = own.projection ?? H;
  const { recurrentDropout: rate = 0, zoneout = 0 } = own;
  const rates = typeof zoneout === "number" ? { h: zoneout, c: zoneout } : zoneout;
  const draw = (rows: number, width: number, ...how: [rate: number, below: number, above: number]) => {
    const n = rows * padded(width);
    core.reserve(core.base + n * 4);
    drawMask(core.base, n, ...how);
    const all = Float64Array.from(core.view(core.base, n));
    return (row: number): Float64Array => all.slice(row * padded(width), row * padded(width) + width);
  };
  const masks = new Map<string, (b: number) => Masks>();
  for (let l = 0; l < layers; l++) {
    for (const suffix of bidirectional ? [`_l${l}`, `_l${l}_reverse`] : [`_l${l}`]) {
      const dropped = rate > 0 ? draw(B, R, rate, 0, Math.fround(1 / (1 - rate))) : undefined;
      const zoneH = zoneout === 0 ? undefined : draw(N, R, rates.h, 1, 0);
      const zoneC = zoneout === 0 || cell !== "lstm" ? undefined : draw(N, H, rates.c, 1, 0);
      masks.set(suffix, (b) => {
        const place = order.indexOf(b);
        return {
          ...(dropped && { dropout: dropped(place) }),
          ...(zoneH && { zoneH: (t: number) => zoneH(rowsBefore(t) + place) }),
          ...(zoneC && { zoneC: (t: number) => zoneC(rowsBefore(t) + place) }),
        };
      });
    }
  }
  return (suffix: string, b: number) => masks.get(suffix)!(b);
}
