// Makes networks and keeps them until there is no memory for another, or there are many; then lets go of them and makes as many.

const ENOUGH = 20_000;
const PATIENCE_MS = 30_000;

/** @param {() => object} make */
function fill(make) {
  const kept = [];
  const end = Date.now() + PATIENCE_MS;
  try {
    while (kept.length < ENOUGH && Date.now() < end) kept.push(make());
    return { networks: kept.length };
  } catch (error) {
    return { networks: kept.length, error: String(error) };
  }
}

/** @param {typeof import("unrolled")} library */
export async function run({ dense, gru, Network }) {
  const make = () => new Network({ input: { features: 2 }, layers: [gru(4), dense(1)] });
  const { networks, error } = fill(make);
  if (error === undefined) return { networks };
  for (let n = 0; n < networks; n++) make();
  return { networks, error };
}
