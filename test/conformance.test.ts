import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import * as library from "../bindings/index.ts";
import { countSkipped, main, type Outcome, readFolder, run } from "./conformance/conformance.ts";
import type { Golden, GoldenCase, GoldenTensor } from "./golden.ts";

const dir = fileURLToPath(new URL("golden", import.meta.url));
const golden = readFolder(dir);
const outcomes = run(library, golden);

describe("PyTorch's vectors, to 1e-5 (weights after training: 1e-4) relative and absolute", () => {
  test.each(outcomes.filter(({ status }) => status !== "skipped"))("$kind $id", (outcome) => {
    expect(summaryOf(outcome)).toBe("passed");
  });

  test("what is skipped, and why", () => {
    expect(countSkipped(outcomes)).toEqual({});
  });
});

// --------------------------------------------------------------------------------- the runner itself is put to the test

/** A case of each runner; together they have tensors of all roles. */
const representatives = [
  "lstm-packed4",
  "rnn_tanh-unbatched-I3H5",
  "lstmcell-I3H5B3-nobias",
  "gru_reset_before-I7H13T6B3",
  "lstm_peephole-I3H5T4B2",
  "lstm_proj-L2-bi-bias-I3H5",
  "mse-mean-2x5x3",
  "kldiv-mean-2x5x3",
  "nll-sum",
  "ctc1-none",
  "ctc2-mean",
  "mdn-sketch",
  "bcelogits-posweight-weight-none-4x3",
  "ce-seq-BCT-sum",
  "ce-none-N5C4-ls0.1-ign-w",
  "act-mish",
  "log_softmax-dim1",
  "linear-3d",
  "embedding-pad0",
  "layernorm-2x3x5",
  "batchnorm1d-train",
  "attention-dot",
  "attention-additive",
  "train-gru-adam-clip0.25",
  "charlm-rnn",
  "crf-K4B2",
];

function lineOf(id: string): GoldenCase {
  const found = golden.cases.find((line) => line.id === id);
  if (!found) throw new Error(`there is no case "${id}"`);
  return found;
}

/** Outcome of one case with changes; `config` and `line` replace or, by undefined, take away. */
function outcomeOf(id: string, changes: { config?: object; line?: object; tensors?: Golden["tensor"] }): Outcome {
  const line = lineOf(id);
  const changed = { ...line, config: { ...line.config, ...changes.config }, ...changes.line } as GoldenCase;
  return run(library, { cases: [changed], tensor: changes.tensors ?? golden.tensor })[0]!;
}

function summaryOf(outcome: Outcome): string {
  return "reason" in outcome ? `${outcome.status}: ${outcome.reason}` : outcome.status;
}

/** The tensors with the last number of one of them changed by `by`. */
function changed(id: string, role: string, by: number): Golden["tensor"] {
  return (caseId, name) => {
    const found = golden.tensor(caseId, name);
    if (!found || caseId !== id || name !== role) return found;
    const data = found.data.slice();
    data[data.length - 1]! += by;
    return { data, shape: found.shape };
  };
}

const results = /^(output|hn|cn|loss|losses|grad_norms|nll|viterbi_.*|marginals|grad\..*|final\..*)$/;

describe.each(representatives)("%s with one number changed fails", (id) => {
  test.each(lineOf(id).tensors.filter((role) => results.test(role)))("%s", (role) => {
    const [{ data, shape }, by] = [golden.tensor(id, role)!, role.startsWith("final.") ? 3e-4 : 3e-5];
    const outcome = outcomeOf(id, { tensors: changed(id, role, by * (1 + Math.abs(data[data.length - 1]!))) });
    const place = shape.length === 0 ? "" : `[${shape.map((size) => size - 1).join(", ")}]`;
    expect(summaryOf(outcome).startsWith(`failed: ${role}`)).toBe(true);
    expect(summaryOf(outcome)).toContain(`${place}: got `);
  });
});

test.each([
  ["loss of a cell", "lstmcell-I3H5B3-nobias", { loss: 4.3455 }, "loss: got 4.3453"],
  ["text of a character model", "charlm-rnn", { greedy_from_f: "reat this" }, "greedy_from_f[7]: got "],
  ["rates of a schedule", "train-lstm-sched-step", { lrs: Array<number>(20).fill(0.1) }, "lrs[15]: got 0.0125"],
])("%s in the manifest changed fails", (_, id, line, reason) => {
  const outcome = outcomeOf(id, { line });
  expect(summaryOf(outcome)).toContain(`failed: ${reason}`);
});

