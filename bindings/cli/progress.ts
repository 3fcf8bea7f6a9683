/**
 * How a long run shows that it lives: a bar in a terminal; elsewhere a plain line now and then, without control characters.
 *
 *     const pace = new Pace();
 *     const progress = createProgress({ symbol: "character" });
 *     // after each step
 *     pace.add(symbols);
 *     progress.update({ step, steps, epoch, epochs, loss, ...pace.outlook(steps - step) });
 *     // at the end, whatever it was
 *     progress.stop();
 */

import { clearScreenDown } from "node:readline";
import cliProgress from "cli-progress";
import { formatCount, formatDuration, formatRate } from "./text.ts";

/** Where a run is. */
export interface Status {
  /** Steps taken, and those of the whole run. */
  readonly step: number;
  readonly steps: number;
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Cross-entropy in nats, the mean over the epoch so far. */
  readonly loss: number;
  /** Symbols a second. */
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
  /** What is counted: "character" or "word". */
  readonly symbol: string;
  /** Default: the standard output. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Show nothing at all. Default false. */
  readonly quiet?: boolean;
  /** Milliseconds from any start. */
  readonly now?: () => number;
}

/** The progress that suits the stream: a bar in a terminal, lines in a file or a pipe. */
export function createProgress(options: ProgressOptions): Progress {
  const { symbol, stream = process.stdout, quiet = false, now } = options;
  if (quiet) return silent;
  return stream.isTTY && process.env.TERM !== "dumb" ? new Bar(stream, symbol) : new Lines(stream, symbol, now);
}

/** Cross-entropy per symbol in bits. */
export function bitsOf(nats: number): number {
  return nats / Math.LN2;
}

/** Measures how fast a run goes, from its creation on. */
export class Pace {
  readonly #now: () => number;
  readonly #start: number;
  #steps = 0;
  #symbols = 0;

  /** @param now milliseconds from any start */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#start = now();
  }

  /** One more step, of so many symbols. */
  add(symbols: number): void {
    this.#steps++;
    this.#symbols += symbols;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (this.#now() - this.#start) / 1000;
  }

  /** The mean rate so far, and the time left if it stays so. */
  outlook(stepsLeft: number): Pick<Status, "rate" | "secondsLeft"> {
    const seconds = Math.max(this.seconds, 1e-3); // clocks may be coarse
    return { rate: this.#symbols / seconds, secondsLeft: (stepsLeft * seconds) / Math.max(this.#steps, 1) };
  }
}

const LONGEST_BAR = 30;
const SHORTEST_BAR = 10;
/** Columns left free at the end: a terminal shows Ctrl-C there as ^C, and must not go on to the next line for it. */
const MARGIN = 3;

/** One line for a terminal, shorter than it: where there is no room for all, the least important is left out. */
export function barLine(status: Status, symbol: string, columns: number): string {
  const { step, steps, epoch, epochs, loss, rate, secondsLeft } = status;
  const short = symbol === "character" ? "char" : symbol;
  const text = fitInto(columns - MARGIN - SHORTEST_BAR - 1, [
    { rank: 5, text: `${Math.floor((100 * step) / steps)}%` },
    { rank: 4, text: `epoch ${epoch}/${epochs}` },
    { rank: 0, text: `${step}/${steps}` },
    { rank: 3, text: `loss ${formatLoss(loss)}` },
    { rank: 0, text: `${formatLoss(bitsOf(loss))} bits/${short}` },
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
export function plainLine(status: Status, symbol: string): string {
  const { step, steps, epoch, epochs, loss, rate, secondsLeft } = status;
  return [
    `step ${formatCount(step)} of ${formatCount(steps)}`,
    `epoch ${epoch} of ${epochs}`,
    `loss ${formatLoss(loss)}`,
    `${formatLoss(bitsOf(loss))} bits a ${symbol}`,
    `${formatCount(Math.round(rate))} ${symbol}s a second`,
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

  constructor(stream: NodeJS.WritableStream, symbol: string) {
    this.#stream = stream;
    this.#bar = new cliProgress.SingleBar({
      stream,
      format: (_, { maxWidth }) => (this.#status ? barLine(this.#status, symbol, maxWidth) : ""),
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
  readonly #symbol: string;
  readonly #now: () => number;
  #next: number;

  constructor(stream: NodeJS.WritableStream, symbol: string, now = () => performance.now()) {
    this.#stream = stream;
    this.#symbol = symbol;
    this.#now = now;
    this.#next = now() + INTERVAL;
  }

  update(status: Status): void {
    if (this.#now() < this.#next) return;
    this.#next = this.#now() + INTERVAL;
    this.print(plainLine(status, this.#symbol));
  }

  print(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  stop(): void {
    // nothing stays behind
  }
}
