import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { baseLine } from "./scaling.js";

/** @import { Growth } from "./scaling.js" */

const [WIDTH, HEIGHT, TITLE] = [300, 240, 40];
/** Mid-grey, which reads on white and on black alike; so do the two colours. */
export const GREY = "#808080";
export const COLOURS = ["#3b82f6", "#e0861a"];
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
      const svg = plot(
        growths.filter((growth) => growth.axis === axis),
        row,
      );
      svg.setAttribute("x", String(column * WIDTH));
      svg.setAttribute("y", String(TITLE + k * HEIGHT));
      return svg.outerHTML;
    }),
  );
  const [width, height] = [axes.length * WIDTH, TITLE + rows.length * HEIGHT];
  const text = `${baseLine}; logarithmic axes, e: fitted exponent over the upper half`;
  return frame({ title: "Time and memory of LSTM training", text, width, height }, plots);
}

/**
 * A picture without a background of its own, a line of text above its plots.
 * @param {{ title: string, text: string, width: number, height: number }} head
 * @param {readonly string[]} plots
 */
export function frame({ title, text, width, height }, plots) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" fill="${GREY}" color="${GREY}" \
font-family="system-ui, sans-serif" font-size="12" role="img">
<title>${title}</title>
<text x="10" y="20">${text}</text>
${plots.join("\n")}
</svg>
`;
}

/**
 * A plot in the style of all pictures.
 * @param {Plot.PlotOptions} options
 */
export function drawPlot(options) {
  const { document } = parseHTML("<html></html>");
  return Plot.plot({ document, style: { background: "none", color: GREY, fontSize: "11px" }, ...options });
}

/**
 * @param {readonly Growth[]} growths of one axis
 * @param {typeof rows[number]} row
 */
function plot(growths, { value, label, exponent }) {
  const marks = growths.flatMap(({ points, ...growth }, k) => [
    Plot.line(points, { x: "x", y: value, stroke: COLOURS[k] ?? GREY, strokeWidth: 2, marker: "dot" }),
    Plot.text([`${k === 0 ? "" : "truncated: "}e = ${growth[exponent].toFixed(2)}`], {
      ...{ frameAnchor: "top-left", dx: 6, dy: 4 + 14 * k, fill: COLOURS[k] ?? GREY },
    }),
  ]);
  const [growth] = growths;
  const axis = /** @type {const} */ ({ type: "log", labelArrow: "none" });
  return drawPlot({
    ...{ width: WIDTH, height: HEIGHT, marginLeft: 50, marginTop: 28, marginBottom: 40 },
    x: { ...axis, label: growth?.axis ?? "" },
    y: { ...axis, label, ticks: 4, tickFormat: "~g", grid: true },
    // As an option of x, a logarithmic axis leaves out some of the labels.
    marks: [...marks, Plot.axisX(growth?.ticks ?? [], { text: short, labelAnchor: "center", labelArrow: "none" })],
  });
}
