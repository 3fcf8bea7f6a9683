/**
 * How a long run shows that it lives: a bar in a terminal; elsewhere a plain line now and then, without control characters.
 *
 *     const pace = new Pace();
 *     const progress = createProgress({ terms: { unit: "row" } });
 *     // after each step
 *     pace.add(rows);
 *     progress.update({ step, steps, epoch, epochs, loss, ...pace.outlook(steps - step) });
 *     // at the end, whatever it was
 *     progress.stop();
 */

import { clearScreenDown } from "node:readline";
import cliProgress from "cli-progress";
import { formatCount, formatDuration, formatRate } from "../output/text.ts";

/** In what terms a task speaks of its data. */
export interface Terms {
  /** What is counted: "character", "word", "window", "row". */
  readonly unit: string;
  /** Whether the loss is shown in bits a unit as well. Default false. */
  readonly inBits?: boolean;
}

/** Where a run is. */
export interface Status {
  /** Steps taken, and those of the whole run. */
  readonly step: number;
  readonly steps: number;
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** The mean over the epoch so far; a cross-entropy in nats. */
  readonly loss: number;
  /** Units a second. */
  readonly rate: number;
  readonly secondsLeft: number;
}

export interface Progress {
  /** To be called after each step; only now and then something is drawn. */
  update(status: Status): void;
  /** Text that stays, above the bar. */
  print(text: string): void;
  /** Takes the bar away. Needed in any case: until then it keeps the process alive. */
  stop(): void;
}

export interface ProgressOptions {
  readonly terms: Terms;
  /** Default: the standard error stream, for the other has the results. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Show nothing at all. Default false. */
  readonly quiet?: boolean;
  /** Milliseconds from any start. */
  readonly now?: () => number;
}

/** The progress that suits the stream: a bar in a terminal, lines in a file or a pipe. */
export function createProgress(options: ProgressOptions): Progress {
  const { terms, stream = process.stderr, quiet = false, now } = options;
  if (quiet) return silent;
  return stream.isTTY && process.env.TERM !== "dumb" ? new Bar(stream, terms) : new Lines(stream, terms, now);
}

/** A cross-entropy in bits. */
export function bitsOf(nats: number): number {
  return nats / Math.LN2;
}

/** The loss of an epoch in the terms of the task, without its unit. */
export function lossNumber(loss: number, { inBits = false }: Terms): string {
  return formatLoss(inBits ? bitsOf(loss) : loss);
}

/** The loss of an epoch in the terms of the task. */
export function lossText(loss: number, terms: Terms): string {
  const number = lossNumber(loss, terms);
  return terms.inBits ? `${number} bits a ${terms.unit}` : `loss ${number}`;
}

/** Measures how fast a run goes, from its creation on. */
export class Pace {
  readonly #now: () => number;
  readonly #start: number;
  #steps = 0;
  #units = 0;

  /** @param now milliseconds from any start */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#start = now();
  }

  /** One more step, of so many units. */
  add(units: number): void {
    this.#steps++;
    this.#units += units;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (this.#now() - this.#start) / 1000;
  }

  /** The mean rate so far, and the time left if it stays so. */
  outlook(stepsLeft: number): Pick<Status, "rate" | "secondsLeft"> {
    const seconds = Math.max(this.seconds, 1e-3); // clocks may be coarse
    return { rate: this.#units / seconds, secondsLeft: (stepsLeft * seconds) / Math.max(this.#steps, 1) };
  }
}

const LONGEST_BAR = 30;
const SHORTEST_BAR = 10;
/** Columns left free at the end: a terminal shows Ctrl-C there as ^C, and must not go on to the next line for it. */
const MARGIN = 3;

