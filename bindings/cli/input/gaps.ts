/** Missing numbers of a series, filled in a straight line between those beside them; at an end by the nearest. */

import { tensor, type Tensor } from "../../index.ts";

/** @param series [time, columns], NaN where a number is missing. @throws Error for a column without any number */
export function interpolate({ data, shape }: Tensor): Tensor {
  const [T = 0, F = 1] = shape;
  const filled = data.slice();
  for (let f = 0; f < F; f++) {
    const known = Array.from({ length: T }, (_, t) => t).filter((t) => !Number.isNaN(data[t * F + f]));
    if (known.length === 0) throw new Error(`column ${f + 1} has no number to interpolate from: leave it out`);
    let next = 0;
    for (let t = 0; t < T; t++) {
      while (next < known.length && known[next]! < t) next++;
      const [left, right] = [known[next - 1] ?? known[0]!, known[next] ?? known.at(-1)];
      const share = right > left ? (t - left) / (right - left) : 0;
      const [from, to] = [data[left * F + f]!, data[right * F + f]!];
      filled[t * F + f] = t === right ? to : from + share * (to - from);
    }
  }
  return tensor(filled, [T, F]);
}
