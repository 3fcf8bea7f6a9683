// How all pictures are drawn: Observable Plot without a page.
import * as Plot from "@observablehq/plot";
import { DOMImplementation } from "@xmldom/xmldom";

/** Mid-grey, which reads on white and on black alike; so do the two colours. */
export const GREY = "#808080";
export const COLOURS = ["#3b82f6", "#e0861a"];

/**
 * A picture without a background of its own, a line of text above its plots.
 * @param {{ title: string, text: string, width: number, height: number, head?: string }} head `head`: what is to stand at its
 *   beginning, as SVG
 * @param {readonly string[]} plots
 */
export function frame({ title, text, width, height, head = "" }, plots) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" fill="${GREY}" color="${GREY}" \
font-family="system-ui, sans-serif" font-size="12" role="img">
<title>${title}</title>
${head}<text x="10" y="20">${text}</text>
${plots.join("\n")}
</svg>
`;
}

/**
 * A plot in the style of all pictures, as SVG.
 * @param {Plot.PlotOptions} options
 * @param {{ x?: number, y?: number }} [place] where in its frame it stands
 * @param {string} [color] of its axes and texts
 * @returns {string}
 */
export function drawPlot(options, place = {}, color = GREY) {
  const xml = new DOMImplementation().createDocument("http://www.w3.org/1999/xhtml", "html", null);
  // Plot makes elements, and asks nothing else of a page.
  const document = /** @type {Document} */ (/** @type {unknown} */ (xml));
  const svg = Plot.plot({ document, ...options });
  const style = `background:none;color:${color};font-size:11px`; // Plot would set a property, which XML does not have
  for (const [name, value] of Object.entries({ ...place, style })) svg.setAttribute(name, String(value));
  return String(svg);
}
