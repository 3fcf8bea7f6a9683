import { defaultDevice, init, jit, nn, numpy as np } from "@jax-js/jax";

/** @typedef {import("@jax-js/jax").numpy.Array} A */

export async function run() {
  await init("wasm");
  defaultDevice("wasm");
  const [wX, wH, b] = [np.ones([64, 256]), np.ones([64, 256]), np.zeros([256])];
  const step = jit((/** @type {A} */ x, /** @type {A} */ h, /** @type {A} */ c, /** @type {A[]} */ [wX, wH, b]) => {
    const [i, f, g, o] = np.split(np.matmul(x, wX).add(np.matmul(h, wH)).add(b), 4, 1);
    const next = nn
      .sigmoid(f)
      .mul(c)
      .add(nn.sigmoid(i).mul(np.tanh(g)));
    return [nn.sigmoid(o).mul(np.tanh(next.ref)), next];
  });
  let [h, c] = [np.zeros([1, 64]), np.zeros([1, 64])];
  for (let t = 0; t < 10; t++) [h, c] = step(np.ones([1, 64]), h, c, [wX.ref, wH.ref, b.ref]);
  return h.dataSync()[63];
}
