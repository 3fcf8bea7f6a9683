import { padded, type Arena, type Pointer } from "../core/core.ts";
import { fanInUniform, initialize, optionalInitializer, type Initializer } from "../initializer.ts";
import { expectInteger, expectOneOf, expectOptions } from "../validate.ts";
import {
  checkName,
  expectFeatures,
  featureShape,
  Layer,
  withoutUndefined,
  type Builder,
  type LayerOptions,
  type LayerType,
  type Memory,
  type ParameterBlock,
  type Rows,
  type Shape,
} from "./layer.ts";

const scores = ["dot", "additive"] as const;

export interface AttentionOptions extends LayerOptions {
  /** "additive": size of the space in which query and memory meet. Default: that of the query. */
  readonly units?: number;
  /** "additive": start of all its weights. Default U(±1/√inputs), as PyTorch's Linear. */
  readonly weightInit?: Initializer;
}

export interface AttentionLayer extends AttentionOptions {
  readonly type: "attention";
  readonly score: (typeof scores)[number];
}

/**
 * Attention over all steps of the encoder, in the decoder of an EncoderDecoder: (…, time, H) → (…, time, M + H), the context
 * and then the query. The query is what comes in at a step, usually the hidden state of that step; the context is the mean
 * of the encoder's outputs m of that sequence, of size M, weighted by the softmax of their scores.
 *
 * - "dot": q·m, not scaled, for which H must be M (Luong et al. 2015). No parameters.
 * - "additive": v·tanh(Wq·q + Wm·m) (Bahdanau et al. 2015). Parameters: `weight_query` (units, H), `weight_memory` (units, M),
 *   `weight_score` (units).
 *
 * With `dense(units, { activation: "tanh", bias: false })` after it, it is Luong's attentional state.
 * @throws RangeError, TypeError on a wrong option
 */
export function attention(score: "dot" | "additive", options: AttentionOptions = {}): AttentionLayer {
  expectOptions("attention", options, score === "dot" ? ["name"] : ["units", "weightInit", "name"]);
  const { units, weightInit, name } = options;
  return withoutUndefined({
    type: "attention",
    score: expectOneOf("score", score, scores),
    units: units === undefined ? undefined : expectInteger("units", units, 1),
    weightInit: optionalInitializer("weightInit", weightInit),
    name: checkName(name),
  });
}

/** Sequences one after another; see assembly/attention.ts. */
abstract class Attention extends Layer {
  readonly output: Shape;
  readonly memory: Memory;
  /** Sizes of a query and of a step of the memory. */
  readonly H: number;
  readonly M: number;
  readonly #shared: Builder["shared"];
  rows: Rows | undefined;
  /** The memory as it stands now. */
  #version = 0;
  #memoryRows = 0;
  spansM: Pointer = 0;
  m: Pointer = 0;
  keys: Pointer = 0;
  values: Pointer = 0;
  dm: Pointer = 0;
  spansQ: Pointer = 0;
  q: Pointer = 0;
  dq: Pointer = 0;
  /** Weights of the memory's steps, and the context. */
  p: Pointer = 0;
  c: Pointer = 0;
  ds: Pointer = 0;
  #y: Pointer = 0;
  #dx: Pointer = 0;

  constructor(build: Builder) {
    super(build);
    build.requireTime("sequence");
    if (!build.memory) {
      throw new TypeError(`"${build.name}" looks at the steps of an encoder: use it in an EncoderDecoder's decoder`);
    }
    this.memory = build.memory;
    this.H = expectFeatures(build);
    this.M = build.memory.size;
    this.#shared = build.shared;
    this.output = featureShape(build.input, this.M + this.H);
  }

  get scratchArea(): Pointer {
    return this.#shared.scratch;
  }

  /** Rows that the memory takes, those between its sequences included. */
  get memoryRows(): number {
    return this.#memoryRows;
  }

  override scratch(): number {
    return this.core.functions.weightGradientScratch(1, 4, this.M, 0);
  }

  override plan(arena: Arena, rows: Rows): Rows {
    const { N, T, B } = this.memory.rows;
    const perStep = padded(T);
    this.rows = rows;
    this.#memoryRows = N + 3 * B;
    const memory = this.#memoryRows * padded(this.M);
    this.spansM = arena.floats(2 * B);
    this.m = arena.floats(memory);
    this.keys = arena.floats(memory);
    this.values = arena.floats(memory);
    this.spansQ = arena.floats(2 * rows.B);
    this.q = arena.floats(rows.N * padded(this.H));
    this.p = arena.floats(rows.N * perStep);
    this.c = arena.floats(rows.N * padded(this.M));
    this.#y = arena.floats(rows.N * padded(this.output.size));
    return rows;
  }

