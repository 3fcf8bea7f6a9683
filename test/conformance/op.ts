/** Kind op: activations, softmax, linear, embedding, normalisation, attention, mixture density. */

import type { Activation, LayerDescription } from "../../bindings/index.ts";
import type { GoldenTensor } from "../golden.ts";
import { runAttention } from "./attention.ts";
import { asRows, compareGradients, moveAxis, setParameters, toIndices, toTensor } from "./axes.ts";
import { type Case, type Library, Skip } from "./case.ts";
import { lossOf } from "./loss.ts";

interface ActivationEntry {
  readonly name: Exclude<Activation, object>;
  /** What PyTorch's parameters must be, by the names it gives them. */
  readonly fixed?: Readonly<Record<string, number | string>>;
  /** The one parameter that may be anything. */
  readonly free?: string;
}

/** PyTorch's names of the activations. */
const activations: Readonly<Record<string, ActivationEntry>> = {
  identity: { name: "linear" },
  sigmoid: { name: "sigmoid" },
  tanh: { name: "tanh" },
  relu: { name: "relu" },
  leaky_relu: { name: "leakyRelu", free: "negative_slope" },
  elu: { name: "elu", free: "alpha" },
  selu: { name: "selu" },
  gelu: { name: "gelu", fixed: { approximate: "none" } },
  gelu_erf: { name: "gelu" },
  gelu_none: { name: "gelu" },
  gelu_tanh: { name: "geluTanh" },
  silu: { name: "silu" },
  swish: { name: "silu" },
  mish: { name: "mish" },
  softplus: { name: "softplus", fixed: { beta: 1, threshold: 20 } },
  log_sigmoid: { name: "logSigmoid" },
  logsigmoid: { name: "logSigmoid" },
  softsign: { name: "softsign" },
  hardtanh: { name: "hardTanh", fixed: { min_val: -1, max_val: 1 } },
  hardsigmoid: { name: "hardSigmoid" },
  hardswish: { name: "hardSwish" },
  relu6: { name: "relu6" },
};

export function runOp(library: Library, c: Case): void {
  const op = c.options.text("op") ?? "";
  const [name = "", inBrackets] = op.replace(/\)$/, "").split("(");
  if (Object.hasOwn(activations, name)) runActivation(library, c, name, inBrackets?.split(",") ?? []);
  else if (op === "softmax") runSoftmax(library, c, "softmax");
  else if (op === "log_softmax") runSoftmax(library, c, "logSoftmax");
  else if (op === "linear") runLinear(library, c);
  else if (op === "embedding") runEmbedding(library, c);
  else if (op === "layer_norm") runLayerNorm(library, c);
  else if (op === "batch_norm") runBatchNorm(library, c);
  else if (op === "mdn_nll") runMixture(library, c);
  else if (op === "attention_dot") runAttention(library, c, "dot");
  else if (op === "attention_additive") runAttention(library, c, "additive");
  else throw new Skip(op);
}

/** "elu(0.5)" or { op: "elu", alpha: 0.5 }. */
function runActivation(library: Library, c: Case, op: string, values: readonly string[]): void {
  const { name, fixed = {}, free } = activations[op]!;
  const parameters = free === undefined ? Object.keys(fixed) : [free];
  c.options.expectKnown(["op", "inplace", "note", ...parameters]);
  if (values.length > parameters.length) throw new Skip(`${op}(${values.join()})`);
  const given = (parameter: string, k: number): string | undefined =>
    (values[k] ?? c.options.get(parameter))?.toString().trim().replace(/^.*=/, "");
  parameters.forEach((parameter, k) => {
    const value = given(parameter, k);
    const right =
      value === undefined || free !== undefined || value === fixed[parameter] || same(value, fixed[parameter]);
    if (!right) throw new Skip(`${op} with ${parameter} ${value}`);
  });
  compareLayer(library, c, library.activation(withAlpha(name, free === undefined ? undefined : given(free, 0))));
}

function withAlpha(name: Exclude<Activation, object>, alpha: string | undefined): Activation {
  if (alpha === undefined || (name !== "elu" && name !== "leakyRelu")) return name;
  if (!Number.isFinite(Number(alpha))) throw new Skip(`${name}(${alpha})`);
  return { type: name, alpha: Number(alpha) };
}

function same(text: string, value: number | string | undefined): boolean {
  return typeof value === "number" && Number(text) === value;
}

function runSoftmax(library: Library, c: Case, name: "softmax" | "logSoftmax"): void {
  c.options.expectKnown(["op", "dim", "note"]);
  compareLayer(library, c, library.activation(name), c.options.number("dim") ?? -1);
}

function runLinear(library: Library, c: Case): void {
  c.options.expectKnown(["op", "bias", "in_features", "out_features", "note"]);
  const units = c.tensor("weight").shape[0]!;
  compareLayer(library, c, library.dense(units, { bias: c.has("bias"), name: "" }));
}

function runLayerNorm(library: Library, c: Case): void {
  c.options.expectKnown(["op", "eps", "normalized_shape", "elementwise_affine", "note"]);
  const affine = c.has("weight");
  if (affine !== c.has("bias")) throw new Skip("layer_norm with a weight or a bias alone");
  if (affine && c.tensor("weight").shape.length > 1) throw new Skip("layer_norm over several axes");
  compareLayer(library, c, library.layerNorm({ affine, name: "", ...epsilonOf(c) }));
}

