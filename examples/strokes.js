// What two examples share: Chinese characters as strokes of a pen, from the middle lines of hanzi-writer-data.
import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("node_modules/hanzi-writer-data/", import.meta.url);

/** Of a point: the line goes on from it, the pen is lifted at it, or the drawing ends. */
export const pen = { down: 0, up: 1, end: 2 };

/** A character as steps of a pen: how far from the point before in units of 100 (a character is about 9 wide), and the pen there. @typedef {[dx: number, dy: number, pen: number][]} Drawing */

/** Where a pen stands before it draws, in the units of the data. */
const start = [512, 400];

/** All characters, in the order of Unicode. */
export function characters() {
  const names = readdirSync(folder).filter((name) => /^.\.json$/u.test(name));
  return names.map((name) => name.replace(".json", "")).sort();
}

/** @param {string} character @returns {Drawing} */
export function drawingOf(character) {
  /** @type {{ medians: [number, number][][] }} */
  const { medians } = JSON.parse(readFileSync(new URL(`${encodeURIComponent(character)}.json`, folder), "utf8"));
  let [x, y] = start;
  return medians.flatMap((stroke, s) =>
    stroke.map(([nextX, nextY], i) => {
      const isLast = i === stroke.length - 1;
      const state = !isLast ? pen.down : s < medians.length - 1 ? pen.up : pen.end;
      /** @type {Drawing[number]} */
      const step = [(nextX - x) / 100, (y - nextY) / 100, state]; // y goes down, as on a screen
      [x, y] = [nextX, nextY];
      return step;
    }),
  );
}

/** A step as a network reads it: dx, dy, and which of the three states. @param {Drawing[number]} step */
export function read([dx, dy, state]) {
  return [dx, dy, ...[pen.down, pen.up, pen.end].map((one) => Number(one === state))];
}