test.each([
  ...representatives.map((id) => [id, { config: { surprise: 1 } }, "option surprise"] as const),
  ["gru-L1-uni-bias-I3H5", { config: { proj_size: 2 } }, "projection of gru"],
  ["lstm_peephole-I3H5T4B2", { config: { gate_order: "i,o,f,g" } }, "gate_order i,o,f,g"],
  ["gru_reset_before-I7H13T6B3", { config: { cell: "gru_attention" } }, "gru_attention"],
  ["lstm-packed4", { config: { cell: "mgu" } }, "cell mgu"],
  ["lstm-packed4", { config: { bias: "no" } }, 'bias "no"'],
  ["lstm-packed4", { config: { dropout: 0.5 } }, "dropout"],
  ["act-mish", { config: { op: "celu" } }, "celu"],
  ["act-hardtanh", { config: { op: "hardtanh(-2,2)" } }, "hardtanh with min_val -2"],
  ["mse-mean-2x5x3", { config: { reduction: "batchmean" } }, "reduction batchmean"],
  ["mse-mean-2x5x3", { config: { loss: "hinge" } }, "hinge"],
  ["mdn-sketch", { config: { layout: "pi(K)" } }, "layout pi(K)"],
  ["ce-seq-BCT-sum", { config: { layout: "BTC" } }, "layout BTC"],
  ["train-gru-adam-clip0.25", { config: { optimizer: "lion" } }, "lion"],
  ["train-gru-adam-clip0.25", { config: { options: { lr: 0.01, maximize: true } } }, "option maximize of adam"],
  ["train-gru-adam-clip0.25", { config: { loss: "mse" } }, 'loss "mse"'],
  [
    "train-lstm-sched-step",
    { config: { schedule: "cyclic" }, line: { lrs: undefined } },
    "schedule cyclic without lrs",
  ],
  ["charlm-rnn", { config: { layout: "backwards" } }, 'layout "backwards"'],
  ["charlm-rnn", { line: { kind: "wordlm" } }, "unknown kind"],
  ["crf-K4B2", { config: { loss: "mean over tokens" } }, "loss mean over tokens"],
  ["crf-K4B2", { config: { layout: "emissions (T,B,K)" } }, "layout emissions (T,B,K)"],
  ["act-mish", { line: { tensors: ["input", "output", "R_output", "grad.input", "grad.slope"] } }, "tensor grad.slope"],
] as const)("%s with %j is skipped: %s", (id, changes, reason) => {
  expect(summaryOf(outcomeOf(id, changes))).toBe(`skipped: ${reason}`);
});

test.each([
  ["lstm-packed4", "weight_hh_l1", 'Error: there is no tensor "lstm-packed4/weight_hh_l1"'],
  ["act-mish", "output", 'Error: there is no tensor "act-mish/output"'],
])("%s without its %s fails", (id, role, reason) => {
  const tensors: Golden["tensor"] = (caseId, name) => (name === role ? undefined : golden.tensor(caseId, name));
  expect(summaryOf(outcomeOf(id, { tensors }))).toBe(`failed: ${reason}`);
});

test("NaN instead of a number fails", () => {
  const tensors: Golden["tensor"] = (caseId, role) =>
    role === "output" ? { data: new Float64Array(27).fill(NaN), shape: [27] } : golden.tensor(caseId, role);
  expect(summaryOf(outcomeOf("act-mish", { tensors }))).toMatch(/^failed: .* expected NaN/);
});

const sizes = { input_size: undefined, hidden_size: undefined, seq_len: undefined, batch: undefined, f32: undefined };

test.each([
  ["lstm-packed4", { ...sizes, num_layers: undefined, bidirectional: undefined, bias: undefined }],
  ["rnn_tanh-unbatched-I3H5", { ...sizes, num_layers: undefined, initial_state: undefined, batch_first: undefined }],
  ["lstmcell-I3H5B3-nobias", { ...sizes, bias: undefined }],
  ["gru_reset_before-I7H13T6B3", { ...sizes, gate_order: undefined, formula: undefined }],
  ["lstm_peephole-I3H5T4B2", { ...sizes, gate_order: undefined, formula: undefined }],
  ["lstm_proj-L2-bi-bias-I3H5", { ...sizes, proj_size: undefined, num_layers: undefined, bidirectional: undefined }],
  ["mse-mean-2x5x3", { reduction: undefined }],
  ["ce-seq-BCT-sum", { layout: undefined, ignore_index: null, label_smoothing: undefined }],
  ["ce-soft-mean-ls0.0", { soft_target: undefined, label_smoothing: undefined }],
  [
    "train-gru-adam-clip0.25",
    { ...sizes, classes: undefined, steps: undefined, clip_value: undefined, loss: undefined },
  ],
  ["crf-K4B2", { tags: undefined, loss: undefined, layout: undefined }],
  ["charlm-rnn", { num_layers: undefined, embedding: undefined, hidden_size: undefined, layout: undefined }],
])("%s passes where the manifest leaves out what follows from the tensors", (id, config) => {
  expect(outcomeOf(id, { config })).toMatchObject({ status: "passed" });
});