function runBatchNorm(library: Library, c: Case): void {
  c.options.expectKnown(["op", "training", "eps", "momentum", "num_features", "affine", "note"]);
  const affine = c.has("weight");
  if (affine !== c.has("bias")) throw new Skip("batch_norm with a weight or a bias alone");
  const training = c.options.flag("training") ?? true;
  const isRunning = c.has("running_mean") && c.has("running_var");
  if (!training && !isRunning) throw new Skip("batch_norm by running statistics that are not there");
  if (!training && c.has("R_output")) throw new Skip("gradient of batch_norm by running statistics");
  const momentum = c.options.number("momentum");
  const options = { affine, name: "", ...epsilonOf(c), ...(momentum !== undefined && { momentum }) };
  compareLayer(library, c, library.batchNorm(options), c.tensor("input").shape.length === 3 ? 1 : -1, training);
}

function epsilonOf(c: Case): { epsilon?: number } {
  const epsilon = c.options.number("eps");
  return epsilon === undefined ? {} : { epsilon };
}

/** A layer over the axis `dim` of its input, which the library has last; by default the same in training and out of it. */
function compareLayer(library: Library, c: Case, layer: LayerDescription, dim = -1, training?: boolean): void {
  const input = c.tensor("input");
  const rank = input.shape.length;
  const x = moveAxis(input, dim, -1);
  const net = new library.Network({ input: { features: x.shape.at(-1)! }, layers: [layer] });
  setParameters(net, (name) => c.tensor(name));
  for (const buffer of net.buffers) if (c.has(buffer.name)) buffer.set(c.tensor(buffer.name).data);
  const enter = (tensor: GoldenTensor) => toTensor(library, rank === 3 ? tensor : asRows(tensor));
  const leave = (data: Float32Array): Float64Array => {
    const shape = [...x.shape.slice(0, -1), data.length / (input.data.length / x.shape.at(-1)!)];
    return moveAxis({ data: Float64Array.from(data), shape }, -1, dim).data;
  };
  if (training !== true)
    c.compare("output", leave(net.forward(enter(x)).output.data), { what: "output (not for training)" });
  if (training === false) return;
  const { output } = net.forward(enter(x), { training: true });
  c.compare("output", leave(output.data));
  if (!c.has("R_output")) return;
  const { gradInput } = net.backward(enter(moveAxis(c.tensor("R_output"), dim, -1)));
  c.compareIfAny("grad.input", leave(gradInput!.data));
  compareGradients(c, net);
}

function runEmbedding(library: Library, c: Case): void {
  c.options.expectKnown(["op", "padding_idx", "num_embeddings", "embedding_dim", "note"]);
  const [tokens, units] = [c.tensor("weight").shape[0]!, c.tensor("weight").shape[1]!];
  const padding = c.options.number("padding_idx");
  // PyTorch counts a negative one from the end.
  const paddingIndex = padding === undefined ? undefined : (padding + tokens) % tokens;
  const layer = library.embedding(units, { name: "", ...(paddingIndex !== undefined && { paddingIndex }) });
  const net = new library.Network({ input: { tokens }, layers: [layer] });
  setParameters(net, (name) => c.tensor(name));
  const { data, shape } = c.tensor("indices");
  const B = shape.length === 2 ? shape[0]! : 1;
  const indices = toIndices(library, { data, shape: [B, data.length / B] });
  c.compare("output", net.forward(indices).output.data, { what: "output (not for training)" });
  c.compare("output", net.forward(indices, { training: true }).output.data);
  if (!c.has("R_output")) return;
  const R = c.tensor("R_output").data;
  net.backward(toTensor(library, { data: R, shape: [B, data.length / B, units] }));
  compareGradients(c, net);
}

const mixtureLayouts: Readonly<Record<string, { dimensions: 1 | 2; perComponent: number; penStates: number }>> = {
  "pen(3),pi(K),mu_x(K),mu_y(K),log_sigma_x(K),log_sigma_y(K),atanh_rho(K)": {
    dimensions: 2,
    perComponent: 6,
    penStates: 3,
  },
  "pi(K),mu_x(K),mu_y(K),log_sigma_x(K),log_sigma_y(K),atanh_rho(K)": { dimensions: 2, perComponent: 6, penStates: 0 },
  "pi(K),mu(K),log_sigma(K)": { dimensions: 1, perComponent: 3, penStates: 0 },
};

/** The loss of each row by itself; `output` in the options is a note. */
function runMixture(library: Library, c: Case): void {
  c.options.expectKnown(["op", "mixtures", "layout", "output", "note"]);
  const layout = c.options.text("layout") ?? "";
  const mixture = mixtureLayouts[layout];
  if (!mixture) throw new Skip(`layout ${layout}`);
  const { dimensions, perComponent, penStates } = mixture;
  const [x, target] = [asRows(c.tensor("input")), c.tensor("target")];
  const [N, F] = [x.shape[0]!, x.shape[1]!];
  const components = (F - penStates) / perComponent;
  const pen = penStates > 0 ? c.tensor("pen").data : undefined;
  const loss = library.gaussianMixture({ components, dimensions, penStates, reduction: "sum" });
  const terms = Array.from({ length: N }, (_, n) => {
    const goal = [...target.data.subarray(n * dimensions, (n + 1) * dimensions), ...(pen ? [pen[n]!] : [])];
    return lossOf(library, loss, { data: x.data.subarray(n * F, (n + 1) * F), shape: [1, F] }, [goal]);
  });
  c.compare(
    "output",
    terms.map(({ value }) => value),
  );
  if (!c.has("R_output")) return;
  const R = c.tensor("R_output").data;
  c.compareIfAny(
    "grad.input",
    terms.flatMap(({ gradient }, n) => [...gradient].map((g) => g * R[n]!)),
  );
}
