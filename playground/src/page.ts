// The page: settings, the orders to the worker, and what it sends drawn.
import { Chart, type Line } from "./charts.ts";
import {
  cells,
  defaultsOf,
  fromHash,
  isLast,
  isText,
  isWhole,
  limits,
  optimizers,
  tasks,
  toHash,
  type CellName,
  type Config,
  type NumberName,
  type TaskName,
} from "./config.ts";
import { element, fill, make, say } from "./dom.ts";
import { Heat } from "./heat.ts";
import type { Built, News, Order, Own, Point, RunView } from "./messages.ts";

const form = element("form", HTMLFormElement);
const selects = {
  task: element("task", HTMLSelectElement),
  cell: element("cell", HTMLSelectElement),
  against: element("against", HTMLSelectElement),
  optimizer: element("optimizer", HTMLSelectElement),
  column: element("column", HTMLSelectElement),
};
const buttons = {
  start: element("start", HTMLButtonElement),
  step: element("step", HTMLButtonElement),
  stop: element("stop", HTMLButtonElement),
  measure: element("measure", HTMLButtonElement),
};
const status = element("status", HTMLElement);
const errorLine = element("error", HTMLElement);
const progress = element("progress", HTMLProgressElement);
const link = element("link", HTMLInputElement);
const sheetSelect = element("sheet", HTMLSelectElement);
const layerSelect = element("layer", HTMLSelectElement);
const weightSelect = element("weight", HTMLSelectElement);
const at = element("at", HTMLElement);
const charts = {
  loss: new Chart(element("loss", HTMLElement)),
  answer: new Chart(element("answer", HTMLElement)),
  flow: new Chart(element("flow", HTMLElement)),
};
const sides = ["a", "b"] as const;

let config: Config = fromHash(location.hash);
let own: Own | undefined;
let changes = 0;
let built: Built | undefined;
let running = false;
let loaded = false;
let step = 0;
let points: Point[] = [];
let views: RunView[] = [];
/** What each network has on the page, made anew with the networks. */
let cards: Card[] = [];

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const order = (what: Order) => worker.postMessage(what);

// ---------------------------------------------------------------------------------------------------------- settings

const field = (name: NumberName) => form.elements.namedItem(name) as HTMLInputElement;

function setUpForm(): void {
  fill(selects.task, tasks);
  fill(selects.cell, cells);
  fill(selects.against, { none: "nothing", ...cells });
  fill(selects.optimizer, optimizers);
  for (const [name, [low, high]] of Object.entries(limits)) {
    const input = field(name as NumberName);
    Object.assign(input, { min: String(low), max: String(high), required: true, inputMode: "decimal" });
    if (isWhole(name as NumberName)) input.step = "1";
  }
}

/** The form shows the configuration. */
function showConfig(): void {
  for (const name of ["task", "cell", "against", "optimizer"] as const) selects[name].value = config[name];
  for (const name of Object.keys(limits) as NumberName[]) field(name).value = String(config[name]);
  field("length").disabled = isText(config.task);
  field("truncate").disabled = isLast(config.task);
  field("forgetBias").disabled = config.cell !== "lstm" && config.against !== "lstm";
  const hash = toHash(config);
  if (location.hash !== hash) history.replaceState(null, "", hash);
  link.value = location.href;
}

/** What the form says; undefined where a field is wrong, which the browser then shows. */
function readForm(): Config | undefined {
  if (!form.reportValidity()) return undefined;
  const next = { ...config };
  next.cell = selects.cell.value as CellName;
  next.against = selects.against.value as Config["against"];
  next.optimizer = selects.optimizer.value as Config["optimizer"];
  next.column = selects.column.value;
  for (const name of Object.keys(limits) as NumberName[]) next[name] = Number(field(name).value);
  return next;
}

function apply(next: Config): void {
  config = next;
  showConfig();
  showError("");
  order({ do: "set", config, change: ++changes, ...(own && { own }) });
}

form.addEventListener("change", (event) => {
  if (event.target === element("file", HTMLInputElement)) return;
  if (event.target === selects.task) return apply(defaultsOf(selects.task.value as TaskName));
  const next = readForm();
  if (next) apply(next);
});
form.addEventListener("submit", (event) => event.preventDefault());
element("defaults", HTMLButtonElement).addEventListener("click", () => apply(defaultsOf(config.task)));
addEventListener("hashchange", () => apply(fromHash(location.hash)));

