/** Kind crf: loss of each sequence, gradients, the best path and the marginals, from given emissions. */

import { compareGradients, setParameters, toIndices, toTensor } from "./axes.ts";
import { type Case, type Library, Skip } from "./case.ts";

export const crfOptions = ["tags", "lengths", "loss", "layout", "note"];

/** What the texts of a case must say, whatever the spaces. */
const LOSS = "sumoversequencesoflogZ-score(tags)";
const LAYOUT = "emissions(B,T,K);transitions[from,to];viterbi_pathpaddedwith-1";

/** Roles of the parameters. */
const roles: Readonly<Record<string, string>> = {
  transitions: "transitions",
  start_transitions: "start",
  end_transitions: "end",
};

export function runCrf(library: Library, c: Case): void {
  for (const [option, known] of Object.entries({ loss: LOSS, layout: LAYOUT })) {
    const text = c.options.text(option) ?? known;
    if (text.replaceAll(/\s/g, "") !== known) throw new Skip(`${option} ${text}`);
  }
  const emissions = c.tensor("emissions");
  const [B, T, K] = emissions.shape as [number, number, number];
  const lengths = c.options.numbers("lengths") ?? new Array<number>(B).fill(T);
  const net = new library.Network({ input: { features: K }, layers: [library.crf({ name: "" })] });
  setParameters(net, (name) => c.tensor(roles[name]!));
  const inputs = toTensor(library, emissions);
  const targets = toIndices(library, c.tensor("tags"));
  const loss = library.crfLoss({ reduction: "sum" });
  net.forward(inputs, { training: true, lengths });
  const of = (weights: number[]) => net.loss(loss, targets, { weights });
  c.compareIfAny(
    "nll",
    lengths.map((_, b) => of(lengths.map((_, other) => (other === b ? 1 : 0)))),
  );
  net.loss(loss, targets);
  c.compareIfAny("grad.emissions", net.backward().gradInput!.data);
  compareGradients(c, net, (name) => roles[name]!);
  const paths = library.crfDecode(net, inputs, { lengths });
  c.compareIfAny(
    "viterbi_path",
    paths.flatMap(({ tags }) => Array.from({ length: T }, (_, t) => tags[t] ?? -1)),
  );
  c.compareIfAny(
    "viterbi_score",
    paths.map(({ score }) => score),
  );
  c.compareIfAny("marginals", library.crfMarginals(net, inputs, { lengths }).data);
}
