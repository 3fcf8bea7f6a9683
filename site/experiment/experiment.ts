// The experiment of docs/recurrent-networks.md: sliders for the length and the weights of networks that have not learnt yet, and how much
// of the gradient reaches each step.
import uPlot from "uplot";
import { make, say } from "../../playground/src/dom.ts";
import { measure, start, type Curve, type Setting } from "./measure.js";

const sliders: { key: keyof Setting; label: string; min: number; max: number; step: number }[] = [
  { key: "length", label: "Steps T", min: 10, max: 200, step: 10 },
  { key: "radius", label: "Spectral radius of the Elman network’s W_hh", min: 0.2, max: 2.5, step: 0.05 },
  { key: "gateBias", label: "Bias of the LSTM’s forget gate and the GRU’s update gate", min: -2, max: 6, step: 0.5 },
];

/** Apart from each other for every kind of sight, and by their dashes. */
const looks: Record<string, number[]> = { Elman: [], LSTM: [10, 4], GRU: [2, 4] };
const HEIGHT = 300;
const FONT = "12px system-ui, sans-serif";
/** Where the verdict changes: a thousandth and a thousandfold. */
const BOUND = 3;

const power = (exponent: number) => (exponent === 0 ? "1" : `1e${exponent}`);
const share = (value: number) =>
  value >= 0.01 && value < 1000 ? String(Number(value.toPrecision(2))) : value.toExponential(0).replace("e+", "e");

/** Takes the place of what stands in the element. */
export function show(host: Element): void {
  const setting = { ...start };
  const controls = make("div", "experiment-controls");
  const plot = make("div", "experiment-plot");
  plot.setAttribute("role", "img");
  const rows = Object.keys(looks).map((name) => {
    const sample = make("span", `experiment-line experiment-${name}`);
    const cells = ["td", "td", "td"].map(() => make("td"));
    const head = make("th", "", sample, name);
    head.scope = "row";
    return { name, sample, cells, row: make("tr", "", head, ...cells) };
  });
  const heads = ["Network", "A step back keeps", "Arrives at step 1", "Verdict"].map((text) => {
    const head = make("th", "", text);
    head.scope = "col";
    return head;
  });
  const table = make("table", "", make("thead", "", make("tr", "", ...heads)));
  table.append(make("tbody", "", ...rows.map(({ row }) => row)));
  const news = make("p", "experiment-news");
  news.setAttribute("role", "status");

  const chart = new Chart(plot, Object.fromEntries(rows.map(({ name, sample }) => [name, sample])));
  const update = () => {
    const curves = measure(setting);
    chart.draw(curves);
    for (const { name, norms, flow } of curves) {
      const cells = rows.find((row) => row.name === name)?.cells ?? [];
      const texts = [flow.rate.toFixed(2), share(norms[0] ?? 0), flow.verdict];
      cells.forEach((cell, k) => say(cell, texts[k] ?? ""));
    }
    const verdicts = curves.map(({ name, flow }) => `${name} ${flow.verdict}`).join(", ");
    const worst = curves.find(({ flow }) => flow.verdict !== "healthy");
    say(news, `${verdicts}.${worst ? ` ${worst.name}: ${worst.flow.advice}.` : ""}`);
    plot.setAttribute(
      "aria-label",
      `The gradient at each of ${setting.length} steps, as a share of that at the last. ${verdicts}.`,
    );
  };

  for (const { key, label, ...range } of sliders) {
    const input = make("input");
    Object.assign(input, { type: "range", ...range, value: String(setting[key]), id: `experiment-${key}` });
    const value = make("output", "", String(setting[key]));
    value.htmlFor.add(input.id);
    const name = make("label", "", label);
    name.htmlFor = input.id;
    controls.append(make("div", "", make("div", "experiment-name", name, value), input));
    let waiting = 0;
    input.addEventListener("input", () => {
      setting[key] = Number(input.value);
      say(value, input.value);
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(update);
    });
  }
  const wide = make("div", "wide", table);
  wide.tabIndex = 0;
  wide.setAttribute("role", "group");
  host.replaceChildren(controls, plot, wide, news);
  update();
}

/** Curves over the steps, their sizes as powers of ten. */
class Chart {
  readonly #host: HTMLElement;
  readonly #samples: Record<string, HTMLElement>;
  #plot: uPlot | undefined;
  #curves: Curve[] = [];

  constructor(host: HTMLElement, samples: Record<string, HTMLElement>) {
    this.#host = host;
    this.#samples = samples;
    new ResizeObserver(() => this.#plot?.setSize({ width: host.clientWidth, height: HEIGHT })).observe(host);
    const redraw = () => this.draw(this.#curves);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  draw(curves: Curve[]): void {
    this.#curves = curves;
    const steps = Array.from({ length: curves[0]?.norms.length ?? 0 }, (_, t) => t + 1);
    const exponents = curves.map(({ norms }) => norms.map((norm) => (norm > 0 ? Math.log10(norm) : null)));
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(curves), [steps, ...exponents], this.#host);
  }

  #options(curves: Curve[]): uPlot.Options {
    const { color: ink } = getComputedStyle(this.#host);
    const line = getComputedStyle(this.#host).borderTopColor;
    const axis = {
      stroke: ink,
      font: FONT,
      labelFont: FONT,
      labelSize: 18,
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
    };
    const level = (plot: uPlot, exponent: number) => {
      const { ctx, bbox } = plot;
      const y = plot.valToPos(exponent, "y", true);
      if (y < bbox.top || y > bbox.top + bbox.height) return;
      ctx.save();
      ctx.strokeStyle = ink;
      ctx.setLineDash([1, 3].map((dash) => dash * devicePixelRatio));
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.restore();
    };
    return {
      width: this.#host.clientWidth || 300,
      height: HEIGHT,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false },
        y: { range: (_, low, high) => [Math.min(-4, Math.floor(low)), Math.max(4, Math.ceil(high))] },
      },
      axes: [
        { ...axis, label: "time step", size: 28, space: 50 },
        {
          ...axis,
          ...{ label: "gradient, as a share of that at the last step", size: 56, space: 32 },
          ...{ incrs: [1, 2, 5, 10, 20], values: (_: uPlot, at: number[]) => at.map(power) },
        },
      ],
      series: [
        {},
        ...curves.map(({ name }): uPlot.Series => {
          const sample = this.#samples[name] ?? this.#host;
          return {
            stroke: getComputedStyle(sample).color,
            width: 2.5,
            dash: looks[name] ?? [],
            points: { show: false },
          };
        }),
      ],
      hooks: { draw: [(plot) => [BOUND, -BOUND].forEach((exponent) => level(plot, exponent))] },
    };
  }
}