/** One line for a terminal, shorter than it: where there is no room for all, the least important is left out. */
export function barLine(status: Status, { unit, inBits = false }: Terms, columns: number): string {
  const { step, steps, epoch, epochs, loss, rate, secondsLeft } = status;
  const short = unit === "character" ? "char" : unit;
  const text = fitInto(columns - MARGIN - SHORTEST_BAR - 1, [
    { rank: 5, text: `${Math.floor((100 * step) / steps)}%` },
    { rank: 4, text: `epoch ${epoch}/${epochs}` },
    { rank: 0, text: `${step}/${steps}` },
    { rank: inBits ? 3 : 0, text: `loss ${formatLoss(loss)}` },
    ...(inBits ? [{ rank: 0, text: `${formatLoss(bitsOf(loss))} bits/${short}` }] : []),
    { rank: 2, text: `${formatRate(rate)} ${short}s/s` },
    { rank: 1, text: `${formatDuration(secondsLeft)} left` },
  ]);
  const width = Math.max(0, Math.min(LONGEST_BAR, columns - MARGIN - text.length - 1));
  const done = Math.round((width * step) / steps);
  return `${"█".repeat(done)}${"░".repeat(width - done)} ${text}`;
}

interface Part {
  /** The part of the highest rank is left out first. */
  readonly rank: number;
  readonly text: string;
}

function fitInto(width: number, parts: readonly Part[]): string {
  const line = parts.map(({ text }) => text).join("  ");
  const worst = parts.reduce((rank, part) => Math.max(rank, part.rank), 0);
  if (line.length <= width || worst === 0) return line;
  return fitInto(
    width,
    parts.filter(({ rank }) => rank !== worst),
  );
}

/** One line for a file. */
export function plainLine(status: Status, { unit, inBits = false }: Terms): string {
  const { step, steps, epoch, epochs, loss, rate, secondsLeft } = status;
  return [
    `step ${formatCount(step)} of ${formatCount(steps)}`,
    `epoch ${epoch} of ${epochs}`,
    `loss ${formatLoss(loss)}`,
    ...(inBits ? [`${formatLoss(bitsOf(loss))} bits a ${unit}`] : []),
    `${formatCount(Math.round(rate))} ${unit}s a second`,
    `${formatDuration(secondsLeft)} left`,
  ].join(", ");
}

/** A loss, in nats or bits. */
export function formatLoss(loss: number): string {
  return loss < 1000 ? loss.toFixed(3) : loss.toPrecision(3);
}

const silent: Progress = {
  update: () => undefined,
  print: () => undefined,
  stop: () => undefined,
};

class Bar implements Progress {
  readonly #stream: NodeJS.WritableStream;
  readonly #bar: cliProgress.SingleBar;
  #status: Status | undefined;

  constructor(stream: NodeJS.WritableStream, terms: Terms) {
    this.#stream = stream;
    this.#bar = new cliProgress.SingleBar({
      stream,
      format: (_, { maxWidth }) => (this.#status ? barLine(this.#status, terms, maxWidth) : ""),
      clearOnComplete: true,
      linewrap: true, // leaves the terminal as it is: no line is longer than it
    });
  }

  update(status: Status): void {
    this.#status = status;
    if (this.#bar.isActive) this.#bar.update(status.step);
    else this.#bar.start(status.steps, status.step);
  }

  print(text: string): void {
    this.stop();
    this.#stream.write(`${text}\n`);
  }

  stop(): void {
    if (!this.#bar.isActive) return;
    this.#bar.stop();
    clearScreenDown(this.#stream); // what was left when the window became narrower, or somebody pressed a key
  }
}

/** Milliseconds between two lines. */
const INTERVAL = 5000;

class Lines implements Progress {
  readonly #stream: NodeJS.WritableStream;
  readonly #terms: Terms;
  readonly #now: () => number;
  #next: number;

  constructor(stream: NodeJS.WritableStream, terms: Terms, now = () => performance.now()) {
    this.#stream = stream;
    this.#terms = terms;
    this.#now = now;
    this.#next = now() + INTERVAL;
  }

  update(status: Status): void {
    if (this.#now() < this.#next) return;
    this.#next = this.#now() + INTERVAL;
    this.print(plainLine(status, this.#terms));
  }

  print(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  stop(): void {
    // nothing stays behind
  }
}
