// Matrices as images: a pixel a number, made larger by the browser.
import { color, make, onTheme, say } from "./dom.ts";

type Rgb = [number, number, number];

/** Cividis (Nuñez, Anderton & Renslow 2018), which looks the same to the colour-blind, for what lies between 0 and 1. */
const cividis = ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"];

function rgbOf(hex: string): Rgb {
  const full = hex.length === 4 ? `#${[...hex.slice(1)].map((digit) => digit + digit).join("")}` : hex;
  return [1, 3, 5].map((at) => parseInt(full.slice(at, at + 2), 16)) as Rgb;
}

const mix = (a: Rgb, b: Rgb, share: number) => a.map((v, k) => v + ((b[k] ?? 0) - v) * share) as Rgb;

/** Colours from the lowest to the highest value. */
function palette(signed: boolean): Rgb[] {
  const stops = (signed ? ["negative", "zero", "positive"].map(color) : cividis).map(rgbOf);
  return Array.from({ length: 256 }, (_, k) => {
    const at = (k / 255) * (stops.length - 1);
    const from = Math.min(Math.floor(at), stops.length - 2);
    return mix(stops[from]!, stops[from + 1]!, at - from);
  });
}

export interface Matrix {
  rows: number;
  columns: number;
  data: Float32Array;
  /** Values lie in [0, 1], or around 0. */
  signed: boolean;
  /** In words, of one place. */
  name: (row: number, column: number) => string;
  label: string;
  /** Under the columns. */
  letters?: string[];
}

export class Heat {
  readonly element: HTMLElement;
  readonly #canvas = make("canvas", "heat");
  readonly #letters = make("canvas", "letters");
  readonly #readout = make("p", "readout");
  readonly #low = make("span");
  readonly #high = make("span");
  readonly #bar = make("canvas");
  #matrix: Matrix | undefined;
  #row = 0;
  #column = 0;

  constructor(title: Node[], className = "") {
    if (className) this.#canvas.classList.add(className);
    this.#canvas.tabIndex = 0;
    this.#canvas.setAttribute("role", "img");
    this.#letters.setAttribute("aria-hidden", "true");
    this.#readout.setAttribute("aria-live", "polite");
    this.#bar.setAttribute("aria-hidden", "true");
    const scale = make("div", "scale", this.#low, this.#bar, this.#high);
    this.element = make("div", "", make("h3", "", ...title), this.#canvas, this.#letters, scale, this.#readout);
    this.#canvas.addEventListener("pointermove", ({ offsetX, offsetY }) => this.#point(offsetX, offsetY));
    this.#canvas.addEventListener("keydown", (event) => this.#press(event));
    new ResizeObserver(() => this.#drawLetters()).observe(this.#letters);
    onTheme(() => this.#matrix && this.draw(this.#matrix));
  }

  draw(matrix: Matrix): void {
    this.#matrix = matrix;
    const { rows, columns, data, signed } = matrix;
    // The few values that stick out would leave the rest pale: the scale ends at three deviations.
    const spread = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length) * 3;
    const most = data.reduce((high, v) => Math.max(high, Math.abs(v)), 1e-6);
    const limit = signed ? Math.min(most, Math.max(spread, 1e-6)) : 1;
    const colors = palette(signed);
    const image = new ImageData(columns, rows);
    data.forEach((v, k) => {
      const share = signed ? (v / limit + 1) / 2 : v;
      image.data.set([...colors[Math.round(255 * Math.min(Math.max(share, 0), 1))]!, 255], k * 4);
    });
    Object.assign(this.#canvas, { width: columns, height: rows });
    this.#canvas.getContext("2d")!.putImageData(image, 0, 0);
    const strip = new ImageData(256, 1);
    colors.forEach((rgb, k) => strip.data.set([...rgb, 255], k * 4));
    Object.assign(this.#bar, { width: 256, height: 1 });
    this.#bar.getContext("2d")!.putImageData(strip, 0, 0);
    const end = limit.toPrecision(2);
    say(this.#low, signed ? `−${end}` : "0");
    say(this.#high, signed ? `+${end}` : "1");
    const mean = data.reduce((sum, v) => sum + Math.abs(v), 0) / data.length;
    this.#canvas.setAttribute("aria-label", `${matrix.label}: ${rows} by ${columns}, mean size ${mean.toPrecision(2)}`);
    this.#letters.hidden = !matrix.letters;
    this.#drawLetters();
    if (this.#readout.textContent) this.#tell();
  }

  #drawLetters(): void {
    const { letters } = this.#matrix ?? {};
    const { clientWidth: width, clientHeight: height } = this.#letters;
    if (!letters || width === 0) return;
    const ratio = devicePixelRatio;
    Object.assign(this.#letters, { width: width * ratio, height: height * ratio });
    const context = this.#letters.getContext("2d")!;
    const each = width / letters.length;
    const widest = Math.max(...letters.map(({ length }) => length));
    const size = Math.min(12, Math.max(9, (each / widest) * 1.6));
    context.scale(ratio, ratio);
    context.font = `${size}px ui-monospace, monospace`;
    context.fillStyle = color("quiet");
    context.textAlign = "center";
    context.textBaseline = "middle";
    const every = Math.ceil((widest * size * 0.62 + (widest > 1 ? 4 : 0)) / each);
    letters.forEach((letter, t) => {
      const shown = letter === "\n" ? "↵" : letter === " " ? "␣" : letter;
      if (t % every === 0) context.fillText(shown, (t + 0.5) * each, height / 2);
    });
  }

  #point(x: number, y: number): void {
    if (!this.#matrix) return;
    const { rows, columns } = this.#matrix;
    this.#column = Math.floor((x / this.#canvas.clientWidth) * columns);
    this.#row = Math.floor((y / this.#canvas.clientHeight) * rows);
    this.#tell();
  }

  #press(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = {
      ...{ ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] },
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    this.#row += move[0];
    this.#column += move[1];
    this.#tell();
  }

  #tell(): void {
    if (!this.#matrix) return;
    const { rows, columns, data, name } = this.#matrix;
    this.#row = Math.min(Math.max(this.#row, 0), rows - 1);
    this.#column = Math.min(Math.max(this.#column, 0), columns - 1);
    const value = data[this.#row * columns + this.#column] ?? 0;
    say(this.#readout, `${name(this.#row, this.#column)}: ${value.toFixed(3)}`);
  }
}