element("copy", HTMLButtonElement).addEventListener("click", () => {
  const copied = () => say(status, "The link is copied.");
  const byHand = () => {
    link.select();
    say(status, "The link is selected: copy it with your keys.");
  };
  navigator.clipboard.writeText(link.value).then(copied, byHand);
});

// ------------------------------------------------------------------------------------------------------------- files

async function takeFile(file: File): Promise<void> {
  if (file.name.endsWith(".safetensors")) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    showError("");
    return order({ do: "load", bytes, change: ++changes, ...(own && { own }) });
  }
  own = { name: file.name, text: await file.text() };
  const table = /\.(csv|tsv)$/i.test(file.name);
  apply(defaultsOf(table ? "ownSeries" : "ownText"));
}

for (const id of ["file", "model"]) {
  const input = element(id, HTMLInputElement);
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file) void takeFile(file);
    input.value = "";
  });
}
const veil = element("veil", HTMLElement);
addEventListener("dragover", (event) => {
  event.preventDefault();
  veil.hidden = false;
});
addEventListener("dragleave", ({ relatedTarget }) => {
  if (relatedTarget === null) veil.hidden = true;
});
addEventListener("drop", (event) => {
  event.preventDefault();
  veil.hidden = true;
  const [file] = event.dataTransfer?.files ?? [];
  if (file) void takeFile(file);
});

function download(bytes: Uint8Array<ArrayBuffer>, name: string): void {
  const anchor = element("download", HTMLAnchorElement);
  URL.revokeObjectURL(anchor.href);
  anchor.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  anchor.download = name;
  anchor.click();
  say(status, `Saved ${name}.`);
}

// ---------------------------------------------------------------------------------------------------------- controls

buttons.start.addEventListener("click", () => order({ do: running ? "pause" : "run" }));
buttons.step.addEventListener("click", () => order({ do: "step" }));
buttons.stop.addEventListener("click", () => {
  order({ do: "set", config, change: ++changes, ...(own && { own }) });
  buttons.start.focus();
});
buttons.measure.addEventListener("click", () => {
  buttons.measure.disabled = true;
  say(element("speed", HTMLElement), "Measuring, about two seconds.");
  order({ do: "speed" });
});
element("write", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const [prompt, temperature] = [element("prompt", HTMLInputElement), element("temperature", HTMLInputElement)];
  order({ do: "write", prompt: prompt.value, temperature: temperature.valueAsNumber });
});
sheetSelect.addEventListener("change", drawInside);
layerSelect.addEventListener("change", drawInside);
weightSelect.addEventListener("change", () => order({ do: "look", weight: weightSelect.value }));

function showState(finished: boolean): void {
  buttons.start.textContent = running ? "Pause" : step > 0 && !finished ? "Resume" : "Start";
  buttons.start.disabled = finished;
  buttons.step.disabled = running || finished;
  buttons.stop.disabled = !running && step === 0;
  const failed = views.length > 0 && views.every((view) => view.failed);
  if (failed) say(status, "Stopped: no network can go on.");
  else if (running) say(status, "Training.");
  else if (finished) say(status, `Done after ${step.toLocaleString("en")} steps.`);
  else
    say(
      status,
      step === 0
        ? loaded
          ? "Ready: the model is loaded."
          : "Ready."
        : `Paused after ${step.toLocaleString("en")} steps.`,
    );
}

function showStep(now: number): void {
  step = now;
  say(at, step.toLocaleString("en"));
  say(element("of", HTMLElement), config.steps.toLocaleString("en"));
  [progress.max, progress.value] = [config.steps, step];
}

function showError(message: string): void {
  errorLine.hidden = message === "";
  say(errorLine, message);
}

// ---------------------------------------------------------------------------------------------------- what is drawn

interface Card {
  figures: Record<"train" | "valid" | "norm" | "speed", HTMLElement>;
  score: HTMLElement;
  text: HTMLElement;
  verdict: HTMLElement;
  heat: Heat;
  heatEmpty: HTMLElement;
  weights: Heat;
}

const swatch = (className: string) => make("span", `swatch ${className}`);

