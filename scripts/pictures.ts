/** Draws docs/pictures: the textbook cases of vanishing and exploding gradients, measured. `npm run docs:pictures` */

import { mkdirSync, writeFileSync } from "node:fs";
import * as Plot from "@observablehq/plot";
import { COLOURS, drawPlot, frame, GREY } from "../bench/picture.js";
import { measure, start } from "../site/experiment/measure.js";
import { largestSingularValue } from "../test/reference/jacobians.ts";
import { byEquation, flowOf, fromTheEnd, H, networkOf, train } from "../test/textbook.ts";

const [WIDTH, HEIGHT, TITLE] = [640, 340, 32];
/** Apart from each other for every kind of sight, and each with a text at its line. */
const [BLUE, ORANGE] = COLOURS as [string, string];
const [GREEN, PURPLE] = ["#10a37f", "#b07aa1"];

interface Curve {
  readonly label: string;
  readonly values: ArrayLike<number>;
  readonly colour: string;
  /** Default a solid line. */
  readonly dash?: string;
  /** Where the label stands. Default the last point. */
  readonly at?: number;
  /** Of the label, from the point. */
  readonly dx?: number;
  readonly dy?: number;
  /** It ends there instead of beginning there. */
  readonly before?: boolean;
}

interface Axes {
  readonly title: string;
  readonly text: string;
  readonly x: string;
  readonly y: string;
  readonly from: number;
  readonly marks?: readonly Plot.Markish[];
  readonly domain?: readonly [number, number];
  readonly ticks?: readonly number[];
}

/** Curves over 0, 1, 2 …, the logarithm of their values; those below the axis, zeros too, are left out. */
function draw(
  name: string,
  { title, text, x, y, from, marks = [], domain, ticks }: Axes,
  curves: readonly Curve[],
): void {
  const lines = curves.flatMap(({ label, values, colour, dash, at, dx = 6, dy = 0, before }) => {
    const points = Array.from(values, (value, k) => ({ k: k + from, value })).filter(
      ({ value }) => value > (domain?.[0] ?? 0),
    );
    const place = points[at ?? points.length - 1]!;
    return [
      Plot.line(points, { x: "k", y: "value", stroke: colour, strokeWidth: 2, ...(dash && { strokeDasharray: dash }) }),
      Plot.text([label], {
        x: () => place.k,
        y: () => place.value,
        dx,
        dy,
        fill: colour,
        textAnchor: before ? "end" : "start",
      }),
    ];
  });
  const plot = drawPlot(
    {
      ...{ width: WIDTH, height: HEIGHT, marginLeft: 60, marginTop: 20, marginBottom: 40, marginRight: 170 },
      x: { label: x, labelAnchor: "center", labelArrow: "none" },
      y: {
        label: y,
        type: "log",
        labelArrow: "none",
        ticks: ticks ?? 6,
        tickFormat: "~e",
        grid: true,
        ...(domain && { domain }),
      },
      marks: [...lines, ...marks],
    },
    { y: TITLE },
  );
  const svg = frame({ title, text, width: WIDTH, height: HEIGHT + TITLE }, [plot]);
  writeFileSync(new URL(`../docs/pictures/${name}.svg`, import.meta.url), svg);
  console.log(`docs/pictures/${name}.svg`);
}

const back = { x: "steps back from the loss", y: "‖dL/dh‖, mean over the batch", from: 0 };
/** first·rateᵏ */
const powers = (first: number, rate: number, n: number) => Array.from({ length: n }, (_, k) => first * rate ** k);
const rateText = (rate: number) => `${rate.toFixed(rate < 0.2 ? 3 : 2)} a step`;

mkdirSync(new URL("../docs/pictures/", import.meta.url), { recursive: true });

