// What can be set: the defaults of each task, and the form in which a link carries it.

export const tasks = {
  remember: "Remember the first symbol",
  xor: "Temporal XOR",
  adding: "The adding problem",
  sines: "A mix of sines",
  sunspots: "Sunspots since 1700",
  text: "A play, letter by letter",
  ownSeries: "Your own CSV",
  ownText: "Your own text",
} as const;
export type TaskName = keyof typeof tasks;

export const cells = { lstm: "LSTM", gru: "GRU", elman: "Elman" } as const;
export type CellName = keyof typeof cells;
export const optimizers = { adam: "Adam", adamw: "AdamW", rmsprop: "RMSprop", sgd: "SGD" } as const;

export interface Config {
  task: TaskName;
  cell: CellName;
  /** The second network of a comparison. */
  against: CellName | "none";
  units: number;
  layers: number;
  dropout: number;
  /** Of an LSTM. */
  forgetBias: number;
  optimizer: keyof typeof optimizers;
  learningRate: number;
  /** 0 for none. */
  clipNorm: number;
  /** Steps of a sequence. */
  length: number;
  /** Steps that the gradient goes back; 0 for all. */
  truncate: number;
  batch: number;
  /** Training pauses here. */
  steps: number;
  seed: number;
  /** Column of the visitor's CSV. */
  column: string;
}

const common: Config = {
  ...{ task: "remember", cell: "lstm", against: "elman", units: 32, layers: 1, dropout: 0, forgetBias: 1 },
  ...{ optimizer: "adam", learningRate: 0.005, clipNorm: 1, length: 40, truncate: 0, batch: 32, steps: 2000, seed: 1 },
  column: "",
};

const ownDefaults: Record<TaskName, Partial<Config>> = {
  remember: { forgetBias: 4, steps: 1200 },
  xor: { units: 16, length: 60, learningRate: 0.01 },
  adding: { length: 60, forgetBias: 3, learningRate: 0.005, steps: 4000 },
  sines: { length: 64, units: 24 },
  sunspots: { length: 44, units: 12, batch: 16, learningRate: 0.002, steps: 1500 },
  text: { against: "none", units: 96, truncate: 48, batch: 16, learningRate: 0.01 },
  ownSeries: { length: 44, units: 16, batch: 16 },
  ownText: { against: "none", units: 96, truncate: 48, batch: 16, learningRate: 0.01 },
};

export const defaultsOf = (task: TaskName): Config => ({ ...common, ...ownDefaults[task], task });

export const isText = (task: TaskName) => task === "text" || task === "ownText";
/** Whether one answer at the end of a sequence is asked for, so that it cannot be cut. */
export const isLast = (task: TaskName) => task === "remember" || task === "adding";

/** Smallest and largest of the numbers; the page's form has the same. */
export const limits = {
  units: [1, 256],
  layers: [1, 4],
  dropout: [0, 0.9],
  forgetBias: [-5, 10],
  learningRate: [0.00001, 10],
  clipNorm: [0, 1000],
  length: [2, 500],
  truncate: [0, 500],
  batch: [1, 256],
  steps: [1, 1_000_000],
  seed: [0, 1_000_000],
} as const;
export type NumberName = keyof typeof limits;
const wholeNumbers: readonly string[] = ["units", "layers", "length", "truncate", "batch", "steps", "seed"];
export const isWhole = (name: NumberName) => wholeNumbers.includes(name);

/** What differs from the task's defaults. */
export function toHash(config: Config): string {
  const usual = defaultsOf(config.task);
  const names = Object.keys(config) as (keyof Config)[];
  const told = names.filter((name) => name === "task" || config[name] !== usual[name]);
  return `#${new URLSearchParams(told.map((name) => [name, String(config[name])]))}`;
}

/** What a link says, as far as it makes sense; the defaults for the rest. */
export function fromHash(hash: string): Config {
  const told = new URLSearchParams(hash.replace(/^#/, ""));
  const pick = <T extends object>(name: string, from: T): keyof T | undefined => {
    const value = told.get(name) ?? "";
    return Object.hasOwn(from, value) ? (value as keyof T) : undefined;
  };
  const config = defaultsOf(pick("task", tasks) ?? "remember");
  config.cell = pick("cell", cells) ?? config.cell;
  config.against = pick("against", { ...cells, none: "" }) ?? config.against;
  config.optimizer = pick("optimizer", optimizers) ?? config.optimizer;
  config.column = told.get("column") ?? "";
  for (const name of Object.keys(limits) as NumberName[]) {
    const text = told.get(name);
    if (text === null || text.trim() === "" || !Number.isFinite(Number(text))) continue;
    const [low, high] = limits[name];
    const value = Math.min(Math.max(Number(text), low), high);
    config[name] = isWhole(name) ? Math.round(value) : value;
  }
  return config;
}
