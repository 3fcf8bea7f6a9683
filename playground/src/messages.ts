// What the page and the worker say to each other.
import type { Config } from "./config.ts";

/** A file of the visitor's. */
export interface Own {
  name: string;
  text: string;
}

/** `change` counts what the visitor has changed: an answer to an older one must not undo a newer one. */
export type Order =
  | { do: "set"; config: Config; own?: Own; change: number }
  | { do: "run" | "pause" | "step" | "speed" }
  | { do: "look"; weight: string }
  | { do: "write"; prompt: string; temperature: number }
  | { do: "save"; run: number }
  | { do: "load"; bytes: Uint8Array; own?: Own; change: number };

/** Losses at a step, of each network; the training loss is the mean since the point before. */
export interface Point {
  step: number;
  train: (number | null)[];
  valid: (number | null)[];
}

/** A matrix for a heat map: rows are units, columns steps. */
export interface Sheet {
  data: Float32Array;
  steps: number;
  units: number;
}

export interface LayerView {
  name: string;
  sheets: Record<string, Sheet>;
}

interface FlowView {
  name: string;
  /** Of the cell where there is one, else of the hidden state. */
  norms: number[];
  of: "h" | "c";
  rate: number;
  verdict: "vanishing" | "healthy" | "exploding";
  advice: string;
}

export interface WeightView {
  name: string;
  rows: number;
  columns: number;
  data: Float32Array;
}

export interface RunView {
  layers: LayerView[];
  flow: FlowView[];
  weight: WeightView | null;
  weightNames: string[];
  stepsPerSecond: number;
  parameters: number;
  gradientNorm: number;
  /** A line about how good it is, and why it has ended if it has. */
  score: string;
  failed: string;
  text: string;
  predicted: (number | null)[];
}

/** What the networks are asked for, to be drawn with what they answer. */
export interface Question {
  kind: "text" | "chart";
  title: string;
  note: string;
  x: number[];
  xLabel: string;
  yLabel: string;
  truth: (number | null)[];
  points: boolean;
  /** From here on nothing but the network's own answers goes in. */
  forecastFrom: number | null;
}

export interface Built {
  runs: { name: string; parameters: number; structure: string }[];
  lossName: string;
  baseline: { value: number; name: string } | null;
  question: Question;
  /** What goes in at each step of the sequence that is looked into. */
  inputs: string[];
  columns: string[];
  about: string;
  /** Each step has a loss of its own, not the last one alone. */
  everyStep: boolean;
}

export interface Speed {
  what: string;
  library: number;
  plain: number;
  lossDifference: number;
}

export type News =
  | { type: "built"; built: Built; config: Config; loaded: boolean; change: number }
  | { type: "points"; points: Point[]; step: number }
  | { type: "view"; runs: RunView[]; step: number }
  | { type: "state"; running: boolean; step: number; finished: boolean }
  | { type: "saved"; bytes: Uint8Array<ArrayBuffer>; name: string }
  | { type: "speed"; speed: Speed }
  | { type: "error"; message: string };