function makeCard(name: string, structure: string, parameters: number, side: string): Card {
  const figure = () => make("dd", "", "–");
  const figures = { train: figure(), valid: figure(), norm: figure(), speed: figure() };
  const titles = { train: "training loss", valid: "validation", norm: "gradient", speed: "steps/s" };
  const list = make("dl");
  for (const [key, dd] of Object.entries(figures)) {
    list.append(make("div", "", make("dt", "", titles[key as keyof typeof titles]), dd));
  }
  const title = () => [swatch(side), make("span", "", name)];
  const score = make("p", "score", "");
  const size = `${structure}, ${parameters.toLocaleString("en")} parameters`;
  const card = make("div", "card", make("h3", "", ...title()), make("p", "hint", size), list, score);
  element("cards", HTMLElement).append(card);
  const text = make("pre", "", "");
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", `Text of the ${name}`);
  element("texts", HTMLElement).append(make("div", "", make("h3", "", ...title()), text));
  const verdict = make("div");
  element("verdicts", HTMLElement).append(verdict);
  const [heat, weights] = [new Heat(title()), new Heat(title(), "weights")];
  const heatEmpty = make("p", "empty", "");
  heatEmpty.hidden = true;
  element("heats", HTMLElement).append(make("div", "", heat.element, heatEmpty));
  element("weights", HTMLElement).append(weights.element);
  return { figures, score, text, verdict, heat, heatEmpty, weights };
}

function showBuilt(next: Built): void {
  built = next;
  [points, views] = [[], []];
  for (const id of ["cards", "texts", "verdicts", "heats", "weights", "saves"])
    element(id, HTMLElement).replaceChildren();
  cards = next.runs.map(({ name, structure, parameters }, k) => makeCard(name, structure, parameters, sides[k]!));
  next.runs.forEach(({ name }, k) => {
    const button = make("button", "", `Save ${name}`);
    button.type = "button";
    button.addEventListener("click", () => order({ do: "save", run: k }));
    element("saves", HTMLElement).append(button);
  });
  say(element("about", HTMLElement), next.about);
  say(element("loss-name", HTMLElement), next.lossName);
  const { question } = next;
  say(element("answer-title", HTMLElement), question.title);
  say(element("answer-note", HTMLElement), question.note);
  element("answer-note", HTMLElement).hidden = question.note === "";
  element("answer-chart", HTMLElement).hidden = question.kind === "text";
  element("writing", HTMLElement).hidden = question.kind !== "text";
  const columns = Object.fromEntries(next.columns.map((name) => [name, name]));
  element("column-row", HTMLElement).hidden = next.columns.length < 2;
  fill(selects.column, columns, config.column || next.columns.at(-1));
  legend("loss-legend", [
    ...next.runs.flatMap(({ name }, k) => [
      [`${sides[k]} thin`, `${name}, training`] as const,
      [sides[k]!, `${name}, validation`] as const,
    ]),
    ...(next.baseline ? [["other", next.baseline.name] as const] : []),
  ]);
  const dots = question.points ? "dot " : "";
  legend("answer-legend", [
    [question.points ? "dot" : "", "truth"],
    ...next.runs.map(({ name }, k) => [dots + sides[k]!, name] as const),
  ]);
  legend(
    "flow-legend",
    next.runs.map(({ name }, k) => [sides[k]!, name] as const),
  );
  say(
    element("flow-note", HTMLElement),
    next.everyStep
      ? "How large the gradient of the loss is when it arrives at each step. Each step has a loss of its own here, which keeps the line up; the verdict is on what the last step’s loss alone sends back."
      : "How large the gradient of the loss is when it arrives at each step. Where it is a straight line down to the left, early steps teach the network nothing.",
  );
}

function legend(id: string, entries: readonly (readonly [string, string])[]): void {
  element(id, HTMLElement).replaceChildren(
    ...entries.map(([className, text]) => make("li", "", swatch(className), text)),
  );
}

const look = (k: number) => ({ color: sides[k]!, ...(k === 1 && { dash: [7, 4] }) });
const figure = (value: number | null | undefined) =>
  value === null || value === undefined ? "–" : value >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

