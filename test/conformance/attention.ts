/** Attention of queries over a memory: the decoder is attention alone, the encoder hands its input through. */

import type { EncoderDecoder } from "../../bindings/index.ts";
import type { GoldenTensor } from "../golden.ts";
import { product, toTensor } from "./axes.ts";
import { type Case, type Library, Skip } from "./case.ts";

/** PyTorch has no such module, so the roles are the vectors' own. */
const roles: Readonly<Record<string, string>> = {
  "decoder.attention.weight_query": "Wq",
  "decoder.attention.weight_memory": "Wm",
  "decoder.attention.weight_score": "v",
};

/** score=v.tanh(Wq q + Wm m), whatever the spaces */
const FORMULA = "score=v.tanh(Wqq+Wmm)";

export function runAttention(library: Library, c: Case, score: "dot" | "additive"): void {
  c.options.expectKnown(["op", "lengths", "formula", "note"]);
  const formula = c.options.text("formula") ?? FORMULA;
  if (score === "additive" && formula.replaceAll(" ", "") !== FORMULA) throw new Skip(`formula ${formula}`);
  const [query, memory] = [c.tensor("query"), c.tensor("memory")];
  const [H, M] = [query.shape.at(-1)!, memory.shape.at(-1)!];
  const units = score === "additive" ? { units: c.tensor("v").shape[0]! } : {};
  const net = new library.EncoderDecoder({
    encoder: { input: { features: M }, layers: [library.activation("linear")] },
    decoder: { input: { features: H }, layers: [library.attention(score, units)] },
  });
  setParameters(net, c);
  const lengths = c.options.numbers("lengths");
  const sequence = (tensor: GoldenTensor) =>
    toTensor(library, { data: tensor.data, shape: [B, T, tensor.shape.at(-1)!] });
  const [B, T] = [memory.shape[0]!, product(query.shape) / memory.shape[0]! / H];
  const run = (training: boolean) =>
    net.forward(toTensor(library, memory), sequence(query), { training, ...(lengths && { lengths }) });
  c.compare("output", columns(run(false).data, M + H, M), { what: "output (not for training)" });
  c.compare("output", columns(run(true).data, M + H, M));
  if (!c.has("R_output")) return;
  const { gradInput, gradDecoderInput } = net.backward(sequence(widened(c.tensor("R_output"), M + H)));
  c.compareIfAny("grad.query", gradDecoderInput!.data);
  c.compareIfAny("grad.memory", gradInput!.data);
  for (const { name, gradient } of net.parameters) c.compareIfAny(`grad.${roles[name]!}`, gradient);
}

function setParameters(net: EncoderDecoder, c: Case): void {
  for (const parameter of net.parameters) parameter.set(c.tensor(roles[parameter.name]!).data);
}

/** The first n of each row. */
function columns(data: Float32Array, width: number, n: number): Float32Array {
  return data.filter((_, k) => k % width < n);
}

/** Rows with zeros behind them. */
function widened({ data, shape }: GoldenTensor, width: number): GoldenTensor {
  const n = shape.at(-1)!;
  const wide = new Float64Array((data.length / n) * width);
  data.forEach((value, k) => (wide[Math.floor(k / n) * width + (k % n)] = value));
  return { data: wide, shape: [...shape.slice(0, -1), width] };
}