{
  const net = networkOf("sigmoid");
  const flow = flowOf(net);
  const [measured, product] = [fromTheEnd(flow), byEquation(net, "sigmoid")];
  const weight = Float64Array.from(net.parameter("elman.weight_hh_l0").value);
  const bound = largestSingularValue(weight, H) / 4;
  draw(
    "vanishing",
    {
      ...{ ...back, title: "The gradient of an Elman network with sigmoid vanishes" },
      text: `Elman, sigmoid, ${H} units, loss at the last of 100 steps: spectral radius ${flow.radii.h!.toFixed(2)}, measured rate ${flow.rate.toFixed(3)}`,
      domain: [1e-90, 1],
    },
    [
      {
        label: `largest singular value / 4:\n${rateText(bound)}`,
        values: powers(product[0]!, bound, 100),
        colour: GREY,
      },
      { label: "∏ diag(f′)·W in float64", values: product, colour: ORANGE, dash: "2 4" },
      { label: "measured (float32)", values: measured, colour: BLUE, at: 44, dx: -10, before: true },
    ],
  );
}
{
  const net = networkOf("reluLarge");
  const flow = flowOf(net);
  draw(
    "exploding",
    {
      ...{ ...back, title: "The gradient of an Elman network with large weights explodes" },
      ticks: [10, 100, 1e3, 1e4, 1e5],
      text: `Elman, relu, identity(1.1), loss at the last of 100 steps: spectral radius ${flow.radii.h!.toFixed(2)}, measured rate ${flow.rate.toFixed(3)}`,
    },
    [
      {
        label: "spectral radius to the k",
        values: powers(flow.norms.at(-1)!, flow.radii.h!, 100),
        colour: GREY,
        dy: -6,
      },
      { label: "measured", values: fromTheEnd(flow), colour: BLUE, dy: -2 },
      { label: "∏ diag(f′)·W in float64", values: byEquation(net, "reluLarge"), colour: ORANGE, dash: "2 4", dy: 12 },
    ],
  );
}
{
  const [without, held] = [train(networkOf("reluLarge"), 300), train(networkOf("reluLarge"), 300, 1)];
  draw(
    "clipping",
    {
      ...{ title: "Clipping holds the training of that network", x: "optimizer step", y: "loss of the batch", from: 1 },
      text: "The same network trained by sgd, learning rate 0.1",
      marks: [Plot.dot([1], { x: 1, y: without.losses[0]!, fill: ORANGE, r: 4 })],
    },
    [
      { label: "with clipNorm: 1", values: held.losses, colour: BLUE },
      {
        ...{ label: `without: the loss is not finite at step ${without.losses.length + 1}`, values: without.losses },
        ...{ colour: ORANGE, dx: 60 },
      },
    ],
  );
}
{
  const names = ["reluIdentity", "relu", "tanh", "sigmoid"] as const;
  const labels = ["relu, identity()", "relu", "tanh", "sigmoid"];
  const looks = [
    { colour: BLUE },
    { colour: ORANGE, dy: 8 },
    { colour: GREEN, dash: "8 3", dy: -4 },
    { colour: PURPLE, dash: "2 4", at: 30, dx: 8 },
  ];
  draw(
    "relu-identity",
    {
      ...{ ...back, title: "relu that begins with the identity carries the gradient", domain: [1e-40, 1] },
      text: "Elman networks before training, loss at the last of 100 steps",
    },
    names.map((name, k) => {
      const flow = flowOf(networkOf(name));
      return { label: `${labels[k]!}: ${rateText(flow.rate)}`, values: fromTheEnd(flow), ...looks[k]! };
    }),
  );
}
{
  const names = ["lstmForget5", "lstmForget1", "lstm", "sigmoid"] as const;
  const labels = ["forgetBias: 5", "forgetBias: 1", "forget bias 0", "Elman, sigmoid"];
  const looks = [
    { colour: BLUE },
    { colour: ORANGE, dash: "12 3" },
    { colour: GREEN, dash: "8 3" },
    { colour: PURPLE, dash: "2 4", at: 30, dx: 8 },
  ];
  draw(
    "lstm",
    {
      ...{ ...back, title: "The forget gate of an LSTM carries the gradient", domain: [1e-40, 1] },
      y: "‖dL/dc‖, of Elman ‖dL/dh‖, mean over the batch",
      text: "LSTMs before training, loss at the last of 100 steps",
    },
    names.map((name, k) => {
      const flow = flowOf(networkOf(name));
      return { label: `${labels[k]!}: ${rateText(flow.rate)}`, values: fromTheEnd(flow), ...looks[k]! };
    }),
  );
}
{
  const looks = {
    Elman: { colour: ORANGE, dy: 4 },
    LSTM: { colour: BLUE, dash: "10 4", dy: -8 },
    GRU: { colour: GREEN, dash: "2 4", dy: 8 },
  };
  draw(
    "experiment",
    {
      ...{ title: "How much of the gradient reaches each step: Elman, LSTM and GRU", x: "time step", from: 1 },
      y: "gradient, as a share of that at the last step",
      text: `Before training, loss at the last of ${start.length} steps: Elman with spectral radius ${start.radius}, gates with a bias of ${start.gateBias}`,
    },
    measure(start).map(({ name, norms, flow }) => ({
      ...{ label: `${name}: ${rateText(flow.rate)}, ${flow.verdict}`, values: norms },
      ...looks[name as keyof typeof looks],
    })),
  );
}