function drawLoss(): void {
  if (!built) return;
  const { runs, baseline } = built;
  const lines: Line[] = runs.flatMap(({ name }, k): Line[] => [
    { label: `${name}, training`, ...look(k), width: 1, values: points.map(({ train }) => train[k] ?? null) },
    { label: `${name}, validation`, ...look(k), width: 2.5, values: points.map(({ valid }) => valid[k] ?? null) },
  ]);
  if (baseline) {
    lines.push({
      ...{ label: baseline.name, color: "quiet", width: 1.5, dash: [2, 3] },
      values: points.map(() => baseline.value),
    });
  }
  const last = points.at(-1);
  const words = runs.map(({ name }, k) => `${name}: validation ${figure(last?.valid[k])}`).join(", ");
  charts.loss.draw(
    points.map((point) => point.step),
    lines,
    { label: "Loss by training step", xLabel: "step", yLabel: "loss" },
    `After ${step} steps: ${words}`,
  );
  const known = (what: "train" | "valid", k: number) =>
    points.reduce<number | null>((before, point) => point[what][k] ?? before, null);
  cards.forEach(({ figures }, k) => {
    say(figures.train, figure(known("train", k)));
    say(figures.valid, figure(known("valid", k)));
  });
}

function drawAnswer(): void {
  if (!built || built.question.kind === "text") return;
  const { runs, question } = built;
  const { x, truth, points: dots, xLabel, yLabel, forecastFrom } = question;
  const answers = runs.map(({ name }, k): Line => ({
    ...{ label: name, values: views[k]?.predicted ?? x.map(() => null) },
    ...(dots ? { color: sides[k]!, points: k === 0 ? "filled" : "ring" } : look(k)),
  }));
  const lines: Line[] = dots
    ? [...answers, { label: "truth", color: "ink", points: "small", values: truth }] // seen on top of an answer that is right
    : [{ label: "truth", color: "ink", width: 1.5, values: truth }, ...answers];
  const words = runs.map(({ name }, k) => `${name}: ${views[k]?.score || "no answer yet"}`).join(", ");
  const range = yLabel.startsWith("prob") ? { yRange: () => [-0.08, 1.08] as [number, number] } : {};
  charts.answer.draw(x, lines, { label: question.title, xLabel, yLabel, mark: forecastFrom, ...range }, words);
}

function drawFlow(): void {
  if (!built) return;
  const first = views.map((view) => view.flow[0]);
  const T = Math.max(1, ...first.map((flow) => flow?.norms.length ?? 1));
  const lines = built.runs.map(({ name }, k): Line => ({
    label: name,
    ...look(k),
    width: 2.5,
    values: Array.from({ length: T }, (_, t) => {
      const norm = first[k]?.norms[t] ?? 0;
      return norm > 0 ? Math.log10(norm) : null;
    }),
  }));
  const words = built.runs.map(({ name }, k) => `${name}: ${first[k]?.verdict ?? "not measured"}`).join(", ");
  charts.flow.draw(
    Array.from({ length: T }, (_, t) => t + 1),
    lines,
    {
      ...{ label: "Norm of the gradient by step of the sequence", xLabel: "step of the sequence", yLabel: "norm" },
      ...{ yValues: (power: number) => `1e${power}`, whole: true },
      yRange: (low, high) => [Math.floor(low ?? -1), Math.max(Math.ceil(high ?? 0), Math.floor(low ?? -1) + 2)],
    },
    words,
  );
  cards.forEach(({ verdict }, k) => {
    const name = built!.runs[k]!.name;
    const flows = views[k]?.flow ?? [];
    verdict.replaceChildren(
      ...flows.flatMap(({ name: layer, verdict: word, rate, advice, of }) => {
        const chip = make("span", `verdict ${word}`, word);
        const title = flows.length > 1 ? `${name}, ${layer}` : name;
        const each = `× ${rate.toPrecision(3)} for each step back, of ${of === "c" ? "the cell" : "the hidden state"}.`;
        return [make("h3", "", swatch(sides[k]!), title, chip), make("p", "", each), make("p", "hint", advice)];
      }),
    );
  });
}

const sheetNames: Record<string, string> = {
  ...{ h: "hidden state h", c: "cell c", i: "input gate i", f: "forget gate f", g: "candidate g", o: "output gate o" },
  ...{ r: "reset gate r", z: "update gate z", n: "candidate n" },
};
const isGate = (name: string) => ["i", "f", "o", "r", "z"].includes(name);

