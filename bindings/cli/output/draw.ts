/** Curves over a common axis as SVG, for light and dark alike. */

import { areaY, axisX, axisY, line, ruleX } from "@observablehq/plot";
import { COLOURS, drawPlot, frame, GREY } from "../../../bench/picture.js";

interface Curve {
  readonly name: string;
  /** NaN where there is none. */
  readonly values: ArrayLike<number>;
  /** Where the first stands. */
  readonly from: number;
}

export interface Picture {
  readonly title: string;
  /** What the axes show, units included. */
  readonly x: string;
  readonly y: string;
  /** The name of each x, from 1 on; without it, x itself. */
  readonly names?: readonly string[] | undefined;
  /** One or two; a band is that of the second. */
  readonly curves: readonly Curve[];
  readonly band?: {
    readonly name: string;
    readonly low: ArrayLike<number>;
    readonly high: ArrayLike<number>;
    readonly from: number;
  };
  /** An upright line, and what begins there. */
  readonly mark?: number;
}

const [WIDTH, HEIGHT, TOP] = [720, 360, 48];
/** At least 3:1 beside white and beside #16181d, and apart for every kind of sight; dashes say it again. */
const looks = [
  { stroke: COLOURS[0]!, dash: "none" },
  { stroke: "#c2620a", dash: "7 3" },
];
const style = `<style>
svg { color: #444; fill: #444 } .paper { fill: #fff }
@media (prefers-color-scheme: dark) { svg { color: #ccc; fill: #ccc } .paper { fill: #16181d } }
</style>
`;

export function draw({ title, x, y, names, curves, band, mark }: Picture): string {
  const marks = curves.map((curve, k) => {
    const { stroke, dash } = looks[k]!;
    return line(pointsOf(curve), { x: "x", y: "y", stroke, strokeWidth: 2, strokeDasharray: dash });
  });
  const axes = { labelArrow: "none" } as const;
  const plot = drawPlot(
    {
      ...{ width: WIDTH, height: HEIGHT, marginLeft: 60, marginTop: 24, marginBottom: 42, marginRight: 16 },
      marks: [
        axisX({
          ...axes,
          ticks: names ? 5 : 7,
          label: x,
          labelAnchor: "center",
          tickFormat: (at: number) => nameOf(at, names),
        }),
        axisY({ ...axes, ticks: 7, label: y }),
        ...(band
          ? [areaY(bandOf(band), { x: "x", y1: "low", y2: "high", fill: looks[1]!.stroke, fillOpacity: 0.25 })]
          : []),
        ...(mark === undefined ? [] : [ruleX([mark], { stroke: GREY })]),
        ...marks,
      ],
    },
    { y: TOP },
    "inherit",
  );
  const inLegend = [...curves.map(({ name }) => name), ...(band ? [band.name] : [])];
  const description = `${y} over ${x}: ${curves.map(describe).join("; ")}`;
  const head = `<desc>${escape(description)}</desc>\n${style}<rect class="paper" width="100%" height="100%"/>\n`;
  const size = { width: WIDTH, height: HEIGHT + TOP };
  return frame({ title: escape(title), text: escape(title), head, ...size }, [
    legend(inLegend, band !== undefined),
    plot,
  ]);
}

/** Between rows or epochs there is nothing. */
function nameOf(x: number, names?: readonly string[]): string {
  if (!Number.isInteger(x)) return "";
  return names ? (names[x - 1] ?? "") : String(x);
}

function pointsOf({ values, from }: Curve): { x: number; y: number }[] {
  return Array.from(values, (value, i) => ({ x: from + i, y: value }));
}

function bandOf({ low, high, from }: NonNullable<Picture["band"]>): { x: number; low: number; high: number }[] {
  return Array.from(low, (value, i) => ({ x: from + i, low: value, high: high[i]! }));
}

/** In words, for those who do not see it. */
function describe({ name, values }: Curve): string {
  const known = Array.from(values).filter((value) => Number.isFinite(value));
  if (known.length === 0) return `${name}: none`;
  const [low, high] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
  const short = (value: number) => String(Number(value.toPrecision(4)));
  return `${name}: ${short(known[0]!)} at first, ${short(known.at(-1))} at last, between ${short(low)} and ${short(high)}`;
}

/** A stroke and a name for each curve, and a field for the band. */
function legend(names: readonly string[], hasBand: boolean): string {
  let x = 10;
  return names
    .map((name, k) => {
      const isBand = hasBand && k === names.length - 1;
      const { stroke, dash } = looks[k] ?? looks[0]!;
      const sample = isBand
        ? `<rect x="${x}" y="34" width="26" height="10" fill="${looks[1]!.stroke}" fill-opacity="0.25"/>`
        : `<line x1="${x}" x2="${x + 26}" y1="39" y2="39" stroke="${stroke}" stroke-width="2" stroke-dasharray="${dash}"/>`;
      const text = `<text x="${x + 32}" y="43">${escape(name)}</text>`;
      x += 52 + name.length * 7;
      return sample + text;
    })
    .join("\n");
}

function escape(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
