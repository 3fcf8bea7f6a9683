// Curves by uPlot, in the colours of the theme and as wide as there is room.
import uPlot from "uplot";
import { color, onTheme } from "./dom.ts";

export interface Line {
  label: string;
  /** Name of a colour of the theme. */
  color: string;
  width?: number;
  dash?: number[];
  /** Dots instead of a curve. */
  points?: "small" | "filled" | "ring";
  values: (number | null)[];
}

export interface ChartOptions {
  /** For those who do not see it. */
  label: string;
  xLabel: string;
  yLabel: string;
  yValues?: (value: number) => string;
  yRange?: (low: number, high: number) => [number, number];
  whole?: boolean;
  /** Draws an upright line there. */
  mark?: number | null;
}

const HEIGHT = 240;
const FONT = "12px system-ui, sans-serif";
const short = (value: number) => String(Number(value.toPrecision(3)));

function dots({ points, color: name }: Line): uPlot.Series.Points {
  const size = points === "small" ? 5 : 10;
  return { show: true, size, width: points === "ring" ? 2 : 0, fill: points === "ring" ? "transparent" : color(name) };
}

export class Chart {
  readonly #host: HTMLElement;
  #plot: uPlot | undefined;
  #shape = "";
  #lines: Line[] = [];
  #x: number[] = [];
  #options: ChartOptions = { label: "", xLabel: "", yLabel: "" };

  constructor(host: HTMLElement) {
    this.#host = host;
    host.setAttribute("role", "img");
    new ResizeObserver(() => {
      if (this.#plot && host.clientWidth > 0) this.#plot.setSize({ width: host.clientWidth, height: HEIGHT });
    }).observe(host);
    onTheme(() => {
      this.#shape = "";
      this.draw(this.#x, this.#lines, this.#options);
    });
  }

  /** @param summary what the curves say, in words */
  draw(x: number[], lines: Line[], options: ChartOptions, summary = ""): void {
    [this.#x, this.#lines, this.#options] = [x, lines, options];
    this.#host.setAttribute("aria-label", `${options.label}. ${summary}`);
    const shape = JSON.stringify([lines.map(({ values: _, ...look }) => look), options]);
    const data = [x, ...lines.map(({ values }) => values)] as uPlot.AlignedData;
    if (this.#plot && shape === this.#shape) return this.#plot.setData(data);
    this.#shape = shape;
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#setting(lines, options), data, this.#host);
  }

  #setting(lines: Line[], { xLabel, yLabel, yValues = short, yRange, whole, mark }: ChartOptions): uPlot.Options {
    const axis = {
      stroke: color("quiet"),
      font: FONT,
      labelFont: FONT,
      labelSize: 18,
      grid: { stroke: color("line"), width: 1 },
      ticks: { show: false },
    };
    return {
      width: this.#host.clientWidth || 300,
      height: HEIGHT,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { time: false }, y: yRange ? { range: (_, low, high) => yRange(low, high) } : {} },
      axes: [
        { ...axis, label: xLabel, size: 28, space: 60, values: (_, at) => at.map(short) },
        {
          ...axis,
          ...{ label: yLabel, size: 50, space: 32, values: (_: uPlot, at: number[]) => at.map(yValues) },
          ...(whole && { incrs: [1, 2, 4, 5, 10, 20] }),
        },
      ],
      series: [
        { label: xLabel },
        ...lines.map((line): uPlot.Series => ({
          label: line.label,
          stroke: color(line.color),
          width: line.width ?? 2,
          ...(line.dash && { dash: line.dash }),
          spanGaps: true,
          ...(line.points ? { points: dots(line), paths: () => null } : { points: { show: false } }),
        })),
      ],
      hooks: {
        draw: [
          ({ ctx, bbox, valToPos }) => {
            if (typeof mark !== "number") return;
            const at = valToPos(mark, "x", true);
            ctx.save();
            ctx.strokeStyle = color("quiet");
            ctx.lineWidth = devicePixelRatio;
            ctx.beginPath();
            ctx.moveTo(at, bbox.top);
            ctx.lineTo(at, bbox.top + bbox.height);
            ctx.stroke();
            ctx.restore();
          },
        ],
      },
    };
  }
}