test("padded output that ends with the longest sequence", () => {
  // Six more steps, which no sequence reaches: the input and its gradient have them, the output does not.
  const id = "rnn_tanh-packed2";
  const x = golden.tensor(id, "input")!;
  const longer: GoldenTensor = { data: new Float64Array([...x.data, ...x.data]), shape: [12, 3, 3] };
  const dX = golden.tensor(id, "grad.input")!;
  const longerGradient = { data: new Float64Array([...dX.data, ...dX.data.map(() => 0)]), shape: [12, 3, 3] };
  const tensors: Golden["tensor"] = (caseId, role) =>
    role === "input" ? longer : role === "grad.input" ? longerGradient : golden.tensor(caseId, role);
  expect(outcomeOf(id, { tensors, config: { seq_len: 12 } })).toMatchObject({ status: "passed" });
});

// ------------------------------------------------------------------------------------------------------- the command

const work = mkdtempSync(join(tmpdir(), "unrolled-conformance-"));
afterAll(() => rmSync(work, { recursive: true }));

/** The command on a copy of golden/ with some of its cases, changed. */
function command(name: string, ids: readonly string[], change: (lines: GoldenCase[]) => unknown = (lines) => lines) {
  const copy = join(work, name);
  cpSync(dir, copy, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(copy, "manifest.json"), "utf8")) as object;
  const cases = change(ids.map((id) => structuredClone(lineOf(id))));
  writeFileSync(join(copy, "manifest.json"), JSON.stringify({ ...manifest, cases }));
  return runMain([copy]);
}

function runMain(args: string[]) {
  const lines: string[] = [];
  return { code: main(library, args, (line) => lines.push(line)), lines };
}

/** Kinds that no runner knows. */
const strange = (lines: GoldenCase[]) =>
  lines.map((line) => (line.kind === "crf" ? { ...line, kind: "semi-markov" } : line));

describe("npm run conformance", () => {
  test("exits with 0 if all cases passed or were skipped", () => {
    const { code, lines } = command("right", ["act-mish", "lstm_peephole-I3H5T4B2", "crf-K3B3", "crf-K4B2"], strange);
    expect(lines).toEqual([
      "skipped: semi-markov 2 (unknown kind)",
      expect.stringMatching(/^conformance: 2 passed, 0 failed, 2 skipped, worst error \d\.\de-\d+$/),
    ]);
    expect(code).toBe(0);
  });

  test("exits with 1 if a case failed, with a line for it", () => {
    const wrong = (lines: GoldenCase[]) =>
      lines.map((line) => (line.id === "act-mish" ? { ...line, config: { op: "silu" } } : line));
    const { code, lines } = command("wrong", ["act-mish", "act-silu"], wrong);
    expect(lines).toEqual([
      expect.stringMatching(/^failed: act-mish .*\[\d+\]: got -?\d.*, expected -?\d.* \(\d+ of 81 values differ\)$/),
      "skipped: none",
      expect.stringMatching(/^conformance: 1 passed, 1 failed, 0 skipped, worst error \d\.\de-\d+$/),
    ]);
    expect(code).toBe(1);
  });

  test.each([
    ["every case was skipped", ["crf-K3B3"], "conformance: 0 passed, 0 failed, 1 skipped, worst error 0.0e+0"],
    ["there is no case", [], "conformance: 0 passed, 0 failed, 0 skipped, worst error 0.0e+0"],
  ])("exits with 1 if %s", (name, ids, closing) => {
    const { code, lines } = command(name, ids, strange);
    expect(lines.at(-1)).toBe(closing);
    expect(code).toBe(1);
  });

  test.each([
    ["no folder", [], /^usage: npm run conformance -- DIR/],
    ["two folders", [dir, dir], /^usage: npm run conformance -- DIR/],
    ["a folder that is not there", [join(work, "nowhere")], /"[^"]*nowhere" is no folder of vectors: ENOENT/],
    ["a folder of something else", [fileURLToPath(new URL(".", import.meta.url))], /is no folder of vectors: ENOENT/],
  ])("exits with 2 for %s", (_, args, message) => {
    const { code, lines } = runMain(args);
    expect(lines).toEqual([expect.stringMatching(message)]);
    expect(code).toBe(2);
  });

  test("exits with 2 for a manifest without cases, or one that is no JSON, or a damaged file", () => {
    expect(command("empty", [], () => undefined)).toEqual({
      code: 2,
      lines: [expect.stringContaining('manifest.json has no list "cases"')],
    });
    const copy = join(work, "empty");
    writeFileSync(join(copy, "manifest.json"), "{");
    expect(runMain([copy])).toEqual({ code: 2, lines: [expect.stringContaining("JSON")] });
    cpSync(join(dir, "manifest.json"), join(copy, "manifest.json"));
    writeFileSync(join(copy, "ops.safetensors"), readFileSync(join(dir, "ops.safetensors")).subarray(0, 5000));
    expect(runMain([copy])).toEqual({ code: 2, lines: [expect.stringContaining("safetensors")] });
  });
});