function drawInside(): void {
  if (!built || views.length === 0) return;
  const found = new Set(views.flatMap(({ layers }) => layers.flatMap(({ sheets }) => Object.keys(sheets))));
  if (found.size === 0) return;
  fill(
    sheetSelect,
    Object.fromEntries([...found].map((name) => [name, sheetNames[name] ?? name])),
    sheetSelect.value || "h",
  );
  const depth = Math.max(...views.map(({ layers }) => layers.length));
  fill(
    layerSelect,
    Object.fromEntries(Array.from({ length: depth }, (_, k) => [String(k), String(k + 1)])),
    layerSelect.value || "0",
  );
  element("layer-row", HTMLElement).hidden = depth < 2;
  const what = sheetSelect.value;
  cards.forEach(({ heat, heatEmpty }, k) => {
    const sheet = views[k]?.layers[Number(layerSelect.value)]?.sheets[what];
    const name = built!.runs[k]!.name;
    heat.element.hidden = !sheet;
    heatEmpty.hidden = sheet !== undefined;
    if (!sheet) return say(heatEmpty, `This ${name} network has no ${sheetNames[what] ?? what}.`);
    heat.draw({
      ...{ rows: sheet.units, columns: sheet.steps, data: sheet.data, signed: !isGate(what) },
      label: `${name}, ${sheetNames[what] ?? what} over time`,
      letters: built!.inputs,
      name: (row, column) => {
        const input = built!.inputs[column]?.replace("\n", "a new line") ?? "";
        return `step ${column + 1} (input ${input === " " ? "a space" : input}), unit ${row + 1}`;
      },
    });
  });
}

function drawWeights(): void {
  const names = [...new Set(views.flatMap(({ weightNames }) => weightNames))];
  if (names.length === 0) return;
  fill(
    weightSelect,
    Object.fromEntries(names.map((name) => [name, name.replace("recurrent.", "")])),
    weightSelect.value || names.find((name) => name.endsWith("weight_hh_l0")),
  );
  cards.forEach(({ weights }, k) => {
    const weight = views[k]?.weight;
    weights.element.hidden = !weight;
    if (!weight) return;
    weights.draw({
      ...{ rows: weight.rows, columns: weight.columns, data: weight.data, signed: true },
      label: `${weight.name}`,
      name: (row, column) => `${weight.name}, row ${row + 1}, column ${column + 1}`,
    });
  });
}

function drawViews(): void {
  cards.forEach((card, k) => {
    const view = views[k];
    if (!view) return;
    say(card.figures.norm, figure(view.gradientNorm));
    say(card.figures.speed, view.stepsPerSecond ? figure(view.stepsPerSecond) : "–");
    say(card.score, view.failed || view.score);
    card.score.hidden = !card.score.textContent;
    say(card.text, view.text);
  });
  drawAnswer();
  drawFlow();
  drawInside();
  drawWeights();
}

function showSpeed({ what, library, plain, lossDifference }: Extract<News, { type: "speed" }>["speed"]): void {
  buttons.measure.disabled = false;
  const row = (...cellsOf: string[]) => {
    const [head, ...rest] = cellsOf;
    const first = make("th", "", head!);
    first.scope = "row";
    return make("tr", "", first, ...rest.map((text) => make("td", "", text)));
  };
  const heads = ["", "ms a step", ""].map((text) => make("td", "hint", text));
  const table = make(
    "table",
    "",
    make("thead", "", make("tr", "", ...heads)),
    make(
      "tbody",
      "",
      row("unrolled", library.toFixed(3), `${(plain / library).toFixed(1)} times as fast`),
      row("plain JavaScript", plain.toFixed(3), ""),
    ),
  );
  const note = `${what}. The losses of both agree to ${lossDifference.toExponential(0)}.`;
  element("speed", HTMLElement).replaceChildren(table, make("p", "hint", note));
}

// ------------------------------------------------------------------------------------------------------- the worker

worker.addEventListener("message", ({ data: news }: MessageEvent<News>) => {
  switch (news.type) {
    case "built":
      if (news.change === changes) {
        config = news.config;
        showConfig();
      }
      showBuilt(news.built);
      showStep(0);
      loaded = news.loaded;
      return;
    case "points":
      points.push(...news.points);
      showStep(news.step);
      return drawLoss();
    case "view":
      views = news.runs;
      return drawViews();
    case "state":
      running = news.running;
      showStep(news.step);
      return showState(news.finished);
    case "saved":
      return download(news.bytes, news.name);
    case "speed":
      return showSpeed(news.speed);
    case "error":
      buttons.measure.disabled = false;
      return showError(news.message);
  }
});
worker.addEventListener("error", ({ message }) => showError(message || "The worker cannot be loaded."));

const settings = element("settings", HTMLDetailsElement);
settings.open = matchMedia("(min-width: 62rem)").matches;
setUpForm();
apply(config);
