// Readings of a sensor on the wrist: acceleration along x, y and z in g, while the hand is still, shakes, or draws circles.
// Made up, from a seed, by additions and multiplications alone, so that they are the same everywhere.

/** @typedef {{ sequence: number[][], label: number }} Example */

export const labels = ["still", "shake", "clockwise", "anticlockwise"];

/** Numbers in [0, 1). @param {number} seed from 1 on @returns {() => number} */
function generator(seed) {
  let state = seed;
  return () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
}

/** @param {number} label @param {number} steps @param {() => number} random */
function gesture(label, steps, random) {
  /** @param {number} low @param {number} high */
  const between = (low, high) => low + (high - low) * random();
  const gravity = [between(-0.3, 0.3), between(-0.3, 0.3), between(0.8, 1)];
  const [alongX, alongY] = [between(-1, 1), between(-1, 1)];
  const speed = between(0.4, 0.9);
  let [x, y] = [between(0.4, 1), 0];
  return Array.from({ length: steps }, () => {
    // A turn by `speed`, without sine and cosine.
    x -= speed * y;
    y += speed * x;
    const moves = [
      [0, 0],
      [x * alongX, x * alongY],
      [x, -y],
      [x, y],
    ];
    const reading = [...(moves[label] ?? []), 0].map((move, axis) => move + (gravity[axis] ?? 0) + between(-0.1, 0.1));
    return reading.map((value) => Math.round(value * 1000) / 1000);
  });
}

/** Examples of 20 to 40 steps, the labels in turn. @param {number} count @param {number} seed @returns {Example[]} */
export function gestures(count, seed) {
  const random = generator(seed);
  return Array.from({ length: count }, (_, i) => {
    const label = i % labels.length;
    return { sequence: gesture(label, 20 + Math.floor(random() * 21), random), label };
  });
}
