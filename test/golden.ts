/** Reads the vectors of golden/: what each case is (manifest.json) and its tensors, all converted to float64. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors } from "../bindings/io/safetensors.ts";

export interface Golden {
  cases: readonly GoldenCase[];
  /** Undefined if the case has no such tensor. `caseId` may also be a shared group: "data", "init-lstm", … */
  tensor: (caseId: string, role: string) => GoldenTensor | undefined;
}

export interface GoldenTensor {
  data: Float64Array;
  shape: readonly number[];
}

interface Case<Kind extends string, Config> {
  id: string;
  kind: Kind;
  file: string;
  config: Config;
  /** The roles. */
  tensors: readonly string[];
}

export type GoldenCase =
  | Case<"recurrent", RecurrentGolden>
  | Case<"cell", CellGolden>
  | Case<"variant", VariantGolden>
  | Case<"loss", LossGolden>
  | Case<"op", OpGolden>
  | (Case<"training", TrainingGolden> & { lrs: readonly number[] })
  | (Case<"charlm", CharacterModelGolden> & { greedy_from_f: string })
  | Case<"crf", { tags: number; lengths: readonly number[] }>;

export type GoldenKind = GoldenCase["kind"];

/** The case of one kind, with its config. */
export type GoldenOf<Kind extends GoldenKind> = Extract<GoldenCase, { kind: Kind }>;

interface RecurrentGolden {
  cell: "rnn_tanh" | "rnn_relu" | "lstm" | "gru";
  input_size: number;
  hidden_size: number;
  num_layers: number;
  bidirectional: boolean;
  /** input and output are (B, T, …), else (T, B, …), or (T, …) if unbatched */
  batch_first: boolean;
  unbatched?: boolean;
  bias: boolean;
  seq_len: number;
  batch: number;
  initial_state: boolean;
  proj_size?: number;
  lengths?: readonly number[];
  enforce_sorted?: boolean;
  /** The tensors "f32.…" are there too. */
  f32: boolean;
}

interface CellGolden {
  cell: "rnn_tanh" | "rnn_relu" | "lstm" | "gru";
  input_size: number;
  hidden_size: number;
  batch: number;
  bias: boolean;
}

interface VariantGolden {
  cell: "gru_reset_before" | "lstm_peephole";
  input_size: number;
  hidden_size: number;
  seq_len: number;
  batch: number;
  gate_order: string;
  formula: string;
}

interface LossGolden {
  loss: string;
  reduction: "none" | "mean" | "sum";
  label_smoothing?: number;
  ignore_index?: number;
  weight?: boolean;
  pos_weight?: boolean;
  soft_target?: boolean;
  layout?: "BCT";
  [parameter: string]: unknown;
}

interface OpGolden {
  op: string;
  dim?: number;
  padding_idx?: number | null;
  eps?: number;
  lengths?: readonly number[];
  [parameter: string]: unknown;
}

interface TrainingGolden {
  model: "rnn" | "lstm" | "gru";
  input_size: number;
  hidden_size: number;
  classes: number;
  steps: number;
  batch: number;
  seq_len: number;
  /** The group of tensors to start from. */
  init: string;
  /** The name, then what is special: "adam", "sgd-momentum", … */
  optimizer: string;
  options: Readonly<Record<string, number | boolean | readonly number[]>>;
  clip_norm: number | null;
  clip_value: number | null;
  /** In words; the rate of each step is in `lrs`. */
  schedule: string | null;
}

interface CharacterModelGolden {
  cell: "rnn" | "lstm";
  num_layers: number;
  vocab: string;
  embedding: number;
  hidden_size: number;
  text: string;
  streams: number;
  bptt: number;
  epochs: number;
  optimizer: string;
  options: Readonly<Record<string, number>>;
  clip_norm: number;
}

interface Manifest {
  files: Readonly<Record<string, { bytes: number }>>;
  cases: readonly GoldenCase[];
}

/** `dir` is the folder of manifest.json. */
export function loadGolden(dir: string): Golden {
  const manifest = JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8")) as Manifest;
  const files = Object.keys(manifest.files).map((file) => readSafetensors(readFileSync(join(dir, file))));
  const tensors = new Map(files.flatMap((file) => [...file.tensors]));
  return {
    cases: manifest.cases,
    tensor(caseId, role) {
      const found = tensors.get(`${caseId}/${role}`);
      return found && { data: toFloat64(found.dtype, found.bytes), shape: found.shape };
    },
  };
}

/** The cases of one kind. */
export function casesOf<Kind extends GoldenKind>(golden: Golden, kind: Kind): GoldenOf<Kind>[] {
  return golden.cases.filter((goldenCase): goldenCase is GoldenOf<Kind> => goldenCase.kind === kind);
}

/** The little-endian numbers of a tensor; its bytes may start anywhere, so they are read one by one. */
function toFloat64(dtype: string, bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all = (size: number, at: (offset: number) => number): Float64Array =>
    Float64Array.from({ length: bytes.byteLength / size }, (_, k) => at(k * size));
  switch (dtype) {
    case "F32":
      return all(4, (offset) => view.getFloat32(offset, true));
    case "F64":
      return all(8, (offset) => view.getFloat64(offset, true));
    case "I64":
      return all(8, (offset) => Number(view.getBigInt64(offset, true)));
    default:
      throw new Error(`a golden tensor is F32, F64 or I64, got ${dtype}`);
  }
}

/** (M, N, …) to (N, M, …): time-major to batch-first and back. */
export function swapFirstAxes({ data, shape }: GoldenTensor): GoldenTensor {
  const [M = 1, N = 1, ...rest] = shape;
  const size = rest.reduce((product, extent) => product * extent, 1);
  const swapped = new Float64Array(data.length);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      swapped.set(data.subarray((m * N + n) * size, (m * N + n + 1) * size), (n * M + m) * size);
    }
  }
  return { data: swapped, shape: [N, M, ...rest] };
}
