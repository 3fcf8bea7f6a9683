// Draws text from standard input as a terminal, an SVG on standard output: the picture in the README is
// `npm start --silent | grep -v ^epoch | node scripts/terminal-svg.mjs > docs/main-job.svg`.
import { readFileSync } from "node:fs";

const columns = 112;
const [charWidth, lineHeight, margin] = [7.8, 18, 20];

/** @param {string} line */
const expandTabs = (line) => line.replace(/\t/g, "    ");
/** @param {string} line */
const wrap = (line) => (line === "" ? [""] : (expandTabs(line).match(new RegExp(`.{1,${columns}}`, "gu")) ?? []));
/** @param {string} text */
const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

const lines = readFileSync(0, "utf8").trimEnd().split("\n").flatMap(wrap);
const width = columns * charWidth + 2 * margin;
const height = lines.length * lineHeight + 2 * margin;
const rows = lines.map((line, i) => {
  const y = margin + (i + 0.8) * lineHeight;
  const colour = /^(──|epoch)/.test(line) ? ' fill="#7ec8ff"' : "";
  return `<text x="${margin}" y="${y.toFixed(1)}"${colour} xml:space="preserve">${escape(line)}</text>`;
});

process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<rect width="100%" height="100%" rx="8" fill="#14161a"/>
<g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="#e6e6e6">
${rows.join("\n")}
</g>
</svg>
`);
