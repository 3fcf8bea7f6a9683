import * as Plot from "@observablehq/plot";
import { COLOURS, drawPlot, frame, GREY } from "./picture.js";
import { baseLine } from "./scaling.js";

/** @import { Growth } from "./scaling.js" */

const [WIDTH, HEIGHT, TITLE] = [300, 240, 40];
const rows = /** @type {const} */ ([
  { value: "milliseconds", label: "ms a pass", exponent: "timeExponent" },
  { value: "megabytes", label: "Wasm memory, MB", exponent: "memoryExponent" },
]);

/** @param {number} x */
const short = (x) => (x >= 1000 ? `${x / 1000}k` : String(x));

/**
 * Time above, memory below, one column for each size that grows: a picture without a background of its own.
 * @param {readonly Growth[]} growths
 * @returns {string} SVG
 */
export function drawScaling(growths) {
  const axes = [...new Set(growths.map(({ axis }) => axis))];
  const plots = axes.flatMap((axis, column) =>
    rows.map((row, k) => {
      return plot(
        growths.filter((growth) => growth.axis === axis),
        row,
        { x: column * WIDTH, y: TITLE + k * HEIGHT },
      );
    }),
  );
  const [width, height] = [axes.length * WIDTH, TITLE + rows.length * HEIGHT];
  const text = `${baseLine}; logarithmic axes, e: fitted exponent over the upper half`;
  return frame({ title: "Time and memory of LSTM training", text, width, height }, plots);
}

/**
 * @param {readonly Growth[]} growths of one axis
 * @param {typeof rows[number]} row
 * @param {{ x: number, y: number }} place
 */
function plot(growths, { value, label, exponent }, place) {
  const marks = growths.flatMap(({ points, ...growth }, k) => [
    Plot.line(points, { x: "x", y: value, stroke: COLOURS[k] ?? GREY, strokeWidth: 2, marker: "dot" }),
    Plot.text([`${k === 0 ? "" : "truncated: "}e = ${growth[exponent].toFixed(2)}`], {
      ...{ frameAnchor: "top-left", dx: 6, dy: 4 + 14 * k, fill: COLOURS[k] ?? GREY },
    }),
  ]);
  const [growth] = growths;
  const axis = /** @type {const} */ ({ type: "log", labelArrow: "none" });
  const options = {
    ...{ width: WIDTH, height: HEIGHT, marginLeft: 50, marginTop: 28, marginBottom: 40 },
    x: { ...axis, label: growth?.axis ?? "" },
    y: { ...axis, label, ticks: 4, tickFormat: "~g", grid: true },
    // As an option of x, a logarithmic axis leaves out some of the labels.
    marks: [...marks, Plot.axisX(growth?.ticks ?? [], { text: short, labelAnchor: "center", labelArrow: "none" })],
  };
  return drawPlot(options, place);
}
