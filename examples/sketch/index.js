// Sketch: an LSTM learns to move a pen, by a mixture of Gaussians, and draws Chinese characters of its own into sketch.svg.
import { writeFileSync } from "node:fs";
import { adam, dense, gaussianMixture, lstm, MixtureSampler, Network, splitData } from "unrolled";
import { heading, progress, quick, report } from "../common.js";
import { characters, drawingOf, pen, read } from "../strokes.js";

/** @import { Drawing } from "../strokes.js" */

// ---- data: characters of few strokes, each point as the way from the one before; package "hanzi-writer-data"

const most = quick ? 40 : 50; // points
const drawings = characters()
  .map(drawingOf)
  .filter(({ length }) => length <= most);

/** What a network reads is the point before, at the beginning that of a pen in the air; what it should give is the next. @param {Drawing} drawing */
const toInputs = (drawing) => [read([0, 0, pen.up]), ...drawing.slice(0, -1).map(read)];
const split = splitData({ inputs: drawings.map(toInputs), targets: drawings }, { test: 0.1, seed: 1 });
const { train, test } = split;
const points = drawings.flat().length;
console.log(
  `${drawings.length.toLocaleString("en")} characters of at most ${most} points, ${points.toLocaleString("en")} points; a tenth held out`,
);

// ---- network: where the pen goes, and whether it is lifted there

const mixture = { components: quick ? 5 : 10, penStates: 3 };
const net = new Network({
  input: { features: 5 },
  layers: [lstm(quick ? 48 : 160), dense(3 + 6 * mixture.components)],
  seed: 1,
});
console.log(net.summary());
const loss = gaussianMixture(mixture);
const epochs = quick ? 4 : 20;
const steps = (epochs * train.inputs.length) / 32;
await net.fit(train, {
  loss,
  optimizer: adam(),
  learningRate: (step) => (quick ? 0.01 : 0.005) * Math.max(0.02, 1 - step / steps),
  clipNorm: 1,
  epochs,
  validation: test, // shown, not used
  ...progress(epochs),
});

// ---- drawings of its own

/** @param {MixtureSampler} sampler */
function draw(sampler) {
  const stream = net.stream();
  /** @type {Drawing} */
  const drawing = [];
  let step = read([0, 0, pen.up]);
  while (drawing.length < 2 * most && drawing.at(-1)?.[2] !== pen.end) {
    const [dx, dy, state] = sampler.draw(stream.step(Float32Array.from(step)));
    drawing.push([dx, dy, state]);
    step = read([dx, dy, state]);
  }
  return drawing;
}

/** @param {Drawing} drawing @param {number} column @param {number} row */
function toPath(drawing, column, row) {
  let [x, y] = [5.5 + 11 * column, 5 + 11 * row];
  let isDown = false;
  const commands = drawing.map(([dx, dy, state]) => {
    [x, y] = [x + dx, y + dy];
    const command = `${isDown ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`;
    isDown = state === pen.down;
    return command;
  });
  return `<path d="${commands.join("")}"/>`;
}

const rows = [
  test.targets.slice(0, 8), // real ones, for comparison
  ...[0.2, 0.4, 0.6].map((temperature, k) => {
    const sampler = new MixtureSampler({ ...mixture, temperature, seed: k });
    return Array.from({ length: 8 }, () => draw(sampler));
  }),
];
const labels = ["held out", "temperature 0.2", "temperature 0.4", "temperature 0.6"];
const paths = rows.flatMap((row, r) => row.map((drawing, column) => toPath(drawing, column, r)));
const texts = labels.map((label, r) => `<text x="89" y="${5.5 + 11 * r}">${label}</text>`);
writeFileSync(
  "sketch.svg",
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 106 44" width="1060" height="440">
<title>Characters held out, and drawn by the network</title>
<rect width="106" height="44" fill="#fff"/>
<g fill="none" stroke="#1a1a1a" stroke-width="0.35" stroke-linecap="round" stroke-linejoin="round">
${paths.join("\n")}
</g>
<g font-family="sans-serif" font-size="1.8" fill="#444">
${texts.join("\n")}
</g>
</svg>
`,
);
heading("drawn");
const drawn = rows.slice(1).flat();
const ended = drawn.filter((drawing) => drawing.at(-1)?.[2] === pen.end).length;
console.log(
  `sketch.svg: a row of real characters and three rows of the network's; ${ended} of ${drawn.length} came to an end`,
);

// ---- result: beside one Gaussian and the share of each state, both by the state of the point before

/** Nats a point, where each is told by the pen of the one before alone. */
function withoutNetwork() {
  const all = (/** @type {typeof train} */ { inputs, targets }) =>
    targets.flatMap((drawing, n) =>
      drawing.map(([dx, dy, next], t) => ({ from: inputs[n][t].indexOf(1, 2) - 2, dx, dy, next })),
    );
  const states = [pen.down, pen.up].map((from) => {
    const known = all(train).filter((one) => one.from === from);
    const mean = (/** @type {(one: typeof known[number]) => number} */ of) =>
      known.reduce((sum, one) => sum + of(one), 0) / known.length;
    const [mx, my] = [mean(({ dx }) => dx), mean(({ dy }) => dy)];
    const [xx, yy, xy] = [
      mean(({ dx }) => (dx - mx) ** 2),
      mean(({ dy }) => (dy - my) ** 2),
      mean(({ dx, dy }) => (dx - mx) * (dy - my)),
    ];
    const shares = [pen.down, pen.up, pen.end].map((state) => mean(({ next }) => Number(next === state)));
    return { mx, my, xx, yy, xy, shares };
  });
  const held = all(test);
  const sum = held.reduce((total, { from, dx, dy, next }) => {
    const { mx, my, xx, yy, xy, shares } = states[from];
    const determinant = xx * yy - xy * xy;
    const [x, y] = [dx - mx, dy - my];
    const distance = (yy * x * x - 2 * xy * x * y + xx * y * y) / determinant;
    return total + Math.log(2 * Math.PI) + Math.log(determinant) / 2 + distance / 2 - Math.log(shares[next]);
  }, 0);
  return sum / held.length;
}

const reached = net.evaluate(test, { loss }).loss;
report(`hanzi-writer-data: ${drawings.length.toLocaleString("en")} characters as strokes`, [
  {
    measure: "likelihood of the next point and pen, nats",
    reached,
    atMost: quick ? 2 : 0,
    baseline: ["one Gaussian for each state of the pen", withoutNetwork()],
  },
]);