  override planBackward(arena: Arena): void {
    const { N, T } = this.rows!;
    this.dm = arena.floats(this.#memoryRows * padded(this.M));
    this.dq = arena.floats(N * padded(this.H));
    this.ds = arena.floats(T * padded(this.memory.rows.T));
    this.#dx = arena.floats(N * padded(this.H));
  }

  override forward(x: Pointer): Pointer {
    const { core, H, M, q, c, spansQ } = this;
    const { copyColumns, gatherSequences, scatterSequences, sequenceSpans, zero } = core.functions;
    const { N, T, batchSizes } = this.rows!;
    const width = padded(this.output.size);
    if (this.#version !== this.memory.version) this.remember();
    this.#version = this.memory.version;
    sequenceSpans(spansQ, batchSizes, T, 1);
    gatherSequences(q, x, padded(H), spansQ, batchSizes, T, H);
    this.attend(this.sequencesAt(batchSizes));
    zero(this.#y, N * width);
    scatterSequences(this.#y, width, c, spansQ, batchSizes, T, M, false);
    copyColumns(this.#y + M * 4, width, x, padded(H), N, H);
    return this.#y;
  }

  override backward(dy: Pointer): Pointer {
    const { core, H, M, c, dq, dm, spansQ, spansM } = this;
    const { gatherSequences, scatterSequences, takeColumns, zero } = core.functions;
    const { N, T, batchSizes } = this.rows!;
    const { dy: dMemory, rows } = this.memory;
    const width = padded(this.output.size);
    gatherSequences(c, dy, width, spansQ, batchSizes, T, M); // the gradient by the context in its place
    zero(dm, this.#memoryRows * padded(M));
    this.attendBackward(this.sequencesAt(batchSizes));
    scatterSequences(dMemory, padded(M), dm, spansM, rows.batchSizes, rows.T, M, true);
    takeColumns(this.#dx, dy + M * 4, width, N, H);
    scatterSequences(this.#dx, padded(H), dq, spansQ, batchSizes, T, H, true);
    return this.#dx;
  }

  /** Sequences that take part: those of the first step. */
  sequencesAt(batchSizes: Pointer): number {
    return this.core.i32[batchSizes >>> 2]!;
  }

  /** Takes in the memory after the encoder has run. */
  remember(): void {
    const { core, M, m, spansM } = this;
    const { attentionPack, gatherSequences, sequenceSpans, zero } = core.functions;
    const { y, rows } = this.memory;
    sequenceSpans(spansM, rows.batchSizes, rows.T, 4);
    zero(m, this.#memoryRows * padded(M));
    gatherSequences(m, y, padded(M), spansM, rows.batchSizes, rows.T, M);
    attentionPack(this.keys, this.values, m, spansM, rows.B, M);
  }

  /** c and p of B sequences from q. */
  abstract attend(B: number): void;

  /** dq from the gradient by the context in c; adds to dm. */
  abstract attendBackward(B: number): void;
}

class DotAttention extends Attention {
  constructor(build: Builder) {
    super(build);
    const { H, M } = this;
    if (H === M) return;
    throw new RangeError(
      `"${build.name}" of "dot" expected as many features as the encoder's ${M}, got ${H}: use "additive", or dense(${M}) before it`,
    );
  }

  attend(B: number): void {
    const { c, p, q, keys, values, spansQ, spansM, memory, M } = this;
    this.core.functions.attentionDotForward(c, p, q, keys, values, spansQ, spansM, memory.map, B, M);
  }

  attendBackward(B: number): void {
    const { dq, dm, ds, p, c, q, keys, values, scratchArea, spansQ, spansM, memory, M } = this;
    // prettier-ignore
    this.core.functions.attentionDotBackward(
      dq, dm, ds, p, c, q, keys, values, scratchArea,
      spansQ, spansM, memory.map, B, M,
    );
  }
}

class AdditiveAttention extends Attention {
  readonly #A: number;
  readonly #wQ: ParameterBlock;
  readonly #wM: ParameterBlock;
  readonly #v: ParameterBlock;
  /** For q·wQᵀ and m·wMᵀ, and for duQ·wQ and duM·wM. */
  #panelsQ: Pointer = 0;
  #panelsM: Pointer = 0;
  #rowsQ: Pointer = 0;
  #rowsM: Pointer = 0;
  #paddedV: Pointer = 0;
  #dv: Pointer = 0;
  // As in assembly/attention.ts
  #uQ: Pointer = 0;
  #uM: Pointer = 0;
  #duQ: Pointer = 0;
  #duM: Pointer = 0;
  #e: Pointer = 0;

  constructor({ units, weightInit = fanInUniform() }: AttentionLayer, build: Builder) {
    super(build);
    const { H, M } = this;
    const A = units ?? H;
    const { core } = build;
    this.#A = A;
    this.#wQ = build.declare("weight_query", [A, H], (at) => initialize(core, at, A * H, H, A, weightInit));
    this.#wM = build.declare("weight_memory", [A, M], (at) => initialize(core, at, A * M, M, A, weightInit));
    this.#v = build.declare("weight_score", [A], (at) => initialize(core, at, A, A, 1, weightInit));
  }

  override scratch(): number {
    const sizeOf = this.core.functions.weightGradientScratch;
    return Math.max(super.scratch(), sizeOf(1, this.#A, this.H, 0), sizeOf(1, this.#A, this.M, 0));
  }

  override reserve(arena: Arena): void {
    const A = padded(this.#A);
    this.#panelsQ = arena.floats(this.H * A);
    this.#panelsM = arena.floats(this.M * A);
    this.#rowsQ = arena.floats(padded(this.H) * A);
    this.#rowsM = arena.floats(padded(this.M) * A);
    this.#paddedV = arena.floats(A);
    this.#dv = arena.floats(A);
  }

  override pack(): void {
    const { packBias, packTransposed } = this.core.functions;
    packTransposed(this.#panelsQ, this.#wQ.value, 1, this.#A, this.H);
    packTransposed(this.#panelsM, this.#wM.value, 1, this.#A, this.M);
    packBias(this.#paddedV, this.#v.value, 0, 1, this.#A);
  }

  override packBackward(): void {
    const { packRows } = this.core.functions;
    packRows(this.#rowsQ, this.#wQ.value, 1, this.#A, this.H);
    packRows(this.#rowsM, this.#wM.value, 1, this.#A, this.M);
  }

  override plan(arena: Arena, rows: Rows): Rows {
    super.plan(arena, rows);
    const A = padded(this.#A);
    this.#uQ = arena.floats(rows.N * A);
    this.#uM = arena.floats(this.memoryRows * A);
    this.#e = arena.floats(this.memory.rows.T * A);
    return rows;
  }

  override planBackward(arena: Arena): void {
    super.planBackward(arena);
    const A = padded(this.#A);
    this.#duQ = arena.floats(this.rows!.N * A);
    this.#duM = arena.floats(this.memoryRows * A);
  }

  override remember(): void {
    super.remember();
    const A = padded(this.#A);
    this.core.functions.matmul(this.#uM, A, 0, 0, this.m, padded(this.M), this.#panelsM, this.memoryRows, A, this.M);
  }

  attend(B: number): void {
    const { core, c, p, q, values, spansQ, spansM, memory, H, M } = this;
    const A = padded(this.#A);
    core.functions.matmul(this.#uQ, A, 0, 0, q, padded(H), this.#panelsQ, this.rows!.N, A, H);
    // prettier-ignore
    core.functions.attentionAdditiveForward(
      c, p, this.#e, this.#uQ, this.#uM, this.#paddedV, values,
      spansQ, spansM, memory.map, B, M, this.#A,
    );
  }

  attendBackward(B: number): void {
    const { core, dq, dm, ds, p, c, q, m, keys, scratchArea, spansQ, spansM, memory, memoryRows, H, M } = this;
    const { attentionAdditiveBackward, columnSum, matmul, weightGradient, zero } = core.functions;
    const { N } = this.rows!;
    const A = padded(this.#A);
    zero(this.#duM, memoryRows * A);
    zero(this.#dv, A);
    // prettier-ignore
    attentionAdditiveBackward(
      this.#duQ, this.#duM, this.#dv, dm, ds, this.#e,
      p, c, this.#uQ, this.#uM, this.#paddedV, keys, scratchArea,
      spansQ, spansM, memory.map, B, M, this.#A,
    );
    columnSum(this.#v.gradient, this.#dv, A, 1, this.#A);
    weightGradient(this.#wQ.gradient, q, padded(H), H, 0, 0, 0, 0, this.#duQ, A, scratchArea, 1, this.#A, N);
    weightGradient(this.#wM.gradient, m, padded(M), M, 0, 0, 0, 0, this.#duM, A, scratchArea, 1, this.#A, memoryRows);
    matmul(dq, padded(H), 0, 0, this.#duQ, A, this.#rowsQ, N, padded(H), A);
    matmul(dm, padded(M), dm, padded(M), this.#duM, A, this.#rowsM, memoryRows, padded(M), A);
  }
}

export const attentionType: LayerType<AttentionLayer> = {
  normalize: ({ type: _, score, ...options }) => attention(score, options),
  build: (description, builder) =>
    description.score === "dot" ? new DotAttention(builder) : new AdditiveAttention(description, builder),
};
